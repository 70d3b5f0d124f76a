"""What a plan brings: the training window, the plan, and the empty periods that carry over reaches.

Whole plans are given to the engine, so that whatever it has between spend and target is in the
answer: curves of any shape, channels that drive each other, effectiveness that drifts on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import xarray as xr

from pymc_toolkit.arrays import Array, over_regions
from pymc_toolkit.engines import get_engine
from pymc_toolkit.engines.base import Fit
from pymc_toolkit.exceptions import SpecificationError
from pymc_toolkit.model_data import ModelData
from pymc_toolkit.names import CHANNEL, DATE, GEO, SAMPLE

# A little more money, as a share of what a channel spends, to see what it adds.
STEP = 1e-3
# Other channels' contributions may move by this share of their size before channels interact.
_UNMOVED = 1e-6


def media_outcome(fit: Fit, ahead: ModelData) -> xr.DataArray:
    """What each channel brings in the periods ahead, and in those after them that it reaches.

    Parameters
    ----------
    fit : Fit
    ahead : ModelData
        The periods right after the training window.

    Returns
    -------
    xarray.DataArray
        Units of the target over all periods and regions, with dims chain, draw, channel. What is
        carried over from the training window is part of it.
    """
    start = fit.training.n_periods
    window = fit.training.followed_by(ahead).followed_by(_silence(ahead, _reach(fit)))
    brought = get_engine(fit.engine).decompose(fit, window)["channels"]
    # Sums before units: scales are of regions, never of dates.
    total = brought.isel({DATE: slice(start, None)}).sum(DATE) * fit.training.scale("target")
    return over_regions(total).transpose(*SAMPLE, CHANNEL)


def without_media(ahead: ModelData) -> ModelData:
    """The same periods with nothing on air."""
    return replace(ahead, dataset=ahead.dataset.assign(media=xr.zeros_like(ahead.dataset["media"])))


def costs_of(channels: Sequence[str], cost_per_unit: Mapping[str, float | None]) -> pd.Series:
    """Money per unit of each channel's column, NaN where it is not bought."""
    costs = {name: cost_per_unit.get(name, 1.0) for name in channels}
    return pd.Series(costs, dtype=float).rename_axis(CHANNEL)


def spent(ahead: ModelData, cost_per_unit: Mapping[str, float | None]) -> pd.Series:
    """Money over a window and all regions by channel, NaN where it is not bought."""
    units = over_regions(ahead.dataset["media"].sum(DATE)).to_series()
    return units * costs_of(ahead.channels, cost_per_unit)


