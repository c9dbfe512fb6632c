"""The BEAT2 layout on disk: takes with motion, speech and split, and windows over them (docs/sources/emage.md,
section 7).

A folder holds ``smplxflame_30/<id>.npz``, ``wave16k/<id>.wav`` and ``train_test_split.csv``; ``footcontact/<id>.npy``
is read where it lies, else contacts are worked out on the user's SMPL-X model, or on our skeleton. Nothing
is fetched.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.body.joints import FOOT_JOINTS
from engine.body.motion import BETA_COUNT, EXPRESSION_COUNT, read_npz
from engine.body.skeleton import JOINT_COUNT, default_skeleton
from engine.errors import CospeechError

Floats = NDArray[np.float32]
JointPlaces = Callable[[Floats, Floats, Floats, Floats], NDArray[np.float64]]
"""Poses (T, 55, 3) as stored, trans (T, 3), betas (300,), expressions (T, 100) -> world joints (T, 55, 3)."""

# BEAT2 and EMAGE's release (docs/sources/emage.md, sections 2.2, 4 and 7): Hz, samples, frames, joints.
FPS = 30
RATE = 16000
SAMPLES = RATE // FPS
WINDOW, STRIDE = 64, 20
CONTACT_STEP = 0.01  # m a frame below which a joint is in contact
SPLITS = ("train", "val", "test")
EXCLUDED = "additional"


@dataclass(frozen=True)
class Entry:
    """One take of the list: its id, its split, and its speaker's number."""

    name: str
    split: str
    speaker: int


@dataclass(frozen=True, eq=False)
class Clip:
    """A take as the networks take it, at 30 frames a second.

    ``poses`` (T, 55, 3) as stored: hands against smplx's mean hand; ``expressions`` (T, 100), ``trans`` (T, 3),
    ``contacts`` (T, 4), ``betas`` (300,); ``wave`` (N,) int16 at 16 kHz.
    """

    entry: Entry
    poses: Floats
    expressions: Floats
    trans: Floats
    contacts: Floats
    betas: Floats
    wave: NDArray[np.int16]

    @property
    def frames(self) -> int:
        """Frames that have motion and speech."""
        return min(len(self.poses), len(self.wave) // SAMPLES)


@dataclass(frozen=True)
class Piece:
    """A window: the clip's place in its list, and the first frame."""

    clip: int
    start: int


def read_list(folder: Path) -> list[Entry]:
    """The takes of ``train_test_split.csv``; CospeechError where the folder is not in BEAT2's layout."""
    table = folder / "train_test_split.csv"
    if not table.is_file():
        raise CospeechError(f"{folder} holds no train_test_split.csv; give the folder of one language of BEAT2")
    with table.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    if not rows or not {"id", "type"} <= set(rows[0]):
        raise CospeechError(f"{table} has no columns 'id' and 'type'; get BEAT2's own list")
    entries = [Entry(row["id"], row["type"], _speaker(row["id"])) for row in rows if row["type"] != EXCLUDED]
    if unknown := sorted({entry.split for entry in entries} - set(SPLITS)):
        raise CospeechError(f"{table} names the unknown split '{unknown[0]}'; it knows {', '.join(SPLITS)}")
    return entries


def _speaker(name: str) -> int:
    first = name.split("_")[0]
    return int(first) if first.isdigit() else 0


def read_clip(folder: Path, entry: Entry, places: JointPlaces | None = None) -> Clip:
    """One take; CospeechError names the file that is missing or unfit.

    ``places`` gives the joints from which contacts are worked out; None: those of our own skeleton.
    """
    from engine.speech.audio import load_audio

    data = read_npz(folder / "smplxflame_30" / f"{entry.name}.npz")
    if "poses" not in data or "trans" not in data:
        raise CospeechError(f"{entry.name}.npz holds no poses or no trans; get this take of BEAT2 again")
    poses = np.asarray(data["poses"], np.float32).reshape(len(data["poses"]), -1)
    if poses.shape[1] != JOINT_COUNT * 3:
        raise CospeechError(f"{entry.name}.npz holds {poses.shape[1]} pose values a frame, not 165: it is not SMPL-X")
    frames = len(poses)
    poses = poses.reshape(frames, JOINT_COUNT, 3)
    trans = np.asarray(data["trans"], np.float32)
    wave, _ = load_audio(folder / "wave16k" / f"{entry.name}.wav")
    expressions = _columns(data.get("expressions"), frames, EXPRESSION_COUNT)
    betas = _columns(np.atleast_2d(data.get("betas", np.zeros(BETA_COUNT))), 1, BETA_COUNT)[0]
    contacts = _stored_contacts(folder, entry, frames)
    if contacts is None:
        contacts = still_feet((places or skeleton_places)(poses, trans, betas, expressions))
    return Clip(
        entry=entry,
        poses=poses,
        expressions=expressions,
        trans=trans,
        contacts=contacts,
        betas=betas,
        wave=np.round(np.clip(wave, -1.0, 1.0) * 32767.0).astype(np.int16),
    )


def _columns(values: Any, rows: int, width: int) -> Floats:
    out = np.zeros((rows, width), np.float32)
    if values is not None:
        array = np.asarray(values, np.float32)[:rows, :width]
        out[: len(array), : array.shape[1]] = array
    return out


def skeleton_places(poses: Floats, trans: Floats, _betas: Floats, _expressions: Floats) -> NDArray[np.float64]:
    """Joints of our own skeleton, whoever speaks; hands, which are stored against a mean hand, are not right here."""
    return default_skeleton().forward(poses, trans)[0]


def still_feet(points: NDArray[np.float64]) -> Floats:
    """(T, 4) contacts from world joints (T, 55, 3): 1 where an ankle or toe base goes less than 1 cm to the next frame.

    The last frame has no next one and always counts as still (docs/sources/emage.md, section 2.2).
    """
    steps = np.linalg.norm(np.diff(points[:, list(FOOT_JOINTS)], axis=0), axis=-1)
    still = np.concatenate([steps < CONTACT_STEP, np.ones((1, 4), bool)])
    return np.asarray(still, dtype=np.float32)


def _stored_contacts(folder: Path, entry: Entry, frames: int) -> Floats | None:
    stored = folder / "footcontact" / f"{entry.name}.npy"
    if not stored.is_file():
        return None
    labels: Floats = np.load(stored, allow_pickle=False).astype(np.float32)
    return labels[:frames]


def windows(clips: Iterable[Clip], length: int = WINDOW, stride: int = STRIDE) -> list[Piece]:
    """All windows of the clips: starts every ``stride`` frames that leave a frame after the window."""
    return [Piece(index, start) for index, clip in enumerate(clips) for start in range(0, clip.frames - length, stride)]
