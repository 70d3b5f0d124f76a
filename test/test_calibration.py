"""Scores, intervals and ranks of known parameters, against closed forms and scipy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats

from pymc_toolkit.fleets.calibration import inside, rank, tail_score, uniformity


def calibrated(simulations: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Truths from a standard normal prior, and draws from the exact posterior given one datum."""
    truth = rng.normal(size=simulations)
    datum = truth + rng.normal(size=simulations)
    draws = datum / 2 + rng.normal(size=(2000, simulations)) / np.sqrt(2)
    return draws, truth


def test_scores_are_uniform_where_inference_is_exact() -> None:
    draws, truth = calibrated(1500, np.random.default_rng(0))
    scores = tail_score(draws, truth)
    assert stats.kstest(scores, "uniform").pvalue > 0.01
    assert scores.mean() == pytest.approx(0.5, abs=0.03)
    for probability in (0.5, 0.9):
        assert inside(draws, truth, probability).mean() == pytest.approx(probability, abs=0.03)


def test_score_is_the_two_sided_p_value_of_a_normal_posterior() -> None:
    draws = stats.norm.ppf((np.arange(100_000) + 0.5) / 100_000)
    for truth in (-2.5, -1.0, 0.0, 0.3, 1.96):
        exact = 2 * stats.norm.sf(abs(truth))
        assert tail_score(draws, np.array(truth)) == pytest.approx(exact, abs=1e-3)


@given(
    hnp.arrays(float, st.tuples(st.integers(1, 50), st.integers(1, 4)), elements=st.floats(-5, 5)),
    st.floats(-6, 6),
)
def test_scores_and_ranks_stay_within_bounds(draws: np.ndarray, value: float) -> None:
    truth = np.full(draws.shape[1], value)
    scores, ranks = tail_score(draws, truth), rank(draws, truth)
    assert scores.shape == ranks.shape == truth.shape
    assert ((scores >= 0) & (scores <= 1)).all()
    assert ((ranks > 0) & (ranks < 1)).all()
    np.testing.assert_allclose(tail_score(-draws, -truth), scores)


def test_ranks_at_the_ends() -> None:
    draws = np.linspace(0, 1, 4000)[:, None]
    assert rank(draws, np.array([-1.0])) == pytest.approx(0.005)
    assert rank(draws, np.array([2.0])) == pytest.approx(0.995)


@pytest.mark.parametrize("simulations", [10, 50, 130])
def test_uniform_ranks_are_rejected_as_often_as_they_should_be(simulations: int) -> None:
    rng = np.random.default_rng(simulations)
    ranks = (rng.integers(100, size=(600, simulations)) + 0.5) / 100
    p_values = np.array([uniformity(row) for row in ranks])
    assert (p_values < 0.05).mean() == pytest.approx(0.05, abs=0.025)
    assert (p_values < 0.5).mean() == pytest.approx(0.5, abs=0.08)


def test_ranks_of_exact_inference_pass() -> None:
    rng = np.random.default_rng(2)
    p_values = [uniformity(rank(*calibrated(60, rng))) for _ in range(60)]
    assert (np.array(p_values) < 0.05).mean() < 0.15


@pytest.mark.parametrize(
    ("spoil", "what"),
    [
        (lambda draws: draws + 0.7, "estimates that are too high"),
        (lambda draws: draws.mean(0) + 0.4 * (draws - draws.mean(0)), "intervals too narrow"),
        (lambda draws: draws.mean(0) + 3.0 * (draws - draws.mean(0)), "intervals too wide"),
    ],
)
def test_wrong_inference_is_found(spoil: object, what: str) -> None:
    draws, truth = calibrated(60, np.random.default_rng(1))
    assert uniformity(rank(spoil(draws), truth)) < 0.01, what  # type: ignore[operator]
