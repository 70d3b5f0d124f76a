"""Simulated graphs: what was asked for is what was drawn, and the truth is what made the data."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from pymc_toolkit.exceptions import SpecificationError
from pymc_toolkit.simulate_graphs import (
    simulate_dag,
    simulate_driven_client,
    simulate_series,
    simulate_var,
)

CHAIN = np.array([[0.0, 2.0, 0.0], [0.0, 0.0, -1.0], [0.0, 0.0, 0.0]])


def nilpotent(weights: np.ndarray) -> bool:
    """Whether no path is as long as there are nodes, which only a cycle could give."""
    return not np.linalg.matrix_power((weights != 0).astype(float), len(weights)).any()


class TestDag:
    @pytest.mark.parametrize("kind", ["erdos_renyi", "scale_free"])
    @pytest.mark.parametrize(("n_nodes", "n_edges"), [(3, 3), (10, 10), (10, 40), (30, 60)])
    def test_any_graph(self, kind, n_nodes, n_edges):
        for seed in range(20):
            weights = simulate_dag(n_nodes, n_edges, kind, seed)
            each = n_edges // n_nodes
            expected = {
                "erdos_renyi": n_edges,
                "scale_free": each * n_nodes - each * (each + 1) // 2,
            }
            assert weights.shape == (n_nodes, n_nodes)
            assert (weights != 0).sum() == expected[kind]
            assert nilpotent(weights)
            sizes = np.abs(weights[weights != 0])
            assert sizes.min() >= 0.5
            assert sizes.max() <= 2

    @pytest.mark.parametrize("kind", ["erdos_renyi", "scale_free"])
    def test_order_and_sign_tell_nothing(self, kind):
        """Half of the edges lead to a node of higher number, and half of the weights are negative.

        A learner that favours one order would otherwise be right for the wrong reason.
        """
        weights = np.array([simulate_dag(10, 20, kind, seed) for seed in range(200)])
        edges = weights != 0
        n_edges = edges.sum()
        assert np.triu(edges).sum() / n_edges == pytest.approx(0.5, abs=0.04)
        assert (weights > 0).sum() / n_edges == pytest.approx(0.5, abs=0.04)
        assert np.abs(weights[edges]).mean() == pytest.approx(1.25, abs=0.03)
        # Every pair has its turn.
        assert ((edges.sum(axis=0) > 0) | np.eye(10, dtype=bool)).all()

    def test_every_pair_of_erdos_renyi_is_as_likely(self):
        edges = np.mean([simulate_dag(5, 4, seed=seed) != 0 for seed in range(2000)], axis=0)
        # 4 edges of 20 ordered pairs; five standard errors.
        off = ~np.eye(5, dtype=bool)
        np.testing.assert_allclose(edges[off], 0.2, atol=5 * np.sqrt(0.2 * 0.8 / 2000))

    def test_scale_free_graphs_have_hubs(self):
        def largest(kind: str) -> float:
            graphs = [simulate_dag(40, 40, kind, seed) != 0 for seed in range(30)]
            return float(np.mean([graph.sum(axis=0).max() for graph in graphs]))

        assert largest("scale_free") > 2 * largest("erdos_renyi")

    def test_scale_free_nodes_cause_a_fixed_number(self):
        counts = np.sort((simulate_dag(12, 24, "scale_free", seed=3) != 0).sum(axis=1))
        np.testing.assert_array_equal(counts, [0, 1, *[2] * 10])

    @pytest.mark.parametrize("kind", ["erdos_renyi", "scale_free"])
    def test_seeds(self, kind):
        first, same, other = (simulate_dag(8, 8, kind, seed) for seed in (1, 1, 2))
        np.testing.assert_array_equal(first, same)
        assert not np.array_equal(first != 0, other != 0)

    def test_extremes(self):
        assert not simulate_dag(4, 0).any()
        assert simulate_dag(1, 0).shape == (1, 1)
        assert (simulate_dag(4, 6) != 0).sum() == 6

    @pytest.mark.parametrize(
        ("given", "message"),
        [
            ((4, 7), "7 edges among 4 nodes; expected at least 1 node and 0 to 6"),
            ((4, -1), "-1 edges"),
            ((0, 0), "0 nodes"),
            ((10, 4, "scale_free"), "here 0"),
            ((4, 16, "scale_free"), "here 4"),
            ((4, 4, "ring"), "kind='ring'"),
        ],
    )
    def test_refused(self, given, message):
        with pytest.raises(SpecificationError, match=message):
            simulate_dag(*given)


class TestSeries:
    def test_the_equations_hold(self):
        """Without the effects of the graph only independent noise is left."""
        weights = simulate_dag(6, 9, seed=4)
        series = simulate_series(weights, 20_000, seed=5, noise_scale=0.5)
        noise = series - series @ weights
        np.testing.assert_allclose(np.cov(noise.T), 0.25 * np.eye(6), atol=0.015)
        np.testing.assert_allclose(noise.mean(axis=0), 0, atol=0.02)

    def test_effects_go_from_row_to_column(self):
        """Covariances by hand: x0 = e0, x1 = 2 x0 + e1, x2 = -x1 + e2."""
        series = simulate_series(CHAIN, 100_000, seed=1)
        expected = [[1, 2, -2], [2, 5, -5], [-2, -5, 6]]
        np.testing.assert_allclose(np.cov(series.T), expected, atol=0.12)

    @pytest.mark.parametrize(
        ("noise", "kurtosis", "skewness"),
        [("gaussian", 3, 0), ("laplace", 6, 0), ("uniform", 1.8, 0), ("exponential", 9, 2)],
    )
    def test_noises(self, noise, kurtosis, skewness):
        """Of the same mean and variance, and of the shape that the name says."""
        series = simulate_series(np.zeros((2, 2)), 400_000, 7, noise=noise, noise_scale=3.0)
        z = series / 3
        np.testing.assert_allclose(z.mean(axis=0), 0, atol=0.01)
        np.testing.assert_allclose(z.var(axis=0), 1, atol=0.02)
        np.testing.assert_allclose((z**3).mean(axis=0), skewness, atol=0.15)
        np.testing.assert_allclose((z**4).mean(axis=0), kurtosis, rtol=0.1)
        assert abs(np.corrcoef(z.T)[0, 1]) < 0.01

    def test_lagged_equations_hold(self):
        lagged = np.array([[0.4, 0.2, 0], [0, 0.3, 0], [0.1, 0, 0.2]])
        series = simulate_series(CHAIN, 20_000, seed=2, lagged=lagged)
        noise = series[1:] - series[1:] @ CHAIN - series[:-1] @ lagged
        np.testing.assert_allclose(np.cov(noise.T), np.eye(3), atol=0.05)
        # And it has nothing to do with the periods before.
        assert np.abs(np.corrcoef(noise[1:, 0], noise[:-1, 0])[0, 1]) < 0.03

    def test_lagged_series_start_in_their_long_run_distribution(self):
        """First values of many series vary as much as the equations say, not as little as noise."""
        lagged = np.array([[0.9]])
        first = [simulate_series([[0.0]], 1, seed, lagged)[0, 0] for seed in range(2000)]
        assert np.var(first) == pytest.approx(1 / (1 - 0.9**2), rel=0.15)

    def test_lags_that_run_out_by_themselves(self):
        """Effects without a cycle over time have no eigenvalues, but the start matters still."""
        lagged = np.array([[0.0, 3.0], [0.0, 0.0]])
        first = [simulate_series(np.zeros((2, 2)), 1, s, lagged)[0] for s in range(2000)]
        np.testing.assert_allclose(np.var(first, axis=0), [1, 10], rtol=0.15)

    def test_seeds(self):
        weights = simulate_dag(5, 5)
        for lagged in (None, 0.3 * np.eye(5)):
            first, same, other = (simulate_series(weights, 50, s, lagged) for s in (1, 1, 2))
            np.testing.assert_array_equal(first, same)
            assert not np.allclose(first, other)

    def test_numpys_global_seed_plays_no_part(self):
        state = np.random.get_state()[1].copy()
        simulate_series(simulate_dag(5, 5, "scale_free"), 30)
        simulate_var()
        np.testing.assert_array_equal(np.random.get_state()[1], state)

    def test_no_noise_is_no_series(self):
        assert not simulate_series(CHAIN, 5, noise_scale=0.0).any()

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"weights": CHAIN + CHAIN.T}, "weights with a cycle"),
            ({"weights": CHAIN + np.eye(3)}, "weights with a cycle"),
            ({"weights": np.zeros((3, 2))}, r"weights of shape \(3, 2\)"),
            ({"weights": np.zeros(3)}, r"weights of shape \(3,\)"),
            ({"weights": np.full((3, 3), np.nan)}, "square matrix of finite numbers"),
            ({"lagged": np.zeros((2, 2))}, r"lagged of shape \(2, 2\)"),
            ({"lagged": np.eye(3)}, "spectral radius of 1.000"),
            # Each stable on its own: it is their sum within and across periods that explodes.
            ({"lagged": np.array([[0.5, 0, 0], [0.5, 0.5, 0], [0, 0, 0]])}, "spectral radius"),
            ({"noise": "cauchy"}, "noise='cauchy'"),
            ({"noise_scale": -1.0}, "noise_scale=-1"),
            ({"noise_scale": float("nan")}, "noise_scale=nan"),
            ({"n_periods": 0}, "n_periods=0"),
        ],
    )
    def test_refused(self, changes: dict[str, Any], message: str):
        with pytest.raises(SpecificationError, match=message):
            simulate_series(**{"weights": CHAIN, "n_periods": 10, **changes})


class TestVar:
    def test_any_system(self):
        for seed in range(100):
            series, lagged = simulate_var(seed=seed)
            assert series.shape == (160, 6)
            own, cross = np.diag(lagged), lagged[~np.eye(6, dtype=bool)]
            sizes = np.abs(cross[cross != 0])
            assert sizes.size == 6
            assert (own >= 0.2).all()
            assert (own <= 0.5).all()
            assert sizes.min() >= 0.3
            assert sizes.max() <= 0.6
            assert np.abs(np.linalg.eigvals(lagged)).max() < 0.95

    def test_least_squares_finds_the_effects(self):
        series, lagged = simulate_var(n_periods=50_000, seed=3)
        fitted = np.linalg.lstsq(series[:-1], series[1:])[0]
        np.testing.assert_allclose(fitted, lagged, atol=0.03)

    def test_the_smallest_effect_is_some_four_standard_errors(self):
        """As the docstring says: neither plain to see nor hopeless."""
        errors = []
        for seed in range(50):
            before = simulate_var(seed=seed)[0][:-1]
            errors.append(np.sqrt(np.diag(np.linalg.inv(before.T @ before))).mean())
        assert 3.5 < 0.3 / np.mean(errors) < 5

    def test_seeds(self):
        (first, lagged), (same, _), (other, _) = (simulate_var(seed=s) for s in (1, 1, 2))
        np.testing.assert_array_equal(first, same)
        assert not np.allclose(first, other)
        assert not np.allclose(first, simulate_series(np.zeros((6, 6)), 160, 1, lagged))

    @pytest.mark.parametrize(
        ("given", "message"),
        [
            ({"n_nodes": 3, "n_edges": 7}, "0 to 6 effects"),
            ({"n_nodes": 0, "n_edges": 0}, "at least 1 series"),
            ({"n_edges": -1}, "-1 effects"),
            ({"n_nodes": 12, "n_edges": 132}, "none of 1000 draws was stable"),
            ({"n_periods": 0}, "n_periods=0"),
        ],
    )
    def test_refused(self, given, message):
        with pytest.raises(SpecificationError, match=message):
            simulate_var(**given)


def expected_sales(parameters: dict[str, Any], spends: dict[str, np.ndarray]) -> float:
    """Sales that media bring, from the parameters alone and in plain loops."""
    sales = 0.0
    for name, spend in spends.items():
        retention = parameters["adstock_alpha"][name]
        weights = [retention**lag for lag in range(4)]
        for t in range(len(spend)):
            carried = sum(weights[lag] * spend[t - lag] for lag in range(min(4, t + 1)))
            carried /= sum(weights)
            half = parameters["saturation_lam"][name]
            sales += parameters["saturation_alpha"][name] * carried / (half + carried)
    return sales


class TestDrivenClient:
    @pytest.mark.parametrize("share", [0.05, 0.4, 0.9])
    @pytest.mark.parametrize("seed", [0, 1, 2])
    def test_tv_causes_the_share_of_search_that_was_asked_for(self, share, seed):
        client = simulate_driven_client(share=share, seed=seed)
        ((cause, effect, size),) = client.truth["edges"]
        assert (cause, effect) == ("tv", "search")
        caused = size * client.data["tv"]
        assert caused.sum() / client.data["search"].sum() == pytest.approx(share, rel=1e-12)
        own = client.data["search"] - caused
        assert (own > 0).all()
        assert own.std() / own.mean() > 0.2
        # What is left has nothing to do with tv.
        assert abs(np.corrcoef(own, client.data["tv"])[0, 1]) < 0.4

    @pytest.mark.parametrize("seed", [0, 1, 2])
    def test_totals_add_up_to_the_direct_ones(self, seed):
        truth = simulate_driven_client(seed=seed).truth
        direct, total = truth["contributions"], truth["total_contributions"]
        assert list(total) == list(direct)
        assert sum(total.values()) == pytest.approx(sum(direct.values()), rel=1e-12)
        assert total["tv"] > direct["tv"]
        assert 0 < total["search"] < direct["search"]
        for name in ("online_video", "social"):
            assert total[name] == direct[name]
            assert truth["total_roi"][name] == truth["roi"][name]

    @pytest.mark.parametrize("seed", [0, 3])
    def test_totals_are_what_switching_off_would_cost(self, seed):
        """Recomputed from table and truth in plain loops."""
        client = simulate_driven_client(n_periods=60, seed=seed)
        truth, ((_, _, size),) = client.truth, client.truth["edges"]
        spends = {name: client.data[name].to_numpy() for name in client.channel_names}
        without = {
            **spends,
            "tv": 0 * spends["tv"],
            "search": spends["search"] - size * spends["tv"],
        }
        neither = {**without, "search": 0 * spends["search"]}
        sales = [expected_sales(truth["parameters"], s) for s in (spends, without, neither)]
        totals = truth["total_contributions"]
        assert totals["tv"] == pytest.approx(sales[0] - sales[1], rel=1e-9)
        # The rest of search is what its own spend brings where there is no tv.
        assert totals["search"] == pytest.approx(sales[1] - sales[2], rel=1e-9)
        for name, total in totals.items():
            assert truth["total_roi"][name] == pytest.approx(total / spends[name].sum(), rel=1e-12)

    def test_the_truth_explains_the_target_but_for_noise(self):
        client = simulate_driven_client(seed=1)
        parameters = client.truth["parameters"]
        media = sum(client.truth["contributions"].values())
        events = parameters["gamma_control"]["events"] * client.data["events"].sum()
        residual = client.data["revenue"].sum() - media - events - 156 * parameters["intercept"]
        assert abs(residual) < 4 * parameters["y_sigma"] * np.sqrt(156)

    def test_without_a_share_there_is_no_edge(self):
        truth = simulate_driven_client(share=0.0).truth
        assert truth["edges"] == []
        assert truth["total_contributions"] == pytest.approx(truth["contributions"], rel=1e-12)

    def test_share_changes_search_and_its_sales_alone(self):
        none, some = (simulate_driven_client(share=share).data for share in (0.0, 0.4))
        same = ["date_week", "tv", "online_video", "social", "events"]
        pd.testing.assert_frame_equal(none[same], some[same])
        assert (some["search"] >= none["search"]).all()

    def test_tv_runs_in_flights(self):
        on_air = simulate_driven_client().data["tv"].to_numpy() > 0
        assert 0.3 < on_air.mean() < 0.95
        assert np.abs(np.diff(on_air.astype(int))).sum() > 6

    def test_seeds(self):
        first, same, other = (simulate_driven_client(seed=s) for s in (1, 1, 2))
        pd.testing.assert_frame_equal(first.data, same.data)
        assert first.truth == same.truth
        assert not first.data.equals(other.data)

    def test_the_truth_can_be_written(self, tmp_path):
        client = simulate_driven_client(n_periods=20)
        assert [path.exists() for path in client.write(tmp_path, "shop")] == [True, True]

    @pytest.mark.parametrize(
        "given", [{"n_periods": 19}, {"share": 1.0}, {"share": -0.1}, {"share": float("nan")}]
    )
    def test_refused(self, given):
        with pytest.raises(SpecificationError, match="at least 20 periods and a share"):
            simulate_driven_client(**given)
