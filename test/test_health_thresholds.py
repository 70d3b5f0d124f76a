"""Limits by name: replaced, refused, and how values are graded by them."""

from __future__ import annotations

import re
from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymc_toolkit.exceptions import SpecificationError
from pymc_toolkit.health.thresholds import Thresholds
from pymc_toolkit.verdicts import Status

NAMES = [field.name for field in fields(Thresholds)]
PAIRS = [name for name in NAMES if f"{name}_fail" in NAMES]


def test_every_limit_is_documented() -> None:
    listed = re.findall(r"^    ([a-z_, ]+) : float$", str(Thresholds.__doc__), re.MULTILINE)
    assert [name for line in listed for name in line.split(", ")] == NAMES


def test_some_are_replaced_and_the_rest_kept() -> None:
    limits = Thresholds.of({"vif": 12, "years": 1})
    assert (limits.vif, limits.years, limits.correlation) == (12.0, 1.0, Thresholds().correlation)
    assert Thresholds.of(limits) is limits
    assert Thresholds.of(None) == Thresholds()


def test_the_second_limit_moves_along_unless_it_is_given() -> None:
    assert Thresholds.of({"vif": 50}).vif_fail == 50
    assert Thresholds.of({"vif": 3}).vif_fail == Thresholds().vif_fail
    assert Thresholds.of({"on_air": 0}).on_air_fail == 0
    with pytest.raises(SpecificationError, match="vif=50 and vif_fail=20"):
        Thresholds.of({"vif": 50, "vif_fail": 20})
    with pytest.raises(SpecificationError, match="years=1 and years_fail=2"):
        Thresholds(years=1, years_fail=2)


@pytest.mark.parametrize("value", [-1, float("nan"), "5", None, True])
def test_impossible_values(value: Any) -> None:
    with pytest.raises(SpecificationError, match="expected a number of at least 0"):
        Thresholds.of({"vif": value})


@pytest.mark.parametrize("thresholds", [{"viff": 3}, {3: 3}])
def test_unknown_names(thresholds: Any) -> None:
    with pytest.raises(SpecificationError, match="Got threshold"):
        Thresholds.of(thresholds)
    with pytest.raises(SpecificationError, match="Did you mean 'vif'"):
        Thresholds.of({"viff": 3})
    with pytest.raises(SpecificationError, match="expected a mapping"):
        Thresholds.of([("vif", 3)])  # type: ignore[arg-type]


@given(st.sampled_from(PAIRS), st.floats(0, 100), st.floats(0, 100))
def test_what_is_worse_is_never_graded_better(name: str, first: float, second: float) -> None:
    """Whatever the direction, it is that of the two limits."""
    limits, order = Thresholds(), list(Status)
    from_below = getattr(limits, name) > getattr(limits, f"{name}_fail")
    better, worse = sorted((first, second), reverse=from_below)
    grades = [order.index(limits.grade(name, value)) for value in (better, worse)]
    assert grades[0] <= grades[1]
    for limit, status in ((name, "pass"), (f"{name}_fail", "review")):
        assert limits.grade(name, getattr(limits, limit)) == status


@pytest.mark.parametrize("name", PAIRS)
def test_what_is_no_number_asks_for_a_look(name: str) -> None:
    assert Thresholds().grade(name, float("nan")) == "review"
