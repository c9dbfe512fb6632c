"""Hashes of every array of takes for requests of every kind, made by one engine process."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

WINDOW = (60, 120)  # frames of the base that are made anew
PIN = 90  # a frame inside


def take_hashes(root: Path, weights: Path) -> dict[str, dict[str, str]]:
    """Name of a request -> array of its take -> hash."""
    found: dict[str, dict[str, str]] = {}
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        for name in ("demo.flac", "demo.txt"):
            shutil.copy(root / "assets" / "demo" / name, place)
        engine = Engine(root, place)
        for name, method, options in requests(place, weights):
            take = engine.ask(name, method, options)
            found[name] = hashes(take, place)
        engine.end()
    return found


def requests(place: Path, weights: Path) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Name, method and options of each request; the later ones use the take of the first."""
    line = {"audio": str(place / "demo.flac"), "transcript": str(place / "demo.txt")}
    styles = (("explain", 30.0), ("calm", 24.0), ("narrate", 24000 / 1001), ("excited", 60.0))
    for seed, (style, fps) in enumerate(styles):
        yield f"style {style}", "generate", {**line, "style": style, "fps": fps, "seed": seed}
    yield "speaker ines", "generate", {**line, "speaker": "ines", "energy": 1.3, "emotion": "happy", "seed": 5}
    yield "speaker marlow", "generate", {**line, "speaker": "marlow", "energy": 0.7, "in_place": True, "seed": 6}
    accents = [[1.0, 2.0, 0.8], [3.0, 4.0, -0.6]]
    yield "speaker tobias", "generate", {**line, "speaker": "tobias", "parts": ["face", "upper"], "emphasis": accents}
    base = place / "style explain" / "take.npz"
    plan = write_plan(base, place)
    hinted = {**line, "plan": plan, "hints": write_hints(place, base)}
    yield "hints", "generate", {**hinted, "seed": 11, "fps": 30.0}
    yield "hints with edits", "generate", {**hinted, "seed": 11, "window": "auto", "edits": [edit_of(plan)]}
    yield "gaze", "generate", {**line, "gaze": [0.8, 1.5, 2.0], "seed": 7}
    yield "listen", "generate", {**line, "role": "listen", "seed": 3}
    yield "chain", "bridge", {"hints": hinted["hints"], "windows": [[20, 50], [100, 140]], "fps": 30.0, "seed": 2}
    for name in ("emage", "semtalk", "semges"):
        published = {**line, "generator": name, "weights": str(weights / name), "device": "cpu"}
        yield name, "generate", published
        if name != "semges":
            yield f"{name} with hints", "generate", {**published, "hints": hinted["hints"], "fps": 30.0, "seed": 4}


def write_plan(base: Path, place: Path) -> str:
    with np.load(base) as data:
        plan = json.loads(str(data["plan"]))
    path = place / "plan.json"
    path.write_text(json.dumps(plan), encoding="utf-8")
    return str(path)


def edit_of(plan: str) -> dict[str, Any]:
    """The second gesture made larger."""
    phrase = json.loads(Path(plan).read_text(encoding="utf-8"))["phrases"][1]
    return {"op": "amplitude", "id": phrase["id"], "amplitude": 1.3}


def write_hints(place: Path, base: Path) -> str:
    """A window with a pinned elbow, a pinned jaw curve and a target for the left wrist."""
    with np.load(base) as data:
        poses = data["poses"].reshape(-1, 55, 3)
        shapes = data["blendshapes"]
    frames = len(poses)
    rotations, mask = np.zeros_like(poses), np.zeros((frames, 55), np.bool_)
    rotations[PIN, 19], mask[PIN, 19] = (0.1, 0.9, 0.2), True
    weights, held = np.zeros_like(shapes), np.zeros(shapes.shape, np.bool_)
    weights[PIN - 10, 17], held[PIN - 10, 17] = 0.6, True
    target = {"joint": "left_wrist", "frame": PIN + 10, "xyz": [0.25, 1.2, 0.3], "tolerance_m": 0.005}
    path = place / "hints.npz"
    np.savez(
        path, rotations=rotations, rotation_mask=mask, blendshapes=weights, blendshape_mask=held,
        targets=np.array(json.dumps([target])), window=np.array(WINDOW), base=np.array(str(base.relative_to(place))),
        fps=np.array(30.0),
    )  # fmt: skip
    return str(path)


def hashes(take: Path, place: Path) -> dict[str, str]:
    """A hash an array of a take; texts are hashed without the folder of this run."""
    found = {}
    with np.load(take) as data:
        for name in sorted(data.files):
            array = data[name]
            if array.dtype.kind == "U":
                content = str(array).replace(str(place), "").encode()
            else:
                content = f"{array.dtype} {array.shape}".encode() + array.tobytes()
            found[name] = hashlib.sha256(content).hexdigest()[:16]
    return found


class Engine:
    """An engine process, asked one thing after the other."""

    def __init__(self, root: Path, place: Path) -> None:
        self._place = place
        self._log = (place / "log.txt").open("w")
        command = [sys.executable, "-m", "engine", "serve"]
        self._process = subprocess.Popen(
            command, cwd=root, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log
        )

    def ask(self, name: str, method: str, options: dict[str, Any]) -> Path:
        """The take of a request; RuntimeError with what the engine says instead."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        folder = self._place / name
        folder.mkdir()
        for given in ("hints", "plan"):
            if given in options:  # these are paths beside the job's own files
                options = {**options, given: str(Path("..") / Path(options[given]).name)}
        params = {"job": name, "folder": str(folder), "options": options}
        message = {"jsonrpc": "2.0", "id": name, "method": method, "params": params}
        self._process.stdin.write(json.dumps(message) + "\n")
        self._process.stdin.flush()
        for line in self._process.stdout:
            answer = json.loads(line)
            if answer.get("id") == name:
                if "error" in answer:
                    raise RuntimeError(f"{name}: {answer['error']['message']}")
                return Path(answer["result"]["take"])
        raise RuntimeError(f"{name}: the engine ended\n{(self._place / 'log.txt').read_text()}")

    def end(self) -> None:
        """Close stdin, which ends the engine."""
        self._process.communicate()
        self._log.close()
