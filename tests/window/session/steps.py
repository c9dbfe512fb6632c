"""What several chapters do: start a job by a click and wait for it, undo and redo, look at every panel."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import bpy
import look
from hands import Hands, override
from stepper import Steps, Until

JOB_SECONDS = 120
TICK = 0.12  # a job's own redraw


@dataclass
class Session:
    """The artist's hands, where everything lies, and what is worth telling."""

    hands: Hands
    settings: dict[str, Any]
    work: Path
    notes: list[str] = field(default_factory=list)

    def demo(self, suffix: str) -> Path:
        """A file of the installed extension's demo."""
        return next((self.work / "user").rglob(f"assets/demo/demo{suffix}"))


def look_at_panels(session: Session, title: str) -> Steps:
    """Every closed panel, opened, looked at, and closed again."""
    hands = session.hands
    for panel in hands.sub_panels():
        yield from hands.open(panel)
        name = f"{title}_{panel.removeprefix('COSPEECH_PT_')}"
        yield from hands.shot(name)
        moved = yield from hands.scroll_down()
        if moved:
            yield from hands.shot(f"{name}_below")
        yield from hands.open(panel, opened=False)


def from_the_front(frame: int | None = None) -> Steps:
    """The whole character in view, on a frame, without another change of the scene."""
    if frame is not None:
        bpy.context.scene.frame_set(frame)
    with override():
        bpy.ops.view3d.view_axis(type="FRONT")
        bpy.ops.view3d.view_all()
    yield 0.6


def click_and_wait(session: Session, pattern: str, name: str) -> Steps:
    """Click a button that starts a job, take a picture on the way, and wait for its end."""
    told = look.note()[0]
    yield from session.hands.click(pattern)
    yield from wait_for_job(session, name, told)


def wait_for_job(session: Session, name: str, told: str | None = None) -> Steps:
    """From the start of a job to its end, with a picture on the way; the panel's sentence is noted.

    ``told`` is the sentence before the job, another object than the job's: a short job may be over by now.
    """
    begun = look.running if told is None else lambda: look.running() or look.note()[0] is not told
    yield Until(begun, 10, f"{name}: the job runs")
    yield Until(lambda: look.progress() > 0.0 or not look.running(), JOB_SECONDS, f"{name}: progress is shown")
    yield TICK  # a short job has no time for a settled picture
    session.hands.picture(name)
    yield Until(lambda: not look.running(), JOB_SECONDS, f"{name}: the job is done")
    text, failed = look.note()
    session.notes.append(f"{name}: {text}")
    assert not failed, text


def undo_and_redo(session: Session, before: tuple[Any, ...]) -> Steps:
    """Ctrl Z once finds ``before``; Ctrl Shift Z finds what was there."""
    hands = session.hands
    after = look.document()
    yield from hands.to_view()
    yield from hands.press("Z", ctrl=True)
    yield 0.5
    found = look.document()
    assert found == before, difference(found, before)
    yield from hands.press("Z", ctrl=True, shift=True)
    yield 0.5
    found = look.document()
    assert found == after, difference(found, after)


def difference(found: tuple[Any, ...], wanted: tuple[Any, ...]) -> str:
    """Where two documents differ."""
    return "; ".join(f"{one!r} is not {two!r}" for one, two in zip(found, wanted, strict=True) if one != two)
