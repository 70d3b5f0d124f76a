"""What media returned on its cost: on average, at the margin, and per unit of the target.

The average return says what all of a channel's spend brought; the marginal one what a little more
of it would have brought, as a change of the spend that the model is asked to answer [1]_. With
diminishing returns the second is lower, and it is the one that a budget is to be moved by.

References
----------
.. [1] Google. Meridian, documentation: ROI, mROI and response curves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import inf
from numbers import Real

import numpy as np
import pandas as pd
import xarray as xr

from pymc_toolkit.analysis.contributions import DIRECT, decomposition
from pymc_toolkit.analysis.intervals import CI_PROB, check_probability, summarise, to_frame
from pymc_toolkit.analysis.periods import Dates, periods_between
from pymc_toolkit.arrays import over_regions
from pymc_toolkit.engines import get_engine
from pymc_toolkit.engines.base import Fit
from pymc_toolkit.exceptions import SpecificationError
from pymc_toolkit.model_data import ModelData
from pymc_toolkit.names import CHANNEL, DATE, GEO, SAMPLE

Costs = Mapping[str, float | None]

# By how much spend is raised for a marginal return, as a share of it.
STEP = 0.01
_REGION = "region"


def roi(
    contributions: xr.DataArray,
    media: xr.DataArray,
    cost_per_unit: Costs,
    ci_prob: float = CI_PROB,
    by_region: bool = False,
) -> pd.DataFrame:
    """What each channel returned on what it cost, over all periods given.

    The return is the sum of contributions over the sum of cost; carry-over beyond the last period
    is not counted. A channel without any spend has no ROI, and neither has one that was not bought.

    Parameters
    ----------
    contributions : xarray.DataArray
        Channel contributions with dims chain, draw, date (and geo) and channel, in units of the
        target.
    media : xarray.DataArray
        Spend or exposure, dims date (and geo) and channel.
    cost_per_unit : Mapping of str to float or None
        For channels that are not money: cost of one unit, or None if it was not bought.
    ci_prob : float
    by_region : bool
        Whether each region has a row, instead of all together.

    Returns
    -------
    pandas.DataFrame
        Index channel (and region); ``spend`` (money, NaN if not bought), ``exposure`` (sum of the
        column), ``contribution`` (mean), ``roi`` (mean), ``ci_low``, ``ci_high``.
    """
    total = summarise(_total(contributions, by_region), ci_prob)
    spend = money(media, cost_per_unit, by_region)
    returns = (total / spend.where(spend > 0)).rename(mean="roi")
    table = returns.assign(
        spend=spend, exposure=_total(media, by_region), contribution=total["mean"]
    )
    return _table(table, ["spend", "exposure", "contribution", "roi", "ci_low", "ci_high"])


def channel_returns(
    fit: Fit,
    costs: Costs,
    ci_prob: float = CI_PROB,
    *,
    kind: str = DIRECT,
    dates: Dates | None = None,
    by_region: bool = False,
) -> pd.DataFrame:
    """Return of each channel of a fit on what it cost, as :func:`roi` gives it.

    Parameters
    ----------
    fit : Fit
    costs : Mapping of str to float or None
    ci_prob : float
    kind : {"direct", "total"}
        As for :func:`decomposition`.
    dates : tuple of date-like or None, optional
        First and last day, inclusive; what the periods that begin between them contributed, over
        their spend.
    by_region : bool

    Raises
    ------
    SpecificationError
        If an argument is impossible, or a single series is asked for regions.
    """
    contributions, media = _periods_of(fit, dates, kind, by_region)
    return roi(contributions, media, costs, ci_prob, by_region)


def roi_draws(
    fit: Fit,
    costs: Costs,
    dates: Dates | None = None,
    *,
    kind: str = DIRECT,
    by_region: bool = False,
) -> xr.DataArray:
    """Return of each channel on its cost, by draw.

    Parameters
    ----------
    fit : Fit
    costs : Mapping of str to float or None
    dates : tuple of date-like or None, optional
    kind : {"direct", "total"}
    by_region : bool

    Returns
    -------
    xarray.DataArray
        Target units per unit of money, dims chain, draw and channel (and geo); NaN for a channel
        without spend, or that was not bought.

    Raises
    ------
    SpecificationError
        As for :func:`channel_returns`.
    """
    contributions, media = _periods_of(fit, dates, kind, by_region)
    return _per_money(_total(contributions, by_region), money(media, costs, by_region))


def cost_per_outcome(
    fit: Fit,
    costs: Costs,
    ci_prob: float = CI_PROB,
    *,
    kind: str = DIRECT,
    dates: Dates | None = None,
    by_region: bool = False,
) -> pd.DataFrame:
    """Money that one unit of the target cost through each channel.

    The reciprocal of the return, draw by draw. A draw in which a channel brought nothing has no
    price however high, so that it counts as infinite; median and interval bear that, a mean would
    not.

    Parameters
    ----------
    fit : Fit
    costs : Mapping of str to float or None
    ci_prob : float
    kind : {"direct", "total"}
    dates : tuple of date-like or None, optional
    by_region : bool

    Returns
    -------
    pandas.DataFrame
        Index channel (and region); ``spend``, ``contribution`` (mean), ``cost_per_outcome``
        (median), ``ci_low``, ``ci_high``.

    Raises
    ------
    SpecificationError
        As for :func:`channel_returns`.
    """
    check_probability(ci_prob)
    contributions, media = _periods_of(fit, dates, kind, by_region)
    earned, spend = _total(contributions, by_region), money(media, costs, by_region)
    # Quantiles of what money brings, the other way up: they never lie between two infinities.
    places = {"cost_per_outcome": 0.5, "ci_low": (1 + ci_prob) / 2, "ci_high": (1 - ci_prob) / 2}
    table = {"spend": spend, "contribution": earned.mean(SAMPLE)}
    for name, place in places.items():
        brought = earned.quantile(place, SAMPLE).drop_vars("quantile")
        price = spend / brought.where(brought > 0, 1.0)
        table[name] = price.where(brought > 0, inf).where(spend > 0)
    return _table(xr.Dataset(table), list(table))


def marginal_roi(
    fit: Fit,
    costs: Costs,
    ci_prob: float = CI_PROB,
    *,
    step: float = STEP,
    dates: Dates | None = None,
    by_region: bool = False,
) -> pd.DataFrame:
    """What each channel would have returned on a little more spend.

    Parameters
    ----------
    fit : Fit
    costs : Mapping of str to float or None
    ci_prob : float
    step : float
    dates : tuple of date-like or None, optional
    by_region : bool
        All as for :func:`marginal_roi_draws`.

    Returns
    -------
    pandas.DataFrame
        Index channel (and region); ``spend`` (money, before it is raised), ``marginal_roi`` (mean),
        ``ci_low``, ``ci_high``.

    Raises
    ------
    SpecificationError
        As for :func:`marginal_roi_draws`.
    """
    gained, spend = _gained(fit, costs, dates, step, by_region)
    returns = (summarise(gained, ci_prob) / spend.where(spend > 0)).rename(mean="marginal_roi")
    return _table(returns.assign(spend=spend), ["spend", "marginal_roi", "ci_low", "ci_high"])


def marginal_roi_draws(
    fit: Fit,
    costs: Costs,
    dates: Dates | None = None,
    *,
    step: float = STEP,
    by_region: bool = False,
) -> xr.DataArray:
    """What each channel would have returned on a little more spend, by draw.

    Its spend is raised in every period of the range by the same share, all else unchanged. What
    that adds, over the added money, is the return: through carry-over and saturation, on other
    channels too where one's spend enters another's response, and in all periods of the training
    window, whether or not they are of the range. What would come after the window is not counted.

    Parameters
    ----------
    fit : Fit
    costs : Mapping of str to float or None
    dates : tuple of date-like or None, optional
        First and last day, inclusive; the spend of the periods that begin between them is raised.
    step : float
        By how much, as a share of the spend.
    by_region : bool
        Whether to give what each region's added money brought, instead of all together.

    Returns
    -------
    xarray.DataArray
        Target units per unit of money, dims chain, draw and channel (and geo); NaN for a channel
        without spend, or that was not bought.

    Raises
    ------
    SpecificationError
        If an argument is impossible, or a single series is asked for regions.
    """
    return _per_money(*_gained(fit, costs, dates, step, by_region))


def probability_above(draws: xr.DataArray, value: float = 1.0) -> pd.Series:
    """Probability that a return is above some value.

    Parameters
    ----------
    draws : xarray.DataArray
        From :func:`roi_draws` or :func:`marginal_roi_draws`.
    value : float
        1 is what media cost, where the target is money and no margin is to be taken off.

    Returns
    -------
    pandas.Series
        Share of the draws, by channel (and region); NaN where there is no return.

    Examples
    --------
    >>> draws = xr.DataArray([[[0.5], [2.0]]], {"channel": ["tv"]}, ("chain", "draw", "channel"))
    >>> probability_above(draws)["tv"].item()
    0.5
    """
    share = (draws > value).mean(SAMPLE).where(draws.notnull().all(SAMPLE))
    return _table(xr.Dataset({"probability": share}), ["probability"])["probability"]


def money(media: xr.DataArray, costs: Costs, by_region: bool = False) -> xr.DataArray:
    """What each channel cost over all periods given.

    Parameters
    ----------
    media : xarray.DataArray
        Spend or exposure, dims date (and geo) and channel.
    costs : Mapping of str to float or None
        For channels that are not money: cost of one unit, or None if it was not bought.
    by_region : bool
        Whether each region is told apart.

    Returns
    -------
    xarray.DataArray
        Dims channel (and geo); NaN for a channel that was not bought.
    """
    of_unit = [costs.get(str(name), 1.0) for name in media[CHANNEL].values]
    prices = xr.DataArray([np.nan if cost is None else cost for cost in of_unit], dims=CHANNEL)
    spend = _total(media, by_region) * prices
    return spend.transpose(CHANNEL, ...)


def _periods_of(
    fit: Fit, dates: Dates | None, kind: str, by_region: bool
) -> tuple[xr.DataArray, xr.DataArray]:
    """Contributions and media of the periods of a range."""
    _check_regions(fit.training, by_region)
    between = {DATE: periods_between(fit.training, dates).values}
    contributions = decomposition(fit, kind=kind)["channels"]
    return contributions.isel(between), fit.training.dataset["media"].isel(between)


def _gained(
    fit: Fit, costs: Costs, dates: Dates | None, step: float, by_region: bool
) -> tuple[xr.DataArray, xr.DataArray]:
    """What each channel's raised spend adds by whole unit of it, and that spend."""
    if isinstance(step, bool) or not isinstance(step, Real) or not 0 < step < inf:
        raise SpecificationError(
            f"Got step={step!r}; expected a share of the spend above zero, such as {STEP}."
        )
    data = fit.training
    _check_regions(data, by_region)
    between, media = periods_between(data, dates), data.dataset["media"]
    spend = money(media.isel({DATE: between.values}), costs, by_region)
    raised = media.where(~between, media * (1 + float(step)))
    if get_engine(fit.engine).channels_interact(fit):
        added = _added_one_by_one(fit, raised, money(media, costs), by_region)
    else:
        added = _total(_brought(fit, raised) - _brought(fit, media), by_region)
    return added / float(step), spend


