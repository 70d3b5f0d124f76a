"""How long what media bring takes to come about."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from pymc_toolkit.analysis.intervals import CI_PROB, summarise, to_frame
from pymc_toolkit.arrays import Array
from pymc_toolkit.engines.base import Fit
from pymc_toolkit.exceptions import SpecificationError
from pymc_toolkit.names import CHANNEL, LAG, SAMPLE


def carry_over(fit: Fit, ci_prob: float = CI_PROB) -> pd.DataFrame:
    """When the effect of each channel's spend comes about, from the carry-over of every draw.

    A period counts as one unit of time, over which its part of the effect is spread evenly. For a
    geometric carry-over of retention a that makes the half-life log(1/2) / log(a), where this is a
    whole number and what the model cuts off is little. Time is that of spend on its own channel: a
    curve is steeper at little spend, effectiveness may move, and a cause along a channel graph is
    ahead of its effect; none of it is counted here.

    Parameters
    ----------
    fit : Fit
    ci_prob : float

    Returns
    -------
    pandas.DataFrame
        Index channel; ``half_life`` (mean; periods from the start of the spend until half of its
        effect has come about), ``ci_low, ci_high``, ``share_immediate`` (mean share of the effect
        within the period of the spend), ``share_low, share_high``.

    Raises
    ------
    SpecificationError
        If the fit has no parameters of carry-over.
    """
    kernel = kernel_draws(fit)
    drawn = kernel.isel({LAG: 0}, drop=True)
    times = half_life(kernel.values)
    time = to_frame(summarise(drawn.copy(data=times), ci_prob)).rename(
        columns={"mean": "half_life"}
    )
    share = to_frame(summarise(drawn, ci_prob))
    share.columns = pd.Index(["share_immediate", "share_low", "share_high"])
    return time.join(share)


def kernel_draws(fit: Fit) -> xr.DataArray:
    """Share of the effect of a channel's spend by how many periods later it comes about.

    Parameters
    ----------
    fit : Fit

    Returns
    -------
    xarray.DataArray
        Dims chain, draw, channel and lag; sums to one over the lags.

    Raises
    ------
    SpecificationError
        If the fit has no parameters of carry-over.
    """
    spec, channels = fit.spec, fit.training.dataset[CHANNEL]
    names = {p.name: f"adstock_{p.name}" for p in spec.adstock_component.parameters}
    absent = [name for name in names.values() if name not in fit.posterior]
    if absent:
        raise SpecificationError(
            f"Got a fit of engine {fit.engine!r} without {', '.join(absent)}; expected one whose "
            "posterior has the parameters of its carry-over, such as one of engine='bayesian'."
        )
    # A parameter that all channels share is repeated for each.
    each = xr.ones_like(channels, dtype=float)
    _, *drawn = xr.broadcast(each, *(fit.posterior[name] for name in names.values()))
    values = (variable.transpose(*SAMPLE, CHANNEL).values for variable in drawn)
    kernel = spec.adstock_component.kernel(spec.lag_max, dict(zip(names, values, strict=True)))
    coords = {**{dim: fit.posterior[dim] for dim in SAMPLE}, CHANNEL: channels}
    return xr.DataArray(kernel, coords, (*SAMPLE, CHANNEL, LAG))


def half_life(kernel: Array) -> Array:
    """Periods from the start of a period until half of the effect of its spend has come about.

    Parameters
    ----------
    kernel : ndarray of shape (..., lag)
        Summing to one over the lags; the part of each lag comes about evenly over its period.

    Returns
    -------
    ndarray of shape (...)

    Examples
    --------
    >>> half_life(np.array([[0.5, 0.25, 0.25], [0.1, 0.2, 0.7], [0.0, 0.0, 1.0]]))
    array([1.        , 2.28571429, 2.5       ])
    """
    reached = kernel.cumsum(axis=-1)
    lag = (reached < 0.5).sum(axis=-1, keepdims=True)
    part = np.take_along_axis(kernel, lag, axis=-1)
    missing = 0.5 - (np.take_along_axis(reached, lag, axis=-1) - part)
    times: Array = (lag + missing / part)[..., 0]
    return times
