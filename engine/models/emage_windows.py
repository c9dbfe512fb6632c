"""EMAGE over a whole line: overlapping windows, each seeded by the last frames of the one before.

PUBLISHED is the release's inference to the letter, with its faults: frames lost at the tail, windows cut hard against
each other, 533 samples of speech a frame where the rate says 533.33. MENDED has none of them. What is computed sooner
or together gives the same numbers: all windows are heard in one batch, and of a window only the frames that seed the
next one are decoded on the way.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from engine.models.codecs import MotionCodec
from engine.models.emage import PARTS, Emage, EmageOutput, SpeechMemory
from engine.models.emage_motion import CHANNELS, JOINTS, ROTATIONS, DecodedMotion, EmageCodecs, assembled, split_parts

# EMAGE's release (docs/sources/emage.md, sections 4 and 5.2): Hz of wave and motion, samples a frame, frames of a
# window.
RATE = 16000
FRAME_RATE = 30
SAMPLES = RATE // FRAME_RATE
WINDOW, SEED = 64, 4
HOP = WINDOW - SEED
FADE = 12  # frames: windows of different takes need as many to meet below the p99 inside them (docs/emage.md)
OPENING = 24  # frames over which a line is faded in from the body that its first seed shows, by eye
EXPRESSIONS = 100  # SMPL-X expression coefficients (docs/sources/contracts.md, section 1)
EDGE = 24  # frames beyond a line's ends: the codec of global motion looks 21 to each side
HEARD_AT_ONCE = 8  # windows, measured: more is no faster, and takes 10 MB of memory a window
LATENT_PARTS = frozenset({"face"})  # decoded from the latent; the others by the most likely code


@dataclass(frozen=True)
class Cutting:
    """How a line is cut. ``exact``: windows of speech begin where their motion does, not 0.625 ms a second early.
    ``whole``: the last window is filled with silence, so that no frame is lost and none is made from a sliver.
    ``fade``: every window is faded in from the one before, instead of cut; needs ``whole``."""

    exact: bool
    whole: bool
    fade: bool

    def sample(self, frame: int) -> int:
        """The first sample of a window that starts on this frame."""
        return frame * RATE // FRAME_RATE if self.exact else frame * SAMPLES


PUBLISHED = Cutting(exact=False, whole=False, fade=False)
MENDED = Cutting(exact=True, whole=True, fade=True)


@dataclass(frozen=True)
class Window:
    """Frames ``start`` .. ``start + length`` of the line, of which the first ``kept`` are put out."""

    start: int
    length: int
    kept: int


def plan_windows(frames: int, cutting: Cutting = PUBLISHED) -> list[Window]:
    """Hops of 60 frames. Published: a tail of what is left where that is more than 4 frames; whole: full windows until
    the last frame is covered."""
    if cutting.whole:
        count = max(1, -(-(frames - SEED) // HOP))
        last = Window(HOP * (count - 1), WINDOW, frames - HOP * (count - 1))
        return [*(Window(HOP * index, WINDOW, HOP) for index in range(count - 1)), last]
    rounds, rest = divmod(frames - SEED, HOP)
    windows = [Window(HOP * index, WINDOW, HOP) for index in range(rounds)]
    if rest > SEED:
        windows.append(Window(HOP * rounds, SEED + rest, SEED + rest))
    return windows


def line_frames(samples: int) -> int:
    """Frames of motion for so many samples of speech."""
    return samples * FRAME_RATE // RATE


def resting(batch: int, frames: int, device: torch.device) -> Tensor:
    """(B, T, 337) of identity rotations without translation or contacts."""
    identity = torch.tensor([1.0, 0.0, 0.0, 0.0, 1.0, 0.0], device=device).repeat(JOINTS)
    return torch.cat([identity, torch.zeros(CHANNELS - ROTATIONS, device=device)]).expand(batch, frames, -1).clone()


def choose_codes(codecs: EmageCodecs, found: EmageOutput) -> dict[str, Tensor]:
    """Codes (B, T) of every part, as the release chooses them."""
    return {part: chosen_codes(codecs.codec(part), part, found) for part in PARTS}


def chosen_codes(codec: MotionCodec, part: str, found: EmageOutput) -> Tensor:
    """Codes (B, T) of one part."""
    return codec.quantizer.indices(found.latents[part]) if part in LATENT_PARTS else found.logits[part].argmax(-1)


def infer(
    model: Emage,
    codecs: EmageCodecs,
    wave: Tensor,
    speaker: Tensor,
    motion: Tensor | None = None,
    mask: Tensor | None = None,
    cutting: Cutting = PUBLISHED,
    progress: Callable[[float], None] = lambda _: None,
) -> list[EmageOutput]:
    """Latents and logits of a line, window by window; :func:`joined` and :func:`decode_line` make one of them.

    ``wave`` (B, N) at 16 kHz; ``speaker`` (B,) int64. ``motion`` (B, t, 337) and ``mask`` (B, t, 337; True hides) are
    hints for the first t frames; without any the first seed is a T-pose. ValueError where the line is too short (8
    frames or less, as published) or the hints are longer than it.
    """
    frames = line_frames(wave.shape[1])
    windows = plan_windows(frames, cutting)
    if not windows:
        raise ValueError(f"{frames} frames are too few for EMAGE; at least {2 * SEED + 1} are needed")
    length = windows[-1].start + windows[-1].length
    base = resting(len(wave), max(frames, length), wave.device)
    hidden = torch.ones_like(base, dtype=torch.bool)
    for whole, given in ((base, motion), (hidden, mask)):
        if given is not None:
            if given.shape[1] > frames:
                raise ValueError(f"{given.shape[1]} frames of hints are given for a line of {frames}")
            whole[:, : given.shape[1]] = given
    seed = base[:, :SEED]
    out: list[EmageOutput] = []
    for index, (window, memories) in enumerate(zip(windows, hear_windows(model, wave, windows, cutting), strict=True)):
        progress(index / len(windows))
        part = slice(window.start, window.start + window.length)
        shown, covered = base[:, part].clone(), hidden[:, part].clone()
        shown[:, :SEED] = torch.where(covered[:, :SEED], seed, shown[:, :SEED])
        covered[:, :SEED] = False
        out.append(model(memories, speaker, shown, covered))
        if index + 1 < len(windows):
            seed = last_frames(codecs, choose_codes(codecs, out[-1]))
    return out


def hear_windows(model: Emage, wave: Tensor, windows: list[Window], cutting: Cutting = PUBLISHED) -> list[SpeechMemory]:
    """What the network hears in each window, windows of one length together; past its end the line is silent."""
    memories: list[SpeechMemory] = []
    batch = len(wave)
    missing = cutting.sample(windows[-1].start) + SAMPLES * windows[-1].length - wave.shape[1]
    if cutting.whole and missing > 0:
        wave = functional.pad(wave, (0, missing))
    for first in range(0, len(windows), HEARD_AT_ONCE):
        group = windows[first : first + HEARD_AT_ONCE]
        while group:
            same = [window for window in group if window.length == group[0].length]
            starts = [cutting.sample(window.start) for window in same]
            pieces = [wave[:, start : start + SAMPLES * same[0].length] for start in starts]
            found = model.hear(torch.cat(pieces), same[0].length)
            memories += [found.part(batch * index, batch * (index + 1)) for index in range(len(same))]
            group = group[len(same) :]
    return memories


def last_frames(codecs: EmageCodecs, codes: dict[str, Tensor]) -> Tensor:
    """The last frames (B, 4, 337) of a window: decoded from as many codes as its decoders see."""
    sight = max(codecs.codec(part).decoder.sight for part in codes)
    return codecs.decode({part: values[:, -(SEED + sight) :] for part, values in codes.items()}).channels[:, -SEED:]


def joined(pieces: list[EmageOutput], frames: int, cutting: Cutting = PUBLISHED) -> EmageOutput:
    """The windows' outputs one after the other, as published: each but the last without its last 4 frames."""
    kept = [window.kept for window in plan_windows(frames, cutting)]
    return EmageOutput(
        {p: torch.cat([o.latents[p][:, :n] for o, n in zip(pieces, kept, strict=True)], dim=1) for p in PARTS},
        {p: torch.cat([o.logits[p][:, :n] for o, n in zip(pieces, kept, strict=True)], dim=1) for p in PARTS},
    )


