"""Gaze, blinks and smiles (docs/sources/semantics.md, section 7).

Gaze: ``amount`` degrees of yaw, positive to the character's left; ``extra`` degrees of pitch, positive up. ``start`` to
``apex`` is the saccade, ``hold`` the fixation. Where the plan says nothing the eyes are on the audience and make their
small saccades by themselves (the realiser's); ``audience`` marks where they must be there: back at the rheme after an
aversion, where somebody is addressed, at the end of the turn, and while nobody speaks.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from engine.plan.context import Context
from engine.plan.head import chosen_moves
from engine.plan.lanes import Wish, clip, settle
from engine.plan.types import Event, GesturePhrase
from engine.speech.types import Pause, Phrase

# By eye, where no source is named (docs/sources/semantics.md, section 7).
TURN_END = 2.4  # s before the end of a turn, from when the eyes are back (second-hand)
AVERSION = (0.45, 1.6)  # s of looking away before a phrase
RETURN = (0.6, 1.3)  # s on the listener after looking away
BLINK_SIGMA = 0.45  # no unit, of the logarithm of the gaps between blinks (log-normal: Bentivoglio 1997)
BLINK_EARLIEST = 0.1  # s from the line's start
BLINK_MIN_GAP = 0.7  # s from blink to blink
SMILE_RISE = 0.35  # s until a smile is full
WAIT = 1.2  # s without voice in which nobody plans what to say: the eyes wait on the listener
WAIT_FIXATION = (1.6, 4.5)  # s on one place while waiting
# How often the eyes go elsewhere after a fixation while waiting, and for how many seconds.
GLANCE, GLANCE_SECONDS = 0.35, (0.4, 0.9)
SHIFT_BLINKS = (6.0, 34.0)  # degrees of a gaze shift that is never and always made under a blink
SHIFT_REACH = 1.6  # s within which a blink is drawn to a gaze shift
SHIFT_LARGE = 20.0  # degrees of a shift that calls for a blink of its own where none is near


def saccade_seconds(degrees: float) -> float:
    """Duration of a saccade: 2.2 ms a degree and 21 ms (the main sequence)."""
    return 0.021 + 0.0022 * abs(degrees)


def _glance(start: float, end: float, rng: np.random.Generator) -> Event:
    """Off the listener's face and back, with nothing in mind: rather to the side and down than up."""
    yaw = rng.uniform(6.0, 13.0) * (1.0 if rng.random() < 0.5 else -1.0)
    pitch = rng.uniform(-7.0, 3.0)
    apex = start + saccade_seconds(float(np.hypot(yaw, pitch)))
    return Event("away", start, apex, end, yaw, max(0.0, end - apex), pitch)


def _away(start: float, back: float, rng: np.random.Generator) -> Event:
    yaw = rng.uniform(6.0, 15.0) * (1.0 if rng.random() < 0.5 else -1.0)
    pitch = rng.uniform(-7.0, 7.0)
    apex = start + saccade_seconds(float(np.hypot(yaw, pitch)))
    end = back + saccade_seconds(yaw)
    return Event("away", start, apex, end, yaw, max(0.0, back - apex), pitch)


def _rheme_time(phrase: Phrase, accents: Sequence[float]) -> float:
    """Where the new information begins: the first accent after 40 % of the phrase."""
    at = bisect.bisect_left(accents, phrase.start + 0.4 * (phrase.end - phrase.start))
    return accents[at] if at < len(accents) and accents[at] < phrase.end else phrase.start + 0.5


def _aversions(ctx: Context, rng: np.random.Generator) -> Iterator[Wish]:
    """Away while planning: from just before a phrase (in its pause) to its rheme."""
    accents = [accent.time for accent in ctx.accents]
    for index, phrase in enumerate(ctx.speech.prosody.phrases):
        happens, early, length = rng.random(), rng.uniform(0.05, 0.35), rng.uniform(*AVERSION)
        odds = ctx.style.gaze_away * (0.4 if index == 0 else 1.0)
        if happens >= odds or phrase.end - phrase.start < 0.8:
            continue
        start = max(0.0, phrase.start - early)
        back = min(_rheme_time(phrase, accents), start + length)
        if back - start >= 0.25 and back < ctx.voice[1] - TURN_END:
            yield Wish(_away(start, back, rng), 40.0)


def _rule_gaze(ctx: Context, phrases: Sequence[GesturePhrase], rng: np.random.Generator) -> Iterator[Wish]:
    for hit, token, move in chosen_moves(ctx, "gaze", phrases, rng):
        if move.kind == "audience":
            continue
        start = token.start - 0.15
        if start + move.seconds > ctx.voice[1] - TURN_END and hit.rule.id != "filled_pause":
            continue
        sign = 1.0 if rng.random() < 0.5 else -1.0
        size = saccade_seconds(float(np.hypot(move.amount, move.extra)))
        end = start + move.seconds + size
        hold = max(0.0, move.seconds - size)
        event = Event(move.kind, start, start + size, end, sign * move.amount, hold, move.extra, 1.0, token.index)
        yield Wish(event, hit.rule.priority)


