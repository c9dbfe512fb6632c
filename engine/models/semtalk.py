"""SemTalk's two networks (Zhang et al., ICCV 2025): the base from rhythm, the sparse one from meaning.

The base moves all parts from HuBERT features and the beat; the sparse one moves the body from words and their sentence,
and its gate says on which tokens that is to be seen. Modules that the release stores without any effect on its outputs
are not built (:data:`BASE_UNUSED`, :data:`SPARSE_UNUSED`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.models.attention import Decoder, DecoderLayer, KeysValues
from engine.models.layers import PeriodicPositions
from engine.models.rvq import RATIO
from engine.models.semtalk_body import BODY, HEADS, PARTS, BodyNetwork, Memories, SemTalkSize, Shown, Tokens
from engine.models.semtalk_layers import CodePredictor, Halving, Mixing, Mlp, SpeechConv, pooled

_UNUSED = ("face_cons_mlp.", "hands_cons_mlp.", "transformer_de_layer.", "transformer_en_layer.")
BASE_UNUSED = (*_UNUSED, "transformer_de_fu_layer.", *(f"predict_res_{part}.cross_layer." for part in PARTS))
SPARSE_UNUSED = (
    *_UNUSED,
    "transformer_de_fu_layer.",
    *(f"predict_res_{part}.cross_layer." for part in BODY),
    "audio_pre_encoder_body.",
    "gate_face.",
    "gate_body.",
    "emotion_embedding.",
    "at_attn_face_semantic.",
    "at_attn_body_semantic.",
)
RHYTHM_TEMPERATURE = 0.1  # no unit (docs/sources/semtalk.md, section 6)
Value = TypeVar("Value")


@dataclass(frozen=True, eq=False)
class BaseMemory:
    """What the base hears in windows of speech; it does not depend on motion. ``face`` (B, T, D); ``body`` keys and
    values of the body's decoder; ``levels`` of every part's predictor; ``pulse`` (B, N, D) the encoded HuBERT features
    of face and hands at the tokens' rate."""

    face: Tensor
    body: list[KeysValues]
    levels: Memories
    pulse: dict[str, Tensor]


@dataclass(frozen=True, eq=False)
class SparseMemory:
    """What the sparse network hears; ``gate`` (B, N, 2) logits, of which the second one stands for meaning."""

    body: list[KeysValues]
    levels: Memories
    gate: Tensor


@dataclass(frozen=True, eq=False)
class BaseOutput:
    """The tokens, and ``moved`` (B, N, D): the latents of face and hands whose rhythm is compared with the speech."""

    tokens: Tokens
    moved: dict[str, Tensor]


def rows_of(speech: Value, first: int, end: int) -> Value:
    """Rows ``first`` .. ``end`` of the batch of all tensors in what was heard."""
    if isinstance(speech, Tensor):
        return cast(Value, speech[first:end])
    if isinstance(speech, dict):
        return cast(Value, {key: rows_of(value, first, end) for key, value in speech.items()})
    if isinstance(speech, list | tuple):
        return cast(Value, type(speech)(rows_of(value, first, end) for value in speech))
    return type(speech)(**{name: rows_of(value, first, end) for name, value in vars(speech).items()})


