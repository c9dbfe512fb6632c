"""The mannequin's data file: reading it and fitting it to a rest skeleton. Numpy only.

Arrays: ``points`` (n, 3) metres; ``sides`` (f,) corners per face and ``corners`` their vertex ids; ``material`` (f,)
into ``materials``; ``bones``, ``shares`` (n, 4) joints and weights; ``rest`` (55, 3) the joints it was built on;
``mirror`` (n,) left-right partner; ``shape_ids``, ``shape_moves``, ``shape_counts`` the sparse displacements of the 52
shapes, one after the other; ``lips`` one row of lip contact, upper from the middle to the corner, then lower back;
``lids`` the left lids' edge.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ...paths import asset, asset_table
from ..skeleton import JOINTS, PARENTS

FILE = "mannequin/mannequin.npz"  # in the assets folder


@dataclass(frozen=True, eq=False)
class Mannequin:
    """The figure as arrays; ``shapes`` maps the 52 ARKit names to (vertex ids, displacements (k, 3))."""

    points: np.ndarray
    sides: np.ndarray
    corners: np.ndarray
    material: np.ndarray
    materials: tuple[str, ...]
    bones: np.ndarray
    shares: np.ndarray
    rest: np.ndarray
    mirror: np.ndarray
    shapes: dict[str, tuple[np.ndarray, np.ndarray]]
    lips: np.ndarray
    lids: np.ndarray


def names_of_shapes() -> list[str]:
    """The 52 ARKit names in order."""
    return list(asset_table("arkit52.json")["names"])


def from_arrays(arrays: dict[str, np.ndarray]) -> Mannequin:
    """The figure from the data file's arrays."""
    cuts = np.cumsum(arrays["shape_counts"])[:-1]
    ids = np.split(arrays["shape_ids"].astype(np.int64), cuts)
    moves = np.split(arrays["shape_moves"], cuts)
    return Mannequin(
        points=arrays["points"],
        sides=arrays["sides"].astype(np.int32),
        corners=arrays["corners"].astype(np.int32),
        material=arrays["material"].astype(np.int32),
        materials=tuple(str(m) for m in arrays["materials"]),
        bones=arrays["bones"].astype(np.int64),
        shares=arrays["shares"],
        rest=arrays["rest"].astype(np.float64),
        mirror=arrays["mirror"].astype(np.int64),
        shapes=dict(zip(names_of_shapes(), zip(ids, moves, strict=True), strict=True)),
        lips=arrays["lips"].astype(np.int64),
        lids=arrays["lids"].astype(np.int64),
    )


def load(path: Path | None = None) -> Mannequin:
    """Read the data file; FileNotFoundError where the installation lacks it."""
    with np.load(path or asset(FILE), allow_pickle=False) as arrays:
        return from_arrays({name: arrays[name] for name in arrays.files})


def bone_ends() -> np.ndarray:
    """(55,) the joint each bone points to: its first child, of the trunk upwards; itself where it has none."""
    ends = np.arange(len(PARENTS))
    for child in range(len(PARENTS) - 1, 0, -1):
        ends[PARENTS[child]] = child
    turns = [("pelvis", "spine1"), ("spine3", "neck"), ("head", "head")]
    turns += [(f"{side}_wrist", f"{side}_middle1") for side in ("left", "right")]
    for bone, towards in turns:
        ends[JOINTS.index(bone)] = JOINTS.index(towards)
    return ends


def along_bones(points: np.ndarray, start: np.ndarray, way: np.ndarray) -> np.ndarray:
    """(n, b, 1) how far along each of its bones a point (n, 3) lies, 0 to 1; ``start`` and ``way`` (n, b, 3)."""
    length = np.maximum((way**2).sum(-1), 1e-12)
    return np.clip(((points[:, None] - start) * way).sum(-1) / length, 0.0, 1.0)[..., None]


def fitted(figure: Mannequin, rest: np.ndarray) -> Mannequin:
    """The figure on other rest joints (55, 3): scaled by their height, then each bone's skin moved with the bone.

    Meant for small differences of proportion; ValueError for a wrong shape.
    """
    rest = np.asarray(rest, np.float64)
    if rest.shape != figure.rest.shape:
        raise ValueError(f"rest joints must have shape {figure.rest.shape}, got {rest.shape}")
    own = figure.rest
    head = JOINTS.index("head")
    scale = float(rest[head, 2] / own[head, 2])
    move = rest - own * scale
    points = figure.points.astype(np.float64) * scale
    if np.abs(move).max() > 1e-6:
        ends = bone_ends()
        start, way = own[figure.bones] * scale, (own[ends] - own)[figure.bones] * scale
        t = along_bones(points, start, way)
        shift = move[figure.bones] * (1 - t) + move[ends][figure.bones] * t
        points = points + (figure.shares[..., None] * shift).sum(1)
    shapes = {name: (ids, moves * np.float32(scale)) for name, (ids, moves) in figure.shapes.items()}
    return replace(figure, points=points.astype(np.float32), rest=rest, shapes=shapes)
