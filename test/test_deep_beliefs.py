"""Beliefs about a network's parameters: draws, their part in training, and weights of weeks."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="the deep engine needs torch (extra 'deep')")

from deep_examples import network, panel

from pymc_toolkit.engines.deep.beliefs import (
    SPREADS,
    anchors_of,
    bootstrap_weights,
    draw,
    log_posterior,
    spread,
)
from pymc_toolkit.engines.deep.ensemble import Ensemble


def test_every_parameter_has_a_spread_and_every_spread_a_parameter() -> None:
    model = network(3, 2, 4, dag_mode="notears", baseline_knots=2)
    names = {name for name, _ in model.named_parameters()}
    assert set(SPREADS) <= names
    assert {name for name in names - set(SPREADS) if not name.startswith("gru")} == set()
    assert spread("gru.weight_hh_l0", model) == pytest.approx(1 / math.sqrt(8))


def test_draws_have_the_said_middle_and_spread() -> None:
    middle = network(3, 2, 2000, seasonal_harmonics=3, baseline_knots=2)
    drawn = copy.deepcopy(middle)
    generator = torch.Generator().manual_seed(5)
    draw(drawn, 0.5, generator)
    for name in ("region_baseline", "seasonal_coeff", "baseline_steps"):
        moved = (drawn.get_parameter(name) - middle.get_parameter(name)).detach().flatten()
        expected = 0.5 * SPREADS[name]
        assert abs(float(moved.mean())) < 4 * expected / math.sqrt(len(moved)), name
        assert float(moved.std()) == pytest.approx(expected, rel=0.1), name
    for name in ("gru.weight_hh_l0", "media_head.weight", "norm.weight", "adj_logits"):
        assert torch.equal(drawn.get_parameter(name), middle.get_parameter(name)), name


def test_no_share_of_the_spread_is_no_draw_and_seeds_decide() -> None:
    same, one, two = (network() for _ in range(3))
    draw(same, 0.0, torch.Generator().manual_seed(1))
    draw(one, 1.0, torch.Generator().manual_seed(1))
    draw(two, 1.0, torch.Generator().manual_seed(1))
    for name, values in network().named_parameters():
        assert torch.equal(same.get_parameter(name), values)
        assert torch.equal(one.get_parameter(name), two.get_parameter(name))
    assert not torch.equal(one.media_logit, same.media_logit)


def test_anchors_stay_where_they_are() -> None:
    models = [network(seed=1), network(seed=2)]
    anchors = anchors_of(models)
    before = models[1].media_logit.detach().clone()
    with torch.no_grad():
        models[1].media_logit.add_(1.0)
    assert torch.equal(anchors["media_logit"][1], before)
    assert not anchors["media_logit"].requires_grad
    assert set(anchors) == {name for name, _ in models[0].named_parameters()}


@pytest.mark.parametrize("mode", ["triangular", "notears"])
def test_log_posterior_by_hand(mode: str) -> None:
    models = [network(seed=seed, dag_mode=mode) for seed in (1, 2)]
    anchors = anchors_of(models)
    for seed, model in enumerate(models):
        draw(model, 0.7, torch.Generator().manual_seed(seed))
        with torch.no_grad():
            model.gru.weight_hh_l0.add_(0.05)
    ensemble, misfit = Ensemble(models), torch.tensor([0.02, 0.3])
    outputs = ensemble(*panel())
    found = log_posterior(anchors, 40)(ensemble, misfit, outputs).detach().numpy()
    for i, model in enumerate(models):
        away = 0.0
        for name, values in model.named_parameters():
            scale = SPREADS.get(name, 1 / np.sqrt(8))
            moved = values.detach().numpy().astype(float) - anchors[name][i].numpy()
            away += float(np.square(moved / scale).sum())
        own = model(*panel())[3]
        penalty = float(model.get_regularization_loss(own).detach())
        expected = np.log(float(misfit[i])) + away / 40 + penalty
        assert away > 1
        assert found[i] == pytest.approx(expected, rel=1e-4)


def test_the_objective_is_a_likelihood_whose_size_is_profiled_out() -> None:
    """Of normal errors: -2 log L / n of the best size is log of the mean square, and a constant."""
    errors = np.random.default_rng(1).normal(0, 0.3, 50)
    best = np.sqrt(np.square(errors).mean())
    sizes = np.linspace(0.05, 1, 2000)
    fit = 2 * np.log(sizes) + np.square(errors).mean() / sizes**2
    assert sizes[fit.argmin()] == pytest.approx(best, abs=1e-3)
    assert fit.min() - 1 == pytest.approx(math.log(np.square(errors).mean()), abs=1e-4)
    model = network()
    ensemble = Ensemble([model])
    objective = log_posterior(anchors_of([model]), 50)
    outputs = ensemble(*panel())
    half, whole = (
        float(objective(ensemble, torch.tensor([value]), outputs).detach()) for value in (0.1, 0.2)
    )
    assert whole - half == pytest.approx(math.log(2), rel=1e-4)


@given(st.integers(1, 5), st.integers(1, 60), st.integers(1, 30), st.integers(0, 10**6))
@examples(max_examples=50, deadline=None, derandomize=True)
def test_weeks_weigh_one_on_average(members: int, weeks: int, block: int, seed: int) -> None:
    weights = bootstrap_weights(members, weeks, block, torch.Generator().manual_seed(seed))
    assert weights.shape == (members, weeks)
    assert (weights >= 0).all()
    torch.testing.assert_close(weights.mean(1), torch.ones(members))


def test_weeks_of_a_block_go_together() -> None:
    weights = bootstrap_weights(4000, 40, 8, torch.Generator().manual_seed(2)).numpy()
    between = np.corrcoef(weights.T)
    # Of a middle and the next week (7 and 1 eighths), and of weeks with no block in common.
    assert between[8, 9] > 0.95
    assert abs(between[8, 24]) < 0.3
    # Exponential weights at the middles of blocks; the mean of them is held at one.
    assert 0.7 < weights[:, 16].std() < 1.1
