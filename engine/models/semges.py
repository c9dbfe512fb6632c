"""SemGes' second stage: speech, words and speaker to a latent a frame for hands and body (docs/sources/semges.md,
section 4)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

# SemGes' release (docs/sources/semges.md, sections 3.1 and 4).
HEADS = 8  # of attention
SQUASH_SLOPE, SPEAKER_SLOPE = 0.2, 0.1  # no unit, below zero
PAIR = 2  # HuBERT frames that one motion frame is given
FEATURE_RATE = 50.0  # Hz, HuBERT's: 16 kHz over a stride of 320
FEATURE_MIDDLE = 0.0125  # s from a HuBERT frame's start to the middle of what it sees: half of 400 samples


@dataclass(frozen=True)
class SemgesSize:
    """Sizes of the network; the defaults are the release's for BEAT. ``audio`` is the width of paired HuBERT frames."""

    words: int = 11_247
    word_width: int = 300
    text: int = 768
    audio: int = 1536
    width: int = 256
    inner: int = 384
    latent: int = 512
    speakers: int = 34
    blocks: int = 12


@dataclass(frozen=True, eq=False)
class SemgesOutput:
    """Latents (B, T, D) of hands and body before quantisation, and the words' in the same space."""

    hands: Tensor
    body: Tensor
    words: Tensor


class NormedConv(nn.Module):
    """Causal convolution of two frames whose weight is a direction and a length (Salimans & Kingma 2016)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        plain = nn.Conv1d(inputs, outputs, 2)
        self.weight_v = nn.Parameter(plain.weight.detach().clone())
        self.weight_g = nn.Parameter(_length(self.weight_v.detach()))
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, values: Tensor) -> Tensor:
        """(B, inputs, T) -> (B, outputs, T), from each frame and the one before it."""
        weight = self.weight_v * (self.weight_g / _length(self.weight_v))
        return functional.conv1d(functional.pad(values, (1, 0)), weight, self.bias)


def _length(weight: Tensor) -> Tensor:
    out: Tensor = torch.linalg.vector_norm(weight, dim=(1, 2), keepdim=True)
    return out


class TemporalBlock(nn.Module):
    """Two causal convolutions beside a residual path. ``net`` names its layers a second time, as the release does."""

    def __init__(self, inputs: int, outputs: int, dropout: float = 0.1) -> None:
        super().__init__()
        self.conv1, self.conv2 = NormedConv(inputs, outputs), NormedConv(outputs, outputs)
        whole = nn.Identity()  # where the release cuts the frame that its padding adds
        self.net = nn.Sequential(
            self.conv1, whole, nn.ReLU(), nn.Dropout(dropout), self.conv2, whole, nn.ReLU(), nn.Dropout(dropout)
        )
        self.downsample = nn.Conv1d(inputs, outputs, 1)

    def forward(self, values: Tensor) -> Tensor:
        """(B, inputs, T) -> (B, outputs, T)."""
        return functional.relu(self.net(values) + self.downsample(values))


class TextEncoder(nn.Module):
    """Word rows a frame to (B, T, width); sees three frames."""

    def __init__(self, size: SemgesSize) -> None:
        super().__init__()
        self.embedding = nn.Embedding(size.words, size.word_width)
        self.drop = nn.Dropout(0.1)
        self.tcn = nn.Module()
        self.tcn.network = nn.ModuleList([TemporalBlock(size.word_width, size.text)])
        self.decoder = nn.Linear(size.text, size.width)

    def forward(self, words: Tensor) -> Tensor:
        """(B, T) int64 -> (B, T, width)."""
        values: Tensor = self.drop(self.embedding(words)).transpose(1, 2)
        for block in self.tcn.network:  # type: ignore[union-attr]
            values = block(values)
        out: Tensor = self.decoder(values.transpose(1, 2))
        return out


def _heads(values: Tensor, parts: int) -> tuple[Tensor, ...]:
    """(B, T, parts x heads x d) -> ``parts`` tensors (B, heads, T, d)."""
    split = values.reshape(*values.shape[:2], parts, HEADS, -1).permute(2, 0, 3, 1, 4)
    return tuple(split)


def _attend(query: Tensor, key: Tensor, value: Tensor, scale: float) -> Tensor:
    mixed = functional.scaled_dot_product_attention(query, key, value, scale=scale)
    return mixed.transpose(1, 2).flatten(2)


class SelfAttention(nn.Module):
    """Attention among frames. It is scaled by the root of the whole width, not of a head's, as in the release."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.to_qkv, self.to_out = nn.Linear(width, 3 * width, bias=False), nn.Linear(width, width)

    def forward(self, stream: Tensor, _: Tensor) -> Tensor:
        """(B, T, width) -> the same shape."""
        query, key, value = _heads(self.to_qkv(stream), 3)
        out: Tensor = self.to_out(_attend(query, key, value, stream.shape[-1] ** -0.5))
        return out


