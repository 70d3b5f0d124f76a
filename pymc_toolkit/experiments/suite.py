"""Every estimator for single units on data whose true effect is known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from pymc_toolkit.arrays import Array
from pymc_toolkit.experiments.bounds import away_from_bounds
from pymc_toolkit.experiments.estimate import CI_PROB, EffectEstimate
from pymc_toolkit.experiments.observational import (
    double_machine_learning,
    doubly_robust,
    inverse_propensity,
)
from pymc_toolkit.experiments.randomised import cuped, difference_in_means
from pymc_toolkit.experiments.uplift import UpliftSegments, two_model_uplift, uplift_segments
from pymc_toolkit.model_spec import whole_number

TRUE_EFFECT = 0.15
COVARIATES = ("age", "browsing_time", "income")


@dataclass(frozen=True, eq=False)
class CausalSuite:
    """All estimates of one simulated set of observational data.

    Parameters
    ----------
    data : pandas.DataFrame
        Of :func:`generate_treatment_data`.
    estimates : mapping of str to EffectEstimate
        On the units whose outcome the floor of 0 does not cut off; the true effect is that of
        every such unit. ``difference_in_means`` adjusts for nothing and is biased; all others
        adjust.
    all_units : mapping of str to EffectEstimate
        The same estimators on all units. A treated unit at the floor gains less than the true
        effect (``average_effect`` over all).
    free : pandas.Series of bool
        Which units the former are.
    segments : UpliftSegments
        All units by predicted uplift.
    true_effect : float
        Of treatment on outcomes that are not cut off.
    average_effect : float
        Of treatment on the outcomes of all these units, cut off where they are.
    """

    data: pd.DataFrame
    estimates: Mapping[str, EffectEstimate]
    all_units: Mapping[str, EffectEstimate]
    free: pd.Series
    segments: UpliftSegments
    true_effect: float
    average_effect: float

    def to_frame(self) -> pd.DataFrame:
        """One row an estimate: which units, figures and the status of its checks."""
        parts = {"not cut off": self.estimates, "all": self.all_units}
        rows = [
            {"units": units, "estimator": name, **estimate.to_dict()}
            for units, estimates in parts.items()
            for name, estimate in estimates.items()
        ]
        return pd.DataFrame(rows).set_index(["units", "estimator"])


def generate_treatment_data(n: int = 600, random_state: int = 63) -> pd.DataFrame:
    """Simulate observational data in which income raises both treatment and outcome.

    Parameters
    ----------
    n : int
        Number of units, at least 1.
    random_state : int
        Same number, same data.

    Returns
    -------
    pandas.DataFrame
        ``age`` (years), ``browsing_time`` (hours), ``income`` (money a year), ``treatment`` (0 or
        1), ``outcome`` (between 0 and 1), ``true_propensity`` and ``true_effect``. The outcome is
        linear in the covariates with no noise, plus the true effect where treated, and cut off at
        0 and 1: some 2% of units would lie below 0 untreated.

    Raises
    ------
    SpecificationError
        If ``n`` or ``random_state`` is not such a number.

    Examples
    --------
    >>> generate_treatment_data()["treatment"].value_counts().to_dict()
    {0: 384, 1: 216}
    """
    whole_number("n", n, 1)
    whole_number("random_state", random_state, 0)
    # The order of these draws is part of the definition: another order gives other data.
    rng = np.random.default_rng(random_state)
    age = rng.integers(18, 65, size=n)
    browsing_time = rng.normal(4.0, 1.0, size=n)
    income = rng.normal(55_000, 8_000, size=n)
    log_odds = -0.5 + 0.04 * (browsing_time - 4) + 0.00003 * (income - 55_000)
    propensity = 1.0 / (1.0 + np.exp(-log_odds))
    treatment = rng.binomial(1, propensity)
    table = pd.DataFrame({"age": age, "browsing_time": browsing_time, "income": income})
    return table.assign(
        treatment=treatment,
        outcome=_outcome(table, treatment),
        true_propensity=propensity,
        true_effect=TRUE_EFFECT,
    )


def _outcome(table: pd.DataFrame, treatment: Array | int) -> pd.Series:
    """Outcome under a treatment."""
    baseline = 0.1 + 0.002 * (table["age"] - 30) + 0.00001 * (table["income"] - 50_000)
    expected = baseline + TRUE_EFFECT * treatment + 0.005 * (table["browsing_time"] - 4)
    return expected.clip(0.0, 1.0)


def run_causal_suite(
    random_state: int = 63, n: int = 600, *, ci_prob: float = CI_PROB
) -> CausalSuite:
    """Estimate a known effect by every method for single units, with intervals.

    Parameters
    ----------
    random_state : int
        Of the data and of the folds; same number, same result.
    n : int
        Number of units.
    ci_prob : float
        Probability of the intervals.

    Returns
    -------
    CausalSuite

    Raises
    ------
    DataError
        If there are too few units.
    """
    data = generate_treatment_data(n, random_state)
    gains = _outcome(data, 1) - _outcome(data, 0)
    free = away_from_bounds(data, COVARIATES, random_state=random_state)
    return CausalSuite(
        data=data,
        estimates=_estimates(data[free], random_state, ci_prob),
        all_units=_estimates(data, random_state, ci_prob),
        free=free,
        segments=uplift_segments(data, COVARIATES, ci_prob=ci_prob, random_state=random_state),
        true_effect=TRUE_EFFECT,
        average_effect=float(gains.mean()),
    )


def _estimates(data: pd.DataFrame, random_state: int, ci_prob: float) -> dict[str, EffectEstimate]:
    split: dict[str, Any] = {"ci_prob": ci_prob, "random_state": random_state}
    return {
        "difference_in_means": difference_in_means(data, ci_prob=ci_prob),
        "cuped": cuped(data, COVARIATES, ci_prob=ci_prob),
        "inverse_propensity": inverse_propensity(data, COVARIATES, ci_prob=ci_prob),
        "doubly_robust": doubly_robust(data, COVARIATES, **split),
        "double_machine_learning": double_machine_learning(data, COVARIATES, **split),
        "two_model_uplift": two_model_uplift(data, COVARIATES, ci_prob=ci_prob),
    }
