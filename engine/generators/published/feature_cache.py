"""Features of an audio that take long to make: kept in memory, and on disk where a folder is named for that."""

from __future__ import annotations

import os
import tempfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

CACHE_VARIABLE = "COSPEECH_CACHE"
BYTES_IN_MEMORY, KEPT_ON_DISK = 256 << 20, 64  # and audios on disk, by eye


class FeatureCache:
    """Features by what they are made of: the last few in memory, and more in the folder that COSPEECH_CACHE names."""

    def __init__(self, folder: Path | None = None) -> None:
        named = os.environ.get(CACHE_VARIABLE, "")
        self.folder = folder or (Path(named) if named else None)
        self._memory: OrderedDict[str, Floats] = OrderedDict()

    def get(self, key: str, make: Callable[[], Floats]) -> Floats:
        """The features under ``key``, made now where nobody made them before."""
        found = self._memory.get(key)
        if found is None:
            found = self._read(key)
        if found is None:
            found = make()
            self._write(key, found)
        self._memory[key] = found
        self._memory.move_to_end(key)
        while len(self._memory) > 1 and sum(kept.nbytes for kept in self._memory.values()) > BYTES_IN_MEMORY:
            self._memory.popitem(last=False)
        return found

    def _read(self, key: str) -> Floats | None:
        if self.folder is None:
            return None
        try:
            found = np.load(self.folder / f"{key}.npy", allow_pickle=False)
        except (OSError, ValueError, EOFError):
            return None
        return np.asarray(found, dtype=np.float32)

    def _write(self, key: str, features: Floats) -> None:
        """On disk whole or not at all; a full or closed disk costs the cache, not the take."""
        if self.folder is None:
            return
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=self.folder, suffix=".part", delete=False) as stream:
                np.save(stream, features)
            Path(stream.name).replace(self.folder / f"{key}.npy")
            kept = sorted(self.folder.glob("*.npy"), key=lambda path: path.stat().st_mtime)
            for old in kept[:-KEPT_ON_DISK]:
                old.unlink(missing_ok=True)
        except OSError:
            return
