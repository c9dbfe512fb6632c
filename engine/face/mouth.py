"""Mouth channels on output frames: coarticulated shapes, then the contacts, then vowels that must stay open."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from engine.face.contacts import Contacts
from engine.face.lips import column, lip_gap
from engine.face.visemes import LIP_CLOSE, expand, viseme_table
from engine.speech.types import Phone

Array = NDArray[np.float64]

# Weights 0..1, by eye where no source is named.
CLOSED_JAW = 0.14  # the jaw stays a little open behind closed lips
SEAL = 0.16  # how firmly closed lips press at the least
BITTEN_JAW = 0.05  # the most that the jaw opens while lip and teeth touch
BITTEN_ROLL = 0.83  # measured: on the mesh the lower lip reaches the upper teeth from about 0.79 on
BITTEN_UPPER = 0.22  # clears the upper teeth
# What must go for the lips to meet all along their line: a lip that rolls in leaves the other one behind too.
PARTING = (
    "mouthFunnel",
    "mouthUpperUp",
    "mouthLowerDown",
    "mouthStretch",
    "mouthRollLower",
    "mouthRollUpper",
    "mouthShrugLower",
    "tongueOut",
)
# And what would keep the lower lip from the upper teeth.
HIDING = (
    "mouthClose",
    "mouthFunnel",
    "mouthLowerDown",
    "mouthPress",
    "mouthRollUpper",
    "mouthShrugLower",
    "tongueOut",
)
# By eye.
VOWEL_GAP = 0.06  # in units of the opening: every vowel opens at least this far on one of its frames
ASYMMETRY = 0.05  # share of a weight between left and right


def spread_channels(mouth: Array, curves: Array, rng: np.random.Generator) -> None:
    """Write table channels (T, C) into ARKit curves (T, 52), each left and right pair a little uneven."""
    table = viseme_table()
    for index, channel in enumerate(table.channels):
        columns = expand(channel)
        tilt = rng.uniform(-ASYMMETRY, ASYMMETRY) if len(columns) == 2 else 0.0
        for side, target in zip((1.0, -1.0), columns, strict=False):
            curves[:, target] = np.clip(mouth[:, index] * (1.0 + side * tilt), 0.0, 1.0)
    curves[:, column("mouthClose")] = curves[:, column("jawOpen")] * mouth[:, table.column(LIP_CLOSE)]


def apply_contacts(curves: Array, touch: Contacts) -> None:
    """Bring the lips together where ``touch.closed``, the lower lip to the teeth where ``touch.bitten`` (in place).

    At weight 1 the contact is exact: lips without a gap, the lower lip on the teeth.
    """
    _bite(curves, touch.bitten)
    _close(curves, touch.closed)


def _close(curves: Array, weight: Array) -> None:
    jaw, close = curves[:, column("jawOpen")], curves[:, column("mouthClose")]
    funnel, pucker = curves[:, column("mouthFunnel")], curves[:, column("mouthPucker")]
    lowered = jaw - weight * np.maximum(jaw - CLOSED_JAW, 0.0)
    share = np.divide(close, jaw, out=np.zeros_like(jaw), where=jaw > 1e-6)
    curves[:, column("mouthClose")] = lowered * np.where(weight >= 1.0, 1.0, 1.0 - (1.0 - share) * (1.0 - weight))
    curves[:, column("jawOpen")] = lowered
    curves[:, column("mouthPucker")] = np.clip(pucker + 0.4 * weight * funnel, 0.0, 1.0)  # rounding goes on, sealed
    for name in PARTING:
        _scale(curves, name, 1.0 - weight)
    _scale(curves, "mouthSmile", 1.0 - 0.5 * weight)
    _scale(curves, "mouthFrown", 1.0 - 0.5 * weight)
    for target in expand("mouthPress"):
        curves[:, target] = np.maximum(curves[:, target], SEAL * weight**2)


def _bite(curves: Array, weight: Array) -> None:
    jaw = curves[:, column("jawOpen")]
    curves[:, column("jawOpen")] = jaw - weight * np.maximum(jaw - BITTEN_JAW, 0.0)
    for name in HIDING:
        _scale(curves, name, 1.0 - weight)
    _scale(curves, "mouthPucker", 1.0 - 0.85 * weight)
    _scale(curves, "mouthSmile", 1.0 - 0.4 * weight)
    _scale(curves, "mouthFrown", 1.0 - 0.7 * weight)
    for name, least in (("mouthRollLower", BITTEN_ROLL), ("mouthUpperUp", BITTEN_UPPER)):
        for target in expand(name):
            curves[:, target] = np.maximum(curves[:, target], weight * least)


def _scale(curves: Array, name: str, factor: Array) -> None:
    for target in expand(name):
        curves[:, target] *= factor


def open_vowels(curves: Array, phones: Sequence[Phone], times: Array, touch: Contacts) -> None:
    """Open the jaw where a vowel would look shut on all its frames (in place); frames of a contact are left alone."""
    vowels = sorted((p.start, p.end) for p in phones if p.is_vowel and p.end > p.start)
    if not vowels or len(times) == 0:
        return
    start, end = np.array(vowels).T
    index = np.maximum(np.searchsorted(start, times, "right") - 1, 0)
    free = (times >= start[index]) & (times < end[index]) & (touch.closed < 1.0) & (touch.bitten < 1.0)
    gap = lip_gap(curves)
    widest = np.full(len(start), -np.inf)
    np.maximum.at(widest, index[free], gap[free])
    missing = np.where(np.isfinite(widest), np.maximum(VOWEL_GAP - widest, 0.0), 0.0)
    if not missing.any():
        return
    shape = 0.05 + np.sin(np.pi * np.clip((times - start[index]) / (end[index] - start[index]), 0.0, 1.0))
    shape = np.where(free, shape, 0.0)
    tallest = np.full(len(start), 1e-9)
    np.maximum.at(tallest, index, shape)
    curves[:, column("jawOpen")] += missing[index] * shape / tallest[index]
