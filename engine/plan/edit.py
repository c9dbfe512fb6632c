"""Edits of a plan: move, exchange, resize, delete, add a gesture; and which frames of the take that concerns."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from engine.errors import CospeechError
from engine.plan.candidates import BEAT_LEAD, HOLD_MIN, STRETCH
from engine.plan.lexemes import Lexeme, lexeme_named, plain_beat
from engine.plan.links import CLOSEST, USER, class_times, in_order, linked, natural_hold, placed
from engine.plan.tables import load_tables
from engine.plan.text import read_tokens
from engine.plan.types import HANDS, Event, GesturePhrase, GesturePlan
from engine.speech.types import Speech

AMPLITUDE = (0.2, 2.0)  # times the class's size: the range that an edit may ask for, by eye
LEAD_SECONDS = 0.6  # a gesture's first movement comes this much before its planned onset at most, by eye
TAIL_SECONDS = 0.5  # and its last this much after the planned return, by eye
CROSSING = 0.4  # s, by eye: a pose kept for a follower lives until this long after the follower's apex
EVENT_SECONDS = 0.4  # either side of a head's, brow's or eye's event, by eye
EMPHASIS_SECONDS = 0.5  # beside a stretch, in which a network moves otherwise too, by eye
GROUPS = ("head", "brows", "gaze", "blinks", "breaths", "shifts", "smiles")


@dataclass(frozen=True)
class Edited:
    """A plan after edits, the ids that were edited, and sentences about what no longer fitted."""

    plan: GesturePlan
    ids: frozenset[int] = frozenset()
    notes: tuple[str, ...] = ()


def edit_plan(plan: GesturePlan, edits: Sequence[Mapping[str, Any]], speech: Speech | None = None) -> Edited:
    """The plan after the edits, one after the other; dictionaries as the protocol has them (see ``OPERATIONS``).

    The edited gesture gets what was asked; its neighbours' preparations and holds give way as little as they can, and
    one that has no room left is dropped with a note. ``speech`` places added gestures on their word's stress; without
    it the plan's word times do. Raises CospeechError with one sentence.
    """
    edited, ids, notes = plan, set[int](), list[str]()
    for edit in edits:
        operation = OPERATIONS.get(str(edit.get("op"))) if isinstance(edit, Mapping) else None
        if operation is None:
            named = edit.get("op") if isinstance(edit, Mapping) else edit
            raise CospeechError(f"There is no plan edit '{named}'; choose one of: {', '.join(OPERATIONS)}")
        before = edited
        edited, number = operation(edited, edit, speech)
        ids.add(number)
        notes += _lost(before, edited, number)
        notes += _hurried(edited, number)
    return Edited(edited, frozenset(ids), tuple(notes))


def _lost(before: GesturePlan, after: GesturePlan, number: int) -> list[str]:
    left = {phrase.id for phrase in after.phrases} | {number}
    gone = [phrase for phrase in before.phrases if phrase.id not in left]
    return [f"Gesture {name_of(phrase)} at {phrase.apex:.2f} s no longer fits and was left out" for phrase in gone]


def _hurried(plan: GesturePlan, number: int) -> list[str]:
    """A note where the edited gesture or the next one has less time than a quarter below what is natural."""
    ordered = in_order(plan.phrases)
    places = [index for index, phrase in enumerate(ordered) if phrase.id == number]
    near = [phrase for place in places for phrase in ordered[place : place + 2]]
    hasty = [p for p in near if p.apex - p.onset < (1.0 - STRETCH) * class_times(p.gclass).prep - 0.005]
    return [f"Gesture {name_of(p)} at {p.apex:.2f} s has little time to prepare and will be quick" for p in hasty]


def name_of(phrase: GesturePhrase) -> str:
    """What a note calls a gesture."""
    return f"{phrase.id} ({phrase.lexeme})"


def _phrase(plan: GesturePlan, edit: Mapping[str, Any]) -> GesturePhrase:
    wanted = edit.get("id")
    for phrase in plan.phrases:
        if phrase.id == wanted and not isinstance(wanted, bool):
            return phrase
    raise CospeechError(f"The plan has no gesture {wanted}; it has: {_listed(p.id for p in plan.phrases)}")


def _listed(values: Any) -> str:
    names = [str(value) for value in values]
    return ", ".join(names[:12]) + (" ..." if len(names) > 12 else "") or "none"


def _number(edit: Mapping[str, Any], name: str, low: float, high: float, what: str) -> float:
    value = edit.get(name)
    good = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if not good or not low <= float(value) <= high:  # type: ignore[arg-type]
        raise CospeechError(f"{what} is {value}; choose a value from {low:g} to {high:g}")
    return float(value)  # type: ignore[arg-type]


def _with(plan: GesturePlan, phrase: GesturePhrase) -> GesturePlan:
    """The plan with an edited phrase in it; its neighbours give way, and the last resort is to drop them."""
    others = [other for other in plan.phrases if other.id != phrase.id]
    kept = [other for other in others if abs(other.apex - phrase.apex) >= CLOSEST]
    earlier = [other for other in kept if other.apex < phrase.apex]
    earliest = max((other.apex + HOLD_MIN for other in earlier), default=0.0)
    phrase = placed(replace(phrase, rule=USER), phrase.apex, min(earliest, phrase.apex - 0.05))
    ready = phrase.apex + HOLD_MIN
    later = [
        replace(other, onset=round(min(ready, other.apex - 0.05), 4))
        if phrase.apex < other.apex and other.onset < ready
        else other
        for other in kept
    ]
    return linked(plan, [*later, phrase])


def _move(plan: GesturePlan, edit: Mapping[str, Any], _: Speech | None) -> tuple[GesturePlan, int]:
    phrase = _phrase(plan, edit)
    latest = max(plan.seconds - HOLD_MIN, 0.1)
    apex = _number(edit, "apex", 0.1, round(latest, 3), f"The apex of gesture {phrase.id}, in seconds of the audio,")
    return _with(plan, placed(phrase, apex, 0.0)), phrase.id


def _lexeme(plan: GesturePlan, edit: Mapping[str, Any], _: Speech | None) -> tuple[GesturePlan, int]:
    phrase, lexeme = _phrase(plan, edit), _wanted(edit)
    hands = phrase.hands if _can(lexeme, phrase.hands) else "both" if lexeme.hands == "both" else "right"
    return _with(plan, _as_lexeme(replace(phrase, hands=hands), lexeme, plan)), phrase.id


def _as_lexeme(phrase: GesturePhrase, lexeme: Lexeme, plan: GesturePlan) -> GesturePhrase:
    """The phrase as this lexeme, at the same apex, with the preparation and hold of its class."""
    times = class_times(lexeme.gclass)
    phrase = replace(phrase, lexeme=lexeme.lexeme, gclass=lexeme.gclass, semantic=not lexeme.beat)
    hold = natural_hold(phrase, plan)
    return replace(
        phrase,
        onset=round(max(phrase.apex - times.prep, 0.0), 4),
        hold_end=round(phrase.apex + hold, 4),
        retract_end=round(min(phrase.apex + hold + times.retract, plan.seconds), 4),
        join="rest",
    )


def _wanted(edit: Mapping[str, Any]) -> Lexeme:
    name = str(edit.get("lexeme") or "")
    return lexeme_named(name) if name else plain_beat()


def _can(lexeme: Lexeme, hands: str) -> bool:
    return lexeme.hands == "any" or (hands == "both") == (lexeme.hands == "both")


def _checked_hands(edit: Mapping[str, Any]) -> str:
    """Any gesture can be made with any hands: the realiser mirrors and doubles what was recorded."""
    hands = str(edit.get("hands"))
    if hands not in HANDS:
        raise CospeechError(f"There are no hands '{hands}'; choose one of: {', '.join(HANDS)}")
    return hands


def _hands(plan: GesturePlan, edit: Mapping[str, Any], _: Speech | None) -> tuple[GesturePlan, int]:
    phrase = _phrase(plan, edit)
    return _with(plan, replace(phrase, hands=_checked_hands(edit))), phrase.id


def _amplitude(plan: GesturePlan, edit: Mapping[str, Any], _: Speech | None) -> tuple[GesturePlan, int]:
    phrase = _phrase(plan, edit)
    size = _number(edit, "amplitude", *AMPLITUDE, f"The amplitude of gesture {phrase.id}")
    return _with(plan, replace(phrase, amplitude=round(size, 3))), phrase.id


def _delete(plan: GesturePlan, edit: Mapping[str, Any], _: Speech | None) -> tuple[GesturePlan, int]:
    phrase = _phrase(plan, edit)
    return linked(plan, [other for other in plan.phrases if other.id != phrase.id]), phrase.id


def _add(plan: GesturePlan, edit: Mapping[str, Any], speech: Speech | None) -> tuple[GesturePlan, int]:
    word, lexeme = edit.get("word"), _wanted(edit)
    if not isinstance(word, int) or isinstance(word, bool) or not 0 <= word < len(plan.words):
        raise CospeechError(f"There is no word {word} in the line; choose one from 0 to {len(plan.words) - 1}")
    chosen = {"hands": "both" if lexeme.hands == "both" else "right", **{k: v for k, v in edit.items() if v != ""}}
    hands = _checked_hands(chosen)
    stress, peak = stress_of(plan, word, speech)
    apex = min(max(peak - BEAT_LEAD, 0.15), max(plan.seconds - HOLD_MIN, 0.15))
    number = max((phrase.id for phrase in plan.phrases), default=-1) + 1
    blank = GesturePhrase(
        number, apex, apex, apex, apex, lexeme.lexeme, lexeme.gclass, hands, 1.0, word, not lexeme.beat,
        round(peak, 4), round(stress, 4), "rest", USER,
    )  # fmt: skip
    size = edit.get("amplitude")
    if size is not None:
        blank = replace(blank, amplitude=_number(edit, "amplitude", *AMPLITUDE, "The amplitude of the new gesture"))
    return _with(plan, _as_lexeme(blank, lexeme, plan)), number


def stress_of(plan: GesturePlan, word: int, speech: Speech | None) -> tuple[float, float]:
    """Start of the stressed syllable and peak of a word, seconds; from its times alone where ``speech`` is unknown."""
    if speech is not None and word < len(speech.words):
        token = read_tokens(speech, load_tables().lexicon)[word]
        return token.stress_onset, token.peak
    _, start, end = plan.words[word]
    return start, start + 0.4 * (end - start)


_Operation = Callable[[GesturePlan, Mapping[str, Any], Speech | None], tuple[GesturePlan, int]]
OPERATIONS: dict[str, _Operation] = {
    "move": _move,
    "lexeme": _lexeme,
    "hands": _hands,
    "amplitude": _amplitude,
    "delete": _delete,
    "add": _add,
}


def affected_window(
    old: GesturePlan, new: GesturePlan, fps: float, frames: int, weighs: bool = False
) -> tuple[int, int] | None:
    """The frames (first, end) of a take of ``frames`` that differ between two plans: from a little before the earliest
    changed onset to a little after the latest changed return, handovers included. None where no frame differs.
    ``weighs``: the generator follows no gestures, but weighs the stretches of emphasis themselves."""
    spans = [span for plan, other in ((old, new), (new, old)) for span in _changed_phrases(plan, other)]
    for group in GROUPS:
        before, after = set(getattr(old, group)), set(getattr(new, group))
        spans += [_event_span(event) for event in before ^ after]
    spans += _changed_words(old, new)
    if weighs:
        before, after = (set(() if plan.emphasis is None else plan.emphasis.stretches) for plan in (old, new))
        spans += [(start - EMPHASIS_SECONDS, end + EMPHASIS_SECONDS) for start, end, _ in before ^ after]
    if not spans:
        return None
    first = math.floor(min(start for start, _ in spans) * fps)
    end = math.ceil(max(stop for _, stop in spans) * fps) + 1
    first, end = max(first, 0), min(end, frames)
    return (first, end) if first < end else None


def _changed_phrases(plan: GesturePlan, other: GesturePlan) -> list[tuple[float, float]]:
    ordered, unchanged = in_order(plan.phrases), set(other.phrases)
    spans = []
    for phrase, follower in zip(ordered, [*ordered[1:], None], strict=False):
        if phrase in unchanged:
            continue
        end = phrase.retract_end + TAIL_SECONDS
        if phrase.join != "rest" and follower is not None:
            end = max(end, follower.apex + CROSSING)
        spans.append((phrase.onset - LEAD_SECONDS, end))
    return spans


def _event_span(event: Event) -> tuple[float, float]:
    return event.start - EVENT_SECONDS, event.end + EVENT_SECONDS


def _changed_words(old: GesturePlan, new: GesturePlan) -> list[tuple[float, float]]:
    pairs = zip(old.words, new.words, strict=False)
    return [
        (min(a[1], b[1]) - 0.3, max(a[2], b[2]) + 0.3)
        for a, b in pairs
        if abs(a[1] - b[1]) > 1e-3 or abs(a[2] - b[2]) > 1e-3
    ]
