"""Clients whose truth is known: what each channel really earned, so that a model can be held to it.

Media plans look like real ones (flights with dark weeks, bursts, budgets that move together and
with demand); the response is geometric carry-over, Michaelis-Menten saturation and an
effectiveness that drifts over time.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from pymc_toolkit.arrays import Array
from pymc_toolkit.components.adstock import ADSTOCKS, carry_over
from pymc_toolkit.components.saturation import SATURATIONS
from pymc_toolkit.exceptions import SpecificationError

Flighting = Literal["always_on", "flights", "bursts"]

MS_SEED = 20210104
LAG_MAX = 4


@dataclass(frozen=True)
class ChannelPlan:
    """How one channel's budget is spent and what it really does.

    Parameters
    ----------
    name : str
        Column name.
    flighting : {"always_on", "flights", "bursts"}
        Spent every week; in campaigns of some weeks with dark weeks between; in single weeks.
    level : float
        Typical weekly spend (or exposures) when on, in the column's unit.
    amplitude : float
        What the channel would earn in a week if saturated, in units of the target.
    half_saturation : float
        Carried-over spend at which it earns half of that, as a multiple of ``level``.
    retention : float
        Geometric carry-over rate per week, between 0 and 1.
    group : str
        Channels of one group share part of their week-to-week movement.
    follows_demand : float
        How strongly spend follows the yearly demand wave.
    flights_with : str
        Name of an earlier channel whose weeks on air this one shares.
    counts : bool
        Whether the column holds whole numbers (views, deliveries) rather than money.
    """

    name: str
    flighting: Flighting
    level: float
    amplitude: float
    half_saturation: float
    retention: float
    group: str = ""
    follows_demand: float = 0.0
    flights_with: str = ""
    counts: bool = False


@dataclass(frozen=True)
class SimulatedClient:
    """A client's table together with the truth behind it.

    Parameters
    ----------
    data : pandas.DataFrame
        One row a week, as a client would send it.
    truth : dict
        ``parameters`` in original units, ``contributions`` {channel: total}, ``roi``
        {channel: contribution per unit spent}.
    date_column, target_name : str
    channel_names, control_names : list of str
    """

    data: pd.DataFrame
    truth: dict[str, Any]
    date_column: str
    target_name: str
    channel_names: list[str]
    control_names: list[str] = field(default_factory=list)

    def write(self, folder: str | Path, stem: str) -> tuple[Path, Path]:
        """Write ``<stem>.csv`` and ``<stem>_truth.json`` into a folder, and return their paths."""
        table, truth = Path(folder) / f"{stem}.csv", Path(folder) / f"{stem}_truth.json"
        self.data.to_csv(table, index=False, lineterminator="\n")
        truth.write_text(json.dumps(self.truth, indent=2) + "\n", encoding="utf-8")
        return table, truth


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
    return _simulate(
        rng,
        plans,
        n_periods,
        controls={"events": (_event_days(rng, n_periods), 6_000.0)},
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
    events = _event_days(rng, n_periods)
    emails = _email_volume(rng, n_periods, events)
    client = _simulate(
        rng,
        _MS_PLANS,
        n_periods,
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


def _simulate(
    rng: np.random.Generator,
    plans: Sequence[ChannelPlan],
    n_periods: int,
    controls: Mapping[str, tuple[Array, float]],
    intercept: float,
    noise: float,
    seasonality: float,
    effectiveness: Array,
    names: tuple[str, str],
) -> SimulatedClient:
    """Spend the plans, add up what everything earns, and keep the truth."""
    date_column, target_name = names
    dates = pd.date_range("2021-01-04", periods=n_periods, freq="W-MON")
    demand = _demand(dates)
    media = _spend(rng, plans, demand)
    contributions = _earn(plans, media) * effectiveness[:, None]
    expected = intercept + contributions.sum(axis=1)
    for values, coefficient in controls.values():
        expected = expected + coefficient * values
    expected = expected + seasonality * expected.mean() * np.roll(demand, 9)
    sigma = noise * expected.mean()
    target = np.round(expected + rng.normal(0, sigma, n_periods), 2)

    columns: dict[str, Any] = {date_column: dates.strftime("%Y-%m-%d"), target_name: target}
    for j, plan in enumerate(plans):
        columns[plan.name] = media[:, j].astype(np.int64) if plan.counts else media[:, j]
    for name, (values, _) in controls.items():
        columns[name] = values.astype(np.int64)
    channels = [plan.name for plan in plans]
    totals = dict(zip(channels, contributions.sum(axis=0).tolist(), strict=True))
    truth = {
        "parameters": {
            "intercept": intercept,
            "y_sigma": float(sigma),
            "gamma_control": {name: coefficient for name, (_, coefficient) in controls.items()},
            "adstock_alpha": {plan.name: plan.retention for plan in plans},
            "saturation_alpha": {plan.name: plan.amplitude for plan in plans},
            "saturation_lam": {plan.name: plan.level * plan.half_saturation for plan in plans},
            "media_temporal_latent_multiplier": effectiveness.tolist(),
        },
        "contributions": totals,
        "roi": {name: totals[name] / float(media[:, j].sum()) for j, name in enumerate(channels)},
    }
    return SimulatedClient(
        pd.DataFrame(columns), truth, date_column, target_name, channels, list(controls)
    )


def _earn(plans: Sequence[ChannelPlan], media: Array) -> Array:
    """Contribution of each channel in each period before effectiveness drifts."""
    retention = np.array([plan.retention for plan in plans])
    kernel = ADSTOCKS["geometric"].kernel(LAG_MAX, {"alpha": retention})
    return SATURATIONS["michaelis_menten"].response(
        carry_over(media, kernel),
        lam=np.array([plan.level * plan.half_saturation for plan in plans]),
        alpha=np.array([plan.amplitude for plan in plans]),
    )


def _spend(rng: np.random.Generator, plans: Sequence[ChannelPlan], demand: Array) -> Array:
    """Spend per period and channel, rounded as an ad platform reports it."""
    n_periods = demand.size
    # Sorted: the order of the draws must not depend on hashing.
    groups = sorted({plan.group for plan in plans})
    shared = {group: _autoregressive(rng, n_periods) for group in groups}
    on_air: dict[str, Array] = {}
    media = np.empty((n_periods, len(plans)))
    for j, plan in enumerate(plans):
        weight = 0.75 if plan.group else 0.0
        own = _autoregressive(rng, n_periods)
        movement = weight * shared[plan.group] + np.sqrt(1 - weight**2) * own
        calendar = _on_air(rng, plan.flighting, n_periods)
        on_air[plan.name] = on_air.get(plan.flights_with, calendar)
        level = plan.level * np.exp(0.38 * movement + plan.follows_demand * demand - 0.07)
        spend = level * on_air[plan.name]
        media[:, j] = np.round(spend) if plan.counts else np.round(spend, 2)
    return media


def _on_air(rng: np.random.Generator, flighting: Flighting, n_periods: int) -> Array:
    """One where the channel is on air, zero where it is dark."""
    if flighting == "always_on":
        return np.ones(n_periods)
    lengths = {"flights": ((4, 11), (2, 8)), "bursts": ((1, 4), (2, 7))}[flighting]
    on_air = np.zeros(n_periods)
    start = int(rng.integers(0, 6))
    while start < n_periods:
        length = int(rng.integers(*lengths[0]))
        on_air[start : start + length] = 1
        start += length + int(rng.integers(*lengths[1]))
    return on_air


def _autoregressive(rng: np.random.Generator, n_periods: int, memory: float = 0.6) -> Array:
    """A stationary first-order autoregression with variance one."""
    shocks = rng.normal(0, np.sqrt(1 - memory**2), n_periods)
    series = np.empty(n_periods)
    level = rng.normal()
    for t, shock in enumerate(shocks):
        level = memory * level + shock
        series[t] = level
    return series


def _demand(dates: pd.DatetimeIndex) -> Array:
    """Yearly demand for fashion: a high autumn and Christmas, a low late winter."""
    angle = 2 * np.pi * dates.day_of_year.to_numpy() / 365.25
    return np.cos(angle - 2 * np.pi * 0.90) + 0.35 * np.cos(2 * angle - 2 * np.pi * 0.35)


def _drift(n_periods: int, change: float) -> Array:
    """A straight line around one that changes by ``change`` over the window."""
    return 1 + change * (np.linspace(0, 1, n_periods) - 0.5)


def _hump(n_periods: int, height: float) -> Array:
    """A slow wave around one."""
    wave = 1 + height * np.sin(np.linspace(0, 2.5 * np.pi, n_periods))
    return wave / wave.mean()


def _event_days(rng: np.random.Generator, n_periods: int) -> Array:
    """Sale days per week: a few fixed weeks a year and some of the shop's own."""
    days = np.zeros(n_periods)
    for week, length in ((0, 4), (21, 2), (26, 3), (46, 3), (47, 5), (51, 2)):
        days[week::52] = length
    own = rng.choice(n_periods, size=n_periods // 20, replace=False)
    days[own] += rng.integers(1, 3, own.size)
    return np.minimum(days, 7)


def _email_volume(rng: np.random.Generator, n_periods: int, events: Array) -> Array:
    """Emails delivered: a growing list, mailed more before a sale."""
    list_size = np.linspace(60_000, 110_000, n_periods)
    mailings = 0.6 + 0.25 * events + 0.3 * np.abs(rng.normal(size=n_periods))
    return np.round(list_size * mailings)
