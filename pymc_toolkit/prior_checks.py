"""What is refused about the user's priors, and why, before anything is sampled."""

from __future__ import annotations

import difflib
import json
import math
from collections.abc import Iterable, Mapping
from numbers import Integral, Real
from typing import Any

import numpy as np

from pymc_toolkit.components.parameter import Support
from pymc_toolkit.components.time_varying import SPECTRAL_DENSITIES
from pymc_toolkit.exceptions import DataWarning, PriorError, warn_user
from pymc_toolkit.model_data import ModelData
from pymc_toolkit.model_spec import ModelSpec
from pymc_toolkit.names import CHANGEPOINT, CONTROL, DAG_MIX, DAG_WEIGHTS, EDGE, FOURIER_MODE
from pymc_toolkit.priors import (
    INTERCEPT_TVP,
    MEDIA_TVP,
    PlainPrior,
    component_parameters,
    default_priors,
    draw_prior,
    prior_dims,
)

LIKELIHOODS = ("Normal", "StudentT")

# Enough draws that a prior with a visible share of its mass on impossible values shows it.
_SUPPORT_DRAWS = 500
# Largest scaled target that the default priors are fit for.
_SIZES = (0.1, 10.0)


def checked_overrides(
    overrides: Mapping[str, Any],
    spec: ModelSpec,
    n_periods: int,
    dim_sizes: Mapping[str, int],
) -> dict[str, PlainPrior]:
    """Check the user's priors and bring them to plain form.

    Parameters
    ----------
    overrides : Mapping of str to Prior, HSGPKwargs or mapping
        By name, as in ``PymcModel.model_priors``. Time-varying settings may be given in part.
    spec : ModelSpec
    n_periods : int
        Length of the training window.
    dim_sizes : Mapping of str to int
        Number of channels and of controls.

    Returns
    -------
    dict of str to mapping

    Raises
    ------
    PriorError
        For a name that this model does not have, dims that differ from the default's (a prior
        without dims is shared by all channels), a hyperparameter its distribution refuses, or a
        prior that puts mass where the parameter cannot be.
    """
    if not isinstance(overrides, Mapping):
        raise PriorError(
            f"Got priors of type {type(overrides).__name__}; expected a mapping from names to "
            'priors, such as {"intercept": Prior("HalfNormal", sigma=1)}.'
        )
    defaults = default_priors(spec, n_periods, dim_sizes.get(CONTROL, 0) > 0)
    sizes = {
        FOURIER_MODE: 2 * (spec.yearly_seasonality or 0),
        CHANGEPOINT: spec.trend or 0,
        **dim_sizes,
    }
    supports: dict[str, Support] = {
        name: parameter.support for name, parameter in component_parameters(spec).items()
    }
    supports |= {DAG_MIX: "unit"}
    checked: dict[str, PlainPrior] = {}
    for name, given in overrides.items():
        _check_name(name, defaults)
        if name in (MEDIA_TVP, INTERCEPT_TVP):
            checked[name] = _checked_hsgp(name, given, defaults[name], n_periods)
            continue
        prior = _to_plain(name, given)
        _check_dims(name, prior, defaults[name])
        if name == DAG_WEIGHTS:
            _check_sparse(prior)
        if name == "likelihood":
            _check_likelihood(prior)
        else:
            _check_values(name, prior, supports.get(name, "real"), sizes)
        checked[name] = prior
    return checked


def _check_name(name: str, known: Iterable[str]) -> None:
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise PriorError(
            f"Got a prior for {name!r}, which this model does not have; it has "
            f"{', '.join(map(repr, known))}.{hint}"
        )


def _to_plain(name: str, given: Any) -> PlainPrior:
    """Plain form of one prior, through JSON so that it is known to be storable."""
    values = given.to_dict() if hasattr(given, "to_dict") else given
    if not isinstance(values, Mapping) or "dist" not in values:
        raise PriorError(
            f"Got {given!r} as the prior of {name!r}; expected a Prior such as "
            'Prior("HalfNormal", sigma=1, dims="channel").'
        )
    try:
        stored: PlainPrior = json.loads(json.dumps(values, default=_builtin))
    except TypeError as error:
        raise PriorError(
            f"The prior of {name!r} holds something that cannot be stored ({error}); expected "
            "numbers, lists of numbers or other priors as hyperparameters."
        ) from error
    return _with_kwargs(name, stored)


def _builtin(value: Any) -> Any:
    """The plain form of numpy's numbers and arrays, for JSON."""
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} {value!r}")


def _with_kwargs(name: str, prior: PlainPrior) -> PlainPrior:
    """A plain prior, and those nested in it, with ``kwargs`` even where there are none."""
    if "dist" not in prior:
        raise PriorError(
            f"Got {dict(prior)!r} within the prior of {name!r}; expected a Prior there."
        )
    kwargs = {
        key: _with_kwargs(name, value) if isinstance(value, Mapping) else value
        for key, value in prior.get("kwargs", {}).items()
    }
    dims = {"dims": list(prior_dims(prior))} if prior_dims(prior) else {}
    return {**prior, "kwargs": kwargs, **dims}


def _check_dims(name: str, prior: PlainPrior, default: PlainPrior) -> None:
    got, expected = prior_dims(prior), prior_dims(default)
    # The amplitudes of a season cannot be one number: sines and cosines would move together.
    may_share = expected and expected not in ((FOURIER_MODE,), (EDGE,))
    if got != expected and not (may_share and got == ()):
        raise PriorError(
            f"Got dims {got or 'none'} for the prior of {name!r}; expected {expected or 'none'}"
            + (" (or none, to share one value among all)." if may_share else ".")
        )
    for key, value in prior["kwargs"].items():
        if isinstance(value, Mapping) and not set(prior_dims(value)) <= set(got):
            raise PriorError(
                f"Got dims {prior_dims(value)} for {key} of the prior of {name!r}; expected "
                f"{f'{got} or none' if got else 'none'}, as for the prior itself."
            )


