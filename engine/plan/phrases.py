"""From chosen gestures to phrases: how each ends, which hand makes it, how large it is (docs/sources/contracts.md,
section 3)."""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from engine.plan.candidates import STRETCH, Candidate, pick_beat
from engine.plan.context import Context
from engine.plan.types import GesturePhrase

HAND_NOISE = 0.12  # no unit, spread of the shares of hands, by eye
SAME_SIDE = 0.25  # no unit, what a hand gains by being on the gesture's own side, by eye
RETRACT_SLACK = 0.035  # s by which another class's way back may be longer, about a frame, by eye
AMPLITUDE = (0.5, 1.45)  # times the class's size, by eye


@dataclass(frozen=True)
class Ending:
    """How a gesture ends: start of retraction, back at rest or handed to the next one, "rest", "partial" or "next"."""

    hold_end: float
    retract_end: float
    join: str


def _rests_needed(ctx: Context, chain: Sequence[Candidate], limit: float) -> set[int]:
    """After which gestures the hands go to full rest so that a rest comes at least every ``limit`` seconds."""
    able = [
        index
        for index in range(len(chain) - 1)
        if chain[index + 1].onset - chain[index].earliest_return >= ctx.style.rest_seconds
    ]
    needed: set[int] = set()
    if not chain:
        return needed
    since = chain[0].onset
    for place, index in enumerate(able):
        later = able[place + 1] if place + 1 < len(able) else len(chain) - 1
        gap = chain[index + 1].onset - chain[index].apex - chain[index].hold
        if gap >= ctx.style.join_partial or chain[later].earliest_return - since > limit:
            needed.add(index)
            since = chain[index + 1].onset
    return needed


def _closing(entry: Candidate, latest: float, u: float) -> Ending:
    """Back to full rest no later than ``latest``; the hold gives way first, then the retraction (within 25 %)."""
    natural = entry.retract * (1 - STRETCH + 2 * STRETCH * u)
    hold_end = min(entry.apex + entry.hold, max(entry.apex + entry.shortest, latest - natural))
    return Ending(hold_end, min(hold_end + natural, max(latest, hold_end + (1 - STRETCH) * entry.retract)), "rest")


def endings(ctx: Context, chain: Sequence[Candidate]) -> list[Ending]:
    """The ends of all gestures: short gaps keep the hands up, longer ones half-way, others (and rests due) at rest."""
    rng = ctx.rng("endings")
    due = _rests_needed(ctx, chain, float(rng.uniform(*ctx.style.rest_every)))
    found: list[Ending] = []
    for index, entry in enumerate(chain):
        u, near = float(rng.random()), float(rng.uniform(*ctx.style.join_next))
        if index + 1 == len(chain):
            found.append(_closing(entry, ctx.speech.seconds, u))
            continue
        following = chain[index + 1].onset
        natural_end = min(entry.apex + entry.hold, following)
        gap = following - natural_end
        if index in due:
            found.append(_closing(entry, following - ctx.style.rest_seconds, u))
        elif gap >= ctx.style.join_partial:
            found.append(_closing(entry, following, u))
        elif gap < near:
            found.append(Ending(following, following, "next"))
        else:
            found.append(Ending(natural_end, following, "partial"))
    return found


class Handedness:
    """Deals hands so that the shares of one, both and other hand come out, whatever the classes allow."""

    def __init__(self, ctx: Context) -> None:
        style = ctx.style
        self.main, self.other = ("right", "left") if ctx.right_handed else ("left", "right")
        self.shares = {self.main: style.one_hand, "both": style.both, self.other: style.other}
        self.counts = dict.fromkeys(self.shares, 0.0)
        self.ctx = ctx

    def deal(self, entry: Candidate, before: str, rng: np.random.Generator) -> str:
        """A hand for ``entry``. ``before`` is the hand of the gesture it is joined to ("" after a rest): one hand
        follows another one only through rest or a two-hand pose."""
        allowed = self._allowed(entry)
        if before in ("left", "right"):
            change = self.other if before == self.main else self.main
            allowed = [hand for hand in allowed if hand != change] or [before]
        total = sum(self.counts.values())
        noise = rng.normal(0.0, HAND_NOISE, size=3)
        need = {
            hand: self.shares[hand] - self.counts[hand] / max(1.0, total) + noise[place] * self.shares[hand] ** 0.5
            for place, hand in enumerate(self.shares)
        }
        near = entry.gesture.gclass.rpartition("_")[2]  # indicate_left, place_right
        bonus = 1.0 if entry.rule.partner else SAME_SIDE  # two sides compared are shown by two hands
        chosen = max(allowed, key=lambda hand: need[hand] + (bonus if hand == near else 0.0))
        self.counts[chosen] += 1.0
        return chosen

    def _allowed(self, entry: Candidate) -> list[str]:
        times = self.ctx.tables.durations[entry.gesture.gclass]
        one = times.one > 0 and entry.gesture.hands != "both"
        both = times.both > 0 and entry.gesture.hands != "one"
        return [hand for hand in self.shares if (hand == "both" and both) or (hand != "both" and one)]


