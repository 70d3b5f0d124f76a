"""What values settings may have."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields
from numbers import Real
from typing import Any

from pymc_toolkit.exceptions import SpecificationError
from pymc_toolkit.model_spec import flag, whole_number

# Smallest and largest value of a number; of others at least zero is asked.
_LIMITS: Mapping[str, tuple[float, float]] = {
    "dropout": (0, 0.99),
    "ctrl_hidden_ratio": (0, math.inf),
    "momentum_decay": (0, 0.9999),
    "dag_temperature": (1e-6, math.inf),
    "notears_dual_factor": (1, math.inf),
    "notears_threshold": (0, 1),
    "notears_alpha_init": (0, math.inf),
    "media_share_prior": (0, 1),
    "learning_rate": (1e-12, 1),
    "holdout_ratio": (1e-6, 1 - 1e-6),
    "weight_average": (0, 0.9999),
    "huber_delta": (1e-6, math.inf),
    "gradient_clip": (1e-6, math.inf),
    "adstock_retention": (1e-6, 1 - 1e-6),
    "interaction_mix": (1e-6, 1 - 1e-6),
    "dag_edge": (1e-6, 1 - 1e-6),
    "hill_quantile": (0, 1),
    "baseline_quantile": (0, 1),
    "hill_slope": (1e-6, math.inf),
    "hill_half_saturation": (1e-6, math.inf),
    "coeff_range": (1e-6, math.inf),
    "control_swing": (1e-6, math.inf),
    "media_coefficient": (1e-6, math.inf),
    "baseline_level": (1e-6, math.inf),
    "burn_in_steepness": (1e-6, math.inf),
    "seasonal_period": (2, math.inf),
    "regression_ridge": (1e-12, math.inf),
}
# Whole numbers and the smallest that each may be.
_COUNTS: Mapping[str, int] = {
    "hidden_dim": 1,
    "burn_in_weeks": 0,
    "warm_start_epochs": 0,
    "gru_layers": 1,
    "n_epochs": 1,
    "min_epochs": 0,
    "rate_warmup_epochs": 0,
    "validation_weeks": 0,
    "validate_every": 1,
    "patience": 1,
    "batch_size": 1,
    "notears_warmup_epochs": 0,
    "notears_dual_update_every": 1,
    "adstock_lags": 1,
    "region_dim": 0,
    "seasonal_harmonics": 0,
    "baseline_knots": 0,
    "baseline_knot_weeks": 1,
}
_MAY_BE_NONE = ("batch_size", "media_share_prior", "control_clip")


def check_keys(values: Mapping[str, Any], settings: type) -> None:
    """Refuse keys that are no fields of some settings."""
    known = {entry.name for entry in fields(settings)}
    unknown = sorted(set(values) - known, key=str)
    if unknown:
        raise SpecificationError(
            f"Got unknown settings {unknown}; expected some of {', '.join(sorted(known))}."
        )


def check_choice(name: str, value: object, allowed: tuple[str, ...]) -> None:
    """Refuse a value that is not one of those allowed."""
    if not isinstance(value, str) or value not in allowed:
        raise SpecificationError(
            f"Got {name}={value!r}; expected one of {', '.join(map(repr, allowed))}."
        )


def checked(name: str, kind: str, value: Any) -> Any:
    """The value of a field as a plain one, if its kind and size are right."""
    if value is None and name in _MAY_BE_NONE:
        return None
    if name in _COUNTS:
        return whole_number(name, value, _COUNTS[name])
    if kind == "bool":
        return flag(name, value)
    if "float" in kind:
        return number(name, value, *_LIMITS.get(name, (0, math.inf)))
    return value


def number(name: str, value: Any, least: float, most: float) -> float:
    """A number within limits, as a plain one."""
    is_number = isinstance(value, Real) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value) or not least <= value <= most:
        limits = f"at least {least:g}" + (f" and at most {most:g}" if most < math.inf else "")
        raise SpecificationError(f"Got {name}={value!r}; expected a number, {limits}.")
    return float(value)
