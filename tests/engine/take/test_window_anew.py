"""A window made anew: the same take where nothing changed, the base outside, pins inside, all of it the same again."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from engine.body.joints import ANKLES, TOES
from engine.body.kinematics import rotation_y
from engine.body.legs import SOFT_KNEE, leg_length
from engine.body.motion import Motion
from engine.body.skeleton import default_skeleton
from engine.errors import CospeechError
from engine.generators.base import BaseOrigin, Request
from engine.generators.default import DefaultGenerator
from engine.generators.life.body import build_life, evaluate_life
from engine.generators.life.stance import stance_of_base
from engine.generators.window import CHAIN, free_spans, reach_of
from engine.hints import Hints, HintsError, Target, save_hints
from engine.plan.lexemes import lexemes
from engine.plan.links import class_times, linked
from engine.plan.types import Event, GesturePhrase, GesturePlan
from engine.speech.load import silence
from engine.take.make import make_take
from engine.take.options import TakeOptions
from tests.support.regen import OPTIONS, base, line, plan_of, regenerated, silent_progress

WINDOWS = ((0, 120), (60, 180), (200, 320), (330, 450), (552, 672))


def same_bytes(first, second, frames=slice(None)):
    return all(
        getattr(first, name)[frames].tobytes() == getattr(second, name)[frames].tobytes()
        for name in ("poses", "trans", "expressions", "blendshapes")
    )


@pytest.mark.parametrize("window", [*WINDOWS, (0, 672)])
def test_without_pins_the_same_seed_gives_the_same_take(window, tmp_path):
    made = regenerated(tmp_path, Hints(base=base(), window=window))
    assert same_bytes(made, base())
    assert made.plan == base().plan
    assert made.provenance["window"] == list(window)
    assert not made.provenance["plan_changed"]


@pytest.mark.parametrize("window", WINDOWS[1:4])
def test_another_seed_changes_the_window_and_nothing_else(window, tmp_path):
    made = regenerated(tmp_path, Hints(base=base(), window=window), seed=7)
    outside = np.r_[0 : window[0], window[1] : made.frames]
    assert same_bytes(made, base(), outside)
    assert np.abs(made.poses - base().poses).max() > 0.1
    again = regenerated(tmp_path, Hints(base=base(), window=window), seed=7)
    assert same_bytes(made, again)
    assert made.plan == again.plan
    body = [joint for joint in range(55) if joint not in (23, 24)]  # eyes jump
    step = np.abs(np.diff(made.poses[:, body], 2, axis=0)).max(axis=(1, 2))
    usual = np.abs(np.diff(base().poses[:, body], 2, axis=0)).max(axis=(1, 2))
    for border in window:
        assert step[border - 3 : border + 2].max() <= np.percentile(usual, 99)


def test_only_gestures_inside_the_window_are_planned_anew(tmp_path):
    window = (330, 450)
    made = plan_of(regenerated(tmp_path, Hints(base=base(), window=window), seed=7))
    old = plan_of(base())
    span = window[0] / 30, window[1] / 30
    before = [p for p in old.phrases if p.retract_end <= span[0]]
    assert [p for p in made.phrases if p.retract_end <= span[0]] == before
    across = [p for p in old.phrases if p.onset < span[0] or p.retract_end > span[1]]
    assert {(p.id, p.apex, p.hands) for p in across} <= {(p.id, p.apex, p.hands) for p in made.phrases}
    new = [p for p in made.phrases if p.id not in {q.id for q in old.phrases}]
    assert all(span[0] <= p.onset and p.apex <= span[1] for p in new)
    assert all(a.apex <= b.onset for a, b in pairwise(made.phrases))
    assert made.seed == old.seed
    assert all(0 <= p.id < 2**31 for p in made.phrases)


def pinned_arms(first: Motion, window, frames, other: Motion):
    """Hints on a take: the right arm, and once the left, as another take has it on these frames of the window."""
    rotations, mask = other.poses.copy(), np.zeros((first.frames, 55), np.bool_)
    mask[np.ix_(frames, [14, 17, 19, 21])] = True
    mask[frames[-1], [13, 16, 18]] = True
    return Hints(base=first, window=window, rotations=rotations, rotation_mask=mask)


def hints_on(take, window, pins):
    if not pins:
        return Hints(base=take, window=window)
    frames = [window[0] + round(share * (window[1] - window[0])) for share in (0.3, 0.7)]
    return pinned_arms(take, window, frames, base(3))


@pytest.mark.parametrize("pins", [False, True])
@pytest.mark.parametrize("window", [(60, 180), (200, 320), (330, 450), (480, 672), (0, 150)])
def test_a_seed_gives_the_same_bytes_whatever_was_tried_between(window, pins, tmp_path):
    """In place, one after another: nothing of what the window held before may be seen in what comes next."""
    tried = {}
    take = base()
    for seed in (5, 6, 6, 5, 0):  # again at once, and again after another
        take = regenerated(tmp_path, hints_on(take, window, pins), seed=seed)
        assert same_bytes(take, tried.setdefault(seed, take)), seed
        assert take.plan == tried[seed].plan
    if not pins:
        assert same_bytes(tried[0], base())
        assert tried[0].plan == base().plan


def test_windows_side_by_side_and_inside_each_other_forget_what_was_tried(tmp_path):
    take = regenerated(tmp_path, hints_on(base(), (60, 180), True), seed=8)
    take = first = regenerated(tmp_path, hints_on(take, (330, 450), False), seed=6)
    outer = regenerated(tmp_path, hints_on(take, (60, 180), True), seed=5)
    for seed in (7, 6):
        take = regenerated(tmp_path, hints_on(take, (330, 450), True), seed=seed)
    again = regenerated(tmp_path, hints_on(take, (330, 450), False), seed=6)
    assert same_bytes(again, first)
    inside = regenerated(tmp_path, hints_on(again, (90, 150), False), seed=9)
    assert same_bytes(regenerated(tmp_path, hints_on(inside, (60, 180), True), seed=5), outer)


def test_the_whole_take_and_one_arm_of_it_forget_what_was_tried(tmp_path):
    free = np.zeros(55, np.bool_)
    free[[17, 19, 21, *range(40, 55)]] = True
    for more in ({}, {"free_joints": free, "free_trans": False}):
        take, tried = base(), {}
        for seed in (5, 6, 5, 0, 6):
            take = regenerated(tmp_path, Hints(base=take, window=(0, 672), **more), seed=seed)
            assert same_bytes(take, tried.setdefault(seed, take)), (seed, more)
        assert same_bytes(tried[0], base())
        assert same_bytes(tried[5], base(5)) == (not more)  # all of it anew is the take of that seed


def test_a_deleted_gesture_stays_away_from_its_seed_and_edits_start_a_new_story(tmp_path):
    window = (40, 560)
    take = regenerated(tmp_path, Hints(base=base(), window=window), seed=5)
    new = [p for p in plan_of(take).phrases if p.id not in {q.id for q in plan_of(base()).phrases}]
    edit = ({"op": "delete", "id": new[0].id},)
    edited = regenerated(tmp_path, Hints(base=take), seed=5, edits=edit, window="auto")
    again = regenerated(tmp_path, Hints(base=edited, window=window), seed=5)
    assert new[0].id not in {p.id for p in plan_of(again).phrases}


def test_a_turned_hand_leaves_the_arm_its_rest_and_a_held_one_does_not():
    mask = np.zeros((672, 55), np.bool_)
    mask[[200, 390], [20, 30]] = True
    hand = Hints(base=base(), window=(100, 672), rotation_mask=mask, rotations=base().poses)
    assert free_spans(hand) == [(100 / 30, np.inf)]
    assert free_spans(replace(hand, targets=(Target(20, 300, (0.3, 1.2, 0.4)),))) == [(100 / 30, 10.0), (10.0, np.inf)]
    mask[330, 19] = True
    assert free_spans(replace(hand, rotation_mask=mask)) == [(100 / 30, 11.0), (11.0, np.inf)]


def test_pins_hold_and_targets_are_told(tmp_path):
    rotations, mask = base().poses.copy(), np.zeros((672, 55), np.bool_)
    rotations[390, [17, 19]] += 0.2
    mask[390, [17, 19]] = True
    far = Target(20, 360, (3.0, 1.2, 0.4))
    hints = Hints(base=base(), window=(330, 450), rotations=rotations, rotation_mask=mask, targets=(far,))
    made = regenerated(tmp_path, hints, seed=3)
    assert made.poses[mask].tobytes() == rotations[mask].tobytes()
    told = made.provenance["hints"]["targets"][0]
    assert not told["reached"]
    assert told["residual_mm"] > 1000.0


def test_parts_that_are_not_asked_for_stay_as_the_base_has_them(tmp_path):
    made = regenerated(tmp_path, Hints(base=base(), window=(330, 450)), seed=7, parts=("face",))
    body = [joint for joint in range(55) if joint not in (22, 23, 24)]
    assert made.poses[:, body].tobytes() == base().poses[:, body].tobytes()
    assert made.trans.tobytes() == base().trans.tobytes()
    assert made.blendshapes.tobytes() != base().blendshapes.tobytes()
    assert plan_of(made).phrases == plan_of(base()).phrases


def test_one_free_arm_gets_one_handed_gestures_and_the_other_goes_on(tmp_path):
    free = np.zeros(55, np.bool_)
    free[[17, 19, 21, *range(40, 55)]] = True
    made = regenerated(tmp_path, Hints(base=base(), window=(0, 672), free_joints=free, free_trans=False), seed=7)
    assert made.poses[:, ~free].tobytes() == base().poses[:, ~free].tobytes()
    assert made.poses[:, 17].tobytes() != base().poses[:, 17].tobytes()
    old = {p.id for p in plan_of(base()).phrases if p.hands != "right"}
    new = [p for p in plan_of(made).phrases if p.id not in {q.id for q in plan_of(base()).phrases}]
    assert old <= {p.id for p in plan_of(made).phrases}
    assert new
    assert all(p.hands == "right" for p in new)


def test_a_first_take_on_another_skeleton_stands_on_the_floor(tmp_path):
    """The add-on's first take of a rig of its own: a still base, the whole take as the window."""
    theirs = default_skeleton().with_rest(default_skeleton().rest * 0.7)
    still = Motion(
        poses=np.zeros((672, 55, 3), np.float32),
        trans=np.tile([0.0, theirs.standing_height, 0.0], (672, 1)).astype(np.float32),
        fps=30.0,
        blendshapes=np.zeros((672, 52), np.float32),
    )
    made = regenerated(tmp_path, Hints(base=still, rest=theirs.rest), seed=1)
    points, _ = theirs.forward(made.poses, made.trans)
    above = points[:, list(TOES), 1] - theirs.toe_height
    assert above.min() > -2e-3
    assert np.abs(above).min(axis=1).max() < 2e-3  # a step lifts one foot
    assert np.quantile(above, 0.95) < 2e-3
    moving = np.abs(np.diff(points[:, list(ANKLES)], axis=0)).max(axis=-1) > 5e-4
    assert not moving.all(axis=1).any()
    assert moving.any(axis=1).mean() < 0.15
    ours = make_take(replace(OPTIONS, seed=1), silent_progress, line())
    assert np.ptp(made.trans[:, 0]) == pytest.approx(0.7 * np.ptp(ours.trans[:, 0]), rel=0.05)
    assert plan_of(made).phrases == plan_of(ours).phrases


