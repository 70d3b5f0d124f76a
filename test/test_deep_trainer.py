"""The trainer of the published names: its results, its checkpoints, and that nothing leaks."""

from __future__ import annotations

import logging
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from deep_arrays import client

torch = pytest.importorskip("torch", reason="the deep engine needs torch (extra 'deep')")

from deep_examples import panel

from pymc_toolkit.engines.deep import (
    DeepSettings,
    InferenceManager,
    ModelTrainer,
    UnifiedDataPipeline,
    get_default_config,
)
from pymc_toolkit.exceptions import (
    DataError,
    NotFittedError,
    SavedModelError,
    ScalerNotFittedError,
    SpecificationError,
)

SMALL = {"hidden_dim": 4, "n_epochs": 12, "warm_start_epochs": 4, "validate_every": 2}


def arguments(regions: int = 3, weeks: int = 24, seed: int = 1) -> list[torch.Tensor]:
    """Media, controls, regions and a target of media."""
    media, controls, ids = panel(regions, weeks, 3, 2, seed)
    return [media, controls, ids, 1 + media[..., 0] + 0.2 * controls[..., 0]]


def trainer(regions: int = 3, seed: int = 0, channels: int = 3, **config: Any) -> ModelTrainer:
    made = ModelTrainer(SMALL | config, seed)
    made.create_model(n_media=channels, n_control=2, n_regions=regions)
    return made


def state_of(model: torch.nn.Module) -> torch.Tensor:
    return torch.cat([values.double().flatten() for values in model.state_dict().values()])


def test_the_model_is_of_the_config() -> None:
    config = {**get_default_config(), "dag_temperature": 0.5, "notears_group_l1": 0.1}
    made = ModelTrainer(config)
    model = made.create_model(3, 0, n_regions=2)
    assert made.model is model
    assert (model.n_media, model.ctrl_dim, model.n_regions) == (3, 0, 2)
    assert (model.dag_temperature, model.notears_group_l1) == (0.5, 0.1)
    assert model.settings == DeepSettings.from_config(config)
    with pytest.raises(SpecificationError, match="unknown settings"):
        ModelTrainer({"epochs": 3})


def test_seeds_decide_and_the_callers_generator_is_left_alone() -> None:
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    one, two, other = trainer(seed=1), trainer(seed=1), trainer(seed=2)
    for made in (one, two, other):
        made.train(*arguments())
    assert torch.equal(torch.rand(2), expected)
    states = [state_of(made.model) for made in (one, two, other)]
    assert torch.equal(states[0], states[1])
    assert not torch.equal(states[0], states[2])


@pytest.mark.parametrize("mode", ["triangular", "notears"])
def test_an_epoch_of_ones_own(mode: str) -> None:
    made = trainer(dag_mode=mode, dropout=0.0, learning_rate=0.02)
    optimizer, scheduler = made.create_optimizer_and_scheduler()
    assert (made.optimizer, made.scheduler) == (optimizer, scheduler)
    media, controls, regions, y = arguments()
    results = []
    for active in [True, False] * 10:
        made.model.notears_active.fill_(active)
        before = made.model.train()(media, controls, regions)[0].detach()
        results.append(made.train_epoch(media, controls, regions, y))
        assert made.model.notears_active.item() is active
        error = float((before - y).square().mean())
        assert results[-1][1] == pytest.approx(math.sqrt(error), rel=1e-4)
        assert results[-1][2] == pytest.approx(1 - error / float(y.var(correction=0)), abs=1e-4)
        scheduler.step()
    assert all(math.isfinite(value) for result in results for value in result)
    assert results[-1][1] < results[0][1]
    assert float(made.model.notears_rho) == 1.0


