"""Authored gestures behind the same face as learned ones: a GestureSource that lays both side by side.

A form of the table stands there once for every rest posture, so that the choice of a performance finds one that begins
where the hands are. What varies comes from the recipe's noise, so the same plan and seed give the same bytes.
"""

from __future__ import annotations

import json
from dataclasses import asdict, astuple, dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.body.joints import ARMS
from engine.body.rotations import axis_angle_to_matrix
from engine.body.skeleton import ASSETS, default_skeleton
from engine.errors import CospeechError
from engine.generators.gestures.authored_arm import space
from engine.generators.gestures.authored_borrowed import UPPER, Borrowed, borrow
from engine.generators.gestures.authored_build import (
    LEAST_GROWTH,
    MOST_GROWTH,
    PLACE_SPREAD,
    SECOND_PLACE,
    TOUCH_SECOND,
    TOUCH_SPREAD,
    ArmCurves,
    Trunk,
    Variation,
    build_arm,
    trunk_of,
)
from engine.generators.gestures.authored_table import Form, authored
from engine.generators.life.postures import rest_posture, spine_rest
from engine.models.phase_gesture import (
    MIRROR_CLASS,
    MIRROR_SIGNS,
    TORSO,
    VARIATIONS,
    ClipInfo,
    GestureSource,
    Landmarks,
    Recipe,
)

Array = NDArray[np.float64]

TIMES_FILE = ASSETS / "gestures" / "authored_times.json"
RESTS = ("sides", "low_clasp", "loose_front")  # of assets/postures/arms.json: low, low in front, in front
# By eye.
RATE = 60.0  # Hz at which arms are built
TEMPO = 0.08  # share by which a performance is faster or slower
UNLIKE, TOUCH_UNLIKE = 0.14, 0.08  # shares: how much larger one of two hands' ways is
APART, LEADING = "sides", 2.4  # one of two hands that rest apart comes well before the other: times the lag
STROKE_SHOWS = 0.2  # share of its time: a tenth of its way
LEFT_COLLAR, RIGHT_COLLAR = TORSO.index(13), TORSO.index(14)


@dataclass(frozen=True, eq=False)
class SizedRecipe(Recipe):
    """A recipe that also says how large: authored gestures grow in space, not in joint angles."""

    amplitude: float = 1.0


@dataclass(frozen=True)
class Take:
    """A form begun from a named rest posture."""

    form: int
    rest: str


