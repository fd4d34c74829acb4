"""Logistic regression over sparse rows, by Newton's method with conjugate gradients, in numpy alone.

The loss is convex and every step is a plain sum, so equal data gives equal weights. The training set of the
safety gate has some thousand rows: a package of its own for this would weigh more than the code.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

NEWTON_STEPS = 12
GRADIENT_STEPS = 25
CLOSE_ENOUGH = 1e-3  # of the first gradient


@dataclass(frozen=True, slots=True)
class SparseRows:
    columns: NDArray[np.int64]
    values: Floats
    row_of: NDArray[np.int64]
    height: int
    width: int

    @classmethod
    def stack(cls, rows: Sequence[tuple[NDArray[np.int64], Floats]], width: int) -> SparseRows:
        """Each row is its columns and its values; a last column of ones is added, for the bias."""
        columns = np.concatenate([np.append(places, width) for places, _ in rows])
        values = np.concatenate([np.append(weights, 1.0) for _, weights in rows])
        row_of = np.repeat(np.arange(len(rows)), [len(places) + 1 for places, _ in rows])
        return cls(columns, values, row_of, len(rows), width + 1)

    def times(self, vector: Floats) -> Floats:
        sums: Floats = np.bincount(self.row_of, self.values * vector[self.columns], self.height).astype(float)
        return sums

    def transposed_times(self, vector: Floats) -> Floats:
        sums: Floats = np.bincount(self.columns, self.values * vector[self.row_of], self.width).astype(float)
        return sums


def fit_logistic(
    rows: SparseRows, is_positive: NDArray[np.bool_], *, strength: float, start: Floats | None = None
) -> Floats:
    """The weights, the bias last. `strength` says how much the data count against small weights.

    Both classes count alike, however many rows each has.
    """
    signs = np.where(is_positive, 1.0, -1.0)
    share = is_positive.mean()
    counts = strength * np.where(is_positive, 0.5 / share, 0.5 / (1 - share))
    shrink = np.ones(rows.width)
    shrink[-1] = 1e-6  # the bias is free
    weights = np.zeros(rows.width) if start is None else start.copy()
    first = 0.0
    for _ in range(NEWTON_STEPS):
        margin = signs * rows.times(weights)
        doubt = 1 / (1 + np.exp(np.clip(margin, -50, 50)))
        gradient = shrink * weights - rows.transposed_times(counts * signs * doubt)
        size = float(np.sqrt(gradient @ gradient))
        first = first or size
        if size <= CLOSE_ENOUGH * first:
            break
        step = _solve(rows, counts * doubt * (1 - doubt), shrink, gradient)

        def loss(at: Floats) -> float:
            return float(0.5 * shrink @ (at * at) + counts @ np.logaddexp(0, -signs * rows.times(at)))

        weights = weights - _damping(loss, weights, step, float(gradient @ step)) * step
    return weights


def _solve(rows: SparseRows, curvature: Floats, shrink: Floats, gradient: Floats) -> Floats:
    """The Newton step: conjugate gradients on the Hessian, which is never written down."""
    step = np.zeros_like(gradient)
    left = gradient.copy()
    direction = left.copy()
    size = left @ left
    enough = 0.01 * size
    for _ in range(GRADIENT_STEPS):
        bent = shrink * direction + rows.transposed_times(curvature * rows.times(direction))
        length = size / (direction @ bent)
        step += length * direction
        left -= length * bent
        next_size = left @ left
        if next_size <= enough:
            break
        direction = left + (next_size / size) * direction
        size = next_size
    return step


def _damping(loss: Callable[[Floats], float], at: Floats, step: Floats, slope: float) -> float:
    """How much of a step to take, so that the loss falls with every step."""
    before, size = loss(at), 1.0
    while size > 1e-3 and loss(at - size * step) > before - 1e-4 * size * slope:
        size /= 2
    return size
