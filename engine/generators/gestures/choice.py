"""Which learned performance a planned gesture gets: clip, neighbour in latent space, side. Deterministic per seed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.errors import CospeechError
from engine.generators.gestures.authored import SizedRecipe, mirror_class
from engine.models.phase_gesture import BEAT_CLASSES, ClipInfo, GestureSource, Landmarks, Recipe, vary
from engine.plan.types import GesturePhrase

Array = NDArray[np.float64]

# By eye.
VISIBLE_EXCURSION = 0.18  # m of a wrist: a movement that everybody sees
MOST_GAIN = 1.8  # times, to which a small clip is enlarged
NEAR_START = 0.15  # m between two wrists at the onset
FAST_PACE = 1.5  # mean m/s to the apex above which a clip is unlikely
REPEAT_WEIGHT = 0.12  # factor on a clip that was used lately
MEMORY = 3  # gestures
# How strongly a style prefers large movements (exponent on the excursion).
STYLE_SIZE = {"calm": 0.0, "explain": 1.0, "narrate": 1.4, "excited": 2.0}


@dataclass(frozen=True, eq=False)
class Choice:
    """A performance for a phrase. ``mirror``: swap sides after decoding; ``doubled``: the left arm is the mirrored
    right one, because the class is known one-handed only. ``gain`` enlarges what was recorded too small to be seen."""

    recipe: Recipe
    mirror: bool
    doubled: bool
    gain: float


@dataclass(frozen=True)
class _Candidate:
    clip: int
    mirror: bool
    doubled: bool = False


def anchor(gclass: str, marks: Landmarks) -> float:
    """Clip time that lands on the planned apex: the reversal of a beat, else the arrival."""
    return marks.beat if gclass in BEAT_CLASSES else marks.apex0


def choose(
    source: GestureSource,
    phrase: GesturePhrase,
    wrists: Array,
    style: str,
    rng: np.random.Generator,
    recent: list[int],
) -> Choice:
    """Draw a clip whose own timing, size, start and novelty fit the phrase, one of its kind to mix in, and a latent
    offset.

    ``wrists`` (2, 3): where left and right wrist are at the onset, metres from the chest joint in its frame.
    ``recent`` holds the clips used last and is extended. CospeechError for a class or a side that doesn't exist.
    """
    candidates = _candidates(source.clips, phrase)
    weights = np.array([_fit(source.clips[c.clip], phrase, style) for c in candidates])
    weights *= [_starts_near(source.clips[c.clip], phrase, wrists, c.mirror) for c in candidates]
    weights *= [REPEAT_WEIGHT if c.clip in recent[-MEMORY:] else 1.0 for c in candidates]
    picked = candidates[int(rng.choice(len(candidates), p=weights / weights.sum()))]
    recent.append(picked.clip)
    kind = source.clips[picked.clip]
    drawn = vary(source.clips, picked.clip, [candidate.clip for candidate in candidates], rng)
    recipe = SizedRecipe(**vars(drawn), amplitude=phrase.amplitude)
    gain = float(np.clip(VISIBLE_EXCURSION / max(kind.excursion, 0.01), 1.0, MOST_GAIN))
    return Choice(recipe, picked.mirror, picked.doubled, gain)


def _candidates(clips: tuple[ClipInfo, ...], phrase: GesturePhrase) -> list[_Candidate]:
    gclass, hands = phrase.gclass, phrase.hands
    if hands not in ("left", "right", "both"):
        raise CospeechError(f"Gesture {phrase.id} asks for the hands '{hands}'; choose left, right or both")
    swapped = mirror_class(gclass)
    if hands == "both":
        found = [_Candidate(i, False) for i in _find(clips, gclass, "both")]
        found += [_Candidate(i, True) for i in _find(clips, swapped, "both")]
        found = found or [_Candidate(i, False, True) for i in _find(clips, gclass, "right")]
    else:
        left = hands == "left"
        wanted = swapped if left else gclass
        found = [_Candidate(i, left) for i in _find(clips, wanted, "right") or _find(clips, wanted, "both")]
        if not found:  # only the other side was recorded two-handed: its mirror image has this side
            found = [_Candidate(i, not left) for i in _find(clips, swapped if not left else gclass, "both")]
    if not found:
        raise CospeechError(f"The gesture weights know no gesture class '{gclass}'; change the plan's class of it")
    return found


def _find(clips: tuple[ClipInfo, ...], gclass: str, hands: str) -> list[int]:
    alike = [i for i, clip in enumerate(clips) if clip.gclass == gclass and clip.hands == hands]
    return [i for i in alike if clips[i].shared] or alike


def _starts_near(clip: ClipInfo, phrase: GesturePhrase, wrists: Array, mirror: bool) -> float:
    """Weight of a clip by how near its wrists start to where the body's are: paths between like rests look right."""
    rest = np.array(clip.rest).reshape(2, 3)
    if mirror:
        rest = rest[::-1] * np.array([-1.0, 1.0, 1.0])
    sides = [side for side, name in enumerate(("left", "right")) if phrase.hands in (name, "both")]
    if clip.hands == "right" and phrase.hands == "both":  # doubled: only the right arm was recorded
        sides = [1]
    far = float(np.linalg.norm(rest - wrists, axis=1)[sides].max())
    return float(np.exp(-0.5 * (far / NEAR_START) ** 2)) + 0.05


def _fit(clip: ClipInfo, phrase: GesturePhrase, style: str) -> float:
    """Weight of a clip: Gaussian in the log ratios of planned to own durations, times its visibility."""
    marks = clip.landmarks
    arrival = anchor(phrase.gclass, marks)
    ratios = [
        (max(phrase.apex - phrase.onset, 0.1) / (marks.apex0 - marks.onset), 0.25),
        ((phrase.hold_end - phrase.apex + 0.15) / (max(marks.apex1 - arrival, 0.0) + 0.15), 0.6),
        (max(phrase.retract_end - phrase.hold_end, 0.2) / (marks.back - marks.apex1), 0.8),
    ]
    cost = sum((np.log(max(ratio, 0.05)) / width) ** 2 for ratio, width in ratios)
    visible = min(1.0, clip.excursion / VISIBLE_EXCURSION) ** 2
    size = max(clip.excursion, 0.05) ** STYLE_SIZE.get(style, 0.0)
    pace = clip.excursion * phrase.amplitude / max(phrase.apex - phrase.onset + 0.15, 0.2)
    fast = np.exp(-0.5 * (max(pace - FAST_PACE, 0.0) / 0.3) ** 2) + 0.01
    return float((np.exp(-0.5 * min(cost, 40.0)) + 1e-4) * visible * size * fast)
