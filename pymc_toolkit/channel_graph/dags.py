"""Directed graphs as matrices: order, cycles, what a class of graphs leaves open, distances.

``graph[i, j]`` says that there is an edge from ``i`` to ``j``.

References
----------
.. [1] Meek (1995). Causal inference and causal explanation with background knowledge.
.. [2] Reisach, Seiler, Weichwald (2021). Beware of the simulated DAG! Causal discovery benchmarks
   may be easy to game.
"""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter
from typing import Any

import numpy as np

from pymc_toolkit.arrays import Array
from pymc_toolkit.exceptions import ChannelGraphError


def topological_order(graph: Array) -> list[int]:
    """Nodes from upstream to downstream: the proof that a graph is acyclic.

    Parameters
    ----------
    graph : ndarray of shape (node, node)
        Anything that is not zero is an edge.

    Returns
    -------
    list of int

    Raises
    ------
    ChannelGraphError
        If there is a cycle.

    Examples
    --------
    >>> import numpy as np
    >>> topological_order(np.array([[0, 0, 1], [1, 0, 0], [0, 0, 0]]))
    [1, 0, 2]
    """
    parents = {j: np.flatnonzero(column).tolist() for j, column in enumerate(graph.T)}
    try:
        return list(TopologicalSorter(parents).static_order())
    except CycleError as error:
        cycle = " -> ".join(str(node) for node in error.args[1])
        raise ChannelGraphError(
            f"Got a graph with the cycle {cycle}; expected an acyclic one."
        ) from None


def is_acyclic(graph: Array) -> bool:
    """Whether a graph has no cycle.

    Parameters
    ----------
    graph : ndarray of shape (node, node)
    """
    try:
        topological_order(graph)
    except ChannelGraphError:
        return False
    return True


def most_probable_dag(probabilities: Array) -> Array:
    """The acyclic graph that a posterior over graphs expects to be wrong in the fewest edges.

    An edge is worth having where that makes the expected structural Hamming distance smaller: with
    ``p`` its probability and ``q`` that of the same edge turned round, where ``2p + q > 1``. Edges
    are taken from the most to the least worth having; one that would close a cycle is left out.

    Parameters
    ----------
    probabilities : ndarray of shape (node, node)
        The diagonal is not looked at.

    Returns
    -------
    ndarray of bool, of shape (node, node)
        Always acyclic.

    Examples
    --------
    >>> import numpy as np
    >>> most_probable_dag(np.array([[0.0, 0.5], [0.4, 0.0]])).astype(int)
    array([[0, 1],
           [0, 0]])
    """
    graph = np.zeros(probabilities.shape, dtype=bool)
    # Which node can be reached from which, each from itself.
    reaches = np.eye(len(graph), dtype=bool)
    worth = 2 * probabilities + probabilities.T - 1
    strongest = np.argsort(-worth, axis=None, kind="stable")
    for cause, effect in zip(*np.unravel_index(strongest, graph.shape), strict=True):
        if not worth[cause, effect] > 0:
            break
        if not reaches[effect, cause]:
            graph[cause, effect] = True
            reaches |= np.outer(reaches[:, cause], reaches[effect])
    return graph


def undirected_edges(graph: Array, allowed: Array | None = None) -> Array:
    """Edges whose direction a whole class of equally good graphs leaves open.

    Linear Gaussian data cannot tell graphs apart that have the same neighbours and the same
    colliders (two causes of one effect that are no neighbours). Here are the edges that some of
    them have the other way round, as far as knowledge allows that [1]_.

    Parameters
    ----------
    graph : ndarray of bool, of shape (node, node)
        Acyclic.
    allowed : ndarray of bool, of shape (node, node), optional
        Edges that may be; all by default.

    Returns
    -------
    ndarray of bool, of shape (node, node)
        The edges of the graph that could be turned.

    Examples
    --------
    >>> import numpy as np
    >>> collider = np.array([[0, 0, 1], [0, 0, 1], [0, 0, 0]], dtype=bool)
    >>> undirected_edges(collider).any()
    np.False_
    >>> chain = np.array([[0, 1, 0], [0, 0, 1], [0, 0, 0]], dtype=bool)
    >>> undirected_edges(chain).sum()
    np.int64(2)
    """
    graph = np.asarray(graph, bool)
    adjacent = graph | graph.T
    settled = graph & _collides(graph)
    if allowed is not None:
        settled |= graph & ~allowed.T
    while True:
        found = settled | (graph & _follows(settled, adjacent))
        if (found == settled).all():
            return graph & ~settled
        settled = found


