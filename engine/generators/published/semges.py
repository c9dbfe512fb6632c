"""SemGes as a generator: arms, hands, spine by the published network; legs, root, head and face by the default one.

Its output follows from speech, words and speaker alone: another seed changes the body around it. It takes no motion in,
so a window is the whole line's, and meets what stands around it by :func:`engine.hints.satisfy`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from engine.body.cleanup import clean
from engine.body.joints import FIRST_FINGER, HEAD, NECK
from engine.body.motion import Motion, hand_mean
from engine.body.rotations import axis_angle_to_matrix, matrix_to_axis_angle
from engine.body.skeleton import default_skeleton
from engine.generators.abilities import SEMGES
from engine.generators.base import Progress, Request
from engine.generators.default import DefaultGenerator, for_parts
from engine.generators.face import perform_face
from engine.generators.life.body import aim_eyes
from engine.generators.published.feature_cache import FeatureCache
from engine.generators.published.network_audio import published_wave
from engine.generators.published.network_takes import speaker_number
from engine.generators.published.release_folder import fingerprint, hub_folder, release_files
from engine.models.hubert import Hubert, hubert_steps
from engine.models.hubert_folder import BASE_SOURCE, load_hubert
from engine.models.semges import features_at, paired
from engine.models.semges_checkpoints import SemgesModels, load_semges
from engine.models.semges_motion import SMPLX_BODY, SMPLX_HANDS, smplx_pose
from engine.models.semges_windows import (
    OVERLAP,
    SMPLX_WINDOW,
    WINDOW,
    mended_line,
    published_line,
    published_windows,
    window_count,
)
from engine.models.vocabulary import spoken
from engine.speech.types import SAMPLE_RATE, Speech

if TYPE_CHECKING:
    from engine.hints.types import Hints

Array = NDArray[np.float64]

BEAT_RATE, SMPLX_RATE = 15, 30  # Hz (docs/sources/semges.md, section 10)
JOINTS = tuple(joint for joint in (*SMPLX_BODY, *SMPLX_HANDS) if joint not in (NECK, HEAD))
PAD = 1.0  # s beside a window in which the cleanup's pushes may begin, by eye


@dataclass(frozen=True)
class SemgesOptions:
    """Which of the release's faults are mended; :meth:`published` mends none, for parity.

    ``fade``: overlapping windows are faded into each other, as the paper has it; the release sets them one after the
    other, so that motion falls behind speech by 4 frames in every 30. ``hear_all``: HuBERT's features are laid on the
    times of the motion's frames; the release pairs them as for 25 frames a second, and hears 60 % of each window.
    None: as the weights were trained, published ones without, our own with. ``clean``: hands are kept out of the body.
    """

    fade: bool = True
    hear_all: bool | None = None
    clean: bool = True

    @staticmethod
    def published() -> SemgesOptions:
        """The release to the letter."""
        return SemgesOptions(fade=False, hear_all=False, clean=False)


class SemgesGenerator:
    """Motion by SemGes; the same request gives the same bytes on the same machine."""

    abilities = SEMGES

    def __init__(
        self, models: SemgesModels, hubert: Path, weights_hash: str, options: SemgesOptions | None = None
    ) -> None:
        self.models, self._hubert_folder, self._weights_hash = models, hubert, weights_hash
        self._options = options or SemgesOptions()
        self._cache = FeatureCache()
        self._body = DefaultGenerator.bundled()

    @staticmethod
    def from_folder(folder: Path, device: str = "cpu", options: SemgesOptions | None = None) -> SemgesGenerator:
        """With the weights in ``folder``, HuBERT's in a folder inside it; CheckpointError says what is unfit."""
        models = load_semges(folder, device)
        hubert = hub_folder(folder, ("hubert",), "HuBERT", BASE_SOURCE)
        return SemgesGenerator(models, hubert, fingerprint(folder, release_files(folder)), options)

    @property
    def rate(self) -> int:
        """The networks' own frames a second."""
        return BEAT_RATE if self.models.beat else SMPLX_RATE

    @property
    def window(self) -> int:
        """Frames that the networks see at once."""
        return WINDOW if self.models.beat else SMPLX_WINDOW

    @torch.inference_mode()
    def generate(self, request: Request, progress: Progress) -> Motion:
        """The motion of the request. With hints only their window is made anew, and the pins hold in it."""
        speaker = self._speaker(request.options.speaker)
        progress("body", 0.0)
        if request.hints is not None:
            return self._regenerate(request, for_parts(request.hints, request.options.parts), speaker, progress)
        faceless = tuple(part for part in request.options.parts if part != "face")
        around = self._body.generate(request.asking(parts=faceless), _silent)
        arms = self._arms(request.speech, speaker, around.frames, request.options.fps, progress)
        taken = self._joints(request.options.parts)
        poses = around.poses.astype(np.float64)
        poses[:, taken] = arms[:, taken]
        local, trans = axis_angle_to_matrix(poses), around.trans.astype(np.float64)
        times = np.arange(around.frames) / request.options.fps
        if self._options.clean:
            local, trans = clean(local, trans, request.options.fps, default_skeleton())
            poses = matrix_to_axis_angle(local)
        shapes = None
        if "face" in request.options.parts:
            local = aim_eyes(local, request.plan, times, request.options.seed)
            poses = matrix_to_axis_angle(local)
            shapes = perform_face(request, request.plan, times, local)
        return replace(
            around,
            poses=poses.astype(np.float32),
            trans=trans.astype(np.float32),
            blendshapes=shapes,
            provenance={"weights": self._weights_hash},
        )

    def _regenerate(self, request: Request, hints: Hints, speaker: int, progress: Progress) -> Motion:
        from engine.generators.window import BESIDE, make_window
        from engine.hints import satisfy

        made = make_window(replace(request, hints=hints), hints, self._body.model, _silent)
        arms = self._arms(request.speech, speaker, hints.frames, hints.fps, progress)
        first, end = hints.window
        pad = round(PAD * hints.fps)
        wide = slice(max(0, first - pad), min(hints.frames, end + pad))
        taken = self._joints(request.options.parts)
        poses = made.poses[wide].astype(np.float64)
        poses[:, taken] = arms[wide][:, taken]
        trans = made.trans[wide].astype(np.float64)
        if self._options.clean:
            local, trans = clean(axis_angle_to_matrix(poses), trans, hints.fps, hints.skeleton)
            poses = matrix_to_axis_angle(local)
        near = slice(max(0, first - BESIDE), min(hints.frames, end + BESIDE))
        inner = slice(near.start - wide.start, near.stop - wide.start)
        out, place = made.poses.copy(), made.trans.copy()
        out[near], place[near] = poses[inner], trans[inner]
        progress("pins", 0.0)
        motion = replace(made, poses=out, trans=place, provenance={"weights": self._weights_hash})
        return replace(satisfy(motion, hints), plan=made.plan)

    def _arms(self, speech: Speech, speaker: int, frames: int, fps: float, progress: Progress) -> Array:
        """(frames, 55, 3) axis-angle radians at ``fps``, zero where the networks know nothing."""
        models, rate = self.models, self.rate
        device = next(models.model.parameters()).device
        length = max(1, int(np.ceil(speech.seconds * rate)))
        count = window_count(length, self.window) if self._options.fade else max(1, published_windows(length))
        last = (count - 1) * (self.window - OVERLAP)
        rows = models.words.frames(spoken(speech), last + self.window, rate)
        words = torch.from_numpy(rows)[None].to(device)
        number = torch.tensor([speaker], device=device)
        features = self._features(speech, count, progress)
        if self._options.fade:
            line = mended_line(models.model, models.codecs, features, words, number, length)
        else:
            line = published_line(models.model, models.codecs, features, words, number)
        poses = smplx_pose(line.hands, line.body)[0].cpu().numpy().astype(np.float64)
        if not models.beat:  # our own weights know hands against the mean hand, as BEAT2 keeps them
            poses[:, FIRST_FINGER:] += hand_mean()
        progress("body", 0.9)
        clip = Motion(poses=poses.astype(np.float32), trans=np.zeros((len(poses), 3), np.float32), fps=float(rate))
        if clip.fps != fps or clip.frames != frames:
            clip = clip.sampled(np.arange(frames) / fps, fps)
        return clip.poses.astype(np.float64)

    def _features(self, speech: Speech, count: int, progress: Progress) -> list[torch.Tensor]:
        """HuBERT pairs (1, window, 2 x width) of ``count`` windows."""
        hop = self.window - OVERLAP
        hear_all = self._options.hear_all
        if hear_all if hear_all is not None else not self.models.beat:
            steps = self._cached(speech, "line", lambda: self._steps(speech.waveform, progress))
            whole = torch.from_numpy(steps)[None]
            return [features_at(whole, index * hop, self.window, self.rate) for index in range(count)]
        published = not self._options.fade
        steps = self._cached(
            speech, "p" if published else "w", lambda: self._windows(speech, count, published, progress)
        )
        per = len(steps) // count
        return [paired(torch.from_numpy(steps[at : at + per])[None], self.window) for at in range(0, per * count, per)]

    def _cached(self, speech: Speech, way: str, make: Callable[[], NDArray[np.float32]]) -> NDArray[np.float32]:
        key = f"hubert-{speech.audio_hash[:32]}-{self._weights_hash}-semges-{way}"
        found: NDArray[np.float32] = self._cache.get(key, make)
        return found

    def _steps(self, wave: NDArray[np.float32], progress: Progress) -> NDArray[np.float32]:
        return hubert_steps(self._hubert(), wave, lambda fraction: progress("body", 0.8 * fraction))

    def _windows(self, speech: Speech, count: int, published: bool, progress: Progress) -> NDArray[np.float32]:
        """Features of every window heard by itself, as the release does, one after the other."""
        wave = published_wave(speech) if published else speech.waveform
        a_frame = SAMPLE_RATE // self.rate
        length, hop = self.window * a_frame, self.window - OVERLAP
        found = []
        for index in range(count):
            progress("body", 0.8 * index / count)
            first = index * hop * a_frame if published else index * hop * SAMPLE_RATE // self.rate
            piece = wave[first : first + length]
            found.append(hubert_steps(self._hubert(), np.pad(piece, (0, length - len(piece)))))
        return np.concatenate(found)

    def _hubert(self) -> Hubert:
        return _hubert(self._hubert_folder, str(next(self.models.model.parameters()).device))

    def _joints(self, parts: tuple[str, ...]) -> list[int]:
        chosen = [joint for joint in JOINTS if joint >= FIRST_FINGER] if "hands" in parts else []
        return chosen + ([joint for joint in JOINTS if joint < FIRST_FINGER] if "upper" in parts else [])

    def _speaker(self, name: str) -> int:
        return speaker_number("SemGes", name, self.models.model.size.speakers)


@lru_cache(maxsize=1)
def _hubert(folder: Path, device: str) -> Hubert:
    return load_hubert(folder, device)


def _silent(_stage: str, _fraction: float) -> None:
    """The body around the arms is quick to make."""
