"""What a model says before it has seen the data."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import xarray as xr

from pymc_toolkit.analysis.contributions import decomposition
from pymc_toolkit.engines import get_engine
from pymc_toolkit.engines.base import Fit
from pymc_toolkit.exceptions import SpecificationError
from pymc_toolkit.model_data import ModelData
from pymc_toolkit.model_spec import ModelSpec, Sampling


@dataclass(frozen=True)
class Before:
    """A model before the data.

    Parameters
    ----------
    fit : Fit
        Its draws are those of the prior.
    """

    fit: Fit

    @cached_property
    def components(self) -> xr.Dataset:
        """What every part brings, taken apart once for all who ask."""
        return decomposition(self.fit)


def before_data(
    engine: str, data: ModelData, spec: ModelSpec, sampling: Sampling, draws: int = 500
) -> Before | None:
    """Draw from the priors of a model, fitted or not.

    Parameters
    ----------
    engine : str
        Its name.
    data : ModelData
        The training window.
    spec : ModelSpec
    sampling : Sampling
        Of which the seed is read.
    draws : int

    Returns
    -------
    Before or None
        None of an engine that has no prior to draw from.
    """
    draw = getattr(get_engine(engine), "prior_draws", None)
    if draw is None:
        return None
    try:
        prior = draw(data, spec, draws, sampling.random_seed)
    except (SpecificationError, NotImplementedError):
        return None
    groups = xr.DataTree.from_dict({"posterior": prior})
    return Before(Fit(engine, spec, sampling, data, groups))
