"""Put a take onto a character: a new Action with slots; the older take becomes a muted NLA track."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import PurePath
from typing import Any

import bpy

from .. import compat
from ..client.provenance import Provenance, TakeMeta
from ..client.take_file import Take, arkit_names
from ..rig.character import character_meshes, face_shapes, keyable_faces
from ..rig.recognise import recognise
from ..rig.rig_map import RigError
from ..rig.skeleton import PARTS
from ..scene import scene_rate
from .keys import FACE_GROUP, Curve, armature_curves, owned_paths, part_joints, shape_path, write_curves
from .meaning import network_scores, word_title
from .reference import remember
from .resample import Clip, to_rate
from .stack import new_strip, shown_reason

NAME_LENGTH = 63  # bytes, Blender's limit of a name
META_KEY = "cospeech"
APEX, BEAT = "apex", "beat"
# Called with every Action that a take was written into. What builds on takes adds itself when it is registered.
AFTER_WRITE: list[Callable[[bpy.types.Action], None]] = []


class ApplyError(Exception):
    """The take can't be put onto the character; ``str(error)`` is one sentence for the user."""


def apply_take(
    context: bpy.types.Context,
    armature: bpy.types.Object,
    take: Take,
    *,
    start_frame: int,
    parts: Iterable[str] = PARTS,
    name: str = "",
) -> bpy.types.Action:
    """Key the take's frame 0 on ``start_frame`` at the scene's rate, and return the new, active Action.

    Only ``parts`` are keyed ("root" is the pelvis' place and turn; a take without blend shapes has a face of jaw and
    eyes only); curves of the Action active before, on everything else, are copied over. That Action stays as it was,
    in a muted NLA track. ``name`` defaults to ``<character>_<line>_<seed>``. RigError and ApplyError say what is in
    the way; nothing has changed then.
    """
    asked = [part for part in PARTS if part in set(parts)]
    if not asked:
        raise ApplyError("No body part is chosen; choose at least one in Parts")
    rig = recognise(armature)
    with_face = "face" in asked and take.blendshapes is not None
    names = face_shapes(armature)
    shapes = [key for key in keyable_faces(armature) if with_face or compat.current_channels(key) is not None]
    _check_editable(armature, shapes)
    fps = scene_rate(context.scene)
    clip = to_rate(take, fps)
    before = armature.animation_data.action if armature.animation_data is not None else None
    action = bpy.data.actions.new((name or take_name(armature, take))[:NAME_LENGTH])
    action.use_fake_user = True
    body = armature_curves(armature, rig, clip.quaternions, clip.trans, part_joints(asked))
    _fill(action, armature, body, owned_paths(rig, asked), start_frame)
    owned = {shape_path(block) for key in shapes for block in names[key].values()} if with_face else set()
    for key in shapes:
        _fill(action, key, _face_curves(names[key], clip) if with_face else [], owned, start_frame)
    if with_face:
        _drop_faces(armature, before, shapes)
    describe(action, take, start_frame, clip.frames, fps)
    remember(action, start_frame, clip.frames, written=owned_paths(rig, asked) | owned, before=before)
    take_written(action)
    return action


def take_written(action: bpy.types.Action) -> None:
    """Tell those of :data:`AFTER_WRITE` that an Action holds another take, or says otherwise of itself, than before."""
    for listener in AFTER_WRITE:
        listener(action)


def check_ready(armature: bpy.types.Object) -> None:
    """RigError, ApplyError: why no take can be put onto this character."""
    recognise(armature)
    _check_editable(armature, keyable_faces(armature))


def take_name(armature: bpy.types.Object, take: Take, limit: int = NAME_LENGTH) -> str:
    """``<character>_<line>_<seed>``; the line is shortened where Blender's name limit asks for it."""
    source = Provenance(take.provenance or {})
    line = PurePath((source.title or "take").replace("\\", "/")).stem or "take"
    seed = (take.plan or {}).get("seed", 0) if source.seed is None else source.seed
    room = max(1, limit - len(armature.name.encode()) - len(str(seed)) - 2)
    return f"{armature.name}_{line.encode()[:room].decode(errors='ignore')}_{seed}"


def _check_editable(armature: bpy.types.Object, shapes: list[bpy.types.Key]) -> None:
    if not armature.is_editable:
        raise ApplyError(f"'{armature.name}' is linked from another file; make a library override of the character")
    reason = shown_reason(armature)
    if reason:
        raise ApplyError(reason)
    both: list[compat.Owner] = [armature, *shapes]
    for owner in both:
        if owner.animation_data is not None and owner.animation_data.use_tweak_mode:
            raise ApplyError(f"An NLA strip of '{armature.name}' is being tweaked; leave Tweak Mode (Tab) first")


def _face_curves(names: dict[str, str], clip: Clip) -> list[Curve]:
    return [
        Curve(shape_path(names[name]), 0, FACE_GROUP, clip.blendshapes[:, column])
        for column, name in enumerate(arkit_names())
        if name in names
    ]


