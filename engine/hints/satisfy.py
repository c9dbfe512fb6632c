"""The exact pass that every generator's output goes through (docs/sources/contracts.md, section 2).

Rotation and root pins first, then targets, then feet; pinned values and everything outside the window are written last,
byte for byte. What nothing asks to change keeps the generator's bytes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.body.motion import Motion
from engine.hints.channels import (
    PLACE_SLACK,
    WEIGHT_SLACK,
    Span,
    additive_corrections,
    rotation_corrections,
    turned,
)
from engine.hints.feet import hold_feet, lower_root
from engine.hints.targets import aim, report
from engine.hints.types import Flags, Floats, Hints, HintsError

Array = NDArray[np.float64]

FACE_SHARE = 0.25  # of a pin's reach, by eye: lips close many times a second


@dataclass(frozen=True, eq=False)
class Body:
    """Poses and root of a window: float64 to go on with, and float32 with the generator's bytes where nothing moved.

    ``poses`` (F, 55, 3) and ``trans`` (F, 3) lie on the span's frames, those beside the window as the base has them.
    """

    poses: Array
    trans: Array
    poses_out: Floats
    trans_out: Floats


def satisfy(motion: Motion, hints: Hints) -> Motion:
    """``motion`` with everything that the hints fix, around the base outside the window.

    ``motion`` is what a generator made: as many frames as the base, at its rate, else HintsError. The result's
    ``provenance["hints"]`` holds ``pins``, the number of pinned values in the window, and ``targets``: a list of
    {joint, frame, residual_mm, reached}. The same input gives the same bytes.
    """
    _check(motion, hints)
    span = Span.of(hints)
    body = _pinned_body(motion, hints, span)
    poses, trans = hints.base.poses.copy(), hints.base.trans.copy()
    window = slice(span.first, span.end)
    poses[window] = np.where(hints.free_joints[:, None], body.poses_out, poses[window])
    trans[window] = body.trans_out if hints.free_trans else trans[window]
    pinned = hints.rotation_mask[window]
    poses[window][pinned] = hints.rotations[window][pinned]
    rooted = hints.trans_mask[window]
    trans[window][rooted] = hints.trans[window][rooted]
    expressions, shapes = _face(motion, hints, span)
    provenance = {**(motion.provenance or {}), "hints": _summary(hints, poses, trans)}
    return replace(
        motion,
        poses=poses,
        trans=trans,
        expressions=expressions,
        blendshapes=shapes,
        betas=hints.base.betas,
        provenance=provenance,
    )


def _check(motion: Motion, hints: Hints) -> None:
    if motion.frames != hints.frames:
        raise HintsError(
            f"The hints are for a take of {hints.frames} frames, but the new motion has {motion.frames}; "
            "generate it for the same line"
        )
    if not abs(motion.fps - hints.fps) <= 1e-4 * hints.fps:
        raise HintsError(
            f"The hints are for {hints.fps:g} frames per second, but the new motion has {motion.fps:g}; "
            "generate it at the take's rate"
        )


def _pinned_body(motion: Motion, hints: Hints, span: Span) -> Body:
    """The window's poses and root through pins, then targets, then with feet held."""
    whole, base = span.rows(motion.poses, rotations=True), span.rows(hints.base.poses, rotations=True)
    generated = np.where(hints.free_joints[:, None], whole, base)
    mask, goal = _pins(hints.rotation_mask, hints.rotations, base, span)
    mask &= hints.free_joints
    residual = rotation_corrections(generated, goal, mask, span)
    trans, trans_out = _pinned_root(motion, hints, span)
    poses = _applied(generated, residual, base, mask, goal, span)
    wanted = (whole, span.rows(motion.trans))
    fixed = np.zeros(len(trans), np.bool_)
    fixed[span.inner] = hints.trans_mask[span.first : span.end]
    drop = lower_root(poses, trans, wanted, mask, fixed, hints, span)
    trans[:, 1] -= drop  # before targets, which it would carry along
    trans_out = np.where(drop[span.inner, None] > 0.0, trans[span.inner].astype(np.float32), trans_out)
    targets = aim(poses, trans, hints, span)
    if targets is not None:
        targeted = np.array(targets.joints)
        goal[targets.mask] = targets.poses[targets.mask]
        mask |= targets.mask
        known = (generated[:, targeted], goal[:, targeted], mask[:, targeted])
        residual[:, targeted] = rotation_corrections(*known, span)
        poses[:, targeted] = _applied(known[0], residual[:, targeted], base[:, targeted], known[2], known[1], span)
    moved = residual.any(axis=-1)
    moved |= hold_feet(poses, trans, wanted, mask, hints, span)
    window = slice(span.first, span.end)
    kept = np.where(hints.free_joints[:, None], motion.poses[window], hints.base.poses[window])
    out = np.where(moved[..., None], poses[span.inner].astype(np.float32), kept)
    return Body(poses, trans, out, trans_out)