def test_results_of_a_training() -> None:
    made = trainer(n_epochs=50, learning_rate=0.02)
    results = made.train(*arguments())
    epochs = len(results["train_losses"])
    assert len(results["train_rmses"]) == len(results["train_r2s"]) == epochs == 54
    assert results["train_losses"][-1] < results["train_losses"][0]
    assert results["train_r2s"][-1] > results["train_r2s"][0]
    errors = results["validation_errors"]
    assert results["best_epoch"] == min(errors, key=lambda epoch: errors[epoch])
    assert not made.model.training


def test_long_dags_end_without_cycles() -> None:
    made = trainer(
        dag_mode="notears", n_epochs=60, learning_rate=0.05, dag_edge=0.6,
        notears_warmup_epochs=10, notears_dual_update_every=10,
    )  # fmt: skip
    made.train(*arguments())
    weights = made.model.get_dag_adjacency_matrix()
    assert float(made.model.h_acyclicity(weights)) < 1e-3
    assert made.model.notears_active


def last_epoch(made: ModelTrainer, *given: Any, **more: Any) -> tuple[torch.Tensor, ...]:
    """States of the twin and of the network after the last epoch, whichever was the best."""
    last: list[torch.Tensor] = []

    def progress(*_: object) -> None:
        last[:] = [state_of(network) for network in made._training.ensemble.networks]

    made._training = made._start(made._whole_panel(*given, more.get("pipeline")))
    made._training.run(progress)
    return tuple(last)


def test_the_twin_does_not_see_the_weeks_it_predicts() -> None:
    media, controls, regions, y = arguments()
    changed = y.clone()
    changed[:, -6:] = 7.0  # a quarter of the weeks, since 13 are more
    twin, network = last_epoch(trainer(), media, controls, regions, y)
    twin_too, network_too = last_epoch(trainer(), media, controls, regions, changed)
    assert torch.equal(twin, twin_too)
    assert not torch.equal(network, network_too)
    changed[:, -7] = 7.0
    assert not torch.equal(twin, last_epoch(trainer(), media, controls, regions, changed)[0])


def test_no_validation_no_twin() -> None:
    made = trainer(validation_weeks=0)
    results = made.train(*arguments())
    assert len(made._training.ensemble) == 1
    assert (results["validation_errors"], results["best_epoch"]) == ({}, 16)
    # Too few weeks for a quarter of them.
    short = trainer()
    assert short.train(*arguments(weeks=3))["validation_errors"] == {}


def through(change: float | None = None, **config: Any) -> tuple[np.ndarray, dict[str, Any]]:
    """Predictions of all weeks, of a training whose holdout has another target."""
    media, controls, y = client()
    if change is not None:
        y[:, -5:] = change
    config = SMALL | {"media_scaling": "volume"} | config
    pipeline = UnifiedDataPipeline(config)
    training, holdout = pipeline.temporal_split(media, controls, y, holdout_weeks=5)
    scaled = pipeline.fit_and_transform_training(training)
    made = ModelTrainer(config)
    made.create_model(n_media=4, n_control=2, n_regions=3)
    results = made.train(
        scaled["X_media"], scaled["X_control"], scaled["R"], scaled["y"], pipeline=pipeline
    )
    manager = InferenceManager(made.model, pipeline)
    parts = [
        manager.predict(part["X_media"], part["X_control"], start_week=start)["predictions"]
        for part, start in ((training, 0), (holdout, 20))
    ]
    return np.concatenate(parts, axis=1), results


def test_nothing_of_the_holdout_changes_anything() -> None:
    predictions, results = through()
    changed, results_too = through(change=1e9)
    np.testing.assert_array_equal(predictions, changed)
    assert results == results_too


def padded(target_of_padding: float = 0.0) -> tuple[ModelTrainer, UnifiedDataPipeline, list]:
    media, controls, y = client()
    config = SMALL | {"burn_in_weeks": 3}
    pipeline = UnifiedDataPipeline(config)
    scaled = pipeline.fit_and_transform_training({"X_media": media, "X_control": controls, "y": y})
    scaled["y"][:, :3] = target_of_padding
    made = ModelTrainer(config)
    made.create_model(n_media=4, n_control=2, n_regions=3)
    return made, pipeline, [scaled[name] for name in ("X_media", "X_control", "R", "y")]


