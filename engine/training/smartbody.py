"""Read SmartBody's own text formats: ``.sk`` skeletons and ``.skm`` motions.

Formats as the SmartBody manual describes them (Asset Formats), and as the published files show: a skeleton is a tree of
``root NAME { offset x y z  prerot axis x y z ang degrees  channel ... joint NAME { ... } }``; a motion lists its
channels (``JOINT XPos|YPos|ZPos|Quat``), then frames ``kt SECONDS fr VALUES``, where a Quat channel is three values,
axis times angle in radians. A joint's local rotation is prerot * channel, its place offset + position channels.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation, Slerp

from engine.errors import CospeechError

Array = NDArray[np.float64]

RATE = 30.0  # Hz, of the corpus
ON_GRID = 0.002  # s, by eye: nearer to the grid, frames go through as they are
WIDTHS = {"xpos": 1, "ypos": 1, "zpos": 1, "quat": 3}  # numbers of a channel: SmartBody's format
POSITIONS = ("xpos", "ypos", "zpos")


@dataclass(frozen=True, eq=False)
class Rig:
    """A source skeleton: ``names``, ``parents`` (-1: root), ``offsets`` (J, 3) in the file's unit, ``prerots``
    (J, 3, 3)."""

    names: tuple[str, ...]
    parents: tuple[int, ...]
    offsets: Array
    prerots: Array

    def index(self, name: str) -> int:
        """Place of a joint; CospeechError where there is none."""
        if name not in self.names:
            raise CospeechError(f"The skeleton has no joint '{name}'; choose one of SmartBody's Chr... skeletons")
        return self.names.index(name)

    def scaled(self, factor: float) -> Rig:
        """The same rig in another unit."""
        return Rig(self.names, self.parents, self.offsets * factor, self.prerots)

    def forward(self, local: Array, offsets: Array) -> tuple[Array, Array]:
        """World rotations (T, J, 3, 3) and places (T, J, 3) from local ones."""
        world, points = np.empty_like(local), np.empty_like(offsets)
        for joint, parent in enumerate(self.parents):
            if parent < 0:
                world[:, joint], points[:, joint] = local[:, joint], offsets[:, joint]
            else:
                world[:, joint] = world[:, parent] @ local[:, joint]
                moved = np.einsum("tij,tj->ti", world[:, parent], offsets[:, joint])
                points[:, joint] = points[:, parent] + moved
        return world, points

    def bind(self) -> tuple[Array, Array]:
        """World rotations (J, 3, 3) and places (J, 3) of the pose without a motion."""
        world, points = self.forward(self.prerots[None], self.offsets[None])
        return world[0], points[0]


@dataclass(frozen=True, eq=False)
class Recording:
    """A motion file: ``channels`` values (T, 1 or 3) by (joint, lower-case channel), ``seconds`` (T,) from 0, and the
    file's own notes (``ready``, ``relax`` ...) in seconds."""

    channels: dict[tuple[str, str], Array]
    seconds: Array
    notes: dict[str, float]


def read_skeleton(file: Path) -> Rig:
    """A rig from a .sk file; CospeechError says what is wrong with it."""
    words = _skeleton_words(file)
    names: list[str] = []
    parents: list[int] = []
    offsets: list[Array] = []
    prerots: list[Array] = []
    open_joints: list[int] = []
    for word in words:
        if word in ("root", "joint"):
            names.append(_next(words, file))
            parents.append(open_joints[-1] if open_joints else -1)
            offsets.append(np.zeros(3))
            prerots.append(np.eye(3))
        elif word == "{":
            open_joints.append(len(names) - 1)
        elif word == "}":
            if not open_joints:
                raise _broken(file, "a bracket closes that never opened")
            open_joints.pop()
            if not open_joints:
                break
        elif word == "offset" and names:
            offsets[-1] = _numbers([_next(words, file) for _ in range(3)], file)
        elif word == "axis" and names:
            axis = _numbers([_next(words, file) for _ in range(3)], file)
            _next(words, file)  # "ang"
            degrees = _numbers([_next(words, file)], file)[0]
            length = float(np.linalg.norm(axis))
            if length > 1e-9:
                prerots[-1] = Rotation.from_rotvec(axis / length * np.radians(degrees)).as_matrix()
    if not names or open_joints:
        raise _broken(file, "its tree of joints is empty or never ends")
    if len(set(names)) != len(names):
        raise _broken(file, "two joints have the same name")
    return Rig(tuple(names), tuple(parents), np.array(offsets), np.array(prerots))


