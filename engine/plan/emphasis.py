"""Emphasis: stretches of a line whose words shall show more or less, worked into a plan that is otherwise as it was.

Everything is drawn for each word by itself, so that a stretch changes its own gestures and what they hand over to, and
nothing else. What was changed stands in the plan and can be taken back.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from engine.plan.candidates import HOLD_MIN, Candidate, all_candidates, beat_on, fits_line
from engine.plan.context import Context, build_context
from engine.plan.emphasis_record import Amounts, Change, Stretches, amounts_of, recorded
from engine.plan.emphasis_undo import fits_between, undone
from engine.plan.head import BROW_REFRACTORY, HEAD_GAP, accent_nod, brow_raise, head_event
from engine.plan.lanes import Wish, settle
from engine.plan.links import USER, class_times, in_order, linked, placed
from engine.plan.phrases import Handedness, amplitude_of
from engine.plan.types import Event, GesturePhrase, GesturePlan
from engine.speech.types import Accent, Speech

SIZE = 0.4  # share, by eye: full emphasis makes gestures, nods and brows larger by it, -1 smaller
SIZES = (0.2, 2.0)  # times the class's size: the range that an edit may ask for
IDS = 3000  # no unit, chosen: ids of added gestures count from here, a line's own from 0, other seeds' from 10 000
KEPT = 1000.0  # no unit, above all of assets/gestures/rules.json: the priority of what is there already


def with_emphasis(
    plan: GesturePlan,
    stretches: Stretches,
    speech: Speech,
    before: GesturePlan | None = None,
    performed: bool = True,
) -> GesturePlan:
    """The plan with this emphasis worked into it, as :func:`emphasised`; where its gestures are not ``performed`` the
    plan only says where there is emphasis, for a generator that weighs meaning by itself."""
    if not stretches and plan.emphasis is None:
        return plan
    if performed:
        return emphasised(plan, stretches, speech, before)
    return recorded(plan, plan, tuple(stretch for stretch in stretches if stretch[2]))


def emphasised(
    plan: GesturePlan, stretches: Stretches, speech: Speech, before: GesturePlan | None = None
) -> GesturePlan:
    """The plan with emphasis (start, end, amount -1..1; seconds) in place of what it has of it.

    The amount is how likely a word without a gesture gets one (1: surely, where it has a candidate; a meaning takes the
    place of its beat), how likely one with a gesture loses it (-1: surely, unless a person planned it), and the size:
    up to ``SIZE`` more or less. Nods and brows alike. Only words whose amount is another one than before change, and
    the gestures that hand over to theirs or stand in the way. ``before``: the plan with the words' times from before
    they were corrected, to which the emphasis that it has belongs.
    """
    fresh = Change(amounts_of(before or plan), Amounts(plan.words, stretches))
    base = undone(plan, fresh.differs, lambda entry: fresh.old.of(entry) >= 0.0)
    ctx = build_context(speech, plan.style, plan.energy, plan.seed, plan.speaker)
    made = linked(base, _phrases(ctx, base, fresh))
    made = replace(
        made,
        phrases=tuple(_sized(phrase, fresh) for phrase in made.phrases),
        head=_head(ctx, base.head, fresh),
        brows=_brows(ctx, base.brows, fresh),
    )
    kept = tuple((float(start), float(end), float(amount)) for start, end, amount in stretches if amount)
    return recorded(made, base, kept)


def _draw(ctx: Context, what: str, word: int, time: float) -> float:
    """0..1, for each word (each moment without one) by itself."""
    name = str(word) if word >= 0 else f"{time:.4f}"
    return float(ctx.rng(f"emphasis {what} {name}").random())


def _phrases(ctx: Context, plan: GesturePlan, change: Change) -> list[GesturePhrase]:
    """The gestures that stay, and those that are added; not linked, and as large as without emphasis."""
    kept = []
    for phrase in plan.phrases:
        goes = phrase.rule != USER and _draw(ctx, "drop", phrase.word, phrase.accent) < -change.of(phrase)
        if not goes:
            kept.append(phrase)
    dealer = Handedness(ctx)
    ranks = sorted(accent.strength for accent in ctx.accents)
    for options in _wanted(ctx, kept, change):
        kept = _with_one(ctx, kept, options, change, dealer, ranks)
    return kept


def _wanted(ctx: Context, kept: Sequence[GesturePhrase], change: Change) -> list[list[Candidate]]:
    """For every word that shall get a gesture, or a meaning instead of its beat, its candidates; the best words first.

    A content word on which nobody heard an accent can still have a beat on its stressed syllable, and so can any word
    that is raised by itself.
    """
    groups: dict[object, list[Candidate]] = {}
    for entry in all_candidates(ctx):
        groups.setdefault(entry.word if entry.word >= 0 else entry.accent, []).append(entry)
    for token in ctx.tokens:
        if token.index not in groups and change.raises(token.index, alone=not token.content):
            accent = Accent(token.peak, token.strength, token.index, token.stress_onset, token.stress_end)
            beat = beat_on(ctx, accent, "", ctx.rng(f"emphasis beat {token.index}"))
            groups[token.index] = [beat] if fits_line(ctx, beat) else []
    meant = {phrase.word for phrase in kept if phrase.semantic or phrase.rule == USER}
    busy = {phrase.word if phrase.word >= 0 else phrase.accent for phrase in kept}
    found = []
    for key, options in groups.items():
        able = [o for o in options if o.word not in meant and (key not in busy or o.semantic)]
        if able and _draw(ctx, "add", able[0].word, able[0].accent) < change.at(able[0].word, able[0].accent):
            found.append(sorted(able, key=lambda o: (not o.semantic, -o.value)))
    return sorted(found, key=lambda options: (-max(o.value for o in options), options[0].apex))


def _with_one(
    ctx: Context,
    kept: list[GesturePhrase],
    options: Sequence[Candidate],
    change: Change,
    dealer: Handedness,
    ranks: Sequence[float],
) -> list[GesturePhrase]:
    """With the first of a word's candidates that has room; where none has, what is in the way of one gives way.

    Its own beat may always go, another gesture when it has less emphasis and no person planned it.
    """
    own = [phrase for phrase in kept if phrase.word == options[0].word >= 0]
    others = [phrase for phrase in kept if phrase not in own]
    weight = change.at(options[0].word, options[0].accent)
    yielding = [phrase for phrase in others if phrase.rule != USER and change.new.of(phrase) < weight]
    firm = [phrase for phrase in others if phrase not in yielding]
    for around in (others, firm):
        for option in options:
            phrase = _phrase_of(ctx, option, around, dealer, ranks)
            if phrase is not None:
                stay = [other for other in others if other in around or fits_between(other, [phrase])]
                return in_order([*stay, phrase])
    return kept


def _phrase_of(
    ctx: Context, option: Candidate, around: Sequence[GesturePhrase], dealer: Handedness, ranks: Sequence[float]
) -> GesturePhrase | None:
    """The candidate as a phrase that fits between the others, its way a little quicker where it must; else None."""
    before = [other for other in around if other.apex <= option.apex]
    after = [other for other in around if other.apex > option.apex]
    ready = max((other.apex + HOLD_MIN for other in before), default=0.0)
    key = option.word if option.word >= 0 else round(1000 * option.accent)
    rng = ctx.rng(f"emphasis gesture {key}")
    phrase = GesturePhrase(
        id=_free_id(key, {other.id for other in around}),
        onset=option.onset,
        apex=option.apex,
        hold_end=round(option.apex + option.hold, 4),
        retract_end=round(min(option.apex + option.hold + option.retract, ctx.speech.seconds), 4),
        lexeme=option.gesture.lexeme,
        gclass=option.gesture.gclass,
        hands="right",
        amplitude=round(amplitude_of(ctx, option, ranks, rng), 3),
        word=option.word,
        semantic=option.semantic,
        accent=option.accent,
        stress_onset=option.stress_onset,
        rule=f"{option.rule.row} {option.rule.id}",
    )
    if ready > phrase.onset:
        phrase = placed(phrase, phrase.apex, ready)
        if phrase.apex - phrase.onset < 0.75 * class_times(phrase.gclass).prep - 0.005:
            return None
    if not fits_between(phrase, around):
        return None
    return replace(phrase, hands=_hands(ctx, option, before[-1:], after[:1], dealer, rng))


def _hands(
    ctx: Context,
    option: Candidate,
    before: Sequence[GesturePhrase],
    after: Sequence[GesturePhrase],
    dealer: Handedness,
    rng: np.random.Generator,
) -> str:
    """A hand for it; that of a gesture to which it is joined, as one hand follows another only through rest."""
    near = ctx.style.join_partial
    joined = [other.hands for other in before if option.onset - other.apex - HOLD_MIN < near]
    joined += [other.hands for other in after if other.onset - option.apex - option.hold < near]
    return dealer.deal(option, next((hand for hand in joined if hand != "both"), ""), rng)


def _free_id(key: int, taken: set[int]) -> int:
    number = IDS + key % IDS
    while number in taken:
        number += 1
    return number


def _sized(phrase: GesturePhrase, change: Change) -> GesturePhrase:
    """As large as its emphasis asks for; what a person planned stays."""
    amount = 0.0 if phrase.rule == USER else change.of(phrase)
    if not amount:
        return phrase
    size = min(max(phrase.amplitude * (1.0 + SIZE * amount), SIZES[0]), SIZES[1])
    return replace(phrase, amplitude=round(size, 3))


def _events(ctx: Context, events: Iterable[Event], change: Change, most: float) -> list[Event]:
    """The events that stay, as large as their emphasis asks for."""
    found = []
    for event in events:
        amount = change.of(event)
        if amount and _draw(ctx, f"drop {event.kind}", event.word, event.apex) < -amount:
            continue
        size = max(-most, min(most, event.amount * (1.0 + SIZE * amount))) if amount else event.amount
        found.append(replace(event, amount=round(size, 4)) if amount else event)
    return found


def _head(ctx: Context, events: Sequence[Event], change: Change) -> tuple[Event, ...]:
    """Nods and the like: where emphasis is up, what the words' rules know, and a nod on the accent."""
    kept = _events(ctx, events, change, 90.0)
    swings, tilts = ([Wish(e, KEPT) for e in kept if (e.kind == "tilt") == tilted] for tilted in (False, True))
    there = {event.word for event in kept}
    for hit in ctx.hits:
        token = ctx.tokens[hit.word]
        amount = change.at(hit.word, token.peak)
        for move in hit.rule.moves:
            if move.group == "head" and amount > 0.0 and hit.word not in there:
                rng = ctx.rng(f"emphasis {move.kind} {hit.word}")
                happens, size, sign = rng.random() < amount, rng.uniform(0.9, 1.15), rng.choice((-1.0, 1.0))
                event = head_event(move, token, ctx.style.head * size * (1.0 + SIZE * amount), sign)
                if happens:
                    (tilts if move.kind == "tilt" else swings).append(Wish(event, hit.rule.priority))
    ends = [phrase.end for phrase in ctx.speech.prosody.phrases]
    for accent in ctx.accents:
        amount = change.at(accent.word, accent.time)
        if amount > 0.0 and (accent.word < 0 or accent.word not in there):
            rng = ctx.rng(f"emphasis nod {accent.time:.4f}")
            happens, size, seconds = rng.random() < amount, rng.uniform(2.0, 5.0), rng.uniform(0.25, 0.35)
            if happens:
                nod = accent_nod(ctx, accent, ends, size * (1.0 + SIZE * amount), seconds)
                swings.append(Wish(nod, 10.0 * accent.strength))
    return _settled(ctx, (swings, tilts), HEAD_GAP)


