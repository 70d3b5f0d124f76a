"""The search for a budget, held against closed forms and against looking everywhere."""

from __future__ import annotations

import numpy as np
import pytest
from decision_examples import Formula, fit_of, four_channels, free_limits
from hypothesis import given, settings
from hypothesis import strategies as st

from pymc_toolkit.decisions.budget import outlook_of
from pymc_toolkit.decisions.objectives import Objective
from pymc_toolkit.decisions.search import Search, Ties, kkt_residual
from pymc_toolkit.decisions.surfaces import Curves, WholePlans
from pymc_toolkit.exceptions import SpecificationError
from pymc_toolkit.model_spec import ModelSpec

MEAN = Objective("mean")


def roots(sizes: np.ndarray) -> Formula:
    """What grows with the square root of money, by channel."""
    return Formula(lambda x: sizes * np.sqrt(x), lambda x: 0.5 * sizes / np.sqrt(x))


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(0.5, 5.0), min_size=2, max_size=8))
def test_square_roots_are_divided_by_their_squares(sizes: list[float]) -> None:
    size = np.array(sizes)
    limits = free_limits(np.full(len(size), 1000.0), lower=1.0)
    search = Search(roots(size), limits, MEAN)
    found = search.best([limits.current])
    expected = limits.current.sum() * size**2 / (size**2).sum()
    np.testing.assert_allclose(found, expected, rtol=2e-4)
    assert kkt_residual(search.slope(found), found, limits) < 1e-4


def test_bounds_and_constraints_that_are_reached_explain_what_is_left() -> None:
    size = np.array([1.0, 2.0, 3.0, 1.5])
    limits = free_limits(
        np.full(4, 100.0),
        lower=50.0,
        upper=np.array([400.0, 400.0, 150.0, 400.0]),
        weights=np.array([[1.0, 1.0, 0.0, 0.0]]),
        low=np.array([180.0]),
        high=np.array([np.inf]),
    )
    search = Search(roots(size), limits, MEAN)
    found = search.best([limits.current])
    # The third is at its upper bound, the first two just reach their sum.
    np.testing.assert_allclose(found, [50.0, 130.0, 150.0, 70.0], rtol=1e-5)
    assert kkt_residual(search.slope(found), found, limits) < 1e-6
    assert kkt_residual(search.slope(limits.current), limits.current, limits) > 0.2


def test_a_push_against_a_bound_has_a_sign() -> None:
    limits = free_limits(np.array([1.0, 1.0]), lower=0.5, upper=1.5)
    at_edge = np.array([0.5, 1.5])
    assert kkt_residual(np.array([1.0, 3.0]), at_edge, limits) == pytest.approx(0.0)
    # The wrong way round: the first would gain from more.
    assert kkt_residual(np.array([3.0, 1.0]), at_edge, limits) == pytest.approx(0.5)


def test_what_is_held_has_no_part_in_the_residual() -> None:
    held = np.array([True, False, False])
    limits = free_limits(np.array([1.0, 1.0, 1.0]), held=held)
    assert kkt_residual(np.array([9.0, 2.0, 2.0]), limits.current, limits) < 1e-12


def test_at_a_kink_any_mix_of_the_draws_that_meet_there_will_do() -> None:
    limits = free_limits(np.array([1.0, 1.0]))
    slopes = np.array([[3.0, 1.0], [1.0, 3.0]])
    # The first draw alone says to move; half of each says to stay.
    alone = slopes @ np.array([1.0, 0.0])
    assert kkt_residual(alone, limits.current, limits) == pytest.approx(0.5)
    ties = Ties(slopes, np.array([-1.0, 0.0]), np.array([0.0, 1.0]))
    assert kkt_residual(alone, limits.current, limits, ties=ties) < 1e-6
    # Where weights may move a little only, most of it is left.
    tight = Ties(slopes, np.array([-0.1, 0.0]), np.array([0.0, 0.1]))
    left = kkt_residual(alone, limits.current, limits, ties=tight)
    assert left == pytest.approx(0.4, rel=1e-3)


