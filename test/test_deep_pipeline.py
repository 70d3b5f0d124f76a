"""The pipeline: no leakage, a holdout that does not start cold, and the way back."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from deep_arrays import client
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="the deep engine needs torch (extra 'deep')")

from pymc_toolkit.engines.deep import SimpleGlobalScaler, UnifiedDataPipeline, get_default_config
from pymc_toolkit.exceptions import (
    DataError,
    SavedModelError,
    ScalerNotFittedError,
    SpecificationError,
)

CONFIGS: dict[str, dict] = {
    "share": {"burn_in_weeks": 4},
    "volume": {"burn_in_weeks": 3, "media_scaling": "volume"},
    "no burn-in": {"burn_in_weeks": 0},
}
each_config = pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)


def fitted(config: dict | None = None, **sizes: Any) -> tuple[UnifiedDataPipeline, dict, dict]:
    """A pipeline after 20 of 25 weeks, with training and holdout."""
    pipeline = UnifiedDataPipeline(config)
    training, holdout = pipeline.temporal_split(*client(**sizes), holdout_weeks=5)
    pipeline.fit_and_transform_training(training)
    return pipeline, training, holdout


@given(
    st.sampled_from(list(CONFIGS)),
    st.sampled_from([0, 1, 2]),
    st.integers(0, 10**6),
    st.sampled_from([0.0, 1e9, float("nan"), float("inf")]),
)
@settings(max_examples=60, deadline=None, derandomize=True)
def test_nothing_of_the_holdout_reaches_training(
    config: str, which: int, seed: int, value: float
) -> None:
    panels = client()
    changed = [panel.copy() for panel in panels]
    rng = np.random.default_rng(seed)
    held_out = changed[which][:, -5:]
    held_out[tuple(rng.integers(0, size) for size in held_out.shape)] = value
    found = []
    for given_panels in (panels, changed):
        pipeline = UnifiedDataPipeline(CONFIGS[config])
        training, _ = pipeline.temporal_split(*given_panels, holdout_weeks=5)
        scaled = pipeline.fit_and_transform_training(training)
        arrays = {name: torch.as_tensor(values) for name, values in training.items()}
        found.append((arrays, scaled, pipeline.state_dict()))
    for before, after in zip(*found, strict=True):
        assert list(before) == list(after)
        for name, values in before.items():
            torch.testing.assert_close(after[name], values, rtol=0, atol=0, msg=name)


@given(st.integers(0, 4), st.sampled_from(["X_media", "X_control", "y"]))
@settings(max_examples=15, deadline=None, derandomize=True)
def test_nothing_of_later_weeks_reaches_earlier_ones_of_the_holdout(week: int, name: str) -> None:
    pipeline, _, holdout = fitted()
    before = pipeline.transform_holdout(holdout)
    holdout[name][:, week] *= 1000.0
    after = pipeline.transform_holdout(holdout)
    for part in ("X_media", "X_control", "y"):
        upto = before[part].shape[1] - 5 + week
        torch.testing.assert_close(after[part][:, :upto], before[part][:, :upto], rtol=0, atol=0)


@each_config
def test_training_is_scaled_and_padded(config: dict) -> None:
    pipeline = UnifiedDataPipeline(config)
    training, _ = pipeline.temporal_split(*client(), holdout_weeks=5)
    before = {name: values.copy() for name, values in training.items()}
    scaled = pipeline.fit_and_transform_training(training)
    burn_in = config["burn_in_weeks"]
    alone = SimpleGlobalScaler(config).fit_transform(*training.values())
    for name, expected in zip(("X_media", "X_control", "y"), alone, strict=True):
        assert (scaled[name][:, :burn_in] == 0).all()
        torch.testing.assert_close(scaled[name][:, burn_in:], expected, rtol=0, atol=0)
        np.testing.assert_array_equal(training[name], before[name])
    assert list(scaled) == ["X_media", "X_control", "y", "R"]
    torch.testing.assert_close(scaled["R"], torch.arange(3))
    assert pipeline.start_week == -burn_in
    assert pipeline.training_weeks == 20


@each_config
def test_a_holdout_has_all_weeks_before_it_in_front(config: dict) -> None:
    pipeline, training, holdout = fitted(config)
    trained = pipeline.fit_and_transform_training(training)
    found = pipeline.transform_holdout(holdout)
    for name in ("X_media", "X_control"):
        weeks = trained[name].shape[1]
        assert found[name].shape[1] == weeks + 5
        torch.testing.assert_close(found[name][:, :weeks], trained[name], rtol=0, atol=0)
    later = pipeline.scaler.transform(*holdout.values())
    torch.testing.assert_close(found["X_media"][:, -5:], later[0])
    torch.testing.assert_close(found["X_control"][:, -5:], later[1])
    # The target is of the holdout alone, so that no error counts training weeks by mistake.
    torch.testing.assert_close(found["y"], later[2])
    del holdout["y"]
    assert "y" not in pipeline.transform_holdout(holdout)


def test_tensors_are_the_callers_own() -> None:
    for config in CONFIGS.values():
        pipeline, training, holdout = fitted(config)
        scaled = pipeline.fit_and_transform_training(training)
        before = pipeline.transform_holdout(holdout)["X_media"].clone()
        scaled["X_media"].fill_(9.0)
        pipeline.transform_holdout(holdout)["X_media"].fill_(9.0)
        torch.testing.assert_close(pipeline.transform_holdout(holdout)["X_media"], before)


@pytest.mark.parametrize("scaling", ["share", "volume"])
def test_rows_have_the_scales_and_the_past_of_their_region(scaling: str) -> None:
    pipeline, _, holdout = fitted({"media_scaling": scaling})
    order = np.array([2, 0, 1, 2])
    whole = pipeline.window(holdout["X_media"], holdout["X_control"], start_week=20)
    rows = pipeline.window(holdout["X_media"][order], holdout["X_control"][order], order, 20)
    torch.testing.assert_close(rows.R, torch.from_numpy(order))
    torch.testing.assert_close(rows.X_media, whole.X_media[order])
    torch.testing.assert_close(rows.X_control, whole.X_control[order])
    assert (rows.lead, rows.start_week) == (24, -4)


def test_a_window_within_training_starts_warm_too() -> None:
    pipeline, training, _ = fitted()
    whole = pipeline.window(training["X_media"], training["X_control"])
    later = pipeline.window(training["X_media"][:, 8:], training["X_control"][:, 8:], start_week=8)
    assert (whole.lead, later.lead) == (4, 12)
    torch.testing.assert_close(later.X_media, whole.X_media)
    torch.testing.assert_close(later.X_control, whole.X_control)


def test_the_way_back() -> None:
    pipeline, training, holdout = fitted()
    scaled = pipeline.fit_and_transform_training(training)
    back = pipeline.inverse_transform_predictions(scaled["y"])
    np.testing.assert_allclose(back, training["y"], rtol=1e-5)
    later = pipeline.transform_holdout(holdout)["y"]
    np.testing.assert_allclose(
        pipeline.inverse_transform_predictions(later, remove_padding=False), holdout["y"], rtol=1e-5
    )
    parts = torch.rand(3, 24, 2)
    found = pipeline.inverse_transform_contributions(media_contributions=parts)
    means = training["y"].mean(axis=1)
    np.testing.assert_allclose(
        found["media_contributions"], parts[:, 4:].numpy() * means[:, None, None], rtol=1e-5
    )


@each_config
def test_a_saved_pipeline_is_the_same(config: dict) -> None:
    pipeline, _, holdout = fitted(config)
    file = io.BytesIO()
    torch.save(pipeline.state_dict(), file)
    file.seek(0)
    copy = UnifiedDataPipeline(config)
    copy.load_state_dict(torch.load(file, weights_only=True))
    assert copy.training_weeks == 20
    for name, values in pipeline.transform_holdout(holdout).items():
        torch.testing.assert_close(copy.transform_holdout(holdout)[name], values, rtol=0, atol=0)


def test_states_that_do_not_fit() -> None:
    state = fitted(CONFIGS["volume"])[0].state_dict()
    with pytest.raises(SavedModelError, match="the config it was saved with"):
        UnifiedDataPipeline().load_state_dict(state)
    with pytest.raises(SavedModelError, match="expected"):
        UnifiedDataPipeline(CONFIGS["volume"]).load_state_dict({"X_media": state["X_media"]})


def test_before_fit() -> None:
    pipeline = UnifiedDataPipeline(get_default_config())
    assert not pipeline.fitted
    media, controls, y = client()
    window = {"X_media": media, "X_control": controls, "y": y}
    for use in (
        lambda: pipeline.transform_holdout(window),
        lambda: pipeline.window(media, controls),
        lambda: pipeline.inverse_transform_predictions(torch.ones(3, 9)),
        lambda: pipeline.inverse_transform_contributions(media_contributions=torch.ones(3, 9, 2)),
        lambda: pipeline.training_weeks,
        pipeline.state_dict,
    ):
        with pytest.raises(ScalerNotFittedError):
            use()
    pipeline.fit_and_transform_training(window)
    assert pipeline.fitted


def test_the_share_of_the_config_is_the_default() -> None:
    for config, weeks in (({"holdout_ratio": 0.4}, 10), (None, 2)):
        assert UnifiedDataPipeline(config).temporal_split(*client())[1]["y"].shape == (3, weeks)
    one = UnifiedDataPipeline({"holdout_ratio": 0.4}).temporal_split(*client(), 0.04)
    assert one[1]["y"].shape == (3, 1)


def test_a_panel_without_controls() -> None:
    pipeline, _, holdout = fitted(controls=0)
    assert pipeline.transform_holdout(holdout)["X_control"].shape == (3, 29, 0)


def test_what_is_refused() -> None:
    pipeline, _, holdout = fitted()
    media, controls = holdout["X_media"], holdout["X_control"]
    with pytest.raises(DataError, match=r"Add \['y'\]"):
        pipeline.fit_and_transform_training({"X_media": media, "X_control": controls})
    with pytest.raises(DataError, match=r"Add \['X_control'\]"):
        pipeline.transform_holdout({"X_media": media})
    with pytest.raises(DataError, match="2 channels and .* 4 channels and"):
        pipeline.window(media[..., :2], controls)
    with pytest.raises(DataError, match="expected no gap"):
        pipeline.window(media, controls, start_week=21)
    with pytest.raises(SpecificationError, match="start_week=-1"):
        pipeline.window(media, controls, start_week=-1)
    with pytest.raises(DataError, match="region ids from 0 to 3; expected 0 to 2"):
        pipeline.window(media, controls, [0, 1, 3])
    with pytest.raises(DataError, match="region ids"):
        pipeline.transform_holdout({name: values[:2] for name, values in holdout.items()})
    with pytest.raises(DataError, match="NaN or infinity in media"):
        pipeline.window(np.full_like(media, np.nan), controls)
    with pytest.raises(SpecificationError, match="unknown settings"):
        UnifiedDataPipeline({"weeks": 3})
