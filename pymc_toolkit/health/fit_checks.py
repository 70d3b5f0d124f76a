"""What is asked of a fit: whether what it says is plausible, and leaves nothing but noise."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import xarray as xr
from scipy import stats

from pymc_toolkit.analysis.contributions import earned
from pymc_toolkit.arrays import Array, over_regions
from pymc_toolkit.fleets.judge import named
from pymc_toolkit.health.result import NEGATIVE_BASELINE, PREDICTIVE
from pymc_toolkit.health.thresholds import Thresholds, figure, unless_passed
from pymc_toolkit.names import CHANNEL, DATE, FITTED, SAMPLE
from pymc_toolkit.verdicts import Check, Status

# Periods that a channel's present level of spend is taken from.
RECENT = 4
# What counts as near a level of spend: at least this share of it.
_NEAR = 0.8
# Lags of the test of several autocorrelations, and periods that each of them needs.
_LAGS, _PERIODS_A_LAG = 10, 5
# Draws below which a correlation over draws is chance.
_FEWEST_DRAWS = 100
_FIGURES: Mapping[str, Callable[..., Any]] = {
    "average": np.mean,
    "spread": np.std,
    "lowest value": np.min,
    "highest value": np.max,
}


def judge_negative_baseline(components: xr.Dataset, limits: Thresholds) -> Check:
    """Whether the client would have sold anything without media.

    Parameters
    ----------
    components : xarray.Dataset
        From :func:`pymc_toolkit.analysis.contributions.decomposition`.
    limits : Thresholds
    """
    without = without_media(components)
    value = float((without.sum(DATE) < 0).mean())
    below = float((without.mean(SAMPLE) < 0).mean())
    status = limits.grade("baseline_negative", value)
    return Check(
        NEGATIVE_BASELINE,
        status,
        f"The probability that the client would have sold less than nothing without media is "
        f"{value:.0%}"
        + (f"; in {below:.0%} of periods that is what the model expects" if below else "")
        + (
            "."
            if status is Status.PASS
            else ". That cannot be: media are credited with sales that would have come anyway."
        ),
        value,
        limits.baseline_negative,
        unless_passed(
            status,
            "Add the controls and the season that explain sales without media, and lower the "
            "priors of what channels bring.",
        ),
    )


def judge_baseline_size(components: xr.Dataset, limits: Thresholds) -> Check:
    """Whether the share that is there without media is plausible: neither nothing nor all."""
    shares = without_media(components).sum(DATE) / over_regions(components[FITTED].sum(DATE))
    value = float(shares.median())
    status = limits.grade("baseline_low", value)
    high = value > limits.baseline_high
    if status is Status.PASS and high:
        status = Status.REVIEW
    meaning = (
        "."
        if status is Status.PASS
        else ": media bring next to nothing, which is a finding or a fault of the priors."
        if high
        else ": few clients live on media alone, and media may be credited with what is demand."
    )
    return Check(
        "size of the baseline",
        status,
        f"Without media the model expects {value:.0%} of the sales{meaning}",
        figure(value),
        limits.baseline_high if high else limits.baseline_low,
        unless_passed(
            status,
            "Compare with what the client sold in a time without media; if it does not fit, change "
            "the priors of what channels bring.",
        ),
    )


def without_media(components: xr.Dataset) -> xr.DataArray:
    """What is expected of each period without media, over all regions (chain, draw, date)."""
    channels = components["channels"].sum(CHANNEL)
    return over_regions(components[FITTED] - channels)


def judge_predictive(actual: Array, observation: Array, limits: Thresholds) -> Check:
    """Whether data that the model makes look like those that were observed.

    Average, spread, lowest and highest value of the observed series are each held against those of
    simulated ones; the oddest decides. Each probability is two-sided.

    Parameters
    ----------
    actual : ndarray of shape (date,)
    observation : ndarray of shape (draw, date)
    limits : Thresholds
    """
    odds = {
        name: _two_sided(float(summary(actual)), summary(observation, axis=1))
        for name, summary in _FIGURES.items()
    }
    oddest = min(odds, key=odds.__getitem__)
    value = odds[oddest]
    status = limits.grade("predictive_p", value)
    return Check(
        PREDICTIVE,
        status,
        f"Average, spread and extremes of sales are such as the model expects (the oddest, the "
        f"{oddest}, has a probability of {value:.0%})."
        if status is Status.PASS
        else f"Sales as the model makes them rarely have the {oddest} of those that happened "
        f"(probability {value:.1%}): it does not describe them.",
        value,
        limits.predictive_p,
        unless_passed(
            status,
            "Look at the fitted values for what the model misses: a control, a trend, a season, or "
            "a likelihood with heavier tails.",
        ),
    )


def _two_sided(observed: float, simulated: Array) -> float:
    """Share of simulated figures as far off as the observed, which counts as one of them."""
    above = (np.sum(simulated >= observed) + 1) / (simulated.size + 1)
    below = (np.sum(simulated <= observed) + 1) / (simulated.size + 1)
    return float(min(1.0, 2 * min(above, below)))


def judge_autocorrelation(left: Array, limits: Thresholds) -> Check:
    """Whether what the model leaves unexplained is noise, or has a memory.

    Parameters
    ----------
    left : ndarray of shape (date,)
        Observed less expected.
    limits : Thresholds
    """
    first, p_value = autocorrelation(left)
    by_chance = abs(first) < 2 / np.sqrt(left.size)
    status = Status.PASS if by_chance else limits.grade("autocorrelation", abs(first))
    if status is Status.PASS and p_value < limits.ljung_box_p:
        status = Status.REVIEW
    return Check(
        "memory of the errors",
        status,
        f"The model's error in one period says little about that in the next (correlation "
        f"{first:.2f})."
        if status is Status.PASS
        else f"The model's errors come in runs (correlation of one period's with the next "
        f"{first:.2f}, probability of all lags by chance {p_value:.2g}): something that lasts is "
        "missing, and intervals are too narrow.",
        figure(first),
        limits.autocorrelation,
        unless_passed(
            status,
            "Add what is missing: a control, yearly_seasonality, a trend, or a baseline that "
            "drifts (time_varying_intercept=True).",
        ),
    )


def autocorrelation(left: Array) -> tuple[float, float]:
    """Correlation of a series with itself one period before, and Ljung and Box's test of several.

    Parameters
    ----------
    left : ndarray of shape (date,)

    Returns
    -------
    first : float
        NaN for a series that does not move.
    p_value : float
        Probability of autocorrelations as large as those of up to ten lags, were there none.

    References
    ----------
    Ljung, Box (1978). On a measure of lack of fit in time series models.
    """
    centred, n = left - left.mean(), left.size
    size = float(centred @ centred)
    lags = max(1, min(_LAGS, n // _PERIODS_A_LAG))
    if size == 0:
        return float("nan"), float("nan")
    found = np.array([centred[lag:] @ centred[:-lag] / size for lag in range(1, lags + 1)])
    statistic = n * (n + 2) * float((found**2 / (n - np.arange(1, lags + 1))).sum())
    return float(found[0]), float(stats.chi2.sf(statistic, lags))


def judge_shares(
    components: xr.Dataset,
    media: xr.DataArray,
    costs: Mapping[str, float | None],
    limits: Thresholds,
) -> Check:
    """Whether a channel earns wildly more or less than its part of the money.

    Parameters
    ----------
    components : xarray.Dataset
    media : xarray.DataArray
        Of the same periods (date, channel), by region too where there are any.
    costs : Mapping of str to float or None
        As for :func:`pymc_toolkit.analysis.contributions.roi`.
    limits : Thresholds
    """
    check = "shares of media and money"
    price = {str(name): costs.get(str(name), 1.0) for name in media[CHANNEL].values}
    bought = [name for name, cost in price.items() if cost is not None]
    cost = np.array([price[name] or 0.0 for name in bought])
    spent = over_regions(media.sum(DATE)).sel({CHANNEL: bought}).values * cost
    brought = earned(components).mean(SAMPLE).sel({CHANNEL: bought}).values
    if len(bought) < 2 or not spent.sum() > 0 or not brought.sum() > 0:
        return Check(check, Status.PASS, "There are not two bought channels to compare.")
    of_money, of_media = spent / spent.sum(), brought / brought.sum()
    gaps = np.abs(of_media - of_money)
    worst, value = int(gaps.argmax()), float(gaps.max())
    status = limits.grade("share_gap", value)
    return Check(
        check,
        status,
        f"Of the money {of_money[worst]:.0%} went to {bought[worst]!r}, of what bought media "
        f"brought {of_media[worst]:.0%} came from it"
        + (
            ", the largest such difference."
            if status is Status.PASS
            else ": so large a difference is a rare find and a common mistake."
        ),
        value,
        limits.share_gap,
        unless_passed(
            status,
            f"Check the units and the cost of {bought[worst]!r}, and test it before its budget is "
            "changed.",
        ),
    )


def judge_levels(media: xr.DataArray, limits: Thresholds) -> Check:
    """Whether each channel was seen often enough near the level that it is spent on at now.

    Parameters
    ----------
    media : xarray.DataArray
        Dims date, channel (and geo).
    limits : Thresholds
    """
    check = "present level of spend"
    spend = over_regions(media).transpose(DATE, CHANNEL)
    if spend.sizes[DATE] < 3 * RECENT:
        sentence = "There are too few periods to compare the present level of spend with."
        return Check(check, Status.REVIEW, sentence, remedy="Add history.")
    near, beyond = levels_of(spend.values)
    statuses = [
        Status.FAIL if past > limits.level_beyond_fail else limits.grade("level_seen", seen)
        for seen, past in zip(near, beyond, strict=True)
    ]
    channels = [str(name) for name in spend[CHANNEL].values]
    rare = [name for name, s in zip(channels, statuses, strict=True) if s is not Status.PASS]
    status = max(statuses, key=list(Status).index)
    value, most = float(near.min()), float(beyond.max())
    past = f"up to {most:.1f} times the largest" if np.isfinite(most) else "some never on air then"
    return Check(
        check,
        status,
        "Every channel was often spent on as much as now."
        if not rare
        else f"The present spend on {named(rare)} was hardly ever seen before (in {value:.0%} of "
        f"the earlier periods, {past}): what it earns there rests on the assumed shape of "
        "saturation.",
        value,
        limits.level_seen,
        unless_passed(status, f"Do not raise {named(rare)} further before more periods are known."),
    )


def levels_of(spend: Array) -> tuple[Array, Array]:
    """How often each channel was near its present level, and how far that lies beyond all others.

    The present level is the average of the last few periods on air.

    Parameters
    ----------
    spend : ndarray of shape (date, channel)

    Returns
    -------
    near, beyond : ndarray of shape (channel,)
        Share of earlier periods at least near the present level; that level over the largest
        earlier spend, 1 for a channel that is dark now.
    """
    recent, earlier = spend[-RECENT:], spend[:-RECENT]
    now = recent.sum(axis=0) / np.maximum((recent > 0).sum(axis=0), 1)
    largest = earlier.max(axis=0)
    beyond = np.divide(now, largest, out=np.full(now.shape, np.inf), where=largest > 0)
    return (earlier >= _NEAR * now).mean(axis=0), np.where(now > 0, beyond, 1.0)


def judge_told_apart(components: xr.Dataset, limits: Thresholds) -> Check:
    """Whether the posterior tells what one channel brought from what another did."""
    check = "channels told apart"
    if components.sizes[CHANNEL] < 2:
        return Check(check, Status.PASS, "There is one channel.")
    pair = tied_pair(components)
    if pair is None:
        sentence = "There are too few draws to see which channels stand in for each other."
        return Check(check, Status.PASS, sentence)
    value, first, second = pair
    status = limits.grade("told_apart", value)
    return Check(
        check,
        status,
        "No channel stands in for another."
        if status is Status.PASS
        else f"The more {first!r} brought, the less {second!r} did (correlation {-value:.2f} over "
        "all answers that fit the data): the sum of the two is known, its parts are not.",
        value,
        limits.told_apart,
        unless_passed(status, f"Test {first!r} or {second!r}, or decide on both together."),
    )


def tied_pair(components: xr.Dataset) -> tuple[float, str, str] | None:
    """The two channels that stand in for each other most, and how far; None with few draws."""
    brought = earned(components).transpose(CHANNEL, *SAMPLE)
    draws = brought.values.reshape(brought.sizes[CHANNEL], -1)
    if draws.shape[1] < _FEWEST_DRAWS:
        return None
    moves = draws.std(axis=1) > 0
    against = np.zeros((len(draws), len(draws)))
    if moves.sum() > 1:
        against[np.ix_(moves, moves)] = -np.triu(np.corrcoef(draws[moves]), 1)
    first, second = np.unravel_index(against.argmax(), against.shape)
    names = [str(name) for name in brought[CHANNEL].values]
    return max(float(against.max()), 0.0), names[first], names[second]
