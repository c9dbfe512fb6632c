"""Hints files: what Regenerate tells the engine that must stay (docs/sources/contracts.md, section 2), written without
the engine.

The layout is that of ``engine/hints/files.py``: every field but the base is optional.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .archive import write_arrays
from .take_file import BETA_COUNT, JOINT_COUNT, arkit_names

FIXED = {"rotations": "rotation_mask", "trans": "trans_mask", "blendshapes": "blendshape_mask"}


class HintsFileError(Exception):
    """The hints can't be written; ``str(error)`` is one sentence for the user."""


@dataclass(frozen=True, eq=False)
class HintsData:
    """What is fixed in a take of T frames, and where it may change. Metres, radians, Y up, SMPL-X joint order.

    The take as it stands is ``base``, the path of its file relative to the hints file, or lies inline in ``base_poses``
    (T, 55, 3), ``base_trans`` (T, 3), ``base_blendshapes`` (T, 52), ``base_betas`` (300,). ``rotations`` (T, 55, 3)
    are fixed where ``rotation_mask`` (T, 55), ``trans`` (T, 3) where ``trans_mask`` (T,), ``blendshapes`` (T, 52)
    where ``blendshape_mask`` (T, 52). ``targets``: dictionaries of joint (name or index), frame, xyz and tolerance_m.
    ``window`` (first, end) are the frames that may change, None for all; ``free_joints`` (55,), ``free_trans`` and
    ``free_face`` the channels that may; ``rest`` (55, 3) the rig's own rest joints. What is None is left out of the
    file. Wrong shapes, and fixed values that are not numbers, raise HintsFileError.
    """

    base: str = ""
    base_poses: NDArray[Any] | None = None
    base_trans: NDArray[Any] | None = None
    base_blendshapes: NDArray[Any] | None = None
    base_betas: NDArray[Any] | None = None
    rotations: NDArray[Any] | None = None
    rotation_mask: NDArray[Any] | None = None
    trans: NDArray[Any] | None = None
    trans_mask: NDArray[Any] | None = None
    blendshapes: NDArray[Any] | None = None
    blendshape_mask: NDArray[Any] | None = None
    targets: Sequence[Mapping[str, Any]] = ()
    window: tuple[int, int] | None = None
    fps: float | None = None
    free_joints: NDArray[Any] | None = None
    free_trans: bool = True
    free_face: bool = True
    rest: NDArray[Any] | None = None
    support_seconds: float | None = None

    def __post_init__(self) -> None:
        if not self.base and (self.base_poses is None or self.base_trans is None):
            raise HintsFileError("The hints have no take to stand on; give the take's file, or its poses and trans")
        lengths = {len(value) for name, value in self._per_frame()}
        if len(lengths) > 1:
            raise HintsFileError(f"The hints are of {min(lengths)} and of {max(lengths)} frames; collect them again")
        for name, values in (*self._per_frame(), *self._single()):
            if values.shape[-len(WIDTHS[name]) :] != WIDTHS[name] and WIDTHS[name]:
                raise HintsFileError(f"The hints' {name} has shape {values.shape}; collect them again")
        for name, flags in FIXED.items():
            values, mask = getattr(self, name), getattr(self, flags)
            if mask is None or not np.any(mask):
                continue
            if values is None or not np.isfinite(np.asarray(values)[np.asarray(mask, np.bool_)]).all():
                raise HintsFileError(f"Pinned {name} hold values that are not numbers; unpin or correct those keys")

    def _per_frame(self) -> Iterator[tuple[str, NDArray[Any]]]:
        """The arrays with a row for each frame."""
        for name in WIDTHS:
            value = getattr(self, name)
            if value is not None and name not in SINGLE:
                yield name, np.asarray(value)

    def _single(self) -> Iterator[tuple[str, NDArray[Any]]]:
        for name in SINGLE:
            value = getattr(self, name)
            if value is not None:
                yield name, np.asarray(value)


SHAPES = len(arkit_names())
SINGLE = ("base_betas", "free_joints", "rest")
# Shapes without the frames (docs/sources/contracts.md, section 2).
WIDTHS: dict[str, tuple[int, ...]] = {
    "base_poses": (JOINT_COUNT, 3),
    "base_trans": (3,),
    "base_blendshapes": (SHAPES,),
    "base_betas": (BETA_COUNT,),
    "rotations": (JOINT_COUNT, 3),
    "rotation_mask": (JOINT_COUNT,),
    "trans": (3,),
    "trans_mask": (),
    "blendshapes": (SHAPES,),
    "blendshape_mask": (SHAPES,),
    "free_joints": (JOINT_COUNT,),
    "rest": (JOINT_COUNT, 3),
}
TYPES = {"rotation_mask": np.bool_, "trans_mask": np.bool_, "blendshape_mask": np.bool_, "free_joints": np.bool_}


def write_hints(path: str | Path, hints: HintsData) -> None:
    """Write the file, uncompressed; an existing one is replaced in one step. Raises HintsFileError."""
    target = Path(path)
    try:
        write_arrays(target, _arrays(hints))
    except OSError as error:
        raise HintsFileError(f"Could not write {target} ({error.strerror}); free some disk space and retry") from error


def _arrays(hints: HintsData) -> dict[str, Any]:
    arrays: dict[str, Any] = {}
    for name in WIDTHS:
        value = getattr(hints, name)
        if value is not None:
            arrays[name] = np.asarray(value, TYPES.get(name, np.float64 if name == "rest" else np.float32))
    if hints.base:
        arrays["base"] = np.array(hints.base)
    if hints.window is not None:
        arrays["window"] = np.array(hints.window, np.int64)
    for name, number in (("fps", hints.fps), ("support_seconds", hints.support_seconds)):
        if number is not None:
            arrays[name] = np.array(float(number))
    arrays["free_trans"], arrays["free_face"] = np.array(hints.free_trans), np.array(hints.free_face)
    if hints.targets:
        arrays["targets"] = np.array(json.dumps([dict(target) for target in hints.targets]))
    return arrays
