"""Speech in, gesture plan out: text picks the gesture, audio times it (docs/sources/semantics.md, sections 12 and
13)."""

from __future__ import annotations

from engine.errors import CospeechError
from engine.plan.body import breath_events, shift_events
from engine.plan.candidates import all_candidates
from engine.plan.context import build_context
from engine.plan.gaze import blink_events, gaze_events, smile_events
from engine.plan.head import brow_events, head_events
from engine.plan.phrases import build_phrases
from engine.plan.scheduler import choose
from engine.plan.speakers import NOBODY, Speaker
from engine.plan.types import STYLES, GesturePlan
from engine.speech.types import Speech

ENERGY = (0.5, 1.5)  # no unit, the range of the setting (docs/sources/semantics.md, section 13)


def plan_gestures(speech: Speech, style: str, energy: float, seed: int, speaker: Speaker = NOBODY) -> GesturePlan:
    """What the character will do while it says ``speech``: hands, head, brows, gaze, blinks, breath, shifts, smiles.

    ``style`` is calm, explain, narrate or excited; ``energy`` 0.5..1.5 scales rate and size; ``speaker`` is whose
    ways they are. Without a transcript beats, head and face follow the prosody alone. The same
    arguments give the same plan on every machine; another seed another one. Linear but for sorting: O(n log n).
    Raises CospeechError for an unknown style, or an energy outside its range.
    """
    if style not in STYLES:
        raise CospeechError(f"There is no style {style!r}; choose one of {', '.join(STYLES)}")
    if not ENERGY[0] <= energy <= ENERGY[1]:
        raise CospeechError(f"The energy {energy} is out of range; choose a number from {ENERGY[0]} to {ENERGY[1]}")
    ctx = build_context(speech, style, float(energy), int(seed), speaker)
    phrases = build_phrases(ctx, choose(ctx, all_candidates(ctx)))
    gaze = gaze_events(ctx, phrases)
    return GesturePlan(
        seconds=speech.seconds,
        style=style,
        seed=int(seed),
        energy=float(energy),
        phrases=phrases,
        head=head_events(ctx, phrases),
        brows=brow_events(ctx, phrases),
        gaze=gaze,
        blinks=blink_events(ctx, gaze),
        breaths=breath_events(ctx),
        shifts=shift_events(ctx, phrases),
        smiles=smile_events(ctx, phrases),
        words=tuple((word.text, float(word.start), float(word.end)) for word in speech.words),
        accents=tuple(float(accent.time) for accent in ctx.accents),
        speaker=speaker,
    )
