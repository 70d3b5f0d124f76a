"""Channels that drive each other, in the graph of a model, and the same from posterior draws.

The series of the channels have a likelihood of their own, given the weights of a few candidate
edges; a potential keeps those weights from forming a cycle; and a channel reaches the response as a
blend of what was spent and of what its causes lead one to expect.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from pymc_toolkit.arrays import Array
from pymc_toolkit.channel_graph.candidates import PRIOR_SQUARES, Candidates
from pymc_toolkit.channel_graph.learn import GraphDraws, draw_graphs
from pymc_toolkit.channel_graph.mode import find_penalty
from pymc_toolkit.channel_graph.series import graph_series
from pymc_toolkit.components.channel_dag import NOTEARS, ChannelDag
from pymc_toolkit.components.time_varying import elapsed_share, fourier_modes, trend_basis
from pymc_toolkit.engines.bayesian.blend import channel_spread
from pymc_toolkit.exceptions import ChannelGraphError
from pymc_toolkit.model_data import ModelData
from pymc_toolkit.model_spec import ModelSpec
from pymc_toolkit.names import (
    CHANNEL,
    CONTROL,
    DAG_ADJACENCY,
    DAG_LAGGED,
    DAG_MIX,
    DAG_WEIGHTS,
    DATE,
    EDGE,
    EFFECT,
    LAG,
    SAMPLE,
)
from pymc_toolkit.priors import PlainPrior, resolve

# Posterior draws share so many graphs, each several times where there are more draws.
_GRAPHS = 1000
# Room for edges comes in so many at a time.
_ROOM = 4
# Where the weights are sampled from: the mode that the penalty was found at.
DAG_START = "dag_start"
NOTEARS_PENALTY = "notears_penalty"


def learn_graph(data: ModelData, spec: ModelSpec, seed: int) -> GraphDraws:
    """Draw graphs of a client's channels, given what was spent.

    What the model knows to move several channels at once is accounted for: controls, season, trend.

    Parameters
    ----------
    data : ModelData
    spec : ModelSpec
        With a channel graph.
    seed : int

    Returns
    -------
    GraphDraws
    """
    media, common = _series(data, spec)
    return draw_graphs(media, data.channels, _dag(spec), _GRAPHS, seed, common)


def check_graph(data: ModelData, spec: ModelSpec) -> None:
    """Refuse series that no graph can be learnt from."""
    media, common = _series(data, spec)
    graph_series(media, data.channels, common, _dag(spec))


def _series(data: ModelData, spec: ModelSpec) -> tuple[Array, Array]:
    """What channels spent, and what may move several of them at once."""
    # In the client's units, which equal variances are assumed in.
    media = data.dataset["media"].transpose(DATE, CHANNEL).values
    common = [data.scaled("controls").transpose(DATE, CONTROL).values]
    if spec.yearly_seasonality:
        common.append(fourier_modes(data.dates, spec.yearly_seasonality))
    if spec.trend:
        common.append(trend_basis(elapsed_share(data.dates, data.n_periods), spec.trend))
    return media, np.hstack(common)


def edge_slots(candidates: Candidates) -> int:
    """Number of weights that a graph has room for.

    A few more than there are candidates, so that windows of one client share a compilation.
    """
    return -(-candidates.count // _ROOM) * _ROOM


def dag_data(
    candidates: Candidates, data: ModelData, spec: ModelSpec
) -> dict[str, tuple[tuple[str, ...], Array]]:
    """The arrays of the candidate edges that a model's graph takes, by name, each with its dims."""
    slots, count, n = edge_slots(candidates), candidates.count, len(data.channels)
    if not slots:
        return {}
    scale = resolve(spec, data.n_periods, bool(data.controls))[DAG_WEIGHTS]["kwargs"]["b"]
    penalty = find_penalty(candidates, _dag(spec).acyclicity, float(scale))
    media = data.scaled("media").transpose(DATE, CHANNEL).values.T
    # In standard deviations of the channel that is driven: what one unit of weight adds to it.
    spread = channel_spread(data)
    ratio = spread[candidates.effect] / spread[candidates.cause]
    sources = np.zeros((slots, spec.lag_max, media.shape[1]))
    for edge in range(count):
        for lag in range(spec.lag_max):
            back = lag + candidates.lag[edge]
            kept = media.shape[1] - back
            if kept > 0:
                sources[edge, lag, back:] = media[candidates.cause[edge], :kept] * ratio[edge]
    effect, now = np.zeros((slots, n)), np.zeros((slots, n))
    effect[np.arange(count), candidates.effect] = 1.0
    now[np.arange(count), candidates.cause] = candidates.lag == 0
    cross, mode, gram = np.zeros(slots), np.zeros(slots), np.zeros((slots, slots))
    cross[:count], mode[:count] = candidates.cross, penalty.weights
    gram[:count, :count] = candidates.gram
    return {
        "dag_media": ((EDGE, LAG, DATE), sources),
        "dag_effect": ((EDGE, CHANNEL), effect),
        "dag_cause": ((EDGE, CHANNEL), now),
        "dag_cross": ((EDGE,), cross),
        "dag_gram": ((EDGE, EDGE), gram),
        "dag_size": ((CHANNEL,), candidates.size),
        "dag_exponent": ((CHANNEL,), candidates.exponent),
        "dag_driven": ((CHANNEL,), (effect.sum(axis=0) > 0).astype(float)),
        DAG_START: ((EDGE,), mode),
        "dag_alpha": ((), np.array(penalty.alpha)),
        "dag_rho": ((), np.array(penalty.rho)),
    }


def add_channel_dag(
    make: Any,
    spec: ModelSpec,
    priors: Mapping[str, PlainPrior],
    data: Mapping[str, Any],
    kernel: Any,
    carried: Any,
) -> tuple[Any, Any, Any]:
    """Let channels drive each other in the model at hand.

    Parameters
    ----------
    make : callable
        Makes the variable of a prior; has ``vector``.
    spec : ModelSpec
    priors : Mapping of str to mapping
    data : Mapping of str to Variable
        Among them the arrays of :func:`dag_data`.
    kernel : Variable of shape (channel, lag)
    carried : Variable of shape (channel, date)
        Exposure of each channel, its carry-over included.

    Returns
    -------
    blended : Variable of shape (channel, date)
    own : Variable of shape (channel,)
        Share of a channel's input that is its own spend.
    expected : Variable of shape (channel, date)
        What its causes add to it.
    """
    import pymc as pm
    import pytensor.tensor as pt

    from pymc_toolkit.engines.bayesian.acyclic_op import penalised

    weights = make.vector(DAG_WEIGHTS, priors[DAG_WEIGHTS], EDGE)
    mix = make.vector(DAG_MIX, priors[DAG_MIX], CHANNEL) * data["dag_driven"]
    to_effect = weights[:, None] * data["dag_effect"]
    # Residual sum of squares of each channel given its causes.
    left = data["dag_size"] + (
        to_effect * (pt.dot(data["dag_gram"], to_effect) - 2.0 * data["dag_cross"][:, None])
    ).sum(axis=0)
    # With the variance integrated out: nothing else asks for it.
    pm.Potential("dag_likelihood", -(data["dag_exponent"] * pt.log(left + PRIOR_SQUARES)).sum())
    if _dag(spec).mode == NOTEARS:
        h = penalised(pt.dot(data["dag_cause"].T, to_effect), _dag(spec).acyclicity)
        pm.Potential(NOTEARS_PENALTY, -(data["dag_alpha"] * h + 0.5 * data["dag_rho"] * h**2))
    from_causes = pt.vecmat(pt.dot(data["dag_effect"], kernel), data["dag_media"])
    expected = mix[:, None] * pt.dot(to_effect.T, from_causes)
    own = 1.0 - mix
    # A negative weight may expect less than nothing, which no curve is defined for.
    return pt.maximum(own[:, None] * carried + expected, 0.0), own, expected


def with_graph(
    posterior: xr.Dataset, drawn: GraphDraws, candidates: Candidates, channels: list[str]
) -> xr.Dataset:
    """Add the graphs to a posterior, and say which edges its weights are of.

    The weights that were sampled stay near one graph, since a sampler cannot jump to another. Which
    graphs there are, and how probable each is, the draws of :func:`learn_graph` say.

    Parameters
    ----------
    posterior : xarray.Dataset
    drawn : GraphDraws
    candidates : Candidates
    channels : list of str

    Returns
    -------
    xarray.Dataset
    """
    shape = tuple(posterior.sizes[dim] for dim in SAMPLE)
    which = np.arange(int(np.prod(shape))) % len(drawn.now)
    now = drawn.now[which].reshape(*shape, *drawn.now.shape[1:])
    whole = posterior.assign({DAG_ADJACENCY: ((*SAMPLE, CHANNEL, EFFECT), now)})
    lags = drawn.before.shape[1]
    if lags:
        before = drawn.before[which].reshape(*shape, *drawn.before.shape[1:])
        whole[DAG_LAGGED] = ((*SAMPLE, LAG, CHANNEL, EFFECT), before)
        whole = whole.assign_coords({LAG: range(1, lags + 1)})
    whole = whole.assign_coords({CHANNEL: channels, EFFECT: channels})
    if DAG_WEIGHTS not in whole:
        return whole
    edges = whole.isel({EDGE: slice(0, candidates.count)})
    names = np.array(channels, dtype=str)
    ends = zip(names[candidates.cause], names[candidates.effect], candidates.lag, strict=True)
    return edges.assign_coords(
        {
            EDGE: [edge_label(cause, effect, int(lag)) for cause, effect, lag in ends],
            "edge_cause": (EDGE, candidates.cause),
            "edge_effect": (EDGE, candidates.effect),
            "edge_lag": (EDGE, candidates.lag),
        }
    )


def edge_label(cause: str, effect: str, lag: int) -> str:
    """An edge in words."""
    return f"{cause} → {effect}" + (f" ({lag} later)" if lag else "")


def _dag(spec: ModelSpec) -> ChannelDag:
    if spec.channel_dag is None:
        raise ChannelGraphError("Got a model without a channel graph; expected channel_dag=…")
    return spec.channel_dag
