"""How far predictions are from what happened.

Every metric takes what happened first. A metric that is not defined for its input is NaN, never an
arbitrary number.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from pymc_toolkit.arrays import Array
from pymc_toolkit.exceptions import DataError


def mape(actual: ArrayLike, predicted: ArrayLike) -> float:
    """Mean absolute percentage error, as a fraction.

    Parameters
    ----------
    actual, predicted : array-like of shape (n,)

    Returns
    -------
    float
        ``mean(|actual - predicted| / |actual|)``; 0.1 is 10%. NaN if any actual value is zero.

    References
    ----------
    Hyndman, Koehler (2006). Another look at measures of forecast accuracy.

    Examples
    --------
    >>> mape([100.0, 200.0], [110.0, 180.0])
    0.1
    """
    actual, predicted = _pair(actual, predicted)
    if (actual == 0).any() or not np.isfinite(predicted).all():
        return float("nan")
    from sklearn.metrics import mean_absolute_percentage_error

    return float(mean_absolute_percentage_error(actual, predicted))


def wape(actual: ArrayLike, predicted: ArrayLike) -> float:
    """Sum of absolute errors as a share of the sum of the absolute actual values.

    Parameters
    ----------
    actual, predicted : array-like of shape (n,)

    Returns
    -------
    float
        ``sum(|actual - predicted|) / sum(|actual|)``; NaN if every actual value is zero. Unlike
        :func:`mape` it is defined where some are, and weighs each by its size.

    References
    ----------
    Kolassa, Schütz (2007). Advantages of the MAD/Mean ratio over the MAPE.

    Examples
    --------
    >>> wape([0.0, 10.0], [1.0, 11.0])
    0.2
    """
    actual, predicted = _pair(actual, predicted)
    size = float(np.abs(actual).sum())
    if size == 0 or not np.isfinite(predicted).all():
        return float("nan")
    return float(np.abs(actual - predicted).sum()) / size


def rmse(actual: ArrayLike, predicted: ArrayLike) -> float:
    """Root mean squared error, in units of the actual values.

    Parameters
    ----------
    actual, predicted : array-like of shape (n,)

    Returns
    -------
    float
        NaN if a prediction is not finite.

    Examples
    --------
    >>> rmse([0.0, 10.0], [1.0, 11.0])
    1.0
    """
    actual, predicted = _pair(actual, predicted)
    if not np.isfinite(predicted).all():
        return float("nan")
    from sklearn.metrics import root_mean_squared_error

    return float(root_mean_squared_error(actual, predicted))


def nrmse(actual: ArrayLike, predicted: ArrayLike) -> float:
    """Root mean squared error as a share of the range of the actual values.

    Parameters
    ----------
    actual, predicted : array-like of shape (n,)

    Returns
    -------
    float
        ``rmse / (max(actual) - min(actual))``; NaN if the actual values do not vary.

    References
    ----------
    Zhou et al., Robyn: the same normalisation by range.

    Examples
    --------
    >>> nrmse([0.0, 10.0], [1.0, 11.0])
    0.1
    """
    actual, predicted = _pair(actual, predicted)
    spread = float(np.ptp(actual))
    return float("nan") if spread == 0 else rmse(actual, predicted) / spread


def r_squared(actual: ArrayLike, predicted: ArrayLike) -> float:
    """Share of the variance of the actual values that the prediction explains.

    Parameters
    ----------
    actual : array-like of shape (n,)
    predicted : array-like of shape (n,)
        The posterior mean.

    Returns
    -------
    float
        ``1 - SS_residual / SS_total``; below zero when worse than the mean of the actual values,
        which happens out of sample. NaN if the actual values do not vary.

    References
    ----------
    Kvålseth (1985). Cautionary note about R², definition 1.

    Examples
    --------
    >>> r_squared([1.0, 2.0, 3.0], [1.0, 2.0, 3.0])
    1.0
    """
    actual, predicted = _pair(actual, predicted)
    if np.ptp(actual) == 0 or not np.isfinite(predicted).all():
        return float("nan")
    from sklearn.metrics import r2_score

    return float(r2_score(actual, predicted))


def crps(actual: ArrayLike, draws: ArrayLike) -> float:
    """Continuous ranked probability score of draws, as a share of the mean of ``|actual|``.

    Parameters
    ----------
    actual : array-like of shape (n,)
    draws : array-like of shape (samples, n)
        Draws from the predictive distribution; one row is a point forecast, whose score is the
        mean absolute error.

    Returns
    -------
    float
        ``mean(E|X - y| - E|X - X'| / 2) / mean(|y|)``; NaN if every actual value is zero.

    References
    ----------
    Gneiting, Raftery (2007). Strictly proper scoring rules, prediction, and estimation, eq. 21.

    Examples
    --------
    >>> crps([10.0, 10.0], [[9.0, 11.0]])
    0.1
    """
    actual = np.asarray(actual, dtype=float)
    ordered = np.sort(np.atleast_2d(np.asarray(draws, dtype=float)), axis=0)
    if ordered.shape[1:] != actual.shape or ordered.size == 0:
        raise DataError(
            f"Got draws of shape {ordered.shape} for {actual.size} actual values; expected "
            f"(samples, {actual.size})."
        )
    size = float(np.abs(actual).mean())
    if size == 0:
        return float("nan")
    n = ordered.shape[0]
    # E|X - X'| over all pairs, from the sorted draws: each gap is weighted by the pairs it parts.
    weights = (2 * np.arange(1, n + 1) - n - 1)[:, None]
    between = 2 * (weights * ordered).sum(axis=0) / n**2
    score = np.abs(ordered - actual).mean(axis=0) - between / 2
    return float(score.mean()) / size


def coverage(actual: ArrayLike, low: ArrayLike, high: ArrayLike) -> float:
    """Share of actual values inside their intervals.

    Parameters
    ----------
    actual, low, high : array-like of shape (n,)

    Returns
    -------
    float

    Examples
    --------
    >>> coverage([1.0, 5.0], [0.0, 0.0], [2.0, 2.0])
    0.5
    """
    actual, low = _pair(actual, low)
    _, high = _pair(actual, high)
    return float(((low <= actual) & (actual <= high)).mean())


def _pair(actual: ArrayLike, other: ArrayLike) -> tuple[Array, Array]:
    first, second = np.asarray(actual, dtype=float), np.asarray(other, dtype=float)
    if first.shape != second.shape or first.size == 0:
        raise DataError(
            f"Got arrays of shape {first.shape} and {second.shape}; expected the same shape, with "
            "at least one value."
        )
    return first, second
