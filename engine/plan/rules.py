"""Which words call for which rule (docs/sources/semantics.md, section 12): trigger words, lists, questions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from engine.plan.tables import Lexicon, Rule, Tables
from engine.plan.text import Token, normalise

ACCENTED = 0.35  # 0..1, the prominence from which a word counts as accented, by eye
LIST_WORDS = 4  # words of the longest item of a list, by eye
QUESTION_HOLD = 0.45  # s from the anchor's peak to the sentence's end, so that the hand can be held, by eye


@dataclass(frozen=True)
class Hit:
    """A rule that a word calls for: ``word`` is the anchor, ``length`` the number of words that matched."""

    rule: Rule
    word: int
    length: int = 1


@dataclass(frozen=True)
class Pattern:
    """A trigger of the lexicon, parsed: its words, which of them is the anchor (None: the last), its condition."""

    rule: str
    words: tuple[str, ...]
    anchor: int
    condition: str


def parse_pattern(rule: str, text: str) -> Pattern:
    """``=exact``, ``pre*``, ``*suf``, ``^anchor`` words and one ``@condition``."""
    parts = text.split()
    condition = parts.pop()[1:] if parts[-1].startswith("@") else ""
    anchors = [index for index, part in enumerate(parts) if part.startswith("^")]
    words = tuple(part.lstrip("^") for part in parts)
    return Pattern(rule, words, anchors[0] if anchors else len(words) - 1, condition)


class Patterns:
    """The lexicon's triggers, found by their first word so that matching is linear in the text."""

    def __init__(self, lexicon: Lexicon) -> None:
        self.numbers = lexicon.numbers
        self.by_word: dict[str, list[Pattern]] = defaultdict(list)
        self.wild: list[Pattern] = []
        for rule, triggers in lexicon.triggers.items():
            for trigger in triggers:
                pattern = parse_pattern(rule, trigger)
                first = pattern.words[0]
                if "*" in first:
                    self.wild.append(pattern)
                else:
                    self.by_word[first.lstrip("=")].append(pattern)

    def matches(self, tokens: Sequence[Token], at: int) -> Iterator[Pattern]:
        """The patterns that begin at word ``at`` and whose condition holds."""
        token = tokens[at]
        known = [pattern for lemma in sorted(token.lemmas) for pattern in self.by_word.get(lemma, ())]
        for pattern in (*known, *self.wild):
            end = at + len(pattern.words)
            if end > len(tokens):
                continue
            if all(_word_matches(word, tokens[at + k]) for k, word in enumerate(pattern.words)) and (
                not pattern.condition or self._holds(pattern.condition, tokens, at, at + pattern.anchor)
            ):
                yield pattern

    def _is_number(self, token: Token) -> bool:
        return token.norm in self.numbers or any(letter.isdigit() for letter in token.norm)

    def _holds(self, condition: str, tokens: Sequence[Token], first: int, anchor: int) -> bool:
        token = tokens[anchor]
        after = tokens[anchor + 1] if anchor + 1 < len(tokens) and not token.clause_end else None
        before_content = after is not None and after.content
        if condition == "accented":
            return token.strength >= ACCENTED
        if condition == "before_number":
            return after is not None and self._is_number(after)
        if condition == "number":
            return before_content or token.clause_end
        if condition == "count":
            beside = [other for other in (after, tokens[anchor - 1] if anchor else None) if other is not None]
            return (before_content or token.clause_end) and not any(self._is_number(other) for other in beside)
        return {
            "sentence_initial": tokens[first].sentence_position < 2,
            "clause_initial": tokens[first].clause_start,
            "clause_final": token.clause_end,
            "not_clause_final": not token.clause_end,
            "before_content": before_content,
            "intensity": before_content and not tokens[first].clause_start,
        }[condition]


def _word_matches(pattern: str, token: Token) -> bool:
    if pattern == "*":
        return True
    if pattern.startswith("="):
        return token.norm == pattern[1:]
    if pattern == '"*':
        return token.index > 0 and token.raw[:1] in '"“'
    if pattern.endswith("*"):
        return token.norm.startswith(pattern[:-1])
    if pattern.startswith("*"):
        return normalise(token.raw).endswith(pattern[1:])
    return pattern in token.lemmas


def _anchor(rule: Rule, word: int, tokens: Sequence[Token]) -> int:
    """``next``: the following content word of the clause carries the gesture (very *large*)."""
    if rule.anchor != "next":
        return word
    for token in tokens[word : word + 4]:
        if token.index > word and token.content:
            return token.index
        if token.clause_end:
            break
    return word


