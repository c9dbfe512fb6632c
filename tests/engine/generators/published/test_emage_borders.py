"""EMAGE's windows meet without a pop: at their borders nothing is faster than inside them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from engine.evaluation.metrics import rotation_error_degrees
from engine.generators.base import Request
from engine.generators.published.emage import EmageGenerator
from engine.generators.published.emage_mends import EmageOptions
from engine.hints import Hints
from engine.models.emage_windows import HOP, MENDED, SEED
from engine.plan.listener import plan_idle
from engine.speech.load import silence
from engine.take.options import TakeOptions
from tests.support.published import quiet

SECONDS = 24.0
START = 15  # frames


def asked(seed: int) -> Request:
    """A line whose loudness swells and breaks off every three seconds."""
    wave = np.random.default_rng(seed).normal(0.0, 0.1, round(SECONDS * 16000))
    swells = np.interp(np.arange(len(wave)) / 16000, np.arange(SECONDS + 1), np.arange(SECONDS + 1) % 3)
    speech = replace(silence(SECONDS), waveform=(wave * swells).astype(np.float32))
    plan = plan_idle(speech, "explain", 1.0, 0)
    return Request(speech, plan, TakeOptions(audio="", parts=("hands", "upper", "lower", "root")))


def speeds(standing_folder, seed: int, *, fade: bool) -> np.ndarray:
    """(T-1,) how fast the joints of a line turn on their average, degrees a second."""
    options = replace(EmageOptions(), cutting=replace(MENDED, fade=fade))
    return turns(EmageGenerator.from_folder(standing_folder, options=options).generate(asked(seed), quiet).poses)


def turns(poses: np.ndarray) -> np.ndarray:
    """(T-1,) degrees a second, the mean over the joints."""
    return np.asarray(rotation_error_degrees(poses[1:], poses[:-1]).mean(axis=1) * 30.0)


def borders(count: int) -> np.ndarray:
    """(count,) the steps into and over the frames that two windows share."""
    flags = np.zeros(count, bool)
    for start in range(HOP, count, HOP):
        flags[start - 1 : start + SEED] = True
    return flags


def test_windows_do_not_pop_and_the_line_does_not_snap(standing_folder):
    at_borders, cut_hard, at_start = [], [], []
    for seed in range(3):
        found, hard = (speeds(standing_folder, seed, fade=fade) for fade in (True, False))
        flags = borders(len(found))
        inside = np.percentile(found[~flags], 99)
        at_borders.append(found[flags] / inside)
        cut_hard.append(hard[flags] / np.percentile(hard[~flags], 99))
        at_start.append(found[:START].max() / inside)
    assert np.percentile(np.concatenate(at_borders), 99) <= 1.0
    assert np.max(at_start) <= 1.0
    assert np.percentile(np.concatenate(cut_hard), 99) > np.percentile(np.concatenate(at_borders), 99)


def test_a_window_made_anew_starts_and_ends_in_what_stands_around_it(standing_folder):
    """Another speaker's motion between the base's: neither its ends nor the frames beside them are faster."""
    generator, request, edges = EmageGenerator.from_folder(standing_folder), asked(0), []
    base = generator.generate(request, quiet)
    inside = np.percentile(turns(base.poses), 99)
    for first in range(35, base.frames - 110, 97):
        window = (first, first + 90)
        hints = Hints(base=base, window=window)
        found = turns(generator.generate(replace(request.asking(speaker="2"), hints=hints), quiet).poses)
        assert np.abs(found[slice(*window)] - turns(base.poses)[slice(*window)]).max() > 5.0  # it is another motion
        edges += [found[first - 1 : first + 8], found[window[1] - 9 : window[1]]]
    assert np.percentile(np.concatenate(edges), 99) <= inside
