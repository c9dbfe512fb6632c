"""A body model file in SMPL-X's layout, made by rule: the real tree and the real widths on a mesh of few vertices."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from engine.body.skeleton import ASSETS, JOINT_COUNT, default_skeleton

NAME = "SMPLX_NEUTRAL_2020.npz"
AROUND = 0.05 * np.array([[1.0, 0, 0], [-1.0, 0, 0], [0, 1.0, 0], [0, -1.0, 0]])
COUNT = JOINT_COUNT * len(AROUND)
JAW, HEAD = 22, 15


def small_arrays(seed: int = 0) -> dict[str, np.ndarray]:
    """Four vertices around every joint of our own skeleton, each following its joint and a little its parent."""
    rng = np.random.default_rng(seed)
    skeleton = default_skeleton()
    parents = np.array(skeleton.parents)
    owner = np.repeat(np.arange(JOINT_COUNT), len(AROUND))
    weights = np.zeros((COUNT, JOINT_COUNT))
    weights[np.arange(COUNT), owner] += 0.8
    weights[np.arange(COUNT), np.maximum(parents[owner], 0)] += 0.2
    regressor = np.zeros((JOINT_COUNT, COUNT))
    regressor[owner, np.arange(COUNT)] = 1.0 / len(AROUND)
    shapes = rng.normal(0.0, 0.002, (COUNT, 3, 400))
    shapes[:, :, 300:] *= np.isin(owner, (JAW, HEAD))[:, None, None]  # expressions move the face alone
    mean = json.loads((ASSETS / "hand_mean.json").read_text(encoding="utf-8"))
    tree = np.stack([parents, np.arange(JOINT_COUNT)]).astype(np.uint32)
    return {
        "v_template": (skeleton.rest[:, None] + AROUND).reshape(COUNT, 3),
        "shapedirs": shapes,
        "posedirs": rng.normal(0.0, 0.0002, (COUNT, 3, 9 * (JOINT_COUNT - 1))),
        "J_regressor": regressor,
        "weights": weights,
        "kintree_table": tree,
        "f": np.stack([np.arange(0, COUNT, 4) + corner for corner in range(3)], axis=1).astype(np.uint32),
        "hands_meanl": np.array(mean["left"]).reshape(-1),
        "hands_meanr": np.array(mean["right"]).reshape(-1),
        "hands_componentsl": np.eye(45),
        "hands_componentsr": np.eye(45),
        "lmk_faces_idx": np.zeros(51, np.int64),
        "lmk_bary_coords": np.full((51, 3), 1.0 / 3.0),
        "joint2num": np.array({"Pelvis": 0}, dtype=object),  # published files hold such objects: never to be opened
    }


def write_small(folder: Path, seed: int = 0, name: str = NAME, **changed: np.ndarray) -> Path:
    """The file ``folder``/smplx/``name``, as the release has it, with some arrays ``changed``; gives ``folder``."""
    (folder / "smplx").mkdir(parents=True, exist_ok=True)
    np.savez(folder / "smplx" / name, **(small_arrays(seed) | changed))
    return folder
