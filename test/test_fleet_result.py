"""What every kind of fleet owes its reader, whatever becomes of its members."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from fits import QUIET, FakeSampler, fake_fit, small_config, small_subject

from pymc_toolkit.engines.bayesian.engine import BayesianEngine
from pymc_toolkit.exceptions import MemberFailedError
from pymc_toolkit.fleets.disturbances import StabilityPlan
from pymc_toolkit.fleets.forecast import run_forecast
from pymc_toolkit.fleets.holdout import run_holdout
from pymc_toolkit.fleets.job import Subject
from pymc_toolkit.fleets.production import ProductionFleet, run_production
from pymc_toolkit.fleets.recovery import RecoveryFleet, run_recovery
from pymc_toolkit.fleets.result import FleetResult
from pymc_toolkit.fleets.runner import Running
from pymc_toolkit.fleets.stability import run_stability
from pymc_toolkit.model_spec import ModelSpec
from pymc_toolkit.pymc_model import PymcModel

Install = Callable[..., FakeSampler]
CHANNELS = ["channel_1_cost", "channel_2_cost"]
FIGURES = [
    *("state", "divergences", "max_tree_depth", "r_hat", "ess_bulk"),
    *("train_mape", "train_nrmse", "train_r_squared", "train_crps"),
]

RUN: dict[str, Callable[[Subject, Running], FleetResult]] = {
    "production": lambda subject, running: run_production([subject], 4, running),
    "holdout": lambda subject, running: run_holdout(subject, [4, 6], "last", None, running),
    "recovery": lambda subject, running: run_recovery(subject, 2, "prior", running),
    "stability": lambda subject, running: run_stability(
        subject, StabilityPlan(1, 1, 0.05, 1), running
    ),
    "forecast": lambda subject, running: run_forecast(subject, 5, ["flat"], running),
}
every_kind = pytest.mark.parametrize("kind", RUN)

pytestmark = pytest.mark.usefixtures("convergence_is_not_the_point")


def run(kind: str, subject: Subject | None = None, running: Running = QUIET) -> FleetResult:
    return RUN[kind](subject or small_subject(), running)


def failing(monkeypatch: pytest.MonkeyPatch, sampler: FakeSampler, *good: int) -> None:
    """Let all calls of the sampler fail but some."""
    asked = iter(range(100))

    def fit(*args: Any, **kwargs: Any) -> Any:
        if next(asked) in good:
            return sampler(*args, **kwargs)
        raise ArithmeticError("no luck\nat all")

    monkeypatch.setattr(BayesianEngine, "fit", staticmethod(fit))


# --- members


def test_members_by_position_and_by_name(fake_sampler: Install) -> None:
    fake_sampler()
    fleet = run("stability")
    names = [member.name for member in fleet]
    assert len(fleet) == len(names) == 5
    assert [fleet[name] for name in names] == list(fleet) == [fleet[i] for i in range(5)]
    assert fleet[-1] is fleet[4] is fleet[np.int64(4)]
    assert fleet[1:3] == (fleet[1], fleet[2])
    assert fleet[2] in fleet
    assert fleet.index(fleet["seed 1"]) == 3
    with pytest.raises(IndexError):
        _ = fleet[5]
    with pytest.raises(KeyError, match="'Reference'; this fleet has 'reference', 'without"):
        _ = fleet["Reference"]


@every_kind
def test_one_row_a_member(fake_sampler: Install, kind: str) -> None:
    fake_sampler(diverging=3, depth=6)
    fleet = run(kind)
    table = fleet.to_frame()
    assert table.index.tolist() == [member.name for member in fleet]
    assert list(table.columns)[: len(FIGURES)] == FIGURES
    held_out = "test_crps" in table.columns
    assert held_out == (kind in ("production", "holdout"))
    for member in fleet:
        row = table.loc[member.name]
        assert (row["state"], row["divergences"], row["max_tree_depth"]) == ("finished", 3, 6)
        assert row["r_hat"] == member.convergence.r_hat
        assert row["train_crps"] == member.summary()["train"]["crps"]
        if held_out:
            assert row["test_mape"] == member.summary()["test"]["mape"]


# --- nothing else is changed


@every_kind
def test_a_fleet_changes_nothing_of_the_model(fake_sampler: Install, kind: str) -> None:
    """Neither data nor fit nor settings, nor numpy's own random numbers."""
    fake_sampler()
    config = small_config(60)
    model = PymcModel(
        config.table, "revenue", "date_week", CHANNELS, ["events"], lag_max=3, random_seed=7
    ).fit(draws=10, tune=1, chains=2, progressbar=False)

    held = model.config, model._fit
    spec, sampling, digest = model.spec, model._sampling, model.config.model_data.digest()
    table, idata = model.config.table.copy(deep=True), model.idata.copy(deep=True)
    np.random.seed(5)
    expected = np.random.RandomState(5).uniform(size=3)
    run(kind, model.fleet_subject(draws=8))
    np.testing.assert_array_equal(np.random.uniform(size=3), expected)
    assert (model.config, model._fit) == held
    assert (model.spec, model._sampling) == (spec, sampling)
    assert model.config.model_data.digest() == digest
    pd.testing.assert_frame_equal(model.config.table, table)
    xr.testing.assert_identical(model.idata, idata)
    assert not model.refresh_history


