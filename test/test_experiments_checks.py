"""Overlap and balance: figures by hand, and verdicts at their limits."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from experiment_data import COVARIATES, users

from pymc_toolkit.exceptions import DataError
from pymc_toolkit.experiments import balance_table, check_balance, check_overlap
from pymc_toolkit.experiments.checks import judge_balance, judge_overlap
from pymc_toolkit.experiments.propensity import effective_size, inverse_weights


def test_differences_are_standardised_mean_differences() -> None:
    table = users(chosen=1.0)
    treated, control = (table.loc[table["treatment"] == arm, "age"] for arm in (1, 0))
    pooled = np.sqrt((treated.var() + control.var()) / 2)
    found = balance_table(table, COVARIATES).loc["age"]
    assert found["before"] == pytest.approx((treated.mean() - control.mean()) / pooled)
    assert found["mean_treated"] == pytest.approx(treated.mean())
    assert abs(found["before"]) > 0.5
    assert abs(found["after"]) < 0.15


def test_weights_of_known_propensities_balance_exactly() -> None:
    """Saturated: of 8 units with x = 0 two are treated, of 4 with x = 1 three are."""
    x, treated = np.repeat([0.0, 1.0], [8, 4]), np.r_[1, 1, np.zeros(6), 1, 1, 1, 0].astype(bool)
    weights = inverse_weights(np.where(x == 0, 0.25, 0.75), treated)
    for arm in (treated, ~treated):
        assert weights[arm].mean() == pytest.approx(1)
        assert np.average(x[arm], weights=weights[arm]) == pytest.approx(4 / 12)
    table = pd.DataFrame({"x": x, "treatment": treated})
    assert check_balance(table, ["x"]).value == pytest.approx(0, abs=1e-6)
    assert check_overlap(table, ["x"]).value == pytest.approx(
        min(effective_size(weights[treated]) / 5, effective_size(weights[~treated]) / 7)
    )


@pytest.mark.parametrize(
    ("low", "high", "status"),
    [
        (0.06, 0.94, "pass"),
        (0.04, 0.9, "review"),
        (0.1, 0.96, "review"),
        (0.009, 0.9, "fail"),
        (0.1, 0.991, "fail"),
    ],
)
def test_overlap(low: float, high: float, status: str) -> None:
    propensity = np.r_[low, high, np.full(98, 0.5)]
    # The extreme units are in the arm that they were expected in, so no weight is large.
    treated = np.r_[False, True, np.tile([True, False], 49)].astype(bool)
    check = judge_overlap(propensity, treated)
    assert check.status == status
    assert f"between {low:.1%} and {high:.1%}" in check.sentence


def test_a_few_heavy_units_ask_for_a_review_and_then_fail() -> None:
    treated = np.tile([True, False], 50)
    propensity = np.full(100, 0.5)
    propensity[:6:2] = 0.06
    assert judge_overlap(propensity, treated).status == "review"
    propensity = np.full(400, 0.5)
    propensity[0] = 0.0101
    many = np.tile([True, False], 200)
    assert judge_overlap(propensity, many).status == "review"
    propensity[0] = 0.009
    assert judge_overlap(propensity, many).status == "fail"


@pytest.mark.parametrize(
    ("after", "status"),
    [(0.1, "pass"), (-0.11, "review"), (0.25, "review"), (-0.26, "fail"), (np.inf, "fail")],
)
def test_balance(after: float, status: str) -> None:
    index = pd.Index(["age", "visits"], name="covariate")
    check = judge_balance(pd.DataFrame({"before": [0.5, 0.1], "after": [after, 0.05]}, index))
    assert check.status == status
    assert "'age'" in check.sentence
    assert "0.50 before" in check.sentence


def test_checks_of_tables() -> None:
    lottery, choice = users(1000), users(1000, chosen=2.5)
    assert check_overlap(lottery, COVARIATES).status == "pass"
    assert check_balance(lottery, COVARIATES).status == "pass"
    assert check_overlap(choice, COVARIATES).status == "fail"
    with pytest.raises(DataError, match="perfectly"):
        check_overlap(lottery.assign(treatment=lottery["age"] > 40), ["age"])


def test_checks_need_no_outcome() -> None:
    table = users().drop(columns="outcome").rename(columns={"treatment": "got_mail"})
    assert check_overlap(table, COVARIATES, "got_mail").status == "pass"
    assert list(balance_table(table, COVARIATES, "got_mail").index) == COVARIATES
