"""One fleet on this process, on two of its own, and on real local clusters of dask and ray.

Fits are real, with far too few draws; what is compared is that all backends give the same.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from conftest import Fitted

from pymc_toolkit.exceptions import ConvergenceWarning
from pymc_toolkit.fleets.recovery import RecoveryFleet
from pymc_toolkit.fleets.runner import Running, run_jobs
from pymc_toolkit.pymc_model import PymcModel

FEW = {"draws": 30, "tune": 50, "chains": 2, "progressbar": False}

pytestmark = pytest.mark.usefixtures("convergence_is_not_the_point")


def recover(model: PymcModel, folder: Path, **options: Any) -> RecoveryFleet:
    return model.recovery_fleet(2, checkpoint_dir=folder, **FEW, **options)


@pytest.fixture(scope="module")
def alone(fitted: Fitted, tmp_path_factory: pytest.TempPathFactory) -> RecoveryFleet:
    """The fleet member after member; it also leaves the compiled code where workers find it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return recover(fitted.model, tmp_path_factory.mktemp("alone"))


@pytest.fixture
def dask_cluster() -> Iterator[None]:
    distributed = pytest.importorskip("distributed", reason="dask[distributed] is not installed")
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=50
        ) as cluster,
        distributed.Client(cluster),
    ):
        yield


@pytest.fixture
def ray_cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    ray = pytest.importorskip("ray", reason="ray is not installed")
    from ray.util.joblib import register_ray

    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    ray.init(
        num_cpus=2,
        include_dashboard=False,
        log_to_driver=False,
        logging_level="ERROR",
        object_store_memory=200_000_000,
    )
    register_ray()
    yield
    ray.shutdown()


def check(fleet: RecoveryFleet, alone: RecoveryFleet, folder: Path) -> None:
    """Bit by bit the same, in the same order, and every member stored here."""
    assert fleet.summary() == alone.summary()
    for ours, theirs in zip(fleet, alone, strict=True):
        assert ours.name == theirs.name
        np.testing.assert_array_equal(
            ours.fit.posterior["intercept"], theirs.fit.posterior["intercept"]
        )
    stored = {path.stem for path in folder.glob("*.nc")}
    assert stored == {member.job.key for member in alone}


def test_two_workers(fitted: Fitted, alone: RecoveryFleet, tmp_path: Path) -> None:
    with joblib.parallel_config(backend="loky"):
        check(recover(fitted.model, tmp_path, n_jobs=2), alone, tmp_path)


@pytest.mark.usefixtures("dask_cluster")
def test_dask(fitted: Fitted, alone: RecoveryFleet, tmp_path: Path) -> None:
    with joblib.parallel_config(backend="dask"):
        check(recover(fitted.model, tmp_path), alone, tmp_path)


@pytest.mark.usefixtures("ray_cluster")
def test_ray(fitted: Fitted, alone: RecoveryFleet, tmp_path: Path) -> None:
    with joblib.parallel_config(backend="ray", n_jobs=2):
        check(recover(fitted.model, tmp_path), alone, tmp_path)


def test_a_member_that_fails_in_another_process(alone: RecoveryFleet) -> None:
    """Its traceback comes home, and the others finish."""
    good, other = (member.job for member in alone)
    two_for_three = {
        "dist": "Beta",
        "kwargs": {"alpha": [1.0, 2.0], "beta": 3.0},
        "dims": ["channel"],
    }
    impossible = replace(other.spec, prior_overrides={"adstock_alpha": two_for_three})
    with joblib.parallel_config(backend="loky", n_jobs=2):
        fine, failed = run_jobs([good, replace(other, spec=impossible)], Running(progressbar=False))
    assert fine.summary() == alone[0].summary()
    assert failed.failure is not None
    assert failed.failure.error == "ValueError: Dimension channel has conflicting shapes"
    assert "in fit" in failed.failure.traceback
    assert failed.summary() == {"failed": failed.failure.error}
