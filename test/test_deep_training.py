"""Training of an ensemble: steps, when it stops, what it keeps, and that it can go on later."""

from __future__ import annotations

import copy
import math
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="the deep engine needs torch (extra 'deep')")

from deep_examples import network, panel

from pymc_toolkit.engines.deep import DeepSettings
from pymc_toolkit.engines.deep.dag import is_acyclic
from pymc_toolkit.engines.deep.ensemble import Ensemble
from pymc_toolkit.engines.deep.losses import cycles, penalised, weighted_loss
from pymc_toolkit.engines.deep.schedule import (
    all_epochs,
    dear_cycles,
    optimizer_and_scheduler,
    warm_start,
)
from pymc_toolkit.engines.deep.training import Panel, Training
from pymc_toolkit.exceptions import ConvergenceWarning, TrainingError

WEEKS, REGIONS = 20, 4


def data(seed: int = 1) -> Panel:
    """A target that media make, and some noise."""
    media, controls, regions = panel(REGIONS, WEEKS, 3, 2, seed)
    noise = torch.randn(REGIONS, WEEKS, generator=torch.Generator().manual_seed(seed))
    target = 1 + media[..., 0] + 0.5 * media[..., 1] + 0.05 * noise
    return Panel(media, controls, regions, target)


def training(members: int = 2, unseen: int = 5, seed: int = 0, **config: Any) -> Training:
    """Of networks of which the first does not see the last weeks."""
    given_config = {
        "hidden_dim": 4,
        "n_epochs": 12,
        "warm_start_epochs": 4,
        "rate_warmup_epochs": 3,
        "validate_every": 2,
        **config,
    }
    settings = DeepSettings.from_config(given_config)
    plain = settings.to_config()
    plain["hidden"] = plain.pop("hidden_dim")
    networks = [network(3, 2, REGIONS, seed=i, **plain) for i in range(members)]
    weights = torch.ones(members, REGIONS, WEEKS)
    weights[0, :, WEEKS - unseen :] = 0
    return Training(Ensemble(networks), data(), settings, weights, penalised, unseen, seed)


def parameters(done: Training) -> torch.Tensor:
    return torch.cat([values.detach().flatten() for values in done.ensemble.parameters()])


def test_steps_rise_and_then_fall_along_a_cosine() -> None:
    settings = DeepSettings(
        n_epochs=15, warm_start_epochs=5, rate_warmup_epochs=4, learning_rate=0.1
    )
    assert (warm_start(settings), all_epochs(settings)) == (5, 20)
    assert warm_start(replace(settings, use_warm_start=False)) == 0
    optimizer, scheduler = optimizer_and_scheduler(network(), settings)
    rates = []
    for _ in range(22):
        rates.append(optimizer.param_groups[0]["lr"] / 0.1)
        optimizer.step()
        scheduler.step()
    np.testing.assert_allclose(rates[:4], [0.25, 0.5, 0.75, 1.0])
    place = (np.arange(4, 20) - 4) / 16
    np.testing.assert_allclose(rates[4:20], 0.02 + 0.98 * 0.5 * (1 + np.cos(np.pi * place)))
    # Beyond the end are only those that still have cycles.
    assert rates[20:] == [0.5, 0.5]


@pytest.mark.parametrize("huber", [True, False])
def test_losses_by_hand(huber: bool) -> None:
    settings = DeepSettings(use_huber_loss=huber, huber_delta=1.0)
    predictions = torch.tensor([[[0.0, 1.0, 9.0]], [[2.0, 0.0, 0.0]]])
    target, weights = torch.tensor([[0.5, 4.0, 1.0]]), torch.tensor([[[1.0, 3, 0]], [[2.0, 0, 2]]])
    large, other = (3 - 0.5, 1.5 - 0.5) if huber else (4.5, 1.125)
    expected = [(0.125 + 3 * large) / 4, (2 * other + 2 * 0.5) / 4]
    found = weighted_loss(predictions, target, weights, settings)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_the_best_epoch_is_restored() -> None:
    done = training(learning_rate=0.2, n_epochs=30, weight_average=0.0)
    history = done.run()
    assert history.best_epoch == min(history.validation, key=lambda e: history.validation[e])
    assert history.best_epoch < done.epoch, "the last one would prove nothing"
    twin, given_panel = done.ensemble.networks[0], done.panel
    predicted = twin(given_panel.media, given_panel.controls, given_panel.regions)[0]
    error = (predicted - given_panel.target)[:, -5:].abs().sum()
    relative = float((error / given_panel.target[:, -5:].abs().sum()).detach())
    assert relative == pytest.approx(history.validation[history.best_epoch], rel=1e-5)
    # The network that saw all weeks is of that epoch too.
    again = training(learning_rate=0.2, n_epochs=30, weight_average=0.0)
    while again.epoch < history.best_epoch:
        again._one_epoch()
    torch.testing.assert_close(parameters(again), parameters(done), rtol=0, atol=0)


