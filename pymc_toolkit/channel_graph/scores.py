"""How well every set of parents explains a channel: marginal likelihoods, of all sets at once.

References
----------
.. [1] Geiger, Heckerman (2002). Parameter priors for directed acyclic graphical models and the
   characterization of several probability distributions.
.. [2] Kuipers, Moffa, Heckerman (2014). Addendum on the scoring of Gaussian directed acyclic
   graphical models.
.. [3] Hyvärinen (1998). New approximations of differential entropy for independent component
   analysis and projection pursuit.
.. [4] Hyvärinen, Smith (2013). Pairwise likelihood ratios for estimation of non-Gaussian structural
   equation models.
.. [5] Chen, Drton, Wang (2019). On causal discovery with an equal-variance assumption.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
from scipy.special import multigammaln

from pymc_toolkit.arrays import Array
from pymc_toolkit.channel_graph.subsets import (
    principal_log_determinants,
    sizes,
    split,
    without_bit,
)
from pymc_toolkit.components.channel_dag import EQUAL, NON_GAUSSIAN

# The prior of the covariance matrix is worth so many periods, and this on its diagonal.
PRIOR_PERIODS, PRIOR_SCATTER = 2, 0.5
# Weights and means, under a standard normal, of the two functions whose averages tell how far a
# variable is from it.
_LOG_COSH, _LOG_COSH_MEAN, _GAUSS = 79.047, 0.37457, 7.4129
_AT_ONCE = 2**22


def parent_scores(series: Array, periods: int, noise: str, max_parents: int) -> list[Array]:
    """Logarithm of the likelihood of each channel given every set of others.

    Weights and variances are integrated out under one prior for the covariance of all channels, so
    that graphs which Gaussian data cannot tell apart have the same likelihood [1]_, [2]_. Under
    ``non_gaussian`` noise what is left of a channel is also asked how far from Gaussian it is [3]_:
    the likelihood of independent parts grows by that [4]_, less what a shape costs in the Bayesian
    information criterion. Under ``equal`` noise the variance is the same for all channels and
    estimated from top to bottom [5]_.

    Parameters
    ----------
    series : ndarray of shape (period, channel)
        Of mean 0, and of standard deviation 1, or of at least that if noise is equal.
    periods : int
        What they are worth, after what else was fitted to them.
    noise : {"gaussian", "non_gaussian", "equal"}
    max_parents : int

    Returns
    -------
    list of ndarray of shape (2**(channel - 1),)
        By channel; the index is a set of the other channels. Minus infinity for sets that are too
        large.
    """
    n = series.shape[1]
    scatter = series.T @ series + PRIOR_SCATTER * np.eye(n)
    logs = principal_log_determinants(scatter)
    if noise == EQUAL:
        scores = _equal_variance(logs, periods, n)
    else:
        whole = _log_likelihoods(logs, periods, n)
        scores = [(with_it - without).ravel() for without, with_it in _halves(whole, n)]
    count = sizes(n - 1)
    for child, table in enumerate(scores):
        table[count > max_parents] = -np.inf
        if noise == NON_GAUSSIAN:
            _add_shape(table, series, scatter, periods, child, max_parents)
    return scores


def _halves(table: Array, n: int) -> list[tuple[Array, Array]]:
    return [split(table, bit) for bit in range(n)]


def _log_likelihoods(logs: Array, periods: int, n: int) -> Array:
    """Of the channels in every set together, weights and variances integrated out."""
    count = sizes(n)
    likelihoods: Array = log_constants(periods, n)[count]
    return likelihoods - (PRIOR_PERIODS + count + periods) / 2 * logs


def log_constants(periods: int, most: int) -> Array:
    """The part of the likelihood of some series together that depends on their number alone.

    Parameters
    ----------
    periods : int
    most : int

    Returns
    -------
    ndarray of shape (most + 1,)
        By number of series.
    """
    constants = np.zeros(most + 1)
    for k in range(1, most + 1):
        before, after = PRIOR_PERIODS + k, PRIOR_PERIODS + k + periods
        constants[k] = (
            multigammaln(after / 2, k)
            - multigammaln(before / 2, k)
            + before * k / 2 * np.log(PRIOR_SCATTER)
            - periods * k / 2 * np.log(np.pi)
        )
    return constants


def _equal_variance(logs: Array, periods: int, n: int) -> list[Array]:
    left = [np.exp(with_it - without).ravel() for without, with_it in _halves(logs, n)]
    variance = _common_variance(left, periods, n)
    # A weight costs what a period of data is worth, as in the Bayesian information criterion.
    cost = np.log(periods) * sizes(n - 1)
    return [-0.5 * (periods * np.log(variance) + rest / variance + cost) for rest in left]


def _common_variance(left: list[Array], periods: int, n: int) -> float:
    """Mean of what is left of each channel, taking the one with the least next."""
    chosen, variances = 0, list[float]()
    while len(variances) < n:
        open_ = [j for j in range(n) if not chosen >> j & 1]
        rest = [left[j][without_bit(np.array(chosen), j)] for j in open_]
        variances.append(float(min(rest)) / (periods - len(variances)))
        chosen |= 1 << open_[int(np.argmin(rest))]
    return float(np.mean(variances))


def _add_shape(
    table: Array, series: Array, scatter: Array, periods: int, child: int, max_parents: int
) -> None:
    """Add the likelihood that the shape of what is left of a channel brings."""
    others = [i for i in range(series.shape[1]) if i != child]
    for size in range(min(max_parents, len(others)) + 1):
        found = list(combinations(range(len(others)), size))
        sets = np.array(found, dtype=np.int64).reshape(len(found), size)
        step = max(1, _AT_ONCE // (len(series) * max(size, 1)))
        for first in range(0, len(sets), step):
            chosen = sets[first : first + step]
            parents = np.array(others)[chosen].reshape(chosen.shape)
            left = _left_over(series, scatter, child, parents)
            number = (1 << chosen).sum(axis=1)
            gain = periods * negentropy(left) - np.log(periods)
            # Normal or not, each as likely before; a shape costs its two numbers.
            table[number] += np.logaddexp(0.0, gain) - np.log(2)


def _left_over(series: Array, scatter: Array, child: int, parents: Array) -> Array:
    """What sets of parents leave of a channel, of shape (set, period)."""
    if not parents.shape[1]:
        return series[None, :, child]
    within = scatter[parents[:, :, None], parents[:, None, :]]
    weights = np.linalg.solve(within, scatter[parents, child][..., None])[..., 0]
    left: Array = series[:, child] - np.einsum("tsk,sk->st", series[:, parents], weights)
    return left


def negentropy(values: Array) -> Array:
    """How far from normal values are distributed, in nats a value [3]_.

    Parameters
    ----------
    values : ndarray of shape (..., n)

    Returns
    -------
    ndarray of shape (...)

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> bool(negentropy(rng.laplace(size=5000)) > 10 * negentropy(rng.normal(size=5000)))
    True
    """
    centred = values - values.mean(axis=-1, keepdims=True)
    spread = centred.std(axis=-1, keepdims=True)
    standard = centred / np.where(spread > 0, spread, 1.0)
    log_cosh = np.logaddexp(standard, -standard) - np.log(2)
    skewed = standard * np.exp(-(standard**2) / 2)
    from_normal: Array = (
        _LOG_COSH * (log_cosh.mean(axis=-1) - _LOG_COSH_MEAN) ** 2
        + _GAUSS * skewed.mean(axis=-1) ** 2
    )
    return from_normal
