"""Take files: the .npz layout of docs/sources/contracts.md, section 1, read and written without the engine and without
bpy.

Metres, radians, Y up, facing +Z, SMPL-X joint order; the engine's ``motion.py`` gives every field the same meaning.
"""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..paths import asset_table
from .archive import write_arrays

Floats = NDArray[np.float32]

# SMPL-X and BEAT2's layout (docs/sources/contracts.md, section 1).
JOINT_COUNT = 55
EXPRESSION_COUNT = 100
BETA_COUNT = 300
FIRST_HAND_JOINT = 25  # left index
DEFAULT_RATE = 30.0  # Hz, BEAT2's
RATES = (1, 10000)  # Hz, by eye; what is outside is a damaged number


class TakeFileError(Exception):
    """A take file can't be read or written; ``str(error)`` is one sentence for the user."""


@cache
def arkit_names() -> tuple[str, ...]:
    """The 52 ARKit blend shape names in the order of our arrays."""
    return tuple(asset_table("arkit52.json")["names"])


@dataclass(frozen=True, eq=False)
class Take:
    """A clip as it lies on disk.

    ``poses`` (T, 55, 3) local axis-angle against the T-pose with flat hands; ``trans`` (T, 3) as SMPL-X ``transl``;
    ``blendshapes`` (T, 52) ARKit weights 0..1 in the order of :func:`arkit_names`, or None; ``expressions`` (T, 100)
    and ``betas`` (300,) may be empty, which stands for zeros. ``plan`` and ``provenance`` are JSON dictionaries.
    Wrong shapes and values that are not numbers raise TakeFileError.
    """

    poses: Floats
    trans: Floats
    fps: float
    blendshapes: Floats | None = None
    expressions: Floats = field(default_factory=lambda: np.zeros((0, EXPRESSION_COUNT), np.float32))
    betas: Floats = field(default_factory=lambda: np.zeros(BETA_COUNT, np.float32))
    plan: dict[str, Any] | None = None
    provenance: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        frames = len(self.poses)
        if frames < 1:
            raise TakeFileError("The take has no frames; generate it again")
        if not RATES[0] <= self.fps <= RATES[1]:
            raise TakeFileError(f"The take's frame rate is {self.fps:g}; it must be from {RATES[0]} to {RATES[1]}")
        expressions = self.expressions if len(self.expressions) else np.zeros((frames, EXPRESSION_COUNT), np.float32)
        put = object.__setattr__
        put(self, "poses", _checked(self.poses, (frames, JOINT_COUNT, 3), "poses"))
        put(self, "trans", _checked(self.trans, (frames, 3), "trans"))
        put(self, "expressions", _checked(expressions, (frames, EXPRESSION_COUNT), "expressions"))
        put(self, "betas", _checked(self.betas, (BETA_COUNT,), "betas"))
        put(self, "fps", float(self.fps))
        if self.blendshapes is not None:
            put(self, "blendshapes", _checked(self.blendshapes, (frames, len(arkit_names())), "blendshapes"))

    @property
    def frames(self) -> int:
        """Number of frames T."""
        return len(self.poses)

    @property
    def seconds(self) -> float:
        """Duration T / fps."""
        return self.frames / self.fps


def _checked(values: Any, shape: tuple[int, ...], what: str) -> Floats:
    array = np.asarray(values, dtype=np.float32)
    if array.shape != shape:
        raise TakeFileError(f"{what} has shape {array.shape}, expected {shape}; the take is damaged, export it again")
    if not np.isfinite(array).all():
        raise TakeFileError(f"{what} holds values that are not numbers; the take is damaged, export it again")
    return array


def read_take(path: str | Path, flat_hands: bool = False) -> Take:
    """Read a take, or a BEAT2 / SMPL-X .npz.

    A file without ``hand_reference`` is read as smplx's default, where the mean hand pose is added to the stored hand
    rotations; ``flat_hands`` reads such a file's hands as they are. Raises TakeFileError.
    """
    file = Path(path)
    data = _arrays(file)
    missing = [name for name in ("poses", "trans") if name not in data]
    if missing:
        raise TakeFileError(
            f"{file.name} holds no {' and no '.join(missing)}; choose a take saved by Cospeech or a BEAT2 .npz file"
        )
    try:
        return _take(data, file.name, flat_hands)
    except (TypeError, ValueError) as error:
        raise TakeFileError(f"{file.name} is not a take ({error}); choose another file") from error


