"""Test Engine and Open Log; and the base of operators that run an engine job."""

from __future__ import annotations

from collections.abc import Callable

import bpy

from ..client.jobs import DONE, Job, JobFiles
from ..client.process import EngineError
from .engine import SESSION, log_file

TICK_SECONDS = 0.1


class RequestError(Exception):
    """A job can't be asked for as things are; ``str(error)`` is one sentence for the user."""


class EngineJobOperator:
    """Mixin: runs one engine job, blocking in background and when called without UI, modal in the UI.

    Subclasses give ``request(context) -> (method, params)``, which may raise RequestError, and ``finished(context,
    job)``; where the job needs files, ``files() -> JobFiles``, asked after ``request``. The scene is changed only by
    ``finished``, through an operator of its own that is one undo step.
    """

    _timer: bpy.types.Timer | None = None
    _region: tuple[int, int, int, int] = (0, 0, 0, 0)
    request: Callable[[bpy.types.Context], tuple[str, dict[str, object]]]
    files: Callable[[], JobFiles] | None = None
    finished: Callable[[bpy.types.Context, Job], str]

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Run the job to its end."""
        job = self._begin(context)
        if job is None:
            return {"CANCELLED"}
        job.wait()
        return self._end(context, job)

    def invoke(self, context: bpy.types.Context, _: bpy.types.Event) -> set[str]:
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

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Step on timer events; Esc cancels where the pointer is over the area that started the job."""
        job = SESSION.job
        if job is None:  # reset by a file load
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
        if SESSION.job is not None:
            SESSION.job.cancel()
            SESSION.finish()
        self._stop_timer(context)

    def _begin(self, context: bpy.types.Context) -> Job | None:
        try:
            method, params = self.request(context)
            return SESSION.start(method, params, self.files() if self.files is not None else None)
        except (EngineError, RequestError) as error:
            SESSION.tell(str(error), failed=True)
            self.report({"ERROR"}, str(error))
            return None

    def _end(self, context: bpy.types.Context, job: Job) -> set[str]:
        try:
            if job.state == DONE:
                text = self.finished(context, job)
                SESSION.tell(text, failed=False)
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


def stage_text(job: Job) -> str:
    """What the job does now, for the panel and the status bar."""
    name = SESSION.stage_names.get(job.stage, "Starting the engine")
    return f"{name}, {job.seconds:.0f} s"


def _redraw(context: bpy.types.Context) -> None:
    for window in context.window_manager.windows:
        for area in window.screen.areas:
            if area.type in {"VIEW_3D", "PREFERENCES"}:
                area.tag_redraw()


class COSPEECH_OT_test_engine(EngineJobOperator, bpy.types.Operator):
    """Start the engine, and make two seconds of motion with it"""

    bl_idname = "cospeech.test_engine"
    bl_label = "Test Engine"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, _: bpy.types.Context) -> bool:
        """Only while no job runs."""
        if SESSION.job is not None:
            cls.poll_message_set("Cospeech is already working; wait for it or cancel it first")
            return False
        return True

    def request(self, _: bpy.types.Context) -> tuple[str, dict[str, object]]:
        """The engine's own examination."""
        return "doctor", {}

    def finished(self, _: bpy.types.Context, job: Job) -> str:
        """Say what was found; RuntimeError where the engine can't work."""
        report = job.result
        if not report.get("ready"):
            raise RuntimeError(str(report.get("problem")))
        devices = ", ".join(report["devices"])
        return f"Ready: engine {report['engine']}, Python {report['python']}, {devices}; {report['self_test']}"


class COSPEECH_OT_open_log(bpy.types.Operator):
    """Open the engine's log as a text in the Text Editor"""

    bl_idname = "cospeech.open_log"
    bl_label = "Open Engine Log"
    bl_options = {"REGISTER"}

    def execute(self, _: bpy.types.Context) -> set[str]:
        """Load the log into a text data-block."""
        path = log_file()
        if not path.is_file():
            self.report({"INFO"}, f"There is no log yet; the engine will write {path}")
            return {"CANCELLED"}
        text = bpy.data.texts.load(str(path))
        self.report({"INFO"}, f"Opened as text '{text.name}'; choose it in a Text Editor")
        return {"FINISHED"}


CLASSES = (COSPEECH_OT_test_engine, COSPEECH_OT_open_log)
