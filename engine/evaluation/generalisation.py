"""Does the gesture model make new gestures, or only copies or blends? k folds by take; ``evaluate-gestures``.

Every fold is fitted without its takes; then, over classes with at least ten clips: (a) a classifier of gesture classes,
trained on real clips, names generated ones and held-out real ones; (b) a real-or-generated classifier, trained on some
takes, is asked about held-out ones; (c) speeds, jerk and joint angles of generated clips lie in the real range;
(d) held-out takes are recalled from their best latent. Definitions and guards stand at the functions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from engine.body.rotations import geodesic_angle
from engine.errors import CospeechError
from engine.evaluation.generalisation_classifiers import MANY_CLASS, TWO_CLASS, standardised, told_apart
from engine.evaluation.generalisation_features import FINGERS, MEASURES, Seen, arms, look
from engine.models.phase_gesture import RATE, GestureSource, orthonormal_rows, vary
from engine.training.corpus import Clip
from engine.training.gesture_designs import Design

Array = NDArray[np.float64]
Bools = NDArray[np.bool_]
Scores = tuple[Array, Bools, Array, NDArray[np.str_]]  # scores, which are real, weights, takes
Tell = Callable[[str, float], None]

LEAST_CLIPS = 10
LEAD = 0.15
RESAMPLES = 300
ARMS = ((7, 8, 9), (25, 26, 27))
ANGLE_TAIL = 0.1  # percent on either side of the real range of joint angles


@dataclass(frozen=True)
class Protocol:
    """``folds`` by take, ``per_class`` generated clips a class and fold, ``seed`` of folds and draws."""

    folds: int = 3
    per_class: int = 300
    seed: int = 0


@dataclass(frozen=True)
class Figure:
    """A value with its 95 % interval over resampled takes (where it has one)."""

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, eq=False)
class Group:
    """Clips as features, with what is known of them: ``kind`` class and hands, ``take`` the recording."""

    seen: list[Seen]
    gclass: NDArray[np.str_]
    kind: NDArray[np.str_]
    take: NDArray[np.str_]

    def rows(self) -> Array:
        """(n, d) features."""
        return np.array([one.all for one in self.seen])


@dataclass(eq=False)
class Tally:
    """What the folds found: hits and scores per clip, errors per held-out clip."""

    named_real: list[tuple[str, str, bool]] = field(default_factory=list)
    named_made: list[tuple[str, bool]] = field(default_factory=list)
    scores: dict[str, list[Scores]] = field(default_factory=dict)
    recalled: list[tuple[float, float, float]] = field(default_factory=list)
    made: list[Seen] = field(default_factory=list)


def take_folds(clips: tuple[Clip, ...], folds: int, seed: int) -> NDArray[np.int64]:
    """(clips,) number of each clip's fold: the takes of every class are shuffled and dealt out."""
    rng = np.random.default_rng(seed)
    fold: dict[str, int] = {}
    for gclass in sorted({clip.info.gclass for clip in clips}):
        own = sorted({clip.take for clip in clips if clip.info.gclass == gclass and clip.take not in fold})
        start = int(rng.integers(folds))
        for place, take in enumerate(rng.permutation(own)):
            fold[str(take)] = (start + place) % folds
    return np.array([fold[clip.take] for clip in clips])


def measured_clips(clips: tuple[Clip, ...]) -> tuple[int, ...]:
    """Places of the clips of large enough classes that may be drawn: second versions of a take, and gestures too small
    to be seen, are not asked for. CospeechError where there is none."""
    names, counts = np.unique([clip.info.gclass for clip in clips], return_counts=True)
    large = set(names[counts >= LEAST_CLIPS])
    if not large:
        raise CospeechError(f"No gesture class has {LEAST_CLIPS} clips; give the whole corpus")
    return tuple(place for place, clip in enumerate(clips) if clip.info.gclass in large and clip.info.shared)


