"""Where training starts from, and that it reads nothing but the weeks it is given."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the deep engine needs torch (extra 'deep')")

from deep_examples import network, panel

from pymc_toolkit.engines.deep.layers import inverse_softplus
from pymc_toolkit.exceptions import DataError, SpecificationError


def test_baseline_is_a_quantile_after_the_burn_in() -> None:
    model = network(3, 2, 2, burn_in_weeks=4, baseline_quantile=0.5)
    y = torch.cat([torch.zeros(2, 4), torch.tensor([[1.0, 2, 3], [10.0, 20, 30]])], dim=1)
    model.initialize_baseline(y)
    torch.testing.assert_close(
        model.get_parameters()["region_baseline"], torch.tensor([2.0, 20.0]), rtol=1e-4, atol=0
    )
    # Fewer weeks than the burn-in: all of them count. None is below zero.
    model.initialize_baseline(torch.tensor([[-5.0, -5.0], [3.0, 3.0]]))
    found = model.get_parameters()["region_baseline"]
    assert 0 < found[0] < 0.01
    assert float(found[1]) == pytest.approx(3.0, rel=1e-4)


def test_half_saturation_is_a_quantile_of_exposure() -> None:
    model = network(3, burn_in_weeks=0, hill_quantile=0.6, hill_half_saturation=0.5)
    media = torch.zeros(1, 11, 3)
    media[0, :, 0] = torch.arange(11.0)  # quantile 6
    media[0, 8:, 1] = torch.tensor([1.0, 2.0, 3.0])  # mostly dark: of these, 2.2
    model.initialize_hill_from_data(media)
    found = model.get_parameters()["hill_half_saturation"]
    np.testing.assert_allclose(found, [6.0, 2.2, 0.5], rtol=1e-4)


def test_stable_coefficients_are_those_of_the_data() -> None:
    """Of what the baseline leaves, and the season, which is not zero either."""
    model = network(3, 2, 2, regression_ridge=1e-6)
    media, controls, regions = panel(2, 60)
    processed, _ = model.process_media(media)
    weights, others = torch.tensor([0.7, 3.0, 0.2]), torch.tensor([-0.5, 1.5])
    with torch.no_grad():
        model.region_baseline.copy_(inverse_softplus(torch.tensor([1.0, 50.0])))
    season = model(media, controls, regions)[3]["seasonal_contribution"]
    y = torch.tensor([[1.0], [50.0]]) + season + processed @ weights + controls @ others
    model.initialize_stable_coefficients_from_data(media, controls, y.detach())
    # Larger than the range of 2: the range makes room.
    torch.testing.assert_close(model.media_coeffs.detach(), weights, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(model.ctrl_coeffs.detach(), others, rtol=1e-3, atol=1e-3)
    assert (model.get_parameters()["media_bounds"] > weights).all()


def test_coefficients_of_media_do_not_start_below_zero() -> None:
    model = network(3, 0, 2)
    media, _, _ = panel(2, 60)
    y = 1 - 2 * model.process_media(media)[0][..., 0].detach()
    model.initialize_stable_coefficients_from_data(media, torch.zeros(2, 60, 0), y)
    assert torch.isfinite(model.media_coeffs).all()
    assert (model.media_coeffs > 0).all()
    assert model.media_coeffs[0] < 0.01


def test_the_network_starts_at_the_level_of_the_data() -> None:
    model = network(3, 2, 2, burn_in_weeks=0, coefficient_spread=0.0, seasonal_spread=0.01)
    media, controls, regions = panel(2, 60)
    y = torch.tensor([[1.0], [2.0]]) + media[..., 0] + 0.1 * controls[..., 1]
    error = []
    for start in (False, True):
        if start:
            model.initialize_baseline(y)
            model.initialize_hill_from_data(media)
            model.initialize_stable_coefficients_from_data(media, controls, y)
        error.append((model(media, controls, regions)[0] - y).detach())
    # Levels are about 1.3 and 2.3; the regression has no constant of its own for a region.
    assert error[1].mean(dim=1).abs().max() < 0.1
    assert error[1].abs().mean() < 0.3 * error[0].abs().mean()


def test_one_week_or_constant_data_are_no_trouble() -> None:
    model = network(3, 2, 2)
    for weeks in (1, 30):
        ones = torch.ones(2, weeks, 3), torch.ones(2, weeks, 2), torch.ones(2, weeks)
        model.initialize_baseline(ones[2])
        model.initialize_hill_from_data(ones[0])
        model.initialize_stable_coefficients_from_data(*ones)
        assert all(torch.isfinite(p).all() for p in model.parameters())


def test_warm_start_lowers_the_loss_and_brings_states_to_the_stable_ones() -> None:
    model = network(3, 2, 2, dropout=0.0).train()
    media, controls, regions = panel(2, 40)
    y = 1 + 0.5 * media[..., 0]
    apart = [_distance(model, media, controls, regions)]
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    losses = model.warm_start_training(media, controls, regions, y, optimizer, epochs=60)
    apart.append(_distance(model, media, controls, regions))
    assert len(losses) == 60
    assert losses[-1] < 0.5 * losses[0]
    assert apart[1] < 0.5 * apart[0]


def _distance(model: Any, media: Any, controls: Any, regions: Any) -> float:
    with torch.no_grad():
        outputs = model(media, controls, regions)[3]
        return float((outputs["varying_coefficients"] - model.media_coeffs).abs().mean())


def test_how_long_the_warm_start_is() -> None:
    media, controls, regions = panel(2, 12)
    y = torch.ones(2, 12)
    for settings, expected in (
        ({"warm_start_epochs": 3}, 3),
        ({"warm_start_epochs": 3, "use_warm_start": False}, 0),
    ):
        model = network(**settings).train()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
        assert len(model.warm_start_training(media, controls, regions, y, optimizer)) == expected
    with pytest.raises(SpecificationError, match="epochs=-1"):
        model.warm_start_training(media, controls, regions, y, optimizer, epochs=-1)


def test_the_holdout_leaves_no_trace() -> None:
    """Starting values of training weeks do not depend on what comes after them."""
    media, controls, _ = panel(2, 40)
    y = 1 + media[..., 0]
    found = []
    for later in (0.0, 1e6):
        changed = y.clone()
        changed[:, 30:] = later
        model = network()
        model.initialize_baseline(changed[:, :30])
        model.initialize_hill_from_data(media[:, :30])
        model.initialize_stable_coefficients_from_data(
            media[:, :30], controls[:, :30], changed[:, :30]
        )
        found.append(torch.cat([p.detach().flatten() for p in model.parameters()]))
    torch.testing.assert_close(found[0], found[1], rtol=0, atol=0)


def test_what_is_refused() -> None:
    model = network(3, 2, 2)
    media, controls, _ = panel(2, 12)
    with pytest.raises(DataError, match="y_data of 3 regions; expected all 2, in order"):
        model.initialize_baseline(torch.ones(3, 12))
    with pytest.raises(DataError, match="Got y_data of shape"):
        model.initialize_baseline(torch.ones(2))
    with pytest.raises(DataError, match="NaN or infinity in y_data"):
        model.initialize_baseline(torch.full((2, 12), torch.nan))
    with pytest.raises(DataError, match="Got Xm of shape"):
        model.initialize_hill_from_data(torch.ones(2, 12, 4))
    one = media[:1], controls[:1], torch.ones(1, 12)
    with pytest.raises(DataError, match="Got y of 1 regions; expected all 2"):
        model.initialize_stable_coefficients_from_data(*one)
    with pytest.raises(DataError, match="y of shape .* beside Xm"):
        model.initialize_stable_coefficients_from_data(media, controls, torch.ones(2, 11))
