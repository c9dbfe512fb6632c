"""Gestures that could be made, each with times that fit its word or accent (docs/sources/semantics.md, sections 3 and
13)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from engine.plan.context import Context
from engine.plan.rules import Hit
from engine.plan.tables import ClassTimes, Gesture, Rule
from engine.plan.text import Token
from engine.speech.types import Accent

# By design (docs/sources/semantics.md, sections 3 and 13), where "by eye" is not said. Seconds: the lead is drawn in
# the middle of the allowed 80..260 ms, because on the wrist a movement shows up to 0.1 s sooner or later than planned.
LEAD_DRAWN, LEAD_MAX = (0.12, 0.22), 0.26
LATE_MAX = 0.12  # s from the accent's peak to the apex
STRETCH = 0.25  # share by which a natural length may change
BRISK = 0.82  # share of the natural preparation, by eye
# Seconds that a beat is early: mean, spread, cut of the spread (by eye).
BEAT_LEAD, BEAT_SPREAD, BEAT_CLIP = 0.015, 0.040, 0.075
HOLD_MIN = 0.12  # s, by eye
STROKE_GAP, BEAT_GAP = 0.45, 0.35  # s from apex to the next preparation
BEAT_HOLD = (0.16, 0.45)  # s, shortest and longest, by eye
PHRASE_HOLD_MAX = 1.6  # s, by eye
PREPARE_BEFORE_VOICE = 0.7  # s, at most
SEMANTIC_SPACING = 1.6  # s from meaning to meaning
# What candidates are worth against each other: no unit, by eye.
NOISE = 0.3  # spread of a value's logarithm
TYPICAL_PRIORITY = 70.0  # of the rules in assets/gestures/rules.json
CHOICE = 0.35  # power of a gesture's weight among those of its rule
FUNCTION_WORD = 0.6  # share that a beat on one is worth
# One of two halves ("on the one hand", "on the other hand") is worth little without the other: factor for both.
PAIR = 2.5
ACT = 2.6  # of a greeting: more than the most prominent word would be worth (1.56)


@dataclass(frozen=True)
class Candidate:
    """A gesture with its times. ``value`` is what it is worth to make it; ``strict`` when meanings must keep apart.

    ``hold`` and ``retract`` are its natural lengths, ``shortest`` the least hold; ``strength`` its prominence, 0..1.
    """

    rule: Rule
    gesture: Gesture
    semantic: bool
    word: int
    accent: float
    stress_onset: float
    strength: float
    onset: float
    apex: float
    hold: float
    shortest: float
    retract: float
    value: float
    strict: bool

    @property
    def earliest_return(self) -> float:
        """The soonest that the hands can be back at rest."""
        return self.apex + self.shortest + (1 - STRETCH) * self.retract

    @property
    def ready_again(self) -> float:
        """The soonest that the next preparation may start."""
        return self.apex + max(self.shortest, STROKE_GAP if self.semantic else BEAT_GAP)

    @property
    def ready_for_meaning(self) -> float:
        """The same for the next meaning: semantic apexes keep 1.6 s apart (a preparation takes about 0.4 s)."""
        return max(self.ready_again, self.apex + SEMANTIC_SPACING - 0.4) if self.strict else self.ready_again


def _rounded(value: float) -> float:
    return round(float(value), 4)


def stroke_times(
    times: ClassTimes, stress_onset: float, peak: float, rng: np.random.Generator
) -> tuple[float, float] | None:
    """Onset and apex: the stroke starts 80..260 ms before the stressed syllable and ends at its peak, at latest 120 ms
    after; what an authored class winds up comes before.

    The preparation stays within 25 % of the class's, brisk where the peak comes early. None when it cannot fit: such a
    gesture is dropped, never delayed.
    """
    latest = max(peak, stress_onset) + LATE_MAX
    way = times.prep - times.windup
    shortest, longest = (1 - STRETCH) * way, (1 + STRETCH) * way
    begin = stress_onset - rng.uniform(*LEAD_DRAWN)
    wished = max(begin + BRISK * way, peak - rng.normal(BEAT_LEAD, BEAT_SPREAD))
    if begin + shortest > latest:
        begin = latest - shortest
    if begin < stress_onset - LEAD_MAX - 1e-9:
        return None
    apex = min(max(min(wished, latest), begin + shortest), begin + longest)
    return apex - (apex - begin) * times.prep / way, apex


def beat_times(times: ClassTimes, peak: float, rng: np.random.Generator) -> tuple[float, float]:
    """Apex on the accent's peak, a little early (N(15, 40) ms); the onset follows from the class's preparation."""
    early = float(np.clip(rng.normal(BEAT_LEAD, BEAT_SPREAD), BEAT_LEAD - BEAT_CLIP, BEAT_LEAD + BEAT_CLIP))
    apex = peak - early
    return apex - times.prep * rng.uniform(0.8, 1.05), apex


def _hold(ctx: Context, rule: Rule, times: ClassTimes, apex: float, phrase_end: float, u: float) -> float:
    if rule.hold == "phrase":
        return float(np.clip(phrase_end - apex, max(0.35, times.least), PHRASE_HOLD_MAX))
    natural = times.lasting(ctx.style.hold * (0.8 + 0.4 * u))
    return min(natural, BEAT_HOLD[1]) if rule.timing == "beat" else max(natural, 0.25)


def _shortest(times: ClassTimes, meaning: bool) -> float:
    return max(times.least, HOLD_MIN, min(0.5 * times.hold, 0.35) if meaning else 0.0)


def fits_line(ctx: Context, candidate: Candidate) -> bool:
    """Whether there is time for it after the line's first voice and before its end."""
    earliest = max(0.0, ctx.voice[0] - PREPARE_BEFORE_VOICE)
    return candidate.onset >= earliest and candidate.earliest_return <= ctx.speech.seconds


