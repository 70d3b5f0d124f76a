"""One fleet in this process, on two others, and on real local clusters of dask and ray.

Fits are real; what is compared is that all ways to run a fleet give the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import joblib
import numpy as np
import pytest
from conftest import Fitted
from small_fleet import recover

from pymc_toolkit.fleets.recovery import RecoveryFleet
from pymc_toolkit.fleets.runner import Running, run_jobs

pytestmark = pytest.mark.usefixtures("convergence_is_not_the_point")


@pytest.fixture
def dask_cluster() -> Iterator[None]:
    distributed = pytest.importorskip("distributed", reason="dask[distributed] is not installed")
    with (
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=1, dashboard_address=None, silence_logs=50
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


def check(fleet: RecoveryFleet, one_worker: RecoveryFleet, folder: Path) -> None:
    """Bit by bit the same draws, in the same order, and every member stored here."""
    for ours, theirs in zip(fleet, one_worker, strict=True):
        assert ours.name == theirs.name
        draws = (member.fit.posterior["saturation_lam"] for member in (ours, theirs))
        np.testing.assert_array_equal(*draws)
    assert fleet.summary()["recovery"] == one_worker.summary()["recovery"]
    assert fleet.summary()["train"] == pytest.approx(one_worker.summary()["train"], rel=1e-9)
    stored = {path.stem for path in folder.glob("*.nc")}
    assert stored == {member.job.key for member in one_worker}


def test_two_workers(
    fitted: Fitted, one_worker: RecoveryFleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched, joblib.parallel_config(backend="loky"):
        # Workers judge what they sampled; here it would be done for one after the other.
        patched.delattr("pymc_toolkit.engines.base.convergence")
        fleet = recover(fitted.model, tmp_path, n_jobs=2)
    check(fleet, one_worker, tmp_path)


@pytest.mark.usefixtures("dask_cluster")
def test_dask(fitted: Fitted, one_worker: RecoveryFleet, tmp_path: Path) -> None:
    with joblib.parallel_config(backend="dask"):
        check(recover(fitted.model, tmp_path), one_worker, tmp_path)


@pytest.mark.slow
@pytest.mark.usefixtures("ray_cluster")
def test_ray(fitted: Fitted, one_worker: RecoveryFleet, tmp_path: Path) -> None:
    with joblib.parallel_config(backend="ray", n_jobs=2):
        check(recover(fitted.model, tmp_path), one_worker, tmp_path)


def test_a_member_that_fails_in_another_process(one_worker: RecoveryFleet) -> None:
    """Its traceback comes home, and the others finish."""
    good, other = (member.job for member in one_worker)
    prior = {"dist": "Beta", "kwargs": {"alpha": [1.0, 2.0], "beta": 3.0}, "dims": ["channel"]}
    two_for_three = replace(other.spec, prior_overrides={"adstock_alpha": prior})
    jobs = [good, replace(other, spec=two_for_three)]
    with joblib.parallel_config(backend="loky", n_jobs=2):
        fine, failed = run_jobs(jobs, Running(progressbar=False))
    lam = "saturation_lam"
    np.testing.assert_array_equal(fine.fit.posterior[lam], one_worker[0].fit.posterior[lam])
    assert failed.failure is not None
    assert failed.failure.error.startswith("ValueError: Alloc static input type and target shape")
    assert "in fit" in failed.failure.traceback
    assert failed.summary() == {"failed": failed.failure.error}
