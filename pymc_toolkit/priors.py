"""Default priors of every part of a model, and the user's overrides by name.

Inside the package a prior is a plain mapping, ``{"dist": …, "kwargs": …, "dims": …}``: it can be
stored, hashed and compared without importing PyMC. :func:`to_upstream` turns mappings into the
``Prior`` and ``HSGPKwargs`` objects that users and the engine work with. All priors are on the
scaled data.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pymc_toolkit.components.parameter import Parameter
from pymc_toolkit.components.time_varying import HSGPConfig
from pymc_toolkit.exceptions import PriorError
from pymc_toolkit.model_spec import ModelSpec
from pymc_toolkit.names import (
    CHANGEPOINT,
    CHANNEL,
    CONTROL,
    DAG_MIX,
    DAG_WEIGHTS,
    EDGE,
    FOURIER_MODE,
    INTERCEPT_MULTIPLIER,
    MEDIA_MULTIPLIER,
    basis_dim,
)

PlainPrior = Mapping[str, Any]

MEDIA_TVP = "media_tvp_config"
INTERCEPT_TVP = "intercept_tvp_config"
# A smooth multiplier -> what its settings are called among the priors.
SMOOTH_PRIORS = {MEDIA_MULTIPLIER: MEDIA_TVP, INTERCEPT_MULTIPLIER: INTERCEPT_TVP}
# Of what a model with a channel graph has beside any other.
DAG_PRIORS: Mapping[str, PlainPrior] = {
    DAG_WEIGHTS: {"dist": "Laplace", "kwargs": {"mu": 0, "b": 0.5}, "dims": [EDGE]},
    DAG_MIX: {"dist": "Beta", "kwargs": {"alpha": 1, "beta": 9}, "dims": [CHANNEL]},
}


def default_priors(spec: ModelSpec, n_periods: int, has_controls: bool) -> dict[str, PlainPrior]:
    """Priors of every part of the model before any override.

    Parameters
    ----------
    spec : ModelSpec
    n_periods : int
        Length of the training window; the basis of a smooth multiplier spans 1.5 times it to
        either side of its middle.
    has_controls : bool

    Returns
    -------
    dict of str to mapping

    Examples
    --------
    >>> list(default_priors(ModelSpec(lag_max=4), 104, has_controls=False))
    ['intercept', 'likelihood', 'saturation_lam', 'saturation_alpha', 'adstock_alpha']
    """
    priors: dict[str, PlainPrior] = {
        "intercept": plain("HalfNormal", {"sigma": 1}),
        "likelihood": plain("Normal", {"sigma": plain("HalfNormal", {"sigma": 2})}),
    }
    if has_controls:
        priors["gamma_control"] = plain("HalfNormal", {"sigma": 1}, CONTROL)
    if spec.yearly_seasonality:
        priors["gamma_fourier"] = plain("Laplace", {"mu": 0, "b": 1}, FOURIER_MODE)
    if spec.trend:
        priors["delta"] = plain("Laplace", {"mu": 0, "b": 0.25}, CHANGEPOINT)
    smooth = HSGPConfig(50, 1.5 * n_periods, 10.0, 5.0, 5.0, "Matern52").to_dict()
    if spec.time_varying_intercept:
        priors[INTERCEPT_TVP] = smooth
    if spec.time_varying_media:
        priors[MEDIA_TVP] = smooth
    if spec.channel_dag:
        priors |= DAG_PRIORS
    for name, parameter in component_parameters(spec).items():
        priors[name] = plain(parameter.distribution, parameter.kwargs, CHANNEL)
    return priors


def resolve(spec: ModelSpec, n_periods: int, has_controls: bool) -> dict[str, PlainPrior]:
    """Priors of every part of the model with the specification's overrides in place."""
    defaults = default_priors(spec, n_periods, has_controls)
    return {
        name: {**default, **spec.prior_overrides.get(name, {})}
        if name in (MEDIA_TVP, INTERCEPT_TVP)
        else spec.prior_overrides.get(name, default)
        for name, default in defaults.items()
    }


def component_parameters(spec: ModelSpec) -> dict[str, Parameter]:
    """Saturation and adstock parameters by the name of their variable."""
    return {
        f"{prefix}_{parameter.name}": parameter
        for prefix, component in (
            ("saturation", spec.saturation_component),
            ("adstock", spec.adstock_component),
        )
        for parameter in component.parameters
    }


def smooth_priors(multiplier: str, config: HSGPConfig) -> dict[str, PlainPrior]:
    """Priors of amplitude, length scale and standardised coefficients of a smooth multiplier."""
    return {
        f"{multiplier}_raw_eta": plain("Exponential", {"lam": config.eta_lam}),
        f"{multiplier}_raw_ls": plain(
            "InverseGamma", {"mu": config.ls_mu, "sigma": config.ls_sigma}
        ),
        f"{multiplier}_raw_hsgp_coefs_offset": plain(
            "Normal", {"mu": 0, "sigma": 1}, basis_dim(multiplier)
        ),
    }


