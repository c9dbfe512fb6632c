"""Which line of a chained take is meant, and the plan's edits as those of that line."""

from __future__ import annotations

from typing import Any

from ..client.provenance import TakeMeta
from ..scene import plan_of
from ..takes.apply import take_meta
from ..takes.chained import line_at, line_edits, line_words
from ..takes.inside import is_chain, line_span
from ..takes.span import SpanError, TakeSpan
from .changes import plan_edits, word_times
from .emphasis import stretches


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
        raise SpanError(f"{where} not inside one line of the chain; choose frames inside one of {_listed(span.meta)}")
    return line_span(span, index)


def _listed(meta: TakeMeta) -> str:
    return ", ".join(f"{line.start}-{line.start + line.frames - 1}" for line in meta.lines)


def _edited_line(span: TakeSpan) -> TakeSpan:
    edits, words = plan_edits(span.action), word_times(span.action)
    words = [
        *words,
        *((index, 0.0, 0.0) for index, word in enumerate(plan_of(span.action).words) if word.emphasis_changed),
    ]
    edited = [
        index
        for index in range(len(span.meta.lines))
        if line_edits(span.meta, index, edits) or line_words(span.meta, index, words)
    ]
    if len(edited) != 1:
        raise SpanError(
            "The plan has edits in several lines of the chain; reset those of all lines but one"
            if edited
            else "The plan's edits are in no line of the chain; reset them"
        )
    return line_span(span, edited[0])


def span_edits(span: TakeSpan) -> list[dict[str, Any]]:
    """The plan's edits, as those of the line where the span is one of a chain."""
    edits = plan_edits(span.action)
    index = span.meta.line_index
    return edits if index is None else line_edits(take_meta(span.action), index, edits)


def span_words(span: TakeSpan) -> list[tuple[int, float, float]]:
    """The corrected word times, in the numbers and seconds of the span's line."""
    times = word_times(span.action)
    index = span.meta.line_index
    return times if index is None else line_words(take_meta(span.action), index, times)


def span_emphasis(span: TakeSpan) -> list[tuple[float, float, float]]:
    """Emphasis of the words (start, end, amount), in the seconds of the span's line; words that lost theirs have 0."""
    found = stretches(span.action)
    times = [entry[:3] for entry in found]
    amounts = {index: amount for index, _, _, amount in found}
    index = span.meta.line_index
    if index is None:
        return [(start, end, amounts[word]) for word, start, end in times]
    meta, out = take_meta(span.action), []
    for entry in times:
        out += [(start, end, amounts[entry[0]]) for _, start, end in line_words(meta, index, [entry])]
    return out
