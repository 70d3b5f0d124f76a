"""Search for the best budget within limits, and say how far from an optimum a budget is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from scipy.optimize import linprog, minimize

from pymc_toolkit.arrays import Array
from pymc_toolkit.decisions.limits import ROUNDING, Limits
from pymc_toolkit.decisions.objectives import MEAN, Objective
from pymc_toolkit.decisions.surfaces import Surface

# Money that is closer to a limit than this share of the budget is at it.
AT_LIMIT = 1e-6
_PRECISION, _STEPS = 1e-12, 300
_RATIO_ROUNDS = 20
_SHARES = (0.1, 0.25, 0.5, 0.75, 1.0)

Value = Callable[[Array], float]
Slope = Callable[[Array], Array]


@dataclass(frozen=True, eq=False)
class Correction:
    """What a surface lacks near a budget: a level and slopes.

    Parameters
    ----------
    at : ndarray of shape (channel,)
    level : float
    slopes : ndarray of shape (channel,)
    """

    at: Array
    level: float
    slopes: Array

    def value(self, money: Array) -> float:
        """What to add to the objective of a budget."""
        return self.level + float(self.slopes @ (money - self.at))


@dataclass(frozen=True, eq=False)
class Search:
    """The objective over budgets.

    Parameters
    ----------
    surface : Surface
    limits : Limits
    objective : Objective
    correction : Correction, optional
        What the surface lacks.
    """

    surface: Surface
    limits: Limits
    objective: Objective
    correction: Correction | None = None

    @cached_property
    def _current(self) -> Array:
        return self.surface.total(self.limits.current)

    def value(self, money: Array) -> float:
        """The objective of a budget, less that of the current one."""
        value = self.objective.value(self.surface.total(money) - self._current)
        return value + (self.correction.value(money) if self.correction else 0.0)

    def slope(self, money: Array) -> Array:
        """Slope of the objective along each channel."""
        weights = self.objective.weights(self.surface.total(money) - self._current)
        slopes = np.asarray(self.surface.slopes(money) @ weights)
        return slopes + (self.correction.slopes if self.correction else 0.0)

    def corrected(self, money: Array, value: float, slopes: Array) -> Search:
        """The same, brought to exact values at a budget."""
        plain = replace(self, correction=None)
        level, bent = value - plain.value(money), slopes - plain.slope(money)
        return replace(self, correction=Correction(money, level, bent))

    def best(self, starts: Sequence[Array]) -> Array:
        """The best allowed budget that is found from several starts.

        Parameters
        ----------
        starts : sequence of ndarray of shape (channel,)
            Allowed budgets.

        Returns
        -------
        ndarray of shape (channel,)
        """
        if not self.objective.is_mean:
            starts = [*starts, self._on_the_way(starts)]
        found = [climb(self.value, self.slope, self.limits, start) for start in starts]
        # The starts too: a search may end lower than it began where there are kinks.
        allowed = [money for money in (*found, *starts) if self.limits.allow(money)]
        return max(allowed, key=self.value)

    def _on_the_way(self, starts: Sequence[Array]) -> Array:
        """The best budget between the first start and the one with the best expected outcome.

        A careful objective has a kink at the current budget, from which slopes may lead nowhere.
        """
        bold = replace(self, objective=Objective(MEAN)).best(starts)
        way = [starts[0] + share * (bold - starts[0]) for share in _SHARES]
        return max(way, key=self.value)

    def best_return(self, starts: Sequence[Array], dark: float) -> tuple[Array, float]:
        """The allowed budget with the highest mean return on its money, and that return.

        Parameters
        ----------
        starts : sequence of ndarray of shape (channel,)
        dark : float
            The objective of a budget of zero.
        """
        money = max(starts, key=lambda start: self.returned(start, dark))
        ratio = self.returned(money, dark)
        for _ in range(_RATIO_ROUNDS):
            # Dinkelbach: the best ratio is the price at which nothing is left after paying it.
            price = ratio

            def left(money: Array, price: float = price) -> float:
                return self.value(money) - price * float(money.sum())

            def slope(money: Array, price: float = price) -> Array:
                return self.slope(money) - price

            better = climb(left, slope, self.limits, money)
            found = self.returned(better, dark)
            if found <= ratio * (1 + ROUNDING):
                break
            money, ratio = better, found
        return money, ratio

    def returned(self, money: Array, dark: float) -> float:
        """Mean return of all channels together on their money; minus infinity without any."""
        if money.sum() <= ROUNDING * self.limits.unit:
            return float("-inf")
        return (self.value(money) - dark) / float(money.sum())

    def most_at_return(self, starts: Sequence[Array], dark: float, ratio: float) -> Array:
        """The budget with the largest mean outcome that still returns a ratio on its money.

        Parameters
        ----------
        starts : sequence of ndarray of shape (channel,)
            Budgets that return it.
        dark : float
        ratio : float
        """
        spare = (
            lambda money: self.value(money) - dark - ratio * float(money.sum()),
            lambda money: self.slope(money) - ratio,
        )
        found = [climb(self.value, self.slope, self.limits, start, spare) for start in starts]
        least = ratio * (1 - AT_LIMIT)
        allowed = [
            money
            for money in (*found, *starts)
            if self.limits.allow(money) and self.returned(money, dark) >= least
        ]
        return max(allowed, key=self.value)


def climb(
    value: Value,
    slope: Slope,
    limits: Limits,
    start: Array,
    spare: tuple[Value, Slope] | None = None,
) -> Array:
    """Go uphill from a budget, within limits, by sequential quadratic programming.

    Parameters
    ----------
    value, slope : callable
        What is maximised, and its slopes, per unit of money.
    limits : Limits
    start : ndarray of shape (channel,)
    spare : tuple of callable, optional
        A function that must not fall below zero, and its slopes.

    Returns
    -------
    ndarray of shape (channel,)
        Within the bounds.
    """
    unit = limits.unit
    size = float(np.abs(slope(start)).max()) * unit or 1.0
    constraints: list[Any] = [*limits.as_constraints(unit)]
    if spare is not None:
        constraints.append(
            {
                "type": "ineq",
                "fun": lambda z: spare[0](z * unit) / size,
                "jac": lambda z: spare[1](z * unit) * (unit / size),
            }
        )
    found = minimize(
        lambda z: -value(z * unit) / size,
        start / unit,
        jac=lambda z: -slope(z * unit) * (unit / size),
        method="SLSQP",
        bounds=list(zip(limits.lower / unit, limits.upper / unit, strict=True)),
        constraints=constraints,
        options={"ftol": _PRECISION, "maxiter": _STEPS},
    )
    money = np.clip(found.x * unit, limits.lower, limits.upper)
    for bound in (limits.lower, limits.upper):
        money = np.where(np.abs(money - bound) <= AT_LIMIT * 1e-3 * unit, bound, money)
    return np.asarray(money)


@dataclass(frozen=True, eq=False)
class Ties:
    """Draws that an objective could as well weigh otherwise, and by how much.

    Parameters
    ----------
    slopes : ndarray of shape (channel, draw)
    least, most : ndarray of shape (draw,)
        How far each weight may fall and rise; all changes together are none.
    """

    slopes: Array
    least: Array
    most: Array


def kkt_residual(
    slopes: Array, money: Array, limits: Limits, ratio: bool = False, ties: Ties | None = None
) -> float:
    """How far a budget is from the conditions of an optimum (Karush, Kuhn, Tucker).

    At an optimum, gains of all channels that may move are the same but for what bounds and
    constraints that are reached explain.

    Parameters
    ----------
    slopes : ndarray of shape (channel,)
        Gain of the objective per unit of money.
    money : ndarray of shape (channel,)
    limits : Limits
    ratio : bool
        Whether the budget also has to return a ratio, whose condition is again equal slopes.
    ties : Ties, optional
        Where an objective has a kink, any mix of the draws that meet there is its slope.

    Returns
    -------
    float
        The largest difference that is left, relative to the mean size of the slopes.
    """
    free = ~limits.held
    normals, least, most = _pushes(money, limits, ratio)
    size = float(np.abs(slopes[free]).mean()) if free.any() else 0.0
    if not size:
        return 0.0
    left, rows = slopes[free] / size, normals[:, free].T
    sums = np.zeros(rows.shape[1])
    if ties is not None and ties.most.size > 1:
        # What some draws gain in weight, others lose.
        rows = np.hstack([rows, -ties.slopes[free] / size])
        sums = np.append(sums, np.ones(ties.most.size))
        least, most = np.append(least, ties.least), np.append(most, ties.most)
    return _least_difference(left, rows, sums, np.column_stack([least, most]))


def _least_difference(left: Array, rows: Array, sums: Array, bounds: Array) -> float:
    """The largest part of a vector that the best mix of columns leaves, by linear programming.

    Parameters
    ----------
    left : ndarray of shape (row,)
    rows : ndarray of shape (row, column)
    sums : ndarray of shape (column,)
        A weighted sum of the mix that has to be zero.
    bounds : ndarray of shape (column, 2)
        Of the mix; zero is within them.
    """
    one = np.ones((len(left), 1))
    found = linprog(
        np.append(np.zeros(rows.shape[1]), 1.0),
        A_ub=np.vstack([np.hstack([-rows, -one]), np.hstack([rows, -one])]),
        b_ub=np.append(-left, left),
        A_eq=np.append(sums, 0.0)[None],
        b_eq=[0.0],
        bounds=np.vstack([bounds, [0.0, np.inf]]),
    )
    # Without an answer no mix is known that explains anything.
    return float(found.fun) if found.success else float(np.abs(left).max())


def _pushes(money: Array, limits: Limits, ratio: bool) -> tuple[Array, Array, Array]:
    """Directions in which limits that are reached hold a budget, with the signs they may have."""
    close = AT_LIMIT * limits.unit
    weights, low, high = limits.rows
    sums, size = weights @ money, np.maximum(np.abs(weights).max(axis=1), 1.0)
    eye = np.eye(len(money))
    rows = np.vstack([weights, eye])
    at_low = np.append(sums <= low + close * size, money <= limits.lower + close)
    at_high = np.append(sums >= high - close * size, money >= limits.upper - close)
    if ratio:
        at_low[0] = at_high[0] = True
    reached = at_low | at_high
    least = np.where(at_low, -np.inf, 0.0)[reached]
    most = np.where(at_high, np.inf, 0.0)[reached]
    return rows[reached], least, most
