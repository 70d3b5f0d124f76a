"""Sample a compiled model with nutpie: a pilot run to learn the posterior's shape, then the run."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from pymc_toolkit.arrays import Array
from pymc_toolkit.components.time_varying import basis_scales, log_relative
from pymc_toolkit.engines.bayesian.compiled import Affine, Arrays, CompiledModel
from pymc_toolkit.engines.bayesian.graph import centring
from pymc_toolkit.model_spec import Sampling
from pymc_toolkit.names import CHANGEPOINT, CHANNEL, CONTROL
from pymc_toolkit.priors import SMOOTH_PRIORS, hsgp_config, smooth_priors

# Shares of the draws thrown away: to tune the pilot, to learn from it, and to tune the run.
_PILOT_TUNE, _PILOT_DRAWS = 0.4, 0.4
# With fewer draws to throw away there is no pilot: it would learn nothing.
_FEWEST_FOR_PILOT = 200
# The pilot only has to find the shape, and may take larger steps and turn back before the end of a
# long way, whose length whitening then takes.
_PILOT_ACCEPT = 0.8
_PILOT_DEPTH = 5


def sample(
    model: CompiledModel,
    arrays: Arrays,
    sampling: Sampling,
    progressbar: bool,
    cores: int | None = None,
) -> tuple[xr.Dataset, xr.Dataset]:
    """Draw from the posterior of a model.

    Most of ``sampling.tune`` goes into a pilot run, from whose draws the mean and the covariance
    of the posterior are estimated; the run itself then takes place where these are zero and
    one, starting from draws of the pilot.

    Parameters
    ----------
    model : CompiledModel
    arrays : Mapping
        As :func:`pymc_toolkit.engines.bayesian.graph.graph_data` gives them.
    sampling : Sampling
    progressbar : bool
    cores : int, optional
        Chains that run at the same time; as many as there are cores by default.

    Returns
    -------
    posterior, sample_stats : xarray.Dataset
    """
    from threadpoolctl import threadpool_limits

    seeds = np.random.SeedSequence(sampling.random_seed).generate_state(2).tolist()
    common = {"chains": sampling.chains, "cores": min(sampling.chains, cores or _all_cores())}
    # Chains run side by side, and a gradient is too small for BLAS to share among further threads.
    # Sums over a number of threads that depends on the machine would also round otherwise.
    with threadpool_limits(limits=1):
        arrays, affine, first, used = _learn(model, arrays, sampling.tune, seeds[0], common)
        trace = _run(
            model.bind(arrays, affine, first),
            tune=sampling.tune - used,
            draws=sampling.draws,
            target_accept=sampling.target_accept,
            # After a pilot scales are near one: few draws suffice to correct them.
            adaptation="draw_diag" if used else "diag",
            seed=seeds[1],
            progress_bar=progressbar,
            **common,
        )
    stats = trace["sample_stats"].to_dataset()
    # Texts, such as messages of divergences, have no place in a file of arrays.
    kept = [name for name in stats.data_vars if stats[name].dtype != object]
    return trace["posterior"].to_dataset()[list(model.names)], stats[kept]


def _learn(
    model: CompiledModel, arrays: Arrays, tune: int, seed: int, common: Mapping[str, int]
) -> tuple[Arrays, Affine, Callable[[int], Array], int]:
    """In which coordinates to sample, where to start, and how many draws a chain that took."""
    affine = model.first_guess(arrays)
    first = _scattered(affine.centre.size)
    if tune < _FEWEST_FOR_PILOT:
        return arrays, affine, first, 0
    tuning, draws = int(tune * _PILOT_TUNE), int(tune * _PILOT_DRAWS)
    trace = _run(
        model.bind(arrays, affine, first),
        tune=tuning,
        draws=draws,
        target_accept=_PILOT_ACCEPT,
        maxdepth=_PILOT_DEPTH,
        seed=seed,
        progress_bar=False,
        store_unconstrained=True,
        **common,
    )
    drawn = trace["sample_stats"].to_dataset()["unconstrained_draw"].values
    coordinates = affine(drawn.reshape(-1, drawn.shape[-1]))
    arrays, coordinates = _centred(model, arrays, trace["posterior"].to_dataset(), coordinates)
    learnt = _shape_of(coordinates)
    return arrays, learnt, _one_of(learnt.inverse(coordinates)), tuning + draws


def _centred(
    model: CompiledModel, arrays: Arrays, posterior: xr.Dataset, coordinates: Array
) -> tuple[Arrays, Array]:
    """Centre each coefficient of a smooth multiplier as far as the data determine it.

    Where the data alone would leave a coefficient a standard deviation of ``e`` and its prior is of
    ``s``, ``s² / (s² + e²)`` is a good power [1]_. The variance of what is left after the data is
    that of the prior times ``e² / (s² + e²)``.

    References
    ----------
    .. [1] Gorinova, Moore, Hoffman (2020). Automatic reparameterisation of probabilistic programs.
    """
    arrays, coordinates = dict(arrays), coordinates.copy()
    for multiplier, prior in SMOOTH_PRIORS.items():
        if centring(multiplier) not in arrays:
            continue
        config = hsgp_config(model.structure.priors[prior])
        eta, ls, offsets = (posterior[name].values for name in smooth_priors(multiplier, config))
        frequencies = arrays[f"{multiplier}_frequencies"][1]
        scales = basis_scales(frequencies, config, eta, ls).reshape(-1, frequencies.size)
        standard = offsets.reshape(scales.shape)
        relative = log_relative(scales, config)
        left = (standard * np.exp(relative)).var(axis=0) / np.exp(2 * relative.mean(axis=0))
        power = np.clip(1 - left, 0, 1)
        arrays[centring(multiplier)] = (arrays[centring(multiplier)][0], power)
        place = slice(*model.pieces[f"{multiplier}_raw_hsgp_coefs_offset"])
        coordinates[:, place] = standard * np.exp(power * relative)
    return arrays, coordinates


def _run(bound: Any, **settings: Any) -> xr.DataTree:
    import nutpie

    return nutpie.sample(bound, save_warmup=False, **settings)


def _all_cores() -> int:
    # Those that this process may run on.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _scattered(size: int) -> Callable[[int], Array]:
    """Points around zero, well apart: a pilot whose chains part leaves their traces in the run."""
    return lambda seed: np.random.default_rng(seed).uniform(-1, 1, size)


def _one_of(points: Array) -> Callable[[int], Array]:
    return lambda seed: np.ascontiguousarray(
        points[np.random.default_rng(seed).integers(len(points))]
    )


def _shape_of(coordinates: Array) -> Affine:
    """Mean and covariance of draws, the latter shrunk as far as their number asks for.

    References
    ----------
    .. [1] Ledoit, Wolf (2004). A well-conditioned estimator for large-dimensional covariance
       matrices.
    """
    from sklearn.covariance import ledoit_wolf

    centre, spread = coordinates.mean(axis=0), coordinates.std(axis=0)
    spread = np.where(spread > 0, spread, 1.0)
    correlation, _ = ledoit_wolf((coordinates - centre) / spread, assume_centered=True)
    return Affine(centre, np.linalg.cholesky(correlation) * spread[:, None])


def with_labels(
    posterior: xr.Dataset, channels: Sequence[str], controls: Sequence[str]
) -> xr.Dataset:
    """Name the channels and controls of a posterior.

    Parameters
    ----------
    posterior : xarray.Dataset
    channels, controls : sequence of str
        The client's names, in the order of the model.

    Returns
    -------
    xarray.Dataset
    """
    labels = {CHANNEL: list(channels), CONTROL: list(controls)}
    present = {dim: names for dim, names in labels.items() if dim in posterior.dims}
    labelled = posterior.assign_coords(present)
    if CHANGEPOINT in labelled.dims:
        labelled = labelled.assign_coords({CHANGEPOINT: range(labelled.sizes[CHANGEPOINT])})
    return labelled
