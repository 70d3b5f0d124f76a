"""Propensities: how probable treatment was for each unit, given its covariates."""

from __future__ import annotations

import numpy as np

from pymc_toolkit.arrays import Array
from pymc_toolkit.exceptions import DataError
from pymc_toolkit.experiments.frame import FEWEST_UNITS, Trial


def estimate_propensity(trial: Trial) -> Array:
    """Probability of treatment by logistic regression on the covariates, without a penalty.

    Parameters
    ----------
    trial : Trial

    Returns
    -------
    ndarray of shape (unit,)

    Raises
    ------
    DataError
        If the covariates separate the arms perfectly, or so nearly that too few units of one arm
        are comparable with any of the other.
    """
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=np.inf, max_iter=1000, tol=1e-8)
    fitted = model.fit(trial.basis(), trial.treatment)
    propensity = fitted.predict_proba(trial.basis())[:, 1]
    check_comparable(propensity, trial.treated, trial.names)
    return propensity


def check_comparable(propensity: Array, treated: Array, names: tuple[str, ...]) -> None:
    """Refuse arms that have no units in common to compare.

    Parameters
    ----------
    propensity : ndarray of shape (unit,)
    treated : ndarray of bool, shape (unit,)
    names : tuple of str
        Of the covariates.

    Raises
    ------
    DataError
        If treatment follows from the covariates, or fewer than two units of an arm lie within the
        range of propensities of the other.
    """
    of_treated, of_control = propensity[treated], propensity[~treated]
    covariates = ", ".join(map(repr, names))
    if of_treated.min() > of_control.max():
        raise DataError(
            f"Got covariates ({covariates}) that separate treated from control units perfectly; "
            "expected units of both arms at the same covariates. Drop the covariate that decided "
            "treatment if it does not move the outcome; else no comparison of these units tells "
            "the effect."
        )
    low, high = max(of_treated.min(), of_control.min()), min(of_treated.max(), of_control.max())
    common = (propensity >= low) & (propensity <= high)
    fewest = min(int((common & treated).sum()), int((common & ~treated).sum()))
    if fewest < FEWEST_UNITS:
        raise DataError(
            f"Got no overlap: only {fewest} unit of one arm {'has' if fewest == 1 else 'have'} a "
            f"probability of treatment (given {covariates}) that units of the other arm have too; "
            f"expected at least {FEWEST_UNITS}. Restrict the table to units that could have been "
            "in either arm."
        )


def inverse_weights(propensity: Array, treated: Array) -> Array:
    """Weights that make both arms look like all units; their mean is 1 within each arm.

    Parameters
    ----------
    propensity : ndarray of shape (unit,)
    treated : ndarray of bool, shape (unit,)

    Returns
    -------
    ndarray of shape (unit,)

    References
    ----------
    Hájek (1971), comment on "An essay on the logical foundations of survey sampling".

    Examples
    --------
    >>> weights = inverse_weights(np.array([0.5, 0.5, 0.2]), np.array([True, False, False]))
    >>> [round(float(weight), 2) for weight in weights]
    [1.0, 1.23, 0.77]
    """
    weights = np.where(treated, 1 / propensity, 1 / (1 - propensity))
    for arm in (treated, ~treated):
        weights[arm] /= weights[arm].mean()
    return weights


def effective_size(weights: Array) -> float:
    """Number of equally weighted units that would tell as much.

    Parameters
    ----------
    weights : ndarray of shape (unit,)

    Returns
    -------
    float

    References
    ----------
    Kish (1965). Survey sampling.

    Examples
    --------
    >>> effective_size(np.array([1.0, 1.0])), effective_size(np.array([1.0, 0.0]))
    (2.0, 1.0)
    """
    return float(weights.sum() ** 2 / (weights**2).sum())
