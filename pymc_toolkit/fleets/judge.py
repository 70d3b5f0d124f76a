"""Checks that several fleets make: each a status, a sentence and the figures behind it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd
from scipy.stats import binom

from pymc_toolkit.analysis.intervals import CI_PROB
from pymc_toolkit.engines.convergence import Convergence, State
from pymc_toolkit.fleets.baselines import LAST_VALUE, RIDGE, SEASONAL_NAIVE, TRAINING_MEAN
from pymc_toolkit.fleets.member import Member
from pymc_toolkit.fleets.scoring import MODEL
from pymc_toolkit.plurals import count
from pymc_toolkit.verdicts import Check, Status

# Chance below which too few periods inside their intervals are no accident.
RARE = 0.05
_STATUS = {
    State.CONVERGED: Status.PASS,
    State.BARELY: Status.REVIEW,
    State.NOT: Status.FAIL,
}
_SHOWN = 3
_AGAINST = {
    SEASONAL_NAIVE: "last year's values",
    TRAINING_MEAN: "the average so far",
    LAST_VALUE: "the last value",
    RIDGE: "a ridge regression on adstocked media",
}


def judge_failures(failed: Sequence[str], members: int) -> Check | None:
    """Fail if any member failed; nothing to say if none did.

    Parameters
    ----------
    failed : sequence of str
        Names of the members that failed.
    members : int
    """
    if not failed:
        return None
    return Check(
        "members that failed",
        Status.FAIL,
        f"{len(failed)} of {count(members, 'member')} could not be fitted ({named(failed)}); what "
        "follows is of the others alone.",
        len(failed),
        0,
    )


def judge_convergence(result: Convergence) -> Check:
    """Pass within all limits; review if it converged barely; else fail."""
    _, value, limit = result.measure
    return Check("convergence", convergence_status(result), result.sentence, value, limit)


def judge_convergence_of(members: Sequence[Member]) -> Check:
    """The worst convergence of several members decides; one member is judged alone."""
    distinct = list({member.job.key: member for member in members}.values())
    if len(distinct) == 1:
        return judge_convergence(distinct[0].convergence)
    by_status: dict[Status, list[str]] = {status: [] for status in Status}
    for member in distinct:
        by_status[convergence_status(member.convergence)].append(member.name)
    measures = [member.convergence.measure for member in distinct]
    name, worst, limit = max(measures, key=lambda measure: _nan_last(measure[1]))
    status = next(s for s in (Status.FAIL, Status.REVIEW, Status.PASS) if by_status[s])
    parts = [f"The sampler converged in {len(by_status[Status.PASS])} of {len(distinct)} fits"]
    if by_status[Status.REVIEW]:
        parts.append(f"barely in {named(by_status[Status.REVIEW])}")
    if by_status[Status.FAIL]:
        parts.append(f"not in {named(by_status[Status.FAIL])}")
    sentence = f"{', '.join(parts)} ({name} {worst:.3f}, limit {limit:g})."
    return Check("convergence", status, sentence, worst, limit)


def convergence_status(result: Convergence) -> Status:
    """Pass within all limits; review if it converged barely; else fail."""
    return _STATUS[result.state]


def judge_skill(model: float, baseline: float, name: str) -> Check:
    """Pass if the model's error on held-out periods is below a baseline's, else review.

    Parameters
    ----------
    model, baseline : float
        Relative CRPS.
    name : str
        Of the baseline.
    """
    against = _AGAINST[name]
    check = f"holdout against {name}"
    if math.isnan(baseline) or math.isnan(model):
        return Check(
            check,
            Status.REVIEW,
            f"The held-out periods could not be compared with {against}: that takes a year of "
            "history before them, at most a year of them, and a target that is not zero.",
        )
    better = model < baseline
    return Check(
        check,
        Status.PASS if better else Status.REVIEW,
        f"Given the media that ran, the model's error on the held-out periods (relative CRPS) is "
        f"{model:.1%} of the target's size, against {baseline:.1%} for predicting {against}: the "
        f"model is {'better' if better else 'no better'}.",
        model,
        baseline,
    )


def too_few_inside(share: float, periods: int, rare: float = RARE) -> bool:
    """Whether so few periods inside their intervals would be rare were the intervals right.

    Parameters
    ----------
    share : float
        Of the held-out periods inside their intervals.
    periods : int
    rare : float
        Chance below which it is no accident.
    """
    return bool(binom.cdf(round(share * periods), periods, CI_PROB) < rare)


def judge_coverage(share: float, periods: int) -> Check:
    """Review if fewer periods fell inside their intervals than chance allows.

    Parameters
    ----------
    share : float
        Of the held-out periods inside their intervals.
    periods : int
    """
    inside = round(share * periods)
    usual = not too_few_inside(share, periods)
    return Check(
        "holdout intervals",
        Status.PASS if usual else Status.REVIEW,
        f"{inside} of {count(periods, 'held-out period')} fell inside their {CI_PROB:.0%} intervals"
        + (
            ", no fewer than chance allows." if usual else ": the model is surer than it should be."
        ),
        share,
        CI_PROB,
    )


def judge_regions(tables: Sequence[pd.DataFrame]) -> Check:
    """Pass if the model's error by region and period is below that of every naive forecast.

    Parameters
    ----------
    tables : sequence of pandas.DataFrame
        As :attr:`pymc_toolkit.fleets.member.Member.regions` gives them, one a member.
    """
    check = "regions against naive forecasts"
    errors = pd.DataFrame([table["wape"] for table in tables]).dropna(axis="columns").mean()
    others = errors.drop(MODEL, errors="ignore")
    if MODEL not in errors or others.empty:
        sentence = "The regions could not be compared with naive forecasts: their target is zero."
        return Check(check, Status.REVIEW, sentence)
    best, model = str(others.idxmin()), float(errors[MODEL])
    better = model < others[best]
    return Check(
        check,
        Status.PASS if better else Status.REVIEW,
        f"Region by region the model is off by {model:.1%} of the target on the held-out periods "
        f"(WAPE), against {others[best]:.1%} for predicting {_AGAINST[best]} of each region, the "
        f"best of {count(len(others), 'naive forecast')}: the model is "
        f"{'better' if better else 'no better'}.",
        model,
        float(others[best]),
    )


def named(names: Sequence[str]) -> str:
    """The first few names."""
    return ", ".join(map(repr, names[:_SHOWN])) + (", …" if len(names) > _SHOWN else "")


def _nan_last(value: float) -> float:
    return math.inf if math.isnan(value) else value
