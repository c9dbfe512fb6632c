"""The plan of somebody who listens to a line, or who only stands there (docs/sources/semantics.md, sections 7 and
8)."""

from __future__ import annotations

import numpy as np

from engine.plan.context import Context, build_context
from engine.plan.gaze import saccade_seconds, smile_events
from engine.plan.lanes import Wish, clip, settle
from engine.plan.speakers import NOBODY, Speaker
from engine.plan.types import Event, GesturePlan
from engine.speech.types import Speech

# By eye, where no source is named.
NOD_AT_END = 0.55  # chance of a nod at the end of an intonation phrase
NOD_AFTER_LONG = 0.25  # and after a long word
LONG_WORD = 0.5  # s
NOD_SPACING = 2.2  # s from nod to nod
REACTION = (0.15, 0.45)  # s from what a listener answers to the answer
BLINK_AFTER = (0.25, 0.5)  # s from the speaker's pause to the blink (Nakano and Kitazawa 2010)
LOOK_AWAY_EVERY = (5.0, 11.0)  # s from one look away to the next
AWAY_SECONDS = (0.5, 1.1)  # of one look away
SHIFT_EVERY = (22.0, 55.0)  # s from weight shift to weight shift
SHIFT_METRES = (0.012, 0.03)  # below a speaker's
FIDGET_EVERY = (14.0, 35.0)  # s from fidget to fidget
BLINK_SECONDS = {"listen": 3.4, "idle": 3.8}  # from blink to blink, around the 17 a minute at rest (Bentivoglio 1997)
MIRRORED_SMILE = 0.7  # chance that the speaker's smile is returned
QUESTION_BROW = 0.8  # chance of raised brows at a question


def plan_listener(speech: Speech, style: str, energy: float, seed: int, speaker: Speaker = NOBODY) -> GesturePlan:
    """What a listener does while the line is said: eyes on the speaker, nods and brows where one answers without words,
    smiles at what is friendly, blinks after pauses, weight shifts. Hands rest, and the plan has no words: the mouth
    stays closed. Deterministic per seed."""
    ctx = build_context(speech, style, energy, seed, speaker)
    nods = _nods(ctx, ctx.rng("listener nods"))
    return GesturePlan(
        seconds=speech.seconds,
        style=style,
        seed=int(seed),
        energy=float(energy),
        speaker=speaker,
        phrases=(),
        head=nods,
        brows=_brows(ctx, ctx.rng("listener brows")),
        gaze=_on_the_speaker(ctx, ctx.rng("listener gaze")),
        blinks=_blinks(speech, ctx.rng("listener blinks"), "listen"),
        shifts=_shifts(speech.seconds, ctx.rng("listener shifts")),
        smiles=_smiles(ctx, ctx.rng("listener smiles")),
    )


def plan_idle(speech: Speech, style: str, energy: float, seed: int, speaker: Speaker = NOBODY) -> GesturePlan:
    """Somebody who stands there: looks about, blinks, breathes, shifts weight. Deterministic per seed."""
    rng = np.random.default_rng([int(seed), 77])
    seconds = speech.seconds
    return GesturePlan(
        seconds=seconds,
        style=style,
        seed=int(seed),
        energy=float(energy),
        speaker=speaker,
        phrases=(),
        blinks=_blinks(speech, rng, "idle"),
        shifts=_shifts(seconds, rng),
    )


def _answers(ctx: Context) -> list[tuple[float, bool]]:
    """Moments that call for an answer, and whether they end a phrase."""
    ends = [(phrase.end, True) for phrase in ctx.speech.prosody.phrases if phrase.end - phrase.start > 0.6]
    long = [(token.end, False) for token in ctx.tokens if token.content and token.end - token.start >= LONG_WORD]
    return sorted(ends + long)


def _nods(ctx: Context, rng: np.random.Generator) -> tuple[Event, ...]:
    """Nods, now and then two or three in a row, at the ends of phrases and after long words; a tilt where it is asked
    or doubted."""
    wishes = []
    for time, closes in _answers(ctx):
        happens = rng.random() < (NOD_AT_END if closes else NOD_AFTER_LONG) * min(1.3, 0.4 + 0.6 * ctx.energy)
        start = time + rng.uniform(*REACTION)
        cycles = float(rng.choice([1.0, 2.0, 3.0], p=[0.55, 0.33, 0.12]))
        size, seconds = ctx.style.head * rng.uniform(3.0, 6.5), rng.uniform(0.45, 0.6) + 0.28 * (cycles - 1.0)
        if happens:
            apex = start + 0.42 * seconds / cycles
            event = Event("nod", start, apex, start + seconds, size, cycles=cycles)
            wishes.append(Wish(event, (2.0 if closes else 1.0) + rng.random()))
    for hit in ctx.hits:
        if hit.rule.id.startswith(("question", "shrug", "approximate")) and rng.random() < 0.6:
            start = ctx.tokens[hit.word].end + rng.uniform(*REACTION)
            sign = 1.0 if rng.random() < 0.5 else -1.0
            wishes.append(Wish(Event("tilt", start, start + 0.5, start + 1.9, sign * rng.uniform(3.0, 5.5), 0.8), 4.0))
    return settle(wishes, 0.3, ctx.speech.seconds, NOD_SPACING)


