"""Small classifiers for ``generalisation``: ridge regression on labels, linear and with a Gaussian kernel.

With 100 to 200 real clips and 500 features, what limits a classifier is overfitting, so these are the strong ones:
closed-form, regularised, without a seed. The kernel one also sees spreads that are too wide or too narrow.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Bools = NDArray[np.bool_]
Scorer = Callable[[Array, Array, Array, Array], Array]

CLIP = 5.0


def standardised(known: Array, *others: Array) -> tuple[Array, ...]:
    """All in units of the known rows' mean and spread, cut at 5."""
    mean, spread = known.mean(axis=0), known.std(axis=0) + 1e-6
    return tuple(np.clip((rows - mean) / spread, -CLIP, CLIP) for rows in (known, *others))


def linear(strength: float) -> Scorer:
    """Weighted ridge regression: rows (n, d), targets (n, k), weights (n,) of mean 1, questions (m, d) -> (m, k)."""

    def score(rows: Array, targets: Array, weights: Array, questions: Array) -> Array:
        heavy = rows * weights[:, None]
        mean = (weights @ targets) / weights.sum()
        inner = heavy.T @ rows + strength * len(rows) * np.eye(rows.shape[1])
        return np.asarray(questions @ np.linalg.solve(inner, heavy.T @ (targets - mean)) + mean)

    return score


def kernel(width: float, strength: float) -> Scorer:
    """The same with a Gaussian kernel exp(-width |a - b|^2 / d)."""

    def likeness(first: Array, second: Array) -> Array:
        far = np.sum(first**2, axis=1)[:, None] + np.sum(second**2, axis=1) - 2.0 * first @ second.T
        return np.asarray(np.exp(-width * np.maximum(far, 0.0) / first.shape[1]))

    def score(rows: Array, targets: Array, weights: Array, questions: Array) -> Array:
        mean = (weights @ targets) / weights.sum()
        inner = likeness(rows, rows) + np.diag(strength / np.maximum(weights, 1e-6))
        return np.asarray(likeness(questions, rows) @ np.linalg.solve(inner, targets - mean) + mean)

    return score


TWO_CLASS: dict[str, Scorer] = {
    "linear": linear(0.1),
    "linear, stiff": linear(1.0),
    "kernel": kernel(0.3, 0.03),
    "kernel, narrow": kernel(1.0, 0.03),
    "kernel, stiff": kernel(0.3, 0.3),
}
MANY_CLASS = kernel(0.3, 0.3)


def told_apart(scores: Array, real: Bools, weights: Array) -> float:
    """Weighted area under the curve: how likely a real one scores above a generated one (0.5: no telling)."""
    order = np.argsort(scores, kind="stable")
    values, real, weights = scores[order], real[order], weights[order]
    ours = np.where(real, 0.0, weights)
    below = np.cumsum(ours) - ours
    # Ties count half.
    _, first, group = np.unique(values, return_index=True, return_inverse=True)
    tied = np.bincount(group, weights=ours)
    below = below[first][group] + 0.5 * tied[group]
    mass = weights * real
    return float((mass * below).sum() / (mass.sum() * ours.sum()))
