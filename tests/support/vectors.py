"""Files of golden arrays: what a file does not hold is skipped."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from engine.models.rotation6d import axis_angle_to_matrix, matrix_from_6d


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


# --- how far rounding may go ----------------------------------------------------------------------------------------
#
# The vectors are float32 results of the published code on one processor, ours of the same sums in another order, and
# another processor has another order again. What a tolerance must allow is therefore measured, with the code of SSE4.1,
# AVX2 and AVX-512 in torch, oneDNN and MKL and with 1, 2 and 4 threads; tolerances of networks and codecs are three to
# five times the largest difference seen. A fault (a swapped axis, a bias left out, another activation) changes outputs
# by a hundred times as much. Where a formula magnifies rounding without a limit, its own bound is the tolerance: below.


def gram_schmidt_bound(six: torch.Tensor, error: float) -> torch.Tensor:
    """(..., 6) -> (...): how far entries of the matrix may change where the six numbers change by ``error`` each.

    To first order: the first row by sqrt(3) error / |a|; the second, b less its part along a, by what b and a change,
    over the length that is left of it; the third is their product.
    """
    first, second = six.double()[..., :3], six.double()[..., 3:]
    length = first.norm(dim=-1)
    along = (first * second).sum(-1, keepdim=True) / length[..., None] ** 2
    left = (second - along * first).norm(dim=-1)
    shift = 3**0.5 * error
    return shift / length + (shift + 2.0 * second.norm(dim=-1) * shift / length) / left


def root_bound(matrix: torch.Tensor, error: float) -> torch.Tensor:
    """(..., 3, 3) -> (...): how far a rotation may turn, in radians, where the published conversion made it from
    matrices whose entries differ by ``error``.

    Each part q of its quaternion is half the root of a sum s of three entries and 1 (rotation6d.matrix_to_quaternion).
    |sqrt(s) - sqrt(t)| is at most sqrt(|s - t|) and |s - t| / sqrt(t), with |s - t| <= 3 error and sqrt(t) = 2 q. A
    turn is at most twice what the parts change, times pi (angle / sin(angle / 2) at half a turn).
    """
    diagonal = torch.diagonal(matrix.double(), dim1=-2, dim2=-1)
    signs = torch.tensor([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]], dtype=torch.float64)
    smallest = 0.5 * (1.0 + diagonal @ signs.T).clamp(min=0.0).sqrt().amin(dim=-1)
    change = torch.minimum(torch.full_like(smallest, 0.5 * (3.0 * error) ** 0.5), 0.75 * error / smallest)
    return 2.0 * np.pi * change + 3.0 * error


def near_rotations(found: torch.Tensor, wanted: torch.Tensor, error: float) -> None:
    """Axis-angle, 3 numbers a joint, as the published conversion makes it: the turn between the two, and below 3
    radians, where a rotation has one axis, the numbers themselves (which change up to 1.5 times as much)."""
    assert found.numel() == wanted.numel()
    found, wanted = found.double().reshape(-1, 3), wanted.double().reshape(-1, 3)
    matrices = [axis_angle_to_matrix(values) for values in (found, wanted)]
    apart = torch.linalg.matrix_norm(matrices[0] - matrices[1]) / 8**0.5
    bound = root_bound(matrices[1], error)
    assert bool((2.0 * torch.asin(apart.clamp(max=1.0)) <= bound).all())
    plain = wanted.norm(dim=-1) < 3.0
    assert bool(((found - wanted).norm(dim=-1) <= 1.5 * bound)[plain].all())


def near_six(found: torch.Tensor, wanted: torch.Tensor, error: float) -> None:
    """Rows of matrices (..., 6 J) that the published conversion to axis-angle and back has made."""
    assert found.shape == wanted.shape
    found, wanted = found.double().unflatten(-1, (-1, 6)), wanted.double().unflatten(-1, (-1, 6))
    bound = root_bound(matrix_from_6d(wanted), error)
    assert bool(((found - wanted).abs().amax(dim=-1) <= bound).all())
