"""Head and brows (docs/sources/semantics.md, section 7).

Signs of ``amount``: nod and bow positive = chin down, shake and turn positive = to the character's left first, tilt
positive = towards the character's right shoulder; degrees. A shake of 1.5 cycles swings one way, back past the middle,
and out again: its yaw changes sign twice.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterator, Sequence

import numpy as np

from engine.plan.candidates import FUNCTION_WORD
from engine.plan.context import Context
from engine.plan.lanes import Wish, settle
from engine.plan.rules import Hit
from engine.plan.tables import Move
from engine.plan.text import Token
from engine.plan.types import Event, GesturePhrase
from engine.speech.types import Accent

# By eye, where no source is named.
SHAKE_LEAD = 0.12  # s before the stressed syllable
TILT_LEAD = 0.30  # s before the stressed syllable
TILT_RISE = 0.40  # s from start to apex
HEAD_GAP = 0.12  # s between two movements of one lane
# Seconds by design (docs/sources/semantics.md, section 7): ahead of the accent, and until a brow may rise again.
BROW_LEAD = (0.06, 0.12)
BROW_REFRACTORY = 1.2
# By eye.
MADE_BOOST = 1.35  # times a move's probability where the hands make the rule too
FINAL = 0.25  # s before a phrase's end in which a syllable counts as its last
PITCH = ("nod", "bow")


def _made(phrases: Sequence[GesturePhrase]) -> set[tuple[int, str]]:
    return {(phrase.word, phrase.rule.split(" ", 1)[-1]) for phrase in phrases}


def chosen_moves(
    ctx: Context, group: str, phrases: Sequence[GesturePhrase], rng: np.random.Generator
) -> Iterator[tuple[Hit, Token, Move]]:
    """The rules' moves of one group that happen: by their probability, likelier where the hands make the rule too."""
    made = _made(phrases)
    for hit in ctx.hits:
        for move in hit.rule.moves:
            if move.group != group:
                continue
            odds = move.p * (MADE_BOOST if (hit.word, hit.rule.id) in made else 1.0)
            if rng.random() < odds:
                yield hit, ctx.tokens[hit.word], move


def head_event(move: Move, token: Token, size: float, sign: float) -> Event:
    """Times: a shake begins just before the stressed syllable, a nod's apex is at its end, a tilt leads the word."""
    amount = move.amount * size * (1.0 if move.signed or move.kind in PITCH else sign)
    if move.kind in ("shake", "turn"):
        start = token.stress_onset - SHAKE_LEAD
        share = 0.35 if move.kind == "turn" else 0.25
        hold = 0.2 * move.seconds if move.kind == "turn" else 0.0
        apex = start + share * move.seconds
        return Event(move.kind, start, apex, start + move.seconds, amount, hold, move.extra, move.cycles, token.index)
    if move.kind == "tilt":
        start = token.stress_onset - TILT_LEAD
        apex = start + TILT_RISE
        end = max(start + move.seconds, apex + 0.5)
        return Event(
            "tilt", start, apex, end, amount, max(0.0, end - apex - 0.45), move.extra, move.cycles, token.index
        )
    apex = token.stress_end if token.end - token.stress_end > 0.02 or not token.clause_end else token.peak
    start = apex - 0.42 * move.seconds / max(1.0, move.cycles)
    return Event(move.kind, start, apex, start + move.seconds, amount, 0.0, move.extra, move.cycles, token.index)


def nuclear_accents(ctx: Context) -> set[int]:
    """Indices into ``ctx.accents`` of the strongest accent of each intonation phrase."""
    found: set[int] = set()
    at = 0
    for phrase in ctx.speech.prosody.phrases:
        while at < len(ctx.accents) and ctx.accents[at].time < phrase.start:
            at += 1
        first = at
        while at < len(ctx.accents) and ctx.accents[at].time <= phrase.end:
            at += 1
        if at > first:
            found.add(max(range(first, at), key=lambda index: (ctx.accents[index].strength, index)))
    return found


