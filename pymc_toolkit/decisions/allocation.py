"""What came out of dividing a budget: money by channel, what it brings, and how sure that is."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import pandas as pd
import xarray as xr

from pymc_toolkit.analysis.intervals import summarise
from pymc_toolkit.model_spec import whole_number

# Moves of less than this share of the budget are rounding.
_NEGLIGIBLE = 1e-6


class Interval(NamedTuple):
    """A mean with an equal-tailed interval around it.

    Parameters
    ----------
    mean, low, high : float
    """

    mean: float
    low: float
    high: float

    @classmethod
    def of(cls, draws: xr.DataArray, ci_prob: float) -> Interval:
        """That of draws, with dims chain and draw alone."""
        found = summarise(draws, ci_prob)
        return cls(*(float(found[name]) for name in ("mean", "ci_low", "ci_high")))


@dataclass(frozen=True, eq=False)
class Allocation:
    """A budget divided among channels, beside the plan that it starts from.

    Money is over the whole horizon and all regions; what it brings is in units of the target and
    counts what is carried over beyond the horizon. Every figure is of all draws.

    Parameters
    ----------
    table : pandas.DataFrame
        Index channel, those that are bought. Money: ``current`` (the plan, brought to the total),
        ``recommended``, ``lower, upper`` (bounds), ``seen_max, planned_max`` (largest of one
        period, in the data and as recommended). ``change`` is a fraction of ``current`` (infinite
        for a channel that the plan leaves out). ``at_bound``, ``held``, ``beyond_seen`` are bool.
        ``contribution_current``, ``contribution, contribution_low, contribution_high``: what the
        channel's own effect brings. ``marginal_roi, marginal_low, marginal_high``: what a little
        more money on the channel would bring, per unit of money, at the recommended budget.
    total : float
        Recommended money over the horizon.
    total_planned : float
        Money of the plan as it was given, over the horizon.
    horizon : int
        Number of periods.
    uplift : Interval
        What the recommended budget brings more than the current one.
    probability_positive : float
        Share of the draws in which that is above zero.
    uplift_draws : xarray.DataArray
        Dims chain and draw.
    kkt_residual : float
        What is left of the conditions of an optimum: the largest difference of a channel's marginal
        gain from what bounds and constraints explain, relative to the mean marginal gain. Of a
        quantile that nothing within the limits improves it says nothing: there is a kink there.
    objective : str
        What was maximised.
    target_roi : float or None
        What the budget had to return, where that was asked for.
    outcome_current, outcome : Interval
        What all bought media bring under the current and the recommended budget.
    flighting : pandas.DataFrame
        Index date, a column a channel: recommended money by period, over all regions.
    plan : pandas.DataFrame
        The same as the client's table: dates, regions, channels in their own units and controls, as
        ``predict`` and ``forecast_fleet`` take it.
    marginal_draws, marginal_draws_current : xarray.DataArray
        Draws behind ``marginal_roi``, and the same at the current budget, with dims chain, draw
        and channel.
    target_is_money : bool
        Whether returns are ratios of money.
    ci_prob : float
        Probability of the intervals.
    """

    table: pd.DataFrame
    total: float
    total_planned: float
    horizon: int
    uplift: Interval
    probability_positive: float
    uplift_draws: xr.DataArray
    kkt_residual: float
    objective: str
    target_roi: float | None
    outcome_current: Interval
    outcome: Interval
    flighting: pd.DataFrame
    plan: pd.DataFrame
    marginal_draws: xr.DataArray
    marginal_draws_current: xr.DataArray
    target_is_money: bool
    ci_prob: float

    @property
    def scaled(self) -> bool:
        """Whether ``current`` is the plan brought to another total than its own."""
        current = float(self.table["current"].sum())
        return not math.isclose(current, self.total_planned, rel_tol=_NEGLIGIBLE)

    @property
    def compared_with(self) -> str:
        """What the recommended budget is compared with, in words."""
        if not self.scaled:
            return "the plan"
        return (
            f"the plan of {self.total_planned:,.0f}, scaled to {self.table['current'].sum():,.0f}"
        )

    def summary(self) -> dict[str, Any]:
        """The result in a few plain values.

        Returns
        -------
        dict
            ``objective, target_roi, horizon, total, total_planned, total_current`` (the plan as it
            was given, and brought to the total), ``outcome, outcome_current, uplift, uplift_low,
            uplift_high, uplift_share`` (of the current outcome), ``probability_positive, ci_prob,
            kkt_residual, at_bound, beyond_seen`` (names of channels).
        """
        current = self.outcome_current.mean
        return {
            "objective": self.objective,
            "target_roi": self.target_roi,
            "horizon": self.horizon,
            "total": self.total,
            "total_planned": self.total_planned,
            "total_current": float(self.table["current"].sum()),
            "outcome": self.outcome.mean,
            "outcome_current": current,
            "uplift": self.uplift.mean,
            "uplift_low": self.uplift.low,
            "uplift_high": self.uplift.high,
            "uplift_share": self.uplift.mean / current if current else float("nan"),
            "probability_positive": self.probability_positive,
            "ci_prob": self.ci_prob,
            "kkt_residual": self.kkt_residual,
            "at_bound": self._named("at_bound"),
            "beyond_seen": self._named("beyond_seen"),
        }

    def moves(self, count: int = 4) -> pd.DataFrame:
        """The largest moves of money from one channel to another.

        What channels give up is handed to those that gain, the largest to the largest; a budget
        that grows or shrinks leaves the rest of it out.

        Parameters
        ----------
        count : int
            How many to name at most.

        Returns
        -------
        pandas.DataFrame
            ``source, destination, amount`` (money), the largest first.
        """
        count = whole_number("count", count)
        differences = (self.table["recommended"] - self.table["current"]).to_dict()
        least = _NEGLIGIBLE * max(self.total, float(self.table["current"].sum()))
        rows = []
        while True:
            source = min(differences, key=lambda name: differences[name])
            destination = max(differences, key=lambda name: differences[name])
            amount = min(-differences[source], differences[destination])
            if amount <= least:
                break
            rows.append((source, destination, amount))
            differences[source] += amount
            differences[destination] -= amount
        found = pd.DataFrame(rows, columns=["source", "destination", "amount"])
        ordered = found.sort_values("amount", ascending=False, kind="stable", ignore_index=True)
        return ordered.head(count)

    def _named(self, column: str) -> list[str]:
        return [str(name) for name in self.table.index[self.table[column]]]
