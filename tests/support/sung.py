"""Syllables built by rule, for what listens to accents."""

from __future__ import annotations

import numpy as np

from engine.speech.types import PROSODY_HOP, SAMPLE_RATE


def sung(
    starts: np.ndarray, loud: np.ndarray, hertz: np.ndarray, seconds: float, long: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Voiced syllables of 0.16 s (or ``long``), peaked in their middle, and the pitch every 10 ms."""
    rng = np.random.default_rng(1)
    wave = 1e-4 * rng.standard_normal(round(seconds * SAMPLE_RATE))
    f0 = np.zeros(len(wave) // 160 + 1)
    for index, start in enumerate(starts):
        length = 0.16 if long is None else float(long[index])
        first = round(start * SAMPLE_RATE)
        times = np.arange(round(length * SAMPLE_RATE)) / SAMPLE_RATE
        tone = sum(np.sin(2.0 * np.pi * hertz[index] * k * times) / k for k in range(1, 12))
        wave[first : first + len(times)] += loud[index] * np.sin(np.pi * times / length) ** 2 * tone
        f0[round(start / PROSODY_HOP) : round((start + length) / PROSODY_HOP)] = hertz[index]
    return wave.astype(np.float32), f0
