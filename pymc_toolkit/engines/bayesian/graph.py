"""The model as a PyMC graph that is made for sampling.

It is pymc-marketing's model to the last digit of its density (a test holds the two against each
other), but for three things. Data are inputs, of any number of periods, so that one compilation
serves every window of a client. Carry-over is a product with lagged exposures. And nothing is in it
that only reports need: that is computed afterwards.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from pymc_toolkit.arrays import Array
from pymc_toolkit.components.time_varying import (
    basis_functions,
    basis_scales,
    elapsed_share,
    fourier_modes,
    log_relative,
    trend_basis,
)
from pymc_toolkit.engines.bayesian.dag import add_channel_dag
from pymc_toolkit.engines.bayesian.uplift import add_uplift_tests, uplift_data, uplift_sizes
from pymc_toolkit.model_data import ModelData
from pymc_toolkit.model_spec import ModelSpec, digest_of
from pymc_toolkit.names import (
    CHANGEPOINT,
    CHANNEL,
    CONTROL,
    DATE,
    EDGE,
    FOURIER_MODE,
    INTERCEPT_MULTIPLIER,
    LAG,
    MEDIA_MULTIPLIER,
    basis_dim,
)
from pymc_toolkit.priors import (
    DAG_PRIORS,
    SMOOTH_PRIORS,
    PlainPrior,
    component_parameters,
    hsgp_config,
    prior_dims,
    resolve,
    smooth_priors,
    to_upstream,
)

if TYPE_CHECKING:
    import pymc as pm

NamedArrays = Mapping[str, tuple[tuple[str, ...], Array]]

# What a plain prior may hold for PyMC to take it as it is.
_SIMPLE = {"dist", "kwargs", "dims"}
_SIZE_OF_DARK = 0.01
# How far coefficients are centred before their posterior has been seen.
_HALFWAY = 0.3


@dataclass(frozen=True)
class Structure:
    """All of a model but its data: models that agree in it share one compilation.

    Parameters
    ----------
    spec : ModelSpec
    n_channels, n_controls : int
    n_edges : int
        Room for edges of the channel graph, as ``edge_slots`` counts it.
    """

    spec: ModelSpec
    n_channels: int
    n_controls: int
    n_edges: int = 0

    @classmethod
    def of(cls, data: ModelData, spec: ModelSpec, n_edges: int = 0) -> Structure:
        """The structure of a client's model."""
        return cls(spec, len(data.channels), len(data.controls), n_edges)

    @cached_property
    def priors(self) -> dict[str, PlainPrior]:
        """Priors by name. Where a basis ends is data, since it goes with the window."""
        # Any length would do here: only the basis depends on it.
        return resolve(self.spec, 1, bool(self.n_controls))

    @cached_property
    def sizes(self) -> dict[str, int]:
        """Length of every dim but the date."""
        priors = self.priors
        sizes = {CHANNEL: self.n_channels, CONTROL: self.n_controls, LAG: self.spec.lag_max}
        sizes |= {FOURIER_MODE: 2 * (self.spec.yearly_seasonality or 0)}
        sizes |= {CHANGEPOINT: self.spec.trend or 0, EDGE: self.n_edges}
        for multiplier, prior in SMOOTH_PRIORS.items():
            if prior in priors:
                sizes[basis_dim(multiplier)] = hsgp_config(priors[prior]).m
        sizes |= uplift_sizes(self.spec)
        return {dim: size for dim, size in sizes.items() if size}

    def digest(self) -> str:
        """SHA-256 of all that decides the graph."""
        # Of tests only their number counts, which is among the sizes: what they measured is data.
        spec = {**self.spec.to_dict(), "prior_overrides": None, "uplift_tests": None}
        # Of a channel graph without edges to weigh nothing is in the graph of the model.
        dag = self.spec.channel_dag if self.n_edges else None
        spec["channel_dag"] = [dag.mode, dag.acyclicity] if dag else None
        priors = {
            name: {key: value for key, value in prior.items() if key != "L"}
            for name, prior in self.priors.items()
            if dag or name not in DAG_PRIORS
        }
        return digest_of({"spec": spec, "priors": priors, "sizes": self.sizes})


@dataclass(frozen=True)
class Graph:
    """A model's graph, with what a choice of coordinates wants to know of it.

    Parameters
    ----------
    model : pymc.Model
    inputs : Mapping of str to tuple
        The variable of each array of :func:`graph_data`, and its dims.
    unit_responses : Mapping of str to Variable
        By variable: the average size, over the window, of what one unit of it adds to the target.
        Of the amplitude of the channels and of the effect of the controls.
    centrings : Mapping of str to Variable
        By variable of standardised coefficients: the logarithm of their standard deviation,
        relative to what is usual, times how far they are centred.
    """

    model: pm.Model
    inputs: Mapping[str, tuple[Any, tuple[str, ...]]]
    unit_responses: Mapping[str, Any]
    centrings: Mapping[str, Any]


