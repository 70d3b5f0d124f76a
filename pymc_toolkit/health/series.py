"""A client's series as plain arrays, and what one of them says of another beyond a third."""

from __future__ import annotations

import numpy as np

from pymc_toolkit.arrays import Array
from pymc_toolkit.dates import season_length
from pymc_toolkit.model_data import ModelData
from pymc_toolkit.names import DATE, GEO

# Waves of a year that a season is read from.
_HARMONICS = 2
# Remainder of a variance that is nothing but rounding.
_ROUNDING = 1e-12


def values_of(data: ModelData, variable: str) -> Array:
    """A variable in original units, of shape (date, region, column); one column for the target.

    Parameters
    ----------
    data : ModelData
    variable : {"target", "media", "controls"}
    """
    values = data.dataset[variable]
    if GEO not in values.dims:
        values = values.expand_dims(GEO)
    ordered: Array = values.transpose(DATE, GEO, ...).values
    return ordered[..., None] if ordered.ndim == 2 else ordered


def standardised(values: Array) -> Array:
    """Each series less its mean, over its standard deviation; zero where it does not move.

    Parameters
    ----------
    values : ndarray of shape (date, ...)
    """
    spread = values.std(axis=0)
    moves = spread > _ROUNDING * np.abs(values).max(axis=0, initial=0.0)
    centred = (values - values.mean(axis=0)) * moves
    return centred / np.where(moves, spread, 1.0)


def rows(values: Array) -> Array:
    """Values of shape (date, region, column) as a table of shape (date * region, column)."""
    return values.reshape(values.shape[0] * values.shape[1], values.shape[-1])


def year_waves(data: ModelData, harmonics: int = _HARMONICS) -> Array:
    """Sines and cosines of the year, of shape (date, wave).

    Parameters
    ----------
    data : ModelData
    harmonics : int
    """
    step = 2 * np.pi * np.arange(data.n_periods) / season_length(data.frequency)
    waves = [f(k * step) for k in range(1, harmonics + 1) for f in (np.sin, np.cos)]
    return np.column_stack(waves)


def left_by(values: Array, known: Array) -> Array:
    """What a straight line through known series leaves of others.

    Parameters
    ----------
    values : ndarray of shape (row,) or (row, column)
    known : ndarray of shape (row, other)
        A level is added to it.

    Examples
    --------
    >>> left_by(np.array([1.0, 3.0, 5.0]), np.array([[0.0], [1.0], [2.0]])).round(9) + 0.0
    array([0., 0., 0.])
    """
    with_level = np.column_stack([np.ones(len(known)), known])
    slopes, *_ = np.linalg.lstsq(with_level, values, rcond=None)
    left: Array = values - with_level @ slopes
    return left


def variance_inflation(table: Array, beside: Array) -> Array:
    """How many times less is known of each column because of the other columns.

    Parameters
    ----------
    table : ndarray of shape (row, column)
        Standardised.
    beside : ndarray of shape (row, other)
        Further columns, whose own inflation is not asked for.

    Returns
    -------
    ndarray of shape (column,)
        Infinite for a column that the others determine, NaN for one that does not move.
    """
    found = np.full(table.shape[1], np.nan)
    for column in range(table.shape[1]):
        own = table[:, column]
        if not own.any():
            continue
        others = np.column_stack([np.delete(table, column, axis=1), beside])
        left = float((left_by(own, others) ** 2).sum() / (own**2).sum())
        found[column] = 1 / left if left > _ROUNDING else np.inf
    return found


def partial_correlation(first: Array, second: Array, known: Array) -> float:
    """Correlation of what known series leave of two others.

    Parameters
    ----------
    first, second : ndarray of shape (row,)
    known : ndarray of shape (row, other)

    Returns
    -------
    float
        NaN where nothing is left of one of them.
    """
    left = left_by(np.column_stack([first, second]), known)
    size = np.sqrt((left**2).sum(axis=0))
    before = (
        np.sqrt(((first - first.mean()) ** 2).sum(), dtype=float),
        np.sqrt(((second - second.mean()) ** 2).sum(), dtype=float),
    )
    if any(after <= 1e-6 * whole for after, whole in zip(size, before, strict=True)):
        return float("nan")
    return float(left[:, 0] @ left[:, 1] / size.prod())
