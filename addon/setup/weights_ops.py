"""Test Weights: what the folder of published weights holds."""

from __future__ import annotations

from dataclasses import dataclass

import bpy

from ..client.generators import declared
from ..client.jobs import DONE, Job
from ..ui import Blocked, OperatorResult
from .engine import BUSY, SESSION, preferences, weights_folder
from .ops import EngineJobOperator

MILLION = 1_000_000  # numbers


@dataclass
class Finding:
    """What the last test said of a folder, kept in memory for the preferences."""

    folder: str = ""
    text: str = ""
    failed: bool = False


FINDING = Finding()


def weights_blocker() -> str:
    """Why weights can't be tested now; empty where they can."""
    if SESSION.job is not None:
        return BUSY
    return "" if weights_folder(published()) else f"Set the folder {declared()[published()].label} Weights first"


def published() -> str:
    """The published system that the preferences show."""
    first = next(generator.name for generator in declared().values() if generator.needs_weights)
    return str(getattr(preferences(), "published", first))


def found_text(found: dict[str, object]) -> str:
    """``EMAGE: 153 million parameters, 1 speaker`` from the engine's answer."""
    count, speakers = int(str(found["parameters"])), int(str(found["speakers"]))
    size = f"{count / MILLION:.0f} million" if count >= MILLION else f"{count:,}"
    name = declared()[str(found["generator"])].label
    return f"{name}: {size} parameters, {speakers} speaker{'' if speakers == 1 else 's'}"


class COSPEECH_OT_test_weights(Blocked, EngineJobOperator, bpy.types.Operator):
    """Read the published weights, and say what they hold or what is missing"""

    bl_idname = "cospeech.test_weights"
    bl_label = "Test Weights"
    bl_options = {"REGISTER"}

    blocker = staticmethod(lambda _: weights_blocker())

    def request(self, _: bpy.types.Context) -> tuple[str, dict[str, object]]:
        """The engine's own look at the folder."""
        self._folder = weights_folder(published())
        return "weights", {"generator": published(), "folder_of_weights": self._folder}

    def finished(self, _: bpy.types.Context, job: Job) -> str:
        """Say what was found."""
        return found_text(job.result)

    def _end(self, context: bpy.types.Context, job: Job) -> OperatorResult:
        state = job.state
        result = super()._end(context, job)
        if state in {DONE, "FAILED"}:  # a cancelled test found nothing
            FINDING.folder, FINDING.text, FINDING.failed = self._folder, SESSION.note, SESSION.failed
        return result


CLASSES = (COSPEECH_OT_test_weights,)