def _added_one_by_one(
    fit: Fit, raised: xr.DataArray, spend: xr.DataArray, by_region: bool
) -> xr.DataArray:
    """What raising one channel after the other adds to what all of them bring."""
    media = fit.training.dataset["media"]
    before = _brought(fit, media)
    added = []
    for name in media[CHANNEL].values:
        if spend.sel({CHANNEL: name}) > 0:
            after = _brought(fit, raised.where(media[CHANNEL] == name, media))
        else:
            # It has no return anyway.
            after = before
        added.append(_total((after - before).sum(CHANNEL), by_region))
    return xr.concat(added, dim=media[CHANNEL])


def _brought(fit: Fit, media: xr.DataArray) -> xr.DataArray:
    """Contributions of channels in the training window, had media been other than they were."""
    data = fit.training
    changed = replace(data, dataset=data.dataset.assign(media=media))
    return decomposition(fit, changed)["channels"]


def _total(values: xr.DataArray, by_region: bool) -> xr.DataArray:
    total = values.sum(DATE)
    return total if by_region else over_regions(total)


def _per_money(amount: xr.DataArray, spend: xr.DataArray) -> xr.DataArray:
    return (amount / spend.where(spend > 0)).transpose(*SAMPLE, CHANNEL, ...)


def _check_regions(data: ModelData, by_region: bool) -> None:
    if by_region and not data.is_panel:
        raise SpecificationError(
            "Got by_region=True for a client of one series; expected one with several regions. "
            "Leave it out, or name the column of regions with geo_column."
        )


def _table(summary: xr.Dataset, columns: list[str]) -> pd.DataFrame:
    """Columns by channel, or by channel and region."""
    table = to_frame(summary[columns].transpose(CHANNEL, ...).reset_coords(drop=True))
    return table.rename_axis(index={GEO: _REGION}) if table.index.nlevels > 1 else table
