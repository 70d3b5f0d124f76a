"""Randomised experiments: against scipy, against statsmodels and numpy by hand, and by coverage."""

from __future__ import annotations

import numpy as np
import pytest
from experiment_data import COVARIATES, EFFECT, users
from scipy import stats

from pymc_toolkit.exceptions import DataError
from pymc_toolkit.experiments import cuped, difference_in_means


def test_difference_in_means_is_scipys_welch() -> None:
    table = users(150, chosen=1.0)
    treated = table.loc[table["treatment"] == 1, "outcome"]
    control = table.loc[table["treatment"] == 0, "outcome"]
    expected = stats.ttest_ind(treated, control, equal_var=False)
    found = difference_in_means(table, ci_prob=0.9)
    interval = expected.confidence_interval(0.9)
    assert found.effect == pytest.approx(treated.mean() - control.mean())
    assert found.effect / found.standard_error == pytest.approx(expected.statistic)
    assert (found.ci_low, found.ci_high) == pytest.approx((interval.low, interval.high))
    assert found.p_value == pytest.approx(expected.pvalue)
    assert found.details["degrees_of_freedom"] == pytest.approx(expected.df)
    assert (found.n_treated, found.n_control) == (len(treated), len(control))


def test_cuped_is_lins_regression_with_hc3_and_drawn_covariates() -> None:
    """In numpy, from the definition."""
    table = users(120, slope=1.0)
    x = table[COVARIATES].to_numpy()
    z, t, y = x - x.mean(axis=0), table["treatment"].to_numpy(), table["outcome"].to_numpy()
    design = np.column_stack([np.ones(120), t, z, z * t[:, None]])
    inverse = np.linalg.inv(design.T @ design)
    beta = inverse @ design.T @ y
    leverage = np.einsum("ij,jk,ik->i", design, inverse, design)
    meat = design * ((y - design @ beta) / (1 - leverage))[:, None]
    sandwich = inverse @ meat.T @ meat @ inverse
    drawn = np.var(z @ beta[4:], ddof=1) / 120
    found = cuped(table, COVARIATES)
    assert found.effect == pytest.approx(beta[1])
    assert found.standard_error == pytest.approx(np.sqrt(sandwich[1, 1] + drawn))
    reach = stats.t(120 - 6).ppf(0.975) * found.standard_error
    assert (found.ci_low, found.ci_high) == pytest.approx((beta[1] - reach, beta[1] + reach))


def test_cuped_removes_what_was_predictable() -> None:
    table = users(2000, noise=0.5)
    plain, adjusted = difference_in_means(table), cuped(table, COVARIATES)
    # Of a variance of 1 + 0.25 + 0.25 only the noise's 0.25 is left.
    assert adjusted.details["variance_removed"] == pytest.approx(5 / 6, abs=0.03)
    assert adjusted.standard_error < plain.standard_error / 2


@pytest.mark.parametrize("slope", [0.0, 1.0])
def test_intervals_cover_as_often_as_they_say(slope: float) -> None:
    inside = np.zeros(2)
    for seed in range(200):
        table = users(100, seed, slope=slope)
        estimates = (difference_in_means(table), cuped(table, COVARIATES))
        inside += [estimate.contains(EFFECT) for estimate in estimates]
    # 95% of 200 are 190; 3.3 standard deviations of a binomial are 10.
    assert (np.abs(inside - 190) <= 10).all()


def test_arms_that_were_not_drawn_at_random_ask_for_a_review() -> None:
    drawn = {check.name: check for check in cuped(users(), COVARIATES).checks}
    chosen = {check.name: check for check in cuped(users(chosen=1.0), COVARIATES).checks}
    assert drawn["randomisation"].status == "pass"
    assert chosen["randomisation"].status == "review"
    assert "'age'" in chosen["randomisation"].sentence


def test_an_outcome_without_noise_is_said_to_have_none() -> None:
    found = cuped(users(noise=0.0), COVARIATES)
    assert found.verdict.status == "review"
    assert "without any noise" in found.checks[-1].sentence
    assert found.standard_error < 1e-11
    assert found.contains(EFFECT)


def test_two_constant_arms_have_a_difference_without_an_interval() -> None:
    table = users().assign(outcome=lambda t: 2.0 * t["treatment"])
    found = difference_in_means(table)
    assert found.effect == 2.0
    assert found.ci_high - found.ci_low < 1e-10
    assert found.checks[0].status == "review"


def test_too_few_units_for_so_many_covariates() -> None:
    table = users(8).assign(treatment=[1, 1, 1, 1, 0, 0, 0, 0])
    with pytest.raises(DataError, match=r"Got 4 treated units for 2 covariates; .* at least 5"):
        cuped(table, COVARIATES)


@pytest.mark.parametrize(
    ("units", "words"),
    [
        ([0, 2, 4], "same value of 'odd' for all control units"),
        ([0, 1], "unit that alone decides"),
    ],
)
def test_a_covariate_of_single_units_is_refused(units: list[int], words: str) -> None:
    table = users(40).assign(treatment=[1, 0] * 20, odd=0.0)
    table.loc[units, "odd"] = 1.0
    with pytest.raises(DataError, match=words):
        cuped(table, ["odd"])


def test_covariates_that_repeat_each_other_change_nothing() -> None:
    table = users(60).assign(months=lambda t: 12 * t["age"], constant=1.0)
    once, twice = cuped(table, COVARIATES), cuped(table, [*COVARIATES, "months", "constant"])
    assert twice.effect == pytest.approx(once.effect)
    assert twice.standard_error == pytest.approx(once.standard_error)


def test_a_summary_is_short_and_says_what_must_hold() -> None:
    text = str(difference_in_means(users()))
    assert text.count("\n") == 3
    for part in ("difference in means:", "95% interval", "pass:", "Holds if: Chance alone"):
        assert part in text
