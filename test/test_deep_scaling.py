"""Scalers of the deep engine: there and back, and what they refuse."""

from __future__ import annotations

from typing import Any

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="the deep engine needs torch (extra 'deep')")

from pymc_toolkit.engines.deep import GlobalScaler, SimpleGlobalScaler, SimpleScalingParams
from pymc_toolkit.exceptions import DataError, NotFittedError, SpecificationError

RNG = np.random.default_rng(1)
MEDIA = RNG.gamma(1.0, 1000.0, size=(3, 30, 4)) * RNG.integers(0, 2, size=(3, 30, 4))
CONTROLS = RNG.normal(5.0, 3.0, size=(3, 30, 2))
TARGET = RNG.gamma(5.0, [[10.0], [1e3], [1e6]], size=(3, 30))

sizes = st.tuples(st.integers(1, 4), st.integers(1, 12))


@st.composite
def panels(draw: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    regions, weeks = draw(sizes)
    # Zero, or neither so small nor so large that single precision cannot hold it.
    amounts = st.one_of(st.just(0.0), st.floats(1e-3, 1e9))
    media = draw(hnp.arrays(float, (regions, weeks, 3), elements=amounts))
    controls = draw(hnp.arrays(float, (regions, weeks, 2), elements=st.floats(-1e4, 1e4)))
    target = draw(hnp.arrays(float, (regions, weeks), elements=st.floats(1e-2, 1e9)))
    return media, controls, target


@given(panels(), st.sampled_from(["share", "volume"]))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_there_and_back(panel: tuple, scaling: str) -> None:
    media, controls, target = panel
    scaler = SimpleGlobalScaler({"media_scaling": scaling})
    scaled = scaler.fit_transform(media, controls, target)
    assert [tuple(part.shape) for part in scaled] == [part.shape for part in panel]
    assert all(torch.isfinite(part).all() and not part.requires_grad for part in scaled)
    back = scaler.inverse_transform_target(scaled[2])
    np.testing.assert_allclose(back, target, rtol=1e-5)
    np.testing.assert_allclose(scaler.inverse_transform_media(scaled[0]), media, rtol=1e-5)
    spread = scaler.params.control_std.numpy()
    again = scaler.inverse_transform_control(scaled[1].double())
    # Single precision of the scaled controls, which may lie many spreads away.
    np.testing.assert_allclose(
        again, controls, rtol=1e-5, atol=1e-6 * (np.abs(scaled[1].numpy()).max() + 1) * spread.max()
    )


@given(panels(), st.integers(0, 1000))
@settings(max_examples=40, deadline=None, derandomize=True)
def test_parts_add_up_in_the_clients_units(panel: tuple, seed: int) -> None:
    scaler = SimpleGlobalScaler()
    scaler.fit(*panel)
    regions, weeks = panel[2].shape
    generator = torch.Generator().manual_seed(seed)
    parts = {
        "media_contributions": torch.rand(regions, weeks, 3, generator=generator),
        "baseline": torch.rand(regions, weeks, generator=generator),
        "control_contributions": torch.randn(regions, weeks, 2, generator=generator),
        "seasonal_contributions": torch.rand(regions, weeks, generator=generator),
        "trend_contributions": torch.randn(regions, weeks, generator=generator),
    }
    flat = [v.sum(-1) if v.ndim == 3 else v for v in parts.values()]
    whole = scaler.inverse_transform_target(sum(flat))
    found = scaler.inverse_transform_contributions(**parts)
    assert list(found) == list(parts)
    added = sum(v.sum(-1) if v.ndim == 3 else v for v in found.values())
    size = sum(v.abs().sum(-1) if v.ndim == 3 else v.abs() for v in found.values())
    assert ((added - whole).abs() <= 1e-6 * size).all()


def test_values_by_hand() -> None:
    media = np.array([[[1.0, 3.0], [0.0, 0.0]]])
    controls = np.array([[[0.0], [4.0]]])
    target = np.array([[1.0, 3.0]])
    scaler = SimpleGlobalScaler()
    shares, scaled_controls, scaled = scaler.fit_transform(media, controls, target)
    np.testing.assert_allclose(shares, [[[0.25, 0.75], [0.0, 0.0]]])
    np.testing.assert_allclose(scaled, [[0.5, 1.5]])
    # Median 2, quartiles 1 and 3: two apart, where a standard normal has 1.349.
    np.testing.assert_allclose(scaled_controls.ravel(), [-1.34898, 1.34898], rtol=1e-5)
    volumes = SimpleGlobalScaler({"media_scaling": "volume"}).fit_transform(media, controls, target)
    np.testing.assert_allclose(volumes[0], [[[1.0, 1.0], [0.0, 0.0]]])


def test_normal_controls_get_a_deviation_of_one() -> None:
    controls = np.random.default_rng(2).normal(7.0, 30.0, size=(4, 2000, 1))
    media, target = np.ones((4, 2000, 1)), np.ones((4, 2000))
    scaled = SimpleGlobalScaler().fit_transform(media, controls, target)[1]
    assert float(scaled.std()) == pytest.approx(1.0, abs=0.03)
    assert float(scaled.mean()) == pytest.approx(0.0, abs=0.03)


def test_rare_and_constant_controls() -> None:
    controls = np.zeros((1, 20, 2))
    controls[0, 3, 0] = 1.0  # an event
    controls[..., 1] = 0.1
    scaled = SimpleGlobalScaler().fit_transform(np.ones((1, 20, 1)), controls, np.ones((1, 20)))[1]
    assert float(scaled[0, :, 0].std(correction=0)) == pytest.approx(1.0)
    assert scaled[..., 1].abs().max() < 1e-6


def test_shares_sum_to_one_and_volume_keeps_volume() -> None:
    on_air = np.maximum(MEDIA, 1.0)
    shares = SimpleGlobalScaler().fit_transform(on_air, CONTROLS, TARGET)
    np.testing.assert_allclose(shares[0].sum(-1), 1.0, rtol=1e-5)
    assert shares[2].min() >= 0
    scaler = SimpleGlobalScaler({"media_scaling": "volume"})
    volumes = scaler.fit_transform(MEDIA, CONTROLS, TARGET)[0]
    doubled = scaler.transform(2 * MEDIA, CONTROLS, TARGET)[0]
    torch.testing.assert_close(doubled, 2 * volumes)


def test_a_channel_new_in_a_region_has_the_scale_of_the_others() -> None:
    media = np.ones((2, 4, 2))
    media[0, :, 0], media[1, :, 0] = 6.0, 0.0
    media[:, :, 1] = 0.0
    scaler = SimpleGlobalScaler({"media_scaling": "volume"})
    scaler.fit(media, np.zeros((2, 4, 1)), np.ones((2, 4)))
    np.testing.assert_allclose(scaler.params.media_scale, [[6.0, 1.0], [6.0, 1.0]])


def test_holdout_has_the_scales_of_training() -> None:
    scaler = SimpleGlobalScaler()
    scaler.fit(MEDIA[:, :20], CONTROLS[:, :20], TARGET[:, :20])
    before = scaler.transform(MEDIA[:, :20], CONTROLS[:, :20], TARGET[:, :20])
    after = scaler.transform(MEDIA, CONTROLS, TARGET)
    for short, long in zip(before, after, strict=True):
        torch.testing.assert_close(short, long[:, :20], rtol=0, atol=0)
    with pytest.raises(DataError, match="Pass the weeks' own total_impressions"):
        scaler.inverse_transform_media(after[0])
    back = scaler.inverse_transform_media(after[0], MEDIA.sum(-1))
    np.testing.assert_allclose(back, MEDIA, rtol=1e-5)


def test_clipping_is_off_unless_asked_for() -> None:
    controls = CONTROLS.copy()
    controls[0, 0, 0] = 1e6
    free = SimpleGlobalScaler().fit_transform(MEDIA, controls, TARGET)[1]
    cut = SimpleGlobalScaler({"control_clip": 3.0}).fit_transform(MEDIA, controls, TARGET)[1]
    assert free.max() > 1e4
    assert cut.max() == 3.0


def test_before_fit() -> None:
    scaler = SimpleGlobalScaler()
    assert not scaler.fitted
    assert scaler.params is None
    one = np.ones(3)
    with pytest.raises(ValueError, match="Scaler must be fitted before transform"):
        scaler.transform(one, one, one)
    for method in ("target", "control", "media", "contributions"):
        with pytest.raises(NotFittedError, match=f"fitted before inverse_transform_{method}"):
            getattr(scaler, f"inverse_transform_{method}")(one)
    scaler.fit(MEDIA, CONTROLS, TARGET)
    assert scaler.fitted
    assert isinstance(scaler.params, SimpleScalingParams)
    assert GlobalScaler is SimpleGlobalScaler


def test_a_panel_without_controls() -> None:
    none = np.zeros((3, 30, 0))
    assert SimpleGlobalScaler().fit_transform(MEDIA, none, TARGET)[1].shape == (3, 30, 0)


@pytest.mark.parametrize("scaling", ["share", "volume"])
def test_rows_can_be_any_regions_that_were_fitted(scaling: str) -> None:
    scaler = SimpleGlobalScaler({"media_scaling": scaling})
    whole = scaler.fit_transform(MEDIA, CONTROLS, TARGET)
    order = torch.tensor([2, 0, 2, 1])
    rows = scaler.for_regions(order)
    for part, expected in zip(
        rows.transform(MEDIA[order], CONTROLS[order], TARGET[order]), whole, strict=True
    ):
        torch.testing.assert_close(part, expected[order], rtol=0, atol=0)
    np.testing.assert_allclose(
        rows.inverse_transform_target(whole[2][order]), TARGET[order], rtol=1e-5
    )
    with pytest.raises(DataError, match=r"Got regions \[0, 3\]; expected 0 to 2"):
        scaler.for_regions(torch.tensor([3, 0]))


def _with(values: np.ndarray, at: tuple, value: float) -> np.ndarray:
    changed = values.copy()
    changed[at] = value
    return changed


@pytest.mark.parametrize(
    ("media", "controls", "target", "message"),
    [
        (MEDIA[0], CONTROLS, TARGET, "of shapes"),
        (MEDIA[:, :5], CONTROLS, TARGET, "same regions and weeks"),
        (MEDIA[:, :0], CONTROLS[:, :0], TARGET[:, :0], "expected regions and weeks"),
        (_with(MEDIA, (0, 0, 0), np.nan), CONTROLS, TARGET, "NaN or infinity in media"),
        (MEDIA, _with(CONTROLS, (0, 0, 0), np.inf), TARGET, "NaN or infinity in controls"),
        (MEDIA, CONTROLS, _with(TARGET, (0, 0), np.nan), "NaN or infinity in target"),
        (_with(MEDIA, (0, 0, 0), -1.0), CONTROLS, TARGET, "negative media"),
        (MEDIA, CONTROLS, _with(TARGET, (1,), 0.0), "mean of zero or less, at 1;"),
    ],
)
def test_what_cannot_be_scaled(media: Any, controls: Any, target: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        SimpleGlobalScaler().fit(media, controls, target)


@pytest.mark.parametrize("scaling", ["share", "volume"])
def test_another_number_of_channels_is_refused(scaling: str) -> None:
    scaler = SimpleGlobalScaler({"media_scaling": scaling})
    scaler.fit(MEDIA, CONTROLS, TARGET)
    for some in (scaler, scaler.for_regions(torch.arange(3))):
        for channels in (3, 5):
            other = np.resize(MEDIA, (3, 30, channels))
            with pytest.raises(DataError, match=f"Got 3 regions, {channels} channels .*, 4 chan"):
                some.transform(other, CONTROLS, TARGET)


def test_whole_numbers_come_back_as_they_are_scaled() -> None:
    scaler = SimpleGlobalScaler({"media_scaling": "volume"})
    scaler.fit(MEDIA, CONTROLS, TARGET)
    backs = {
        scaler.inverse_transform_target: (3, 1),
        scaler.inverse_transform_control: (3, 1, 2),
        scaler.inverse_transform_media: (3, 1, 4),
    }
    for back, shape in backs.items():
        ones = torch.ones(shape, dtype=torch.int64)
        assert torch.equal(back(ones), back(ones.float()))
        assert not torch.equal(back(ones), back(ones).round())
    parts = scaler.inverse_transform_contributions(torch.ones((3, 1, 4), dtype=torch.int64))
    expected = torch.from_numpy(TARGET.mean(axis=1)).float()
    torch.testing.assert_close(parts["media_contributions"][:, 0, 0], expected)


def test_what_does_not_fit_the_scaler() -> None:
    scaler = SimpleGlobalScaler({"media_scaling": "volume"})
    scaler.fit(MEDIA, CONTROLS, TARGET)
    for media, controls, target in (
        (MEDIA[:2], CONTROLS[:2], TARGET[:2]),
        (MEDIA, CONTROLS[..., :1], TARGET),
        (MEDIA[..., :2], CONTROLS, TARGET),
    ):
        with pytest.raises(DataError, match="regions.*as fitted"):
            scaler.transform(media, controls, target)
    with pytest.raises(DataError, match="Got y_scaled of shape"):
        scaler.inverse_transform_target(torch.ones(2, 5))
    with pytest.raises(SpecificationError, match="media_scaling"):
        SimpleGlobalScaler({"media_scaling": "log"})
