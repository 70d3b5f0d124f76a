"""Experiments beside the model that learnt from them, and beside each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from scipy import stats

from pymc_toolkit.analysis.uplift import tail
from pymc_toolkit.arrays import Array
from pymc_toolkit.components.uplift_tests import BOUND, UpliftTest
from pymc_toolkit.engines import get_engine
from pymc_toolkit.engines.base import Fit
from pymc_toolkit.health.result import EXPERIMENTS
from pymc_toolkit.health.thresholds import Thresholds, unless_passed
from pymc_toolkit.verdicts import Check, Status


@dataclass(frozen=True)
class Tested:
    """One experiment and what the model says of it.

    Parameters
    ----------
    test : UpliftTest
        Not a bound.
    modelled : ndarray of shape (draw,)
        Its total effect over the draws of the posterior, in units of the target.
    """

    test: UpliftTest
    modelled: Array

    @property
    def p_value(self) -> float:
        """Probability of a result as far from the model's as the one measured."""
        return tail(self.test, self.modelled)


def experiments_of(fit: Fit) -> list[Tested]:
    """The experiments that a fit learnt from, with what it says of each; bounds measured nothing.

    Parameters
    ----------
    fit : Fit
    """
    tests = [test for test in fit.spec.uplift_tests if test.kind != BOUND]
    return [Tested(*pair) for pair in zip(tests, totals(fit, tests), strict=True)]


def totals(fit: Fit, tests: Sequence[UpliftTest]) -> list[Array]:
    """What a fit says that each test measured in total, by draw, in units of the target.

    Parameters
    ----------
    fit : Fit
    tests : sequence of UpliftTest
    """
    if not tests:
        return []
    scale = float(fit.training.scale("target"))
    effects = get_engine(fit.engine).uplift_effects(fit, tests)
    return [scale * effect.sum(axis=-1).ravel() for effect in effects]


def disagreement(first: Tested, second: Tested) -> float:
    """Probability of two results that differ as much as these, if both are of one channel.

    Their windows and changes of spend may differ: each is measured in multiples of what the model
    says of it, so that its carry-over and saturation stand in the middle.

    Parameters
    ----------
    first, second : Tested

    Returns
    -------
    float
        Two-sided.
    """
    one, other = float(first.modelled.mean()), float(second.modelled.mean())
    difference = first.test.total * other - second.test.total * one
    error = ((first.test.total_sigma * other) ** 2 + (second.test.total_sigma * one) ** 2) ** 0.5
    return float(2 * stats.norm.sf(abs(difference) / error)) if error > 0 else 1.0


def judge_experiments(experiments: Sequence[Tested], limits: Thresholds) -> Check | None:
    """Whether experiments agree with the model and with each other; nothing to say without any.

    Parameters
    ----------
    experiments : sequence of Tested
    limits : Thresholds
    """
    if not experiments:
        return None
    cases = [
        (
            one.p_value,
            f"{one.test.label!r} measured {one.test.total:,.0f} (standard error "
            f"{one.test.total_sigma:,.0f}) where the model, having seen it, says "
            f"{one.modelled.mean():,.0f}",
        )
        for one in experiments
    ]
    cases += [
        (
            disagreement(first, second),
            f"{first.test.label!r} and {second.test.label!r} contradict each other",
        )
        for first, second in combinations(experiments, 2)
        if first.test.channel == second.test.channel
    ]
    value, worst = min(cases)
    status = limits.grade("experiment_p", value)
    agreement = (
        "The experiment agrees with the model."
        if len(experiments) == 1
        else f"All {len(experiments)} experiments agree with the model and with each other."
    )
    return Check(
        EXPERIMENTS,
        status,
        agreement
        if status is Status.PASS
        else f"{worst[0].upper()}{worst[1:]} (probability {value:.1%}): one of them is wrong.",
        value,
        limits.experiment_p,
        unless_passed(
            status,
            "Check how the experiment was measured (its effect, its spend, its dates); if it is "
            "right, the model lacks something, else take it back with remove_uplift_tests.",
        ),
    )
