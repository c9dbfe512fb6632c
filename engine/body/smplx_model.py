"""The user's own SMPL-X model file, read and posed; the project holds no copy of it (docs/sources/contracts.md,
section 5).

Only number arrays are read: the Python objects that a published file also holds are never unpickled. Posing is the
package ``smplx``'s own linear blend skinning (Loper et al. 2015, equations 2-4; Pavlakos et al. 2019).
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from engine.body.motion import BETA_COUNT, EXPRESSION_COUNT
from engine.body.skeleton import JOINT_COUNT, default_skeleton
from engine.errors import CospeechError

Arrays = dict[str, NDArray[Any]]

NAME = "SMPLX_NEUTRAL_2020.npz"
FOLDERS = ("", "smplx")  # where it lies in the user's folder: there, or as the release and BEAT2 have it
SOURCE = f"{NAME}, the neutral model with the 2020 expressions that BEAT2 and EMAGE use, from the SMPL-X project"
COEFFICIENTS = BETA_COUNT + EXPRESSION_COUNT
# SMPL-X (Pavlakos et al. 2019): numbers of all matrices but the pelvis's, joints of both hands.
POSE_FEATURES = (JOINT_COUNT - 1) * 9
NEEDED = ("v_template", "shapedirs", "posedirs", "J_regressor", "weights", "kintree_table", "f")
HAND_MEANS = ("hands_meanl", "hands_meanr")


class BodyModelError(CospeechError):
    """The model is missing, damaged, of another kind or another gender; ``str(error)`` is one sentence."""


@dataclass(frozen=True, eq=False)
class Shape:
    """Whose body it is: ``betas`` (N, 300) and ``expression`` (N, 100), or one row for all frames."""

    betas: Tensor
    expression: Tensor

    @staticmethod
    def of(betas: Tensor, expression: Tensor | None = None) -> Shape:
        """Betas (..., 300) with an expression (..., 100) on as many frames, or with none."""
        flat = betas.reshape(-1, BETA_COUNT).float()
        if expression is None:
            return Shape(flat, torch.zeros((len(flat), EXPRESSION_COUNT), device=flat.device))
        return Shape(flat, expression.reshape(-1, EXPRESSION_COUNT).float())

    def rows(self, frames: int) -> Tensor:
        """(frames, 400) coefficients."""
        parts = [values.expand(frames, -1) for values in (self.betas, self.expression)]
        return torch.cat(parts, dim=1)


class BodyModel(nn.Module):
    """SMPL-X as a function of rotation matrices; metres, Y up, facing +Z.

    ``hand_mean`` (30, 3) is the axis-angle that BEAT2's stored hands are relative to, ``faces`` (F, 3) the triangles.
    Gradients reach rotations and coefficients. All is computed in float32, under autocast too: in bfloat16 a vertex
    would be off by millimetres.
    """

    template: Tensor
    shapes: Tensor
    pose_shapes: Tensor
    regressor: Tensor
    weights: Tensor
    rest: Tensor
    rest_shapes: Tensor
    hand_mean: Tensor
    parents: Tensor
    faces: Tensor

    def __init__(self, arrays: Arrays) -> None:
        super().__init__()
        self._keep("template", arrays["v_template"])
        self._keep("shapes", arrays["shapedirs"][:, :, :COEFFICIENTS])
        self._keep("pose_shapes", arrays["posedirs"].reshape(-1, POSE_FEATURES).T)
        self._keep("regressor", arrays["J_regressor"])
        self._keep("weights", arrays["weights"])
        self._keep("hand_mean", np.concatenate([arrays[name].reshape(-1, 3) for name in HAND_MEANS]))
        self.register_buffer("parents", torch.tensor(default_skeleton().parents), persistent=False)
        self.register_buffer("faces", torch.from_numpy(arrays["f"].astype(np.int64)), persistent=False)
        self.register_buffer("rest", self.regressor @ self.template, persistent=False)
        self.register_buffer("rest_shapes", torch.einsum("jv,vck->jck", self.regressor, self.shapes), persistent=False)

    def _keep(self, name: str, values: NDArray[Any]) -> None:
        self.register_buffer(name, torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32)), persistent=False)

    @property
    def vertex_count(self) -> int:
        """How many vertices the mesh has; 10475 in the published model."""
        return len(self.template)

    def joints(self, rotations: Tensor, shape: Shape) -> Tensor:
        """(N, 55, 3) places of the joints, the root not moved, from local rotations (N, 55, 3, 3)."""
        from smplx.lbs import batch_rigid_transform

        with torch.autocast(rotations.device.type, enabled=False):
            rest = self.rest + torch.einsum("nk,jck->njc", shape.rows(len(rotations)), self.rest_shapes)
            placed: Tensor = batch_rigid_transform(rotations.float(), rest, self.parents)[0]
        return placed

    def vertices(self, rotations: Tensor, shape: Shape) -> Tensor:
        """(N, V, 3) places of the vertices, the root not moved, from local rotations (N, 55, 3, 3)."""
        from smplx.lbs import lbs

        with torch.autocast(rotations.device.type, enabled=False):
            placed: Tensor = lbs(
                shape.rows(len(rotations)),
                rotations.float(),
                self.template,
                self.shapes,
                self.pose_shapes,
                self.regressor,
                self.parents,
                self.weights,
                pose2rot=False,
            )[0]
        return placed


def load_body_model(folder: Path) -> BodyModel:
    """The neutral model from the user's folder (or from the file itself); BodyModelError says what does not fit."""
    path = find_body_model(folder)
    return BodyModel(_checked(path, _read(path)))


