"""EMAGE as a generator: the published network, from a folder that the user gives.

Its own frames are 30 a second; the take is resampled to the output's. Expressions stay in the take, the ARKit curves
come from the default face, since the network knows none.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from engine.cleanup import foot_lock
from engine.errors import CospeechError
from engine.face.curves import face_curves
from engine.generators.base import Progress, Request
from engine.generators.eyes import eye_angles
from engine.generators.life import base_motion
from engine.models.checkpoints import EmageModels, load_emage, weight_files
from engine.models.emage_motion import CHANNELS, DecodedMotion, whole_body
from engine.models.emage_windows import (
    FRAME_RATE,
    MENDED,
    PUBLISHED,
    SEED,
    WINDOW,
    Cutting,
    choose_codes,
    decode_line,
    faded_latents,
    infer,
    joined,
    line_frames,
    plan_windows,
)
from engine.motion import LEFT_HAND, Motion, frame_count, hand_mean
from engine.rotations import axis_angle_to_matrix, matrix_to_axis_angle
from engine.skeleton import default_skeleton

if TYPE_CHECKING:
    from engine.hints.types import Hints

Array = NDArray[np.float64]

RATE = float(FRAME_RATE)
TOES = (10, 11)
CONTACT = 0.5
FINGERPRINT_BYTES = 1 << 20


@dataclass(frozen=True)
class EmageOptions:
    """Which of the release's faults are mended; :meth:`published` mends none, for parity.

    ``resting_seed``: the line starts from a standing rest, not from a T-pose with arms spread (emage.md Q5).
    ``cutting``: no lost tail (Q9), no drift of the speech against the motion (Q4), windows faded into each other.
    ``floor``: the soles are brought to the floor; the network's height is that of its training data's bodies.
    ``lock_feet``: planted feet, by the network's own contacts, stand still.
    """

    resting_seed: bool = True
    cutting: Cutting = MENDED
    floor: bool = True
    lock_feet: bool = True

    @staticmethod
    def published() -> EmageOptions:
        """The release to the letter."""
        return EmageOptions(resting_seed=False, cutting=PUBLISHED, floor=False, lock_feet=False)


class EmageGenerator:
    """Motion by EMAGE; the same request gives the same bytes on the same machine."""

    name = "emage"
    performs_plan = False

    def __init__(self, models: EmageModels, weights_hash: str, options: EmageOptions | None = None) -> None:
        self._models, self._weights_hash = models, weights_hash
        self._options = options or EmageOptions()

    @staticmethod
    def from_folder(folder: Path, device: str = "cpu", options: EmageOptions | None = None) -> EmageGenerator:
        """With the published weights in ``folder``; CheckpointError says what is missing or unfit."""
        return EmageGenerator(load_emage(folder, device), fingerprint(folder), options)

    @torch.inference_mode()
    def generate(self, request: Request, progress: Progress) -> Motion:
        """The motion of the request. With hints only their window is made anew, with what surrounds it and the pins in
        it as the network's visible motion; the pins hold exactly in what comes back."""
        speaker = self._speaker(request.speaker)
        progress("body", 0.0)
        if request.hints is not None:
            return self._regenerate(request, request.hints, speaker, progress)
        wave = torch.from_numpy(np.ascontiguousarray(request.speech.waveform))[None]
        seen = self._first_seed(request) if self._options.resting_seed else None
        clip = self._perform(wave, speaker, seen, None, np.zeros(3), request.in_place, progress)
        frames = frame_count(request.speech.seconds, request.fps)
        motion = fitted(clip, request.fps, frames)
        shapes = self._face(request, motion) if "face" in request.parts else None
        return replace(motion, blendshapes=shapes, provenance={"weights": self._weights_hash})

    def _regenerate(self, request: Request, hints: Hints, speaker: int, progress: Progress) -> Motion:
        from engine.hints import satisfy

        base = hints.base
        slow = base.resampled(RATE) if abs(base.fps - RATE) > 1e-6 else base
        total = min(slow.frames, line_frames(len(request.speech.waveform)))
        first, end = (hints.window[0] / base.fps * RATE, hints.window[1] / base.fps * RATE)
        begin = max(0, int(first) - SEED)
        until = min(total, int(np.ceil(end)) + WINDOW // 2)
        begin = max(0, min(begin, until - WINDOW))
        channels = network_channels(slow)[begin:until]
        hidden = hidden_channels(hints, slow.frames, (first, end))[begin:until]
        wave = torch.from_numpy(np.ascontiguousarray(request.speech.waveform))[None]
        samples = slice(MENDED.sample(begin), MENDED.sample(until) + 1)  # rounded down twice, a frame would be lost
        start = slow.trans[begin].astype(np.float64)
        clip = self._perform(wave[:, samples], speaker, channels, hidden, start, request.in_place, progress)
        made = fitted(clip, base.fps, base.frames, offset=begin / RATE)
        inside = slice(*hints.window)
        poses, trans = base.poses.copy(), base.trans.copy()
        poses[inside], trans[inside] = made.poses[inside], made.trans[inside]
        expressions = base.expressions.copy()
        expressions[inside] = made.expressions[inside]
        plan = request.plan.to_dict()
        motion = replace(base, poses=poses, trans=trans, expressions=expressions, plan=plan)
        if base.blendshapes is not None and hints.free_face and "face" in request.parts:
            shapes = base.blendshapes.copy()
            shapes[inside] = self._face(request, motion)[inside]
            motion = replace(motion, blendshapes=shapes)
        progress("pins", 0.0)
        return satisfy(replace(motion, provenance={"weights": self._weights_hash}), hints)

    def _perform(
        self,
        wave: torch.Tensor,
        speaker: int,
        seen: Array | None,
        hidden: NDArray[np.bool_] | None,
        start: Array,
        in_place: bool,
        progress: Progress,
    ) -> Motion:
        """The network over a piece of speech (1, N): a clip at 30 frames a second, mended as the options say."""
        models, cutting = self._models, self._options.cutting
        device = next(models.model.parameters()).device
        frames = line_frames(wave.shape[1])
        motion = None if seen is None else torch.from_numpy(seen.astype(np.float32))[None].to(device)
        mask = None if hidden is None else torch.from_numpy(hidden)[None].to(device)
        if motion is not None and mask is None:
            mask = torch.zeros_like(motion, dtype=torch.bool)
        try:
            pieces = infer(
                models.model,
                models.codecs,
                wave.to(device),
                torch.tensor([speaker], device=device),
                motion,
                mask,
                cutting,
                lambda fraction: progress("body", 0.9 * fraction),
            )
        except ValueError as error:
            raise CospeechError(f"EMAGE can't perform this line: {error}; choose a longer one") from error
        place = torch.from_numpy(start.astype(np.float32))[None].to(device)
        if cutting.fade:
            found = models.codecs.decode_rows(faded_latents(models.codecs, pieces, plan_windows(frames, cutting)))
            trans = models.codecs.translation(found.lower, place)
        else:
            codes = choose_codes(models.codecs, joined(pieces, frames))
            found, trans = decode_line(models.codecs, codes, place)
        return self._mended(found, trans[0].cpu().numpy().astype(np.float64), in_place)

    def _mended(self, found: DecodedMotion, trans: Array, in_place: bool) -> Motion:
        poses = found.axis_angle[0].cpu().numpy().astype(np.float64)
        poses[:, LEFT_HAND.start :] += hand_mean()
        skeleton = default_skeleton()
        if in_place:
            trans[:, [0, 2]] = trans[:1, [0, 2]]
        local = axis_angle_to_matrix(poses)
        if self._options.lock_feet:
            contacts = found.lower[0, :, -4:].cpu().numpy() > CONTACT
            planted = None if in_place else filled_contacts(contacts[:, :2] | contacts[:, 2:])
            local, trans = foot_lock(local, trans, RATE, skeleton, planted)
            poses = matrix_to_axis_angle(local)
        if self._options.floor:
            points, _ = skeleton.forward_matrices(local, trans)
            trans[:, 1] += skeleton.toe_height - float(np.median(points[:, list(TOES), 1].min(axis=1)))
        return Motion(
            poses=poses.astype(np.float32),
            trans=trans.astype(np.float32),
            fps=RATE,
            expressions=found.expression[0].cpu().numpy(),
        )

    def _first_seed(self, request: Request) -> Array:
        """(4, 337) channels of the standing body with which the default generator would start this line."""
        local, trans = base_motion(request.plan, np.arange(SEED) / RATE, request.seed, request.in_place)
        poses = matrix_to_axis_angle(local).astype(np.float32)
        return network_channels(Motion(poses=poses, trans=trans.astype(np.float32), fps=RATE))

    def _face(self, request: Request, motion: Motion) -> NDArray[np.float32]:
        eyes = eye_angles(axis_angle_to_matrix(motion.poses.astype(np.float64)))
        times = np.arange(motion.frames) / motion.fps
        return face_curves(request.speech, request.plan, times, request.seed, request.energy, eye_angles=eyes)

    def _speaker(self, name: str) -> int:
        count = self._models.model.size.speakers
        number = 0 if name == "default" else int(name) if name.isdigit() else -1
        if not 0 <= number < count:
            known = "only 0" if count == 1 else f"0 to {count - 1}"
            raise CospeechError(f"These EMAGE weights have no speaker '{name}'; choose {known}")
        return number


def network_channels(motion: Motion) -> Array:
    """(T, 337) as the network sees a take at 30 frames a second: hands against the mean pose, planted feet."""
    poses = motion.poses.astype(np.float64)
    poses[:, LEFT_HAND.start :] -= hand_mean()
    angles = torch.from_numpy(poses.astype(np.float32))[None]
    place = torch.from_numpy(motion.trans)[None]
    return whole_body(angles, place, torch.ones(1, motion.frames, 4))[0].numpy().astype(np.float64)


def hidden_channels(hints: Hints, frames: int, window: tuple[float, float]) -> NDArray[np.bool_]:
    """(T, 337) of a take at 30 frames a second: True inside the window where nothing is pinned or closed."""
    at = np.arange(frames)
    inside = (at >= window[0]) & (at < window[1])
    hidden = np.repeat(inside[:, None], CHANNELS, axis=1)
    closed = np.repeat(~hints.free_joints, 6)
    hidden[:, : len(closed)] &= ~closed
    if not hints.free_trans:
        hidden[:, len(closed) :] = False
    pinned, joints = np.nonzero(hints.rotation_mask)
    nearest = np.clip(np.round(pinned / hints.fps * RATE).astype(int), 0, frames - 1)
    for frame, joint in zip(nearest, joints, strict=True):
        hidden[frame, 6 * joint : 6 * joint + 6] = False
    rooted = np.round(np.flatnonzero(hints.trans_mask) / hints.fps * RATE).astype(int)
    hidden[np.clip(rooted, 0, frames - 1), len(closed) : len(closed) + 3] = False
    return hidden


def filled_contacts(contacts: NDArray[np.bool_], gap: int = 3) -> NDArray[np.bool_]:
    """Contacts (T, 2) without gaps and flickers of up to ``gap`` frames."""
    out = contacts.copy()
    for side in (0, 1):
        for value in (False, True):
            edges = np.flatnonzero(np.diff(np.concatenate([[not value], out[:, side], [not value]]).astype(int)))
            for begin, end in zip(edges[::2], edges[1::2], strict=False):
                if end - begin <= gap and begin > 0 and end < len(out):
                    out[begin:end, side] = not value
    return out


def fitted(clip: Motion, fps: float, frames: int, offset: float = 0.0) -> Motion:
    """A clip that starts ``offset`` seconds into a take, on the take's ``frames`` frames at ``fps``, ends held."""
    if abs(fps - clip.fps) <= 1e-9 and offset == 0.0 and clip.frames == frames:
        return clip
    return clip.sampled(np.arange(frames) / fps - offset, fps)


def fingerprint(folder: Path) -> str:
    """A short hash of the weights in a folder, from the sizes, heads and tails of its files: reading all takes long."""
    digest = hashlib.sha256()
    for path in weight_files(folder):
        size = path.stat().st_size
        digest.update(f"{path.relative_to(folder).as_posix()} {size}\n".encode())
        with path.open("rb") as stream:
            digest.update(stream.read(FINGERPRINT_BYTES))
            stream.seek(max(0, size - FINGERPRINT_BYTES))
            digest.update(stream.read(FINGERPRINT_BYTES))
    return digest.hexdigest()[:16]
