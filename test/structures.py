"""Models that together have every part, and windows to fit them on."""

from __future__ import annotations

import pandas as pd
from fits import small_config

from pymc_toolkit.client_config import ClientConfig
from pymc_toolkit.components.uplift_tests import UpliftTest
from pymc_toolkit.model_data import ModelData
from pymc_toolkit.model_spec import ModelSpec
from pymc_toolkit.priors import plain

SHARED = {"saturation_lam": plain("HalfNormal", {"sigma": 1})}

# Together: every adstock, every saturation, every part that a model may have.
STRUCTURES = {
    "geometric, michaelis_menten, media over time": (
        ModelSpec(lag_max=4, time_varying_media=True),
        True,
    ),
    "delayed, hill, everything": (
        ModelSpec(
            lag_max=5,
            adstock="delayed",
            saturation="hill",
            time_varying_media=True,
            time_varying_intercept=True,
            yearly_seasonality=2,
            trend=3,
        ),
        True,
    ),
    "weibull_pdf, logistic, baseline over time": (
        ModelSpec(
            lag_max=6,
            adstock="weibull_pdf",
            saturation="logistic",
            time_varying_intercept=True,
            prior_overrides={"intercept_tvp_config": {"m": 20, "L": 90.0, "cov_func": "ExpQuad"}},
        ),
        False,
    ),
    "weibull_cdf, tanh, straight line": (
        ModelSpec(lag_max=3, adstock="weibull_cdf", saturation="tanh", trend=1),
        True,
    ),
    "binomial, root, season": (
        ModelSpec(lag_max=4, adstock="binomial", saturation="root", yearly_seasonality=3),
        False,
    ),
    "no carry-over, one half saturation for all": (
        ModelSpec(
            lag_max=1,
            prior_overrides={
                **SHARED,
                "media_tvp_config": {"m": 15, "cov_func": "Matern32"},
            },
            time_varying_media=True,
        ),
        True,
    ),
}


# One of every kind, on the dates of the windows below.
EXPERIMENTS = (
    UpliftTest("channel_1_cost", "2023-02-06", "2023-03-05", effect=3000.0, sigma=800.0),
    UpliftTest(
        "channel_2_cost",
        "2023-03-06",
        "2023-03-26",
        effect=(100.0, 200.0, 150.0),
        sigma=(50.0, 60.0, 70.0),
        spend_change=500.0,
        included=False,
    ),
    UpliftTest(
        "channel_1_cost", level=400.0, spend_change=100.0, effect=50.0, sigma=20.0, robust=True
    ),
    UpliftTest("channel_2_cost", "2023-02-06", "2023-05-07", lower=9e5, upper=1e6, sigma=2e5),
)
WITH_EXPERIMENTS = {
    "hill over time, experiments": (
        ModelSpec(lag_max=3, saturation="hill", time_varying_media=True, uplift_tests=EXPERIMENTS),
        True,
    ),
    "one measurement": (ModelSpec(lag_max=2, uplift_tests=EXPERIMENTS[:1]), False),
}


def windows(
    controls: bool, frequency: str = "W-MON", periods: int = 36, held_out: int = 6
) -> tuple[ModelData, ModelData]:
    """A training window and the longer one that it begins, with the scalers of the former."""
    table = small_config(periods, controls=controls).table
    start = "2023-01-01" if frequency == "MS" else "2023-01-02"
    dates = pd.date_range(start, freq=frequency, periods=periods)
    table = table.assign(date_week=dates)
    channels = [name for name in table if name.startswith("channel")]
    config = ClientConfig(
        table.head(periods - held_out),
        "revenue",
        "date_week",
        channels,
        ["events"] if controls else None,
        control_scaler="standard",
    )
    future = config.future(table.tail(held_out).drop(columns="revenue"))
    return config.model_data, config.model_data.followed_by(future)