def _check_sparse(prior: PlainPrior) -> None:
    """Refuse a prior of edges' weights that the search for their mode does not know."""
    scale = prior["kwargs"].get("b")
    if prior["dist"] != "Laplace" or prior["kwargs"].get("mu", 0) != 0 or not _is_positive(scale):
        raise PriorError(
            f"Got {prior['dist']} with {dict(prior['kwargs'])} for {DAG_WEIGHTS!r}; expected a "
            "Laplace around 0 with a number as its scale, such as "
            'Prior("Laplace", mu=0, b=0.3, dims="edge").'
        )


def _check_likelihood(prior: PlainPrior) -> None:
    if prior["dist"] not in LIKELIHOODS:
        raise PriorError(
            f"Got a {prior['dist']} likelihood; expected one of {', '.join(LIKELIHOODS)}."
        )
    allowed = {"Normal": {"sigma"}, "StudentT": {"sigma", "nu"}}[prior["dist"]]
    if set(prior["kwargs"]) != allowed:
        raise PriorError(
            f"Got hyperparameters {sorted(prior['kwargs'])} for a {prior['dist']} likelihood; "
            f"expected {sorted(allowed)} (its mean is the model)."
        )
    for name, value in prior["kwargs"].items():
        if isinstance(value, Mapping):
            _check_values(f"likelihood {name}", value, "positive", {})
        elif not _is_positive(value):
            raise PriorError(f"Got {name}={value!r} in the likelihood; expected it above zero.")


def _is_positive(value: Any) -> bool:
    """Whether a value is a finite number above zero."""
    return isinstance(value, Real) and not isinstance(value, bool) and 0 < float(value) < math.inf


def _check_values(
    name: str, prior: PlainPrior, support: Support, dim_sizes: Mapping[str, int]
) -> None:
    """Refuse hyperparameters that the distribution refuses, and mass outside the support."""
    width = dim_sizes.get(prior_dims(prior)[0], 1) if prior_dims(prior) else 1
    draws = draw_prior(name, prior, width, _SUPPORT_DRAWS, np.random.default_rng(0))
    inside = {
        "real": np.isfinite(draws),
        # A draw may round to zero: a hierarchical Gamma has mass very near it.
        "positive": np.isfinite(draws) & (draws >= 0),
        "unit": (draws >= 0) & (draws <= 1),
    }[support]
    if not inside.all():
        wanted = {"real": "finite", "positive": "above zero", "unit": "between 0 and 1"}[support]
        raise PriorError(
            f"The prior of {name!r} puts {100 * (1 - inside.mean()):.3g}% of its mass on values "
            f"that are not {wanted}; expected a distribution on values {wanted}."
        )


def _checked_hsgp(name: str, given: Any, default: PlainPrior, n_periods: int) -> PlainPrior:
    """Check settings of a smooth multiplier; those left out (or None) keep their defaults."""
    # HSGPKwargs: what its author left out keeps our default, not that class's own.
    values = (
        given.model_dump(mode="json", exclude_unset=True) if hasattr(given, "model_dump") else given
    )
    if not isinstance(values, Mapping):
        raise PriorError(
            f"Got {given!r} for {name!r}; expected HSGPKwargs or a mapping with some of "
            f"{', '.join(default)}."
        )
    for key in values:
        if key not in default:
            raise PriorError(
                f"Got {key!r} in {name!r}; expected some of {', '.join(map(repr, default))}."
            )
    settings = {key: value for key, value in values.items() if value is not None}
    if "cov_func" in settings:
        by_lower = {key.lower(): key for key in SPECTRAL_DENSITIES}
        settings["cov_func"] = by_lower.get(str(settings["cov_func"]).lower())
        if settings["cov_func"] is None:
            raise PriorError(
                f"Got cov_func={values['cov_func']!r} in {name!r}; expected one of "
                f"{', '.join(SPECTRAL_DENSITIES)}."
            )
    for key in ("m", "L", "eta_lam", "ls_mu", "ls_sigma"):
        if key in settings and not _is_positive(settings[key]):
            raise PriorError(
                f"Got {key}={settings[key]!r} in {name!r}; expected a finite number above zero."
            )
    if "m" in settings and not isinstance(settings["m"], Integral):
        raise PriorError(f"Got m={settings['m']!r} in {name!r}; expected a whole number.")
    if "L" in settings and settings["L"] <= (n_periods - 1) / 2:
        raise PriorError(
            f"Got L={settings['L']} in {name!r}; expected more than half of the {n_periods} "
            f"periods ({n_periods / 2:g}), or the basis does not span the data."
        )
    return settings


def warn_of_hopeless_priors(spec: ModelSpec, data: ModelData) -> None:
    """Warn where default priors, made for a positive target of about 1, cannot reach the target.

    Parameters
    ----------
    spec : ModelSpec
    data : ModelData
    """
    if "intercept" in spec.prior_overrides:
        return
    target = data.scaled("target")
    size = float(abs(target).max())
    if not _SIZES[0] <= size <= _SIZES[1]:
        warn_user(
            f"The target reaches {size:g} as the model sees it, and the default priors are for a "
            "target of about 1. Scale the data (scale_data=True) or give priors of that size.",
            DataWarning,
        )
    if float(target.mean()) < 0:
        warn_user(
            "The target is negative on average, and the default priors allow positive effects "
            "only. Turn its sign, or give the intercept and the saturation priors that may be "
            "negative.",
            DataWarning,
        )