def _meaning_value(ctx: Context, hit: Hit, token: Token, recent: dict[str, float]) -> float:
    """Priority (squared) x probability x energy; more on prominent words and in the rheme (but for acts), less when
    just said."""
    base = (hit.rule.priority / TYPICAL_PRIORITY) ** 2 * min(1.0, hit.rule.p * ctx.energy)
    value = base * (ACT if hit.rule.act else (0.7 + 0.6 * token.strength) * (1.2 if token.rheme else 1.0))
    if token.start - recent.get(token.norm, -1e9) < 15.0:
        value *= 0.6
    recent[token.norm] = token.start
    return value


def _of_hit(ctx: Context, hit: Hit, value: float, rng: np.random.Generator) -> Iterator[Candidate]:
    """One candidate for each gesture of the rule, so that the scheduler may take another where the first is stale."""
    token = ctx.tokens[hit.word]
    meaning = hit.rule.timing == "stroke"
    able = [one for one in hit.rule.gestures if not one.styles or ctx.style_name in one.styles]
    heaviest = max((gesture.weight for gesture in able), default=1.0)
    luck = np.exp(rng.normal(0.0, NOISE))
    for gesture in able:
        times = ctx.tables.durations[gesture.gclass]
        draw = rng.normal(0.0, NOISE)
        fitted = (
            stroke_times(times, token.stress_onset, token.peak, rng) if meaning else beat_times(times, token.peak, rng)
        )
        u = float(rng.random())
        if fitted is None:
            continue
        onset, apex = fitted
        choice = np.exp(draw + CHOICE * np.log(gesture.weight / heaviest))
        yield Candidate(
            rule=hit.rule,
            gesture=gesture,
            semantic=meaning,
            word=hit.word,
            accent=_rounded(token.peak),
            stress_onset=_rounded(token.stress_onset),
            strength=token.strength,
            onset=_rounded(onset),
            apex=_rounded(apex),
            hold=_rounded(_hold(ctx, hit.rule, times, apex, token.phrase_end, u)),
            shortest=_rounded(_shortest(times, meaning)),
            retract=times.retract,
            value=float(value * luck * choice),
            strict=meaning and not hit.rule.dense,
        )


def pick_beat(beats: Rule, strength: float, before: str, rng: np.random.Generator) -> Gesture:
    """A beat class that suits the prominence and differs from the one ``before``."""
    level = strength * 2 - 1
    weights = np.array(
        [
            gesture.weight * np.exp(-1.2 * abs(gesture.strong - level)) * (0.15 if gesture.gclass == before else 1.0)
            for gesture in beats.gestures
        ]
    )
    return beats.gestures[int(rng.choice(len(weights), p=weights / weights.sum()))]


def beat_candidates(ctx: Context, rng: np.random.Generator) -> Iterator[Candidate]:
    """A beat on every accent; strong accents are worth more, those of function words less.

    A word with a gesture of its own is left to that one: nobody says hello with a beat.
    """
    before = ""
    plain = {token.index for token in ctx.tokens if not token.content}
    meant = {hit.word: hit.rule.p for hit in ctx.hits if hit.rule.gestures}
    for accent in ctx.accents:
        candidate = beat_on(ctx, accent, before, rng)
        before = candidate.gesture.gclass
        value = candidate.value * (FUNCTION_WORD if accent.word in plain else 1.0)
        yield replace(candidate, value=value * max(0.1, 1.0 - 1.2 * meant.get(accent.word, 0.0)))


def beat_on(ctx: Context, accent: Accent, before: str, rng: np.random.Generator) -> Candidate:
    """A beat on an accent, of another class than the one ``before``, whatever word it is on."""
    beats = ctx.tables.beats
    gesture = pick_beat(beats, accent.strength, before, rng)
    times = ctx.tables.durations[gesture.gclass]
    onset, apex = beat_times(times, accent.time, rng)
    value = beats.p * ctx.energy * (0.3 + 0.9 * accent.strength) * np.exp(rng.normal(0.0, NOISE))
    hold = min(max(times.hold * ctx.style.hold * rng.uniform(0.7, 1.1), BEAT_HOLD[0]), BEAT_HOLD[1])
    return Candidate(
        rule=beats,
        gesture=gesture,
        semantic=False,
        word=accent.word,
        accent=_rounded(accent.time),
        stress_onset=_rounded(accent.syllable_start),
        strength=accent.strength,
        onset=_rounded(onset),
        apex=_rounded(apex),
        hold=_rounded(hold),
        shortest=HOLD_MIN,
        retract=times.retract,
        value=float(value),
        strict=False,
    )


def all_candidates(ctx: Context) -> list[Candidate]:
    """Everything that fits the line, in order of onset. Nothing starts while a filled pause is spoken."""
    rng = ctx.rng("meanings")
    recent: dict[str, float] = {}
    found: list[Candidate] = []
    fillers = {hit.word for hit in ctx.hits if hit.rule.id == "filled_pause"}
    said = {hit.rule.id for hit in ctx.hits}
    for hit in ctx.hits:
        if hit.rule.gestures:
            value = _meaning_value(ctx, hit, ctx.tokens[hit.word], recent) * (PAIR if hit.rule.partner in said else 1.0)
            found.extend(_of_hit(ctx, hit, value, rng))
    found.extend(beat for beat in beat_candidates(ctx, ctx.rng("beats")) if beat.word not in fillers)
    return sorted((entry for entry in found if fits_line(ctx, entry)), key=lambda entry: (entry.onset, entry.apex))
