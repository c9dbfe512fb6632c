"""Breathing, weight shifts and fidgets (docs/sources/semantics.md, section 8)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from engine.plan.context import Context
from engine.plan.lanes import clip
from engine.plan.types import Event, GesturePhrase
from engine.speech.types import Pause

# By design (docs/sources/semantics.md, section 8), where no other source is named.
BREATH_PAUSE = 0.25  # s of silence from which one breathes in
BEFORE_VOICE = 0.08  # s from the breath's end to the voice
INHALE = (0.35, 0.6)  # s of one breath
LONG_PAUSE = 0.5  # s, by eye
SILENCE = 1.5  # s, by eye: one breathes in here however short the group before was
GROUP_MIN = (2.8, 1.8)  # s of speech before a short and before a long pause, by eye: below a breath group's 3.5-5
QUIET = 4.0  # s from breath to breath at rest: 15 a minute, inside the 12-20
TOPIC_SHIFT = 0.84  # chance of a weight shift at a new topic, BEAT toolkit
SHIFT_RATE = 0.03  # weight shifts a second elsewhere, by eye below the BEAT toolkit's 0.04
SHIFT_SPACING = 8.0  # s between two shifts, by eye
SHIFT_SECONDS = (1.0, 1.6)  # of one shift
SHIFT_METRES = (0.018, 0.038)  # by eye around the 22 mm of Duarte and Zatsiorsky
FIDGET_EVERY = 50.0  # s in the mean: Duarte and Zatsiorsky's 49 +- 16


def _inhalations(ctx: Context, rng: np.random.Generator) -> list[tuple[float, float]]:
    """Start and end of every inhalation: in pauses of 250 ms or more, ending 80 ms before the voice.

    A breath group lasts at least 2.8 s (1.8 s before a long pause): nobody breathes at every comma.
    """
    found: list[tuple[float, float]] = []
    for pause in ctx.speech.prosody.pauses:
        length = pause.end - pause.start
        since = pause.start - found[-1][1] if found else GROUP_MIN[0]
        if length < BREATH_PAUSE or (length < SILENCE and since < GROUP_MIN[1 if length >= LONG_PAUSE else 0]):
            continue
        final = pause.end >= ctx.speech.seconds - 0.02
        end = pause.end if final else pause.end - BEFORE_VOICE
        seconds = min(rng.uniform(*INHALE) * (1.5 if final else 1.0), end - pause.start - 0.02)
        quiet = pause.start + rng.uniform(0.6, 1.2)
        while quiet + 1.0 + QUIET * 0.5 < (pause.end if final else end - seconds):
            found.append((quiet, quiet + rng.uniform(0.9, 1.3)))
            quiet += rng.uniform(0.9, 1.15) * QUIET
        if not final and seconds > 0.1:
            found.append((end - seconds, end))
    return sorted(found)


def breath_events(ctx: Context) -> tuple[Event, ...]:
    """Inhale from start to apex, exhale to the next breath; deeper before a longer breath group."""
    rng = ctx.rng("breath")
    breaths = _inhalations(ctx, rng)
    found: list[Event] = []
    for index, (start, apex) in enumerate(breaths):
        end = breaths[index + 1][0] if index + 1 < len(breaths) else ctx.speech.seconds
        depth = float(np.clip(0.3 + 0.1 * (end - apex), 0.35, 1.0)) * rng.uniform(0.9, 1.1)
        event = clip(Event("breath", start, apex, end, min(1.0, depth)), ctx.speech.seconds)
        if event is not None:
            found.append(event)
    return tuple(found)


def _covered(phrases: Sequence[GesturePhrase], onsets: np.ndarray, start: float, end: float) -> float:  # type: ignore[type-arg]
    """Seconds of start..end in which a stroke is active (onset to the end of the hold)."""
    first = max(0, int(np.searchsorted(onsets, start)) - 2)
    total = 0.0
    for phrase in phrases[first:]:
        if phrase.onset > end:
            break
        total += max(0.0, min(end, phrase.hold_end) - max(start, phrase.onset))
    return total


def _shift_starts(ctx: Context, phrases: Sequence[GesturePhrase], rng: np.random.Generator) -> list[float]:
    """At topic boundaries with probability 0.84; elsewhere 0.03 a second, only in pauses with the hands at rest."""
    onsets = np.array([phrase.onset for phrase in phrases])
    topics = [(b.start, b.end) for b in ctx.boundaries if rng.random() < TOPIC_SHIFT]
    found: list[float] = []
    for start, end in topics:
        spots = np.linspace(start - 0.1, max(start, end - 0.35), 7)
        found.append(float(min(spots, key=lambda spot: (_covered(phrases, onsets, spot, spot + 1.2), spot))))
    boundaries = [b.start for b in ctx.boundaries]
    debt = 0.0
    last = 0.0
    for pause in ctx.speech.prosody.pauses:
        debt += SHIFT_RATE * max(0.0, pause.start - last)
        last = max(last, pause.start)
        if not _free(pause, [*boundaries, *found], ctx.speech.seconds):
            continue
        if rng.random() < 1.0 - np.exp(-debt) and _covered(phrases, onsets, pause.start, pause.start + 1.0) < 0.4:
            found.append(pause.start)
            debt = 0.0
    return sorted(found)


def _free(pause: Pause, taken: Sequence[float], seconds: float) -> bool:
    inside = pause.start > 2.0 and pause.start < seconds - 2.5
    return inside and all(abs(pause.start - time) >= SHIFT_SPACING for time in taken)


def shift_events(ctx: Context, phrases: Sequence[GesturePhrase]) -> tuple[Event, ...]:
    """Weight shifts, each held until the next one takes over (or to the end), and fidgets about every 50 s.

    ``amount`` of a shift: metres from the middle, positive to the character's left, sides alternating.
    """
    rng = ctx.rng("shifts")
    seconds = ctx.speech.seconds
    starts = _shift_starts(ctx, phrases, rng)
    side = 1.0 if rng.random() < 0.5 else -1.0
    rises = [(start, start + rng.uniform(*SHIFT_SECONDS)) for start in starts]
    found: list[Event] = []
    for index, (start, apex) in enumerate(rises):
        follows = index + 1 < len(rises)
        until, end = rises[index + 1] if follows else (seconds, seconds)
        amount = side * rng.uniform(*SHIFT_METRES)
        side = -side
        event = clip(Event("shift", start, apex, max(end, apex), amount, max(0.0, until - apex)), seconds)
        if event is not None:
            found.append(event)
    found.extend(_fidgets(ctx, phrases, rng))
    return tuple(sorted(found, key=lambda event: event.start))


def _fidgets(ctx: Context, phrases: Sequence[GesturePhrase], rng: np.random.Generator) -> list[Event]:
    """Small regrips and foot micro-shifts while the hands rest; ``amount`` 0..1."""
    rests = _rests(phrases, ctx.speech.seconds)
    found: list[Event] = []
    time = rng.uniform(0.2, 1.0) * FIDGET_EVERY
    for start, end in rests:
        if end - start < 1.2 or end < time:
            continue
        begin = max(start + 0.1, min(time, end - 1.1))
        length = rng.uniform(0.7, 1.0)
        event = Event("fidget", begin, begin + 0.4 * length, begin + length, rng.uniform(0.4, 1.0))
        clipped = clip(event, ctx.speech.seconds)
        if clipped is not None:
            found.append(clipped)
        time = begin + rng.normal(FIDGET_EVERY, 12.0)
    return found


def _rests(phrases: Sequence[GesturePhrase], seconds: float) -> list[tuple[float, float]]:
    edges = [(0.0, 0.0)]
    edges += [(phrase.onset, phrase.retract_end) for phrase in phrases]
    edges.append((seconds, seconds))
    return [(before[1], after[0]) for before, after in pairwise(edges)]