def thinned(fit: Fit, draws: int) -> Fit:
    """The same fit with at most so many draws, evenly chosen."""
    posterior = fit.posterior
    chains, length = (posterior.sizes[dim] for dim in SAMPLE)
    kept = max(1, draws // chains)
    if kept >= length:
        return fit
    chosen = np.linspace(0, length - 1, kept).round().astype(int)
    few = xr.DataTree.from_dict({"posterior": posterior.isel(draw=chosen)})
    return replace(fit, idata=few)


@dataclass(frozen=True, eq=False)
class Outlook:
    """The periods ahead, as a function of the money on each channel that is bought.

    Parameters
    ----------
    fit : Fit
    ahead : ModelData
        The plan: what channels that are not bought and controls do.
    costs : pandas.Series
        Index channel, those that are bought: money per unit of the column.
    shape : xarray.DataArray
        Units of the channel's column per unit of money on it, dims date (and geo) and channel.
    """

    fit: Fit
    ahead: ModelData
    costs: pd.Series
    shape: xr.DataArray

    @classmethod
    def of(cls, fit: Fit, ahead: ModelData, cost_per_unit: Mapping[str, float | None]) -> Outlook:
        """The outlook of a plan, whose flighting money follows.

        Parameters
        ----------
        fit : Fit
        ahead : ModelData
        cost_per_unit : Mapping of str to float or None
            As the client's configuration has it.

        Raises
        ------
        SpecificationError
            If no channel is bought.
        """
        costs = costs_of(ahead.channels, cost_per_unit).dropna()
        if costs.empty:
            raise SpecificationError(
                "Got a client none of whose channels is bought (every cost_per_unit is None); "
                "expected some that cost money. Set cost_per_unit."
            )
        chosen = {CHANNEL: list(costs.index)}
        media = ahead.dataset["media"].sel(chosen)
        usual = fit.training.dataset["media"].sel(chosen)
        return cls(fit, ahead, costs, _flighting(media, usual) / _along(costs))

    @property
    def channels(self) -> list[str]:
        """Channels that are bought."""
        return [str(name) for name in self.costs.index]

    @property
    def planned(self) -> pd.Series:
        """Money of the plan by channel."""
        return spent(self.ahead, self.costs.to_dict())[self.channels]

    def thinned(self, draws: int) -> Outlook:
        """The same with fewer draws."""
        return replace(self, fit=thinned(self.fit, draws))

    def with_money(self, money: Array) -> ModelData:
        """The plan with other money on the channels that are bought.

        Parameters
        ----------
        money : ndarray of shape (channel,)
            Over the horizon, by channel that is bought.

        Returns
        -------
        ModelData
        """
        bought = self.shape * xr.DataArray(money, dims=CHANNEL, coords={CHANNEL: self.channels})
        media = self.ahead.dataset["media"].astype(float).copy()
        ordered = bought.transpose(*media.dims)
        media.loc[{CHANNEL: self.channels}] = ordered
        return replace(self.ahead, dataset=self.ahead.dataset.assign(media=media))

    def brings(self, money: Array) -> xr.DataArray:
        """What each channel of the client brings, dims chain, draw and channel."""
        return media_outcome(self.fit, self.with_money(money))

    def periods(self, money: Array) -> pd.DataFrame:
        """Money by period (index date) and channel, over all regions."""
        ahead = self.with_money(money).dataset["media"].sel({CHANNEL: self.channels})
        table = over_regions(ahead * _along(self.costs)).transpose(DATE, CHANNEL).to_pandas()
        return pd.DataFrame(table).rename_axis(columns=None)


def marginal_gains(
    outlook: Outlook, money: Array, base: xr.DataArray, together: bool
) -> xr.DataArray:
    """What a little more money on each channel adds, per unit of money and over all channels.

    Parameters
    ----------
    outlook : Outlook
    money : ndarray of shape (channel,)
    base : xarray.DataArray
        What :meth:`Outlook.brings` gives for that money.
    together : bool
        Whether channels leave each other alone, so that all can be raised at once.

    Returns
    -------
    xarray.DataArray
        Dims chain, draw and channel (those that are bought).
    """
    steps = STEP * np.maximum(money, money.max() * STEP)
    names = outlook.channels
    if together:
        added = (outlook.brings(money + steps) - base).sel({CHANNEL: names})
    else:
        alone = [outlook.brings(money + row) - base for row in np.diag(steps)]
        joined = xr.concat([each.sum(CHANNEL) for each in alone], dim=CHANNEL)
        added = joined.assign_coords({CHANNEL: names})
    return (added / xr.DataArray(steps, dims=CHANNEL, coords={CHANNEL: names})).transpose(
        *SAMPLE, CHANNEL
    )


def leave_each_other_alone(outlook: Outlook, low: Array, high: Array, draws: int = 16) -> bool:
    """Whether what a channel brings depends on its own money alone.

    Parameters
    ----------
    outlook : Outlook
    low, high : ndarray of shape (channel,)
        Money, to go from one to the other.
    draws : int
        How many draws to try it with.

    Returns
    -------
    bool
    """
    few = outlook.thinned(draws)
    base = few.brings(low)
    size = float(abs(base).sum(CHANNEL).mean())
    for at in np.flatnonzero(high > low):
        moved = low.copy()
        moved[at] = high[at]
        others = (few.brings(moved) - base).drop_sel({CHANNEL: few.channels[at]})
        if others.size and float(abs(others).max()) > _UNMOVED * size:
            return False
    return True


def _reach(fit: Fit) -> int:
    """Periods after a plan that it still acts on."""
    dag = fit.spec.channel_dag
    return fit.spec.lag_max - 1 + (dag.lags if dag else 0)


def _silence(ahead: ModelData, periods: int) -> ModelData:
    """Periods after a plan in which nothing is on air, with its average controls."""
    quiet = ahead.dataset.mean(DATE).expand_dims({DATE: ahead.next_dates(periods)})
    order = {name: ahead.dataset[name].dims for name in ahead.dataset.data_vars}
    variables = {name: quiet[name].transpose(*dims) for name, dims in order.items()}
    return without_media(replace(ahead, dataset=quiet.assign(variables)))


def _flighting(media: xr.DataArray, usual: xr.DataArray) -> xr.DataArray:
    """Share of each period (and region) in what a channel spends over the horizon.

    A channel that the plan leaves out is spread evenly, over regions as it was in training.
    """
    even = xr.ones_like(media, dtype=float)
    if GEO in media.dims:
        by_region = usual.sum(DATE)
        even = even * by_region.where(by_region.sum(GEO) > 0, 1.0)
    everywhere = [dim for dim in media.dims if dim != CHANNEL]
    shape = media.where(media.sum(everywhere) > 0, even)
    return shape / shape.sum(everywhere)


def _along(costs: pd.Series) -> xr.DataArray:
    return xr.DataArray(costs.to_numpy(), dims=CHANNEL, coords={CHANNEL: list(costs.index)})