def test_a_base_without_a_plan_gets_one_for_the_window(tmp_path):
    bare = replace(base(), plan=None, provenance=None)
    made = regenerated(tmp_path, Hints(base=bare, window=(300, 480)), seed=2)
    assert same_bytes(made, bare, np.r_[0:300, 480:672])
    assert all(p.onset >= 10.0 and p.apex < 16.0 for p in plan_of(made).phrases)


def test_another_rate_is_a_sentence(tmp_path):
    save_hints(tmp_path / "h.npz", Hints(base=base(), window=(0, 60)))
    with pytest.raises(HintsError, match=r"30 frames per second, but 24"):
        make_take(replace(OPTIONS, hints=str(tmp_path / "h.npz"), fps=24.0), silent_progress, line())


def test_edits_without_a_plan_are_a_sentence(tmp_path):
    bare = replace(base(), plan=None)
    with pytest.raises(CospeechError, match="need the plan"):
        regenerated(tmp_path, Hints(base=bare), edits=({"op": "delete", "id": 0},))


def long_plan(seconds: float) -> GesturePlan:
    """Many gestures of all classes, from both hands, with short and long gaps."""
    rng, phrases, time = np.random.default_rng(3), [], 1.0
    names = lexemes()
    while time < seconds - 3.0:
        name = names[rng.integers(len(names))]
        times = class_times(name.gclass)
        hands = "both" if name.hands == "both" else str(rng.choice(["left", "right"]))
        apex = round(time + times.prep, 4)
        ends = round(apex + times.hold, 4), round(apex + times.hold + times.retract, 4)
        phrases.append(
            GesturePhrase(len(phrases), round(time, 4), apex, *ends, name.lexeme, name.gclass, hands, 1.0, -1,
                          not name.beat, apex, apex, "next")
        )  # fmt: skip
        time = apex + float(rng.uniform(0.8, 4.0))
    empty = GesturePlan(seconds, "explain", 0, 1.0, ())
    return linked(empty, phrases)