class SemTalkBase(BodyNetwork):
    """Speech, beat and masked motion -> tokens of face, upper body, hands and lower body."""

    def __init__(self, size: SemTalkSize) -> None:
        super().__init__(size)
        wide, width = size.wide, size.width
        self.hubert_encoder = SpeechConv(size.hubert, width)
        self.hubert_encoder_body = SpeechConv(size.hubert, width)
        self.audio_pre_encoder_face = Mlp(size.beat, wide, width)
        self.audio_pre_encoder_body = Mlp(size.beat, wide, width)
        self.at_attn_face, self.at_attn_body = Mixing(width), Mixing(width)
        self.bodyhints_face = Mlp(width, wide, width)
        self.spearker_encoder_face = nn.Embedding(size.speakers, wide)
        self.feature2face = nn.Linear(2 * width, wide)
        self.face_decoder = Decoder(DecoderLayer(wide, HEADS, size.inner), size.face_layers)
        self.face2latent = nn.Linear(wide, width)
        self.face1d, self.face1d_2 = Halving(width), Halving(width)
        self.face_latent_mlp = Mlp(width, wide, width)
        self.face_hands_decoder = Decoder(DecoderLayer(width, HEADS, size.inner_small), 1)
        self.face_classifier = Mlp(width, wide, size.codes)
        self.predict_res_face = CodePredictor(width, size.codes)

    def hear(self, hubert: Tensor, beat: Tensor) -> BaseMemory:
        """Windows of HuBERT features (B, T, 1024) and beat features (B, T, 3)."""
        face, body = self.hubert_encoder(hubert), self.hubert_encoder_body(hubert)
        pulse = {"face": pooled(face, RATIO), "hands": pooled(body, RATIO)}
        face = self.at_attn_face(face, self.audio_pre_encoder_face(beat))
        body = self.at_attn_body(body, self.audio_pre_encoder_body(beat))
        memory = self.wordhints_decoder.known(self.audio_feature2motion(body))
        return BaseMemory(face, memory, self.known(face, ("face",)) | self.known(body), pulse)

    def forward(self, speech: BaseMemory, shown: Shown, use_speech: bool = True) -> BaseOutput:
        """Tokens of all parts; without ``use_speech`` the body's level 0 follows from its hints alone."""
        hints = self.hints(shown)
        face = self._face(speech, shown.speaker, hints)
        body = self.body(hints, shown.speaker, speech.body if use_speech else None)
        upper, hands, lower = (body[part] for part in BODY)
        first = {"face": self.across("face_hands", face, hands), "hands": self.across("hands_face", hands, face)}
        first["upper"] = self.across("upper_hands", upper, first["hands"] + lower)
        first["lower"] = self.across("lower_hands", lower, upper + first["hands"])
        return BaseOutput(self.tokens(first, speech.levels), {"face": face, "hands": hands})

    def _face(self, speech: BaseMemory, speaker: Tensor, hints: Tensor) -> Tensor:
        """The face's query is speaker and place in time alone; all content comes in by the memory."""
        memory = self.feature2face(torch.cat([speech.face, self.bodyhints_face(hints)], dim=-1))
        decoded = self.across("face", self.position_embeddings(self.spearker_encoder_face(speaker)), memory)
        out: Tensor = self.face1d_2(self.face_latent_mlp(self.face1d(self.face2latent(decoded))))
        return out


class SemTalkSparse(BodyNetwork):
    """Words, their sentence, speech and masked motion -> tokens of the body, and on which of them meaning shows."""

    def __init__(self, size: SemTalkSize) -> None:
        super().__init__(size)
        width = size.width
        self.hubert_encoder_body = SpeechConv(size.hubert, width)
        self.text_pre_encoder_body = nn.Embedding(size.words, size.word_width)
        self.text_encoder_body = nn.Linear(size.word_width, width)
        self.clip_embedding = nn.Linear(size.sentence, width)
        self.semantic_position_embeddings = PeriodicPositions(width, size.period)
        self.semantic_body_decoder = Decoder(DecoderLayer(width, HEADS, size.inner_small), 1)
        self.at_attn_bert = Mixing(width)
        self.gate = nn.Linear(width, 2)
        self.body_semantic_mlp = Mlp(width, width, width)

    def hear(self, hubert: Tensor, words: Tensor, sentence: Tensor) -> SparseMemory:
        """HuBERT features (B, T, 1024), word indices (B, T) int64, the window's sentence vector (B, 512)."""
        spoken = self.text_encoder_body(self.text_pre_encoder_body(words))
        meant = self.clip_embedding(sentence)[:, None]  # the release repeats it T times, which gives the same mean
        spoken = self.across("semantic_body", self.semantic_position_embeddings(spoken), meant)
        mixed = self.at_attn_bert(spoken, self.hubert_encoder_body(hubert))
        gate = self.gate(pooled(mixed, RATIO))
        share = gate.softmax(-1)[..., 1:].repeat_interleave(RATIO, dim=1)
        body = self.body_semantic_mlp(mixed) * share
        memory = self.wordhints_decoder.known(self.audio_feature2motion(body))
        return SparseMemory(memory, self.known(body), gate)

    def forward(self, speech: SparseMemory, shown: Shown, use_speech: bool = True) -> Tokens:
        """Tokens of upper body, hands and lower body."""
        body = self.body(self.hints(shown), shown.speaker, speech.body if use_speech else None)
        upper, hands, lower = (body[part] for part in BODY)
        first = {"hands": self.across("hands_face", hands, upper + lower)}  # no face here; the name is the release's
        first["upper"] = self.across("upper_hands", upper, first["hands"] + lower)
        first["lower"] = self.across("lower_hands", lower, upper + first["hands"])
        return self.tokens(first, speech.levels)


def rhythm_loss(moved: Tensor, speech: Tensor) -> Tensor:
    """How well the motion of a token (B, N, D) is told from the window's others by the speech (B, N, D) of that token
    (rhythmic consistency; InfoNCE over motion)."""
    motion, speech = functional.normalize(moved, dim=-1), functional.normalize(speech, dim=-1)
    alike = motion @ speech.transpose(1, 2) / RHYTHM_TEMPERATURE
    wanted = torch.arange(alike.shape[-1], device=alike.device).expand(len(alike), -1)
    return functional.cross_entropy(alike, wanted)
