"""What is known of a fit's health: its checks, and how far each channel is known."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from pymc_toolkit.verdicts import Check, Status, Verdict

# Where what a model says of a channel comes from, the best evidence first.
TESTED, IDENTIFIED, PRIOR_DRIVEN = TIERS = ("tested", "identified", "prior-driven")

CONVERGENCE, NEGATIVE_BASELINE, LENGTH = "convergence", "negative baseline", "periods per parameter"
PREDICTIVE, SHIFT, EXPERIMENTS = "look of the data", "learnt from the data", "experiments"
# Checks whose failure means that no number of the model should lead to a decision. What the others
# find is a matter of single channels, or of how much to expect.
GATES = (CONVERGENCE, NEGATIVE_BASELINE, LENGTH, PREDICTIVE, SHIFT, EXPERIMENTS)


@dataclass(frozen=True)
class Health:
    """Whether a fit can be believed, and of which channels.

    Parameters
    ----------
    verdict : Verdict
        Checks of the data and of the fit, each with what to do about it.
    evidence : pandas.DataFrame
        Index channel; ``tier`` ("tested" by an experiment that the model agrees with, "identified"
        from how it varied, or "prior-driven": it rests on what was assumed), ``shift``
        (Kolmogorov-Smirnov distance of the posterior of its share in what media brought from the
        prior; NaN without a prior) and ``reason`` (a sentence).
    """

    verdict: Verdict
    evidence: pd.DataFrame

    @property
    def failed_gates(self) -> list[Check]:
        """Checks of :data:`GATES` that failed."""
        checks = self.verdict.checks
        return [check for check in checks if check.name in GATES and check.status is Status.FAIL]

    @property
    def blocked(self) -> bool:
        """Whether a gate failed, so that nothing should be decided by this model."""
        return bool(self.failed_gates)

    @property
    def remedies(self) -> list[str]:
        """What to do about the checks that did not pass: failed gates first, then the worst."""
        gates = [check.name for check in self.failed_gates]
        worst = list(Status)[::-1]
        troubles = sorted(
            (check for check in self.verdict.checks if check.status is not Status.PASS),
            key=lambda check: (check.name not in gates, worst.index(check.status)),
        )
        return list(dict.fromkeys(check.remedy for check in troubles if check.remedy))