@dataclass(frozen=True, eq=False)
class Built:
    """A performance: curves of the right arm, of the left one (None: it rests), of the trunk, and its landmarks."""

    right: ArmCurves
    left: ArmCurves | None
    lag: float
    trunk: Trunk
    rest: Array
    marks: Landmarks
    excursion: float
    borrowed: Borrowed | None = None

    def rotations(self, seconds: Array) -> Array:
        """(n, 43, 3, 3) local rotations of MODEL_JOINTS."""
        count = len(seconds)
        torso = np.zeros((count, len(TORSO), 3))
        torso += spine_rest()[list(TORSO)]
        torso += self.trunk.vectors(seconds)
        trunk = axis_angle_to_matrix(torso)
        collar, arm = self.right.local(seconds)
        trunk[:, RIGHT_COLLAR] = collar * MIRROR_SIGNS
        if self.left is None:
            other = np.broadcast_to(axis_angle_to_matrix(self.rest[0].reshape(18, 3)), arm.shape)
        else:
            trunk[:, LEFT_COLLAR], other = self.left.local(seconds - self.lag)
        arms = np.concatenate([other, arm * MIRROR_SIGNS], axis=1)
        if self.borrowed is not None:
            leaning, beside = self.borrowed.turns(seconds)
            trunk[:, :UPPER] = trunk[:, :UPPER] @ axis_angle_to_matrix(leaning)
            moving = slice(0 if self.left is not None else arms.shape[1] // 2, None)
            arms[:, moving] = arms[:, moving] @ beside[:, moving]
        return np.concatenate([trunk, arms], axis=1)


@lru_cache(maxsize=1)
def takes() -> tuple[Take, ...]:
    """Every form with every rest that it may begin from."""
    return tuple(Take(form, name) for form in range(len(authored().forms)) for name in RESTS)


def measured_clips() -> tuple[ClipInfo, ...]:
    """What the choice of a performance needs to know of each take, measured on the form as it was authored."""
    clips = []
    for take in takes():
        form = authored().forms[take.form]
        built = _plain(take)
        rest = [space().chest.T @ (_rest_wrist(take.rest, side) - space().chest_place) for side in (0, 1)]
        flat = tuple(round(float(value), 3) for value in np.concatenate(rest))
        name = f"authored/{form.gclass}/{take.form}@{take.rest}"
        clips.append(ClipInfo(name, form.gclass, form.hands_used, built.marks, round(built.excursion, 4), flat, True))
    return tuple(clips)


def write_times(path: Path = TIMES_FILE) -> None:
    """Write what was measured: class times for the planner, and all takes, so that nothing is measured in a run."""
    clips = measured_clips()
    rows = {}
    for gclass in sorted({clip.gclass for clip in clips}):
        own = [clip for clip in clips if clip.gclass == gclass]
        marks = [clip.landmarks for clip in own]
        windups = [_windup(take, clip.landmarks) for take, clip in zip(takes(), clips, strict=True) if clip in own]
        one = sum(clip.hands != "both" for clip in own) // len(RESTS)
        rows[gclass] = {
            "prep": _median([mark.apex0 - mark.onset for mark in marks]),
            "hold": _median([mark.apex1 - mark.apex0 for mark in marks]),
            "retract": _median([mark.back - mark.apex1 for mark in marks]),
            "clips": len(own) // len(RESTS),
            "one": one,
            "both": len(own) // len(RESTS) - one,
            "least": round(0.8 * min(mark.settle - mark.apex0 for mark in marks), 3),
            "windup": _median(windups),
            "strikes": strikes(gclass),
        }
    classes = ",\n".join(f"  {json.dumps(name)}: {json.dumps(row)}" for name, row in rows.items())
    entries = ",\n".join("  " + json.dumps({**asdict(clip), "landmarks": [*astuple(clip.landmarks)]}) for clip in clips)
    about = "Measured on the authored gestures by engine.generators.gestures.authored.write_times; seconds and metres."
    text = f'{{\n "about": "{about}",\n "classes": {{\n{classes}\n }},\n "clips": [\n{entries}\n ]\n}}\n'
    path.write_text(text, encoding="utf-8")


def _plain(take: Take) -> Built:
    """A take as it was authored."""
    return _built(take, np.zeros(VARIATIONS).tobytes(), 1.0)


def _windup(take: Take, marks: Landmarks) -> float:
    """Seconds from the first movement to that of the stroke: of hands that come together before they part, that are
    raised before they fall, that come to where a circle begins."""
    spans, keys = _plain(take).right.spans, authored().forms[take.form].right
    begin = spans.ways[1] + STROKE_SHOWS * (spans.paths[1] - spans.ways[1]) if len(keys) > 1 else np.inf
    if keys[0].circle is not None:
        begin = spans.paths[0]
    return begin - marks.onset if begin < marks.apex0 - 0.1 else 0.0


def _median(values: list[float]) -> float:
    return round(float(np.median(values)), 3)


@lru_cache(maxsize=1)
def authored_clips() -> tuple[ClipInfo, ...]:
    """The takes as :func:`write_times` wrote them; CospeechError where its table is missing or of other forms."""
    try:
        rows = json.loads(TIMES_FILE.read_text(encoding="utf-8"))["clips"]
        clips = tuple(
            ClipInfo(**{**row, "landmarks": Landmarks(*row["landmarks"]), "rest": tuple(row["rest"])}) for row in rows
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CospeechError(f"The table {TIMES_FILE} can't be read ({error}); reinstall") from error
    if [clip.gclass for clip in clips] != [authored().forms[take.form].gclass for take in takes()]:
        raise CospeechError(f"The table {TIMES_FILE.name} is not of these authored gestures; write it anew")
    return clips


def authored_classes() -> frozenset[str]:
    """The gesture classes that are authored."""
    return frozenset(form.gclass for form in authored().forms)


@lru_cache(maxsize=256)
def strikes(gclass: str) -> bool:
    """Whether the apex of a class is the end of a stroke: all its forms are raised and then struck."""
    return all(form.strikes for form in authored().forms if form.gclass == gclass)


def mirror_class(gclass: str) -> str:
    """The class that a mirror image of this one is: pointing left for pointing right, most are their own."""
    return MIRROR_CLASS.get(gclass, authored().mirror.get(gclass, gclass))


class Repertoire:
    """Learned and authored gestures as one source; authored clips come after the learned ones."""

    def __init__(self, learned: GestureSource) -> None:
        self._learned = learned
        self._own = len(learned.clips)
        self._clips = (*learned.clips, *authored_clips())

    @property
    def clips(self) -> tuple[ClipInfo, ...]:
        """The learned clips, then the authored ones."""
        return self._clips

    def is_authored(self, clip: int) -> bool:
        """Whether a clip is an authored one."""
        return clip >= self._own

    def landmarks(self, recipe: Recipe) -> Landmarks:
        """The landmarks of a performance."""
        return self._build(recipe)[1].marks if self.is_authored(recipe.first) else self._learned.landmarks(recipe)

    def decode(self, recipe: Recipe, seconds: Array) -> Array:
        """Local rotations (n, 43, 3, 3) of MODEL_JOINTS at clip times (n,)."""
        if not self.is_authored(recipe.first):
            return self._learned.decode(recipe, seconds)
        form, built = self._build(recipe)
        apex = built.rotations(np.array([built.marks.apex0]))[0]
        lent = borrow(self._learned, form.hands_used, apex, built.marks, built.excursion, form.touch, recipe.noise)
        return replace(built, borrowed=lent).rotations(np.asarray(seconds, dtype=np.float64))

    def _build(self, recipe: Recipe) -> tuple[Form, Built]:
        """The form of a recipe, and its performance with a trunk that only leans."""
        size = recipe.amplitude if isinstance(recipe, SizedRecipe) else 1.0
        noise = np.ascontiguousarray(recipe.noise, dtype=np.float64)
        take = takes()[recipe.first - self._own]
        return authored().forms[take.form], _built(take, noise.tobytes(), size)


@lru_cache(maxsize=256)
def _built(take: Take, noise: bytes, amplitude: float) -> Built:
    """A performance; without noise it is the form as it was authored."""
    form, hands = authored().forms[take.form], authored().hands
    values = np.frombuffer(noise)
    plain = not values.any()
    rng = np.random.default_rng(np.frombuffer(noise, dtype=np.uint32))
    share = 0.0 if plain else 1.0
    growth = float(np.clip(1.0 + form.grow * (amplitude - 1.0), LEAST_GROWTH, MOST_GROWTH))
    growth *= 1.0 if form.touch else 1.0 + share * float(rng.uniform(-0.07, 0.07))
    one = Variation(rng, growth, 1.0 + share * TEMPO * float(rng.uniform(-1.0, 1.0)), share)
    spread = share * (TOUCH_SPREAD if form.touch else PLACE_SPREAD)
    offset = spread * rng.uniform(-1.0, 1.0, 3)
    rest = rest_posture(take.rest, False).arms
    mirrored = (rest[1].reshape(18, 3) * [1.0, -1.0, -1.0]).ravel()
    right = build_arm(form, form.right, hands, mirrored, one, offset)
    left, lag = None, 0.0
    if form.hands == "both":
        lag = share * form.lag * float(rng.uniform(-1.0, 1.0)) * (LEADING if take.rest == APART else 1.0)
        apart = share * (TOUCH_SECOND if form.touch else SECOND_PLACE) * rng.uniform(-1.0, 1.0, 3)
        unlike = 1.0 + share * (TOUCH_UNLIKE if form.touch else UNLIKE) * float(rng.uniform(-1.0, 1.0))
        other = Variation(rng, growth * unlike, one.tempo, share)
        left = build_arm(form, form.left or form.right, hands, rest[0], other, _mirror_aside(offset) + apart)
    ends = form.right[-1].at, None if form.hands != "both" else (form.left or form.right)[-1].at
    trunk = trunk_of(form, right.spans, np.array(ends[0]), None if ends[1] is None else np.array(ends[1]), rng)
    marks, excursion = _measured(right, left, lag, strikes(form.gclass))
    return Built(right, left, lag, trunk, rest, marks, excursion)


def _mirror_aside(offset: Array) -> Array:
    """The same shift of both hands to one side of the body, in the other arm's outward direction."""
    return np.asarray(offset * np.array([-1.0, 1.0, 1.0]))


def _rest_wrist(name: str, side: int) -> Array:
    """(3,) wrist of a rest posture, metres in the upright body."""
    skeleton, pose = default_skeleton(), spine_rest()
    joints = ARMS[side]
    pose[list(joints)] = rest_posture(name, False).arms[side][:9].reshape(3, 3)
    points, _ = skeleton.forward(pose[None], -skeleton.rest[None, 0])
    return np.asarray(points[0, joints[-1]])


def _measured(right: ArmCurves, left: ArmCurves | None, lag: float, strikes: bool) -> tuple[Landmarks, float]:
    """Landmarks as the corpus has them, measured on the wrists; and the largest way in metres.

    Where a hand is first raised and then strikes, its apex is the end of the strike, not the height from which it came.
    """
    spans = right.spans
    seconds = np.arange(-0.1, spans.end + 0.2, 1.0 / RATE)
    tracks = [right.places(seconds)] + ([left.places(seconds - lag)] if left is not None else [])
    away = np.max([np.linalg.norm(track - track[0], axis=1) for track in tracks], axis=0)
    back = np.max([np.linalg.norm(track - track[-1], axis=1) for track in tracks], axis=0)
    top = float(away.max())
    onset = float(seconds[np.argmax(away >= 0.1 * top)])
    apex0 = float(seconds[np.argmax(away >= 0.9 * top)])
    if strikes:
        apex0 = max(apex0, spans.struck)
    leaving = seconds >= spans.leave
    apex1 = float(seconds[leaving][np.argmax(back[leaving] < 0.9 * back[leaving][0])])
    home = float(seconds[leaving][np.argmax(back[leaving] < 0.1 * back[leaving][0])])
    settle = min(max(apex0 + 0.08, spans.done + 0.02), spans.leave - 0.02)
    marks = Landmarks(0.0, onset, apex0, apex1, home, spans.end + 0.05, settle, spans.leave + 0.02, apex0)
    return Landmarks(**{name: round(value, 4) for name, value in vars(marks).items()}), top
