"""Posteriors over graphs of channels, against sums over all graphs, orders and sets one by one."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from itertools import combinations, pairwise, permutations, product
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import integrate, stats

from pymc_toolkit.channel_graph import orders, scores
from pymc_toolkit.channel_graph.candidates import Candidates, candidate_edges
from pymc_toolkit.channel_graph.dags import (
    graph_distance,
    is_acyclic,
    most_probable_dag,
    topological_order,
    undirected_edges,
    varsortability,
)
from pymc_toolkit.channel_graph.learn import GraphDraws, draw_graphs
from pymc_toolkit.channel_graph.mode import _misfit, find_penalty
from pymc_toolkit.channel_graph.orders import constrained, log_orders, sample_dags
from pymc_toolkit.channel_graph.scores import negentropy, parent_scores
from pymc_toolkit.channel_graph.series import graph_series
from pymc_toolkit.channel_graph.subsets import (
    members,
    partial_sums,
    principal_log_determinants,
    sample_subsets,
    sizes,
    sums_over_subsets,
    with_bit,
    without_bit,
)
from pymc_toolkit.channel_graph.weights import draw_weights
from pymc_toolkit.components.acyclicity import ACYCLICITIES, acyclicity
from pymc_toolkit.components.channel_dag import NOISES, ChannelDag
from pymc_toolkit.exceptions import ChannelGraphError

NAMES = ("tv", "radio", "search", "display")
LN_2 = np.log(2)


def walks_end(graph: np.ndarray) -> bool:
    """Whether a graph is acyclic, by what that means: no walk takes as many steps as nodes."""
    steps = np.asarray(graph, bool)
    power = np.eye(len(steps), dtype=bool)
    for _ in range(len(steps)):
        power = power @ steps
    return not power.any()


@cache
def all_dags(n: int) -> np.ndarray:
    """Every acyclic graph: of shape (graph, n, n)."""
    pairs, graphs = list(combinations(range(n), 2)), []
    for states in product((0, 1, 2), repeat=len(pairs)):
        graph = np.zeros((n, n), dtype=bool)
        for (i, j), state in zip(pairs, states, strict=True):
            if state:
                graph[(i, j) if state == 1 else (j, i)] = True
        if walks_end(graph):
            graphs.append(graph)
    return np.array(graphs)


def distances(graphs: np.ndarray) -> np.ndarray:
    """Pairs of nodes between which two graphs do not agree, for all pairs of graphs."""
    i, j = np.triu_indices(graphs.shape[1], 1)
    between = graphs[:, i, j] + 2 * graphs[:, j, i]
    return (between[:, None] != between[None]).sum(axis=-1)


def look_of(graph: np.ndarray) -> tuple[Any, ...]:
    """Neighbours and colliders: what linear Gaussian data can tell of a graph."""
    adjacent = graph | graph.T
    colliders = {
        (a, c, b)
        for c in range(len(graph))
        for a, b in combinations(np.flatnonzero(graph[:, c]), 2)
        if not adjacent[a, b]
    }
    return adjacent.tobytes(), frozenset(colliders)


@cache
def classes(n: int) -> dict[tuple[Any, ...], list[np.ndarray]]:
    found: dict[tuple[Any, ...], list[np.ndarray]] = {}
    for graph in all_dags(n):
        found.setdefault(look_of(graph), []).append(graph)
    return found


def number(parents: np.ndarray, child: int) -> int:
    """The number of a set of parents among the other channels."""
    return sum(1 << bit for bit, there in enumerate(np.delete(parents, child)) if there)


def total(tables: list[np.ndarray], graph: np.ndarray) -> float:
    return sum(float(table[number(graph[:, j], j)]) for j, table in enumerate(tables))


class TestDags:
    def test_all_graphs_are_here(self) -> None:
        """The numbers of acyclic graphs, and of classes of equally good ones, are well known."""
        assert [len(all_dags(n)) for n in (1, 2, 3, 4)] == [1, 3, 25, 543]
        assert [len(classes(n)) for n in (1, 2, 3, 4)] == [1, 2, 11, 185]

    @given(
        st.integers(1, 5).flatmap(lambda n: hnp.arrays(bool, (n, n))),
    )
    def test_order_of_a_graph(self, graph: np.ndarray) -> None:
        assert is_acyclic(graph) == walks_end(graph)
        if not walks_end(graph):
            with pytest.raises(ChannelGraphError, match="with the cycle .* -> "):
                topological_order(graph)
            return
        place = np.argsort(topological_order(graph))
        assert sorted(place) == list(range(len(graph)))
        causes, effects = np.nonzero(graph)
        assert (place[causes] < place[effects]).all()

    def test_a_weight_of_any_sign_is_an_edge(self) -> None:
        assert topological_order(np.array([[0.0, 0.0], [-0.1, 0.0]])) == [1, 0]

    @given(
        st.integers(1, 9).flatmap(
            lambda n: hnp.arrays(float, (n, n), elements=st.floats(-2, 2) | st.just(1.0))
        )
    )
    def test_the_most_probable_graph_is_acyclic(self, probabilities: np.ndarray) -> None:
        """Of whatever numbers, not only of probabilities that agree with each other."""
        graph = most_probable_dag(probabilities)
        assert graph.dtype == bool
        assert walks_end(graph)

    @pytest.mark.parametrize("concentration", [0.01, 0.1, 1.0])
    @pytest.mark.parametrize("n", [3, 4])
    def test_the_most_probable_graph_is_wrong_in_the_fewest_edges(
        self, n: int, concentration: float
    ) -> None:
        """Against all graphs; taking edges one by one is allowed to miss the best now and then."""
        graphs, rng = all_dags(n), np.random.default_rng(n)
        apart, best, trials = distances(graphs), 0, 150
        for _ in range(trials):
            probability = rng.dirichlet(np.full(len(graphs), concentration))
            found = most_probable_dag(np.tensordot(probability, graphs, 1))
            expected = apart @ probability
            which = int(np.flatnonzero((graphs == found).all(axis=(1, 2)))[0])
            best += expected[which] <= expected.min() + 1e-9
            assert expected[which] < expected.min() + 0.5
        assert best >= 0.95 * trials

    def test_a_certain_graph_is_itself(self) -> None:
        for graph in all_dags(4):
            np.testing.assert_array_equal(most_probable_dag(graph.astype(float)), graph)

    @pytest.mark.parametrize("n", [3, 4])
    def test_edges_that_a_class_leaves_open(self, n: int) -> None:
        for same in classes(n).values():
            union = np.any(same, axis=0)
            for graph in same:
                np.testing.assert_array_equal(undirected_edges(graph), graph & union.T)

    @pytest.mark.parametrize("forbidden", [0.2, 0.5])
    @pytest.mark.parametrize("n", [3, 4])
    def test_edges_that_a_class_and_knowledge_leave_open(self, n: int, forbidden: float) -> None:
        rng = np.random.default_rng(n)
        for same in classes(n).values():
            for graph in same:
                allowed = (rng.random((n, n)) > forbidden) | graph
                union = np.any([other for other in same if not (other & ~allowed).any()], axis=0)
                np.testing.assert_array_equal(undirected_edges(graph, allowed), graph & union.T)

    def test_distance_against_pairs_of_nodes(self) -> None:
        graphs = all_dags(3)
        apart = distances(graphs)
        for (i, found), (j, true) in product(enumerate(graphs), repeat=2):
            told = graph_distance(found, true)
            assert told["shd"] == apart[i, j]
            edges = [{tuple(edge) for edge in np.argwhere(graph)} for graph in (found, true)]
            right = len(edges[0] & edges[1])
            for name, of in zip(("precision", "recall"), edges, strict=True):
                expected = right / len(of) if of else np.nan
                assert told[name] == pytest.approx(expected, nan_ok=True)
            # Harmonic mean of the two where there is one, in another way than by counts.
            if right:
                assert told["f1"] == pytest.approx(stats.hmean([told["precision"], told["recall"]]))
            else:
                assert told["f1"] == pytest.approx(0.0 if any(edges) else np.nan, nan_ok=True)

    @pytest.mark.parametrize(
        ("variances", "edges", "expected"),
        [
            # Paths a -> b, b -> c and a -> c by way of b.
            ((1, 2, 3), [(0, 1), (1, 2)], 1.0),
            ((3, 2, 1), [(0, 1), (1, 2)], 0.0),
            ((1, 3, 2), [(0, 1), (1, 2)], 2 / 3),
            ((1, 1, 2), [(0, 1), (1, 2)], 2.5 / 3),
            ((2, 1, 3), [(0, 2), (1, 2)], 1.0),
            ((0, 1, 2), [(0, 1), (1, 2)], 1.0),
            ((0, 0, 0), [(0, 1)], 0.5),
            ((1e-12, 2e-12, 3e-12), [(2, 1), (0, 1)], 0.5),
            ((1, 2, 3), [], np.nan),
        ],
    )
    @pytest.mark.filterwarnings("error")
    def test_varsortability_by_hand(
        self, variances: tuple[float, ...], edges: list[tuple[int, int]], expected: float
    ) -> None:
        graph = np.zeros((3, 3), dtype=bool)
        for edge in edges:
            graph[edge] = True
        series = np.array([[1.0], [-1.0]]) * np.sqrt(np.array(variances, float)) + 5 * (
            np.array(variances) > 0.5
        )
        assert varsortability(series, graph) == pytest.approx(expected, nan_ok=True)


def subsets_of(members_: int) -> list[int]:
    return [s for s in range(members_ + 1) if s & members_ == s]


class TestSubsets:
    @pytest.mark.parametrize("n", [0, 1, 2, 5, 7])
    def test_determinants_of_all_subsets(self, n: int) -> None:
        rng = np.random.default_rng(n)
        root = rng.normal(size=(n, n + 2))
        matrix = root @ root.T
        kept = matrix.copy()
        logs = principal_log_determinants(matrix)
        np.testing.assert_array_equal(matrix, kept)
        assert logs.shape == (2**n,)
        for s in range(2**n):
            inside = [i for i in range(n) if s >> i & 1]
            expected = np.linalg.slogdet(matrix[np.ix_(inside, inside)]).logabsdet
            assert logs[s] == pytest.approx(expected, abs=1e-9)

    @pytest.mark.parametrize("n", [0, 1, 4])
    def test_sums_over_subsets(self, n: int) -> None:
        rng = np.random.default_rng(n)
        logs = rng.normal(size=2**n)
        logs[rng.random(2**n) < 0.3] = -np.inf
        kept = logs.copy()
        tables = partial_sums(logs)
        np.testing.assert_array_equal(logs, kept)
        assert len(tables) == n + 1
        for b, table in enumerate(tables):
            for u in range(2**n):
                agree = [s for s in subsets_of(u) if s >> b == u >> b]
                assert np.exp(table[u]) == pytest.approx(np.exp(logs[agree]).sum(), abs=1e-12)
        np.testing.assert_array_equal(sums_over_subsets(logs), tables[-1])
        np.testing.assert_array_equal(logs, kept)

    def test_subsets_are_drawn_as_often_as_they_should_be(self) -> None:
        rng, n, draws = np.random.default_rng(0), 4, 4000
        logs = rng.normal(0, 1.5, 2**n)
        logs[[3, 5]] = -np.inf
        within = np.repeat(np.arange(2**n), draws)
        kept = within.copy()
        drawn = sample_subsets(partial_sums(logs), within, rng).reshape(-1, draws)
        np.testing.assert_array_equal(within, kept)
        for u in range(2**n):
            inside = subsets_of(u)
            share = np.exp(logs[inside]) / np.exp(logs[inside]).sum()
            often = np.bincount(drawn[u], minlength=2**n)
            assert often[inside].sum() == draws
            error = np.sqrt(share * (1 - share) / draws)
            assert (np.abs(often[inside] / draws - share) <= 4.5 * error).all()

    @pytest.mark.parametrize("bit", [0, 2, 4])
    def test_numbers_among_the_others(self, bit: int) -> None:
        sets = np.array([s for s in range(32) if not s >> bit & 1])
        among = without_bit(sets, bit)
        np.testing.assert_array_equal(np.sort(among), np.arange(16))
        np.testing.assert_array_equal(with_bit(among, bit), sets)
        as_columns = np.delete(members(sets, 5), bit, axis=1)
        np.testing.assert_array_equal(members(among, 4), as_columns)

    def test_sizes(self) -> None:
        np.testing.assert_array_equal(sizes(5), members(np.arange(32), 5).sum(axis=1))


def linear(
    n: int, edges: dict[tuple[int, int], float], length: int, noise: str = "gaussian", seed: int = 0
) -> np.ndarray:
    """Series of the same period, of causes with lower numbers than their effects."""
    rng = np.random.default_rng(seed)
    series = (
        rng.normal(size=(length, n)) if noise == "gaussian" else rng.exponential(size=(length, n))
    )
    for (cause, effect), weight in sorted(edges.items(), key=lambda item: item[0][1]):
        series[:, effect] += weight * series[:, cause]
    return series


def standard(series: np.ndarray) -> np.ndarray:
    return (series - series.mean(axis=0)) / series.std(axis=0)


CHAIN = {(0, 1): 0.8, (1, 2): 0.7}
FORK = {(0, 1): 0.6, (0, 2): 0.8, (2, 3): 0.5}


class TestScores:
    def test_equally_good_graphs_have_the_same_likelihood(self) -> None:
        series = standard(linear(4, FORK, 60))
        tables = parent_scores(series, 57, "gaussian", 3)
        found = [[total(tables, graph) for graph in same] for same in classes(4).values()]
        assert max(np.ptp(same) for same in found) < 1e-8
        # And others have not.
        assert np.ptp([same[0] for same in found]) > 10

    def test_orders_of_a_complete_graph(self) -> None:
        series = standard(linear(6, FORK, 60))
        tables = parent_scores(series, 57, "gaussian", 5)
        complete, totals = np.triu(np.ones((6, 6), dtype=bool), 1), []
        for order in list(permutations(range(6)))[::37]:
            place = np.argsort(order)
            totals.append(total(tables, complete[np.ix_(place, place)]))
        assert np.ptp(totals) < 1e-8

    @pytest.mark.parametrize("parents", [(), (0,), (0, 2), (0, 2, 3)])
    def test_a_likelihood_is_that_of_the_marginal_distribution(
        self, parents: tuple[int, ...]
    ) -> None:
        """Weights and variance integrated out of a regression leave a multivariate t."""
        series = standard(linear(4, FORK, 12))
        causes = series[:, parents]
        degrees = scores.PRIOR_PERIODS + len(parents) + 1
        prior = scores.PRIOR_SCATTER
        shape = (prior * np.eye(12) + causes @ causes.T) / degrees
        expected = stats.multivariate_t(np.zeros(12), shape, degrees).logpdf(series[:, 1])
        graph = np.isin(np.arange(4), parents)
        table = parent_scores(series, 12, "gaussian", 3)[1]
        assert table[number(graph, 1)] == pytest.approx(expected, abs=1e-9)

    def test_a_likelihood_is_an_integral(self) -> None:
        """Of a single channel: its variance is integrated out numerically."""
        series = standard(linear(2, {}, 8))
        degrees = scores.PRIOR_PERIODS + 1
        prior = stats.invgamma(degrees / 2, scale=scores.PRIOR_SCATTER / 2)

        def joint(variance: float) -> float:
            likelihood = stats.norm(0, np.sqrt(variance)).pdf(series[:, 0]).prod()
            return float(likelihood * prior.pdf(variance))

        expected = np.log(integrate.quad(joint, 0, np.inf, epsabs=0, limit=200)[0])
        found = parent_scores(series, 8, "gaussian", 1)[0][0]
        assert found == pytest.approx(expected, abs=1e-6)

    @pytest.mark.parametrize("noise", NOISES)
    @pytest.mark.parametrize("most", [1, 2])
    def test_sets_that_are_too_large(self, most: int, noise: str) -> None:
        series = standard(linear(4, FORK, 60))
        limited = parent_scores(series, 57, noise, most)
        free = parent_scores(series, 57, noise, 3)
        for found, all_ in zip(limited, free, strict=True):
            large = sizes(3) > most
            assert (found[large] == -np.inf).all()
            np.testing.assert_allclose(found[~large], all_[~large])
            assert np.isfinite(all_).all()

    def test_equal_variances(self) -> None:
        """One variance for all, that of the noise, and one price for a weight."""
        series, periods = 2.0 * linear(4, FORK, 2000), 2000
        series -= series.mean(axis=0)
        found = []
        for child, table in enumerate(parent_scores(series, periods, "equal", 3)):
            others = np.delete(np.arange(4), child)
            alone = (series[:, child] ** 2).sum()
            for chosen in range(1, 8):
                causes = series[:, others[members(np.array(chosen), 3)]]
                left = np.linalg.lstsq(causes, series[:, child], rcond=None)[1][0]
                price = np.log(periods) * causes.shape[1]
                found.append((alone - left) / (2 * (table[chosen] - table[0]) + price))
        # What the prior adds to sums of squares of some thousands.
        np.testing.assert_allclose(found, 4.0, rtol=0.05)
        np.testing.assert_allclose(found, np.median(found), rtol=2e-3)

    def test_shape_tells_directions(self) -> None:
        """What the shape adds favours the true cause, only where noise is not normal."""

        def gain(noise: str) -> float:
            series = standard(linear(2, {(0, 1): 0.8}, 400, noise))
            with_shape = parent_scores(series, 398, "non_gaussian", 1)
            return with_shape[1][1] + with_shape[0][0] - with_shape[0][1] - with_shape[1][0]

        assert gain("exponential") > 20
        assert abs(gain("gaussian")) < 2 * LN_2

    def test_constants_of_negentropy(self) -> None:
        """Half the inverse of a function's variance beyond what mean and variance explain."""

        def mean(function: Any) -> float:
            weighted = integrate.quad(lambda x: function(x) * stats.norm.pdf(x), -12, 12)
            return float(weighted[0])

        def log_cosh(x: float) -> float:
            return float(np.logaddexp(x, -x) - LN_2)

        def skewed(x: float) -> float:
            return float(x * np.exp(-(x**2) / 2))

        level = mean(log_cosh)
        slope = mean(lambda x: log_cosh(x) * (x**2 - 1)) / 2
        even = mean(lambda x: (log_cosh(x) - level - slope * (x**2 - 1)) ** 2)
        tilt = mean(lambda x: x * skewed(x))
        odd = mean(lambda x: (skewed(x) - tilt * x) ** 2)
        assert pytest.approx(level, abs=1e-5) == scores._LOG_COSH_MEAN
        assert pytest.approx(0.5 / even, rel=1e-3) == scores._LOG_COSH
        assert pytest.approx(0.5 / odd, rel=1e-3) == scores._GAUSS

    def test_negentropy_of_samples(self) -> None:
        rng = np.random.default_rng(0)
        normal, skewed = rng.normal(size=(20, 2000)), rng.exponential(size=(20, 2000))
        # Twice the sample size times that of normal samples is a chi-squared of two terms.
        assert 2 * 2000 * negentropy(normal).mean() < 6
        assert (2 * 2000 * negentropy(normal) < 20).all()
        assert negentropy(skewed).min() > 0.05
        np.testing.assert_allclose(negentropy(5 - 300 * skewed), negentropy(skewed), rtol=1e-6)
        assert np.isfinite(negentropy(np.full(5, 3.0)))


