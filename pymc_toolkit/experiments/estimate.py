"""The result that every estimator returns: an effect, its standard error, and what must hold."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy import stats

from pymc_toolkit.arrays import Array
from pymc_toolkit.components.uplift_tests import UpliftTest
from pymc_toolkit.exceptions import DataError
from pymc_toolkit.experiments.scaling import market_assumptions, uplift_test
from pymc_toolkit.verdicts import Check, Status, Verdict

CI_PROB = 0.95
# Noise of one unit, as a share of the outcome's spread, below which there is none to speak of.
_NO_NOISE = 1e-6


@dataclass(frozen=True)
class EffectEstimate:
    """An effect of treatment with its uncertainty, and what it rests on.

    Parameters
    ----------
    method : str
        Name of the estimator.
    effect : float
        In units of the outcome: per treated unit, or in total where ``per`` says so.
    standard_error : float
        Of ``effect``.
    ci_low, ci_high : float
        Ends of the interval.
    ci_prob : float
        Probability of the interval.
    n_treated, n_control : int
        Number of units (or regions) in each arm.
    p_value : float
        Of no effect, two-sided.
    verdict : Verdict
        Checks of what can be checked.
    assumptions : tuple of str
        What must hold for the effect to be causal, in words; no check can show all of it.
    per : str
        What the effect is of: ``"unit"`` or ``"total"``.
    details : mapping of str to float
        Further figures of the method.

    Examples
    --------
    >>> estimate = EffectEstimate("difference in means", 0.2, 0.05, 0.1, 0.3, 0.95, 100, 120,
    ...     p_value=0.0001, verdict=Verdict(()), assumptions=("Chance alone decided.",))
    >>> print(estimate)
    difference in means: 0.2 per unit (95% interval 0.1 to 0.3, standard error 0.05)
    100 treated, 120 control; p-value 0.0001
    pass: All 0 checks passed.
    Holds if: Chance alone decided.
    """

    method: str
    effect: float
    standard_error: float
    ci_low: float
    ci_high: float
    ci_prob: float
    n_treated: int
    n_control: int
    p_value: float
    verdict: Verdict
    assumptions: tuple[str, ...]
    per: str = "unit"
    details: Mapping[str, float] = field(default_factory=dict)

    @property
    def checks(self) -> Sequence[Check]:
        """What was checked."""
        return self.verdict.checks

    def contains(self, value: float) -> bool:
        """Whether the interval contains a value."""
        return self.ci_low <= value <= self.ci_high

    def to_dict(self) -> dict[str, Any]:
        """The figures as one row of a table."""
        return {
            "method": self.method,
            "effect": self.effect,
            "standard_error": self.standard_error,
            "ci_low": self.ci_low,
            "ci_high": self.ci_high,
            "p_value": self.p_value,
            "n_treated": self.n_treated,
            "n_control": self.n_control,
            "status": str(self.verdict.status),
        }

    def to_uplift_test(
        self, channel: str, start: object = None, end: object = None, **values: Any
    ) -> UpliftTest:
        """Scale the effect to the market, as a test that a model can learn from.

        Effect and standard error are multiplied by ``population``;
        :meth:`market_assumptions` says what that presumes.

        Parameters
        ----------
        channel : str
            That was tested.
        start, end : date-like
            First and last day of the test.
        **values
            ``spend_change`` (needed: a number, ``"off"`` or ``"on"``), ``population``,
            ``included``, ``measured_until``, ``name``, as
            :func:`pymc_toolkit.experiments.scaling.uplift_test` takes them.

        Returns
        -------
        UpliftTest

        Raises
        ------
        SpecificationError
            If ``population`` or ``spend_change`` is impossible, or the window is not given.
        DataError
            If the estimate has no noise, so that it would override a model.
        """
        return uplift_test(self, channel, start, end, **values)

    def market_assumptions(self, population: float | None = None) -> tuple[str, ...]:
        """What scaling to the market presumes, beside :attr:`assumptions`.

        Parameters
        ----------
        population : float
            As given to :meth:`to_uplift_test`.

        Returns
        -------
        tuple of str
        """
        return market_assumptions(self, population)

    def __str__(self) -> str:
        of = "per unit" if self.per == "unit" else "in total"
        width = f"{100 * self.ci_prob:.4g}% interval"
        return "\n".join(
            [
                f"{self.method}: {self.effect:.4g} {of} ({width} {self.ci_low:.4g} to "
                f"{self.ci_high:.4g}, standard error {self.standard_error:.2g})",
                f"{self.n_treated} treated, {self.n_control} control; p-value {self.p_value:.2g}",
                f"{self.verdict.status}: {self.verdict.sentence}",
                f"Holds if: {' '.join(self.assumptions)}",
            ]
        )


def inference(
    effect: float,
    standard_error: float,
    outcome: Array,
    ci_prob: float,
    *,
    degrees: float = math.inf,
) -> tuple[dict[str, Any], Check]:
    """Interval and p-value of an effect, and whether there was any noise to take them from.

    The standard error is at least the bound on the rounding error of a sum over the units (their
    number, times the resolution of a float, times the largest outcome): where the outcome follows
    from covariates and treatment exactly, that is all that is uncertain.

    Parameters
    ----------
    effect, standard_error : float
    outcome : ndarray of shape (unit,)
    ci_prob : float
    degrees : float
        Of freedom of Student's t; infinite for a normal distribution.

    Returns
    -------
    dict, Check
        Fields of an :class:`EffectEstimate`, and the check of noise.

    Raises
    ------
    DataError
        If effect or standard error could not be computed.

    References
    ----------
    Higham (2002). Accuracy and stability of numerical algorithms, section 4.2.
    """
    if not (math.isfinite(effect) and math.isfinite(standard_error)):
        raise DataError(
            f"Got an effect of {effect} with a standard error of {standard_error}; expected finite "
            "numbers. Look for outcomes or covariates of extreme size, and rescale or drop them."
        )
    size = len(outcome)
    noise = standard_error * math.sqrt(size)
    rounding = size * float(np.finfo(float).eps) * float(np.abs(outcome).max())
    error = max(standard_error, rounding)
    # With the normal distribution in place of t at infinite degrees of freedom.
    law = stats.norm if math.isinf(degrees) else stats.t(degrees)
    reach = float(law.ppf((1 + ci_prob) / 2)) * error
    fields = {
        "effect": effect,
        "standard_error": error,
        "ci_low": effect - reach,
        "ci_high": effect + reach,
        "ci_prob": ci_prob,
        "p_value": float(2 * law.sf(abs(effect) / error)),
    }
    return fields, _judge_noise(noise / float(outcome.std()), error)


def _judge_noise(share: float, error: float) -> Check:
    if share > _NO_NOISE:
        return Check(
            "noise",
            Status.PASS,
            "What covariates and treatment leave unexplained varies enough between units to tell "
            f"how uncertain the effect is (standard error {error:.2g}).",
            share,
            _NO_NOISE,
        )
    return Check(
        "noise",
        Status.REVIEW,
        "The outcome follows from covariates and treatment without any noise, so the interval is "
        f"no wider than the computer's arithmetic ({error:.1g}). Outcomes that were measured have "
        "noise: find out how these were made.",
        share,
        _NO_NOISE,
    )