def test_a_window_of_a_long_line_costs_its_own_gestures_and_gives_the_same():
    plan, generator = long_plan(90.0), DefaultGenerator.bundled()
    whole = Request(silence(90.0), plan, TakeOptions(audio=""))
    take = replace(generator.generate(whole, lambda *_: None), plan=plan.to_dict())
    for start in (150, 1100, 1777, 2300):
        hints = Hints(base=take, window=(start, start + 120))
        request = replace(whole, hints=hints, origin=BaseOrigin(plan, 0))
        made = generator.generate(request, lambda *_: None)
        assert np.abs(made.poses - take.poses).max() < 1e-6
        reach = reach_of(plan.phrases, hints.window, take.frames, 30.0)
        assert len(reach.phrases) <= CHAIN + 14


def test_a_body_that_stands_elsewhere_stays_there(tmp_path):
    moved = base().trans.copy()
    moved[:, 0] += 1.5
    moved[:, 2] -= 0.7
    there = replace(base(), trans=moved)
    made = regenerated(tmp_path, Hints(base=there, window=(330, 450)), seed=4)
    assert np.abs(made.trans - there.trans).max() < 0.03
    points, _ = default_skeleton().forward(made.poses[300:480], made.trans[300:480])
    assert np.abs(np.diff(points[:, list(ANKLES)], axis=0)).max() < 5e-4


