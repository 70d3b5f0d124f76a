"""The part of a model in which channels drive each other: its density, its program, its numbers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from fits import fake_fit, small_config
from scipy import stats
from test_program import as_python, by_pytensor  # noqa: F401 - a fixture

from pymc_toolkit.channel_graph.candidates import PRIOR_SQUARES, Candidates, candidate_edges
from pymc_toolkit.channel_graph.learn import GraphDraws
from pymc_toolkit.components.acyclicity import ACYCLICITIES, acyclicity
from pymc_toolkit.components.channel_dag import ChannelDag
from pymc_toolkit.engines.base import sum_components
from pymc_toolkit.engines.bayesian.blend import Blend
from pymc_toolkit.engines.bayesian.dag import NOTEARS_PENALTY, dag_data, edge_slots, learn_graph
from pymc_toolkit.engines.bayesian.decompose import decompose, effective_input
from pymc_toolkit.engines.bayesian.graph import Graph, Structure, build_graph, graph_data
from pymc_toolkit.engines.bayesian.program import program_text
from pymc_toolkit.model_data import ModelData
from pymc_toolkit.model_spec import ModelSpec
from pymc_toolkit.names import CHANNEL, DAG_MIX, DAG_WEIGHTS, DATE

CHANNELS = 3
ORDER = [f"channel_{number}_cost" for number in (1, 2, 3)]
SPEC = ModelSpec(lag_max=3, channel_dag=ChannelDag(noise="gaussian", lags=1, order=ORDER))


def driven(periods: int = 80, seed: int = 0) -> ModelData:
    """A client whose second channel follows its first, and whose third the second a week later."""
    data = small_config(periods, CHANNELS, seed=seed).model_data
    media = data.dataset["media"].transpose(DATE, CHANNEL).copy()
    first = media.values[:, 0]
    media.values[:, 1] = 0.3 * media.values[:, 1] + 0.8 * first
    media.values[1:, 2] += media.values[:-1, 1]
    return replace(data, dataset=data.dataset.assign(media=media)).rescaled()


@pytest.fixture(scope="module")
def data() -> ModelData:
    return driven()


@pytest.fixture(scope="module")
def drawn(data: ModelData) -> GraphDraws:
    return learn_graph(data, SPEC, seed=1)


def cyclic(drawn: GraphDraws) -> Candidates:
    """Candidates that go round in a circle, each with a correlation of its own."""
    made = np.zeros((50, CHANNELS, CHANNELS))
    made[:, 0, 1] = made[:, 1, 2] = made[:, 2, 0] = 0.4
    found = candidate_edges(replace(drawn, now=made, before=np.zeros((50, 1, CHANNELS, CHANNELS))))
    assert {*zip(found.cause, found.effect, strict=True)} == {(0, 1), (1, 2), (2, 0)}
    size = np.full(CHANNELS, 60.0)
    return replace(found, size=size, gram=np.diag(size), cross=size * [0.5, 0.6, 0.4])


def graph_of(spec: ModelSpec, data: ModelData, candidates: Candidates) -> Graph:
    structure = Structure.of(data, spec, edge_slots(candidates))
    return build_graph(structure, graph_data(data, spec, dag_data(candidates, data, spec)))


def point_of(graph: Graph, seed: int = 0) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    first = graph.model.initial_point()
    return {name: value + rng.normal(0.2, 0.1, np.shape(value)) for name, value in first.items()}


@pytest.mark.parametrize("kind", ACYCLICITIES)
def test_density_is_the_plain_one_and_that_of_the_graph(
    kind: str, data: ModelData, drawn: GraphDraws
) -> None:
    """With nothing mixed in, what is added is prior, likelihood of spend and penalty, by hand."""
    spec = replace(SPEC, channel_dag=replace(SPEC.channel_dag, acyclicity=kind))
    candidates = cyclic(drawn)
    graph = graph_of(spec, data, candidates)
    plain_spec = replace(spec, channel_dag=None)
    plain = build_graph(Structure.of(data, plain_spec), graph_data(data, plain_spec))
    point = point_of(graph)
    # As good as zero on the scale that is sampled.
    point["dag_mix_logodds__"] = np.full(CHANNELS, -60.0)
    weights = point[DAG_WEIGHTS] = np.array([0.4, -0.7, 0.5, 0.1])
    ours = graph.model.compile_logp(mode="FAST_COMPILE")(point)
    shared = {name: point[name] for name in plain.model.initial_point()}
    arrays = dag_data(candidates, data, spec)
    alpha, rho = (float(arrays[f"dag_{name}"][1]) for name in ("alpha", "rho"))
    h = acyclicity(candidates.matrix(weights[: candidates.count]), kind)[0]
    assert alpha > 0
    assert h > 1e-4
    mix = 1 / (1 + np.exp(60.0))
    added = (
        stats.laplace.logpdf(weights, 0, 0.5).sum()
        + CHANNELS * (stats.beta.logpdf(mix, 1, 9) + np.log(mix) + np.log1p(-mix))
        + by_regression(candidates, weights[: candidates.count])
        - alpha * h
        - 0.5 * rho * h * h
    )
    assert ours == pytest.approx(
        plain.model.compile_logp(mode="FAST_COMPILE")(shared) + added, rel=1e-9
    )


def by_regression(candidates: Candidates, weights: np.ndarray) -> float:
    """Likelihood of spend, channel by channel."""
    total = 0.0
    for child in range(CHANNELS):
        own = candidates.effect == child
        if not own.any():
            continue
        w = weights[own]
        left = (
            candidates.size[child]
            - 2 * w @ candidates.cross[own]
            + w @ candidates.gram[np.ix_(own, own)] @ w
        )
        total -= (candidates.periods[child] + 2) / 2 * np.log(left + PRIOR_SQUARES)
    return float(total)


def test_the_penalty_is_a_potential_of_the_model(data: ModelData, drawn: GraphDraws) -> None:
    graph = graph_of(SPEC, data, cyclic(drawn))
    assert NOTEARS_PENALTY in [potential.name for potential in graph.model.potentials]
    forward = replace(SPEC, channel_dag=ChannelDag(mode="triangular"))
    without = graph_of(forward, data, candidate_edges(drawn))
    assert NOTEARS_PENALTY not in [potential.name for potential in without.model.potentials]


def test_the_response_is_that_of_numpy(data: ModelData, drawn: GraphDraws) -> None:
    """What the graph expects of sales, blend included, against the decomposition of draws."""
    candidates = candidate_edges(drawn)
    assert set(zip(candidates.cause, candidates.effect, candidates.lag, strict=True)) >= {
        (0, 1, 0),
        (1, 2, 1),
    }
    graph = graph_of(SPEC, data, candidates)
    fit = fake_fit(data, SPEC)
    posterior = fit.posterior.drop_dims("edge")
    rng = np.random.default_rng(3)
    weights = rng.uniform(-0.5, 0.9, (2, 4, candidates.count))
    ends = {"cause": candidates.cause, "effect": candidates.effect, "lag": candidates.lag}
    posterior = posterior.assign({DAG_WEIGHTS: (("chain", "draw", "edge"), weights)})
    posterior = posterior.assign_coords({f"edge_{k}": ("edge", v) for k, v in ends.items()})
    expected = sum_components(decompose(posterior, SPEC, data, data))
    target = data.scaled("target").values
    likelihood = graph.model.compile_logp(vars=[graph.model["y"]], mode="FAST_COMPILE")
    for chain, draw in ((0, 0), (1, 3)):
        one = posterior.isel(chain=chain, draw=draw)
        padded = np.zeros(edge_slots(candidates))
        padded[: candidates.count] = one[DAG_WEIGHTS].values
        point = {DAG_WEIGHTS: padded}
        for rv in graph.model.free_RVs:
            if rv.name != DAG_WEIGHTS:
                value = graph.model.rvs_to_values[rv]
                transform = graph.model.rvs_to_transforms[rv]
                plain = one[rv.name].values
                point[value.name] = (
                    plain
                    if transform is None
                    else transform.forward(plain, *rv.owner.inputs).eval()
                )
        by_hand = stats.norm.logpdf(target, expected.isel(chain=chain, draw=draw), one["y_sigma"])
        assert likelihood(point) == pytest.approx(float(by_hand.sum()), rel=1e-9)


@pytest.mark.parametrize("kind", ACYCLICITIES)
def test_a_program_is_its_graph(
    kind: str,
    data: ModelData,
    drawn: GraphDraws,
    as_python: Any,  # noqa: F811
) -> None:
    spec = replace(SPEC, channel_dag=replace(SPEC.channel_dag, acyclicity=kind))
    candidates = cyclic(drawn)
    arrays = graph_data(data, spec, dag_data(candidates, data, spec))
    structure = Structure.of(data, spec, edge_slots(candidates))
    graph = build_graph(structure, arrays)
    program = as_python(program_text(structure, graph))
    n = len(program.START)
    centre = np.array(program.START)
    memory = np.concatenate(
        [[data.n_periods], centre, np.eye(n).ravel(), *(v.ravel() for _, v in arrays.values())]
    )
    point = np.random.default_rng(2).normal(0, 0.2, n)
    gradient, value = np.zeros(n), np.zeros(1)
    with np.errstate(all="ignore"):
        assert program.density(n, point, gradient, value, memory) == 0
    density, slopes, parameters = by_pytensor(graph, centre + point)
    assert value[0] == pytest.approx(density, rel=1e-10)
    np.testing.assert_allclose(gradient, slopes, rtol=1e-8, atol=1e-8)
    found = np.zeros(parameters.size)
    assert program.parameters(n, found.size, point, found, memory) == 0
    np.testing.assert_allclose(found, parameters, rtol=1e-10)


def test_with_nothing_mixed_in_the_model_is_the_plain_one(data: ModelData) -> None:
    fit = fake_fit(data, SPEC, fixed={DAG_MIX: 0.0})
    plain = fit.posterior.drop_vars(["dag_mix", "dag_weights", "dag_adjacency", "dag_lagged"])
    with_graph = decompose(fit.posterior, SPEC, data, data)
    without = decompose(plain, replace(SPEC, channel_dag=None), data, data)
    np.testing.assert_array_equal(with_graph["channels"], without["channels"])


def test_the_blend_is_a_share_of_own_spend_and_of_what_causes_add(data: ModelData) -> None:
    fit = fake_fit(data, SPEC)
    posterior, exposure = fit.posterior, data.scaled("media").transpose(DATE, CHANNEL).values
    spread = exposure.std(axis=0)
    blended = effective_input(posterior, data, data)
    mix, weights = posterior[DAG_MIX].values, posterior[DAG_WEIGHTS].values
    # Edges of the made-up fit: the first drives the second, the last the first a week later.
    second = (1 - mix[..., 1, None]) * exposure[:, 1] + mix[..., 1, None] * (
        weights[..., 0, None] * exposure[:, 0] * spread[1] / spread[0]
    )
    np.testing.assert_allclose(blended[..., 1], second, rtol=1e-12)
    earlier = np.concatenate([[0.0], exposure[:-1, 2]])
    first = (1 - mix[..., 0, None]) * exposure[:, 0] + mix[..., 0, None] * (
        weights[..., 1, None] * earlier * spread[0] / spread[2]
    )
    np.testing.assert_allclose(blended[..., 0], first, rtol=1e-12)
    np.testing.assert_array_equal(blended[..., 2], np.broadcast_to(exposure[:, 2], (2, 4, 80)))


def test_windows_of_one_client_share_a_structure(data: ModelData) -> None:
    def digest(dag: ChannelDag, slots: int) -> str:
        return Structure.of(data, replace(SPEC, channel_dag=dag), slots).digest()

    plain = Structure.of(data, replace(SPEC, channel_dag=None)).digest()
    known = ChannelDag(required=[("channel_1_cost", "channel_2_cost")], threshold=0.3)
    assert digest(ChannelDag(), 4) == digest(known, 4) != digest(ChannelDag(), 8)
    assert digest(ChannelDag(), 4) != digest(ChannelDag(acyclicity="expm"), 4)
    # A graph without a candidate leaves the model as it is.
    assert digest(ChannelDag(), 0) == plain


def test_no_blend_without_edges(data: ModelData) -> None:
    fit = fake_fit(data, replace(SPEC, channel_dag=None))
    assert Blend.of(fit.posterior, data) is None
