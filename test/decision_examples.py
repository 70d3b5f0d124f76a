"""Clients and fits for the tests of decisions, none of them sampled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr
from fits import fake_fit, small_config

from pymc_toolkit.arrays import Array
from pymc_toolkit.client_config import ClientConfig
from pymc_toolkit.decisions.allocation import Allocation
from pymc_toolkit.decisions.budget import BudgetQuestion, divide_budget
from pymc_toolkit.decisions.limits import Limits
from pymc_toolkit.engines.base import Fit
from pymc_toolkit.engines.bayesian.decompose import decompose
from pymc_toolkit.model_spec import ModelSpec
from pymc_toolkit.names import CHANNEL

HORIZON = 6
SPEC = ModelSpec(lag_max=3, time_varying_media=True)


def four_channels(**options: Any) -> ClientConfig:
    """A client of 80 weeks, whose spends are of different sizes."""
    return small_config(80, 4, **options)


def fit_of(config: ClientConfig, spec: ModelSpec = SPEC, **options: Any) -> Fit:
    """Made-up draws of the client's model."""
    return fake_fit(config.model_data, spec, **{"draws": 20, **options})


def divided(
    fit: Fit | None = None, config: ClientConfig | None = None, **question: Any
) -> Allocation:
    """A budget of the horizon, divided for its expected outcome unless asked otherwise."""
    config = config or four_channels()
    fit = fit or fit_of(config)
    given = {"horizon": HORIZON, "objective": "mean", **question}
    return divide_budget(fit, config, BudgetQuestion(**given))


def outcome_by_hand(fit: Fit, config: ClientConfig, media: Array) -> xr.DataArray:
    """What channels bring in the periods of a plan and the three after them, by draw and channel.

    Media in original units, of shape (date, channel); controls play no part.
    """
    data = fit.training
    table = config.table.tail(1)
    rows = len(media) + 3
    silent = np.vstack([media, np.zeros((3, media.shape[1]))])
    ahead = table.loc[table.index.repeat(rows)].assign(
        **{config.date_column: data.next_dates(rows)},
        **dict(zip(config.channel_names, silent.T, strict=True)),
    )
    window = data.followed_by(config.future(ahead.drop(columns=config.target_name)))
    parts = decompose(fit.posterior, fit.spec, data, window)["channels"]
    return parts.isel(date=slice(data.n_periods, None)).sum("date") * data.scale("target")


def money(allocation: Allocation, column: str = "recommended") -> Array:
    """A column of the table as an array."""
    return allocation.table[column].to_numpy()


def random_budgets(
    low: Array, high: Array, total: float, count: int, rng: np.random.Generator
) -> list[Array]:
    """Budgets within bounds that add up to a total: random ones, moved along until they do."""
    budgets = []
    for _ in range(count):
        budget = rng.uniform(low, high)
        for _ in range(100):
            left = total - budget.sum()
            room = (high - budget) if left > 0 else (budget - low)
            if abs(left) < 1e-9 * total:
                break
            budget = budget + np.sign(left) * room * min(1.0, abs(left) / room.sum())
        budgets.append(budget)
    return budgets


def free_limits(current: Array, lower: Any = 0.0, upper: Any = np.inf, **changes: Any) -> Limits:
    """Limits of channels by number, with the total of the current budget."""
    size = len(current)
    top = np.minimum(np.broadcast_to(upper, size), 10 * current.sum())
    given: dict[str, Any] = {
        "channels": tuple(f"channel {i}" for i in range(size)),
        "current": current,
        "lower": np.broadcast_to(lower, size).astype(float),
        "upper": top.astype(float),
        "held": np.zeros(size, dtype=bool),
        "total_low": current.sum(),
        "total_high": current.sum(),
        "weights": np.zeros((0, size)),
        "low": np.zeros(0),
        "high": np.zeros(0),
        **changes,
    }
    return Limits(**given)


class Formula:
    """A surface of one draw from a function of the money on each channel, and its derivative."""

    def __init__(self, curve: Callable[[Array], Array], slope: Callable[[Array], Array]) -> None:
        self.curve, self.slope = curve, slope

    def total(self, money: Array) -> Array:
        return np.array([self.curve(money).sum()])

    def slopes(self, money: Array) -> Array:
        return self.slope(money)[:, None]


def bought(brought: xr.DataArray, allocation: Allocation) -> Array:
    """Of what channels bring, that of those in the table, of shape (draw, channel)."""
    chosen = brought.sel({CHANNEL: list(allocation.table.index)})
    return np.asarray(chosen.values.reshape(-1, len(allocation.table)))
