"""Cycles, prices of edges, and messages along a graph."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy.linalg import expm

torch = pytest.importorskip("torch", reason="the deep engine needs torch (extra 'deep')")

from pymc_toolkit.engines.deep import DAGConstraint, DAGModel, EdgeToNode, NodeToEdge
from pymc_toolkit.engines.deep.dag import acyclicity, edge_price
from pymc_toolkit.exceptions import DataError, SpecificationError


def test_acyclicity_by_hand() -> None:
    assert acyclicity(torch.zeros(4, 4)) == 0
    assert abs(acyclicity(torch.rand(6, 6).triu(1))) < 1e-4
    pair = torch.tensor([[0.0, 0.5], [2.0, 0.0]])  # a cycle of weight (0.5 * 2)²
    assert float(acyclicity(pair)) == pytest.approx(2 * math.cosh(1) - 2, rel=1e-5)
    assert acyclicity(torch.ones(3, 3) - torch.eye(3)) > 0
    with pytest.raises(DataError, match="square matrix"):
        acyclicity(torch.zeros(2, 3))


def test_acyclicity_and_its_derivative_against_scipy() -> None:
    weights = torch.rand(5, 5, dtype=torch.float64, requires_grad=True)
    h = acyclicity(weights)
    h.backward()
    w = weights.detach().numpy()
    assert float(h.detach()) == pytest.approx(np.trace(expm(w * w)) - 5)
    np.testing.assert_allclose(weights.grad, expm(w * w).T * 2 * w, rtol=1e-9)


def test_price_of_edges_by_hand() -> None:
    probability = torch.tensor([[0.9, 0.5], [0.9, 0.9]])
    possible = torch.tensor([[0.0, 1.0], [0.0, 0.0]])
    assert float(edge_price(probability, possible)) == pytest.approx(0.5 + math.log(2))
    assert edge_price(probability, torch.zeros(2, 2)) == 0
    sure = torch.tensor([[0.0, 1.0], [0.0, 0.0]], requires_grad=True)
    edge_price(sure, possible).backward()
    assert torch.isfinite(sure.grad).all()


def test_edges_only_where_the_graph_has_them() -> None:
    torch.manual_seed(1)
    nodes, graph = torch.randn(4, 3, 2), torch.tensor([[0.0, 1, 1], [0, 0, 0], [0, 0, 0]])
    edges = NodeToEdge(2, 5)(nodes, graph)
    assert edges.shape == (4, 3, 3, 5)
    assert (edges[:, graph == 0] == 0).all()
    assert (edges[:, graph == 1] != 0).any(-1).all()


def test_a_node_without_causes_stays_as_it_is() -> None:
    torch.manual_seed(1)
    nodes, graph = torch.randn(4, 3, 2), torch.tensor([[0.0, 1, 1], [0, 0, 0], [0, 0, 0]])
    edges = torch.randn(4, 3, 3, 5)
    layer = EdgeToNode(5, 2)
    after = layer(edges, nodes, graph)
    torch.testing.assert_close(after[:, 0], nodes[:, 0], rtol=0, atol=0)
    by_hand = nodes[:, 1] + edges[:, 0, 1] @ layer.message.weight.T
    torch.testing.assert_close(after[:, 1], by_hand)


def test_draws_are_zero_or_one_with_the_right_frequency() -> None:
    torch.manual_seed(1)
    constraint = DAGConstraint(3)
    logits = torch.full((20000,), math.log(0.7 / 0.3), requires_grad=True)
    draws = constraint.gumbel_softmax(logits, tau=0.5)
    values = draws.detach()
    assert ((values - values.round()).abs() < 1e-6).all()
    assert float(values.mean()) == pytest.approx(0.7, abs=0.02)
    draws.sum().backward()
    assert (logits.grad > 0).any()
    assert torch.isfinite(logits.grad).all()


def test_graph_of_the_constraint_leads_forwards() -> None:
    torch.manual_seed(1)
    constraint = DAGConstraint(5)
    drawn = constraint.get_adjacency()
    assert (drawn.tril() == 0).all()
    constraint.eval()
    assert (constraint.get_adjacency() == 0).all()
    with torch.no_grad():
        constraint.edge_logits.fill_(1.0)
    torch.testing.assert_close(constraint.get_adjacency(), torch.ones(5, 5).triu(1))


def test_temperature_falls_by_a_constant_factor() -> None:
    constraint = DAGConstraint(3, temperature=2.0)
    found = []
    for epoch in (0, 50, 100, 500):
        constraint.update_temperature(epoch, 100, min_temp=0.5)
        found.append(constraint.temperature)
    np.testing.assert_allclose(found, [2.0, 1.0, 0.5, 0.5])


def test_loss_of_the_constraint_by_hand() -> None:
    # Every edge has a probability of one half.
    loss = DAGConstraint(4, sparsity_weight=0.2).dag_loss()
    assert loss.item() == pytest.approx(0.2 * (0.5 + math.log(2)))
    assert DAGConstraint(1).dag_loss() == 0


def test_messages_arrive_downstream_only() -> None:
    torch.manual_seed(1)
    model = DAGModel(n_nodes=4, node_dim=3, edge_dim=5).eval()
    with torch.no_grad():
        model.constraint.edge_logits.fill_(1.0)
    nodes = torch.randn(2, 4, 3)
    moved = nodes.clone()
    moved[:, 2] += 1.0
    before, graph = model(nodes)
    after, _ = model(moved)
    assert graph.shape == (4, 4)
    changed = (before != after).any(-1).any(0)
    assert changed.tolist() == [False, False, True, True]
    model.train()
    out, _ = model(nodes)
    (out.sum() + model.get_dag_loss()).backward()
    assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: NodeToEdge(0, 2), SpecificationError, "node_dim=0"),
        (lambda: EdgeToNode(2, 0), SpecificationError, "node_dim=0"),
        (lambda: DAGConstraint(0), SpecificationError, "n_nodes=0"),
        (lambda: DAGConstraint(2, -1.0), SpecificationError, "sparsity_weight"),
        (lambda: DAGConstraint(2, temperature=0.0), SpecificationError, "temperature"),
        (lambda: DAGConstraint(2).update_temperature(1, 0), SpecificationError, "total_epochs"),
        (lambda: DAGModel(2, 2, 2, 0), SpecificationError, "n_layers=0"),
        (
            lambda: NodeToEdge(2, 2)(torch.ones(1, 3, 1), torch.ones(3, 3)),
            DataError,
            "Got nodes of shape",
        ),
        (
            lambda: NodeToEdge(2, 2)(torch.ones(1, 3, 2), torch.ones(2, 2)),
            DataError,
            "Got an adjacency of shape",
        ),
        (
            lambda: EdgeToNode(2, 2)(torch.ones(1, 3, 2, 2), torch.ones(1, 3, 2), torch.ones(3, 3)),
            DataError,
            "Got edges of shape",
        ),
    ],
)
def test_what_does_not_fit(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()
