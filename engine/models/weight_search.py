"""Weight files of a release whose names say little: every file of a folder is known by the tensors that it holds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from engine.models.checkpoints import CheckpointError, State, read_tensors

SUFFIXES = (".bin", ".pth", ".safetensors")


@dataclass(frozen=True, eq=False)
class Found:
    """A file of a release and its tensors."""

    path: Path
    state: State


def weights_in(folder: Path) -> list[Path]:
    """Weight files in a folder and up to two levels below, by path."""
    found = [path for pattern in ("*", "*/*", "*/*/*") for path in folder.glob(pattern)]
    return sorted(path for path in found if path.suffix in SUFFIXES and path.is_file())


def search(folder: Path, kind_of: Callable[[State], str], expected: Mapping[str, str], source: str) -> dict[str, Found]:
    """The files that hold one of a release's networks, by which; others are passed over.

    ``kind_of`` names the network of a state, or is empty; ``told`` says in words what each is. CheckpointError where
    there is no such folder, a file is damaged, or two hold the same network.
    """
    if not folder.is_dir():
        raise CheckpointError(f"There is no folder {folder}; choose one with {source}")
    out: dict[str, Found] = {}
    for path in weights_in(folder):
        state = plain_state(read_tensors(path, source))
        kind = kind_of(state)
        if kind in out:
            raise CheckpointError(
                f"Both {out[kind].path.relative_to(folder)} and {path.relative_to(folder)} "
                f"hold {expected[kind]}; keep one"
            )
        if kind:
            out[kind] = Found(path, state)
    return out


def plain_state(stored: object) -> State:
    """The float32 tensors of what a file holds: under ``model_state``, names perhaps behind ``module.``, or as is."""
    inner = stored.get("model_state", stored) if isinstance(stored, dict) else {}
    if not isinstance(inner, dict):
        return {}
    tensors = {str(key).removeprefix("module."): value for key, value in inner.items() if isinstance(value, Tensor)}
    return {key: value.float() if value.is_floating_point() else value for key, value in tensors.items()}
