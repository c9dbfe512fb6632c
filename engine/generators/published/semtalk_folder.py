"""The folder that a user gives for SemTalk: both networks and the codecs, HuBERT, CLIP's text half and the vocabulary.

HuBERT and CLIP are folders inside it as the model hub has them, known by their configuration, not by their names.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from engine.generators.published.release_folder import (
    fingerprint,
    hub_folder,
    release_files,
    vocabulary_folder,
    weight_files,
)
from engine.generators.published.semtalk_hearing import FITTING, MENDED, Hearing
from engine.models import clip_folder
from engine.models.checkpoints import CheckpointError
from engine.models.clip_folder import SentenceEncoder, load_clip_text
from engine.models.hubert_folder import LARGE_SOURCE, hubert_size
from engine.models.semtalk_checkpoints import load_semtalk
from engine.models.semtalk_windows import Networks
from engine.models.vocabulary import Vocabulary, read_vocabulary

MENDED_MARK = "hears-mended"
WORDS_SOURCE = "vocab.pkl of the data that the weights were trained on, or its words as vocab.json"


@dataclass(frozen=True, eq=False)
class Release:
    """All that SemTalk needs, but for HuBERT itself, which is large and asked for only where features are not known:
    ``hubert`` is its folder. ``weights`` and ``hubert_weights`` are short hashes of the files, ``hearing`` is how the
    weights were trained to hear."""

    networks: Networks
    sentences: SentenceEncoder
    vocabulary: Vocabulary
    hubert: Path
    weights: str
    hubert_weights: str
    hearing: Hearing = FITTING


def load_release(folder: Path, device: str = "cpu") -> Release:
    """The release in ``folder``; CheckpointError says in a sentence what is missing or unfit."""
    networks = load_semtalk(folder, device)
    assert networks.sparse is not None
    size = networks.sparse.size
    hubert = hub_folder(folder, ("hubert",), "HuBERT", LARGE_SOURCE)
    if (width := hubert_size(hubert, LARGE_SOURCE).width) != networks.base.size.hubert:
        raise CheckpointError(
            f"HuBERT in {hubert} gives {width} features and SemTalk takes {networks.base.size.hubert}; "
            f"choose {LARGE_SOURCE}"
        )
    clip = hub_folder(folder, ("clip", "clip_text_model"), "CLIP's text encoder", clip_folder.SOURCE)
    sentences = load_clip_text(clip, device)
    if sentences.model.size.outputs != size.sentence:
        raise CheckpointError(
            f"CLIP in {clip} gives {sentences.model.size.outputs} features a sentence and SemTalk takes "
            f"{size.sentence}; choose {clip_folder.SOURCE}"
        )
    vocabulary = read_vocabulary(vocabulary_folder(folder), WORDS_SOURCE)
    if vocabulary.size > size.words:
        raise CheckpointError(
            f"The vocabulary in {folder} has {vocabulary.size} words and SemTalk knows {size.words}; choose "
            f"{WORDS_SOURCE}"
        )
    weights = fingerprint(folder, release_files(folder))
    hubert_weights = fingerprint(hubert, weight_files([hubert]))
    return Release(networks, sentences, vocabulary, hubert, weights, hubert_weights, hearing_of(folder))


def hearing_of(folder: Path) -> Hearing:
    """MENDED where our own training says so in its release, else as the published weights hear."""
    return MENDED if (folder / MENDED_MARK).is_file() else FITTING
