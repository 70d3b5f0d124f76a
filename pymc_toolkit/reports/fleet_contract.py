"""What the reports of fleets show, as numbers and sentences, before anything is drawn.

As in :mod:`pymc_toolkit.reports.contract`: all tables are in original units unless they say
otherwise, and all intervals are equal-tailed and of probability ``ci_prob``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from pymc_toolkit.reports.contract import Provenance
from pymc_toolkit.reports.region_contract import RegionReport
from pymc_toolkit.verdicts import Verdict


@dataclass(frozen=True)
class FleetReport:
    """What every fleet's report shows.

    Parameters
    ----------
    title, client, question, headline : str
        Plain text; may hold any characters (client and column names are the user's).
    target_name : str
        Name (and unit) of the target.
    ci_prob : float
        Probability of every interval that does not say otherwise.
    verdict : Verdict
    members : pandas.DataFrame
        Index member name; columns ``state`` (``finished`` or ``failed``), ``divergences, r_hat,
        ess_bulk, mape`` (in training), NaN for a member that failed.
    failures : Mapping of str to str
        Traceback of each member that failed, by member name.
    provenance : Provenance
    """

    title: str
    client: str
    question: str
    headline: str
    target_name: str
    ci_prob: float
    verdict: Verdict
    members: pd.DataFrame
    failures: Mapping[str, str]
    provenance: Provenance


@dataclass(frozen=True)
class RecoveryReport(FleetReport):
    """Whether a model finds parameters that are known because they made the data.

    Parameters
    ----------
    source : {"prior", "posterior"}
        Where the true parameters were drawn from.
    n_simulations : int
        Simulations that finished.
    scores : pandas.DataFrame
        Index parameter, as the summary names it; columns ``score`` (mean two-sided tail probability
        of the truth, 0.5 on average where inference is calibrated), ``coverage_50, coverage_90``
        (shares of truths inside such intervals), ``bias`` (mean of estimate less truth, in
        posterior standard deviations) and ``scalars`` (number of truths).
    intervals : pandas.DataFrame
        Of the first simulation, on the scaled data: ``variable, coordinate, truth, mean, ci_low,
        ci_high``.
    channels : pandas.DataFrame
        Long: ``simulation`` (member name), ``channel, truth, contribution, ci_low, ci_high,
        roi_truth, roi, roi_low, roi_high``; the ROI is NaN where a channel has none.
    ranks : pandas.DataFrame or None
        None with one simulation, else long: ``variable, coordinate, rank``, one row a simulation;
        ranks of the truth among posterior draws, normalised to lie in (0, 1).
    uniformity : pandas.DataFrame or None
        None with one simulation, else ``variable, coordinate, p_value`` of the hypothesis that
        ranks are uniform.
    """

    source: str
    n_simulations: int
    scores: pd.DataFrame
    intervals: pd.DataFrame
    channels: pd.DataFrame
    ranks: pd.DataFrame | None
    uniformity: pd.DataFrame | None


@dataclass(frozen=True)
class HoldoutReport(FleetReport):
    """How well a model predicts over several horizons, beside predictions that need no model.

    Parameters
    ----------
    windows : {"last", "expanding", "rolling"}
        How training windows were laid out.
    scores : pandas.DataFrame
        Long: ``member, periods`` (length of the holdout), ``first_date`` (of the holdout),
        ``prediction`` (``model, training mean, last value, seasonal naive, ridge on adstocked
        media``), ``mape, nrmse, r_squared, crps, coverage`` (of the 90% interval); NaN where a
        baseline has none.
    forecasts : Mapping of str to pandas.DataFrame
        By member: ``date, actual, mean, ci_low, ci_high, holdout`` (bool), the held-out periods and
        some of training before them.
    regions : Mapping of str to RegionReport
        By member, how well each region was predicted; empty for one series.
    """

    windows: str
    scores: pd.DataFrame
    forecasts: Mapping[str, pd.DataFrame]
    regions: Mapping[str, RegionReport] = field(default_factory=dict)


@dataclass(frozen=True)
class StabilityReport(FleetReport):
    """How much the answers move when nothing that matters has changed.

    Parameters
    ----------
    drift : pandas.DataFrame
        Long: ``member, kind`` (``refresh, perturbation, seed, placebo``), ``channel, reference,
        estimate`` (contribution over the periods that both windows have), ``contribution_change,
        reference_roi, roi, roi_change`` (relative changes; ROI per unit of exposure for channels
        that are not bought).
    tests : pandas.DataFrame
        Index kind; ``value`` (mean over members and channels of the absolute relative change of
        ROI; for the placebo, the relative fall of the shuffled channel's ROI), ``threshold``,
        ``threshold_name`` (as the argument of the fleet calls it), ``members`` (number of them).
    reference : pandas.DataFrame
        ROI of the unchanged fit: index channel; ``roi, ci_low, ci_high``.
    placebo_channel : str or None
        Channel whose series was shuffled.
    """

    drift: pd.DataFrame
    tests: pd.DataFrame
    reference: pd.DataFrame
    placebo_channel: str | None


@dataclass(frozen=True)
class ForecastReport(FleetReport):
    """What the target will be under spend scenarios.

    Parameters
    ----------
    horizon : int
        Number of periods ahead.
    history : pandas.DataFrame
        ``date, actual`` of the last year (or what there is of it).
    forecasts : Mapping of str to pandas.DataFrame
        By scenario: ``date, mean, ci_low, ci_high``.
    totals : pandas.DataFrame
        Index scenario, the first one is what the others are compared with; over the horizon:
        ``spend`` (of channels that are money, NaN if none), ``mean, ci_low, ci_high`` of the
        target, ``difference, difference_low, difference_high`` from the first scenario (expected
        target).
    channels : pandas.DataFrame
        Long: ``scenario, channel, spend`` (money, or units for a channel that is not bought),
        ``contribution, ci_low, ci_high, planned_max, seen_max`` (largest exposure of one period,
        planned and in training); with regions also ``regions_beyond`` (in how many more is planned
        than the region has seen).
    """

    horizon: int
    history: pd.DataFrame
    forecasts: Mapping[str, pd.DataFrame]
    totals: pd.DataFrame
    channels: pd.DataFrame


@dataclass(frozen=True)
class OverviewReport(FleetReport):
    """Many clients on one page.

    Parameters
    ----------
    clients : pandas.DataFrame
        Index client; ``status`` (pass, review, fail), ``sentence`` (of its verdict), ``mape, crps,
        naive_crps`` (seasonal naive, or the training mean where there is none), ``coverage``,
        ``test_size``.
    links : Sequence of tuple of str
        Client and path of its own report relative to this one; empty for a client that failed.
    """

    clients: pd.DataFrame
    links: Sequence[tuple[str, str]]
