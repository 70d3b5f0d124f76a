"""Metrics against closed forms, brute force and other libraries."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats
from sklearn import metrics as sklearn_metrics

from pymc_toolkit.exceptions import DataError
from pymc_toolkit.metrics import coverage, crps, mape, nrmse, r_squared, rmse, wape

RNG = np.random.default_rng(0)
ACTUAL = RNG.uniform(50, 150, 40)
PREDICTED = ACTUAL + RNG.normal(0, 15, 40)
values = st.floats(-1e6, 1e6)


def test_mape_by_hand_and_by_scikit_learn() -> None:
    assert mape([100, 50], [90, 60]) == pytest.approx(0.15)
    assert mape([-100], [-90]) == pytest.approx(0.1)
    ours = mape(ACTUAL, PREDICTED)
    theirs = sklearn_metrics.mean_absolute_percentage_error(ACTUAL, PREDICTED)
    assert ours == pytest.approx(theirs)


def test_wape_by_hand_where_mape_has_no_value() -> None:
    assert wape([0, 50, 150], [10, 60, 150]) == pytest.approx(0.1)
    assert math.isnan(mape([0, 50, 150], [10, 60, 150]))
    assert wape([-10, 10], [0, 10]) == pytest.approx(0.5)
    assert math.isnan(wape([0, 0], [1, 1]))
    assert math.isnan(wape([1, 2], [1, math.inf]))


def test_rmse_by_hand() -> None:
    assert rmse(ACTUAL, PREDICTED) == pytest.approx(math.sqrt(np.mean((ACTUAL - PREDICTED) ** 2)))
    assert rmse([5, 5], [2, 8]) == pytest.approx(3)
    assert math.isnan(rmse([1, 2], [1, math.nan]))


def test_nrmse_by_hand() -> None:
    """By the range, not by the mean."""
    assert nrmse([0, 10, 20], [3, 10, 16]) == pytest.approx(math.sqrt(25 / 3) / 20)
    by_hand = np.sqrt(np.mean((ACTUAL - PREDICTED) ** 2)) / (ACTUAL.max() - ACTUAL.min())
    assert nrmse(ACTUAL, PREDICTED) == pytest.approx(by_hand)


def test_r_squared_by_hand() -> None:
    left, total = ACTUAL - PREDICTED, ACTUAL - ACTUAL.mean()
    assert r_squared(ACTUAL, PREDICTED) == pytest.approx(1 - (left @ left) / (total @ total))
    assert r_squared([1, 2, 3], [2, 2, 2]) == 0
    assert r_squared([1, 2, 3], [3, 2, 1]) == pytest.approx(-3)


def test_a_worse_scale_shows_in_no_relative_metric() -> None:
    """Every metric is free of the target's unit."""
    draws = PREDICTED + RNG.normal(0, 10, (200, 40))
    for metric, prediction in ((mape, PREDICTED), (nrmse, PREDICTED), (crps, draws)):
        assert metric(ACTUAL * 1000, prediction * 1000) == pytest.approx(metric(ACTUAL, prediction))


@pytest.mark.parametrize(
    ("metric", "actual", "predicted"),
    [
        (mape, [0.0, 1.0], [1.0, 1.0]),
        (nrmse, [2.0, 2.0], [1.0, 2.0]),
        (nrmse, [2.0], [1.0]),
        (r_squared, [2.0, 2.0], [1.0, 2.0]),
        (r_squared, [2.0], [2.0]),
        (crps, [0.0, 0.0], [[1.0, 2.0]]),
    ],
)
def test_an_undefined_metric_is_not_a_number(metric, actual, predicted) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert math.isnan(metric(actual, predicted))


@pytest.mark.parametrize("metric", [mape, nrmse, r_squared])
@pytest.mark.parametrize(("actual", "predicted"), [([1, 2], [1]), ([[1], [2]], [1, 2]), ([], [])])
def test_unequal_shapes_are_refused(metric, actual, predicted) -> None:
    with pytest.raises(DataError, match="the same shape"):
        metric(actual, predicted)


@pytest.mark.parametrize(
    ("actual", "draws"),
    [
        ([1, 2], [[1, 2, 3]]),
        ([1, 2], [[1], [2]]),
        ([1, 2], [[[1, 2]]]),
        ([], [[]]),
        ([1, 2], np.empty((0, 2))),
    ],
)
def test_draws_of_another_shape_are_refused(actual, draws) -> None:
    """Also transposed ones, unless they are square."""
    with pytest.raises(DataError, match=r"expected \(samples, "):
        crps(actual, draws)


@given(st.integers(1, 8), st.integers(1, 4), st.data())
def test_crps_is_that_of_all_pairs(samples: int, n: int, data: st.DataObject) -> None:
    draws = data.draw(arrays(float, (samples, n), elements=values))
    actual = data.draw(arrays(float, n, elements=st.floats(1, 1e6)))
    error = np.abs(draws - actual).mean(axis=0)
    between = np.abs(draws[:, None] - draws[None]).mean(axis=(0, 1))
    by_hand = (error - between / 2).mean() / np.abs(actual).mean()
    size = max(np.abs(draws).max(), 1) / np.abs(actual).mean()
    assert crps(actual, draws) == pytest.approx(by_hand, rel=1e-9, abs=1e-9 * size)


@pytest.mark.parametrize("actual", [7.0, 10.0, 18.0])
def test_crps_of_a_normal(actual: float) -> None:
    """Gneiting and Raftery (2007), equation 21 in closed form."""
    mean, sigma = 10.0, 3.0
    draws = RNG.normal(mean, sigma, (200_000, 1))
    z = (actual - mean) / sigma
    inside = z * (2 * stats.norm.cdf(z) - 1) + 2 * stats.norm.pdf(z)
    exact = sigma * (inside - 1 / math.sqrt(math.pi))
    assert crps([actual], draws) * actual == pytest.approx(exact, rel=0.01)


def test_crps_of_a_point_is_the_absolute_error() -> None:
    by_hand = np.abs(ACTUAL - PREDICTED).mean() / ACTUAL.mean()
    assert crps(ACTUAL, PREDICTED[None]) == pytest.approx(by_hand)
    assert crps(ACTUAL, PREDICTED) == pytest.approx(by_hand)


def test_crps_leaves_draws_in_their_order() -> None:
    draws = np.array([[3.0], [1.0], [2.0]])
    crps([2.0], draws)
    np.testing.assert_array_equal(draws.ravel(), [3.0, 1.0, 2.0])


def test_coverage_counts_the_bounds_as_inside() -> None:
    assert coverage([1, 2, 3, 4], [1, 0, 4, 0], [2, 1, 5, 4]) == 0.5
    with pytest.raises(DataError):
        coverage([1, 2], [0, 0], [3])