def evaluate_design(clips: tuple[Clip, ...], design: Design, protocol: Protocol, tell: Tell) -> dict[str, Figure]:
    """Run the protocol; figures by name. ``tell(stage, fraction)`` may raise Cancelled."""
    if not 2 <= protocol.folds <= 10:
        raise CospeechError(f"Takes are split into 2 to 10 folds, not {protocol.folds}")
    fold = take_folds(clips, protocol.folds, protocol.seed)
    chosen = np.array(measured_clips(clips))
    rng = np.random.default_rng(protocol.seed)
    real = real_group([clips[place] for place in chosen], rng)
    tally = Tally()
    for number in range(protocol.folds):
        tell("fit", number / protocol.folds)
        known = tuple(clip for clip, own in zip(clips, fold, strict=True) if own != number)
        fitted = design(known)
        tell("generate", (number + 0.3) / protocol.folds)
        names = sorted(set(real.gclass))
        made = generated_group(fitted, names, protocol.per_class, np.random.default_rng([protocol.seed, number]))
        tell("classify", (number + 0.6) / protocol.folds)
        held = fold[chosen] == number
        _name(real, made, held, tally)
        _tell_apart(real, made, held, tally)
        unseen = [clips[place] for place in chosen[held] if clips[place].info.gclass in names]
        tally.recalled += [
            recall_error(clip, found) for clip, found in zip(unseen, fitted.best(tuple(unseen)), strict=True)
        ]
        tally.made += made.seen
    return _figures(real, tally, np.random.default_rng(protocol.seed))


def real_group(clips: list[Clip], rng: np.random.Generator) -> Group:
    """Real clips, resampled at a random part of a frame like generated ones, so that no frame grid gives them away."""
    seen = []
    for clip in clips:
        marks = clip.info.landmarks
        seconds = np.arange(marks.start - LEAD + rng.uniform(0.0, 1.0 / RATE), marks.end + LEAD, 1.0 / RATE)
        seen.append(look(orthonormal_rows(clip.at(seconds)), clip.info.hands))
    return _group(
        seen, [clip.info.gclass for clip in clips], [clip.info.hands for clip in clips], [c.take for c in clips]
    )


def generated_group(source: GestureSource, names: list[str], count: int, rng: np.random.Generator) -> Group:
    """``count`` new gestures of every class: a clip of the class at random, varied as in the product (``vary``), at its
    own pace, without what the performer does to it later."""
    seen, classes, hands = [], [], []
    for name in names:
        own = [place for place, info in enumerate(source.clips) if info.gclass == name and info.shared]
        for _ in range(count):
            recipe = vary(source.clips, int(rng.choice(own)), own, rng)
            marks = source.landmarks(recipe)
            seconds = np.arange(marks.start - LEAD + rng.uniform(0.0, 1.0 / RATE), marks.end + LEAD, 1.0 / RATE)
            info = source.clips[recipe.first]
            seen.append(look(source.decode(recipe, seconds), info.hands))
            classes.append(name)
            hands.append(info.hands)
    return _group(seen, classes, hands, [""] * len(seen))


def _group(seen: list[Seen], classes: list[str], hands: list[str], takes: list[str]) -> Group:
    kinds = [f"{name} {side}" for name, side in zip(classes, hands, strict=True)]
    return Group(seen, np.array(classes), np.array(kinds), np.array(takes))


def _name(real: Group, made: Group, held: Bools, tally: Tally) -> None:
    """(a) Classes weigh the same, in training and in the rates."""
    names = sorted(set(real.gclass))
    known, asked, new = standardised(real.rows()[~held], real.rows()[held], made.rows())
    labels = real.gclass[~held]
    targets = np.where(labels[:, None] == np.array(names), 1.0, -1.0)
    weights = 1.0 / np.array([np.sum(labels == label) for label in labels])
    scores = MANY_CLASS(known, targets, weights / weights.mean(), np.concatenate([asked, new]))
    guesses = np.array(names)[scores.argmax(axis=1)]
    truth = real.gclass[held]
    tally.named_real += list(zip(truth, real.take[held], guesses[: len(asked)] == truth, strict=True))
    tally.named_made += list(zip(made.gclass, guesses[len(asked) :] == made.gclass, strict=True))


