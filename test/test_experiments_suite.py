"""The exercise with a known effect: its data to the bit, and what each estimator finds."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pymc_toolkit.exceptions import DataError, SpecificationError
from pymc_toolkit.experiments import (
    CausalSuite,
    away_from_bounds,
    generate_treatment_data,
    run_causal_suite,
)
from pymc_toolkit.experiments.suite import COVARIATES, TRUE_EFFECT

ADJUSTED = [
    "cuped",
    "inverse_propensity",
    "doubly_robust",
    "double_machine_learning",
    "two_model_uplift",
]
# Average gain of treatment over units drawn without end, computed from 4 million of them.
AVERAGE_EFFECT = 0.14935


@pytest.fixture(scope="module")
def suite() -> CausalSuite:
    return run_causal_suite()


def test_data_are_those_of_the_exercise() -> None:
    """Rows that its own definition gives for this seed."""
    table = generate_treatment_data()
    assert len(table) == 600
    assert table["treatment"].sum() == 216
    first = table.iloc[0]
    assert first["age"] == 39
    assert first["browsing_time"] == 4.240160733022364
    assert first["income"] == 60383.95317424268
    assert first["outcome"] == 0.3730403354075386
    assert table["true_propensity"].iloc[599] == 0.3717312054132446
    assert (table["true_effect"] == 0.15).all()
    assert table["outcome"].between(0, 1).all()


def test_cutting_off_lowers_the_average_effect() -> None:
    """By 0.00065: a unit that would lie below zero gains only what takes it above."""
    table = generate_treatment_data(200_000, 0)
    baseline = 0.1 + 0.002 * (table["age"] - 30) + 0.00001 * (table["income"] - 50_000)
    untreated = baseline + 0.005 * (table["browsing_time"] - 4)
    gains = (untreated + TRUE_EFFECT).clip(0, 1) - untreated.clip(0, 1)
    assert (untreated < 0).mean() == pytest.approx(0.021, abs=0.001)
    assert gains.mean() == pytest.approx(AVERAGE_EFFECT, abs=5e-5)


def test_units_away_from_the_floor_are_chosen_by_covariates(suite: CausalSuite) -> None:
    table = suite.data
    untreated = table["outcome"] - TRUE_EFFECT * table["treatment"]
    # Treated units tell their own baseline, where they lie above zero.
    at_floor = (table["outcome"] == 0) | (table["treatment"] == 1) & (untreated < 0)
    assert suite.free.sum() == 578
    pd.testing.assert_series_equal(suite.free, ~at_floor, check_names=False)


def test_choosing_by_covariates_works_with_noise() -> None:
    """Of the units kept none is cut off but by a rare error; of those dropped most lie near it."""
    rng = np.random.default_rng(0)
    x, t = rng.normal(size=3000), rng.binomial(1, 0.5, size=3000)
    latent = 1 + x + 0.5 * t + 0.2 * rng.normal(size=3000)
    table = pd.DataFrame({"x": x, "treatment": t, "outcome": latent.clip(0, None)})
    free = away_from_bounds(table, ["x"], high=np.inf)
    assert (table.loc[free, "outcome"] == 0).mean() < 0.01
    assert x[~free].max() == pytest.approx(-0.6, abs=0.1)
    assert x[free].min() == pytest.approx(-0.6, abs=0.1)


@pytest.mark.parametrize("name", ADJUSTED)
def test_adjusting_finds_the_true_effect(suite: CausalSuite, name: str) -> None:
    """Within three standard errors; how often intervals contain it takes many seeds to tell."""
    estimate = suite.estimates[name]
    assert estimate.effect == pytest.approx(TRUE_EFFECT, abs=3 * estimate.standard_error)


def test_the_plain_difference_is_misled(suite: CausalSuite) -> None:
    for estimates in (suite.estimates, suite.all_units):
        assert not estimates["difference_in_means"].contains(TRUE_EFFECT)
    status = {check.name: check.status for check in suite.estimates["cuped"].checks}
    assert status["randomisation"] == "review"


@pytest.mark.parametrize("name", ADJUSTED)
def test_all_units_gain_less(suite: CausalSuite, name: str) -> None:
    """The same estimators find the smaller average over all units, within four standard errors."""
    estimate = suite.all_units[name]
    assert estimate.effect == pytest.approx(suite.average_effect, abs=4 * estimate.standard_error)
    assert suite.average_effect == pytest.approx(0.1491, abs=1e-4)


def test_outcomes_without_noise_are_said_to_have_none(suite: CausalSuite) -> None:
    for name in ("cuped", "doubly_robust", "two_model_uplift"):
        estimate = suite.estimates[name]
        assert estimate.effect == pytest.approx(TRUE_EFFECT, abs=1e-12)
        assert "without any noise" in estimate.checks[-1].sentence
    for name in ("inverse_propensity", "double_machine_learning"):
        assert suite.estimates[name].standard_error > 1e-5


def test_segments_find_the_floor(suite: CausalSuite) -> None:
    """Only units near it gain less, and only there may intervals leave the true effect."""
    segments = suite.segments.segments
    assert segments["effect"].idxmin() == 5
    assert segments["effect"].iloc[:4].to_numpy() == pytest.approx(TRUE_EFFECT, abs=5e-4)


def test_same_seed_same_suite(suite: CausalSuite) -> None:
    again = run_causal_suite()
    pd.testing.assert_frame_equal(again.to_frame(), suite.to_frame(), check_exact=True)
    pd.testing.assert_frame_equal(again.segments.curve, suite.segments.curve, check_exact=True)
    assert list(suite.to_frame().index.get_level_values("units").unique()) == ["not cut off", "all"]


@pytest.mark.slow
def test_adjusted_intervals_contain_the_true_effect_in_90_of_100_seeds() -> None:
    inside = dict.fromkeys(ADJUSTED, 0)
    for seed in range(100):
        found = run_causal_suite(seed).estimates
        for name in ADJUSTED:
            inside[name] += found[name].contains(TRUE_EFFECT)
    assert min(inside.values()) >= 90, inside


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"low": 1.0, "high": 0.0}, SpecificationError, "the lower one first"),
        ({"low": 0.2}, DataError, "Got outcomes from 0 to"),
        ({"margin": -1}, SpecificationError, "margin=-1"),
        ({"folds": 1}, SpecificationError, "folds=1"),
    ],
)
def test_impossible_bounds_are_refused(
    suite: CausalSuite, change: dict[str, float], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        away_from_bounds(suite.data, COVARIATES, **change)


def test_too_often_at_the_floor_is_refused() -> None:
    rng = np.random.default_rng(0)
    outcome = np.where(rng.random(100) < 0.95, 0.0, 1.0) + 0.01 * rng.random(100)
    table = pd.DataFrame(
        {"x": rng.normal(size=100), "treatment": [0, 1] * 50, "outcome": outcome.clip(0.01)}
    )
    with pytest.raises(DataError, match="cut off too often"):
        away_from_bounds(table, ["x"], low=0.01, high=2)


@pytest.mark.parametrize("n", [0, 2.5])
def test_impossible_sizes_are_refused(n: float) -> None:
    with pytest.raises(SpecificationError, match="Got n="):
        generate_treatment_data(n)
