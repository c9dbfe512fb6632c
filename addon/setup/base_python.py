"""Which Python an environment is made from. No bpy in here."""

from __future__ import annotations

import json
import shutil
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING

from .wheelhouse import SetUpError, Wheelhouse, platform_name

if TYPE_CHECKING:
    from .install import Plan
    from .work import WorkJob

OLDEST = (3, 11)  # version, that of Blender 4.2's own Python
PROBE = """
import importlib.util, json, sys, sysconfig
has = {name: importlib.util.find_spec(name) is not None for name in ("venv", "ensurepip")}
print(json.dumps({
    "version": list(sys.version_info[:2]), "python": getattr(sys, "_base_executable", "") or sys.executable,
    "platform": sysconfig.get_platform(), **has}))
"""


def candidates(own: str) -> tuple[Path, ...]:
    """Blender's own Python, then those on PATH; each once."""
    found = [own]
    for name in ("python3.11", "python3.12", "python3.13", "python3.14", "python3", "python"):
        found.append(shutil.which(name) or "")
    return tuple(dict.fromkeys(Path(path) for path in found if path and Path(path).is_file()))


def choose(job: WorkJob, plan: Plan, house: Wheelhouse | None) -> Generator[None, None, Path]:
    """The first Python that fits the archive; SetUpError says what was found and what is wanted."""
    wanted = f"Python {house.python}" if house else f"Python {OLDEST[0]}.{OLDEST[1]} or newer"
    found = []
    for python in plan.pythons:
        status, printed = yield from job.run([python, "-I", "-c", PROBE], seconds=60.0)
        try:
            report = json.loads(printed.strip().splitlines()[-1]) if status == 0 else {}
            version = tuple(report["version"])
        except (IndexError, ValueError, KeyError, TypeError):
            found.append(f"{python} does not start")
            continue
        text = ".".join(map(str, version))
        platform = platform_name(str(report["platform"]))
        if house is not None and not platform.startswith(house.platform):
            raise SetUpError(f"{house.path.name} is for {house.platform} and this machine is {platform}; get its own")
        if (text != house.python) if house else (version < OLDEST):
            found.append(f"{python} is {text}")
        elif not report["venv"] or not (house or report["ensurepip"]):
            found.append(f"{python} has no venv module")
        else:
            return Path(str(report["python"]))
    what = "; ".join(found) or "none was found"
    whose = "" if plan.chosen else ", Blender's own and those on PATH were tried"
    raise SetUpError(
        f"This engine needs {wanted}{whose}: {what}. Install {wanted} and choose it as Base Python in the preferences"
    )
