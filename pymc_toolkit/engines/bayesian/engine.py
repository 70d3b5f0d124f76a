"""The Bayesian engine: a posterior over every parameter of the model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import xarray as xr

from pymc_toolkit.arrays import Array
from pymc_toolkit.channel_graph.candidates import candidate_edges
from pymc_toolkit.components.uplift_tests import UpliftTest
from pymc_toolkit.dates import check_seasonality
from pymc_toolkit.engines.base import Fit, Unit
from pymc_toolkit.engines.bayesian.blend import Blend
from pymc_toolkit.engines.bayesian.compiled import compiled_model
from pymc_toolkit.engines.bayesian.dag import (
    check_graph,
    dag_data,
    edge_slots,
    learn_graph,
    with_graph,
)
from pymc_toolkit.engines.bayesian.decompose import decompose, respond, time_multipliers
from pymc_toolkit.engines.bayesian.graph import Structure, graph_data
from pymc_toolkit.engines.bayesian.sampling import sample, with_labels
from pymc_toolkit.engines.bayesian.uplift import modelled_effects
from pymc_toolkit.engines.bayesian.uplift_prior import amplitude_prior
from pymc_toolkit.engines.bayesian.upstream import credit_upstream
from pymc_toolkit.exceptions import SpecificationError
from pymc_toolkit.model_data import ModelData
from pymc_toolkit.model_spec import ModelSpec, Sampling
from pymc_toolkit.names import (
    CHANNEL,
    CONTROL,
    DAG_WEIGHTS,
    DATE,
    INTERCEPT_MULTIPLIER,
    MEDIA_MULTIPLIER,
    SAMPLE,
)
from pymc_toolkit.prior_checks import warn_of_hopeless_priors
from pymc_toolkit.priors import (
    SMOOTH_PRIORS,
    PlainPrior,
    component_parameters,
    draw_prior,
    hsgp_config,
    prior_dims,
    resolve,
    smooth_priors,
    to_upstream,
)
from pymc_toolkit.uplift_windows import check_uplift_tests
from pymc_toolkit.validation import check_length

# Enough for the tails of a distribution that is matched at its 5% and 95% quantiles.
_DRAWS_FOR_PRIOR = 4000


class BayesianEngine:
    """Fits with NUTS; see :class:`pymc_toolkit.engines.base.Engine` for what each method gives."""

    name = "bayesian"
    named_priors = True
    packages = ("pymc-marketing", "pymc", "pytensor", "nutpie", "numpy")

    def check(self, data: ModelData, spec: ModelSpec) -> None:
        """Refuse what this engine cannot fit: a short history, regions, others' experiments."""
        if data.is_panel:
            raise SpecificationError(
                "Got a client with several regions; the Bayesian engine fits one series. Sum the "
                "regions, or make one model for each."
            )
        check_length(data.n_periods, spec.lag_max)
        check_uplift_tests(spec.uplift_tests, data)
        if spec.channel_dag:
            spec.channel_dag.check_channels(data.channels)
            check_graph(data, spec)
        check_seasonality(spec.yearly_seasonality, data.frequency)
        if spec.engine_options:
            raise SpecificationError(
                f"Got engine_options {sorted(spec.engine_options)}; expected none, which the "
                "Bayesian engine does not have. Leave them out, or use engine='deep'."
            )

    def advise(self, data: ModelData, spec: ModelSpec) -> None:
        """Warn of default priors that cannot reach the target."""
        warn_of_hopeless_priors(spec, data)

    def recipe(self, data: ModelData, spec: ModelSpec) -> dict[str, Any]:
        """The priors."""
        return {"priors": self._priors(data, spec)}

    def plan(self, data: ModelData, spec: ModelSpec, sampling: Sampling) -> dict[str, Any]:
        """The sampler's settings."""
        return {name: value for name, value in asdict(sampling).items() if name != "random_seed"}

    def describe(self, data: ModelData, spec: ModelSpec, sampling: Sampling) -> str:
        """Chains, draws and tuning steps."""
        return f"{sampling.chains} chains, {sampling.draws} draws, and {sampling.tune} tuning steps"

    def fit(
        self,
        data: ModelData,
        spec: ModelSpec,
        sampling: Sampling,
        progressbar: bool = True,
        cores: int | None = None,
    ) -> Fit:
        """Sample the posterior."""
        self.check(data, spec)
        drawn = learn_graph(data, spec, sampling.random_seed) if spec.channel_dag else None
        edges = candidate_edges(drawn) if drawn else None
        dag = dag_data(edges, data, spec) if edges else None
        arrays = graph_data(data, spec, dag)
        slots = edge_slots(edges) if edges else 0
        model = compiled_model(Structure.of(data, spec, slots), arrays)
        draws, sample_stats = sample(model, arrays, sampling, progressbar, cores)
        posterior = with_labels(draws, data.channels, data.controls)
        if drawn and edges:
            posterior = with_graph(posterior, drawn, edges, data.channels)
        time = np.arange(data.n_periods, dtype=float)
        for name, values in time_multipliers(posterior, spec, data.n_periods, time).items():
            posterior[name] = xr.DataArray(
                values, dims=(*SAMPLE, DATE), coords={DATE: data.dataset[DATE]}
            )
        groups = {"posterior": posterior, "sample_stats": sample_stats, **_constant_groups(data)}
        return Fit(self.name, spec, sampling, data, xr.DataTree.from_dict(groups))

    def decompose(self, fit: Fit, data: ModelData) -> xr.Dataset:
        """Split the expected target of the training window, and what follows it."""
        return decompose(fit.posterior, fit.spec, fit.training, data)

    def credit_upstream(self, fit: Fit, data: ModelData) -> xr.Dataset:
        """Contributions, each credited to the channel that began it."""
        return credit_upstream(fit.posterior, fit.spec, fit.training, data)

    def channels_interact(self, fit: Fit) -> bool:
        """Where likely causes of a channel's spend reach its curve."""
        return Blend.of(fit.posterior, fit.training) is not None

    def observe(self, fit: Fit, expected: xr.DataArray, seed: int) -> xr.DataArray:
        """Add noise of the likelihood to the expected target."""
        likelihood = self._priors(fit.training, fit.spec)["likelihood"]
        rng = np.random.default_rng(seed)
        if likelihood["dist"] == "StudentT":
            nu = _likelihood_parameter(fit.posterior, likelihood, "nu")
            noise = rng.standard_t(xr.zeros_like(expected) + nu)
        else:
            noise = rng.standard_normal(expected.shape)
        sigma = _likelihood_parameter(fit.posterior, likelihood, "sigma")
        return expected + sigma * expected.copy(data=noise)

    def response(self, fit: Fit, exposure: xr.DataArray) -> xr.DataArray:
        """Response to a carried-over exposure at average effectiveness."""
        return respond(fit.posterior, fit.spec, exposure)

    def uplift_effects(self, fit: Fit, tests: Sequence[UpliftTest]) -> list[Array]:
        """What each draw says that each test measured."""
        return modelled_effects(fit.posterior, fit.spec, fit.training, tests)

    def prior_of_tests(
        self, data: ModelData, spec: ModelSpec, tests: Sequence[UpliftTest], seed: int
    ) -> dict[str, PlainPrior]:
        """Priors that say what tests measured, in place of those of the model."""
        draws = self.prior_draws(data, spec, _DRAWS_FOR_PRIOR, seed)
        return amplitude_prior(draws, self._priors(data, spec), spec, data, tests, seed)

    def unit(self, fit: Fit, variable: str) -> Unit | None:
        """Unit of a posterior variable; hyperpriors and basis coefficients have none."""
        if variable in ("intercept", "y_sigma", "gamma_fourier", "delta"):
            return {"target": 1}
        if variable == "gamma_control":
            return {"target": 1, "controls": -1}
        if variable in (MEDIA_MULTIPLIER, INTERCEPT_MULTIPLIER) or variable.endswith("_raw_ls"):
            return {}
        parameter = component_parameters(fit.spec).get(variable)
        if parameter is None or parameter.unit is None:
            return None
        of_target, of_channel = parameter.unit
        if of_channel and CHANNEL not in fit.posterior[variable].dims:
            # One value for all channels, whose units differ.
            return None
        powers = {"target": of_target, "media": of_channel}
        return {role: power for role, power in powers.items() if power}

    def priors(self, data: ModelData, spec: ModelSpec) -> dict[str, Any]:
        """Priors as pymc-marketing takes them."""
        return to_upstream(self._priors(data, spec))

    def prior_draws(self, data: ModelData, spec: ModelSpec, draws: int, seed: int) -> xr.Dataset:
        """Draws of every parameter before the data, named and scaled as the posterior."""
        coords: dict[str, Any] = {CHANNEL: data.channels, CONTROL: data.controls}
        sizes = Structure.of(data, spec).sizes
        priors = self._priors(data, spec)
        rng = np.random.default_rng(seed)
        variables: dict[str, tuple[tuple[str, ...], np.ndarray]] = {}
        for name, prior in _by_variable(priors).items():
            if name == DAG_WEIGHTS:
                # Of which edges is up to the data.
                continue
            dims = prior_dims(prior)
            width = sizes[dims[0]] if dims else 1
            drawn = draw_prior(name, prior, width, draws, rng)
            shape = (1, draws, width) if dims else (1, draws)
            variables[name] = (*SAMPLE, *dims), drawn.reshape(shape)
        present = {dim for dims, _ in variables.values() for dim in dims}
        labels = {dim: names for dim, names in coords.items() if dim in present}
        return xr.Dataset(variables, {"chain": [0], "draw": range(draws), **labels})

    def _priors(self, data: ModelData, spec: ModelSpec) -> dict[str, PlainPrior]:
        return resolve(spec, data.n_periods, bool(data.controls))


def _constant_groups(data: ModelData) -> dict[str, xr.Dataset]:
    """What was fixed during sampling, in original units."""
    arrays = data.to_arrays()
    return {
        "observed_data": arrays[["target"]].rename(target="y"),
        "constant_data": arrays.drop_vars("target"),
    }


def _likelihood_parameter(
    posterior: xr.Dataset, likelihood: PlainPrior, name: str
) -> xr.DataArray | float:
    """Draws of a parameter of the likelihood, or its value where it was given as a number."""
    variable = f"y_{name}"
    return posterior[variable] if variable in posterior else likelihood["kwargs"][name]


def _by_variable(priors: dict[str, PlainPrior]) -> dict[str, PlainPrior]:
    """Priors by the posterior variable that each of them is of."""
    variables: dict[str, PlainPrior] = {}
    multipliers = {prior: multiplier for multiplier, prior in SMOOTH_PRIORS.items()}
    for name, prior in priors.items():
        if name == "likelihood":
            for parameter, value in prior["kwargs"].items():
                if isinstance(value, dict):
                    variables[f"y_{parameter}"] = value
        elif name in multipliers:
            variables |= smooth_priors(multipliers[name], hsgp_config(prior))
        else:
            variables[name] = prior
    return variables
