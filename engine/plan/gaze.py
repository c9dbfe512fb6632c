"""Gaze, blinks and smiles (semantics.md section 7).

Gaze: ``amount`` degrees of yaw, positive to the character's left; ``extra`` degrees of pitch, positive up. ``start`` to
``apex`` is the saccade, ``hold`` the fixation. Where the plan says nothing the eyes are on the audience and make their
small saccades by themselves (the realiser's); ``audience`` marks where they must be there: back at the rheme after an
aversion, where somebody is addressed, and at the end of the turn.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterator, Sequence

import numpy as np

from engine.plan.context import Context
from engine.plan.head import chosen_moves
from engine.plan.lanes import Wish, clip, settle
from engine.plan.types import Event, GesturePhrase
from engine.speech.types import Pause, Phrase

TURN_END = 2.4
AVERSION = (0.45, 1.6)
RETURN = (0.6, 1.3)
BLINK_SIGMA = 0.45
BLINK_EARLIEST = 0.1
BLINK_MIN_GAP = 0.7
SMILE_RISE = 0.35


def saccade_seconds(degrees: float) -> float:
    """Duration of a saccade: 2.2 ms a degree and 21 ms (the main sequence)."""
    return 0.021 + 0.0022 * abs(degrees)


def _away(ctx: Context, start: float, back: float, rng: np.random.Generator) -> Event:
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
            yield Wish(_away(ctx, start, back, rng), 40.0)


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
        yield Wish(_look_at_audience(start, last + 0.3, -1, rng), 100.0)


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
    back = [clip(event, ctx.speech.seconds) for event in returns]
    return tuple(sorted([*settled, *(event for event in back if event)], key=lambda event: event.start))


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


def blink_events(ctx: Context) -> tuple[Event, ...]:
    """Blinks at log-normal intervals, drawn to pauses so that most fall within 150 ms of one."""
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
    return tuple(found)


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