def test_padding_does_not_count_and_weeks_are_numbered_behind_it() -> None:
    states = []
    for value in (0.0, 50.0):
        made, pipeline, given = padded(value)
        made.train(*given, pipeline=pipeline)
        states.append(state_of(made.model))
        inner = made._training
        assert inner.panel.start_week == -3
        assert (inner.weights[:, :, :3] == 0).all()
        assert (inner.weights[1, :, 3:] == 1).all()
        assert (inner.weights[0, :, -6:] == 0).all()
    assert torch.equal(*states)
    made, pipeline, given = padded()
    same = [made.train_epoch(*padded(value)[2], pipeline=pipeline)[1] for value in (0.0, 50.0)]
    assert max(same) < 5


def test_a_panel_that_is_not_the_pipelines() -> None:
    made, pipeline, given = padded()
    with pytest.raises(DataError, match=r"Got 27 weeks with a pipeline of 3 \+ 25; expected"):
        made.train(given[0][:, 1:], given[1][:, 1:], given[2], given[3][:, 1:], pipeline)
    with pytest.raises(SpecificationError, match="burn_in_weeks=3 of the pipeline and 4"):
        trainer(channels=4).train(*given, pipeline)
    with pytest.raises(ScalerNotFittedError):
        trainer(channels=4).train(*given, UnifiedDataPipeline(SMALL))


def test_rows_may_come_in_any_order() -> None:
    given, order = arguments(), torch.tensor([2, 0, 1])
    one, other = trainer(), trainer()
    one.train(*given)
    other.train(*(values[order] for values in given))
    assert torch.equal(state_of(one.model), state_of(other.model))
    weekly = trainer()
    weekly.train(given[0], given[1], given[2][:, None].expand(-1, 24), given[3])
    assert torch.equal(state_of(one.model), state_of(weekly.model))


