"""Sample a model's graph with nutpie, and give its variables the names of this package."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

import xarray as xr

from pymc_toolkit.model_spec import Sampling
from pymc_toolkit.names import CHANGEPOINT, CHANNEL, CONTROL

if TYPE_CHECKING:
    import pymc as pm

# pymc-marketing's names -> ours.
_RENAMED = {"intercept_contribution": "intercept", "intercept_baseline": "intercept"}


def sample(
    model: pm.Model, parameters: Collection[str], sampling: Sampling, progressbar: bool
) -> tuple[xr.Dataset, xr.Dataset]:
    """Draw from the posterior of a frozen model.

    Only parameters are drawn: everything else follows from them and is computed afterwards,
    which saves compiling a second function.

    Parameters
    ----------
    model : pymc.Model
    parameters : collection of str
        Public names; one whose prior is transformed or non-centred is no free variable itself, and
        is computed from those that are.
    sampling : Sampling
    progressbar : bool

    Returns
    -------
    posterior, sample_stats : xarray.Dataset
    """
    import nutpie
    from threadpoolctl import threadpool_limits

    compiled = nutpie.compile_pymc_model(model, var_names=_drawn(model, parameters))
    # Chains run side by side; a gradient is too small for BLAS to share among further threads.
    with threadpool_limits(limits=1):
        trace = nutpie.sample(
            compiled,
            draws=sampling.draws,
            tune=sampling.tune,
            chains=sampling.chains,
            cores=min(sampling.chains, os.cpu_count() or 1),
            seed=sampling.random_seed,
            target_accept=sampling.target_accept,
            save_warmup=False,
            progress_bar=progressbar,
        )
    stats = trace["sample_stats"].to_dataset()
    # Texts, such as messages of divergences, have no place in a file of arrays.
    kept = [name for name in stats.data_vars if stats[name].dtype != object]
    return trace["posterior"].to_dataset(), stats[kept]


def _drawn(model: pm.Model, parameters: Collection[str]) -> list[str]:
    """Free variables, and what carries a parameter's name without being one."""
    # With a drifting baseline its level over time has the name that the intercept has without.
    level = {"intercept_contribution"} if "intercept_baseline" in model.named_vars else set()
    derived = [variable.name for variable in model.deterministics if variable.name not in level]
    return [
        *(variable.name for variable in model.free_RVs),
        *(name for name in derived if _RENAMED.get(name, name) in parameters),
    ]


def with_public_names(
    posterior: xr.Dataset, channels: Sequence[str], controls: Sequence[str]
) -> xr.Dataset:
    """Rename variables to the public schema and label channels and controls.

    Parameters
    ----------
    posterior : xarray.Dataset
        As nutpie returns it.
    channels, controls : sequence of str
        The client's names, in the order of the model.

    Returns
    -------
    xarray.Dataset
    """
    renamed = posterior.rename({old: new for old, new in _RENAMED.items() if old in posterior})
    labels = {CHANNEL: list(channels), CONTROL: list(controls)}
    present = {dim: names for dim, names in labels.items() if dim in renamed.dims}
    named = renamed.assign_coords(present)
    if CHANGEPOINT in named.dims:
        named = named.assign_coords({CHANGEPOINT: range(named.sizes[CHANGEPOINT])})
    return named
