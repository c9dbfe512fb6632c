"""A line inside a chained take, as the take of its own that Regenerate works on."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ..client.provenance import TakeMeta
from .apply import action_meta
from .chained import plan_of_lines
from .span import SpanError, TakeSpan

LINE = "line_index"
ENDS = 2  # frames at either end of a line that stay, by eye, so that the ways to its neighbours still meet it


def is_chain(span: TakeSpan) -> bool:
    """Whether the take is several lines."""
    return bool(span.meta.lines)


def line_span(span: TakeSpan, index: int) -> TakeSpan:
    """One line of a chained take as a take: its frames, plan and provenance."""
    line = span.meta.lines[index]
    meta = TakeMeta({**line.data, "fps": span.fps, LINE: index})
    return replace(span, start=line.start, frames=line.frames, meta=meta)


def clear_of_ends(span: TakeSpan, first: int, last: int) -> tuple[int, int]:
    """``first``..``last`` without those ends of a chain's line that stay; SpanError where that is none."""
    if span.meta.line_index is None:
        return first, last
    first, last = max(first, span.start + ENDS), min(last, span.end - 1 - ENDS)
    if first > last:
        raise SpanError("The ends of a line in a chain stay, to meet their neighbours; choose more frames of the line")
    return first, last


def same_span(whole: TakeSpan, start: int, frames: int) -> TakeSpan:
    """The span of a take, or of the line in it, that begins and ends as when the engine was asked; else ``whole``."""
    if (whole.start, whole.frames) == (start, frames) or not is_chain(whole):
        return whole
    for index, line in enumerate(whole.meta.lines):
        if (line.start, line.frames) == (start, frames):
            return line_span(whole, index)
    return whole


def whole_meta(span: TakeSpan, meta: dict[str, Any]) -> dict[str, Any]:
    """What the Action says of itself after the span's part of it became ``meta``: of a chain, all lines."""
    if span.meta.line_index is None:
        return meta
    whole = action_meta(span.action)
    entry = {name: value for name, value in meta.items() if name not in {LINE, "fps"}}
    lines = [entry if index == span.meta.line_index else line for index, line in enumerate(whole["lines"])]
    plan = plan_of_lines([TakeMeta(line) for line in lines], whole["start_frame"], whole["frames"], whole["fps"])
    return {**whole, "lines": lines, "plan": plan}
