"""Effects of tests in some regions, from how the others went on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from pymc_toolkit.analysis.intervals import check_probability
from pymc_toolkit.arrays import Array
from pymc_toolkit.components.uplift_tests import UpliftTest
from pymc_toolkit.exceptions import DataError
from pymc_toolkit.experiments.estimate import CI_PROB, EffectEstimate, inference
from pymc_toolkit.experiments.geo_checks import (
    FEWEST_FOR_TRENDS,
    judge_fit,
    judge_placebos,
    judge_trends,
    no_trends,
)
from pymc_toolkit.experiments.panel import Panel, comparisons, read_panel
from pymc_toolkit.experiments.weights import simplex_weights
from pymc_toolkit.model_spec import whole_number
from pymc_toolkit.verdicts import Check, Verdict

_MOST_PLACEBOS, _MOST_FITS = 2000, 200
# Error of a perfect fit, as a share of the largest outcome.
_PERFECT = 1e-9

_SPILL = "The test did not spill over into control regions."
_TRENDS = "Without the test, treated regions would have changed as the average control region did."
_SHARES = (
    "Without the test, treated regions would have changed by the same share as the control regions "
    "did on average."
)
_MIXTURE = (
    "Without the test, the treated regions would have gone on as the same mixture of control "
    "regions that they followed before it."
)
_ALIKE = "Treated regions vary on their own as much as control regions do."


@dataclass(frozen=True, eq=False, kw_only=True)
class GeoEstimate(EffectEstimate):
    """The total effect of a test in some regions.

    Parameters
    ----------
    path : pandas.DataFrame
        By date: ``actual`` total outcome of the treated regions, ``counterfactual`` without the
        test, and their difference ``gap``.
    weights : pandas.Series
        Of each control region in the counterfactual of the average treated region.
    placebos : pandas.Series
        Total effects found where there was none, by the control regions that played the treated.
    start, end : pandas.Timestamp
        First and last date of the test in the data.
    """

    path: pd.DataFrame
    weights: pd.Series
    placebos: pd.Series
    start: pd.Timestamp
    end: pd.Timestamp

    def to_uplift_test(
        self, channel: str, start: object = None, end: object = None, **values: Any
    ) -> UpliftTest:
        """Scale the effect to the market, by default over the dates of this test.

        Parameters
        ----------
        channel : str
            That was tested.
        start, end : date-like, optional
            First and last day of the test; by default those of the first and of the last period of
            the test in the data.
        **values
            See :meth:`EffectEstimate.to_uplift_test`.

        Returns
        -------
        UpliftTest
        """
        step = self.path.index.to_series().diff().min()
        last = self.end + step - pd.Timedelta(days=1)
        first = self.start if start is None else start
        return super().to_uplift_test(channel, first, last if end is None else end, **values)


def difference_in_differences(
    data: pd.DataFrame,
    treated: Sequence[str],
    start: object,
    end: object = None,
    *,
    date: str = "date",
    region: str = "region",
    outcome: str = "outcome",
    relative: bool = True,
    ci_prob: float = CI_PROB,
    random_state: int = 0,
) -> GeoEstimate:
    """Compare the change of treated regions with that of the others.

    The effect is the change of the average treated region less that of the average control region,
    times the number of treated regions and dates of the test. Sales of large regions move by more
    than those of small ones when the market moves: so that this is not taken for an effect,
    each control region is first brought to the size that the average treated one had before the
    test, unless ``relative=False``. Sets of as many control regions take
    the part of the treated ones in placebo tests; how much these vary is the standard error (scaled
    for the controls that a placebo has fewer), and how many are as large the p-value.

    Parameters
    ----------
    data : pandas.DataFrame
        One row a region and date.
    treated : sequence of str
        Names of the treated regions; all others are controls.
    start, end : date-like
        First and last day of the test; without an end, the last of the data.
    date, region, outcome : str
        Columns.
    relative : bool
        Whether regions would have changed by the same share without the test, rather than by the
        same amount.
    ci_prob : float
        Probability of the interval.
    random_state : int
        Draws placebos where there are more than 2,000 possible ones.

    Returns
    -------
    GeoEstimate
        In total, in units of the outcome. ``details``: the effect ``per_region_and_date``.

    Raises
    ------
    DataError, SpecificationError
        If the table or the test cannot be used: see
        :func:`~pymc_toolkit.experiments.panel.read_panel`; or if a region that had no outcome
        before the test is to be brought to another size.

    References
    ----------
    Bertrand, Duflo, Mullainathan (2004). How much should we trust differences-in-differences
    estimates?
    Conley, Taber (2011). Inference with "difference in differences" with a small number of policy
    changes.
    """
    panel = _read(data, treated, start, end, date, region, outcome, ci_prob, random_state)
    if relative:
        panel = _of_one_size(panel)
    n, m, k = panel.n_before, panel.n_control, panel.n_treated
    compared = comparisons(panel, _MOST_PLACEBOS, random_state)
    # A placebo of k regions leaves m - k controls; the effect has m.
    scale = float(np.sqrt((1 / k + 1 / m) / (1 / k + 1 / (m - k))))

    def difference(values: Array, before: slice, during: slice) -> Array:
        return values[during].mean(axis=0) - values[before].mean(axis=0)

    def estimate(before: slice, during: slice) -> tuple[float, Array]:
        change = difference(panel.controls, before, during)
        effect = difference(panel.treated, before, during).mean() - change.mean()
        placebos = [change[few].mean() - change[rest].mean() for few, rest in compared]
        return float(effect), scale * np.array(placebos)

    effect, placebos = estimate(slice(None, n), slice(n, None))
    counterfactual = panel.controls.mean(axis=1)
    counterfactual += panel.treated[:n].mean() - counterfactual[:n].mean()
    as_large = np.abs(placebos) >= abs(effect)
    return _estimate(
        "difference in differences",
        panel,
        counterfactual,
        np.full(m, 1 / m),
        _named(compared, placebos * panel.cells, panel),
        float((1 + as_large.sum()) / (1 + len(placebos))),
        judge_trends(*estimate(slice(None, n // 2), slice(n // 2, n)), m)
        if n >= FEWEST_FOR_TRENDS
        else no_trends(n),
        (_SHARES if relative else _TRENDS, _ALIKE, _SPILL),
        ci_prob,
    )


def _of_one_size(panel: Panel) -> Panel:
    """Each control region times what makes it as large before the test as a treated one."""
    size = float(panel.treated[: panel.n_before].mean())
    sizes = panel.controls[: panel.n_before].mean(axis=0)
    if size <= 0 or (sizes <= 0).any():
        raise DataError(
            "Got a region whose outcome before the test is not above zero on average; expected "
            "outcomes that can be compared by shares. Leave the region out, or use relative=False."
        )
    return replace(panel, controls=panel.controls * (size / sizes))


def synthetic_control(
    data: pd.DataFrame,
    treated: Sequence[str],
    start: object,
    end: object = None,
    *,
    date: str = "date",
    region: str = "region",
    outcome: str = "outcome",
    ci_prob: float = CI_PROB,
    random_state: int = 0,
) -> GeoEstimate:
    """Compare the treated regions with the mixture of others that they followed before the test.

    The mixture has weights of zero or more that add up to one, by least squares on the dates before
    the test, for the average of the treated regions. Sets of as many control regions take their
    part in placebo tests: how much these vary is the standard error; the p-value ranks errors
    during the test relative to those before it.

    Parameters
    ----------
    data : pandas.DataFrame
        One row a region and date.
    treated : sequence of str
        Names of the treated regions; all others are controls.
    start, end : date-like
        First and last day of the test; without an end, the last of the data.
    date, region, outcome : str
        Columns. A mixture has the size of its parts: where regions differ in size, send the
        outcome per head, or use difference in differences.
    ci_prob : float
        Probability of the interval.
    random_state : int
        Draws placebos where there are more than 200 possible ones.

    Returns
    -------
    GeoEstimate
        In total, in units of the outcome. ``details``: the effect ``per_region_and_date`` and
        ``error_before``, the root mean squared error before the test.

    Raises
    ------
    DataError, SpecificationError
        If the table or the test cannot be used: see
        :func:`~pymc_toolkit.experiments.panel.read_panel`.

    References
    ----------
    Abadie, Diamond, Hainmueller (2010). Synthetic control methods for comparative case studies.
    """
    panel = _read(data, treated, start, end, date, region, outcome, ci_prob, random_state)
    n = panel.n_before
    average = panel.treated.mean(axis=1)
    weights = simplex_weights(panel.controls[:n], average[:n])
    gap = average - panel.controls @ weights
    compared = comparisons(panel, _MOST_FITS, random_state)
    gaps = []
    for few, rest in compared:
        target, donors = panel.controls[:, few].mean(axis=1), panel.controls[:, rest]
        gaps.append(target - donors @ simplex_weights(donors[:n], target[:n]))
    # Below this a fit is perfect but for rounding, and relative to it nothing has a meaning.
    least = _PERFECT * max(float(np.abs(v).max()) for v in (panel.treated, panel.controls))
    errors = np.array([max(_error(g[:n]), least) for g in gaps])
    ratios = np.array([_ratio(g, n, least) for g in gaps])
    return _estimate(
        "synthetic control",
        panel,
        panel.controls @ weights,
        weights,
        _named(compared, np.array([g[n:].mean() for g in gaps]) * panel.cells, panel),
        float((1 + (ratios >= _ratio(gap, n, least)).sum()) / (1 + len(ratios))),
        judge_fit(_error(gap[:n]), errors, average[:n], panel.n_control),
        (_MIXTURE, _ALIKE, _SPILL),
        ci_prob,
        error_before=_error(gap[:n]),
    )


def _read(
    data: pd.DataFrame,
    treated: Sequence[str],
    start: object,
    end: object,
    date: str,
    region: str,
    outcome: str,
    ci_prob: float,
    random_state: int,
) -> Panel:
    check_probability(ci_prob)
    whole_number("random_state", random_state, 0)
    return read_panel(data, treated, start, end, date=date, region=region, outcome=outcome)


def _estimate(
    method: str,
    panel: Panel,
    counterfactual: Array,
    weights: Array,
    placebos: pd.Series,
    p_value: float,
    check: Check,
    assumptions: tuple[str, ...],
    ci_prob: float,
    **details: float,
) -> GeoEstimate:
    """Total over the test window, with the spread of placebos as its standard error."""
    k, n = panel.n_treated, panel.n_before
    path = pd.DataFrame(
        {"actual": panel.treated.sum(axis=1), "counterfactual": k * counterfactual},
        index=pd.Index(panel.dates, name="date"),
    )
    path["gap"] = path["actual"] - path["counterfactual"]
    effect = float(path["gap"].iloc[n:].sum())
    fields, noise = inference(
        effect,
        float(np.sqrt((placebos**2).mean())),
        np.hstack([panel.treated, panel.controls]).ravel(),
        ci_prob,
        degrees=panel.n_control - 1,
    )
    return GeoEstimate(
        method=method,
        **{**fields, "p_value": p_value},
        n_treated=k,
        n_control=panel.n_control,
        verdict=Verdict((check, judge_placebos(len(placebos)), noise)),
        assumptions=assumptions,
        per="total",
        details={"per_region_and_date": effect / panel.cells, **details},
        path=path,
        weights=pd.Series(weights, index=pd.Index(panel.control_names, name="region")),
        placebos=placebos,
        start=panel.dates[n],
        end=panel.dates[-1],
    )


def _named(compared: list[tuple[Array, Array]], totals: Array, panel: Panel) -> pd.Series:
    names = [" + ".join(panel.control_names[i] for i in few) for few, _ in compared]
    return pd.Series(totals, index=pd.Index(names, name="regions"), name="total")


def _error(gap: Array) -> float:
    return float(np.sqrt((gap**2).mean()))


def _ratio(gap: Array, n_before: int, least: float) -> float:
    """Error during the test relative to that before it, which counts as ``least`` at least."""
    return _error(gap[n_before:]) / max(_error(gap[:n_before]), least)