def exact(tables: list[np.ndarray], densities: list[float], possible: np.ndarray) -> np.ndarray:
    """Probabilities of graphs, by the sum over all of them and all densities."""
    n, graphs = len(tables), all_dags(len(tables))
    pairs, weights = n * (n - 1) // 2, np.zeros(len(graphs))
    edges = graphs.sum(axis=(1, 2))
    for density in densities:
        prior = density**edges * (1 - density) ** (pairs - edges)
        weights += prior / prior.sum()
    weights *= np.exp([total(tables, graph) for graph in graphs]) * possible
    return weights / weights.sum()


class TestOrders:
    @pytest.mark.parametrize("density", [None, 0.2, 0.7])
    @pytest.mark.parametrize("knowledge", ["none", "some"])
    @pytest.mark.parametrize("n", [2, 3, 4])
    def test_graphs_are_drawn_as_often_as_they_should_be(
        self, n: int, knowledge: str, density: float | None
    ) -> None:
        rng, draws, graphs = np.random.default_rng(n), 20_000, all_dags(n)
        tables = [rng.normal(0, 1.5, 2 ** (n - 1)) for _ in range(n)]
        kept = [table.copy() for table in tables]
        allowed, needed = ~np.eye(n, dtype=bool), np.zeros((n, n), dtype=bool)
        if knowledge == "some":
            allowed[0, 1], needed[n - 1, 0] = False, True
        possible = ~((graphs & ~allowed) | (needed & ~graphs)).any(axis=(1, 2))
        densities = list(orders._DENSITIES) if density is None else [density]
        probability = exact(tables, densities, possible)
        drawn = sample_dags(constrained(tables, allowed, needed), density, draws, rng)
        for table, before in zip(tables, kept, strict=True):
            np.testing.assert_array_equal(table, before)
        assert drawn.shape == (draws, n, n)
        code = 1 << np.arange(n * n)
        often = np.array(
            [
                (drawn.reshape(draws, -1) @ code == which).sum()
                for which in graphs.reshape(len(graphs), -1) @ code
            ]
        )
        # Each is one of the acyclic ones, and one that may be.
        assert often.sum() == draws
        assert often[~possible].sum() == 0
        # Beside chance, the number of orders of each graph is only estimated.
        assert np.abs(often / draws - probability).sum() / 2 < 0.04
        # No trend over the draws: densities are mixed, not one after the other.
        count = drawn.sum(axis=(1, 2))
        halves = count[: draws // 2].mean() - count[draws // 2 :].mean()
        assert abs(halves) <= 5 * count.std() / np.sqrt(draws / 4)

    def test_orders_of_a_graph_are_counted(self) -> None:
        graphs = all_dags(4)
        place = np.argsort(list(permutations(range(4))), axis=1)
        forward = place[:, :, None] < place[:, None, :]
        agrees = ~(graphs[:, None] & ~forward[None]).any(axis=(2, 3))
        found = np.exp(log_orders(graphs, np.random.default_rng(0)))
        np.testing.assert_allclose(found, agrees.sum(axis=1), rtol=0.2)
        assert (found / agrees.sum(axis=1)).mean() == pytest.approx(1, abs=0.01)

    def test_knowledge_rules_sets_out(self) -> None:
        n = 4
        tables = [np.zeros(2 ** (n - 1)) for _ in range(n)]
        allowed, needed = ~np.eye(n, dtype=bool), np.zeros((n, n), dtype=bool)
        allowed[2, 0] = allowed[0, 3] = False
        needed[1, 3] = needed[2, 3] = True
        for child, table in enumerate(constrained(tables, allowed, needed)):
            for parents in product((False, True), repeat=n):
                if parents[child]:
                    continue
                given = np.array(parents)
                fine = (given <= allowed[:, child]).all() and (needed[:, child] <= given).all()
                assert table[number(given, child)] == (0.0 if fine else -np.inf)


def with_lags(length: int = 4000, noise: str = "gaussian", seed: int = 0) -> np.ndarray:
    """Habits of 0.4; tv drives radio at once (0.6) and search a period later (0.5)."""
    rng = np.random.default_rng(seed)
    news = (rng.normal if noise == "gaussian" else rng.standard_exponential)(size=(length, 3))
    series = np.zeros((length, 3))
    for t in range(1, length):
        before = series[t - 1]
        series[t] = news[t] + 0.4 * before
        series[t, 1] += 0.6 * series[t, 0]
        series[t, 2] += 0.5 * before[0]
    return series


class TestWeights:
    def test_against_least_squares(self) -> None:
        """Mean and spread of draws against estimates and their standard errors."""
        prepared = graph_series(with_lags(), NAMES[:3], None, ChannelDag(lags=1))
        graph = np.zeros((3, 3), dtype=bool)
        graph[0, 1] = graph[1, 2] = True
        draws = 4000
        now, before = draw_weights(
            prepared, np.repeat(graph[None], draws, 0), graph, np.random.default_rng(0)
        )
        for child, cause in ((1, 0), (2, 1)):
            # The cause, its past, and the channel's own past.
            design = np.column_stack(
                [prepared.now[:, cause], prepared.past[:, cause], prepared.past[:, child]]
            )
            target = prepared.now[:, child]
            estimate = np.linalg.solve(design.T @ design, design.T @ target)
            variance = ((target - design @ estimate) ** 2).mean()
            error = np.sqrt(variance * np.diag(np.linalg.inv(design.T @ design)))
            drawn = np.column_stack(
                [now[:, cause, child], before[:, 0, cause, child], before[:, 0, child, child]]
            )
            assert (np.abs(drawn.mean(axis=0) - estimate) < 5 * error / np.sqrt(draws) + 1e-3).all()
            np.testing.assert_allclose(drawn.std(axis=0), error, rtol=0.06)
            spread = np.corrcoef(drawn.T)
            inverse = np.linalg.inv(design.T @ design)
            scale = np.sqrt(np.diag(inverse))
            np.testing.assert_allclose(spread, inverse / np.outer(scale, scale), atol=0.07)
        # No other edge, and no past of a channel that is no cause.
        assert ((now != 0) == graph).all()
        own = np.eye(3, dtype=bool)
        assert ((before[:, 0] != 0) == (graph | own)).all()

    def test_lagged_causes_are_found(self) -> None:
        series = with_lags(400)
        prepared = graph_series(series, NAMES[:3], None, ChannelDag(lags=2))
        graph = np.zeros((1000, 3, 3), dtype=bool)
        graph[:, 0, 1] = True
        allowed = ~np.eye(3, dtype=bool)
        _, before = draw_weights(prepared, graph, allowed, np.random.default_rng(0))
        often = (before != 0).mean(axis=0)
        assert often[0, 0, 2] == 1.0
        # In standard deviations: spend of search by spend of tv, and back.
        ratio = series[:, 2].std() / series[:, 0].std()
        assert before[:, 0, 0, 2].mean() * ratio == pytest.approx(0.5, abs=0.1)
        assert often[0].diagonal().min() == often[1].diagonal().min() == 1.0
        for lag, cause, effect in product(range(2), range(3), range(3)):
            if cause != effect and (cause, effect) not in ((0, 1), (0, 2)):
                assert often[lag, cause, effect] < 0.3, (lag, cause, effect)
        # None but the habits where nothing is allowed.
        _, alone = draw_weights(prepared, graph[:10], ~allowed, np.random.default_rng(0))
        expected = np.eye(3, dtype=bool)
        expected[0, 1] = True
        assert ((alone != 0) == expected).all()

    def test_sets_of_lagged_causes_have_their_probabilities(self) -> None:
        """Of two lagged causes: by the likelihood of each of four regressions, one at a time."""
        rng = np.random.default_rng(1)
        series = rng.normal(size=(40, 3))
        series[1:, 2] += 0.35 * series[:-1, 0]
        prepared = graph_series(series, NAMES[:3], None, ChannelDag(lags=1))
        prepared = replace(prepared, periods=len(prepared.now))
        logs = []
        for parents in ([], [0], [1], [0, 1]):
            causes = prepared.past[:, [*parents, 2]]
            degrees = scores.PRIOR_PERIODS + causes.shape[1] + 1
            rows = len(causes)
            shape = (scores.PRIOR_SCATTER * np.eye(rows) + causes @ causes.T) / degrees
            logs.append(
                stats.multivariate_t(np.zeros(rows), shape, degrees).logpdf(prepared.now[:, 2])
            )
        # None, one of two, both: each number is as likely as any other before.
        weights = np.exp(np.array(logs) - max(logs)) * [1, 0.5, 0.5, 1]
        expected = weights / weights.sum()
        draws = 5000
        _, before = draw_weights(
            prepared, np.zeros((draws, 3, 3), bool), ~np.eye(3, dtype=bool), rng
        )
        there = before[:, 0, :2, 2] != 0
        often = np.bincount(there @ [1, 2], minlength=4) / draws
        assert (
            np.abs(often - expected) < 5 * np.sqrt(expected * (1 - expected) / draws) + 1e-4
        ).all()
        assert np.sort(expected)[-2] > 0.05


def learnt(series: np.ndarray, dag: ChannelDag | None = None, **options: Any) -> GraphDraws:
    names = [f"channel {i}" for i in range(series.shape[1])]
    return draw_graphs(series, names, dag or ChannelDag(), **{"draws": 400, **options})


def frequency(drawn: GraphDraws) -> np.ndarray:
    return (drawn.now != 0).mean(axis=0)


SKEWED = linear(4, FORK, 200, "exponential")


class TestLearning:
    def test_the_true_graph(self) -> None:
        often = frequency(learnt(linear(4, FORK, 400, "exponential")))
        for edge in FORK:
            assert often[edge] > 0.95
            assert often[edge[::-1]] < 0.05

    def test_weights_are_in_standard_deviations(self) -> None:
        series = linear(4, FORK, 3000, "exponential") * [1.0, 20.0, 0.3, 4.0]
        drawn = learnt(series)
        np.testing.assert_allclose(drawn.spread, series.std(axis=0))
        graph = frequency(drawn) > 0.5
        assert {tuple(edge) for edge in np.argwhere(graph)} == set(FORK)
        unit = [1.0, 20.0, 0.3, 4.0]
        for (cause, effect), weight in FORK.items():
            in_units = (
                drawn.now[:, cause, effect].mean() * drawn.spread[effect] / drawn.spread[cause]
            )
            assert in_units * unit[cause] / unit[effect] == pytest.approx(weight, abs=0.06)

    def test_same_seed_same_draws_and_series_as_they_were(self) -> None:
        series, common = SKEWED.copy(), np.random.default_rng(0).normal(size=(200, 2))
        kept = series.copy(), common.copy()
        first, again = (learnt(series, common=common, seed=3) for _ in range(2))
        np.testing.assert_array_equal(series, kept[0])
        np.testing.assert_array_equal(common, kept[1])
        np.testing.assert_array_equal(first.now, again.now)
        np.testing.assert_array_equal(first.before, again.before)
        other = learnt(series, common=common, seed=4)
        assert (first.now != other.now).any()
        assert first.now.shape == (400, 4, 4)
        assert first.before.shape == (400, 1, 4, 4)

    @pytest.mark.parametrize("dag", [ChannelDag(), ChannelDag(lags=0), ChannelDag("triangular")])
    def test_every_draw_is_acyclic(self, dag: ChannelDag) -> None:
        drawn = learnt(linear(5, {(0, 1): 0.3, (1, 2): 0.3}, 60), replace(dag, noise="gaussian"))
        assert all(walks_end(graph) for graph in drawn.now)
        if dag.mode == "triangular":
            assert not np.tril(drawn.now).any()
        # Weak links: many graphs, so that there was something that could have gone wrong.
        assert len(np.unique(drawn.now != 0, axis=0)) > 10

    @pytest.mark.parametrize("noise", NOISES)
    def test_units(self, noise: str) -> None:
        """Units of channels change nothing, unless variances are said to be equal in them."""
        dag = ChannelDag(noise=noise)
        series = linear(3, CHAIN, 120, "exponential", seed=2)
        before = learnt(series, dag)
        after = learnt(series * [5.0, 0.01, 3000.0], dag)
        same_unit = learnt(series * 1e-6, dag)
        assert np.abs(frequency(same_unit) - frequency(before)).max() < 0.01
        moved = np.abs(frequency(after) - frequency(before)).max()
        assert moved > 0.5 if noise == "equal" else moved < 0.01
        np.testing.assert_allclose(after.spread, before.spread * [5.0, 0.01, 3000.0])

    def test_equal_variances_tell_directions_of_gaussian_series(self) -> None:
        series = linear(3, CHAIN, 300)
        told, untold = (
            frequency(learnt(series, ChannelDag(noise=noise))) for noise in ("equal", "gaussian")
        )
        for edge in CHAIN:
            assert told[edge] > 0.95
            assert 0.1 < untold[edge] < 0.9
            assert untold[edge] + untold[edge[::-1]] > 0.99

    def test_what_moves_all_is_no_link(self) -> None:
        season = np.sin(np.arange(200) / 8)[:, None]
        series = np.random.default_rng(0).exponential(size=(200, 2)) + 3 * season
        dag = ChannelDag(lags=0)
        assert frequency(learnt(series, dag)).sum() > 0.99
        assert frequency(learnt(series, dag, common=season)).sum() < 0.2

    def test_a_constant_channel_has_no_edges(self) -> None:
        series = np.insert(SKEWED, 1, 7.3, axis=1)
        drawn = learnt(series)
        assert not drawn.now[:, 1].any()
        assert not drawn.now[:, :, 1].any()
        assert not drawn.before[:, :, 1].any()
        assert not drawn.before[:, :, :, 1].any()
        assert drawn.spread[1] == 1.0
        # The others are as without it.
        alone = learnt(SKEWED)
        others = [0, 2, 3, 4]
        np.testing.assert_array_equal(drawn.now[np.ix_(range(400), others, others)], alone.now)

    @pytest.mark.parametrize("lags", [0, 2])
    @pytest.mark.parametrize("varying", [0, 1])
    def test_without_two_channels_that_vary_there_are_no_edges(
        self, varying: int, lags: int
    ) -> None:
        series = np.full((60, 3), 0.1)
        series[:, :varying] = SKEWED[:60, :varying]
        drawn = learnt(series, ChannelDag(lags=lags), draws=7)
        assert drawn.now.shape == (7, 3, 3)
        assert drawn.before.shape == (7, lags, 3, 3)
        assert not drawn.now.any()
        assert not drawn.before[:, :, ~np.eye(3, dtype=bool)].any()
        assert candidate_edges(drawn).count == 0

    def test_what_follows_from_the_past_has_no_edges(self) -> None:
        """Nothing of its own is left to learn from, now or later."""
        follows = np.column_stack([SKEWED[1:, 0], SKEWED[:-1, 0], SKEWED[1:, 1]])
        drawn = learnt(follows, ChannelDag(lags=1))
        assert drawn.series.names == ("channel 0", "channel 2")
        for weights in (drawn.now, drawn.lagged):
            assert not weights[..., 1].any()
            assert not weights[..., 1, :].any()

    @pytest.mark.parametrize(
        ("series", "dag", "message"),
        [
            (SKEWED[:, [0, 1, 0]], {}, "'channel 0' and 'channel 2', which move in exact prop"),
            (
                np.column_stack([SKEWED[:, 0], 5 - 300 * SKEWED[:, 0]]),
                {},
                "'channel 0' and 'channel 1', which move in exact proportion",
            ),
            (np.random.default_rng(0).normal(size=(300, 21)), {}, "Got 21 channels.*at most 20"),
            (SKEWED[:11], {"lags": 1}, "leave 5 periods.*4 channels' past.*at least 6"),
            (SKEWED[:3], {"lags": 4}, "leave 0 periods"),
            (
                np.insert(SKEWED, 1, 7.3, axis=1),
                {"required": [("channel 0", "channel 1")]},
                "'channel 0' -> 'channel 1', but 'channel 1' is the same in every period",
            ),
            (
                np.insert(SKEWED, 1, 7.3, axis=1),
                {"mode": "fixed", "required": [("channel 1", "channel 0")]},
                "'channel 1' -> 'channel 0', but 'channel 1' is the same in every period",
            ),
            (SKEWED, {"required": [("channel 0", "radio")]}, "'radio' in channel_dag"),
        ],
    )
    def test_what_cannot_be_learnt_is_refused(
        self, series: np.ndarray, dag: dict[str, Any], message: str
    ) -> None:
        with pytest.raises(ChannelGraphError, match=message):
            learnt(series, ChannelDag(**dag))

    def test_one_period_more_is_enough(self) -> None:
        assert learnt(SKEWED[:12], ChannelDag(lags=1)).series.periods == 6

    def test_the_fixed_mode_gives_what_was_required(self) -> None:
        edges = [("channel 0", "channel 3"), ("channel 3", "channel 1")]
        # Here tv drives search a period later, which is not asked for.
        series = np.column_stack([with_lags(200), SKEWED[:, 0]])
        drawn = learnt(series, ChannelDag("fixed", required=edges))
        expected = np.zeros((4, 4), dtype=bool)
        expected[0, 3] = expected[3, 1] = True
        assert ((drawn.now != 0) == expected).all()
        # The past of a cause comes with it, and nobody else's.
        assert ((drawn.before[:, 0] != 0) == (expected | np.eye(4, dtype=bool))).all()

    def test_knowledge_holds_in_every_draw(self) -> None:
        """Against what the data say: the strongest links are forbidden, none is required."""
        dag = ChannelDag(
            lags=2,
            forbidden=[("channel 0", "channel 2"), ("channel 2", "channel 0")],
            required=[("channel 3", "channel 0")],
        )
        drawn = learnt(SKEWED, dag)
        assert (drawn.now[:, 3, 0] != 0).all()
        assert not drawn.now[:, 0, 2].any()
        assert not drawn.now[:, 2, 0].any()
        assert not drawn.before[:, :, 0, 2].any()
        assert not drawn.before[:, :, 2, 0].any()

    def test_a_prior_moves_the_number_of_edges(self) -> None:
        series = linear(4, {(0, 1): 0.2, (2, 3): 0.2}, 60)
        dags = (ChannelDag(noise="gaussian", prior=prior) for prior in (0.01, 0.3, 0.9))
        counts = [frequency(learnt(series, dag)).sum() for dag in dags]
        assert all(few + 0.5 < many for few, many in pairwise(counts))


@pytest.fixture(scope="module")
def drawn() -> GraphDraws:
    """A channel that does not vary among three that drive each other."""
    series = np.insert(with_lags(300, "exponential"), 1, 2.5, axis=1)
    return learnt(series, ChannelDag(lags=2))


class TestCandidates:
    def test_edges_worth_sampling(self, drawn: GraphDraws) -> None:
        found = candidate_edges(drawn)
        edges = list(zip(found.lag, found.cause, found.effect, strict=True))
        assert len(set(edges)) == found.count
        # tv is 0, what does not vary 1, radio 2 and search 3.
        assert {(0, 0, 2), (1, 0, 3)} <= set(edges)
        now = (drawn.now != 0).mean(axis=0)
        for lag, cause, effect in edges:
            assert cause != effect
            assert 1 not in (cause, effect)
            if lag == 0:
                assert now[cause, effect] >= 0.1
            else:
                assert (drawn.before[:, lag - 1, cause, effect] != 0).mean() >= 0.1
                assert (0, cause, effect) not in edges
        for cause, effect in np.argwhere(now >= 0.1):
            assert (0, cause, effect) in edges
        likely = {edge for edge, is_likely in zip(edges, found.likely, strict=True) if is_likely}
        assert {(0, 0, 2), (1, 0, 3)} <= likely
        assert walks_end(found.matrix(found.likely.astype(float)) != 0)

    def test_edges_by_hand(self, drawn: GraphDraws) -> None:
        now, before = np.zeros((20, 4, 4)), np.zeros((20, 2, 4, 4))
        # Habits are no edges.
        before[:, :, range(4), range(4)] = 0.4
        # One of the same period, whose past comes with it; in other draws it has a lag.
        now[:12, 0, 2] = before[:12, 0, 0, 2] = before[12:18, 0, 0, 2] = 0.3
        # One that mostly has a lag.
        now[19, 2, 3] = before[19, 0, 2, 3] = before[1:9, 0, 2, 3] = 0.3
        # One that is rare both ways, and whose past must not count.
        now[1, 3, 2] = before[1, 0, 3, 2] = before[2, 0, 3, 2] = 0.3
        # One that is there, and not clear which way: the likelier way.
        now[:9, 3, 0] = now[9:17, 0, 3] = 0.3
        assert all(walks_end(graph) for graph in now)
        found = candidate_edges(replace(drawn, now=now, before=before))
        edges = list(zip(found.lag, found.cause, found.effect, strict=True))
        assert edges == [(0, 0, 2), (0, 3, 0), (1, 2, 3)]
        assert found.likely.tolist() == [True, True, False]

    def test_at_most_three_a_channel(self) -> None:
        """Those that are most probable, of 40 that might be sampled."""
        many = learnt(linear(5, {}, 60), ChannelDag(lags=2))
        pairs = ~np.eye(5, dtype=bool)
        often = np.random.default_rng(0).uniform(0.2, 1.0, (2, 5, 5)) * pairs
        before = (np.arange(100)[:, None, None, None] < 100 * often) * 0.3
        found = candidate_edges(replace(many, now=np.zeros((100, 5, 5)), before=before))
        assert found.count == 15
        kept = (before != 0).mean(axis=0)[found.lag - 1, found.cause, found.effect]
        np.testing.assert_array_equal(kept, np.sort((before != 0).mean(axis=0), axis=None)[:-16:-1])

    def test_sums_are_those_of_a_regression(self, drawn: GraphDraws) -> None:
        """On a channel's causes, its own past and the past of the causes of the same period."""
        found, series = candidate_edges(drawn), drawn.series
        inner = {int(place): i for i, place in enumerate(series.place)}
        for child in np.unique(found.effect):
            edges = np.flatnonzero(found.effect == child)
            columns = [series.now, series.past[:, :3], series.past[:, 3:]]
            causes = [columns[found.lag[e]][:, inner[found.cause[e]]] for e in edges]
            whose = {int(child)} | {int(found.cause[e]) for e in edges if found.lag[e] == 0}
            habits = [columns[lag][:, inner[i]] for lag in (1, 2) for i in whose]
            design = np.column_stack([*causes, *habits])
            target = series.now[:, inner[int(child)]]
            weights, *_ = np.linalg.lstsq(design, target, rcond=None)
            gram, cross = found.gram[np.ix_(edges, edges)], found.cross[edges]
            best = np.linalg.solve(gram, cross)
            np.testing.assert_allclose(best, weights[: edges.size], atol=1e-8)
            left = found.size[child] - cross @ best
            assert left == pytest.approx(((target - design @ weights) ** 2).sum())
            others = np.setdiff1d(np.arange(found.count), edges)
            assert not found.gram[np.ix_(edges, others)].any()
            assert found.periods[child] == series.periods
        none = np.setdiff1d(np.arange(4), found.effect)
        assert not found.periods[none].any()

    def test_weights_as_a_matrix(self) -> None:
        empty = np.zeros(3)
        found = Candidates(
            np.array([0, 2, 1]),
            np.array([1, 0, 2]),
            np.array([0, 1, 0]),
            *(empty, empty, np.zeros((3, 3)), empty > 0, empty),
        )
        expected = np.array([[0, 0.5, 0], [0, 0, -0.2], [0, 0, 0]])
        np.testing.assert_array_equal(found.matrix(np.array([0.5, 9.0, -0.2])), expected)


def all_candidates(
    series: np.ndarray, edges: list[tuple[int, int]], likely: list[bool]
) -> Candidates:
    """Candidates with the sums of series, for edges of the same period."""
    cause, effect = np.array(edges).T
    products = series.T @ series
    gram = products[np.ix_(cause, cause)] * (effect[:, None] == effect)
    there = np.bincount(effect, minlength=series.shape[1]) > 0
    return Candidates(
        cause,
        effect,
        np.zeros(cause.size, dtype=int),
        np.where(there, np.diag(products), 0.0),
        products[cause, effect],
        gram,
        np.array(likely),
        np.where(there, len(series), 0.0),
    )


BOTH_WAYS = [(0, 1), (1, 0)]
ALL_WAYS = list(permutations(range(3), 2))


COMPLETE = standard(linear(3, {**CHAIN, (0, 2): 0.4}, 150))


@pytest.fixture(scope="module")
def candidates() -> Candidates:
    return all_candidates(COMPLETE, ALL_WAYS, [cause < effect for cause, effect in ALL_WAYS])


class TestMode:
    def test_misfit_is_the_likelihood_of_regressions(self, candidates: Candidates) -> None:
        """A variance with an inverse gamma prior makes what is left a multivariate t."""

        def by_hand(weights: np.ndarray) -> float:
            left = COMPLETE - COMPLETE @ candidates.matrix(weights)
            shape = 0.5 * np.eye(len(left))
            return sum(stats.multivariate_t.logpdf(rest, shape=shape, df=2) for rest in left.T)

        first, second = np.random.default_rng(0).normal(0, 0.3, (2, 6))
        difference = _misfit(candidates, first)[0] - _misfit(candidates, second)[0]
        assert difference == pytest.approx(by_hand(second) - by_hand(first))

    def test_slope_of_the_misfit(self, candidates: Candidates) -> None:
        weights = np.random.default_rng(0).normal(0, 0.3, 6)
        step, slope = 1e-5, _misfit(candidates, weights)[1]
        for edge, moved in enumerate(step * np.eye(6)):
            up, down = (_misfit(candidates, weights + sign * moved)[0] for sign in (1, -1))
            assert slope[edge] == pytest.approx((up - down) / (2 * step), rel=1e-6)

    @pytest.mark.parametrize("kind", ACYCLICITIES)
    def test_a_mode_without_cycles_that_matter(self, candidates: Candidates, kind: str) -> None:
        found = find_penalty(candidates, kind, 0.5)
        matrix = candidates.matrix(found.weights)
        assert found.rho > 0
        assert found.h == pytest.approx(acyclicity(matrix, kind)[0], abs=1e-12)
        assert found.h <= 1e-4
        assert walks_end(np.abs(matrix) > 0.05)
        # Along the likely edges, as strong as in a regression, but for what the prior takes away.
        for effect in (1, 2):
            expected = np.linalg.lstsq(COMPLETE[:, :effect], COMPLETE[:, effect], rcond=None)[0]
            np.testing.assert_allclose(matrix[:effect, effect], expected, atol=0.05)

    @pytest.mark.parametrize("kind", ACYCLICITIES)
    @pytest.mark.parametrize(
        "edges", [[(0, 1)], [(0, 1), (1, 2), (0, 2)], [(2, 0), (1, 0), (2, 1)], [(1, 2), (1, 0)]]
    )
    def test_no_penalty_where_there_can_be_no_cycle(
        self, edges: list[tuple[int, int]], kind: str
    ) -> None:
        candidates = all_candidates(COMPLETE, edges, [True] * len(edges))
        found = find_penalty(candidates, kind, 0.5)
        assert (found.alpha, found.rho, found.h) == (0.0, 0.0, 0.0)
        # The mode: where a weight is not zero, data and prior pull equally hard.
        slope = _misfit(candidates, found.weights)[1]
        still = np.abs(found.weights) < 1e-9
        np.testing.assert_allclose(slope[~still], -2.0 * np.sign(found.weights[~still]), atol=1e-2)
        assert (np.abs(slope[still]) <= 2.0 + 1e-6).all()
        assert not still.all()

    @pytest.mark.parametrize("kind", ACYCLICITIES)
    def test_rounding_errors_are_no_cycle(self, kind: str) -> None:
        for seed in range(8):
            rng = np.random.default_rng(seed)
            series = standard(rng.normal(size=(60, 8)) @ (np.eye(8) + rng.normal(0, 0.5, (8, 8))))
            order = rng.permutation(8)
            edges = list(combinations(order, 2))
            candidates = all_candidates(series, edges, [True] * len(edges))
            found = find_penalty(candidates, kind, 0.5)
            assert (found.alpha, found.rho, found.h) == (0.0, 0.0, 0.0)

    @pytest.mark.parametrize("kind", ACYCLICITIES)
    def test_lagged_edges_make_no_cycle(self, kind: str) -> None:
        candidates = all_candidates(COMPLETE[:, :2], BOTH_WAYS, [True, True])
        lagged = replace(candidates, lag=np.array([0, 1]))
        found = find_penalty(lagged, kind, 0.5)
        assert (found.alpha, found.rho, found.h) == (0.0, 0.0, 0.0)
        assert (found.weights > 0.3).all()
        assert find_penalty(candidates, kind, 0.5).rho > 0

    @pytest.mark.parametrize("kind", ACYCLICITIES)
    @pytest.mark.parametrize("likely", [0, 1])
    def test_of_two_equally_good_directions_it_is_the_likely_one(
        self, likely: int, kind: str
    ) -> None:
        series = standard(linear(2, {(0, 1): 0.8}, 150))
        candidates = all_candidates(series, BOTH_WAYS, [likely == 0, likely == 1])
        found = find_penalty(candidates, kind, 0.5)
        correlation = np.corrcoef(series.T)[0, 1]
        assert found.weights[likely] == pytest.approx(correlation, abs=0.02)
        assert abs(found.weights[1 - likely]) < 0.02
        assert found.h <= 1e-4

    @pytest.mark.parametrize("kind", ACYCLICITIES)
    def test_from_series_to_a_direction(self, kind: str) -> None:
        drawn = learnt(linear(2, {(0, 1): 0.8}, 150), ChannelDag(lags=0, noise="gaussian"))
        candidates = candidate_edges(drawn)
        assert candidates.count == candidates.likely.sum() == 1
        found = find_penalty(candidates, kind, 0.5)
        assert found.h == 0
        assert np.abs(found.weights) > 0.4