def read_motion(file: Path) -> Recording:
    """A motion from a .skm file; CospeechError says what is wrong with it."""
    lines = iter(_text(file).splitlines())
    count = _announced(lines, "channels", file)
    listed = [next(lines, "").split() for _ in range(count)]
    if any(len(words) < 2 or words[1].lower() not in WIDTHS for words in listed):
        raise _broken(file, f"it announces {count} channels and lists others than XPos, YPos, ZPos and Quat, or fewer")
    keys = [(words[0], words[1].lower()) for words in listed]
    frames = _announced(lines, "frames", file)
    ends = np.cumsum([WIDTHS[kind] for _, kind in keys])
    seconds, rows, notes = [], [], {}
    for line in lines:
        words = line.replace(":", " ").split()
        if words and words[0] == "kt":
            values = _numbers([word for word in words[1:] if word != "fr"], file)
            seconds.append(values[0])
            rows.append(values[1:])
        elif len(words) > 2 and words[1] == "time":
            notes[words[0]] = float(_numbers(words[2:3], file)[0])
    if len(rows) != frames or frames < 2 or any(len(row) != ends[-1] for row in rows):
        raise _broken(file, f"it announces {frames} frames of {ends[-1]} values and holds others")
    times, table = np.array(seconds) - seconds[0], np.array(rows)
    if np.any(np.diff(times) <= 0.0):
        raise _broken(file, "its times don't rise")
    channels = {key: table[:, end - WIDTHS[key[1]] : end] for key, end in zip(keys, ends, strict=True)}
    return Recording(channels, times, notes)


def played(rig: Rig, recording: Recording) -> tuple[Array, Array]:
    """World rotations (T, J, 3, 3) and places (T, J, 3) of a rig in a recording, at 30 fps.

    A recording at 30 fps is taken sample for sample; another one is interpolated (slerp, linear places).
    """
    moments = np.arange(int(np.floor(recording.seconds[-1] * RATE + 1e-3)) + 1) / RATE
    on_grid = len(recording.seconds) >= len(moments) and np.allclose(
        recording.seconds[: len(moments)], moments, rtol=0.0, atol=ON_GRID
    )
    moments = recording.seconds[: len(moments)] if on_grid else np.minimum(moments, recording.seconds[-1])
    local = np.broadcast_to(rig.prerots, (len(moments), *rig.prerots.shape)).copy()
    offsets = np.broadcast_to(rig.offsets, (len(moments), *rig.offsets.shape)).copy()
    for joint, name in enumerate(rig.names):
        turn = recording.channels.get((name, "quat"))
        if turn is not None:
            turns = Slerp(recording.seconds, Rotation.from_rotvec(turn))(moments)
            local[:, joint] = rig.prerots[joint] @ turns.as_matrix()
        for axis, kind in enumerate(POSITIONS):
            moved = recording.channels.get((name, kind))
            if moved is not None:
                offsets[:, joint, axis] += np.interp(moments, recording.seconds, moved[:, 0])
    return rig.forward(local, offsets)


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="latin-1")
    except OSError as error:
        raise CospeechError(f"Could not read {file} ({error.strerror}); check the path") from error


def _skeleton_words(file: Path) -> Iterator[str]:
    text = "\n".join(line.split("#")[0] for line in _text(file).splitlines())
    words = text.replace("{", " { ").replace("}", " } ").split()
    if "skeleton" not in words:
        raise CospeechError(f"{file.name} is not a SmartBody skeleton; choose a .sk file")
    return iter(words[words.index("skeleton") + 1 :])


def _announced(lines: Iterator[str], name: str, file: Path) -> int:
    """The number in the line ``name NUMBER``."""
    for line in lines:
        words = line.split()
        if len(words) == 2 and words[0] == name and words[1].isdigit():
            return int(words[1])
    raise CospeechError(f"{file.name} is not a SmartBody motion: it has no line '{name} NUMBER'; choose a .skm file")


def _next(words: Iterator[str], file: Path) -> str:
    word = next(words, None)
    if word is None:
        raise _broken(file, "it ends in the middle of a joint")
    return word


def _numbers(words: list[str], file: Path) -> Array:
    try:
        values = np.array([float(word) for word in words])
    except ValueError as error:
        raise _broken(file, f"a number was expected ({error})") from error
    if not len(values) or not np.isfinite(values).all():
        raise _broken(file, "a number is missing or not finite")
    return values


def _broken(file: Path, what: str) -> CospeechError:
    return CospeechError(f"{file.name} is damaged: {what}; fetch it again")
