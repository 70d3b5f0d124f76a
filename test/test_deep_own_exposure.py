"""What the graph explains of exposure: weights and likelihood by hand, and graphs that it finds."""

from __future__ import annotations

import math

import numpy as np
import pytest
from deep_graph_examples import chance, driven_client, f1, in_order, topological
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

torch = pytest.importorskip("torch", reason="the deep engine needs torch (extra 'deep')")

from deep_examples import network, panel

from pymc_toolkit.engines.deep import ModelTrainer, UnifiedDataPipeline
from pymc_toolkit.engines.deep.dag import is_acyclic
from pymc_toolkit.engines.deep.own_exposure import (
    causal_weights,
    dag_misfit,
    entropies,
    within_regions,
)
from pymc_toolkit.exceptions import SpecificationError


@given(st.integers(2, 6), st.integers(0, 10**6))
@settings(max_examples=40, deadline=None, derandomize=True)
def test_weights_are_those_of_a_ridge_regression(channels: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    series = rng.normal(size=(50, channels)) @ rng.normal(size=(channels, channels))
    correlations = np.corrcoef(series.T)
    gates = rng.uniform(0.05, 1, (channels, channels)) * (1 - np.eye(channels))
    found = causal_weights(torch.from_numpy(correlations), torch.from_numpy(gates)).numpy()
    for j in range(channels):
        others = np.delete(np.arange(channels), j)
        penalty = np.diag(1 / gates[others, j] - 1)
        system = correlations[np.ix_(others, others)] + penalty
        expected = np.linalg.solve(system, correlations[others, j])
        np.testing.assert_allclose(found[others, j], expected, rtol=1e-6, atol=1e-8)
        assert found[j, j] == 0


def test_closed_gates_and_copies_have_derivatives() -> None:
    media = panel(4, 30, 3)[0]
    media[..., 2] = media[..., 1]
    media[..., 0] = 0.0
    for gates in (torch.zeros(3, 3), torch.ones(3, 3).triu(1)):
        gates.requires_grad_()
        loss = dag_misfit(media, gates)
        loss.backward()
        assert torch.isfinite(loss)
        assert torch.isfinite(gates.grad).all()


SHAPES = (stats.norm(), stats.uniform(), stats.gamma(4), stats.laplace())


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.dist.name)
def test_entropies_are_those_of_known_shapes(shape) -> None:
    """Up to a constant, which is that of the normal distribution; the approximation is rough."""
    values = shape.ppf((np.arange(20_000) + 0.5) / 20_000)
    values = (values - values.mean()) / values.std()
    less = 0.5 * math.log(2 * math.pi * math.e) - (float(shape.entropy()) - math.log(shape.std()))
    scaled = torch.from_numpy(np.stack([values, 5 * values], axis=1))
    found = entropies(scaled).numpy()
    assert -found[0] == pytest.approx(less, abs=0.05 + 0.5 * less)
    assert found[1] - found[0] == pytest.approx(math.log(5), abs=1e-4)


def test_units_and_levels_do_not_count() -> None:
    media = panel(3, 30, 3)[0]
    gates = torch.ones(3, 3).triu(1)
    changed = media * torch.rand(3, 1, 3) * 9 + 4
    torch.testing.assert_close(
        dag_misfit(changed, gates), dag_misfit(media, gates), rtol=1e-3, atol=1e-3
    )
    assert (within_regions(torch.ones(2, 5, 1)) == 0).all()


def pair(own: str, seed: int = 1) -> torch.Tensor:
    """Channel 0 drives channel 1."""
    rng = np.random.default_rng(seed)
    draws = {"skewed": rng.exponential, "normal": lambda size: rng.normal(5, 1, size)}[own]
    cause, noise = draws(size=(4, 500)), draws(size=(4, 500))
    return torch.tensor(np.stack([cause, noise + 0.7 * cause], axis=-1), dtype=torch.float32)


def test_shape_tells_the_direction_and_a_circle_gains_nothing() -> None:
    forth = torch.tensor([[0.0, 1.0], [0.0, 0.0]])
    for own, least in (("skewed", 0.1), ("normal", None)):
        media = pair(own)
        right, wrong, none, circle = (
            float(dag_misfit(media, gates))
            for gates in (forth, forth.T, torch.zeros(2, 2), (forth + forth.T) * 0.99)
        )
        assert right < none - 0.1
        assert circle > right
        if least:
            assert right < wrong - least
        else:
            assert right == pytest.approx(wrong, abs=0.02)