class CrossAttention(nn.Module):
    """Attention of frames to the words' features, scaled as :class:`SelfAttention`."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.to_kv, self.to_q = nn.Linear(width, 2 * width, bias=False), nn.Linear(width, width, bias=False)
        self.to_out = nn.Linear(width, width)

    def forward(self, stream: Tensor, text: Tensor) -> Tensor:
        """(B, T, width) twice -> the same shape."""
        key, value = _heads(self.to_kv(text), 2)
        (query,) = _heads(self.to_q(stream), 1)
        out: Tensor = self.to_out(_attend(query, key, value, stream.shape[-1] ** -0.5))
        return out


class Mlp(nn.Module):
    """Linear, GELU, linear."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.l1, self.l2 = nn.Linear(width, inner), nn.Linear(inner, width)

    def forward(self, stream: Tensor, _: Tensor) -> Tensor:
        """(B, T, width) -> the same shape."""
        out: Tensor = self.l2(functional.gelu(self.l1(stream)))
        return out


class _Normed(nn.Module):
    def __init__(self, width: int, layer: nn.Module) -> None:
        super().__init__()
        self.norm, self.fn = nn.LayerNorm(width), layer

    def forward(self, stream: Tensor, text: Tensor) -> Tensor:
        out: Tensor = self.fn(self.norm(stream), text)
        return out


class SubBlock(nn.Module):
    """A layer after layer norm, beside the stream itself; only the stream is normed, never the text."""

    def __init__(self, width: int, layer: nn.Module) -> None:
        super().__init__()
        self.fn = _Normed(width, layer)

    def forward(self, stream: Tensor, text: Tensor) -> Tensor:
        """(B, T, width) twice -> (B, T, width)."""
        out: Tensor = stream + self.fn(stream, text)
        return out


class Trunk(nn.Module):
    """Speech and speaker, crossed with text in every block; its weights serve hands and body."""

    def __init__(self, size: SemgesSize) -> None:
        super().__init__()
        width = size.width
        self.audio_feature_map = nn.Linear(size.audio, width)
        self.proj = nn.Linear(2 * width, width)
        self.squasher = nn.Sequential(
            nn.Conv1d(width, width, 5, padding=2, padding_mode="replicate"),
            nn.LeakyReLU(SQUASH_SLOPE),
            nn.InstanceNorm1d(width),
        )
        self.encoder_linear_embedding = nn.Module()
        self.encoder_linear_embedding.net = nn.Linear(width, width)
        self.drop = nn.Dropout(0.1)
        layers: list[nn.Module] = []
        for _ in range(size.blocks):
            parts = (SelfAttention(width), CrossAttention(width), Mlp(width, size.inner))
            layers += [SubBlock(width, part) for part in parts]
        self.encoder_transformer = nn.Module()
        self.encoder_transformer.net = nn.ModuleList(layers)

    def embed(self, audio: Tensor, speaker: Tensor) -> Tensor:
        """(B, T, audio) and (B, width) -> (B, T, width), each channel normed over the clip's time."""
        sound = self.audio_feature_map(audio)
        both = self.proj(torch.cat([sound, speaker[:, None].expand_as(sound)], dim=-1))
        squashed = self.squasher(both.transpose(1, 2)).transpose(1, 2)
        out: Tensor = self.encoder_linear_embedding.net(squashed)  # type: ignore[operator]
        return out

    def forward(self, audio: Tensor, speaker: Tensor, text: Tensor) -> Tensor:
        """(B, T, audio), (B, width), (B, T, width) -> (B, T, width)."""
        embedded = self.embed(audio, speaker)
        stream: Tensor = self.drop(embedded + _positions(*embedded.shape[1:]).to(embedded))
        for layer in self.encoder_transformer.net:  # type: ignore[union-attr]
            stream = layer(stream, text)
        return stream


