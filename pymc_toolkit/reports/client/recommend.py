"""What to recommend: the best budget of those that the evidence carries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Protocol

import pandas as pd

from pymc_toolkit.analysis.intervals import CI_PROB
from pymc_toolkit.decisions.advice import SURE_ENOUGH, advise
from pymc_toolkit.decisions.allocation import Allocation, Interval
from pymc_toolkit.decisions.limits import Bounds
from pymc_toolkit.exceptions import SpecificationError
from pymc_toolkit.reports.client.contract import (
    INCREASE,
    KEEP,
    PRIOR_DRIVEN,
    REDUCE,
    Estimate,
    Recommendation,
)

# Moves on page one, and by how much of its plan a channel has to move to count as moved.
MOVES = 4
_MOVED = 0.01
# Shares of the whole budget below this are rounding.
SMALL = 0.001
# A gain less probable than this is not recommended as one.
LIKELY = SURE_ENOUGH


class Optimise(Protocol):
    """The model's own search for the best budget."""

    def __call__(self, *, bounds: Bounds, hold: Sequence[str]) -> Allocation:
        """Divide the budget within bounds, with some channels held at the plan."""


Recommended = tuple[Allocation, pd.DataFrame]


def carried(
    optimise: Optimise,
    evidence: pd.DataFrame,
    costs: Mapping[str, float | None],
    bounds: Bounds = 0.3,
    fixed_total: bool = False,
) -> Recommended | None:
    """Divide the budget among channels whose returns the evidence tells.

    Channels that rest on assumptions keep their plan, and so do those of which the model is not
    sure enough that moving their money pays; the others are asked again without them, until what
    is recommended is what is advised. If all of that is not likely enough to bring more than the
    plan, the plan stays. Where limits leave no such budget, it is the best that they allow, with
    what is advised of it.

    Parameters
    ----------
    optimise : callable
        Takes bounds and channels to hold, and gives the best budget.
    evidence : pandas.DataFrame
        Index channel, column ``tier``.
    costs : Mapping of str to float or None
        None for channels that are not bought.
    bounds : float or Mapping of str to (float, float)
    fixed_total : bool
        Whether the money is another than the plan's: what stays then keeps its share of it.

    Returns
    -------
    tuple of Allocation and pandas.DataFrame, or None
        The budget; and by channel ``verb`` and ``reason``. None where nothing is bought, or there
        is money to divide and no channel of which the data say enough.
    """
    tiers = evidence["tier"].astype(str)
    bought = [str(name) for name in tiers.index if costs.get(str(name), 1.0) is not None]
    held = [name for name in bought if tiers[name] == PRIOR_DRIVEN]
    if not bought or (fixed_total and len(held) == len(bought)):
        return None
    free = optimise(bounds=bounds, hold=()) if fixed_total else None
    doubtful: dict[str, pd.Series] = {}
    while True:
        try:
            allocation = _held(optimise, bounds, held, free)
        except SpecificationError:
            # Limits that cannot be met at all are refused here too.
            return asked(optimise(bounds=bounds, hold=()), evidence)
        table = allocation.table
        # What is held here for want of evidence was not asked to stay.
        advice = advise(replace(allocation, table=table.assign(held=False)), evidence)
        unsure = [str(name) for name in table.index[_moved(allocation) & (advice["verb"] == KEEP)]]
        if not unsure:
            break
        doubtful |= {name: advice.loc[name] for name in unsure}
        held += unsure
    for name, row in doubtful.items():
        advice.loc[name] = row
    if _moved(allocation).any() and allocation.probability_positive < LIKELY:
        return _staying(optimise, allocation.table, bought), _kept(allocation, advice)
    return allocation, advice


def asked(allocation: Allocation, evidence: pd.DataFrame) -> Recommended:
    """Say of a budget what the evidence carries, and nothing where it is hardly a gain.

    Parameters
    ----------
    allocation : Allocation
    evidence : pandas.DataFrame
        Index channel, column ``tier``.

    Returns
    -------
    tuple of Allocation and pandas.DataFrame
    """
    advice = advise(allocation, evidence)
    planned = float(allocation.table["current"].sum())
    same = abs(allocation.total - planned) <= SMALL * max(planned, allocation.total)
    unlikely = same and allocation.probability_positive < LIKELY
    return allocation, _kept(allocation, advice) if unlikely else advice


def _held(
    optimise: Optimise, bounds: Bounds, held: Sequence[str], free: Allocation | None
) -> Allocation:
    """The best budget in which some channels keep the plan, or their share of other money."""
    if free is None:
        return optimise(bounds=_of_others(bounds, held), hold=held)
    return _staying(optimise, free.table, held)


def _staying(optimise: Optimise, table: pd.DataFrame, names: Sequence[str]) -> Allocation:
    """The best budget of the money of a table in which some channels keep what is planned there."""
    stays = table.index.isin(names)
    limits = {
        str(name): (row["current"],) * 2 if at_plan else (row["lower"], row["upper"])
        for at_plan, (name, row) in zip(stays, table.iterrows(), strict=True)
    }
    found = optimise(bounds=limits, hold=())
    at_bound = found.table["at_bound"] & ~stays
    return replace(found, table=found.table.assign(held=stays, at_bound=at_bound))


def _of_others(bounds: Bounds, held: Sequence[str]) -> Bounds:
    """Bounds of channels that are not held."""
    if not isinstance(bounds, Mapping):
        return bounds
    return {name: limits for name, limits in bounds.items() if name not in held}


def _moved(allocation: Allocation) -> pd.Series:
    """Whether the money of each channel changes by more than a rounding."""
    table = allocation.table
    least = (_MOVED * table["current"]).clip(upper=SMALL * allocation.total)
    return (table["recommended"] - table["current"]).abs() > least


def _kept(allocation: Allocation, advice: pd.DataFrame) -> pd.DataFrame:
    """Advice where all moves together are not likely enough to pay."""
    reason = (
        "The model would move its money, but all moves together bring more than the plan with "
        f"{allocation.probability_positive:.0%} only, which is not sure enough ({LIKELY:.0%})."
    )
    acted = advice["verb"].isin((INCREASE, REDUCE))
    return advice.assign(
        verb=advice["verb"].mask(acted, KEEP), reason=advice["reason"].mask(acted, reason)
    )


def recommendation(allocation: Allocation, advice: pd.DataFrame) -> Recommendation:
    """What a report says of an allocation, all intervals with the report's probability.

    Parameters
    ----------
    allocation : Allocation
    advice : pandas.DataFrame
        Index channel; ``verb``.

    Returns
    -------
    Recommendation
    """
    moves = allocation.moves(MOVES)
    moves = moves[moves["amount"] >= SMALL * allocation.total]
    acted = advice.index[advice["verb"].isin((INCREASE, REDUCE))]
    both = moves["source"].isin(acted) & moves["destination"].isin(acted)
    columns = ["current", "recommended", "change", "lower", "upper"]
    columns += ["at_bound", "beyond_seen", "held"]
    return Recommendation(
        horizon=allocation.horizon,
        total=allocation.total,
        planned=allocation.total_planned,
        uplift=Estimate(*Interval.of(allocation.uplift_draws, CI_PROB)),
        probability=allocation.probability_positive,
        table=allocation.table[columns],
        moves=moves.assign(carried=both),
        flighting=allocation.flighting,
    )
