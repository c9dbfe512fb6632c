"""EMAGE's masked audio-gesture transformer (Liu et al., CVPR 2024), as its audio-only release of 2025 computes it.

Inputs and outputs at 30 frames a second. The two template layers that the release stores and never runs are not built.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from engine.models.attention import Decoder, DecoderLayer, Encoder, EncoderLayer, KeysValues
from engine.models.layers import MotionEncoder, PeriodicPositions, TwoLayers
from engine.models.wave_encoder import WaveEncoder

BODY = ("upper", "hands", "lower")
PARTS = ("face", *BODY)
TEMPLATES = ("transformer_en_layer.", "audio_motion_cross_attn_layer.")  # stored by the release, never run
# EMAGE's release (docs/sources/emage.md, sections 3.2 and 3.5): attention heads, layers of the motion encoder.
HEADS = 4
HINT_DEPTH = 3


@dataclass(frozen=True)
class EmageSize:
    """Sizes, as the tensors have them. ``channels`` is 6 x 55 rotations, 3 of translation, 4 contacts."""

    hidden: int = 768
    audio: int = 256
    motion: int = 256
    channels: int = 337
    codes: int = 256
    speakers: int = 1
    inner: int = 1536
    body_layers: int = 8
    face_layers: int = 4
    period: int = 64


@dataclass(frozen=True, eq=False)
class EmageOutput:
    """For every part of PARTS: ``latents`` (B, T, codes) and ``logits`` (B, T, codes) over its codebook."""

    latents: dict[str, Tensor]
    logits: dict[str, Tensor]


@dataclass(frozen=True, eq=False)
class SpeechMemory:
    """What the network hears in windows of speech: ``face`` (B, T, audio), and for the body the keys and values of
    every cross-attention layer. It does not depend on motion, so that all windows of a line are heard at once."""

    face: Tensor
    body: list[KeysValues]

    def part(self, first: int, end: int) -> SpeechMemory:
        """Rows ``first`` .. ``end`` of the batch."""
        rows = slice(first, end)
        return SpeechMemory(self.face[rows], [(keys[rows], values[rows]) for keys, values in self.body])


class Emage(nn.Module):
    """Audio and masked motion -> latents and code logits of face, upper body, hands and lower body."""

    def __init__(self, size: EmageSize) -> None:
        super().__init__()
        self.size = size
        wide = size.hidden
        self.mask_embedding = nn.Parameter(torch.empty(1, 1, size.channels))
        nn.init.normal_(self.mask_embedding, std=wide**-0.5)
        self.audio_encoder_face = WaveEncoder(size.audio)
        self.audio_encoder_body = WaveEncoder(size.audio)
        self.speaker_embedding_body = nn.Embedding(size.speakers, wide)
        self.speaker_embedding_face = nn.Embedding(size.speakers, wide)
        self.motion_encoder = MotionEncoder(size.channels, size.motion, HINT_DEPTH)
        self.bodyhints_face = TwoLayers(size.motion, wide, size.motion)
        self.bodyhints_body = TwoLayers(size.motion, wide, size.motion)
        self.audio_body_motion_proj = nn.Linear(size.audio, wide)
        self.moton_proj = nn.Linear(size.motion, wide)  # spelled as the release stores it
        self.position_embeddings = PeriodicPositions(wide, size.period)
        self.motion_self_encoder = Encoder(EncoderLayer(wide, HEADS, size.inner), 1)
        layer = DecoderLayer(wide, HEADS, size.inner)
        self.audio_motion_cross_attn = Decoder(layer, size.body_layers)
        for part in BODY:
            self.add_module(f"motion2latent_{part}", TwoLayers(wide, wide, wide))
            self.add_module(f"body_motion_decoder_{part}", Decoder(layer, 1))
            self.add_module(f"motion_out_proj_{part}", nn.Linear(wide, size.codes))
            self.add_module(f"motion_cls_{part}", TwoLayers(size.codes, wide, size.codes))
        self.audio_face_motion_proj = nn.Linear(size.audio + size.motion, wide)
        self.face_motion_decoder = Decoder(layer, size.face_layers)
        self.face_out_proj = nn.Linear(wide, size.codes)
        self.face_cls = TwoLayers(size.codes, wide, size.codes)

    def hear(self, wave: Tensor, frames: int) -> SpeechMemory:
        """Features of speech windows (B, samples) for ``frames`` frames of motion.

        Only the face's features are cut to the motion's length; where the encoder gives the body one more, the release
        keeps it, and so do we. ValueError where there are fewer features than frames.
        """
        face = self.audio_encoder_face(wave)[:, :frames]
        if face.shape[1] < frames:
            raise ValueError(f"{wave.shape[1]} samples of speech give {face.shape[1]} features for {frames} frames")
        memory = self.audio_body_motion_proj(self.audio_encoder_body(wave))
        return SpeechMemory(face, self.audio_motion_cross_attn.known(memory))

    def forward(
        self, speech: SpeechMemory, speaker: Tensor, motion: Tensor, mask: Tensor, use_audio: bool = True
    ) -> EmageOutput:
        """Predict latents and codes.

        ``speaker`` (B,) int64; ``motion`` (B, T, channels), of which the entries with ``mask`` (B, T, channels) True
        are hidden. Without ``use_audio`` the body moves by its hints alone.
        """
        shown = torch.where(mask, self.mask_embedding, motion)
        hints = self.motion_encoder(shown)
        latents = {"face": self._face(speech, speaker, self.bodyhints_face(hints))}
        latents.update(self._body(speech, speaker, self.bodyhints_body(hints), use_audio))
        heads = {"face": self.face_cls, **{part: self.get_submodule(f"motion_cls_{part}") for part in BODY}}
        return EmageOutput(latents, {part: heads[part](latents[part]) for part in PARTS})

    def _face(self, speech: SpeechMemory, speaker: Tensor, hints: Tensor) -> Tensor:
        """The face's query is speaker and place in time alone; all content comes in by the memory."""
        memory = self.audio_face_motion_proj(torch.cat([speech.face, hints], dim=-1))
        query = self.speaker_embedding_face(speaker)[:, None].expand(-1, memory.shape[1], -1)
        decoded = self.face_motion_decoder(self.position_embeddings(query), self.face_motion_decoder.known(memory))
        out: Tensor = self.face_out_proj(decoded)
        return out

    def _body(self, speech: SpeechMemory, speaker: Tensor, hints: Tensor, use_audio: bool) -> dict[str, Tensor]:
        voice = self.speaker_embedding_body(speaker)[:, None]
        moved = self.motion_self_encoder(self.position_embeddings(self.moton_proj(hints)) + voice)
        moved = self.position_embeddings(moved + voice)
        if use_audio:
            moved = moved + self.audio_motion_cross_attn(moved, speech.body)
        raw = {part: self.get_submodule(f"motion2latent_{part}")(moved) for part in BODY}
        out = {}
        for part in BODY:
            first, second = (raw[other] for other in BODY if other != part)
            decoder = self.get_submodule(f"body_motion_decoder_{part}")
            assert isinstance(decoder, Decoder)
            refined = decoder(raw[part] + voice, decoder.known(first + second))
            out[part] = self.get_submodule(f"motion_out_proj_{part}")(raw[part] + refined)
        return out
