"""Motion: the one container of a clip, its .npz file, and resampling (docs/sources/contracts.md, section 1)."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import make_interp_spline
from scipy.spatial.transform import Rotation, RotationSpline

from engine.body.joints import FIRST_FINGER
from engine.body.rotations import continuous_axis_angle
from engine.body.skeleton import ASSETS, JOINT_COUNT
from engine.errors import TakeError

Floats = NDArray[np.float32]

# SMPL-X and BEAT2's layout (docs/sources/contracts.md, section 1).
EXPRESSION_COUNT = 100
BETA_COUNT = 300
RATES = (1, 10000)  # Hz, by eye; what is outside is a damaged number


@cache
def arkit_names() -> tuple[str, ...]:
    """The 52 ARKit blend shape names in the order of our arrays."""
    return tuple(json.loads((ASSETS / "arkit52.json").read_text(encoding="utf-8"))["names"])


@cache
def hand_mean() -> NDArray[np.float64]:
    """(30, 3) axis-angle that smplx adds to stored hand poses by default, left hand first."""
    data = json.loads((ASSETS / "hand_mean.json").read_text(encoding="utf-8"))
    return np.concatenate([np.array(data["left"]), np.array(data["right"])])


def frame_count(seconds: float, fps: float) -> int:
    """Frames of a clip: T = max(1, round(seconds x fps))."""
    return max(1, round(seconds * fps))


def _as(values: Any, shape: tuple[int, ...], what: str) -> Floats:
    array = np.asarray(values, dtype=np.float32)
    if array.shape != shape:
        raise TakeError(f"{what} has shape {array.shape}, expected {shape}; the take is damaged, export it again")
    if not np.isfinite(array).all():
        raise TakeError(f"{what} holds values that are not numbers; the take is damaged, export it again")
    return array


@dataclass(frozen=True, eq=False)
class Motion:
    """A clip of SMPL-X motion. Metres, radians, Y up, facing +Z, SMPL-X joint order.

    ``poses`` (T, 55, 3) local axis-angle against the T-pose with flat hands; ``trans`` (T, 3) as SMPL-X ``transl``;
    ``expressions`` (T, 100); ``blendshapes`` (T, 52) ARKit weights 0..1 or None; ``betas`` (300,).
    ``plan`` and ``provenance`` are JSON-ready dictionaries.
    """

    poses: Floats
    trans: Floats
    fps: float
    expressions: Floats = field(default_factory=lambda: np.zeros((0, EXPRESSION_COUNT), np.float32))
    blendshapes: Floats | None = None
    betas: Floats = field(default_factory=lambda: np.zeros(BETA_COUNT, np.float32))
    plan: dict[str, Any] | None = None
    provenance: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        frames = np.asarray(self.poses).shape[0]
        if frames < 1:
            raise TakeError("The take has no frames; generate it again")
        if not RATES[0] <= self.fps <= RATES[1]:
            raise TakeError(f"The take's frame rate is {self.fps:g}; it must be from {RATES[0]} to {RATES[1]}")
        expressions = self.expressions if len(self.expressions) else np.zeros((frames, EXPRESSION_COUNT))
        set_ = object.__setattr__
        set_(self, "poses", _as(self.poses, (frames, JOINT_COUNT, 3), "poses"))
        set_(self, "trans", _as(self.trans, (frames, 3), "trans"))
        set_(self, "expressions", _as(expressions, (frames, EXPRESSION_COUNT), "expressions"))
        set_(self, "betas", _as(self.betas, (BETA_COUNT,), "betas"))
        set_(self, "fps", float(self.fps))
        if self.blendshapes is not None:
            set_(self, "blendshapes", _as(self.blendshapes, (frames, len(arkit_names())), "blendshapes"))

    @property
    def frames(self) -> int:
        """Number of frames T."""
        return int(self.poses.shape[0])

    @property
    def seconds(self) -> float:
        """Duration T / fps."""
        return self.frames / self.fps

    def save(self, path: str | Path) -> None:
        """Write the take as .npz in BEAT2's layout plus our fields; an existing file is replaced in one step."""
        target = Path(path)
        arrays: dict[str, Any] = {
            "poses": self.poses.reshape(self.frames, JOINT_COUNT * 3),
            "trans": self.trans,
            "expressions": self.expressions,
            "betas": self.betas,
            "gender": np.array("neutral"),
            "model": np.array("smplx2020"),
            "mocap_frame_rate": np.array(self.fps),
            "hand_reference": np.array("flat"),
        }
        if self.blendshapes is not None:
            arrays["blendshapes"] = self.blendshapes
            arrays["blendshape_names"] = np.array(arkit_names())
        for name, value in (("plan", self.plan), ("provenance", self.provenance)):
            if value is not None:
                arrays[name] = np.array(json.dumps(value, ensure_ascii=False))
        write_npz(target, arrays)

    @staticmethod
    def load(path: str | Path, flat_hands: bool | None = None) -> Motion:
        """Read a take or a BEAT2 / SMPL-X .npz.

        Files without ``hand_reference`` are read as smplx's default, where the mean hand pose is added to the stored
        hands; ``flat_hands=True`` reads their hands as absolute instead. Raises TakeError with a sentence for the user.
        """
        data = read_npz(Path(path))
        missing = [name for name in ("poses", "trans") if name not in data]
        if missing:
            raise TakeError(
                f"{Path(path).name} holds no {' and no '.join(missing)}; "
                "choose a take saved by Cospeech or a BEAT2 .npz file"
            )
        poses = np.array(data["poses"], dtype=np.float64)
        if poses.ndim < 2 or poses.size == 0 or poses[0].size != JOINT_COUNT * 3:
            raise TakeError(
                f"{Path(path).name} holds poses of shape {poses.shape}, expected (frames, 165): it is not SMPL-X motion"
            )
        poses = poses.reshape(len(poses), JOINT_COUNT, 3)
        flat = str(data["hand_reference"]) == "flat" if "hand_reference" in data else bool(flat_hands)
        if not flat:
            poses[:, FIRST_FINGER:] += hand_mean()
        return Motion(
            poses=poses.astype(np.float32),
            trans=data["trans"],
            fps=float(data.get("mocap_frame_rate", data.get("mocap_framerate", 30.0))),
            expressions=_fit_width(data.get("expressions"), len(poses), EXPRESSION_COUNT),
            blendshapes=_named_blendshapes(data),
            betas=_fit_width(data.get("betas"), 1, BETA_COUNT)[0],
            plan=_json_field(data, "plan"),
            provenance=_json_field(data, "provenance"),
        )

    def to_beat2(self, path: str | Path) -> None:
        """Write the BEAT2 form: 165 pose values with hands relative to smplx's mean hand pose, no extra fields."""
        poses = self.poses.astype(np.float64)
        poses[:, FIRST_FINGER:] -= hand_mean()
        write_npz(
            Path(path),
            {
                "poses": poses.reshape(self.frames, -1).astype(np.float32),
                "expressions": self.expressions,
                "trans": self.trans,
                "betas": self.betas,
                "gender": np.array("neutral"),
                "model": np.array("smplx2020"),
                "mocap_frame_rate": np.array(self.fps),
            },
        )

    def resampled(self, fps: float) -> Motion:
        """The same clip at another rate, by C2 splines (rotation spline on SO(3), cubic spline elsewhere).

        Frame i stays at time i / fps, the duration is kept, and times past the last frame hold it. Blend shapes are
        interpolated linearly, so that they never leave 0..1.
        """
        if fps == self.fps:
            return self
        return self.sampled(np.arange(frame_count(self.seconds, fps)) / fps, fps)

    def sampled(self, at: NDArray[np.float64], fps: float) -> Motion:
        """The clip at moments ``at`` (N,) seconds from its first frame, as a clip at ``fps``; its ends are held."""
        times = np.arange(self.frames) / self.fps
        wanted = np.clip(at, times[0], times[-1])
        shapes = self.blendshapes
        return replace(
            self,
            poses=_resample_rotations(times, self.poses, wanted),
            trans=_resample_smooth(times, self.trans, wanted),
            expressions=_resample_smooth(times, self.expressions, wanted),
            blendshapes=None if shapes is None else _resample_linear(times, shapes, wanted),
            fps=float(fps),
        )


