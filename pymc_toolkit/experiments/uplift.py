"""For whom treatment pays: predicted uplift, segments by it, and the curves that judge it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from pymc_toolkit.analysis.intervals import check_probability
from pymc_toolkit.arrays import Array
from pymc_toolkit.exceptions import DataError
from pymc_toolkit.experiments import nuisance
from pymc_toolkit.experiments.checks import comparability
from pymc_toolkit.experiments.estimate import CI_PROB, EffectEstimate, inference
from pymc_toolkit.experiments.extra import experiments_extra
from pymc_toolkit.experiments.frame import read_trial
from pymc_toolkit.experiments.nuisance import FOLDS, Scores
from pymc_toolkit.experiments.observational import COULD, RECORDED
from pymc_toolkit.experiments.randomised import ALONE, check_room
from pymc_toolkit.model_spec import whole_number
from pymc_toolkit.verdicts import Check, Status, Verdict

_LINEAR = "Within each arm the outcome is linear in the covariates."
# Predicted uplifts closer than this share of the outcome's spread are the same prediction.
_SAME = 1e-9


def two_model_uplift(
    data: pd.DataFrame,
    covariates: Sequence[str],
    outcome: str = "outcome",
    treatment: str = "treatment",
    *,
    ci_prob: float = CI_PROB,
) -> EffectEstimate:
    """Predict every unit's outcome by a model of the treated and by one of the control units.

    Both are linear regressions with HC3 standard errors; the effect is the average difference of
    their predictions. The standard error includes which units were drawn.

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
        Average over all units. ``details``: the average prediction of each model
        (``response_treated``, ``response_control``) and ``uplift_spread``, the standard deviation
        of predicted uplift between units.

    Raises
    ------
    DataError
        If the table cannot be used, the arms are perfectly separated or do not overlap, or an arm
        has too few units for so many covariates.

    References
    ----------
    Künzel, Sekhon, Bickel, Yu (2019). Metalearners for estimating heterogeneous treatment effects
    using machine learning (the T-learner).
    """
    check_probability(ci_prob)
    trial = read_trial(data, outcome, treatment, covariates)
    check_room(trial)
    with experiments_extra():
        import statsmodels.api as sm
    design = sm.add_constant(trial.basis(), has_constant="add")
    centre = design.mean(axis=0)
    responses, variance = [], 0.0
    for arm in (trial.treated, ~trial.treated):
        fit = sm.OLS(trial.outcome[arm], design[arm]).fit(cov_type="HC3")
        responses.append(design @ fit.params)
        variance += float(centre @ fit.cov_params() @ centre)
    uplift = responses[0] - responses[1]
    variance += float(uplift.var(ddof=1)) / trial.n_units
    degrees = min(trial.n_treated, trial.n_control) - design.shape[1]
    fields, noise = inference(
        float(uplift.mean()), float(np.sqrt(variance)), trial.outcome, ci_prob, degrees=degrees
    )
    return EffectEstimate(
        method="two-model uplift",
        **fields,
        n_treated=trial.n_treated,
        n_control=trial.n_control,
        verdict=comparability(trial, noise),
        assumptions=(RECORDED, COULD, _LINEAR, ALONE),
        details={
            "response_treated": float(responses[0].mean()),
            "response_control": float(responses[1].mean()),
            "uplift_spread": float(uplift.std(ddof=1)),
        },
    )


@dataclass(frozen=True, eq=False)
class UpliftSegments:
    """Units sorted by predicted uplift, and what treatment really did in each part.

    Parameters
    ----------
    segments : pandas.DataFrame
        By segment (1 has the highest predicted uplift): ``n_units``, ``predicted`` (mean predicted
        uplift) and the measured ``effect`` per unit with ``standard_error``, ``ci_low`` and
        ``ci_high``.
    curve : pandas.DataFrame
        From nobody treated to all: ``share`` of the units that would be treated, the highest
        predicted uplift first; ``gain`` over treating nobody, per unit of all, with ``ci_low`` and
        ``ci_high``; ``random``, the gain of treating as many at random; ``extra``, the gain beyond
        that, with ``extra_low`` and ``extra_high``; ``uplift``, the average effect among those
        treated. Not known (NaN) for fewer than two units: the intervals.
    qini : float
        Area between gain and random gain, per unit: what sorting is worth on average over shares.
    qini_standard_error : float
        Of ``qini``.
    effect : float
        Average effect over all units.
    ci_prob : float
        Probability of the intervals, each on its own.
    verdict : Verdict
        Whether sorting by predicted uplift beats chance.
    """

    segments: pd.DataFrame
    curve: pd.DataFrame
    qini: float
    qini_standard_error: float
    effect: float
    ci_prob: float
    verdict: Verdict


def uplift_segments(
    data: pd.DataFrame,
    covariates: Sequence[str],
    outcome: str = "outcome",
    treatment: str = "treatment",
    *,
    n_segments: int = 5,
    ci_prob: float = CI_PROB,
    outcome_model: Any = None,
    propensity_model: Any = None,
    folds: int = FOLDS,
    random_state: int = 0,
) -> UpliftSegments:
    """Sort units by predicted uplift and measure what treatment did in each segment.

    Predictions are of two models, one an arm, that never saw the unit. Effects within segments are
    means of doubly robust scores of the same folds, so a model that fits noise is not rewarded.

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
    n_segments : int
        At least 2; as equal in size as can be.
    ci_prob : float
        Probability of the intervals.
    outcome_model, propensity_model : sklearn estimator, optional
        Regression of the outcome within an arm, and classifier of the treatment; the defaults are
        those of :func:`~pymc_toolkit.experiments.observational.doubly_robust`.
    folds : int
        At least 2.
    random_state : int
        Decides which unit is in which fold.

    Returns
    -------
    UpliftSegments

    Raises
    ------
    DataError
        If the table cannot be used, the arms are perfectly separated or do not overlap, or there
        are too few units for so many folds or segments.

    References
    ----------
    Radcliffe (2007). Using control groups to target on predicted lift.
    Yadlowsky et al. (2025). Evaluating treatment prioritization rules via rank-weighted average
    treatment effects.
    """
    check_probability(ci_prob)
    whole_number("n_segments", n_segments, 2)
    whole_number("folds", folds, 2)
    whole_number("random_state", random_state, 0)
    trial = read_trial(data, outcome, treatment, covariates)
    if trial.n_units < 2 * n_segments:
        raise DataError(
            f"Got {trial.n_units} units for {n_segments} segments; expected at least two a "
            "segment. Ask for fewer segments."
        )
    scores = nuisance.cross_fit(
        trial,
        nuisance.outcome_model(random_state) if outcome_model is None else outcome_model,
        nuisance.propensity_model() if propensity_model is None else propensity_model,
        folds,
        random_state,
    )
    order = _order(scores, float(trial.outcome.std()), random_state)
    effects = scores.effect[order]
    qini, error = _qini(effects)
    return UpliftSegments(
        segments=_segments(scores.uplift[order], effects, n_segments, ci_prob),
        curve=_curve(effects, ci_prob),
        qini=qini,
        qini_standard_error=error,
        effect=float(effects.mean()),
        ci_prob=ci_prob,
        verdict=Verdict((_judge_ranking(qini, error),)),
    )


def _order(scores: Scores, spread: float, random_state: int) -> Array:
    """Rows by predicted uplift, highest first; equal predictions in random order."""
    # Rounding errors must not decide, nor the order of the table.
    rounded = np.round(scores.uplift / (_SAME * spread))
    shuffled = np.random.default_rng(random_state).random(len(rounded))
    return np.lexsort((shuffled, -rounded))


def _segments(predicted: Array, effects: Array, n_segments: int, ci_prob: float) -> pd.DataFrame:
    rows = []
    for part in np.array_split(np.arange(len(effects)), n_segments):
        error = effects[part].std(ddof=1) / np.sqrt(len(part))
        reach = stats.t(len(part) - 1).ppf((1 + ci_prob) / 2) * error
        mean = effects[part].mean()
        rows.append((len(part), predicted[part].mean(), mean, error, mean - reach, mean + reach))
    columns = ["n_units", "predicted", "effect", "standard_error", "ci_low", "ci_high"]
    index = pd.RangeIndex(1, n_segments + 1, name="segment")
    return pd.DataFrame(rows, columns=columns, index=index)


def _curve(effects: Array, ci_prob: float) -> pd.DataFrame:
    """Gain per unit of all by the share treated, with intervals for the share as it is."""
    n = len(effects)
    share = np.arange(n + 1) / n
    top, top_variance = _running(effects)
    rest, rest_variance = (part[::-1] for part in _running(effects[::-1]))
    # The number treated is fixed, so the gain varies as their average effect does.
    gain, error = share * top, share * np.sqrt(top_variance)
    # Treating as many at random gains the share of both parts, so what is beyond is a difference.
    part = share * (1 - share)
    extra, extra_error = part * (top - rest), part * np.sqrt(top_variance + rest_variance)
    for ends in (gain, error, extra, extra_error):
        ends[0] = 0.0
    extra[-1] = extra_error[-1] = 0.0
    reach = float(stats.norm.ppf((1 + ci_prob) / 2))
    return pd.DataFrame(
        {
            "share": share,
            "gain": gain,
            "ci_low": gain - reach * error,
            "ci_high": gain + reach * error,
            "random": effects.mean() * share,
            "extra": extra,
            "extra_low": extra - reach * extra_error,
            "extra_high": extra + reach * extra_error,
            "uplift": top,
        }
    )


def _running(effects: Array) -> tuple[Array, Array]:
    """Mean of the first units, and the variance of that mean, for each number of them."""
    count = np.arange(len(effects) + 1)
    # Sums of squares lose no digits where the mean has been taken off.
    level = effects.mean()
    total = np.append(0.0, (effects - level).cumsum())
    square = np.append(0.0, ((effects - level) ** 2).cumsum())
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = total / count
        variance = np.maximum(square - count * mean**2, 0.0) / (count - 1) / count
    return mean + level, variance


def _qini(effects: Array) -> tuple[float, float]:
    """Area between gain and random gain, and its standard error by the influence function."""
    n = len(effects)
    middle = (np.arange(n) + 0.5) / n
    centred = effects - effects.mean()
    # A unit counts by its own effect and rank, and by the ranks of those below it, which it moves.
    above = (centred.cumsum() - centred / 2) / n
    influence = centred * (0.5 - middle) + above
    return float(above.mean()), float(influence.std(ddof=1) / np.sqrt(n))


def _judge_ranking(qini: float, error: float) -> Check:
    p_value = float(stats.norm.sf(qini / error)) if error > 0 else float("nan")
    better = p_value < 0.05
    sentence = (
        "Treating first those with the highest predicted uplift "
        + ("gains more than" if better else "is not shown to gain more than")
        + f" treating as many at random (on average {qini:.2g} a unit, p-value {p_value:.2g})."
    )
    status = Status.PASS if better else Status.REVIEW
    return Check("ranking by uplift", status, sentence, p_value, 0.05)