def _tell_apart(real: Group, made: Group, held: Bools, tally: Tally) -> None:
    """(b) Trained on the takes that the model knows and half of the generated clips, asked about the rest; generated
    clips weigh so that every kind (class and hands) has the share that it has among the real ones asked about."""
    half = np.arange(len(made.seen)) % 2 == 0
    rows, new = real.rows(), made.rows()
    known, asked = standardised(np.concatenate([rows[~held], new[half]]), np.concatenate([rows[held], new[~half]]))
    targets = np.where(np.arange(len(known)) < int(np.sum(~held)), 1.0, -1.0)
    weights = np.concatenate([np.ones(int(np.sum(~held))), _shares(made.kind[half], real.kind[~held])])
    truth = np.arange(len(asked)) < int(np.sum(held))
    shares = np.concatenate([np.ones(int(np.sum(held))), _shares(made.kind[~half], real.kind[held])])
    takes = np.concatenate([real.take[held], np.full(int(np.sum(~half)), "")])
    for name, scorer in TWO_CLASS.items():
        found = scorer(known, targets[:, None], weights / weights.mean(), asked)[:, 0]
        tally.scores.setdefault(name, []).append((found, truth, shares, takes))
    tally.scores.setdefault("unseen only", []).append(_among_unseen(real, made, held))


def _among_unseen(real: Group, made: Group, held: Bools) -> Scores:
    """The same with a classifier that saw only takes that the model never saw: three parts of the held-out takes, each
    asked about after training on the other two. It would find out a model that copies what it knows."""
    rows, new, kinds, takes = real.rows()[held], made.rows(), real.kind[held], real.take[held]
    part = np.searchsorted(np.unique(takes), takes) % 3
    third = np.arange(len(new)) % 3
    scores, truths, shares, names = [], [], [], []
    for number in range(3):
        ours, theirs = part != number, third != number
        if ours.all() or not ours.any():
            continue
        known, asked = standardised(
            np.concatenate([rows[ours], new[theirs]]), np.concatenate([rows[~ours], new[~theirs]])
        )
        targets = np.where(np.arange(len(known)) < ours.sum(), 1.0, -1.0)
        weights = np.concatenate([np.ones(ours.sum()), _shares(made.kind[theirs], kinds[ours])])
        scores.append(TWO_CLASS["kernel"](known, targets[:, None], weights / weights.mean(), asked)[:, 0])
        truths.append(np.arange(len(asked)) < np.sum(~ours))
        shares.append(np.concatenate([np.ones(int(np.sum(~ours))), _shares(made.kind[~theirs], kinds[~ours])]))
        names.append(np.concatenate([takes[~ours], np.full(int(np.sum(~theirs)), "")]))
    return np.concatenate(scores), np.concatenate(truths), np.concatenate(shares), np.concatenate(names)


def _shares(made: NDArray[np.str_], real: NDArray[np.str_]) -> Array:
    """Weights that give generated kinds the shares of the real ones; as much in sum as there are real ones."""
    return np.array([np.sum(real == kind) / np.sum(made == kind) for kind in made])


def recall_error(clip: Clip, found: Array) -> tuple[float, float, float]:
    """Mean wrist distance in cm, finger and arm angle in degrees, of the used hands, start to end."""
    truth = orthonormal_rows(clip.at(clip.span()))
    used = [1] if clip.info.hands == "right" else [0, 1]
    wrists = [arms(rotations)[1][:, used] for rotations in (truth, found)]
    angles = np.degrees(geodesic_angle(truth, found))
    parts = [np.concatenate([places[side] for side in used]) for places in (FINGERS, ARMS)]
    far = np.linalg.norm(wrists[0] - wrists[1], axis=-1).mean()
    fingers, upper = (float(angles[:, part].mean()) for part in parts)
    return float(100.0 * far), fingers, upper


