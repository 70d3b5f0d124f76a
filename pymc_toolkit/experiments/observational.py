"""Effects where treatment was not drawn by lot, but what decided it was recorded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from pymc_toolkit.analysis.intervals import check_probability
from pymc_toolkit.experiments import nuisance
from pymc_toolkit.experiments.checks import (
    comparability,
    judge_balance,
    judge_overlap,
    tabulate_balance,
)
from pymc_toolkit.experiments.estimate import CI_PROB, EffectEstimate, inference
from pymc_toolkit.experiments.extra import experiments_extra
from pymc_toolkit.experiments.frame import Trial, read_trial
from pymc_toolkit.experiments.nuisance import FOLDS, check_folds
from pymc_toolkit.experiments.propensity import estimate_propensity, inverse_weights
from pymc_toolkit.experiments.randomised import ALONE
from pymc_toolkit.model_spec import whole_number
from pymc_toolkit.verdicts import Verdict

RECORDED = "Whatever moved both treatment and outcome is among the covariates, from before either."
COULD = "Every kind of unit could have been treated or not."
_LOGISTIC = "The log-odds of treatment are linear in the covariates."
_EITHER = "The model of the outcome or that of the treatment is right."
_CONSTANT = (
    "The effect is the same for all units; else it is an average with more weight on units whose "
    "treatment was hard to predict."
)


def inverse_propensity(
    data: pd.DataFrame,
    covariates: Sequence[str],
    outcome: str = "outcome",
    treatment: str = "treatment",
    *,
    ci_prob: float = CI_PROB,
) -> EffectEstimate:
    """Compare weighted averages, each unit weighing one over the probability of its own arm.

    Weights have mean 1 within each arm (Hájek). The standard error is that of the influence
    function with the estimation of the propensities taken into account: what the score of the
    logistic regression explains of it is no uncertainty.

    Parameters
    ----------
    data : pandas.DataFrame
        One row a unit.
    covariates : sequence of str
        Columns known before treatment.
    outcome : str
        Column of what was measured.
    treatment : str
        Column of 1 (treated) and 0 (control).
    ci_prob : float
        Probability of the interval.

    Returns
    -------
    EffectEstimate
        Average over all units. ``details``: the weighted mean of each arm, and the
        ``largest_weight`` of a unit.

    Raises
    ------
    DataError
        If the table cannot be used, the arms are perfectly separated or do not overlap.

    References
    ----------
    Lunceford, Davidian (2004). Stratification and weighting via the propensity score in estimation
    of causal treatment effects, section 3.
    """
    check_probability(ci_prob)
    trial = read_trial(data, outcome, treatment, covariates)
    with experiments_extra():
        import statsmodels.api as sm
    treated, y = trial.treated, trial.outcome
    propensity = estimate_propensity(trial)
    weights = inverse_weights(propensity, treated)
    means = [float(np.average(y[arm], weights=weights[arm])) for arm in (treated, ~treated)]
    residual = np.where(treated, y - means[0], means[1] - y)
    share = np.where(treated, trial.n_treated, trial.n_control) / trial.n_units
    influence = weights * residual / share
    design = sm.add_constant(trial.basis(), has_constant="add")
    score = design * (trial.treatment - propensity)[:, None]
    unexplained = sm.OLS(influence, score).fit()
    error = float(np.sqrt(unexplained.ssr / unexplained.df_resid / trial.n_units))
    fields, noise = inference(means[0] - means[1], error, y, ci_prob)
    return EffectEstimate(
        method="inverse propensity weighting",
        **fields,
        n_treated=trial.n_treated,
        n_control=trial.n_control,
        verdict=Verdict(
            (
                judge_overlap(propensity, treated),
                judge_balance(tabulate_balance(trial, propensity)),
                noise,
            )
        ),
        assumptions=(RECORDED, COULD, _LOGISTIC, ALONE),
        details={
            "mean_treated": means[0],
            "mean_control": means[1],
            "largest_weight": float(weights.max()),
        },
    )


def doubly_robust(
    data: pd.DataFrame,
    covariates: Sequence[str],
    outcome: str = "outcome",
    treatment: str = "treatment",
    *,
    ci_prob: float = CI_PROB,
    outcome_model: Any = None,
    propensity_model: Any = None,
    folds: int = FOLDS,
    random_state: int = 0,
) -> EffectEstimate:
    """Predict both outcomes of each unit and correct the prediction by weighted residuals.

    EconML's ``LinearDRLearner`` with one effect for all: models are fitted on some folds and used
    on the others, and the effect is the mean of the corrected predictions. Its standard error
    includes which units were drawn.

    Parameters
    ----------
    data : pandas.DataFrame
        One row a unit.
    covariates : sequence of str
        Columns known before treatment.
    outcome : str
        Column of what was measured.
    treatment : str
        Column of 1 (treated) and 0 (control).
    ci_prob : float
        Probability of the interval.
    outcome_model, propensity_model : sklearn estimator, optional
        Regression of the outcome on covariates and treatment, and classifier of the treatment. By
        default the best of a linear model, one with products and boosted trees, chosen by
        cross-validation; and a logistic regression.
    folds : int
        At least 2.
    random_state : int
        Decides which unit is in which fold.

    Returns
    -------
    EffectEstimate
        Average over all units.

    Raises
    ------
    DataError
        If the table cannot be used, the arms are perfectly separated or do not overlap, or an arm
        has too few units for so many folds.

    References
    ----------
    Robins, Rotnitzky, Zhao (1994). Estimation of regression coefficients when some regressors are
    not always observed.
    Chernozhukov et al. (2018). Double/debiased machine learning for treatment and structural
    parameters, section 5.1.
    """
    trial = _read(data, covariates, outcome, treatment, ci_prob, folds, random_state)
    with experiments_extra():
        from econml.dr import LinearDRLearner
    learner = LinearDRLearner(
        model_regression=_outcome(outcome_model, random_state),
        model_propensity=_propensity(propensity_model),
        cv=folds,
        random_state=random_state,
    )
    return _estimate("doubly robust", learner, trial, ci_prob, (RECORDED, COULD, _EITHER, ALONE))


def double_machine_learning(
    data: pd.DataFrame,
    covariates: Sequence[str],
    outcome: str = "outcome",
    treatment: str = "treatment",
    *,
    ci_prob: float = CI_PROB,
    outcome_model: Any = None,
    propensity_model: Any = None,
    folds: int = FOLDS,
    random_state: int = 0,
) -> EffectEstimate:
    """Regress what covariates do not explain of the outcome on what they do not of treatment.

    EconML's ``LinearDML`` with one effect for all: models are fitted on some folds and used on the
    others.

    Parameters
    ----------
    data : pandas.DataFrame
        One row a unit.
    covariates : sequence of str
        Columns known before treatment.
    outcome : str
        Column of what was measured.
    treatment : str
        Column of 1 (treated) and 0 (control).
    ci_prob : float
        Probability of the interval.
    outcome_model, propensity_model : sklearn estimator, optional
        Regression of the outcome on covariates, and classifier of the treatment. By default the
        best of a linear model, one with products and boosted trees, chosen by cross-validation;
        and a logistic regression.
    folds : int
        At least 2.
    random_state : int
        Decides which unit is in which fold.

    Returns
    -------
    EffectEstimate
        Per unit.

    Raises
    ------
    DataError
        If the table cannot be used, the arms are perfectly separated or do not overlap, or an arm
        has too few units for so many folds.

    References
    ----------
    Chernozhukov et al. (2018). Double/debiased machine learning for treatment and structural
    parameters, section 4.1.
    """
    trial = _read(data, covariates, outcome, treatment, ci_prob, folds, random_state)
    with experiments_extra():
        from econml.dml import LinearDML
    learner = LinearDML(
        model_y=_outcome(outcome_model, random_state),
        model_t=_propensity(propensity_model),
        discrete_treatment=True,
        cv=folds,
        random_state=random_state,
    )
    assumptions = (RECORDED, COULD, _CONSTANT, ALONE)
    return _estimate("double machine learning", learner, trial, ci_prob, assumptions)


def _read(
    data: pd.DataFrame,
    covariates: Sequence[str],
    outcome: str,
    treatment: str,
    ci_prob: float,
    folds: int,
    random_state: int,
) -> Trial:
    check_probability(ci_prob)
    whole_number("folds", folds, 2)
    whole_number("random_state", random_state, 0)
    trial = read_trial(data, outcome, treatment, covariates)
    check_folds(trial, folds)
    return trial


def _outcome(model: Any, random_state: int) -> Any:
    return nuisance.outcome_model(random_state) if model is None else model


def _propensity(model: Any) -> Any:
    return nuisance.propensity_model() if model is None else model


def _estimate(
    method: str, learner: Any, trial: Trial, ci_prob: float, assumptions: tuple[str, ...]
) -> EffectEstimate:
    """Fit one of EconML's learners without modifiers of the effect, after the arms were checked."""
    # Separated arms are refused before the models are fitted, which takes seconds.
    estimate_propensity(trial)
    learner.fit(trial.outcome, trial.treatment, X=None, W=trial.covariates)
    found = learner.ate_inference(T0=0, T1=1)
    fields, noise = inference(
        float(np.squeeze(found.mean_point)),
        float(np.squeeze(found.stderr_mean)),
        trial.outcome,
        ci_prob,
    )
    return EffectEstimate(
        method=method,
        **fields,
        n_treated=trial.n_treated,
        n_control=trial.n_control,
        verdict=comparability(trial, noise),
        assumptions=assumptions,
    )