def _questions(tokens: Sequence[Token], tables: Tables) -> Iterator[Hit]:
    """One hit a question, of its kind (a wh-word near its start or not), on an accent that leaves time to hold it."""
    sentences: dict[int, list[Token]] = defaultdict(list)
    for token in tokens:
        if token.question:
            sentences[token.sentence].append(token)
    for members in sentences.values():
        opening = {token.norm for token in members[:3]} & tables.lexicon.wh_words
        rule = tables.rules["question_wh" if opening else "question_yes_no"]
        last = [token for token in members if token.phrase == members[-1].phrase][-10:]
        early = [token for token in last if members[-1].end - token.peak >= QUESTION_HOLD] or last
        anchor = max([token for token in early if token.content] or early, key=lambda token: token.strength)
        yield Hit(rule, anchor.index, 2)


def _lists(tokens: Sequence[Token], lexicon: Lexicon) -> Iterator[tuple[int, ...]]:
    """The anchors of every enumeration of three or more: "A, B and C", "A, B, and C"."""
    chunks = _chunks(tokens)
    at = 0
    while at < len(chunks):
        items = _items(chunks, at, lexicon)
        if len(items) >= 3:
            yield tuple(_head_word(item) for item in items)
            at += max(2, len(items) - 1)
        else:
            at += 1


def _chunks(tokens: Sequence[Token]) -> list[list[Token]]:
    """Stretches between commas and stronger marks; a sentence end also closes a chunk."""
    chunks: list[list[Token]] = [[]]
    for token in tokens:
        chunks[-1].append(token)
        if token.raw.rstrip("\"'”’)]")[-1:] in {",", ";", ":", ".", "!", "?"}:
            chunks.append([])
    return [chunk for chunk in chunks if chunk]


def _items(chunks: list[list[Token]], at: int, lexicon: Lexicon) -> list[list[Token]]:
    """The coordinated items of a list whose first item ends chunk ``at``."""
    items = [chunks[at][-LIST_WORDS:]]
    for chunk in chunks[at + 1 :]:
        if items[-1][-1].raw.rstrip("\"'”’)]")[-1:] != "," or chunk[0].sentence != items[0][0].sentence:
            return []
        joins = [k for k, token in enumerate(chunk) if token.norm in ("and", "or")]
        if joins and joins[0] == 0:
            return [*items, chunk[1 : LIST_WORDS + 1]] if 1 < len(chunk) <= LIST_WORDS + 2 and len(items) > 1 else []
        if chunk[0].norm in lexicon.prepositions or len(chunk) > 2 * LIST_WORDS:
            return []
        if joins and joins[0] <= 3 and len(chunk) - joins[0] - 1 in (1, 2, 3):
            return [*items, chunk[: joins[0]], chunk[joins[0] + 1 :]]
        if len(chunk) > LIST_WORDS:
            return []
        items.append(chunk)
    return []


def _head_word(item: Sequence[Token]) -> int:
    content = [token for token in item if token.content] or list(item)
    return content[-1].index


def find_hits(tokens: Sequence[Token], tables: Tables) -> tuple[Hit, ...]:
    """At most one hit a word, in order of words: the longer match wins, then the higher priority.

    Words inside a longer match (the *know* of "I don't know") call for nothing of their own.
    """
    patterns = Patterns(tables.lexicon)
    found: list[Hit] = []
    covered: set[int] = set()
    for at in range(len(tokens)):
        best = max(
            patterns.matches(tokens, at), key=lambda p: (len(p.words), tables.rules[p.rule].priority), default=None
        )
        if best is None or (at in covered and len(best.words) == 1):
            continue
        rule = tables.rules[best.rule]
        found.append(Hit(rule, _anchor(rule, at + best.anchor, tokens), len(best.words)))
        if len(best.words) > 1:
            covered.update(range(at, at + len(best.words)))
    for anchors in _lists(tokens, tables.lexicon):
        for place, anchor in enumerate(anchors):
            kind = "list_first" if place == 0 else "list_last" if place == len(anchors) - 1 else "list_middle"
            found.append(Hit(tables.rules[kind], anchor, 2))
    found.extend(_questions(tokens, tables))
    return _one_a_word(_after_dont_know(found))


def _after_dont_know(found: list[Hit]) -> list[Hit]:
    """A shrug replaces the plain negation inside its own words."""
    shrugged = {hit.word - k for hit in found if hit.rule.id == "shrug" for k in range(hit.length)}
    return [hit for hit in found if hit.rule.id == "shrug" or hit.word not in shrugged]


def _one_a_word(found: list[Hit]) -> tuple[Hit, ...]:
    best: dict[int, Hit] = {}
    for hit in found:
        held = best.get(hit.word)
        if held is None or (hit.length, hit.rule.priority) > (held.length, held.rule.priority):
            best[hit.word] = hit
    return tuple(best[word] for word in sorted(best))
