"""What a default job imports, all at once and early; and which package is at fault where an import fails.

The reader of ``engine/serve.py`` starts after that: on Windows a library can't be loaded while a read of standard input
waits (engine/stdin.py), and on every system the first job is not kept waiting.
"""

from __future__ import annotations

import sys
import traceback
from importlib import import_module

# First the packages, each named by the module that is used, then whatever of the engine imports more.
DEFAULT_PATH = (
    "numpy",
    "scipy.interpolate",
    "scipy.ndimage",
    "scipy.spatial.transform",
    "safetensors",
    "soundfile",
    "soxr",
    "parselmouth",
    "pocketsphinx",
    "num2words",
    "pysubs2",
    "praatio.textgrid",
    "engine.inspection",
    "engine.hints",
    "engine.generators.default",
    "engine.generators.unplanned",
    "engine.generators.window",
    "engine.plan.edit",
    "engine.plan.emphasis",
    "engine.plan.emphasis_undo",
    "engine.plan.lexemes",
    "engine.plan.links",
    "engine.plan.listener",
    "engine.plan.planner",
    "engine.plan.retime",
    "engine.plan.revise",
    "engine.speech.align",
    "engine.speech.correct",
    "engine.speech.load",
    "engine.speech.prosody",
    "engine.take.bridge",
    "engine.take.decide",
    "engine.take.make",
)


def import_default_path() -> None:
    """Import it. What can't be imported is written to the log alone: the job that needs it says so."""
    written: set[str] = set()
    for name in DEFAULT_PATH:
        try:
            import_module(name)
        except Exception as error:  # a package's code may fail in any way
            text = traceback.format_exception_only(error)[-1].strip()
            if text not in written:  # one broken package stops many modules
                print(f"not imported: {name}: {text}", file=sys.stderr)
            written.add(text)


def fault_of_import(error: BaseException) -> str:
    """A clause on the package whose import ended in this error, "" where it was no import that failed.

    A package that is there may fail in other ways than ImportError: soundfile raises OSError without its library, one
    that was built for another numpy ValueError.
    """
    if isinstance(error, ModuleNotFoundError) and error.name:
        return f"The engine's Python lacks {error.name}"
    frames = traceback.walk_tb(error.__traceback__)
    bodies = [str(frame.f_globals.get("__name__")) for frame, _ in frames if frame.f_code.co_name == "<module>"]
    foreign = [name for name in bodies if name.partition(".")[0] not in ("engine", "__main__")]
    if foreign or isinstance(error, ImportError):
        name = foreign[0] if foreign else getattr(error, "name", None) or "a package"
        return f"The engine's Python can't load {name.partition('.')[0]}"
    return ""