def graph_data(
    data: ModelData, spec: ModelSpec, dag: NamedArrays | None = None
) -> dict[str, tuple[tuple[str, ...], Array]]:
    """The arrays that the graph takes, scaled, by name, each with its dims.

    Parameters
    ----------
    data : ModelData
        The window to fit.
    spec : ModelSpec
    dag : Mapping, optional
        Arrays of the channel graph's candidate edges, where it has any.

    Returns
    -------
    dict of str to (dims, ndarray)
    """
    # One behind the other, whatever their past: sums go with the order in memory.
    media = np.ascontiguousarray(data.scaled("media").transpose(DATE, CHANNEL).values)
    # Dates lie closest: they are many, and loops over them fill the processor's registers.
    lagged = np.zeros((media.shape[1], spec.lag_max, len(media)))
    for lag in range(min(spec.lag_max, len(media))):
        lagged[:, lag, lag:] = media.T[:, : len(media) - lag]
    arrays: dict[str, tuple[tuple[str, ...], Array]] = {
        "target_data": ((DATE,), data.scaled("target").values),
        "media_data": ((CHANNEL, LAG, DATE), lagged),
        **_usual_media(media),
    }
    if data.controls:
        scaled = data.scaled("controls").transpose(DATE, CONTROL).values
        controls = np.ascontiguousarray(scaled)
        arrays["control_data"] = ((DATE, CONTROL), controls)
        sizes = np.abs(controls).mean(axis=0)
        arrays["control_sizes"] = ((CONTROL,), np.where(sizes > 0, sizes, _SIZE_OF_DARK))
    priors = resolve(spec, data.n_periods, bool(data.controls))
    time = np.arange(data.n_periods, dtype=float)
    for multiplier, prior in SMOOTH_PRIORS.items():
        if prior in priors:
            dim = basis_dim(multiplier)
            basis, frequencies = basis_functions(time, time.mean(), hsgp_config(priors[prior]))
            arrays[f"{multiplier}_basis"] = ((DATE, dim), basis)
            arrays[f"{multiplier}_frequencies"] = ((dim,), frequencies)
            arrays[centring(multiplier)] = ((dim,), np.full(frequencies.size, _HALFWAY))
    if spec.yearly_seasonality:
        modes = fourier_modes(data.dates, spec.yearly_seasonality)
        arrays["season_basis"] = ((DATE, FOURIER_MODE), modes)
    if spec.trend:
        share = elapsed_share(data.dates, data.n_periods)
        arrays["trend_basis"] = ((DATE, CHANGEPOINT), trend_basis(share, spec.trend))
    arrays |= {**uplift_data(data, spec), **(dag or {})}
    return {
        name: (dims, np.array(values, float, order="C")) for name, (dims, values) in arrays.items()
    }


def centring(multiplier: str) -> str:
    """Name of the array that says how far coefficients are centred, from 0 to 1."""
    return f"{multiplier}_centring"


def _usual_media(media: Array) -> dict[str, tuple[tuple[str, ...], Array]]:
    """What each channel has while it is on air, and the share of periods in which it is.

    A channel that was never on air earns nothing; it is given a size all the same.
    """
    duty = (media > 0).mean(axis=0)
    dark = duty == 0
    usual = media.sum(axis=0) / np.where(dark, 1.0, duty * len(media))
    return {
        "media_usual": ((CHANNEL,), np.where(dark, 1.0, usual)),
        "media_duty": ((CHANNEL,), np.where(dark, _SIZE_OF_DARK, duty)),
    }


def build_graph(structure: Structure, arrays: Mapping[str, tuple[tuple[str, ...], Array]]) -> Graph:
    """Build the graph of a model.

    Parameters
    ----------
    structure : Structure
    arrays : Mapping
        As :func:`graph_data` gives them.

    Returns
    -------
    Graph
    """
    import pymc as pm
    import pytensor.tensor as pt

    spec, priors = structure.spec, structure.priors
    with pm.Model(coords={dim: range(n) for dim, n in structure.sizes.items()}) as model:
        inputs = {name: (pm.Data(name, values), dims) for name, (dims, values) in arrays.items()}
        data = {name: variable for name, (variable, _) in inputs.items()}
        make = _VariableMaker(structure.sizes)
        unit_responses: dict[str, Any] = {}
        centrings: dict[str, Any] = {}

        media = _media(make, structure, data, unit_responses)
        earned, multiplier = media.earned, None
        if spec.time_varying_media:
            multiplier = _multiplier(make, MEDIA_MULTIPLIER, structure, data, centrings)
            earned = earned * multiplier
        baseline = make("intercept", priors["intercept"])
        if spec.time_varying_intercept:
            baseline = baseline * _multiplier(
                make, INTERCEPT_MULTIPLIER, structure, data, centrings
            )
        expected = baseline + earned
        for name, array in (
            ("gamma_control", "control_data"),
            ("gamma_fourier", "season_basis"),
            ("delta", "trend_basis"),
        ):
            if array in data:
                effect = make.vector(name, priors[name], inputs[array][1][1])
                expected = expected + pt.dot(data[array], effect)
        if "control_data" in data:
            unit = data["control_sizes"]
            shared = not prior_dims(priors["gamma_control"])
            unit_responses["gamma_control"] = unit.sum() if shared else unit
        _likelihood(make, priors["likelihood"], expected, data["target_data"])
        add_uplift_tests(
            list(uplift_sizes(spec)),
            data,
            media.kernel,
            spec.saturation_component,
            media.parameters,
            multiplier,
            media.beside,
        )
    return Graph(model, inputs, unit_responses, centrings)


