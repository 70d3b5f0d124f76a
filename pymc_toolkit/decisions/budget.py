"""Divide a budget among channels: what is asked, and how the answer is found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from pymc_toolkit.analysis.intervals import CI_PROB, check_probability
from pymc_toolkit.arrays import Array
from pymc_toolkit.client_config import ClientConfig
from pymc_toolkit.decisions.allocation import Allocation
from pymc_toolkit.decisions.describe import Answer, described, exact_objective, left_over
from pymc_toolkit.decisions.limits import Bounds, Constraint, Limits, limits_of
from pymc_toolkit.decisions.objectives import CVAR, TARGET_ROI, Objective
from pymc_toolkit.decisions.outcome import Outlook, leave_each_other_alone, marginal_gains
from pymc_toolkit.decisions.plans import AS_LAST_YEAR, FLAT, Plan, future_table, usual_plan
from pymc_toolkit.decisions.search import AT_LIMIT, Search
from pymc_toolkit.decisions.surfaces import Curves, Surface, WholePlans
from pymc_toolkit.engines.base import Fit
from pymc_toolkit.exceptions import DataError, SpecificationError
from pymc_toolkit.model_data import ModelData
from pymc_toolkit.model_spec import whole_number
from pymc_toolkit.names import CHANNEL

# Draws to search with where each slope is a plan of its own; what is reported is of all draws.
FEW_DRAWS = 200
# Starts beside the current budget: curves may be S-shaped, with more than one summit.
STARTS_OF_CURVES, STARTS_OF_PLANS = 6, 1
# Conditions of an optimum are met up to this share of the mean gain, or the search is taken up
# again with the slopes of all draws, so many times at most.
GOOD_ENOUGH = 1e-3
ROUNDS_OF_CURVES, ROUNDS_OF_PLANS = 6, 3


@dataclass(frozen=True)
class BudgetQuestion:
    """What is asked of a budget; see ``PymcModel.optimize_budget`` for each argument."""

    total: float | None = None
    horizon: int = 13
    bounds: Bounds = 0.3
    objective: str = CVAR
    risk: float | None = None
    target_roi: float | None = None
    constraints: Sequence[Constraint] = ()
    hold: Sequence[str] = ()
    plan: Plan | None = None
    ci_prob: float = CI_PROB


def divide_budget(fit: Fit, config: ClientConfig, question: BudgetQuestion) -> Allocation:
    """Find the best budget within limits.

    Parameters
    ----------
    fit : Fit
    config : ClientConfig
        Of the client that was fitted.
    question : BudgetQuestion

    Returns
    -------
    Allocation

    Raises
    ------
    SpecificationError, ColumnError, DataError
        See ``PymcModel.optimize_budget``.
    """
    check_probability(question.ci_prob)
    objective = Objective.of(question.objective, question.risk, question.target_roi)
    outlook = outlook_of(fit, config, question.plan, question.horizon)
    limits = limits_of(
        outlook.planned,
        question.total,
        question.bounds,
        question.constraints,
        question.hold,
        config.channel_names,
        capped=objective.name == TARGET_ROI,
    )
    _refuse_launches(fit.training, limits)
    dark = outlook.brings(np.zeros_like(limits.current))
    alone = leave_each_other_alone(outlook, limits.lower, limits.reachable)
    current = _answer(outlook, limits.current, alone)
    best = _searched(outlook, limits, objective, current, dark, alone)
    return described(outlook, config, limits, objective, current, best, dark, question.ci_prob)


def outlook_of(
    fit: Fit, config: ClientConfig, plan: Plan | None, horizon: int, name: str = "plan"
) -> Outlook:
    """The periods ahead under a plan.

    Parameters
    ----------
    fit : Fit
    config : ClientConfig
    plan : str or pandas.DataFrame, optional
    horizon : int
    name : str
        What errors call it.

    Returns
    -------
    Outlook

    Raises
    ------
    SpecificationError, DataError, ColumnError
        If the horizon or the plan is impossible, or no channel is bought.
    """
    horizon = whole_number("horizon", horizon)
    chosen = usual_plan(config.model_data, horizon) if plan is None else plan
    if not isinstance(chosen, pd.DataFrame) and chosen not in (AS_LAST_YEAR, FLAT):
        raise SpecificationError(
            f"Got {name}={chosen!r}; expected 'as last year', 'flat' or a DataFrame of dates and "
            "channels."
        )
    ahead = config.future(future_table(name, chosen, config, horizon))
    return Outlook.of(fit, ahead, config.cost_per_unit)


def _refuse_launches(training: ModelData, limits: Limits) -> None:
    """Refuse money for channels of which the data say nothing."""
    dark = training.dark_channels
    allowed = [name for name, most in zip(limits.channels, limits.upper, strict=True) if most > 0]
    launched = [name for name in allowed if name in dark]
    if launched:
        raise DataError(
            f"Got bounds that allow money for {', '.join(map(repr, launched))}, never on air in "
            "the training window; expected channels that the model has seen. Refresh the model "
            "with periods in which they were on air, or bound them at zero."
        )


def _answer(outlook: Outlook, money: Array, alone: bool) -> Answer:
    """What is known of a budget from all draws."""
    brought = outlook.brings(money)
    return Answer(money, brought, marginal_gains(outlook, money, brought, alone))


def _searched(
    outlook: Outlook,
    limits: Limits,
    objective: Objective,
    current: Answer,
    dark: xr.DataArray,
    alone: bool,
) -> Answer:
    """The best budget that is found, brought into line with the values of all draws."""
    nothing = float((dark - current.brought).sum(CHANNEL).mean())
    search = Search(_surface(outlook, limits, alone), limits, objective)
    count = STARTS_OF_CURVES if alone else STARTS_OF_PLANS
    starts = [limits.nearest(limits.current), *limits.sample(count, np.random.default_rng(0))]
    ratio = objective.target_roi
    tried: list[tuple[float, Answer]] = []
    for _ in range(ROUNDS_OF_CURVES if alone else ROUNDS_OF_PLANS):
        found = _answer(outlook, _best_of(search, starts, nothing), alone)
        value, slopes = exact_objective(found, current, objective)
        tried.append((value, found))
        least = (ratio or 0.0) * float(found.money.sum()) * (1 - AT_LIMIT)
        short = ratio is not None and value - nothing < least
        if left_over(found, current, objective, limits) < GOOD_ENOUGH and not short:
            break
        search, starts = search.corrected(found.money, value, slopes), [found.money]
    if ratio is not None:
        # Later rounds keep to the target more closely; more is not better.
        return tried[-1][1]
    if limits.allow(current.money):
        tried.append((0.0, current))
    return max(tried, key=lambda each: each[0])[1]


def _surface(outlook: Outlook, limits: Limits, alone: bool) -> Surface:
    """What budgets bring, for the search."""
    if not alone:
        return WholePlans(outlook.thinned(FEW_DRAWS))
    # The current budget need not be within the bounds, and all are compared with it.
    low = np.minimum(limits.lower, limits.current)
    return Curves.through(outlook, low, np.maximum(limits.reachable, limits.current))


def _best_of(search: Search, starts: Sequence[Array], nothing: float) -> Array:
    """The best budget of a search."""
    target = search.objective.target_roi
    if target is None:
        return search.best(starts)
    richest, most = search.best_return(starts, nothing)
    if most < target * (1 - AT_LIMIT):
        if search.correction:
            # Just reached, by a surface that was a little too high.
            return richest
        raise SpecificationError(
            f"Got target_roi={target:g}; expected at most {most:.4g}, the highest mean return that "
            "a budget within the limits has. Give a lower target, or wider bounds."
        )
    enough = [start for start in starts if search.returned(start, nothing) >= target]
    return search.most_at_return([richest, *enough], nothing, target)
