"""SemTalk as a generator: the published networks, from a folder that the user gives.

Its own frames are 30 a second; the take is resampled to the output's. Expressions stay in the take, the ARKit curves
come from the default face, since the networks know none. Where the sparse network shows meaning is in the take's
provenance.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from engine.body.motion import Motion
from engine.body.skeleton import Skeleton, default_skeleton
from engine.errors import CospeechError
from engine.generators.abilities import SEMTALK
from engine.generators.base import Progress, Request
from engine.generators.default import for_parts
from engine.generators.published.emage_mends import RATE, EmageOptions, mended
from engine.generators.published.feature_cache import FeatureCache
from engine.generators.published.network_hints import piece_around
from engine.generators.published.network_takes import (
    fitted,
    speaker_number,
    standing_seed,
    take_of,
    window_filled,
)
from engine.generators.published.semtalk_folder import Release, load_release
from engine.generators.published.semtalk_hearing import PUBLISHED, Hearing, hear
from engine.generators.published.semtalk_words import sentences, word_rows
from engine.models import semtalk_windows as windows
from engine.models.emage_motion import DecodedMotion
from engine.models.hubert import Hubert
from engine.models.hubert_folder import LARGE_SOURCE, load_hubert
from engine.models.semtalk_motion import SEED
from engine.models.semtalk_windows import Drawing, Joining, LineStart, SpeechFeatures

if TYPE_CHECKING:
    from engine.hints.types import Hints

Array = NDArray[np.float64]
Floats = NDArray[np.float32]

SCOTT = 1  # row of the speaker whom all released weights were trained on (docs/sources/semtalk.md, section 4.7)
HEARING_SHARE = 0.5  # of a take's time, by eye
EMPHASIS_LOGITS = 6.0  # no unit, by eye. Full emphasis: a gate that says 5 % meaning opens, one that says 95 % closes


@dataclass(frozen=True)
class SemTalkOptions:
    """Which of the release's faults are mended; :meth:`published` mends none, for parity.

    ``hearing``: what HuBERT and the beat are computed from (None: as the weights were trained). ``joining``: how
    windows make a line. ``floor``, ``anchor`` and ``lock_feet`` are as EMAGE's. ``temperature``: how freely tokens are
    drawn for every seed but 0, which takes the most likely ones.
    """

    hearing: Hearing | None = None
    joining: Joining = windows.MENDED
    floor: bool = True
    anchor: bool = True
    lock_feet: bool = True
    temperature: float = 0.6

    @staticmethod
    def published() -> SemTalkOptions:
        """The release to the letter."""
        return SemTalkOptions(PUBLISHED, windows.PUBLISHED, floor=False, anchor=False, lock_feet=False, temperature=0.0)

    @property
    def body(self) -> EmageOptions:
        """What is mended on the way from the networks' motion to a take."""
        return EmageOptions(floor=self.floor, anchor=self.anchor, lock_feet=self.lock_feet)


@dataclass(frozen=True, eq=False)
class Stretch:
    """Frames of the line that are performed, from ``first`` on, ``frames`` long (None: to its end); the motion ``seen``
    (t, 337) at its beginning, of which ``hidden`` is not shown (None: only the seed's frames are); the root's first
    place (3,)."""

    first: int
    frames: int | None
    seen: Array
    hidden: NDArray[np.bool_] | None
    start: Array


