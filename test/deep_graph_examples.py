"""Regional clients whose channels drive each other, and how well a graph was found. No torch."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pymc_toolkit.simulate_graphs import simulate_dag

Shape = tuple[int, ...]
# A channel's own exposure; none is negative.
OWN: dict[str, Callable[[np.random.Generator, Shape], np.ndarray]] = {
    "gamma": lambda rng, shape: rng.gamma(2.0, 1.0, shape),
    "lognormal": lambda rng, shape: rng.lognormal(0.0, 0.8, shape),
    "half normal": lambda rng, shape: np.abs(rng.standard_normal(shape)),
    "bursts": lambda rng, shape: rng.gamma(2.0, 1.0, shape) * (rng.random(shape) < 0.5),
    "uniform": lambda rng, shape: rng.uniform(0.0, 3.0, shape),
    "normal": lambda rng, shape: np.maximum(rng.normal(4.0, 1.0, shape), 0.0),
}


def driven_client(
    seed: int,
    own: str = "gamma",
    channels: int = 6,
    edges: int = 7,
    regions: int = 4,
    weeks: int = 104,
) -> tuple[list[np.ndarray], np.ndarray]:
    """Media, one control and target, and which channel drives which, of shape (cause, effect).

    Each driven channel is its own exposure plus a sum of its causes; units of channels and sizes of
    regions differ, so that nothing about the order can be read from a scale.
    """
    true = simulate_dag(channels, edges, seed=seed) != 0
    rng = np.random.default_rng([seed, 1])
    effects = true * rng.uniform(0.4, 1.0, true.shape)
    shape = (regions, weeks, channels)
    noise = OWN[own](rng, shape)
    noise *= rng.uniform(0.5, 2.0, channels) / noise.std()
    media = noise @ np.linalg.inv(np.eye(channels) - effects)
    size = rng.uniform(0.5, 3.0, (regions, 1, 1))
    media *= size * rng.uniform(0.2, 5.0, channels)
    typical = np.quantile(media, 0.6, axis=(0, 1))
    saturated = media / (media + typical * size)
    earned = saturated @ rng.uniform(0.1, 0.6, channels)
    controls = rng.standard_normal((regions, weeks, 1))
    target = size[..., 0] * (2.0 + earned + 0.1 * controls[..., 0])
    return [media, controls, target * rng.normal(1.0, 0.03, target.shape)], true


def in_order(panels: list[np.ndarray], order: np.ndarray) -> list[np.ndarray]:
    """The same client with its channels in another order."""
    return [panels[0][..., order], *panels[1:]]


def topological(true: np.ndarray) -> np.ndarray:
    """Channels, causes before effects."""
    depth = np.zeros(len(true), dtype=int)
    for _ in true:
        depth = np.where(true, depth[:, None] + 1, 0).max(axis=0)
    return np.argsort(depth, kind="stable")


def f1(found: np.ndarray, true: np.ndarray) -> float:
    """Harmonic mean of the share of found edges that exist and of true ones that were found."""
    return float(2 * (found & true).sum() / max(1, found.sum() + true.sum()))


def chance(true: np.ndarray, draws: int = 200) -> float:
    """Mean F1 of random graphs with as many edges."""
    edges = int(true.sum())
    graphs = [simulate_dag(len(true), edges, seed=seed) != 0 for seed in range(draws)]
    return float(np.mean([f1(graph, true) for graph in graphs]))
