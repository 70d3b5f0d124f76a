"""Made-up draws of a panel's components and graph, and the dashboard of them."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from fits import fake_fit, small_config, small_subject
from report_examples import BEST, NASTY, QUOTED, example_report

from pymc_toolkit.analysis.contributions import by_period, totals
from pymc_toolkit.arrays import over_regions
from pymc_toolkit.fleets.job import Subject
from pymc_toolkit.names import DAG_ADJACENCY, SAMPLE
from pymc_toolkit.reports.dashboard_contract import Dashboard
from pymc_toolkit.reports.dashboard_tables import (
    edge_table,
    media_by_period,
    waterfall_parts,
)

CHANNELS = ["tv", "google_ads_video_cost", "snapchat_cost", NASTY, QUOTED, BEST, "radio"]
_MEMBERS, _REGIONS, _WEEKS = 5, 3, 104
# Cause, effect, weight.
LINKS = (("tv", BEST, 0.62), ("google_ads_video_cost", BEST, 0.31), (NASTY, QUOTED, 0.2))


def example_components(seed: int = 3, **sizes: int) -> xr.Dataset:
    """Make draws of every component of a panel, as an ensemble of few members gives them."""
    given = {"member": _MEMBERS, "region": _REGIONS, "week": _WEEKS, **sizes}
    rng = np.random.default_rng(seed)
    shape = (1, given["member"], given["week"], given["region"])
    dates = pd.date_range("2022-01-03", periods=given["week"], freq="W-MON")
    dims = (*SAMPLE, "date", "geo")
    season = 900 * np.sin(2 * np.pi * np.arange(given["week"]) / 52)[:, None] + np.zeros(shape)
    spread = rng.normal(1, 0.15, (1, given["member"], 1, 1, len(CHANNELS)))
    levels = np.array([1900, 900, 350, 150, 60, 1200, -80])
    channels = levels * spread * rng.gamma(4, 0.25, (*shape, len(CHANNELS)))
    controls = rng.normal([250, -120], 60, (*shape, 2))
    baseline = 6_000 + rng.normal(0, 300, (1, given["member"], 1, 1)) + np.zeros(shape)
    fitted = baseline + season + channels.sum(-1) + controls.sum(-1)
    return xr.Dataset(
        {
            "baseline": (dims, baseline),
            "seasonality": (dims, season),
            "channels": ((*dims, "channel"), channels),
            "controls": ((*dims, "control"), controls),
            "fitted": (dims, fitted),
        },
        coords={"date": dates, "channel": CHANNELS, "control": ["price", "events"]},
    )


def example_adjacency(links: tuple[tuple[str, str, float], ...] = LINKS) -> xr.DataArray:
    """Make draws of weights: weak ones along the order of the channels, and some strong ones."""
    rng = np.random.default_rng(5)
    n = len(CHANNELS)
    weights = np.triu(rng.uniform(0, 0.08, (1, _MEMBERS, n, n)), 1)
    for cause, effect, weight in links:
        draws = weight + 0.04 * np.linspace(-1, 1, _MEMBERS)
        weights[0, :, CHANNELS.index(cause), CHANNELS.index(effect)] = draws
    labels = {"channel": CHANNELS, "effect": CHANNELS}
    return xr.DataArray(weights, dims=(*SAMPLE, "channel", "effect"), coords=labels)


def example_dashboard(**changes: Any) -> Dashboard:
    """Make the dashboard of a panel of three regions and seven channels."""
    components = over_regions(example_components())
    earned = totals(components)
    report = Dashboard(
        title="What the model says of the panel",
        client="Müller & Søn <Fashion>",
        question="What made orders in 3 regions from 3 January 2022 to 25 December 2023?",
        headline="The model gives media 41% of orders.",
        target_name="orders",
        ci_prob=0.9,
        media_share=(0.41, 0.36, 0.46),
        components=by_period(components),
        media=media_by_period(components),
        totals=earned,
        waterfall=waterfall_parts(components),
        roi=pd.DataFrame({"money": True}, index=earned.index),
        curves=_curves(earned),
        observed=pd.DataFrame({"mean": 1_000.0, "max": 2_400.0}, index=earned.index),
        edges=edge_table(example_adjacency()),
        most_edges=20,
        weakest=0.05,
        provenance=example_report().provenance,
    )
    return dataclasses.replace(report, **changes)


def fitted_subject(weight: float | None = None) -> Subject:
    """A model that no sampler saw; with a weight, one whose first channel feeds the second."""
    config = small_config(40)
    fit = fake_fit(config.model_data)
    if weight is not None:
        names = config.model_data.channels
        edges = np.zeros((fit.posterior.sizes["chain"], fit.posterior.sizes["draw"], 2, 2))
        edges[..., 0, 1] = weight
        labels = {"channel": names, "effect": names}
        adjacency = xr.DataArray(edges, dims=(*SAMPLE, "channel", "effect"), coords=labels)
        fit.idata["posterior"] = xr.DataTree(fit.posterior.assign({DAG_ADJACENCY: adjacency}))
    return small_subject(config, fit=fit)


def _curves(earned: pd.DataFrame) -> pd.DataFrame:
    spend = np.linspace(0, 3_000, 30)
    rows = []
    for name, amount in earned["contribution"].items():
        mean = 2 * amount / _WEEKS * spend / (spend + 1_000)
        ends = {"ci_low": mean - 0.2 * abs(mean), "ci_high": mean + 0.3 * abs(mean)}
        rows.append(
            pd.DataFrame(
                {"channel": name, "spend": spend, "mean": mean, **ends, "observed": spend <= 2_400}
            )
        )
    return pd.concat(rows, ignore_index=True)
