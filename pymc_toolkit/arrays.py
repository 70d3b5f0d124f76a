"""The name that annotations use for arrays of floats, labels of scalars, sums over regions."""

from __future__ import annotations

from typing import Any

import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from pymc_toolkit.names import GEO, SAMPLE

Array = NDArray[Any]


def coordinate_labels(variable: xr.DataArray) -> list[str]:
    """A label for each scalar of a variable, empty for a scalar variable.

    Parameters
    ----------
    variable : xarray.DataArray
        With dims chain and draw, which have no part in the labels.

    Returns
    -------
    list of str
        In the order of the values.
    """
    dims = [dim for dim in variable.dims if dim not in SAMPLE]
    if not dims:
        return [""]
    stacked = variable.isel(chain=0, draw=0, drop=True).stack(scalar=dims)
    return [
        ", ".join(_label(part) for part in (value if isinstance(value, tuple) else (value,)))
        for value in stacked["scalar"].values
    ]


def over_regions[Labelled: (xr.DataArray, xr.Dataset)](values: Labelled) -> Labelled:
    """Sum over regions; a series without regions is left as it is.

    Parameters
    ----------
    values : xarray.DataArray or xarray.Dataset
        Amounts that add up, such as spend or contributions.

    Returns
    -------
    xarray.DataArray or xarray.Dataset
        Without dim geo; not a number where any region is none.

    Examples
    --------
    >>> over_regions(xr.DataArray([1.0, 2.0], dims="geo")).item()
    3.0
    """
    return values.sum(GEO, skipna=False) if GEO in values.dims else values


def _label(value: object) -> str:
    return str(value.date()) if isinstance(value, pd.Timestamp) else str(value)
