"""What all panels share."""

from __future__ import annotations

import bpy


class CospeechPanel:
    """Where all Cospeech panels live."""

    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Cospeech"


def draw_sentence(layout: bpy.types.UILayout, text: str, icon: str, width: int = 42) -> None:
    """A sentence over several lines, since labels do not wrap."""
    lines: list[str] = [""]
    for word in text.split():
        if lines[-1] and len(lines[-1]) + len(word) + 1 > width:
            lines.append(word)
        else:
            lines[-1] = f"{lines[-1]} {word}".strip()
    column = layout.column(align=True)
    for number, line in enumerate(lines):
        column.label(text=line, icon=icon if number == 0 else "BLANK1")
