"""What exposure cost, for channels whose column is not money."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from numbers import Real

from pymc_toolkit.exceptions import ColumnError, SpecificationError


def checked_costs(
    costs: Mapping[str, float | None], channels: Sequence[str]
) -> dict[str, float | None]:
    """Costs of one unit of channels that are not money.

    Parameters
    ----------
    costs : Mapping of str to float or None
    channels : sequence of str

    Returns
    -------
    dict of str to float or None

    Raises
    ------
    ColumnError
        For a name that is not a channel.
    SpecificationError
        For a cost that is not above zero.
    """
    if not isinstance(costs, Mapping):
        raise SpecificationError(
            f"Got cost_per_unit={costs!r}; expected a mapping from channel to cost, such as "
            "{'views': 0.01}."
        )
    for name, cost in costs.items():
        if name not in channels:
            raise ColumnError(
                f"Got cost_per_unit for {name!r}, which is not a channel; expected some of "
                f"{', '.join(map(repr, channels))}."
            )
        if cost is not None and not (isinstance(cost, Real) and 0 < cost < math.inf):
            raise SpecificationError(
                f"Got cost_per_unit {cost!r} for {name!r}; expected a number above zero, or "
                "None for a channel that was not bought."
            )
    return {name: None if cost is None else float(cost) for name, cost in costs.items()}
