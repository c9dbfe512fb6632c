"""Set Up Engine, Repair, Open Log, Copy Diagnostics."""

from __future__ import annotations

from pathlib import Path

import bpy

from ..client.process import EngineError
from ..paths import root, version
from ..ui import Blocked, OperatorResult
from . import runtimes
from .base_python import candidates, own_python
from .diagnostics import describe
from .engine import (
    BUSY,
    SESSION,
    device,
    engine_python,
    log_file,
    preferences,
    runtimes_folder,
    user_folder,
)
from .install import Plan, SetUpJob
from .ops import JobOperator
from .repair import RepairJob

NO_ARCHIVE = "Set Up Engine needs a runtime archive: Archive in Cospeech's preferences"  # shown there, too


def offline_reason() -> str:
    """Why packages can't be fetched; empty where they can."""
    if bpy.app.online_access:
        return ""
    if bpy.app.online_access_override:
        return "Blender was started offline; start it online, or choose a runtime archive"
    return "Online access is off; allow it under Preferences > System, or choose an archive"


def setup_blocker() -> str:
    """Why Set Up Engine can't run now; empty where it can."""
    if SESSION.job is not None:
        return BUSY
    chosen = preferences()
    if chosen is None:
        return ""
    if chosen.runtime_source == "ONLINE":
        return offline_reason()
    return "" if chosen.runtime_archive else NO_ARCHIVE


def repair_blocker() -> str:
    """Why Repair can't run now; empty where it can."""
    if SESSION.job is not None:
        return BUSY
    if runtimes.current(runtimes_folder(), version()) is None:
        return "No engine was set up here; use Set Up Engine"
    return ""


def _plan(archive: str, *, online: bool) -> Plan:
    chosen = preferences()
    archive = archive or getattr(chosen, "runtime_archive", "")
    python = getattr(chosen, "base_python", "")
    return Plan(
        root=root(),
        base=runtimes_folder(),
        version=version(),
        archive=Path(bpy.path.abspath(archive)) if archive else None,
        online=online,
        pythons=(Path(bpy.path.abspath(python)),) if python else candidates(own_python()),
        chosen=bool(python),
        log=log_file("setup"),
    )


class COSPEECH_OT_set_up_engine(Blocked, JobOperator, bpy.types.Operator):
    """Make the engine's own Python environment and test it; Blender's Python is not touched"""

    bl_idname = "cospeech.set_up_engine"
    bl_label = "Set Up Engine"
    bl_options = {"REGISTER"}
    blocker = staticmethod(lambda _: setup_blocker())

    archive: bpy.props.StringProperty(
        name="Archive",
        description="Runtime archive; empty takes the one in the preferences",
        subtype="FILE_PATH",
        options={"SKIP_SAVE"},
    )

    def begin(self, _: bpy.types.Context) -> SetUpJob:
        """Start to set up."""
        online = not self.archive and getattr(preferences(), "runtime_source", "ARCHIVE") == "ONLINE"
        if online and offline_reason():
            raise EngineError(offline_reason())
        SESSION.let_go()
        plan = _plan(self.archive, online=online)
        return SESSION.start_setup(lambda: SetUpJob(plan))

    def finished(self, _: bpy.types.Context, job: SetUpJob) -> str:
        """Say what is ready, and what keeps it from being used."""
        return _ready(job, "set up")


class COSPEECH_OT_repair_engine(Blocked, JobOperator, bpy.types.Operator):
    """Verify the engine's packages, install again what is broken, and test it"""

    bl_idname = "cospeech.repair_engine"
    bl_label = "Repair"
    bl_options = {"REGISTER"}
    blocker = staticmethod(lambda _: repair_blocker())

    def begin(self, _: bpy.types.Context) -> SetUpJob:
        """Start to repair."""
        SESSION.let_go()
        plan = _plan("", online=False)
        runtime = runtimes.current(plan.base, plan.version)
        return SESSION.start_setup(lambda: RepairJob(plan, runtime))

    def finished(self, _: bpy.types.Context, job: SetUpJob) -> str:
        """Say what was done."""
        return _ready(job, str(job.result.get("repaired", "repaired")))


def _ready(job: SetUpJob, what: str) -> str:
    devices = ", ".join(str(name) for name in job.result.get("devices") or [])
    text = f"Ready: engine {what} in {job.seconds:.0f} s, {devices}; {job.result.get('self_test', '')}"
    if device() == "cuda" and "cuda" not in devices:
        text += ". CUDA does not work here, so choose Automatic or CPU as device"
    if engine_python() != runtimes.python_of(job.final):
        text += f". {engine_python()} is used instead: clear Engine's Python in the preferences to use this one"
    return text


class COSPEECH_OT_open_log(bpy.types.Operator):
    """Open the engine's log as a text in the Text Editor"""

    bl_idname = "cospeech.open_log"
    bl_label = "Open Log"
    bl_options = {"REGISTER"}

    def execute(self, _: bpy.types.Context) -> OperatorResult:
        """Load the newer of the engine's and the set-up's logs into a text data-block."""
        logs = [path for path in _logs() if path.is_file()]
        if not logs:
            self.report({"INFO"}, f"There is no log yet; the engine will write {log_file()}")
            return {"CANCELLED"}
        path = max(logs, key=lambda log: log.stat().st_mtime)
        text = next((text for text in bpy.data.texts if text.filepath == str(path)), None)
        if text is not None:
            bpy.data.texts.remove(text)
        text = bpy.data.texts.load(str(path))
        self.report({"INFO"}, f"Opened as text '{text.name}'; choose it in a Text Editor")
        return {"FINISHED"}


class COSPEECH_OT_copy_diagnostics(bpy.types.Operator):
    """Copy versions, system, device and the ends of the logs for a bug report, without your folders' names"""

    bl_idname = "cospeech.copy_diagnostics"
    bl_label = "Copy Diagnostics"
    bl_options = {"REGISTER"}

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """Put the report onto the clipboard."""
        text = diagnostics()
        context.window_manager.clipboard = text
        self.report({"INFO"}, f"Copied {len(text.splitlines())} lines; paste them into your report")
        return {"FINISHED"}


def diagnostics() -> str:
    """The report as text."""
    try:
        python = str(engine_python())
    except EngineError as error:
        python = str(error)
    facts = {
        "Cospeech": version(),
        "Blender": f"{bpy.app.version_string} ({bpy.app.build_platform.decode('utf-8', 'replace')})",
        "Engine's Python": python,
        "Engine": SESSION.engine_state,
        "Device": device(),
        "Last message": SESSION.note or "none",
        "Online access": bpy.app.online_access,
    }
    runtime = runtimes.current(runtimes_folder(), version())
    return describe(facts, runtime, user_folder(), _logs())


def _logs() -> tuple[Path, ...]:
    return log_file("engine"), log_file("setup")


CLASSES = (
    COSPEECH_OT_set_up_engine,
    COSPEECH_OT_repair_engine,
    COSPEECH_OT_open_log,
    COSPEECH_OT_copy_diagnostics,
)
