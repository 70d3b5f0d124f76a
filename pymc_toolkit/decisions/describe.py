"""What is said of a budget that was found: all of it from all draws."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from pymc_toolkit.analysis.intervals import summarise, to_frame
from pymc_toolkit.arrays import Array, over_regions
from pymc_toolkit.client_config import ClientConfig
from pymc_toolkit.decisions.allocation import Allocation, Interval
from pymc_toolkit.decisions.limits import Limits
from pymc_toolkit.decisions.objectives import Objective
from pymc_toolkit.decisions.outcome import Outlook
from pymc_toolkit.decisions.search import AT_LIMIT, Ties, kkt_residual
from pymc_toolkit.model_data import ModelData, to_table
from pymc_toolkit.names import CHANNEL, DATE, GEO, SAMPLE

# Rounding of a plan does not make it exceed what was seen.
_TOLERANCE = 1 + 1e-9


@dataclass(frozen=True, eq=False)
class Answer:
    """A budget, what it brings, and what a little more of it would add.

    Parameters
    ----------
    money : ndarray of shape (channel,)
    brought : xarray.DataArray
        By channel of the client, dims chain, draw, channel.
    gains : xarray.DataArray
        Per unit of money on each channel that is bought, dims chain, draw, channel.
    """

    money: Array
    brought: xr.DataArray
    gains: xr.DataArray


def exact_objective(answer: Answer, current: Answer, objective: Objective) -> tuple[float, Array]:
    """The objective of a budget over all draws, and its slope along each channel.

    Parameters
    ----------
    answer, current : Answer
    objective : Objective

    Returns
    -------
    value : float
        In units of the target, more than the current budget's.
    slopes : ndarray of shape (channel,)
    """
    gains = (answer.brought - current.brought).sum(CHANNEL).values.ravel()
    slopes = answer.gains.transpose(CHANNEL, ...).values.reshape(len(answer.money), -1)
    return objective.value(gains), np.asarray(slopes @ objective.weights(gains))


def left_over(answer: Answer, current: Answer, objective: Objective, limits: Limits) -> float:
    """How far a budget is from the conditions of an optimum, over all draws.

    Parameters
    ----------
    answer, current : Answer
    objective : Objective
    limits : Limits

    Returns
    -------
    float
        See :func:`pymc_toolkit.decisions.search.kkt_residual`.
    """
    gains = (answer.brought - current.brought).sum(CHANNEL).values.ravel()
    slopes = answer.gains.transpose(CHANNEL, ...).values.reshape(len(answer.money), -1)
    weights, (tied, largest) = objective.weights(gains), objective.tied(gains)
    ties = Ties(slopes[:, tied], -weights[tied], np.maximum(largest - weights[tied], 0.0))
    ratio = objective.target_roi is not None
    return kkt_residual(slopes @ weights, answer.money, limits, ratio, ties)


def described(
    outlook: Outlook,
    config: ClientConfig,
    limits: Limits,
    objective: Objective,
    current: Answer,
    best: Answer,
    dark: xr.DataArray,
    ci_prob: float,
) -> Allocation:
    """Put together what is said of the best budget.

    Parameters
    ----------
    outlook : Outlook
    config : ClientConfig
    limits : Limits
    objective : Objective
    current, best : Answer
    dark : xarray.DataArray
        What each channel brings without money for any.
    ci_prob : float

    Returns
    -------
    Allocation
    """
    ahead = outlook.with_money(best.money)
    uplift = (best.brought - current.brought).sum(CHANNEL)
    plan = to_table(ahead.dataset, config.target_name, config.date_column, config.geo_column)
    before, after = ((each.brought - dark).sum(CHANNEL) for each in (current, best))
    return Allocation(
        table=_table(outlook, limits, current, best, dark, ci_prob),
        total=float(best.money.sum()),
        total_planned=float(outlook.planned.sum()),
        horizon=ahead.n_periods,
        uplift=Interval.of(uplift, ci_prob),
        probability_positive=float((uplift > 0).mean()),
        uplift_draws=uplift,
        kkt_residual=left_over(best, current, objective, limits),
        objective=objective.name,
        target_roi=objective.target_roi,
        outcome_current=Interval.of(before, ci_prob),
        outcome=Interval.of(after, ci_prob),
        flighting=outlook.periods(best.money),
        plan=plan.drop(columns=config.target_name),
        marginal_draws=best.gains,
        marginal_draws_current=current.gains,
        target_is_money=config.target_is_money,
        ci_prob=ci_prob,
    )


def _table(
    outlook: Outlook,
    limits: Limits,
    current: Answer,
    best: Answer,
    dark: xr.DataArray,
    ci_prob: float,
) -> pd.DataFrame:
    """Money and what it brings, by channel that is bought."""
    channels, close = outlook.channels, AT_LIMIT * limits.unit
    at_bound = (best.money <= limits.lower + close) | (best.money >= limits.upper - close)
    with np.errstate(divide="ignore", invalid="ignore"):
        change = np.where(best.money == limits.current, 0.0, best.money / limits.current - 1)
    table = pd.DataFrame(
        {
            "current": limits.current,
            "recommended": best.money,
            "change": change,
            "lower": limits.lower,
            "upper": limits.upper,
            "at_bound": at_bound & ~limits.held,
        },
        index=pd.Index(channels, name=CHANNEL),
    )
    bought = {CHANNEL: channels}
    table["contribution_current"] = (current.brought - dark).sel(bought).mean(SAMPLE).to_series()
    brought = to_frame(summarise((best.brought - dark).sel(bought), ci_prob))
    brought.columns = pd.Index(["contribution", "contribution_low", "contribution_high"])
    marginal = to_frame(summarise(best.gains, ci_prob))
    marginal.columns = pd.Index(["marginal_roi", "marginal_low", "marginal_high"])
    table = table.join(brought).join(marginal)
    training = outlook.fit.training
    table["seen_max"] = largest(training)[channels] * outlook.costs
    table["planned_max"] = largest(outlook.with_money(best.money))[channels] * outlook.costs
    table["beyond_seen"] = beyond_seen(training, outlook.with_money(best.money))[channels]
    table["held"] = limits.held
    return table.rename_axis(CHANNEL)


def largest(data: ModelData) -> pd.Series:
    """Most units of each channel in one period, over all regions."""
    return over_regions(data.dataset["media"]).max(DATE).to_series()


def beyond_seen(training: ModelData, ahead: ModelData) -> pd.Series:
    """Whether a plan has more of a channel in one period than was ever seen, in all or a region.

    Parameters
    ----------
    training, ahead : ModelData

    Returns
    -------
    pandas.Series of bool
        Index channel.
    """
    beyond = largest(ahead) > largest(training) * _TOLERANCE
    if training.is_panel:
        seen, planned = (each.dataset["media"].max(DATE) for each in (training, ahead))
        beyond |= (planned > seen * _TOLERANCE).any(GEO).to_series()
    return beyond
