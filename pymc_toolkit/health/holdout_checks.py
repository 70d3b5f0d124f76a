"""Whether a model predicted periods that it had not seen, better than one could without it."""

from __future__ import annotations

from dataclasses import replace

from pymc_toolkit.exceptions import SpecificationError
from pymc_toolkit.fleets.judge import (
    judge_coverage,
    judge_regions,
    judge_skill,
    too_few_inside,
)
from pymc_toolkit.fleets.member import Member
from pymc_toolkit.fleets.production import ProductionFleet
from pymc_toolkit.fleets.scoring import MODEL
from pymc_toolkit.health.thresholds import Thresholds
from pymc_toolkit.verdicts import Check, Status

NOT_HELD_OUT = "holdout"
_WORSE = (
    "Find what changed in the held-out periods, and let the model know of it: a control, a season, "
    "a baseline that drifts."
)
_TOO_SURE = (
    "Read its intervals as too narrow; a baseline that drifts or a likelihood with heavier tails "
    "may widen them."
)


def judge_holdout(
    holdout: ProductionFleet | None, client: str, limits: Thresholds
) -> tuple[Check, ...]:
    """Skill and intervals on held-out periods; a look is asked for where nothing was held out.

    Parameters
    ----------
    holdout : ProductionFleet, optional
    client : str
        Name of the client among those of the fleet.
    limits : Thresholds

    Raises
    ------
    SpecificationError
        If the fleet is of other clients.
    """
    if holdout is None:
        return (
            Check(
                NOT_HELD_OUT,
                Status.REVIEW,
                "Nothing was held out: how well the model predicts what it has not seen is not "
                "known.",
                remedy="Run production_fleet() and hand its result to health(holdout=...).",
            ),
        )
    member = _member(holdout, client)
    if member.failure:
        return (
            Check(
                NOT_HELD_OUT,
                Status.FAIL,
                f"The model could not be fitted without the last periods: {member.failure.error}.",
                remedy="Mend the cause and run production_fleet() again.",
            ),
        )
    errors = holdout.scores(client)["crps"]
    model = float(errors[MODEL])
    return (
        *(
            _skill(model, float(error), str(name), limits)
            for name, error in errors.drop(MODEL).items()
        ),
        _coverage(member.coverage, member.job.held_out, limits),
        *([] if member.regions is None else [_with_remedy(judge_regions([member.regions]))]),
    )


def _member(holdout: ProductionFleet, client: str) -> Member:
    names = [member.name for member in holdout]
    if client not in names:
        raise SpecificationError(
            f"Got a holdout of {', '.join(map(repr, names))}; expected one of {client!r}. Run "
            "production_fleet() of this model."
        )
    return holdout[client]


def _skill(model: float, baseline: float, name: str, limits: Thresholds) -> Check:
    """As fleets judge it, but failed where the model is far worse."""
    check = judge_skill(model, baseline, name)
    if baseline > 0:
        check = replace(check, status=limits.grade("skill", model / baseline))
    return _with_remedy(check)


def _coverage(share: float, periods: int, limits: Thresholds) -> Check:
    check = judge_coverage(share, periods)
    status = Status.PASS
    if too_few_inside(share, periods, limits.coverage_chance):
        status = Status.REVIEW
    if too_few_inside(share, periods, limits.coverage_chance_fail):
        status = Status.FAIL
    return replace(check, status=status, remedy="" if status is Status.PASS else _TOO_SURE)


def _with_remedy(check: Check) -> Check:
    return check if check.status is Status.PASS else replace(check, remedy=_WORSE)
