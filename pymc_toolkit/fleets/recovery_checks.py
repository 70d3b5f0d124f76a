"""What is asked of recovered parameters, contributions, ranks and edges, and how it is judged."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.stats import binom

from pymc_toolkit.analysis.intervals import CI_PROB
from pymc_toolkit.arrays import Array
from pymc_toolkit.verdicts import Check, Status

# Coverage of 90% intervals that raises no question, and what is no calibration any more.
COVERAGE_LIMITS, LOWEST_COVERAGE = (0.83, 0.96), 0.7
_RARE, _VERY_RARE = 0.05, 0.005
# Share of the edges found between channels that should be there.
_PRECISE = 0.7
# Share of those that are there below which the graph says too little.
_FOUND = 0.5


def judge_share(of_what: str, within: Array) -> Check:
    """Pass if about as many truths lie in their 90% intervals as should.

    Parameters
    ----------
    of_what : str
        In the plural.
    within : ndarray of bool
    """
    share, n = float(within.mean()), within.size
    # With few truths chance alone leads out of the limits.
    low, high = binom.interval(0.95, n, CI_PROB)
    low, high = min(low / n, COVERAGE_LIMITS[0]), max(high / n, COVERAGE_LIMITS[1])
    status = Status.PASS if low <= share <= high else Status.REVIEW
    if share < min(low, LOWEST_COVERAGE):
        status = Status.FAIL
    lead = {
        Status.PASS: "as it should be",
        Status.REVIEW: "surer than it should be" if share < low else "less sure than it could be",
        Status.FAIL: "far surer than it should be",
    }[status]
    return Check(
        f"recovery of {of_what}",
        status,
        f"{share:.0%} of {n} true {of_what} lie in their 90% intervals (expected: {low:.0%} to "
        f"{high:.0%}): the model is {lead}.",
        share,
        CI_PROB,
    )


def judge_edges(graphs: pd.DataFrame) -> Check:
    """Pass if most of the edges that are found are there.

    Parameters
    ----------
    graphs : pandas.DataFrame
        ``precision, recall, shd, edges`` by simulation.
    """
    precision, recall = graphs["precision"].mean(), graphs["recall"].mean()
    # Without an edge that is found, or that is there, there is nothing to judge.
    precise, missed = np.isnan(precision) or precision >= _PRECISE, recall < _FOUND
    return Check(
        "recovery of the channel graph",
        Status.PASS if precise and not missed else Status.REVIEW,
        (
            "No edge between channels is found"
            if np.isnan(precision)
            else f"{precision:.0%} of the edges found between channels are there"
        )
        + (f", and {recall:.0%} of those that are there are found" if recall == recall else "")
        + f" (expected: at least {_PRECISE:.0%} and {_FOUND:.0%}); {graphs['shd'].mean():.1f} "
        f"edges of {graphs['edges'].mean():.1f} are missing, too many or turned round on average.",
        None if np.isnan(precision) else float(precision),
        _PRECISE,
    )


def judge_ranks(table: pd.DataFrame, simulations: int) -> Check:
    """Pass if no distribution of ranks is rarer than the number of them explains.

    Parameters
    ----------
    table : pandas.DataFrame
        ``variable, coordinate, p_value``.
    simulations : int
    """
    worst = table.loc[table["p_value"].idxmin()]
    # Bonferroni: one test for each parameter.
    p_value = min(1.0, float(worst["p_value"]) * len(table))
    status = Status.PASS if p_value >= _RARE else Status.REVIEW
    if p_value < _VERY_RARE:
        status = Status.FAIL
    where = f"{worst['variable']}{' of ' + worst['coordinate'] if worst['coordinate'] else ''}"
    return Check(
        "calibration",
        status,
        f"Over {simulations} simulations, ranks of the true parameters among posterior draws are "
        + (
            f"uniform as far as can be told (smallest p-value {p_value:.2g}, of {where}, "
            if status is Status.PASS
            else f"not uniform in {where} (p-value {p_value:.2g}, "
        )
        + f"corrected for {len(table)} tests).",
        p_value,
        _RARE,
    )
