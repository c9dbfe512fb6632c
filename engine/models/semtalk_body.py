"""What SemTalk's base and sparse networks have in common: from masked motion and speech to tokens of the body's parts.

Each network has its own weights (docs/sources/semtalk.md, sections 5 to 7). T frames give N = T / 4 tokens of 6 levels
a part.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from engine.models.attention import Decoder, DecoderLayer, Encoder, EncoderLayer, KeysValues
from engine.models.layers import MotionEncoder, PeriodicPositions
from engine.models.semtalk_layers import CodePredictor, Halving, Mlp

BODY = ("upper", "hands", "lower")
PARTS = ("face", *BODY)
# SemTalk's release (docs/sources/semtalk.md, section 5): attention heads, layers of the motion encoder.
HEADS = 4
HINT_DEPTH = 3
Memories = dict[str, list[list[KeysValues]]]


@dataclass(frozen=True)
class SemTalkSize:
    """Sizes, as the tensors have them. ``channels`` is 6 x 55 rotations, 3 of translation, 4 contacts; ``words`` to
    ``sentence`` are of the sparse network, ``beat`` and ``face_layers`` of the base one."""

    hubert: int = 1024
    beat: int = 3
    width: int = 256
    wide: int = 768
    channels: int = 337
    codes: int = 256
    speakers: int = 25
    inner: int = 1536
    inner_small: int = 512
    face_layers: int = 4
    body_layers: int = 8
    period: int = 64
    words: int = 11195
    word_width: int = 300
    sentence: int = 512


@dataclass(frozen=True, eq=False)
class Tokens:
    """For every part a network speaks of: ``latents`` (B, N, 6, D) and ``logits`` (B, N, 6, codes)."""

    latents: dict[str, Tensor]
    logits: dict[str, Tensor]


@dataclass(frozen=True, eq=False)
class Shown:
    """What the networks see of motion: ``motion`` (B, T, 337), of which ``hidden`` (B, T, 337; True hides) is covered;
    ``speaker`` (B, T) int64, the row of the speakers' table."""

    motion: Tensor
    hidden: Tensor
    speaker: Tensor


class BodyNetwork(nn.Module):
    """The common part; names are the release's."""

    def __init__(self, size: SemTalkSize) -> None:
        super().__init__()
        self.size = size
        wide, width = size.wide, size.width
        layer = DecoderLayer(wide, HEADS, size.inner)
        small = DecoderLayer(width, HEADS, size.inner_small)
        self.mask_embeddings = nn.Parameter(torch.empty(1, 1, size.channels))
        nn.init.normal_(self.mask_embeddings, std=wide**-0.5)
        self.motion_encoder = MotionEncoder(size.channels, width, HINT_DEPTH)
        self.bodyhints_body = Mlp(width, wide, width)
        self.feature2motion = nn.Linear(width, wide)
        self.spearker_encoder_body = nn.Embedding(size.speakers, wide)  # spelled as the release stores it
        self.spearker_encoder_body1d = Halving(wide)
        self.position_embeddings = PeriodicPositions(wide, size.period)
        self.motion_self_encoder = Encoder(EncoderLayer(wide, HEADS, size.inner), 1)
        self.audio_feature2motion = nn.Linear(width, wide)
        self.wordhints_decoder = Decoder(layer, size.body_layers)
        self.body1d = Halving(wide)
        for part in BODY:
            self.add_module(f"motion2latent_{part}", Mlp(wide, wide, wide))
            self.add_module(f"{part}_decoder", Decoder(layer, 1))
            self.add_module(f"motion_down_{part}", nn.Linear(wide, width))
            self.add_module(f"{part}1d", Halving(width))
            self.add_module(f"{part}_classifier", Mlp(width, wide, size.codes))
            self.add_module(f"predict_res_{part}", CodePredictor(width, size.codes))
        for name in ("hands_face", "upper_hands", "lower_hands"):
            self.add_module(f"{name}_decoder", Decoder(small, 1))

    def known(self, speech: Tensor, parts: tuple[str, ...] = BODY) -> Memories:
        """Keys and values of the speech (B, T, D) for the predictors of these parts."""
        return {part: self._predictor(part).known(speech) for part in parts}

    def hints(self, shown: Shown) -> Tensor:
        """What is visible of the motion, encoded: (B, T, D)."""
        out: Tensor = self.motion_encoder(torch.where(shown.hidden, self.mask_embeddings, shown.motion))
        return out

    def body(self, hints: Tensor, speaker: Tensor, memory: list[KeysValues] | None) -> dict[str, Tensor]:
        """Latents (B, N, D) of upper body, hands and lower body, before they hear of each other. Without ``memory`` the
        body moves by its hints alone."""
        voice = self.spearker_encoder_body(speaker)
        places = self.position_embeddings
        moved = self.motion_self_encoder(places(voice + self.feature2motion(self.bodyhints_body(hints))))
        if memory is not None:
            moved = moved + self.wordhints_decoder(places(moved), memory)  # the query knows no speaker, as released
        moved, voice = self.body1d(moved), self.spearker_encoder_body1d(voice)
        raw = {part: self.get_submodule(f"motion2latent_{part}")(moved) for part in BODY}
        out = {}
        for part in BODY:
            first, second = (raw[other] for other in BODY if other != part)
            refined = self.across(part, places(raw[part] + voice), first + second)
            narrow = self.get_submodule(f"motion_down_{part}")(refined + raw[part])
            out[part] = self.get_submodule(f"{part}1d")(narrow)
        return out

    def across(self, name: str, query: Tensor, memory: Tensor) -> Tensor:
        """One decoder, named ``<name>_decoder``, over a memory of the moment."""
        decoder = cast(Decoder, self.get_submodule(f"{name}_decoder"))
        out: Tensor = decoder(query, decoder.known(memory))
        return out

    def tokens(self, first: dict[str, Tensor], known: Memories) -> Tokens:
        """All levels of the parts in ``known`` from their level 0, ``first`` (B, N, D)."""
        latents, logits = {}, {}
        for part, memory in known.items():
            latents[part], rest = self._predictor(part)(first[part], memory)
            coarse = self.get_submodule(f"{part}_classifier")(first[part])
            logits[part] = torch.cat([coarse[..., None, :], rest], dim=-2)
        return Tokens(latents, logits)

    def _predictor(self, part: str) -> CodePredictor:
        return cast(CodePredictor, self.get_submodule(f"predict_res_{part}"))
