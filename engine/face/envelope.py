"""A mouth without phones: jaw and lips from the energy and f0 of the voice."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from engine.body.curves import minimum_jerk
from engine.face.visemes import viseme_table
from engine.speech.types import PROSODY_HOP, Prosody

Array = NDArray[np.float64]

# By eye; dB below the line's loud level.
FLOOR_DB = -26.0  # below this the mouth is shut
SMOOTHING = 0.022  # s, sigma
LEAD = 0.02  # s: the mouth moves a little ahead of the sound
WIDEST_JAW = 0.42  # jawOpen, 0..1
FRICATIVE_DB = -20.0  # from here sound without voice is a fricative


def envelope_mouth(prosody: Prosody, grid: Array, jaw: float) -> Array:
    """Table channels (len(grid), C) at grid seconds, widest opening scaled by ``jaw``.

    Voiced sound opens the jaw with its loudness; loud unvoiced sound is a narrow, spread mouth; high pitch spreads and
    low pitch rounds the lips a little. Silence is a shut, still mouth.
    """
    table = viseme_table()
    out = np.zeros((len(grid), len(table.channels)))
    if len(prosody.energy) == 0:
        return out
    at = np.arange(len(prosody.energy)) * PROSODY_HOP - LEAD
    energy = np.maximum(np.nan_to_num(prosody.energy.astype(np.float64), nan=-99.0), -99.0)
    voiced = prosody.f0 > 0.0
    loud = np.clip(1.0 - energy / FLOOR_DB, 0.0, 1.1) ** 1.4
    hiss = ~voiced & (energy > FRICATIVE_DB)
    pitch = _pitch(prosody.f0.astype(np.float64), voiced)
    wanted = {
        "jawOpen": WIDEST_JAW * jaw * np.where(voiced, loud, 0.3 * loud),
        "mouthStretch": np.where(hiss, 0.25, 0.15 * loud * np.maximum(pitch, 0.0)),
        "mouthFunnel": np.where(hiss, 0.0, 0.25 * loud * np.maximum(-pitch, 0.0)),
        "mouthLowerDown": 0.14 * np.where(hiss, 0.8, loud),
    }
    shut = minimum_jerk((energy - FLOOR_DB) / 4.0)
    for channel, values in wanted.items():
        smooth = gaussian_filter1d(values * shut, SMOOTHING / PROSODY_HOP, mode="nearest")
        smooth[smooth < 2e-3] = 0.0
        out[:, table.column(channel)] = np.interp(grid, at, smooth)
    return out


def _pitch(f0: Array, voiced: NDArray[np.bool_]) -> Array:
    """(N,) pitch against the line's own median, -1..1 for about +-6 semitones, carried through unvoiced stretches."""
    if not voiced.any():
        return np.zeros(len(f0))
    where = np.flatnonzero(voiced)
    semitones = 12.0 * np.log2(f0[where] / np.median(f0[where]))
    carried = np.interp(np.arange(len(f0)), where, semitones)
    return np.asarray(np.clip(gaussian_filter1d(carried, 8.0) / 6.0, -1.0, 1.0), dtype=np.float64)