def _take(data: dict[str, Any], name: str, flat_hands: bool) -> Take:
    poses = np.array(data["poses"], dtype=np.float64)
    if poses.ndim < 2 or poses.size == 0 or poses[0].size != JOINT_COUNT * 3:
        raise TakeFileError(
            f"{name} holds poses of shape {poses.shape}, expected (frames, 165): it is not SMPL-X motion"
        )
    poses = poses.reshape(len(poses), JOINT_COUNT, 3)
    flat = str(data["hand_reference"]) == "flat" if "hand_reference" in data else flat_hands
    if not flat:
        mean = asset_table("hand_mean.json")
        poses[:, FIRST_HAND_JOINT:] += np.concatenate([np.array(mean["left"]), np.array(mean["right"])])
    return Take(
        poses=poses.astype(np.float32),
        trans=data["trans"],
        fps=float(data.get("mocap_frame_rate", data.get("mocap_framerate", DEFAULT_RATE))),
        blendshapes=_named_blendshapes(data, name),
        expressions=_fit_width(data.get("expressions"), len(poses), EXPRESSION_COUNT, name),
        betas=_fit_width(data.get("betas"), 1, BETA_COUNT, name)[0],
        plan=_json_field(data, "plan"),
        provenance=_json_field(data, "provenance"),
    )


def write_take(path: str | Path, take: Take, *, compress: bool = True) -> None:
    """Write the take; an existing file is replaced in one step. Raises TakeFileError.

    ``compress`` costs more time than the disk does: what lives only as long as a job goes without.
    """
    arrays: dict[str, Any] = {
        "poses": take.poses.reshape(take.frames, JOINT_COUNT * 3),
        "trans": take.trans,
        "expressions": take.expressions,
        "betas": take.betas,
        "gender": np.array("neutral"),
        "model": np.array("smplx2020"),
        "mocap_frame_rate": np.array(take.fps),
        "hand_reference": np.array("flat"),
    }
    if take.blendshapes is not None:
        arrays["blendshapes"] = take.blendshapes
        arrays["blendshape_names"] = np.array(arkit_names())
    for name, value in (("plan", take.plan), ("provenance", take.provenance)):
        if value is not None:
            arrays[name] = np.array(json.dumps(value, ensure_ascii=False))
    target = Path(path)
    if not target.name or (target.exists() and not target.is_file()):
        raise TakeFileError(f"Could not write {target}: it is not a file name; choose a name that ends in .npz")
    try:
        write_arrays(target, arrays, compress=compress)
    except OSError as error:
        raise TakeFileError(f"Could not write {target} ({error.strerror}); choose another folder") from error


def _arrays(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise TakeFileError(f"There is no file {path}; check the path")
    try:
        with np.load(path, allow_pickle=False) as data:
            return {name: data[name] for name in data.files}
    except (OSError, ValueError, EOFError, KeyError, AttributeError, zipfile.BadZipFile) as error:
        raise TakeFileError(f"{path.name} is not a readable .npz file ({error}); choose another one") from error


def _fit_width(values: Any, rows: int, width: int, name: str) -> Floats:
    """(rows, width) float32 from an array that may be absent, narrower (padded) or wider (cut)."""
    out = np.zeros((rows, width), np.float32)
    if values is None:
        return out
    array = np.atleast_2d(np.asarray(values, dtype=np.float32))
    if rows == 1:
        array = array[:1]
    if len(array) != rows:
        raise TakeFileError(f"{name} has {rows} frames of poses but {len(array)} of expressions; export it again")
    used = min(width, array.shape[1])
    out[:, :used] = array[:, :used]
    return out


def _named_blendshapes(data: dict[str, Any], name: str) -> Floats | None:
    if "blendshapes" not in data:
        return None
    stored = [str(entry) for entry in data.get("blendshape_names", arkit_names())]
    values = np.asarray(data["blendshapes"], dtype=np.float32)
    if values.ndim != 2 or values.shape[1] != len(stored):
        raise TakeFileError(f"The blend shapes of {name} and their names do not fit together; export it again")
    out = np.zeros((len(values), len(arkit_names())), np.float32)
    for column, arkit in enumerate(arkit_names()):
        if arkit in stored:
            out[:, column] = values[:, stored.index(arkit)]
    return out


def _json_field(data: dict[str, Any], name: str) -> dict[str, Any] | None:
    try:
        value = json.loads(str(data[name])) if name in data else None
    except json.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None
