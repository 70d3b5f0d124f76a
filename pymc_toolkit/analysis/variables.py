"""Posterior variables in the client's units, each as a mean and an interval."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd
import xarray as xr

from pymc_toolkit.analysis.intervals import CI_PROB, summarise
from pymc_toolkit.engines import get_engine
from pymc_toolkit.engines.base import Fit
from pymc_toolkit.exceptions import SpecificationError
from pymc_toolkit.names import SAMPLE


def unit_roles(fit: Fit, variable: str) -> list[str]:
    """Roles (target, media, controls) whose scales lead a variable to original units.

    Parameters
    ----------
    fit : Fit
    variable : str

    Returns
    -------
    list of str
        Empty for a pure number, and for a variable that has no original units.

    Raises
    ------
    SpecificationError
        If the model has no such variable.
    """
    if variable not in fit.posterior:
        known = ", ".join(repr(str(name)) for name in fit.posterior.data_vars)
        raise SpecificationError(f"Got variable {variable!r}; this model has {known}.")
    return list(get_engine(fit.engine).unit(fit, variable) or {})


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


def summarise_variable(
    fit: Fit, variable: str, ci_prob: float = CI_PROB
) -> Iterator[tuple[dict[str, Any], float, float, float]]:
    """Mean and equal-tailed interval of each scalar of a variable, in original units.

    Parameters
    ----------
    fit : Fit
    variable : str
    ci_prob : float

    Yields
    ------
    tuple
        Coordinates by dim (empty for a scalar variable), mean, lower and upper end.
    """
    draws = to_original_units(fit, variable)
    dims = [str(dim) for dim in draws.dims if dim not in SAMPLE]
    summary = summarise(draws, ci_prob)
    # A scalar has no index of its own to make rows from.
    rows = summary.expand_dims("row") if not dims else summary
    table: pd.DataFrame = rows.to_dataframe().reset_index()
    for row in table.to_dict("records"):
        coordinates = {dim: row[dim] for dim in dims}
        yield coordinates, float(row["mean"]), float(row["ci_low"]), float(row["ci_high"])
