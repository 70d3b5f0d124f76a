"""The production fleet: what is held out stays out, and scores and verdicts follow from it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from fits import FakeSampler, small_config

from pymc_toolkit import metrics
from pymc_toolkit.analysis.diagnostics import Convergence
from pymc_toolkit.analysis.prediction import predict
from pymc_toolkit.client_config import ClientConfig
from pymc_toolkit.dates import season_length
from pymc_toolkit.exceptions import DataError, SpecificationError
from pymc_toolkit.fleets.production import ProductionFleet, run_production
from pymc_toolkit.fleets.scoring import naive_scores
from pymc_toolkit.model_spec import ModelSpec, Sampling
from pymc_toolkit.pymc_model import PymcModel
from pymc_toolkit.verdicts import Status

Install = Callable[..., FakeSampler]
METRICS = ["mape", "nrmse", "r_squared", "crps"]
SPEC = ModelSpec(lag_max=3, time_varying_media=True)
FEW = Sampling(draws=10, tune=1, chains=2, random_seed=4)

pytestmark = pytest.mark.usefixtures("convergence_is_not_the_point")


def run(config: ClientConfig, test_size: Any = 4, spec: ModelSpec = SPEC) -> ProductionFleet:
    return run_production(config, "bayesian", spec, FEW, test_size, progressbar=False)


@pytest.fixture
def fleet(fake_sampler: Install) -> ProductionFleet:
    fake_sampler(diverging=3, depth=6)
    return run(small_config(40))


def test_summary_of_the_guide(fleet: ProductionFleet) -> None:
    summary = fleet.summary()
    assert list(summary) == ["divergences", "max_tree_depth", "train", "test"]
    assert summary["divergences"] == 3
    assert summary["max_tree_depth"] == 6
    for part in ("train", "test"):
        assert list(summary[part]) == METRICS
        assert all(isinstance(value, float) for value in summary[part].values())


def test_the_fleet_of_a_model_that_was_sampled(fitted: Any) -> None:
    """For real, on the table of the shared model; the model is left as it is."""
    before = fitted.model._fit, fitted.model.config, fitted.model.predict()
    fleet = fitted.model.production_fleet(
        8, fitted.table.iloc[52:], draws=50, tune=100, progressbar=False
    )
    assert (fitted.model._fit, fitted.model.config) == before[:2]
    pd.testing.assert_frame_equal(fitted.model.predict(), before[2])
    assert fleet.fit.training.n_periods == 52
    assert fleet.data.n_periods == 60
    assert fleet.client_name == "client0"
    assert fleet.train["r_squared"] > 0.5
    assert fleet.test["mape"] < 1
    held_out = fitted.table["revenue"].tail(8).to_numpy()
    np.testing.assert_array_equal(fleet.data.dataset["target"].values[-8:], held_out)


def test_scores_by_hand(fleet: ProductionFleet) -> None:
    prediction = predict(fleet.fit, fleet.data)
    target = small_config(40).table["revenue"].to_numpy()
    mean = prediction["expected"].mean(("chain", "draw")).values
    draws = prediction["observation"].values.reshape(20, 40)
    for part, scores in ((slice(None, 36), fleet.train), (slice(36, None), fleet.test)):
        assert scores == {
            "mape": pytest.approx(metrics.mape(target[part], mean[part])),
            "nrmse": pytest.approx(metrics.nrmse(target[part], mean[part])),
            "r_squared": pytest.approx(metrics.r_squared(target[part], mean[part])),
            "crps": pytest.approx(metrics.crps(target[part], draws[:, part])),
        }


def test_the_model_sees_nothing_that_is_held_out(fake_sampler: Install) -> None:
    """Neither the values nor the scales nor the length."""
    sampler = fake_sampler()
    config = small_config(40)
    run(config)
    changed = config.table.copy()
    changed.loc[36:, ["revenue", "channel_1_cost", "events"]] *= 50
    channels = config.channel_names
    run(ClientConfig(changed, "revenue", "date_week", channels, ["events"]))
    (first, _, sampling), (second, _, _) = sampler.calls
    assert first.n_periods == 36
    assert first.digest() == second.digest()
    np.testing.assert_array_equal(first.dataset["target"], config.table["revenue"].head(36))
    assert float(first.scale("target")) == config.table["revenue"].head(36).max()
    assert sampling == FEW


def test_held_out_targets_do_not_move_the_prediction(fake_sampler: Install) -> None:
    fake_sampler()
    config = small_config(40)
    changed = config.table.copy()
    changed.loc[36:, "revenue"] *= 50
    other = ClientConfig(changed, "revenue", "date_week", config.channel_names, ["events"])
    one, two = (predict(f.fit, f.data) for f in (run(config), run(other)))
    assert one.drop_attrs().identical(two.drop_attrs())


def test_a_config_keeps_its_own_scales(fake_sampler: Install) -> None:
    fake_sampler()
    config = small_config(40)
    before = config.model_data.digest()
    run(config)
    assert config.model_data.digest() == before


def test_carry_over_reaches_into_the_held_out_periods(fake_sampler: Install) -> None:
    fake_sampler()
    config = small_config(40)
    dark = config.table.copy()
    dark.loc[36:, config.channel_names] = 0.0
    dark.loc[33:35, config.channel_names] = 1000.0
    fleet = run(ClientConfig(dark, "revenue", "date_week", config.channel_names, ["events"]))
    from pymc_toolkit.analysis.contributions import decomposition

    earned = decomposition(fleet.fit, fleet.data)["channels"].mean(("chain", "draw"))
    assert (earned.isel(date=36) > 0).all()
    assert (earned.isel(date=slice(38, None)) == 0).all()


@pytest.mark.parametrize("test_size", [0, -1, True, 2.5, "4", None])
def test_an_impossible_test_size_is_refused(fake_sampler: Install, test_size: Any) -> None:
    sampler = fake_sampler()
    with pytest.raises(SpecificationError, match="test_size="):
        run(small_config(40), test_size)
    assert not sampler.calls


@pytest.mark.parametrize("test_size", [28, 40, 1000])
def test_too_little_to_train_on_is_refused(fake_sampler: Install, test_size: int) -> None:
    sampler = fake_sampler()
    with pytest.raises(DataError, match="of 40 periods; expected at most 27"):
        run(small_config(40), test_size)
    assert not sampler.calls


@pytest.mark.parametrize("test_size", [27, np.int64(1)])
def test_the_largest_and_smallest_test_size(fake_sampler: Install, test_size: int) -> None:
    fake_sampler()
    fleet = run(small_config(40), test_size)
    assert fleet.fit.training.n_periods == 40 - test_size
    assert math.isnan(fleet.test["r_squared"]) == (test_size == 1)


def test_new_data_are_added_first(fake_sampler: Install) -> None:
    sampler = fake_sampler()
    table = small_config(44).table
    channels = ["channel_1_cost", "channel_2_cost"]
    model = PymcModel(table.head(40), "revenue", "date_week", channels, lag_max=3, random_seed=1)
    fleet = model.production_fleet(
        4, table.iloc[40:].drop(columns="events"), draws=5, chains=1, progressbar=False
    )
    assert sampler.calls[0][0].n_periods == 40
    assert fleet.data.n_periods == 44
    assert model.config.model_data.n_periods == 40
    assert "not fitted" in repr(model)


# --- naive predictions


def series(periods: int) -> pd.Series:
    values = np.random.default_rng(0).uniform(50, 150, periods)
    return pd.Series(values, pd.date_range("2020-01-06", periods=periods, freq="W-MON"))


def test_naive_scores_by_hand() -> None:
    target = series(70)
    values = target.to_numpy()
    table = naive_scores(target, test_size=5, season=52)
    assert list(table.index) == ["seasonal naive", "training mean"]
    assert list(table.columns) == METRICS
    test = values[65:]
    for name, predicted in (
        ("seasonal naive", values[13:18]),
        ("training mean", np.full(5, values[:65].mean())),
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


def test_seasonal_naive_has_the_spread_of_its_own_errors() -> None:
    values = series(120).to_numpy()
    table = naive_scores(series(120), test_size=4, season=52)
    errors = values[52:116] - values[:64]
    draws = values[64:68] + errors[:, None]
    assert table.loc["seasonal naive", "crps"] == pytest.approx(metrics.crps(values[116:], draws))
    assert table.loc["seasonal naive", "mape"] == pytest.approx(
        metrics.mape(values[116:], values[64:68])
    )


def test_a_spread_is_not_held_against_a_right_forecast() -> None:
    """Noise of the model's size around the same mean scores as the model would."""
    rng = np.random.default_rng(1)
    target = pd.Series(rng.normal(100, 10, 400))
    table = naive_scores(target, test_size=100, season=52)
    honest = metrics.crps(target[300:], rng.normal(100, 10, (4000, 100)))
    assert table.loc["training mean", "crps"] == pytest.approx(honest, rel=0.05)


