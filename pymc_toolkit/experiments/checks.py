"""Whether the arms of an experiment can be compared: overlap, balance, randomisation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import stats

from pymc_toolkit.arrays import Array
from pymc_toolkit.experiments.frame import Trial, read_trial
from pymc_toolkit.experiments.propensity import (
    effective_size,
    estimate_propensity,
    inverse_weights,
)
from pymc_toolkit.verdicts import Check, Status, Verdict

# Propensities beyond these make single units weigh as much as twenty, or a hundred, others.
_COMMON, _EXTREME = 0.05, 0.01
# Share of an arm that its effective size should be, and must be.
_SIZE_REVIEW, _SIZE_FAIL = 0.5, 0.1
# Standardised differences that are called small and large by convention.
_SMALL, _LARGE = 0.1, 0.25
# Chance below which arms that differ this much were not drawn at random.
_RARE = 0.01


def check_overlap(
    data: pd.DataFrame, covariates: Sequence[str], treatment: str = "treatment"
) -> Check:
    """Check that units of both arms could have been in the other one.

    Parameters
    ----------
    data : pandas.DataFrame
        One row a unit.
    covariates : sequence of str
        Columns known before treatment.
    treatment : str
        Column of 0 and 1.

    Returns
    -------
    Check
        Its value is the smaller effective size of an arm after weighting, as a share of the arm.
        Pass: propensities between 0.05 and 0.95 and an effective size of at least half the arm.
        Fail: a propensity beyond 0.01 or 0.99, or an effective size below a tenth. Else review.

    Raises
    ------
    DataError
        If the table cannot be used, or there is no overlap at all.

    References
    ----------
    Austin, Stuart (2015). Moving towards best practice when using inverse probability of
    treatment weighting.
    """
    trial = _read(data, covariates, treatment)
    return judge_overlap(estimate_propensity(trial), trial.treated)


def balance_table(
    data: pd.DataFrame, covariates: Sequence[str], treatment: str = "treatment"
) -> pd.DataFrame:
    """Compare the covariates of the arms before and after inverse propensity weighting.

    Parameters
    ----------
    data : pandas.DataFrame
        One row a unit.
    covariates : sequence of str
        Columns known before treatment.
    treatment : str
        Column of 0 and 1.

    Returns
    -------
    pandas.DataFrame
        By covariate: ``mean_treated``, ``mean_control``, and the standardised mean differences
        ``before`` and ``after`` weighting (in standard deviations within arms, unweighted).

    Raises
    ------
    DataError
        If the table cannot be used, or there is no overlap at all.
    """
    trial = _read(data, covariates, treatment)
    return tabulate_balance(trial, estimate_propensity(trial))


def check_balance(
    data: pd.DataFrame, covariates: Sequence[str], treatment: str = "treatment"
) -> Check:
    """Check that weighting by inverse propensities makes the arms alike.

    Parameters
    ----------
    data : pandas.DataFrame
        One row a unit.
    covariates : sequence of str
        Columns known before treatment.
    treatment : str
        Column of 0 and 1.

    Returns
    -------
    Check
        Its value is the largest absolute standardised mean difference after weighting: up to 0.1
        passes, up to 0.25 asks for a review, beyond that fails.

    Raises
    ------
    DataError
        If the table cannot be used, or there is no overlap at all.

    References
    ----------
    Stuart (2010). Matching methods for causal inference, section 4.1.
    """
    return judge_balance(balance_table(data, covariates, treatment))


def judge_overlap(propensity: Array, treated: Array) -> Check:
    """Judge propensities; see :func:`check_overlap`.

    Parameters
    ----------
    propensity : ndarray of shape (unit,)
    treated : ndarray of bool, shape (unit,)
    """
    weights = inverse_weights(propensity, treated)
    sizes = [effective_size(weights[arm]) / arm.sum() for arm in (treated, ~treated)]
    size = float(min(sizes))
    low, high = float(propensity.min()), float(propensity.max())
    edge = min(low, 1 - high)
    if edge < _EXTREME or size < _SIZE_FAIL:
        status, meaning = Status.FAIL, "a few units decide the result"
    elif edge < _COMMON or size < _SIZE_REVIEW:
        status, meaning = Status.REVIEW, "some units weigh many times what others do"
    else:
        status, meaning = Status.PASS, "every kind of unit was seen in both arms"
    sentence = (
        f"Given the covariates, the probability of treatment lay between {low:.1%} and {high:.1%}, "
        f"and weighting leaves as much information as {size:.0%} of an arm: {meaning}."
    )
    return Check("overlap", status, sentence, size, _SIZE_REVIEW)


def tabulate_balance(trial: Trial, propensity: Array) -> pd.DataFrame:
    """Standardised mean differences before and after weighting; see :func:`balance_table`.

    Parameters
    ----------
    trial : Trial
    propensity : ndarray of shape (unit,)
    """
    treated, x = trial.treated, trial.covariates
    weights = inverse_weights(propensity, treated)[:, None]
    pooled = np.sqrt((x[treated].var(axis=0, ddof=1) + x[~treated].var(axis=0, ddof=1)) / 2)
    # Where no arm varies, arms that agree differ by nothing, and others without limit.
    with np.errstate(divide="ignore", invalid="ignore"):
        before = x[treated].mean(axis=0) - x[~treated].mean(axis=0)
        after = (weights * x)[treated].mean(axis=0) - (weights * x)[~treated].mean(axis=0)
        standardised = [np.where(d == 0, 0.0, d / pooled) for d in (before, after)]
    return pd.DataFrame(
        {
            "mean_treated": x[treated].mean(axis=0),
            "mean_control": x[~treated].mean(axis=0),
            "before": standardised[0],
            "after": standardised[1],
        },
        index=pd.Index(trial.names, name="covariate"),
    )


def judge_balance(table: pd.DataFrame) -> Check:
    """Judge differences after weighting; see :func:`check_balance`.

    Parameters
    ----------
    table : pandas.DataFrame
        Of :func:`balance_table`.
    """
    after = table["after"].abs()
    worst, largest = str(after.idxmax()), float(after.max())
    status = (
        Status.PASS if largest <= _SMALL else Status.REVIEW if largest <= _LARGE else Status.FAIL
    )
    meaning = {
        Status.PASS: "small enough to call them alike",
        Status.REVIEW: "so look whether this covariate matters",
        Status.FAIL: "so they are still different kinds of units",
    }[status]
    sentence = (
        f"After weighting, the arms differ most in {worst!r}, by {largest:.2f} standard deviations "
        f"({float(table['before'].abs().max()):.2f} before, in the covariate that differed most): "
        f"{meaning}."
    )
    return Check("balance", status, sentence, largest, _SMALL)


def judge_randomisation(trial: Trial) -> Check:
    """Judge whether arms differ more in a covariate than chance explains.

    Parameters
    ----------
    trial : Trial
        With at least one covariate.

    Returns
    -------
    Check
        Its value is the smallest p-value of a Welch test on any covariate, times their number
        (Bonferroni); below 0.01 it asks for a review.
    """
    treated, x = trial.treated, trial.covariates
    # An arm in which a covariate does not vary has no variance for a test.
    varies = (np.ptp(x[treated], axis=0) > 0) & (np.ptp(x[~treated], axis=0) > 0)
    p_values = np.ones(len(trial.names))
    p_values[varies] = stats.ttest_ind(
        x[treated][:, varies], x[~treated][:, varies], equal_var=False
    ).pvalue
    adjusted = min(1.0, float(p_values.min()) * len(p_values))
    worst = trial.names[int(p_values.argmin())]
    usual = adjusted >= _RARE
    sentence = (
        f"The arms differ most in {worst!r}, "
        + (
            "no more than chance explains"
            if usual
            else "more than chance explains; find out whether chance alone decided who was treated"
        )
        + f" (p-value {adjusted:.2g})."
    )
    status = Status.PASS if usual else Status.REVIEW
    return Check("randomisation", status, sentence, adjusted, _RARE)


def comparability(trial: Trial, noise: Check) -> Verdict:
    """Overlap, balance and noise: the verdict of every observational estimate.

    Parameters
    ----------
    trial : Trial
    noise : Check
    """
    propensity = estimate_propensity(trial)
    return Verdict(
        (
            judge_overlap(propensity, trial.treated),
            judge_balance(tabulate_balance(trial, propensity)),
            noise,
        )
    )


def _read(data: pd.DataFrame, covariates: Sequence[str], treatment: str) -> Trial:
    return read_trial(data, None, treatment, covariates)
