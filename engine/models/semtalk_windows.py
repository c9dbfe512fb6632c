"""SemTalk over a whole line: overlapping windows, each seeded by the last frames of the one before.

PUBLISHED is the release's inference to the letter: a tail shorter than a window is lost, windows are joined by dropping
a token, and the seed's translation starts anew in every window. MENDED has none of these. What the networks hear does
not depend on motion: windows are heard several at once, and the sparse network runs only where its gate opens.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional

from engine.models.emage_motion import CHANNELS, ROTATIONS, DecodedMotion
from engine.models.rvq import RATIO
from engine.models.semtalk import BaseMemory, SemTalkBase, SemTalkSparse, SparseMemory, rows_of
from engine.models.semtalk_body import BODY, Shown
from engine.models.semtalk_motion import SEED, SemTalkCodecs

# SemTalk's release (docs/sources/semtalk.md, section 9): Hz, frames of a window.
FRAME_RATE = 30
WINDOW = 64
HOP = WINDOW - SEED
HEARD_AT_ONCE = 8  # windows, as EMAGE's
PLACE = slice(ROTATIONS, ROTATIONS + 3)  # translation in the 337 channels (docs/sources/semtalk.md, section 2)


@dataclass(frozen=True)
class Joining:
    """How windows make a line. ``whole``: the last window is filled up, so that no frame is lost. ``fade``: where two
    windows overlap, their codebook rows are mixed, instead of dropping the later one's. ``steady_root``: the seed's
    translation is the take's own, and goes on from window to window."""

    whole: bool
    fade: bool
    steady_root: bool


PUBLISHED = Joining(whole=False, fade=False, steady_root=False)
MENDED = Joining(whole=True, fade=True, steady_root=True)


@dataclass(frozen=True)
class Drawing:
    """How tokens are chosen: the most likely ones at ``temperature`` 0, else drawn, the same for the same ``seed``.

    ``levels``: how many codebooks, from the coarsest on, are drawn; the finer ones take the most likely.
    """

    temperature: float = 0.0
    seed: int = 0
    levels: int = 6

    def tokens(self, logits: Tensor, generator: torch.Generator | None) -> Tensor:
        """(B, N, 6, codes) -> (B, N, 6) int64."""
        best = logits.argmax(-1)
        if self.temperature <= 0.0 or generator is None:
            return best
        free = logits[..., : self.levels, :]
        noise = torch.empty(free.shape).exponential_(generator=generator).to(free)
        drawn = (free / self.temperature - noise.log()).argmax(-1)  # Gumbel: a draw from the softmax
        return torch.cat([drawn, best[..., self.levels :]], dim=-1)


@dataclass(frozen=True, eq=False)
class SpeechFeatures:
    """What a line sounds like and says, 30 frames a second: ``hubert`` (B, T, 1024), ``beat`` (B, T, 3), ``words``
    (B, T) int64, ``sentences`` (B, R, 512), one a window."""

    hubert: Tensor
    beat: Tensor
    words: Tensor
    sentences: Tensor

    @property
    def frames(self) -> int:
        """T."""
        return self.hubert.shape[1]


@dataclass(frozen=True, eq=False)
class Networks:
    """The base, the sparse network (or none: the base alone) and the codecs."""

    base: SemTalkBase
    sparse: SemTalkSparse | None
    codecs: SemTalkCodecs


@dataclass(frozen=True, eq=False)
class WindowResult:
    """One window: ``tokens`` (B, 16, 6) of every part; ``gate`` (B, 16, 2) logits, none without the sparse network;
    ``seed`` (B, 4, 337) the frames it began with."""

    tokens: dict[str, Tensor]
    gate: Tensor | None
    seed: Tensor


@dataclass(frozen=True, eq=False)
class LineStart:
    """Where a line begins, and what is asked of it. ``seed`` (B, 4, 337) are its first frames; ``start`` (B, 3) its
    first place; ``speaker`` (B,) int64; ``hints`` motion (B, T, 337) of the line with ``hidden`` (B, T, 337; True
    hides), if any; ``emphasis`` (B, T), if any, is added to the gate's logit for meaning."""

    seed: Tensor
    start: Tensor
    speaker: Tensor
    hints: Tensor | None = None
    hidden: Tensor | None = None
    emphasis: Tensor | None = None


