"""Stored fits: found again by exactly what decides them, and never believed when damaged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import xarray as xr
from fits import FakeSampler, fake_fit, small_config, small_subject
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pymc_toolkit.exceptions import SavedModelError
from pymc_toolkit.fleets import checkpoint, job
from pymc_toolkit.fleets.checkpoint import Checkpoints
from pymc_toolkit.fleets.disturbances import StabilityPlan
from pymc_toolkit.fleets.forecast import run_forecast
from pymc_toolkit.fleets.holdout import run_holdout
from pymc_toolkit.fleets.job import Job, Subject
from pymc_toolkit.fleets.production import run_production
from pymc_toolkit.fleets.recovery import run_recovery
from pymc_toolkit.fleets.runner import Running, run_jobs
from pymc_toolkit.fleets.stability import run_stability
from pymc_toolkit.model_spec import Sampling
from pymc_toolkit.pymc_model import PymcModel

Install = Callable[..., FakeSampler]
PRIOR = {"dist": "HalfNormal", "kwargs": {"sigma": 3}}

pytestmark = pytest.mark.usefixtures("convergence_is_not_the_point")


def stored(folder: Path) -> Running:
    return Running(checkpoint_dir=folder, progressbar=False)


def one_job(subject: Subject | None = None, **changes: Any) -> Job:
    subject = subject or small_subject()
    data = subject.data
    return replace(subject.job("member", data, data.n_periods, 1), **changes)


JOB = one_job()


def test_a_stored_fit_is_the_fit(tmp_path: Path) -> None:
    wanted = one_job()
    fit = fake_fit(wanted.training, wanted.spec, chains=2, draws=10)
    fit = replace(fit, sampling=wanted.sampling)
    before = fit.idata.copy(deep=True)
    store = Checkpoints(tmp_path)
    assert store.load(wanted) is None
    path = store.store(wanted, fit)
    xr.testing.assert_identical(fit.idata, before)
    found = Checkpoints(str(tmp_path)).load(wanted)
    assert found is not None
    assert path.name == f"{wanted.key}.nc"
    assert (found.engine, found.spec, found.sampling) == (fit.engine, fit.spec, fit.sampling)
    assert found.training.digest() == fit.training.digest()
    xr.testing.assert_equal(found.posterior, fit.posterior)
    xr.testing.assert_equal(found.sample_stats, fit.sample_stats)


@pytest.mark.parametrize(
    "changed",
    [
        one_job(spec=replace(small_subject().spec, prior_overrides={"intercept": PRIOR})),
        one_job(spec=replace(small_subject().spec, time_varying_media=False)),
        one_job(sampling=Sampling(10, 2, 2, random_seed=1)),
        one_job(sampling=Sampling(10, 1, 3, random_seed=1)),
        one_job(sampling=Sampling(10, 1, 2, target_accept=0.95, random_seed=1)),
        one_job(trained_on=39),
        one_job(data=small_subject(small_config(40, scale_data=False)).data),
    ],
    ids=["prior", "spec", "tune", "chains", "target_accept", "window", "scales"],
)
def test_a_fit_of_anything_else_is_not_found(
    fake_sampler: Install, tmp_path: Path, changed: Job
) -> None:
    sampler = fake_sampler()
    run_jobs([one_job()], stored(tmp_path))
    run_jobs([changed], stored(tmp_path))
    assert len(sampler.calls) == 2
    run_jobs([one_job()], stored(tmp_path))
    run_jobs([changed], stored(tmp_path))
    assert len(sampler.calls) == 2


def test_a_fit_of_one_changed_number_is_not_found(fake_sampler: Install, tmp_path: Path) -> None:
    sampler = fake_sampler()
    run_jobs([one_job()], stored(tmp_path))
    for variable in ("target", "media", "controls"):
        data = small_subject().data
        values = data.dataset[variable].copy(deep=True)
        values[7] = values[7] * (1 + 1e-12) + 1e-9
        changed = replace(data, dataset=data.dataset.assign({variable: values}))
        run_jobs([one_job(data=changed)], stored(tmp_path))
    assert len(sampler.calls) == 4


def test_a_fit_of_other_versions_is_not_found(
    fake_sampler: Install, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    sampler = fake_sampler()
    run_jobs([one_job()], stored(tmp_path))
    with monkeypatch.context() as patch:
        patch.setattr(job, "__version__", "999")
        run_jobs([one_job()], stored(tmp_path))
    assert len(sampler.calls) == 2
    actual = job.version
    monkeypatch.setattr(job, "version", lambda name: "0" if name == "nutpie" else actual(name))
    run_jobs([one_job()], stored(tmp_path))
    assert len(sampler.calls) == 3


def test_names_and_notes_do_not_decide_a_fit(fake_sampler: Install, tmp_path: Path) -> None:
    sampler = fake_sampler()
    run_jobs([one_job()], stored(tmp_path))
    truth = xr.Dataset({"intercept": 1.0})
    other = one_job(name="renamed", about={"kind": "x"}, truth=truth)
    (member,) = run_jobs([other], stored(tmp_path))
    assert len(sampler.calls) == 1
    assert member.job is other


def test_fleets_of_all_kinds_share_a_folder(fake_sampler: Install, tmp_path: Path) -> None:
    sampler = fake_sampler()
    subject, running = small_subject(), stored(tmp_path)

    def everything() -> list[float]:
        """Something of every fit, in order."""
        fleets = [
            run_production([subject], 4, running),
            run_holdout(subject, [4, 6], "expanding", 2, running),
            run_recovery(subject, 2, "prior", running),
            run_stability(subject, StabilityPlan(1, 1, 0.05, 1), running),
            run_forecast(subject, 5, ["flat"], running),
        ]
        return [float(m.fit.posterior["intercept"].mean()) for fleet in fleets for m in fleet]

    first = everything()
    assert len(sampler.calls) == len(list(tmp_path.iterdir())) == 13
    assert everything() == first
    assert len(sampler.calls) == 13


def test_what_the_model_knows_already_is_neither_fitted_nor_stored(
    fake_sampler: Install, tmp_path: Path
) -> None:
    sampler = fake_sampler()
    table = small_config(60).table
    channels = ["channel_1_cost", "channel_2_cost"]
    model = PymcModel(table, "revenue", "date_week", channels, ["events"], lag_max=3)
    model.fit(draws=10, tune=1, chains=2, progressbar=False)
    model.forecast_fleet(5, progressbar=False, checkpoint_dir=tmp_path)
    assert len(sampler.calls) == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "other",
    [
        replace(JOB, sampling=Sampling(10, 1, 2, random_seed=2)),
        replace(JOB, spec=replace(JOB.spec, lag_max=4)),
    ],
    ids=["seed", "spec"],
)
def test_a_renamed_fit_of_the_same_data_is_not_believed(
    fake_sampler: Install, tmp_path: Path, other: Job
) -> None:
    sampler = fake_sampler()
    run_jobs([other], stored(tmp_path))
    (tmp_path / f"{other.key}.nc").rename(tmp_path / f"{JOB.key}.nc")
    (member,) = run_jobs([JOB], stored(tmp_path))
    assert len(sampler.calls) == 2
    assert (member.fit.spec, member.fit.sampling) == (JOB.spec, JOB.sampling)


# --- files that are not what they should be


def spoiled(folder: Path, content: bytes) -> Path:
    """A folder whose one checkpoint holds something else."""
    Checkpoints(folder)
    (folder / f"{JOB.key}.nc").write_bytes(content)
    return folder


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    fit = fake_fit(JOB.training, JOB.spec, chains=2, draws=10)
    store = Checkpoints(tmp_path_factory.mktemp("whole"))
    return store.store(JOB, replace(fit, sampling=JOB.sampling)).read_bytes()


def test_the_whole_file_is_read(whole: bytes, tmp_path: Path) -> None:
    assert Checkpoints(spoiled(tmp_path, whole)).load(JOB) is not None


@settings(
    deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(share=st.floats(0, 0.999))
def test_part_of_a_file_is_an_error(whole: bytes, tmp_path: Path, share: float) -> None:
    folder = spoiled(tmp_path, whole[: int(share * len(whole))])
    with pytest.raises(SavedModelError, match=JOB.key):
        Checkpoints(folder).load(JOB)


@pytest.mark.parametrize("block", [b"\x89HDF", b"OHDR", b"OCHK", b"FRHP", b"GCOL"])
def test_a_damaged_file_is_an_error(whole: bytes, tmp_path: Path, block: bytes) -> None:
    """Signatures of HDF5's blocks are overwritten, for damage elsewhere may hang libhdf5."""
    assert block in whole
    folder = spoiled(tmp_path, whole.replace(block, bytes(len(block)), 1))
    with pytest.raises(SavedModelError, match=JOB.key):
        Checkpoints(folder).load(JOB)