def amplitude_of(ctx: Context, entry: Candidate, ranks: Sequence[float], rng: np.random.Generator) -> float:
    """Base x (0.7 + 0.6 x percentile of prominence), +-10 %."""
    percentile = bisect.bisect_right(ranks, entry.strength) / len(ranks) if ranks else 0.5
    base = ctx.style.amplitude * (0.75 + 0.25 * ctx.energy)
    return float(np.clip(base * (0.7 + 0.6 * percentile) * rng.uniform(0.9, 1.1), *AMPLITUDE))


def _vary(ctx: Context, entry: Candidate, before: Candidate, rng: np.random.Generator) -> Candidate:
    """Another class for a beat that would soon follow a gesture of its own class, where one fits in time."""
    near = entry.onset - before.apex - before.hold < ctx.style.join_partial
    if not near or entry.gesture.gclass != before.gesture.gclass or entry.rule.id != ctx.tables.beats.id:
        return entry
    preparation = entry.apex - entry.onset
    durations = ctx.tables.durations
    fitting = tuple(
        gesture
        for gesture in ctx.tables.beats.gestures
        if gesture.gclass != before.gesture.gclass
        and abs(preparation - durations[gesture.gclass].prep) <= STRETCH * durations[gesture.gclass].prep
        and durations[gesture.gclass].retract <= entry.retract + RETRACT_SLACK
    )
    if not fitting:
        return entry
    gesture = pick_beat(replace(ctx.tables.beats, gestures=fitting), entry.strength, before.gesture.gclass, rng)
    return replace(entry, gesture=gesture, retract=durations[gesture.gclass].retract)


def _varied(ctx: Context, chain: Sequence[Candidate], rng: np.random.Generator) -> list[Candidate]:
    found: list[Candidate] = []
    for entry in chain:
        found.append(_vary(ctx, entry, found[-1], rng) if found else entry)
    return found


def build_phrases(ctx: Context, chain: Sequence[Candidate]) -> tuple[GesturePhrase, ...]:
    """The phrases of the chosen gestures, numbered from 0."""
    rng, hands_rng = ctx.rng("phrases"), ctx.rng("hands")
    ranks = sorted(accent.strength for accent in ctx.accents)
    varied = _varied(ctx, chain, ctx.rng("variety"))
    dealer = Handedness(ctx)
    phrases: list[GesturePhrase] = []
    held = ""
    for number, (entry, ending) in enumerate(zip(varied, endings(ctx, varied), strict=True)):
        hands = dealer.deal(entry, held, hands_rng)
        phrases.append(
            GesturePhrase(
                id=number,
                onset=entry.onset,
                apex=entry.apex,
                hold_end=round(ending.hold_end, 4),
                retract_end=min(round(ending.retract_end, 4), ctx.speech.seconds),
                lexeme=entry.gesture.lexeme,
                gclass=entry.gesture.gclass,
                hands=hands,
                amplitude=round(amplitude_of(ctx, entry, ranks, rng), 3),
                word=entry.word,
                semantic=entry.semantic,
                accent=entry.accent,
                stress_onset=entry.stress_onset,
                join=ending.join,
                rule=f"{entry.rule.row} {entry.rule.id}",
            )
        )
        held = "" if ending.join == "rest" else hands
    return tuple(phrases)
