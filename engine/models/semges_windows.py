"""A whole line through SemGes: the release's way, and one that keeps time (docs/sources/semges.md, section 6)."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from engine.models.semges import Semges
from engine.models.semges_codec import SemgesCodec

WINDOW, OVERLAP = 34, 4  # frames of the release at 15 a second (docs/sources/semges.md, section 6)
SMPLX_WINDOW = 64  # frames; at 30 a second as long as the release's 34 at 15


@dataclass(frozen=True, eq=False)
class SemgesLine:
    """6D motion of hands and body, (1, T, channels), and the codes (1, T) it was decoded from."""

    hands: Tensor
    body: Tensor
    hand_codes: Tensor
    body_codes: Tensor


def published_windows(frames: int) -> int:
    """How many windows the release makes of a line: it counts whole windows, not hops."""
    return frames // WINDOW


def window_count(frames: int, window: int = WINDOW) -> int:
    """How many windows cover a line, each OVERLAP frames into the one before."""
    return max(1, math.ceil((frames - OVERLAP) / (window - OVERLAP)))


def latents_of(
    model: Semges, features: Iterable[Tensor], words: Tensor, speaker: Tensor
) -> tuple[list[Tensor], list[Tensor]]:
    """Latents (1, W, D) of hands and body, one pair a window of W frames. ``features`` are the windows' HuBERT pairs
    (1, W, D'), ``words`` (1, N) the line's, of which every window takes its part; a last one is padded with the last
    word, because the network norms over a window and must always see one of the same length."""
    hands, body = [], []
    for index, sound in enumerate(features):
        window = sound.shape[1]
        first = index * (window - OVERLAP)
        part = words[:, first : first + window]
        if part.shape[1] < window:
            part = torch.cat([part, part[:, -1:].expand(-1, window - part.shape[1])], dim=1)
        out = model(sound, part, speaker)
        hands.append(out.hands)
        body.append(out.body)
    return hands, body


def published_line(
    model: Semges, codecs: tuple[SemgesCodec, SemgesCodec], features: Iterable[Tensor], words: Tensor, speaker: Tensor
) -> SemgesLine:
    """The release to the letter: overlaps are not joined but follow each other, which stretches time by 34 / 30."""
    hands, body = latents_of(model, features, words, speaker)
    return _decoded(codecs, torch.cat(hands, dim=1), torch.cat(body, dim=1))


def mended_line(
    model: Semges,
    codecs: tuple[SemgesCodec, SemgesCodec],
    features: Iterable[Tensor],
    words: Tensor,
    speaker: Tensor,
    frames: int,
) -> SemgesLine:
    """Overlaps faded into each other before quantisation, as the paper has it; ``frames`` long."""
    hands, body = latents_of(model, features, words, speaker)
    return _decoded(codecs, faded(hands)[:, :frames], faded(body)[:, :frames])


def faded(windows: list[Tensor]) -> Tensor:
    """Windows (1, W, D) joined, the overlap of neighbours cross-faded linearly: (1, OVERLAP + (W - OVERLAP) n, D)."""
    out = windows[0]
    rise = (torch.arange(OVERLAP, device=out.device) + 1.0)[:, None] / (OVERLAP + 1)
    for window in windows[1:]:
        both = (1.0 - rise) * out[:, -OVERLAP:] + rise * window[:, :OVERLAP]
        out = torch.cat([out[:, :-OVERLAP], both, window[:, OVERLAP:]], dim=1)
    return out


def _decoded(codecs: tuple[SemgesCodec, SemgesCodec], hands: Tensor, body: Tensor) -> SemgesLine:
    codes = [codec.quantizer.indices(latents) for codec, latents in zip(codecs, (hands, body), strict=True)]
    made = [codec.decode(found) for codec, found in zip(codecs, codes, strict=True)]
    return SemgesLine(made[0], made[1], codes[0], codes[1])