@pytest.mark.parametrize(
    ("periods", "test_size", "known"), [(56, 4, True), (55, 4, False), (70, 5, True)]
)
def test_last_year_needs_a_year(periods: int, test_size: int, known: bool) -> None:
    table = naive_scores(series(periods), test_size, season=52)
    assert table.loc["seasonal naive"].notna().all() == known
    assert table.loc["training mean"].notna().all()


def test_last_year_is_not_read_from_the_held_out_periods() -> None:
    """A holdout longer than a year would be predicted by itself."""
    table = naive_scores(series(60), test_size=14, season=12)
    assert table.loc["seasonal naive"].isna().all()


@pytest.mark.parametrize(
    ("frequency", "season"), [("W-MON", 52), ("W-SUN", 52), ("MS", 12), ("D", 364)]
)
def test_season_length(frequency: str, season: int) -> None:
    assert season_length(frequency) == season
    assert frequency != "D" or season % 7 == 0


# --- verdict


def judged(
    fleet: ProductionFleet,
    r_hat: float = 1.0,
    ess: float = 900.0,
    divergences: int = 0,
    crps: float = 0.1,
    naive: tuple[float, float] = (0.2, 0.3),
    coverage: float = 1.0,
) -> ProductionFleet:
    """A fleet with these figures."""
    row = {"variable": "intercept", "coordinate": "", "r_hat": r_hat, "ess_bulk": ess}
    table = pd.DataFrame([{**row, "ess_tail": ess}])
    scores = fleet.naive.assign(crps=naive)
    return replace(
        fleet,
        convergence=Convergence(table, divergences, 5, 1000),
        test={**fleet.test, "crps": crps},
        naive=scores,
        coverage=coverage,
    )


