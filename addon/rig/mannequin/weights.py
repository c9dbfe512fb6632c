"""Skin weights from the joints: analytic bands around each joint, then smoothed over the surface. Numpy only.

Jaw and eyes carry no weight: shape keys own them.
"""

from __future__ import annotations

import numpy as np

from .fields import smoothstep
from .hands import FINGERS
from .mesh import average, edges_of

Joints = dict[str, np.ndarray]
Weights = dict[str, np.ndarray]
MOST = 4  # bones a vertex, what game engines take
STEPS = 500  # a weight is a multiple of 1/500, by eye: it fits two bytes


def _chain(along: np.ndarray, names: list[str], borders: list[tuple[float, float]]) -> Weights:
    """Partition of unity along a chain: each border (position, half width) hands over to the next name."""
    out, rest = {}, np.ones(len(along))
    for name, (where, half) in zip(names[:-1], borders, strict=True):
        over = smoothstep(along, where - half, where + half)
        out[name] = rest * (1.0 - over)
        rest = rest * over
    out[names[-1]] = rest
    return out


def _scaled(weights: Weights, factor: np.ndarray) -> Weights:
    return {name: value * factor for name, value in weights.items()}


def _sum(*parts: Weights) -> Weights:
    out: Weights = {}
    for part in parts:
        for name, value in part.items():
            out[name] = out.get(name, 0.0) + value
    return out


def neck_share(p: np.ndarray) -> Weights:
    """spine3, neck and head: the border to the head runs from under the chin up to the nape."""
    tilt = np.where(p[:, 1] < 0.0, -1.15 * p[:, 1], -0.35 * p[:, 1])
    head = smoothstep(p[:, 2] - 1.5500 + tilt, -0.036, 0.034)
    low = smoothstep(p[:, 2] + 0.25 * p[:, 1], 1.392, 1.462)
    return {"spine3": 1.0 - low, "neck": low * (1.0 - head), "head": low * head}


def _trunk(p: np.ndarray) -> Weights:
    """Pelvis to spine3, and the neck for what reaches up the collar."""
    z = p[:, 2]
    spine = _chain(z, ["pelvis", "spine1", "spine2", "spine3"], [(1.055, 0.060), (1.165, 0.050), (1.245, 0.045)])
    upper = neck_share(p)
    top = spine.pop("spine3")
    return _sum(spine, _scaled(upper, top))


def suit(p: np.ndarray, faces: list[tuple[int, ...]]) -> Weights:
    """Weights of torso, sleeves and trousers, both sides."""
    trunk = _trunk(p)
    x, z = np.abs(p[:, 0]), p[:, 2]
    collar = smoothstep(x, 0.035, 0.115) * smoothstep(z + 0.25 * (x - 0.1), 1.255, 1.350) * smoothstep(z, 1.475, 1.43)
    # the arm begins on a line that leans outwards from the top of the shoulder to the armpit
    arm = smoothstep(x - 0.1600 - 0.22 * (1.388 - z), -0.050, 0.054)
    elbow = smoothstep(x, 0.4206 - 0.036, 0.4206 + 0.036)
    wrist = 0.55 * smoothstep(x, 0.50, 0.690)
    line = z - 0.790 - 0.62 * x
    leg = smoothstep(line, 0.062, -0.058)
    knee = smoothstep(z, 0.485 + 0.055, 0.485 - 0.050)
    ankle = 0.45 * smoothstep(z, 0.135, 0.075)
    trunk = _scaled(trunk, (1.0 - leg) * (1.0 - arm))
    base = _scaled(trunk, 1.0 - collar)
    left = smoothstep(p[:, 0], -0.022, 0.022)
    out = dict(base)
    for side, share in (("left", left), ("right", 1.0 - left)):
        out = _sum(
            out,
            {f"{side}_collar": share * collar * sum(trunk.values())},
            {f"{side}_shoulder": share * arm * (1 - elbow)},
            {f"{side}_elbow": share * arm * elbow * (1 - wrist)},
            {f"{side}_wrist": share * arm * elbow * wrist},
            {f"{side}_hip": share * leg * (1 - knee)},
            {f"{side}_knee": share * leg * knee * (1 - ankle)},
            {f"{side}_ankle": share * leg * knee * ankle},
        )
    return smoothed(out, faces, 6)


