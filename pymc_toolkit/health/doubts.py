"""Why data alone cannot tell what a channel earns, channel by channel."""

from __future__ import annotations

import numpy as np
import xarray as xr

from pymc_toolkit.arrays import over_regions
from pymc_toolkit.dates import season_length
from pymc_toolkit.engines.base import Fit
from pymc_toolkit.health.confounding import past_links, season_links
from pymc_toolkit.health.data_checks import correlations_of, inflation_of
from pymc_toolkit.health.fit_checks import tied_pair
from pymc_toolkit.health.thresholds import Thresholds
from pymc_toolkit.names import DATE
from pymc_toolkit.plurals import count
from pymc_toolkit.verdicts import Status


def doubts_of(fit: Fit, components: xr.Dataset, limits: Thresholds) -> dict[str, str]:
    """Reasons to doubt what a fit says of channels that no experiment measured.

    Parameters
    ----------
    fit : Fit
    components : xarray.Dataset
        Of the fit.
    limits : Thresholds

    Returns
    -------
    dict of str to str
        By channel, a sentence; the gravest reason of several.
    """
    return {
        **_of_twins(fit, components, limits),
        **_of_followers(fit, limits),
        **_of_darkness(fit, limits),
    }


def _of_darkness(fit: Fit, limits: Thresholds) -> dict[str, str]:
    on_air = (over_regions(fit.training.dataset["media"]) > 0).sum(DATE).to_series()
    return {
        str(name): f"It was on air in {count(int(number), 'period')} only, too few to learn from."
        for name, number in on_air.items()
        if limits.grade("on_air", float(number)) is not Status.PASS
    }


def _of_followers(fit: Fit, limits: Thresholds) -> dict[str, str]:
    """Channels whose spend follows demand."""
    data, spec, found = fit.training, fit.spec, {}
    if not spec.yearly_seasonality and data.n_periods >= season_length(data.frequency):
        share, links = season_links(data)
        for name, r in links.items():
            if (
                share >= limits.season_share
                and limits.grade("follows_season", r) is not Status.PASS
            ):
                found[name] = (
                    "Its spend goes with the season of sales, which the model has no part for: "
                    "season and channel cannot be told apart."
                )
    for name, (r, by_chance) in past_links(data, spec).items():
        if not by_chance and limits.grade("follows_past", r) is not Status.PASS:
            found[name] = (
                "Its spend follows sales, so that demand may have moved both: what it earns cannot "
                "be told from what would have been sold anyway."
            )
    return found


def _of_twins(fit: Fit, components: xr.Dataset, limits: Thresholds) -> dict[str, str]:
    """Channels that stand in for others, in the data or in the posterior."""
    data, found = fit.training, {}
    for name, vif in inflation_of(data).items():
        if vif > limits.vif_fail:
            found[name] = "Its spend moves with that on others, and the data tell only their sum."
    together = np.abs(correlations_of(data))
    np.fill_diagonal(together, 0.0)
    pairs = [(i, int(row.argmax())) for i, row in enumerate(together)]
    twins = [
        (data.channels[i], data.channels[j])
        for i, j in pairs
        if together[i, j] > limits.correlation_fail
    ]
    tied = tied_pair(components)
    if tied is not None and tied[0] > limits.told_apart_fail:
        twins += [(tied[1], tied[2]), (tied[2], tied[1])]
    for name, other in twins:
        found[name] = (
            f"It moves with {other!r}, and the data tell only what the two bring together."
        )
    return found
