"""What makes the data of simulations: known parameters, and what experiments would then measure."""

from __future__ import annotations

import numpy as np
import xarray as xr

from pymc_toolkit.components.uplift_tests import BOUND, ROBUST, ROBUST_NU, UpliftTest
from pymc_toolkit.engines import get_engine
from pymc_toolkit.engines.base import Fit
from pymc_toolkit.exceptions import NotFittedError
from pymc_toolkit.fleets.graph_truths import with_known_graph
from pymc_toolkit.fleets.job import Subject
from pymc_toolkit.names import SAMPLE
from pymc_toolkit.uplift_windows import with_effects

PRIOR, POSTERIOR = "prior", "posterior"


def known_truths(subject: Subject, source: str, draws: int, seed: int) -> list[Fit]:
    """Fits whose posterior is one draw, the true parameters: one fit a simulation.

    Where channels drive each other each simulation has a graph and spend of its own.

    Parameters
    ----------
    subject : Subject
    source : {"prior", "posterior"}
    draws : int
        Number of simulations.
    seed : int

    Returns
    -------
    list of Fit

    Raises
    ------
    NotFittedError
        If the source is the posterior of a model that has not been fitted.
    """
    engine = get_engine(subject.engine)
    if source == PRIOR:
        parameters = engine.prior_draws(subject.data, subject.spec, draws, seed)
        training = subject.data
    elif subject.fit is None:
        raise NotFittedError(
            "Got source='posterior' of a model that has not been fitted; call fit() first, or use "
            "source='prior'."
        )
    else:
        parameters, training = _thinned(subject.fit.posterior, draws, seed), subject.fit.training
    rng = np.random.default_rng([seed, 1])
    fits = []
    for number in range(draws):
        one = parameters.isel(draw=[number]).assign_coords(draw=[0])
        data = training
        if subject.spec.channel_dag:
            one, data = with_known_graph(one, training, subject.spec.channel_dag, rng)
        groups = xr.DataTree.from_dict({"posterior": one})
        fits.append(Fit(subject.engine, subject.spec, subject.sampling, data, groups))
    return fits


def simulated_experiments(known: Fit, rng: np.random.Generator) -> tuple[UpliftTest, ...]:
    """The client's experiments as a simulation would have measured them.

    Bounds are beliefs about the client, which a simulated truth need not share: they are left out.

    Parameters
    ----------
    known : Fit
        One of :func:`known_truths`.
    rng : numpy.random.Generator

    Returns
    -------
    tuple of UpliftTest
    """
    tests = tuple(test for test in known.spec.uplift_tests if test.kind != BOUND)
    if not tests:
        return ()
    effects = get_engine(known.engine).uplift_effects(known, tests)
    scale = float(known.training.scale("target"))
    measured = {}
    for position, (test, modelled) in enumerate(zip(tests, effects, strict=True)):
        errors = (
            rng.standard_t(ROBUST_NU, len(test.effects))
            if test.kind == ROBUST
            else rng.standard_normal(len(test.effects))
        )
        measured[position] = modelled[0, 0] * scale + errors * np.array(test.sigmas)
    return with_effects(tests, measured)


def _thinned(posterior: xr.Dataset, draws: int, seed: int) -> xr.Dataset:
    """Some draws of a posterior at random, as one chain."""
    chains, length = (posterior.sizes[dim] for dim in SAMPLE)
    total = chains * length
    chosen = np.random.default_rng(seed).choice(total, draws, replace=draws > total)
    chain, draw = (xr.DataArray(part, dims="draw") for part in np.divmod(chosen, length))
    picked = posterior.isel(chain=chain, draw=draw).drop_vars("chain")
    return picked.assign_coords(draw=range(draws)).expand_dims(chain=[0])
