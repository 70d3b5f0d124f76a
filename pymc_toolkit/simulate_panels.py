"""Panels whose truth is known: a client in regions, one channel of which follows another."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from pymc_toolkit.arrays import Array
from pymc_toolkit.exceptions import SpecificationError
from pymc_toolkit.simulate_plans import ChannelPlan, SimulatedClient, event_days, sell, spend

_FEWEST_PERIODS = 20
# Channel, flighting, typical week, weekly ceiling, half saturation, retention, group, pull of
# demand: of a region of average size.
_PLANS = (
    ChannelPlan("tv", "flights", 4_000, 26_000, 1.2, 0.6),
    ChannelPlan("online_video", "flights", 1_500, 9_000, 1.0, 0.4),
    ChannelPlan("social", "always_on", 2_000, 14_000, 1.1, 0.2, "social", 0.1),
    ChannelPlan("radio", "bursts", 900, 6_000, 1.0, 0.3),
    ChannelPlan("search", "always_on", 1_200, 12_000, 1.0, 0.1, "", 0.1),
)
_CAUSE, _EFFECT = 0, 4
# Spend on search that one unit spent on TV brings about.
_DRIVEN = 0.25
_INTERCEPT, _EVENT, _SEASON = 30_000.0, 2_500.0, 0.05
# Spread of the logarithm of the size of regions.
_SIZES = 0.5


@dataclass(frozen=True)
class SimulatedPanel:
    """A panel's table together with the truth behind it.

    Parameters
    ----------
    data : pandas.DataFrame
        One row a week and region, as a client would send it.
    truth : dict
        Over all regions: ``contributions`` {channel: total} and ``roi`` {channel: contribution per
        unit spent}; and ``edges``, pairs of a channel and the one whose spend follows it.
    date_column, geo_column, target_name : str
    channel_names, control_names : list of str
    """

    data: pd.DataFrame
    truth: dict[str, Any]
    date_column: str
    geo_column: str
    target_name: str
    channel_names: list[str]
    control_names: list[str]


def simulate_panel(
    n_regions: int = 8, n_periods: int = 104, seed: int = 0, noise: float = 0.04
) -> SimulatedPanel:
    """Simulate a weekly client in several regions of different size: five channels, one control.

    In every region people who see more TV search more: the spend on search follows.

    Parameters
    ----------
    n_regions : int
        At least 2, named ``region 01`` and so on.
    n_periods : int
        Number of weeks, at least 20.
    seed : int
        Same seed, same panel.
    noise : float
        Standard deviation of the weekly noise, as a share of the mean of a region's target.

    Returns
    -------
    SimulatedPanel

    Raises
    ------
    SpecificationError
        If there are fewer than 2 regions or 20 weeks, or the noise is no size.

    Examples
    --------
    >>> panel = simulate_panel(n_regions=3, n_periods=52, seed=1)
    >>> panel.data.shape, panel.truth["edges"]
    ((156, 9), [('tv', 'search')])
    """
    if n_regions < 2 or n_periods < _FEWEST_PERIODS:
        raise SpecificationError(
            f"Got {n_regions} regions and {n_periods} periods; expected at least 2 regions and "
            f"{_FEWEST_PERIODS} periods. Ask for a larger panel."
        )
    if not 0 <= noise < np.inf:
        raise SpecificationError(f"Got noise={noise!r}; expected a share of at least zero.")
    rng = np.random.default_rng(seed)
    sizes = np.exp(rng.normal(0, _SIZES, n_regions))
    events = event_days(rng, n_periods)
    regions = {
        f"region {i + 1:02d}": _region(rng, float(size), events, noise)
        for i, size in enumerate(sizes)
    }
    parts = [client.data.assign(region=name) for name, client in regions.items()]
    first = next(iter(regions.values()))
    data = pd.concat(parts, ignore_index=True)
    keys = [first.date_column, "region"]
    data = data[[*keys, *(name for name in data if name not in keys)]]
    earned = {
        name: sum(client.truth["contributions"][name] for client in regions.values())
        for name in first.channel_names
    }
    return SimulatedPanel(
        data=data,
        truth={
            "contributions": earned,
            "roi": {name: earned[name] / float(data[name].sum()) for name in earned},
            "edges": [(_PLANS[_CAUSE].name, _PLANS[_EFFECT].name)],
        },
        date_column=first.date_column,
        geo_column="region",
        target_name=first.target_name,
        channel_names=first.channel_names,
        control_names=first.control_names,
    )


def _region(rng: np.random.Generator, size: float, events: Array, noise: float) -> SimulatedClient:
    """One region: everything in proportion to its size, with spend and noise of its own."""
    plans = [
        replace(plan, level=size * plan.level, amplitude=size * plan.amplitude) for plan in _PLANS
    ]
    media = spend(rng, plans, len(events))
    media[:, _EFFECT] = np.round(media[:, _EFFECT] + _DRIVEN * media[:, _CAUSE], 2)
    return sell(
        rng,
        plans,
        media,
        controls={"events": (events, size * _EVENT)},
        intercept=size * _INTERCEPT,
        noise=noise,
        seasonality=_SEASON,
        effectiveness=np.ones(len(events)),
        names=("week", "orders"),
    )
