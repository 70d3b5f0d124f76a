"""Bring parameters from the scaled model to the client's units."""

from __future__ import annotations

import xarray as xr

from pymc_toolkit.engines import get_engine
from pymc_toolkit.engines.base import Fit


def to_original_units(fit: Fit, variable: str) -> xr.DataArray:
    """Draws of a posterior variable in original units, as they are where it has none.

    Parameters
    ----------
    fit : Fit
    variable : str

    Returns
    -------
    xarray.DataArray
        With dims chain, draw and the variable's own.
    """
    draws = fit.posterior[variable]
    for role, power in (get_engine(fit.engine).unit(fit, variable) or {}).items():
        draws = draws * fit.training.scale(role) ** power
    return draws
