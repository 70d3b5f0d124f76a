"""Series and clients whose causal graph is known, so that a learner of graphs can be held to it.

In every matrix here, entry ``[i, j]`` is the effect of series i on series j.

References
----------
.. [1] Zheng, Aragam, Ravikumar, Xing (2018). DAGs with NO TEARS: continuous optimization for
   structure learning. NeurIPS.
.. [2] Barabási, Albert (1999). Emergence of scaling in random networks. Science 286.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import numpy as np

from pymc_toolkit.arrays import Array
from pymc_toolkit.exceptions import SpecificationError
from pymc_toolkit.simulate_plans import ChannelPlan, SimulatedClient, earn, event_days, sell, spend

GraphKind = Literal["erdos_renyi", "scale_free"]
Noise = Literal["gaussian", "laplace", "uniform", "exponential"]

# Sizes of effects within a period, of own lags and of lagged effects on others; see the functions.
_WEIGHTS, _OWN_LAGS, _CROSS_LAGS = (0.5, 2.0), (0.2, 0.5), (0.3, 0.6)
_LARGEST_RADIUS, _VAR_TRIES = 0.95, 1000
# What is left of the start after burn-in, and the slowest decay that is waited for.
_FORGOTTEN, _SLOWEST = 1e-8, 0.999
# Channel, flighting, typical week, weekly ceiling of sales, half saturation, retention. Spends move
# on their own, so that the one edge is all that there is to find; of search this is what tv does
# not cause. A client's numbers lie around these.
_DRIVEN_PLANS = (
    ChannelPlan("tv", "flights", 20_000, 45_000, 1.2, 0.55),
    ChannelPlan("online_video", "always_on", 6_000, 24_000, 0.9, 0.40),
    ChannelPlan("social", "bursts", 4_000, 14_000, 1.1, 0.25),
    ChannelPlan("search", "always_on", 5_000, 40_000, 1.6, 0.10),
)
_CAUSE, _EFFECT = 0, 3
_FEWEST_PERIODS = 20
# Each with mean 0 and variance 1.
_NOISES: dict[str, Callable[[np.random.Generator, tuple[int, int]], Array]] = {
    "gaussian": lambda rng, shape: rng.standard_normal(shape),
    "laplace": lambda rng, shape: rng.laplace(0, np.sqrt(0.5), shape),
    "uniform": lambda rng, shape: rng.uniform(-np.sqrt(3), np.sqrt(3), shape),
    "exponential": lambda rng, shape: rng.exponential(1, shape) - 1,
}


def simulate_dag(
    n_nodes: int, n_edges: int, kind: GraphKind = "erdos_renyi", seed: int = 0
) -> Array:
    """Draw a weighted acyclic graph as [1]_ does, with nodes in random order.

    Parameters
    ----------
    n_nodes : int
    n_edges : int
        Of ``"erdos_renyi"`` exactly so many, any of them as likely as any other. Of
        ``"scale_free"`` each node after the first causes ``m = round(n_edges / n_nodes)`` earlier
        ones (all, where there are fewer), so that there are ``m * n_nodes - m * (m + 1) / 2``.
    kind : {"erdos_renyi", "scale_free"}
        Edges by chance, or preferential attachment [2]_, in which few nodes have most of the edges.
    seed : int
        Same seed, same graph.

    Returns
    -------
    ndarray of shape (n_nodes, n_nodes)
        Weights, uniform on ±[0.5, 2]; zero where there is no edge.

    Raises
    ------
    SpecificationError
        If the kind is unknown or there is no such graph.

    Examples
    --------
    >>> weights = simulate_dag(5, 4, seed=1)
    >>> weights.shape, int((weights != 0).sum())
    ((5, 5), 4)
    """
    if kind not in ("erdos_renyi", "scale_free"):
        raise SpecificationError(
            f"Got kind={kind!r}; expected 'erdos_renyi' or 'scale_free'. Choose one of them."
        )
    rng = np.random.default_rng(seed)
    draw = _by_chance if kind == "erdos_renyi" else _by_preference
    edges = draw(rng, n_nodes, n_edges)
    order = rng.permutation(n_nodes)
    return _signed(rng, _WEIGHTS, edges.shape) * edges[np.ix_(order, order)]


def simulate_series(
    weights: Array,
    n_periods: int,
    seed: int = 0,
    lagged: Array | None = None,
    noise: Noise = "gaussian",
    noise_scale: float = 1.0,
) -> Array:
    """Simulate series that a graph drives, within a period and from one period to the next.

    ``x[t] = x[t] @ weights + x[t - 1] @ lagged + e[t]`` with independent noise e.

    Parameters
    ----------
    weights : ndarray of shape (n_nodes, n_nodes)
        Effects within a period, without cycles.
    n_periods : int
    seed : int
        Same seed, same series.
    lagged : ndarray of shape (n_nodes, n_nodes), optional
        Effects on the next period, under which the series stay stable; none if not given. The
        series then start in their long-run distribution.
    noise : {"gaussian", "laplace", "uniform", "exponential"}
        Its distribution, with mean zero (so the exponential is shifted).
    noise_scale : float
        Its standard deviation.

    Returns
    -------
    ndarray of shape (n_periods, n_nodes)

    Raises
    ------
    SpecificationError
        If the weights have a cycle, the series would explode, or an argument is out of its range.

    Examples
    --------
    >>> simulate_series(simulate_dag(5, 4), n_periods=100).shape
    (100, 5)
    """
    weights = np.asarray(weights, dtype=float)
    lagged = None if lagged is None else np.asarray(lagged, dtype=float)
    _check_series(weights, n_periods, lagged, noise, noise_scale)
    n_nodes = len(weights)
    # Of x = x W + y: what y brings about, along all paths within the period.
    within = np.linalg.inv(np.eye(n_nodes) - weights)
    reduced = np.zeros_like(weights) if lagged is None else lagged @ within
    burn_in = _burn_in(reduced)
    rng = np.random.default_rng(seed)
    shocks = noise_scale * _NOISES[noise](rng, (burn_in + n_periods, n_nodes)) @ within
    if lagged is None:
        return shocks
    series = np.empty_like(shocks)
    last = np.zeros(n_nodes)
    for t, shock in enumerate(shocks):
        series[t] = last = last @ reduced + shock
    return series[burn_in:]


def simulate_var(
    n_nodes: int = 6, n_periods: int = 160, n_edges: int = 6, seed: int = 0
) -> tuple[Array, Array]:
    """Simulate series that drive themselves and each other from one period to the next.

    Own lags lie between 0.2 and 0.5, as of budgets of which part is carried into the next week.
    Effects on others lie between 0.3 and 0.6 in size: with 160 periods the standard error of
    such an effect is about 0.07, so that the smallest is some four of them, which a good method
    finds and a poor one does not; larger ones would rarely leave six series stable. Cycles over
    time are allowed. Noise is Gaussian with variance one.

    Parameters
    ----------
    n_nodes, n_periods : int
    n_edges : int
        Effects on others.
    seed : int
        Same seed, same series.

    Returns
    -------
    series : ndarray of shape (n_periods, n_nodes)
    lagged : ndarray of shape (n_nodes, n_nodes)
        With a spectral radius below 0.95.

    Raises
    ------
    SpecificationError
        If there are more effects than pairs, or no stable system was found.

    Examples
    --------
    >>> series, lagged = simulate_var(seed=1)
    >>> series.shape, int((lagged != 0).sum())
    ((160, 6), 12)
    """
    pairs = np.flatnonzero(~np.eye(max(n_nodes, 0), dtype=bool))
    if n_nodes < 1 or not 0 <= n_edges <= pairs.size:
        raise SpecificationError(
            f"Got {n_edges} effects among {n_nodes} series; expected at least 1 series and 0 to "
            f"{pairs.size} effects. Ask for fewer effects or more series."
        )
    rng = np.random.default_rng(seed)
    for _ in range(_VAR_TRIES):
        lagged = np.diag(rng.uniform(*_OWN_LAGS, n_nodes))
        chosen = rng.choice(pairs, n_edges, replace=False)
        lagged.ravel()[chosen] = _signed(rng, _CROSS_LAGS, chosen.shape)
        if _spectral_radius(lagged) < _LARGEST_RADIUS:
            # Not the seed itself: the noise would repeat the draws that made the effects.
            own_seed = int(rng.integers(2**32))
            none = np.zeros_like(lagged)
            return simulate_series(none, n_periods, own_seed, lagged), lagged
    raise SpecificationError(
        f"Got {n_edges} effects among {n_nodes} series, and none of {_VAR_TRIES} draws was "
        "stable; expected fewer effects. Ask for fewer effects or more series."
    )


def simulate_driven_client(
    n_periods: int = 156, share: float = 0.4, seed: int = 0
) -> SimulatedClient:
    """Simulate a weekly client whose tv causes part of what is spent on search.

    ``search[t] = own[t] + effect * tv[t]``: who sees the spot searches in the same week. A model
    that takes spends as given credits search with what tv brought about.

    Parameters
    ----------
    n_periods : int
        Number of weeks, at least 20.
    share : float
        Part of all spend on search that tv causes; at least 0 and less than 1.
    seed : int
        Same seed, same client.

    Returns
    -------
    SimulatedClient
        Channels tv (in flights), online_video, social and search; control events. Its ``truth``
        has besides ``contributions`` and ``roi``, the direct ones: ``total_contributions``, in
        which tv has what the target would lose in expectation without it, its part of search
        included, and search has the rest of its own; ``total_roi``, the same per unit of the
        channel's own spend; ``edges`` [[cause, effect, spend per unit of spend]], none if the
        share is 0.

    Raises
    ------
    SpecificationError
        If there are fewer than 20 weeks or the share is out of its range.

    Examples
    --------
    >>> client = simulate_driven_client(n_periods=52, seed=1)
    >>> client.channel_names
    ['tv', 'online_video', 'social', 'search']
    >>> [(cause, effect) for cause, effect, _ in client.truth["edges"]]
    [('tv', 'search')]
    """
    if n_periods < _FEWEST_PERIODS or not 0 <= share < 1:
        raise SpecificationError(
            f"Got {n_periods} periods and share={share}; expected at least {_FEWEST_PERIODS} "
            "periods and a share of at least 0 and less than 1. Ask for a longer client or "
            "another share."
        )
    rng = np.random.default_rng(seed)
    plans = [_varied(rng, plan) for plan in _DRIVEN_PLANS]
    media = spend(rng, plans, n_periods)
    cause, own = media[:, _CAUSE], media[:, _EFFECT].copy()
    effect = share / (1 - share) * float(own.sum() / cause.sum())
    # Not rounded to cents: the edge then holds exactly.
    media[:, _EFFECT] += effect * cause
    client = sell(
        rng,
        plans,
        media,
        controls={"events": (event_days(rng, n_periods), 4_000.0)},
        intercept=90_000.0,
        noise=0.03,
        seasonality=0.0,
        effectiveness=np.ones(n_periods),
        names=("date_week", "revenue"),
    )
    without = media.copy()
    without[:, _CAUSE], without[:, _EFFECT] = 0.0, own
    lost = (earn(plans, media) - earn(plans, without)).sum(axis=0)
    totals = dict(client.truth["contributions"])
    names = client.channel_names
    totals[names[_CAUSE]] = float(lost.sum())
    totals[names[_EFFECT]] -= float(lost[_EFFECT])
    client.truth.update(
        total_contributions=totals,
        total_roi={name: totals[name] / float(media[:, j].sum()) for j, name in enumerate(names)},
        edges=[[names[_CAUSE], names[_EFFECT], effect]] if share else [],
    )
    return client


def _varied(rng: np.random.Generator, plan: ChannelPlan) -> ChannelPlan:
    """A plan whose numbers lie within a quarter of those of another."""
    level, amplitude, half, retention = rng.uniform(0.75, 1.25, 4)
    return replace(
        plan,
        level=plan.level * level,
        amplitude=plan.amplitude * amplitude,
        half_saturation=plan.half_saturation * half,
        retention=plan.retention * retention,
    )


def _by_chance(rng: np.random.Generator, n_nodes: int, n_edges: int) -> Array:
    """A given number of edges from later to earlier nodes."""
    rows, columns = np.tril_indices(max(n_nodes, 0), k=-1)
    if n_nodes < 1 or not 0 <= n_edges <= rows.size:
        raise SpecificationError(
            f"Got {n_edges} edges among {n_nodes} nodes; expected at least 1 node and 0 to "
            f"{rows.size} edges. Ask for fewer edges or more nodes."
        )
    edges = np.zeros((n_nodes, n_nodes), dtype=bool)
    chosen = rng.choice(rows.size, n_edges, replace=False)
    edges[rows[chosen], columns[chosen]] = True
    return edges


def _by_preference(rng: np.random.Generator, n_nodes: int, n_edges: int) -> Array:
    """Edges from each node to a given number of earlier ones, the popular ones most of all.

    Popularity is one more than the edges that a node got: the rule of igraph, with which [1]_
    draw their graphs.
    """
    each = round(n_edges / n_nodes) if n_nodes > 0 else 0
    if not 1 <= each < n_nodes:
        raise SpecificationError(
            f"Got {n_edges} edges among {n_nodes} nodes; expected the rounded edges per node of a "
            f"scale-free graph, here {each}, to lie between 1 and the other nodes. Ask for as "
            "many edges as nodes, or a multiple of that."
        )
    edges = np.zeros((n_nodes, n_nodes), dtype=bool)
    for node in range(1, n_nodes):
        popularity = 1.0 + edges[:node, :node].sum(axis=0)
        share = popularity / popularity.sum()
        edges[node, rng.choice(node, min(each, node), replace=False, p=share)] = True
    return edges


def _signed(rng: np.random.Generator, bounds: tuple[float, float], shape: tuple[int, ...]) -> Array:
    """Uniform sizes between two bounds, with signs by chance."""
    return rng.uniform(*bounds, shape) * rng.choice([-1.0, 1.0], shape)


def _check_series(
    weights: Array, n_periods: int, lagged: Array | None, noise: str, noise_scale: float
) -> None:
    for name, matrix in {"weights": weights, "lagged": lagged}.items():
        if matrix is None:
            continue
        if matrix.shape != (len(weights), len(weights)) or not np.isfinite(matrix).all():
            raise SpecificationError(
                f"Got {name} of shape {matrix.shape}; expected a square matrix of finite numbers, "
                "one row for each series. Put 0 where there is no effect."
            )
    if noise not in _NOISES or not (np.isfinite(noise_scale) and noise_scale >= 0):
        raise SpecificationError(
            f"Got noise={noise!r} with noise_scale={noise_scale}; expected one of "
            f"{', '.join(map(repr, _NOISES))} with a standard deviation of at least 0."
        )
    if n_periods < 1:
        raise SpecificationError(f"Got n_periods={n_periods}; expected at least 1.")
    if not _is_acyclic(weights != 0):
        raise SpecificationError(
            "Got weights with a cycle; expected no series to be among its own causes within a "
            "period. Remove an edge of the cycle, or put it into lagged."
        )


def _burn_in(reduced: Array) -> int:
    """Periods until what series started with is forgotten."""
    radius = _spectral_radius(reduced)
    if radius > _SLOWEST:
        raise SpecificationError(
            f"Got a spectral radius of {radius:.3f} for the effects of one period on the next; "
            f"expected at most {_SLOWEST}, or series would explode or never forget their start. "
            "Make lagged smaller."
        )
    # A matrix without eigenvalues takes as many periods as there are series to come to nothing.
    slow = np.log(_FORGOTTEN) / np.log(radius) if radius > 0 else 0.0
    return int(np.ceil(slow)) + (len(reduced) if reduced.any() else 0)


def _spectral_radius(matrix: Array) -> float:
    return float(np.abs(np.linalg.eigvals(matrix)).max())


def _is_acyclic(edges: Array) -> bool:
    """Whether taking away nodes without a cause, again and again, leaves none."""
    left = np.ones(len(edges), dtype=bool)
    while left.any():
        sources = left & ~edges[left].any(axis=0)
        if not sources.any():
            return False
        left &= ~sources
    return True
