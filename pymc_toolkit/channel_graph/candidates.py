"""The few edges that a graph may have, and the equations in which a sampler weighs them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pymc_toolkit.arrays import Array
from pymc_toolkit.channel_graph.dags import most_probable_dag
from pymc_toolkit.channel_graph.learn import GraphDraws

# Prior of the variance of what causes leave of a channel, an inverse gamma: what it is worth in
# periods, and its sum of squares.
_PRIOR_PERIODS, PRIOR_SQUARES = 2.0, 1.0
# Edges that are less probable are left out of what is sampled.
_LEAST = 0.1
_LIKELY = 0.5
# At most so many edges a channel.
_MOST_A_CHANNEL = 3


@dataclass(frozen=True)
class Candidates:
    """Edges worth sampling, and all that the channels' series say about their weights.

    The series of a channel given its causes has a likelihood that depends on a few sums only: those
    of squares and products of the channel, of its causes, and of nothing else.

    Parameters
    ----------
    cause, effect, lag : ndarray of int, of shape (edge,)
        Ends by position among all channels, and how many periods the cause comes before.
    size : ndarray of shape (channel,)
        Sum of squares of each channel, in standard deviations, once its own past and the past of
        its causes are accounted for.
    cross : ndarray of shape (edge,)
        Sum of products of cause and effect.
    gram : ndarray of shape (edge, edge)
        Sums of products of causes of the same effect; zero between others.
    likely : ndarray of bool, of shape (edge,)
        Whether each is one of the most probable graph.
    periods : ndarray of shape (channel,)
        What the series are worth; zero for a channel without candidates.
    """

    cause: Array
    effect: Array
    lag: Array
    size: Array
    cross: Array
    gram: Array
    likely: Array
    periods: Array

    @property
    def exponent(self) -> Array:
        """Power of a channel's residual sum of squares in the likelihood, its variance integrated.

        Of shape (channel,); zero for a channel without candidates.
        """
        return np.where(self.periods > 0, 0.5 * (self.periods + _PRIOR_PERIODS), 0.0)

    @property
    def count(self) -> int:
        """Number of edges."""
        return int(self.cause.size)

    def matrix(self, weights: Array) -> Array:
        """Weights of the same period as a matrix of shape (channel, channel)."""
        matrix = np.zeros((self.size.size, self.size.size))
        now = self.lag == 0
        matrix[self.cause[now], self.effect[now]] = weights[now]
        return matrix


def candidate_edges(drawn: GraphDraws) -> Candidates:
    """Edges that a posterior over graphs does not rule out.

    Of an edge and the same one turned round only the likelier is taken. Both would explain the same
    correlation, and a sampler that is at the one cannot get to the other. Longer cycles remain
    possible.

    Parameters
    ----------
    drawn : GraphDraws

    Returns
    -------
    Candidates
        The most probable first.
    """
    n = drawn.spread.size
    now = drawn.now != 0
    probability = np.concatenate([now[:, None], drawn.lagged != 0], axis=1).mean(axis=0)
    graph = most_probable_dag(probability[0])
    # Where both are as probable, that of the graph.
    preferred = probability[0] + 1e-9 * graph
    probability[0] *= preferred > preferred.T
    # A lagged cause that is one of the same period too, in other draws, is that.
    linked = np.maximum(probability[0], probability[0].T) >= _LEAST
    probability[1:] *= ~linked
    strongest = np.argsort(-probability, axis=None, kind="stable")[: _MOST_A_CHANNEL * n]
    strongest = strongest[probability.ravel()[strongest] >= _LEAST]
    lag, cause, effect = np.unravel_index(strongest, probability.shape)
    likely = probability > _LIKELY
    likely[0] = graph
    return _with_sums(drawn, cause, effect, lag, likely[lag, cause, effect])


def _with_sums(
    drawn: GraphDraws, cause: Array, effect: Array, lag: Array, likely: Array
) -> Candidates:
    series, n = drawn.series, drawn.spread.size
    inner = {int(place): i for i, place in enumerate(series.place)}
    varying = len(inner)
    everything = np.hstack([series.now, series.past])
    size, periods = np.zeros(n), np.zeros(n)
    cross, gram = np.zeros(cause.size), np.zeros((cause.size, cause.size))
    for child in np.unique(effect):
        edges = np.flatnonzero(effect == child)
        causes = [inner[int(cause[e])] + varying * int(lag[e]) for e in edges]
        whose = [inner[int(cause[e])] for e in edges if lag[e] == 0] + [inner[int(child)]]
        habits = [i + varying * back for back in range(1, series.lags + 1) for i in whose]
        sums = _sums(everything, [inner[int(child)], *causes], habits)
        size[child], periods[child] = sums[0, 0], series.periods
        cross[edges], gram[np.ix_(edges, edges)] = sums[0, 1:], sums[1:, 1:]
    return Candidates(cause, effect, lag, size, cross, gram, likely, periods)


def _sums(everything: Array, kept: list[int], without: list[int]) -> Array:
    """Sums of squares and products of some columns, once others are accounted for."""
    columns = everything[:, kept]
    if without:
        causes = everything[:, without]
        columns = columns - causes @ np.linalg.lstsq(causes, columns, rcond=None)[0]
    return columns.T @ columns
