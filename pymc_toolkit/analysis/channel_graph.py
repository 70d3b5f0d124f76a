"""What a fit says about which channel drives which, and how far that can be known."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import xarray as xr

from pymc_toolkit.analysis.intervals import CI_PROB
from pymc_toolkit.arrays import Array, over_regions
from pymc_toolkit.channel_graph.dags import (
    most_probable_dag,
    topological_order,
    undirected_edges,
    varsortability,
)
from pymc_toolkit.channel_graph.learn import lagged_edges
from pymc_toolkit.channel_graph.posterior import graph_weights
from pymc_toolkit.channel_graph.series import spread_of
from pymc_toolkit.components.channel_dag import EQUAL, FIXED, GAUSSIAN, ChannelDag
from pymc_toolkit.engines.base import Fit
from pymc_toolkit.exceptions import SpecificationError
from pymc_toolkit.names import CHANNEL, DATE
from pymc_toolkit.verdicts import Check, Status

# Directions: told by the data, by the user, or by nothing.
CLEAR, KNOWN, UNKNOWN = "clear", "known", "not identifiable"
# Share of an edge's probability that its direction needs.
_CLEARLY = 0.8


@dataclass(frozen=True)
class ChannelGraph:
    """A posterior over graphs of channels, in one place.

    Parameters
    ----------
    channels : tuple of str
    dag : ChannelDag
        What was asked and known.
    probability : ndarray of shape (1 + lag, cause, effect)
        Probability that the weight of an edge is above the threshold, by how many periods the cause
        comes before.
    weight, low, high : ndarray of shape (1 + lag, cause, effect)
        Mean and 90% interval of the weight where there is an edge: standard deviations per standard
        deviation.
    unit : ndarray of shape (cause, effect)
        Spend of the effect per unit of spend of the cause, for a weight of 1.
    graph : ndarray of bool, of shape (cause, effect)
        The most probable acyclic graph of the same period.
    varsortability : float
        How far the graph's order is that of the channels' variances, in the units of the table.
    """

    channels: tuple[str, ...]
    dag: ChannelDag
    probability: Array
    weight: Array
    low: Array
    high: Array
    unit: Array
    graph: Array
    varsortability: float

    @property
    def order(self) -> list[str]:
        """Channels from upstream to downstream: the proof that the graph has no cycle."""
        known = self.dag.known_upstream(self.channels)
        return [self.channels[node] for node in topological_order(self.graph | known)]

    @property
    def directions(self) -> Array:
        """What tells the direction of every edge of the graph, as text of shape (cause, effect)."""
        turned = self.dag.allowed(self.channels).T
        there = self.probability[0]
        both = there + there.T
        told = np.divide(there, both, out=np.zeros_like(there), where=both > 0) >= _CLEARLY
        if self.dag.noise == GAUSSIAN:
            told &= ~undirected_edges(self.graph, self.dag.allowed(self.channels))
        told_by = np.where(told, CLEAR, UNKNOWN).astype(object)
        told_by[~turned] = KNOWN
        return np.where(self.graph, told_by, "")

    def edges(self, at_least: float = 0.1) -> pd.DataFrame:
        """Edges by probability.

        Parameters
        ----------
        at_least : float
            Probability that an edge must have, unless it is one of the graph.

        Returns
        -------
        pandas.DataFrame
            ``cause, effect, lag`` (periods), ``probability, reverse`` (probability of the edge the
            other way round, of the same period), ``weight, ci_low, ci_high`` (standard deviations
            per standard deviation, where there is an edge), ``spend, spend_low, spend_high`` (the
            same as spend of the effect per unit of spend of the cause), ``in_graph`` and
            ``direction``: ``clear``, ``known`` (from what was required, forbidden or ordered) or
            ``not identifiable``; empty for an edge that is not of the graph.
        """
        directions, rows = self.directions, []
        spend = {"spend": self.weight, "spend_low": self.low, "spend_high": self.high}
        for lag, cause, effect in np.argwhere(self.probability > 0):
            in_graph = (
                bool(self.graph[cause, effect])
                if lag == 0
                else bool(self.probability[lag, cause, effect] > 0.5)
            )
            if not in_graph and self.probability[lag, cause, effect] < at_least:
                continue
            rows.append(
                {
                    "cause": self.channels[cause],
                    "effect": self.channels[effect],
                    "lag": int(lag),
                    "probability": self.probability[lag, cause, effect],
                    "reverse": np.nan if lag else self.probability[0, effect, cause],
                    "weight": self.weight[lag, cause, effect],
                    "ci_low": self.low[lag, cause, effect],
                    "ci_high": self.high[lag, cause, effect],
                    **{
                        name: weights[lag, cause, effect] * self.unit[cause, effect]
                        for name, weights in spend.items()
                    },
                    "in_graph": in_graph,
                    "direction": CLEAR if lag else directions[cause, effect],
                }
            )
        table = pd.DataFrame(rows, columns=_COLUMNS)
        return table.sort_values("probability", ascending=False, kind="stable", ignore_index=True)

    def adjacency(self) -> pd.DataFrame:
        """Mean weights of the graph's edges, cause by row and effect by column; zero elsewhere."""
        weights = np.where(self.graph, self.weight[0], 0.0)
        names = list(self.channels)
        return pd.DataFrame(weights, pd.Index(names, name="cause"), pd.Index(names, name="effect"))

    def judge(self) -> Check:
        """Whether the data tell which channel drives which."""
        pairs = np.argwhere(self.graph)
        names = {(i, j): f"{self.channels[i]} and {self.channels[j]}" for i, j in pairs}
        directions = self.directions
        unknown = [name for place, name in names.items() if directions[place] == UNKNOWN]
        weak = [
            f"{name} ({self.probability[0][place]:.0%})"
            for place, name in names.items()
            if directions[place] == CLEAR and self.probability[0][place] < _CLEARLY
        ]
        count = len(names) + int((self.probability[1:] > 0.5).sum())
        if not count:
            return Check("channel graph", Status.PASS, "No channel is found to drive another.")
        parts = [f"{count} link{'s' if count > 1 else ''} between channels"]
        if unknown:
            parts.append(
                f"not identifiable which way: {', '.join(unknown)}. Require or forbid an edge if "
                "it is known, or run an experiment"
            )
        if weak:
            parts.append(f"less probable than {_CLEARLY:.0%}: {', '.join(weak)}")
        if self.dag.noise == EQUAL and len(names):
            parts.append(
                "directions rest on equal variances, which depend on units (varsortability "
                f"{self.varsortability:.2f})"
            )
        if len(parts) == 1:
            return Check("channel graph", Status.PASS, f"{parts[0]}, each with a clear direction.")
        return Check("channel graph", Status.REVIEW, "; ".join(parts) + ".", float(len(unknown)))


