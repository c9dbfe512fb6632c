"""Which gestures stand beside each other in the blind test: two for the same meaning, in a body that lives.

A pair that differs in kind (a counted three beside an open palm) asks what a gesture means; only one that does not asks
whether it was recorded. So the pairs are what the rule table holds as alternatives for the same words, an authored
class and a learned one of as many hands; of some performances of the learned one, the one whose hands are most like
the authored one's. Each is performed alone, over the body life of a spoken line.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.body.motion import Motion
from engine.body.rotations import axis_angle_to_matrix
from engine.body.skeleton import default_skeleton
from engine.generators.base import Request
from engine.generators.default import DefaultGenerator
from engine.generators.gestures.authored import authored_classes
from engine.models.phase_gesture import BEAT_CLASSES
from engine.plan.planner import plan_gestures
from engine.plan.tables import ClassTimes, load_tables
from engine.plan.types import GesturePhrase, GesturePlan
from engine.speech.load import load_speech
from engine.speech.types import Speech
from engine.take.options import TakeOptions

Array = NDArray[np.float64]

FPS, STYLE = 30.0, "explain"
APEX, HOLD = 2.2, (0.45, 1.4)
PAIRS, CHOICE = 20, 8  # performances of a learned class to choose the nearest from
CHEST, WRISTS, KNUCKLES, ACROSS = 9, (20, 21), (28, 43), ((25, 31), (40, 46))
FINGERS = (slice(25, 40), slice(40, 55))
PLACE, TURN, CURL = 0.10, 0.6, 0.5  # what counts as far: metres, of a direction, radians


@dataclass(frozen=True, eq=False)
class Shown:
    """A gesture: ``hand`` (k,) is where its hands are at the apex, ``poses`` (8, 55, 3) and ``trans`` (8, 3) its
    moments from before the onset to nearly home."""

    gclass: str
    hands: str
    hand: Array
    poses: Array
    trans: Array


class Performer:
    """Performs single gestures over the body life of a line of at least five seconds."""

    def __init__(self, audio: Path, transcript: str | None) -> None:
        self._generator = DefaultGenerator.bundled()
        self._speech: Speech = load_speech(audio, transcript)
        self._plans: dict[int, GesturePlan] = {}

    def perform(self, gclass: str, hands: str, seed: int) -> Shown:
        """One performance."""
        if seed not in self._plans:
            self._plans[seed] = plan_gestures(self._speech, STYLE, 1.0, seed)
        times = load_tables().durations[gclass]
        hold = float(np.clip(times.lasting(1.1), *HOLD))
        phrase = GesturePhrase(
            id=0, onset=APEX - times.prep, apex=APEX, hold_end=APEX + hold, retract_end=APEX + hold + 0.6, lexeme="X",
            gclass=gclass, hands=hands, amplitude=1.0, word=-1, semantic=True, accent=APEX, stress_onset=APEX - 0.1,
        )  # fmt: skip
        plan = replace(self._plans[seed], phrases=(phrase,))
        parts = ("hands", "upper", "lower", "root")
        options = TakeOptions(audio="", style=STYLE, fps=FPS, seed=seed, parts=parts, in_place=True)
        asked = Request(self._speech, plan, options)
        return _shown(self._generator.generate(asked, lambda *_: None), phrase)


def _shown(motion: Motion, phrase: GesturePhrase) -> Shown:
    onset, apex, end, home = phrase.onset, phrase.apex, phrase.hold_end, phrase.retract_end
    coming, holding, going = apex - onset, end - apex, home - end
    seconds = np.array([onset - 0.1, onset + 0.33 * coming, onset + 0.7 * coming, apex, apex + 0.33 * holding,
                        apex + 0.8 * holding, end + 0.4 * going, end + 0.8 * going])  # fmt: skip
    at = np.clip(np.round(seconds * FPS).astype(int), 0, motion.frames - 1)
    poses, trans = motion.poses[at].astype(np.float64), motion.trans[at].astype(np.float64)
    return Shown(phrase.gclass, phrase.hands, _hand(poses[3], phrase.hands), poses, trans)


def _hand(pose: Array, hands: str) -> Array:
    """Wrist, directions of the fingers and across the palm, curls of the used hands, in units of what is far."""
    points, world = default_skeleton().forward_matrices(axis_angle_to_matrix(pose)[None], np.zeros((1, 3)))
    place = (points[0] - points[0, CHEST]) @ world[0, CHEST]
    parts = []
    for side in (0, 1) if hands == "both" else (1,):
        wrist = place[WRISTS[side]]
        along = place[KNUCKLES[side]] - wrist
        across = place[ACROSS[side][0]] - place[ACROSS[side][1]]
        curls = np.linalg.norm(pose[FINGERS[side]].reshape(5, 3, 3), axis=-1).mean(axis=1)
        parts += [wrist / PLACE, along / np.linalg.norm(along) / TURN]
        parts += [across / np.linalg.norm(across) / TURN, curls / CURL]
    return np.concatenate(parts)


def kin() -> dict[tuple[str, str], list[str]]:
    """The learned classes that a rule has beside an authored one, by authored class and hands."""
    tables, found = load_tables(), dict[tuple[str, str], list[str]]()
    for rule in tables.rules.values():
        classes = sorted({gesture.gclass for gesture in rule.gestures} - BEAT_CLASSES)
        for mine in set(classes) & authored_classes():
            for hands in _hands(tables.durations[mine]):
                others = [name for name in classes if name not in authored_classes()]
                fitting = [name for name in others if hands in _hands(tables.durations[name])]
                if fitting:
                    found.setdefault((mine, hands), []).extend(fitting)
    return found


def alike(performer: Performer, rng: np.random.Generator) -> Iterator[tuple[Shown, Shown]]:
    """Drawn authored gestures, each beside a learned one for the same meaning."""
    table = kin()
    for number in rng.permutation(len(table))[:PAIRS]:
        (gclass, hands), names = sorted(table.items())[number]
        mine = performer.perform(gclass, hands, int(rng.integers(1000)))
        seeds = [(name, int(seed)) for name in names for seed in rng.integers(1000, size=CHOICE)]
        others = [performer.perform(name, hands, seed) for name, seed in seeds]
        yield mine, min(others, key=lambda one: float(np.linalg.norm(one.hand - mine.hand)))


def _hands(times: ClassTimes) -> list[str]:
    return [name for name, clips in (("right", times.one), ("both", times.both)) if clips]
