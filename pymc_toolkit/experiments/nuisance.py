"""Models of what is not of interest itself: outcome and treatment given the covariates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from pymc_toolkit.arrays import Array
from pymc_toolkit.exceptions import DataError
from pymc_toolkit.experiments.frame import Trial
from pymc_toolkit.experiments.propensity import check_comparable

FOLDS = 5
_SELECTION_FOLDS = 3


def outcome_model(random_state: int) -> Any:
    """The regression that predicts best: linear, linear with products, or boosted trees.

    Parameters
    ----------
    random_state : int

    Returns
    -------
    sklearn estimator
        Chooses by cross-validation each time it is fitted.
    """
    from sklearn.compose import TransformedTargetRegressor
    from sklearn.ensemble import HistGradientBoostingRegressor
    from sklearn.linear_model import LinearRegression
    from sklearn.model_selection import GridSearchCV, KFold
    from sklearn.pipeline import Pipeline, make_pipeline
    from sklearn.preprocessing import PolynomialFeatures, StandardScaler

    trees = HistGradientBoostingRegressor(
        max_leaf_nodes=8, max_iter=60, early_stopping=False, random_state=random_state
    )
    products = make_pipeline(PolynomialFeatures(2, include_bias=False), LinearRegression())
    search = GridSearchCV(
        Pipeline([("regress", LinearRegression())]),
        {"regress": [LinearRegression(), products, trees]},
        cv=KFold(_SELECTION_FOLDS, shuffle=True, random_state=random_state),
        scoring="neg_mean_squared_error",
    )
    # EconML would choose once, on all units, from a search that it can see; this one it cannot.
    return make_pipeline(StandardScaler(), TransformedTargetRegressor(search))


def propensity_model() -> Any:
    """Logistic regression on standardised covariates, without a penalty.

    Returns
    -------
    sklearn estimator
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), LogisticRegression(C=np.inf, max_iter=1000, tol=1e-8))


@dataclass(frozen=True)
class Scores:
    """What cross-fitted models say of each unit.

    Parameters
    ----------
    uplift : ndarray of shape (unit,)
        Predicted effect of treatment, by models that did not see the unit.
    effect : ndarray of shape (unit,)
        Doubly robust score: the prediction, corrected by what happened to the unit. Its mean over
        any group of units that was chosen without looking at their outcomes estimates the group's
        average effect.
    """

    uplift: Array
    effect: Array


def cross_fit(trial: Trial, outcome: Any, propensity: Any, folds: int, random_state: int) -> Scores:
    """Predict every unit by models fitted on the other folds.

    Parameters
    ----------
    trial : Trial
    outcome : sklearn estimator
        Regression of the outcome, fitted once for each arm.
    propensity : sklearn estimator
        Classifier of the treatment.
    folds : int
    random_state : int
        Decides which unit is in which fold.

    Returns
    -------
    Scores

    Raises
    ------
    DataError
        If the arms have no units in common to compare.

    References
    ----------
    Kennedy (2023). Towards optimal doubly robust estimation of heterogeneous causal effects.
    """
    from sklearn.base import clone
    from sklearn.model_selection import StratifiedKFold

    check_folds(trial, folds)
    x, y, treated = trial.covariates, trial.outcome, trial.treated
    untreated, response, chance = (np.empty(trial.n_units) for _ in range(3))
    split = StratifiedKFold(folds, shuffle=True, random_state=random_state)
    for train, held_out in split.split(x, trial.treatment):
        for mean, arm in ((untreated, ~treated), (response, treated)):
            rows = train[arm[train]]
            mean[held_out] = clone(outcome).fit(x[rows], y[rows]).predict(x[held_out])
        fitted = clone(propensity).fit(x[train], trial.treatment[train])
        chance[held_out] = fitted.predict_proba(x[held_out])[:, 1]
    check_comparable(chance, treated, trial.names)
    uplift = response - untreated
    surprise = np.where(treated, (y - response) / chance, -(y - untreated) / (1 - chance))
    return Scores(uplift, uplift + surprise)


def check_folds(trial: Trial, folds: int) -> None:
    """Refuse arms with fewer units than each fold's models need.

    Parameters
    ----------
    trial : Trial
    folds : int

    Raises
    ------
    DataError
        If an arm has fewer than two units a fold, or too few to choose a model on the others.
    """
    smallest = min(trial.n_treated, trial.n_control)
    needed = max(2 * folds, 2 * _SELECTION_FOLDS + 2)
    if smallest < needed:
        raise DataError(
            f"Got {smallest} units in an arm for {folds} folds; expected at least {needed} in "
            "each arm. Use fewer folds, or cuped or inverse_propensity, which do not split."
        )
