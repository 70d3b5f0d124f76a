"""How strongly parents drive a channel: lagged parents, and weights, given the graph of a period.

A parent enters a channel's equation together with its past and the channel's own: what is habit, or
a cause's echo, is not another cause's doing.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.linalg import cho_factor, cho_solve, solve_triangular
from scipy.special import gammaln, softmax

from pymc_toolkit.arrays import Array
from pymc_toolkit.channel_graph.scores import PRIOR_PERIODS, PRIOR_SCATTER, log_constants
from pymc_toolkit.channel_graph.series import GraphSeries
from pymc_toolkit.channel_graph.subsets import members, principal_log_determinants, sizes

# Lagged causes of one channel that are weighed against each other, all sets of them.
_MOST_CANDIDATES = 10


def draw_weights(
    series: GraphSeries, graphs: Array, allowed: Array, rng: np.random.Generator
) -> tuple[Array, Array]:
    """Draw lagged parents and the weights of all.

    Parameters
    ----------
    series : GraphSeries
    graphs : ndarray of bool, of shape (draw, cause, effect)
        Of the same period.
    allowed : ndarray of bool, of shape (cause, effect)
        Edges that may be there with a lag.
    rng : numpy.random.Generator

    Returns
    -------
    now : ndarray of shape (draw, cause, effect)
        Zero where there is no edge.
    before : ndarray of shape (draw, lag, cause, effect)
        The first is of the period before. On the diagonal is each channel's own past.
    """
    draws, n, _ = graphs.shape
    lags = series.lags
    everything = np.hstack([series.now, series.past])
    scatter = everything.T @ everything + PRIOR_SCATTER * np.eye(everything.shape[1])
    # By position: of the same period first, then of each lag.
    weights = np.zeros((draws, n * (lags + 1), n))
    for child in range(n):
        sets, which = np.unique(graphs[:, :, child], axis=0, return_inverse=True)
        for number, parents in enumerate(sets):
            rows = np.flatnonzero(which.ravel() == number)
            base = _with_past(np.flatnonzero(parents), child, n, lags)
            options = _candidates(scatter, base, parents, allowed[:, child], child, n, lags)
            chosen = _lagged_sets(scatter, base, options, child, series.periods)
            _fill(weights, rows, chosen, scatter, child, series.periods, rng)
    shaped = weights.reshape(draws, lags + 1, n, n)
    return shaped[:, 0], shaped[:, 1:]


def _with_past(parents: Array, child: int, n: int, lags: int) -> Array:
    """Positions of parents, of their past and of the channel's own."""
    whose = np.append(parents, child)
    return np.concatenate([parents, *(whose + n * lag for lag in range(1, lags + 1))]).astype(int)


def _candidates(
    scatter: Array, base: Array, parents: Array, allowed: Array, child: int, n: int, lags: int
) -> Array:
    """Positions of lagged causes that may come in, those that explain most if there are many."""
    free = np.flatnonzero(allowed & ~parents & (np.arange(n) != child))
    options = np.concatenate([free + n * lag for lag in range(1, lags + 1)] or [free[:0]])
    rest = _complement(scatter, base, np.append(options, child))
    explained = rest[:-1, -1] ** 2 / np.diag(rest)[:-1]
    return np.sort(options[np.argsort(-explained)[:_MOST_CANDIDATES]])


def _lagged_sets(
    scatter: Array, base: Array, options: Array, child: int, periods: int
) -> Mapping[tuple[int, ...], float]:
    """Sets of positions that a channel's equation may have, with their posterior probabilities."""
    if not options.size:
        return {tuple(base): 1.0}
    rest = _complement(scatter, base, np.append(options, child))
    within = np.linalg.slogdet(scatter[np.ix_(base, base)]).logabsdet if base.size else 0.0
    logs = within + principal_log_determinants(rest)
    half = logs.size // 2
    count, m = sizes(options.size), options.size
    size = base.size + count
    constants = log_constants(periods, int(size.max()) + 1)
    likelihood = constants[size + 1] - constants[size]
    likelihood -= (PRIOR_PERIODS + size + 1 + periods) / 2 * logs[half:]
    likelihood += (PRIOR_PERIODS + size + periods) / 2 * logs[:half]
    # Every number of further causes is as likely as any other.
    prior = gammaln(count + 1) + gammaln(m - count + 1)
    probability = softmax(likelihood + prior)
    return {
        (*base, *options[members(np.array(number), m)]): float(probability[number])
        for number in np.flatnonzero(probability > 1e-4)
    }


def _complement(scatter: Array, base: Array, rest: Array) -> Array:
    """Scatter of some series once others are accounted for."""
    own = scatter[np.ix_(rest, rest)]
    if not base.size:
        return own
    across = scatter[np.ix_(base, rest)]
    left: Array = own - across.T @ np.linalg.solve(scatter[np.ix_(base, base)], across)
    return left


def _fill(
    weights: Array,
    rows: Array,
    chosen: Mapping[tuple[int, ...], float],
    scatter: Array,
    child: int,
    periods: int,
    rng: np.random.Generator,
) -> None:
    """Draw the weights of a channel's equation in some draws, from normal and inverse gamma."""
    share = np.array(list(chosen.values()))
    drawn = rng.choice(share.size, size=rows.size, p=share / share.sum())
    for number, positions in enumerate(chosen):
        here = rows[drawn == number]
        if not positions or not here.size:
            continue
        inside = list(positions)
        factor = cho_factor(scatter[np.ix_(inside, inside)], lower=True)
        mean = cho_solve(factor, scatter[inside, child])
        left = scatter[child, child] - scatter[child, inside] @ mean
        degrees = PRIOR_PERIODS + len(inside) + 1 + periods
        deviation = np.sqrt(left / rng.chisquare(degrees, size=here.size))
        noise = rng.standard_normal((len(inside), here.size))
        spread = solve_triangular(factor[0], noise, lower=True, trans="T")
        weights[here[:, None], inside, child] = (mean[:, None] + spread * deviation).T
