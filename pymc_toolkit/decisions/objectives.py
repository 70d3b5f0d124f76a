"""What makes one budget better than another, as weights of the draws by their rank."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from pymc_toolkit.arrays import Array
from pymc_toolkit.decisions.limits import number
from pymc_toolkit.exceptions import SpecificationError

MEAN, QUANTILE, CVAR, TARGET_ROI = "mean", "quantile", "cvar", "target_roi"
OBJECTIVES = (MEAN, QUANTILE, CVAR, TARGET_ROI)
USUAL_RISK = 0.1
# Half width, in probability, of the draws that stand for a quantile: one draw alone has a slope
# that jumps from budget to budget.
_QUANTILE_SPREAD = 0.02
# Draws whose gains differ by less than this share of their spread are as bad as each other.
_TIED = 1e-4


@dataclass(frozen=True)
class Objective:
    """What is maximised.

    Parameters
    ----------
    name : {"mean", "quantile", "cvar", "target_roi"}
    risk : float
        Probability of a quantile, or share of the draws that are worst.
    target_roi : float, optional
    """

    name: str
    risk: float = USUAL_RISK
    target_roi: float | None = None

    @classmethod
    def of(cls, name: Any, risk: Any, target_roi: Any) -> Objective:
        """Check what was asked for.

        Raises
        ------
        SpecificationError
            If the name is unknown, or a setting is missing, impossible or of another objective.
        """
        if name not in OBJECTIVES:
            raise SpecificationError(
                f"Got objective={name!r}; expected one of {', '.join(map(repr, OBJECTIVES))}."
            )
        if risk is not None and name not in (QUANTILE, CVAR):
            raise SpecificationError(
                f"Got risk={risk!r} with objective={name!r}; expected none, or "
                "objective='quantile' or 'cvar'."
            )
        if (target_roi is None) == (name == TARGET_ROI):
            raise SpecificationError(
                f"Got target_roi={target_roi!r} with objective={name!r}; expected a number with "
                "objective='target_roi', and none with any other."
            )
        risk = USUAL_RISK if risk is None else number("risk", risk, least=0)
        if risk >= 1:
            raise SpecificationError(f"Got risk={risk:g}; expected a probability below 1.")
        target = None if target_roi is None else number("target_roi", target_roi, least=0)
        return cls(name, risk, target)

    @property
    def is_mean(self) -> bool:
        """Whether all draws count alike, so that it does not matter what they are compared with."""
        return self.name in (MEAN, TARGET_ROI)

    def weights(self, gains: Array) -> Array:
        """How much each draw counts, summing to one.

        Parameters
        ----------
        gains : ndarray of shape (draw,)
            What a budget brings more than the current one.

        Returns
        -------
        ndarray of shape (draw,)
        """
        count = len(gains)
        if self.is_mean:
            return np.full(count, 1 / count)
        share = (np.arange(count) + 0.5) / count
        if self.name == CVAR:
            by_rank = np.clip(self.risk * count - np.arange(count), 0.0, 1.0)
        else:
            by_rank = np.exp(-0.5 * ((share - self.risk) / _QUANTILE_SPREAD) ** 2)
        weights = np.empty(count)
        weights[np.argsort(gains, kind="stable")] = by_rank / by_rank.sum()
        return weights

    def tied(self, gains: Array) -> tuple[Array, float]:
        """Draws so close to the edge of the worst share that any of them may be in it.

        Parameters
        ----------
        gains : ndarray of shape (draw,)

        Returns
        -------
        tied : ndarray of bool, of shape (draw,)
        largest : float
            The most that one draw may weigh.
        """
        if self.name != CVAR:
            return np.zeros(len(gains), dtype=bool), 1.0
        edge = np.sort(gains)[min(int(self.risk * len(gains)), len(gains) - 1)]
        largest = 1 / max(self.risk * len(gains), 1.0)
        return np.abs(gains - edge) <= _TIED * gains.std(), largest

    def value(self, gains: Array) -> float:
        """What the objective gives a budget, in units of the target."""
        return float(self.weights(gains) @ gains)
