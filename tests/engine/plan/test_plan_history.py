"""What making windows anew leaves in a take's provenance, and how it is taken back."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.plan.history import STEPS, apart_from, life_record, lived_plan, rewound, step_between, steps_of
from engine.plan.planner import plan_gestures
from engine.plan.revise import Parts, planned_anew
from tests.support.regen import base, line, plan_of

WINDOWS = ((60, 180), (200, 320), (330, 450), (480, 672), (90, 150))


def anew(plan, window, seed):
    span = window[0] / 30, window[1] / 30
    return planned_anew(plan, plan_gestures(line(), "explain", 1.0, seed), span, seed, Parts())


def stored(steps):
    return steps_of(json.loads(json.dumps({STEPS: list(steps)})))


@given(st.lists(st.tuples(st.sampled_from(WINDOWS[:4]), st.integers(1, 9)), min_size=1, max_size=5))
@settings(max_examples=25, deadline=None)
def test_every_step_can_be_taken_back_in_turn(made):
    plan, steps, before = plan_of(base()), (), []
    for window, seed in made:
        past = rewound(plan, steps, window)
        before.append((past.plan, past.steps))
        plan = anew(past.plan, window, seed)
        steps = stored([*past.steps, step_between(past.plan, plan, window)])
    back = rewound(plan, steps, made[-1][0])
    assert (back.plan, back.steps) == before[-1]


def test_a_window_around_takes_back_what_was_made_inside_and_one_across_forgets_it():
    home = plan_of(base())
    first = anew(home, (90, 150), 3)
    steps = stored([step_between(home, first, (90, 150))])
    assert rewound(first, steps, (60, 180)).plan == home
    assert rewound(first, steps, (330, 450)).steps == steps
    across = rewound(first, steps, (120, 240))
    assert (across.plan, across.steps) == (first, ())
    assert apart_from(steps, (150, 200)) == steps
    assert apart_from(steps, (149, 200)) == ()


def test_what_was_edited_since_is_not_taken_back():
    home = plan_of(base())
    first = anew(home, (60, 450), 3)
    steps = stored([step_between(home, first, (60, 450))])
    new = next(p for p in first.phrases if p not in home.phrases)
    edited = replace(first, phrases=tuple(p for p in first.phrases if p != new))
    assert rewound(edited, steps, (60, 450)).plan == edited


def test_a_take_that_had_no_plan_has_none_again():
    made = plan_of(base())
    steps = stored([step_between(None, made, (60, 180))])
    assert rewound(made, steps, (60, 180)).plan is None


@pytest.mark.parametrize(
    "known", [None, {}, {STEPS: 3}, {STEPS: [1]}, {STEPS: [{"window": [1], "was": {}, "now": {}}]}]
)
def test_a_record_that_is_not_ours_counts_as_none(known):
    assert steps_of(known) == ()
    assert lived_plan(plan_of(base()), known) == plan_of(base())


def test_the_body_life_is_remembered_with_the_times_of_its_gestures():
    other = plan_gestures(line(), "explain", 1.0, 4)
    lived = lived_plan(plan_of(base()), json.loads(json.dumps(life_record(other))))
    assert lived.seed == 4
    assert [(p.onset, p.apex, p.hold_end, p.retract_end, p.join, p.hands) for p in lived.phrases] == [
        (p.onset, p.apex, p.hold_end, p.retract_end, p.join, p.hands) for p in other.phrases
    ]
