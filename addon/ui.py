"""What all panels and operators share."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import blf
import bpy

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import IconItems, OperatorReturnItems

    # What a mixin is once it is mixed in; Blender itself wants its own class as the last base, and once.
    OperatorMixin = bpy.types.Operator
    PanelMixin = bpy.types.Panel
    ListMixin = bpy.types.UIList
    OperatorResult = set[OperatorReturnItems]
else:
    OperatorMixin = PanelMixin = ListMixin = object
    OperatorResult = set

# What the sidebar keeps for its tabs, margins and the icon beside a text, in pixels at a scale of 1; by eye.
BESIDE_TEXT = 86
NARROWEST = 80


class CospeechPanel(PanelMixin):
    """Where all Cospeech panels live."""

    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Cospeech"


class SubPanel(CospeechPanel):
    """One of those that hang, closed, under the main panel; ``bl_order`` is its place there."""

    bl_parent_id = "COSPEECH_PT_main"
    bl_options = {"DEFAULT_CLOSED"}


class RowList(ListMixin):
    """Mixin of lists whose rows depend on their items alone."""

    def draw_item(
        self,
        context: bpy.types.Context,
        layout: bpy.types.UILayout,
        _data: Any,
        item: Any,
        _icon: int,
        _active_data: Any,
        _active_property: str,
    ) -> None:
        """As Blender asks for a row."""
        self.draw_row(context, layout, item)

    def draw_row(self, context: bpy.types.Context, layout: bpy.types.UILayout, item: Any) -> None:
        """One row of the list."""
        raise NotImplementedError


class RefusedError(Exception):
    """An operator does nothing; ``str(error)`` says why, in one sentence for the user."""


class Blocked(OperatorMixin):
    """Mixin of operators: greyed out, with the reason, where ``blocker`` names one."""

    blocker: Callable[[bpy.types.Context], str] = staticmethod(lambda _: "")

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Only where nothing speaks against it."""
        return allowed(cls, cls.blocker(context))


class UndoOperator(Blocked):
    """Mixin: one undo step; where ``work`` raises one of ``refusals``, nothing has changed and the user reads why.

    ``work(context)`` returns what was done as a sentence, "" where that is seen, or with its kind ("WARNING", text);
    None where nothing had to be done, which is no undo step.
    """

    bl_options = {"REGISTER", "UNDO"}
    refusals: tuple[type[Exception], ...] = ()
    work: Callable[[bpy.types.Context], str | tuple[str, str] | None]

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """Do it, and say what was done."""
        refusals: tuple[type[Exception], ...] = (RefusedError, *self.refusals)
        try:
            done = self.work(context)
        except refusals as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        if done is None:
            return {"CANCELLED"}
        kind: Any
        kind, text = done if isinstance(done, tuple) else ("INFO", done)
        if text:
            self.report({kind}, text)
        return {"FINISHED"}


def our_operators() -> Any:
    """``bpy.ops.cospeech``: the operators that the features' ``CLASSES`` add, which bpy's stubs cannot know."""
    return bpy.ops.cospeech  # type: ignore[attr-defined]  # ours


def scaling(name: str, description: str, low: float, high: float) -> Any:
    """A setting that scales something, 1 where it is left alone."""
    return bpy.props.FloatProperty(
        name=name, description=description, default=1.0, min=low, max=high, subtype="FACTOR", options=set()
    )


def allowed(operator: type[bpy.types.Operator], reason: str) -> bool:
    """Whether an operator can run, for its poll: where not, ``reason`` is what its grey button says."""
    if reason:
        operator.poll_message_set(reason)
    return not reason


def draw_sentence(layout: bpy.types.UILayout, text: str, icon: IconItems) -> None:
    """A sentence over as many lines as the region's width asks for, since labels do not wrap but lose their end."""
    _draw_lines(layout, _wrapped(text.split(), " "), icon)


def draw_path(layout: bpy.types.UILayout, path: Path, icon: IconItems = "NONE") -> None:
    """A path over as many lines as it needs, broken behind its separators."""
    *folders, name = path.parts or ("",)
    words = [folder if folder.endswith(os.sep) else f"{folder}{os.sep}" for folder in folders]
    _draw_lines(layout, _wrapped([*words, name], ""), icon)


def _draw_lines(layout: bpy.types.UILayout, lines: list[str], icon: IconItems) -> None:
    column = layout.column(align=True)
    for number, line in enumerate(lines):
        column.label(text=line, icon=icon if number == 0 or icon == "NONE" else "BLANK1")


def _wrapped(words: list[str], between: str) -> list[str]:
    """The lines of a text as Blender's own font will draw it in the region that is drawn now."""
    preferences = bpy.context.preferences
    scale = preferences.system.ui_scale
    region = bpy.context.region
    room = max(NARROWEST, (region.width if region else 0) / scale - BESIDE_TEXT) * scale
    blf.size(0, preferences.ui_styles[0].widget.points * scale)
    lines = [""]
    for word in words:
        longer = f"{lines[-1]}{between}{word}".strip()
        if lines[-1] and blf.dimensions(0, longer)[0] > room:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines
