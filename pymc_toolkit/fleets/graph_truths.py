"""Channels that drive each other in simulations: known graphs, and what would have been spent."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import xarray as xr

from pymc_toolkit.analysis.channel_graph import channel_graph, graph_draws
from pymc_toolkit.arrays import Array
from pymc_toolkit.channel_graph.dags import graph_distance
from pymc_toolkit.channel_graph.series import spread_of
from pymc_toolkit.components.channel_dag import FIXED, ChannelDag
from pymc_toolkit.engines.base import Fit
from pymc_toolkit.model_data import ModelData
from pymc_toolkit.names import (
    CHANNEL,
    DAG_ADJACENCY,
    DAG_LAGGED,
    DAG_WEIGHTS,
    DATE,
    EDGE,
    EFFECT,
    LAG,
    SAMPLE,
)

EDGE_COLUMNS = ["cause", "effect", "probability", "returned", "turned"]
# Of graphs that are not taken from a posterior: edges a channel, and sizes of their weights.
_EDGES_A_CHANNEL, _WEIGHTS = 0.5, (0.3, 0.8)


def with_known_graph(
    parameters: xr.Dataset, data: ModelData, dag: ChannelDag, rng: np.random.Generator
) -> tuple[xr.Dataset, ModelData]:
    """Give one simulation a graph, and the spend that goes with it.

    Each channel keeps its own series, moved in time by a number of periods of its own, so that
    nothing but the graph ties it to others; what its causes make it spend is added, and the whole
    brought back to the client's mean spend.

    Parameters
    ----------
    parameters : xarray.Dataset
        One draw; its graph is kept where it has one, else one is drawn at random.
    data : ModelData
    dag : ChannelDag
    rng : numpy.random.Generator

    Returns
    -------
    parameters : xarray.Dataset
        With the graph's variables.
    data : ModelData
        With simulated spend.
    """
    if DAG_ADJACENCY in parameters:
        weights = graph_draws(parameters)[0]
    else:
        weights = _random_weights(data.channels, dag, rng)
    media = data.dataset["media"].transpose(DATE, CHANNEL)
    before = spread_of(media.values)
    spent = _spend(media.values, weights * (before / before[:, None]), rng)
    after = spread_of(spent)
    size, mean = media.values.mean(axis=0), spent.mean(axis=0)
    sized = spent * np.divide(size, mean, out=np.ones_like(mean), where=mean > 0)
    known = _named(
        parameters, weights * (before / after) * (after / before)[:, None], data.channels
    )
    return known, replace(data, dataset=data.dataset.assign(media=media.copy(data=sized)))


def graph_recovery(fit: Fit, truth: xr.Dataset) -> dict[str, float]:
    """How well the edges of one simulation were found.

    Parameters
    ----------
    fit : Fit
    truth : xarray.Dataset
        With the graph's variables, without chain and draw.

    Returns
    -------
    dict
        ``precision, recall, f1`` and ``shd`` of edges of the same period whose true weight is above
        the threshold, and the number of ``edges`` that there are.
    """
    found = channel_graph(fit)
    true = np.abs(truth[DAG_ADJACENCY].values) > found.dag.threshold
    return {**graph_distance(found.graph, true), "edges": int(true.sum())}


def edge_returns(fits: dict[str, Fit], reference: Fit) -> pd.DataFrame:
    """How often each edge of a reference is found again.

    Parameters
    ----------
    fits : dict of str to Fit
        Other fits of the same channels, by name.
    reference : Fit

    Returns
    -------
    pandas.DataFrame
        ``cause, effect, probability`` (in the reference), ``returned`` (share of the others whose
        graph has the edge), ``turned`` (share that has it the other way round); also edges that
        only others have.
    """
    base = channel_graph(reference)
    graphs = np.array([channel_graph(fit).graph for fit in fits.values()])
    ever = base.graph | (graphs.any(axis=0) if len(graphs) else False)
    rows = [
        {
            "cause": base.channels[cause],
            "effect": base.channels[effect],
            "probability": base.probability[0, cause, effect],
            "returned": graphs[:, cause, effect].mean() if len(graphs) else np.nan,
            "turned": graphs[:, effect, cause].mean() if len(graphs) else np.nan,
        }
        for cause, effect in np.argwhere(ever)
    ]
    table = pd.DataFrame(rows, columns=EDGE_COLUMNS)
    return table.sort_values("probability", ascending=False, kind="stable", ignore_index=True)


def _random_weights(channels: list[str], dag: ChannelDag, rng: np.random.Generator) -> Array:
    """Weights in standard deviations of a random graph that agrees with what is known."""
    n = len(channels)
    allowed, needed = dag.allowed(channels), dag.needed(channels)
    graph = needed.copy()
    position = _random_order(needed, rng)
    forward = allowed & (position[:, None] < position)
    if dag.mode != FIXED:
        chance = min(1.0, _EDGES_A_CHANNEL * n / max(forward.sum(), 1))
        graph |= forward & (rng.random((n, n)) < chance)
    drawn = rng.uniform(*_WEIGHTS, size=(n, n)) * graph
    return np.concatenate([drawn[None], np.zeros((dag.lags, n, n))])


def _random_order(needed: Array, rng: np.random.Generator) -> Array:
    """Position of each channel in a random order in which required causes come first."""
    left = list(range(len(needed)))
    position = np.zeros(len(needed), dtype=int)
    for place in range(len(needed)):
        free = [channel for channel in left if not needed[left, channel].any()]
        chosen = int(rng.choice(free))
        position[chosen] = place
        left.remove(chosen)
    return position


def _spend(media: Array, weights: Array, rng: np.random.Generator) -> Array:
    """What would have been spent, of shape (date, channel), with weights in its units."""
    periods, n = media.shape
    own = np.column_stack([np.roll(series, rng.integers(periods)) for series in media.T])
    onward, spent = np.linalg.inv(np.eye(n) - weights[0]), np.zeros_like(media)
    for time in range(periods):
        begun = own[time].copy()
        for lag in range(1, min(len(weights) - 1, time) + 1):
            begun += spent[time - lag] @ weights[lag]
        # A channel that others hold back cannot spend less than nothing.
        spent[time] = np.maximum(begun @ onward, 0.0)
    return spent


def _named(parameters: xr.Dataset, weights: Array, channels: list[str]) -> xr.Dataset:
    """Parameters with the variables of a graph."""
    lags = len(weights) - 1
    # Only edges: a channel without causes is all its own.
    lag, cause, effect = np.nonzero(weights)
    kept = parameters.drop_dims([dim for dim in (EDGE, LAG, EFFECT) if dim in parameters.dims])
    known = kept.assign(
        {
            DAG_ADJACENCY: ((*SAMPLE, CHANNEL, EFFECT), weights[None, None, 0]),
            DAG_WEIGHTS: ((*SAMPLE, EDGE), weights[lag, cause, effect][None, None]),
        }
    )
    if lags:
        known[DAG_LAGGED] = ((*SAMPLE, LAG, CHANNEL, EFFECT), weights[None, None, 1:])
    ends = {"edge_cause": cause, "edge_effect": effect, "edge_lag": lag}
    return known.assign_coords(
        {CHANNEL: channels, EFFECT: channels, **{name: (EDGE, at) for name, at in ends.items()}}
    )
