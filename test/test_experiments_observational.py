"""Observational estimators: against statsmodels and EconML called directly, and by coverage."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from experiment_data import COVARIATES, EFFECT, users
from sklearn.linear_model import LinearRegression, LogisticRegression

from pymc_toolkit.exceptions import DataError
from pymc_toolkit.experiments import (
    EffectEstimate,
    difference_in_means,
    double_machine_learning,
    doubly_robust,
    inverse_propensity,
    two_model_uplift,
)

Estimator = Callable[..., EffectEstimate]
PLAIN = {"outcome_model": LinearRegression(), "propensity_model": LogisticRegression()}


def test_inverse_propensity_is_statsmodels() -> None:
    """Its GMM, which estimates propensities and effect at once, with other numerics."""
    import statsmodels.api as sm
    from statsmodels.treatment.treatment_effects import TreatmentEffect

    table = users(3000, chosen=0.5)
    x = sm.add_constant((table[COVARIATES] - table[COVARIATES].mean()) / table[COVARIATES].std())
    select = sm.Logit(table["treatment"], x).fit(disp=False)
    outcome = sm.OLS(table["outcome"].to_numpy(), x.to_numpy())
    oracle = TreatmentEffect(outcome, table["treatment"].to_numpy(), results_select=select).ipw()
    found = inverse_propensity(table, COVARIATES)
    assert found.effect == pytest.approx(oracle.effect[0], abs=1e-4)
    assert found.standard_error == pytest.approx(oracle.sd[0], rel=0.01)


def test_doubly_robust_is_econml() -> None:
    from econml.dr import LinearDRLearner

    table = users(300, chosen=0.5)
    learner = LinearDRLearner(
        model_regression=LinearRegression(),
        model_propensity=LogisticRegression(),
        cv=3,
        random_state=4,
    )
    learner.fit(table["outcome"], table["treatment"], W=table[COVARIATES])
    found = doubly_robust(table, COVARIATES, **PLAIN, folds=3, random_state=4)
    assert found.effect == pytest.approx(float(learner.intercept_(T=1)))
    low, high = learner.intercept__interval(T=1, alpha=0.05)
    assert (found.ci_low, found.ci_high) == pytest.approx((float(low), float(high)))


def test_double_machine_learning_is_econml() -> None:
    from econml.dml import LinearDML

    table = users(300, chosen=0.5)
    learner = LinearDML(
        model_y=LinearRegression(),
        model_t=LogisticRegression(),
        discrete_treatment=True,
        cv=3,
        random_state=4,
    )
    learner.fit(table["outcome"], table["treatment"], W=table[COVARIATES])
    found = double_machine_learning(table, COVARIATES, **PLAIN, folds=3, random_state=4)
    assert found.effect == pytest.approx(float(np.squeeze(learner.intercept_)))
    low, high = (float(np.squeeze(end)) for end in learner.intercept__interval(alpha=0.05))
    assert (found.ci_low, found.ci_high) == pytest.approx((low, high))


def test_two_model_uplift_is_two_regressions() -> None:
    """The regressions of the arms in numpy, their HC3 variances, and the spread of uplift."""
    table = users(200, chosen=0.5, slope=1.0)
    design = np.column_stack([np.ones(200), table[COVARIATES]])
    centre, predictions, variance = design.mean(axis=0), [], 0.0
    for arm in (1, 0):
        x = design[table["treatment"] == arm]
        y = table.loc[table["treatment"] == arm, "outcome"].to_numpy()
        inverse = np.linalg.inv(x.T @ x)
        beta = inverse @ x.T @ y
        leverage = np.einsum("ij,jk,ik->i", x, inverse, x)
        meat = x * ((y - x @ beta) / (1 - leverage))[:, None]
        variance += centre @ inverse @ meat.T @ meat @ inverse @ centre
        predictions.append(design @ beta)
    uplift = predictions[0] - predictions[1]
    found = two_model_uplift(table, COVARIATES)
    assert found.effect == pytest.approx(uplift.mean())
    assert found.standard_error == pytest.approx(np.sqrt(variance + uplift.var(ddof=1) / 200))
    assert found.details["response_control"] == pytest.approx(predictions[1].mean())


@pytest.mark.parametrize(
    ("estimator", "options"),
    [
        (inverse_propensity, {}),
        (two_model_uplift, {}),
        (doubly_robust, {**PLAIN, "folds": 2}),
        (double_machine_learning, {**PLAIN, "folds": 2}),
    ],
)
def test_intervals_cover_as_often_as_they_say(
    estimator: Estimator, options: dict[str, object]
) -> None:
    found = [estimator(users(200, seed, chosen=0.7), COVARIATES, **options) for seed in range(200)]
    inside = sum(estimate.contains(EFFECT) for estimate in found)
    # 95 of 100, less 3.2 standard deviations of a binomial.
    assert inside >= 88
    spread = np.std([estimate.effect for estimate in found])
    claimed = np.mean([estimate.standard_error for estimate in found])
    assert claimed == pytest.approx(spread, rel=0.25)


@pytest.mark.slow
@pytest.mark.parametrize("estimator", [doubly_robust, double_machine_learning])
def test_intervals_cover_with_models_that_are_chosen(estimator: Estimator) -> None:
    """The default models, on an outcome that is not linear."""
    inside = 0
    for seed in range(200):
        table = users(600, seed, chosen=0.7)
        table["outcome"] += np.sin(table["age"] / 4) + np.abs(table["visits"])
        inside += estimator(table, COVARIATES).contains(EFFECT)
    assert abs(inside - 190) <= 10


def test_adjusting_removes_what_misleads_a_plain_difference() -> None:
    table = users(2000, chosen=1.0)
    assert not difference_in_means(table).contains(EFFECT)
    for estimator in (inverse_propensity, doubly_robust, double_machine_learning, two_model_uplift):
        estimate = estimator(table, COVARIATES)
        assert estimate.effect == pytest.approx(EFFECT, abs=4 * estimate.standard_error)
        assert [check.name for check in estimate.checks] == ["overlap", "balance", "noise"]


@pytest.mark.parametrize("estimator", [doubly_robust, double_machine_learning])
def test_same_seed_same_result(estimator: Estimator) -> None:
    table = users(200, chosen=0.5)
    first = estimator(table, COVARIATES, random_state=3)
    assert estimator(table, COVARIATES, random_state=3) == first
    assert estimator(table, COVARIATES, random_state=4) != first


@pytest.mark.parametrize(
    "estimator", [inverse_propensity, doubly_robust, double_machine_learning, two_model_uplift]
)
def test_the_table_stays_as_it_was(estimator: Estimator) -> None:
    table = users(150, chosen=0.5).sample(frac=1, random_state=0)
    before = table.copy()
    estimator(table, COVARIATES)
    pd.testing.assert_frame_equal(table, before)


@pytest.mark.parametrize(
    "estimator", [inverse_propensity, doubly_robust, double_machine_learning, two_model_uplift]
)
def test_arms_that_cannot_be_compared_are_refused(estimator: Estimator) -> None:
    """Each reason with its own words."""
    table = users(100)
    separated = table.assign(treatment=(table["age"] > 40).astype(int))
    with pytest.raises(DataError, match="separate treated from control units perfectly"):
        estimator(separated, COVARIATES)
    with pytest.raises(DataError, match="no overlap"):
        estimator(_one_stray(), ["age"])


def _one_stray() -> pd.DataFrame:
    """Arms apart but for one control unit among the treated."""
    age = np.r_[np.linspace(0, 1, 30), 2.95, np.linspace(2, 3, 30)]
    treatment = np.r_[np.zeros(31), np.ones(30)].astype(int)
    return pd.DataFrame({"age": age, "treatment": treatment, "outcome": age + np.sin(9 * age)})


@pytest.mark.parametrize("estimator", [doubly_robust, double_machine_learning])
def test_too_few_units_for_the_folds(estimator: Estimator) -> None:
    table = users(24).assign(treatment=[0, 0, 1] * 8)
    with pytest.raises(DataError, match=r"8 units in an arm for 5 folds; expected at least 10"):
        estimator(table, COVARIATES)
    assert estimator(table, COVARIATES, folds=2).n_treated == 8