def decode_line(codecs: EmageCodecs, codes: dict[str, Tensor], start: Tensor) -> tuple[DecodedMotion, Tensor]:
    """The whole line decoded in one pass, and its root translation (B, T, 3) from ``start`` (B, 3)."""
    motion = codecs.decode(codes)
    return motion, codecs.translation(motion.lower, start)


def decode_faded(
    codecs: EmageCodecs,
    pieces: list[EmageOutput],
    windows: list[Window],
    start: Tensor,
    opening: Tensor | None = None,
) -> tuple[DecodedMotion, Tensor]:
    """As :func:`decode_line`, of whole windows, each faded in from the one before; the last may go beyond the line.

    ``opening`` (B, 337): the body from which the line's first frames are faded in, with a neutral face.
    """
    first: dict[str, Tensor | None] = dict.fromkeys(PARTS)
    if opening is not None:
        still = opening[:, None]
        first |= split_parts(still, still.new_zeros(*still.shape[:2], EXPRESSIONS))
    raw = {part: _faded(codecs.codec(part), part, pieces, windows, first[part]) for part in PARTS}
    lower = raw["lower"]
    ends = [lower[:, :1] if first["lower"] is None else first["lower"], lower[:, -1:]]
    before, after = (end.expand(-1, EDGE, -1) for end in ends)  # no convolution sees the zeros beyond the line
    trans = codecs.translation(torch.cat([before, lower, after], dim=1), start)[:, EDGE:-EDGE]
    trans[..., [0, 2]] += (start - trans[:, 0])[:, None, [0, 2]]
    return assembled(raw), trans