def test_a_body_that_faces_elsewhere_goes_on_facing_there(tmp_path):
    turn = Rotation.from_rotvec([0.0, 2.5, 0.0])
    poses = base().poses.copy()
    poses[:, 0] = (turn * Rotation.from_rotvec(poses[:, 0])).as_rotvec()
    rest = default_skeleton().rest[0]
    there = replace(base(), poses=poses, trans=(turn.apply(base().trans + rest) - rest).astype(np.float32))
    made = regenerated(tmp_path, Hints(base=there, window=(330, 450)), seed=4)
    points, _ = default_skeleton().forward(made.poses, made.trans)
    ours, _ = default_skeleton().forward(base().poses, base().trans)
    assert (
        np.abs(points[:, list(ANKLES)] - turn.apply(ours[:, list(ANKLES)].reshape(-1, 3)).reshape(672, 2, 3)).max()
        < 2e-3
    )
    apart = (Rotation.from_rotvec(made.poses[:, 0]).inv() * Rotation.from_rotvec(there.poses[:, 0])).magnitude()
    assert apart.max() < 0.1


@pytest.mark.parametrize("window", [(0, 1), (671, 672), (300, 302), (0, 5)])
def test_the_shortest_windows_can_be_made(window, tmp_path):
    made = regenerated(tmp_path, Hints(base=base(), window=window), seed=5)
    assert same_bytes(made, base(), np.r_[0 : window[0], window[1] : 672])


