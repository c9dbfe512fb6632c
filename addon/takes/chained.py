"""What a chained take says of itself: its lines, their one plan, and what of it is whose. No bpy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..client.provenance import TakeMeta

EVENT_GROUPS = ("head", "brows", "gaze", "blinks", "breaths", "shifts", "smiles")
PHRASE_TIMES = ("onset", "apex", "hold_end", "retract_end", "accent", "stress_onset")
EVENT_TIMES = ("start", "apex", "end")


def merged_plan(parts: Sequence[tuple[dict[str, Any], float]], seconds: float) -> dict[str, Any]:
    """One plan of several (plan, seconds at which it begins); ids and word numbers go on from plan to plan."""
    out: dict[str, Any] = {"seconds": round(seconds, 6), "phrases": [], "words": [], "accents": []}
    out |= {group: [] for group in EVENT_GROUPS}
    emphasis: list[list[float]] = []
    first = next((plan for plan, _ in parts if plan), {})
    out |= {name: first.get(name, value) for name, value in (("style", "explain"), ("seed", 0), ("energy", 1.0))}
    for plan, shift in parts:
        ids = 1 + max((int(phrase["id"]) for phrase in out["phrases"]), default=-1)
        words = len(out["words"])
        for number, phrase in enumerate(plan.get("phrases", ())):
            moved = _shifted(phrase, PHRASE_TIMES, shift, words)
            out["phrases"].append({**moved, "id": ids + int(phrase.get("id", number))})
        for group in EVENT_GROUPS:
            out[group] += [_shifted(event, EVENT_TIMES, shift, words) for event in plan.get(group, ())]
        out["words"] += [[word[0], word[1] + shift, word[2] + shift] for word in plan.get("words", ())]
        known = (plan.get("emphasis") or {}).get("stretches", ())
        emphasis += [[round(start + shift, 6), round(end + shift, 6), amount] for start, end, amount in known]
        out["accents"] += [time + shift for time in plan.get("accents", ())]
    if emphasis:  # what it changed stands with the lines, which are made anew one by one
        nothing: dict[str, list[Any]] = {"phrases": [], "head": [], "brows": []}
        out["emphasis"] = {"stretches": emphasis, "were": nothing, "now": nothing}
    return out


def _shifted(entry: dict[str, Any], times: Sequence[str], shift: float, words: int) -> dict[str, Any]:
    moved = {name: round(float(entry[name]) + shift, 6) for name in times if name in entry}
    if int(entry.get("word", -1)) >= 0:
        moved["word"] = int(entry["word"]) + words
    return {**entry, **moved}


def plan_of_lines(lines: Sequence[TakeMeta], start: int, frames: int, fps: float) -> dict[str, Any]:
    """The merged plan of a chained take."""
    parts = [(line.plan, ((line.start or 0) - start) / fps) for line in lines]
    return merged_plan(parts, frames / fps)


def line_at(meta: TakeMeta, first: float, end: float) -> int:
    """Index of the line that holds the scene frames first..end of a chained take; -1 where none does."""
    for index, line in enumerate(meta.lines):
        start = line.start or 0
        if start <= first and end <= start + (line.frames or 0):
            return index
    return -1


def line_edits(meta: TakeMeta, index: int, edits: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those edits of a chained take's plan that concern one line, as edits of that line's own plan."""
    own_line, ids = meta.lines[index], 0
    for line in meta.lines[:index]:
        ids += 1 + max((int(phrase["id"]) for phrase in line.phrases), default=-1)
    words, count, shift = _place(meta, index)
    known = {int(phrase["id"]) for phrase in own_line.phrases}
    out = []
    for edit in edits:
        own = dict(edit)
        if "apex" in own:
            own["apex"] = round(float(own["apex"]) - shift, 5)
        if own["op"] == "add":
            own["word"] = int(own["word"]) - words
            fits = 0 <= own["word"] < count
        else:
            own["id"] = int(own["id"]) - ids
            fits = own["id"] in known
        if fits:
            out.append(own)
    return out


def line_words(meta: TakeMeta, index: int, times: Sequence[tuple[int, float, float]]) -> list[tuple[int, float, float]]:
    """Those corrected word times of a chained take that concern one line, in that line's numbers and seconds."""
    before, count, shift = _place(meta, index)
    return [(n - before, a - shift, b - shift) for n, a, b in times if 0 <= n - before < count]


def _place(meta: TakeMeta, index: int) -> tuple[int, int, float]:
    """Of one line of a chain: how many words are said before it and in it, and the seconds at which it begins."""
    line = meta.lines[index]
    before = sum(len(other.words) for other in meta.lines[:index])
    return before, len(line.words), ((line.start or 0) - (meta.start or 0)) / (meta.fps or 1.0)
