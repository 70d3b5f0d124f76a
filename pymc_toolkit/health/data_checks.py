"""What is asked of the data before anything is fitted: whether they can carry the model."""

from __future__ import annotations

import numpy as np

from pymc_toolkit.analysis.before import Before
from pymc_toolkit.arrays import Array, over_regions
from pymc_toolkit.dates import period_name, season_length
from pymc_toolkit.fleets.judge import named
from pymc_toolkit.health.confounding import judge_follows_past, judge_follows_season
from pymc_toolkit.health.expectations import judge_expected_media
from pymc_toolkit.health.result import LENGTH
from pymc_toolkit.health.series import (
    left_by,
    rows,
    standardised,
    values_of,
    variance_inflation,
)
from pymc_toolkit.health.thresholds import Thresholds, figure, unless_passed
from pymc_toolkit.model_data import ModelData
from pymc_toolkit.model_spec import ModelSpec
from pymc_toolkit.names import DATE
from pymc_toolkit.plurals import count
from pymc_toolkit.priors import component_parameters
from pymc_toolkit.verdicts import Check, Status

# Standard deviations by median absolute deviation, for normal data.
_MAD = 1.4826


def check_data(
    data: ModelData, spec: ModelSpec, limits: Thresholds, before: Before | None = None
) -> tuple[Check, ...]:
    """Every check of the data, and of what is believed before them.

    Parameters
    ----------
    data : ModelData
        The training window.
    spec : ModelSpec
        The model that is to be fitted to it.
    limits : Thresholds
    before : Before, optional
        Without one nothing is said of the model's priors.

    Returns
    -------
    tuple of Check
    """
    return (
        judge_length(data, spec, limits),
        judge_years(data, limits),
        judge_on_air(data, limits),
        judge_variation(data, limits),
        judge_inflation(data, limits),
        judge_pairs(data, limits),
        judge_follows_past(data, spec, limits),
        judge_follows_season(data, spec, limits),
        judge_outliers(data, limits),
        *([] if before is None else [judge_expected_media(before, limits)]),
    )


def parameters_of(data: ModelData, spec: ModelSpec) -> int:
    """Number of parameters that can be read on their own: those of channels, controls and levels.

    Parameters
    ----------
    data : ModelData
    spec : ModelSpec
    """
    regions = 1 if not data.is_panel else data.dataset["target"].size // data.n_periods
    levels = regions + 1
    smooth = 2 * (spec.time_varying_media + spec.time_varying_intercept)
    season = 2 * (spec.yearly_seasonality or 0)
    channels = len(component_parameters(spec)) * len(data.channels)
    return levels + smooth + season + (spec.trend or 0) + len(data.controls) + channels


def judge_length(data: ModelData, spec: ModelSpec, limits: Thresholds) -> Check:
    """Whether there are enough observations for the number of parameters."""
    observations, parameters = data.dataset["target"].size, parameters_of(data, spec)
    value = observations / parameters
    status = limits.grade("periods_per_parameter", value)
    judgement = {
        Status.PASS: "enough to learn from",
        Status.REVIEW: "few, so that what was assumed before the data weighs heavily",
        Status.FAIL: "too few: what the model says is what was assumed before the data",
    }[status]
    return Check(
        LENGTH,
        status,
        f"The model has {count(parameters, 'parameter')} and "
        f"{count(observations, 'observation')} to learn them from, {value:.1f} for each: "
        f"{judgement}.",
        value,
        limits.periods_per_parameter,
        unless_passed(
            status,
            "Add history, use weeks instead of months, or join channels that are planned together.",
        ),
    )


def judge_years(data: ModelData, limits: Thresholds) -> Check:
    """Whether the history is long enough to tell a season from media."""
    value = data.n_periods / season_length(data.frequency)
    status = limits.grade("years", value)
    return Check(
        "years of history",
        status,
        f"The data cover {value:.1f} years"
        + (
            "."
            if status is Status.PASS
            else ": a season that comes back cannot be told from what happened once, such as a "
            "campaign."
        ),
        value,
        limits.years,
        unless_passed(status, "Add history, to two years if there is any."),
    )


def judge_on_air(data: ModelData, limits: Thresholds) -> Check:
    """Whether every channel was on air often enough to leave a trace."""
    on_air = (over_regions(data.dataset["media"]) > 0).sum(DATE)
    counts = {str(name): int(number) for name, number in on_air.to_series().items()}
    rare = [name for name, n in counts.items() if limits.grade("on_air", n) is not Status.PASS]
    value = float(min(counts.values()))
    status = limits.grade("on_air", value)
    period = period_name(data.frequency)
    return Check(
        "channels on air",
        status,
        f"Every channel was on air in at least {count(int(value), period)}."
        if not rare
        else f"On air in fewer than {count(round(limits.on_air), period)}: {named(rare)} (as few "
        f"as {value:.0f}). So little leaves no trace that could be told from chance.",
        value,
        limits.on_air,
        unless_passed(status, f"Leave {named(rare)} out, or join with a similar channel."),
    )


