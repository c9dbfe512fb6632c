"""Set Up Networks or Set Up Engine, Choose Archive, Repair, Open Log, Help, Copy Diagnostics."""

from __future__ import annotations

import time
from functools import lru_cache
from pathlib import Path

import bpy

from ..client.process import EngineError
from ..paths import root, version
from ..ui import Blocked, OperatorResult, our_operators
from . import runtimes
from .archives import found_archive, usual_folders
from .base_python import candidates
from .builtin_repair import BuiltInRepairJob
from .diagnostics import describe
from .engine import (
    BUSY,
    SESSION,
    device,
    interpreter,
    log_file,
    preferences,
    runtimes_folder,
    user_folder,
)
from .install import Plan, SetUpJob
from .interpreters import built_in, own_python
from .ops import JobOperator
from .repair import RepairJob
from .work import WorkJob

LOOK_SECONDS = 10  # from look to look for an archive, by eye: panels are drawn many times a second
NETWORKS, ENGINE = "Set Up Networks", "Set Up Engine"
NO_ARCHIVE = "it needs the runtime archive for this system: choose it as Archive in Cospeech's preferences"


def is_built_in() -> bool:
    """Whether this extension brought the default engine's packages along, so that only the networks need a set-up."""
    return bool(built_in(root()).wheels)


def set_up_label() -> str:
    """What the button says that sets up PyTorch."""
    return f"{NETWORKS} (PyTorch)" if is_built_in() else ENGINE


def archive() -> Path | None:
    """The runtime archive: the one in the preferences, else one that lies beside the zip or where downloads lie."""
    chosen = getattr(preferences(), "runtime_archive", "")
    if chosen:
        return Path(bpy.path.abspath(chosen))
    return _found(zip_folder(), int(time.monotonic()) // LOOK_SECONDS)


@lru_cache(maxsize=1)
def _found(beside: Path | None, _look: int) -> Path | None:
    return found_archive((*((beside,) if beside else ()), *usual_folders()), version())


def zip_folder() -> Path | None:
    """The folder from which an extension was last installed in this session."""
    last = bpy.context.window_manager.operator_properties_last("extensions.package_install_files")
    named = getattr(last, "directory", "") or str(Path(getattr(last, "filepath", "") or "").parent)
    return Path(named) if Path(named).is_absolute() else None


def offline_reason() -> str:
    """Why packages can't be fetched; empty where they can."""
    if bpy.app.online_access:
        return ""
    if bpy.app.online_access_override:
        return "Blender was started offline; start it online, or choose a runtime archive"
    return "Online access is off; allow it under Preferences > System, or choose an archive"


def setup_blocker() -> str:
    """Why nothing can be set up now; empty where it can."""
    if SESSION.job is not None:
        return BUSY
    chosen = preferences()
    if chosen is None:
        return ""
    if chosen.runtime_source == "ONLINE":
        return offline_reason()
    return "" if archive() else f"{NETWORKS if is_built_in() else ENGINE}: {NO_ARCHIVE}"


def repair_blocker() -> str:
    """Why Repair can't run now; empty where it can."""
    if SESSION.job is not None:
        return BUSY
    if not is_built_in() and runtimes.current(runtimes_folder(), version()) is None:
        return f"No engine was set up here; use {ENGINE}"
    return ""


def _plan(given: str, *, online: bool) -> Plan:
    chosen = preferences()
    house = Path(bpy.path.abspath(given)) if given else archive()
    own = own_python()
    python = getattr(chosen, "base_python", "")
    return Plan(
        root=root(),
        base=runtimes_folder(),
        version=version(),
        archive=house,
        online=online,
        pythons=(Path(bpy.path.abspath(python)),) if python else candidates(str(own or "")),
        chosen=bool(python),
        log=log_file("setup"),
    )


class COSPEECH_OT_set_up_engine(Blocked, JobOperator, bpy.types.Operator):
    """Make a Python environment with PyTorch for the networks and test it; Blender's Python is not touched"""

    bl_idname = "cospeech.set_up_engine"
    bl_label = NETWORKS
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
        return SESSION.start_work(lambda: SetUpJob(plan))

    def finished(self, _: bpy.types.Context, job: SetUpJob) -> str:
        """Say what is ready, and what keeps it from being used."""
        return _ready(job, "set up")


class COSPEECH_OT_choose_archive(bpy.types.Operator):
    """Choose the runtime archive for this system, then set up from it"""

    bl_idname = "cospeech.choose_archive"
    bl_label = ENGINE
    bl_options = {"REGISTER"}

    filepath: bpy.props.StringProperty(subtype="FILE_PATH", options={"SKIP_SAVE"})
    filter_glob: bpy.props.StringProperty(default="cospeech-runtime-*.zip", options={"HIDDEN"})

    def invoke(self, context: bpy.types.Context, _: bpy.types.Event) -> OperatorResult:
        """Open the file browser."""
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, _: bpy.types.Context) -> OperatorResult:
        """Go on with what was chosen."""
        chosen = preferences()
        if chosen is not None:
            chosen.runtime_source, chosen.runtime_archive = "ARCHIVE", self.filepath
        return our_operators().set_up_engine("INVOKE_DEFAULT", archive=self.filepath)


