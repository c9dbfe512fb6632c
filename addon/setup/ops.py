"""The base of operators that run a job; and Test Engine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import bpy

from ..client.jobs import DONE, Job, JobFiles
from ..client.process import EngineError
from ..ui import Blocked, OperatorMixin, OperatorResult
from .engine import BUSY, SESSION, interpreter
from .work import WorkJob

TICK_SECONDS = 0.1  # from step to step of a job, by eye


class RequestError(Exception):
    """A job can't be asked for as things are; ``str(error)`` is one sentence for the user."""


class JobOperator(OperatorMixin):
    """Mixin: runs one job, blocking in background and when called without UI, modal in the UI.

    Subclasses give ``begin(context) -> job``, which may raise RequestError or EngineError, and ``finished(context,
    job) -> sentence``. The scene is changed only by ``finished``, through an operator that is one undo step.
    """

    _timer: bpy.types.Timer | None = None
    _job: Job | WorkJob | None = None
    _region: tuple[int, int, int, int] = (0, 0, 0, 0)
    begin: Callable[[bpy.types.Context], Job | WorkJob]
    finished: Callable[[bpy.types.Context, Any], str]

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """Run the job to its end."""
        job = self._begin(context)
        if job is None:
            return {"CANCELLED"}
        job.wait()
        return self._end(context, job)

    def invoke(self, context: bpy.types.Context, _: bpy.types.Event) -> OperatorResult:
        """Start the job and go on without blocking; in background, :meth:`execute`."""
        if bpy.app.background or context.window is None:
            return self.execute(context)
        if self._begin(context) is None:
            return {"CANCELLED"}
        area = context.area
        self._region = (area.x, area.y, area.x + area.width, area.y + area.height) if area else (0, 0, 0, 0)
        manager = context.window_manager
        self._timer = manager.event_timer_add(TICK_SECONDS, window=context.window)
        manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> OperatorResult:
        """Step on timer events; Esc cancels where the pointer is over the area that started the job."""
        job = self._job
        if job is None or SESSION.job is not job:  # given up by a file load, and another may run by now
            self._stop_timer(context)
            return {"CANCELLED"}
        if event.type == "ESC" and event.value == "PRESS" and self._over(event):
            job.cancel()
            _redraw(context)
            return {"RUNNING_MODAL"}
        if event.type != "TIMER":
            return {"PASS_THROUGH"}
        going = job.step()
        _redraw(context)
        if going:
            context.workspace.status_text_set(f"Cospeech: {stage_text(job)}")
            return {"PASS_THROUGH"}
        self._stop_timer(context)
        result = self._end(context, job)
        _redraw(context)
        return result

    def cancel(self, context: bpy.types.Context) -> None:
        """The window closes: end the job."""
        if self._job is not None and SESSION.job is self._job:
            SESSION.finish()
        self._stop_timer(context)

    def _begin(self, context: bpy.types.Context) -> Job | WorkJob | None:
        try:
            self._job = self.begin(context)
        except (EngineError, RequestError) as error:
            SESSION.tell(str(error), failed=True)
            self.report({"ERROR"}, str(error))
            return None
        return self._job

    def _end(self, context: bpy.types.Context, job: Job | WorkJob) -> OperatorResult:
        try:
            if job.state == DONE:
                text = self.finished(context, job)
                SESSION.tell(text, failed=False, done=True)
                self.report({"INFO"}, text)
                return {"FINISHED"}
            failed = job.state == "FAILED"
            SESSION.tell(job.message, failed=failed)
            self.report({"ERROR" if failed else "INFO"}, job.message)
            return {"CANCELLED"}
        except (EngineError, RuntimeError, OSError) as error:
            text = str(error).strip().removeprefix("Error: ")  # as an operator's report reaches its caller
            SESSION.tell(text, failed=True)
            self.report({"ERROR"}, text)
            return {"CANCELLED"}
        finally:
            SESSION.finish()

    def _over(self, event: bpy.types.Event) -> bool:
        left, bottom, right, top = self._region
        return left <= event.mouse_x <= right and bottom <= event.mouse_y <= top

    def _stop_timer(self, context: bpy.types.Context) -> None:
        if self._timer is not None:
            context.window_manager.event_timer_remove(self._timer)
            self._timer = None
        if context.workspace is not None:
            context.workspace.status_text_set(None)


class EngineJobOperator(JobOperator):
    """Mixin: a job of the engine.

    Subclasses give ``request(context) -> (method, params)``, which may raise RequestError, and ``finished``; where the
    job needs files, ``files() -> JobFiles``, asked after ``request``.
    """

    request: Callable[[bpy.types.Context], tuple[str, dict[str, object]]]
    files: Callable[[], JobFiles] | None = None

    def begin(self, context: bpy.types.Context) -> Job:
        """Ask the engine."""
        method, params = self.request(context)
        return SESSION.start(method, params, self.files() if self.files is not None else None)


def stage_text(job: Job | WorkJob) -> str:
    """What the job does now, for the panel and the status bar."""
    name = SESSION.stage_names.get(job.stage, "Starting the engine")
    if job.is_cancelling:
        name = "Cancelling"
    quiet = f", quiet for {job.quiet_seconds:.0f} s" if job.quiet_seconds else ""
    return f"{name}, {job.seconds:.0f} s{quiet}"


def _redraw(context: bpy.types.Context) -> None:
    for window in context.window_manager.windows:
        for area in window.screen.areas:
            if area.type in {"VIEW_3D", "PREFERENCES"}:
                area.tag_redraw()


class COSPEECH_OT_test_engine(Blocked, EngineJobOperator, bpy.types.Operator):
    """Start the engine, and make two seconds of motion with it"""

    bl_idname = "cospeech.test_engine"
    bl_label = "Test Engine"
    bl_options = {"REGISTER"}

    blocker = staticmethod(lambda _: BUSY if SESSION.job is not None else "")

    def request(self, _: bpy.types.Context) -> tuple[str, dict[str, object]]:
        """The engine's own examination."""
        return "doctor", {}

    def finished(self, _: bpy.types.Context, job: Job) -> str:
        """Say what was found; RuntimeError where the engine can't work."""
        report = job.result
        if not report.get("ready"):
            raise RuntimeError(f"{report.get('problem')}; {interpreter().remedy}")
        devices = ", ".join(report["devices"])
        return f"Ready: engine {report['engine']}, Python {report['python']}, {devices}; {report['self_test']}"


CLASSES = (COSPEECH_OT_test_engine,)