@pytest.mark.parametrize(
    ("figures", "status", "checks"),
    [
        ({}, "pass", "pass pass pass pass"),
        ({"r_hat": 1.02}, "fail", "fail pass pass pass"),
        ({"r_hat": float("nan")}, "fail", "fail pass pass pass"),
        ({"divergences": 11}, "fail", "fail pass pass pass"),
        ({"divergences": 10}, "review", "review pass pass pass"),
        ({"ess": 399.0}, "review", "review pass pass pass"),
        ({"crps": 0.25}, "review", "pass review pass pass"),
        ({"crps": 0.35}, "review", "pass review review pass"),
        ({"crps": 0.2}, "review", "pass review pass pass"),
        ({"naive": (float("nan"), 0.3)}, "review", "pass review pass pass"),
        ({"crps": float("nan")}, "review", "pass review review pass"),
        ({"coverage": 0.75}, "pass", "pass pass pass pass"),
        ({"coverage": 0.25}, "review", "pass pass pass review"),
        ({"crps": 0.35, "r_hat": 1.5}, "fail", "fail review review pass"),
    ],
)
def test_verdict(fleet: ProductionFleet, figures: dict[str, Any], status: str, checks: str) -> None:
    verdict = judged(fleet, **figures).verdict()
    assert verdict.status == Status(status)
    table = verdict.to_frame()
    assert table["status"].tolist() == checks.split()
    assert table["check"].tolist() == [
        "convergence",
        "holdout against seasonal naive",
        "holdout against training mean",
        "holdout intervals",
    ]
    troubles = [
        name for name, state in zip(table["check"], checks.split(), strict=True) if state != "pass"
    ]
    for name in troubles:
        assert name in verdict.sentence
    assert verdict.sentence.startswith("All 4 checks passed") == (not troubles)
    assert verdict.sentence.startswith("Do not use") == (status == "fail")


def test_sentences_hold_the_figures(fleet: ProductionFleet) -> None:
    verdict = judged(fleet, r_hat=1.234, ess=56.0, divergences=7, crps=0.25).verdict()
    sentences = verdict.to_frame()["sentence"]
    for figure in ("1.234", "56", "7 divergences in 1000 draws"):
        assert figure in sentences[0]
    assert "25.0%" in sentences[1]
    assert "20.0%" in sentences[1]
    assert "no better" in sentences[1]
    assert "is better" in sentences[2]


def test_scores_put_the_model_first(fleet: ProductionFleet) -> None:
    table = fleet.scores()
    assert list(table.index) == ["model", "seasonal naive", "training mean"]
    assert list(table.columns) == METRICS
    assert table.loc["model"].to_dict() == fleet.test
    assert table.loc["seasonal naive"].isna().all()


def test_a_summary_is_a_copy(fleet: ProductionFleet) -> None:
    fleet.summary()["test"]["mape"] = 0.0
    assert fleet.test["mape"] != 0.0
