"""Predictions that need no media mix model, by hand and beside scikit-learn."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from fits import small_data
from hypothesis import given, settings
from hypothesis import strategies as st

from pymc_toolkit import metrics
from pymc_toolkit.components.adstock import ADSTOCKS, carry_over
from pymc_toolkit.dates import season_length
from pymc_toolkit.fleets.baselines import BASELINES, baseline_scores, last_value, ridge
from pymc_toolkit.model_data import ModelData
from pymc_toolkit.scalers import Scaler

METRICS = ["mape", "nrmse", "r_squared", "crps", "coverage"]


def client(values: np.ndarray, frequency: str = "W-MON") -> ModelData:
    """A client of which only the target matters."""
    dates = pd.date_range("2018-01-01", periods=len(values), freq=frequency)
    dataset = xr.Dataset(
        {
            "target": ("date", values),
            "media": (("date", "channel"), np.zeros((len(values), 1))),
            "controls": (("date", "control"), np.zeros((len(values), 0))),
        },
        coords={"date": dates, "channel": ["tv"], "control": np.array([], dtype=str)},
    )
    scalers = {name: Scaler.fit(dataset[name], "max_abs", name) for name in dataset.data_vars}
    return ModelData(dataset, scalers, frequency)


def noise(periods: int) -> np.ndarray:
    return np.random.default_rng(0).uniform(50, 150, periods)


def scores(values: np.ndarray, test_size: int, frequency: str = "W-MON") -> pd.DataFrame:
    names = ("seasonal naive", "training mean", "last value")
    return baseline_scores(client(values, frequency), len(values) - test_size, 3, names)


def test_point_forecasts_by_hand() -> None:
    values = noise(70)
    table = scores(values, 5)
    assert list(table.columns) == METRICS
    test = values[65:]
    for name, predicted in (
        ("seasonal naive", values[13:18]),
        ("training mean", np.full(5, values[:65].mean())),
        ("last value", np.full(5, values[64])),
    ):
        row = table.loc[name]
        assert row["mape"] == pytest.approx(metrics.mape(test, predicted))
        assert row["nrmse"] == pytest.approx(metrics.nrmse(test, predicted))
        assert row["r_squared"] == pytest.approx(metrics.r_squared(test, predicted))
    # The spread of the training values around their mean makes them the forecast themselves.
    climatology = np.repeat(values[:65, None], 5, axis=1)
    assert table.loc["training mean", "crps"] == pytest.approx(metrics.crps(test, climatology))
    # 13 errors are too few to be a spread: a point forecast, scored by its absolute error.
    point = np.abs(test - values[13:18]).mean() / test.mean()
    assert table.loc["seasonal naive", "crps"] == pytest.approx(point)
    assert np.isnan(table.loc["seasonal naive", "coverage"])


def test_seasonal_naive_has_the_spread_of_its_own_errors() -> None:
    values = noise(120)
    table = scores(values, 4)
    errors = values[52:116] - values[:64]
    draws = values[64:68] + errors[:, None]
    assert table.loc["seasonal naive", "crps"] == pytest.approx(metrics.crps(values[116:], draws))
    low, high = np.quantile(draws, [0.05, 0.95], axis=0)
    inside = metrics.coverage(values[116:], low, high)
    assert table.loc["seasonal naive", "coverage"] == inside


def test_a_spread_is_not_held_against_a_right_forecast() -> None:
    """Noise of the model's size around the same mean scores as the model would."""
    rng = np.random.default_rng(1)
    values = rng.normal(100, 10, 400)
    table = scores(values, 100)
    honest = metrics.crps(values[300:], rng.normal(100, 10, (4000, 100)))
    assert table.loc["training mean", "crps"] == pytest.approx(honest, rel=0.05)
    assert table.loc["training mean", "coverage"] == pytest.approx(0.9, abs=0.08)


def test_the_last_value_gets_less_sure_with_every_period() -> None:
    """On a random walk the changes over h periods have a standard deviation of sqrt(h)."""
    values = 1000 + np.random.default_rng(3).normal(size=2000).cumsum()
    forecast = last_value(client(values), 1984, 3)
    np.testing.assert_array_equal(forecast.mean, np.full(16, values[1983]))
    np.testing.assert_allclose(forecast.draws.std(axis=0), np.sqrt(np.arange(1, 17)), rtol=0.2)


def test_a_holdout_longer_than_training_has_a_spread_too() -> None:
    forecast = last_value(client(noise(30)), 10, 3)
    assert forecast.draws.shape == (200, 20)
    assert np.isfinite(forecast.draws).all()


@pytest.mark.parametrize(
    ("periods", "test_size", "known"), [(56, 4, True), (55, 4, False), (70, 5, True)]
)
def test_last_year_needs_a_year(periods: int, test_size: int, known: bool) -> None:
    table = scores(noise(periods), test_size)
    assert table.loc["seasonal naive", METRICS[:-1]].notna().all() == known
    assert table.loc["training mean"].notna().all()


def test_last_year_is_not_read_from_the_held_out_periods() -> None:
    """A holdout longer than a year would be predicted by itself."""
    table = scores(noise(60), 14, "MS")
    assert table.loc["seasonal naive"].isna().all()


@pytest.mark.parametrize(
    ("frequency", "season"), [("W-MON", 52), ("W-SUN", 52), ("MS", 12), ("D", 364)]
)
def test_season_length(frequency: str, season: int) -> None:
    assert season_length(frequency) == season
    assert frequency != "D" or season % 7 == 0


def test_ridge_finds_carried_over_media() -> None:
    """A target that is linear in adstocked media and controls."""
    data = small_data(n_periods=80)
    media = data.dataset["media"].values
    carried = carry_over(media, ADSTOCKS["geometric"].kernel(4, {"alpha": np.full(2, 0.6)}))
    target = 1000 + carried @ [2.0, 0.5] + 300 * data.dataset["controls"].values[:, 0]
    linear = ModelData(data.dataset.assign(target=("date", target)), data.scalers, data.frequency)
    forecast = ridge(linear, 70, 4)
    np.testing.assert_allclose(forecast.mean, target[70:], rtol=0.01)
    assert np.ptp(forecast.draws - forecast.mean) < 0.1 * target.mean()


def test_ridge_errors_are_those_of_cross_validation() -> None:
    """Pure noise: the spread is that of the noise, not of a regression that learned it by heart."""
    data = small_data(n_periods=80)
    target = np.random.default_rng(0).normal(100, 10, 80)
    random = ModelData(data.dataset.assign(target=("date", target)), data.scalers, data.frequency)
    forecast = ridge(random, 70, 4)
    assert (forecast.draws - forecast.mean).std() == pytest.approx(10, rel=0.25)


@settings(deadline=None, max_examples=15)
@given(cut=st.integers(20, 75), factor=st.floats(0.1, 10))
def test_no_baseline_sees_the_held_out_target(cut: int, factor: float) -> None:
    data = small_data(n_periods=80)
    target = data.dataset["target"].values
    changed = np.where(np.arange(80) < cut, target, target * factor)
    other = ModelData(data.dataset.assign(target=("date", changed)), data.scalers, data.frequency)
    for name, baseline in BASELINES.items():
        one, two = baseline(data, cut, 3), baseline(other, cut, 3)
        assert (one is None) == (two is None), name
        if one is not None and two is not None:
            np.testing.assert_array_equal(one.mean, two.mean)
            np.testing.assert_array_equal(one.draws, two.draws)