def hsgp_config(prior: PlainPrior) -> HSGPConfig:
    """Settings of a smooth multiplier from the plain form of its prior."""
    return HSGPConfig(**prior)


def plain(dist: str, kwargs: Mapping[str, Any], dims: str | None = None) -> PlainPrior:
    """The plain form of a prior."""
    dims_part = {"dims": [dims]} if dims else {}
    return {"dist": dist, "kwargs": dict(kwargs), **dims_part}


def to_upstream(priors: Mapping[str, PlainPrior]) -> dict[str, Any]:
    """Plain priors as the objects that pymc-marketing takes.

    Parameters
    ----------
    priors : Mapping of str to mapping

    Returns
    -------
    dict of str to pymc_extras.prior.Prior or pymc_marketing.hsgp_kwargs.HSGPKwargs
    """
    from pymc_extras.prior import Prior
    from pymc_marketing.hsgp_kwargs import HSGPKwargs

    return {
        name: HSGPKwargs(**{**prior, "cov_func": prior["cov_func"].lower()})
        if name in (MEDIA_TVP, INTERCEPT_TVP)
        else Prior.from_dict(prior)
        for name, prior in priors.items()
    }


def draw_prior(
    name: str, prior: PlainPrior, width: int, draws: int, rng: np.random.Generator
) -> np.ndarray:
    """Draw from a prior, its hyperpriors included; PyMC checks the hyperparameters.

    Parameters
    ----------
    name : str
        Named in errors.
    prior : mapping
    width : int
        Number of coordinates; 1 for a prior without dims.
    draws : int
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of shape (draws, width)

    Raises
    ------
    PriorError
        If PyMC refuses the distribution or a hyperparameter.
    """
    import pymc as pm
    import pytensor.tensor as pt

    distribution: Any = getattr(pm, prior["dist"], None)
    known = isinstance(distribution, type) and issubclass(distribution, pm.Distribution)
    if not known:
        raise PriorError(
            f"Got distribution {prior['dist']!r} for {name!r}; expected the name of one of PyMC's, "
            "such as 'HalfNormal'."
        )
    kwargs = {}
    for key, value in prior["kwargs"].items():
        if isinstance(value, Mapping):
            inner = width if prior_dims(value) else 1
            value = draw_prior(f"{name} {key}", value, inner, draws, rng)
        elif np.ndim(value) and np.shape(value) != ((width,) if prior_dims(prior) else ()):
            raise PriorError(
                f"Got {len(value)} values of {key} for the prior of {name!r}; expected "
                + (
                    f"{width}, one for each {prior_dims(prior)[0]}."
                    if prior_dims(prior)
                    else "one number."
                )
            )
        # One value for each coordinate may come as a list.
        kwargs[key] = np.asarray(value, float) if np.ndim(value) else value
    seed = int(rng.integers(2**31))
    try:
        # The engine's own way to the variable: it takes fewer distributions than PyMC has.
        with pm.Model(coords={dim: range(width) for dim in prior_dims(prior)}):
            to_upstream({name: prior})[name].create_variable("prior", xdist=True)
        variable = distribution.dist(**kwargs, shape=(draws, width))
        values = pm.draw(variable, random_seed=seed, mode="FAST_COMPILE")
        pm.logp(variable, values).eval(mode="FAST_COMPILE")
        if prior.get("transform"):
            module = pt if hasattr(pt, prior["transform"]) else pm.math
            values = getattr(module, prior["transform"])(values).eval(mode="FAST_COMPILE")
    except _refusals() as error:
        reason = str(error).splitlines()[0].split(". ")[0].rstrip(".")
        raise PriorError(
            f"The prior of {name!r}, {prior['dist']} with {dict(prior['kwargs'])}, is impossible: "
            f"{reason}. Give it hyperparameters that PyMC accepts."
        ) from error
    if not np.issubdtype(variable.dtype, np.floating):
        raise PriorError(
            f"Got {prior['dist']} for {name!r}, which only takes whole numbers; expected a "
            "continuous distribution."
        )
    return np.asarray(values)


def _refusals() -> tuple[type[Exception], ...]:
    """What PyMC and ``Prior`` raise for a prior that cannot be."""
    from pymc_extras import prior

    return (
        ValueError,
        TypeError,
        NotImplementedError,
        prior.UnknownTransformError,
        prior.UnsupportedDistributionError,
        prior.UnsupportedParameterizationError,
        prior.UnsupportedShapeError,
    )


def prior_dims(prior: PlainPrior) -> tuple[str, ...]:
    """Dims of a prior, which may be given as one name or as several."""
    dims = prior.get("dims") or ()
    return (dims,) if isinstance(dims, str) else tuple(dims)
