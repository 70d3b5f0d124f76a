"""Fill a client's report from a fitted model, its health, its holdout and a budget."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pandas as pd
import xarray as xr

from pymc_toolkit.analysis.carry_over import carry_over
from pymc_toolkit.analysis.contributions import by_period, decomposition, earned, totals
from pymc_toolkit.analysis.diagnostics import prior_against_posterior
from pymc_toolkit.analysis.intervals import CI_PROB, summarise, to_frame
from pymc_toolkit.analysis.prediction import predict, prediction_table
from pymc_toolkit.analysis.response import response_curves
from pymc_toolkit.analysis.returns import (
    channel_returns,
    marginal_roi,
    money,
    probability_above,
    roi_draws,
)
from pymc_toolkit.arrays import over_regions
from pymc_toolkit.client_config import ClientConfig
from pymc_toolkit.engines.base import Fit
from pymc_toolkit.exceptions import SpecificationError
from pymc_toolkit.fleets.member import Member
from pymc_toolkit.fleets.production import ProductionFleet
from pymc_toolkit.health.result import Health
from pymc_toolkit.names import CHANNEL, DATE, FITTED
from pymc_toolkit.reports.assemble import provenance
from pymc_toolkit.reports.client.brand import Brand
from pymc_toolkit.reports.client.contract import ClientReport, Estimate, Refresh
from pymc_toolkit.reports.client.recommend import Recommended, recommendation
from pymc_toolkit.reports.dashboard_tables import waterfall_parts

_CARRY_OVER = ("half_life", "ci_low", "ci_high", "share_immediate", "share_low", "share_high")


class Refreshed(Protocol):
    """What a refresh of the model changed."""

    @property
    def first_date(self) -> str:
        """First day of the window after it."""

    @property
    def last_date(self) -> str:
        """Last day of it."""

    @property
    def periods_added(self) -> int:
        """Number of periods that were not known before."""

    @property
    def periods_restated(self) -> int:
        """Number of periods whose values are others than before."""

    @property
    def roi(self) -> pd.DataFrame:
        """Returns before and after it."""


@dataclass(frozen=True)
class Findings:
    """What was found of a model, from which its report is made.

    Parameters
    ----------
    config : ClientConfig
    fit : Fit
        Of the whole window.
    health : Health
    holdout : ProductionFleet
        Of the same client.
    recommended : tuple of Allocation and pandas.DataFrame, or None
        A budget; and by channel ``verb`` and ``reason``. None where nothing may or can be
        recommended.
    refreshes : sequence of Refreshed
        In order.
    experiments : pandas.DataFrame or None
        As ``PymcModel.uplift_summary`` gives it.
    """

    config: ClientConfig
    fit: Fit
    health: Health
    holdout: ProductionFleet
    recommended: Recommended | None
    refreshes: Sequence[Refreshed]
    experiments: pd.DataFrame | None


def client_report(found: Findings, brand: Brand) -> ClientReport:
    """Gather everything that a client's report shows.

    Parameters
    ----------
    found : Findings
    brand : Brand

    Returns
    -------
    ClientReport
    """
    config, fit, health = found.config, found.fit, found.health
    components = over_regions(decomposition(fit))
    brought = earned(components)
    share = brought.sum(CHANNEL) / components[FITTED].sum(DATE)
    table, scores = _prediction(found)
    return ClientReport(
        client=config.client_name,
        target_name=config.target_name,
        target_is_money=config.target_is_money,
        ci_prob=CI_PROB,
        brand=brand,
        verdict=health.verdict,
        blocked=health.blocked,
        remedies=health.remedies,
        media_share=_estimate(share),
        media_contribution=_estimate(brought.sum(CHANNEL)),
        media_roi=_media_roi(fit, brought, config.cost_per_unit),
        channels=_channels(found, components),
        recommendation=recommendation(*found.recommended) if found.recommended else None,
        waterfall=waterfall_parts(components),
        components=by_period(components),
        curves=response_curves(fit),
        levels=_levels(found),
        carry_over=_carry_over(fit),
        fit=table,
        scores=scores,
        priors=prior_against_posterior(fit),
        provenance=provenance(fit, fit.training),
        refresh=_refresh(found.refreshes),
        experiments=found.experiments,
    )


def _estimate(draws: xr.DataArray) -> Estimate:
    summary = summarise(draws, CI_PROB)
    return Estimate(*(float(summary[name]) for name in ("mean", "ci_low", "ci_high")))


def _media_roi(
    fit: Fit, brought: xr.DataArray, costs: Mapping[str, float | None]
) -> Estimate | None:
    """Return of all channels that were bought, on all of their money."""
    spend = money(fit.training.dataset["media"], costs)
    bought = spend > 0
    if not bool(bought.any()):
        return None
    return _estimate(brought.where(bought, 0.0).sum(CHANNEL) / float(spend.where(bought).sum()))


def _channels(found: Findings, components: xr.Dataset) -> pd.DataFrame:
    """What is known of each channel, a row each."""
    fit, costs = found.fit, found.config.cost_per_unit
    returns = channel_returns(fit, costs)
    spend = returns["spend"]
    amounts = totals(components)[["contribution", "ci_low", "ci_high"]]
    table = pd.DataFrame({"spend": spend, "spend_share": spend / spend.sum()})
    for name, part in (
        ("contribution", amounts),
        ("effect", _effects(components, spend)),
        ("roi", returns[["roi", "ci_low", "ci_high"]]),
        ("marginal", marginal_roi(fit, costs)[["marginal_roi", "ci_low", "ci_high"]]),
    ):
        table = table.join(part.set_axis([name, f"{name}_low", f"{name}_high"], axis=1))
    above = probability_above(roi_draws(fit, costs))
    table["above_one"] = above if found.config.target_is_money else np.nan
    evidence = found.health.evidence.reindex(table.index)
    table["tier"], table["evidence"] = evidence["tier"], evidence["reason"]
    words = ["verb", "reason"]
    advice = found.recommended[1] if found.recommended else pd.DataFrame(columns=words)
    return table.join(advice[words]).fillna({"tier": "", "evidence": "", "verb": "", "reason": ""})


def _effects(components: xr.Dataset, spend: pd.Series) -> pd.DataFrame:
    """Shares of what bought channels brought together; none where nothing was bought."""
    names = [str(name) for name in spend.index[spend > 0]]
    if not names:
        return pd.DataFrame(columns=["mean", "ci_low", "ci_high"], dtype=float)
    brought = earned(components).sel({CHANNEL: names})
    return to_frame(summarise(brought / brought.sum(CHANNEL), CI_PROB))


def _levels(found: Findings) -> pd.DataFrame:
    """Spend per period as planned and as recommended, or of the last year, in units of columns."""
    media = over_regions(found.fit.training.dataset["media"])
    names = [str(name) for name in media[CHANNEL].values]
    costs = found.config.cost_per_unit
    year = media.isel({DATE: slice(-_periods_of_a_year(found.fit), None)})
    levels = pd.DataFrame({"present": year.mean(DATE).values, "recommended": np.nan}, index=names)
    levels["money"] = [name not in costs for name in names]
    if found.recommended:
        allocation = found.recommended[0]
        table, horizon = allocation.table, allocation.horizon
        prices = pd.Series([costs.get(str(name)) or 1.0 for name in table.index], table.index)
        for column, which in (("present", "current"), ("recommended", "recommended")):
            levels.loc[table.index, column] = table[which] / horizon / prices
    return levels


def _periods_of_a_year(fit: Fit) -> int:
    dates = fit.training.dates
    return int((dates > dates[-1] - pd.DateOffset(years=1)).sum())


def _carry_over(fit: Fit) -> pd.DataFrame:
    try:
        return carry_over(fit)
    except SpecificationError:
        # Not every engine has carry-over as parameters.
        return pd.DataFrame(columns=list(_CARRY_OVER), dtype=float)


def _prediction(found: Findings) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What was expected of each period, those held out included, and errors on these."""
    member: Member = found.holdout[found.config.client_name]
    if not member.failure:
        return member.prediction.reset_index(names=DATE), found.holdout.scores(member.name)
    table = prediction_table(predict(found.fit).total(), CI_PROB)
    actual = found.fit.training.total().dataset["target"].values
    table = table.reset_index(names=DATE).assign(actual=actual, holdout=False)
    return table, pd.DataFrame(columns=["mape"])


def _refresh(refreshes: Sequence[Refreshed]) -> Refresh | None:
    if not refreshes:
        return None
    last = refreshes[-1]
    return Refresh(
        last.first_date, last.last_date, last.periods_added, last.periods_restated, last.roi
    )
