"""What is asked of a trained network: each row its own region, warm holdouts, parts that add up."""

from __future__ import annotations

import io
import warnings
from typing import Any

import numpy as np
import pytest
from deep_arrays import client

torch = pytest.importorskip("torch", reason="the deep engine needs torch (extra 'deep')")

from deep_examples import network, panel

from pymc_toolkit.engines.deep import (
    DeepCausalMMM,
    InferenceManager,
    SimpleGlobalScaler,
    UnifiedDataPipeline,
)
from pymc_toolkit.exceptions import (
    DataError,
    DataWarning,
    ScalerNotFittedError,
    SpecificationError,
)

CONFIG = {"burn_in_weeks": 4, "media_scaling": "volume"}


def manager(
    config: dict[str, Any] = CONFIG, **settings: Any
) -> tuple[InferenceManager, dict, dict, list[np.ndarray]]:
    """Of a network whose parameters are wild, with 20 weeks of training and 5 held out."""
    pipeline = UnifiedDataPipeline(config)
    panels = client()
    training, holdout = pipeline.temporal_split(*panels, holdout_weeks=5)
    pipeline.fit_and_transform_training(training)
    model = network(4, 2, 3, baseline_knots=2, **settings)
    with torch.no_grad():
        model.baseline_steps.normal_()
        model.ctrl_coeffs.normal_()
    return InferenceManager(model, pipeline), training, holdout, panels


def bare(model: DeepCausalMMM, **options: Any) -> InferenceManager:
    with pytest.warns(UserWarning, match="Neither pipeline nor scaler"):
        return InferenceManager(model, **options)


def by_week(part: np.ndarray) -> np.ndarray:
    return part.sum(axis=-1) if part.ndim == 3 else part


def test_neither_pipeline_nor_scaler_passes_scaled_numbers_through() -> None:
    model = network(3, 2, 2)
    media, controls, regions = panel(2, 5)
    found = bare(model).predict(
        media.numpy(), controls.numpy(), return_media_coefficients=True, remove_padding=True
    )
    predictions, coefficients, contributions, outputs = model(media, controls, regions)
    expected = {
        "predictions": predictions,
        "media_contributions": contributions,
        "control_contributions": outputs["control_contributions"],
        "media_coefficients": coefficients,
    }
    assert list(found) == list(expected)
    for name, values in expected.items():
        assert isinstance(found[name], np.ndarray)
        np.testing.assert_array_equal(found[name], values.detach().numpy(), err_msg=name)


@pytest.mark.parametrize("remove_padding", [True, False])
def test_what_is_returned_is_what_was_asked_for(remove_padding: bool) -> None:
    media, controls, _ = panel(2, 5)
    asked = bare(network(3, 2, 2))
    found = asked.predict(
        media, controls, return_contributions=False, remove_padding=remove_padding
    )
    assert list(found) == ["predictions"]
    assert found["predictions"].shape == (2, 5)
    found = asked.predict(media, controls, remove_padding=remove_padding)
    assert list(found) == ["predictions", "media_contributions", "control_contributions"]


def test_training_mode_does_not_make_predictions_random() -> None:
    model = network(3, 2, 2, dropout=0.5)
    media, controls, _ = panel(2, 30)
    asked = bare(model.train())
    first = asked.predict(media, controls)["predictions"]
    model.train()
    np.testing.assert_array_equal(asked.predict(media, controls)["predictions"], first)


@pytest.mark.parametrize("kind", ["list", "array", "tensor", "by week"])
@pytest.mark.parametrize("scaling", ["share", "volume"])
def test_every_row_keeps_its_own_region(kind: str, scaling: str) -> None:
    """Not region 0 for all, nor the scales of the region that stood there in training."""
    asked, _, holdout, _ = manager({"media_scaling": scaling})
    media, controls = holdout["X_media"], holdout["X_control"]
    whole = asked.predict_and_inverse_transform(media, controls, start_week=20)
    order = np.array([2, 0, 1, 2])
    given = {
        "list": order.tolist(),
        "array": order.astype(np.int32),
        "tensor": torch.from_numpy(order),
        "by week": np.tile(order[:, None], 5),
    }[kind]
    rows = asked.predict_and_inverse_transform(media[order], controls[order], given, start_week=20)
    for name, values in whole.items():
        np.testing.assert_allclose(rows[name], values[order], rtol=1e-4, atol=1e-6, err_msg=name)
    # Regions differ, so the test above can fail.
    same = asked.predict(media[[0, 0]], controls[[0, 0]], [0, 1], start_week=20)["predictions"]
    assert (same[0] != same[1]).any()


