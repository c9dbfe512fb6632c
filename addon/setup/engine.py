"""Where the engine is, and the one session that runs its jobs. The state lives in memory, never in the .blend."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import bpy

from ..client.jobs import Engine, Job, JobFiles, Workplace
from ..client.process import EngineError
from ..paths import asset_table, root

BASE_PACKAGE = __package__.rpartition(".")[0]
PYTHON_VARIABLE = "COSPEECH_PYTHON"
KEPT_LOGS = 5


def preferences() -> bpy.types.AddonPreferences | None:
    """Our preferences; None where the add-on runs as a plain module."""
    entry = bpy.context.preferences.addons.get(BASE_PACKAGE)
    return entry.preferences if entry else None


def temporary_folder() -> Path:
    """Blender's temporary folder of this session."""
    return Path(bpy.app.tempdir or tempfile.gettempdir())


def user_folder() -> Path:
    """A folder of ours that outlives updates: Blender's for extensions, else the temporary one."""
    try:
        return Path(bpy.utils.extension_path_user(BASE_PACKAGE, create=True))
    except ValueError:  # not installed as an extension: a checkout
        return temporary_folder()


def engine_python() -> Path:
    """The Python that runs the engine: the preference, then the environment, then the checkout's own."""
    chosen = getattr(preferences(), "engine_python", "") or os.environ.get(PYTHON_VARIABLE, "")
    if chosen:
        return Path(bpy.path.abspath(chosen))
    checkout = root() / ".venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if checkout.is_file():
        return checkout
    raise EngineError("Cospeech's engine has no Python yet; choose one in the preferences and press Test Engine")


def log_file() -> Path:
    """This Blender's engine log; the oldest logs of other sessions are removed."""
    folder = user_folder() / "logs"
    folder.mkdir(parents=True, exist_ok=True)
    logs = sorted(folder.glob("engine-*.log"), key=lambda path: path.stat().st_mtime)
    for old in logs[:-KEPT_LOGS]:
        old.unlink(missing_ok=True)
    return folder / f"engine-{os.getpid()}.log"


def device() -> str:
    """The device chosen in the preferences."""
    return str(getattr(preferences(), "device", "auto"))


class Session:
    """The engine and the job that runs now, if any; ``note`` is what the panel says about the last one."""

    def __init__(self) -> None:
        protocol = asset_table("protocol.json")
        self.stage_names: dict[str, str] = dict(protocol["stages"])
        self._engine = Engine(root(), int(protocol["protocol"]))
        self.job: Job | None = None
        self.note = ""
        self.failed = False

    def start(self, method: str, params: dict[str, object], files: JobFiles | None = None) -> Job:
        """Start a job; EngineError where one runs already or the engine has no Python.

        ``files`` are written into the job's folder before it is asked for: name -> a function that writes that path.
        Options of the engine may name them relative to the folder.
        """
        if self.job is not None:
            raise EngineError("Cospeech is already working; wait for it or cancel it first")
        self.tell("", failed=False)
        try:
            where = Workplace(engine_python(), log_file(), temporary_folder())
            self.job = Job(self._engine, where, method, params, files)
        except OSError as error:
            text = (
                f"{error.filename} can't be written ({error.strerror}); free some disk space or check its permissions"
            )
            raise EngineError(text) from error
        return self.job

    def finish(self) -> None:
        """Forget the job and remove its folder."""
        if self.job is not None:
            self.job.clean_up()
            self.job = None

    def tell(self, text: str, *, failed: bool) -> None:
        """What the panel says under its button."""
        self.note, self.failed = text, failed

    def close(self) -> None:
        """End the job and the engine: at unregister, at file load and at exit."""
        if self.job is not None:
            self.job.cancel()
        self.finish()
        self._engine.close()


SESSION = Session()
