"""EMAGE on other bodies, standing still, on planted feet, in parts, and with pins that it sees."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from engine.body.rotations import axis_angle_to_matrix
from engine.body.skeleton import default_skeleton
from engine.evaluation.metrics import foot_slide
from engine.generators.base import Request
from engine.generators.published.emage import EmageGenerator
from engine.generators.published.emage_mends import EmageOptions, Proportions, anchored
from engine.generators.published.network_hints import network_channels, piece_around
from engine.hints import Hints
from engine.plan.listener import plan_idle
from engine.take.options import TakeOptions
from tests.support.plan_speech import say
from tests.support.published import quiet

SECONDS = 7.0
WINDOW = (70, 150)
LONG_LEGS = 1.25


@pytest.fixture(scope="module")
def generator(standing_folder):
    return EmageGenerator.from_folder(standing_folder)


@pytest.fixture(scope="module")
def asked() -> Request:
    speech = say("We built this place for you, and we mean every word of it. Come in, and tell me what you see.")
    wave = np.random.default_rng(3).normal(0.0, 0.1, round(SECONDS * 16000)).astype(np.float32)
    speech = replace(speech, waveform=wave)
    return Request(speech, plan_idle(speech, "explain", 1.0, 0), TakeOptions(audio=""))


@pytest.fixture(scope="module")
def base(generator, asked):
    return generator.generate(asked, quiet)


@pytest.fixture(scope="module")
def walk(base):
    """The take of somebody who walks two metres: small random weights hardly move the root."""
    way = np.linspace(0.0, 1.0, base.frames)[:, None] ** 2 * np.float32([1.5, 0.0, 1.0])
    return replace(base, trans=base.trans + way.astype(np.float32))


def other_body():
    """Joints of somebody with longer legs and a shorter trunk, who stands with the soles where ours are."""
    rest = default_skeleton().rest.copy()
    legs = [1, 2, 4, 5, 7, 8, 10, 11]
    rest[legs, 1] = rest[0, 1] + LONG_LEGS * (rest[legs, 1] - rest[0, 1])
    trunk = [joint for joint in range(55) if joint not in (0, *legs)]
    rest[trunk] = rest[0] + 0.9 * (rest[trunk] - rest[0])
    return default_skeleton().with_rest(rest)


def fitted_to(motion, skeleton):
    """A take on the rig, as the add-on puts it there."""
    return replace(motion, trans=Proportions.of(skeleton).to_rig(motion.trans).astype(np.float32))


def toes(motion, skeleton):
    return skeleton.forward(motion.poses, motion.trans)[0][:, [10, 11]]


def test_our_own_body_changes_nothing_and_another_stands_on_its_soles():
    trans = np.random.default_rng(0).normal(size=(9, 3))
    assert np.abs(Proportions.of(default_skeleton()).to_rig(trans) - trans).max() < 1e-12
    body = Proportions.of(other_body())
    assert body.scale == pytest.approx(LONG_LEGS, rel=0.02)
    assert np.abs(body.to_ours(body.to_rig(trans)) - trans).max() < 1e-12
    standing = body.to_rig(np.array([[0.0, default_skeleton().standing_height, 0.0]]))
    assert standing[0, 1] == pytest.approx(other_body().standing_height)


def test_a_window_on_a_rig_of_other_proportions_stands_where_the_rig_does(generator, asked, walk):
    theirs = other_body()
    there = fitted_to(walk, theirs)
    made = generator.generate(replace(asked, hints=Hints(base=there, window=WINDOW, rest=theirs.rest)), quiet)
    outside = np.r_[0 : WINDOW[0], WINDOW[1] : walk.frames]
    for name in ("poses", "trans", "expressions", "blendshapes"):
        assert getattr(made, name)[outside].tobytes() == getattr(there, name)[outside].tobytes(), name
    inside = slice(WINDOW[0] + 15, WINDOW[1] - 15)
    height = toes(made, theirs)[inside, :, 1].min(axis=1)
    before = toes(there, theirs)[inside, :, 1].min(axis=1)
    assert abs(float(np.median(height)) - float(np.median(before))) < 0.03
    # without the rig's joints the network would be shown, and would give, a root of another size
    seen, _ = piece_around(Hints(base=there, window=WINDOW, rest=theirs.rest), asked.speech.waveform)
    wanted, begin = piece_around(Hints(base=walk, window=WINDOW), asked.speech.waveform)
    assert begin < WINDOW[0]
    assert np.abs(seen.seen - wanted.seen).max() < 1e-5
    blind, _ = piece_around(Hints(base=there, window=WINDOW), asked.speech.waveform)
    assert np.abs(blind.seen - wanted.seen).max() > 0.05


def test_the_network_sees_the_pins_and_not_what_they_replace(asked, base):
    rotations, mask = base.poses.copy(), np.zeros(base.poses.shape[:2], np.bool_)
    rotations[100, 20] += 0.4
    mask[100, 20] = True
    trans, rooted = base.trans.copy(), np.zeros(base.frames, np.bool_)
    trans[110], rooted[110] = trans[110] + 0.2, True
    hints = Hints(base, WINDOW, rotations=rotations, rotation_mask=mask, trans=trans, trans_mask=rooted)
    piece, begin = piece_around(hints, asked.speech.waveform)
    wanted = network_channels(replace(base, poses=rotations, trans=trans))
    wrist = slice(6 * 20, 6 * 21)
    assert np.abs(piece.seen[100 - begin, wrist] - wanted[100, wrist]).max() < 1e-6
    assert np.abs(piece.seen[110 - begin, 330:333] - trans[110]).max() < 1e-6
    assert not piece.hidden[100 - begin, wrist].any()
    assert not piece.hidden[110 - begin, 330:333].any()
    assert piece.hidden[101 - begin].all()


def test_in_place_neither_pelvis_nor_feet_travel(standing_folder, asked, base):
    skeleton = default_skeleton()
    plain = EmageGenerator.from_folder(standing_folder, options=EmageOptions.published()).generate(asked, quiet)
    still = EmageGenerator.from_folder(standing_folder).generate(asked.asking(in_place=True), quiet)
    always = np.ones((base.frames, 2), np.bool_)
    travel = [float(np.ptp(motion.trans[:, [0, 2]], axis=0).max()) for motion in (plain, still)]
    slide = [foot_slide(skeleton.forward(m.poses, m.trans)[0], always, m.fps) for m in (plain, still)]
    assert travel[0] > 1e-3
    assert travel[1] == 0.0
    assert slide[0] > 1.0
    assert slide[1] < 0.01


def test_a_root_that_drifts_over_standing_feet_is_held_and_one_that_walks_is_not(base):
    """A still body carried off at half a metre a second: while its feet are on the floor it stays."""
    skeleton = default_skeleton()
    local = axis_angle_to_matrix(np.repeat(base.poses[:1].astype(np.float64), 120, axis=0))
    trans = np.repeat(base.trans[:1].astype(np.float64), 120, axis=0)
    trans[:, 0] += np.arange(120) / 60.0
    held = anchored(local, trans, np.ones((120, 2), np.bool_), skeleton)
    assert np.ptp(held[:, 0]) < 0.02
    assert held[0].tobytes() == trans[0].tobytes()
    free = anchored(local, trans, np.zeros((120, 2), np.bool_), skeleton)
    assert free.tobytes() == trans.tobytes()
    landed = np.zeros((120, 2), np.bool_)
    landed[60:] = True
    half = anchored(local, trans, landed, skeleton)
    assert np.ptp(half[:, 0]) == pytest.approx(1.0, abs=0.05)


def test_parts_that_are_not_asked_for_stay(generator, asked, base):
    only = generator.generate(asked.asking(parts=("upper",)), quiet)
    assert only.poses[:, 16].tobytes() == base.poses[:, 16].tobytes()
    assert not only.poses[:, [0, 1, 22, 30]].any()
    assert not only.expressions.any()
    assert only.blendshapes is None
    assert np.ptp(only.trans, axis=0).max() == 0.0
    made = generator.generate(replace(asked.asking(parts=("hands",)), hints=Hints(base=base, window=WINDOW)), quiet)
    assert made.poses[:, :25].tobytes() == base.poses[:, :25].tobytes()
    assert made.trans.tobytes() == base.trans.tobytes()
    assert made.poses[:, 25:].tobytes() != base.poses[:, 25:].tobytes()