@every_kind
def test_workers_and_repetition_change_no_fleet(fake_sampler: Install, kind: str) -> None:
    sampler = fake_sampler()
    alone = run(kind)
    seeds = [call[2].random_seed for call in sampler.calls]
    with joblib.parallel_config(backend="threading"):
        together = run(kind, running=Running(n_jobs=2, progressbar=False))
    assert [member.name for member in together] == [member.name for member in alone]
    assert sorted(call[2].random_seed for call in sampler.calls[len(seeds) :]) == sorted(seeds)
    assert together.summary() == alone.summary()
    assert together.verdict() == alone.verdict()


@every_kind
def test_the_seed_of_the_model_decides_all_seeds(fake_sampler: Install, kind: str) -> None:
    sampler = fake_sampler()
    sampling = small_subject().sampling
    for seed in (1, 2):
        run(kind, small_subject(sampling=replace(sampling, random_seed=seed)))
    half = len(sampler.calls) // 2
    first, second = (
        {call[2].random_seed for call in part}
        for part in (sampler.calls[:half], sampler.calls[half:])
    )
    assert len(first) == half
    assert not first & second


# --- failures


@every_kind
def test_a_fleet_of_failures_can_be_read_and_kept(
    fake_sampler: Install, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kind: str
) -> None:
    failing(monkeypatch, fake_sampler())
    fleet = run(kind)
    error = "ArithmeticError: no luck"
    assert not fleet.finished
    assert all(member.failure and member.failure.error == error for member in fleet)
    assert all("at all" in member.failure.traceback for member in fleet if member.failure)
    assert error in str(fleet.summary())
    assert repr(fleet) == f"{type(fleet).__name__}({len(fleet)} members, {len(fleet)} failed; fail)"
    (check,) = fleet.verdict().checks
    assert (check.name, check.status, check.value) == ("members that failed", "fail", len(fleet))
    table = fleet.to_frame()
    assert list(table.columns) == FIGURES
    assert table["state"].eq("failed").all()
    assert table.drop(columns="state").isna().all(axis=None)
    for member in fleet:
        for ask in ("fit", "prediction", "train", "convergence", "roi"):
            with pytest.raises(MemberFailedError, match="ArithmeticError: no luck"):
                getattr(member, ask)
    loaded = type(fleet).load(fleet.save(tmp_path / "fleet.nc"))
    assert loaded.summary() == fleet.summary()
    assert [member.failure for member in loaded] == [member.failure for member in fleet]
    assert fleet.generate_report(tmp_path / "fleet.html").stat().st_size > 0


