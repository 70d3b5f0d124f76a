"""What a channel earns at each level of spend, and how that moved over time."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from pymc_toolkit.analysis.intervals import CI_PROB, summarise, to_frame
from pymc_toolkit.arrays import over_regions
from pymc_toolkit.engines import get_engine
from pymc_toolkit.engines.base import Fit
from pymc_toolkit.names import CHANNEL, DATE, GEO, MEDIA_MULTIPLIER

# How far beyond the largest observed spend a curve is drawn.
_BEYOND = 1.3
_POINTS = 40


def response_curves(fit: Fit, ci_prob: float = CI_PROB) -> pd.DataFrame:
    """Contribution per period of each channel by spend per period.

    The spend is held for as long as carry-over lasts, at the average effectiveness of the training
    window. A curve of several regions is of all of them together: the spend is divided among them
    as it was over the training window.

    Parameters
    ----------
    fit : Fit
    ci_prob : float

    Returns
    -------
    pandas.DataFrame
        Long: ``channel, spend, mean, ci_low, ci_high, observed`` (whether the spend lies within
        what was seen). A channel that was never spent on is left out.
    """
    media = fit.training.dataset["media"]
    highest = over_regions(media).max(DATE)
    share = np.append(np.linspace(0, 1, _POINTS), np.linspace(1, _BEYOND, _POINTS // 4)[1:])
    spend = highest * xr.DataArray(share, dims="point")
    scaled = spend * _shares(media) / fit.training.scale("media")
    response = get_engine(fit.engine).response(fit, scaled) * fit.training.scale("target")
    response = over_regions(response)
    summary = summarise(response, ci_prob).assign(spend=spend, observed=spend <= highest)
    table = summary.reset_coords(drop=True).to_dataframe().reset_index()
    table = table[table["channel"].isin(_active(highest))]
    ordered = table.set_index("channel").loc[_active(highest)].reset_index()
    return ordered[["channel", "spend", "mean", "ci_low", "ci_high", "observed"]]


def observed_spend(fit: Fit) -> pd.DataFrame:
    """Mean and largest spend per period of each channel in all regions, over periods with any.

    Parameters
    ----------
    fit : Fit

    Returns
    -------
    pandas.DataFrame
        Index channel; ``mean, max``.
    """
    media = over_regions(fit.training.dataset["media"])
    spent = media.where(media > 0)
    table = xr.Dataset({"mean": spent.mean(DATE), "max": media.max(DATE)})
    return to_frame(table.sel({CHANNEL: _active(media.max(DATE))}))


def media_effectiveness(fit: Fit, ci_prob: float = CI_PROB) -> pd.DataFrame | None:
    """Media effectiveness relative to its average over training, None if held constant.

    Parameters
    ----------
    fit : Fit
    ci_prob : float

    Returns
    -------
    pandas.DataFrame or None
        ``date, mean, ci_low, ci_high``.
    """
    if MEDIA_MULTIPLIER not in fit.posterior:
        return None
    return to_frame(summarise(fit.posterior[MEDIA_MULTIPLIER], ci_prob)).reset_index()


def _shares(media: xr.DataArray) -> xr.DataArray | float:
    """Share of each region in the spend on each channel; all of it where there is one series."""
    if GEO not in media.dims:
        return 1.0
    spend = media.sum(DATE)
    total = spend.sum(GEO)
    return spend / total.where(total > 0, 1.0)


def _active(highest: xr.DataArray) -> list[str]:
    return [str(name) for name in highest[CHANNEL].values[highest.values > 0]]
