"""Hints that spend follows demand, in which case demand's part would be credited to media.

They are hints. Spend that follows demand without any noise of its own, or demand that does not last
from one period to the next, leaves no trace in observed data; an experiment alone can tell then.
"""

from __future__ import annotations

import numpy as np
from scipy import stats

from pymc_toolkit.arrays import Array
from pymc_toolkit.dates import season_length
from pymc_toolkit.fleets.judge import named
from pymc_toolkit.health.series import (
    left_by,
    partial_correlation,
    rows,
    standardised,
    values_of,
    year_waves,
)
from pymc_toolkit.health.thresholds import Thresholds, figure, unless_passed
from pymc_toolkit.model_data import ModelData
from pymc_toolkit.model_spec import ModelSpec
from pymc_toolkit.verdicts import Check, Status

# Chance, over all channels, of a correlation that is taken for more than chance.
_CHANCE = 0.02
# Observations beyond the number of known series, below which nothing is left to compare.
_FEWEST = 10


def judge_follows_past(data: ModelData, spec: ModelSpec, limits: Thresholds) -> Check:
    """Whether spend goes up after the target did, beyond what spend's own habits explain."""
    found = past_links(data, spec)
    links = {
        name: 0.0 if by_chance else r for name, (r, by_chance) in found.items() if not np.isnan(r)
    }
    followers = [
        name for name, r in links.items() if limits.grade("follows_past", r) is not Status.PASS
    ]
    value = max(links.values(), default=float("nan"))
    status = limits.grade("follows_past", value)
    if np.isnan(value):
        sentence = "There are too few periods to tell whether spend follows sales."
    elif not followers:
        sentence = "No channel's spend follows the sales of the period before."
    else:
        sentence = (
            f"The spend on {named(followers)} follows the sales of the period before (correlation "
            f"up to {value:.2f} beyond its own habits): it may be demand that moves both, and the "
            "model would credit demand to the channel."
        )
    return Check(
        "spend that follows sales",
        status,
        sentence,
        figure(value),
        limits.follows_past,
        unless_passed(status, _remedy(followers)),
    )


def judge_follows_season(data: ModelData, spec: ModelSpec, limits: Thresholds) -> Check:
    """Whether spend goes with the target's season, which a model without one gives to media."""
    check = "spend that follows the season"
    if spec.yearly_seasonality:
        return Check(check, Status.PASS, "The model has a season of its own.", 0.0)
    if data.n_periods < season_length(data.frequency):
        sentence = "With less than a year of data a season cannot be seen."
        return Check(check, Status.REVIEW, sentence, remedy="Add history, to two years.")
    share, links = season_links(data)
    if share < limits.season_share:
        links = dict.fromkeys(links, 0.0)
    followers = [
        name for name, r in links.items() if limits.grade("follows_season", r) is not Status.PASS
    ]
    value = max(links.values())
    status = limits.grade("follows_season", value)
    return Check(
        check,
        status,
        "No channel's spend goes with a season of the target."
        if not followers
        else f"The spend on {named(followers)} goes with the season of the target (correlation up "
        f"to {value:.2f}), and the model has no season of its own: it credits the season to media.",
        value,
        limits.follows_season,
        unless_passed(status, "Give the model a season: yearly_seasonality=2."),
    )


def past_links(data: ModelData, spec: ModelSpec) -> dict[str, tuple[float, bool]]:
    """Correlation of each channel's spend with the target of the period before.

    Beyond all channels' spend of that period and the one before it, controls, a trend and the
    season where the model has one: a target that earlier spend moved says nothing new about spend,
    one that demand moved does. Spend is taken in logarithms, as budgets move by shares and media
    saturate.

    Parameters
    ----------
    data : ModelData
    spec : ModelSpec

    Returns
    -------
    dict of str to (float, bool)
        The correlation, NaN if it cannot be computed, and whether chance alone may well have made
        one as far above zero.
    """
    controls, target = (standardised(values_of(data, name)) for name in ("controls", "target"))
    media = standardised(_in_logarithms(values_of(data, "media")))
    time = _time(data, spec, media.shape[1])
    known = rows(
        np.concatenate([media[1:-1], media[:-2], controls[2:], controls[1:-1], time[2:]], axis=-1)
    )
    free = len(known) - known.shape[1] - 1
    if free < _FEWEST:
        return dict.fromkeys(data.channels, (float("nan"), True))
    before, found = rows(target[1:-1])[:, 0], {}
    for position, name in enumerate(data.channels):
        r = partial_correlation(rows(media[2:, :, [position]])[:, 0], before, known)
        found[name] = r, np.isnan(r) or _p_value(r, free) > _CHANCE / len(data.channels)
    return found


def _in_logarithms(media: Array) -> Array:
    """Spend relative to its mean, in logarithms that know what a dark period is."""
    mean = media.mean(axis=0)
    return np.log1p(media / np.where(mean > 0, mean, 1.0))


def season_links(data: ModelData) -> tuple[float, dict[str, float]]:
    """How much of the target is season, and each channel's correlation with it.

    Parameters
    ----------
    data : ModelData

    Returns
    -------
    share : float
        Of the variance of the target, without its trend.
    links : dict of str to float
        Absolute correlations with the target's season, of spend without its trend.
    """
    total = data.total()
    media, target = (standardised(values_of(total, v))[:, 0] for v in ("media", "target"))
    trend = np.linspace(-1, 1, data.n_periods)[:, None]
    media, target = left_by(media, trend), left_by(target[:, 0], trend)
    season = target - left_by(target, year_waves(total))
    variance = float((target**2).sum())
    share = float((season**2).sum()) / variance if variance > 0 else 0.0
    links = [_correlation(series, season) for series in media.T]
    return share, dict(zip(data.channels, links, strict=True))


def _time(data: ModelData, spec: ModelSpec, regions: int) -> Array:
    """A trend, and the season where the model has one, by date and region."""
    known = [np.linspace(-1, 1, data.n_periods)[:, None]]
    if spec.yearly_seasonality:
        known.append(year_waves(data, spec.yearly_seasonality))
    return np.repeat(np.hstack(known)[:, None], regions, axis=1)


def _p_value(r: float, free: int) -> float:
    """Probability of a correlation as far above zero by chance."""
    t = r * np.sqrt((free - 1) / max(1 - r**2, 1e-12))
    return float(stats.t.sf(t, free - 1))


def _correlation(first: Array, second: Array) -> float:
    """Absolute correlation of two centred series; zero if one does not move."""
    size = float(np.sqrt((first**2).sum() * (second**2).sum()))
    return float(abs(first @ second)) / size if size > 0 else 0.0


def _remedy(followers: list[str]) -> str:
    if not followers:
        return "Add history."
    return (
        "Add what drives demand (price, searches, weather) as a control, and test "
        f"{named(followers)} by experiment."
    )
