"""Bring each role's columns to a common size before the model sees them, and back.

The fitting is scikit-learn's; what is kept is two numbers a column, so that a scaler can be stored
in a model file and applied to labelled arrays.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from pymc_toolkit.exceptions import SpecificationError
from pymc_toolkit.names import GEO

# Name in the public interface -> scikit-learn class. The identity has no class.
_METHODS: Mapping[str, str | None] = {
    "max_abs": "MaxAbsScaler",
    "min_max": "MinMaxScaler",
    "standard": "StandardScaler",
    "none": None,
}
# A target or a spend of zero means nothing happened; the model relies on zero staying zero.
_KEEP_ZERO = ("max_abs", "none")
_MAY_MOVE_ZERO = ("controls",)


@dataclass(frozen=True)
class Scaler:
    """An affine map, column by column: ``scaled = (original - center) / scale``.

    Parameters
    ----------
    method : {"max_abs", "min_max", "standard", "none"}
        How it was fitted.
    center, scale : xarray.DataArray
        One value a column (dims of the variable but the dates), in original units.

    Examples
    --------
    >>> spend = xr.DataArray([[2.0], [4.0]], dims=("date", "channel"))
    >>> scaler = Scaler.fit(spend, "max_abs", role="media")
    >>> scaler.transform(spend).values.ravel()
    array([0.5, 1. ])
    """

    method: str
    center: xr.DataArray
    scale: xr.DataArray

    @classmethod
    def fit(cls, values: xr.DataArray, method: str, role: str) -> Scaler:
        """Fit a scaler over the dates of a variable.

        Parameters
        ----------
        values : xarray.DataArray
            With a ``date`` dim; every other dim is scaled for itself.
        method : {"max_abs", "min_max", "standard", "none"}
        role : {"target", "media", "controls"}
            ``min_max`` and ``standard`` move zero, which only controls allow.

        Raises
        ------
        SpecificationError
            If the method is unknown or does not suit the role.
        """
        check_method(method, role)
        rest = values.isel(date=0, drop=True)
        center, scale = xr.zeros_like(rest, dtype=float), xr.ones_like(rest, dtype=float)
        class_name = _METHODS[method]
        if class_name and values.size:
            import sklearn.preprocessing

            columns = values.transpose("date", ...).values.reshape(values.sizes["date"], -1)
            fitted = getattr(sklearn.preprocessing, class_name)().fit(columns)
            scale = scale.copy(data=_sizes(fitted).reshape(rest.shape))
            center = center.copy(data=_centers(fitted).reshape(rest.shape))
        return cls(method, center, scale)

    @property
    def label(self) -> str:
        """Name of the scikit-learn class, or ``identity``."""
        return _METHODS[self.method] or "identity"

    def with_units_of(self, other: Scaler, where: xr.DataArray) -> Scaler:
        """Give this scaler another's centers and scales in some columns.

        A column that is all zero has no size to be scaled by; another window may know it.

        Parameters
        ----------
        other : Scaler
        where : xarray.DataArray of bool
            Columns to take from it.

        Returns
        -------
        Scaler
        """
        return Scaler(
            self.method,
            self.center.where(~where, other.center),
            self.scale.where(~where, other.scale),
        )

    def of_region(self, which: int) -> Scaler:
        """The scaler of one region of a panel, by position."""
        return Scaler(
            self.method, *(part.isel({GEO: which}, drop=True) for part in (self.center, self.scale))
        )

    def transform(self, values: xr.DataArray) -> xr.DataArray:
        """Original units to scaled ones."""
        return (values - self.center) / self.scale

    def inverse(self, values: xr.DataArray) -> xr.DataArray:
        """Scaled values to original units."""
        return values * self.scale + self.center


def check_method(method: str, role: str) -> None:
    """Refuse a scaling method that is unknown or does not suit a role."""
    allowed = tuple(_METHODS) if role in _MAY_MOVE_ZERO else _KEEP_ZERO
    if method not in allowed:
        raise SpecificationError(
            f"Got scaler {method!r} for the {role}; expected one of {', '.join(allowed)}"
            + ("." if role in _MAY_MOVE_ZERO else ": zero must stay zero there.")
        )


def _sizes(fitted: Any) -> np.ndarray:
    """One divisor a column, from any of the scikit-learn scalers above."""
    # MinMaxScaler multiplies by scale_; the others divide by it.
    return 1 / fitted.scale_ if hasattr(fitted, "data_min_") else fitted.scale_


def _centers(fitted: Any) -> np.ndarray:
    """One origin a column, from any of the scikit-learn scalers above."""
    if hasattr(fitted, "data_min_"):
        return fitted.data_min_
    return getattr(fitted, "mean_", np.zeros_like(fitted.scale_))
