"""EMAGE's windows meet without a pop: at their borders nothing is faster than inside them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from small_emage import standing_release

from engine.evaluation.metrics import rotation_error_degrees
from engine.generators.base import Request
from engine.generators.emage import EmageGenerator
from engine.generators.emage_mends import EmageOptions
from engine.models.emage_windows import HOP, MENDED, SEED
from engine.plan.listener import plan_idle
from engine.speech.load import silence

SECONDS = 24.0
START = 15  # frames


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("emage")
    standing_release(made)
    return made


def speeds(folder, seed: int, *, fade: bool) -> np.ndarray:
    """(T-1,) how fast the joints of a line turn on their average, degrees a second."""
    wave = np.random.default_rng(seed).normal(0.0, 0.1, round(SECONDS * 16000))
    swells = np.interp(np.arange(len(wave)) / 16000, np.arange(SECONDS + 1), np.arange(SECONDS + 1) % 3)
    speech = replace(silence(SECONDS), waveform=(wave * swells).astype(np.float32))
    plan = plan_idle(speech, "explain", 1.0, 0)
    options = replace(EmageOptions(), cutting=replace(MENDED, fade=fade))
    request = Request(speech=speech, plan=plan, fps=30.0, seed=0, parts=("hands", "upper", "lower", "root"))
    poses = EmageGenerator.from_folder(folder, options=options).generate(request, lambda *_: None).poses
    return np.asarray(rotation_error_degrees(poses[1:], poses[:-1]).mean(axis=1) * 30.0)


def borders(count: int) -> np.ndarray:
    """(count,) the steps into and over the frames that two windows share."""
    flags = np.zeros(count, bool)
    for start in range(HOP, count, HOP):
        flags[start - 1 : start + SEED] = True
    return flags


def test_windows_do_not_pop_and_the_line_does_not_snap(folder):
    at_borders, cut_hard, at_start = [], [], []
    for seed in range(3):
        found, hard = (speeds(folder, seed, fade=fade) for fade in (True, False))
        flags = borders(len(found))
        inside = np.percentile(found[~flags], 99)
        at_borders.append(found[flags] / inside)
        cut_hard.append(hard[flags] / np.percentile(hard[~flags], 99))
        at_start.append(found[:START].max() / inside)
    assert np.percentile(np.concatenate(at_borders), 99) <= 1.0
    assert np.max(at_start) <= 1.0
    assert np.percentile(np.concatenate(cut_hard), 99) > np.percentile(np.concatenate(at_borders), 99)