def test_what_is_kept_is_an_average_over_epochs() -> None:
    once = training(n_epochs=3, use_warm_start=False, validate_every=1)
    average = None
    for _ in range(3):
        once._one_epoch()
        now = parameters(once)
        average = now if average is None else 0.6 * average + 0.4 * now
    kept = training(n_epochs=3, use_warm_start=False, weight_average=0.6, min_epochs=3)
    kept.run()
    torch.testing.assert_close(parameters(kept), average)


def test_looks_come_after_the_warm_start_every_so_often_and_at_the_end() -> None:
    history = training(n_epochs=13, validate_every=3).run()
    assert list(history.validation) == [6, 9, 12, 15, 17]
    assert len(history.losses) == len(history.misfits) == len(history.squares) == 17
    assert [len(losses) for losses in history.losses] == [2] * 17


def test_it_stops_when_nothing_improves() -> None:
    done = training(n_epochs=400, patience=10, learning_rate=0.3)
    history = done.run()
    assert done.epoch < 404
    assert done.epoch - history.best_epoch >= 10
    looks = list(history.validation)
    assert all(later - earlier == 2 for earlier, later in pairwise(looks))


def test_without_validation_it_goes_to_the_end() -> None:
    done = training(unseen=0, patience=1)
    history = done.run()
    assert (done.epoch, history.best_epoch, history.validation) == (16, -1, {})


def test_a_target_of_nothing_still_has_a_best_epoch() -> None:
    done = training()
    done.panel.target[:, -5:] = 0
    history = done.run()
    assert history.best_epoch > 0
    assert all(math.isfinite(error) for error in history.validation.values())


def test_weeks_without_weight_have_no_say() -> None:
    one, other = training(), training()
    other.panel.target[:, -5:] += 3
    # To a given epoch, since those weeks choose it.
    for _ in range(10):
        one._one_epoch()
        other._one_epoch()
    twins = (done.ensemble.networks[0].parameters() for done in (one, other))
    for same, values in zip(*twins, strict=True):
        assert torch.equal(same, values)
    apart = parameters(one) != parameters(other)
    assert apart.any(), "the other member sees them"


@pytest.mark.parametrize("config", [{}, {"batch_size": 3}, {"dag_mode": "notears"}], ids=str)
def test_to_go_on_is_not_to_have_stopped(config: dict[str, Any]) -> None:
    few = {"notears_warmup_epochs": 2, "notears_dual_update_every": 2, "learning_rate": 0.2}
    config = few | config
    whole = training(**config)
    states: dict[int, dict[str, Any]] = {}

    def keep(epoch: int, _: object) -> None:
        states[epoch] = whole.state_dict()

    history = whole.run(keep)
    # Twice from one state: the first must leave it as it is.
    for stopped in (3, 9, 9):
        resumed = training(seed=99, **config)
        resumed.load_state_dict(states[stopped])
        assert resumed.epoch == stopped
        found = resumed.run()
        assert torch.equal(parameters(resumed), parameters(whole))
        assert vars(found) == vars(history)