class SemTalkGenerator:
    """Motion by SemTalk; the same request gives the same bytes on the same machine."""

    abilities = SEMTALK

    def __init__(self, release: Release, options: SemTalkOptions | None = None, cache: FeatureCache | None = None):
        self._release, self._options = release, options or SemTalkOptions()
        self._hearing = self._options.hearing or release.hearing
        self._cache = cache or FeatureCache()

    @staticmethod
    def from_folder(folder: Path, device: str = "cpu", options: SemTalkOptions | None = None) -> SemTalkGenerator:
        """With the published weights in ``folder``; CheckpointError says what is missing or unfit."""
        return SemTalkGenerator(load_release(folder, device), options)

    @torch.inference_mode()
    def generate(self, request: Request, progress: Progress) -> Motion:
        """The motion of the request; joints of parts not asked for stay at the standing rest, or as the base has them.

        With hints only their window is made anew, with what surrounds it and the pins in it as the networks' visible
        motion; the pins hold exactly in what comes back. ``provenance["semantic"]`` says how much meaning shows when.
        """
        speaker = self._speaker(request.options.speaker)
        progress("body", 0.0)
        line = self._line(request, progress)
        if request.hints is not None:
            return self._regenerate(request, for_parts(request.hints, request.options.parts), line, speaker, progress)
        stretch = Stretch(0, None, standing_seed(request), None, np.zeros(3))
        clip, scores = self._perform(stretch, line, default_skeleton(), request, speaker, progress)
        return replace(take_of(request, clip), provenance=self._provenance(request, scores))

    def _regenerate(
        self, request: Request, hints: Hints, line: SpeechFeatures, speaker: int, progress: Progress
    ) -> Motion:
        from engine.hints import satisfy

        piece, begin = piece_around(hints, request.speech.waveform)
        assert piece.seen is not None
        stretch = Stretch(begin, len(piece.seen), piece.seen, piece.hidden, piece.start)
        clip, scores = self._perform(stretch, line, hints.skeleton, request, speaker, progress)
        motion = window_filled(request, hints, fitted(clip, hints.fps, hints.frames, offset=begin / RATE))
        progress("pins", 0.0)
        seconds = hints.window[0] / hints.fps, hints.window[1] / hints.fps
        spliced = spliced_scores(hints.base.provenance, scores, begin, seconds)
        return satisfy(replace(motion, provenance=self._provenance(request, spliced)), hints)

    def _perform(
        self,
        stretch: Stretch,
        line: SpeechFeatures,
        skeleton: Skeleton,
        request: Request,
        speaker: int,
        progress: Progress,
    ) -> tuple[Motion, Floats]:
        """The networks over a stretch of the line: a clip at 30 frames a second, mended as the options say, and the
        semantic scores of its frames."""
        networks, joining = self._release.networks, self._options.joining
        device = networks.base.mask_embeddings.device
        part = slice(stretch.first, None if stretch.frames is None else stretch.first + stretch.frames)
        sound = replace(line, hubert=line.hubert[:, part], beat=line.beat[:, part], words=line.words[:, part])
        frames = sound.frames
        try:
            starts = windows.window_starts(frames, joining)
        except ValueError as error:
            raise CospeechError(f"SemTalk can't perform this line: {error}; choose a longer one") from error
        said = sentences(request.speech, [stretch.first + start for start in starts], line.frames, self._hearing)
        sound = replace(sound, sentences=self._release.sentences(said)[None].to(device))
        seen = torch.from_numpy(stretch.seen.astype(np.float32))[None].to(device)
        begin = LineStart(
            seed=seen[:, :SEED],
            start=torch.from_numpy(stretch.start.astype(np.float32))[None].to(device),
            speaker=torch.tensor([speaker], device=device),
            hints=None if stretch.hidden is None else seen,
            hidden=None if stretch.hidden is None else torch.from_numpy(stretch.hidden)[None].to(device),
            emphasis=torch.from_numpy(emphasis_of(request, line.frames)[part])[None].to(device),
        )
        drawing = Drawing(self._options.temperature if request.options.seed else 0.0, request.options.seed)

        def done(fraction: float) -> None:
            progress("body", HEARING_SHARE + (0.9 - HEARING_SHARE) * fraction)

        pieces = windows.roll_out(networks, sound, begin, joining, drawing, done)
        found, trans = windows.decode_line(networks.codecs, pieces, begin.start, joining)
        place = trans[0].cpu().numpy().astype(np.float64)
        scores = windows.frame_scores(windows.meaning(pieces), frames)[0].cpu().numpy()
        return mended(
            first_frames(found, frames), place[:frames], skeleton, self._options.body, request.options.in_place
        ), scores

    def _line(self, request: Request, progress: Progress) -> SpeechFeatures:
        """What both networks hear and read of the whole line; sentences come later, by window."""
        hearing, release = self._hearing, self._release
        device = release.networks.base.mask_embeddings.device

        def hearing_progress(fraction: float) -> None:
            progress("body", HEARING_SHARE * fraction)

        hubert, beat = hear(
            request.speech, lambda: self._hubert, release.hubert_weights, hearing, self._cache, hearing_progress
        )
        words = word_rows(request.speech, len(hubert), release.vocabulary, hearing)
        return SpeechFeatures(
            torch.from_numpy(hubert)[None].to(device),
            torch.from_numpy(beat)[None].to(device),
            torch.from_numpy(words)[None].to(device),
            torch.zeros(1, 0, 0, device=device),
        )

    @cached_property
    def _hubert(self) -> Hubert:
        device = str(self._release.networks.base.mask_embeddings.device)
        return load_hubert(self._release.hubert, device, LARGE_SOURCE)

    def _provenance(self, request: Request, scores: Floats) -> dict[str, Any]:
        """The weights, and the semantic score of every frame at 30 a second and of every word: the most in it."""
        words = []
        for word in request.speech.words:
            inside = scores[int(word.start * RATE) : int(np.ceil(word.end * RATE))]
            words.append(round(float(inside.max()), 3) if len(inside) else 0.0)
        frames = [round(float(score), 3) for score in scores]
        return {"weights": self._release.weights, "semantic": {"fps": RATE, "frames": frames, "words": words}}

    def _speaker(self, name: str) -> int:
        return speaker_number("SemTalk", name, self._release.networks.base.size.speakers, SCOTT)


def first_frames(found: DecodedMotion, frames: int) -> DecodedMotion:
    """What was decoded, without what a last window that was filled up holds past the line's end."""
    return DecodedMotion(
        found.axis_angle[:, :frames], found.expression[:, :frames], found.lower[:, :frames], found.channels[:, :frames]
    )


def emphasis_of(request: Request, frames: int) -> Floats:
    """(T,) what the emphasis in the request's plan adds to the gate's logit for meaning, at 30 frames a second."""
    out = np.zeros(frames, dtype=np.float32)
    stretches = () if request.plan.emphasis is None else request.plan.emphasis.stretches
    for start, end, amount in stretches:
        out[max(0, round(start * RATE)) : max(0, round(end * RATE))] = EMPHASIS_LOGITS * amount
    return out


def spliced_scores(
    provenance: Mapping[str, Any] | None, scores: Floats, begin: int, window: tuple[float, float]
) -> Floats:
    """The base's semantic scores with those of a window (seconds) made anew; ``scores`` start at frame ``begin``."""
    known = ((provenance or {}).get("semantic") or {}).get("frames", [])
    out = np.zeros(max(len(known), begin + len(scores)), dtype=np.float32)
    out[: len(known)] = known
    first = max(begin, round(window[0] * RATE))
    end = max(first, min(begin + len(scores), round(window[1] * RATE)))
    out[first:end] = scores[first - begin : end - begin]
    return out
