"""Hints on disk: an .npz without pickles (docs/sources/contracts.md, section 2). Every field but the base is
optional."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.body.motion import BETA_COUNT, EXPRESSION_COUNT, Motion, read_npz, write_npz
from engine.body.skeleton import JOINT_COUNT, default_skeleton
from engine.errors import TakeError
from engine.hints.types import TOLERANCE_M, Hints, HintsError, Target

_ARRAYS = ("rotations", "rotation_mask", "trans", "trans_mask", "blendshapes", "blendshape_mask", "free_joints", "rest")


def load_hints(path: str | Path) -> Hints:
    """Read hints and the take that they are for.

    HintsError says in one sentence what is wrong: a missing or unreadable file, no base, shapes that do not fit the
    base's frames, another rate than the base's, a damaged target.
    """
    source = Path(path)
    try:
        data = read_npz(source)
    except TakeError as error:
        raise HintsError(f"The hints can't be read: {_small(str(error))}") from error
    base = _base(source, data)
    _check_rate(data, base)
    fields: dict[str, Any] = {name: _numbers(data, name) for name in _ARRAYS if name in data}
    for name in ("free_trans", "free_face"):
        if name in data:
            fields[name] = bool(_number(data, name))
    if "support_seconds" in data:
        fields["support_seconds"] = _number(data, "support_seconds")
    if "window" in data:
        fields["window"] = _window(data)
    return Hints(base=base, targets=_targets(data), **fields)


def save_hints(path: str | Path, hints: Hints, base: str | Path | None = None) -> None:
    """Write hints to ``path``; their take inline, or as the path ``base`` of a file that holds it.

    A path is stored relative to the hints' folder. HintsError where the file can't be written.
    """
    arrays: dict[str, Any] = {
        "rotations": hints.rotations,
        "rotation_mask": hints.rotation_mask,
        "trans": hints.trans,
        "trans_mask": hints.trans_mask,
        "blendshapes": hints.blendshapes,
        "blendshape_mask": hints.blendshape_mask,
        "targets": np.array(json.dumps([_target_entry(target) for target in hints.targets])),
        "window": np.array(hints.window, dtype=np.int64),
        "fps": np.array(hints.fps),
        "free_joints": hints.free_joints,
        "free_trans": np.array(hints.free_trans),
        "free_face": np.array(hints.free_face),
        "support_seconds": np.array(hints.support_seconds),
    }
    if hints.rest is not None:
        arrays["rest"] = hints.rest
    if base is not None:
        arrays["base"] = np.array(os.path.relpath(base, Path(path).parent))
    else:
        arrays["base_poses"] = hints.base.poses
        arrays["base_trans"] = hints.base.trans
        arrays["base_expressions"] = hints.base.expressions
        arrays["base_betas"] = hints.base.betas
        if hints.base.blendshapes is not None:
            arrays["base_blendshapes"] = hints.base.blendshapes
        if hints.base.provenance is not None:
            arrays["base_provenance"] = np.array(json.dumps(hints.base.provenance))
    try:
        write_npz(Path(path), arrays)
    except TakeError as error:
        raise HintsError(str(error)) from error


def _small(sentence: str) -> str:
    """A sentence to go on with after a colon."""
    return sentence[:1].lower() + sentence[1:]


def _base(source: Path, data: dict[str, Any]) -> Motion:
    """The take that the hints are for, inline or from the file that they name."""
    if "base_poses" in data:
        return _inline_base(source, data)
    if "base" not in data:
        raise HintsError(f"{source.name} names no base take; write the hints with the take that they are for")
    name = str(data["base"])
    try:
        return Motion.load(source.parent / name)
    except TakeError as error:
        raise HintsError(f"The hints' base take can't be read: {_small(str(error))}") from error


def _inline_base(source: Path, data: dict[str, Any]) -> Motion:
    poses = _numbers(data, "base_poses")
    if poses.ndim < 2 or not len(poses) or poses[0].size != JOINT_COUNT * 3:
        raise HintsError(
            f"The hints' base_poses has shape {poses.shape}, expected (frames, 55, 3); make the hints for this take"
        )
    if "fps" not in data:
        raise HintsError(f"{source.name} holds its base without a frame rate (fps); write the hints again")
    frames = len(poses)
    upright = np.broadcast_to([0.0, default_skeleton().standing_height, 0.0], (frames, 3))
    try:
        return Motion(
            poses=poses.reshape(frames, JOINT_COUNT, 3),
            trans=_numbers(data, "base_trans") if "base_trans" in data else upright,
            fps=_number(data, "fps"),
            expressions=_or_zeros(data, "base_expressions", (frames, EXPRESSION_COUNT)),
            blendshapes=_numbers(data, "base_blendshapes") if "base_blendshapes" in data else None,
            betas=_or_zeros(data, "base_betas", (BETA_COUNT,)),
            provenance=_provenance(data),
        )
    except TakeError as error:
        raise HintsError(f"The hints' base take is not one: {_small(str(error))}") from error


def _provenance(data: dict[str, Any]) -> dict[str, Any] | None:
    """What the base says about itself; nothing where that can't be read, for nothing depends on it alone."""
    try:
        known = json.loads(str(data.get("base_provenance", "null")))
    except (json.JSONDecodeError, RecursionError):
        return None
    return known if isinstance(known, dict) else None


