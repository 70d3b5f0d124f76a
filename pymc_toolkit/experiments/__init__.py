"""From the raw data of an experiment to an effect with its standard error.

What decided who was treated tells which estimator to use:

- by lot: :func:`difference_in_means`, and :func:`cuped` where covariates are known from before;
- something that was recorded: :func:`inverse_propensity`, :func:`doubly_robust`,
  :func:`double_machine_learning`, :func:`two_model_uplift`, and :func:`uplift_segments` for whom it
  pays;
- whole regions: :func:`difference_in_differences` and :func:`synthetic_control`.

Each returns an :class:`EffectEstimate`, whose ``to_uplift_test`` scales it to the market.
Intervals are 95% unless asked for otherwise. Most need the extra:
``pip install pymc_toolkit[experiments]``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pymc_toolkit.experiments.bounds import away_from_bounds as away_from_bounds
    from pymc_toolkit.experiments.checks import balance_table as balance_table
    from pymc_toolkit.experiments.checks import check_balance as check_balance
    from pymc_toolkit.experiments.checks import check_overlap as check_overlap
    from pymc_toolkit.experiments.estimate import EffectEstimate as EffectEstimate
    from pymc_toolkit.experiments.geo import GeoEstimate as GeoEstimate
    from pymc_toolkit.experiments.geo import (
        difference_in_differences as difference_in_differences,
    )
    from pymc_toolkit.experiments.geo import synthetic_control as synthetic_control
    from pymc_toolkit.experiments.observational import (
        double_machine_learning as double_machine_learning,
    )
    from pymc_toolkit.experiments.observational import doubly_robust as doubly_robust
    from pymc_toolkit.experiments.observational import inverse_propensity as inverse_propensity
    from pymc_toolkit.experiments.randomised import cuped as cuped
    from pymc_toolkit.experiments.randomised import difference_in_means as difference_in_means
    from pymc_toolkit.experiments.scaling import uplift_test as uplift_test
    from pymc_toolkit.experiments.suite import CausalSuite as CausalSuite
    from pymc_toolkit.experiments.suite import generate_treatment_data as generate_treatment_data
    from pymc_toolkit.experiments.suite import run_causal_suite as run_causal_suite
    from pymc_toolkit.experiments.uplift import UpliftSegments as UpliftSegments
    from pymc_toolkit.experiments.uplift import two_model_uplift as two_model_uplift
    from pymc_toolkit.experiments.uplift import uplift_segments as uplift_segments

_HOMES = {
    "CausalSuite": "suite",
    "EffectEstimate": "estimate",
    "GeoEstimate": "geo",
    "UpliftSegments": "uplift",
    "away_from_bounds": "bounds",
    "balance_table": "checks",
    "check_balance": "checks",
    "check_overlap": "checks",
    "cuped": "randomised",
    "difference_in_differences": "geo",
    "difference_in_means": "randomised",
    "double_machine_learning": "observational",
    "doubly_robust": "observational",
    "generate_treatment_data": "suite",
    "inverse_propensity": "observational",
    "run_causal_suite": "suite",
    "synthetic_control": "geo",
    "two_model_uplift": "uplift",
    "uplift_segments": "uplift",
    "uplift_test": "scaling",
}

__all__ = [
    "CausalSuite",
    "EffectEstimate",
    "GeoEstimate",
    "UpliftSegments",
    "away_from_bounds",
    "balance_table",
    "check_balance",
    "check_overlap",
    "cuped",
    "difference_in_differences",
    "difference_in_means",
    "double_machine_learning",
    "doubly_robust",
    "generate_treatment_data",
    "inverse_propensity",
    "run_causal_suite",
    "synthetic_control",
    "two_model_uplift",
    "uplift_segments",
    "uplift_test",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
