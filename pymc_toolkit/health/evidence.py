"""Where what a model says of each channel comes from: an experiment, the data, or the prior."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import xarray as xr
from scipy import stats

from pymc_toolkit.analysis.before import Before
from pymc_toolkit.analysis.contributions import earned
from pymc_toolkit.arrays import over_regions
from pymc_toolkit.fleets.judge import named
from pymc_toolkit.health.experiment_checks import Tested, totals
from pymc_toolkit.health.result import IDENTIFIED, PRIOR_DRIVEN, SHIFT, TESTED
from pymc_toolkit.health.thresholds import Thresholds, unless_passed
from pymc_toolkit.names import CHANNEL, DATE, FITTED
from pymc_toolkit.plurals import count
from pymc_toolkit.verdicts import Check, Status

# Kolmogorov-Smirnov distance, times the root of a number of draws, that chance alone rarely makes.
_RARE_DISTANCE = 1.36


def media_shares(components: xr.Dataset) -> xr.DataArray:
    """Share of each channel in what all channels brought (chain, draw, channel).

    How much media bring in all is bounded by what was sold, whatever the data say of one channel;
    how that divides among channels is not. Of a single channel its share in the target is taken.

    Parameters
    ----------
    components : xarray.Dataset
        From :func:`pymc_toolkit.analysis.contributions.decomposition`.
    """
    brought = earned(components)
    alone = brought.sizes[CHANNEL] == 1
    whole = over_regions(components[FITTED].sum(DATE)) if alone else brought.sum(CHANNEL)
    return brought / whole.where(whole != 0)


def shifts(prior: xr.DataArray | None, posterior: xr.DataArray) -> pd.Series:
    """How far each channel's share moved from prior to posterior.

    Parameters
    ----------
    prior : xarray.DataArray or None
    posterior : xarray.DataArray
        Shares, dims chain, draw and channel.

    Returns
    -------
    pandas.Series
        Kolmogorov-Smirnov distance, between 0 and 1, index channel; NaN without a prior.
    """
    channels = [str(name) for name in posterior[CHANNEL].values]
    found = {}
    for name in channels:
        draws = [
            shares.sel({CHANNEL: name}).values.ravel()
            for shares in (prior, posterior)
            if shares is not None
        ]
        kept = [part[np.isfinite(part)] for part in draws]
        enough = len(kept) == 2 and all(part.size for part in kept)
        found[name] = float(stats.ks_2samp(*kept).statistic) if enough else float("nan")
    return pd.Series(found, name="shift", dtype=float).rename_axis(CHANNEL)


def shifts_of(before: Before | None, components: xr.Dataset) -> pd.Series:
    """The same of a fit and what it was before the data.

    Parameters
    ----------
    before : Before or None
    components : xarray.Dataset
        Of the fit.
    """
    prior = None if before is None else media_shares(before.components)
    return shifts(prior, media_shares(components))


def least_shift(limits: Thresholds, draws: int) -> float:
    """The shift that says something: the limit, or more where few draws make distances by chance.

    Parameters
    ----------
    limits : Thresholds
    draws : int
        Of the posterior, such as the members of an ensemble.

    Examples
    --------
    >>> least_shift(Thresholds(), 4000), round(least_shift(Thresholds(), 16), 2)
    (0.2, 0.34)
    """
    return max(limits.shift, _RARE_DISTANCE / float(np.sqrt(draws)))


def judge_shift(shift: pd.Series, least: float, limits: Thresholds) -> Check:
    """Whether the data changed what was believed of each channel.

    Parameters
    ----------
    shift : pandas.Series
        From :func:`shifts`.
    least : float
        From :func:`least_shift`.
    limits : Thresholds
    """
    if shift.isna().all():
        sentence = "The engine has no prior to compare with: what the data added is not known."
        remedy = "Compare fits with other settings, or test the channels."
        return Check(SHIFT, Status.REVIEW, sentence, remedy=remedy)
    silent = [str(name) for name in shift.index[~(shift >= least)]]
    share = len(silent) / len(shift)
    status = Status.REVIEW if silent else Status.PASS
    if share > limits.shift_channels_fail:
        status = Status.FAIL
    return Check(
        SHIFT,
        status,
        "The data changed what was believed of every channel."
        if not silent
        else f"Of {len(silent)} of {count(len(shift), 'channel')} the data said next to nothing "
        f"({named(silent)}): what the model says of them is what was assumed.",
        float(shift.min()),
        least,
        unless_passed(status, f"Test {named(silent)}, or vary their spend more than before."),
    )


def tell_tiers(
    shift: pd.Series,
    experiments: Sequence[Tested],
    doubts: Mapping[str, str],
    least: float,
    limits: Thresholds,
    before: Before | None = None,
) -> pd.DataFrame:
    """The tier of every channel.

    A channel is tested if the model agrees with an experiment on it that says more than the prior
    did. Otherwise it is prior-driven if there is a doubt about it or the data did not move it, and
    identified if neither.

    Parameters
    ----------
    shift : pandas.Series
        From :func:`shifts`.
    experiments : sequence of Tested
    doubts : Mapping of str to str
        By channel, why data alone cannot tell what it earns, as a sentence.
    least : float
        From :func:`least_shift`.
    limits : Thresholds
    before : Before, optional

    Returns
    -------
    pandas.DataFrame
        Index channel; ``tier, shift, reason``.
    """
    against, agreeing = _by_channel(experiments, limits, before)
    rows = {}
    for name, moved in shift.items():
        channel = str(name)
        if channel in agreeing:
            tier, reason = TESTED, f"An experiment measured it: {agreeing[channel]!r}."
        elif channel in doubts:
            tier, reason = PRIOR_DRIVEN, doubts[channel]
        elif not moved >= least:
            tier = PRIOR_DRIVEN
            reason = (
                "Whether the data say anything of it cannot be told: there is no prior to compare."
                if np.isnan(moved)
                else "The data hardly moved what was assumed of it before "
                f"(distance {moved:.2f} of 1)."
            )
        else:
            tier = IDENTIFIED
            reason = (
                f"The way it varied tells what it earns (distance {moved:.2f} of 1 from what was "
                "assumed); no experiment confirms it."
            )
        if channel in against:
            reason += f" An experiment contradicts the model: {against[channel]!r}."
        rows[channel] = {"tier": tier, "shift": float(moved), "reason": reason}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis(CHANNEL)


def _by_channel(
    experiments: Sequence[Tested], limits: Thresholds, before: Before | None
) -> tuple[dict[str, str], dict[str, str]]:
    """Labels of experiments that contradict the model, and of those that tell more than a prior."""
    tests = [one.test for one in experiments]
    # Without a prior there is nothing that an experiment could say less than.
    spread = [np.inf] * len(tests)
    if before is not None:
        spread = [float(draws.std()) for draws in totals(before.fit, tests)]
    against, agreeing = {}, {}
    for one, believed in zip(experiments, spread, strict=True):
        if one.p_value < limits.experiment_p:
            against[one.test.channel] = one.test.label
        elif one.test.total_sigma < believed:
            agreeing[one.test.channel] = one.test.label
    # One experiment that contradicts is enough for doubt.
    kept = {name: label for name, label in agreeing.items() if name not in against}
    return against, kept
