"""What the animator fixed, and the exact pass that every generator's output goes through (docs/sources/contracts.md,
section 2)."""

from engine.hints.files import load_hints, save_hints
from engine.hints.satisfy import satisfy
from engine.hints.types import Hints, HintsError, Target

__all__ = ["Hints", "HintsError", "Target", "load_hints", "satisfy", "save_hints"]
