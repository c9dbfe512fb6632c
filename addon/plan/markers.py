"""A plan's pose markers: they follow edits of the list, and moves in the Dope Sheet can be read back.

A phrase knows its marker by title and frame. Markers have no ids, so a move is read only where it is beyond doubt: of
each title as many markers are missing from their place as new places are taken; they are paired in time order.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import bpy

from ..scene import plan_of

BEAT = "beat"


def title_of(lexeme: str, semantic: bool) -> str:
    """What the marker of a phrase is called, as takes are written."""
    return f"apex {lexeme}".strip() if semantic else BEAT


def move_marker(action: bpy.types.Action, phrase: Any) -> None:
    """Bring the phrase's marker to its apex."""
    marker = _marker(action, phrase)
    phrase.marker = round(phrase.apex)
    if marker is not None:
        marker.frame = phrase.marker


def rename_marker(action: bpy.types.Action, phrase: Any) -> None:
    """Give the phrase's marker the name of its gesture; called after ``lexeme`` has changed."""
    old, new = phrase.title, title_of(phrase.lexeme, phrase.is_semantic)
    if old == new:
        return
    marker = _marker(action, phrase)
    phrase.title = new
    if marker is not None:
        marker.name = new


def add_marker(action: bpy.types.Action, phrase: Any) -> None:
    """A marker for an added phrase."""
    phrase.title, phrase.marker = title_of(phrase.lexeme, phrase.is_semantic), round(phrase.apex)
    action.pose_markers.new(phrase.title).frame = phrase.marker


def remove_marker(action: bpy.types.Action, phrase: Any) -> None:
    """Take away the marker of a phrase that is no longer planned."""
    marker = _marker(action, phrase)
    if marker is not None:
        action.pose_markers.remove(marker)


def _marker(action: bpy.types.Action, phrase: Any) -> bpy.types.TimelineMarker | None:
    return next((m for m in action.pose_markers if m.frame == phrase.marker and m.name == phrase.title), None)


def moved_markers(action: bpy.types.Action) -> list[tuple[int, int]]:
    """(index of the phrase, new frame) of every marker that was moved by hand, where that is beyond doubt."""
    existing: dict[tuple[str, int], int] = defaultdict(int)
    for marker in action.pose_markers:
        existing[marker.name, marker.frame] += 1
    left: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for index, phrase in enumerate(plan_of(action).phrases):
        place = (phrase.title, phrase.marker)
        if existing[place]:
            existing[place] -= 1
        else:
            left[phrase.title].append((phrase.marker, index))
    taken: dict[str, list[int]] = defaultdict(list)
    for (name, frame), count in existing.items():
        taken[name] += [frame] * count
    return [
        (index, frame)
        for name, phrases in left.items()
        if len(phrases) == len(taken[name])
        for (_, index), frame in zip(sorted(phrases), sorted(taken[name]), strict=True)
    ]
