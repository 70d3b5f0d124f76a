"""Sample a compiled model with nutpie: a pilot run to learn the posterior's shape, then the run."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from pymc_toolkit.arrays import Array
from pymc_toolkit.engines.bayesian.compiled import Affine, Arrays, CompiledModel
from pymc_toolkit.model_spec import Sampling
from pymc_toolkit.names import CHANGEPOINT, CHANNEL, CONTROL

# Shares of the draws thrown away: to tune the pilot, to learn from it, and to tune the run.
_PILOT_TUNE, _PILOT_DRAWS = 0.4, 0.4
# With fewer draws to throw away there is no pilot: it would learn nothing.
_FEWEST_FOR_PILOT = 200
# The pilot only has to find the shape, and may take larger steps.
_PILOT_ACCEPT = 0.8
_PILOT = "unconstrained_draw"


def sample(
    model: CompiledModel, arrays: Arrays, sampling: Sampling, progressbar: bool
) -> tuple[xr.Dataset, xr.Dataset]:
    """Draw from the posterior of a model.

    The first part of ``sampling.tune`` goes into a pilot run, from whose draws the mean and the
    covariance of the posterior are estimated; the run itself then takes place where these are
    zero and one, starting from draws of the pilot.

    Parameters
    ----------
    model : CompiledModel
    arrays : Mapping
        As :func:`pymc_toolkit.engines.bayesian.graph.graph_data` gives them.
    sampling : Sampling
    progressbar : bool

    Returns
    -------
    posterior, sample_stats : xarray.Dataset
    """
    affine, tune = model.first_guess(arrays), sampling.tune
    seeds = np.random.SeedSequence(sampling.random_seed).generate_state(2).tolist()
    first: Callable[[int], Array] = _scattered(affine.centre.size)
    if tune >= _FEWEST_FOR_PILOT:
        given = {
            "tune": int(tune * _PILOT_TUNE),
            "draws": int(tune * _PILOT_DRAWS),
            "adaptation": "low_rank",
            "target_accept": _PILOT_ACCEPT,
            "store_unconstrained": True,
        }
        trace = _run(model.bind(arrays, affine, first), sampling.chains, seeds[0], False, given)
        drawn = trace["sample_stats"].to_dataset()[_PILOT].values
        coordinates = affine(drawn.reshape(-1, drawn.shape[-1]))
        affine = _shape_of(coordinates)
        first = _one_of(affine.inverse(coordinates))
        tune -= given["tune"] + given["draws"]
    given = {"tune": tune, "draws": sampling.draws, "target_accept": sampling.target_accept}
    trace = _run(model.bind(arrays, affine, first), sampling.chains, seeds[1], progressbar, given)
    stats = trace["sample_stats"].to_dataset()
    # Texts, such as messages of divergences, have no place in a file of arrays.
    kept = [name for name in stats.data_vars if stats[name].dtype != object]
    return trace["posterior"].to_dataset(), stats[kept]


def _run(
    bound: Any, chains: int, seed: int, progressbar: bool, settings: Mapping[str, Any]
) -> xr.DataTree:
    import nutpie
    from threadpoolctl import threadpool_limits

    # Chains run side by side; a gradient is too small for BLAS to share among further threads.
    with threadpool_limits(limits=1):
        return nutpie.sample(
            bound,
            chains=chains,
            cores=min(chains, os.cpu_count() or 1),
            seed=seed,
            save_warmup=False,
            progress_bar=progressbar,
            **settings,
        )


def _scattered(size: int) -> Callable[[int], Array]:
    """Points around zero, far enough apart for chains that agree to prove something."""
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
