"""Sub-panel Regenerate, in the sidebars of 3D view and Dope Sheet; the Dope Sheet's Key menu."""

from __future__ import annotations

import bpy

from ..pins.counts import COUNTS, count_text
from ..scene import settings_of, targets_of
from ..setup.progress import draw_progress
from ..takes.scope import range_text, scope_text
from ..takes.span import SpanError, glanced_span
from ..ui import PanelMixin, SubPanel, draw_sentence
from .blocker import regenerate_blocker
from .ops import asked_by_settings
from .variations import place_among


def draw_summary(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """What Regenerate will do: the frames and the body parts, and what of them stays as it is."""
    settings = settings_of(context.scene)
    armature = settings.character
    try:
        span = glanced_span(context.scene, armature)
    except SpanError:
        return
    asked = asked_by_settings(context)
    where, found = range_text(context, armature, span, asked)
    if found:
        draw_sentence(layout, f"{where}, {scope_text(armature, settings.edit_scope, settings.parts)}", "TIME")
    else:
        draw_sentence(layout, where, "INFO")
    targets = sum(target.enabled for target in targets_of(armature))
    draw_sentence(layout, count_text(COUNTS.get(context), targets), "PINNED")


class _RegeneratePanel(PanelMixin):
    """The settings of Regenerate and its variations."""

    bl_label = "Regenerate"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the panel."""
        settings = settings_of(context.scene)
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        column = layout.column()
        column.prop(settings, "edit_range")
        if settings.edit_range == "CUSTOM":
            row = column.row(align=True)
            row.prop(settings, "edit_first", text="Frames")
            row.prop(settings, "edit_last", text="")
        column.prop(settings, "edit_scope")
        column.prop(settings, "edit_same_seed")
        column.prop(settings, "edit_into_take")
        layout.operator_context = "INVOKE_DEFAULT"
        if draw_progress(layout):
            return
        self.draw_button(layout, context)
        _draw_variations(layout, context)

    def draw_button(self, layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
        """The sidebar's main panel has the button already."""


class COSPEECH_PT_regenerate(_RegeneratePanel, SubPanel, bpy.types.Panel):
    """Frames of the take made anew"""

    bl_order = 35


class COSPEECH_PT_regenerate_keys(_RegeneratePanel, bpy.types.Panel):
    """Frames of the take made anew, where their keys are selected"""

    bl_space_type = "DOPESHEET_EDITOR"
    bl_region_type = "UI"
    bl_category = "Cospeech"

    def draw_button(self, layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
        """The button and what it will do."""
        layout.operator("cospeech.regenerate", icon="FILE_REFRESH")
        reason = regenerate_blocker(context)
        if reason:
            draw_sentence(layout, reason, "INFO")
        else:
            draw_summary(layout, context)


def _draw_variations(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    row = layout.row(align=True)
    row.operator("cospeech.variations", icon="DUPLICATE")
    row.prop(settings_of(context.scene), "edit_variations", text="")
    armature = settings_of(context.scene).character
    number, count = place_among(armature) if armature is not None else (0, 0)
    if not count:
        return
    layout.label(text=f"Shown: variation {number} of {count}" if number else f"Shown: the take; {count} variations")
    row = layout.row(align=True)
    row.operator("cospeech.step_variation", text="Previous", icon="TRIA_LEFT").by = -1
    row.operator("cospeech.step_variation", text="Next", icon="TRIA_RIGHT").by = 1
    row.operator("cospeech.keep_variation", text="Keep")


CLASSES = (COSPEECH_PT_regenerate, COSPEECH_PT_regenerate_keys)


def _draw_key_menu(self: bpy.types.Menu, _: bpy.types.Context) -> None:
    layout = self.layout
    layout.separator()
    layout.operator_context = "INVOKE_DEFAULT"
    layout.operator("cospeech.regenerate", text="Regenerate Selected Frames", icon="FILE_REFRESH").range = "SELECTED"
    layout.operator("cospeech.variations", text="Make Variations of Selected Frames").range = "SELECTED"


def attach() -> None:
    """Add the menu entries."""
    bpy.types.DOPESHEET_MT_key.append(_draw_key_menu)


def detach() -> None:
    """Undo :func:`attach`."""
    bpy.types.DOPESHEET_MT_key.remove(_draw_key_menu)