def _pins(mask: Flags, values: Floats, base: Array, span: Span) -> tuple[Flags, Array]:
    """Pins on the span's frames: which, and the goal, that is the base where there is none."""
    window = slice(span.first, span.end)
    flags = np.zeros((len(base), *mask.shape[1:]), np.bool_)
    flags[span.inner] = mask[window]
    goal = base.copy()
    goal[flags] = values[window][mask[window]]
    return flags, goal


def _applied(generated: Array, residual: Array, base: Array, mask: Flags, goal: Array, span: Span) -> Array:
    """Poses on the span's frames: the generated ones turned by the residuals (W, 55, 3), pins and borders exact."""
    poses = base.copy()
    inner = generated[span.inner].copy()
    moved = residual.any(axis=-1)
    inner[moved] = turned(inner[moved], residual[moved])
    poses[span.inner] = inner
    poses[mask] = goal[mask]
    return poses


def _pinned_root(motion: Motion, hints: Hints, span: Span) -> tuple[Array, Floats]:
    """The root's place on the span's frames, and on the window's as float32."""
    base, window = span.rows(hints.base.trans), slice(span.first, span.end)
    out = base.copy()
    if not hints.free_trans:
        return out, hints.base.trans[window]
    generated = span.rows(motion.trans)
    mask, goal = _pins(hints.trans_mask, hints.trans, base, span)
    residual = additive_corrections(generated[:, None], goal[:, None], mask[:, None], span, 1.0, PLACE_SLACK)[:, 0]
    out[span.inner] = generated[span.inner] + residual
    out[mask] = goal[mask]
    moved = residual.any(axis=-1, keepdims=True)
    return out, np.where(moved, out[span.inner].astype(np.float32), motion.trans[window])


def _face(motion: Motion, hints: Hints, span: Span) -> tuple[Floats, Floats | None]:
    """Expressions and blend shapes of the whole take. A take without blend shapes gets them only as a whole."""
    window = slice(span.first, span.end)
    expressions = hints.base.expressions.copy()
    if hints.free_face:
        none = np.zeros(expressions.shape, np.bool_)
        expressions[window] = _curves(motion.expressions, hints.base.expressions, none, expressions, span)
    base = hints.base.blendshapes
    mask = hints.blendshape_mask[window]
    if base is None:
        whole = (span.first, span.end) == (0, hints.frames)
        if not (whole and hints.free_face and motion.blendshapes is not None) and not mask.any():
            return expressions, None
        base = motion.blendshapes if whole and motion.blendshapes is not None else np.zeros_like(hints.blendshapes)
    shapes = base.copy()
    if hints.free_face:
        new = base if motion.blendshapes is None else motion.blendshapes
        curves = _curves(new, base, hints.blendshape_mask, hints.blendshapes, span)
        shapes[window] = np.where(curves == new[window], curves, np.clip(curves, 0.0, 1.0))
    shapes[window][mask] = hints.blendshapes[window][mask]
    return expressions, shapes


def _curves(new: Floats, base: Floats, mask: Flags, values: Floats, span: Span) -> Floats:
    """Scalar curves (W, N) on the window, through pins and met by the base at its borders."""
    start, stand = span.rows(new), span.rows(base)
    flags, goal = _pins(mask, values, stand, span)
    residual = additive_corrections(start[..., None], goal[..., None], flags, span, FACE_SHARE, WEIGHT_SLACK)[..., 0]
    moved = (start[span.inner] + residual).astype(np.float32)
    return np.where(residual != 0.0, moved, new[span.first : span.end])


def _summary(hints: Hints, poses: Floats, trans: Floats) -> dict[str, Any]:
    window = slice(*hints.window)
    masks = (hints.rotation_mask, hints.trans_mask, hints.blendshape_mask)
    return {"pins": int(sum(mask[window].sum() for mask in masks)), "targets": report(poses, trans, hints)}
