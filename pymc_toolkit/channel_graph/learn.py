"""Learn the graph of channels from their series."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pymc_toolkit.arrays import Array
from pymc_toolkit.channel_graph.orders import constrained, sample_dags
from pymc_toolkit.channel_graph.scores import parent_scores
from pymc_toolkit.channel_graph.series import GraphSeries, graph_series
from pymc_toolkit.channel_graph.weights import draw_weights
from pymc_toolkit.components.channel_dag import FIXED, ChannelDag


@dataclass(frozen=True)
class GraphDraws:
    """Draws from the posterior over graphs and their weights.

    Parameters
    ----------
    now : ndarray of shape (draw, channel, channel)
        Weight of the edge from the first channel to the second, in the same period: standard
        deviations per standard deviation, zero where there is no edge. Acyclic in every draw.
    before : ndarray of shape (draw, lag, channel, channel)
        Weights of earlier periods, the last one first, habits included.
    spread : ndarray of shape (channel,)
        Standard deviation of each channel, in the units that the series came in; 1 where it never
        varies.
    series : GraphSeries
        What they were learnt from.
    """

    now: Array
    before: Array
    spread: Array
    series: GraphSeries

    @property
    def lagged(self) -> Array:
        """Weights of ``before`` that are of edges, the others zero; see :func:`lagged_edges`."""
        return lagged_edges(self.now, self.before)


def draw_graphs(
    series: Array,
    names: Sequence[str],
    dag: ChannelDag,
    draws: int = 1000,
    seed: int = 0,
    common: Array | None = None,
) -> GraphDraws:
    """Draw graphs of channels, and the weights of their edges, given what was spent.

    A draw is a whole graph. Its parents of the same period are drawn by way of orders
    (:mod:`pymc_toolkit.channel_graph.orders`) from what the past leaves of each channel, its lagged
    parents and all weights given those. Nothing else is used: sales have no say in what drives
    spend.

    Parameters
    ----------
    series : ndarray of shape (period, channel)
        Spend or exposure, in any units; left as it is.
    names : sequence of str
    dag : ChannelDag
    draws : int
    seed : int
    common : ndarray of shape (period, cause), optional
        What may move several channels at once.

    Returns
    -------
    GraphDraws

    Raises
    ------
    ChannelGraphError
        If the graph that is asked for cannot be learnt from these series.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> tv = rng.exponential(size=150)
    >>> search = 0.6 * tv + rng.exponential(size=150)
    >>> drawn = draw_graphs(np.column_stack([tv, search]), ["tv", "search"], ChannelDag(lags=0))
    >>> bool((drawn.now[:, 0, 1] != 0).mean() > 0.95)
    True
    """
    dag.check_channels(names)
    prepared = graph_series(series, names, common, dag)
    inner = np.ix_(prepared.place, prepared.place)
    allowed, needed = dag.allowed(names)[inner], dag.needed(names)[inner]
    rng = np.random.default_rng(seed)
    if dag.mode == FIXED or len(prepared.names) < 2:
        graphs = np.repeat(needed[None], draws, axis=0)
    else:
        scores = parent_scores(prepared.news, prepared.periods, dag.noise, dag.max_parents)
        graphs = sample_dags(constrained(scores, allowed, needed), dag.prior, draws, rng)
    later = dag.allowed_later(names)[inner]
    now, before = draw_weights(prepared, graphs, later, rng)
    n = series.shape[1]
    spread = np.ones(n)
    spread[prepared.place] = prepared.spread
    return GraphDraws(_among(now, prepared, n), _among(before, prepared, n), spread, prepared)


def lagged_edges(now: Array, before: Array) -> Array:
    """Weights of earlier periods that stand for edges of their own.

    A channel's own past is its habit, and the past of a cause of the same period comes with it.

    Parameters
    ----------
    now : ndarray of shape (..., channel, channel)
    before : ndarray of shape (..., lag, channel, channel)

    Returns
    -------
    ndarray of shape (..., lag, channel, channel)
        Zero where there is no edge.
    """
    own = (now == 0) & ~np.eye(now.shape[-1], dtype=bool)
    return before * own[..., None, :, :]


def _among(weights: Array, series: GraphSeries, n: int) -> Array:
    """Weights among the channels that vary, as weights among all."""
    whole = np.zeros((*weights.shape[:-2], n, n))
    whole[..., series.place[:, None], series.place] = weights
    return whole
