"""Slow movements over time: a smooth multiplier, yearly seasonality, and a piecewise linear trend.

The multiplier is a Hilbert space Gaussian process (HSGP) behind a softplus, divided by its mean
over the training window, so that it moves around one.

References
----------
.. [1] Solin, Särkkä (2020). Hilbert space methods for reduced-rank Gaussian process regression.
.. [2] Riutort-Mayol, Bürkner, Andersen, Solin, Vehtari (2023). Practical Hilbert space approximate
   Bayesian Gaussian processes for probabilistic programming.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from pymc_toolkit.arrays import Array

DAYS_IN_YEAR = 365.25
_LEAST_SCALE, _LEAST_DENSITY = 1e-6, 1e-200


@dataclass(frozen=True)
class HSGPConfig:
    """Settings of a smooth multiplier over time.

    Parameters
    ----------
    m : int
        Number of basis functions.
    L : float
        Half width of the interval that the basis spans, in periods around the window's middle;
        beyond it the process returns to zero.
    eta_lam : float
        Rate of the exponential prior on the amplitude.
    ls_mu, ls_sigma : float
        Mean and standard deviation, in periods, of the inverse gamma prior on the length scale.
    cov_func : {"Matern52", "Matern32", "ExpQuad"}
        Covariance function.
    """

    m: int
    L: float
    eta_lam: float
    ls_mu: float
    ls_sigma: float
    cov_func: str

    def to_dict(self) -> dict[str, Any]:
        """The settings as plain values."""
        return asdict(self)


def _expquad(xp: Any, omega: Array, ls: Array) -> Array:
    return np.sqrt(2 * np.pi) * ls * xp.exp(-0.5 * (ls * omega) ** 2)


def _matern32(xp: Any, omega: Array, ls: Array) -> Array:
    return 4 * 3**1.5 * ls / (3 + (ls * omega) ** 2) ** 2


def _matern52(xp: Any, omega: Array, ls: Array) -> Array:
    return 16 / 3 * 5**2.5 * ls / (5 + (ls * omega) ** 2) ** 3


# Spectral densities of covariance functions with amplitude one, in one dimension.
SPECTRAL_DENSITIES: Mapping[str, Callable[[Any, Array, Array], Array]] = {
    "Matern52": _matern52,
    "Matern32": _matern32,
    "ExpQuad": _expquad,
}


def smooth_multiplier(
    time: Array, training_periods: int, config: HSGPConfig, eta: Array, ls: Array, offsets: Array
) -> Array:
    """A positive multiplier over time that averages one over the training window.

    Parameters
    ----------
    time : ndarray of shape (date,)
        Period number; the training window is 0 to ``training_periods - 1``.
    training_periods : int
        Length of the window over which the multiplier averages one.
    config : HSGPConfig
        Basis and covariance function.
    eta, ls : ndarray of shape (...,)
        Amplitude and length scale (in periods) of the latent process.
    offsets : ndarray of shape (..., m)
        Standardised coefficients of the basis functions.

    Returns
    -------
    ndarray of shape (..., date)
    """
    training = np.arange(training_periods, dtype=float)
    latent = _latent_process(time, training.mean(), config, eta, ls, offsets)
    reference = _latent_process(training, training.mean(), config, eta, ls, offsets)
    return np.logaddexp(0, latent) / np.logaddexp(0, reference).mean(axis=-1, keepdims=True)


def basis_functions(time: Array, middle: float, config: HSGPConfig) -> tuple[Array, Array]:
    """Basis of the latent process.

    Parameters
    ----------
    time : ndarray of shape (date,)
        Period numbers.
    middle : float
        Middle of the training window.
    config : HSGPConfig

    Returns
    -------
    basis : ndarray of shape (date, m)
    frequencies : ndarray of shape (m,)
    """
    frequencies = np.arange(1, config.m + 1) * np.pi / (2 * config.L)
    basis = np.sin(np.outer(time - middle + config.L, frequencies)) / np.sqrt(config.L)
    return basis, frequencies


def basis_scales(
    frequencies: Array, config: HSGPConfig, eta: Array, ls: Array, xp: Any = np
) -> Array:
    """Standard deviations of the coefficients of the basis functions.

    Parameters
    ----------
    frequencies : ndarray of shape (m,)
    config : HSGPConfig
    eta, ls : ndarray of shape (...,)
        As :func:`smooth_multiplier` takes them.
    xp : module
        ``numpy`` or ``pytensor.tensor``.

    Returns
    -------
    ndarray of shape (..., m)
    """
    density = SPECTRAL_DENSITIES[config.cov_func](xp, frequencies, ls[..., None])
    # The root of a density that is zero in the numbers of a machine has no derivative.
    return eta[..., None] * xp.sqrt(density + _LEAST_DENSITY)


def log_relative(scales: Array, config: HSGPConfig, xp: Any = np) -> Array:
    """Logarithm of scales over the usual one, that of average amplitude and length scale.

    It is bounded from below: scales of high frequencies may be zero.

    Parameters
    ----------
    scales : ndarray
        As :func:`basis_scales` gives them.
    config : HSGPConfig
    xp : module
        ``numpy`` or ``pytensor.tensor``.
    """
    eta, ls = np.array(1 / config.eta_lam), np.array(config.ls_mu)
    usual = float(basis_scales(np.zeros(1), config, eta, ls)[0])
    return xp.log(scales / usual + _LEAST_SCALE)


def _latent_process(
    time: Array, middle: float, config: HSGPConfig, eta: Array, ls: Array, offsets: Array
) -> Array:
    basis, frequencies = basis_functions(time, middle, config)
    scales = basis_scales(frequencies, config, np.asarray(eta), np.asarray(ls))
    return (offsets * scales) @ basis.T


def fourier_modes(dates: pd.DatetimeIndex, order: int) -> Array:
    """Sines, then cosines, of the day of the year.

    Parameters
    ----------
    dates : pandas.DatetimeIndex
    order : int
        Number of harmonics of the year.

    Returns
    -------
    ndarray of shape (date, 2 * order)

    Examples
    --------
    >>> fourier_modes(pd.DatetimeIndex(["2024-01-01"]), order=1).shape
    (1, 2)
    """
    share = dates.day_of_year.to_numpy() / DAYS_IN_YEAR
    angle = 2 * np.pi * np.outer(share, np.arange(1, order + 1))
    return np.hstack([np.sin(angle), np.cos(angle)])


def piecewise_linear_trend(time: Array, delta: Array) -> Array:
    """A continuous trend that changes slope by ``delta`` at evenly spaced changepoints.

    Parameters
    ----------
    time : ndarray of shape (date,)
        Time since the first date, as a share of the training window (1 at its last date).
    delta : ndarray of shape (..., changepoint)
        Change of slope at each changepoint, the first at time 0, the last at time 1.

    Returns
    -------
    ndarray of shape (..., date)

    Examples
    --------
    >>> piecewise_linear_trend(np.array([0.0, 0.5, 1.0]), np.array([1.0, 0.0]))
    array([0. , 0.5, 1. ])
    """
    return delta @ trend_basis(time, delta.shape[-1]).T


def trend_basis(time: Array, changepoints: int) -> Array:
    """How long each change of slope has lasted, of shape (date, changepoint).

    Parameters
    ----------
    time : ndarray of shape (date,)
        As for :func:`piecewise_linear_trend`.
    changepoints : int
    """
    return np.maximum(time[:, None] - np.linspace(0, 1, changepoints), 0.0)


def elapsed_share(dates: pd.DatetimeIndex, training_periods: int) -> Array:
    """Days since the start of training, as a share of the training window.

    Parameters
    ----------
    dates : pandas.DatetimeIndex
        The training window, optionally followed by later periods.
    training_periods : int

    Returns
    -------
    ndarray of shape (date,)
    """
    days = (dates - dates[0]).days.to_numpy().astype(float)
    return days / days[training_periods - 1]
