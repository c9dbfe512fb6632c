"""CLIP's text half from a folder as the model hub keeps it: weights, config.json, vocab.json and merges.txt.

Read without the hub's own library; nothing is fetched.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor

from engine.models.checkpoints import CheckpointError, built, error_text, read_state
from engine.models.clip_text import ClipText, ClipTextSize

SOURCE = "the folder openai/clip-vit-base-patch32 as the hub has it"
BEGIN, END = "<|startoftext|>", "<|endoftext|>"
WORD_END = "</w>"
PIECES = re.compile(r"'s|'t|'re|'ve|'m|'ll|'d|[^\W\d_]+|\d|(?:[^\s\w]|_)+", re.IGNORECASE)


class ClipTokenizer:
    """Byte pairs, as CLIP cuts text: lower case, the earliest learned merge first."""

    def __init__(self, vocabulary: dict[str, int], merges: list[tuple[str, str]], places: int) -> None:
        self._vocabulary, self._places = vocabulary, places
        self._rank = {pair: index for index, pair in enumerate(merges)}
        self._bytes = byte_letters()
        self.end = vocabulary[END]

    def __call__(self, texts: list[str]) -> tuple[Tensor, Tensor]:
        """Tokens (B, L) int64, filled up with the end token, and the place (B,) of each text's end; a text that is too
        long is cut."""
        rows = []
        for text in texts:
            inner = [token for piece in PIECES.findall(" ".join(text.split()).lower()) for token in self._piece(piece)]
            rows.append([self._vocabulary[BEGIN], *inner[: self._places - 2], self.end])
        longest = max(map(len, rows))
        tokens = [row + [self.end] * (longest - len(row)) for row in rows]
        return torch.tensor(tokens), torch.tensor([len(row) - 1 for row in rows])

    def _piece(self, piece: str) -> list[int]:
        parts = [self._bytes[byte] for byte in piece.encode()]
        parts[-1] += WORD_END
        while len(parts) > 1:
            pairs = list(pairwise(parts))
            best = min(pairs, key=lambda pair: self._rank.get(pair, len(self._rank)))
            if best not in self._rank:
                break
            parts = _merged(parts, best)
        return [self._vocabulary.get(part, self.end) for part in parts]


def _merged(parts: list[str], pair: tuple[str, str]) -> list[str]:
    out: list[str] = []
    index = 0
    while index < len(parts):
        if tuple(parts[index : index + 2]) == pair:
            out.append(parts[index] + parts[index + 1])
            index += 2
        else:
            out.append(parts[index])
            index += 1
    return out


@lru_cache(maxsize=1)
def byte_letters() -> list[str]:
    """The letter that stands for each byte in the vocabulary: itself where it can be seen, else one past 255."""
    seen = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    hidden = [byte for byte in range(256) if byte not in seen]
    letters = {byte: chr(byte) for byte in seen} | {byte: chr(256 + index) for index, byte in enumerate(hidden)}
    return [letters[byte] for byte in range(256)]


@dataclass(frozen=True, eq=False)
class SentenceEncoder:
    """The tokenizer and the network."""

    tokenizer: ClipTokenizer
    model: ClipText

    @torch.inference_mode()
    def __call__(self, texts: list[str]) -> Tensor:
        """(B, outputs) float32 vectors of texts, not normalised."""
        tokens, last = self.tokenizer(texts)
        device = self.model.text_projection.weight.device
        out: Tensor = self.model(tokens.to(device), last.to(device))
        return out


def load_clip_text(folder: Path, device: str = "cpu") -> SentenceEncoder:
    """The encoder in ``folder``, in eval mode; CheckpointError says in a sentence what is missing or unfit."""
    if not folder.is_dir():
        raise CheckpointError(f"There is no folder {folder}; choose {SOURCE}")
    size = clip_text_size(folder)
    state = {key: value for key, value in read_state(folder, SOURCE).items() if key.startswith("text_")}
    state.pop("text_model.embeddings.position_ids", None)  # numbers 0, 1, 2 ... that older files store
    model = built(ClipText, size, state, folder, SOURCE).eval().to(device)
    return SentenceEncoder(load_tokenizer(folder, size.places), model)


def load_tokenizer(folder: Path, places: int) -> ClipTokenizer:
    """The tokenizer of the folder's vocab.json and merges.txt."""
    try:
        vocabulary = json.loads((folder / "vocab.json").read_text(encoding="utf-8"))
        lines = (folder / "merges.txt").read_text(encoding="utf-8").splitlines()
        pairs = [line.split() for line in lines if line.strip() and not line.startswith("#version")]
        return ClipTokenizer(vocabulary, [(first, second) for first, second in pairs], places)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{folder} has no tokenizer of CLIP ({error_text(error)}); choose {SOURCE}") from error


def clip_text_size(folder: Path) -> ClipTextSize:
    """The sizes that the folder's config.json gives; what it leaves out is as in ViT-B/32."""
    path = folder / "config.json"
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        if config.get("model_type") not in ("clip", "clip_text_model"):
            raise CheckpointError(f"{path} is not the configuration of CLIP; choose {SOURCE}")
        text = config.get("text_config", config)
        base = ClipTextSize()
        return ClipTextSize(
            width=int(text.get("hidden_size", base.width)),
            layers=int(text.get("num_hidden_layers", base.layers)),
            heads=int(text.get("num_attention_heads", base.heads)),
            inner=int(text.get("intermediate_size", base.inner)),
            words=int(text.get("vocab_size", base.words)),
            places=int(text.get("max_position_embeddings", base.places)),
            outputs=int(config.get("projection_dim", text.get("projection_dim", base.outputs))),
            quick=text.get("hidden_act", "quick_gelu") == "quick_gelu",
            epsilon=float(text.get("layer_norm_eps", base.epsilon)),
        )
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise CheckpointError(f"{path} can't be read ({error_text(error)}); choose {SOURCE}") from error