def judge_variation(data: ModelData, limits: Thresholds) -> Check:
    """Whether every channel's spend moved."""
    moved = _variation(data)
    known = {name: value for name, value in moved.items() if not np.isnan(value)}
    still = [n for n, value in known.items() if limits.grade("variation", value) is not Status.PASS]
    value = min(known.values(), default=float("nan"))
    status = limits.grade("variation", value)
    return Check(
        "channels that vary",
        status,
        "The spend on every channel goes up and down enough to be followed by the target."
        if not still
        else f"The spend on {named(still)} hardly varies (by {value:.0%} of its average): what it "
        "earns looks like a part of the baseline.",
        figure(value),
        limits.variation,
        unless_passed(status, f"Vary the spend on {named(still)}, or pause it in some regions."),
    )


def _variation(data: ModelData) -> dict[str, float]:
    """Standard deviation over mean of each channel; the most of any region, NaN if never on."""
    media = values_of(data, "media")
    mean = media.mean(axis=0)
    ratio = np.divide(media.std(axis=0), mean, out=np.full(mean.shape, np.nan), where=mean > 0)
    largest = np.where(np.isnan(ratio).all(axis=0), np.nan, np.nan_to_num(ratio).max(axis=0))
    return dict(zip(data.channels, map(float, largest), strict=True))


def inflation_of(data: ModelData) -> dict[str, float]:
    """Variance inflation of each channel given the other channels and the controls."""
    media, controls = (rows(standardised(values_of(data, v))) for v in ("media", "controls"))
    return dict(zip(data.channels, map(float, variance_inflation(media, controls)), strict=True))


def judge_inflation(data: ModelData, limits: Thresholds) -> Check:
    """Whether each channel moves on its own, given all others together and the controls."""
    factors = {name: vif for name, vif in inflation_of(data).items() if not np.isnan(vif)}
    value = max(factors.values(), default=1.0)
    tied = [name for name, vif in factors.items() if limits.grade("vif", vif) is not Status.PASS]
    status = limits.grade("vif", value)
    return Check(
        "channels that move alone",
        status,
        f"Each channel moves on its own (variance inflation at most {value:.1f})."
        if not tied
        else f"The spend on {named(tied)} can hardly be told from that on the other channels and "
        f"the controls (variance inflation up to {value:.1f}): the data say what they bring "
        "together, but hardly what each brings.",
        value,
        limits.vif,
        unless_passed(status, f"Join channels that are planned together, or test {named(tied)}."),
    )


def correlations_of(data: ModelData) -> Array:
    """Correlation of the spend on each pair of channels, within regions; zero if one is still."""
    media = rows(standardised(values_of(data, "media")))
    correlations: Array = media.T @ media / len(media)
    return correlations


def judge_pairs(data: ModelData, limits: Thresholds) -> Check:
    """Whether no two channels go up and down together."""
    channels = data.channels
    size = np.abs(np.triu(correlations_of(data), 1))
    value = float(size.max())
    status = limits.grade("correlation", value)
    first, second = np.unravel_index(size.argmax(), size.shape)
    pair = f"{channels[first]!r} and {channels[second]!r}"
    if len(channels) == 1:
        return Check("pairs of channels", Status.PASS, "There is one channel.", 0.0)
    return Check(
        "pairs of channels",
        status,
        f"The two channels that are spent on most alike are {pair} (correlation {value:.2f})"
        + ("." if status is Status.PASS else ": which of them earned what, the data hardly tell."),
        value,
        limits.correlation,
        unless_passed(status, f"Plan {pair} apart for a while, test one of them, or join them."),
    )


def judge_outliers(data: ModelData, limits: Thresholds) -> Check:
    """Whether the target has values that neither controls nor media come near to."""
    distance = _distance(data)
    value = float(distance.max())
    status = limits.grade("outlier", value)
    place = np.unravel_index(distance.argmax(), distance.shape)[0]
    day = data.dates[place].date()
    far = int((distance > limits.outlier).sum())
    return Check(
        "outliers of the target",
        status,
        "No value of the target lies far from all others."
        if status is Status.PASS
        else f"{count(far, 'value')} of the target lie{'' if far > 1 else 's'} "
        f"far from what the rest leads one to expect, most of all that of {day} ({value:.0f} "
        "usual deviations): it may bend everything else.",
        value,
        limits.outlier,
        unless_passed(status, f"Check {day}; if it is right, add a control for what happened."),
    )


def _distance(data: ModelData) -> Array:
    """Distance of each value of the target from a rough expectation, (date, region)."""
    target = values_of(data, "target")[..., 0]
    media, controls = (standardised(values_of(data, v)) for v in ("media", "controls"))
    found = np.zeros_like(target)
    for region in range(target.shape[1]):
        known = np.column_stack([media[:, region], controls[:, region]])
        # With few periods a line through everything would pass through the outliers, too.
        few = len(target) < 3 * (known.shape[1] + 1)
        left = left_by(target[:, region], known[:, :0] if few else known)
        left = np.abs(left - np.median(left))
        spread = _MAD * np.median(left)
        found[:, region] = left / spread if spread > 0 else np.where(left > 0, np.inf, 0.0)
    return found
