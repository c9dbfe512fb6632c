"""Words and semantic labels of a sample take, as BEAT2 keeps them."""

from __future__ import annotations

from pathlib import Path

from engine.models.vocabulary import spoken
from engine.plan.types import GesturePlan
from engine.speech.types import Speech
from engine.training.beat2_text import LABELS, TEXTGRIDS

# Labels and scores 0..1 of BEAT2 (docs/sources/semantics.md, section 10).
MEANING, BEAT = ("08_metaphoric_l", 0.8), ("01_beat_align", 0.1)
NOTHING = ("00_nogesture", 0.0)


def write_text(folder: Path, name: str, speech: Speech, plan: GesturePlan) -> None:
    """Write ``textgrid/<name>.TextGrid`` and ``sem/<name>.txt`` of a take; gestures with a meaning of the plan are
    labelled as such, beats as beats."""
    for inner in (TEXTGRIDS, LABELS):
        (folder / inner).mkdir(parents=True, exist_ok=True)
    (folder / TEXTGRIDS / f"{name}.TextGrid").write_text(_textgrid(speech), encoding="utf-8")
    clock, rows = 0.0, []
    for phrase in sorted(plan.phrases, key=lambda phrase: phrase.onset):
        begin, end = max(clock, phrase.onset), min(speech.seconds, phrase.hold_end)
        if end <= begin:
            continue
        if begin > clock:
            rows.append((*NOTHING, clock, begin, ""))
        word = plan.words[phrase.word][0] if 0 <= phrase.word < len(plan.words) else ""
        rows.append((*(MEANING if phrase.semantic else BEAT), begin, end, word))
        clock = end
    if clock < speech.seconds:
        rows.append((*NOTHING, clock, speech.seconds, ""))
    lines = [
        f"{label}\t{start:.4f}\t{end:.4f}\t{end - start:.4f}\t{score}\t{word}"
        for label, score, start, end, word in rows
    ]
    (folder / LABELS / f"{name}.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _textgrid(speech: Speech) -> str:
    """Praat's long text form with one tier of words."""
    intervals = spoken(speech)
    lines = [
        'File type = "ooTextFile"', 'Object class = "TextGrid"', "", "xmin = 0", f"xmax = {speech.seconds}",
        "tiers? <exists>", "size = 1", "item []:", "    item [1]:", '        class = "IntervalTier"',
        '        name = "words"', "        xmin = 0", f"        xmax = {speech.seconds}",
        f"        intervals: size = {len(intervals)}",
    ]  # fmt: skip
    for index, (start, end, mark) in enumerate(intervals, start=1):
        text = mark.replace('"', '""')
        lines += [
            f"        intervals [{index}]:", f"            xmin = {start}", f"            xmax = {end}",
            f'            text = "{text}"',
        ]  # fmt: skip
    return "\n".join(lines) + "\n"
