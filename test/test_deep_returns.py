"""Returns of the deep engine, whose channels reach each other's coefficients and curves."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

torch = pytest.importorskip("torch", reason="the deep engine needs torch (extra 'deep')")

from pymc_toolkit.analysis.contributions import decomposition
from pymc_toolkit.analysis.returns import STEP, marginal_roi_draws
from pymc_toolkit.engines.deep.engine import DeepEngine
from pymc_toolkit.pymc_model import PymcModel
from pymc_toolkit.simulate import simulate_client
from pymc_toolkit.simulate_panels import simulate_panel

OPTIONS: dict[str, Any] = {"members": 3, "n_epochs": 20, "min_epochs": 5, "validation_weeks": 6}
CLIENT = simulate_client(n_periods=52, n_channels=2, seed=1)
PANEL = simulate_panel(n_regions=3, n_periods=52, seed=1)
FIRST, SECOND = CLIENT.channel_names
DATES = ("2021-03-01", "2021-08-01")

pytestmark = pytest.mark.usefixtures("convergence_is_not_the_point")


def client_model(table: pd.DataFrame, **options: Any) -> PymcModel:
    """A model of the simulated client, not fitted."""
    return PymcModel(
        table,
        "revenue",
        "date_week",
        [FIRST, SECOND],
        ["events"],
        engine="deep",
        lag_max=4,
        random_seed=3,
        engine_options={**OPTIONS, **options},
    )


@pytest.fixture(scope="module", params=[False, True], ids=["apart", "graph"])
def model(request: pytest.FixtureRequest) -> PymcModel:
    graph = {"enable_dag": True, "dag_mode": "notears", "interaction_mix": 0.3}
    return client_model(CLIENT.data, **(graph if request.param else {})).fit(progressbar=False)


@pytest.fixture(scope="module")
def regions() -> PymcModel:
    return PymcModel(
        PANEL.data,
        PANEL.target_name,
        PANEL.date_column,
        PANEL.channel_names,
        PANEL.control_names,
        geo_column=PANEL.geo_column,
        engine="deep",
        random_seed=3,
        engine_options=OPTIONS,
    ).fit(progressbar=False)


def media_of(model: PymcModel, table: pd.DataFrame) -> np.ndarray:
    """What all channels bring by draw, had the client's table been another."""
    fit = model._fitted()
    changed = model.config.model_data.dataset["media"].copy()
    columns = [FIRST, SECOND]
    changed[:] = table[columns].to_numpy()
    data = replace(fit.training, dataset=fit.training.dataset.assign(media=changed))
    parts = DeepEngine().decompose(fit, data)["channels"] * fit.training.scale("target")
    return np.asarray(parts.sum(("date", "channel")).values)


def test_marginal_returns_count_what_reaches_other_channels(model: PymcModel) -> None:
    """Against a table in which one channel's spend is higher in the weeks of the range."""
    draws = marginal_roi_draws(model._fitted(), {SECOND: 2.0}, DATES)
    weeks = CLIENT.data["date_week"].between(*DATES).to_numpy()
    assert 10 < weeks.sum() < 40
    for name, cost in ((FIRST, 1.0), (SECOND, 2.0)):
        raised = CLIENT.data.copy()
        raised.loc[weeks, name] *= 1 + STEP
        added = media_of(model, raised) - media_of(model, CLIENT.data)
        spend = cost * CLIENT.data.loc[weeks, name].sum()
        # Networks count in 32 bits, and the raise is a hundredth.
        np.testing.assert_allclose(
            draws.sel(channel=name), added / (STEP * spend), rtol=2e-3, atol=1e-4
        )


def test_spend_on_one_channel_changes_what_another_brings(model: PymcModel) -> None:
    engine, fit = DeepEngine(), model._fitted()
    assert engine.channels_interact(fit)
    raised = fit.training.dataset["media"].copy()
    raised[:, 0] *= 1.5
    data = replace(fit.training, dataset=fit.training.dataset.assign(media=raised))
    before, after = (engine.decompose(fit, each)["channels"] for each in (fit.training, data))
    assert (abs(after / before - 1).sel(channel=SECOND).max() > 1e-4).item()


def test_carry_over_is_that_of_every_network(model: PymcModel) -> None:
    table = model.carry_over()
    retention = model._fitted().posterior["adstock_alpha"].values[0]
    first = (1 - retention) / (1 - retention**4)
    np.testing.assert_allclose(table["share_immediate"], first.mean(axis=0))
    assert table["half_life"].between(0.5, 4).all()


def test_regions_of_a_panel(regions: PymcModel) -> None:
    """A region's money works in that region, so that all can be raised at once."""
    market, by_region = regions.marginal_roi(), regions.marginal_roi(by_region=True)
    assert by_region.index.names == ["channel", "region"]
    added = (by_region["marginal_roi"] * by_region["spend"]).groupby("channel").sum()
    expected = (market["marginal_roi"] * market["spend"])[added.index]
    np.testing.assert_allclose(added, expected, rtol=1e-4)
    fit = regions._fitted()
    media = fit.training.dataset["media"]
    channel, region = PANEL.channel_names[0], str(media["geo"].values[1])
    here = (media["channel"] == channel) & (media["geo"] == region)
    raised = replace(
        fit.training, dataset=fit.training.dataset.assign(media=media.where(~here, 1.01 * media))
    )
    parts = [decomposition(fit, each)["channels"] for each in (raised, fit.training)]
    gained = (parts[0] - parts[1]).sum(("date", "channel")).mean(("chain", "draw"))
    assert (gained.drop_sel(geo=region) == 0).all()
    spend = float(media.where(here, 0.0).sum())
    alone = float(gained.sel(geo=region)) / (0.01 * spend)
    row = by_region.loc[(channel, region)]
    assert row["spend"] == pytest.approx(spend)
    assert row["marginal_roi"] == pytest.approx(alone, rel=1e-3)
