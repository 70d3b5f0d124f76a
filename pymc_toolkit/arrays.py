"""The one name that annotations use for arrays of floats, and names for the scalars in one."""

from __future__ import annotations

from typing import Any

import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from pymc_toolkit.names import SAMPLE

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


def _label(value: object) -> str:
    return str(value.date()) if isinstance(value, pd.Timestamp) else str(value)
