"""EMAGE as a generator, with small seeded weights: any length, published and mended, around pins, on planted feet."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from engine.body.motion import Motion, frame_count
from engine.body.skeleton import default_skeleton
from engine.errors import CospeechError
from engine.generators.published.emage import EmageGenerator
from engine.generators.published.emage_mends import EmageOptions, filled_contacts
from engine.generators.published.network_hints import hidden_channels
from engine.generators.published.network_takes import standing_seed
from engine.generators.unplanned import unplanned
from engine.hints import Hints
from engine.inspection import examine_weights
from engine.models.emage_windows import MENDED, PUBLISHED, plan_windows
from engine.plan.planner import plan_gestures
from engine.take.make import make_take
from engine.take.options import TakeOptions
from tests.places import DEMO, TRANSCRIPT
from tests.support.published import PIN, WINDOW, WRIST, around_a_pin, check_around_a_pin, check_windows, quiet, request


@pytest.fixture(scope="module")
def generator(emage_folder):
    return EmageGenerator.from_folder(emage_folder)


@pytest.mark.parametrize("fps", [24.0, 30.0, 23.976])
def test_a_line_of_any_rate_has_all_its_frames(generator, fps):
    asked = request(fps=fps)
    motion = generator.generate(asked, quiet)
    assert motion.frames == frame_count(asked.speech.seconds, fps)
    assert motion.fps == fps
    assert motion.expressions.any()
    assert motion.blendshapes is not None
    assert np.ptp(motion.poses, axis=0).max() > 0.05


@pytest.mark.parametrize("seconds", [0.35, 1.0, 2.1333, 2.2, 4.3])
def test_short_lines_work_and_the_published_cutting_says_when_it_can_not(generator, emage_folder, seconds):
    asked = request(seconds)
    assert generator.generate(asked, quiet).frames == frame_count(asked.speech.seconds, 30.0)
    published = EmageGenerator.from_folder(emage_folder, options=EmageOptions.published())
    if not plan_windows(int(seconds * 30)):
        with pytest.raises(CospeechError, match="too few"):
            published.generate(asked, quiet)
    else:
        assert published.generate(asked, quiet).frames == frame_count(asked.speech.seconds, 30.0)


def test_every_frame_is_covered_once_by_the_mended_cutting():
    for frames in range(5, 400, 7):
        windows = plan_windows(frames, MENDED)
        assert sum(window.kept for window in windows) == frames
        assert all(window.length == 64 for window in windows)
    assert sum(window.kept for window in plan_windows(126, PUBLISHED)) == 120  # six frames lost


def test_the_same_request_gives_the_same_bytes(generator):
    first, second = generator.generate(request(), quiet), generator.generate(request(), quiet)
    assert first.poses.tobytes() == second.poses.tobytes()
    assert first.trans.tobytes() == second.trans.tobytes()


def test_soles_stand_on_the_floor_and_planted_feet_stand_still(generator):
    motion = generator.generate(request(in_place=True), quiet)
    points, _ = default_skeleton().forward(motion.poses, motion.trans)
    toes = points[:, [10, 11]]
    assert abs(float(np.median(toes[..., 1].min(axis=1))) - default_skeleton().toe_height) < 0.01
    ankles = points[:, [7, 8]]
    assert np.abs(np.diff(ankles, axis=0)).max() < 2e-4
    assert np.ptp(points[:, 0, [0, 2]], axis=0).max() < 1e-5


def test_the_mended_line_starts_from_a_standing_body():
    """Published, the first seed is a T-pose: arms out to the sides."""
    seed = standing_seed(request())
    upper_arm = seed[0, 6 * 16 : 6 * 16 + 6].reshape(2, 3)
    assert seed.shape == (4, 337)
    assert upper_arm[0, 0] < 0.6  # cosine: the arm hangs, it is not where the T-pose has it


def test_unknown_speakers_are_a_sentence(generator):
    assert generator.generate(request(1.0, speaker="2"), quiet).frames == 30
    with pytest.raises(CospeechError, match="0 to 2"):
        generator.generate(request(1.0, speaker="3"), quiet)
    with pytest.raises(CospeechError, match="no speaker 'Scott'"):
        generator.generate(request(1.0, speaker="Scott"), quiet)


def test_a_window_is_made_anew_around_pins(generator):
    asked = request()
    base = generator.generate(asked, quiet)
    hints = around_a_pin(base)
    hidden = hidden_channels(hints, base.frames, WINDOW)
    assert not hidden[: WINDOW[0]].any()
    assert not hidden[PIN, 6 * WRIST : 6 * WRIST + 6].any()
    assert hidden[PIN + 1].all()
    made = generator.generate(replace(asked.asking(seed=5), hints=hints), quiet)
    check_around_a_pin(made, hints)


@pytest.mark.parametrize("fps", [23.976, 24.0, 60.0])
def test_windows_anywhere_in_a_take_of_any_rate(generator, fps):
    check_windows(generator, request(4.3, fps=fps), every=37)


def test_flickers_of_contact_are_filled():
    contacts = np.array([1, 1, 1, 1, 0, 0, 1, 1, 1, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0], bool)
    both = np.stack([contacts, ~contacts], axis=1)
    found = filled_contacts(both)
    assert found[:10, 0].all()
    assert not found[10:, 0].any()


def options_of(emage_folder, **changes) -> TakeOptions:
    line = TakeOptions(str(DEMO), str(TRANSCRIPT), generator="emage", weights=str(emage_folder))
    return replace(line, **changes)


def test_the_pipeline_makes_a_take_that_claims_no_planned_gestures(emage_folder):
    take = make_take(options_of(emage_folder, fps=24.0), quiet)
    assert take.plan["phrases"] == ()
    assert take.plan["words"]
    assert take.plan["blinks"]
    assert take.provenance["generator"] == "emage"
    assert take.provenance["options"]["weights"] == str(emage_folder)


@pytest.mark.parametrize("arms", [True, False])
def test_a_window_takes_the_gestures_that_it_covers_out_of_the_plan(arms):
    asked = request()
    before = asked.plan.phrases
    poses = np.zeros((frame_count(asked.speech.seconds, 24.0), 55, 3), np.float32)
    base = Motion(poses=poses, trans=poses[:, 0], fps=24.0, plan=asked.plan.to_dict())
    window = (0, int(24.0 * before[1].apex))
    free = np.full(55, arms)
    free[[12, 15]] = True
    plan = unplanned(plan_gestures(asked.speech, "explain", 1.0, 3), Hints(base=base, window=window, free_joints=free))
    assert [phrase.id for phrase in plan.phrases] == [phrase.id for phrase in before[1 if arms else 0 :]]
    assert all(nod.apex >= window[1] / 24.0 for nod in plan.head)


def test_what_a_published_system_needs_or_can_not_do_is_a_sentence(emage_folder, tmp_path):
    for changes, words in (
        ({"weights": ""}, "needs its published weights"),
        ({"weights": str(tmp_path / "none")}, "no folder"),
        ({"edits": ({"op": "delete", "id": 0},)}, "follows no gesture plan"),
        ({"role": "listen"}, "only speaks"),
        ({"speaker": "9"}, "no speaker '9'"),
    ):
        with pytest.raises(CospeechError, match=words):
            make_take(options_of(emage_folder, **changes), quiet)


def test_weights_are_examined(emage_folder):
    found = examine_weights("emage", str(emage_folder))
    assert found["speakers"] == 3
    assert found["parameters"] > 10_000
    with pytest.raises(CospeechError, match="Choose the folder"):
        examine_weights("emage", "")
    with pytest.raises(CospeechError, match="no published generator"):
        examine_weights("default", str(emage_folder))
