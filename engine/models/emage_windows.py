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

from engine.models.emage import PARTS, Emage, EmageOutput, Heard
from engine.models.emage_motion import CHANNELS, JOINTS, ROTATIONS, DecodedMotion, EmageCodecs

RATE = 16000
FRAME_RATE = 30
SAMPLES = RATE // FRAME_RATE
WINDOW, SEED = 64, 4
HOP = WINDOW - SEED
HEARD_AT_ONCE = 8  # more is no faster, and takes 10 MB of memory a window
LATENT_PARTS = frozenset({"face"})  # decoded from the latent; the others by the most likely code


@dataclass(frozen=True)
class Cutting:
    """How a line is cut. ``exact``: windows of speech begin where their motion does, not 0.625 ms a second early.
    ``whole``: the last window is filled with silence, so that no frame is lost and none is made from a sliver.
    ``fade``: where two windows overlap, their latents are cross-faded before decoding, instead of cut."""

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
    return {
        part: codecs.codec(part).quantizer.indices(found.latents[part])
        if part in LATENT_PARTS
        else found.logits[part].argmax(-1)
        for part in PARTS
    }


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
    for index, (window, heard) in enumerate(zip(windows, hear_windows(model, wave, windows, cutting), strict=True)):
        progress(index / len(windows))
        part = slice(window.start, window.start + window.length)
        shown, covered = base[:, part].clone(), hidden[:, part].clone()
        shown[:, :SEED] = torch.where(covered[:, :SEED], seed, shown[:, :SEED])
        covered[:, :SEED] = False
        out.append(model(heard, speaker, shown, covered))
        if index + 1 < len(windows):
            seed = last_frames(codecs, choose_codes(codecs, out[-1]))
    return out


def hear_windows(model: Emage, wave: Tensor, windows: list[Window], cutting: Cutting = PUBLISHED) -> list[Heard]:
    """What the network hears in each window, windows of one length together; past its end the line is silent."""
    heard: list[Heard] = []
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
            heard += [found.part(batch * index, batch * (index + 1)) for index in range(len(same))]
            group = group[len(same) :]
    return heard


def last_frames(codecs: EmageCodecs, codes: dict[str, Tensor]) -> Tensor:
    """The last frames (B, 4, 337) of a window: decoded from as many codes as its decoders see."""
    sight = max(codecs.codec(part).decoder.sight for part in codes)
    return codecs.decode({part: values[:, -(SEED + sight) :] for part, values in codes.items()}).channels[:, -SEED:]


def joined(pieces: list[EmageOutput], frames: int) -> EmageOutput:
    """The windows' outputs one after the other, as published: each but the last without its last 4 frames."""
    kept = [window.kept for window in plan_windows(frames)]
    return EmageOutput(
        {p: torch.cat([o.latents[p][:, :n] for o, n in zip(pieces, kept, strict=True)], dim=1) for p in PARTS},
        {p: torch.cat([o.logits[p][:, :n] for o, n in zip(pieces, kept, strict=True)], dim=1) for p in PARTS},
    )


def decode_line(codecs: EmageCodecs, codes: dict[str, Tensor], start: Tensor) -> tuple[DecodedMotion, Tensor]:
    """The whole line decoded in one pass, and its root translation (B, T, 3) from ``start`` (B, 3)."""
    motion = codecs.decode(codes)
    return motion, codecs.translation(motion.lower, start)


def faded_latents(codecs: EmageCodecs, pieces: list[EmageOutput], windows: list[Window]) -> dict[str, Tensor]:
    """Codebook rows (B, T, D) of the whole line, cross-faded over the 4 frames where two windows overlap."""
    rise = torch.arange(1, SEED + 1) / (SEED + 1.0)
    rise = (rise * rise * (3.0 - 2.0 * rise))[None, :, None]
    out: dict[str, Tensor] = {}
    for part in PARTS:
        quantizer = codecs.codec(part).quantizer
        rows = [quantizer.rows(choose_codes(codecs, piece)[part]) for piece in pieces]
        line = rows[0].new_zeros(len(rows[0]), windows[-1].start + windows[-1].length, rows[0].shape[-1])
        for index, (window, own) in enumerate(zip(windows, rows, strict=True)):
            overlap, share = slice(window.start, window.start + SEED), rise.to(own.device)
            before = line[:, overlap].clone()
            line[:, window.start : window.start + window.length] = own
            if index:
                line[:, overlap] = before * (1.0 - share) + own[:, :SEED] * share
        out[part] = line[:, : windows[-1].start + windows[-1].kept]
    return out
