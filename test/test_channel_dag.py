"""What is known of channels' graphs, and the two measures of cycles, against scipy and brute force.

Refusals are held against their messages, edges that may be against the rules in words.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.linalg import expm

from pymc_toolkit.components.acyclicity import (
    ACYCLICITIES,
    acyclicity,
    h_acyclicity,
    h_log_determinant,
)
from pymc_toolkit.components.channel_dag import ChannelDag, find_cycle
from pymc_toolkit.exceptions import ChannelGraphError

NAMES = ("tv", "radio", "search", "display")
TV_SEARCH, SEARCH_TV = ("tv", "search"), ("search", "tv")


class TestRefusals:
    @pytest.mark.parametrize(
        ("given", "message"),
        [
            ({"mode": "NOTEARS"}, "mode='NOTEARS'.*'notears', 'triangular', 'fixed'"),
            ({"mode": None}, "mode=None"),
            ({"acyclicity": "trace"}, "acyclicity='trace'.*'expm', 'logdet'"),
            ({"noise": "normal"}, "noise='normal'.*'gaussian', 'non_gaussian', 'equal'"),
            ({"lags": -1}, "lags=-1.*whole number from 0 to 4"),
            ({"lags": 5}, "lags=5.*whole number from 0 to 4"),
            ({"lags": 1.0}, "lags=1.0.*whole number"),
            ({"lags": True}, "lags=True.*whole number"),
            ({"max_parents": 0}, "max_parents=0.*whole number from 1"),
            ({"max_parents": 2.5}, "max_parents=2.5.*whole number from 1"),
            ({"threshold": -0.1}, "threshold=-0.1.*at least 0[.]"),
            ({"threshold": float("nan")}, "threshold=nan"),
            ({"threshold": float("inf")}, "threshold=inf"),
            ({"threshold": "0.1"}, "threshold='0.1'"),
            ({"threshold": True}, "threshold=True"),
            ({"prior": 0.0}, "prior=0.0.*above 0 and below 1"),
            ({"prior": 1.0}, "prior=1.0.*above 0 and below 1"),
            ({"prior": 1}, "prior=1 .*above 0 and below 1"),
            ({"prior": -0.5}, "prior=-0.5"),
            ({"prior": float("nan")}, "prior=nan"),
            ({"prior": "half"}, "prior='half'"),
            ({"required": "tv"}, "required='tv'.*list of edges"),
            ({"forbidden": "tv"}, "forbidden='tv'.*list of edges"),
            ({"required": 5}, "required=5.*list of edges"),
            ({"required": TV_SEARCH}, "'tv' among the required edges.*cause, effect"),
            ({"required": [5]}, "5 among the required edges.*cause, effect"),
            ({"required": [("tv",)]}, "among the required edges.*cause, effect"),
            ({"required": [("tv", "radio", "search")]}, "among the required edges.*cause, effect"),
            ({"required": [("tv", 1)]}, "among the required edges.*cause, effect"),
            ({"forbidden": [("tv", "tv")]}, "among the forbidden edges.*two channels"),
            ({"order": "tv"}, "order='tv'.*names or of groups"),
            ({"order": 5}, "order=5.*names or of groups"),
            ({"order": ["tv", 5]}, "5 in the order.*names or of groups"),
            ({"order": ["tv", ("search", 5)]}, "5 in the order.*names or of groups"),
            ({"order": ["tv", "search", "tv"]}, "'tv' twice"),
            ({"order": ["tv", ("search", "tv")]}, "'tv' twice"),
            (
                {"required": [TV_SEARCH], "forbidden": [TV_SEARCH]},
                "'tv' -> 'search' both required and forbidden",
            ),
            ({"required": [TV_SEARCH, SEARCH_TV]}, "circle, .*tv -> search|search -> tv"),
            ({"required": [("a", "b"), ("b", "c"), ("c", "a"), ("c", "d")]}, "in a circle"),
            (
                {"required": [SEARCH_TV], "order": ["tv", "search"]},
                "'search' -> 'tv' against the order, in which 'tv' comes first",
            ),
            (
                {"required": [("display", "tv")], "order": [("tv", "radio"), ("display",)]},
                "'display' -> 'tv' against the order",
            ),
            ({"mode": "fixed"}, "mode='fixed' without edges"),
            (
                {"mode": "fixed", "required": [TV_SEARCH], "forbidden": [SEARCH_TV]},
                "with forbidden edges or an order",
            ),
            (
                {"mode": "fixed", "required": [TV_SEARCH], "order": ["tv", "search"]},
                "with forbidden edges or an order",
            ),
        ],
    )
    def test_an_impossible_setting_is_refused_for_its_own_reason(
        self, given: dict[str, Any], message: str
    ) -> None:
        with pytest.raises(ChannelGraphError, match=message):
            ChannelDag(**given)

    @pytest.mark.parametrize(
        ("given", "channels", "message"),
        [
            ({}, ["tv"], "Got one channel, 'tv'"),
            ({}, [], "Got no channel"),
            ({"required": [("tv", "tvv")]}, NAMES, "'tvv' in channel_dag.*'tv', 'radio'"),
            ({"forbidden": [("tvv", "tv")]}, NAMES, "'tvv' in channel_dag"),
            ({"order": ["tv", ("radio", "tvv")]}, NAMES, "'tvv' in channel_dag"),
            (
                {"mode": "triangular", "order": ["tv", ("search", "radio")]},
                NAMES,
                "order without 'display' for mode='triangular'",
            ),
            (
                {"required": [("tv", "search"), ("radio", "search")], "max_parents": 1},
                NAMES,
                "2 required causes of 'search'.*max_parents=1",
            ),
            # The triangular mode has an order without being given one, and within groups.
            (
                {"mode": "triangular", "required": [SEARCH_TV]},
                NAMES,
                "'search' -> 'tv' against the order, in which 'tv' comes first",
            ),
            (
                {
                    "mode": "triangular",
                    "order": ["radio", ("tv", "search"), "display"],
                    "required": [SEARCH_TV],
                },
                NAMES,
                "'search' -> 'tv' against the order, in which 'tv' comes first",
            ),
        ],
    )
    def test_knowledge_that_is_not_of_these_channels_is_refused(
        self, given: dict[str, Any], channels: tuple[str, ...], message: str
    ) -> None:
        dag = ChannelDag(**given)
        with pytest.raises(ChannelGraphError, match=message):
            dag.check_channels(channels)

    @pytest.mark.parametrize(
        "given",
        [
            {},
            {"lags": 0, "max_parents": 1, "threshold": 0, "prior": 0.999},
            {"lags": 4, "threshold": 3},
            {"order": ["tv"]},
            {"order": [("tv", "radio"), "search"], "required": [("tv", "radio"), ("radio", "tv2")]},
            # One that is not in the order may come between.
            {"order": ["tv", "search"], "required": [("search", "radio"), ("radio", "tv")]},
            {"mode": "triangular", "order": [("search", "tv"), ("radio", "display", "tv2")]},
            {"mode": "fixed", "required": [TV_SEARCH, ("radio", "search")]},
            {"required": [TV_SEARCH, ("radio", "search")], "max_parents": 2},
            {"required": [TV_SEARCH], "forbidden": [SEARCH_TV]},
        ],
    )
    def test_what_is_possible_is_not_refused(self, given: dict[str, Any]) -> None:
        ChannelDag(**given).check_channels((*NAMES, "tv2"))

    def test_a_cycle_is_named_in_full(self) -> None:
        edges = [("a", "b"), ("b", "c"), ("c", "d"), ("d", "b"), ("d", "e")]
        cycle = find_cycle(edges)
        assert cycle[0] == cycle[-1]
        assert set(cycle) == {"b", "c", "d"}
        assert find_cycle(edges[:3] + edges[4:]) == []

    def test_an_edge_that_is_given_twice_is_one(self) -> None:
        dag = ChannelDag(required=[["tv", "search"], ("tv", "search")])
        assert dag.required == (TV_SEARCH,)
        assert dag.named == {"tv", "search"}


KNOWLEDGE = {
    "nothing": {},
    "forbidden": {"forbidden": [TV_SEARCH, ("display", "radio")]},
    "order": {"order": ["search", "tv"]},
    "groups": {"order": [("display", "tv"), ("search",)], "forbidden": [("tv", "display")]},
    "whole order": {"order": ["display", "search", "tv", "radio"]},
    "triangular": {"mode": "triangular"},
    "triangular, forbidden": {"mode": "triangular", "forbidden": [TV_SEARCH]},
    "triangular, ordered": {"mode": "triangular", "order": ["radio", ("search", "tv"), "display"]},
    "fixed": {"mode": "fixed", "required": [TV_SEARCH, ("search", "radio")]},
    "required": {"required": [TV_SEARCH]},
}


def may_be(dag: ChannelDag, cause: str, effect: str) -> bool:
    """Whether an edge may be there, by the rules as the documentation has them."""
    if dag.mode == "fixed":
        return (cause, effect) in dag.required
    if cause == effect or (cause, effect) in dag.forbidden or (effect, cause) in dag.required:
        return False
    if dag.mode == "triangular":
        names = [name for group in dag.order for name in group] or list(NAMES)
        return names.index(cause) < names.index(effect)
    place = {name: i for i, group in enumerate(dag.order) for name in group}
    return not (cause in place and effect in place and place[cause] > place[effect])


@pytest.mark.parametrize("case", KNOWLEDGE)
def test_edges_that_may_be_and_that_must_be(case: str) -> None:
    dag = ChannelDag(**KNOWLEDGE[case])
    dag.check_channels(NAMES)
    allowed, needed = dag.allowed(NAMES), dag.needed(NAMES)
    assert allowed.dtype == needed.dtype == bool
    for (i, cause), (j, effect) in product(enumerate(NAMES), repeat=2):
        assert allowed[i, j] == may_be(dag, cause, effect), (cause, effect)
        assert needed[i, j] == ((cause, effect) in dag.required), (cause, effect)
    assert not (needed & ~allowed).any()


@pytest.mark.parametrize("case", KNOWLEDGE)
def test_settings_survive_json(case: str) -> None:
    dag = ChannelDag(**{"prior": 0.3, "lags": 2, "noise": "equal", **KNOWLEDGE[case]})
    again = ChannelDag.of(json.loads(json.dumps(asdict(dag))))
    assert again == dag
    assert hash(again) == hash(dag)


def test_settings_as_themselves_or_as_the_name_of_a_mode() -> None:
    dag = ChannelDag(lags=2)
    assert ChannelDag.of(dag) is dag
    assert ChannelDag.of(None) is None
    assert ChannelDag.of("triangular") == ChannelDag(mode="triangular")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("dense", "mode='dense'"),
        (5, "channel_dag=5; expected a ChannelDag"),
        (True, "channel_dag=True; expected a ChannelDag"),
        ({"lag": 1}, "'lag' among the settings.*'lags'"),
    ],
)
def test_settings_that_are_none(given: Any, message: str) -> None:
    with pytest.raises(ChannelGraphError, match=message):
        ChannelDag.of(given)


def random_weights(size: int, scale: float, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, scale, (size, size))


def within_domain(size: int, gain: float, seed: int) -> np.ndarray:
    """A matrix whose squared entries have a spectral radius of ``gain``."""
    weights = random_weights(size, 1.0, seed)
    return weights * np.sqrt(gain / np.abs(np.linalg.eigvals(weights**2)).max())


MEASURES = {"expm": h_acyclicity, "logdet": h_log_determinant}


class TestMeasures:
    @pytest.mark.parametrize("scale", [0.05, 0.4, 1.5])
    @pytest.mark.parametrize("size", [1, 2, 5, 13])
    def test_exponential_against_scipy(self, size: int, scale: float) -> None:
        weights = random_weights(size, scale, size)
        # By eigenvalues, whose exponentials sum to the trace too.
        by_eigenvalues = np.exp(np.linalg.eigvals(weights**2)).real.sum() - size
        expected = np.trace(expm(weights**2)) - size
        assert by_eigenvalues == pytest.approx(expected, rel=1e-8, abs=1e-12)
        assert h_acyclicity(weights) == pytest.approx(expected, rel=1e-12)

    @pytest.mark.parametrize("gain", [0.01, 0.5, 0.99])
    @pytest.mark.parametrize("size", [1, 2, 5, 13])
    def test_log_determinant_against_numpy(self, size: int, gain: float) -> None:
        weights = within_domain(size, gain, size)
        sign, log = np.linalg.slogdet(np.eye(size) - weights**2)
        assert sign == 1
        assert h_log_determinant(weights) == pytest.approx(-log, rel=1e-9)

    @pytest.mark.parametrize("gain", [1.001, 2.0, 50.0])
    @pytest.mark.parametrize("size", [1, 2, 3, 6])
    def test_log_determinant_is_infinite_outside_its_domain(self, size: int, gain: float) -> None:
        """Also where an even number of eigenvalues is above one, so that the determinant is not."""
        assert h_log_determinant(within_domain(size, gain, size)) == np.inf
        two_cycles = np.kron(np.eye(2), within_domain(size, gain, size))
        assert h_log_determinant(two_cycles) == np.inf

    @pytest.mark.parametrize("kind", ACYCLICITIES)
    @pytest.mark.parametrize("size", [1, 2, 4, 9])
    def test_gradients_against_differences(self, size: int, kind: str) -> None:
        weights = within_domain(size, 0.6, size + 20)
        gradient, step = acyclicity(weights, kind)[1], 1e-5
        for place in product(range(size), repeat=2):
            moved = np.zeros((size, size))
            moved[place] = step
            up, down = (MEASURES[kind](weights + sign * moved) for sign in (1, -1))
            assert gradient[place] == pytest.approx((up - down) / (2 * step), rel=1e-6, abs=1e-8)

    @pytest.mark.parametrize("kind", ACYCLICITIES)
    @given(
        triangle=st.integers(2, 7).flatmap(
            lambda n: hnp.arrays(float, (n, n), elements=st.floats(-3, 3))
        ),
        seed=st.integers(0, 1000),
    )
    def test_zero_for_acyclic_graphs(self, triangle: np.ndarray, seed: int, kind: str) -> None:
        shuffled = np.random.default_rng(seed).permutation(len(triangle))
        weights = np.triu(triangle, 1)[np.ix_(shuffled, shuffled)]
        largest = np.abs(expm(weights**2)).max()
        assert 0 <= MEASURES[kind](weights) + 1e-12 * largest < 1e-10 * largest

    @pytest.mark.parametrize("kind", ACYCLICITIES)
    @given(
        weights=st.integers(2, 6).flatmap(
            lambda n: hnp.arrays(float, (n, n), elements=st.floats(-0.3, 0.3))
        ),
        length=st.integers(1, 6),
        seed=st.integers(0, 1000),
    )
    def test_positive_for_any_cycle(
        self, weights: np.ndarray, length: int, seed: int, kind: str
    ) -> None:
        """Also a cycle through all of the nodes, and one of a node with itself."""
        nodes = np.random.default_rng(seed).permutation(len(weights))[:length]
        weights = weights.copy()
        weights[nodes, np.roll(nodes, 1)] = 0.4
        # Every walk once round adds its gain to the trace, divided by the factorial of its length.
        least = 0.4 ** (2 * len(nodes)) / np.prod(np.arange(1, len(nodes) + 1))
        assert MEASURES[kind](weights) > 0.99 * least - 1e-13

    @pytest.mark.parametrize("kind", ACYCLICITIES)
    @pytest.mark.parametrize("weight", [60.0, 1e100, 1e200, np.inf, np.nan])
    @pytest.mark.filterwarnings("error")
    def test_what_no_number_can_hold_is_infinite(self, weight: float, kind: str) -> None:
        """A line search may try such weights: no error, and no warning for a user to see."""
        value, gradient = acyclicity(np.array([[0.0, weight], [weight, 0.0]]), kind)
        assert value == np.inf
        assert np.isnan(gradient).all()
