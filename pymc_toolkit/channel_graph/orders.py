"""Draw acyclic graphs from their posterior, by way of the orders that they allow.

Given an order, from upstream to downstream, each channel chooses its parents among those before it,
whatever the others choose. So the sum over all graphs of an order is a product of sums over sets,
and the sum over all orders is one over sets too: with ``n`` channels ``2**n`` steps instead of one
for each of the graphs, of which ten channels have 10**18. Draws are independent; nothing has to
mix.

References
----------
.. [1] Koivisto, Sood (2004). Exact Bayesian structure discovery in Bayesian networks.
.. [2] Friedman, Koller (2003). Being Bayesian about network structure.
.. [3] Ellis, Wong (2008). Learning causal Bayesian network structures from experimental data.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from scipy.special import logsumexp, softmax

from pymc_toolkit.arrays import Array
from pymc_toolkit.channel_graph.subsets import (
    members,
    partial_sums,
    sample_subsets,
    sizes,
    split,
    sums_over_subsets,
    with_bit,
    without_bit,
)

# Odds of an edge, each against the rest of one.
_DENSITIES = (0.03, 0.06, 0.12, 0.25, 0.5, 0.75)
# Graphs drawn for one that is taken, and orders drawn to count those of a graph.
_DRAWN_FOR_ONE, _ORDERS = 4, 128
_AT_ONCE = 500


def constrained(scores: list[Array], allowed: Array, needed: Array) -> list[Array]:
    """Scores with sets of parents ruled out that knowledge rules out.

    Parameters
    ----------
    scores : list of ndarray of shape (2**(n - 1),)
    allowed, needed : ndarray of bool, of shape (n, n)
        ``[cause, effect]``.

    Returns
    -------
    list of ndarray
    """
    result = []
    for child, table in enumerate(scores):
        ruled, others = table.copy(), np.delete(np.arange(len(scores)), child)
        for bit, other in enumerate(others):
            without, with_it = split(ruled, bit)
            if needed[other, child]:
                without[:] = -np.inf
            elif not allowed[other, child]:
                with_it[:] = -np.inf
        result.append(ruled)
    return result


def sample_dags(
    scores: list[Array], density: float | None, draws: int, rng: np.random.Generator
) -> Array:
    """Draw graphs from their posterior, by importance resampling.

    Before the data an acyclic graph of ``k`` edges has a probability in proportion to ``odds**k``.
    Sums over orders count a graph once for every order that it agrees with, which favours
    directions that many orders agree with [2]_; so more graphs are drawn than are asked for, and of
    those each is taken with a probability that makes up for it [3]_.

    Parameters
    ----------
    scores : list of ndarray of shape (2**(n - 1),)
        Logarithm of the likelihood of each channel given every set of parents.
    density : float or None
        Odds of an edge are ``density : 1 - density``; None to learn it too, from a few that are
        equally likely before.
    draws : int
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of bool, of shape (draw, cause, effect)
        Each acyclic.
    """
    densities = np.array(_DENSITIES if density is None else [density])
    pairs = len(scores) * (len(scores) - 1) // 2
    forward = [_forward(_with_prior(scores, p)) for p in densities]
    evidence = np.array([sums[-1] for sums in forward]) + pairs * np.log1p(-densities)
    if density is None:
        evidence -= _log_normalisers(len(scores))
    drawn = rng.multinomial(draws * _DRAWN_FOR_ONE, softmax(evidence))
    graphs = [
        _sample(_with_prior(scores, p), sums, count, rng)
        for p, sums, count in zip(densities, forward, drawn, strict=True)
        if count
    ]
    found = np.concatenate(graphs)
    unique, which = np.unique(found.reshape(len(found), -1), axis=0, return_inverse=True)
    parts = np.array_split(unique.reshape(-1, *found.shape[1:]), -(-len(unique) // _AT_ONCE))
    orders = np.concatenate([log_orders(part, rng) for part in parts])
    chosen = rng.choice(len(found), draws, p=softmax(-orders[which.ravel()]))
    return found[chosen]


@cache
def _log_normalisers(n: int) -> Array:
    """By density: logarithm of the sum of the prior over all acyclic graphs, by sampling.

    Along a random order, each edge with its probability, a graph comes up in proportion to the
    number of orders that it agrees with: their inverse averages to that sum.
    """
    rng = np.random.default_rng(0)
    order = rng.random((_AT_ONCE, n)).argsort(axis=1)
    forward = order[:, :, None] < order[:, None, :]
    return np.array(
        [
            logsumexp(-log_orders(forward & (rng.random(forward.shape) < density), rng))
            for density in _DENSITIES
        ]
    )


def log_orders(graphs: Array, rng: np.random.Generator) -> Array:
    """Logarithm of the number of orders that each graph agrees with, by sampling.

    Orders are drawn from the end, each time any of the channels that drive none of those left; the
    product of how many there were to choose from is, on average, that number.

    Parameters
    ----------
    graphs : ndarray of bool, of shape (graph, cause, effect)
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of shape (graph,)
    """
    count, n, _ = graphs.shape
    bits = 1 << np.arange(n)
    drives = (graphs * bits).sum(axis=2)[:, None]
    left, logs = np.full((count, _ORDERS), (1 << n) - 1), np.zeros((count, _ORDERS))
    for _ in range(n):
        free = (left[..., None] & bits > 0) & (drives & left[..., None] == 0)
        logs += np.log(free.sum(axis=-1))
        last = (free * rng.random(free.shape)).argmax(axis=-1)
        left &= ~bits[last]
    number: Array = logsumexp(logs, axis=1) - np.log(_ORDERS)
    return number


def _with_prior(scores: list[Array], density: float) -> list[Array]:
    count = sizes(len(scores) - 1)
    return [table + count * np.log(density / (1 - density)) for table in scores]


def _sample(scores: list[Array], forward: Array, draws: int, rng: np.random.Generator) -> Array:
    """Draw orders, and parents along each."""
    n = len(scores)
    before = _sample_orders([sums_over_subsets(table) for table in scores], forward, draws, rng)
    graphs = np.zeros((draws, n, n), dtype=bool)
    for child, table in enumerate(scores):
        within = without_bit(before[:, child], child)
        parents = sample_subsets(partial_sums(table), within, rng)
        graphs[:, :, child] = members(with_bit(parents, child), n)
    return graphs


def _sample_orders(
    sums: list[Array], forward: Array, draws: int, rng: np.random.Generator
) -> Array:
    """For each channel the set of those before it, of shape (draw, channel)."""
    n = len(sums)
    left = np.full(draws, (1 << n) - 1)
    before = np.zeros((draws, n), dtype=np.int64)
    for _ in range(n):
        logs = np.full((draws, n), -np.inf)
        for last in range(n):
            there = left >> last & 1 == 1
            rest = left[there] & ~(1 << last)
            logs[there, last] = forward[rest] + sums[last][without_bit(rest, last)]
        # The largest of logarithms plus Gumbel noise is a draw in proportion.
        last = (logs + rng.gumbel(size=logs.shape)).argmax(axis=1)
        left &= ~(1 << last)
        before[np.arange(draws), last] = left
    return before


def _forward(scores: list[Array]) -> Array:
    """Sum over all orders of the channels in a set, with no other before them, by set [1]_."""
    n = len(scores)
    sums = [sums_over_subsets(table) for table in scores]
    forward = np.full(1 << n, -np.inf)
    forward[0] = 0.0
    count = sizes(n)
    for size in range(1, n + 1):
        sets = np.flatnonzero(count == size)
        logs = np.full((n, sets.size), -np.inf)
        for last in range(n):
            there = sets >> last & 1 == 1
            rest = sets[there] & ~(1 << last)
            logs[last, there] = forward[rest] + sums[last][without_bit(rest, last)]
        forward[sets] = logsumexp(logs, axis=0)
    return forward
