"""Speaker presets as files: those that come with Cospeech, and the user's own. No bpy."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from ..client.archive import replacing
from ..paths import asset, asset_table

DEFAULT = "default"
HANDEDNESS = ("right", "left")
WEIGHTS = ("rests", "likes")
LONGEST_NAME = 40  # characters of a file's name, by eye


class PresetError(Exception):
    """One sentence for the user: what is wrong with a preset, and what to do."""


@dataclass(frozen=True)
class Factor:
    """A number of a speaker: its id in files, range, label and what it does; 1 changes nothing."""

    id: str
    low: float
    high: float
    label: str
    about: str


@cache
def factors() -> tuple[Factor, ...]:
    """All numbers of a speaker, as assets/speaker.json has them."""
    return tuple(Factor(name, **row) for name, row in asset_table("speaker.json")["factors"].items())


def nobody() -> dict[str, Any]:
    """The speaker who is nobody in particular."""
    fixed = {"name": DEFAULT, "about": "", "handedness": HANDEDNESS[0]}
    return {**fixed, **{factor.id: 1.0 for factor in factors()}, "rests": {}, "likes": {}}


def bundled() -> dict[str, Path]:
    """The presets that come with Cospeech, by name."""
    return {path.stem: path for path in sorted(asset("speakers").glob("*.json"))}


def own(folder: Path) -> dict[str, Path]:
    """The user's presets in their folder, by name."""
    return {path.stem: path for path in sorted(folder.glob("*.json"))} if folder.is_dir() else {}


def read(path: Path) -> dict[str, Any]:
    """A preset's values, complete and inside their ranges; PresetError where the file is no preset."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        values = {**nobody(), **data, "name": path.stem}
        if values["handedness"] not in HANDEDNESS:
            raise ValueError(f"handedness is '{values['handedness']}'")
        for factor in factors():
            values[factor.id] = min(max(float(values[factor.id]), factor.low), factor.high)
        for name in WEIGHTS:
            values[name] = {str(key): float(weight) for key, weight in dict(values[name]).items()}
        values["about"] = str(values["about"])
    except OSError as error:
        raise PresetError(f"The speaker {path.name} can't be opened ({error.strerror}); check its folder") from error
    except (UnicodeDecodeError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise PresetError(f"The speaker {path.name} is no preset ({error}); delete it, or save it anew") from error
    return values


def file_name(name: str) -> str:
    """A name as it may stand in a path; PresetError where nothing of it is left or it is bundled."""
    clean = re.sub(r"[^\w\- ]+", "", name).strip()[:LONGEST_NAME]
    if not clean:
        raise PresetError("The speaker needs a name of letters and digits; type one")
    if clean.lower() in {DEFAULT, *bundled()}:
        raise PresetError(f"'{clean}' comes with Cospeech and stays as it is; choose another name")
    return clean


def write(folder: Path, values: dict[str, Any], replace: bool = False) -> Path:
    """Save a preset under its name; PresetError where there is one already and ``replace`` is off, or no room."""
    path = folder / f"{file_name(str(values['name']))}.json"
    if path.exists() and not replace:
        raise PresetError(f"There is a speaker '{path.stem}' already; choose another name, or Replace")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with replacing(path) as written:
            written.write_text(json.dumps({**values, "name": path.stem}, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise PresetError(f"The speaker can't be saved in {folder} ({error.strerror}); free space there") from error
    return path
