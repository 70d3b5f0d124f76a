"""A model of several regions, from its table to predictions, returns and files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import panel_engine
import pytest
import xarray as xr
from panel_engine import AROUND, CHANNELS, MEMBERS, REGIONS, panel_model, panel_table

from pymc_toolkit.analysis.contributions import by_period, credited, moved_credit
from pymc_toolkit.analysis.contributions import totals as totals_of
from pymc_toolkit.analysis.diagnostics import prior_against_posterior
from pymc_toolkit.analysis.prediction import Prediction, predict, prediction_table
from pymc_toolkit.analysis.response import observed_spend, response_curves
from pymc_toolkit.engines.base import sum_components
from pymc_toolkit.exceptions import DataError, UpliftTestError
from pymc_toolkit.model_data import ModelData
from pymc_toolkit.pymc_model import PymcModel

TABLE = panel_table()
TRAINED_ON = 112
LATER = TABLE["week"] >= sorted(TABLE["week"].unique())[TRAINED_ON]

pytestmark = pytest.mark.usefixtures("convergence_is_not_the_point")


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> PymcModel:
    """A model of the first weeks, fitted."""
    panel_engine.install(monkeypatch)
    return panel_model(TABLE[~LATER]).fit(draws=5, chains=1, progressbar=False)


def test_predictions_are_by_date_and_region(model: PymcModel) -> None:
    table = model.predict()
    assert list(table.index.names) == ["week", "region"]
    training = TABLE[~LATER].set_index(["week", "region"])
    pd.testing.assert_index_equal(table.index, training.index, exact=False)
    errors = (table["mean"] - training["sales"]).abs().groupby("region").sum()
    assert (errors / training["sales"].groupby("region").sum() < 0.1).all()
    inside = training["sales"].between(table["ci_low"], table["ci_high"]).groupby("region").mean()
    assert inside.between(0.8, 1).all()


def test_later_periods_are_predicted_from_rows_in_any_order(model: PymcModel) -> None:
    future = TABLE[LATER].drop(columns="sales")
    table = model.predict(future.sort_values(["region", "week"]))
    pd.testing.assert_frame_equal(table, model.predict(future))
    actual = TABLE[LATER].set_index(["week", "region"])["sales"]
    assert (table["mean"] - actual).abs().sum() / actual.sum() < 0.1
    with pytest.raises(DataError, match="no row for region 'west'"):
        model.predict(future[future["region"] != "west"])


def test_observations_have_more_draws_than_expectations(model: PymcModel) -> None:
    draws = model.predict_draws(TABLE[LATER].drop(columns="sales"))
    assert draws.sizes == {"chain": 1, "draw": MEMBERS * AROUND, "date": 8, "geo": 4}
    assert model.idata["posterior_predictive"]["y"].sizes["draw"] == MEMBERS * AROUND
    assert model.contributions()["fitted"].sizes["draw"] == MEMBERS
    prediction = predict(model._fitted())
    table = prediction_table(prediction, 0.5)
    np.testing.assert_allclose(
        table["ci_high"].to_numpy().reshape(-1, 4),
        np.quantile(prediction.observation.values, 0.75, axis=(0, 1)),
    )
    np.testing.assert_allclose(
        table["mean"].to_numpy().reshape(-1, 4), prediction.expected.values.mean(axis=(0, 1))
    )


def test_a_prediction_in_part_and_in_total() -> None:
    rng = np.random.default_rng(0)
    dims = ("chain", "draw", "date", "geo")
    expected = xr.DataArray(rng.random((1, 2, 5, 3)), dims=dims)
    observation = xr.DataArray(rng.random((1, 7, 5, 3)), dims=dims)
    part = Prediction(expected, observation).periods(slice(-2, None)).total()
    np.testing.assert_allclose(part.expected, expected.values[:, :, 3:].sum(axis=-1))
    np.testing.assert_allclose(part.observation, observation.values[:, :, 3:].sum(axis=-1))
    assert part.total().expected is part.expected


def test_what_was_fitted_is_kept_by_region(model: PymcModel) -> None:
    kept = model.idata["fit_data"].to_dataset()
    assert kept["covariates"].dims == ("date", "geo", "covariate")
    covariates = model.config.covariates()
    for region in REGIONS:
        rows = covariates[covariates["region"] == region]
        for name in (*CHANNELS, "price"):
            values = kept["covariates"].sel(geo=region, covariate=name)
            np.testing.assert_array_equal(values, rows[name])


def test_parts_add_up_in_every_region(model: PymcModel) -> None:
    parts = model.contributions()
    assert parts["channels"].dims == ("chain", "draw", "date", "geo", "channel")
    total = parts["baseline"] + parts["seasonality"]
    total = total + parts["channels"].sum("channel") + parts["controls"].sum("control")
    xr.testing.assert_allclose(total, parts["fitted"])
    by_date = by_period(parts)
    sales = TABLE[~LATER].groupby("week")["sales"].sum()
    np.testing.assert_allclose(by_date.sum(axis=1), sales, rtol=0.2)
    np.testing.assert_allclose(by_date["tv"], parts["channels"].values[..., 0].mean((0, 1)).sum(1))


def test_a_season_that_all_regions_share_is_counted_in_each(model: PymcModel) -> None:
    """Components may lack the dim of regions; the sum over a panel has it everywhere."""
    parts = model.contributions()
    shared = parts.drop_vars("fitted").assign(trend=parts["baseline"].isel(geo=0, drop=True))
    expected = parts["fitted"] + shared["trend"]
    xr.testing.assert_allclose(sum_components(shared), expected.rename("fitted"))


def test_returns_are_of_all_regions(model: PymcModel) -> None:
    roi = model.roi()
    spend = TABLE[~LATER][CHANNELS].sum()
    pd.testing.assert_series_equal(roi["spend"], spend, check_names=False)
    draws = model.contributions()["channels"].values.sum(axis=(2, 3))
    np.testing.assert_allclose(roi["roi"], draws.mean(axis=(0, 1)) / spend)
    np.testing.assert_allclose(roi["ci_high"], np.quantile(draws, 0.95, axis=(0, 1)) / spend)
    table = totals_of(model.contributions())
    fitted = model.contributions()["fitted"].values.sum(axis=(2, 3))
    np.testing.assert_allclose(table["share"], (draws / fitted[..., None]).mean(axis=(0, 1)))


def test_credit_moves_over_all_regions(monkeypatch: pytest.MonkeyPatch) -> None:
    panel_engine.install(monkeypatch)
    model = panel_model(TABLE, dag_mode="notears").fit(progressbar=False)
    direct, along = model.contributions(), model.contributions("total")
    assert along["channels"].dims == direct["channels"].dims
    xr.testing.assert_allclose(along["channels"].sum("channel"), direct["channels"].sum("channel"))
    tenth = 0.1 * direct["channels"].sel(channel="search", drop=True)
    gained = (along["channels"] - direct["channels"]).sel(channel="tv", drop=True)
    xr.testing.assert_allclose(gained, tenth)
    _, moved = credited(model._fitted(), direct)
    assert moved.dims == ("chain", "draw", "channel", "effect")
    table = moved_credit(moved, direct)
    assert table[["cause", "effect"]].to_numpy().tolist() == [["tv", "search"]]
    brought = tenth.sum(("date", "geo"))
    assert table.loc[0, "amount"] == pytest.approx(float(brought.mean()))
    assert table.loc[0, "ci_high"] == pytest.approx(float(brought.quantile(0.95)))
    assert table.loc[0, "share"] == pytest.approx(0.1)
    assert model.roi(kind="total").loc["tv", "roi"] > model.roi().loc["tv", "roi"]


def test_curves_are_of_all_regions_at_their_usual_shares(model: PymcModel) -> None:
    curves = response_curves(model._fitted())
    training = TABLE[~LATER]
    per_week = training.groupby("week")[CHANNELS].sum()
    shares = training.groupby("region")[CHANNELS].sum() / training[CHANNELS].sum()
    posterior, data = model._fitted().posterior, model._fitted().training
    for channel in CHANNELS:
        rows = curves[curves["channel"] == channel]
        assert rows.loc[rows["observed"], "spend"].max() == pytest.approx(per_week[channel].max())
        slopes = (
            posterior["beta"].sel(channel=channel).mean(("chain", "draw"))
            * data.scale("target")
            / data.scale("media").sel(channel=channel)
        )
        slope = float((slopes.to_series() * shares[channel]).sum())
        np.testing.assert_allclose(rows["mean"], rows["spend"] * slope)
    spent = per_week.where(per_week > 0)
    expected = pd.DataFrame({"mean": spent.mean(), "max": per_week.max()})
    pd.testing.assert_frame_equal(observed_spend(model._fitted()), expected, check_names=False)


def test_variables_are_in_the_units_of_each_region(model: PymcModel) -> None:
    summaries = {row["geo"]: row["coef"] for row in model.summarize_variable("intercept")}
    scaled = model._fitted().posterior["intercept"].mean(("chain", "draw"))
    largest = TABLE[~LATER].groupby("region")["sales"].max()
    for region in REGIONS:
        assert summaries[region] == pytest.approx(float(scaled.sel(geo=region)) * largest[region])


def test_priors_and_posteriors_are_compared_by_region_and_channel(model: PymcModel) -> None:
    table = prior_against_posterior(model._fitted())
    slopes = table[table["variable"] == "beta"].set_index("coordinate")
    assert list(slopes.index) == [f"{region}, {name}" for region in REGIONS for name in CHANNELS]
    median = model._fitted().posterior["beta"].sel(geo="north", channel="search").median()
    assert slopes.loc["north, search", "posterior_median"] == pytest.approx(float(median))
    assert slopes["prior_median"].between(0.2, 0.3).all()


def test_a_saved_panel_says_what_it_said(model: PymcModel, tmp_path: Path) -> None:
    future = TABLE[LATER].drop(columns="sales")
    loaded = PymcModel.load(model.save(tmp_path / "panel.nc"))
    pd.testing.assert_frame_equal(loaded.predict(), model.predict())
    pd.testing.assert_frame_equal(loaded.predict(future), model.predict(future))
    pd.testing.assert_frame_equal(loaded.roi(), model.roi())
    pd.testing.assert_frame_equal(loaded.config.table, model.config.table)
    kept = loaded.idata["posterior_predictive"]["y"]
    np.testing.assert_array_equal(kept, model.idata["posterior_predictive"]["y"])
    loaded.refresh(TABLE[LATER], progressbar=False)
    model.refresh(TABLE[LATER], progressbar=False)
    pd.testing.assert_frame_equal(loaded.predict(), model.predict())


def test_a_refresh_counts_periods_and_not_rows(model: PymcModel) -> None:
    restated = TABLE[~LATER].tail(1).assign(sales=1.0)
    model.refresh(pd.concat([restated, TABLE[LATER]]), progressbar=False)
    (record,) = model.refresh_history
    assert (record.periods_added, record.periods_restated) == (8, 1)
    assert list(record.roi.index) == CHANNELS
    assert float(model.config.target().isel(date=TRAINED_ON - 1).sel(geo="west")) == 1.0


def test_the_callers_table_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    panel_engine.install(monkeypatch)
    shuffled = TABLE.sample(frac=1, random_state=0)
    before = shuffled.copy()
    with pytest.warns(UserWarning, match="not sorted"):
        fitted = panel_model(shuffled).fit(progressbar=False)
    fitted.predict()
    pd.testing.assert_frame_equal(shuffled, before)


def test_experiments_of_a_panel_are_refused_before_a_fit(model: PymcModel) -> None:
    test = {"channel": "tv", "start": "2022-02-07", "end": "2022-02-13", "effect": 1.0}
    tests = pd.DataFrame([{**test, "sigma": 1.0, "spend_change": 10.0}])
    with pytest.raises(UpliftTestError, match="client with regions; expected a client that is one"):
        model.add_uplift_tests(tests)


def data_of(table: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> ModelData:
    panel_engine.install(monkeypatch)
    return panel_model(table).config.model_data


def test_a_panel_in_total_is_the_sum_of_its_regions(monkeypatch: pytest.MonkeyPatch) -> None:
    data = data_of(TABLE, monkeypatch)
    total = data.total()
    assert not total.is_panel
    by_week = TABLE.groupby("week")
    np.testing.assert_allclose(total.dataset["target"], by_week["sales"].sum())
    np.testing.assert_allclose(total.dataset["media"], by_week[CHANNELS].sum())
    np.testing.assert_allclose(total.dataset["controls"], by_week[["price"]].mean())
    xr.testing.assert_identical(total.scaled("media"), total.dataset["media"])
    assert total.total() is total


def test_what_is_not_known_of_a_region_is_not_known_of_the_total(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = data_of(TABLE, monkeypatch)
    unknown = data.dataset["target"].copy()
    unknown[-1, 2] = np.nan
    total = ModelData(data.dataset.assign(target=unknown), data.scalers, data.frequency).total()
    assert np.isnan(total.dataset["target"].values).tolist() == [False] * 119 + [True]


def test_a_region_is_a_series_on_its_own_scale(monkeypatch: pytest.MonkeyPatch) -> None:
    data = data_of(TABLE, monkeypatch)
    parts = data.regions()
    assert list(parts) == REGIONS
    for name, part in parts.items():
        own = TABLE[TABLE["region"] == name]
        assert not part.is_panel
        np.testing.assert_array_equal(part.dataset["target"], own["sales"])
        np.testing.assert_allclose(part.scaled("target"), own["sales"] / own["sales"].max())
        np.testing.assert_allclose(part.scaled("media"), own[CHANNELS] / own[CHANNELS].max())
