"""The film and the stills."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy
import numpy as np

from . import framing
from .stage import PreviewError, Stage, stage

FRAMING_SAMPLES = 24  # frames of the take, by eye
FILM_AZIMUTH_DEG = 20.0  # by eye: turned enough to show depth, frontal enough to read both hands and the face


def render_film(
    context: bpy.types.Context,
    armature: bpy.types.Object,
    sound_path: str | Path | None,
    out_mp4: str | Path,
    *,
    start: int,
    end: int,
    size: tuple[int, int] = (640, 720),
    samples: int = 0,
) -> Path:
    """An H.264 film of frames `start` to `end` (both in), with the sound from frame `start` on as AAC.

    The camera stands still and sees the whole character at every frame. Raises PreviewError for an unreadable sound or
    an empty range.
    """
    out = _target(out_mp4)
    if end < start:
        raise PreviewError(f"The film would end (frame {end}) before it starts (frame {start}); check the frame range.")
    with stage(context, armature, size, samples) as set_:
        frames = np.unique(np.linspace(start, end, FRAMING_SAMPLES).round().astype(int)).tolist()
        set_.place_camera(body_shot(set_, frames, FILM_AZIMUTH_DEG, size))
        if sound_path is not None:
            _add_sound(set_, Path(sound_path), start)
        scene = set_.scene
        scene.frame_start, scene.frame_end = start, end
        _set_video(scene.render)
        scene.render.filepath = str(out)
        bpy.ops.render.render(animation=True, scene=scene.name)
    return out


def render_still(
    context: bpy.types.Context,
    armature: bpy.types.Object,
    frame: int,
    out_png: str | Path,
    size: tuple[int, int] = (900, 1100),
    camera: str = "three_quarter",
    *,
    samples: int = 8,
) -> Path:
    """One frame as PNG from a named view (`framing.VIEWS`), or of `face`, `left_hand`, `right_hand`."""
    out = _target(out_png)
    with stage(context, armature, size, samples) as set_:
        aim(set_, frame, camera, size)
        set_.render(out, frame)
    return out


def aim(set_: Stage, frame: int, view: str, size: tuple[int, int]) -> None:
    """Points the camera for one frame: a view of the body, or `face`, `face_side`, `left_hand`, `right_hand`."""
    if view in framing.VIEWS:
        set_.place_camera(body_shot(set_, [frame], framing.VIEWS[view], size))
        return
    heads, facing = set_.bones(frame), set_.facing(frame)
    if view in ("face", "face_side"):
        points, azimuth = _face_points(heads), 0.0 if view == "face" else 40.0
    elif view in ("left_hand", "right_hand"):
        side = view.removesuffix("_hand")
        points, azimuth = _hand_points(heads, side), 25.0 if side == "left" else -25.0
    else:
        raise PreviewError(f"There is no view {view!r}; choose one of {', '.join(framing.VIEWS)}, face or a hand.")
    set_.place_camera(framing.fit(points, framing.view_rotation(facing, azimuth, 0.0), size, margin=0.0, head_room=0.0))


def body_shot(
    set_: Stage, frames: list[int], azimuth: float, size: tuple[int, int], margin: float = 0.05
) -> framing.Shot:
    """One camera that sees the whole character at all these frames, from that side of where it faces on average."""
    facing = np.mean([set_.facing(f) for f in frames], axis=0)
    points = np.concatenate([set_.surface(f) for f in frames])
    return framing.fit(points, framing.view_rotation(facing, azimuth), size, margin=margin)


def _ball(center: np.ndarray, radius: float) -> np.ndarray:
    """Corners (8, 3) of a cube around a point: enough to frame it."""
    corners = np.array(np.meshgrid([-1, 1], [-1, 1], [-1, 1])).reshape(3, -1).T
    return center + corners * radius


def _face_points(heads: dict[str, np.ndarray]) -> np.ndarray:
    if "head" not in heads:
        raise PreviewError("This armature has no bone 'head'; the face can't be shown.")
    eyes = [v for k, v in heads.items() if "eye" in k]
    center = np.mean(eyes, axis=0) - (0, 0, 0.02) if eyes else heads["head"] + (0, 0, 0.08)
    return _ball(center, 0.12)


def _hand_points(heads: dict[str, np.ndarray], side: str) -> np.ndarray:
    wrist, knuckle = heads.get(f"{side}_wrist"), heads.get(f"{side}_middle1")
    if wrist is None or knuckle is None:
        raise PreviewError(f"This armature has no bones '{side}_wrist' and '{side}_middle1'; the hand can't be shown.")
    return _ball(knuckle, 0.12)


def _target(path: str | Path) -> Path:
    out = Path(path).resolve()
    out.parent.mkdir(parents=True, exist_ok=True)
    return out


def _add_sound(set_: Stage, path: Path, start: int) -> None:
    """The strip for the mixdown; strips.new_sound, because the operator crashes 5.0 without a window."""
    before = set(bpy.data.sounds)
    strips = set_.scene.sequence_editor_create().strips
    try:
        strip: Any = strips.new_sound("speech", str(path.resolve()), channel=1, frame_start=start)
        readable = strip.sound.samplerate > 0
    except RuntimeError:
        readable = False
    set_.owned += [s for s in bpy.data.sounds if s not in before]
    if not readable:
        raise PreviewError(f"Blender can't read the sound {path}; check that the file exists and is a sound file.")


def _set_video(render: bpy.types.RenderSettings) -> None:
    settings = render.image_settings
    if hasattr(settings, "media_type"):  # Blender 5.0 and later ask for the kind of medium first
        settings.media_type = "VIDEO"
    settings.file_format = "FFMPEG"
    ffmpeg = render.ffmpeg
    ffmpeg.format, ffmpeg.codec = "MPEG4", "H264"
    ffmpeg.constant_rate_factor, ffmpeg.ffmpeg_preset, ffmpeg.gopsize = "HIGH", "REALTIME", 30
    ffmpeg.audio_codec, ffmpeg.audio_bitrate, ffmpeg.audio_channels = "AAC", 160, "STEREO"