def hand(p: np.ndarray, faces: list[tuple[int, ...]], joints: Joints, tags: dict[str, np.ndarray]) -> Weights:
    """Weights of the left hand."""
    n = len(p)
    x = p[:, 0]
    grip = smoothstep(x, joints["left_wrist"][0] - 0.032, joints["left_wrist"][0] + 0.022)
    lead = 0.55 * smoothstep(x, 0.50, 0.690)
    grip = np.maximum(grip, lead)
    out: Weights = {"left_elbow": 1.0 - grip, "left_wrist": grip}
    closest = _closest_finger(p, joints)
    for i, name in enumerate(FINGERS):
        j = [joints[f"left_{name}{k}"] for k in (1, 2, 3)]
        own = np.zeros(n)
        own[tags[name]] = 1.0
        own = np.maximum(own, closest[i])
        share = own * _along(p, j[0], j[1] - j[0], -0.009, 0.010)
        second = _along(p, j[1], j[2] - j[0], -0.0060, 0.0060)
        third = _along(p, j[2], j[2] - j[1], -0.0055, 0.0055)
        _take(out, share, _split(f"left_{name}", second, third))
    j = [joints[f"left_thumb{k}"] for k in (1, 2, 3)]
    own = np.zeros(n)
    own[tags["thumb"]] = 1.0
    way = j[1] - j[0]
    off = np.linalg.norm(p - j[0] - ((p - j[0]) @ way / (way @ way)).clip(0, 1)[:, None] * way, axis=1)
    own = np.maximum(own, smoothstep(off, 0.034, 0.014)) * smoothstep(p[:, 1], 0.062, 0.040)
    share = own * _along(p, j[0], way, -0.012, 0.020)
    second = own * _along(p, j[1], j[2] - j[0], -0.009, 0.009)
    third = _along(p, j[2], j[2] - j[1], -0.0065, 0.0065)
    _take(out, share, _split("left_thumb", second, third))
    return smoothed(out, faces, 3)


def _split(name: str, second: np.ndarray, third: np.ndarray) -> Weights:
    """A digit's share over its three joints."""
    return {f"{name}1": 1 - second, f"{name}2": second * (1 - third), f"{name}3": second * third}


def _closest_finger(p: np.ndarray, joints: Joints) -> np.ndarray:
    """(4, n) soft membership of points near the knuckles to the fingers, by distance across the hand."""
    away = []
    for name in FINGERS:
        a, b = joints[f"left_{name}1"], joints[f"left_{name}2"]
        way = (b - a)[:2] / np.linalg.norm((b - a)[:2])
        rel = p[:, :2] - a[:2]
        away.append(np.abs(rel[:, 0] * way[1] - rel[:, 1] * way[0]))
    close = np.exp(-((np.array(away) / 0.0085) ** 2))
    return close / np.maximum(close.sum(0), 1e-9) * smoothstep(p[:, 0], 0.72, 0.75)


def _along(p: np.ndarray, origin: np.ndarray, way: np.ndarray, low: float, high: float) -> np.ndarray:
    return smoothstep((p - origin) @ (way / np.linalg.norm(way)), low, high)


def _take(out: Weights, share: np.ndarray, parts: Weights) -> None:
    """Give ``share`` of every weight so far to ``parts``."""
    for name in out:
        out[name] = out[name] * (1.0 - share)
    for name, value in parts.items():
        out[name] = out.get(name, 0.0) + share * value


def shoe(p: np.ndarray, faces: list[tuple[int, ...]], joints: Joints) -> Weights:
    """Weights of the left shoe; its shaft follows the trouser leg."""
    z = p[:, 2]
    ankle = smoothstep(z, 0.135, 0.075)
    low = 0.45 * ankle + 0.55 * smoothstep(z, 0.110, 0.062)
    way = (joints["left_foot"] - joints["left_ankle"]) * [1, 1, 0]
    toes = _along(p, joints["left_foot"] * [1, 1, 0], way, -0.018, 0.022)
    return smoothed({"left_knee": 1 - low, "left_ankle": low * (1 - toes), "left_foot": low * toes}, faces, 2)


def head(p: np.ndarray, faces: list[tuple[int, ...]]) -> Weights:
    """Weights of the head's skin: spine3, neck and head only."""
    return smoothed(neck_share(p), faces, 3)


def smoothed(weights: Weights, faces: list[tuple[int, ...]], rounds: int) -> Weights:
    """Weights averaged with their neighbours', and normalised."""
    names = list(weights)
    values = np.stack([np.broadcast_to(weights[n], len(weights[names[0]])) for n in names], 1)
    edges = edges_of(faces)
    for _ in range(rounds):
        values = 0.5 * values + 0.5 * average(values, edges)
    values /= values.sum(1, keepdims=True)
    return dict(zip(names, values.T, strict=True))


def pack(weights: list[Weights], counts: list[int], names: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """The strongest four joints (n, 4) uint8 and their weights (n, 4) float32 in steps of 1 / STEPS, summing to one."""
    dense = np.zeros((sum(counts), len(names)))
    start = 0
    for part, count in zip(weights, counts, strict=True):
        for name, value in part.items():
            dense[start : start + count, names.index(name)] = value
        start += count
    order = np.argsort(-dense, axis=1, kind="stable")[:, :MOST]
    best = np.take_along_axis(dense, order, 1)
    best[best < 0.004] = 0.0
    best /= best.sum(1, keepdims=True)
    steps = np.round(best * STEPS).astype(np.int64)
    steps[:, 0] += STEPS - steps.sum(1)
    return order.astype(np.uint8), (steps / STEPS).astype(np.float32)
