"""``train import-smartbody``: SmartBody's published gesture sets -> a folder in the gesture corpus' form.

It reads every ``motions/*.skm`` beside a ``skeletons/*.sk`` below a folder (SmartBody's ``data/behaviorsets``), of the
characters with ``Jt...`` joints; what a clip shows comes from its name, where its phases lie is measured.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.body.rotations import axis_angle_to_matrix, geodesic_angle
from engine.body.skeleton import Skeleton, default_skeleton
from engine.errors import CospeechError
from engine.training.smartbody import RATE, played, read_motion, read_skeleton
from engine.training.smartbody_retarget import Retarget

Array = NDArray[np.float64]
Progress = Callable[[str, float], None]

# What the names of the published files mean, without posture, side and number.
GESTURES = {
    "Besides": "aside",
    "BeatFlip": "beat_flip",
    "BeatForward": "beat_forward",
    "BeatHigh": "beat_high",
    "BeatLow": "beat_low",
    "BeatMid": "beat_mid",
    "BeatFistMid": "beat_mid",
    "BeatPointMid": "beat_mid",
    "Chop": "chop",
    "However": "contrast",
    "EmptyLarge": "empty",
    "EmptyMedium": "empty",
    "Example": "example",
    "Frame": "frame",
    "Here": "here",
    "InclusivityNeg": "inclusivity_neg",
    "InclusivityPos": "inclusivity_pos",
    "DeicticLeft": "indicate_left",
    "IndicateLeft": "indicate_left",
    "DeicticRight": "indicate_right",
    "IndicateRight": "indicate_right",
    "Me": "me",
    "Negative": "negation",
    **{f"Negate{way}{height}": "negation" for way in ("Forward", "Left", "Right") for height in ("Low", "Mid")},
    **{f"No{way}": "negation" for way in ("Forward", "Left", "Right")},
    "Offer": "offer",
    "Plea": "plea",
    "Point": "point_forward",
    "Receive": "receive",
    "Safe": "safe",
    "Shrug": "shrug",
    **{f"Stop{way}": "stop" for way in ("", "Forward", "Left", "Right")},
    "Surround": "surround",
    "Contemplate": "think",
    "Think": "think",
    "We": "we",
    "When": "when",
    **{f"You{way}": "you" for way in ("", "Forward", "Left", "Right", "Point")},
}
IDLES = {"": "idle", "WeightShift": "weight_shift"}
HANDS = {"Lf": "left", "Rt": "right", "Bt": "both", "Both": "both"}
NAME = re.compile(r"^(?P<posture>Idle[A-Za-z]*\d\d)_?(?P<what>.*?)(?P<hands>Lf|Rt|Bt|Both)?(?P<number>\d*)$")
# Measures, in metres, degrees, seconds: as in the corpus' README.
UNSEEN, VERY_SMALL, SNAP, NEAR_DUPLICATE, SAME_LENGTH = 0.03, 0.06, 40.0, 0.95, 0.1
LEAST_FRAMES = 12  # of a clip, by eye
TRAVEL = 0.35  # m of the root, by eye: more is locomotion
SIDES = ("left", "right")


@dataclass(frozen=True, eq=False)
class Imported:
    """A clip: its row of the table, poses (T, 165), trans (T, 3), and its wrists from the chest (T, 2, 3)."""

    row: dict[str, Any]
    poses: Array
    trans: Array
    wrists: Array


def import_smartbody(source: Path, out: Path, progress: Progress) -> dict[str, int]:
    """Write ``clips.csv``, ``gestures.npz`` and ``poses_straightarm.npz`` into ``out``; counts of clips and of files
    left out. CospeechError where there is nothing to import or a file is damaged."""
    files = sorted(source.rglob("*.skm"))
    if not files:
        raise CospeechError(f"There is no .skm file in {source}; choose SmartBody's folder data/behaviorsets")
    skeleton = default_skeleton()
    rigs: dict[Path, Retarget | None] = {}
    clips: list[Imported] = []
    for place, file in enumerate(files):
        progress("import", place / len(files))
        described = describe(file.stem)
        rig = None if described is None else _rig(file, rigs, skeleton)
        if described is None or rig is None:
            continue
        recording = read_motion(file)
        if recording.seconds[-1] * RATE < LEAST_FRAMES - 1:
            continue
        poses, trans = rig.run(*played(rig.rig.scaled(1.0 / rig.scale), recording))
        clips.append(_clip(file, source, described, poses, trans, skeleton, recording.notes))
    if not clips:
        raise CospeechError(
            f"None of the {len(files)} motions in {source} is a gesture of a Jt character with its .sk file beside; "
            "choose SmartBody's folder data/behaviorsets"
        )
    _number(clips)
    _write(out, clips)
    return {"clips": len(clips), "left_out": len(files) - len(clips)}


def describe(stem: str) -> dict[str, str] | None:
    """Actor, take, posture, group, gclass and hands of a file's name; None where the name says nothing we use."""
    character, _, name = stem.partition("@")
    found = NAME.match(name)
    if found is None or not character:
        return None
    what = found["what"]
    group, gclass = ("gesture", GESTURES[what]) if what in GESTURES else ("idle", IDLES.get(what, ""))
    if not gclass:
        return None
    actor = re.sub(r"^Chr|\d+$", "", character)
    hands = HANDS.get(found["hands"] or "", "both" if gclass == "shrug" else "")
    return {
        "actor": actor,
        "take": f"{actor}|{name}",
        "posture": found["posture"],
        "group": group,
        "gclass": gclass,
        "hands_name": hands,
    }


