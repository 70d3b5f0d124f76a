"""Whether what a geo test is compared with can be trusted: trends, fit, number of placebos."""

from __future__ import annotations

import numpy as np
from scipy import stats

from pymc_toolkit.arrays import Array
from pymc_toolkit.verdicts import Check, Status

# Fewer placebos than this cannot give a p-value of 0.05.
_FEWEST_PLACEBOS = 19
# Dates before the test below which trends cannot be compared.
FEWEST_FOR_TRENDS = 4
_ODD_TREND, _RARE_TREND = 0.1, 0.01
# How many times worse than a usual placebo the fit before the test may be.
_WORSE_FIT, _BAD_FIT = 2.0, 5.0


def judge_placebos(count: int) -> Check:
    """Judge whether there are placebo tests enough to find an effect at all.

    Parameters
    ----------
    count : int
    """
    enough = count >= _FEWEST_PLACEBOS
    return Check(
        "placebo tests",
        Status.PASS if enough else Status.REVIEW,
        f"The uncertainty comes from {count} placebo tests on control regions"
        + (
            "."
            if enough
            else f": too few for a p-value below {1 / (count + 1):.2g}, whatever the effect. Add "
            "control regions."
        ),
        count,
        _FEWEST_PLACEBOS,
    )


def judge_trends(before: float, placebos: Array, n_control: int) -> Check:
    """Judge whether treated and control regions already drifted apart before the test.

    Parameters
    ----------
    before : float
        Difference in differences between the halves of the time before the test.
    placebos : ndarray of shape (placebo,)
        The same of control regions.
    n_control : int
    """
    error = float(np.sqrt((placebos**2).mean()))
    if error == 0:
        p_value = 1.0 if before == 0 else 0.0
    else:
        p_value = float(2 * stats.t(n_control - 1).sf(abs(before) / error))
    status = (
        Status.PASS
        if p_value >= _ODD_TREND
        else Status.REVIEW
        if p_value >= _RARE_TREND
        else Status.FAIL
    )
    meaning = {
        Status.PASS: "no more than control regions do among themselves",
        Status.REVIEW: "more than control regions usually do among themselves",
        Status.FAIL: "far more than control regions do among themselves, and may have gone on to",
    }[status]
    return Check(
        "trends before the test",
        status,
        "From the first to the second half of the time before the test, treated and control "
        f"regions drifted apart by {abs(before):.3g} per region and date, {meaning} (p-value "
        f"{p_value:.2g}).",
        p_value,
        _ODD_TREND,
    )


def no_trends(n_before: int) -> Check:
    """Ask for a review where there are too few dates to compare trends.

    Parameters
    ----------
    n_before : int
        Dates before the test.
    """
    return Check(
        "trends before the test",
        Status.REVIEW,
        f"With {n_before} dates before the test it cannot be checked whether treated and control "
        f"regions moved alike; that takes {FEWEST_FOR_TRENDS}.",
        None,
        _ODD_TREND,
    )


def judge_fit(error: float, placebos: Array, before: Array, n_control: int) -> Check:
    """Judge whether the mixture followed the treated regions as well as placebos were followed.

    Parameters
    ----------
    error : float
        Root mean squared, before the test.
    placebos : ndarray of shape (placebo,)
        The same of control regions, each above zero.
    before : ndarray of shape (date,)
        Average outcome of the treated regions before the test.
    n_control : int
    """
    size, ratio = float(np.abs(before).mean()), error / float(np.median(placebos))
    share = f"{error / size:.1%} of their average" if size > 0 else f"{error:.3g}"
    sentence = (
        f"Before the test the mixture of control regions missed the treated ones by {share}, "
        f"{ratio:.1f} times what it is for a usual control region: "
    )
    if ratio > _BAD_FIT:
        status, meaning = Status.FAIL, "no mixture of the others stands for them."
    elif ratio > _WORSE_FIT:
        status, meaning = Status.REVIEW, "worse than usual for these regions."
    elif len(before) < n_control:
        status = Status.REVIEW
        meaning = (
            f"as usual, but with {len(before)} dates and {n_control} control regions a mixture "
            "follows almost anything. Send more of the history."
        )
    else:
        status, meaning = Status.PASS, "no worse than usual for these regions."
    return Check("fit before the test", status, sentence + meaning, ratio, _WORSE_FIT)
