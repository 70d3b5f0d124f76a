"""Within what a budget may move: bounds of channels, the total, and linear constraints."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd
from scipy.optimize import LinearConstraint, linprog

from pymc_toolkit.arrays import Array
from pymc_toolkit.exceptions import ColumnError, SpecificationError
from pymc_toolkit.plurals import count

type Bounds = float | Mapping[str, tuple[float, float]]

# How far channels may move that a mapping of bounds does not name.
USUAL_FRACTION = 0.3
# Rounding of money, as a share of the budget.
ROUNDING = 1e-9


@dataclass(frozen=True)
class Constraint:
    """A limit on a weighted sum of channels' money over the horizon.

    Parameters
    ----------
    weights : Mapping of str to float
        By channel; those left out count nothing.
    low, high : float, optional
        Money; at least one of them.

    Raises
    ------
    SpecificationError
        If there is no weight, no limit, or a limit that is none.

    Examples
    --------
    >>> Constraint({"tv": 1, "radio": 1}, high=1e5).high
    100000.0
    """

    weights: Mapping[str, float]
    low: float | None = None
    high: float | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.weights, Mapping) or not self.weights:
            raise SpecificationError(
                f"Got weights={self.weights!r} of a constraint; expected a mapping from channel to "
                "weight, such as {'tv': 1, 'radio': 1}."
            )
        for name, weight in self.weights.items():
            number(f"the weight of {name!r} in a constraint", weight)
        object.__setattr__(self, "weights", dict(self.weights))
        for name in ("low", "high"):
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, number(f"{name} of a constraint", value))
        if self.low is None and self.high is None:
            raise SpecificationError(
                f"Got a constraint on {_listed(self.weights)} without low and high; expected at "
                "least one of them."
            )
        if self.low is not None and self.high is not None and self.low > self.high:
            raise SpecificationError(
                f"Got a constraint with low={self.low:g} above high={self.high:g}; expected the "
                "lower limit first."
            )


@dataclass(frozen=True, eq=False)
class Limits:
    """What budgets are allowed, of channels in a fixed order.

    Parameters
    ----------
    channels : tuple of str
        Those that are bought.
    current, lower, upper : ndarray of shape (channel,)
        Money over the horizon: the plan brought to the total, and bounds.
    held : ndarray of bool, of shape (channel,)
    total_low, total_high : float
        What all channels together may spend; the same number for a given total.
    weights : ndarray of shape (row, channel)
    low, high : ndarray of shape (row,)
        Linear constraints.
    """

    channels: tuple[str, ...]
    current: Array
    lower: Array
    upper: Array
    held: Array
    total_low: float
    total_high: float
    weights: Array
    low: Array
    high: Array

    @property
    def unit(self) -> float:
        """A size of money to calculate in; bounds may be so wide that they say nothing of it."""
        return float(self.current.sum())

    @property
    def reachable(self) -> Array:
        """The most that each channel can get, once all others have their least."""
        left = self.total_high - (self.lower.sum() - self.lower)
        return np.asarray(np.clip(left, self.lower, self.upper))

    @property
    def rows(self) -> tuple[Array, Array, Array]:
        """Weights and limits of all linear constraints, the total first."""
        return (
            np.vstack([np.ones(len(self.channels)), self.weights]),
            np.append(self.total_low, self.low),
            np.append(self.total_high, self.high),
        )

    def as_constraints(self, unit: float) -> list[LinearConstraint]:
        """The linear constraints on money in another unit, equalities apart from the rest."""
        weights, low, high = self.rows
        equal = low == high
        return [
            LinearConstraint(weights[rows], low[rows] / unit, high[rows] / unit)
            for rows in (equal, ~equal & (np.isfinite(low) | np.isfinite(high)))
            if rows.any()
        ]

    def allow(self, money: Array, rounding: float = 1e-6) -> bool:
        """Whether a budget keeps to all limits, up to a share of the whole that is rounding."""
        weights, low, high = self.rows
        slack = rounding * self.unit
        sums = weights @ money
        within = (money >= self.lower - slack) & (money <= self.upper + slack)
        row_slack = slack * np.maximum(np.abs(weights).max(axis=1), 1.0)
        return bool(within.all() and (sums >= low - row_slack).all()) and bool(
            (sums <= high + row_slack).all()
        )

    def corner(self, direction: Array) -> Array | None:
        """The allowed budget that goes furthest in a direction, None if none is allowed."""
        weights, low, high = self.rows
        upper, lower = np.isfinite(high), np.isfinite(low)
        unit = self.unit
        found = linprog(
            -direction,
            A_ub=np.vstack([weights[upper], -weights[lower]]),
            b_ub=np.append(high[upper], -low[lower]) / unit,
            bounds=np.column_stack([self.lower, self.upper]) / unit,
        )
        return found.x * unit if found.success else None

    def nearest(self, money: Array) -> Array:
        """An allowed budget, the given one where it is allowed."""
        if self.allow(money):
            return money
        # The first that is allowed on the way from an allowed one in the middle of what there is.
        corners = [self.corner(sign * row) for row in np.eye(len(money)) for sign in (1, -1)]
        middle = np.mean([corner for corner in corners if corner is not None], axis=0)
        share = 1.0
        while share > ROUNDING and not self.allow(middle + share * (money - middle)):
            share *= 0.8
        return np.asarray(middle + share * (money - middle))

    def sample(self, count: int, rng: np.random.Generator) -> list[Array]:
        """Allowed budgets, spread over what is allowed."""
        size = len(self.channels)
        directions = rng.standard_normal((size + count, size))
        corners = [corner for d in directions if (corner := self.corner(d)) is not None]
        shares = rng.dirichlet(np.full(len(corners), 0.5), count)
        return list(shares @ np.array(corners))


def limits_of(
    plan: pd.Series,
    total: float | None,
    bounds: Bounds,
    constraints: Sequence[Constraint],
    hold: Sequence[str],
    known: Sequence[str],
    capped: bool = False,
) -> Limits:
    """Check what a budget may be, and bring the plan to the total.

    Parameters
    ----------
    plan : pandas.Series
        Index channel, those that are bought: money over the horizon.
    total : float, optional
    bounds : float or Mapping of str to (float, float)
    constraints : sequence of Constraint
    hold : sequence of str
    known : sequence of str
        All channels of the client, for errors.
    capped : bool
        Whether the total is the most that may be spent, instead of what is spent.

    Returns
    -------
    Limits

    Raises
    ------
    ColumnError
        For a name that is not a channel.
    SpecificationError
        For impossible numbers, channels that are not bought, and limits that no budget keeps to.
    """
    channels = tuple(str(name) for name in plan.index)
    planned = plan.to_numpy(dtype=float)
    held = np.isin(channels, _checked_names("hold", hold, channels, known))
    # A cap that the plan keeps to changes nothing of where the budget starts from.
    current = _brought_to(planned, held, None if capped and _within(planned, total) else total)
    lower, upper = _checked_bounds(bounds, channels, known, current)
    if isinstance(bounds, Mapping):
        both = [name for name, is_held in zip(channels, held, strict=True) if is_held]
        for name in (name for name in both if name in bounds):
            raise SpecificationError(
                f"Got {name!r} both in hold and in bounds; expected one of them."
            )
    lower, upper = np.where(held, current, lower), np.where(held, current, upper)
    given = float(current.sum())
    cap = total if total is not None else np.inf
    total_low, total_high = (0.0, cap) if capped else (given, given)
    weights, low, high = _rows(constraints, channels, known)
    limits = Limits(
        channels, current, lower, upper, held, total_low, total_high, weights, low, high
    )
    _check_feasible(limits)
    return limits


def number(name: str, value: Any, least: float | None = None) -> float:
    """Check a finite number.

    Raises
    ------
    SpecificationError
        If it is none, or not above ``least``.
    """
    plain = isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
    if not plain or (least is not None and value <= least):
        above = "" if least is None else f" above {least:g}"
        raise SpecificationError(f"Got {name}={value!r}; expected a number{above}.")
    return float(value)


def _within(planned: Array, total: float | None) -> bool:
    """Whether a plan of some money keeps to a total."""
    return total is None or 0 < planned.sum() <= number("total", total, least=0)


def _brought_to(planned: Array, held: Array, total: float | None) -> Array:
    """The plan in proportion, so that it adds up to the total; what is held stays as it is."""
    if total is None:
        if planned.sum() <= 0:
            raise SpecificationError(
                "Got a plan without money for any channel that is bought; expected some, which the "
                "budget starts from. Give another plan."
            )
        return planned
    total = number("total", total, least=0)
    kept, free = planned[held].sum(), planned[~held].sum()
    if kept > total * (1 + ROUNDING):
        raise SpecificationError(
            f"Got total={total:,.0f} and channels to hold that the plan spends {kept:,.0f} on; "
            "expected a total of at least that. Hold fewer channels, or give a larger total."
        )
    if free <= 0:
        raise SpecificationError(
            f"Got total={total:,.0f} and a plan without money for any channel that may move; "
            "expected some, to bring to the total in proportion. Give another plan or hold fewer."
        )
    return np.where(held, planned, planned * (total - kept) / free)


def _checked_bounds(
    bounds: Bounds, channels: tuple[str, ...], known: Sequence[str], current: Array
) -> tuple[Array, Array]:
    if not isinstance(bounds, Mapping):
        fraction = number("bounds", bounds, least=0)
        return np.maximum(1 - fraction, 0.0) * current, (1 + fraction) * current
    _checked_names("bounds", list(bounds), channels, known)
    lower, upper = (1 - USUAL_FRACTION) * current, (1 + USUAL_FRACTION) * current
    for name, pair in bounds.items():
        at = channels.index(name)
        try:
            low, high = pair
        except (TypeError, ValueError):
            raise SpecificationError(
                f"Got bounds {pair!r} of {name!r}; expected the least and the most money over the "
                "horizon, such as (1e4, 3e4)."
            ) from None
        low = number(f"the lower bound of {name!r}", low)
        high = number(f"the upper bound of {name!r}", high)
        if not 0 <= low <= high:
            raise SpecificationError(
                f"Got bounds ({low:g}, {high:g}) of {name!r}; expected money of at least 0, the "
                "lower bound first."
            )
        lower[at], upper[at] = low, high
    return lower, upper


def _checked_names(
    argument: str, names: Sequence[str], channels: Sequence[str], known: Sequence[str]
) -> list[str]:
    """Refuse names that are no channels, or not bought."""
    if isinstance(names, str):
        raise SpecificationError(
            f"Got {argument}={names!r}; expected several names, such as [{names!r}]."
        )
    for name in names:
        if name not in known:
            raise ColumnError(
                f"Got {name!r} in {argument}, which is not a channel; expected some of "
                f"{_listed(channels)}."
            )
        if name not in channels:
            raise SpecificationError(
                f"Got {name!r} in {argument}, which is not bought (its cost_per_unit is None); "
                f"expected some of {_listed(channels)}."
            )
    return list(names)


def _rows(
    constraints: Sequence[Constraint], channels: tuple[str, ...], known: Sequence[str]
) -> tuple[Array, Array, Array]:
    """Constraints as rows of weights, the largest of which is one, and limits."""
    if isinstance(constraints, Constraint):
        constraints = (constraints,)
    weights = np.zeros((len(constraints), len(channels)))
    for row, constraint in zip(weights, constraints, strict=True):
        if not isinstance(constraint, Constraint):
            raise SpecificationError(
                f"Got {constraint!r} among constraints; expected Constraint({{'tv': 1}}, high=1e5)."
            )
        _checked_names("constraints", list(constraint.weights), channels, known)
        for name, weight in constraint.weights.items():
            row[channels.index(name)] = weight
    low = np.array([-np.inf if c.low is None else c.low for c in constraints], dtype=float)
    high = np.array([np.inf if c.high is None else c.high for c in constraints], dtype=float)
    # In money, whatever the unit of the weights: what counts as rounding is money, too.
    largest = np.abs(weights).max(axis=1, initial=0.0)
    size = np.where(largest > 0, largest, 1.0)
    return weights / size[:, None], low / size, high / size


def _check_feasible(limits: Limits) -> None:
    """Refuse limits that no budget keeps to, and say which of them cannot be met."""
    least, most = float(limits.lower.sum()), float(limits.upper.sum())
    slack = ROUNDING * limits.unit
    if least > limits.total_high + slack or most < limits.total_low - slack:
        raise SpecificationError(
            f"Got bounds that allow from {least:,.0f} to {most:,.0f} for all channels, and "
            f"a total of {limits.total_high:,.0f}; expected bounds that the total lies within. "
            "Widen the bounds, or give another total."
        )
    if limits.corner(np.zeros(len(limits.channels))) is None:
        raise SpecificationError(
            f"Got {count(len(limits.low), 'constraint')} that no budget within the bounds and the "
            "total keeps to; expected limits that can be met together. Widen the bounds, or loosen "
            "a constraint."
        )


def _listed(names: Sequence[str] | Mapping[str, Any]) -> str:
    return ", ".join(map(repr, names))
