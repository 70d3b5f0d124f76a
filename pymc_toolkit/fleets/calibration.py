"""Whether posteriors are as sure as they should be, told by parameters that are known.

If parameters are drawn from the prior, data from the model and draws from the right posterior, then
the rank of the true parameter among the draws is uniform [1]_. A simultaneous band for the whole
distribution of ranks gives one test of that [2]_.

References
----------
.. [1] Talts, Betancourt, Simpson, Vehtari, Gelman (2018). Validating Bayesian inference algorithms
   with simulation-based calibration.
.. [2] Säilynoja, Bürkner, Vehtari (2022). Graphical test for discrete uniformity and its
   applications in goodness-of-fit evaluation and multiple sample comparison.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy.stats import binom

from pymc_toolkit.arrays import Array

# One level more than draws that ranks are taken among: few enough to be nearly independent.
_LEVELS = 100
# Where distributions are compared; each lies between two levels of the ranks.
_GRID = np.arange(1, 50) / 50
_NULL_DRAWS = 4000


def tail_score(draws: Array, truth: Array) -> Array:
    """Two-sided posterior tail probability of the truth, ``2 min(F, 1 - F)``.

    Parameters
    ----------
    draws : ndarray of shape (sample, ...)
    truth : ndarray of shape (...)

    Returns
    -------
    ndarray of shape (...)
        Uniform where inference is calibrated, so 0.5 on average; near 0 where the truth lies far
        out in a tail.

    Examples
    --------
    >>> tail_score(np.array([1.0, 2.0, 3.0, 4.0]), np.array(2.5)).item()
    1.0
    """
    below = (draws < truth).mean(axis=0) + (draws == truth).mean(axis=0) / 2
    return 2 * np.minimum(below, 1 - below)


def inside(draws: Array, truth: Array, probability: float) -> Array:
    """Whether the truth lies in the equal-tailed interval of a given probability.

    Parameters
    ----------
    draws : ndarray of shape (sample, ...)
    truth : ndarray of shape (...)
    probability : float

    Returns
    -------
    ndarray of bool, of shape (...)
    """
    low, high = np.quantile(draws, [(1 - probability) / 2, (1 + probability) / 2], axis=0)
    return (low <= truth) & (truth <= high)


def rank(draws: Array, truth: Array) -> Array:
    """Rank of the truth among evenly spaced draws, brought to (0, 1).

    Parameters
    ----------
    draws : ndarray of shape (sample, ...)
        In the order in which they were drawn, chain after chain.
    truth : ndarray of shape (...)

    Returns
    -------
    ndarray of shape (...)

    Examples
    --------
    >>> rank(np.arange(1.0, 100.0), np.array(50.5)).item()
    0.505
    """
    kept = draws[np.linspace(0, len(draws) - 1, min(_LEVELS - 1, len(draws))).round().astype(int)]
    return ((kept < truth).sum(axis=0) + 0.5) / (len(kept) + 1)


def uniformity(ranks: Array) -> float:
    """p-value of the hypothesis that ranks are uniform.

    Parameters
    ----------
    ranks : ndarray of shape (simulation,)
        In (0, 1).

    Returns
    -------
    float
        Share of uniform samples of that size that stray at least as far, at the point where they
        stray most, from the diagonal.
    """
    null = _null_distances(len(ranks))
    return float((null <= _distance(np.asarray(ranks)[None, :])[0]).mean())


def _distance(samples: Array) -> Array:
    """Smallest pointwise tail probability of each row's distribution, over the grid."""
    n = samples.shape[1]
    counts = (samples[:, :, None] <= _GRID).sum(axis=1)
    tails = np.minimum(binom.cdf(counts, n, _GRID), binom.sf(counts - 1, n, _GRID))
    return 2 * tails.min(axis=1)


@lru_cache(maxsize=32)
def _null_distances(n: int) -> Array:
    """Distances of uniform samples, for a given number of simulations."""
    rng = np.random.default_rng(0)
    # Of the same levels that ranks have.
    samples = (rng.integers(_LEVELS, size=(_NULL_DRAWS, n)) + 0.5) / _LEVELS
    # In parts: the comparison with the grid holds samples times points.
    return np.concatenate([_distance(part) for part in np.array_split(samples, 20)])
