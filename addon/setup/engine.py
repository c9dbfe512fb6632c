"""Where the engine is, and the one session that runs its jobs. The state lives in memory, never in the .blend."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import bpy

from ..client.generators import Generator
from ..client.jobs import Engine, Job, JobFiles, Workplace
from ..client.process import EngineError
from ..paths import asset_table, root, version
from . import runtimes
from .install import STAGES
from .interpreters import Interpreter, built_in, choose
from .work import WorkJob

if TYPE_CHECKING:
    from .props import CospeechPreferences

Work = TypeVar("Work", bound=WorkJob)

BASE_PACKAGE = __package__.rpartition(".")[0]
PYTHON_VARIABLE = "COSPEECH_PYTHON"
# By eye.
KEPT_LOGS = 5  # files
KEPT_SECONDS = 86_400.0  # a day, that others are kept for
TEND_SECONDS = 0.1  # from look to look while something ends
REST_SECONDS = 20.0  # from look to look otherwise
NOT_SET_UP = "Cospeech's engine is not set up yet; press Set Up Engine"
NO_NETWORKS = "The networks need PyTorch, which is not built in; press Set Up Networks"
BUSY = "Cospeech is already working; wait for it or cancel it first"


def preferences() -> CospeechPreferences | None:
    """Our preferences; None where the add-on runs as a plain module."""
    entry: bpy.types.Addon | None = bpy.context.preferences.addons.get(BASE_PACKAGE)
    return entry.preferences if entry else None  # type: ignore[return-value]  # of our package: ours


def temporary_folder() -> Path:
    """Blender's temporary folder of this session."""
    return Path(bpy.app.tempdir or tempfile.gettempdir())


def user_folder() -> Path:
    """A folder of ours that outlives updates: Blender's for extensions, else the temporary one."""
    try:
        return Path(bpy.utils.extension_path_user(BASE_PACKAGE, create=True))
    except ValueError:  # not installed as an extension: a checkout
        return temporary_folder()


def runtimes_folder() -> Path:
    """Where set-ups put the engine's environments."""
    return user_folder() / "runtime"


def interpreter(*, networks: bool = False) -> Interpreter:
    """The Python that runs the engine, or, with ``networks``, one with PyTorch; EngineError says what to do for it."""
    chosen = getattr(preferences(), "engine_python", "") or os.environ.get(PYTHON_VARIABLE, "")
    runtime = runtimes.current(runtimes_folder(), version())
    own = built_in(root())
    given = bpy.path.abspath(chosen) if chosen else ""
    found = choose(given, runtime, own, root(), version(), networks=networks)
    if found is not None:
        return found
    if networks and own.is_whole:
        raise EngineError(NO_NETWORKS)
    raise EngineError(own.problem or NOT_SET_UP)


def networks_problem() -> str:
    """Why no network can compute now, for want of PyTorch; empty where nothing speaks against it."""
    try:
        interpreter(networks=True)
    except EngineError as error:
        return str(error)
    return ""


def needs_networks(generator: str) -> bool:
    """Whether a generator computes with PyTorch."""
    known = SESSION.generators.get(generator)
    return known is not None and known.needs_weights


def log_file(kind: str = "engine") -> Path:
    """This Blender's log of that kind; the oldest logs of sessions that are over are removed."""
    folder = user_folder() / "logs"
    folder.mkdir(parents=True, exist_ok=True)
    logs = sorted(folder.glob(f"{kind}-*.log"), key=lambda path: path.stat().st_mtime)
    for old in logs[:-KEPT_LOGS]:
        if time.time() - old.stat().st_mtime > KEPT_SECONDS:  # else another Blender may still write it
            old.unlink(missing_ok=True)
    return folder / f"{kind}-{os.getpid()}.log"


def device() -> str:
    """The device chosen in the preferences."""
    return str(getattr(preferences(), "device", "auto"))


def weights_folder(generator: str) -> str:
    """The folder of a published system's weights as the preferences have it; "" where it is not set."""
    folder = str(getattr(preferences(), f"{generator}_weights", ""))
    return bpy.path.abspath(folder) if folder else ""


class Session:
    """The engine and the job that runs now, if any; ``note`` is what the panel says about the last one."""

    def __init__(self) -> None:
        protocol = asset_table("protocol.json")
        self.stage_names: dict[str, str] = {**protocol["stages"], **STAGES}
        self._engine = Engine(root(), int(protocol["protocol"]))
        self.job: Job | WorkJob | None = None
        self.used: Interpreter | None = None
        self.note = ""
        self.failed = self.done = False

    @property
    def generators(self) -> Mapping[str, Generator]:
        """What performs, by name, and what each can do."""
        return self._engine.generators

    @property
    def engine_state(self) -> str:
        """What the engine's process does, in words."""
        return self._engine.state

    def start(self, method: str, params: dict[str, object], files: JobFiles | None = None) -> Job:
        """Start a job; EngineError where one runs already or the engine has no Python.

        ``files`` are written into the job's folder before it is asked for: name -> a function that writes that path.
        Options of the engine may name them relative to the folder.
        """
        self._claim()
        try:
            found = self.used = interpreter(networks=method == "weights" or needs_networks(_generator_of(params)))
            where = Workplace(found.python, log_file(), temporary_folder(), found.packages, found.remedy)
            job = self.job = Job(self._engine, where, method, params, files)
        except OSError as error:
            raise EngineError(_unwritable(error)) from error
        return job

    def start_work(self, make: Callable[[], Work]) -> Work:
        """Start to set up or repair the engine; EngineError where a job runs already or it can't begin."""
        self._claim()
        try:
            job = self.job = make()
        except OSError as error:
            raise EngineError(_unwritable(error)) from error
        return job

    def _claim(self) -> None:
        if self.job is not None:
            raise EngineError(BUSY)
        self.tell("", failed=False)

    def finish(self) -> None:
        """Forget the job, give up what it still does, and remove its folder."""
        if self.job is not None:
            self.job.abandon()
            self.job.clean_up()
            self.job = None
        if not bpy.app.background and not bpy.app.timers.is_registered(_tend):
            bpy.app.timers.register(_tend, first_interval=TEND_SECONDS, persistent=True)

    def tend(self) -> float | None:
        """Go on with ending what was cancelled or is idle; seconds until the next look, None where nothing is left."""
        if self._engine.tend():
            return TEND_SECONDS
        if self.job is not None:
            return None  # it looks itself, and its end begins this anew
        if self._engine.rest():
            return REST_SECONDS
        return TEND_SECONDS if self._engine.tend() else None

    def let_go(self) -> None:
        """End the engine's process, in steps: another Python or another runtime takes over with the next job."""
        self._engine.retire()

    def tell(self, text: str, *, failed: bool, done: bool = False) -> None:
        """What the panel says under its button: of a job that is done, has failed, or neither (cancelled)."""
        self.note, self.failed, self.done = text, failed, done

    def close(self) -> None:
        """End the job and the engine: at unregister and at exit."""
        if self.job is not None:
            self.job.abandon()
            self.job.clean_up()
            self.job = None
        self._engine.close()
        if bpy.app.timers.is_registered(_tend):  # a timer left at exit hangs Blender 4.5
            bpy.app.timers.unregister(_tend)


def _generator_of(params: Mapping[str, object]) -> str:
    options = params.get("options")
    return str(options.get("generator", "")) if isinstance(options, Mapping) else ""


def _unwritable(error: OSError) -> str:
    where = error.filename or temporary_folder()
    return f"{where} can't be written ({error.strerror}); free some disk space or check its permissions"


SESSION = Session()


def _tend() -> float | None:
    return SESSION.tend()
