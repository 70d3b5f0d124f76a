"""What the network pays for, by hand; and that nothing pulls media's share unasked."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="the deep engine needs torch (extra 'deep')")

from deep_examples import network, panel
from torch import Tensor

from pymc_toolkit.exceptions import SpecificationError

FREE = {
    "sparsity_weight": 0.0,
    "l1_weight": 0.0,
    "l2_weight": 0.0,
    "coeff_l2_weight": 0.0,
    "coeff_gen_l2_weight": 0.0,
}


def loss_of(outputs: dict | None = None, **settings: float) -> float:
    model = network(2, 1, 1, media_coefficient=0.5, **{**FREE, **settings})
    with torch.no_grad():
        model.ctrl_coeffs.fill_(-2.0)
    return float(model.get_regularization_loss(outputs).detach())


def outputs_of(media: Tensor) -> dict[str, Tensor]:
    """Coefficients of one region, two channels and one control."""
    return {"coefficients": media, "control_coefficients": torch.full((1, len(media[0]), 1), 3.0)}


MEDIA = torch.tensor([[[1.0, 2.0], [1.0, 4.0], [4.0, 4.0]]])


def test_nothing_is_paid_without_weights() -> None:
    assert loss_of() == 0.0
    assert loss_of(outputs_of(MEDIA)) == 0.0


def test_stable_coefficients_by_hand() -> None:
    assert loss_of(l1_weight=0.1) == pytest.approx(0.1 * (0.5 + 2.0), rel=1e-5)
    assert loss_of(coeff_l2_weight=0.1) == pytest.approx(0.1 * 0.25, rel=1e-5)
    model = network(2, 1, 1, media_coefficient=0.5, sparsity_weight=0.1)
    assert float(model.get_sparsity_loss().detach()) == pytest.approx(0.05, rel=1e-5)


def test_coefficients_of_a_pass_by_hand() -> None:
    outputs = outputs_of(MEDIA)
    assert loss_of(outputs, l1_weight=0.1) == pytest.approx(0.1 * (16 / 6 + 3.0), rel=1e-5)
    assert loss_of(outputs, coeff_l2_weight=0.1) == pytest.approx(0.1 * 54 / 6, rel=1e-5)
    # Changes 0, 2, 3 and 0.
    assert loss_of(outputs, l2_weight=0.1) == pytest.approx(0.1 * 13 / 4, rel=1e-5)
    assert loss_of(outputs_of(MEDIA[:, :1]), l2_weight=0.1) == 0.0


def test_layers_that_make_coefficients_by_hand() -> None:
    model = network(2, 1, 1, **{**FREE, "coeff_gen_l2_weight": 0.5})
    with torch.no_grad():
        model.media_head.weight.fill_(2.0)
        model.ctrl_head.weight.fill_(1.0)
    assert float(model.get_regularization_loss().detach()) == pytest.approx(0.5 * (4 + 1))


def test_the_graph_is_part_of_it() -> None:
    model = network(3, 1, 1, **{**FREE, "sparsity_weight": 0.2})
    whole = model.get_dag_loss() + model.get_sparsity_loss()
    torch.testing.assert_close(model.get_regularization_loss(), whole)


def test_nothing_pulls_the_share_unless_asked() -> None:
    outputs = network()(*panel())[3]
    free, pulled = network(), network(media_share_prior=0.4, media_share_weight=2.0)
    assert free.settings.media_share_prior is None
    assert float(free.get_media_share_loss(outputs)) == 0.0
    difference = pulled.get_regularization_loss(outputs) - free.get_regularization_loss(outputs)
    share = free.get_media_share(outputs)
    by_hand = 2.0 * (share - 0.4) ** 2
    torch.testing.assert_close(pulled.get_media_share_loss(outputs), by_hand, rtol=1e-3, atol=1e-7)
    torch.testing.assert_close(difference, by_hand, rtol=1e-2, atol=1e-6)
    with pytest.raises(SpecificationError, match="media_share_prior=0.4 and no outputs"):
        pulled.get_regularization_loss()


def test_share_by_hand_leaves_the_burn_in_out() -> None:
    model = network(2, 1, 1, burn_in_weeks=1)
    outputs = {
        "contributions": torch.tensor([[[9.0, 9.0], [1.0, 0.0], [0.0, 2.0]]]),
        "predictions": torch.tensor([[9.0, 4.0, 8.0]]),
    }
    assert float(model.get_media_share(outputs)) == pytest.approx(0.25)


def test_the_pull_is_finite_where_predictions_cancel() -> None:
    model = network(2, 1, 1, burn_in_weeks=0, media_share_prior=0.4)
    predictions = torch.tensor([[0.0, 0.0]], requires_grad=True)
    outputs = {"contributions": torch.ones(1, 2, 2), "predictions": predictions}
    loss = model.get_media_share_loss(outputs)
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(predictions.grad).all()


def test_the_pull_pulls() -> None:
    found = []
    for prior in (0.1, 0.7):
        model = network(media_share_prior=prior, media_share_weight=10.0).train()
        media, controls, regions = panel(2, 30)
        optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
        for _ in range(150):
            optimizer.zero_grad()
            outputs = model(media, controls, regions, check=False)[3]
            model.get_regularization_loss(outputs).backward()
            optimizer.step()
        found.append(float(model.get_media_share(outputs).detach()))
    assert found == pytest.approx([0.1, 0.7], abs=0.1)