def test_a_model_in_the_place_of_a_checkpoint_is_refused(
    fake_sampler: Install, tmp_path: Path
) -> None:
    fake_sampler()
    table = small_config(40).table
    model = PymcModel(table, "revenue", "date_week", ["channel_1_cost"], lag_max=3)
    path = model.fit(draws=5, chains=1, progressbar=False).save(tmp_path / "model.nc")
    with pytest.raises(SavedModelError, match="holds no checkpoint of this package"):
        Checkpoints(spoiled(tmp_path / "folder", path.read_bytes())).load(JOB)


def test_a_checkpoint_of_another_layout_is_refused(
    fake_sampler: Install, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    sampler = fake_sampler()
    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "_LAYOUT", 999)
        run_jobs([JOB], stored(tmp_path))
    with pytest.raises(SavedModelError, match="layout 999; this version reads layout 1"):
        run_jobs([JOB], stored(tmp_path))
    assert len(sampler.calls) == 1


def test_other_files_of_the_folder_are_left_alone(fake_sampler: Install, tmp_path: Path) -> None:
    fake_sampler()
    others = {"notes.txt": b"mine", "other.nc": b"no netCDF", ".0123.part": b"half"}
    for name, content in others.items():
        (tmp_path / name).write_bytes(content)
    run_jobs([JOB], stored(tmp_path))
    assert {name: (tmp_path / name).read_bytes() for name in others} == others
    assert len(list(tmp_path.iterdir())) == 4
