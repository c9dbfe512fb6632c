"""Builds the mannequin's data file: ``python -m addon.rig.mannequin.make``. Numpy only, deterministic."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...paths import root
from ..skeleton import JOINTS, REST, standing_height
from . import face_parts, hands, head, head_form, shapes_eyes, shapes_mouth, shoes, suit, weights
from .data import FILE, names_of_shapes
from .face_space import ROW, Face
from .mesh import Full, Half, mirror, orient

TINY = 2e-6  # m, by eye: what moves less is left out of a shape


@dataclass(frozen=True, eq=False)
class Piece:
    """One part of the figure: both sides, and its skin weights."""

    name: str
    mesh: Full
    weights: weights.Weights


def standing_joints() -> np.ndarray:
    """(55, 3) rest joints in Blender armature space: Z up, facing -Y, the soles on z = 0."""
    return np.stack([REST[:, 0], -REST[:, 2], REST[:, 1] + standing_height(REST)], 1)


def _both_sides(left: weights.Weights) -> weights.Weights:
    """Weights of a mirrored pair from those of the left one."""
    out: weights.Weights = {}
    for name, value in left.items():
        other = name.replace("left_", "right_") if name.startswith("left_") else name
        none = np.zeros_like(value)
        if other == name:
            out[name] = np.concatenate([value, value])
        else:
            out[name], out[other] = np.concatenate([value, none]), np.concatenate([none, value])
    return out


def pieces(joints: dict[str, np.ndarray]) -> list[Piece]:
    """All parts of the figure."""
    skin = head_form.form()
    out = []
    body = mirror(suit.build())
    out.append(Piece("suit", body, weights.suit(body.points, body.faces)))
    face = mirror(head.build())
    out.append(Piece("head", face, weights.head(face.points, face.faces)))
    for name, part in (("hand", hands.build(joints)), ("shoe", shoes.build(joints))):
        points, tags = part.array(), {k: np.array(v, int) for k, v in part.tags.items()}
        made = (
            weights.hand(points, part.faces, joints, tags)
            if name == "hand"
            else weights.shoe(points, part.faces, joints)
        )
        out.append(Piece(name, mirror(part), _both_sides(made)))
    rigid: list[tuple[str, Half]] = [
        ("eye", face_parts.eyeball()),
        ("teeth", face_parts.teeth()),
        ("tongue", face_parts.tongue()),
        ("brow", face_parts.brow(skin)),
        ("ear", face_parts.ear()),
        ("hair", face_parts.hair(skin)),
    ]
    for name, part in rigid:
        full = mirror(part)
        out.append(Piece(name, full, {"head": np.ones(len(full.points))}))
    return out


def _face(parts: list[Piece], starts: list[int], points: np.ndarray, mirror_map: np.ndarray) -> Face:
    part = np.concatenate([np.full(len(p.mesh.points), p.name, "U12") for p in parts])
    for p, start in zip(parts, starts, strict=True):
        if p.name == "teeth":
            for tag in ("teeth_up", "teeth_low"):
                part[np.concatenate([p.mesh.tags[tag], p.mesh.tags[f"{tag}.R"]]) + start] = tag
    at = next(i for i, p in enumerate(parts) if p.name == "head")
    skin, start = parts[at].mesh, starts[at]
    rows = {k: skin.tags[k].reshape(-1, ROW) + start for k in ("lip_skin", "lip", "lip_meet", "mouth")}
    faces = [tuple(i + start for i in f) for f in skin.faces]
    return Face(points, part, mirror_map, rows, skin.tags["lid_rim"] + start, faces)


def make() -> dict[str, np.ndarray]:
    """The arrays of the data file; see :mod:`.data` for their meaning."""
    names = list(JOINTS)
    rest = standing_joints()
    parts = pieces(dict(zip(names, rest, strict=True)))
    counts = [len(p.mesh.points) for p in parts]
    starts = [int(i) for i in np.concatenate([[0], np.cumsum(counts)[:-1]])]
    points = np.concatenate([p.mesh.points for p in parts])
    faces = [tuple(i + s for i in f) for p, s in zip(parts, starts, strict=True) for f in p.mesh.faces]
    used = [m for p in parts for m in p.mesh.materials]
    materials = sorted(set(used))
    mirror_map = np.concatenate([p.mesh.mirror + s for p, s in zip(parts, starts, strict=True)])
    faces = orient(points, faces)
    bones, shares = weights.pack([p.weights for p in parts], counts, names)
    face = _face(parts, starts, points, mirror_map)
    deltas = shapes_mouth.shapes(face) | shapes_eyes.shapes(face)
    ids, moves, ends = [], [], []
    for name in names_of_shapes():
        delta = deltas[name]
        if not name.endswith(("Left", "Right")):
            delta = 0.5 * (delta + face.flipped(delta))
        moved = np.flatnonzero(np.abs(delta).max(1) > TINY)
        ids.append(moved.astype(np.uint16))
        moves.append(np.round(delta[moved], 6).astype(np.float32))
        ends.append(len(moved))
    return {
        "points": np.round(points, 6).astype(np.float32),
        "corners": np.array([i for f in faces for i in f], np.uint16),
        "sides": np.array([len(f) for f in faces], np.uint8),
        "material": np.array([materials.index(m) for m in used], np.uint8),
        "materials": np.array(materials),
        "bones": bones,
        "shares": shares,
        "rest": rest.astype(np.float32),
        "mirror": mirror_map.astype(np.uint16),
        "shape_ids": np.concatenate(ids),
        "shape_moves": np.concatenate(moves),
        "shape_counts": np.array(ends, np.int32),
        "lips": face.rows["lip_meet"][0].astype(np.uint16),
        "lids": face.rim.astype(np.uint16),
    }


def write() -> Path:
    """Build and write the data file into the assets folder."""
    path = root() / "assets" / FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(path, **make())
    return path


if __name__ == "__main__":
    print(write())