def window_starts(frames: int, joining: Joining = PUBLISHED) -> list[int]:
    """First frames of the windows of a line. ValueError where it is shorter than a window and must not be filled."""
    count = max(1, -(-(frames - SEED) // HOP)) if joining.whole else (frames - SEED) // HOP
    if count < 1:
        raise ValueError(f"{frames} frames are less than a window of {WINDOW}")
    return [HOP * index for index in range(count)]


def fuse(base: dict[str, Tensor], sparse: dict[str, Tensor], gate: Tensor) -> dict[str, Tensor]:
    """Tokens (B, N, 6) of both networks -> one's or the other's, all levels of the whole body together; the face is
    always the base's. ``gate`` (B, N, 2) logits."""
    meant = (gate.argmax(-1) == 1)[..., None]
    return {part: torch.where(meant, sparse[part], values) if part in BODY else values for part, values in base.items()}


def roll_out(
    networks: Networks,
    features: SpeechFeatures,
    begin: LineStart,
    joining: Joining = PUBLISHED,
    drawing: Drawing | None = None,
    progress: Callable[[float], None] = lambda _: None,
) -> list[WindowResult]:
    """A line, window by window; :func:`joined` and :func:`decode_line` make one of them."""
    drawing = drawing or Drawing()
    starts = window_starts(features.frames, joining)
    features = filled_up(features, starts[-1] + WINDOW)
    generator = torch.Generator().manual_seed(drawing.seed)
    seed, place = begin.seed, begin.start
    out: list[WindowResult] = []
    for start, (sound, read) in zip(starts, _memories(networks, features, starts), strict=True):
        progress(len(out) / len(starts))
        meant = emphasised(read, begin.emphasis, start)
        shown = _shown(begin, seed, start)
        tokens = _chosen(networks, sound, meant, shown, drawing, generator)
        out.append(WindowResult(tokens, None if meant is None else meant.gate, seed))
        if len(out) < len(starts):
            seed = networks.codecs.seed(tokens, place, joining.steady_root)
            place = seed[:, 0, PLACE] if joining.steady_root else place
    return out


def filled_up(features: SpeechFeatures, frames: int) -> SpeechFeatures:
    """The features of the first ``frames`` frames, the last one held where they are fewer."""
    missing = max(0, frames - features.frames)

    def held(values: Tensor) -> Tensor:
        longer = torch.cat([values, values[:, -1:].expand(-1, missing, *values.shape[2:])], dim=1)
        return longer[:, :frames]

    return replace(features, hubert=held(features.hubert), beat=held(features.beat), words=held(features.words))


def _memories(
    networks: Networks, features: SpeechFeatures, starts: list[int]
) -> Iterator[tuple[BaseMemory, SparseMemory | None]]:
    """What both networks hear in each window, several windows at once."""
    batch = len(features.hubert)
    for first in range(0, len(starts), HEARD_AT_ONCE):
        group = starts[first : first + HEARD_AT_ONCE]

        def cut(values: Tensor, group: list[int] = group) -> Tensor:
            return torch.cat([values[:, start : start + WINDOW] for start in group])

        base = networks.base.hear(cut(features.hubert), cut(features.beat))
        sparse = None
        if networks.sparse is not None:
            sentences = features.sentences[:, first : first + len(group)].transpose(0, 1).flatten(0, 1)
            sparse = networks.sparse.hear(cut(features.hubert), cut(features.words), sentences)
        for index in range(len(group)):
            rows = batch * index, batch * (index + 1)
            yield rows_of(base, *rows), None if sparse is None else rows_of(sparse, *rows)


def emphasised(meant: SparseMemory | None, emphasis: Tensor | None, start: int) -> SparseMemory | None:
    """What was heard in the window from ``start`` on, with the line's emphasis (B, T) in its gate."""
    if meant is None or emphasis is None:
        return meant
    emphasis = emphasis[:, start : start + WINDOW]
    full = functional.pad(emphasis, (0, WINDOW - emphasis.shape[1]))
    more = functional.avg_pool1d(full[:, None], RATIO)[:, 0]
    return replace(meant, gate=meant.gate + torch.stack([torch.zeros_like(more), more], dim=-1))


def _shown(begin: LineStart, seed: Tensor, start: int) -> Shown:
    """A window's visible motion: its seed, and hints where there are any."""
    batch, device = len(seed), seed.device
    motion = torch.zeros(batch, WINDOW, CHANNELS, device=device)
    hidden = torch.ones(batch, WINDOW, CHANNELS, dtype=torch.bool, device=device)
    if begin.hints is not None and begin.hidden is not None:
        part = slice(start, start + WINDOW)
        there = begin.hints[:, part].shape[1]
        motion[:, :there], hidden[:, :there] = begin.hints[:, part], begin.hidden[:, part]
        motion[:, :SEED] = torch.where(hidden[:, :SEED], seed, motion[:, :SEED])
    else:
        motion[:, :SEED] = seed
    hidden[:, :SEED] = False
    return Shown(motion, hidden, begin.speaker[:, None].expand(-1, WINDOW))


def _chosen(
    networks: Networks,
    sound: BaseMemory,
    meant: SparseMemory | None,
    shown: Shown,
    drawing: Drawing,
    generator: torch.Generator,
) -> dict[str, Tensor]:
    """The window's tokens; the sparse network is asked only where its gate is open for any of them."""
    logits = networks.base(sound, shown).tokens.logits
    tokens = {part: drawing.tokens(values, generator) for part, values in logits.items()}
    if networks.sparse is None or meant is None or not bool((meant.gate.argmax(-1) == 1).any()):
        return tokens
    other = networks.sparse(meant, shown).logits
    return fuse(tokens, {part: drawing.tokens(values, generator) for part, values in other.items()}, meant.gate)


def joined(pieces: list[WindowResult]) -> dict[str, Tensor]:
    """The windows' tokens one after the other, as published: each but the first without its first token."""
    return {
        part: torch.cat([piece.tokens[part][:, bool(index) :] for index, piece in enumerate(pieces)], dim=1)
        for part in pieces[0].tokens
    }


def meaning(pieces: list[WindowResult]) -> Tensor:
    """Semantic scores (B, N) 0..1 of a line's tokens: the gate's share of meaning; over a common token the mean."""
    scores = [piece.gate.softmax(-1)[..., 1] for piece in pieces if piece.gate is not None]
    line = scores[0]
    for score in scores[1:]:
        middle = (line[:, -1:] + score[:, :1]) / 2.0
        line = torch.cat([line[:, :-1], middle, score[:, 1:]], dim=1)
    return line


def faded_rows(codecs: SemTalkCodecs, pieces: list[WindowResult]) -> dict[str, Tensor]:
    """Codebook rows (B, N, 6, D) of the line, the mean of both windows' where they share a token."""
    out = {}
    for part in pieces[0].tokens:
        windows = [codecs.codec(part).quantizer.rows(piece.tokens[part]) for piece in pieces]
        line = windows[0]
        for rows in windows[1:]:
            line = torch.cat([line[:, :-1], (line[:, -1:] + rows[:, :1]) / 2.0, rows[:, 1:]], dim=1)
        out[part] = line
    return out


def decode_line(
    codecs: SemTalkCodecs, pieces: list[WindowResult], start: Tensor, joining: Joining = PUBLISHED
) -> tuple[DecodedMotion, Tensor]:
    """The whole line decoded in one pass, and its root translation (B, T, 3) from ``start`` (B, 3)."""
    rows = faded_rows(codecs, pieces) if joining.fade else codecs.rows(joined(pieces))
    motion = codecs.decode_rows(rows)
    return motion, codecs.translation(motion.lower, start)


def frame_scores(scores: Tensor, frames: int) -> Tensor:
    """Scores (B, N) of tokens -> (B, frames), straight lines between the tokens' middles, the ends held."""
    longer = functional.interpolate(scores[:, None], scale_factor=float(RATIO), mode="linear", align_corners=False)
    return longer[:, 0, :frames]
