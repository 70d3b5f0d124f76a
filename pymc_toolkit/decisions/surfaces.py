"""What budgets bring, fast enough to search among them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.polynomial import chebyshev

from pymc_toolkit.arrays import Array
from pymc_toolkit.decisions.outcome import STEP, Outlook
from pymc_toolkit.names import CHANNEL

# Points of a curve between bounds: exact to some nine digits where the upper is up to thrice the
# lower, since nothing bends much in between.
NODES_NEAR, NODES_FAR = 7, 15
_NEAR = 3.0


class Surface(Protocol):
    """Total of what all channels bring, draw by draw, and its slope along each channel."""

    def total(self, money: Array) -> Array:
        """Of shape (draw,)."""

    def slopes(self, money: Array) -> Array:
        """Of shape (channel, draw)."""


@dataclass(frozen=True, eq=False)
class Curves:
    """Channels that leave each other alone: a curve for each, through exact values at a few points.

    Parameters
    ----------
    low, high : ndarray of shape (channel,)
        Money between which curves hold.
    coefficients : ndarray of shape (point, channel, draw)
        Of Chebyshev polynomials between them.
    """

    low: Array
    high: Array
    coefficients: Array

    @classmethod
    def through(cls, outlook: Outlook, low: Array, high: Array) -> Curves:
        """Curves between two budgets, all channels evaluated at once.

        Parameters
        ----------
        outlook : Outlook
        low, high : ndarray of shape (channel,)
        """
        near = bool((high <= _NEAR * low).all())
        points = chebyshev.chebpts1(NODES_NEAR if near else NODES_FAR)
        values = []
        for point in points:
            brought = outlook.brings(low + (high - low) * (point + 1) / 2)
            bought = brought.sel({CHANNEL: outlook.channels}).transpose(CHANNEL, ...)
            values.append(bought.values.reshape(len(outlook.channels), -1))
        basis = chebyshev.chebvander(points, len(points) - 1)
        coefficients = np.linalg.solve(basis, np.array(values).reshape(len(points), -1))
        return cls(low, high, coefficients.reshape(len(points), *values[0].shape))

    def total(self, money: Array) -> Array:
        """What all of them bring, of shape (draw,)."""
        basis = chebyshev.chebvander(self._place(money), len(self.coefficients) - 1)
        summed: Array = np.einsum("cp,pcd->d", basis, self.coefficients, optimize=True)
        return summed

    def slopes(self, money: Array) -> Array:
        """Slope of each, per unit of money, of shape (channel, draw)."""
        order = len(self.coefficients)
        slopes = chebyshev.chebder(np.eye(order), axis=0)
        basis = chebyshev.chebvander(self._place(money), order - 2) @ slopes
        width = np.where(self.high > self.low, self.high - self.low, np.inf)
        found: Array = np.einsum("cp,pcd->cd", basis, self.coefficients) * (2 / width)[:, None]
        return found

    def _place(self, money: Array) -> Array:
        """Money between -1 and 1."""
        width = np.where(self.high > self.low, self.high - self.low, 1.0)
        return np.asarray(np.clip(2 * (money - self.low) / width - 1, -1.0, 1.0))


@dataclass(frozen=True, eq=False)
class WholePlans:
    """Channels that act on each other: every budget is a plan of its own.

    Parameters
    ----------
    outlook : Outlook
        With few draws, since each slope is a plan more.
    """

    outlook: Outlook

    def total(self, money: Array) -> Array:
        """What all channels bring, of shape (draw,)."""
        return np.asarray(self.outlook.brings(money).sum(CHANNEL).values.ravel())

    def slopes(self, money: Array) -> Array:
        """Slope along each channel, per unit of money, of shape (channel, draw)."""
        base = self.total(money)
        steps = STEP * np.maximum(money, money.max() * STEP)
        return np.array(
            [
                (self.total(money + row) - base) / step
                for row, step in zip(np.diag(steps), steps, strict=True)
            ]
        )