def test_fewer_rows_than_regions_are_said_to_be_the_first() -> None:
    asked, _, _, (media, controls, _) = manager()
    with pytest.warns(DataWarning, match="took them for regions 0 to 1"):
        found = asked.predict(media[:2], controls[:2])["predictions"]
    np.testing.assert_array_equal(
        found, asked.predict(media[:2], controls[:2], [0, 1])["predictions"]
    )


@pytest.mark.parametrize("config", [CONFIG, {"burn_in_weeks": 0}])
def test_the_holdout_is_the_end_of_a_prediction_of_all_weeks(config: dict) -> None:
    """Carry-over, recurrent state, season and baseline go on where training ended."""
    asked, training, holdout, (media, controls, _) = manager(config)
    everything = asked.predict_and_inverse_transform(media, controls)
    found = asked.predict_holdout(holdout)
    before = asked.predict_and_inverse_transform(training["X_media"], training["X_control"])
    assert list(found) == list(everything)
    for name, values in everything.items():
        joined = np.concatenate([before[name], found[name]], axis=1)
        np.testing.assert_allclose(joined, values, rtol=1e-4, atol=1e-6, err_msg=name)
    cold = asked.predict_and_inverse_transform(holdout["X_media"], holdout["X_control"])
    assert np.abs(cold["predictions"] / found["predictions"] - 1).max() > 1e-3
    assert list(asked.predict_holdout(holdout, False)) == ["predictions"]


def test_the_holdouts_season_is_that_of_a_year_earlier() -> None:
    pipeline = UnifiedDataPipeline()
    training, holdout = pipeline.temporal_split(*client(weeks=70), holdout_weeks=10)
    pipeline.fit_and_transform_training(training)
    asked = InferenceManager(network(4, 2, 3, seasonal_period=52.0), pipeline)
    name = "seasonal_contributions"
    trained = asked.predict_and_inverse_transform(training["X_media"], training["X_control"])[name]
    found = asked.predict_holdout(holdout)[name]
    np.testing.assert_allclose(found, trained[:, 8:18], rtol=1e-3)
    assert np.abs(found / trained[:, -10:] - 1).max() > 0.01


def test_training_tensors_and_the_manager_agree() -> None:
    """The manager pads as training did, and counts weeks from the same one."""
    asked, training, _, _ = manager()
    scaled = asked.pipeline.fit_and_transform_training(training)
    with torch.no_grad():
        by_hand = asked.model(
            scaled["X_media"],
            scaled["X_control"],
            scaled["R"],
            start_week=asked.pipeline.start_week,
        )[0]
    media, controls = training["X_media"], training["X_control"]
    kept = asked.predict(media, controls, remove_padding=False)
    np.testing.assert_allclose(kept["predictions"], by_hand, rtol=1e-6)
    np.testing.assert_array_equal(
        asked.predict(media, controls)["predictions"], kept["predictions"][:, 4:]
    )
    units = asked.predict_and_inverse_transform(media, controls)["predictions"]
    np.testing.assert_allclose(
        units, asked.pipeline.inverse_transform_predictions(by_hand), rtol=1e-6
    )


def test_later_weeks_change_no_prediction_before_them() -> None:
    asked, _, holdout, _ = manager()
    before = asked.predict_holdout(holdout)
    holdout["X_media"][:, 3:] *= 50.0
    holdout["X_control"][:, 3:] += 50.0
    after = asked.predict_holdout(holdout)
    for name, values in before.items():
        np.testing.assert_array_equal(after[name][:, :3], values[:, :3], err_msg=name)
    assert (after["predictions"][:, 3:] != before["predictions"][:, 3:]).all()