def _resample_rotations(times: NDArray[np.float64], poses: Floats, wanted: NDArray[np.float64]) -> Floats:
    if len(times) == 1:
        return np.repeat(poses, len(wanted), axis=0)
    if len(times) < 4:
        return _rotation_spline(times, poses, wanted, range(JOINT_COUNT))
    # A cubic spline through continuous rotation vectors is C2 and, away from a full turn, smooth on SO(3).
    smooth = continuous_axis_angle(poses)
    out = np.asarray(make_interp_spline(times, smooth, k=3)(wanted), dtype=np.float32)
    still = np.ptp(poses, axis=0).max(axis=-1) == 0.0
    out[:, still] = poses[0, still]
    far = np.flatnonzero(np.linalg.norm(smooth, axis=-1).max(axis=0) > 2.4)  # near the chart's edge: the exact one
    out[:, far] = _rotation_spline(times, poses, wanted, far)
    return out


def _rotation_spline(
    times: NDArray[np.float64], poses: Floats, wanted: NDArray[np.float64], joints: Iterable[int]
) -> Floats:
    curves = [
        RotationSpline(times, Rotation.from_rotvec(poses[:, joint].astype(np.float64)))(wanted).as_rotvec()
        for joint in joints
    ]
    return np.array(curves, dtype=np.float32).reshape(-1, len(wanted), 3).swapaxes(0, 1)


