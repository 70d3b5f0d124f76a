"""Limits of a budget: what is allowed, how budgets are brought within, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pymc_toolkit.decisions.limits import Constraint, Limits, limits_of
from pymc_toolkit.exceptions import ColumnError, SpecificationError

PLAN = pd.Series({"tv": 100.0, "radio": 60.0, "search": 40.0})
KNOWN = ["tv", "radio", "search", "organic"]


def limits(
    total: Any = None, bounds: Any = 0.3, constraints: Any = (), hold: Any = (), **more: Any
) -> Limits:
    return limits_of(more.pop("plan", PLAN), total, bounds, constraints, hold, KNOWN, **more)


def test_a_fraction_is_around_the_plan_brought_to_the_total() -> None:
    found = limits(total=400.0, bounds=0.5)
    np.testing.assert_allclose(found.current, [200, 120, 80])
    np.testing.assert_allclose(found.lower, [100, 60, 40])
    np.testing.assert_allclose(found.upper, [300, 180, 120])
    assert found.total_low == found.total_high == pytest.approx(400.0)
    np.testing.assert_array_equal(limits(bounds=2.0).lower, 0.0)


def test_money_by_channel_and_the_usual_fraction_for_the_rest() -> None:
    found = limits(bounds={"radio": (0, 500)})
    np.testing.assert_allclose(found.lower, [70, 0, 28])
    np.testing.assert_allclose(found.upper, [130, 500, 52])


def test_what_is_held_keeps_the_plans_money_whatever_the_total() -> None:
    found = limits(total=300.0, hold=["tv"])
    np.testing.assert_allclose(found.current, [100, 120, 80])
    assert found.lower[0] == found.upper[0] == 100.0
    assert found.held.tolist() == [True, False, False]


def test_a_cap_allows_less() -> None:
    found = limits(total=250.0, capped=True)
    assert found.allow(found.lower)
    assert not found.allow(found.upper)
    assert limits(capped=True).allow(limits(capped=True).upper)


def test_a_cap_that_is_kept_to_anyway_moves_nothing() -> None:
    for cap in (200.0, 250.0, 1e9):
        found = limits(total=cap, capped=True)
        np.testing.assert_allclose(found.current, PLAN)
        np.testing.assert_allclose(found.lower, limits().lower)
    np.testing.assert_allclose(limits(total=100.0, capped=True).current, PLAN / 2)


def test_rounding_is_of_the_budget_however_wide_the_bounds() -> None:
    found = limits(bounds={"tv": (0, 1e12)})
    assert not found.allow(found.current + np.array([1.0, 0.0, 0.0]))
    assert not found.allow(found.current - np.array([0.0, 20.0, 0.0]))


def test_rounding_is_of_money_whatever_the_unit_of_a_constraint() -> None:
    found = limits(constraints=[Constraint({"tv": 1e-9, "radio": -2e-9}, high=0.0)])
    assert found.allow(found.current)
    assert not found.allow(found.current + np.array([0.0, -12.0, 12.0]))


def test_no_channel_gets_more_than_the_others_leave() -> None:
    found = limits(bounds={"tv": (0, 1e9), "radio": (50, 1e9), "search": (30, 1e9)})
    np.testing.assert_allclose(found.reachable, [120, 170, 150])
    np.testing.assert_allclose(limits().reachable, limits().upper)


def test_constraints_are_read_by_name() -> None:
    found = limits(constraints=[Constraint({"radio": 2, "tv": -1}, low=0.0)])
    assert found.weights.tolist() == [[-0.5, 1.0, 0.0]]
    assert found.allow(np.array([100.0, 60.0, 40.0]))
    assert not found.allow(np.array([110.0, 50.0, 40.0]))


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.floats(1.0, 1e6), min_size=2, max_size=8),
    st.floats(0.05, 1.5),
    st.floats(0.5, 2.0),
    st.integers(0, 10_000),
)
def test_samples_and_what_is_brought_within_are_allowed(
    plan: list[float], fraction: float, scale: float, seed: int
) -> None:
    names = [f"channel {i}" for i in range(len(plan))]
    series = pd.Series(plan, index=names)
    first_two = Constraint({names[0]: 1, names[1]: 1}, high=1.001 * scale * (plan[0] + plan[1]))
    found = limits_of(series, scale * sum(plan), fraction, [first_two], (), names)
    rng = np.random.default_rng(seed)
    samples = found.sample(5, rng)
    assert all(found.allow(budget) for budget in samples)
    anywhere = rng.uniform(0, 2, len(plan)) * series.to_numpy()
    assert found.allow(found.nearest(anywhere))
    np.testing.assert_array_equal(found.nearest(found.current), found.current)


@pytest.mark.parametrize(
    ("question", "error", "match"),
    [
        ({"total": 0}, SpecificationError, "total=0; expected a number above 0"),
        ({"total": True}, SpecificationError, "total=True"),
        ({"total": float("nan")}, SpecificationError, "total=nan"),
        ({"total": "all"}, SpecificationError, "total='all'"),
        ({"total": 90, "hold": ["tv"]}, SpecificationError, "spends 100 on"),
        ({"total": 300, "hold": list(PLAN.index)}, SpecificationError, "may move"),
        ({"plan": PLAN * 0}, SpecificationError, "plan without money"),
        ({"plan": PLAN * 0, "total": 10}, SpecificationError, "plan without money"),
        ({"bounds": 0}, SpecificationError, "bounds=0; expected a number above 0"),
        ({"bounds": -0.3}, SpecificationError, "bounds=-0.3"),
        ({"bounds": {"cinema": (0, 1)}}, ColumnError, "'cinema' in bounds, which is not a channel"),
        ({"bounds": {"organic": (0, 1)}}, SpecificationError, "'organic' in bounds.*not bought"),
        ({"bounds": {"tv": 5}}, SpecificationError, "bounds 5 of 'tv'"),
        ({"bounds": {"tv": (5, 1)}}, SpecificationError, r"bounds \(5, 1\) of 'tv'"),
        ({"bounds": {"tv": (-1, 1)}}, SpecificationError, r"bounds \(-1, 1\) of 'tv'"),
        ({"bounds": {"tv": (0, "x")}}, SpecificationError, "upper bound of 'tv'"),
        ({"bounds": {"tv": (0, 20)}}, SpecificationError, "from 70 to 150 .* a total of 200"),
        ({"bounds": {"tv": (180, 190)}}, SpecificationError, "from 250 to 320 .* total of 200"),
        ({"bounds": {"tv": (0, 1)}, "hold": ["tv"]}, SpecificationError, "both in hold and in b"),
        ({"hold": ["cinema"]}, ColumnError, "'cinema' in hold"),
        ({"hold": ["organic"]}, SpecificationError, "'organic' in hold.*not bought"),
        ({"hold": "tv"}, SpecificationError, "hold='tv'"),
        ({"constraints": [3]}, SpecificationError, "3 among constraints"),
        ({"constraints": [Constraint({"cinema": 1}, 1)]}, ColumnError, "'cinema' in constraints"),
        ({"constraints": [Constraint({"organic": 1}, 1)]}, SpecificationError, "not bought"),
        ({"constraints": [Constraint({"tv": 1}, 131)]}, SpecificationError, "no budget within"),
        (
            {"constraints": [Constraint({"tv": 1}, 120), Constraint({"tv": 1}, high=110)]},
            SpecificationError,
            "2 constraints that no budget",
        ),
    ],
)
def test_impossible_limits_are_refused(
    question: dict[str, Any], error: type[Exception], match: str
) -> None:
    with pytest.raises(error, match=match):
        limits(**question)


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        (({}, 0), "weights={}"),
        ((["tv"], 0), "weights="),
        (({"tv": "much"}, 0), "weight of 'tv'"),
        (({"tv": 1},), "without low and high"),
        (({"tv": 1}, 2, 1), "low=2 above high=1"),
        (({"tv": 1}, float("inf")), "low of a constraint=inf"),
    ],
)
def test_impossible_constraints_are_refused(arguments: tuple[Any, ...], match: str) -> None:
    with pytest.raises(SpecificationError, match=match):
        Constraint(*arguments)
