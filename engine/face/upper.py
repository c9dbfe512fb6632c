"""Brows, lids and smiles from the plan's events, with the small idle movement that keeps a face alive."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.face.easing import add_event, drift, envelope, of_kind
from engine.face.lips import column
from engine.plan.types import Event, GesturePlan

Array = NDArray[np.float64]

# Blinks (docs/sources/semantics.md, section 7): lids fall about twice as fast as they rise.
CLOSE_TIME = (0.05, 0.10)  # s
REOPEN_TIME = (0.15, 0.30)  # s
FULL_BLINK = 0.6  # 0..1, by eye: a blink of at least this amount closes the eye


@dataclass(frozen=True)
class Manner:
    """What a style does to the resting upper face: weights 0..1."""

    wide: float
    lid: float
    squint: float
    cheek: float


# Weights 0..1, by eye.
MANNERS = {
    "calm": Manner(wide=0.0, lid=0.06, squint=0.03, cheek=0.0),
    "explain": Manner(wide=0.02, lid=0.02, squint=0.04, cheek=0.02),
    "narrate": Manner(wide=0.03, lid=0.02, squint=0.04, cheek=0.02),
    "excited": Manner(wide=0.10, lid=0.0, squint=0.10, cheek=0.08),
}


def blink_weight(plan: GesturePlan, times: Array) -> Array:
    """Lid closure (T,) 0..1 of the plan's blinks; each full blink is shut on the frame nearest to its apex."""
    out = np.zeros(len(times))
    for event in plan.blinks:
        _blink(out, times, event)
    return out


def _blink(out: Array, times: Array, event: Event) -> None:
    peak = min(max(event.amount, 0.96), 1.0) if event.amount >= FULL_BLINK else max(event.amount, 0.0)
    nearest = int(np.clip(np.searchsorted(times, event.apex), 0, len(times) - 1))
    if nearest and event.apex - times[nearest - 1] < times[nearest] - event.apex:
        nearest -= 1
    shut = float(times[nearest])
    spacing = float(times[1] - times[0]) if len(times) > 1 else 0.0
    if abs(shut - event.apex) > 0.51 * spacing:
        return  # outside of the frames asked for
    start = shut - float(np.clip(event.apex - event.start, *CLOSE_TIME))
    release = shut + float(np.clip(event.hold, 0.0, 0.5))
    end = release + float(np.clip(event.end - event.apex - event.hold, *REOPEN_TIME))
    first, last = np.searchsorted(times, (start, end))
    part = slice(max(int(first) - 1, 0), int(last) + 1)
    out[part] = np.maximum(out[part], peak * envelope(times[part], start, shut, release, end))


def brows(curves: Array, plan: GesturePlan, times: Array, rng: np.random.Generator) -> None:
    """Write the plan's brow events and slow idle movement into curves (T, 52), in place."""
    raised, drawn, frown = np.zeros(len(times)), np.zeros(len(times)), np.zeros(len(times))
    tilt = np.zeros(len(times))
    for event in of_kind(plan.brows, "raise"):
        add_event(raised, times, event, event.amount)
        add_event(tilt, times, event, event.amount * rng.uniform(-0.16, 0.16))
    for event in of_kind(plan.brows, "inner"):
        add_event(drawn, times, event, event.amount)
    for event in of_kind(plan.brows, "frown"):
        add_event(frown, times, event, event.amount)
    idle = 0.018 * drift(times, rng, 0.05, 0.35) + 0.03
    curves[:, column("browInnerUp")] += 0.75 * raised + 0.9 * drawn + np.maximum(idle, 0.0)
    for side, sign in (("Left", 1.0), ("Right", -1.0)):
        own = np.maximum(0.014 * drift(times, rng, 0.05, 0.3) + 0.02, 0.0)
        curves[:, column(f"browOuterUp{side}")] += 0.85 * raised + sign * tilt + own
        curves[:, column(f"browDown{side}")] += 0.85 * frown * (1.0 + 0.06 * sign)
        curves[:, column(f"eyeWide{side}")] += 0.25 * raised
        curves[:, column(f"eyeSquint{side}")] += 0.25 * frown


def smiles(curves: Array, plan: GesturePlan, times: Array, rng: np.random.Generator) -> None:
    """Write the plan's smiles into curves (T, 52) that already hold the spoken mouth; rounding wins over smiling."""
    level = np.zeros(len(times))
    for event in plan.smiles:
        add_event(level, times, event, event.amount)
    level = np.clip(level, 0.0, 1.0)
    rounded = np.clip(1.3 * curves[:, column("mouthPucker")] + curves[:, column("mouthFunnel")], 0.0, 1.0)
    tilt = rng.uniform(-0.08, 0.08)
    for side, sign in (("Left", 1.0), ("Right", -1.0)):
        mouth = level * (1.0 + sign * tilt) * (1.0 - 0.7 * rounded)
        smile = column(f"mouthSmile{side}")
        curves[:, smile] += (1.0 - curves[:, smile]) * 0.65 * mouth
        curves[:, column(f"mouthDimple{side}")] += 0.12 * mouth
        curves[:, column(f"cheekSquint{side}")] += 0.45 * level
        curves[:, column(f"eyeSquint{side}")] += 0.22 * level


def rest_face(curves: Array, style: str, energy: float, times: Array, rng: np.random.Generator) -> None:
    """Add the style's resting lids, squint and cheeks to curves (T, 52), in place, breathing slowly."""
    manner = MANNERS.get(style, MANNERS["explain"])
    slow = 1.0 + 0.25 * drift(times, rng, 0.04, 0.2)
    for side in ("Left", "Right"):
        curves[:, column(f"eyeWide{side}")] += manner.wide * slow * energy
        curves[:, column(f"eyeBlink{side}")] += manner.lid
        curves[:, column(f"eyeSquint{side}")] += manner.squint * slow
        curves[:, column(f"cheekSquint{side}")] += manner.cheek * energy


def close_lids(curves: Array, blink: Array) -> None:
    """Lay blinks (T,) over the lids in place: what opens the eye gives way, brows sink a little."""
    for side in ("Left", "Right"):
        lid = column(f"eyeBlink{side}")
        curves[:, lid] += (1.0 - np.clip(curves[:, lid], 0.0, 1.0)) * blink
        curves[:, column(f"eyeWide{side}")] *= 1.0 - blink
        curves[:, column(f"eyeSquint{side}")] *= 1.0 - 0.6 * blink
        curves[:, column(f"browDown{side}")] += 0.06 * blink
