"""Contributions, response curves, intervals and units, computed by hand on made-up draws."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from fits import fake_fit, small_config, small_data

from pymc_toolkit.analysis.contributions import by_period, decomposition, totals
from pymc_toolkit.analysis.intervals import summarise
from pymc_toolkit.analysis.prediction import predict, prediction_table
from pymc_toolkit.analysis.response import media_effectiveness, observed_spend, response_curves
from pymc_toolkit.analysis.variables import to_original_units
from pymc_toolkit.client_config import ClientConfig
from pymc_toolkit.components.saturation import SATURATIONS
from pymc_toolkit.model_data import ModelData
from pymc_toolkit.model_spec import ModelSpec

EVERYTHING = ModelSpec(lag_max=3, time_varying_media=True, yearly_seasonality=1, trend=2)


def test_contributions_are_in_the_target_s_unit() -> None:
    """One channel at a spend that is held, worked out by hand."""
    data = small_data()
    steady = data.dataset["media"] * 0 + 1000.0
    data = ModelData(data.dataset.assign(media=steady), data.scalers, data.frequency)
    fit = fake_fit(data, fixed={"saturation_lam": 2.0, "saturation_alpha": 0.5})
    exposure = 1000.0 / data.scale("media").values
    by_hand = data.dataset["target"].values.max() * 0.5 * exposure / (2.0 + exposure)
    parts = decomposition(fit)
    np.testing.assert_allclose(parts["channels"].isel(date=-1)[0, 0], by_hand)
    baseline = fit.posterior["intercept"] * data.dataset["target"].values.max()
    np.testing.assert_allclose(parts["baseline"].isel(date=4), baseline)


def test_totals_and_shares() -> None:
    parts = decomposition(fake_fit(spec=EVERYTHING))
    table = totals(parts, ci_prob=0.5)
    earned = parts["channels"].sum("date")
    share = earned / parts["fitted"].sum("date")
    for name in table.index:
        row = table.loc[name]
        assert row["contribution"] == pytest.approx(float(earned.sel(channel=name).mean()))
        assert row["ci_low"] == pytest.approx(float(earned.sel(channel=name).quantile(0.25)))
        assert row["share"] == pytest.approx(float(share.sel(channel=name).mean()))
        assert row["share_high"] == pytest.approx(float(share.sel(channel=name).quantile(0.75)))


def test_the_mean_by_period_adds_up_to_the_fitted_mean() -> None:
    parts = decomposition(fake_fit(spec=EVERYTHING))
    table = by_period(parts)
    assert list(table.columns) == [
        "baseline",
        "trend",
        "seasonality",
        "events",
        "channel_1_cost",
        "channel_2_cost",
    ]
    assert table.index.name == "date"
    fitted = parts["fitted"].mean(("chain", "draw")).values
    np.testing.assert_allclose(table.sum(axis=1), fitted)


def test_a_column_may_be_called_as_a_component() -> None:
    names = {"events": "trend", "channel_1_cost": "baseline", "channel_2_cost": "controls"}
    table = small_config().table.rename(columns=names)
    config = ClientConfig(table, "revenue", "date_week", ["baseline", "controls"], ["trend"])
    parts = decomposition(fake_fit(config.model_data, EVERYTHING))
    periods = by_period(parts)
    assert periods.columns.is_unique
    fitted = parts["fitted"].mean(("chain", "draw")).values
    np.testing.assert_allclose(periods.sum(axis=1), fitted)
    earned = parts["channels"].sel(channel="baseline").mean(("chain", "draw"))
    np.testing.assert_allclose(periods["baseline"], earned)
    np.testing.assert_allclose(
        periods["trend"], parts["trend"].mean(("chain", "draw")), err_msg="the model's own"
    )


@pytest.mark.parametrize("saturation", SATURATIONS)
def test_response_curves(saturation: str) -> None:
    """Rising from zero, in original units, with what was seen marked; whatever the saturation."""
    fit = fake_fit(spec=ModelSpec(lag_max=3, saturation=saturation, time_varying_media=True))
    table = response_curves(fit)
    assert list(table.columns) == ["channel", "spend", "mean", "ci_low", "ci_high", "observed"]
    highest = fit.training.dataset["media"].max("date").to_series()
    for name, curve in table.groupby("channel"):
        assert curve["spend"].iloc[0] == 0
        assert curve["mean"].iloc[0] == 0
        assert (np.diff(curve["spend"]) > 0).all()
        assert (np.diff(curve["mean"]) > 0).all()
        assert (curve["ci_low"] <= curve["ci_high"]).all()
        assert curve["spend"].max() == pytest.approx(1.3 * highest[name])
        assert curve.loc[curve["observed"], "spend"].max() == pytest.approx(highest[name])
        assert (curve["spend"][~curve["observed"]] > highest[name]).all()
    assert list(table["channel"].unique()) == fit.training.channels
    posterior, last = fit.posterior, table.query("channel == 'channel_2_cost'").iloc[-1]
    parameters = {
        p.name: posterior[f"saturation_{p.name}"].sel(channel="channel_2_cost").values
        for p in SATURATIONS[saturation].parameters
    }
    scaled = last["spend"] / float(fit.training.scale("media").sel(channel="channel_2_cost"))
    by_hand = SATURATIONS[saturation].response(np.array(scaled), **parameters)
    assert last["mean"] == pytest.approx(by_hand.mean() * float(fit.training.scale("target")))


def test_a_channel_that_was_never_spent_on_has_no_curve() -> None:
    data = small_data()
    media = data.dataset["media"].copy()
    media[:, 0] = 0
    fit = fake_fit(ModelData(data.dataset.assign(media=media), data.scalers, data.frequency))
    assert set(response_curves(fit)["channel"]) == {"channel_2_cost"}
    assert list(observed_spend(fit).index) == ["channel_2_cost"]


def test_observed_spend_is_of_the_periods_with_any() -> None:
    fit = fake_fit()
    table = observed_spend(fit)
    for name, spend in fit.training.dataset["media"].to_pandas().items():
        assert table.loc[name, "mean"] == pytest.approx(spend[spend > 0].mean())
        assert table.loc[name, "max"] == spend.max()


def test_effectiveness_over_time_is_there_where_it_varies() -> None:
    assert media_effectiveness(fake_fit()) is None
    fit = fake_fit(spec=EVERYTHING, draws=50)
    table = media_effectiveness(fit)
    assert list(table.columns) == ["date", "mean", "ci_low", "ci_high"]
    assert list(table["date"]) == list(fit.training.dates)
    assert table["mean"].mean() == pytest.approx(1)
    draws = fit.posterior["media_temporal_latent_multiplier"]
    np.testing.assert_allclose(table["ci_low"], draws.quantile(0.05, ("chain", "draw")))


def test_summary_of_draws() -> None:
    draws = xr.DataArray(np.arange(101.0)[None], dims=("chain", "draw"))
    summary = summarise(draws, 0.9)
    assert (float(summary["mean"]), float(summary["ci_low"]), float(summary["ci_high"])) == (
        50.0,
        pytest.approx(5.0),
        pytest.approx(95.0),
    )


def test_predictions_hold_the_mean_apart_from_the_noise() -> None:
    fit = fake_fit(draws=500, fixed={"y_sigma": 0.2})
    prediction = predict(fit)
    np.testing.assert_allclose(prediction.expected, decomposition(fit)["fitted"])
    noise = (prediction.observation - prediction.expected) / fit.training.scale("target")
    assert float(noise.std()) == pytest.approx(0.2, rel=0.03)
    table = prediction_table(prediction)
    np.testing.assert_allclose(table["mean"], prediction.expected.mean(("chain", "draw")))


@pytest.mark.parametrize("saturation", SATURATIONS)
def test_parameters_in_original_units_give_the_same_curve(saturation: str) -> None:
    """With every parameter brought to original units, the formula takes spend and gives money."""
    fit = fake_fit(spec=ModelSpec(lag_max=2, saturation=saturation))
    component = SATURATIONS[saturation]
    spend = 700.0
    scale, target = fit.training.scale("media"), float(fit.training.scale("target"))
    scaled = {p.name: fit.posterior[f"saturation_{p.name}"] for p in component.parameters}
    original = {
        p.name: to_original_units(fit, f"saturation_{p.name}") for p in component.parameters
    }
    expected = component.response(spend / scale, **scaled) * target
    response = component.response(xr.full_like(scale, spend), **original)
    if any(p.unit is None for p in component.parameters):
        np.testing.assert_array_equal(original["beta"], scaled["beta"])
        return
    xr.testing.assert_allclose(response.transpose(*expected.dims), expected)