def _figures(real: Group, tally: Tally, rng: np.random.Generator) -> dict[str, Figure]:
    found = {**_naming(tally, rng), **_telling(tally, rng)}
    known, made = (np.array([one.measures for one in seen]) for seen in (real.seen, tally.made))
    for place, name in enumerate(MEASURES):
        low, high = np.percentile(known[:, place], [0.5, 99.5])
        found[f"in range: {name}"] = Figure(float(np.mean((made[:, place] >= low) & (made[:, place] <= high))))
        found[f"median real: {name}"] = Figure(float(np.median(known[:, place])))
        found[f"median generated: {name}"] = Figure(float(np.median(made[:, place])))
    angles, new = (np.concatenate([one.angles for one in seen]) for seen in (real.seen, tally.made))
    low, high = np.percentile(angles, [ANGLE_TAIL, 100.0 - ANGLE_TAIL], axis=0)
    found["in range: joint angles, real"] = Figure(float(np.mean((angles >= low) & (angles <= high))))
    found["in range: joint angles"] = Figure(float(np.mean((new >= low) & (new <= high))))
    recalled = np.array(tally.recalled)
    for place, name in enumerate(("wrist cm", "fingers deg", "arms deg")):
        found[f"recalled: {name}"] = Figure(float(recalled[:, place].mean()))
        found[f"recalled, worst twentieth: {name}"] = Figure(float(np.percentile(recalled[:, place], 95)))
    return found


def _naming(tally: Tally, rng: np.random.Generator) -> dict[str, Figure]:
    names = np.array([name for name, _, _ in tally.named_real])
    takes = np.array([take for _, take, _ in tally.named_real])
    hits = np.array([hit for _, _, hit in tally.named_real], dtype=float)
    generated = float(
        np.mean([np.mean([hit for other, hit in tally.named_made if other == name]) for name in np.unique(names)])
    )

    def rate(chosen: NDArray[np.int64]) -> float:
        return float(np.mean([hits[chosen][names[chosen] == name].mean() for name in np.unique(names[chosen])]))

    draws = [rate(_resampled(takes, rng)) for _ in range(RESAMPLES)]
    low, high = np.percentile(draws, [2.5, 97.5])
    held_out = rate(np.arange(len(hits)))
    return {
        "named right: held-out real": Figure(held_out, float(low), float(high)),
        "named right: generated": Figure(generated),
        "named right: ratio": Figure(generated / held_out, float(generated / high), float(generated / low)),
    }


def _telling(tally: Tally, rng: np.random.Generator) -> dict[str, Figure]:
    """AUC of every classifier, mean of the folds by their real clips, and of the one that tells most."""
    found = {}
    for name, folds in tally.scores.items():
        value = _pooled([told_apart(scores, truth, shares) for scores, truth, shares, _ in folds], folds)
        draws = []
        for _ in range(RESAMPLES):
            values = []
            for scores, truth, shares, takes in folds:
                ours, theirs = np.flatnonzero(truth), np.flatnonzero(~truth)
                chosen = np.concatenate([ours[_resampled(takes[ours], rng)], rng.choice(theirs, len(theirs))])
                values.append(told_apart(scores[chosen], truth[chosen], shares[chosen]))
            draws.append(_pooled(values, folds))
        low, high = np.percentile(draws, [2.5, 97.5])
        found[f"told apart (AUC): {name}"] = Figure(value, float(low), float(high))
    usual = [figure for name, figure in found.items() if "unseen" not in name]
    return {"told apart (AUC): best of all": replace(max(usual, key=lambda figure: figure.value)), **found}


def _pooled(values: list[float], folds: list[Scores]) -> float:
    return float(np.average(values, weights=[truth.sum() for _, truth, _, _ in folds]))


def _resampled(takes: NDArray[np.str_], rng: np.random.Generator) -> NDArray[np.int64]:
    """Places of clips when takes are drawn with replacement."""
    names = np.unique(takes)
    places = {name: np.flatnonzero(takes == name) for name in names}
    return np.concatenate([places[name] for name in rng.choice(names, len(names))])
