"""Made-up errors by region, with awkward names, to test drawing without a fit."""

from __future__ import annotations

import numpy as np
import pandas as pd
from report_examples import NASTY, QUOTED

from pymc_toolkit.fleets.regions import NAIVE
from pymc_toolkit.fleets.scoring import MODEL
from pymc_toolkit.reports.region_contract import RegionReport


def region_example(
    model: float = 0.1, rules: tuple[float, float, float] = (0.3, 0.2, 0.25), regions: int = 40
) -> RegionReport:
    """Errors that scatter around given sizes; a rule of NaN says nothing."""
    rng = np.random.default_rng(0)
    names = [NASTY, QUOTED, *(f"a region with a long name {i}" for i in range(regions - 2))]
    actual = 10.0 ** rng.uniform(2, 6, regions)
    sizes = dict(zip((MODEL, *NAIVE), (model, *rules), strict=True))
    tables, rows = [], {}
    for name, size in sizes.items():
        if np.isnan(size):
            continue
        wape = size * rng.uniform(0.5, 1.5, regions)
        table = pd.DataFrame({"region": names, "prediction": name, "actual": actual, "wape": wape})
        table["expected"], table["error"] = actual * (1 + wape), actual * wape
        tables.append(table.assign(r_squared=0.3, coverage=0.9))
        total = float(table["error"].sum() / actual.sum())
        rows[name] = {
            "wape": total,
            "rmse": 1000.0,
            "coverage": 0.9,
            "r_squared_median": 0.31,
            "r_squared_pooled": 0.97 if name == MODEL else 0.95,
        }
    table = pd.DataFrame.from_dict(rows, orient="index").reindex([MODEL, *NAIVE])
    skill = (1 - table.loc[MODEL, "wape"] / table["wape"]).where(table.index != MODEL)
    return RegionReport(8, table.assign(skill=skill), pd.concat(tables, ignore_index=True))