def _collides(graph: Array) -> Array:
    """Edges that meet, at their end, another one whose start is no neighbour of theirs."""
    apart = ~(graph | graph.T)
    np.fill_diagonal(apart, False)
    return graph & (apart.astype(int) @ graph.astype(int) > 0)


def _follows(settled: Array, adjacent: Array) -> Array:
    """Edges whose direction follows from settled ones by Meek's four rules."""
    open_ = adjacent & ~settled & ~settled.T
    count = settled.astype(int)
    apart = ~adjacent & ~np.eye(len(adjacent), dtype=bool)
    # 1. a -> b, b - c, a and c no neighbours: b -> c, or there would be a new collider.
    follows = count.T @ apart.astype(int) > 0
    # 2. a -> b -> c, a - c: a -> c, or there would be a cycle.
    follows |= count @ count > 0
    for a, d in zip(*np.nonzero(open_), strict=True):
        beside = np.flatnonzero(open_[a])
        into = beside[settled[beside, d]]
        # 3. a - b -> d, a - c -> d, b and c no neighbours: a -> d.
        if apart[np.ix_(into, into)].any():
            follows[a, d] = True
        # 4. a - b, b -> c -> d, b and d no neighbours, a and c neighbours: a -> d.
        before = np.flatnonzero(settled[:, d] & adjacent[a])
        follows[a, d] |= bool((settled[np.ix_(beside, before)] & apart[beside, d][:, None]).any())
    return follows & open_


def graph_distance(found: Array, true: Array) -> dict[str, Any]:
    """How far a graph is from the true one.

    Parameters
    ----------
    found, true : ndarray of bool, of shape (node, node)

    Returns
    -------
    dict
        ``precision`` and ``recall`` of directed edges (NaN where there is none to judge), ``f1``,
        and ``shd``, the structural Hamming distance: edges to add, to take away or to turn.

    Examples
    --------
    >>> import numpy as np
    >>> graph_distance(np.array([[0, 1], [0, 0]]), np.array([[0, 0], [1, 0]]))["shd"]
    1
    """
    found, true = np.asarray(found, bool), np.asarray(true, bool)
    right = int((found & true).sum())
    differs = found != true
    # An edge the wrong way round differs in two places and is one mistake.
    turned = int((found & true.T & ~true & ~found.T).sum())
    total = int(found.sum() + true.sum())
    return {
        "precision": right / found.sum() if found.any() else np.nan,
        "recall": right / true.sum() if true.any() else np.nan,
        "f1": 2 * right / total if total else np.nan,
        "shd": int(differs.sum()) - turned,
    }


def varsortability(series: Array, graph: Array) -> float:
    """Share of a graph's directed paths along which variance grows [2]_.

    Near 1 or 0 the order of the channels can be read off their variances, which the choice of units
    decides; a method that does so is right by luck.

    Parameters
    ----------
    series : ndarray of shape (period, node)
        In the units that were used.
    graph : ndarray of bool, of shape (node, node)

    Returns
    -------
    float
        0.5 where variances are equal; NaN without an edge.

    Examples
    --------
    >>> import numpy as np
    >>> varsortability(np.array([[0.0, 0.0], [1.0, 5.0]]), np.array([[0, 1], [0, 0]]))
    1.0
    """
    graph = np.asarray(graph, bool).astype(int)
    variance = series.var(axis=0)
    cause, effect = variance[:, None], variance[None, :]
    grows = np.where(np.isclose(effect, cause, atol=0), 0.5, (effect > cause).astype(float))
    paths, score, power = 0.0, 0.0, graph
    for _ in range(len(graph) - 1):
        paths += power.sum()
        score += (power * grows).sum()
        power = power @ graph
    return float(score / paths) if paths else np.nan
