"""What every component says about each of its parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Support = Literal["real", "positive", "unit"]


@dataclass(frozen=True)
class Parameter:
    """One parameter of a component: its default prior, where it may lie and its unit.

    Parameters
    ----------
    name : str
        Name within the component; the model's variable is ``<component>_<name>``.
    distribution : str
        Name of the default prior's distribution.
    kwargs : Mapping
        Hyperparameters of the default prior, on the scaled data.
    support : {"real", "positive", "unit"}
        Values the component can work with: any, above zero, or between 0 and 1.
    unit : tuple of (float, float) or None
        Powers of the target's and of the channel's scale that bring a value from the scaled model
        to original units; ``(0, 0)`` for a pure number, None where no single factor does it.
    """

    name: str
    distribution: str
    kwargs: Mapping[str, Any]
    support: Support
    unit: tuple[float, float] | None = (0, 0)
