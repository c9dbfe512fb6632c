"""The fraction of a job: monotone, from 0 to 1, whatever stages it has."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from engine.take.progress import ENDS, LISTENING, STAGES, Course

FRACTIONS = st.lists(st.floats(0.0, 1.0), max_size=4)
TAKE = st.dictionaries(st.sampled_from(list(STAGES)), FRACTIONS, max_size=5)


def told_of(takes: list[dict[str, list[float]]], listening: list[float] | None) -> list[float]:
    seen: list[float] = []
    course = Course(lambda _stage, fraction: seen.append(fraction), len(takes))
    for fraction in listening or ():
        course("speech", fraction)
    for stages in takes:
        course.begin_take()
        for stage in STAGES:
            for fraction in stages.get(stage, ()):
                course(stage, fraction)
    return seen


@given(st.lists(TAKE, min_size=1, max_size=3), st.none() | FRACTIONS)
def test_it_never_goes_back_and_stays_inside(takes, listening):
    seen = told_of(takes, listening)
    assert seen == sorted(seen)
    assert all(0.0 <= fraction <= 1.0 for fraction in seen)


def test_listening_has_its_share_only_where_the_line_is_heard():
    whole = {stage: [0.0, 1.0] for stage in STAGES}
    assert told_of([whole], None)[:2] == [0.0, STAGES["body"]]
    heard = told_of([whole], [0.0, 1.0])
    assert heard[:3] == [0.0, LISTENING / (LISTENING + 1), LISTENING / (LISTENING + 1)]
    assert told_of([whole], None)[-1] == heard[-1] == ENDS["write"] == 1.0


def test_takes_share_what_listening_leaves():
    seen = told_of([{"write": [1.0]}, {"plan": [0.0], "write": [1.0]}], [1.0])
    share = LISTENING / (LISTENING + 2)
    assert seen == [share, share + (1 - share) / 2, share + (1 - share) / 2, 1.0]


def test_an_unknown_stage_stands_at_the_take_s_begin():
    assert told_of([{}], None) == []
    seen: list[tuple[str, float]] = []
    course = Course(lambda stage, fraction: seen.append((stage, fraction)))
    course("dreaming", 0.5)
    assert seen == [("dreaming", 0.0)]
