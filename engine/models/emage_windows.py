"""EMAGE over a whole line: overlapping windows, each seeded by the last frames of the one before.

This is the published inference to the letter, with its faults: a T-pose as the first seed, frames lost at the tail,
windows cut hard against each other, 533 samples of speech a frame where the rate says 533.33. What is computed sooner
or together gives the same numbers: all windows are heard in one batch, and of a window only the frames that seed the
next one are decoded on the way.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from engine.models.emage import PARTS, Emage, EmageOutput, Heard
from engine.models.emage_motion import CHANNELS, JOINTS, ROTATIONS, DecodedMotion, EmageCodecs

RATE = 16000
FRAME_RATE = 30
SAMPLES = RATE // FRAME_RATE
WINDOW, SEED = 64, 4
HOP = WINDOW - SEED
HEARD_AT_ONCE = 32
LATENT_PARTS = frozenset({"face"})  # decoded from the latent; the others by the most likely code


@dataclass(frozen=True)
class Window:
    """Frames ``start`` .. ``start + length`` of the line, of which the first ``kept`` are put out."""

    start: int
    length: int
    kept: int


def plan_windows(frames: int) -> list[Window]:
    """The published cutting: hops of 60, and a tail of what is left where that is more than 4 frames."""
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
    progress: Callable[[float], None] = lambda _: None,
) -> EmageOutput:
    """Latents and logits of a line. ``wave`` (B, N) at 16 kHz; ``speaker`` (B,) int64.

    ``motion`` (B, t, 337) and ``mask`` (B, t, 337; True hides) are hints for the first t frames. ValueError where the
    line is too short (8 frames or less) or the hints are longer than it.
    """
    frames = line_frames(wave.shape[1])
    windows = plan_windows(frames)
    if not windows:
        raise ValueError(f"{frames} frames are too few for EMAGE; at least {2 * SEED + 1} are needed")
    base = resting(len(wave), frames, wave.device)
    hidden = torch.ones_like(base, dtype=torch.bool)
    for whole, given in ((base, motion), (hidden, mask)):
        if given is not None:
            if given.shape[1] > frames:
                raise ValueError(f"{given.shape[1]} frames of hints are given for a line of {frames}")
            whole[:, : given.shape[1]] = given
    seed = base[:, :SEED]
    out: list[EmageOutput] = []
    for index, (window, heard) in enumerate(zip(windows, hear_windows(model, wave, windows), strict=True)):
        progress(index / len(windows))
        part = slice(window.start, window.start + window.length)
        shown, covered = base[:, part].clone(), hidden[:, part].clone()
        shown[:, :SEED] = torch.where(covered[:, :SEED], seed, shown[:, :SEED])
        covered[:, :SEED] = False
        found = model(heard, speaker, shown, covered)
        if index + 1 < len(windows):
            seed = last_frames(codecs, choose_codes(codecs, found))
        out.append(_cut(found, window.kept))
    return EmageOutput(
        {name: torch.cat([piece.latents[name] for piece in out], dim=1) for name in PARTS},
        {name: torch.cat([piece.logits[name] for piece in out], dim=1) for name in PARTS},
    )


def hear_windows(model: Emage, wave: Tensor, windows: list[Window]) -> list[Heard]:
    """What the network hears in each window, windows of one length together."""
    heard: list[Heard] = []
    batch = len(wave)
    for first in range(0, len(windows), HEARD_AT_ONCE):
        group = windows[first : first + HEARD_AT_ONCE]
        while group:
            same = [window for window in group if window.length == group[0].length]
            pieces = [wave[:, SAMPLES * w.start : SAMPLES * (w.start + w.length)] for w in same]
            found = model.hear(torch.cat(pieces), same[0].length)
            heard += [
                Heard(
                    found.face[batch * i : batch * (i + 1)],
                    [(k[batch * i : batch * (i + 1)], v[batch * i : batch * (i + 1)]) for k, v in found.body],
                )
                for i in range(len(same))
            ]
            group = group[len(same) :]
    return heard


def last_frames(codecs: EmageCodecs, codes: dict[str, Tensor]) -> Tensor:
    """The last frames (B, 4, 337) of a window: decoded from as many codes as its decoders see."""
    sight = max(codecs.codec(part).decoder.sight for part in codes)
    return codecs.decode({part: values[:, -(SEED + sight) :] for part, values in codes.items()}).channels[:, -SEED:]


def decode_line(codecs: EmageCodecs, found: EmageOutput, start: Tensor) -> tuple[DecodedMotion, Tensor]:
    """The whole line decoded in one pass, and its root translation (B, T, 3) from ``start`` (B, 3)."""
    motion = codecs.decode(choose_codes(codecs, found))
    return motion, codecs.translation(motion.lower, start)


def _cut(found: EmageOutput, frames: int) -> EmageOutput:
    return EmageOutput(
        {part: values[:, :frames] for part, values in found.latents.items()},
        {part: values[:, :frames] for part, values in found.logits.items()},
    )
