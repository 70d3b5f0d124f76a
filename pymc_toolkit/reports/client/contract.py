"""What a client's report shows, as numbers and plain words, before anything is written or drawn.

All intervals are equal-tailed and of probability ``ci_prob``. Money is in the brand's currency.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import pandas as pd

from pymc_toolkit.reports.client.brand import Brand
from pymc_toolkit.reports.contract import Provenance
from pymc_toolkit.verdicts import Verdict

# Tiers of evidence, and what to do with a channel's budget, as health and decisions name them.
TESTED, IDENTIFIED, PRIOR_DRIVEN = TIERS = ("tested", "identified", "prior-driven")
INCREASE, KEEP, TEST, REDUCE = VERBS = ("increase", "keep", "test", "reduce")

# Totals that differ by less than this share are one.
_SAME = 0.001


class Estimate(NamedTuple):
    """A mean and its interval."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class Recommendation:
    """What to do with the budget of the coming periods, and what that is expected to change.

    Parameters
    ----------
    horizon : int
        Number of periods.
    total : float
        Money over all of them.
    planned : float
        Money of the plan as it was given; where ``total`` is another, ``current`` is that plan
        brought to it.
    uplift : Estimate
        What the recommended budget brings beyond the plan, carry-over included, in units of the
        target.
    probability : float
        That it brings more than the plan.
    table : pandas.DataFrame
        Index channel; ``current, recommended, change, lower, upper`` (money over the horizon;
        ``change`` is a fraction), ``at_bound, beyond_seen, held`` (bool).
    moves : pandas.DataFrame
        ``source, destination, amount`` (money) and ``carried`` (bool: whether the evidence carries
        it), the largest first.
    flighting : pandas.DataFrame
        Index date, a column a channel: money in each period ahead.
    """

    horizon: int
    total: float
    planned: float
    uplift: Estimate
    probability: float
    table: pd.DataFrame
    moves: pd.DataFrame
    flighting: pd.DataFrame

    @property
    def scaled(self) -> bool:
        """Whether it is compared with the plan brought to another total than its own."""
        compared = float(self.table["current"].sum())
        return abs(compared - self.planned) > _SAME * max(compared, self.planned)


@dataclass(frozen=True)
class Refresh:
    """What the last refresh of the model changed.

    Parameters
    ----------
    first_date, last_date : str
        Window after it, ISO dates.
    periods_added, periods_restated : int
    roi : pandas.DataFrame
        Index channel; ``roi, ci_low, ci_high``, each with ``_before`` and ``_after``.
    """

    first_date: str
    last_date: str
    periods_added: int
    periods_restated: int
    roi: pd.DataFrame


@dataclass(frozen=True)
class ClientReport:
    """Everything a client's report shows.

    Parameters
    ----------
    client, target_name : str
        May hold any characters.
    target_is_money : bool
        Whether the target is in the currency of the spend, so that a return of 1 is break-even.
    ci_prob : float
    brand : Brand
    verdict : Verdict
        Of the model's health.
    blocked : bool
        Whether a check failed without which nothing may be recommended.
    remedies : sequence of str
        What to do about the checks that did not pass, the most important first.
    media_share, media_contribution : Estimate
        What all channels brought, as a share of the fitted target and in its units.
    media_roi : Estimate or None
        Of all channels bought with money together; None if none was.
    channels : pandas.DataFrame
        Index channel; ``spend`` (money, NaN if not bought), ``spend_share`` (of money spent);
        ``contribution, effect`` (share of what bought channels brought), ``roi, marginal``, each
        also with ``_low`` and ``_high``; ``above_one`` (probability that ROI is above 1, NaN where
        that means nothing); ``tier`` (one of ``TIERS``) and ``evidence`` (a sentence); ``verb``
        (one of ``VERBS``, or empty) and ``reason`` (a sentence, or empty).
    recommendation : Recommendation or None
        None where nothing is recommended.
    waterfall : pandas.DataFrame
        ``part, kind, contribution, ci_low, ci_high``, as for a dashboard; the last row is the
        fitted target of all periods.
    components : pandas.DataFrame
        Mean contribution by period: index date, a column a component, channels last.
    curves : pandas.DataFrame
        Long: ``channel, spend, mean, ci_low, ci_high, observed``, per period.
    levels : pandas.DataFrame
        Index channel; ``present`` (as planned, or of the last year) and ``recommended`` spend per
        period in the units of ``curves`` (NaN where unknown), and ``money`` (bool: whether those
        units are money).
    carry_over : pandas.DataFrame
        Index channel; ``half_life, ci_low, ci_high`` in periods; ``share_immediate, share_low,
        share_high``.
    fit : pandas.DataFrame
        ``date, actual, mean, ci_low, ci_high, holdout`` (bool).
    scores : pandas.DataFrame
        Index ``model`` and naive forecasts; ``mape`` on the held-out periods, and more.
    priors : pandas.DataFrame
        As of :class:`pymc_toolkit.reports.contract.ModelReport`.
    provenance : Provenance
    refresh : Refresh or None
        None for a model that was never refreshed.
    experiments : pandas.DataFrame or None
        As of :class:`pymc_toolkit.reports.contract.ModelReport`.
    columns : Mapping of str to str
        Columns of the client's table by the labels that this report has in place of their names.
    """

    client: str
    target_name: str
    target_is_money: bool
    ci_prob: float
    brand: Brand
    verdict: Verdict
    blocked: bool
    remedies: Sequence[str]
    media_share: Estimate
    media_contribution: Estimate
    media_roi: Estimate | None
    channels: pd.DataFrame
    recommendation: Recommendation | None
    waterfall: pd.DataFrame
    components: pd.DataFrame
    curves: pd.DataFrame
    levels: pd.DataFrame
    carry_over: pd.DataFrame
    fit: pd.DataFrame
    scores: pd.DataFrame
    priors: pd.DataFrame
    provenance: Provenance
    refresh: Refresh | None = None
    experiments: pd.DataFrame | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
