"""Networks as one batch: each is what it would be alone, its derivatives and its training too."""

from __future__ import annotations

import copy
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="the deep engine needs torch (extra 'deep')")

from deep_examples import network, panel

from pymc_toolkit.engines.deep import DeepCausalMMM, DeepSettings
from pymc_toolkit.engines.deep.ensemble import _FEW_ROWS, Ensemble
from pymc_toolkit.engines.deep.losses import penalised
from pymc_toolkit.engines.deep.training import Panel, Training

# Few rows share one wide recurrent layer, many have one each.
ROWS = {"few rows": 3, "many rows": _FEW_ROWS + 1}
MODES: dict[str, dict[str, Any]] = {
    "triangular": {},
    "notears": {"dag_mode": "notears", "dag_fit_weight": 0.5},
    "no graph": {"enable_dag": False, "enable_interactions": False},
    "plain": {"seasonal_harmonics": 0, "region_dim": 0, "baseline_knots": 2},
}


def members(rows: int, count: int = 3, **settings: Any) -> list[DeepCausalMMM]:
    """Networks that differ in every parameter, duals and duties of the graph included."""
    made = [network(3, 2, rows, seed=i, dropout=0.0, **settings) for i in range(count)]
    for i, one in enumerate(made):
        with torch.no_grad():
            for values in one.parameters():
                values.add_(0.1 * torch.randn_like(values))
        one.notears_rho.fill_(1.0 + i)
        one.notears_active.fill_(i != 1)
    return made


@pytest.mark.parametrize("stable", [False, True], ids=["moving", "stable"])
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("rows", ROWS.values(), ids=ROWS)
def test_a_member_is_what_it_is_alone(rows: int, mode: str, layers: int, stable: bool) -> None:
    together = members(rows, gru_layers=layers, **MODES[mode])
    alone = copy.deepcopy(together)
    media, controls, regions = panel(rows)
    ensemble = Ensemble(together)
    outputs = ensemble(media, controls, regions, start_week=-4, stable=stable)
    prices = ensemble.penalties(outputs)
    (outputs["predictions"].square().sum() + prices.sum()).backward()
    for i, one in enumerate(alone):
        own = one._predict(media, controls, regions, start_week=-4, stable=stable)[3]
        assert set(own) == set(outputs)
        for name, values in own.items():
            torch.testing.assert_close(outputs[name][i], values, rtol=1e-4, atol=1e-6)
        price = one.get_regularization_loss(own)
        torch.testing.assert_close(prices[i], price, rtol=1e-4, atol=1e-6)
        (own["predictions"].square().sum() + price).backward()
        for (name, values), same in zip(
            one.named_parameters(), together[i].parameters(), strict=True
        ):
            assert (values.grad is None) == (same.grad is None), name
            if values.grad is not None:
                torch.testing.assert_close(
                    same.grad, values.grad, rtol=1e-3, atol=1e-4, msg=lambda m, n=name: f"{n}: {m}"
                )


@pytest.mark.parametrize("mode", ["triangular", "notears"])
@pytest.mark.parametrize("rows", ROWS.values(), ids=ROWS)
def test_training_together_is_training_one_after_the_other(rows: int, mode: str) -> None:
    settings = DeepSettings(
        dropout=0.0, n_epochs=8, warm_start_epochs=3, notears_warmup_epochs=2,
        notears_dual_update_every=2, dag_mode=mode, batch_size=2 if rows < 5 else None,
        learning_rate=0.003, gradient_clip=0.05,
    )  # fmt: skip
    own = {"dropout", "hidden_dim"}
    config = {name: value for name, value in settings.to_config().items() if name not in own}
    together = members(rows, **config)
    alone = copy.deepcopy(together)
    media, controls, regions = panel(rows)
    target = 1 + media.sum(-1) + 0.1 * torch.arange(1.0, rows + 1)[:, None]
    weights = torch.rand(3, rows, 20, generator=torch.Generator().manual_seed(3))

    def train(networks: list[DeepCausalMMM], own: torch.Tensor) -> Training:
        data = Panel(media, controls, regions, target)
        training = Training(Ensemble(networks), data, settings, own, penalised)
        for _ in range(8):
            training._one_epoch()
        return training

    batch = train(together, weights)
    for i, one in enumerate(alone):
        single = train([one], weights[i : i + 1])
        losses = [found[i] for found in batch.history.losses]
        assert losses == pytest.approx([found[0] for found in single.history.losses], rel=1e-4)
        for (name, values), same in zip(one.state_dict().items(), _state(together[i]), strict=True):
            torch.testing.assert_close(
                same, values, rtol=1e-2, atol=1e-3, msg=lambda m, n=name: f"{n}: {m}"
            )


def _state(network: DeepCausalMMM) -> list[torch.Tensor]:
    return list(network.state_dict().values())


def test_members_drop_out_apart() -> None:
    one = network(3, 2, 2, dropout=0.5)
    ensemble = Ensemble([one, copy.deepcopy(one)]).train()
    coefficients = ensemble(*panel())["varying_coefficients"]
    assert not torch.allclose(coefficients[0], coefficients[1])
    calm = ensemble.eval()(*panel())["varying_coefficients"]
    torch.testing.assert_close(calm[0], calm[1])
