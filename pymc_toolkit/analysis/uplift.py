"""What experiments measured beside what a model says, before and after it learnt from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from pymc_toolkit.analysis.contributions import decomposition
from pymc_toolkit.analysis.intervals import CI_PROB
from pymc_toolkit.analysis.returns import roi
from pymc_toolkit.arrays import Array
from pymc_toolkit.components.uplift_tests import BOUND, ROBUST, ROBUST_NU, UpliftTest
from pymc_toolkit.engines import get_engine
from pymc_toolkit.engines.base import Fit


def uplift_table(
    tests: Sequence[UpliftTest],
    before: Fit | None,
    after: Fit,
    cost_per_unit: Mapping[str, float | None],
    ci_prob: float = CI_PROB,
) -> pd.DataFrame:
    """Compare tests with two fits of one client, without and with them.

    Parameters
    ----------
    tests : sequence of UpliftTest
    before, after : Fit
        Of the same window; without the former, its columns are NaN.
    cost_per_unit : Mapping of str to float or None
        As for :func:`pymc_toolkit.analysis.contributions.roi`.
    ci_prob : float

    Returns
    -------
    pandas.DataFrame
        One row a test: ``test, channel, window, kind``; ``measured, sigma`` (in total, target
        units; NaN for a bound) and ``lower, upper`` (of a bound); what the model says of the same:
        ``before, before_low, before_high, after, after_low, after_high``; ``p_before, p_after``,
        the two-sided posterior predictive probability of a result as far off as the measured one;
        and the channel's return over the whole window: ``roi_before, roi_before_low,
        roi_before_high, roi_after, roi_after_low, roi_after_high``, with ``interval_change``, the
        relative change of the width of its interval.
    """
    rows = pd.DataFrame([_described(test) for test in tests])
    for name, fit in (("before", before), ("after", after)):
        found = _said(name, fit, tests, cost_per_unit, ci_prob) if fit is not None else rows[[]]
        rows = rows.join(found.reindex(columns=_columns(name)))
    widths = {
        name: rows[f"roi_{name}_high"] - rows[f"roi_{name}_low"] for name in ("before", "after")
    }
    return rows.assign(interval_change=widths["after"] / widths["before"] - 1)


def _columns(name: str) -> list[str]:
    ends = ("", "_low", "_high")
    return [*(f"{name}{end}" for end in ends), f"p_{name}", *(f"roi_{name}{end}" for end in ends)]


def _said(
    name: str,
    fit: Fit,
    tests: Sequence[UpliftTest],
    cost_per_unit: Mapping[str, float | None],
    ci_prob: float,
) -> pd.DataFrame:
    """What a fit says of each test and of its channel's return."""
    scale = float(fit.training.scale("target"))
    effects = get_engine(fit.engine).uplift_effects(fit, tests)
    totals = [scale * effect.sum(axis=-1).ravel() for effect in effects]
    said = pd.DataFrame([_summary(draws, ci_prob) for draws in totals])
    p_values = [tail(test, draws) for test, draws in zip(tests, totals, strict=True)]
    media = fit.training.dataset["media"]
    returns = roi(decomposition(fit)["channels"], media, cost_per_unit, ci_prob)
    earned = returns.loc[[test.channel for test in tests], ["roi", "ci_low", "ci_high"]]
    columns = [said, pd.Series(p_values), earned.reset_index(drop=True)]
    return pd.concat(columns, axis=1).set_axis(_columns(name), axis=1)


def tail(test: UpliftTest, modelled: Array) -> float:
    """Two-sided posterior predictive probability of a result as far off as the one measured.

    Parameters
    ----------
    test : UpliftTest
    modelled : ndarray of shape (draw,)
        Its total effect, in original units.

    Returns
    -------
    float
        NaN for a bound, which measured nothing.
    """
    if test.kind == BOUND:
        return float("nan")
    error = stats.t(ROBUST_NU) if test.kind == ROBUST else stats.norm
    below = float(error.cdf((test.total - modelled) / test.total_sigma).mean())
    return 2 * min(below, 1 - below)


def _described(test: UpliftTest) -> dict[str, Any]:
    return {
        "test": test.label,
        "channel": test.channel,
        "window": test.window,
        "kind": test.kind,
        "measured": test.total,
        "sigma": test.total_sigma,
        "lower": test.lower,
        "upper": test.upper,
    }


def _summary(draws: Array, ci_prob: float) -> tuple[float, float, float]:
    low, high = np.quantile(draws, [(1 - ci_prob) / 2, (1 + ci_prob) / 2])
    return float(draws.mean()), float(low), float(high)