def _rig(file: Path, known: dict[Path, Retarget | None], skeleton: Skeleton) -> Retarget | None:
    """The rig of a motion: the skeleton beside it that is named like its character, else the only one. None where
    there is none, or another kind of character."""
    folder = file.parent.parent / "skeletons"
    wanted = folder / f"{file.stem.partition('@')[0]}.sk"
    found = [wanted] if wanted.is_file() else sorted(folder.glob("*.sk"))
    if len(found) != 1:
        return None
    if found[0] not in known:
        rig = read_skeleton(found[0])
        known[found[0]] = Retarget(rig, skeleton) if "JtRoot" in rig.names else None
    return known[found[0]]


def _clip(
    file: Path,
    source: Path,
    described: dict[str, str],
    poses: Array,
    trans: Array,
    skeleton: Skeleton,
    notes: dict[str, float],
) -> Imported:
    points, _ = skeleton.forward(poses, trans)
    wrists = points[:, [20, 21]] - points[:, [9]]
    ways = np.linalg.norm(wrists - wrists[0], axis=-1).max(axis=0)
    measured = used_hands(ways)
    hands = described["hands_name"] or measured
    clear = max(ways) > 3.0 * min(ways)
    if hands in SIDES and measured in SIDES and clear:
        hands = measured
    travel = np.linalg.norm((trans - trans[0])[:, [0, 2]], axis=1).max()
    row = {
        "clip": f"{file.parent.parent.name}/{file.stem}",
        "main": int(travel <= TRAVEL),
        **described,
        "group": described["group"] if travel <= TRAVEL else "locomotion",
        "hands": "" if described["gclass"] == "idle" else hands,
        "hands_measured": measured,
        **{name: notes.get(name, "") for name in ("ready", "strokeStart", "emphasis", "stroke", "relax")},
        **phases(wrists, hands),
        "n_frames": len(poses),
        "excursion_l": round(float(ways[0]), 3),
        "excursion_r": round(float(ways[1]), 3),
        "flags": "|".join(_flags(poses, ways, described["group"])),
        "source": str(file.relative_to(source)),
    }
    return Imported(row, poses.reshape(len(poses), -1), trans, wrists)


def used_hands(ways: Array) -> str:
    """left, right, both or none from the largest ways (2,) of the wrists from where they start, metres."""
    largest, smallest = float(max(ways)), float(min(ways))
    if largest < VERY_SMALL:
        return "none"
    if smallest > max(VERY_SMALL, 0.3 * largest):
        return "both"
    return SIDES[int(np.argmax(ways))]


