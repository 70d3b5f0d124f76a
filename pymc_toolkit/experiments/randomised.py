"""Effects where chance decided who was treated."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import stats

from pymc_toolkit.analysis.intervals import check_probability
from pymc_toolkit.arrays import Array
from pymc_toolkit.exceptions import DataError
from pymc_toolkit.experiments.checks import judge_randomisation
from pymc_toolkit.experiments.estimate import CI_PROB, EffectEstimate, inference
from pymc_toolkit.experiments.extra import experiments_extra
from pymc_toolkit.experiments.frame import Trial, read_trial
from pymc_toolkit.verdicts import Verdict

ALONE = "One unit's treatment did not move another's outcome."
_CHANCE = "Chance alone decided who was treated."
# Relative size below which a direction, or what is left of a unit, counts as nothing.
_SINGULAR = 1e-8
_BEFORE = "Covariates were measured before treatment and not changed by it."


def difference_in_means(
    data: pd.DataFrame,
    outcome: str = "outcome",
    treatment: str = "treatment",
    *,
    ci_prob: float = CI_PROB,
) -> EffectEstimate:
    """Compare the average outcome of treated and control units, with Welch's interval.

    Parameters
    ----------
    data : pandas.DataFrame
        One row a unit.
    outcome : str
        Column of what was measured.
    treatment : str
        Column of 1 (treated) and 0 (control).
    ci_prob : float
        Probability of the interval.

    Returns
    -------
    EffectEstimate
        Per unit. ``details``: the mean of each arm and the degrees of freedom.

    Raises
    ------
    DataError
        If the table cannot be used: see :func:`~pymc_toolkit.experiments.frame.read_trial`.

    References
    ----------
    Welch (1947). The generalization of "Student's" problem when several different population
    variances are involved.

    Examples
    --------
    >>> table = pd.DataFrame({"treatment": [1, 1, 1, 0, 0, 0], "outcome": [3, 4, 5, 1, 2, 3.0]})
    >>> difference_in_means(table).effect
    2.0
    """
    check_probability(ci_prob)
    trial = read_trial(data, outcome, treatment, adjusts=False)
    treated, control = trial.outcome[trial.treated], trial.outcome[~trial.treated]
    variance = treated.var(ddof=1) / trial.n_treated + control.var(ddof=1) / trial.n_control
    # Arms without any spread have no degrees of freedom by Welch's formula.
    degrees = stats.ttest_ind(treated, control, equal_var=False).df if variance > 0 else 1.0
    fields, noise = inference(
        float(treated.mean() - control.mean()),
        float(np.sqrt(variance)),
        trial.outcome,
        ci_prob,
        degrees=float(degrees),
    )
    return EffectEstimate(
        method="difference in means",
        **fields,
        n_treated=trial.n_treated,
        n_control=trial.n_control,
        verdict=Verdict((noise,)),
        assumptions=(_CHANCE, ALONE),
        details={
            "mean_treated": float(treated.mean()),
            "mean_control": float(control.mean()),
            "degrees_of_freedom": float(degrees),
        },
    )


def cuped(
    data: pd.DataFrame,
    covariates: Sequence[str],
    outcome: str = "outcome",
    treatment: str = "treatment",
    *,
    ci_prob: float = CI_PROB,
) -> EffectEstimate:
    """Compare the arms after removing what was predictable before the experiment.

    Regression of the outcome on treatment, centred covariates and their products (Lin's
    adjustment), with HC3 standard errors. To these is added the variance of the mean of the
    covariates, over which the effect is averaged, so that the interval is for the effect on the
    population that the units were drawn from.

    Parameters
    ----------
    data : pandas.DataFrame
        One row a unit.
    covariates : sequence of str
        Columns from before the experiment; best the outcome itself in an earlier period.
    outcome : str
        Column of what was measured.
    treatment : str
        Column of 1 (treated) and 0 (control).
    ci_prob : float
        Probability of the interval.

    Returns
    -------
    EffectEstimate
        Per unit. ``details``: ``r_squared``, and ``variance_removed``, the share of the variance
        of the plain difference in means that adjusting removed.

    Raises
    ------
    DataError
        If the table cannot be used, or an arm has too few units for so many covariates.

    References
    ----------
    Deng, Xu, Kohavi, Walker (2013). Improving the sensitivity of online controlled experiments by
    utilizing pre-experiment data.
    Lin (2013). Agnostic notes on regression adjustments to experimental data.
    """
    check_probability(ci_prob)
    trial = read_trial(data, outcome, treatment, covariates)
    check_room(trial)
    with experiments_extra():
        import statsmodels.api as sm
    z = trial.basis()
    t = trial.treatment[:, None].astype(float)
    design = np.hstack([np.ones((trial.n_units, 1)), t, z, z * t])
    fit = sm.OLS(trial.outcome, design).fit(cov_type="HC3")
    slopes = fit.params[2 + z.shape[1] :]
    drawn = (z @ slopes).var(ddof=1) / trial.n_units
    error = float(np.sqrt(fit.cov_params()[1, 1] + drawn))
    fields, noise = inference(
        float(fit.params[1]), error, trial.outcome, ci_prob, degrees=float(fit.df_resid)
    )
    plain = difference_in_means(data, outcome, treatment, ci_prob=ci_prob)
    return EffectEstimate(
        method="CUPED",
        **fields,
        n_treated=trial.n_treated,
        n_control=trial.n_control,
        verdict=Verdict((judge_randomisation(trial), noise)),
        assumptions=(_CHANCE, _BEFORE, ALONE),
        details={
            "r_squared": float(fit.rsquared),
            "variance_removed": 1 - error**2 / plain.standard_error**2,
        },
    )


def check_room(trial: Trial) -> None:
    """Refuse arms that a regression on the covariates within each cannot use.

    Parameters
    ----------
    trial : Trial

    Raises
    ------
    DataError
        If an arm has not at least two units more than a regression has coefficients, a covariate
        does not vary within it, or one of its units alone decides a coefficient.
    """
    basis = trial.basis()
    needed = basis.shape[1] + 3
    for name, arm in (("treated", trial.treated), ("control", ~trial.treated)):
        if arm.sum() < needed:
            raise DataError(
                f"Got {arm.sum()} {name} units for {basis.shape[1]} covariates; expected at least "
                f"{needed} in each arm. Name fewer covariates or collect more units."
            )
        design = np.column_stack([np.ones(arm.sum()), basis[arm]])
        left, sizes, _ = np.linalg.svd(design, full_matrices=False)
        if sizes.min() < _SINGULAR * sizes.max():
            same = [
                n for n, x in zip(trial.names, trial.covariates.T, strict=True) if _same(x, arm)
            ]
            which = ", ".join(map(repr, same)) if same else "a combination of covariates"
            raise DataError(
                f"Got the same value of {which} for all {name} units; expected covariates that "
                "vary within each arm. Drop it, or the units of the other arm that differ in it."
            )
        if (left**2).sum(axis=1).max() > 1 - _SINGULAR:
            raise DataError(
                f"Got a {name} unit that alone decides the coefficient of a covariate; expected "
                "several units at each value of a category. Merge rare categories or drop the unit."
            )


def _same(covariate: Array, arm: Array) -> bool:
    return bool(np.ptp(covariate[arm]) == 0 and np.ptp(covariate) > 0)
