"""SemGes' weights from a folder that the user gives: both codecs, the second stage, the words it knows.

The release keeps them as ``hand/last_1900.bin``, ``body/last_1900.bin`` and ``last_60.bin``, our own training as
safetensors under other names; so every file is known by its contents, wherever it lies in the folder or a level below.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from engine.models.checkpoints import CheckpointError, State, built, error_text
from engine.models.semges import Semges, SemgesSize
from engine.models.semges_codec import SemgesCodec, SemgesCodecSize
from engine.models.semges_motion import BEAT_CHANNELS, SMPLX_CHANNELS
from engine.models.vocabulary import Vocabulary, read_vocabulary
from engine.models.weight_search import Found, search

SOURCE = (
    "SemGes' released checkpoints: hand/last_1900.bin, body/last_1900.bin and last_60.bin, with the vocabulary of its "
    "data as vocab.pkl and facebook/hubert-base-ls960 as the folder hubert"
)
UNUSED = ("SemanticTransformerLayer.style_embedding.", "index_map.", "SemanticTransformerLayer.encoder_pos_embedding.")
HANDS, BODY, NETWORK = "hands", "body", "network"
PARTS_HELD = {
    HANDS: "the codec of the hands (hand/last_1900.bin)",
    BODY: "the codec of the body (body/last_1900.bin)",
    NETWORK: "the second stage (last_60.bin)",
}
CHANNELS = {BEAT_CHANNELS[0]: HANDS, SMPLX_CHANNELS[0]: HANDS, BEAT_CHANNELS[1]: BODY, SMPLX_CHANNELS[1]: BODY}


@dataclass(frozen=True, eq=False)
class SemgesModels:
    """The second stage, the codecs of hands and body, in eval mode, and the words that it knows.

    ``beat``: they perform BEAT's joints at 15 frames a second, as released; else SMPL-X's at 30.
    """

    model: Semges
    codecs: tuple[SemgesCodec, SemgesCodec]
    words: Vocabulary
    beat: bool


def load_semges(folder: Path, device: str = "cpu") -> SemgesModels:
    """All networks of a folder but HuBERT; CheckpointError says in a sentence what is missing or unfit."""
    files = networks_in(folder, tuple(PARTS_HELD))
    hands, body = (load_codec(files[name]) for name in (HANDS, BODY))
    model = load_network(files[NETWORK])
    channels = (hands.size.channels, body.size.channels)
    if channels not in (BEAT_CHANNELS, SMPLX_CHANNELS):
        raise CheckpointError(
            f"The codecs in {folder} are of two kinds, {channels[0]} channels for the hands and {channels[1]} for the "
            f"body; take both from {SOURCE}"
        )
    if not hands.size.width == body.size.width == model.size.latent:
        raise CheckpointError(
            f"The codecs in {folder} have latents of {hands.size.width} and {body.size.width} and the second stage of "
            f"{model.size.latent}; take all from {SOURCE}"
        )
    words = read_vocabulary(folder, SOURCE)
    if words.size > model.size.words:
        raise CheckpointError(
            f"The vocabulary in {folder} has {words.size} words and the second stage knows {model.size.words}; take "
            f"both from {SOURCE}"
        )
    codecs = (hands.eval().to(device), body.eval().to(device))
    return SemgesModels(model.eval().to(device), codecs, words, channels == BEAT_CHANNELS)


def networks_in(folder: Path, wanted: tuple[str, ...]) -> dict[str, Found]:
    """The files of these networks; CheckpointError where one is missing."""
    files = search(folder, kind_of, PARTS_HELD, SOURCE)
    missing = [PARTS_HELD[name] for name in wanted if name not in files]
    if missing:
        raise CheckpointError(f"{folder} lacks {' and '.join(missing)}; choose a folder with {SOURCE}")
    return files


def kind_of(state: State) -> str:
    """Which of the three networks these tensors are, or an empty string."""
    if "SemanticTransformerLayer.audio_feature_map.weight" in state:
        return NETWORK
    first, book = state.get("encoder.main.0.weight"), state.get("quantizer.embedding.weight")
    if first is None or book is None or "encoder.main.1.running_mean" not in state:
        return ""
    return CHANNELS.get(first.shape[1], "")


def load_codec(found: Found) -> SemgesCodec:
    """A part's codec."""
    first, book = found.state["encoder.main.0.weight"], found.state["quantizer.embedding.weight"]
    size = SemgesCodecSize(first.shape[1], first.shape[0], book.shape[0])
    return built(SemgesCodec, size, found.state, found.path, SOURCE)


def load_network(found: Found) -> Semges:
    """The second stage, without what has no effect."""
    state = {key: value for key, value in found.state.items() if not key.startswith(UNUSED)}
    return built(Semges, network_size(state, found.path), state, found.path, SOURCE)


def network_size(state: dict[str, Tensor], path: Path) -> SemgesSize:
    """The sizes of the second stage, from its tensors."""
    trunk = "SemanticTransformerLayer."
    try:
        words, word_width = state["text_encoder.embedding.weight"].shape
        layers = {key.split(".")[3] for key in state if key.startswith(f"{trunk}encoder_transformer.net.")}
        return SemgesSize(
            words=words,
            word_width=word_width,
            text=state["text_encoder.decoder.weight"].shape[1],
            audio=state[f"{trunk}audio_feature_map.weight"].shape[1],
            width=state[f"{trunk}audio_feature_map.weight"].shape[0],
            inner=state[f"{trunk}encoder_transformer.net.2.fn.fn.l1.weight"].shape[0],
            latent=state["proj.weight"].shape[0],
            speakers=state["spearker_encoder_hand.0.weight"].shape[0],
            blocks=len(layers) // 3,
        )
    except (KeyError, IndexError, ValueError) as error:
        raise CheckpointError(f"{path} is not SemGes' second stage ({error_text(error)}); choose {SOURCE}") from error