def phases(wrists: Array, hands: str) -> dict[str, float | str]:
    """Measured phases in seconds, from wrists (T, 2, 3) relative to the chest; empty where hardly anything moves.

    Onset: last time before the largest way that a wrist is within 10 % of it; apex: first and last time above 90 %;
    return: last time farther from the end pose than 10 % of the farthest.
    """
    used = wrists[:, [SIDES.index(hands)]] if hands in SIDES else wrists
    away = np.linalg.norm(used - used[0], axis=-1).max(axis=1)
    left = np.linalg.norm(used - used[-1], axis=-1).max(axis=1)
    names = ("m_onset", "m_apex0", "m_apex1", "m_return")
    if away.max() < UNSEEN:
        return dict.fromkeys(names, "")
    peak = int(away.argmax())
    near = np.flatnonzero(away[: peak + 1] < 0.1 * away.max())
    far = np.flatnonzero(away > 0.9 * away.max())
    frames = (near[-1], far[0], far[-1], np.flatnonzero(left > 0.1 * left.max())[-1])
    return {name: round(float(frame) / RATE, 3) for name, frame in zip(names, frames, strict=True)}


def _flags(poses: Array, ways: Array, group: str) -> list[str]:
    matrices = axis_angle_to_matrix(poses)
    steps = np.degrees(geodesic_angle(matrices[1:], matrices[:-1]))
    found = [(steps[:, 25:].max() > SNAP, "finger_snap"), (steps[:, :25].max() > SNAP, "body_snap")]
    found.append((group == "gesture" and max(ways) < VERY_SMALL, "very_small"))
    return [name for there, name in found if there]


def _number(clips: list[Imported]) -> None:
    """Frames, takes and second versions of takes, into the rows."""
    first: dict[str, int] = {}
    frame = 0
    for place, clip in enumerate(clips):
        row = clip.row
        origin = first.setdefault(row["take"], place)
        row |= {"split_group": origin, "duplicate_of": "", "dup_corr": "", "frame0": frame}
        frame += row["n_frames"]
        if origin != place:
            likeness = _likeness(clips[origin].wrists, clip.wrists)
            row["dup_corr"] = round(likeness, 3)
            lasting = abs(clips[origin].row["n_frames"] - row["n_frames"]) / RATE
            if likeness > NEAR_DUPLICATE and lasting < SAME_LENGTH:
                row["duplicate_of"] = clips[origin].row["clip"]


def _likeness(first: Array, second: Array) -> float:
    """Correlation of two pairs of wrist paths over their relative time."""
    parts = []
    for wrists in (first, second):
        flat = wrists.reshape(len(wrists), -1)
        times = np.linspace(0.0, len(flat) - 1.0, 60)
        path = np.stack([np.interp(times, np.arange(len(flat)), column) for column in flat.T], axis=1)
        parts.append((path - path.mean(axis=0)).ravel())
    return float(parts[0] @ parts[1] / max(np.linalg.norm(parts[0]) * np.linalg.norm(parts[1]), 1e-12))


def _write(out: Path, clips: list[Imported]) -> None:
    poses = np.concatenate([clip.poses for clip in clips]).astype(np.float32)
    trans = np.concatenate([clip.trans for clip in clips]).astype(np.float32)
    offsets = np.append([clip.row["frame0"] for clip in clips], len(poses)).astype(np.int32)
    names = np.array([clip.row["clip"] for clip in clips])
    try:
        out.mkdir(parents=True, exist_ok=True)
        fps = np.float32(RATE)
        np.savez_compressed(out / "gestures.npz", poses=poses, trans=trans, offsets=offsets, clips=names, fps=fps)
        np.savez_compressed(out / "poses_straightarm.npz", poses=poses)
        with (out / "clips.csv").open("w", encoding="utf-8", newline="") as stream:
            writer = csv.DictWriter(stream, list(clips[0].row))
            writer.writeheader()
            writer.writerows(clip.row for clip in clips)
    except OSError as error:
        raise CospeechError(
            f"Could not write the corpus into {out} ({error.strerror}); choose another folder"
        ) from error