def _positions(frames: int, width: int) -> Tensor:
    """Sinusoids (frames, width), sines at even channels (Vaswani et al. 2017, section 3.5)."""
    pace = torch.exp(torch.arange(0, width, 2).float() * (-math.log(10000.0) / width))
    angles = torch.arange(frames).float()[:, None] * pace
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)


class Semges(nn.Module):
    """Latents for hands and body from HuBERT frames, word rows and a speaker's number."""

    def __init__(self, size: SemgesSize | None = None) -> None:
        super().__init__()
        self.size = size = size or SemgesSize()
        self.text_encoder = TextEncoder(size)
        self.spearker_encoder_hand, self.spearker_encoder_body = _speakers(size), _speakers(size)
        self.SemanticTransformerLayer = Trunk(size)
        self.proj = nn.Linear(size.width, size.latent)

    def forward(self, audio: Tensor, words: Tensor, speaker: Tensor) -> SemgesOutput:
        """``audio`` (B, T, 2 x 768), ``words`` (B, T) int64, ``speaker`` (B,) int64."""
        text = self.text_encoder(words)
        trunk = self.SemanticTransformerLayer
        hands = trunk(audio, self.spearker_encoder_hand(speaker), text)
        body = trunk(audio, self.spearker_encoder_body(speaker), text)
        return SemgesOutput(self.proj(hands), self.proj(body), self.proj(text))


def _speakers(size: SemgesSize) -> nn.Sequential:
    """The names of both are misspelt in the published weights, and so here."""
    return nn.Sequential(
        nn.Embedding(size.speakers, size.width), nn.Linear(size.width, size.width), nn.LeakyReLU(SPEAKER_SLOPE)
    )


def paired(features: Tensor, frames: int) -> Tensor:
    """HuBERT frames (B, N, D) two by two, at most ``frames`` of them: (B, min(frames, N // 2), 2 D).

    At 50 feature frames a second a pair lasts 1/25 s, whatever the motion's rate: at 15 frames a second the release
    hears only the first 60 % of its window, and all of it too early (docs/sources/semges.md, section 3.1). See
    :func:`features_at` for the mended way.
    """
    pairs = min(frames, features.shape[1] // PAIR)
    return features[:, : PAIR * pairs].reshape(features.shape[0], pairs, -1)


def features_at(features: Tensor, first: int, frames: int, fps: float) -> Tensor:
    """Pairs (B, frames, 2 D) for motion frames ``first`` on, from a whole line's HuBERT frames (B, N, D).

    Each half of a motion frame takes the features at its own middle, by linear interpolation; before the first and
    after the last feature the line's ends are held.
    """
    halves = torch.arange(PAIR * frames, device=features.device, dtype=features.dtype)
    times = (first + (halves + 0.5) / PAIR) / fps
    places = ((times - FEATURE_MIDDLE) * FEATURE_RATE).clamp(0.0, features.shape[1] - 1.0)
    low = places.floor().long().clamp(max=max(0, features.shape[1] - 2))
    high = (low + 1).clamp(max=features.shape[1] - 1)
    share = (places - low)[:, None]
    fine = features[:, low] * (1.0 - share) + features[:, high] * share
    return paired(fine, frames)