def _accent_nods(ctx: Context, rng: np.random.Generator) -> Iterator[Wish]:
    nuclear, phrase_ends = nuclear_accents(ctx), [phrase.end for phrase in ctx.speech.prosody.phrases]
    plain = {token.index for token in ctx.tokens if not token.content}
    for index, accent in enumerate(ctx.accents):
        odds = ctx.style.nod if index in nuclear else ctx.style.accent_nod
        odds *= min(1.2, ctx.energy) * (FUNCTION_WORD if accent.word in plain else 1.0)
        happens = rng.random() < odds
        size, seconds = rng.uniform(2.0, 5.0), rng.uniform(0.25, 0.35)
        if not happens:
            continue
        yield Wish(accent_nod(ctx, accent, phrase_ends, size, seconds), 20.0 + 10.0 * accent.strength)


def accent_nod(ctx: Context, accent: Accent, phrase_ends: Sequence[float], size: float, seconds: float) -> Event:
    """A nod of ``size`` degrees whose apex is at the end of the accented syllable, of a last one on its accent."""
    final = any(0.0 <= end - accent.syllable_end < FINAL for end in _near(phrase_ends, accent.syllable_end))
    apex = accent.time if final else accent.syllable_end
    start = apex - 0.45 * seconds
    return Event("nod", start, apex, start + seconds, size * ctx.style.head, word=accent.word)


def _near(sorted_times: Sequence[float], time: float) -> Sequence[float]:
    at = bisect.bisect_left(sorted_times, time)
    return sorted_times[max(0, at - 1) : at + 1]


def head_events(ctx: Context, phrases: Sequence[GesturePhrase]) -> tuple[Event, ...]:
    """Nods, shakes, turns and bows in one lane (never two at once), tilts in another."""
    rng = ctx.rng("head")
    swings: list[Wish] = []
    tilts: list[Wish] = []
    sign = 1.0 if rng.random() < 0.5 else -1.0
    for hit, token, move in chosen_moves(ctx, "head", phrases, rng):
        event = head_event(move, token, ctx.style.head * rng.uniform(0.9, 1.15), sign)
        sign = -sign
        (tilts if move.kind == "tilt" else swings).append(Wish(event, hit.rule.priority))
    swings.extend(_accent_nods(ctx, ctx.rng("nods")))
    seconds = ctx.speech.seconds
    both = (*settle(swings, HEAD_GAP, seconds), *settle(tilts, HEAD_GAP, seconds))
    return tuple(sorted(both, key=lambda event: (event.start, event.kind)))


def brow_raise(accent: Accent, amount: float, rng: np.random.Generator) -> Event:
    """A raise that starts 60..120 ms before the accented syllable and is highest on the accent."""
    start = accent.syllable_start - rng.uniform(*BROW_LEAD)
    seconds = rng.uniform(0.3, 0.5)
    return Event("raise", start, max(accent.time, start + 0.12), start + seconds + 0.15, amount, word=accent.word)


def _accent_raises(ctx: Context, rng: np.random.Generator) -> Iterator[Wish]:
    """On the first accent of a phrase (larger at the start of the line) and on some of the strongest accents."""
    nuclear, starts = nuclear_accents(ctx), [phrase.start for phrase in ctx.speech.prosody.phrases]
    seen: set[int] = set()
    for index, accent in enumerate(ctx.accents):
        phrase = bisect.bisect_right(starts, accent.time)
        first = phrase not in seen
        seen.add(phrase)
        odds = ctx.style.brow if first else 0.5 * ctx.style.brow if index in nuclear else 0.0
        happens, amount = rng.random() < odds, rng.uniform(0.3, 0.5) * (1.2 if index == 0 else 1.0)
        if happens:
            yield Wish(brow_raise(accent, amount, rng), 20.0 + 10.0 * accent.strength)


def brow_events(ctx: Context, phrases: Sequence[GesturePhrase]) -> tuple[Event, ...]:
    """Raises, frowns and inner raises, at least 1.2 s from onset to onset."""
    rng = ctx.rng("brows")
    wishes: list[Wish] = []
    for hit, token, move in chosen_moves(ctx, "brows", phrases, rng):
        start = token.stress_onset - rng.uniform(*BROW_LEAD)
        apex = max(token.peak, start + 0.12)
        end = max(start + move.seconds, apex + 0.2)
        amount = min(1.0, move.amount * rng.uniform(0.85, 1.15))
        event = Event(move.kind, start, apex, end, amount, max(0.0, end - apex - 0.25), word=token.index)
        wishes.append(Wish(event, hit.rule.priority))
    wishes.extend(_accent_raises(ctx, ctx.rng("raises")))
    return settle(wishes, 0.1, ctx.speech.seconds, BROW_REFRACTORY)
