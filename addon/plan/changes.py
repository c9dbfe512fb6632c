"""The list of a take's plan, filled from what was performed, and how it differs from it by now."""

from __future__ import annotations

from typing import Any

import bpy

from ..scene import plan_of
from ..takes.apply import take_meta
from ..takes.meaning import word_emphasis, word_scores
from .made import record_made
from .markers import add_marker, title_of
from .props import REST, SAME_FRAME

LEAST_WORD = 1e-3  # s, by eye


def sync(action: bpy.types.Action) -> None:
    """Fill the list from the plan that the Action's take was performed by; edits that were pending are forgotten."""
    meta = take_meta(action)
    group = plan_of(action)
    chosen = group.phrases[group.active].phrase_id if 0 <= group.active < len(group.phrases) else None
    group.synced = False  # else each value would look like an edit
    group.phrases.clear()
    group.words.clear()
    group.start_frame = meta.start or 0
    group.fps = meta.fps or 24.0
    group.frames = meta.frames or round(action.frame_end - action.frame_start) + 1
    group.speaks = meta.speaks
    for word, score, emphasis in zip(meta.words, word_scores(meta), word_emphasis(meta.plan), strict=True):
        _fill_word(group, word, score, emphasis)
    for phrase in sorted(meta.phrases, key=lambda phrase: float(phrase["apex"])):
        _fill_phrase(group, phrase, meta.words)
    record_made(action, meta)
    ids = [phrase.phrase_id for phrase in group.phrases]
    group.active = ids.index(chosen) if chosen in ids else 0
    group.active_word = min(group.active_word, max(len(group.words) - 1, 0))
    group.synced = True


def _fill_word(group: Any, word: Any, score: float, emphasis: float) -> None:
    entry = group.words.add()
    entry.name = str(word[0])
    entry.start = entry.made_start = frame_of(group, float(word[1]))
    entry.end = entry.made_end = frame_of(group, float(word[2]))
    entry.emphasis = emphasis
    entry.made_emphasis = entry.emphasis  # as the property's limits let it in
    entry.score = score


def _fill_phrase(group: Any, phrase: dict[str, Any], words: Any) -> None:
    entry = group.phrases.add()
    number = int(phrase.get("word", -1))
    entry.phrase_id = int(phrase.get("id", len(group.phrases) - 1))
    entry.word = number
    entry.text = str(words[number][0]) if 0 <= number < len(words) else ""
    entry.semantic = bool(phrase.get("semantic"))
    entry.lexeme = entry.made_lexeme = str(phrase.get("lexeme", ""))
    hands = str(phrase.get("hands", "right"))
    entry.hands = entry.made_hands = hands if hands in {"left", "right", "both"} else "right"
    apex = float(phrase["apex"])
    entry.apex = entry.made_apex = frame_of(group, apex)
    entry.amplitude = float(phrase.get("amplitude", 1.0))
    entry.made_amplitude = entry.amplitude  # as the property's limits let it in
    for name in ("onset", "hold_end", "retract_end"):
        setattr(entry, name, frame_of(group, float(phrase.get(name, apex))))
    entry.join = str(phrase.get("join", REST))
    entry.title = title_of(entry.lexeme, entry.semantic)
    entry.marker = group.start_frame + round(apex * float(group.fps))
    entry.refresh()


def frame_of(group: Any, seconds: float) -> float:
    """The scene frame of a time of the plan."""
    return float(group.start_frame) + seconds * float(group.fps)


def seconds_of(group: Any, frame: float) -> float:
    """The plan's time of a scene frame."""
    return round((float(frame) - float(group.start_frame)) / float(group.fps), 5)


def plan_edits(action: bpy.types.Action) -> list[dict[str, Any]]:
    """What the engine must change in the performed plan, as its edits; seconds, and ids of the performed plan.

    Removals come first, so that a gesture moved to a removed one's place finds it free.
    """
    group = plan_of(action)
    edits: list[dict[str, Any]] = []
    added: list[dict[str, Any]] = []
    for phrase in group.phrases:
        if not phrase.changed:
            continue
        if phrase.added:
            if not phrase.deleted:
                added.append(_addition(phrase))
        elif phrase.deleted:
            edits.insert(0, {"op": "delete", "id": phrase.phrase_id})
        else:
            edits += _alterations(group, phrase)
    return edits + added


def _addition(phrase: Any) -> dict[str, Any]:
    edit = {"op": "add", "word": phrase.word, "lexeme": phrase.lexeme, "hands": phrase.hands}
    if phrase.is_resized:
        edit["amplitude"] = round(phrase.amplitude, 4)
    return edit


def _alterations(group: Any, phrase: Any) -> list[dict[str, Any]]:
    edits: list[dict[str, Any]] = []
    if phrase.lexeme != phrase.made_lexeme:
        edits.append({"op": "lexeme", "id": phrase.phrase_id, "lexeme": phrase.lexeme})
    if phrase.hands != phrase.made_hands:
        edits.append({"op": "hands", "id": phrase.phrase_id, "hands": phrase.hands})
    if phrase.is_resized:
        edits.append({"op": "amplitude", "id": phrase.phrase_id, "amplitude": round(phrase.amplitude, 4)})
    if phrase.is_moved:
        edits.append({"op": "move", "id": phrase.phrase_id, "apex": seconds_of(group, phrase.apex)})
    return edits


def word_times(action: bpy.types.Action) -> list[tuple[int, float, float]]:
    """(index, start, end) in seconds of every word that was corrected."""
    group = plan_of(action)
    out = []
    for index, word in enumerate(group.words):
        if word.changed:
            start = max(0.0, seconds_of(group, word.start))
            out.append((index, start, max(start + LEAST_WORD, seconds_of(group, word.end))))
    return out


def word_at(group: Any, frame: float) -> int:
    """Index of the word said at a scene frame, else of the nearest one; -1 where there are no words."""
    if not len(group.words):
        return -1
    away = [max(word.start - frame, frame - word.end, 0.0) for word in group.words]
    return away.index(min(away))


def add_phrase(action: bpy.types.Action, word: int, lexeme: str, hands: str) -> int:
    """Plan a new gesture on a word; returns its index in the list. Where its apex falls, the engine decides."""
    group = plan_of(action)
    said = group.words[word]
    entry = group.phrases.add()
    group.synced = False
    entry.phrase_id = min(0, *(phrase.phrase_id for phrase in group.phrases)) - 1
    entry.added = True
    entry.word, entry.text = word, said.name
    entry.lexeme = entry.made_lexeme = lexeme
    entry.hands = entry.made_hands = hands
    entry.apex = entry.made_apex = group.inside(round((said.start + said.end) / 2))
    entry.onset = entry.hold_end = entry.retract_end = entry.apex
    group.synced = True
    entry.refresh()
    add_marker(action, entry)
    return len(group.phrases) - 1


__all__ = [
    "SAME_FRAME",
    "add_phrase",
    "frame_of",
    "plan_edits",
    "seconds_of",
    "sync",
    "word_at",
    "word_times",
]
