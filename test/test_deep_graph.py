"""The network's graph of channels: losses, duals and thresholds by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the deep engine needs torch (extra 'deep')")

from deep_examples import network, panel

from pymc_toolkit.engines.deep import DeepCausalMMM
from pymc_toolkit.exceptions import SpecificationError


def with_edges(model: DeepCausalMMM, weights: list[list[float]]) -> DeepCausalMMM:
    """The network with given edges; the diagonal has none whatever is given."""
    with torch.no_grad():
        model.adj_logits.copy_(torch.logit(torch.tensor(weights), eps=1e-12))
    return model


PAIR = [[0.5, 0.6], [0.8, 0.5]]


def test_edges_of_both_modes() -> None:
    triangular = network(4).get_dag_adjacency_matrix()
    assert (triangular.tril() == 0).all()
    assert (triangular[torch.ones(4, 4).triu(1) > 0] > 0).all()
    free = network(4, dag_mode="notears").get_dag_adjacency_matrix()
    assert (free.diagonal() == 0).all()
    assert (free.tril(-1)[torch.ones(4, 4).tril(-1) > 0] > 0).all()


def test_edges_are_a_sigmoid_of_logits_over_the_temperature() -> None:
    model = network(4, dag_temperature=0.5)
    expected = torch.sigmoid(model.adj_logits / 0.5) * model.tri_mask
    torch.testing.assert_close(model.get_dag_adjacency_matrix(), expected.detach())
    assert float(model.dag_temperature) == 0.5
    other = torch.sigmoid(model.adj_logits) * model.tri_mask
    assert (other - expected).abs().max() > 1e-3


def test_the_matrix_is_the_callers_own() -> None:
    model = network(3, dag_mode="notears")
    found = model.get_dag_adjacency_matrix().cpu().numpy()
    before = model.adj_logits.detach().clone()
    np.fill_diagonal(found, 1.0)
    torch.testing.assert_close(model.adj_logits.detach(), before)
    assert (model.get_dag_adjacency_matrix().diagonal() == 0).all()


@pytest.mark.parametrize("mode", ["triangular", "notears"])
def test_thresholds_keep_strong_edges(mode: str) -> None:
    model = network(5, dag_mode=mode, dag_edge_spread=2.0)
    whole = model.get_dag_adjacency_matrix()
    counts = []
    for eps in (0.0, 0.2, 0.5, 0.99):
        cut = model.threshold_dag(eps)
        torch.testing.assert_close(cut, model.get_dag_adjacency_matrix(eps=eps))
        torch.testing.assert_close(cut, torch.where(whole >= eps, whole, 0.0))
        counts.append(int((cut > 0).sum()))
    assert counts == sorted(counts, reverse=True)
    torch.testing.assert_close(model.threshold_dag(0.0), whole)
    with pytest.raises(SpecificationError, match="eps=-1"):
        model.threshold_dag(-1.0)


def test_interaction_is_the_documented_blend() -> None:
    model = network(3, dag_mode="notears")
    x = torch.randn(2, 5, 3)
    mix = torch.sigmoid(model.interaction_weight)
    expected = (1 - mix) * x + mix * (x @ model.get_dag_adjacency_matrix())
    torch.testing.assert_close(model.dag_interaction(x), expected)
    # Column j holds the parents of j.
    one = torch.zeros(1, 1, 3)
    one[0, 0, 1] = 1.0
    edges = model.get_dag_adjacency_matrix()
    torch.testing.assert_close(model.dag_interaction(one)[0, 0, 2], mix[2] * edges[1, 2])


def test_without_a_graph() -> None:
    model = network(3, enable_dag=False, enable_interactions=False)
    x = torch.randn(2, 5, 3)
    assert model.dag_interaction(x) is x
    assert (model.get_dag_adjacency_matrix() == 0).all()
    assert (model.dag_matrix == 0).all()
    assert model.get_dag_loss() == 0
    outputs = model(*panel())[3]
    assert "dag_matrix" not in outputs
    assert "media_dag" not in outputs
    silent = network(3, dag_mode="notears", enable_dag=False)
    assert silent.notears_update_duals() == {}
    # A graph that does not act is still there to be looked at.
    idle = network(3, enable_interactions=False)
    assert idle.dag_interaction(x) is x
    assert (idle(*panel())[3]["dag_matrix"] > 0).any()


def test_triangular_loss_by_hand() -> None:
    model = with_edges(network(2, sparsity_weight=0.3), [[0.9, 0.25], [0.9, 0.9]])
    entropy = -(0.25 * math.log(0.25) + 0.75 * math.log(0.75))
    assert model.get_dag_loss().item() == pytest.approx(0.3 * (0.25 + entropy), rel=1e-5)
    assert model.notears_update_duals() == {}


def test_notears_loss_by_hand() -> None:
    settings = {"notears_rho_init": 3.0, "notears_alpha_init": 0.5, "notears_group_l1": 0.2}
    model = with_edges(network(2, dag_mode="notears", **settings), PAIR)
    # Two channels: h = 2 cosh(ab) - 2 for edges a and b, here 0.6 and 0.8.
    h = 2 * math.cosh(0.6 * 0.8) - 2
    expected = 1.5 * h**2 + 0.5 * h + 0.01 * 1.4 + 0.2 * (0.8 + 0.6)
    assert model.get_dag_loss().item() == pytest.approx(expected, rel=1e-5)


def test_nothing_is_paid_during_warm_up() -> None:
    model = network(3, dag_mode="notears")
    assert model.notears_active.dtype == torch.bool
    assert model.notears_active.item() is True
    assert model.get_dag_loss() > 0
    model.notears_active.fill_(False)
    loss = model.get_dag_loss()
    assert loss.item() == 0.0
    loss.backward()
    assert (model.adj_logits.grad == 0).all()


def test_duals_by_hand() -> None:
    model = with_edges(network(2, dag_mode="notears"), PAIR)
    h = 2 * math.cosh(0.48) - 2
    first = model.notears_update_duals(factor=3.0)
    # There was no h before, so rho stays; alpha grows by rho h.
    assert first == pytest.approx({"h": h, "rho": 1.0, "alpha": h}, rel=1e-5)
    second = model.notears_update_duals(factor=3.0)
    assert second == pytest.approx({"h": h, "rho": 3.0, "alpha": 4 * h}, rel=1e-5)
    # An edge that shrinks takes h below a quarter of what it was: rho stays again.
    with_edges(model, [[0.5, 0.6], [0.1, 0.5]])
    third = model.notears_update_duals(factor=3.0, progress=0.25)
    less = 2 * math.cosh(0.06) - 2
    expected = {"h": less, "rho": 3.0, "alpha": 4 * h + 3 * less}
    assert third == pytest.approx(expected, rel=1e-3)
    model._notears_h_prev = 0.0
    assert model.notears_update_duals(factor=2.0)["rho"] == 6.0
    assert model.notears_rho.item() == 6.0


def test_rho_has_a_limit() -> None:
    model = network(3, dag_mode="notears", notears_rho_max=5.0)
    model._notears_h_prev = 0.0
    for _ in range(3):
        rho = model.notears_update_duals(factor=10.0)["rho"]
    assert rho == 5.0


@pytest.mark.parametrize(("factor", "progress"), [(0.5, 0.25), (math.nan, 0.25), (2.0, 1.5)])
def test_impossible_updates(factor: float, progress: float) -> None:
    with pytest.raises(SpecificationError, match="expected a factor of at least one"):
        network(3, dag_mode="notears").notears_update_duals(factor, progress)


def test_the_penalty_takes_cycles_away() -> None:
    model = network(4, dag_mode="notears", dag_edge=0.5, notears_lambda1=0.0)
    optimizer = torch.optim.Adam([model.adj_logits], lr=0.1)
    for _ in range(12):
        for _ in range(60):
            optimizer.zero_grad()
            model.get_dag_loss().backward()
            optimizer.step()
        info = model.notears_update_duals()
    assert info["h"] < 1e-3
    assert model.h_acyclicity(model.threshold_dag(0.3)) < 1e-6


def test_duals_survive_a_state_dict() -> None:
    model = network(3, dag_mode="notears")
    model.notears_update_duals()
    model.notears_active.fill_(False)
    copy = network(3, dag_mode="notears", seed=9)
    copy.load_state_dict(model.state_dict())
    assert copy._notears_h_prev == model._notears_h_prev
    assert float(copy.notears_alpha) == float(model.notears_alpha)
    assert not copy.notears_active
    assert copy.notears_update_duals() == model.notears_update_duals()


def test_one_channel_has_no_edges() -> None:
    for mode in ("triangular", "notears"):
        model = network(1, dag_mode=mode, notears_group_l1=0.1)
        loss = model.get_dag_loss()
        loss.backward()
        assert loss.item() == 0.0
        assert torch.isfinite(model.adj_logits.grad).all()
