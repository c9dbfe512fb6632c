"""How neighbouring gestures hand over to each other, when a plan is changed after it was made."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from engine.plan.candidates import BEAT_HOLD, HOLD_MIN, STRETCH
from engine.plan.tables import ClassTimes, Style, load_tables
from engine.plan.types import GesturePhrase, GesturePlan

CLOSEST = 0.45  # s from apex to apex: a short hold, and a way that can be seen (docs/sources/semantics.md, section 13)
USER = "user"  # the rule of a phrase that a person made or changed


def class_times(gclass: str) -> ClassTimes:
    """The natural lengths of a gesture class; those of a middle beat where the class is unknown."""
    durations = load_tables().durations
    return durations.get(gclass, durations["beat_mid"])


def windup(phrase: GesturePhrase) -> float:
    """How much of a phrase's preparation only brings the hand to where its stroke begins, seconds."""
    times = class_times(phrase.gclass)
    return (phrase.apex - phrase.onset) * times.windup / times.prep


def style_of(plan: GesturePlan) -> Style:
    """The numbers of a plan's style."""
    styles = load_tables().styles
    return plan.speaker.style(styles.get(plan.style, styles["explain"]))


def in_order(phrases: Iterable[GesturePhrase]) -> list[GesturePhrase]:
    """By apex, as they are performed."""
    return sorted(phrases, key=lambda phrase: (phrase.apex, phrase.id))


def linked(plan: GesturePlan, phrases: Iterable[GesturePhrase], closed: frozenset[int] = frozenset()) -> GesturePlan:
    """The plan with these phrases instead of its own: every gesture that is new, or has another follower than before,
    ends as this follower allows; all others stay as they are, to the last digit. ``closed`` ids are at rest in time
    already, unless a follower comes sooner."""
    before = _followers(in_order(plan.phrases))
    ordered = in_order(phrases)
    out = []
    for phrase, follower in zip(ordered, [*ordered[1:], None], strict=False):
        known = before.get(phrase.id)
        if phrase.id in closed and (follower is None or follower.onset >= phrase.retract_end):
            out.append(phrase)
            continue
        stays = known is not None and known[0] == phrase and _still_fits(phrase, known[1], _start(follower))
        out.append(phrase if stays else ended(phrase, follower, plan))
    return replace(plan, phrases=tuple(out))


def _still_fits(phrase: GesturePhrase, before: float | None, now: float | None) -> bool:
    """Whether a gesture may end as it did although its follower's onset, seconds, is another."""
    return before == now or (phrase.join == "rest" and (now is None or now >= phrase.retract_end))


def _followers(ordered: Sequence[GesturePhrase]) -> dict[int, tuple[GesturePhrase, float | None]]:
    return {
        phrase.id: (phrase, _start(follower)) for phrase, follower in zip(ordered, [*ordered[1:], None], strict=False)
    }


def _start(phrase: GesturePhrase | None) -> float | None:
    return None if phrase is None else phrase.onset


def natural_hold(phrase: GesturePhrase, plan: GesturePlan) -> float:
    """How long the class holds in this style, seconds."""
    hold = class_times(phrase.gclass).lasting(style_of(plan).hold)
    return max(hold, 0.25) if phrase.semantic else min(max(hold, BEAT_HOLD[0]), BEAT_HOLD[1])


def ended(phrase: GesturePhrase, follower: GesturePhrase | None, plan: GesturePlan) -> GesturePhrase:
    """The phrase with hold, return and join as its follower allows: the hands stay up for one that comes at once,
    half-way for one that comes soon, and rest otherwise."""
    style, retract = style_of(plan), class_times(phrase.gclass).retract
    hold = phrase.hold_end - phrase.apex
    natural = natural_hold(phrase, plan)
    hold = natural if phrase.join == "next" else max(hold, (1.0 - STRETCH) * natural)
    if follower is None or follower.onset - phrase.apex - hold >= style.join_partial:
        latest = plan.seconds if follower is None else follower.onset
        hold_end = min(phrase.apex + hold, max(phrase.apex + HOLD_MIN, latest - retract))
        back = min(hold_end + retract, max(latest, hold_end + (1.0 - STRETCH) * retract))
        return _closed(phrase, hold_end, back, "rest")
    start = max(follower.onset, phrase.apex + 0.02)
    hold_end = min(phrase.apex + hold, start)
    if phrase.join == "rest" and start - hold_end >= (1.0 - STRETCH) * retract:
        return _closed(phrase, hold_end, min(hold_end + retract, start), "rest")
    if start - hold_end < 0.5 * sum(style.join_next):
        return _closed(phrase, start, start, "next")
    return _closed(phrase, hold_end, start, "partial")


def _closed(phrase: GesturePhrase, hold_end: float, back: float, join: str) -> GesturePhrase:
    hold_end = max(hold_end, phrase.apex)
    return replace(phrase, hold_end=round(hold_end, 4), retract_end=round(max(back, hold_end), 4), join=join)


def preparation(phrase: GesturePhrase, room: float) -> float:
    """How long the way to the apex takes, seconds: as it is, within 25 % of the class's, and within the ``room``."""
    natural = class_times(phrase.gclass).prep
    wished = min(max(phrase.apex - phrase.onset, (1.0 - STRETCH) * natural), (1.0 + STRETCH) * natural)
    return max(min(wished, room), 0.05)


def placed(phrase: GesturePhrase, apex: float, earliest: float) -> GesturePhrase:
    """The phrase with its apex elsewhere, all else with it; it starts no earlier than ``earliest``."""
    prep = preparation(phrase, apex - earliest)
    shift = apex - phrase.apex
    return replace(
        phrase,
        onset=round(max(apex - prep, 0.0), 4),
        apex=round(apex, 4),
        hold_end=round(phrase.hold_end + shift, 4),
        retract_end=round(phrase.retract_end + shift, 4),
    )