def test_parts_add_up_in_the_clients_units() -> None:
    asked, _, _, (media, controls, _) = manager()
    found = asked.predict_and_inverse_transform(media, controls)
    parts = [values for name, values in found.items() if name != "predictions"]
    size = sum(by_week(np.abs(part)) for part in parts)
    added = sum(by_week(part) for part in parts)
    assert (np.abs(added - found["predictions"]) <= 1e-6 * size).all()
    scaled = asked.predict(media, controls)["predictions"]
    means = client()[2][:, :20].mean(axis=1)
    np.testing.assert_allclose(found["predictions"], scaled * means[:, None], rtol=1e-6)


def test_totals_and_shares() -> None:
    asked, _, _, (media, controls, _) = manager()
    channels, others = ["tv", "search", "radio", "post"], ["price", "sun"]
    table = asked.analyze_contributions(media, controls, channels, others)
    assert table["part"].tolist() == [*channels, *others, "baseline", "season"]
    assert table["kind"].tolist() == ["media"] * 4 + ["control"] * 2 + ["baseline", "season"]
    found = asked.predict_and_inverse_transform(media, controls)
    assert table["total"].sum() == pytest.approx(found["predictions"].sum(), rel=1e-6)
    assert table["share"].sum() == pytest.approx(1.0)
    by_hand = found["media_contributions"][..., 2].sum()
    radio = table.set_index("part").loc["radio"]
    assert radio["total"] == pytest.approx(by_hand)
    assert radio["share"] == pytest.approx(by_hand / found["predictions"].sum(), rel=1e-5)
    numbered = asked.analyze_contributions(media, controls)
    assert numbered["part"].tolist() == ["0", "1", "2", "3", "0", "1", "baseline", "season"]
    with pytest.raises(DataError, match="Got 1 media_names; expected 4"):
        asked.analyze_contributions(media, controls, ["tv"])


def test_a_scaler_alone_gives_the_clients_units() -> None:
    media, controls, y = client()
    scaler = SimpleGlobalScaler(CONFIG)
    scaled = scaler.fit_transform(media, controls, y)
    model = network(4, 2, 3)
    found = InferenceManager(model, scaler=scaler).predict_and_inverse_transform(media, controls)
    with torch.no_grad():
        predictions = model(*scaled[:2], torch.arange(3))[0]
    np.testing.assert_allclose(
        found["predictions"], scaler.inverse_transform_target(predictions), rtol=1e-5
    )


def test_coefficients_are_those_of_the_weeks() -> None:
    asked, _, holdout, (media, controls, _) = manager()
    everything = asked.get_coefficients(media, controls)
    assert everything["media_coefficients"].shape == (3, 25, 4)
    assert everything["control_coefficients"].shape == (3, 25, 2)
    later = asked.get_coefficients(holdout["X_media"], holdout["X_control"], start_week=20)
    for name, values in later.items():
        np.testing.assert_allclose(values, everything[name][:, 20:], rtol=1e-4, atol=1e-6)
    predicted = asked.predict(media, controls, return_media_coefficients=True)
    np.testing.assert_array_equal(predicted["media_coefficients"], everything["media_coefficients"])
    # A coefficient multiplies the scaled control.
    scaled = asked.pipeline.window(media, controls).X_control[:, 4:].numpy()
    np.testing.assert_allclose(
        predicted["control_contributions"], everything["control_coefficients"] * scaled, rtol=1e-5
    )


@pytest.mark.parametrize("scaling", ["share", "volume"])
def test_the_same_after_save_and_load(scaling: str) -> None:
    """The season too, which is a function of parameters and the week's number."""
    config = {"media_scaling": scaling}
    asked, _, holdout, _ = manager(config)
    file = io.BytesIO()
    torch.save({"model": asked.model.state_dict(), "pipeline": asked.pipeline.state_dict()}, file)
    file.seek(0)
    state = torch.load(file, weights_only=True)
    model, pipeline = network(4, 2, 3, seed=9, baseline_knots=2), UnifiedDataPipeline(config)
    model.load_state_dict(state["model"])
    pipeline.load_state_dict(state["pipeline"])
    copy = InferenceManager(model, pipeline)
    for name, values in asked.predict_holdout(holdout).items():
        np.testing.assert_array_equal(copy.predict_holdout(holdout)[name], values, err_msg=name)