def test_batches_are_all_regions_in_an_order_of_the_seed() -> None:
    orders = []
    for seed in (0, 0, 1):
        done = training(batch_size=3, seed=seed)
        batches = [list(done._batches()) for _ in range(5)]
        for first, second in batches:
            assert (len(first), len(second)) == (3, 1)
            assert sorted([*first.tolist(), *second.tolist()]) == list(range(REGIONS))
        orders.append([part.tolist() for batch in batches for part in batch])
    assert orders[0] == orders[1] != orders[2]
    assert list(training(batch_size=REGIONS)._batches()) == [None]


def test_the_callers_generator_is_left_alone() -> None:
    done = training()
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    done.run()
    assert torch.equal(torch.rand(3), expected)


def test_a_loss_that_is_not_finite() -> None:
    done = training()
    done.panel.target[1, 2] = math.inf
    with pytest.raises(TrainingError, match="not finite in epoch 1; .*learning_rate below 0.01"):
        done.run()


CYCLIC = {
    "dag_mode": "notears",
    "notears_warmup_epochs": 20,
    "notears_dual_update_every": 10,
    "learning_rate": 0.05,
}


@pytest.mark.parametrize("unseen", [0, 5])
def test_cycles_are_driven_out(unseen: int) -> None:
    done = training(unseen=unseen, n_epochs=60, dag_edge=0.6, **CYCLIC)
    before = cycles(done.ensemble)
    history = done.run()
    assert cycles(done.ensemble) < 1e-3 < before
    for model in done.ensemble.networks:
        assert is_acyclic(model.threshold_dag(0.3))
        assert model.notears_active
    assert history.duals[0]["epoch"] == 30
    assert history.duals[-1]["h"] < history.duals[0]["h"]


def test_cycles_have_no_price_at_first() -> None:
    done = training(n_epochs=60, **CYCLIC)
    active = []
    for _ in range(25):
        done._one_epoch()
        active.append(bool(done.ensemble.networks[0].notears_active))
    assert active == [False] * 20 + [True] * 5


def test_the_time_without_a_price_is_a_third_of_all_at_most() -> None:
    settings = DeepSettings(n_epochs=40, warm_start_epochs=20, notears_warmup_epochs=500)
    assert dear_cycles(settings) == 20
    assert dear_cycles(DeepSettings()) == 500


def test_too_short_a_training_goes_on_until_there_are_none() -> None:
    done = training(unseen=5, n_epochs=10, dag_edge=0.6, **CYCLIC)
    history = done.run()
    assert done.epoch > 14
    assert history.best_epoch > 14
    assert cycles(done.ensemble) < 1e-3


def test_cycles_that_stay_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pymc_toolkit.engines.deep.training._FEWEST_WITH_CYCLES", 5)
    done = training(dag_edge=0.9, dag_mode="notears", n_epochs=2, warm_start_epochs=2)
    with pytest.warns(ConvergenceWarning, match=r"cycles after 9 epochs \(h = .*expected h below"):
        history = done.run()
    assert history.best_epoch == -1


def test_a_circle_of_three_is_a_cycle_however_small_h_is() -> None:
    done = training(members=1, unseen=0, dag_mode="notears")
    model = done._average.networks[0]
    circle = torch.full((3, 3), 1e-9)
    for i in range(3):
        circle[i, (i + 1) % 3] = 0.31
    with torch.no_grad():
        model.adj_logits.copy_(torch.logit(circle, eps=1e-12))
    assert cycles(done._average) < 1e-3
    assert not done._acyclic
    with torch.no_grad():
        model.adj_logits[2, 0] = -9.0
    assert done._acyclic


@given(st.integers(1, 6), st.floats(0, 0.6), st.integers(0, 10**6))
@examples(max_examples=100, deadline=None, derandomize=True)
def test_a_graph_without_cycles_has_no_long_walks(n: int, density: float, seed: int) -> None:
    edges = np.random.default_rng(seed).random((n, n)) < density
    walks = np.linalg.matrix_power(edges.astype(int), n)
    assert is_acyclic(torch.from_numpy(edges.astype(np.float32))) == (walks.sum() == 0)


def test_an_ensemble_is_in_eval_mode_afterwards() -> None:
    done = training(members=1, unseen=0)
    done.run()
    assert not any(module.training for module in done.ensemble.modules())
    state = copy.deepcopy(done.state_dict())
    assert state["epoch"] == 16