def _resample_smooth(times: NDArray[np.float64], values: Floats, wanted: NDArray[np.float64]) -> Floats:
    if len(times) < 4:
        return _resample_linear(times, values, wanted)
    return np.asarray(make_interp_spline(times, values.astype(np.float64), k=3)(wanted), dtype=np.float32)


def _resample_linear(times: NDArray[np.float64], values: Floats, wanted: NDArray[np.float64]) -> Floats:
    return np.stack([np.interp(wanted, times, column) for column in values.T], axis=1).astype(np.float32)


def _fit_width(values: Any, rows: int, width: int) -> Floats:
    """(rows, width) float32 from an array that may be absent, flat, or narrower (padded) or wider (cut)."""
    out = np.zeros((rows, width), np.float32)
    if values is not None:
        array = np.asarray(values, dtype=np.float32).reshape(-1 if rows > 1 else 1, np.shape(values)[-1])
        if len(array) != rows:
            raise TakeError(f"The file has {rows} frames of poses but {len(array)} of expressions; export it again")
        used = min(width, array.shape[1])
        out[:, :used] = array[:, :used]
    return out


def _named_blendshapes(data: dict[str, Any]) -> Floats | None:
    if "blendshapes" not in data:
        return None
    stored = [str(name) for name in data.get("blendshape_names", arkit_names())]
    values = np.asarray(data["blendshapes"], dtype=np.float32)
    if values.ndim != 2 or values.shape[1] != len(stored):
        raise TakeError("The file's blend shapes and their names do not fit together; export it again")
    out = np.zeros((len(values), len(arkit_names())), np.float32)
    for column, name in enumerate(arkit_names()):
        if name in stored:
            out[:, column] = values[:, stored.index(name)]
    return out


def _json_field(data: dict[str, Any], name: str) -> dict[str, Any] | None:
    if name not in data:
        return None
    try:
        value = json.loads(str(data[name]))
    except json.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None


def check_target(path: Path) -> None:
    """TakeError where a file can't be written to ``path``: a folder, a device, a place without write permission."""
    try:
        if not path.name or (path.exists() and not path.is_file()):
            raise TakeError(f"{path} is not a file name; choose a name that ends in .npz")
        folder = next(parent for parent in path.absolute().parents if parent.exists())
        if not folder.is_dir() or not os.access(folder, os.W_OK):
            raise TakeError(f"Could not write {path} ({folder} takes no files); choose another folder")
    except OSError as error:
        raise TakeError(f"Could not write {path} ({error.strerror}); choose another folder or name") from error


def write_npz(path: Path, arrays: dict[str, Any]) -> None:
    """Write arrays to ``path`` through a temporary file beside it, so that a failure leaves the old file whole."""
    check_target(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # np.savez leaves its archive open when the disk is full, and Python then complains on stderr.
        with temporary.open("wb") as stream, zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, array in arrays.items():
                entry = zipfile.ZipInfo(f"{name}.npy")  # with a fixed date: the same take is the same file
                entry.compress_type = zipfile.ZIP_DEFLATED
                with archive.open(entry, "w", force_zip64=True) as member:
                    np.lib.format.write_array(member, np.asanyarray(array), allow_pickle=False)  # type: ignore[no-untyped-call]
        temporary.replace(path)
    except OSError as error:
        raise TakeError(
            f"Could not write {path} ({error.strerror}); free some disk space or choose another folder"
        ) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def read_npz(path: Path) -> dict[str, Any]:
    """All arrays of an .npz file (no pickles); TakeError says why it can't be read."""
    if not path.is_file():
        raise TakeError(f"There is no file {path}; check the path")
    try:
        with np.load(path, allow_pickle=False) as data:
            return {name: data[name] for name in data.files}
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, AttributeError) as error:
        raise TakeError(f"{path.name} is not a readable .npz file ({error}); choose another one") from error