def _drop_faces(armature: bpy.types.Object, before: bpy.types.Action | None, shapes: list[bpy.types.Key]) -> None:
    """Meshes that receive the face no more must not play the take before this one."""
    for key in {mesh.data.shape_keys for mesh in character_meshes(armature)} - {None, *shapes}:
        channels = compat.current_channels(key)
        if before is not None and channels is not None and channels.action == before and key.is_editable:
            put_aside(key)
            compat.assign(key, None, None)


def _fill(
    action: bpy.types.Action, owner: compat.Owner, curves: Iterable[Curve], owned: set[str], start_frame: int
) -> None:
    """Write one owner's new curves, carry over those that are not ``owned``, and make the Action its active one."""
    data = owner.animation_data or owner.animation_data_create()
    driven = {(driver.data_path, driver.array_index) for driver in data.drivers}
    channels = compat.add_channels(action, owner)
    write_curves(channels, (curve for curve in curves if (curve.path, curve.index) not in driven), start_frame)
    before = compat.current_channels(owner)
    if before is not None:
        for fcurve in before.fcurves:
            if fcurve.data_path not in owned:
                compat.copy_curve(fcurve, channels)
    put_aside(owner)
    compat.assign(owner, action, channels.slot)


def put_aside(owner: compat.Owner) -> None:
    """Give the owner's active Action a muted NLA track of its own, unless it lies in one already."""
    channels = compat.current_channels(owner)
    if channels is not None and len(channels.fcurves):
        lay_aside(owner, channels.action, channels.slot)


def lay_aside(owner: compat.Owner, action: bpy.types.Action, slot: Any) -> None:
    """Put an Action into a muted NLA track of the owner, unless it lies in one already."""
    data = owner.animation_data or owner.animation_data_create()
    if any(strip.action == action for track in data.nla_tracks for strip in track.strips):
        return
    track, _ = new_strip(data, action, slot)
    track.mute = True


def describe(action: bpy.types.Action, take: Take, start_frame: int, frames: int, fps: float) -> None:
    """The Action's manual frame range, its pose markers and, as JSON, what the take says about itself."""
    action.use_frame_range = True
    action.frame_start, action.frame_end = start_frame, start_frame + frames - 1
    meta: dict[str, Any] = {
        "start_frame": start_frame,
        "frames": frames,
        "fps": fps,
        "plan": take.plan,
        "provenance": take.provenance,
    }
    write_markers(action, TakeMeta(meta))
    set_meta(action, meta)


def write_markers(action: bpy.types.Action, meta: TakeMeta) -> None:
    """Pose markers for what the plan of a take holds, which will say ``meta`` of itself, with start and rate; those
    that a plan wrote before are replaced, the animator's own stay."""
    start, fps = meta.start or 0, meta.fps or 1.0
    events = sorted(_events(meta), key=lambda event: event[1])
    ours = {title[:NAME_LENGTH] for title, _ in (*events, *_events(take_meta(action)))}
    for marker in [marker for marker in action.pose_markers if marker.name in ours or _is_apex(marker.name)]:
        action.pose_markers.remove(marker)
    for title, seconds in events:
        marker = action.pose_markers.new(title[:NAME_LENGTH])
        marker.frame = start + round(seconds * fps)


def _is_apex(name: str) -> bool:
    return name == BEAT or name.startswith(APEX)


def set_meta(action: bpy.types.Action, meta: dict[str, Any]) -> None:
    """Store what an Action says of itself, for :func:`action_meta`."""
    action[META_KEY] = json.dumps(meta, ensure_ascii=False)


def _events(meta: TakeMeta) -> list[tuple[str, float]]:
    """What a take shows on the time line: words at their start, with the meaning that a network found in them, gestures
    at their apex, beats as beats."""
    scored = zip(meta.words, network_scores(meta), strict=True)
    events = [(word_title(str(word[0]), score), float(word[1])) for word, score in scored]
    for phrase in meta.phrases:
        title = f"{APEX} {phrase.get('lexeme', '')}".strip() if phrase.get("semantic") else BEAT
        events.append((title, float(phrase["apex"])))
    return events


def is_take(action: bpy.types.Action | None) -> bool:
    """Whether an Action was made by us."""
    return action is not None and META_KEY in action  # type: ignore[operator]  # every ID holds custom properties


def take_meta(action: bpy.types.Action | None) -> TakeMeta:
    """What an Action says of itself, to be read."""
    return TakeMeta(action_meta(action))


def action_meta(action: bpy.types.Action | None) -> dict[str, Any]:
    """What :func:`describe` stored, to be written anew; empty for an Action that is not a take."""
    text = action.get(META_KEY, "") if action is not None else ""
    return parse_meta(text) if isinstance(text, str) else {}


def parse_meta(text: str) -> dict[str, Any]:
    """What :func:`set_meta` wrote, from its text; empty for a text that is none of ours."""
    try:
        meta = json.loads(text) if text else {}
    except ValueError:
        return {}
    return meta if isinstance(meta, dict) else {}


__all__ = [
    "ApplyError",
    "RigError",
    "action_meta",
    "apply_take",
    "check_ready",
    "describe",
    "lay_aside",
    "parse_meta",
    "put_aside",
    "set_meta",
    "take_meta",
    "take_name",
    "take_written",
    "write_markers",
]