def _look_at_audience(time: float, until: float, word: int, rng: np.random.Generator) -> Event:
    yaw, pitch = rng.normal(0.0, 1.2), rng.normal(0.0, 0.7)
    apex = time + saccade_seconds(float(np.hypot(yaw, pitch)))
    return Event("audience", time, apex, until, yaw, max(0.0, until - apex), pitch, 1.0, word)


def _addressed(ctx: Context, phrases: Sequence[GesturePhrase], rng: np.random.Generator) -> Iterator[Wish]:
    """On the audience: where it is spoken to, and from 2.4 s before the end of the turn."""
    for hit, token, move in chosen_moves(ctx, "gaze", phrases, rng):
        if move.kind == "audience":
            event = _look_at_audience(token.start - 0.1, token.start + move.seconds, token.index, rng)
            yield Wish(event, hit.rule.priority)
    last = ctx.voice[1]
    start = max(ctx.voice[0], last - rng.uniform(0.8, 1.0) * TURN_END)
    if last - start > 0.3:
        rest = ctx.speech.seconds - last
        yield Wish(_look_at_audience(start, last + (rest if rest < WAIT else 0.3), -1, rng), 100.0)


def gaze_events(ctx: Context, phrases: Sequence[GesturePhrase]) -> tuple[Event, ...]:
    """Away at a phrase's theme and in pauses, back at the rheme, on the audience at "you" and for the last 2.4 s."""
    wishes = [*_aversions(ctx, ctx.rng("aversions")), *_rule_gaze(ctx, phrases, ctx.rng("gaze"))]
    wishes += _addressed(ctx, phrases, ctx.rng("gaze"))
    settled = settle(wishes, 0.35, ctx.speech.seconds)
    rng = ctx.rng("returns")
    returns: list[Event] = []
    for event, following in zip(settled, [*[later.start for later in settled[1:]], ctx.speech.seconds], strict=False):
        until = min(following, event.end + rng.uniform(*RETURN))
        if event.kind != "audience" and until - event.end > 0.3:
            returns.append(_look_at_audience(event.end, until, -1, rng))
    back = [event for event in (clip(event, ctx.speech.seconds) for event in returns) if event]
    planned = sorted([*settled, *back], key=lambda event: event.start)
    waits = _waiting(ctx, planned, ctx.rng("waiting"))
    return tuple(sorted([*planned, *waits], key=lambda event: event.start))


def _waiting(ctx: Context, planned: Sequence[Event], rng: np.random.Generator) -> list[Event]:
    """On the listener before the first word, after the last and in long silences, but for glances elsewhere."""
    found: list[Event] = []
    for pause in ctx.speech.prosody.pauses:
        if pause.end - pause.start < WAIT:
            continue
        first = bisect.bisect_right(planned, pause.start, key=lambda event: event.end)
        past = bisect.bisect_left(planned, pause.end, key=lambda event: event.start)
        inside = planned[first:past]
        edges = [pause.start, *(time for event in inside for time in (event.start, event.end)), pause.end]
        for start, end in zip(edges[::2], edges[1::2], strict=True):
            found += _wait(start, end, rng)
    return [event for event in (clip(event, ctx.speech.seconds) for event in found) if event]


def _wait(start: float, end: float, rng: np.random.Generator) -> Iterator[Event]:
    """Fixations on the listener from ``start`` to ``end`` seconds, one after the other; short glances between some."""
    while end - start > 0.3:
        until = start + float(rng.uniform(*WAIT_FIXATION))
        glances, length = rng.random() < GLANCE, float(rng.uniform(*GLANCE_SECONDS))
        until = end if until + length + 0.5 > end else until
        yield _look_at_audience(start, until, -1, rng)
        start = until
        if glances and until < end:
            yield _glance(until, until + length, rng)
            start = until + length


def _blink(time: float, rng: np.random.Generator) -> Event:
    """Closed at ``time``: down in 50..100 ms, up in 150..300 ms; now and then not quite shut."""
    amount = 1.0 if rng.random() < 0.85 else rng.uniform(0.75, 0.95)
    return Event("blink", time - rng.uniform(0.05, 0.1), time, time + rng.uniform(0.15, 0.3), amount)


def _blink_time(wished: float, last: float, pauses: Sequence[Pause], reach: float, rng: np.random.Generator) -> float:
    """At a pause near the wished time (its start, just after the voice ends), else at the wished time itself."""
    first = bisect.bisect_left(pauses, wished - reach, key=lambda pause: pause.end)
    best: tuple[float, float] | None = None
    for pause in pauses[first:]:
        if pause.start > wished + reach:
            break
        length = min(pause.end - pause.start, 0.5)
        time = pause.start + rng.uniform(-0.04, 0.12)
        if pause.end - pause.start > 1.2 and pause.start < wished:
            time = min(max(wished, pause.start), pause.end)
        distance = abs(time - wished) - length
        if time - last >= BLINK_MIN_GAP and (best is None or distance < best[0]):
            best = distance, time
    return wished if best is None else best[1]


