"""What a release's folder holds beside its own networks: models as the hub has them, a vocabulary, and their hashes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

from engine.models.checkpoints import CheckpointError
from engine.models.vocabulary import FILES
from engine.models.weight_search import SUFFIXES

HEAD_AND_TAIL = 1 << 20  # bytes of a large file that its hash reads at both ends, by eye


def hub_folder(folder: Path, kinds: tuple[str, ...], what: str, source: str) -> Path:
    """The folder of a model of these kinds: the first one in ``folder``, or itself."""
    for place in _places(folder):
        try:
            config = json.loads((place / "config.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        if isinstance(config, dict) and config.get("model_type") in kinds:
            return place
    raise CheckpointError(f"{folder} lacks {what}; put {source} into it")


def vocabulary_folder(folder: Path) -> Path:
    """The first folder in ``folder``, or itself, that has a vocabulary which is not a tokenizer's, as CLIP's is."""
    for place in _places(folder):
        if not (place / "merges.txt").exists() and any((place / name).is_file() for name in FILES):
            return place
    return folder


def release_files(folder: Path) -> list[Path]:
    """All weight files in the folder and one level below."""
    return weight_files(_places(folder))


def weight_files(places: Iterable[Path]) -> list[Path]:
    """The weight files right in these folders, by path."""
    return sorted(path for place in places for path in place.iterdir() if path.suffix in SUFFIXES and path.is_file())


def fingerprint(folder: Path, files: list[Path]) -> str:
    """A short hash of weights from the sizes, heads and tails of their files: reading all takes long."""
    digest = hashlib.sha256()
    for path in files:
        size = path.stat().st_size
        digest.update(f"{path.relative_to(folder).as_posix()} {size}\n".encode())
        with path.open("rb") as stream:
            digest.update(stream.read(HEAD_AND_TAIL))
            stream.seek(max(0, size - HEAD_AND_TAIL))
            digest.update(stream.read(HEAD_AND_TAIL))
    return digest.hexdigest()[:16]


def _places(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return [folder, *sorted(place for place in folder.iterdir() if place.is_dir())]
