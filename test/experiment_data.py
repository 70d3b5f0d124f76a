"""Simulated experiments whose true effect is known, for several test modules."""

from __future__ import annotations

import numpy as np
import pandas as pd

EFFECT = 0.5
COVARIATES = ["age", "visits"]


def users(
    n: int = 400, seed: int = 0, *, chosen: float = 0.0, slope: float = 0.0, noise: float = 1.0
) -> pd.DataFrame:
    """Users whose outcome grows with age and visits.

    ``chosen`` is how strongly age raises the chance of treatment (0 is a lottery), ``slope`` how
    much the effect grows with age; its average is EFFECT either way.
    """
    rng = np.random.default_rng(seed)
    age, visits = rng.normal(size=n), rng.normal(size=n)
    treatment = rng.binomial(1, 1 / (1 + np.exp(-chosen * age)))
    effect = EFFECT + slope * age
    outcome = 3 + age + 0.5 * visits + effect * treatment + noise * rng.normal(size=n)
    return pd.DataFrame(
        {"age": 40 + 10 * age, "visits": visits, "treatment": treatment, "outcome": outcome}
    )


def regions(
    n_regions: int = 12,
    n_dates: int = 30,
    start: int = 20,
    *,
    effect: float = 0.0,
    n_treated: int = 1,
    seed: int = 0,
    noise: float = 1.0,
) -> pd.DataFrame:
    """Regions that share a season, more or less; the first ones gain ``effect`` a date."""
    rng = np.random.default_rng(seed)
    dates = pd.date_range("2024-01-01", periods=n_dates, freq="7D")
    season = 5 * np.sin(np.arange(n_dates) / 4)
    level = rng.normal(100, 3, size=n_regions)
    weight = rng.uniform(0.5, 1.5, size=n_regions)
    values = level + season[:, None] * weight + noise * rng.normal(size=(n_dates, n_regions))
    values[start:, :n_treated] += effect
    names = [f"region {i:02d}" for i in range(n_regions)]
    return pd.DataFrame(values, index=dates, columns=names).rename_axis("date").melt(
        var_name="region", value_name="outcome", ignore_index=False
    ).reset_index()  # fmt: skip