def find_body_model(folder: Path) -> Path:
    """Where the model file lies; BodyModelError where it does not, or only one of another gender or form does."""
    if folder.is_file():
        if "NEUTRAL" not in folder.name.upper():
            raise BodyModelError(f"{folder.name} is not the neutral model; give the folder of {SOURCE}")
        if folder.suffix != ".npz":
            raise BodyModelError(f"{folder.name} is no .npz file; give the folder of {SOURCE}")
        return folder
    if not folder.is_dir():
        raise BodyModelError(f"There is no folder {folder}; give the folder of {SOURCE}")
    for place in FOLDERS:
        if (folder / place / NAME).is_file():
            return folder / place / NAME
    others = sorted(path.name for place in FOLDERS for path in (folder / place).glob("SMPLX_*.*"))
    held = f"holds only {', '.join(others)}" if others else f"holds no {NAME}"
    raise BodyModelError(f"{folder} {held}; get {SOURCE}")


def _read(path: Path) -> Arrays:
    try:
        with np.load(path, allow_pickle=False) as data:
            missing = [name for name in (*NEEDED, *HAND_MEANS) if name not in data.files]
            if missing:
                raise BodyModelError(f"{path} is no SMPL-X model: it holds no {missing[0]}; get {SOURCE}")
            arrays = {name: data[name] for name in NEEDED}
            return arrays | {name: data[name].reshape(-1) for name in HAND_MEANS}
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, AttributeError) as error:
        raise BodyModelError(f"{path} can't be read ({error}); get it again: {SOURCE}") from error


def _checked(path: Path, arrays: Arrays) -> Arrays:
    """The same arrays, or BodyModelError where their shapes or joints are those of another model."""
    count = len(arrays["v_template"])
    directions = arrays["shapedirs"].shape[-1]
    if directions < COEFFICIENTS:
        raise BodyModelError(
            f"{path} has {directions} shape and expression directions, not {COEFFICIENTS}: it is an older model; "
            f"get {SOURCE}"
        )
    wanted = {
        "v_template": (count, 3),
        "shapedirs": (count, 3, directions),
        "posedirs": (count, 3, POSE_FEATURES),
        "J_regressor": (JOINT_COUNT, count),
        "weights": (count, JOINT_COUNT),
        "kintree_table": (2, JOINT_COUNT),
        "f": (len(arrays["f"]), 3),
    }
    wanted |= dict.fromkeys(HAND_MEANS, (45,))
    for name, shape in wanted.items():
        if arrays[name].shape != shape:
            found = arrays[name].shape
            raise BodyModelError(f"{path} has {name} of shape {found}, not {shape}: it is no SMPL-X; get {SOURCE}")
        if not np.isfinite(arrays[name]).all():
            raise BodyModelError(f"{path} holds values in {name} that are not numbers; get it again: {SOURCE}")
    parents = tuple(int(parent) for parent in arrays["kintree_table"][0, 1:])
    if parents != default_skeleton().parents[1:]:
        raise BodyModelError(f"{path} has another joint tree than SMPL-X; get {SOURCE}")
    return arrays
