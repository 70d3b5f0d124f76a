"""The network: parts that add up, no look ahead, and what it refuses."""

from __future__ import annotations

import inspect
import io
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="the deep engine needs torch (extra 'deep')")

from deep_examples import network, panel
from torch import Tensor

from pymc_toolkit.engines.deep import DeepCausalMMM, DeepSettings, create_unified_mmm
from pymc_toolkit.exceptions import DataError, SpecificationError

PARTS = ("baseline", "seasonal_contribution", "contributions", "control_contributions")
structures = st.fixed_dictionaries(
    {
        "dag_mode": st.sampled_from(["triangular", "notears"]),
        "enable_dag": st.booleans(),
        "enable_interactions": st.booleans(),
        "use_coefficient_momentum": st.booleans(),
        "stabilization_method": st.sampled_from(["linear", "exponential", "sigmoid"]),
        "burn_in_weeks": st.sampled_from([0, 4, 50]),
        "seasonal_harmonics": st.sampled_from([0, 2]),
        "baseline_knots": st.sampled_from([0, 3]),
        "region_dim": st.sampled_from([0, 4]),
        "gru_layers": st.sampled_from([1, 2]),
    }
)
EVERYTHING = {"baseline_knots": 3, "baseline_knot_weeks": 4, "gru_layers": 2, "dag_mode": "notears"}


def by_week(part: Tensor) -> Tensor:
    return part.sum(-1) if part.ndim == 3 else part


