"""Clients and decompositions made by hand, each with one fault or none."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from pymc_toolkit.client_config import ClientConfig
from pymc_toolkit.model_data import ModelData
from pymc_toolkit.names import CHANNEL, DATE, SAMPLE

CHANNELS = ["tv", "radio", "search"]


def client(n_periods: int = 110, seed: int = 0, **columns: Any) -> ModelData:
    """A weekly client whose spend is noise and whose sales follow it; columns may be replaced."""
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(
        {name: rng.gamma(4.0, 25.0, n_periods).round(2) for name in CHANNELS},
    )
    table.insert(0, "week", pd.date_range("2022-01-03", periods=n_periods, freq="W-MON"))
    table["sales"] = 1000 + table[CHANNELS].sum(axis=1) + 20 * rng.standard_normal(n_periods)
    for name, values in columns.items():
        table[name] = values
    controls = [name for name in table.columns if name not in (*CHANNELS, "week", "sales")]
    return ClientConfig(table, "sales", "week", CHANNELS, controls).model_data


def components(
    draws: int = 400, seed: int = 0, baseline: float = 600.0, **channels: Any
) -> xr.Dataset:
    """A decomposition of 20 periods; channels earn 100 +- 10 in each unless said otherwise."""
    rng = np.random.default_rng(seed)
    earned = {name: rng.normal(100.0, 10.0, (2, draws)) for name in CHANNELS} | channels
    parts = np.stack([np.broadcast_to(earned[name], (2, draws)) for name in CHANNELS], axis=-1)
    level = baseline + rng.normal(0.0, 10.0, (2, draws))
    data = xr.Dataset(
        {
            "baseline": ((*SAMPLE, DATE), np.repeat(level[..., None], 20, axis=-1)),
            "channels": ((*SAMPLE, DATE, CHANNEL), np.repeat(parts[:, :, None], 20, axis=2)),
        },
        coords={
            "chain": [0, 1],
            "draw": range(draws),
            DATE: pd.date_range("2022-01-03", periods=20, freq="W-MON"),
            CHANNEL: CHANNELS,
        },
    )
    return data.assign(fitted=data["baseline"] + data["channels"].sum(CHANNEL))


def spend(**channels: Any) -> xr.DataArray:
    """Spend in 60 periods, around 100 a period unless said otherwise."""
    rng = np.random.default_rng(1)
    values = {name: rng.uniform(50, 150, 60) for name in CHANNELS} | channels
    table = np.column_stack([np.broadcast_to(values[name], 60) for name in CHANNELS])
    return xr.DataArray(table, dims=(DATE, CHANNEL), coords={CHANNEL: CHANNELS})
