"""A verb for each channel, and why: what the evidence carries of a recommended budget."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from pymc_toolkit.decisions.allocation import Allocation
from pymc_toolkit.exceptions import SpecificationError
from pymc_toolkit.names import CHANNEL, SAMPLE

INCREASE, KEEP, TEST, REDUCE = "increase", "keep", "test", "reduce"
# How sure the model has to be that money does better where it goes than where it comes from.
SURE_ENOUGH = 0.8
# A change of less than this share of a channel's money is none.
WORTH_A_CHANGE = 0.02
# Draws can tell no probability from one.
_NEARLY_SURE = 0.99
PRIOR_DRIVEN = "prior-driven"


def advise(allocation: Allocation, evidence: pd.DataFrame | None = None) -> pd.DataFrame:
    """Say what to do with each channel, and why.

    Money is moved only where the model is sure enough that it returns more, or less, than the money
    that it is traded with, and where data and not assumptions say so.

    Parameters
    ----------
    allocation : Allocation
    evidence : pandas.DataFrame, optional
        Index channel, column ``tier``: ``tested``, ``identified`` or ``prior-driven``. A channel
        that it does not name counts as identified.

    Returns
    -------
    pandas.DataFrame
        Index channel; ``verb`` (``increase``, ``keep``, ``test`` or ``reduce``), ``reason`` (a
        sentence) and ``probability`` (that the move pays; NaN where nothing would be moved).

    Raises
    ------
    SpecificationError
        If the evidence has no column ``tier``.
    """
    if evidence is not None and "tier" not in evidence.columns:
        raise SpecificationError(
            f"Got evidence with columns {list(evidence.columns)}; expected a column 'tier' and the "
            "channels as index, as model.health().evidence has them."
        )
    tiers = {} if evidence is None else evidence["tier"].astype(str).to_dict()
    sure = probability_of_gain(allocation)
    rows = {}
    for channel, row in allocation.table.iterrows():
        name = str(channel)
        verb, reason = _verdict(row, float(sure[name]), tiers.get(name, ""))
        rows[name] = {"verb": verb, "reason": reason, "probability": float(sure[name])}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis(CHANNEL)


def probability_of_gain(allocation: Allocation) -> pd.Series:
    """How probable it is that each channel's move pays, by the returns on what is moved.

    A channel that gains is compared with those that give up money, weighted by what they give up,
    and the other way round. A budget that only grows or shrinks has nothing to compare with: there
    the money stays with the client, and has to return the target, or 1 where the target is money.

    Parameters
    ----------
    allocation : Allocation

    Returns
    -------
    pandas.Series
        Index channel; NaN for one that is not moved, or has nothing to be compared with.
    """
    table = allocation.table
    moved = table["recommended"] - table["current"]
    # Between both ends of the move, as far as it goes in a straight line.
    returns = (allocation.marginal_draws + allocation.marginal_draws_current) / 2
    found = {}
    for channel, amount in moved.items():
        name = str(channel)
        change = abs(amount) / table.at[name, "current"] if table.at[name, "current"] else np.inf
        others = moved[np.sign(moved) == -np.sign(amount)].abs()
        price = _price(returns, others, allocation)
        if not amount or change < WORTH_A_CHANGE or price is None:
            found[name] = float("nan")
            continue
        gain = (returns.sel({CHANNEL: name}) - price) * np.sign(amount)
        found[name] = float((gain > 0).mean(SAMPLE))
    return pd.Series(found, name="probability").rename_axis(CHANNEL)


def _price(
    returns: xr.DataArray, others: pd.Series, allocation: Allocation
) -> xr.DataArray | float | None:
    """What the money that a channel is traded with returns, by draw."""
    if others.sum() > 0:
        weights = xr.DataArray(others / others.sum(), dims=CHANNEL, coords={CHANNEL: others.index})
        return (returns.sel({CHANNEL: list(others.index)}) * weights).sum(CHANNEL)
    if allocation.target_roi is not None:
        return allocation.target_roi
    return 1.0 if allocation.target_is_money else None


def _verdict(row: pd.Series, sure: float, tier: str) -> tuple[str, str]:
    """Verb and sentence for a channel."""
    if row["held"]:
        return KEEP, "It was asked to stay as planned."
    if tier == PRIOR_DRIVEN:
        return TEST, (
            "The data say little about this channel, and what is estimated rests on assumptions: "
            "an experiment should come before any money is moved."
        )
    if np.isnan(sure):
        return KEEP, "The best budget found leaves it about where it is."
    more = row["recommended"] > row["current"]
    chance = f"{sure:.0%}" if sure < _NEARLY_SURE else f"over {_NEARLY_SURE:.0%}"
    compared = "more than" if more else "less than"
    if sure < SURE_ENOUGH:
        return KEEP, (
            f"The model leans to {'more' if more else 'less'}, but with {sure:.0%} it is not sure "
            f"enough ({SURE_ENOUGH:.0%}) that money here returns {compared} the money it would be "
            "traded with."
        )
    return INCREASE if more else REDUCE, (
        f"Money here returns {compared} the money it is traded with, with a probability of {chance}"
        + (", but the recommended level is higher than any seen." if row["beyond_seen"] else ".")
    )
