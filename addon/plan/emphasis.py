"""Emphasis of words: what was changed of it, for panels, and as the engine is told of it."""

from __future__ import annotations

from typing import Any

import bpy

from ..scene import plan_of
from ..speakers.choice import chosen, emphasis_blocker
from .changes import seconds_of
from .stale import count_emphasised
from .target import plan_action, plan_blocker

PAUSE_SECONDS = 0.2  # a gap between words that ends a phrase, as the engine has it


def words_blocker(context: bpy.types.Context) -> str:
    """Why no word's emphasis can be changed; empty where it can."""
    reason = plan_blocker(context)
    if reason:
        return reason
    action = plan_action(context)
    if not len(plan_of(action).words):
        return "This take has no words; give the line a transcript and generate again"
    if not plan_of(action).speaks:
        return "Who listens says no words to emphasise"
    return emphasis_blocker(chosen(context.scene))


def reset_emphasis_blocker(context: bpy.types.Context) -> str:
    """Why there is no changed emphasis to take back; empty where there is."""
    reason = plan_blocker(context)
    if reason:
        return reason
    return "" if count_emphasised(plan_of(plan_action(context)).words) else "The emphasis is as it was performed"


def phrase_words(group: Any, index: int) -> list[int]:
    """The words said in one breath with a word, itself included: up to the pauses around it."""
    gap = PAUSE_SECONDS * float(group.fps)
    first = last = index
    while first > 0 and group.words[first].start - group.words[first - 1].end < gap:
        first -= 1
    while last + 1 < len(group.words) and group.words[last + 1].start - group.words[last].end < gap:
        last += 1
    return list(range(first, last + 1))


def stretches(action: bpy.types.Action) -> list[tuple[int, float, float, float]]:
    """(index, start, end, amount) of every word with emphasis, or that had some when it was performed; seconds."""
    group = plan_of(action)
    return [
        (index, max(0.0, seconds_of(group, word.start)), seconds_of(group, word.end), round(float(word.emphasis), 4))
        for index, word in enumerate(group.words)
        if word.emphasis or word.made_emphasis
    ]