_COLUMNS = [
    "cause",
    "effect",
    "lag",
    "probability",
    "reverse",
    "weight",
    "ci_low",
    "ci_high",
    "spend",
    "spend_low",
    "spend_high",
    "in_graph",
    "direction",
]


def channel_graph(fit: Fit, threshold: float | None = None) -> ChannelGraph:
    """Gather what a fit says about the graph of its channels.

    Parameters
    ----------
    fit : Fit
    threshold : float, optional
        Weight up to which an edge counts as none; that of the model by default.

    Returns
    -------
    ChannelGraph

    Raises
    ------
    SpecificationError
        If the model has no channel graph.
    """
    dag = graph_settings(fit)
    least = dag.threshold if threshold is None else replace(dag, threshold=threshold).threshold
    draws = graph_draws(fit.posterior)
    edges = np.abs(draws) > least
    probability = edges.mean(axis=0)
    kept = np.where(edges, draws, np.nan)
    empty = probability == 0
    # A quantile of nothing is no number, and says so by a warning.
    kept[:, empty] = 0.0
    low, high = np.nanquantile(kept, [(1 - CI_PROB) / 2, (1 + CI_PROB) / 2], axis=0)
    media = over_regions(fit.training.dataset["media"]).transpose(DATE, CHANNEL).values
    spread = spread_of(media)
    needed = dag.needed(fit.training.channels)
    graph = needed if dag.mode == FIXED else most_probable_dag(np.maximum(probability[0], needed))
    return ChannelGraph(
        tuple(fit.training.channels),
        dag,
        probability,
        np.nanmean(kept, axis=0),
        low,
        high,
        spread / spread[:, None],
        graph,
        varsortability(media, graph),
    )


def graph_settings(fit: Fit) -> ChannelDag:
    """The settings of a fit's channel graph.

    Raises
    ------
    SpecificationError
        If it has none.
    """
    if fit.spec.channel_dag is None:
        raise SpecificationError(
            "Got a model without a channel graph; expected one made with "
            "PymcModel(..., channel_dag=ChannelDag(...))."
        )
    return fit.spec.channel_dag


def graph_draws(posterior: xr.Dataset) -> Array:
    """Weights of every draw, (draw, 1 + lag, cause, effect), zero where there is no edge."""
    now, before = graph_weights(posterior)
    return np.concatenate([now[:, None], lagged_edges(now, before)], axis=1)
