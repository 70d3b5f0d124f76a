"""Put all checks of a fit together."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import xarray as xr

from pymc_toolkit.analysis.before import before_data
from pymc_toolkit.analysis.contributions import decomposition
from pymc_toolkit.analysis.prediction import predict
from pymc_toolkit.client_config import ClientConfig
from pymc_toolkit.engines.base import Fit
from pymc_toolkit.fleets.judge import judge_convergence
from pymc_toolkit.fleets.production import ProductionFleet
from pymc_toolkit.health.data_checks import check_data
from pymc_toolkit.health.doubts import doubts_of
from pymc_toolkit.health.evidence import judge_shift, least_shift, shifts_of, tell_tiers
from pymc_toolkit.health.experiment_checks import experiments_of, judge_experiments
from pymc_toolkit.health.fit_checks import (
    judge_autocorrelation,
    judge_baseline_size,
    judge_levels,
    judge_negative_baseline,
    judge_predictive,
    judge_shares,
    judge_told_apart,
)
from pymc_toolkit.health.holdout_checks import judge_holdout
from pymc_toolkit.health.result import Health
from pymc_toolkit.health.thresholds import Thresholds
from pymc_toolkit.names import DATE, SAMPLE
from pymc_toolkit.verdicts import Check, Status, Verdict


def assess(
    config: ClientConfig, fit: Fit, holdout: ProductionFleet | None, limits: Thresholds
) -> Health:
    """Judge a fit, and say how far each channel is known.

    Parameters
    ----------
    config : ClientConfig
    fit : Fit
    holdout : ProductionFleet, optional
        Of the same client.
    limits : Thresholds

    Returns
    -------
    Health

    Raises
    ------
    SpecificationError
        If the holdout is of another client.
    """
    held_out = judge_holdout(holdout, config.client_name, limits)
    components, experiments = decomposition(fit), experiments_of(fit)
    before = before_data(fit.engine, fit.training, fit.spec, fit.sampling)
    shift = shifts_of(before, components)
    least = least_shift(limits, math.prod(components.sizes[dim] for dim in SAMPLE))
    agreement = judge_experiments(experiments, limits)
    checks = (
        _convergence(fit),
        *held_out,
        judge_negative_baseline(components, limits),
        judge_baseline_size(components, limits),
        *_errors(fit, limits),
        judge_shift(shift, least, limits),
        judge_told_apart(components, limits),
        judge_shares(components, fit.training.dataset["media"], config.cost_per_unit, limits),
        judge_levels(fit.training.dataset["media"], limits),
        *([] if agreement is None else [agreement]),
        *check_data(fit.training, fit.spec, limits, before),
    )
    doubts = doubts_of(fit, components, limits)
    evidence = tell_tiers(shift, experiments, doubts, least, limits, before)
    return Health(Verdict(checks), evidence)


def _convergence(fit: Fit) -> Check:
    check = judge_convergence(fit.convergence)
    return check if check.status is Status.PASS else replace(check, remedy=fit.convergence.remedy)


def _errors(fit: Fit, limits: Thresholds) -> tuple[Check, Check]:
    """Checks of what was observed beside what the model expects, over all regions."""
    prediction = predict(fit).total()
    actual = fit.training.total().dataset["target"].values
    expected = prediction.expected.mean(SAMPLE).transpose(DATE).values
    return (
        judge_predictive(actual, _by_draw(prediction.observation), limits),
        judge_autocorrelation(actual - expected, limits),
    )


def _by_draw(draws: xr.DataArray) -> np.ndarray:
    """Draws as a table of shape (draw, date)."""
    values = draws.transpose(*SAMPLE, DATE).values
    return values.reshape(-1, values.shape[-1])
