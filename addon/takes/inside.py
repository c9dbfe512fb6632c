"""A line inside a chained take, as the take of its own that Regenerate works on."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ..chain.merge import line_at, line_edits, line_words, plan_of_lines
from ..plan.changes import plan_edits, word_times
from ..plan.emphasis import stretches
from .apply import action_meta
from .span import SpanError, TakeSpan

LINE = "line_index"
ENDS = 2  # frames at either end of a line that stay, by eye, so that the ways to its neighbours still meet it


def is_chain(span: TakeSpan) -> bool:
    """Whether the take is several lines."""
    return bool(span.meta.get("lines"))


def line_span(span: TakeSpan, index: int) -> TakeSpan:
    """One line of a chained take as a take: its frames, plan and provenance."""
    entry = dict(span.meta["lines"][index])
    meta = {**entry, "fps": span.fps, LINE: index}
    return replace(span, start=int(entry["start_frame"]), frames=int(entry["frames"]), meta=meta)


def chosen_line(span: TakeSpan, first: int, last: int, source: str, current: int) -> TakeSpan:
    """The line that a range of scene frames ``first``..``last`` means; a take that is no chain is returned as it is.

    ``source`` TAKE means the line at the ``current`` frame, PLAN the line with edits. SpanError where the range is not
    inside one line: what lies between lines has no speech.
    """
    if not is_chain(span):
        return span
    if source == "PLAN":
        return _edited_line(span)
    index = line_at(span.meta, current, current + 1) if source == "TAKE" else line_at(span.meta, first, last + 1)
    if index < 0:
        where = f"Frame {current} is" if source == "TAKE" else f"Frames {first}-{last} are"
        raise SpanError(
            f"{where} not inside one line of the chain; choose frames inside one of {_listed(span.meta['lines'])}"
        )
    return line_span(span, index)


def clear_of_ends(span: TakeSpan, first: int, last: int) -> tuple[int, int]:
    """``first``..``last`` without those ends of a chain's line that stay; SpanError where that is none."""
    if LINE not in span.meta:
        return first, last
    first, last = max(first, span.start + ENDS), min(last, span.end - 1 - ENDS)
    if first > last:
        raise SpanError("The ends of a line in a chain stay, to meet their neighbours; choose more frames of the line")
    return first, last


def _edited_line(span: TakeSpan) -> TakeSpan:
    edits, words = plan_edits(span.action), word_times(span.action)
    words = [*words, *((index, 0.0, 0.0) for index, word in enumerate(span.action.cospeech_plan.words) if word.toned)]
    edited = [
        index
        for index in range(len(span.meta["lines"]))
        if line_edits(span.meta, index, edits) or line_words(span.meta, index, words)
    ]
    if len(edited) != 1:
        raise SpanError(
            "The plan has edits in several lines of the chain; reset those of all lines but one"
            if edited
            else "The plan's edits are in no line of the chain; reset them"
        )
    return line_span(span, edited[0])


def _listed(lines: list[dict[str, Any]]) -> str:
    ranges = [(int(line["start_frame"]), int(line["start_frame"]) + int(line["frames"]) - 1) for line in lines]
    return ", ".join(f"{first}-{last}" for first, last in ranges)


def span_edits(span: TakeSpan) -> list[dict[str, Any]]:
    """The plan's edits, as those of the line where the span is one of a chain."""
    edits = plan_edits(span.action)
    return line_edits(action_meta(span.action), span.meta[LINE], edits) if LINE in span.meta else edits


def span_words(span: TakeSpan) -> list[tuple[int, float, float]]:
    """The corrected word times, in the numbers and seconds of the span's line."""
    times = word_times(span.action)
    return line_words(action_meta(span.action), span.meta[LINE], times) if LINE in span.meta else times


def span_emphasis(span: TakeSpan) -> list[tuple[float, float, float]]:
    """Emphasis of the words (start, end, amount), in the seconds of the span's line; words that lost theirs have 0."""
    found = stretches(span.action)
    times = [entry[:3] for entry in found]
    amounts = {index: amount for index, _, _, amount in found}
    if LINE not in span.meta:
        return [(start, end, amounts[index]) for index, start, end in times]
    meta, out = action_meta(span.action), []
    for entry in times:
        out += [(start, end, amounts[entry[0]]) for _, start, end in line_words(meta, span.meta[LINE], [entry])]
    return out


def same_span(whole: TakeSpan, start: int, frames: int) -> TakeSpan:
    """The span of a take, or of the line in it, that begins and ends as when the engine was asked; else ``whole``."""
    if (whole.start, whole.frames) == (start, frames) or not is_chain(whole):
        return whole
    for index, line in enumerate(whole.meta["lines"]):
        if (int(line["start_frame"]), int(line["frames"])) == (start, frames):
            return line_span(whole, index)
    return whole


def whole_meta(span: TakeSpan, meta: dict[str, Any]) -> dict[str, Any]:
    """What the Action says of itself after the span's part of it became ``meta``: of a chain, all lines."""
    if LINE not in span.meta:
        return meta
    whole = action_meta(span.action)
    entry = {name: value for name, value in meta.items() if name not in {LINE, "fps"}}
    lines = [entry if index == span.meta[LINE] else line for index, line in enumerate(whole["lines"])]
    plan = plan_of_lines(lines, int(whole["start_frame"]), int(whole["frames"]), float(whole["fps"]))
    return {**whole, "lines": lines, "plan": plan}
