"""Fits made by hand, so that what follows from a fit can be tested without sampling."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from pymc_toolkit.arrays import Array
from pymc_toolkit.client_config import ClientConfig
from pymc_toolkit.components.channel_dag import ChannelDag
from pymc_toolkit.engines.base import Fit
from pymc_toolkit.engines.bayesian.decompose import time_multipliers
from pymc_toolkit.engines.bayesian.engine import BayesianEngine, _constant_groups
from pymc_toolkit.fleets.job import Subject
from pymc_toolkit.fleets.runner import Running
from pymc_toolkit.model_data import ModelData
from pymc_toolkit.model_spec import ModelSpec, Sampling
from pymc_toolkit.names import (
    CHANNEL,
    CONTROL,
    DAG_ADJACENCY,
    DAG_LAGGED,
    DAG_MIX,
    DAG_WEIGHTS,
    DATE,
    EDGE,
    EFFECT,
    LAG,
    SAMPLE,
)
from pymc_toolkit.priors import (
    INTERCEPT_TVP,
    MEDIA_TVP,
    component_parameters,
    hsgp_config,
    resolve,
)
from pymc_toolkit.simulate import simulate_client

QUIET = Running(progressbar=False)
# For tests that need a sampler but not its result to be good.
TINY = {"draws": 20, "tune": 20, "chains": 2, "progressbar": False}


def small_config(
    n_periods: int = 30, n_channels: int = 2, controls: bool = True, seed: int = 0, **options: Any
) -> ClientConfig:
    """Make a simulated weekly client."""
    client = simulate_client(n_periods=n_periods, n_channels=n_channels, seed=seed)
    names = client.control_names if controls else None
    return ClientConfig(client.data, "revenue", "date_week", client.channel_names, names, **options)


def small_subject(config: ClientConfig | None = None, **options: Any) -> Subject:
    """Make what a fleet tests: a simulated client, and few draws."""
    given = {
        "config": small_config(40) if config is None else config,
        "engine": "bayesian",
        "spec": ModelSpec(lag_max=3, time_varying_media=True),
        "sampling": Sampling(draws=10, tune=1, chains=2, random_seed=4),
        **options,
    }
    return Subject(**given)


def small_data(n_periods: int = 30, n_channels: int = 2, controls: bool = True) -> ModelData:
    """Make the arrays of a simulated weekly client."""
    return small_config(n_periods, n_channels, controls).model_data


def fake_posterior(
    data: ModelData, spec: ModelSpec, chains: int = 2, draws: int = 4, seed: int = 0
) -> xr.Dataset:
    """Draw every parameter of a model from where it may lie, independently of the data."""
    rng = np.random.default_rng(seed)
    n_channels, n_controls = len(data.channels), len(data.controls)
    values: dict[str, tuple[tuple[str, ...], np.ndarray]] = {}

    def put(name: str, low: float, high: float, dim: str | None = None, size: int = 0) -> None:
        shape = (chains, draws, size) if dim else (chains, draws)
        dims = (*SAMPLE, dim) if dim else SAMPLE
        values[name] = dims, rng.uniform(low, high, shape)

    put("intercept", 0.1, 1.0)
    put("y_sigma", 0.01, 0.1)
    for name, parameter in component_parameters(spec).items():
        low, high = (0.1, 0.9) if parameter.support == "unit" else (0.2, 2.0)
        put(name, low, high, CHANNEL, n_channels)
    if n_controls:
        put("gamma_control", 0.0, 0.5, CONTROL, n_controls)
    if spec.yearly_seasonality:
        put("gamma_fourier", -0.2, 0.2, "fourier_mode", 2 * spec.yearly_seasonality)
    if spec.trend:
        put("delta", -0.3, 0.3, "changepoint", spec.trend)
    priors = resolve(spec, data.n_periods, bool(n_controls))
    if priors["likelihood"]["dist"] == "StudentT":
        put("y_nu", 3.0, 30.0)
    for process, prior, present in (
        ("media_temporal_latent_multiplier", MEDIA_TVP, spec.time_varying_media),
        ("intercept_latent_process", INTERCEPT_TVP, spec.time_varying_intercept),
    ):
        if present:
            basis = hsgp_config(priors[prior]).m
            put(f"{process}_raw_eta", 0.1, 1.0)
            put(f"{process}_raw_ls", 2.0, 10.0)
            put(f"{process}_raw_hsgp_coefs_offset", -1.5, 1.5, f"{process}_raw_m", basis)
    coords: dict[str, Any] = {"chain": range(chains), "draw": range(draws)}
    coords[CHANNEL] = data.channels
    if spec.channel_dag:
        put(DAG_MIX, 0.0, 0.2, CHANNEL, n_channels)
        graph, ends = fake_graph(spec.channel_dag, data.channels, (chains, draws), rng)
        values |= graph
        coords |= {EFFECT: data.channels, **ends}
    if n_controls:
        coords[CONTROL] = data.controls
    posterior = xr.Dataset(values, coords=coords)
    time = np.arange(data.n_periods, dtype=float)
    for name, drawn in time_multipliers(posterior, spec, data.n_periods, time).items():
        posterior[name] = xr.DataArray(
            drawn, dims=(*SAMPLE, DATE), coords={DATE: data.dataset[DATE]}
        )
    return posterior


def fake_graph(
    dag: ChannelDag, channels: list[str], shape: tuple[int, int], rng: np.random.Generator
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Draw a graph's variables, every other draw with its first edge, and the ends of two edges."""
    n, allowed = len(channels), dag.allowed(channels)
    # Forward in the order of the channels, and what is required.
    there = np.triu(allowed) | dag.needed(channels)
    now = rng.uniform(0.2, 0.6, (*shape, n, n)) * there
    now[..., ::2, :, :] *= dag.needed(channels)
    before = rng.uniform(-0.1, 0.3, (*shape, dag.lags, n, n)) * (allowed | np.eye(n, dtype=bool))
    variables = {
        DAG_ADJACENCY: ((*SAMPLE, CHANNEL, EFFECT), now),
        DAG_WEIGHTS: ((*SAMPLE, EDGE), rng.uniform(-0.3, 0.6, (*shape, 2))),
    }
    if dag.lags:
        variables[DAG_LAGGED] = ((*SAMPLE, LAG, CHANNEL, EFFECT), before)
    ends = {
        "edge_cause": (EDGE, np.array([0, n - 1])),
        "edge_effect": (EDGE, np.array([1, 0])),
        "edge_lag": (EDGE, np.array([0, min(1, dag.lags)])),
    }
    return variables, ends


