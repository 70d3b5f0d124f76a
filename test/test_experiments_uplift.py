"""Segments by predicted uplift: the arithmetic of the curves, and no reward for fitting noise."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from experiment_data import COVARIATES, EFFECT, users
from sklearn.linear_model import LinearRegression
from sklearn.tree import DecisionTreeRegressor

from pymc_toolkit.exceptions import DataError
from pymc_toolkit.experiments import uplift_segments
from pymc_toolkit.experiments.frame import read_trial
from pymc_toolkit.experiments.nuisance import cross_fit, propensity_model
from pymc_toolkit.experiments.uplift import _qini

LINEAR = {"outcome_model": LinearRegression()}


def test_curves_and_segments_are_sums_of_scores() -> None:
    table = users(203, chosen=0.5, slope=1.0)
    found = uplift_segments(table, COVARIATES, **LINEAR, n_segments=4, random_state=2)
    trial = read_trial(table, "outcome", "treatment", COVARIATES)
    scores = cross_fit(trial, LinearRegression(), propensity_model(), 5, 2)
    order = np.argsort(-scores.uplift)
    effects = scores.effect[order]
    curve = found.curve
    np.testing.assert_allclose(curve["gain"].iloc[1:], effects.cumsum() / 203)
    np.testing.assert_allclose(curve["random"], curve["share"] * effects.mean())
    np.testing.assert_allclose(curve["uplift"].iloc[-1], effects.mean())
    extra = curve["gain"] - curve["random"]
    np.testing.assert_allclose(curve["extra"], extra, atol=1e-12)
    spread = [part.var(ddof=1) / len(part) for part in (effects[:60], effects[60:])]
    reach = 1.959964 * 60 * 143 / 203**2 * np.sqrt(sum(spread))
    assert curve["extra_high"].iloc[60] - extra.iloc[60] == pytest.approx(reach)
    assert found.qini == pytest.approx(
        np.trapezoid(curve["gain"] - curve["random"], curve["share"])
    )
    error = effects.std(ddof=1) / np.sqrt(203)
    assert curve["ci_high"].iloc[-1] - curve["gain"].iloc[-1] == pytest.approx(
        1.96 * error, rel=1e-3
    )
    assert found.segments["n_units"].tolist() == [51, 51, 51, 50]
    first = found.segments.loc[1]
    assert first["effect"] == pytest.approx(effects[:51].mean())
    assert first["predicted"] == pytest.approx(scores.uplift[order][:51].mean())
    assert first["standard_error"] == pytest.approx(effects[:51].std(ddof=1) / np.sqrt(51))
    assert found.effect == pytest.approx(effects.mean())


def test_scores_are_those_of_econml() -> None:
    """Its doubly robust learner averages the same scores, given the same folds and models."""
    from econml.dr import LinearDRLearner
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import PolynomialFeatures

    table = users(200, chosen=0.5, slope=1.0)
    trial = read_trial(table, "outcome", "treatment", COVARIATES)
    scores = cross_fit(trial, LinearRegression(), LogisticRegression(), 4, 7)
    # Products of treatment and covariates make one regression of what are two here.
    learner = LinearDRLearner(
        model_regression=make_pipeline(
            PolynomialFeatures(2, interaction_only=True), _OnlyProductsWithTreatment()
        ),
        model_propensity=LogisticRegression(),
        cv=StratifiedKFold(4, shuffle=True, random_state=7),
    )
    learner.fit(trial.outcome, trial.treatment, W=trial.covariates)
    assert scores.effect.mean() == pytest.approx(float(learner.intercept_(T=1)), rel=1e-6)


class _OnlyProductsWithTreatment(LinearRegression):
    """Least squares without the product of the two covariates, the fifth of seven columns."""

    def fit(self, X, y, sample_weight=None):  # noqa: N803
        return super().fit(np.delete(X, 4, axis=1), y, sample_weight)

    def predict(self, X):  # noqa: N803
        return super().predict(np.delete(X, 4, axis=1))


def test_who_gains_more_is_found() -> None:
    found = uplift_segments(users(2000, chosen=0.5, slope=1.0), COVARIATES, **LINEAR)
    assert found.verdict.status == "pass"
    assert found.segments["effect"].is_monotonic_decreasing
    # A normal's upper and lower fifth lie 1.4 from its middle.
    assert found.segments["effect"].iloc[0] == pytest.approx(EFFECT + 1.4, abs=0.4)
    assert found.segments["effect"].iloc[-1] == pytest.approx(EFFECT - 1.4, abs=0.4)


def test_a_model_that_fits_noise_is_not_rewarded() -> None:
    """Deep trees predict wild uplifts where the effect is the same for all."""
    values = []
    for seed in range(30):
        found = uplift_segments(
            users(200, seed), COVARIATES, outcome_model=DecisionTreeRegressor(random_state=0)
        )
        assert found.segments["predicted"].iloc[0] > 1.0 + EFFECT
        values.append(found.qini / found.qini_standard_error)
    assert abs(np.mean(values)) < 3 / np.sqrt(30)


@pytest.mark.parametrize("slope", [0.0, 1.0])
def test_the_standard_error_of_qini_is_its_spread(slope: float) -> None:
    """On scores that are drawn afresh: rank and effect of each unit, and noise."""
    found = []
    for seed in range(600):
        rng = np.random.default_rng(seed)
        predicted = rng.normal(size=300)
        effects = (slope * predicted + rng.normal(3, 1, size=300))[np.argsort(-predicted)]
        found.append(_qini(effects))
    areas, errors = np.array(found).T
    assert errors.mean() == pytest.approx(areas.std(ddof=1), rel=0.1)
    # The covariance of a normal with its rank is 1 / (2 sqrt(pi)).
    assert areas.mean() == pytest.approx(slope / (2 * np.sqrt(np.pi)), abs=0.01)


def test_equal_predictions_are_not_sorted_by_the_order_of_rows() -> None:
    """Sorted tables would else look as if the first rows gained most."""
    table = users(300, noise=0.0).sort_values("outcome", ignore_index=True)
    found = uplift_segments(table, COVARIATES, **LINEAR)
    assert found.segments["predicted"].tolist() == pytest.approx([EFFECT] * 5)
    assert found.segments["effect"].tolist() == pytest.approx([EFFECT] * 5)


def test_same_seed_same_result_and_the_table_stays() -> None:
    table = users(150, chosen=0.5)
    before = table.copy()
    first, again = (uplift_segments(table, COVARIATES, random_state=1) for _ in range(2))
    pd.testing.assert_frame_equal(first.curve, again.curve)
    pd.testing.assert_frame_equal(table, before)


def test_too_many_segments_are_refused() -> None:
    with pytest.raises(DataError, match="Got 40 units for 21 segments"):
        uplift_segments(users(40), COVARIATES, n_segments=21)
