"""Clients described in files, for tests of the command line."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from pymc_toolkit.simulate import simulate_client

SHOP = """\
[client]
name = "Shop & Co"
data = "data/shop.csv"
target = "revenue"
date_column = "date_week"
channels = ["channel_1_cost", "channel_2_cost"]
controls = ["events"]

[model]
lag_max = 3

[sampling]
draws = 20
tune = 20
chains = 2

[fleets.production]
test_size = 4

[fleets.ahead]
kind = "forecast"
horizon = 4
scenarios = ["flat"]
"""


def write_client(folder: Path, text: str = SHOP, name: str = "shop.toml", seed: int = 0) -> Path:
    """Write a client's file, and the data that it names."""
    data = folder / tomllib.loads(text)["client"]["data"]
    data.parent.mkdir(parents=True, exist_ok=True)
    table = simulate_client(n_periods=60, n_channels=2, seed=seed).data
    table.to_csv(data, index=False)
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def files_of(folder: Path) -> set[str]:
    """Names of all files below a folder."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def minimal(**tables: Any) -> dict[str, Any]:
    """Tables of a file with no more than what is needed, and those given."""
    client = {
        "name": "a",
        "data": "a.csv",
        "target": "y",
        "date_column": "d",
        "channels": ["tv"],
    }
    return {"client": client, **tables}