def fake_fit(
    data: ModelData | None = None,
    spec: ModelSpec | None = None,
    *,
    chains: int = 2,
    draws: int = 4,
    seed: int = 0,
    diverging: int = 0,
    depth: int = 3,
    fixed: Mapping[str, Any] | None = None,
) -> Fit:
    """Make a fit from parameter draws that no sampler saw.

    ``fixed`` gives variables values of its own, broadcast over chain and draw.
    """
    data = small_data() if data is None else data
    spec = ModelSpec(lag_max=3) if spec is None else spec
    posterior = fake_posterior(data, spec, chains, draws, seed)
    for name, value in (fixed or {}).items():
        old = posterior[name]
        posterior[name] = old.copy(data=np.broadcast_to(np.asarray(value, float), old.shape).copy())
    diverged = np.zeros(chains * draws, dtype=bool)
    diverged[:diverging] = True
    stats = xr.Dataset(
        {
            "diverging": (SAMPLE, diverged.reshape(chains, draws)),
            "depth": (SAMPLE, np.full((chains, draws), depth, dtype="uint64")),
        },
        coords={dim: posterior[dim] for dim in SAMPLE},
    )
    groups = {"posterior": posterior, "sample_stats": stats, **_constant_groups(data)}
    sampling = Sampling(draws, 1, chains, random_seed=seed)
    return Fit("bayesian", spec, sampling, data, xr.DataTree.from_dict(groups))


def real_draws() -> Array:
    """Sample a small model in earnest: a few draws of the half saturations of its channels."""
    data, spec = small_config(40).model_data, ModelSpec(lag_max=2)
    run = Sampling(draws=50, tune=300, chains=2)
    draws: Array = BayesianEngine().fit(data, spec, run, False).posterior["saturation_lam"].values
    return draws


class FakeSampler:
    """Stands in for ``BayesianEngine.fit``: answers with fake fits and remembers what was asked."""

    def __init__(self, **options: Any) -> None:
        self.options = options
        self.calls: list[tuple[ModelData, ModelSpec, Sampling]] = []
        self.cores: list[int | None] = []

    def __call__(
        self,
        data: ModelData,
        spec: ModelSpec,
        sampling: Sampling,
        progressbar: bool = True,
        cores: int | None = None,
    ) -> Fit:
        BayesianEngine().check(data, spec)
        self.calls.append((data, spec, sampling))
        self.cores.append(cores)
        fit = fake_fit(
            data,
            spec,
            chains=sampling.chains,
            draws=sampling.draws,
            seed=sampling.random_seed,
            **self.options,
        )
        return Fit(fit.engine, spec, sampling, data, fit.idata)