def _brows(ctx: Context, rng: np.random.Generator) -> tuple[Event, ...]:
    wishes = []
    for hit in ctx.hits:
        asks = hit.rule.id.startswith("question") and rng.random() < QUESTION_BROW
        strong = hit.rule.priority >= 70.0 and rng.random() < 0.3
        if asks or strong:
            start = ctx.tokens[hit.word].end + rng.uniform(*REACTION)
            event = Event("raise", start, start + 0.25, start + rng.uniform(0.8, 1.4), rng.uniform(0.2, 0.4), 0.2)
            wishes.append(Wish(event, hit.rule.priority))
    for time, closes in _answers(ctx):
        if closes and rng.random() < 0.25:
            start = time + rng.uniform(*REACTION)
            event = Event("raise", start, start + 0.2, start + rng.uniform(0.5, 0.8), rng.uniform(0.15, 0.3), 0.1)
            wishes.append(Wish(event, 20.0))
    return settle(wishes, 1.0, ctx.speech.seconds)


def _on_the_speaker(ctx: Context, rng: np.random.Generator) -> tuple[Event, ...]:
    """Eyes on the speaker, for whom straight ahead stands; short looks aside, back with the end of a phrase."""
    found: list[Event] = []
    clock, seconds = 0.0, ctx.speech.seconds
    while clock < seconds:
        until = min(clock + float(rng.uniform(*LOOK_AWAY_EVERY)), seconds)
        yaw, pitch = rng.normal(0.0, 0.8), rng.normal(0.0, 0.5)
        found.append(_gaze_event("audience", clock, until, yaw, pitch))
        if until >= seconds - 1.5:
            break
        back = until + float(rng.uniform(*AWAY_SECONDS))
        side = rng.uniform(7.0, 13.0) * (1.0 if rng.random() < 0.5 else -1.0)
        found.append(_gaze_event("away", until, back, side, rng.uniform(-6.0, 3.0)))
        clock = back
    events = [clip(event, seconds) for event in found]
    return tuple(event for event in events if event is not None)


def _gaze_event(kind: str, start: float, end: float, yaw: float, pitch: float) -> Event:
    """A gaze of a kind from start to end, reached by a saccade of its size."""
    seconds = saccade_seconds(float(np.hypot(yaw, pitch)))
    return Event(kind, start, start + seconds, end, yaw, max(end - start - seconds, 0.0), pitch)


def _blinks(speech: Speech, rng: np.random.Generator, role: str) -> tuple[Event, ...]:
    """At log-normal intervals; a listener's are drawn to a quarter to half a second after a pause begins."""
    starts = np.array([pause.start for pause in speech.prosody.pauses]) if role == "listen" else np.zeros(0)
    found: list[Event] = []
    time = float(rng.uniform(0.4, 2.0))
    while time < speech.seconds:
        near = starts[np.abs(starts + 0.37 - time) < 1.0]
        apex = float(near[0] + rng.uniform(*BLINK_AFTER)) if len(near) else time
        if not found or apex - found[-1].apex >= 0.7:
            event = Event("blink", apex - rng.uniform(0.05, 0.1), apex, apex + rng.uniform(0.15, 0.3), 1.0)
            inside = clip(event, speech.seconds)
            found += [inside] if inside is not None else []
        time = max(time, apex) + max(0.8, float(rng.lognormal(np.log(BLINK_SECONDS[role]) - 0.1, 0.45)))
    return tuple(found)


def _shifts(seconds: float, rng: np.random.Generator) -> tuple[Event, ...]:
    """Weight shifts to alternating sides and small fidgets."""
    found: list[Event] = []
    side = 1.0 if rng.random() < 0.5 else -1.0
    time = float(rng.uniform(0.25, 1.0) * rng.uniform(*SHIFT_EVERY))
    while time < seconds - 2.0:
        apex, size = time + float(rng.uniform(1.0, 1.6)), side * float(rng.uniform(*SHIFT_METRES))
        event = clip(Event("shift", time, apex, seconds, size, seconds - apex), seconds)
        found += [event] if event is not None else []
        side, time = -side, time + float(rng.uniform(*SHIFT_EVERY))
    time = float(rng.uniform(*FIDGET_EVERY))
    while time < seconds - 1.5:
        length = float(rng.uniform(0.7, 1.0))
        event = clip(Event("fidget", time, time + 0.4 * length, time + length, float(rng.uniform(0.4, 0.9))), seconds)
        found += [event] if event is not None else []
        time += float(rng.uniform(*FIDGET_EVERY))
    return tuple(sorted(found, key=lambda event: event.start))


def _smiles(ctx: Context, rng: np.random.Generator) -> tuple[Event, ...]:
    """The listener answers a smile, later and milder."""
    wishes = []
    for event in smile_events(ctx, ()):
        if rng.random() < MIRRORED_SMILE:
            delay = float(rng.uniform(0.3, 0.6))
            start, apex, end = event.start + delay, event.apex + delay + 0.1, event.end + delay + 0.4
            wishes.append(Wish(Event("smile", start, apex, end, 0.7 * event.amount, event.hold), 1.0))
    return settle(wishes, 0.4, ctx.speech.seconds)
