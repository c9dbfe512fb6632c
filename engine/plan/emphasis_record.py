"""The emphasis of a plan's words: what each has, what changes, and the record of what was changed for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from engine.plan.types import Emphasis, Event, GesturePhrase, GesturePlan, Marks

Stretches = Sequence[tuple[float, float, float]]
WordTimes = Sequence[tuple[int, float, float]]

OWN_SHARE = 0.5  # of a word that a stretch must cover to mean it, by eye


def amounts_of(plan: GesturePlan) -> Amounts:
    """The emphasis that a plan has."""
    return Amounts(plan.words, () if plan.emphasis is None else plan.emphasis.stretches)


class Amounts:
    """How much emphasis a word or a moment of a plan has."""

    def __init__(self, words: Sequence[tuple[str, float, float]], stretches: Stretches) -> None:
        self._stretches = stretches
        self.amounts = tuple(self._of_word(start, end) for _, start, end in words)

    def _of_word(self, start: float, end: float) -> float:
        least = OWN_SHARE * max(end - start, 1e-3)
        found = [s[2] for s in self._stretches if min(end, s[1]) - max(start, s[0]) >= least - 1e-6]
        return float(found[-1]) if found else 0.0

    def same(self, other: Amounts) -> bool:
        """Whether other amounts of the same words are the same."""
        if self.amounts or other.amounts:
            return self.amounts == other.amounts
        return [s for s in self._stretches if s[2]] == [s for s in other._stretches if s[2]]

    def at(self, word: int, time: float) -> float:
        """The amount of a word, of what hangs on no word (-1) that of its moment."""
        if 0 <= word < len(self.amounts):
            return self.amounts[word]
        return next((s[2] for s in reversed(self._stretches) if s[0] <= time < s[1]), 0.0)

    def of(self, entry: GesturePhrase | Event) -> float:
        """The amount of a gesture or an event."""
        return self.at(entry.word, entry.apex)


@dataclass(frozen=True, eq=False)
class Change:
    """From one emphasis of a plan to another."""

    old: Amounts
    new: Amounts

    def at(self, word: int, time: float) -> float:
        """The new amount of a word or a moment; 0 where it is what it was."""
        amount = self.new.at(word, time)
        return amount if amount != self.old.at(word, time) else 0.0

    def of(self, entry: GesturePhrase | Event) -> float:
        """The same of a gesture or an event."""
        return self.at(entry.word, entry.apex)

    def differs(self, entry: GesturePhrase | Event) -> bool:
        """Whether its amount is another one."""
        return self.old.of(entry) != self.new.of(entry)

    def raises(self, word: int, alone: bool) -> bool:
        """Whether a word has more emphasis now; ``alone``: and neither of its neighbours has any."""
        near = self.new.amounts[max(word - 1, 0) : word] + self.new.amounts[word + 1 : word + 2] if alone else ()
        return self.at(word, 0.0) > 0.0 >= max(near, default=0.0)


def kept_emphasis(
    plan: GesturePlan, stretches: Stretches, times: WordTimes, span: tuple[float, float]
) -> tuple[tuple[float, float, float], ...]:
    """The stretches that shall be in a plan: those asked for; its own where none are, and outside the ``span`` seconds
    that may change. They lie on its words, with the corrected ``times`` (index, start, end) of these."""
    if plan.emphasis is None and not stretches:
        return ()
    before = amounts_of(plan)
    asked = Amounts(plan.words, stretches) if stretches else before
    if not plan.words:
        return tuple(stretches) or (() if plan.emphasis is None else plan.emphasis.stretches)
    corrected = {index: (start, end) for index, start, end in times}
    found = []
    for index, (_, start, end) in enumerate(plan.words):
        amount = (asked if span[0] <= 0.5 * (start + end) < span[1] else before).amounts[index]
        if amount:
            found.append((*corrected.get(index, (start, end)), amount))
    return tuple(found)


def asks_for_other(plan: GesturePlan, stretches: Stretches, times: WordTimes) -> bool:
    """Whether stretches, on words with corrected ``times`` (index, start, end), are not the emphasis of the plan."""
    if not stretches and plan.emphasis is None:
        return False
    corrected = {index: (start, end) for index, start, end in times}
    words = tuple((word[0], *corrected.get(index, word[1:])) for index, word in enumerate(plan.words))
    return not amounts_of(plan).same(Amounts(words, stretches))


def recorded(made: GesturePlan, base: GesturePlan, stretches: Stretches) -> GesturePlan:
    """``made`` with the record of how emphasis changed it from ``base``, on top of what is recorded in that."""
    before = Emphasis(()) if base.emphasis is None else base.emphasis
    were, now = _apart(base, made), _apart(made, base)
    first, last = ({phrase.id: phrase for phrase in marks.phrases} for marks in (before.were, before.now))
    there = {phrase.id for phrase in made.phrases}
    last = {number: phrase for number, phrase in last.items() if number in there}
    came = {number for number in {p.id for p in before.now.phrases} if number not in first}
    for phrase in were.phrases:
        if phrase.id not in came:
            first.setdefault(phrase.id, phrase)
    last |= {phrase.id: phrase for phrase in now.phrases}
    same = {number for number in first if first[number] == last.get(number)}
    record = Emphasis(
        tuple(stretches),
        Marks(
            tuple(phrase for number, phrase in first.items() if number not in same),
            (*before.were.head, *were.head),
            (*before.were.brows, *were.brows),
        ),
        Marks(
            tuple(phrase for number, phrase in last.items() if number not in same),
            (*before.now.head, *now.head),
            (*before.now.brows, *now.brows),
        ),
    )
    empty = not stretches and record.were == record.now == Marks()
    return replace(made, emphasis=None if empty else record)


def _apart(plan: GesturePlan, other: GesturePlan) -> Marks:
    """What the plan has and the other has not."""
    known = {*other.phrases, *other.head, *other.brows}
    groups = (tuple(entry for entry in group if entry not in known) for group in (plan.phrases, plan.head, plan.brows))
    return Marks(*groups)  # type: ignore[arg-type]