def _faded(
    codec: MotionCodec, part: str, pieces: list[EmageOutput], windows: list[Window], first: Tensor | None
) -> Tensor:
    """Motion (B, T, C) of one part: every window decoded by itself, and faded in from what goes before.

    That is the window before, with 4 frames beside it, then its last code held; for the first one ``first`` (B, 1, C).
    Motion is faded, not codes: halfway between two codes a decoder may be anywhere. A decoder sees the codes of the
    window before, and held ones beyond a line's ends and a window's last: zeros there would throw the frames beside
    them out of the motion.
    """
    sight, batch = codec.decoder.sight, len(pieces[0].logits[part])
    rows = torch.cat([codec.quantizer.rows(chosen_codes(codec, part, piece)) for piece in pieces])
    earlier = torch.cat([rows[:batch, :1].expand(-1, sight, -1), rows[:batch, :SEED]], dim=1)
    earlier = torch.cat([earlier, rows[:-batch, -(sight + SEED) :]])
    held = [earlier, rows[:, SEED:], rows[:, -1:].expand(-1, sight + FADE - SEED, -1)]
    found = codec.decoder(torch.cat(held, dim=1))[:, sight:-sight].split(batch)
    line = rows.new_zeros(batch, windows[-1].start + WINDOW, found[0].shape[-1])
    before = None if first is None else first.expand(-1, OPENING, -1)
    for window, own in zip(windows, found, strict=True):
        line[:, window.start : window.start + WINDOW] = own[:, :WINDOW]
        if before is not None:
            rise = _rise(before)
            start = slice(window.start, window.start + len(rise))
            line[:, start] = before * (1.0 - rise) + own[:, : len(rise)] * rise
        before = own[:, -FADE:]
    return line[:, : windows[-1].start + windows[-1].kept]


def _rise(like: Tensor) -> Tensor:
    """(F, 1) weights from 0 to 1 over the frames of ``like`` (B, F, C), at rest at both ends."""
    way = torch.arange(1, like.shape[1] + 1, device=like.device) / (like.shape[1] + 1.0)
    return (way**2 * (3.0 - 2.0 * way))[:, None]
