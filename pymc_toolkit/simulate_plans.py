"""Clients from media plans: what is spent, what it earns, and the truth behind the table.

Media plans look like real ones (flights with dark weeks, bursts, budgets that move together and
with demand); the response is geometric carry-over and Michaelis-Menten saturation.
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

Flighting = Literal["always_on", "flights", "bursts"]

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


def spend(rng: np.random.Generator, plans: Sequence[ChannelPlan], n_periods: int) -> Array:
    """Spend per week and channel, rounded as an ad platform reports it.

    Parameters
    ----------
    rng : numpy.random.Generator
    plans : sequence of ChannelPlan
    n_periods : int

    Returns
    -------
    ndarray of shape (date, channel)

    Examples
    --------
    >>> plan = ChannelPlan("radio", "always_on", 100.0, 500.0, 1.0, 0.3)
    >>> spend(np.random.default_rng(0), [plan], n_periods=20).shape
    (20, 1)
    """
    demand = _demand(_weeks(n_periods))
    # Sorted: the order of the draws must not depend on hashing.
    groups = sorted({plan.group for plan in plans})
    shared = {group: autoregressive(rng, n_periods) for group in groups}
    on_air: dict[str, Array] = {}
    media = np.empty((n_periods, len(plans)))
    for j, plan in enumerate(plans):
        weight = 0.75 if plan.group else 0.0
        own = autoregressive(rng, n_periods)
        movement = weight * shared[plan.group] + np.sqrt(1 - weight**2) * own
        calendar = _on_air(rng, plan.flighting, n_periods)
        on_air[plan.name] = on_air.get(plan.flights_with, calendar)
        level = plan.level * np.exp(0.38 * movement + plan.follows_demand * demand - 0.07)
        spent = level * on_air[plan.name]
        media[:, j] = np.round(spent) if plan.counts else np.round(spent, 2)
    return media


def earn(plans: Sequence[ChannelPlan], media: Array) -> Array:
    """Contribution of each channel in each period before effectiveness drifts.

    Parameters
    ----------
    plans : sequence of ChannelPlan
    media : ndarray of shape (date, channel)

    Returns
    -------
    ndarray of shape (date, channel)

    Examples
    --------
    >>> plan = ChannelPlan("radio", "always_on", 100.0, 500.0, 1.0, 0.0)
    >>> earn([plan], np.array([[0.0], [100.0]])).ravel()
    array([  0., 250.])
    """
    retention = np.array([plan.retention for plan in plans])
    kernel = ADSTOCKS["geometric"].kernel(LAG_MAX, {"alpha": retention})
    return SATURATIONS["michaelis_menten"].response(
        carry_over(media, kernel),
        lam=np.array([plan.level * plan.half_saturation for plan in plans]),
        alpha=np.array([plan.amplitude for plan in plans]),
    )


def sell(
    rng: np.random.Generator,
    plans: Sequence[ChannelPlan],
    media: Array,
    controls: Mapping[str, tuple[Array, float]],
    intercept: float,
    noise: float,
    seasonality: float,
    effectiveness: Array,
    names: tuple[str, str],
) -> SimulatedClient:
    """Add up what everything earns, and keep the truth.

    Parameters
    ----------
    rng : numpy.random.Generator
        Of the noise.
    plans : sequence of ChannelPlan
    media : ndarray of shape (date, channel)
        What was spent.
    controls : Mapping of str to (ndarray of shape (date,), float)
        Values and coefficient of each.
    intercept, noise, seasonality : float
        Base of the target; standard deviation of the noise and size of a season that no column
        explains, as shares of the mean of the target.
    effectiveness : ndarray of shape (date,)
        What every contribution is multiplied with.
    names : tuple of str
        Of the columns of dates and target.

    Returns
    -------
    SimulatedClient
    """
    date_column, target_name = names
    n_periods = len(media)
    dates = _weeks(n_periods)
    contributions = earn(plans, media) * effectiveness[:, None]
    expected = intercept + contributions.sum(axis=1)
    for values, coefficient in controls.values():
        expected = expected + coefficient * values
    expected = expected + seasonality * expected.mean() * np.roll(_demand(dates), 9)
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


def event_days(rng: np.random.Generator, n_periods: int) -> Array:
    """Sale days per week: a few fixed weeks a year and some of the shop's own."""
    days = np.zeros(n_periods)
    for week, length in ((0, 4), (21, 2), (26, 3), (46, 3), (47, 5), (51, 2)):
        days[week::52] = length
    own = rng.choice(n_periods, size=n_periods // 20, replace=False)
    days[own] += rng.integers(1, 3, own.size)
    return np.minimum(days, 7)


def _weeks(n_periods: int) -> pd.DatetimeIndex:
    return pd.date_range("2021-01-04", periods=n_periods, freq="W-MON")


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


def autoregressive(rng: np.random.Generator, n_periods: int, memory: float = 0.6) -> Array:
    """A stationary first-order autoregression with variance one.

    Parameters
    ----------
    rng : numpy.random.Generator
    n_periods : int
    memory : float
        Correlation of one period with the next, between -1 and 1.

    Returns
    -------
    ndarray of shape (date,)
    """
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
