"""Targets as document data on the character: ``Object.cospeech_targets``."""

from __future__ import annotations

from typing import Any

import bpy

JOINTS = (
    ("left_wrist", "Left Wrist", "The wrist reaches the place"),
    ("right_wrist", "Right Wrist", "The wrist reaches the place"),
    ("left_ankle", "Left Ankle", "The ankle reaches the place"),
    ("right_ankle", "Right Ankle", "The ankle reaches the place"),
    ("head", "Head", "The head looks at the place"),
)
OVERRIDE: Any = {"LIBRARY_OVERRIDABLE"}


class CospeechTarget(bpy.types.PropertyGroup):
    """A place that a joint shall reach on some frames."""

    object: bpy.props.PointerProperty(
        name="Object",
        description="Object whose origin is the place; it may move",
        type=bpy.types.Object,
        override=OVERRIDE,
    )
    bone: bpy.props.StringProperty(
        name="Bone", description="Bone of that armature; empty takes the object itself", override=OVERRIDE
    )
    joint: bpy.props.EnumProperty(
        name="Joint",
        description="What shall reach the place, or look at it",
        items=JOINTS,
        default="right_wrist",
        options=set(),
        override=OVERRIDE,
    )
    first: bpy.props.IntProperty(
        name="First", description="First scene frame of the target", default=1, options=set(), override=OVERRIDE
    )
    last: bpy.props.IntProperty(
        name="Last", description="Last scene frame of the target", default=1, options=set(), override=OVERRIDE
    )
    tolerance: bpy.props.FloatProperty(
        name="Tolerance",
        description="How near is near enough",
        default=0.0005,
        min=0.0001,
        max=0.5,
        precision=4,
        step=0.1,
        subtype="DISTANCE",
        unit="LENGTH",
        options=set(),
        override=OVERRIDE,
    )
    offset: bpy.props.FloatVectorProperty(
        name="Offset",
        description="From the object's origin, in the object's own axes",
        size=3,
        subtype="TRANSLATION",
        unit="LENGTH",
        options=set(),
        override=OVERRIDE,
    )
    enabled: bpy.props.BoolProperty(
        name="Use", description="Reach for this target", default=True, options=set(), override=OVERRIDE
    )


CLASSES = (CospeechTarget,)
PROPERTIES = (
    (
        bpy.types.Object,
        "cospeech_targets",
        bpy.props.CollectionProperty(type=CospeechTarget, override={"LIBRARY_OVERRIDABLE", "USE_INSERTION"}),
    ),
    (
        bpy.types.Object,
        "cospeech_target",
        bpy.props.IntProperty(
            name="Target", description="The target chosen in the list", options=set(), override=OVERRIDE
        ),
    ),
)
