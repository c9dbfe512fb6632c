"""A plan after the words' times were corrected: what belongs to a word moves with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from engine.plan.candidates import HOLD_MIN
from engine.plan.edit import GROUPS
from engine.plan.links import in_order, linked, preparation
from engine.plan.tables import load_tables
from engine.plan.text import read_tokens
from engine.plan.types import Event, GesturePhrase, GesturePlan
from engine.speech.types import Speech

NOTICED = 0.012  # s, by eye: smaller differences come from aligning again, and move nothing


def retimed(plan: GesturePlan, speech: Speech) -> GesturePlan:
    """The plan with the times of ``speech``'s words; the same plan where they agree, or are other words.

    Gestures keep their place against their word's stressed syllable, events against the word; what hangs on no word
    stays. Neighbours give way to each other.
    """
    if len(plan.words) != len(speech.words):
        return plan
    moved = {
        index: (old[1], old[2], word.start, word.end)
        for index, (old, word) in enumerate(zip(plan.words, speech.words, strict=True))
        if abs(old[1] - word.start) > NOTICED or abs(old[2] - word.end) > NOTICED
    }
    if not moved:
        return plan
    tokens = read_tokens(speech, load_tables().lexicon)
    phrases = []
    for phrase in plan.phrases:
        if phrase.word in moved:
            token = tokens[phrase.word]
            shift = token.stress_onset - phrase.stress_onset
            phrases.append(_shifted(phrase, shift, plan.seconds, token.peak, token.stress_onset))
        else:
            phrases.append(phrase)
    words = tuple(
        (old[0], float(word.start), float(word.end)) if index in moved else old
        for index, (old, word) in enumerate(zip(plan.words, speech.words, strict=True))
    )
    changed = linked(plan, _in_turn(phrases))
    groups: dict[str, Any] = {
        name: tuple(_moved(event, moved, plan.seconds) for event in getattr(plan, name)) for name in GROUPS
    }
    accents = tuple(sorted(_mapped(time, moved) for time in plan.accents))
    return replace(changed, words=words, accents=accents, **groups)


def _shifted(phrase: GesturePhrase, shift: float, seconds: float, peak: float, stress: float) -> GesturePhrase:
    shift = min(max(shift, 0.05 - phrase.apex), seconds - HOLD_MIN - phrase.apex)
    return replace(
        phrase,
        onset=round(max(phrase.onset + shift, 0.0), 4),
        apex=round(phrase.apex + shift, 4),
        hold_end=round(phrase.hold_end + shift, 4),
        retract_end=round(min(phrase.retract_end + shift, seconds), 4),
        accent=round(peak, 4),
        stress_onset=round(stress, 4),
    )


def _in_turn(phrases: list[GesturePhrase]) -> list[GesturePhrase]:
    """Every preparation after the apex before it."""
    out: list[GesturePhrase] = []
    for phrase in in_order(phrases):
        room = phrase.apex - out[-1].apex - HOLD_MIN if out else phrase.apex
        late = phrase.apex - phrase.onset > room
        onset = round(phrase.apex - preparation(phrase, room), 4)
        out.append(replace(phrase, onset=onset) if late else phrase)
    return out


def _mapped(time: float, moved: Mapping[int, tuple[float, float, float, float]]) -> float:
    """A moment inside a word that moved, at the same place within the word."""
    for start, end, new_start, new_end in moved.values():
        if start <= time <= end and end > start:
            return round(new_start + (time - start) * (new_end - new_start) / (end - start), 4)
    return time


def _moved(event: Event, moved: Mapping[int, tuple[float, float, float, float]], seconds: float) -> Event:
    if event.word not in moved:
        return event
    start, end, new_start, new_end = moved[event.word]
    place = np.clip((event.apex - start) / max(end - start, 1e-3), 0.0, 1.0)
    shift = float(new_start - start + place * ((new_end - new_start) - (end - start)))
    first, apex, last = (min(max(time + shift, 0.0), seconds) for time in (event.start, event.apex, event.end))
    return replace(event, start=round(first, 4), apex=round(max(apex, first), 4), end=round(max(last, apex), 4))