def _brows(ctx: Context, events: Sequence[Event], change: Change) -> tuple[Event, ...]:
    """Brows, with raises on the accents of a stretch with more emphasis."""
    wishes = [Wish(event, KEPT) for event in _events(ctx, events, change, 1.0)]
    for accent in ctx.accents:
        amount = change.at(accent.word, accent.time)
        if amount > 0.0:
            rng = ctx.rng(f"emphasis brow {accent.time:.4f}")
            happens, size = rng.random() < amount, rng.uniform(0.3, 0.5)
            if happens:
                wishes.append(Wish(brow_raise(accent, size * (1.0 + SIZE * amount), rng), accent.strength))
    return _settled(ctx, (wishes,), 0.1, BROW_REFRACTORY)


def _settled(ctx: Context, lanes: Iterable[list[Wish]], gap: float, refractory: float = 0.0) -> tuple[Event, ...]:
    """Those of the wishes that fit beside what is there; what is there stays even where it stands closer."""
    out: list[Event] = []
    for wishes in lanes:
        there = [wish.event for wish in wishes if wish.priority == KEPT]
        fresh = settle(wishes, gap, ctx.speech.seconds, refractory)
        out += [*there, *(event for event in fresh if event not in there)]
    return tuple(sorted(out, key=lambda event: (event.start, event.kind)))
