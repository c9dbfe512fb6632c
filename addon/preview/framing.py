"""Where the camera stands: exact framing of a point cloud, without bpy.

Blender's world: metres, Z up. A camera is a position and a rotation matrix (columns: right, up, backward).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

# Degrees around the character, by eye.
VIEWS = {"front": 0.0, "three_quarter": 38.0, "side": 90.0, "left_three_quarter": -38.0}
LENS_MM = 70.0  # by eye: a portrait lens, little perspective
SENSOR_MM = 24.0  # full frame's height: portrait and square pictures then share one vertical angle


@dataclass(frozen=True)
class Shot:
    """A camera: position (3,), rotation (3, 3) with columns right, up, backward, world metres."""

    position: np.ndarray
    rotation: np.ndarray


def view_rotation(facing: np.ndarray, azimuth_deg: float, elevation_deg: float = 7.0) -> np.ndarray:
    """Camera axes (3, 3) for a look at someone facing `facing` (3,), from `azimuth_deg` to that person's left."""
    yaw = np.arctan2(facing[1], facing[0]) + np.deg2rad(azimuth_deg)
    pitch = np.deg2rad(elevation_deg)
    back = np.array([np.cos(yaw) * np.cos(pitch), np.sin(yaw) * np.cos(pitch), np.sin(pitch)])
    right = np.cross([0.0, 0.0, 1.0], back)
    right /= np.linalg.norm(right)
    return np.stack([right, np.cross(back, right), back], axis=1)


def fit(
    points: np.ndarray, rotation: np.ndarray, size: tuple[int, int], *, margin: float = 0.05, head_room: float = 0.02
) -> Shot:
    """The nearest camera with these axes that sees all points.

    `points` (N, 3) world metres; `size` pixels (width, height); `margin` is the part of the picture left free at each
    edge, `head_room` some more at the top. Exact: each edge of the picture is a linear constraint on the position.
    """
    half_height = SENSOR_MM / 2 / LENS_MM
    half_width = half_height * size[0] / size[1]
    tan_x, tan_top = half_width * (1 - 2 * margin), half_height * (1 - 2 * margin - 2 * head_room)
    tan_bottom = half_height * (1 - 2 * margin)
    u, v, w = (points @ rotation).T
    right, left = (u + tan_x * w).max(), (-u + tan_x * w).max()
    top, bottom = (v + tan_top * w).max(), (-v + tan_bottom * w).max()
    depth_x = (right + left) / (2 * tan_x)
    depth_y = (top + bottom) / (tan_top + tan_bottom)
    depth = max(depth_x, depth_y)
    height = ((top - tan_top * depth) + (tan_bottom * depth - bottom)) / 2
    return Shot(rotation @ np.array([(right - left) / 2, height, depth]), rotation)


def same_distance(shots: Mapping[str, Shot], point: np.ndarray) -> dict[str, Shot]:
    """The shots, each moved back to the distance that the farthest has to `point` (3,): one scale for all views."""
    depths = {name: float((shot.position - point) @ shot.rotation[:, 2]) for name, shot in shots.items()}
    farthest = max(depths.values(), default=0.0)
    return {
        name: Shot(shot.position + shot.rotation[:, 2] * (farthest - depths[name]), shot.rotation)
        for name, shot in shots.items()
    }