def test_s_shaped_curves_are_searched_from_several_starts() -> None:
    """Two channels that need much before they bring anything: money belongs on one of them."""
    half = np.array([60.0, 70.0])

    def curve(x: np.ndarray) -> np.ndarray:
        return x**6 / (x**6 + half**6)

    def slope(x: np.ndarray) -> np.ndarray:
        return 6 * x**5 * half**6 / (x**6 + half**6) ** 2

    # The current budget is at the foot of both.
    limits = free_limits(np.array([45.0, 45.0]))
    search = Search(Formula(curve, slope), limits, MEAN)
    starts = [limits.current, *limits.sample(6, np.random.default_rng(0))]
    found = search.best(starts)
    grid = np.linspace(0, 90, 2001)
    everywhere = max(curve(np.array([x, 90 - x])).sum() for x in grid)
    assert curve(found).sum() == pytest.approx(everywhere, rel=1e-5)


@pytest.mark.parametrize("target", [2.0, 1.2])
def test_the_most_that_still_returns_a_target(target: float) -> None:
    """Of roots: all money returns t where each channel's share returns half of it at the margin."""
    size = np.array([10.0, 20.0])
    limits = free_limits(np.array([50.0, 50.0]), lower=1.0, total_low=0.0, total_high=np.inf)
    search = Search(roots(size), limits, MEAN)
    nothing = -search.surface.total(limits.current).item()
    richest, most = search.best_return([limits.current], nothing)
    np.testing.assert_allclose(richest[0], 1.0)
    found = search.most_at_return([richest], nothing, target)
    expected = (size / target) ** 2
    np.testing.assert_allclose(found, expected, rtol=1e-3)
    assert search.returned(found, nothing) == pytest.approx(target, rel=1e-6)
    assert most > target


def test_a_correction_gives_exact_values_where_it_was_made() -> None:
    limits = free_limits(np.array([10.0, 20.0]))
    search = Search(roots(np.array([1.0, 2.0])), limits, MEAN)
    at = np.array([12.0, 18.0])
    right = search.corrected(at, 5.0, np.array([0.3, 0.1]))
    right = right.corrected(at, 7.0, np.array([0.2, 0.1]))
    assert right.value(at) == pytest.approx(7.0)
    np.testing.assert_allclose(right.slope(at), [0.2, 0.1])


@pytest.mark.parametrize("saturation", ["michaelis_menten", "logistic", "hill", "tanh", "root"])
@pytest.mark.parametrize(("low", "high"), [(0.7, 1.3), (0.1, 4.0)])
def test_curves_through_a_few_points_are_exact_between_them(
    saturation: str, low: float, high: float
) -> None:
    config = four_channels()
    spec = ModelSpec(lag_max=3, saturation=saturation)
    outlook = outlook_of(fit_of(config, spec), config, None, 6)
    planned = outlook.planned.to_numpy()
    curves = Curves.through(outlook, low * planned, high * planned)
    plans = WholePlans(outlook)
    rng = np.random.default_rng(1)
    close = 1e-6 if high < 2 else 2e-3
    for _ in range(5):
        money = rng.uniform(low, high, 4) * planned
        np.testing.assert_allclose(curves.total(money), plans.total(money), rtol=close)
    inside = (low + 0.4 * (high - low)) * planned
    # Slopes of whole plans are those of a small step.
    np.testing.assert_allclose(
        curves.slopes(inside), plans.slopes(inside), rtol=max(2e-3, 20 * close)
    )


def test_weights_of_draws_by_hand() -> None:
    gains = np.array([3.0, -1.0, 2.0, 0.0, 5.0])
    assert MEAN.value(gains) == pytest.approx(1.8)
    # The worst 30% of five draws: all of the worst and half of the next.
    assert Objective("cvar", 0.3).value(gains) == pytest.approx((-1.0 + 0.5 * 0.0) / 1.5)
    many = np.random.default_rng(0).standard_normal(4000)
    found = Objective("quantile", 0.1).value(many)
    assert found == pytest.approx(np.quantile(many, 0.1), abs=0.03)
    for objective in (MEAN, Objective("cvar", 0.2), Objective("quantile", 0.7)):
        assert objective.weights(many).sum() == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        (("median", None, None), "objective='median'"),
        (("mean", 0.1, None), "risk=0.1 with objective='mean'"),
        (("cvar", 0, None), "risk=0; expected a number above 0"),
        (("quantile", 1.0, None), "risk=1; expected a probability below 1"),
        (("cvar", "low", None), "risk='low'"),
        (("target_roi", None, None), "target_roi=None with objective='target_roi'"),
        (("mean", None, 2.0), "target_roi=2.0 with objective='mean'"),
        (("target_roi", None, -1), "target_roi=-1"),
    ],
)
def test_impossible_objectives_are_refused(arguments: tuple[object, ...], match: str) -> None:
    with pytest.raises(SpecificationError, match=match):
        Objective.of(*arguments)
