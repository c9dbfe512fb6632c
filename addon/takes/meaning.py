"""How much meaning shows on each word of a take, and what emphasis its plan has. No bpy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..client.provenance import TakeMeta

SHOWN = 0.5  # 0..1, by eye: from which score on a word's marker tells it
OWN_SHARE = 0.5  # of a word that a stretch must cover to mean it, as the engine has it
UNKNOWN = -1.0  # no unit: in the place of a score


def network_scores(meta: TakeMeta) -> list[float]:
    """The semantic score 0..1 of each word of the take's plan, from the network that performed it; UNKNOWN where none
    did. Of a chain, of the words of all its lines."""
    if meta.lines:
        return [score for line in meta.lines for score in network_scores(line)]
    known, count = meta.provenance.scores, len(meta.words)
    return list(known) if len(known) == count else [UNKNOWN] * count


def word_scores(meta: TakeMeta) -> list[float]:
    """The score of each word: the network's, and 1 for one that carries a gesture with meaning; UNKNOWN where neither a
    network nor a plan of gestures says anything."""
    meant = {int(phrase.get("word", -1)) for phrase in meta.phrases if phrase.get("semantic")}
    scores = network_scores(meta)
    if not meta.phrases:
        return scores
    return [max(score, 1.0 if index in meant else 0.0) for index, score in enumerate(scores)]


def word_emphasis(plan: dict[str, Any]) -> list[float]:
    """The emphasis -1..1 that each word of a plan has."""
    stretches = [(float(s[0]), float(s[1]), float(s[2])) for s in (plan.get("emphasis") or {}).get("stretches", ())]
    return [_amount(stretches, float(word[1]), float(word[2])) for word in plan.get("words", ())]


def _amount(stretches: Sequence[tuple[float, float, float]], start: float, end: float) -> float:
    least = OWN_SHARE * max(end - start, 1e-3)
    found = [s[2] for s in stretches if min(end, s[1]) - max(start, s[0]) >= least - 1e-6]
    return found[-1] if found else 0.0


def word_title(word: str, score: float) -> str:
    """What the marker of a word is called."""
    return f"{word} {score:.1f}" if score >= SHOWN else word