def test_off_by_default_and_exactly_nothing_then() -> None:
    media, controls, regions = panel()
    model = network(dag_mode="notears")
    assert float(model.get_dag_fit_loss(media)) == 0.0
    assert "dag_fit_loss" not in model(media, controls, regions)[3]
    without = network(dag_fit_weight=1.0, enable_dag=False, enable_interactions=False)
    assert float(without.get_dag_fit_loss(media)) == 0.0


def test_it_is_added_to_the_penalties_after_the_burn_in() -> None:
    media, controls, regions = panel()
    priced = network(dag_mode="notears", dag_fit_weight=0.5, burn_in_weeks=4)
    outputs = priced(media, controls, regions)[3]
    plain = network(dag_mode="notears", burn_in_weeks=4)
    plain.load_state_dict(priced.state_dict())
    more = priced.get_regularization_loss(outputs) - plain.get_regularization_loss(outputs)
    expected = 0.5 * dag_misfit(media[:, 4:], priced.dag_matrix)
    torch.testing.assert_close(more, expected, rtol=1e-4, atol=1e-5)
    with pytest.raises(SpecificationError, match="dag_fit_weight=0.5 and no outputs"):
        priced.get_regularization_loss()


CONFIG = {
    "media_scaling": "volume",
    "hidden_dim": 4,
    "n_epochs": 280,
    "warm_start_epochs": 20,
    "validation_weeks": 0,
    "learning_rate": 0.05,
    "notears_warmup_epochs": 100,
    "notears_dual_update_every": 25,
}


def learnt(panels: list[np.ndarray], **config: object) -> np.ndarray:
    """Which channel drives which, as a trained network says."""
    config = CONFIG | config
    pipeline = UnifiedDataPipeline(config)
    window = dict(zip(("X_media", "X_control", "y"), panels, strict=True))
    scaled = pipeline.fit_and_transform_training(window)
    trainer = ModelTrainer(config)
    model = trainer.create_model(n_media=panels[0].shape[-1], n_control=1, n_regions=len(panels[0]))
    trainer.train(*(scaled[name] for name in ("X_media", "X_control", "R", "y")), pipeline)
    weights = model.get_dag_adjacency_matrix()
    assert float(model.h_acyclicity(weights)) < 1e-3
    assert is_acyclic(model.threshold_dag(0.3))
    return model.threshold_dag(0.3).numpy() > 0


def fitted_alone(media: np.ndarray) -> np.ndarray:
    """The graph of a network that is trained on exposure and nothing else."""
    model = network(media.shape[-1], 0, len(media), dag_mode="notears", dag_fit_weight=1.0)
    optimizer = torch.optim.Adam([model.adj_logits], 0.03, betas=(0.9, 0.99))
    for epoch in range(500):
        model.notears_active.fill_(epoch >= 150)
        optimizer.zero_grad()
        loss = model.get_dag_fit_loss(torch.tensor(media, dtype=torch.float32))
        (loss + model.get_dag_loss()).backward()
        optimizer.step()
        if epoch > 150 and epoch % 35 == 0:
            model.notears_update_duals()
    assert is_acyclic(model.threshold_dag(0.3))
    return model.threshold_dag(0.3).numpy() > 0


@pytest.mark.parametrize("own", ["gamma", "bursts"])
def test_known_graphs_are_found(own: str) -> None:
    clients = [driven_client(seed, own) for seed in range(3)]
    found = [f1(fitted_alone(panels[0]), true) for panels, true in clients]
    lucky = [chance(true) for _, true in clients]
    assert np.mean(found) > 0.8 > 0.4 > np.mean(lucky)


@pytest.mark.slow
def test_a_trained_network_has_the_graph_and_one_in_a_wrong_order_has_not() -> None:
    panels, true = driven_client(1)
    found = f1(learnt(panels, dag_mode="notears", dag_fit_weight=1.0), true)
    order = topological(true)[::-1]
    turned = learnt(in_order(panels, order), dag_fit_weight=1.0, n_epochs=30)
    assert f1(turned, true[np.ix_(order, order)]) == 0
    assert found > 0.7 > chance(true) + 0.3
