"""pocketsphinx, wrapped: words and phones with times for a stretch of audio. Times are seconds from its start.

The searches are finite-state grammars over the transcript's tokens. Every token is its own entry in the decoder's
dictionary, so that a result names the token's place and not only its spelling.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from engine.errors import CospeechError
from engine.speech.lexicon import Pronunciation
from engine.speech.types import SAMPLE_RATE, SILENCE, Floats, Phone

PADS = (0.1, 0.165)  # s of silence around a stretch (the model expects it), and what to try when a pass fails; by eye
_FRAME = 0.01  # s, pocketsphinx's
_LEVEL = 0.6  # of full scale, for the stretch's 99.9th percentile, by eye
_SILENCE_WORD, _GARBAGE_WORD = "<sil>", "[SPEECH]"
# Of the loose search: probabilities of its arcs and the most tokens that one arc passes over, by eye.
_JUMP, _ENTER, _SKIP, _GARBAGE = 1e-14, 0.05, 1e-9, 1e-2
_SKIP_REACH = 3

Arc = tuple[int, int, float, str]
Token = tuple[Pronunciation, ...]  # a spoken word is its pronunciations


@dataclass(frozen=True)
class TokenTimes:
    """A token of the search (its index) with its phones, their times, and a score a frame (0 best, -60 doubtful)."""

    index: int
    start: float
    end: float
    phones: tuple[Phone, ...]
    score: float


class Decoder:
    """A pocketsphinx decoder with its English model. Deterministic: no dither, state reset by every utterance.

    ``phone_loop`` decodes phones without words; ``wide`` keeps more paths, for noise."""

    def __init__(self, phone_loop: bool = False, wide: bool = False) -> None:
        try:
            import pocketsphinx
        except ImportError as error:
            raise CospeechError(
                "pocketsphinx is not installed in the engine's Python; run the engine's setup"
            ) from error
        options: dict[str, Any] = {"bestpath": False, "loglevel": "FATAL", "lm": None, "dither": False, "topn": 2}
        options |= {"silprob": 0.05, "fillprob": 1e-3}
        if phone_loop:
            model = pocketsphinx.get_model_path("en-us/en-us-phone.lm.bin")
            options |= {"allphone": model, "lw": 2.0, "beam": 1e-20, "pbeam": 1e-20}
        elif wide:
            options |= {"beam": 1e-120, "wbeam": 1e-100, "pbeam": 1e-120}
        else:
            options |= {"beam": 1e-57, "wbeam": 1e-40, "pbeam": 1e-57}
        self._sphinx: Any = pocketsphinx.Decoder(**options)
        self._entries: dict[tuple[int, Token], str] = {}

    def align(self, waveform: Floats, tokens: Sequence[Token], complete: bool) -> list[TokenTimes] | None:
        """Place ``tokens`` in order from the start of ``waveform``; all of them if ``complete``, else as many as fit.

        None when the search finds no path.
        """
        names = self._names(tokens, by_place=False)
        count = len(names)
        arcs: list[Arc] = [(i, i + 1, 1.0, name) for i, name in enumerate(names)]
        arcs += [(i, count + 1, 1.0, _SILENCE_WORD) for i in ((count,) if complete else range(count + 1))]
        found = self._run(waveform, arcs, count + 1)
        if found is None:
            return None
        return [replace(times, index=index) for index, (_, times) in enumerate(found)]

    def align_loosely(self, waveform: Floats, tokens: Sequence[Token]) -> list[TokenTimes]:
        """As :meth:`align`, but tokens may be passed over and audio may be left unexplained: for wrong transcripts.

        Chain of tokens; from every state one may skip up to three tokens or leave, through garbage or silence, to a
        hub where garbage lasts and from which every token can be entered. Result indices may go backwards.
        """
        names = self._names(tokens, by_place=True)
        count = len(names)
        hub, final = count + 1, count + 2
        arcs: list[Arc] = [(i, i + 1, 1.0, name) for i, name in enumerate(names)]
        for i in range(count + 1):
            for filler in (_SILENCE_WORD, _GARBAGE_WORD):
                arcs.append((i, hub, _JUMP, filler))
                arcs += [(i, i + step, _SKIP**step, filler) for step in range(1, _SKIP_REACH + 1) if i + step <= count]
            arcs.append((i, final, 1.0, _SILENCE_WORD))
        arcs += [(hub, i + 1, _ENTER / count, name) for i, name in enumerate(names)]
        arcs += [(hub, hub, _GARBAGE, _GARBAGE_WORD), (hub, hub, 1.0, _SILENCE_WORD), (hub, final, 1.0, _SILENCE_WORD)]
        places = {name: index for index, name in enumerate(names)}
        return [replace(times, index=places[name]) for name, times in self._run(waveform, arcs, final) or ()]

    def phones(self, waveform: Floats) -> list[Phone]:
        """The phones of speech without transcript (rough labels; needs ``phone_loop``)."""
        pad = PADS[0]
        self._decode(_pcm(waveform, pad))
        found = []
        for segment in self._sphinx.seg():
            label = segment.word if segment.word[0].isalpha() else SILENCE
            start, end = segment.start_frame * _FRAME - pad, (segment.end_frame + 1) * _FRAME - pad
            found.append(Phone(label, start, end))
        return found

    def _names(self, tokens: Sequence[Token], by_place: bool) -> list[str]:
        """Dictionary entries of the tokens. ``by_place``: an entry is never shared by two places of the search."""
        names = []
        for place, pronunciations in enumerate(tokens):
            key = (place if by_place else -1, pronunciations)
            if key not in self._entries:
                name = f"t{len(self._entries)}"
                self._entries[key] = name
                for number, phones in enumerate(pronunciations):
                    entry = name if number == 0 else f"{name}({number + 1})"
                    self._sphinx.add_word(entry, " ".join(phones), update=False)
            names.append(self._entries[key])
        return names

    def _run(self, waveform: Floats, arcs: Sequence[Arc], final: int) -> list[tuple[str, TokenTimes]] | None:
        """The best path's words that are no fillers, each under its entry's name and without its place."""
        sphinx = self._sphinx
        sphinx.add_fsg("line", sphinx.create_fsg("line", 0, final, arcs))
        for pad in PADS:  # on some stretches the phone pass misses its last state; another frame grid helps
            pcm = _pcm(waveform, pad)
            sphinx.activate_search("line")
            try:
                self._decode(pcm)
                sphinx.set_alignment()
                self._decode(pcm)
            except RuntimeError:
                continue
            return self._aligned(pad)
        return None

    def _aligned(self, pad: float) -> list[tuple[str, TokenTimes]]:
        found = []
        for word in self._sphinx.get_alignment():  # entries are only valid while they are iterated over
            if not word.name.startswith("t"):
                continue
            phones = tuple(
                Phone(phone.name, phone.start * _FRAME - pad, (phone.start + phone.duration) * _FRAME - pad)
                for phone in word
            )
            score = word.score / max(word.duration, 1)
            found.append((word.name.partition("(")[0], TokenTimes(-1, phones[0].start, phones[-1].end, phones, score)))
        return found

    def _decode(self, pcm: bytes) -> None:
        self._sphinx.start_utt()
        self._sphinx.process_raw(pcm, full_utt=True)
        self._sphinx.end_utt()


def _pcm(waveform: Floats, pad_seconds: float) -> bytes:
    """16-bit samples at a constant level, padded with near silence (pure zeros have no spectrum)."""
    level = float(np.quantile(np.abs(waveform), 0.999)) or 1.0
    pad = round(pad_seconds * SAMPLE_RATE)
    padded = np.zeros(len(waveform) + 2 * pad, np.float32)
    padded[pad : pad + len(waveform)] = np.clip(waveform * (_LEVEL / level), -1.0, 1.0)
    hiss = np.random.default_rng(0).normal(0.0, 1.0, len(padded))
    return np.round(padded * 32000.0 + hiss).astype(np.int16).tobytes()
