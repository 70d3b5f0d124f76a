"""Experiments in the model: a second likelihood in its graph, and the same from posterior draws."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from pymc_toolkit.arrays import Array
from pymc_toolkit.components.adstock import carry_over
from pymc_toolkit.components.saturation import Saturation
from pymc_toolkit.components.uplift_tests import (
    BOUND,
    ROBUST,
    ROBUST_NU,
    UpliftTest,
    measured_effect,
)
from pymc_toolkit.engines.bayesian.blend import Blend
from pymc_toolkit.engines.bayesian.decompose import component_values, time_multipliers
from pymc_toolkit.model_data import ModelData
from pymc_toolkit.model_spec import ModelSpec
from pymc_toolkit.names import CHANNEL, DATE, LAG, MEDIA_MULTIPLIER
from pymc_toolkit.uplift_windows import UpliftArrays, uplift_arrays, uplift_rows


def uplift_sizes(spec: ModelSpec) -> dict[str, int]:
    """Number of rows of each kind of test, by its dim."""
    return {f"uplift_{kind}": count for kind, count in uplift_rows(spec.uplift_tests).items()}


def uplift_data(data: ModelData, spec: ModelSpec) -> dict[str, tuple[tuple[str, ...], Array]]:
    """The arrays of a model's tests that its graph takes, by name, each with its dims."""
    arrays: dict[str, tuple[tuple[str, ...], Array]] = {}
    for kind, rows in uplift_arrays(spec.uplift_tests, data, spec.lag_max).items():
        row = f"uplift_{kind}"
        # A product with ones and zeros picks each row's channel.
        chosen = (rows.channel[:, None] == np.arange(len(data.channels))).astype(float)
        arrays |= {
            f"{row}_channel": ((row, CHANNEL), chosen),
            f"{row}_with": ((row, LAG, DATE), rows.with_change),
            f"{row}_without": ((row, LAG, DATE), rows.without),
            f"{row}_weights": ((row, DATE), rows.weights),
            f"{row}_sigma": ((row,), rows.sigma),
        }
        given = ("lower", "upper") if kind == BOUND else ("effect",)
        # A limit that is not there is one that no effect reaches, and still a number.
        arrays |= {
            f"{row}_{name}": ((row,), np.clip(getattr(rows, name), -1e100, 1e100)) for name in given
        }
    return arrays


def add_uplift_tests(
    kinds: Sequence[str],
    data: Mapping[str, Any],
    kernel: Any,
    curve: Saturation,
    parameters: Mapping[str, Any],
    multiplier: Any | None,
    beside: Any | None = None,
) -> None:
    """Let tests speak to the model at hand, in its graph.

    Parameters
    ----------
    kinds : sequence of str
        Dims of the kinds of test that there are.
    data : Mapping of str to Variable
        The arrays of :func:`uplift_data`.
    kernel : Variable of shape (channel, lag)
    curve : Saturation
    parameters : Mapping of str to Variable of shape (channel,)
    multiplier : Variable of shape (date,), optional
    beside : Variable of shape (channel, date), optional
        What reaches a channel's curve beside its own spend.
    """
    import pymc as pm
    import pytensor.tensor as pt

    for row in kinds:
        chosen, weights = data[f"{row}_channel"], data[f"{row}_weights"]
        modelled = measured_effect(
            pt.dot(chosen, kernel),
            {name: pt.dot(chosen, value)[:, None] for name, value in parameters.items()},
            curve,
            (data[f"{row}_with"], data[f"{row}_without"]),
            weights if multiplier is None else weights * multiplier,
            pt.vecmat,
            0.0 if beside is None else pt.dot(chosen, beside),
            xp=pt,
        )
        sigma = data[f"{row}_sigma"]
        if row == f"uplift_{BOUND}":
            # Without a jump: its slope leads back from outside.
            outside = pt.maximum(data[f"{row}_lower"] - modelled, 0.0) + pt.maximum(
                modelled - data[f"{row}_upper"], 0.0
            )
            pm.Potential(f"{row}_penalty", -0.5 * ((outside / sigma) ** 2).sum())
            continue
        observed: dict[str, Any] = {"observed": data[f"{row}_effect"], "mu": modelled}
        if row == f"uplift_{ROBUST}":
            pm.StudentT(f"{row}_measured", nu=np.asarray(ROBUST_NU), sigma=sigma, **observed)
        else:
            pm.Normal(f"{row}_measured", sigma=sigma, **observed)


def modelled_effects(
    posterior: xr.Dataset, spec: ModelSpec, training: ModelData, tests: Sequence[UpliftTest]
) -> list[Array]:
    """What each draw says that each test measured, on the scaled data.

    Parameters
    ----------
    posterior : xarray.Dataset
    spec : ModelSpec
    training : ModelData
        The window that was fitted.
    tests : sequence of UpliftTest

    Returns
    -------
    list of ndarray of shape (chain, draw, row)
        By test: one value, or one a period of its window.
    """
    time = np.arange(training.n_periods, dtype=float)
    multiplier = time_multipliers(posterior, spec, training.n_periods, time).get(MEDIA_MULTIPLIER)
    channels = len(training.channels)
    kernel = spec.adstock_component.kernel(
        spec.lag_max, component_values(posterior, "adstock", spec, channels)
    )
    parameters = component_values(posterior, "saturation", spec, channels)
    beside = None
    blend = Blend.of(posterior, training)
    if blend:
        exposure = training.scaled("media").transpose(DATE, CHANNEL).values
        expected = (1 - blend.own)[..., None, :] * blend.expected(exposure)
        beside, kernel = carry_over(expected, kernel), kernel * blend.own[..., None]
    effects: list[Array] = [np.empty(0)] * len(tests)
    for rows in uplift_arrays(tests, training, spec.lag_max).values():
        for test in np.unique(rows.test):
            effects[test] = _modelled(
                rows, rows.test == test, spec, kernel, parameters, multiplier, beside
            )
    return effects


def _modelled(
    rows: UpliftArrays,
    chosen: Array,
    spec: ModelSpec,
    kernel: Array,
    parameters: Mapping[str, Array],
    multiplier: Array | None,
    beside: Array | None,
) -> Array:
    """Rows of one kind and test, of shape (chain, draw, row)."""
    channel, weights = rows.channel[chosen], rows.weights[chosen]
    modelled: Array = measured_effect(
        kernel[..., channel, :],
        {name: values[..., channel, None] for name, values in parameters.items()},
        spec.saturation_component,
        (rows.with_change[chosen], rows.without[chosen]),
        weights if multiplier is None else weights * multiplier[..., None, :],
        lambda kernels, lagged: np.einsum("...rl,rld->...rd", kernels, lagged),
        0.0 if beside is None else np.moveaxis(beside, -1, -2)[..., channel, :],
    )
    return modelled