def _or_zeros(data: dict[str, Any], name: str, shape: tuple[int, ...]) -> NDArray[Any]:
    return _numbers(data, name) if name in data else np.zeros(shape, np.float32)


def _check_rate(data: dict[str, Any], base: Motion) -> None:
    if "fps" not in data:
        return
    rate = _number(data, "fps")
    if not abs(rate - base.fps) <= 1e-4 * base.fps:  # 23.976 and 24000/1001 are one rate
        raise HintsError(
            f"The hints are at {rate:g} frames per second, but their base take is at {base.fps:g}; "
            "make the hints at the take's rate"
        )


def _numbers(data: dict[str, Any], name: str) -> NDArray[Any]:
    array = np.asarray(data[name])
    if array.dtype.kind not in "biuf":
        raise HintsError(f"The hints' {name} holds no numbers; write the hints again")
    return array


def _number(data: dict[str, Any], name: str) -> float:
    array = _numbers(data, name)
    if array.size != 1 or not np.isfinite(array).all():
        raise HintsError(f"The hints' {name} is not one number; write the hints again")
    return float(array.reshape(-1)[0])


def _window(data: dict[str, Any]) -> tuple[int, int]:
    array = _numbers(data, "window")
    if array.shape != (2,) or not np.isfinite(array).all() or (array.astype(np.int64) != array).any():
        raise HintsError("The hints' window is not two frame numbers, first and end; choose the edit window again")
    first, end = int(array[0]), int(array[1])
    if end < 0:
        raise HintsError(f"The hints' edit window ends at frame {end}; choose the edit window again")
    return first, end


def _targets(data: dict[str, Any]) -> tuple[Target, ...]:
    if "targets" not in data:
        return ()
    try:
        entries = json.loads(str(data["targets"]) or "[]")
    except (json.JSONDecodeError, RecursionError) as error:
        raise HintsError("The hints' targets are not JSON; write the hints again") from error
    if not isinstance(entries, list):
        raise HintsError("The hints' targets are not a list; write the hints again")
    return tuple(_target(number, entry) for number, entry in enumerate(entries))


def _target(number: int, entry: Any) -> Target:
    wrong = HintsError(f"Target {number} of the hints has no joint, frame and place (xyz); set it again")
    if not isinstance(entry, dict):
        raise wrong
    try:
        xyz = tuple(float(value) for value in entry["xyz"])
        frame, tolerance = int(entry["frame"]), float(entry.get("tolerance_m", TOLERANCE_M))
        joint = _joint(number, entry["joint"])
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise wrong from error
    if len(xyz) != 3:
        raise wrong
    return Target(joint, frame, (xyz[0], xyz[1], xyz[2]), tolerance)


def _joint(number: int, joint: Any) -> int:
    """A joint's index from its name or index."""
    if not isinstance(joint, str):
        return int(joint)
    names = default_skeleton().names
    if joint not in names:
        raise HintsError(f"Target {number} of the hints is for a joint '{joint}', which there is not; choose another")
    return names.index(joint)


def _target_entry(target: Target) -> dict[str, Any]:
    return {
        "joint": default_skeleton().names[target.joint],
        "frame": target.frame,
        "xyz": [float(value) for value in target.xyz],
        "tolerance_m": target.tolerance_m,
    }
