"""Files of golden arrays: what a file does not hold is skipped."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch


class VectorFile:
    """One file of arrays; asking for an absent one skips the test."""

    def __init__(self, folder: Path, name: str) -> None:
        path = folder / f"{name}.npz"
        if not path.is_file():
            pytest.skip(f"{path} is absent")
        self._data = np.load(path, allow_pickle=False)

    def __contains__(self, name: str) -> bool:
        return name in self._data.files

    def array(self, name: str) -> np.ndarray:
        """A stored array."""
        if name not in self._data.files:
            pytest.skip(f"{name} is not in the file")
        return self._data[name]

    def __call__(self, name: str) -> torch.Tensor:
        """A stored array as a tensor: flags as bool, whole numbers as int64, 16-bit waves as floats."""
        array = self.array(name)
        if name.endswith("_i16"):
            return torch.from_numpy(array.astype(np.float32) / 32768.0)
        if array.dtype == np.uint8:
            return torch.from_numpy(array.astype(bool))
        return torch.from_numpy(array.astype(np.int64) if array.dtype.kind == "i" else array)