@pytest.mark.parametrize("mode", ["triangular", "notears"])
def test_the_graph(mode: str) -> None:
    model = network(4, 2, 3, dag_mode=mode, dag_edge_spread=2.0, notears_threshold=0.5)
    asked = bare(model)
    whole = asked.get_dag_adjacency()
    assert whole is not None
    np.testing.assert_array_equal(whole, model.get_dag_adjacency_matrix().numpy())
    for options, eps in (({"eps": 0.3}, 0.3), ({}, 0.5), ({"eps": 0.0}, 0.0)):
        pruned = asked.get_dag_adjacency(threshold=True, **options)
        np.testing.assert_array_equal(pruned, np.where(whole >= eps, whole, 0.0))
    configured = bare(model, config={"notears_threshold": 0.9}).get_dag_adjacency(threshold=True)
    np.testing.assert_array_equal(configured, np.where(whole >= 0.9, whole, 0.0))
    np.fill_diagonal(whole, 7.0)
    assert (asked.get_dag_adjacency(threshold=False) <= 1.0).all()
    without = network(4, 2, 3, enable_dag=False, enable_interactions=False)
    assert bare(without).get_dag_adjacency() is None


def test_arrays_of_the_client_stay_as_they_are() -> None:
    asked, _, _, (media, controls, _) = manager()
    copies = media.copy(), controls.copy()
    found = asked.predict_and_inverse_transform(media, controls)
    for values in found.values():
        values[:] = -1.0
    np.testing.assert_array_equal(media, copies[0])
    np.testing.assert_array_equal(controls, copies[1])
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        scaled = InferenceManager(asked.model).predict(np.ones((3, 5, 4)), np.ones((3, 5, 2)))
    assert all(np.isfinite(values).all() for values in scaled.values())


def test_what_is_refused() -> None:
    asked, _, holdout, (media, controls, _) = manager()
    alone = bare(asked.model)
    with pytest.raises(SpecificationError, match="Got neither pipeline nor scaler"):
        alone.predict_and_inverse_transform(media, controls)
    with pytest.raises(SpecificationError, match="Got neither pipeline nor scaler"):
        alone.analyze_contributions(media, controls)
    with pytest.raises(SpecificationError, match="Got no pipeline"):
        alone.predict_holdout(holdout)
    with pytest.raises(SpecificationError, match="another scaler"):
        InferenceManager(asked.model, asked.pipeline, SimpleGlobalScaler())
    InferenceManager(asked.model, asked.pipeline, asked.pipeline.scaler)
    unfitted = (
        InferenceManager(asked.model, UnifiedDataPipeline()),
        InferenceManager(asked.model, scaler=SimpleGlobalScaler()),
    )
    for one in unfitted:
        for method in (one.predict, one.predict_and_inverse_transform, one.get_coefficients):
            with pytest.raises(ScalerNotFittedError):
                method(media, controls)
    with pytest.raises(ScalerNotFittedError):
        unfitted[0].predict_holdout(holdout)
    with pytest.raises(DataError, match="region ids from 0 to 3"):
        asked.predict(media, controls, [0, 1, 3])
    with pytest.raises(DataError, match="change within a row"):
        asked.predict(media, controls, np.arange(75).reshape(3, 25) % 3)
    with pytest.raises(DataError, match=r"Got region ids as torch.float64"):
        asked.predict(media, controls, [0.0, 1.0, 2.0])
    with pytest.raises(DataError, match="same regions and weeks"):
        alone.predict(media, controls[:, :3])
    with pytest.raises(DataError, match="NaN or infinity in Xm"):
        alone.predict(np.full_like(media, np.nan), controls)