class COSPEECH_OT_repair_engine(Blocked, JobOperator, bpy.types.Operator):
    """Verify the engine's packages, install again what is broken, and test it"""

    bl_idname = "cospeech.repair_engine"
    bl_label = "Repair"
    bl_options = {"REGISTER"}
    blocker = staticmethod(lambda _: repair_blocker())

    networks: bpy.props.BoolProperty(
        name="Networks",
        description="Repair the environment with PyTorch, not what is built in",
        options={"SKIP_SAVE"},
    )

    def begin(self, _: bpy.types.Context) -> WorkJob:
        """Start to repair."""
        SESSION.let_go()
        own = built_in(root())
        if own.wheels and not self.networks:
            return SESSION.start_work(lambda: BuiltInRepairJob(root(), own, log_file("setup")))
        plan = _plan("", online=False)
        runtime = runtimes.current(plan.base, plan.version)
        return SESSION.start_work(lambda: RepairJob(plan, runtime))

    def finished(self, _: bpy.types.Context, job: WorkJob) -> str:
        """Say what was done."""
        return _ready(job, str(job.result.get("repaired", "repaired")))


def _ready(job: WorkJob, what: str) -> str:
    devices = ", ".join(str(name) for name in job.result.get("devices") or [])
    text = f"Ready: engine {what} in {job.seconds:.0f} s, {devices}; {job.result.get('self_test', '')}"
    if device() == "cuda" and "cuda" not in devices:
        text += ". CUDA does not work here, so choose Automatic or CPU as device"
    used = interpreter(networks=isinstance(job, SetUpJob)).python
    if isinstance(job, SetUpJob) and used != runtimes.python_of(job.final):
        text += f". {used} is used instead: clear Engine's Python in the preferences to use this one"
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
        self.report({"INFO"}, f"Opened as text '{_opened(path).name}'; choose it in a Text Editor")
        return {"FINISHED"}


class COSPEECH_OT_open_help(bpy.types.Operator):
    """Open the guide as a text in the Text Editor; the pages that it names lie beside it"""

    bl_idname = "cospeech.open_help"
    bl_label = "Help"
    bl_options = {"REGISTER"}

    def execute(self, _: bpy.types.Context) -> OperatorResult:
        """Load the extension's README into a text data-block."""
        guide = root() / "README.md"
        self.report({"INFO"}, f"Opened as text '{_opened(guide).name}'; more pages are in {guide.parent / 'docs'}")
        return {"FINISHED"}


def _opened(path: Path) -> bpy.types.Text:
    """The file as a text data-block, as it is now."""
    text = next((text for text in bpy.data.texts if text.filepath == str(path)), None)
    if text is not None:
        bpy.data.texts.remove(text)
    return bpy.data.texts.load(str(path))


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
        found = interpreter()
        python = f"{found.python} ({found.kind})"
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
    COSPEECH_OT_choose_archive,
    COSPEECH_OT_repair_engine,
    COSPEECH_OT_open_log,
    COSPEECH_OT_open_help,
    COSPEECH_OT_copy_diagnostics,
)
