"""What a report shows, as numbers and sentences, before anything is drawn.

Computing fills a contract; rendering only reads it. All tables are in original units, all
intervals are equal-tailed and of probability ``ci_prob``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from pymc_toolkit.reports.graph_contract import GraphReport
from pymc_toolkit.reports.region_contract import RegionReport
from pymc_toolkit.verdicts import Verdict


@dataclass(frozen=True)
class Provenance:
    """Where the numbers come from, enough to make them again.

    Parameters
    ----------
    engine : str
    first_date, last_date : str
        Data window, ISO dates.
    n_periods, held_out : int
        All periods, and how many at their end the model was not trained on.
    frequency : str
        pandas offset alias.
    random_seed : int
    sampling : Mapping of str to Any
        Draws, tune, chains, target_accept.
    spec : Mapping of str to Any
        Everything but the data that decides the result, as plain values: engine, structure,
        priors, sampling, training window.
    spec_hash, data_hash : str
        SHA-256 of that and of the data.
    versions : Mapping of str to str
        Python and packages.
    created : str
        ISO time at which the report was made.
    """

    engine: str
    first_date: str
    last_date: str
    n_periods: int
    held_out: int
    frequency: str
    random_seed: int
    sampling: Mapping[str, Any]
    spec: Mapping[str, Any]
    spec_hash: str
    data_hash: str
    versions: Mapping[str, str]
    created: str


@dataclass(frozen=True)
class MediaSharePull:
    """A prior on the share of the target that media brought, and what it did.

    Parameters
    ----------
    prior, weight : float
        The share, and the price of the squared distance to it.
    share, without : float
        Mean share in training, with the prior and for the same fit without it.
    """

    prior: float
    weight: float
    share: float
    without: float


@dataclass(frozen=True)
class ModelReport:
    """Everything a report on one fitted model shows.

    Parameters
    ----------
    title, client, question, headline : str
        Plain text; may hold any characters (client and column names are the user's).
    target_name : str
        Name (and unit) of the target.
    target_is_money : bool
        Whether the target is in the unit of the spend, so that a return of 1 is break-even.
    ci_prob : float
        Probability of every interval.
    verdict : Verdict
    fit : pandas.DataFrame
        Columns ``date, actual, mean, ci_low, ci_high, holdout`` (bool): predictive intervals.
    media_share : tuple of float
        Share of the fitted target that media brought: mean, lower and upper end.
    scores : pandas.DataFrame
        Index ``model, seasonal naive, training mean``; columns ``mape, nrmse, r_squared, crps`` on
        the held-out periods, all relative (NaN where a baseline has none).
    train_scores : Mapping of str to float
        The model's ``mape, nrmse, r_squared, crps`` on the training periods.
    components : pandas.DataFrame
        Mean contribution by period: index date, one column a component (baseline first, channels
        last), adding up to the fitted mean.
    totals : pandas.DataFrame
        Index component name (channels only); columns ``contribution, ci_low, ci_high, share,
        share_low, share_high`` (share of the fitted target).
    roi : pandas.DataFrame
        Index channel; columns ``spend, contribution, roi, ci_low, ci_high, paid, money``. ``paid``
        (bool): bought with money; where False, ``roi`` is the contribution per unit of exposure and
        ``spend`` holds the units. ``money`` (bool): the channel's own column is money.
    curves : pandas.DataFrame
        Long: ``channel, spend, mean, ci_low, ci_high, observed`` (bool: within the range seen in
        the data). Spend per period, in units of the channel's column, held for as
        long as carry-over lasts; contribution per period at average effectiveness.
    observed : pandas.DataFrame
        Index channel; ``mean, max`` of spend per period where anything was spent.
    priors : pandas.DataFrame
        Long: ``variable, coordinate`` (channel or control name, or ""), ``prior_low, prior_median,
        prior_high, posterior_low, posterior_median, posterior_high`` on the scaled data.
    diagnostics : pandas.DataFrame
        Index variable; worst ``r_hat``, smallest ``ess_bulk`` and ``ess_tail`` over coordinates.
    sampler : Mapping of str to float
        What the engine said of the fit: of a sampler ``divergences, max_tree_depth, draws`` (kept,
        over all chains), of a training its networks and epochs.
    multiplier : pandas.DataFrame or None
        Media effectiveness over time: ``date, mean, ci_low, ci_high``; None if constant.
    provenance : Provenance
    experiments : pandas.DataFrame or None
        One row an experiment, as :func:`pymc_toolkit.analysis.uplift.uplift_table` gives it; None
        for a model without any.
    pull : MediaSharePull or None
        How far a prior on media's share moved the answer; None without one.
    graph : GraphReport or None
        How channels drive each other; None for a model without a channel graph.
    regions : Mapping of str to RegionReport
        How well each region was predicted, by the name of the holdout; empty for one series, which
        is what all else is about: the sum over regions.
    """

    title: str
    client: str
    question: str
    headline: str
    target_name: str
    target_is_money: bool
    ci_prob: float
    verdict: Verdict
    fit: pd.DataFrame
    media_share: tuple[float, float, float]
    scores: pd.DataFrame
    train_scores: Mapping[str, float]
    components: pd.DataFrame
    totals: pd.DataFrame
    roi: pd.DataFrame
    curves: pd.DataFrame
    observed: pd.DataFrame
    priors: pd.DataFrame
    diagnostics: pd.DataFrame
    sampler: Mapping[str, float]
    multiplier: pd.DataFrame | None
    provenance: Provenance
    experiments: pd.DataFrame | None = None
    pull: MediaSharePull | None = None
    graph: GraphReport | None = None
    regions: Mapping[str, RegionReport] = field(default_factory=dict)