@dataclass(frozen=True)
class _Media:
    """What all channels earn in each period, at average effectiveness, and how."""

    earned: Any
    # Of each channel's own spend, by lag; parameters of its curve; what else reaches that.
    kernel: Any
    parameters: dict[str, Any]
    beside: Any | None = None


def _media(
    make: _VariableMaker,
    structure: Structure,
    data: Mapping[str, Any],
    unit_responses: dict[str, Any],
) -> _Media:
    import pytensor.tensor as pt

    spec, priors = structure.spec, structure.priors
    values = {name: make.vector(name, priors[name], CHANNEL) for name in component_parameters(spec)}
    by_prefix = {
        prefix: {
            name.removeprefix(prefix): value
            for name, value in values.items()
            if name.startswith(prefix)
        }
        for prefix in ("adstock_", "saturation_")
    }
    kernel = spec.adstock_component.kernel(spec.lag_max, by_prefix["adstock_"], xp=pt)
    # Not as a sum over lags: its derivative would compute all that follows anew for each of them.
    carried, beside = pt.vecmat(kernel, data["media_data"]), None
    if "dag_media" in data:
        carried, own, beside = add_channel_dag(make, spec, priors, data, kernel, carried)
        kernel = kernel * own[:, None]
    curve, parameters = spec.saturation_component, dict(by_prefix["saturation_"])
    by_channel = {name: value[:, None] for name, value in parameters.items()}
    if curve.amplitude is None:
        earned = curve.response(carried, xp=pt, **by_channel).sum(axis=0)
        return _Media(earned, kernel, by_prefix["saturation_"], beside)
    amplitude = by_channel.pop(curve.amplitude)
    share = curve.response(carried, xp=pt, **by_channel, **{curve.amplitude: 1.0})
    del parameters[curve.amplitude]
    name = f"saturation_{curve.amplitude}"
    usual = curve.response(data["media_usual"], xp=pt, **parameters, **{curve.amplitude: 1.0})
    average = usual * data["media_duty"]
    unit_responses[name] = average if prior_dims(priors[name]) else average.sum()
    return _Media((amplitude * share).sum(axis=0), kernel, by_prefix["saturation_"], beside)


def _multiplier(
    make: _VariableMaker,
    name: str,
    structure: Structure,
    data: Mapping[str, Any],
    centrings: dict[str, Any],
) -> Any:
    """A smooth multiplier over time that averages one."""
    import pytensor.tensor as pt

    config = hsgp_config(structure.priors[SMOOTH_PRIORS[name]])
    eta, ls, offsets = (
        make(variable, prior) for variable, prior in smooth_priors(name, config).items()
    )
    scale = basis_scales(data[f"{name}_frequencies"], config, eta, ls, xp=pt)
    centrings[offsets.name] = data[centring(name)] * log_relative(scale, config, xp=pt)
    latent = pt.softplus(pt.dot(data[f"{name}_basis"], offsets * scale))
    return latent / latent.mean()


def _likelihood(make: _VariableMaker, prior: PlainPrior, expected: Any, target: Any) -> None:
    import pymc as pm

    parameters = {
        name: make(f"y_{name}", value) if isinstance(value, Mapping) else np.asarray(value, float)
        for name, value in prior["kwargs"].items()
    }
    getattr(pm, prior["dist"])("y", mu=expected, observed=target, **parameters)


class _VariableMaker:
    """Makes the variable of a prior within the model at hand."""

    def __init__(self, sizes: Mapping[str, int]) -> None:
        self._sizes = sizes

    def __call__(self, name: str, prior: PlainPrior) -> Any:
        import pymc as pm

        if not self._is_simple(prior):
            # Transformed and non-centred priors: the library that defines them makes them.
            return to_upstream({name: prior})[name].create_variable(name)
        kwargs = {
            # As an array: PyTensor would make a single precision number of a plain 10.0.
            key: self(f"{name}_{key}", value)
            if isinstance(value, Mapping)
            else np.asarray(value, float)
            for key, value in prior["kwargs"].items()
        }
        dims = prior_dims(prior)
        shape = tuple(self._sizes[dim] for dim in dims)
        return getattr(pm, prior["dist"])(name, **kwargs, shape=shape, dims=dims or None)

    def vector(self, name: str, prior: PlainPrior, dim: str) -> Any:
        """The same by coordinate, also where all coordinates share one value."""
        import pytensor.tensor as pt

        variable = self(name, prior)
        return variable if prior_dims(prior) else pt.alloc(variable, self._sizes[dim])

    def _is_simple(self, prior: PlainPrior) -> bool:
        inner = [value for value in prior["kwargs"].values() if isinstance(value, Mapping)]
        return set(prior) <= _SIMPLE and all(self._is_simple(value) for value in inner)
