"""EMAGE as a generator: the published network, from a folder that the user gives.

Its own frames are 30 a second; the take is resampled to the output's. Expressions stay in the take, the ARKit curves
come from the default face, since the network knows none.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from engine.body.motion import Motion
from engine.body.skeleton import Skeleton, default_skeleton
from engine.errors import CospeechError
from engine.generators.abilities import EMAGE
from engine.generators.base import Progress, Request
from engine.generators.default import for_parts
from engine.generators.published.emage_mends import RATE, EmageOptions, mended
from engine.generators.published.network_audio import published_wave
from engine.generators.published.network_hints import Piece, piece_around
from engine.generators.published.network_takes import (
    fitted,
    speaker_number,
    standing_seed,
    take_of,
    window_filled,
)
from engine.generators.published.release_folder import fingerprint
from engine.models.checkpoints import EmageModels, load_emage, weight_files
from engine.models.emage_windows import (
    choose_codes,
    decode_faded,
    decode_line,
    infer,
    joined,
    line_frames,
    plan_windows,
)

if TYPE_CHECKING:
    from engine.hints.types import Hints


class EmageGenerator:
    """Motion by EMAGE; the same request gives the same bytes on the same machine."""

    abilities = EMAGE

    def __init__(self, models: EmageModels, weights_hash: str, options: EmageOptions | None = None) -> None:
        self._models, self._weights_hash = models, weights_hash
        self._options = options or EmageOptions()

    @staticmethod
    def from_folder(folder: Path, device: str = "cpu", options: EmageOptions | None = None) -> EmageGenerator:
        """With the published weights in ``folder``; CheckpointError says what is missing or unfit."""
        return EmageGenerator(load_emage(folder, device), fingerprint(folder, weight_files(folder)), options)

    @torch.inference_mode()
    def generate(self, request: Request, progress: Progress) -> Motion:
        """The motion of the request; joints of parts not asked for stay at the standing rest, or as the base has them.

        With hints only their window is made anew, with what surrounds it and the pins in it as the network's visible
        motion; the pins hold exactly in what comes back.
        """
        self._speaker(request.options.speaker)
        progress("body", 0.0)
        wave = request.speech.waveform if self._options.clean_speech else published_wave(request.speech)
        if request.hints is not None:
            return self._regenerate(request, for_parts(request.hints, request.options.parts), wave, progress)
        seen = standing_seed(request) if self._options.resting_seed else None
        clip = self._perform(Piece(wave, seen, None, np.zeros(3)), default_skeleton(), request, progress)
        return replace(take_of(request, clip), provenance={"weights": self._weights_hash})

    def _regenerate(self, request: Request, hints: Hints, wave: NDArray[np.float32], progress: Progress) -> Motion:
        from engine.hints import satisfy

        piece, begin = piece_around(hints, wave)
        clip = self._perform(piece, hints.skeleton, request, progress)
        made = fitted(clip, hints.fps, hints.frames, offset=begin / RATE)
        motion = window_filled(request, hints, made)
        progress("pins", 0.0)
        return satisfy(replace(motion, provenance={"weights": self._weights_hash}), hints)

    def _perform(self, piece: Piece, skeleton: Skeleton, request: Request, progress: Progress) -> Motion:
        """The network over a piece of speech: a clip at 30 frames a second, mended as the options say."""
        models, cutting = self._models, self._options.cutting
        device = next(models.model.parameters()).device
        wave = torch.from_numpy(np.ascontiguousarray(piece.wave))[None].to(device)
        frames = line_frames(wave.shape[1])
        motion = None if piece.seen is None else torch.from_numpy(piece.seen.astype(np.float32))[None].to(device)
        mask = None if piece.hidden is None else torch.from_numpy(piece.hidden)[None].to(device)
        if motion is not None and mask is None:
            mask = torch.zeros_like(motion, dtype=torch.bool)
        speaker = torch.tensor([self._speaker(request.options.speaker)], device=device)

        def performing(fraction: float) -> None:
            progress("body", 0.9 * fraction)

        try:
            pieces = infer(models.model, models.codecs, wave, speaker, motion, mask, cutting, performing)
        except ValueError as error:
            raise CospeechError(f"EMAGE can't perform this line: {error}; choose a longer one") from error
        start = torch.from_numpy(piece.start.astype(np.float32))[None].to(device)
        if cutting.fade:
            opening = motion[:, -1] if motion is not None and piece.hidden is None else None
            found, trans = decode_faded(models.codecs, pieces, plan_windows(frames, cutting), start, opening)
        else:
            codes = choose_codes(models.codecs, joined(pieces, frames, cutting))
            found, trans = decode_line(models.codecs, codes, start)
        place = trans[0].cpu().numpy().astype(np.float64)
        return mended(found, place, skeleton, self._options, request.options.in_place)

    def _speaker(self, name: str) -> int:
        return speaker_number("EMAGE", name, self._models.model.size.speakers)
