"""Clients whose data cannot tell what media earn: a model must not be believed of them.

Each has one fault that is common in practice, and a truth to show how far a model goes astray:
spend that follows a demand which is in no column, two channels that are planned as one, and a
history that is too short for the number of channels.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pymc_toolkit.exceptions import SpecificationError
from pymc_toolkit.simulate import simulate_client
from pymc_toolkit.simulate_plans import (
    ChannelPlan,
    SimulatedClient,
    autoregressive,
    event_days,
    sell,
    spend,
)

_FEWEST_PERIODS = 20
_NAMES = ("date_week", "revenue")
_INTERCEPT, _EVENT = 30_000.0, 2_000.0
_TV = ChannelPlan("tv_cost", "flights", 4_000, 22_000, 1.0, 0.5)
_SOCIAL = ChannelPlan("social_cost", "always_on", 2_000, 14_000, 1.1, 0.2)
_SEARCH = ChannelPlan("search_cost", "always_on", 1_500, 4_000, 1.0, 0.05)
_VIDEO = ChannelPlan("video_cost", "flights", 1_200, 9_000, 1.2, 0.4)
# How long demand lasts, how far it moves search budgets, and sales as a share of the base.
_MEMORY, _PULL, _DEMAND = 0.85, 0.4, 0.3


def simulate_confounded_client(
    n_periods: int = 104, seed: int = 0, noise: float = 0.03
) -> SimulatedClient:
    """Simulate a client whose search budget follows demand, which no column holds.

    People who want the product search for it, so that search costs more when sales are high
    anyway. Search itself brings little; a model credits it with the demand.

    Parameters
    ----------
    n_periods : int
        Number of weeks, at least 20.
    seed : int
        Same seed, same client.
    noise : float
        Standard deviation of the weekly noise, as a share of the mean of the target.

    Returns
    -------
    SimulatedClient
        With ``demand`` (what it added to sales, by week) in its truth.

    Raises
    ------
    SpecificationError
        If there are fewer than 20 weeks.

    Examples
    --------
    >>> client = simulate_confounded_client(n_periods=52)
    >>> client.channel_names
    ['tv_cost', 'social_cost', 'search_cost']
    """
    _check_length(n_periods)
    rng = np.random.default_rng(seed)
    plans = [_TV, _SOCIAL, _SEARCH]
    media = spend(rng, plans, n_periods)
    demand = autoregressive(rng, n_periods, _MEMORY)
    follows = np.exp(_PULL * demand + 0.15 * rng.standard_normal(n_periods))
    media[:, 2] = np.round(_SEARCH.level * follows, 2)
    size = _DEMAND * _INTERCEPT
    client = sell(
        rng,
        plans,
        media,
        controls={"events": (event_days(rng, n_periods), _EVENT), "demand": (demand, size)},
        intercept=_INTERCEPT,
        noise=noise,
        seasonality=0.0,
        effectiveness=np.ones(n_periods),
        names=_NAMES,
    )
    truth = {**client.truth, "demand": (size * demand).tolist()}
    data = client.data.drop(columns="demand")
    return replace(client, data=data, truth=truth, control_names=["events"])


def simulate_collinear_client(
    n_periods: int = 104, seed: int = 0, noise: float = 0.03, apart: float = 0.03
) -> SimulatedClient:
    """Simulate a client who always buys TV and video together, in one proportion.

    Parameters
    ----------
    n_periods : int
        Number of weeks, at least 20.
    seed : int
        Same seed, same client.
    noise : float
        As for :func:`simulate_confounded_client`.
    apart : float
        How far the two move on their own, as a share of their spend.

    Returns
    -------
    SimulatedClient

    Raises
    ------
    SpecificationError
        If there are fewer than 20 weeks.

    Examples
    --------
    >>> client = simulate_collinear_client(n_periods=52)
    >>> client.data["tv_cost"].corr(client.data["video_cost"]).round(2)
    np.float64(1.0)
    """
    _check_length(n_periods)
    rng = np.random.default_rng(seed)
    plans = [_TV, _VIDEO, _SOCIAL]
    media = spend(rng, plans, n_periods)
    own = np.exp(apart * rng.standard_normal(n_periods))
    media[:, 1] = np.round(media[:, 0] * own * _VIDEO.level / _TV.level, 2)
    return sell(
        rng,
        plans,
        media,
        controls={"events": (event_days(rng, n_periods), _EVENT)},
        intercept=_INTERCEPT,
        noise=noise,
        seasonality=0.0,
        effectiveness=np.ones(n_periods),
        names=_NAMES,
    )


def simulate_short_client(
    n_periods: int = 26, n_channels: int = 8, seed: int = 0, noise: float = 0.04
) -> SimulatedClient:
    """Simulate a client with many channels and half a year of data.

    Parameters
    ----------
    n_periods : int
        Number of weeks, at least 20.
    n_channels : int
        Number of channels, at least 1.
    seed : int
        Same seed, same client.
    noise : float
        As for :func:`simulate_confounded_client`.

    Returns
    -------
    SimulatedClient

    Raises
    ------
    SpecificationError
        If there are fewer than 20 weeks or no channel.

    Examples
    --------
    >>> simulate_short_client().data.shape
    (26, 11)
    """
    return simulate_client(n_periods, n_channels, seed, noise)


def _check_length(n_periods: int) -> None:
    if n_periods < _FEWEST_PERIODS:
        raise SpecificationError(
            f"Got {n_periods} periods; expected at least {_FEWEST_PERIODS}. Ask for a longer "
            "client."
        )