def test_a_shot_may_be_longer_or_shorter_than_its_line(tmp_path):
    still = [np.repeat(getattr(base(), name)[-1:], 200, axis=0) for name in ("poses", "trans", "blendshapes")]
    whole = [getattr(base(), name) for name in ("poses", "trans", "blendshapes")]
    poses, trans, shapes = (np.concatenate(pair) for pair in zip(whole, still, strict=True))
    longer = Motion(poses=poses, trans=trans, blendshapes=shapes, fps=30.0, plan=base().plan)
    made = regenerated(tmp_path, Hints(base=longer, window=(640, 872)), seed=5)
    assert np.abs(np.diff(made.poses[700:], axis=0)).max() > 1e-4  # alive after the last word
    shorter = Motion(poses=poses[:100], trans=trans[:100], blendshapes=shapes[:100], fps=30.0, plan=base().plan)
    assert regenerated(tmp_path, Hints(base=shorter, window=(20, 100)), seed=5).frames == 100


@pytest.mark.parametrize("scale", [0.6, 1.3])
def test_another_skeleton_keeps_its_feet_and_moves_by_its_legs(scale, tmp_path):
    """A base in other proportions: standing on its own floor, the window sways by its leg length."""
    ours = default_skeleton()
    rest = ours.rest * scale
    theirs = ours.with_rest(rest)
    trans = base().trans.astype(np.float64) * scale
    points, _ = theirs.forward(base().poses, trans)
    there = replace(base(), trans=trans.astype(np.float32))
    made = regenerated(tmp_path, Hints(base=there, window=(330, 450), rest=rest), seed=4)
    after, _ = theirs.forward(made.poses, made.trans)
    assert np.abs(after[:, list(ANKLES)] - points[:, list(ANKLES)]).max() < 2e-3
    assert np.abs(made.trans - there.trans).max() < 0.03 * scale
    assert leg_length(theirs, 0, SOFT_KNEE) == pytest.approx(scale * leg_length(ours, 0, SOFT_KNEE))


def test_a_take_that_was_turned_takes_its_steps_anew(tmp_path):
    """The steps of a base that stands elsewhere are those of life, carried there; feet don't glide instead."""
    plan = GesturePlan(12.0, "narrate", 3, 1.0, (), shifts=(Event("shift", 4.0, 5.2, 12.0, 0.03),))
    seed = next(seed for seed in range(20) if build_life(plan, seed).stance.steps)
    life, times, turn = build_life(plan, seed), np.array([3.0, 8.0]), rotation_y(np.array(0.4))
    local, trans = evaluate_life(life, times)
    place = np.array([0.3, 0.0, -0.2])
    home = np.array([0.0, 0.0, default_skeleton().rest[0, 2]])
    turned = local.copy()
    turned[:, 0] = turn @ local[:, 0]
    moved = (trans + default_skeleton().rest[0] - home) @ turn.T + home + place - default_skeleton().rest[0]
    stance = stance_of_base(life.stance, (3.0, 8.0), times, (turned, moved), (local, trans))
    assert len(stance.steps) == len(life.stance.steps)
    lived, shown = walked_at(life.stance), walked_at(stance)
    assert np.abs((lived - home) @ turn.T + home + place - shown).max() < 1e-6
    assert np.ptp(shown[:, :, 1], axis=0).max() > 0.01


def walked_at(stance):
    return stance.feet_at(np.arange(3.0, 8.0, 1.0 / 30.0)).ankles