def blink_events(ctx: Context, gaze: Sequence[Event] = ()) -> tuple[Event, ...]:
    """Blinks at log-normal intervals, drawn to pauses so that most fall within 150 ms of one, and to ``gaze`` shifts:
    the further the eyes go, the likelier under a blink (Evinger et al. 1994: few below 17 degrees, nearly all above
    33)."""
    rng = ctx.rng("blinks")
    pauses = ctx.speech.prosody.pauses
    mean = 60.0 / ctx.style.blinks
    scale = np.log(mean) - 0.5 * BLINK_SIGMA**2
    last, wished = -mean * rng.uniform(0.3, 0.9), 0.0
    found: list[Event] = []
    while True:
        interval = max(BLINK_MIN_GAP, float(rng.lognormal(scale, BLINK_SIGMA)))
        wished = last + interval
        if wished > ctx.speech.seconds + 0.5:
            break
        time = _blink_time(wished, last, pauses, 0.62 * interval, rng)
        last = time
        event = clip(_blink(time, rng), ctx.speech.seconds)
        if event is not None and time >= BLINK_EARLIEST:
            found.append(event)
    return _with_shifts(found, gaze, ctx.speech.seconds, ctx.rng("gaze blinks"))


def gaze_shifts(gaze: Sequence[Event]) -> list[tuple[float, float]]:
    """Start in seconds and size in degrees of every planned gaze shift; between events the eyes are on the audience."""
    found: list[tuple[float, float]] = []
    there, left = np.zeros(2), 0.0
    for event in gaze:
        if event.start > left + 0.2:
            found.append((left, float(np.hypot(*there))))
            there = np.zeros(2)
        goal = np.array([event.amount, event.extra])
        found.append((event.start, float(np.hypot(*(goal - there)))))
        there, left = goal, event.end
    found.append((left, float(np.hypot(*there))))
    return [shift for shift in found if shift[1] > 0.0]


def _with_shifts(
    blinks: list[Event], gaze: Sequence[Event], seconds: float, rng: np.random.Generator
) -> tuple[Event, ...]:
    """The nearest blink moved to each gaze shift that is made under one; large shifts get their own where none is
    near."""
    out = list(blinks)
    apexes = [blink.apex for blink in out]
    for time, size in gaze_shifts(gaze):
        happens = rng.random() < (size - SHIFT_BLINKS[0]) / (SHIFT_BLINKS[1] - SHIFT_BLINKS[0])
        own = clip(_blink(time + 0.5 * saccade_seconds(size) + rng.uniform(0.01, 0.05), rng), seconds)
        if not happens or own is None or own.apex < BLINK_EARLIEST:
            continue
        near = _nearest(apexes, own.apex)
        moves = near >= 0 and abs(apexes[near] - own.apex) < SHIFT_REACH
        beside = [
            index for index in range(near - 2, near + 3) if 0 <= index < len(out) and not (moves and index == near)
        ]
        if any(abs(apexes[index] - own.apex) < BLINK_MIN_GAP for index in beside) or not (moves or size >= SHIFT_LARGE):
            continue
        if moves:
            del apexes[near]
            old = out.pop(near)
            moved = own.apex - old.apex
            own = clip(replace(old, start=old.start + moved, apex=own.apex, end=old.end + moved), seconds) or own
        at = bisect.bisect_left(apexes, own.apex)
        apexes.insert(at, own.apex)
        out.insert(at, own)
    return tuple(out)


def _nearest(times: Sequence[float], time: float) -> int:
    """Index of the nearest of ascending times, -1 where there is none."""
    at = bisect.bisect_left(times, time)
    beside = [index for index in (at - 1, at) if 0 <= index < len(times)]
    return min(beside, key=lambda index: abs(times[index] - time), default=-1)


def smile_events(ctx: Context, phrases: Sequence[GesturePhrase]) -> tuple[Event, ...]:
    """Smiles on greetings, thanks and kind words; slow to rise, slower to go."""
    rng = ctx.rng("smiles")
    wishes: list[Wish] = []
    for hit, token, move in chosen_moves(ctx, "smiles", phrases, rng):
        start = token.start - rng.uniform(0.15, 0.3)
        seconds = move.seconds * rng.uniform(0.85, 1.15)
        amount = min(1.0, move.amount * ctx.style.smile * rng.uniform(0.85, 1.1))
        apex = start + SMILE_RISE + 0.1
        hold = max(0.0, 0.5 * seconds - SMILE_RISE)
        event = Event("smile", start, apex, start + seconds, amount, hold, word=token.index)
        wishes.append(Wish(event, hit.rule.priority))
    return settle(wishes, 0.3, ctx.speech.seconds)