@pytest.mark.parametrize(
    ("place", "change", "message"),
    [
        (3, lambda y: y.index_fill(1, torch.tensor([2]), math.nan), "NaN or infinity in y"),
        (0, lambda m: m[..., :2], "Xm of shape"),
        (1, lambda c: c[:, 1:], "Xc of shape"),
        (2, lambda r: torch.zeros(3, dtype=torch.long), "each of the 3 once"),
        (2, lambda r: r + 1, "region ids from 1 to 3"),
        (3, lambda y: y.double(), "y as torch.float64"),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_changes(
    place: int, change: Any, message: str
) -> None:
    made, given = trainer(), arguments()
    before = state_of(made.model)
    given[place] = change(given[place])
    with pytest.raises(DataError, match=message):
        made.train(*given)
    assert torch.equal(state_of(made.model), before)


def test_nothing_without_a_model() -> None:
    made = ModelTrainer(SMALL)
    for call in (made.train_epoch, made.train):
        with pytest.raises(NotFittedError, match="Call create_model first"):
            call(*arguments())
    with pytest.raises(NotFittedError, match="Call create_model first"):
        made.create_optimizer_and_scheduler()
    with pytest.raises(NotFittedError, match="Call train first"):
        made.save_checkpoint("nowhere.pt")


class KilledError(RuntimeError):
    """Stands for whatever ends a process."""


@pytest.mark.parametrize("mode", ["triangular", "notears"])
def test_a_resumed_training_is_an_unbroken_one(
    mode: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = {
        "dag_mode": mode, "dropout": 0.2, "batch_size": 2, "dag_fit_weight": 0.5,
        "notears_warmup_epochs": 2, "notears_dual_update_every": 2, "learning_rate": 0.05,
    }  # fmt: skip
    whole, path = trainer(**config), tmp_path / "deep" / "training.pt"
    expected = whole.train(*arguments())
    broken = trainer(**config)
    saved = broken.save_checkpoint

    def then_die(where: str | Path) -> Path:
        saved(where)
        if broken._training.epoch == 6:
            raise KilledError
        return path

    monkeypatch.setattr(broken, "save_checkpoint", then_die)
    with pytest.raises(KilledError):
        broken.train(*arguments(), checkpoint=path, checkpoint_every=3)
    assert list(path.parent.iterdir()) == [path]
    resumed = trainer(**config)
    assert resumed.resume(path, *arguments()) == expected
    assert torch.equal(state_of(resumed.model), state_of(whole.model))
    # A finished one has nothing left to do.
    whole.save_checkpoint(path)
    finished = trainer(**config)
    assert finished.resume(path, *arguments()) == expected
    assert torch.equal(state_of(finished.model), state_of(whole.model))


def test_a_checkpoint_is_tensors_and_plain_values(tmp_path: Path) -> None:
    made = trainer()
    made.train(*arguments())
    saved = torch.load(made.save_checkpoint(tmp_path / "training.pt"), weights_only=True)
    assert saved["key"]["sizes"] == [3, 2, 3]
    assert saved["key"]["settings"]["hidden_dim"] == 4


def test_checkpoints_of_something_else_are_refused(tmp_path: Path) -> None:
    made = trainer()
    made.train(*arguments())
    path = made.save_checkpoint(tmp_path / "training.pt")
    with pytest.raises(SavedModelError, match="with other data; expected"):
        trainer().resume(path, *arguments(seed=2))
    with pytest.raises(SavedModelError, match="with other settings, seed; expected"):
        trainer(seed=4, l1_weight=0.5).resume(path, *arguments())
    with pytest.raises(SavedModelError, match="with other sizes, data"):
        trainer(regions=4).resume(path, *arguments(regions=4))
    for text in ("nothing", ""):
        other = tmp_path / "other.pt"
        other.write_text(text, encoding="utf-8")
        with pytest.raises(SavedModelError, match="expected a file that save_checkpoint wrote"):
            trainer().resume(other, *arguments())
    with pytest.raises(SavedModelError, match="expected a file"):
        trainer().resume(tmp_path / "missing.pt", *arguments())
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(SavedModelError, match="expected a file"):
        trainer().resume(path, *arguments())
    # One of another layout, none at all, and a whole network, which is no plain value.
    for what in ({"layout": 0}, {"layout": 1}, torch.ones(2), made.model):
        torch.save(what, path)
        with pytest.raises(SavedModelError, match="no checkpoint of this version"):
            trainer().resume(path, *arguments())


def test_a_new_network_starts_like_the_first() -> None:
    made = trainer(batch_size=1, dropout=0.3)
    losses = [made.train_epoch(*arguments()) for _ in range(3)]
    made.create_model(n_media=3, n_control=2, n_regions=3)
    assert [made.train_epoch(*arguments()) for _ in range(3)] == losses


@pytest.mark.filterwarnings("ignore::pymc_toolkit.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("validation_weeks", [0, 4])
def test_the_last_measure_of_cycles_is_kept(
    validation_weeks: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pymc_toolkit.engines.deep.training._FEWEST_WITH_CYCLES", 5)
    config = {"dag_mode": "notears", "notears_warmup_epochs": 1, "notears_dual_update_every": 2}
    made = trainer(**config, validation_weeks=validation_weeks, n_epochs=6)
    made.train(*arguments())
    assert made.model is not None
    assert math.isfinite(made.model._notears_h_prev)


def test_it_talks_only_when_asked(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="pymc_toolkit"):
        trainer(n_epochs=4).train(*arguments())
        assert not caplog.messages
        trainer(n_epochs=100).train(*arguments(), verbose=True)
    assert any("epoch 100: loss" in message for message in caplog.messages)
    assert "trained for 104 epochs" in caplog.messages[-1]
