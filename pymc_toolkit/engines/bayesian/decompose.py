"""What the model says of any window, computed from posterior draws with numpy alone.

The graph that was sampled is not needed: a loaded model predicts without PyMC. A test holds every
component against pymc-marketing's own graph.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from pymc_toolkit.arrays import Array
from pymc_toolkit.components.adstock import carry_over
from pymc_toolkit.components.time_varying import (
    elapsed_share,
    fourier_modes,
    piecewise_linear_trend,
    smooth_multiplier,
)
from pymc_toolkit.engines.bayesian.blend import Blend
from pymc_toolkit.model_data import ModelData
from pymc_toolkit.model_spec import ModelSpec
from pymc_toolkit.names import (
    CHANNEL,
    CONTROL,
    DATE,
    INTERCEPT_MULTIPLIER,
    MEDIA_MULTIPLIER,
    SAMPLE,
)
from pymc_toolkit.priors import SMOOTH_PRIORS, hsgp_config, resolve


def decompose(
    posterior: xr.Dataset, spec: ModelSpec, training: ModelData, data: ModelData
) -> xr.Dataset:
    """Split the expected target of a window into components, on the scaled data.

    Parameters
    ----------
    posterior : xarray.Dataset
    spec : ModelSpec
    training : ModelData
        The window that was fitted: it sets where time starts and what is average.
    data : ModelData
        The training window, optionally followed by later periods.

    Returns
    -------
    xarray.Dataset
        ``baseline`` and ``channels``, and ``controls``, ``seasonality`` and ``trend`` where the
        model has them; dims chain, draw, date and their own.
    """
    time = np.arange(data.n_periods, dtype=float)
    multipliers = time_multipliers(posterior, spec, training.n_periods, time)
    media = earned(posterior, spec, data, effective_input(posterior, training, data))
    if MEDIA_MULTIPLIER in multipliers:
        media = media * multipliers[MEDIA_MULTIPLIER][..., None]
    baseline = posterior["intercept"].values[..., None] * multipliers.get(
        INTERCEPT_MULTIPLIER, np.ones(time.size)
    )
    parts: dict[str, tuple[tuple[str, ...], Array]] = {
        "baseline": ((*SAMPLE, DATE), baseline),
        "channels": ((*SAMPLE, DATE, CHANNEL), media),
    }
    if data.controls:
        effect = _per_coordinate(posterior, "gamma_control", CONTROL, len(data.controls))
        scaled = data.scaled("controls").transpose(DATE, CONTROL).values
        parts["controls"] = ((*SAMPLE, DATE, CONTROL), effect[..., None, :] * scaled)
    if spec.yearly_seasonality:
        modes = fourier_modes(data.dates, spec.yearly_seasonality)
        size = 2 * spec.yearly_seasonality
        amplitudes = _per_coordinate(posterior, "gamma_fourier", "fourier_mode", size)
        parts["seasonality"] = ((*SAMPLE, DATE), amplitudes @ modes.T)
    if spec.trend:
        share = elapsed_share(data.dates, training.n_periods)
        delta = _per_coordinate(posterior, "delta", "changepoint", spec.trend)
        parts["trend"] = ((*SAMPLE, DATE), piecewise_linear_trend(share, delta))
    coords = {
        **{dim: posterior[dim] for dim in SAMPLE},
        DATE: data.dataset[DATE],
        CHANNEL: data.dataset[CHANNEL],
        **({CONTROL: data.dataset[CONTROL]} if data.controls else {}),
    }
    return xr.Dataset(parts, coords=coords)


def time_multipliers(
    posterior: xr.Dataset, spec: ModelSpec, training_periods: int, time: Array
) -> dict[str, Array]:
    """Smooth multipliers over time that the model has, each of shape (chain, draw, date).

    Parameters
    ----------
    posterior : xarray.Dataset
    spec : ModelSpec
    training_periods : int
    time : ndarray of shape (date,)
        Period numbers, 0 at the start of training.
    """
    priors = resolve(spec, training_periods, has_controls=False)
    return {
        name: smooth_multiplier(
            time,
            training_periods,
            hsgp_config(priors[prior]),
            eta=posterior[f"{name}_raw_eta"].values,
            ls=posterior[f"{name}_raw_ls"].values,
            offsets=posterior[f"{name}_raw_hsgp_coefs_offset"].values,
        )
        for name, prior in SMOOTH_PRIORS.items()
        if prior in priors
    }


def respond(posterior: xr.Dataset, spec: ModelSpec, exposure: xr.DataArray) -> xr.DataArray:
    """Response of each channel to a carried-over exposure, at average effectiveness.

    Parameters
    ----------
    posterior : xarray.Dataset
    spec : ModelSpec
    exposure : xarray.DataArray
        Scaled, non-negative, with dim channel and any others.

    Returns
    -------
    xarray.DataArray
        Scaled; dims chain, draw and those of the exposure.
    """
    channels = exposure.sizes[CHANNEL]
    parameters = {
        name: xr.DataArray(values, dims=(*SAMPLE, CHANNEL))
        for name, values in component_values(posterior, "saturation", spec, channels).items()
    }
    sample = {dim: posterior[dim] for dim in SAMPLE}
    response: Any = spec.saturation_component.response(exposure.expand_dims(sample), **parameters)
    return response.assign_coords(exposure.coords)


def effective_input(posterior: xr.Dataset, training: ModelData, data: ModelData) -> Array:
    """Exposure of each channel as its curve sees it, scaled: (date, channel), or so by draw.

    What was spent; where channels drive each other, a blend of that and of what causes lead one to
    expect.
    """
    exposure: Array = data.scaled("media").transpose(DATE, CHANNEL).values
    blend = Blend.of(posterior, training)
    return blend(exposure) if blend else exposure


def earned(posterior: xr.Dataset, spec: ModelSpec, data: ModelData, exposure: Array) -> Array:
    """Contribution of each channel at average effectiveness, shape (chain, draw, date, channel)."""
    channels = exposure.shape[-1]
    kernel = spec.adstock_component.kernel(
        spec.lag_max, component_values(posterior, "adstock", spec, channels)
    )
    parameters = component_values(posterior, "saturation", spec, channels)
    return spec.saturation_component.response(
        np.maximum(carry_over(exposure, kernel), 0.0),
        **{name: values[..., None, :] for name, values in parameters.items()},
    )


def component_values(
    posterior: xr.Dataset, prefix: str, spec: ModelSpec, channels: int
) -> Mapping[str, Array]:
    """Parameters of the adstock or saturation, each of shape (chain, draw, channel)."""
    component = spec.adstock_component if prefix == "adstock" else spec.saturation_component
    return {
        parameter.name: _per_coordinate(posterior, f"{prefix}_{parameter.name}", CHANNEL, channels)
        for parameter in component.parameters
    }


def _per_coordinate(posterior: xr.Dataset, variable: str, dim: str, size: int) -> Array:
    """Draws of a variable by coordinate; a variable that all coordinates share is repeated."""
    draws = posterior[variable]
    if dim not in draws.dims:
        draws = draws.expand_dims({dim: size}, axis=-1)
    values: Array = draws.transpose(*SAMPLE, dim).values
    return values
