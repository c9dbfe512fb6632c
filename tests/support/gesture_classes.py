"""What a gesture source can perform."""

from __future__ import annotations

from engine.generators.gestures.choice import mirror_class
from engine.models.phase_gesture import GestureSource


def known_classes(source: GestureSource) -> tuple[str, ...]:
    """The gesture classes that a source can perform, sorted."""
    names = {clip.gclass for clip in source.clips}
    return tuple(sorted(names | {mirror_class(name) for name in names}))