def disturb(model: DeepCausalMMM, size: float, seed: int = 0) -> DeepCausalMMM:
    """The network with every parameter moved at random."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(size * torch.randn(parameter.shape, generator=generator))
    return model


@given(
    structures,
    st.integers(0, 10**6),
    st.integers(1, 12),
    st.integers(0, 2),
    st.sampled_from([1e-6, 1.0, 1e6]),
    st.sampled_from([0.0, 1.0, 5.0]),
    st.booleans(),
)
@settings(max_examples=80, deadline=None, derandomize=True)
def test_parts_add_up_whatever_the_input(
    structure: dict, seed: int, weeks: int, controls: int, size: float, moved: float, training: bool
) -> None:
    """Negative and huge inputs, wild parameters, dropout: the parts are the prediction."""
    generator = torch.Generator().manual_seed(seed)
    media = size * torch.randn(2, weeks, 3, generator=generator)
    others = size * torch.randn(2, weeks, controls, generator=generator)
    model = disturb(network(3, controls, 2, **structure), moved, seed).train(training)
    predictions, coefficients, contributions, outputs = model(media, others, torch.tensor([1, 0]))
    parts = [by_week(outputs[name]) for name in PARTS]
    assert torch.isfinite(predictions).all()
    whole = sum(part.detach().double() for part in parts)
    scale = sum(
        outputs[name].detach().double().abs().sum(-1)
        if outputs[name].ndim == 3
        else outputs[name].detach().double().abs()
        for name in PARTS
    )
    assert ((predictions.detach().double() - whole).abs() <= 1e-6 * scale).all()
    assert (outputs["baseline"] >= 0).all()
    assert (outputs["seasonal_contribution"] >= 0).all()
    assert (contributions >= 0).all()
    assert (coefficients >= 0).all()


@pytest.mark.parametrize("training", [True, False])
def test_shapes_and_names(training: bool) -> None:
    model = network(3, 2, 4).train(training)
    media, controls, regions = panel(4, 9)
    rows = regions[:, None].expand(-1, 9)
    predictions, coefficients, contributions, outputs = model(media, controls, rows)
    assert predictions.shape == (4, 9)
    assert coefficients.shape == contributions.shape == (4, 9, 3)
    for name in ("control_contributions", "control_coefficients"):
        assert outputs[name].shape == (4, 9, 2)
    for name in ("baseline", "seasonal_contribution"):
        assert outputs[name].shape == (4, 9)
    for name in ("adstocked_media", "media_hill", "media_dag"):
        assert outputs[name].shape == (4, 9, 3)
    assert outputs["dag_matrix"].shape == (3, 3)
    assert outputs["coefficients"] is coefficients
    assert outputs["contributions"] is contributions
    torch.testing.assert_close(contributions, outputs["media_dag"] * coefficients)
    processed, stages = model.process_media(media)
    torch.testing.assert_close(processed, outputs["media_dag"])
    assert set(stages) == {"adstocked_media", "media_hill", "media_dag"}


@pytest.mark.parametrize("week", [0, 1, 5, 11])
@pytest.mark.parametrize("series", ["media", "controls"])
def test_later_inputs_change_nothing_before_them(week: int, series: str) -> None:
    model = disturb(network(3, 2, 2, **EVERYTHING), 0.5)
    media, controls, regions = panel(2, 16)
    before = model(media, controls, regions)[3]
    changed = {"media": media.clone(), "controls": controls.clone()}
    changed[series][:, week + 1 :] = 100.0
    after = model(changed["media"], changed["controls"], regions)[3]
    for name, values in before.items():
        if name == "dag_matrix":
            continue
        torch.testing.assert_close(
            values[:, : week + 1], after[name][:, : week + 1], rtol=0, atol=0, msg=name
        )
    assert (before["predictions"][:, week + 1 :] != after["predictions"][:, week + 1 :]).any()


def test_a_shorter_panel_is_the_start_of_a_longer_one() -> None:
    """Weeks that are not there yet matter no more than weeks that will be otherwise."""
    model = disturb(network(3, 2, 2, **EVERYTHING), 0.5)
    media, controls, regions = panel(2, 30)
    long = model(media, controls, regions)[3]
    short = model(media[:, :12], controls[:, :12], regions)[3]
    for name, values in short.items():
        if name != "dag_matrix":
            torch.testing.assert_close(values, long[name][:, :12], rtol=1e-5, atol=1e-6, msg=name)


def test_regions_do_not_hear_of_each_other() -> None:
    model = disturb(network(3, 2, 3), 0.5)
    media, controls, regions = panel(3, 12)
    alone = model(media[1:2], controls[1:2], regions[1:2])[0]
    together = model(media, controls, regions)[0]
    torch.testing.assert_close(alone[0], together[1], rtol=1e-5, atol=1e-6)
    # Each row keeps its own region, in any order and more than once.
    order = torch.tensor([2, 0, 1, 2])
    shuffled = model(media[order], controls[order], regions[order])[0]
    torch.testing.assert_close(shuffled, together[order], rtol=1e-5, atol=1e-6)
    wrong = model(media, controls, torch.zeros(3, dtype=torch.long))[0]
    assert (wrong[1] != together[1]).any()


def test_the_season_is_that_of_the_same_week_of_the_year() -> None:
    model = network(seasonal_period=52.0)
    media, controls, regions = panel(2, 60)
    season = model(media, controls, regions)[3]["seasonal_contribution"]
    torch.testing.assert_close(season[:, 52:], season[:, :8], rtol=1e-4, atol=1e-5)
    later = model(media[:, :8], controls[:, :8], regions, start_week=52)[3]
    torch.testing.assert_close(later["seasonal_contribution"], season[:, 52:], rtol=1e-4, atol=1e-5)


def test_a_baseline_with_knots_stays_at_its_last() -> None:
    model = network(baseline_knots=2, baseline_knot_weeks=5)
    media, controls, regions = panel(2, 30)
    flat = model(media, controls, regions)[3]["baseline"]
    assert (flat == flat[:, :1]).all()
    with torch.no_grad():
        model.baseline_steps.copy_(torch.tensor([[1.0, -0.5], [0.0, 2.0]]))
    moved = model(media, controls, regions)[3]["baseline"]
    raw = model.region_baseline.detach()
    softplus = torch.nn.functional.softplus
    torch.testing.assert_close(moved[:, 0], softplus(raw))
    torch.testing.assert_close(moved[:, 5], softplus(raw + torch.tensor([1.0, 0.0])))
    end = softplus(raw + torch.tensor([0.5, 2.0]))
    torch.testing.assert_close(moved[:, 10:], end[:, None].expand(-1, 20))


def test_burn_in_goes_from_stable_to_moving() -> None:
    model = network(burn_in_weeks=3, stabilization_method="linear")
    coefficients, stable = torch.full((1, 5, 2), 2.0), torch.tensor([0.0, 1.0])
    found = model.apply_burn_in_stabilization(coefficients, stable)
    by_hand = torch.tensor([[0.5, 1.25], [1.0, 1.5], [1.5, 1.75], [2.0, 2.0], [2.0, 2.0]])
    torch.testing.assert_close(found[0], by_hand)


def test_momentum_smooths_coefficients() -> None:
    media, controls, regions = panel(2, 40)
    changes = []
    for use in (False, True):
        model = network(use_coefficient_momentum=use, burn_in_weeks=0)
        changes.append(float(model(media, controls, regions)[1].diff(dim=1).abs().mean().detach()))
    assert changes[1] < 0.5 * changes[0]


@pytest.mark.parametrize("mode", ["triangular", "notears"])
def test_every_parameter_learns(mode: str) -> None:
    """Also where media are zero, as in padding, or negative."""
    torch.manual_seed(1)
    model = network(3, 2, 2, dag_mode=mode, media_share_prior=0.3, baseline_knots=2).train()
    media, controls, regions = panel(2, 40)
    media[:, :6], media[:, 7] = 0.0, -1.0
    predictions, _, _, outputs = model(media, controls, regions)
    loss = (predictions - 1).square().mean() + model.get_regularization_loss(outputs)
    loss.backward()
    parameters = dict(model.named_parameters())
    assert all(parameter.requires_grad for parameter in parameters.values())
    for name, parameter in parameters.items():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
        assert (parameter.grad != 0).any(), name


def test_a_few_steps_lower_the_error() -> None:
    model = network(3, 2, 2, coefficient_spread=0.01).train()
    media, controls, regions = panel(2, 40)
    target = 1 + 0.5 * media[..., 0] + 0.2 * controls[..., 0]
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    errors = []
    for _ in range(60):
        optimizer.zero_grad()
        error = (model(media, controls, regions, check=False)[0] - target).square().mean()
        error.backward()
        optimizer.step()
        errors.append(float(error.detach()))
    assert errors[-1] < 0.3 * errors[0]


def test_the_same_predictions_after_a_state_dict() -> None:
    model = disturb(network(3, 2, 2, **EVERYTHING), 0.5)
    file = io.BytesIO()
    torch.save(model.state_dict(), file)
    file.seek(0)
    copy = network(3, 2, 2, seed=5, **EVERYTHING)
    copy.load_state_dict(torch.load(file, weights_only=True))
    for one, other in zip(model(*panel())[:3], copy(*panel())[:3], strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)


def test_no_controls() -> None:
    model = network(3, 0, 2)
    media, _, regions = panel(2, 10)
    predictions, _, contributions, outputs = model(media, torch.zeros(2, 10, 0), regions)
    assert outputs["control_contributions"].shape == (2, 10, 0)
    rest = outputs["baseline"] + outputs["seasonal_contribution"]
    torch.testing.assert_close(predictions, rest + contributions.sum(-1))
    assert "ctrl_coeffs" not in model.get_parameters()
    model.get_regularization_loss(outputs).backward()


def test_arguments_and_defaults_are_the_documented_ones() -> None:
    signature = inspect.signature(DeepCausalMMM)
    positional = [p for p in signature.parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD]
    sizes = {"n_media": 10, "ctrl_dim": 15, "hidden": 32, "n_regions": 2}
    assert [p.name for p in positional][:4] == list(sizes)
    for parameter in positional:
        if parameter.name in sizes:
            assert parameter.default == sizes[parameter.name]
        else:
            assert parameter.default == getattr(DeepSettings(), parameter.name), parameter.name
    assert len(positional) == 27
    model = DeepCausalMMM(n_media=3, ctrl_dim=2, n_regions=2)
    assert (model.n_media, model.ctrl_dim, model.n_regions) == (3, 2, 2)
    assert model.settings == DeepSettings()


def test_settings_make_the_network() -> None:
    chosen = DeepSettings(hidden_dim=6, dag_mode="notears", adstock_lags=3, seasonal_harmonics=1)
    model = DeepCausalMMM.from_settings(3, 2, 4, chosen)
    assert model.settings == chosen
    assert (model.n_media, model.ctrl_dim, model.n_regions) == (3, 2, 4)
    made = create_unified_mmm(3, 2, hidden_size=8, n_regions=4, coeff_range=3.0)
    assert made.settings == DeepSettings(
        hidden_dim=8, sparsity_weight=0.1, l1_weight=0.01, l2_weight=0.01, coeff_range=3.0
    )
    torch.testing.assert_close(made.get_parameters()["media_bounds"], torch.full((3,), 3.0))


def test_parameters_can_be_read() -> None:
    model = network(3, 2, 2, adstock_retention=0.4, hill_slope=1.5, media_coefficient=0.2)
    found = model.get_parameters()
    torch.testing.assert_close(found["adstock_retention"], torch.full((3,), 0.4))
    torch.testing.assert_close(found["hill_slope"], torch.full((3,), 1.5))
    torch.testing.assert_close(found["media_coeffs"], torch.full((3,), 0.2))
    torch.testing.assert_close(found["region_baseline"], torch.full((2,), 0.5))
    assert found["dag_matrix"].shape == (3, 3)
    assert not any(values.requires_grad for values in found.values())
    found["ctrl_coeffs"].fill_(7.0)
    assert (model.ctrl_coeffs == 0).all()


MEDIA, CONTROLS, REGIONS = panel(2, 10)


def _nan(values: Tensor) -> Tensor:
    changed = values.clone()
    changed[0, 3, 0] = torch.nan
    return changed


@pytest.mark.parametrize(
    ("media", "controls", "regions", "message"),
    [
        (MEDIA[0], CONTROLS, REGIONS, "Got Xm of shape"),
        (MEDIA[..., :2], CONTROLS, REGIONS, "Got Xm of shape"),
        (MEDIA[:, :0], CONTROLS[:, :0], REGIONS, "at least one region and one week"),
        (MEDIA, CONTROLS[..., :1], REGIONS, "Got Xc of shape"),
        (MEDIA, CONTROLS[:, :5], REGIONS, "same regions and weeks"),
        (MEDIA.numpy(), CONTROLS, REGIONS, "Got Xm as ndarray"),
        (MEDIA.double(), CONTROLS, REGIONS, "Got Xm as torch.float64"),
        (_nan(MEDIA), CONTROLS, REGIONS, "NaN or infinity in Xm"),
        (MEDIA, _nan(CONTROLS), REGIONS, "NaN or infinity in Xc"),
        (MEDIA, CONTROLS, torch.tensor([0, 2]), "region ids from 0 to 2; expected 0 to 1"),
        (MEDIA, CONTROLS, torch.tensor([-1, 0]), "region ids from -1 to 0"),
        (MEDIA, CONTROLS, torch.tensor([0, 1, 0]), "Got region ids of shape"),
        (MEDIA, CONTROLS, torch.tensor([0.0, 1.0]), "Got region ids as torch.float32"),
        (MEDIA, CONTROLS, [0, 1], "Got region ids as list"),
        (MEDIA, CONTROLS, torch.arange(20).reshape(2, 10) % 2, "change within a row"),
    ],
)
def test_what_the_network_refuses(media: Any, controls: Any, regions: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        network()(media, controls, regions)


def test_media_alone_are_checked_too() -> None:
    with pytest.raises(DataError, match="Got X of shape"):
        network().process_media(torch.ones(2, 5, 7))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"dag_mode": "ring"}, "dag_mode='ring'"),
        ({"n_media": 0}, "n_media=0"),
        ({"ctrl_dim": -1}, "ctrl_dim=-1"),
        ({"n_regions": 1.5}, "n_regions=1.5"),
        ({"hidden": 0}, "hidden_dim=0"),
        ({"stabilization_method": "cubic"}, "stabilization_method='cubic'"),
        ({"lags": 3}, "unknown settings"),
    ],
)
def test_what_cannot_be_built(wrong: dict, message: str) -> None:
    with pytest.raises(SpecificationError, match=message):
        DeepCausalMMM(**wrong)
