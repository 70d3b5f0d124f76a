"""Carry-over: how much of an exposure's effect arrives in the same period and how much later.

Every adstock is a kernel of ``lag_max`` weights, on the same period and the ``lag_max - 1`` after
it, that sum to one.

References
----------
.. [1] Jin, Wang, Sun, Chan, Koehler (2017). Bayesian methods for media mix modeling with carryover
   and shape effects. Google.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from pymc_toolkit.arrays import Array
from pymc_toolkit.components.parameter import Parameter

Kernel = Callable[..., Array]


@dataclass(frozen=True)
class Adstock:
    """A carry-over kernel: its name, its parameters and the weights they give.

    Parameters
    ----------
    name, label : str
        Name in the public interface, and in sentences.
    upstream : str
        Class in ``pymc_marketing.mmm`` that builds the same kernel in a model's graph.
    parameters : tuple of Parameter
        In the order in which the defaults are shown.
    weights : callable
        ``weights(xp, lags, **parameters)`` with each parameter of shape (..., 1) gives unnormalised
        weights of shape (..., lag). ``xp`` is the library that calculates: numpy, or
        ``pytensor.tensor`` in a graph.
    """

    name: str
    label: str
    upstream: str
    parameters: tuple[Parameter, ...]
    weights: Kernel

    def kernel(self, lag_max: int, parameters: Mapping[str, Array], xp: Any = np) -> Array:
        """Weights by lag, summing to one.

        Parameters
        ----------
        lag_max : int
            Number of weights; lags 0 to ``lag_max - 1``.
        parameters : Mapping of str to ndarray, each of shape (..., channel)
            Or variables of a graph.
        xp : module
            ``numpy`` or ``pytensor.tensor``.

        Returns
        -------
        ndarray of shape (..., channel, lag)

        Examples
        --------
        >>> import numpy as np
        >>> ADSTOCKS["geometric"].kernel(3, {"alpha": np.array([0.5])}).round(3)
        array([[0.571, 0.286, 0.143]])
        """
        lags = np.arange(lag_max, dtype=float)
        expanded = {name: value[..., None] for name, value in parameters.items()}
        weights = self.weights(xp, lags, **expanded)
        return weights / weights.sum(axis=-1, keepdims=True)


def carry_over(exposure: Array, kernel: Array) -> Array:
    """Spread each period's exposure over the periods that follow it.

    Nothing precedes the first row: the series starts cold.

    Parameters
    ----------
    exposure : ndarray of shape (..., date, channel)
    kernel : ndarray of shape (..., channel, lag)

    Returns
    -------
    ndarray of shape (..., date, channel)

    Examples
    --------
    >>> import numpy as np
    >>> carry_over(np.array([[4.0], [0.0], [0.0]]), np.array([[0.75, 0.25]])).ravel()
    array([3., 1., 0.])
    """
    periods = exposure.shape[-2]
    batch = np.broadcast_shapes(kernel.shape[:-2], exposure.shape[:-2])
    carried = np.zeros((*batch, *exposure.shape[-2:]))
    for lag in range(min(kernel.shape[-1], periods)):
        carried[..., lag:, :] += kernel[..., None, :, lag] * exposure[..., : periods - lag, :]
    return carried


def _geometric(xp: Any, lags: Array, alpha: Array) -> Array:
    return alpha**lags


def _delayed(xp: Any, lags: Array, alpha: Array, theta: Array) -> Array:
    return alpha ** ((lags - theta) ** 2)


def _binomial(xp: Any, lags: Array, alpha: Array) -> Array:
    return (1 - lags / (lags.size + 1)) ** (1 / alpha - 1)


def _weibull_pdf(xp: Any, lags: Array, lam: Array, k: Array) -> Array:
    time = lags + 1
    density = (k / lam) * (time / lam) ** (k - 1) * xp.exp(-((time / lam) ** k))
    lowest, highest = density.min(axis=-1, keepdims=True), density.max(axis=-1, keepdims=True)
    return (density - lowest) / (highest - lowest)


def _weibull_cdf(xp: Any, lags: Array, lam: Array, k: Array) -> Array:
    # The product of the survival up to each lag, as the exponential of a sum.
    up_to = np.triu(np.ones((lags.size, lags.size)))
    return xp.exp(-xp.dot((lags / lam) ** k, up_to))


_RETENTION = Parameter("alpha", "Beta", {"alpha": 1, "beta": 3}, "unit")

ADSTOCKS: Mapping[str, Adstock] = {
    adstock.name: adstock
    for adstock in (
        Adstock("geometric", "Geometric", "GeometricAdstock", (_RETENTION,), _geometric),
        Adstock(
            "delayed",
            "Delayed",
            "DelayedAdstock",
            (_RETENTION, Parameter("theta", "HalfNormal", {"sigma": 1}, "positive")),
            _delayed,
        ),
        Adstock(
            "weibull_pdf",
            "Weibull PDF",
            "WeibullPDFAdstock",
            (
                Parameter("lam", "Gamma", {"mu": 2, "sigma": 1}, "positive"),
                Parameter("k", "Gamma", {"mu": 3, "sigma": 1}, "positive"),
            ),
            _weibull_pdf,
        ),
        Adstock(
            "weibull_cdf",
            "Weibull CDF",
            "WeibullCDFAdstock",
            (
                Parameter("lam", "Gamma", {"mu": 2, "sigma": 2.5}, "positive"),
                Parameter("k", "Gamma", {"mu": 2, "sigma": 2.5}, "positive"),
            ),
            _weibull_cdf,
        ),
        Adstock("binomial", "Binomial", "BinomialAdstock", (_RETENTION,), _binomial),
    )
}
