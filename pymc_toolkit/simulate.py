"""Clients whose truth is known: what each channel really earned, so that a model can be held to it.

Media plans look like real ones (flights with dark weeks, bursts, budgets that move together and
with demand); the response is geometric carry-over, Michaelis-Menten saturation and an
effectiveness that drifts over time.
"""

from __future__ import annotations

import numpy as np

from pymc_toolkit.arrays import Array
from pymc_toolkit.exceptions import SpecificationError
from pymc_toolkit.simulate_plans import (
    ChannelPlan,
    Flighting,
    SimulatedClient,
    event_days,
    sell,
    spend,
)

MS_SEED = 20210104


def simulate_client(
    n_periods: int = 104,
    n_channels: int = 4,
    seed: int = 0,
    noise: float = 0.04,
    effectiveness_drift: float = 0.0,
) -> SimulatedClient:
    """Simulate a weekly client with a given number of channels and one control.

    Parameters
    ----------
    n_periods : int
        Number of weeks, at least 20.
    n_channels : int
        Number of paid channels, at least 1, named ``channel_1_cost`` and so on.
    seed : int
        Same seed, same client.
    noise : float
        Standard deviation of the weekly noise, as a share of the mean of the target.
    effectiveness_drift : float
        Relative change of media effectiveness from the first week to the last; 0 is none.

    Returns
    -------
    SimulatedClient

    Raises
    ------
    SpecificationError
        If there are fewer than 20 weeks or no channel.

    Examples
    --------
    >>> client = simulate_client(n_periods=52, n_channels=2, seed=1)
    >>> client.data.shape
    (52, 5)
    >>> sorted(client.truth)
    ['contributions', 'parameters', 'roi']
    """
    if n_periods < 20 or n_channels < 1:
        raise SpecificationError(
            f"Got {n_periods} periods and {n_channels} channels; expected at least 20 periods and "
            "1 channel. Ask for a longer client or more channels."
        )
    rng = np.random.default_rng(seed)
    styles: tuple[Flighting, ...] = ("always_on", "flights", "bursts")
    plans = [
        ChannelPlan(
            name=f"channel_{i + 1}_cost",
            flighting=styles[i % 3],
            level=float(rng.uniform(500, 5000)),
            amplitude=float(rng.uniform(40_000, 120_000)) / np.sqrt(n_channels),
            half_saturation=float(rng.uniform(0.5, 2.0)),
            retention=float(rng.uniform(0.1, 0.6)),
            group="paid" if i % 2 else "",
            follows_demand=float(rng.uniform(0, 0.3)),
        )
        for i in range(n_channels)
    ]
    events = event_days(rng, n_periods)
    return sell(
        rng,
        plans,
        spend(rng, plans, n_periods),
        controls={"events": (events, 6_000.0)},
        intercept=30_000.0,
        noise=noise,
        seasonality=0.0,
        effectiveness=_drift(n_periods, effectiveness_drift),
        names=("date_week", "revenue"),
    )


def simulate_ms(seed: int = MS_SEED) -> SimulatedClient:
    """Simulate the flagship client: 161 weeks, 13 channels, 2 controls.

    A fashion shop whose budgets on one platform move together, follow the season and go dark;
    whose media lost effectiveness and won part of it back; whose sales have a small season that no
    column explains.

    Parameters
    ----------
    seed : int
        Same seed, same client; the default made ``data/ms.csv``.

    Returns
    -------
    SimulatedClient

    Examples
    --------
    >>> simulate_ms().data.shape
    (161, 17)
    """
    rng = np.random.default_rng(seed)
    n_periods = 161
    events = event_days(rng, n_periods)
    emails = _email_volume(rng, n_periods, events)
    client = sell(
        rng,
        _MS_PLANS,
        spend(rng, _MS_PLANS, n_periods),
        controls={"events": (events, 2_300.0), "emails_delivered": (emails, 0.03)},
        intercept=6_500.0,
        noise=0.035,
        seasonality=0.012,
        effectiveness=_drift(n_periods, -0.25) * _hump(n_periods, 0.12),
        names=("date_week", "ecommerce_revenue"),
    )
    order = ["date_week", "ecommerce_revenue", "snapchat_cost", "emails_delivered"]
    rest = [plan.name for plan in _MS_PLANS if plan.name != "snapchat_cost"]
    data = client.data[[*order, *rest, "events"]]
    return SimulatedClient(
        data,
        client.truth,
        client.date_column,
        client.target_name,
        client.channel_names,
        client.control_names,
    )


# Channel, flighting, typical week, weekly ceiling of revenue, half saturation, retention, group,
# pull of demand. Levels are euros, but for the views of the last.
_MS_PLANS = (
    ChannelPlan("snapchat_cost", "flights", 900, 9_000, 1.2, 0.25, "social"),
    ChannelPlan(
        "facebook_ads_conversions_cost", "always_on", 4_200, 24_000, 1.1, 0.30, "facebook", 0.25
    ),
    ChannelPlan(
        "facebook_ads_brand_awareness_cost", "flights", 1_800, 13_000, 1.4, 0.55, "facebook"
    ),
    ChannelPlan("facebook_ads_engagement_cost", "bursts", 700, 8_000, 0.9, 0.20, "facebook"),
    ChannelPlan("google_ads_video_cost", "flights", 2_400, 15_000, 1.6, 0.60, "video"),
    ChannelPlan("google_ads_shopping_cost", "always_on", 3_600, 22_000, 1.0, 0.15, "search", 0.30),
    ChannelPlan("google_ads_search_men_cost", "flights", 1_100, 10_000, 1.0, 0.10, "search"),
    ChannelPlan("google_ads_search_kids_cost", "bursts", 600, 8_500, 0.8, 0.10, "search"),
    ChannelPlan("google_ads_display_only_cost", "flights", 1_300, 9_000, 1.3, 0.40, "video"),
    ChannelPlan("google_ads_search_brand_cost", "always_on", 800, 14_000, 0.9, 0.05, "search", 0.2),
    ChannelPlan(
        "google_ads_search_women_cost",
        "flights",
        1_900,
        14_000,
        1.1,
        0.10,
        "search",
        flights_with="google_ads_search_men_cost",
    ),
    ChannelPlan("google_ads_search_others_cost", "bursts", 500, 7_500, 1.0, 0.15, "search"),
    ChannelPlan("youtube_organic_views", "bursts", 60_000, 9_000, 1.0, 0.45, "video", counts=True),
)


def _drift(n_periods: int, change: float) -> Array:
    """A straight line around one that changes by ``change`` over the window."""
    return 1 + change * (np.linspace(0, 1, n_periods) - 0.5)


def _hump(n_periods: int, height: float) -> Array:
    """A slow wave around one."""
    wave = 1 + height * np.sin(np.linspace(0, 2.5 * np.pi, n_periods))
    return wave / wave.mean()


def _email_volume(rng: np.random.Generator, n_periods: int, events: Array) -> Array:
    """Emails delivered: a growing list, mailed more before a sale."""
    list_size = np.linspace(60_000, 110_000, n_periods)
    mailings = 0.6 + 0.25 * events + 0.3 * np.abs(rng.normal(size=n_periods))
    return np.round(list_size * mailings)
