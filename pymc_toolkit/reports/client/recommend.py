"""What to recommend: the best budget of those that the evidence carries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Protocol

import pandas as pd

from pymc_toolkit.decisions.advice import advise
from pymc_toolkit.decisions.allocation import Allocation
from pymc_toolkit.decisions.limits import Bounds
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
    is recommended is what is advised.

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
        Whether the money is another than the plan's, so that some channel has to move.

    Returns
    -------
    tuple of Allocation and pandas.DataFrame, or None
        The budget; and by channel ``verb`` and ``reason``. None where nothing is bought, or there
        is money to divide and no channel of which the data say enough.
    """
    tiers = evidence["tier"].astype(str)
    bought = [str(name) for name in tiers.index if costs.get(str(name), 1.0) is not None]
    held = [name for name in bought if tiers[name] == PRIOR_DRIVEN]
    doubtful: dict[str, pd.Series] = {}
    while True:
        free = [name for name in bought if name not in held]
        if not bought or (fixed_total and not free):
            return None
        allocation = optimise(bounds=_of_others(bounds, held), hold=held)
        table = allocation.table
        # What is held here for want of evidence was not asked to stay.
        advice = advise(replace(allocation, table=table.assign(held=False)), evidence)
        moved = (table["recommended"] - table["current"]).abs() > _MOVED * table["current"]
        unsure = [str(name) for name in table.index[moved & (advice["verb"] == KEEP)]]
        if not unsure or (fixed_total and len(unsure) == len(free)):
            break
        doubtful |= {name: advice.loc[name] for name in unsure}
        held += unsure
    for name, row in doubtful.items():
        advice.loc[name] = row
    return allocation, advice


def _of_others(bounds: Bounds, held: Sequence[str]) -> Bounds:
    """Bounds of channels that are not held."""
    if not isinstance(bounds, Mapping):
        return bounds
    return {name: limits for name, limits in bounds.items() if name not in held}


def recommendation(allocation: Allocation, advice: pd.DataFrame) -> Recommendation:
    """What a report says of an allocation.

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
    acted = advice.index[advice["verb"].isin((INCREASE, REDUCE))]
    both = moves["source"].isin(acted) & moves["destination"].isin(acted)
    columns = ["current", "recommended", "change", "lower", "upper"]
    columns += ["at_bound", "beyond_seen", "held"]
    return Recommendation(
        horizon=allocation.horizon,
        total=allocation.total,
        uplift=Estimate(*allocation.uplift),
        probability=allocation.probability_positive,
        table=allocation.table[columns],
        moves=moves.assign(carried=both),
        flighting=allocation.flighting,
    )
