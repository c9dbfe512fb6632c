"""Choose, save and delete speaker presets."""

from __future__ import annotations

from pathlib import Path

import bpy

from ..scene import speaker_of
from ..setup.engine import user_folder
from ..ui import OperatorResult, RefusedError, UndoOperator
from .presets import DEFAULT, PresetError, bundled, file_name, nobody, own, read, write


def presets_folder() -> Path:
    """Where the user's presets lie: they outlive updates."""
    return user_folder() / "speakers"


class COSPEECH_OT_choose_speaker(UndoOperator, bpy.types.Operator):
    """Take the ways of this speaker: hands, rate, size, tempo, rests, head, eyes and face"""

    bl_idname = "cospeech.choose_speaker"
    bl_label = "Choose Speaker"
    refusals = (PresetError,)

    preset: bpy.props.StringProperty(name="Preset", description="The preset's name", options={"SKIP_SAVE"})

    def work(self, context: bpy.types.Context) -> str:
        """Fill the settings from the preset."""
        name = self.preset or DEFAULT
        path = {**bundled(), **own(presets_folder())}.get(name)
        if path is None and name != DEFAULT:
            raise RefusedError(f"There is no speaker '{name}' any more; choose another one")
        speaker_of(context.scene).take(nobody() if path is None else read(path))
        return ""


class COSPEECH_OT_save_speaker(UndoOperator, bpy.types.Operator):
    """Save these settings as a speaker of your own, for every file"""

    bl_idname = "cospeech.save_speaker"
    bl_label = "Save Speaker"
    refusals = (PresetError,)

    name: bpy.props.StringProperty(name="Name", description="What the speaker is called", options={"SKIP_SAVE"})
    about: bpy.props.StringProperty(name="About", description="What this speaker is like", options={"SKIP_SAVE"})
    replace: bpy.props.BoolProperty(
        name="Replace", description="Replace your speaker of this name", default=False, options={"SKIP_SAVE"}
    )

    def invoke(self, context: bpy.types.Context, _: bpy.types.Event) -> OperatorResult:
        """Ask for a name; one of the user's own may be kept."""
        speaker = speaker_of(context.scene)
        self.about = speaker.about
        if speaker.preset in own(presets_folder()):
            self.name, self.replace = speaker.preset, True
        return context.window_manager.invoke_props_dialog(self)

    def work(self, context: bpy.types.Context) -> str:
        """Write the preset; the scene's speaker is that one from now on."""
        speaker = speaker_of(context.scene)
        values = {**speaker.values(), "name": file_name(self.name), "about": self.about}
        path = write(presets_folder(), values, self.replace)
        speaker.take(values)
        return f"Saved speaker '{path.stem}'"


class COSPEECH_OT_delete_speaker(UndoOperator, bpy.types.Operator):
    """Delete your speaker's preset; the settings stay as they are"""

    bl_idname = "cospeech.delete_speaker"
    bl_label = "Delete Speaker"
    bl_options = {"REGISTER"}

    @classmethod
    def blocker(cls, context: bpy.types.Context) -> str:
        """Only presets of the user's own can go."""
        mine = speaker_of(context.scene).preset in own(presets_folder())
        return "" if mine else "Only speakers that you saved can be deleted"

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> OperatorResult:
        """Ask first."""
        return context.window_manager.invoke_confirm(self, event)

    def work(self, context: bpy.types.Context) -> str:
        """Remove the file."""
        name = speaker_of(context.scene).preset
        try:
            own(presets_folder())[name].unlink()
        except OSError as error:
            text = f"'{name}' can't be deleted ({error.strerror}); check the folder {presets_folder()}"
            raise RefusedError(text) from error
        return f"Deleted speaker '{name}'"


CLASSES = (COSPEECH_OT_choose_speaker, COSPEECH_OT_save_speaker, COSPEECH_OT_delete_speaker)
