"""Reports on files and on the installation, as plain dictionaries."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import platform
import sys
from pathlib import Path
from typing import Any

from engine.body.motion import Motion
from engine.body.skeleton import ASSETS
from engine.devices import devices
from engine.errors import CospeechError
from engine.imports import fault_of_import
from engine.version import __version__

PACKAGES = ("numpy", "scipy", "soundfile", "soxr", "pocketsphinx", "praat-parselmouth", "safetensors")
NETWORK_PACKAGES = ("torch", "librosa")  # that only the published networks need
WELCOME = ASSETS / "demo/welcome.flac"  # two seconds of speech


def describe_file(file: Path, transcript: str) -> dict[str, Any]:
    """What is in a take (.npz) or in a line of speech (anything else)."""
    if file.suffix.lower() == ".npz":
        return _describe_take(file)
    from engine.speech.load import load_speech

    speech = load_speech(file, Path(transcript) if transcript else None)
    prosody = speech.prosody
    return {
        "file": str(file),
        "kind": "speech",
        "seconds": round(speech.seconds, 3),
        "words": [[word.text, round(word.start, 3), round(word.end, 3), word.placed] for word in speech.words],
        "phones": [[phone.label, round(phone.start, 3), round(phone.end, 3)] for phone in speech.phones],
        "accents": [[round(accent.time, 3), round(accent.strength, 2), accent.word] for accent in prosody.accents],
        "phrases": [[round(phrase.start, 3), round(phrase.end, 3)] for phrase in prosody.phrases],
        "pauses": [[round(pause.start, 3), round(pause.end, 3)] for pause in prosody.pauses],
        "warnings": list(speech.warnings),
    }


def _describe_take(file: Path) -> dict[str, Any]:
    motion = Motion.load(file)
    return {
        "file": str(file),
        "kind": "take",
        "frames": motion.frames,
        "fps": motion.fps,
        "seconds": round(motion.seconds, 3),
        "blendshapes": motion.blendshapes is not None,
        "expressions": bool(motion.expressions.any()),
        "provenance": motion.provenance,
        "plan": motion.plan,
    }


def examine_installation() -> dict[str, Any]:
    """Versions, devices and a take of two seconds; ``ready`` says whether the default generator works here, and
    ``networks`` whether the published ones could.
    """
    report: dict[str, Any] = {
        "engine": __version__,
        "python": platform.python_version(),
        "executable": sys.executable,
        "packages": {},
        "devices": ["cpu"],
        "ready": True,
        "problem": "",
    }
    for package in (*PACKAGES, *NETWORK_PACKAGES):
        try:
            report["packages"][package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            report["packages"][package] = None
    absent = [name for name in PACKAGES if report["packages"][name] is None]
    report["networks"] = _networks()
    try:
        report["devices"] = devices()
        report["self_test"] = _self_test()
    except Exception as error:  # a broken package fails in any way
        hint = fault_of_import(error) or str(error)
        if hint == str(error) and not isinstance(error, CospeechError | OSError):
            raise
        if isinstance(error, ModuleNotFoundError) and absent:
            hint = f"this Python lacks {', '.join(absent)}; install the engine's lock into it"
        report["ready"], report["problem"] = False, f"The engine can't make a take here: {hint}"
    return report


def _networks() -> str:
    """Whether the published generators' packages are here and can be loaded, in words."""
    lacking = [name for name in NETWORK_PACKAGES if importlib.util.find_spec(name) is None]
    if lacking:
        return f"not set up, without {', '.join(lacking)}"
    try:
        importlib.import_module("torch")
    except (ImportError, OSError) as error:
        return f"torch can't be loaded ({error})"
    return "set up"


def examine_weights(generator: str, folder: str) -> dict[str, Any]:
    """What a published system's folder holds: parts, speakers, parameters; CospeechError says what is missing."""
    from engine.generators.published.choose import PUBLISHED, examine

    if generator not in PUBLISHED:
        raise CospeechError(f"There is no published generator '{generator}'; choose one of: {', '.join(PUBLISHED)}")
    if not folder:
        raise CospeechError(f"Choose the folder of the published weights of '{generator}' first")
    return {"generator": generator, "folder": folder, **examine(generator, Path(folder))}


def _self_test() -> str:
    import numpy as np

    from engine.take.make import make_take
    from engine.take.options import TakeOptions

    if not WELCOME.is_file():
        raise CospeechError("the bundled demo speech is missing; install Cospeech again")
    motion = make_take(TakeOptions(audio=str(WELCOME), transcript=str(WELCOME.with_suffix(".txt"))), lambda *_: None)
    moved = float(np.abs(np.diff(motion.poses, axis=0)).max())
    if not moved > 0.0:
        raise CospeechError("the self-test's body did not move; install Cospeech again")
    return f"{motion.frames} frames made from the demo speech"


def lines_of(report: dict[str, Any]) -> list[str]:
    """A report as readable lines."""
    lines = []
    for name, value in report.items():
        if isinstance(value, dict):
            lines.append(f"{name}: " + ", ".join(f"{key} {val}" for key, val in value.items() if not _long(val)))
        elif isinstance(value, list) and value and isinstance(value[0], list):
            lines.append(f"{name}: {len(value)}")
            lines.extend("  " + "  ".join(str(item) for item in row) for row in value)
        elif value not in (None, [], ""):
            lines.append(f"{name}: {value}")
    return lines


def _long(value: object) -> bool:
    return isinstance(value, list | tuple | dict) and len(value) > 8