@pytest.mark.parametrize("kind", ["holdout", "recovery", "stability"])
def test_what_finished_is_judged_and_kept_beside_what_failed(
    fake_sampler: Install, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kind: str
) -> None:
    failing(monkeypatch, fake_sampler(), 0)
    fleet = run(kind)
    assert [member.name for member in fleet.finished] == [fleet[0].name]
    assert len(fleet.verdict().checks) > 1
    assert fleet.to_frame()["state"].tolist() == ["finished", *["failed"] * (len(fleet) - 1)]
    loaded = type(fleet).load(fleet.save(tmp_path / "fleet.nc"))
    assert [member.failure for member in loaded] == [member.failure for member in fleet]
    assert loaded.verdict().to_frame()["status"].tolist() == [
        str(check.status) for check in fleet.verdict().checks
    ]
    pd.testing.assert_frame_equal(loaded.to_frame(), fleet.to_frame())
    assert fleet.generate_report(tmp_path / "fleet.html").stat().st_size > 0


def test_scenarios_that_share_a_fit_share_its_failure(
    fake_sampler: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(monkeypatch, fake_sampler())
    fleet = run_forecast(small_subject(), 5, {"a": "flat", "b": "flat"}, QUIET)
    assert [member.name for member in fleet.failed] == ["a", "b"]
    assert fleet[0].failure is fleet[1].failure


@every_kind
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_draws_that_are_not_numbers_fail_the_verdict_and_no_more(
    fake_sampler: Install, tmp_path: Path, kind: str
) -> None:
    fake_sampler(fixed={"intercept": np.nan})
    fleet = run(kind)
    checks = fleet.verdict().to_frame().set_index("check")
    assert checks.loc["convergence", "status"] == "fail"
    assert np.isnan(fleet.to_frame()["train_mape"]).all()
    assert np.isnan(fleet.to_frame()["r_hat"]).all()
    assert fleet.generate_report(tmp_path / "fleet.html").stat().st_size > 0


# --- files


def test_a_truth_comes_back(fake_sampler: Install, tmp_path: Path) -> None:
    """With and without controls, whose names are then an empty list."""
    fake_sampler()
    for controls in (True, False):
        subject = small_subject(small_config(40, controls=controls))
        fleet = run("recovery", subject)
        loaded = RecoveryFleet.load(fleet.save(tmp_path / "fleet.nc"))
        for before, after in zip(fleet, loaded, strict=True):
            assert before.job.truth is not None
            assert after.job.truth is not None
            assert ("gamma_control" in after.job.truth) == controls
            xr.testing.assert_equal(before.job.truth, after.job.truth)
        pd.testing.assert_frame_equal(loaded.parameters(), fleet.parameters())


def test_a_file_is_replaced_whole(fake_sampler: Install, tmp_path: Path) -> None:
    fake_sampler()
    path = tmp_path / "fleet.nc"
    run("production").save(path)
    other = run("production", small_subject(spec=ModelSpec(lag_max=5)))
    assert other.save(str(path)) == path
    assert ProductionFleet.load(path)[0].job.spec.lag_max == 5
    assert [file.name for file in tmp_path.iterdir()] == ["fleet.nc"]


def test_a_fleet_can_be_saved_twice_and_read_on(fake_sampler: Install, tmp_path: Path) -> None:
    """Saving leaves the fits as they were, also those that the model has made for itself."""
    sampler = fake_sampler()
    subject = small_subject()
    fit = fake_fit(subject.data, subject.spec, chains=2, draws=10)
    fit = replace(fit, sampling=subject.sampling)
    fleet = run("forecast", small_subject(fit=fit))
    assert not sampler.calls
    assert fleet[0].fit is fit
    before = fit.idata.copy(deep=True)
    loaded = type(fleet).load(fleet.save(tmp_path / "one.nc"))
    xr.testing.assert_identical(fit.idata, before)
    again = type(fleet).load(loaded.save(tmp_path / "two.nc"))
    pd.testing.assert_frame_equal(again[0].prediction, fleet[0].prediction)
