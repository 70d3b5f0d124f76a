"""What is said of channel graphs, held against graphs and clients whose truth is known."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

from pymc_toolkit import ChannelDag, PymcModel
from pymc_toolkit.channel_graph.dags import graph_distance, most_probable_dag
from pymc_toolkit.channel_graph.learn import draw_graphs
from pymc_toolkit.exceptions import ConvergenceWarning
from pymc_toolkit.simulate_graphs import (
    simulate_dag,
    simulate_driven_client,
    simulate_series,
    simulate_var,
)

KINDS = ("erdos_renyi", "scale_free")


def learnt(series: np.ndarray, **settings: Any) -> np.ndarray:
    """Probability of every edge of the same period."""
    names = [f"channel {i}" for i in range(series.shape[1])]
    dag = ChannelDag(**{"lags": 0, "threshold": 0, "max_parents": len(names), **settings})
    return (draw_graphs(series, names, dag).now != 0).mean(axis=0)


@pytest.mark.parametrize("kind", KINDS)
def test_on_raw_series_nearly_all_edges_are_found(kind: str) -> None:
    """Ten channels, two edges each; NOTEARS has 2.5 wrong edges on such graphs, DAGMA 1.3."""
    distances = []
    for seed in range(5):
        weights = simulate_dag(10, 20, kind, seed)
        found = most_probable_dag(learnt(simulate_series(weights, 500, seed), noise="equal"))
        distances.append(graph_distance(found, weights != 0)["shd"])
    assert np.mean(distances) <= 1.3


@pytest.mark.parametrize(
    "noise", [pytest.param("gaussian", marks=pytest.mark.slow), "non_gaussian"]
)
def test_on_standardised_series_probabilities_are_honest(noise: str) -> None:
    """Of edges that are given about 80%, 65% to 95% exist; also where shapes tell nothing."""
    given, there = [], []
    for seed in range(60):
        weights = simulate_dag(8, 8 + 8 * (seed % 2), KINDS[seed % 3 == 0], seed)
        series = simulate_series(weights, 200 if seed % 4 else 1000, seed)
        pairs = ~np.eye(8, dtype=bool)
        given.append(learnt(series / series.std(axis=0), noise=noise)[pairs])
        there.append(weights[pairs] != 0)
    probability, exists = np.concatenate(given), np.concatenate(there)
    about = (probability > 0.7) & (probability < 0.9)
    assert about.sum() >= 60
    assert 0.65 <= exists[about].mean() <= 0.95
    assert exists[probability >= 0.95].mean() > 0.9
    assert exists[probability <= 0.05].mean() < 0.02


def test_skewed_spend_tells_directions_that_normal_spend_cannot() -> None:
    right = {}
    for noise in ("exponential", "gaussian"):
        shares = []
        for seed in range(10):
            weights = simulate_dag(5, 4, seed=seed)
            there = weights != 0
            series = simulate_series(weights, 300, seed, noise=noise)
            probability = learnt(series / series.std(axis=0), noise="non_gaussian")
            shares.append(probability[there].mean())
        right[noise] = np.mean(shares)
    assert right["exponential"] > 0.95
    assert right["gaussian"] < 0.85


def test_lagged_causes_are_found() -> None:
    """Six channels and 160 weeks, standardised, directions and all."""
    scores = []
    for seed in range(10):
        series, weights = simulate_var(seed=seed)
        dag = ChannelDag(lags=1)
        names = [f"channel {i}" for i in range(6)]
        drawn = draw_graphs(series / series.std(axis=0), names, dag, seed=seed)
        found = (np.abs(drawn.lagged[:, 0]) > dag.threshold).mean(axis=0) > 0.5
        truth = (weights != 0) & ~np.eye(6, dtype=bool)
        scores.append(graph_distance(found, truth)["f1"])
        assert not ((drawn.now != 0).mean(axis=0) > 0.5).any()
    assert np.mean(scores) >= 0.8


@pytest.mark.slow
def test_what_tv_returns_through_search() -> None:
    """Intervals of total returns hold the truth, those of a model without a graph do not."""
    inside = {"plain": 0, "graph": 0}
    clients = 8
    for seed in range(100, 100 + clients):
        client = simulate_driven_client(seed=seed)
        roles = (client.data, client.target_name, client.date_column, client.channel_names)
        for name, graph in (("plain", None), ("graph", "notears")):
            with warnings.catch_warnings():
                # Weak channels, of which nothing is asked here, may take longer.
                warnings.simplefilter("ignore", ConvergenceWarning)
                model = PymcModel(
                    *roles, client.control_names, random_seed=seed, channel_dag=graph
                ).fit(progressbar=False)
            tv = model.roi(kind="total" if graph else "direct").loc["tv"]
            inside[name] += tv["ci_low"] <= client.truth["total_roi"]["tv"] <= tv["ci_high"]
    assert inside["graph"] >= 0.75 * clients
    assert inside["plain"] < 0.4 * clients
