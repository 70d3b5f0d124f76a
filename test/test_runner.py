"""Running jobs: all checked first, each fit made once, failures kept, checkpoints not mistaken."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from fits import QUIET, FakeSampler, small_config, small_data, small_subject

from pymc_toolkit.engines.bayesian.engine import BayesianEngine
from pymc_toolkit.exceptions import (
    ConvergenceWarning,
    DataError,
    MemberFailedError,
    SavedModelError,
    SpecificationError,
)
from pymc_toolkit.fleets import runner
from pymc_toolkit.fleets.holdout import HoldoutFleet, run_holdout
from pymc_toolkit.fleets.job import Job, Subject, fit_key
from pymc_toolkit.fleets.runner import Running, run_jobs
from pymc_toolkit.model_spec import ModelSpec, Sampling

Install = Callable[..., FakeSampler]

pytestmark = pytest.mark.usefixtures("convergence_is_not_the_point")


def jobs(count: int = 3, subject: Subject | None = None) -> list[Job]:
    """Fits of one window that differ in their seed."""
    subject = subject or small_subject()
    data = subject.data
    return [
        subject.job(f"member {i}", data, data.n_periods, seed)
        for i, seed in enumerate(subject.seeds(count))
    ]


def failing(monkeypatch: pytest.MonkeyPatch, sampler: FakeSampler, *numbers: int) -> None:
    """Let some calls of the sampler fail."""

    def fit(_self: object, *args: Any, **kwargs: Any) -> Any:
        sampler.asked = getattr(sampler, "asked", -1) + 1
        if sampler.asked in numbers:
            raise ZeroDivisionError("the matrix is singular")
        return sampler(*args, **kwargs)

    monkeypatch.setattr(BayesianEngine, "fit", fit)


# --- plans


def test_seeds_are_spawned_and_do_not_depend_on_how_many_there_are() -> None:
    children = np.random.SeedSequence(4).spawn(3)
    expected = [int(child.generate_state(1)[0]) for child in children]
    assert small_subject().seeds(3) == expected
    assert small_subject().seeds(5)[:3] == expected
    assert small_subject(sampling=Sampling(random_seed=5)).seeds(3) != expected


@pytest.mark.parametrize(
    ("spoil", "error", "match"),
    [
        (lambda plan: [], SpecificationError, "without members"),
        (lambda plan: [*plan, plan[0]], SpecificationError, "'member 0' more than once"),
        (lambda plan: [*plan, replace(plan[0], name="x", trained_on=5)], DataError, "5 periods"),
        (lambda plan: [*plan, replace(plan[0], name="x", engine="gp")], SpecificationError, "gp"),
    ],
)
def test_nothing_is_fitted_if_one_job_is_impossible(
    fake_sampler: Install, spoil: Any, error: type[Exception], match: str
) -> None:
    sampler = fake_sampler()
    with pytest.raises(error, match=match):
        run_jobs(spoil(jobs()), QUIET)
    assert not sampler.calls


def test_jobs_that_differ_in_what_they_predict_share_a_fit(fake_sampler: Install) -> None:
    sampler = fake_sampler()
    subject = small_subject()
    training = subject.data.window(None, 30)
    plan = [
        subject.job(f"to {end}", training.followed_by(subject.data.window(30, end)), 30, 7)
        for end in (34, 38)
    ]
    members = run_jobs(plan, QUIET)
    assert len(sampler.calls) == 1
    assert members[0].fit is members[1].fit
    assert [len(member.prediction) for member in members] == [34, 38]


def test_the_key_covers_what_decides_the_fit() -> None:
    data, spec, sampling = small_data(), ModelSpec(lag_max=3), Sampling(draws=10)
    same = fit_key("bayesian", spec, sampling, data)
    assert fit_key("bayesian", ModelSpec(lag_max=3), Sampling(draws=10), small_data()) == same
    prior = {"intercept": {"dist": "HalfNormal", "kwargs": {"sigma": 2}}}
    others = [
        fit_key("bayesian", ModelSpec(lag_max=4), sampling, data),
        fit_key("bayesian", ModelSpec(lag_max=3, prior_overrides=prior), sampling, data),
        fit_key("bayesian", spec, Sampling(draws=11), data),
        fit_key("bayesian", spec, Sampling(draws=10, random_seed=1), data),
        fit_key("bayesian", spec, sampling, data.window(None, 29)),
        fit_key("bayesian", spec, sampling, data.window(None, 29).rescaled()),
        fit_key("bayesian", spec, sampling, small_config(30, seed=1).model_data),
    ]
    assert len({same, *others}) == len(others) + 1 - (
        # Without the last period the scales may be what they were.
        others[4] == others[5]
    )


def test_the_key_covers_the_engine() -> None:
    pytest.importorskip("torch", reason="torch is not installed: extra deep")
    keys = {
        fit_key(engine, ModelSpec(lag_max=3), Sampling(), small_data())
        for engine in ("bayesian", "deep")
    }
    assert len(keys) == 2


@pytest.mark.parametrize("n_jobs", [0, 1.5, True, "2"])
def test_an_impossible_number_of_workers_is_refused(n_jobs: Any) -> None:
    with pytest.raises(SpecificationError, match=f"n_jobs={n_jobs!r}"):
        Running(n_jobs=n_jobs)


# --- failures


def test_a_member_that_fails_is_recorded_and_the_others_finish(
    fake_sampler: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(monkeypatch, fake_sampler(), 1)
    fleet = run_holdout(small_subject(), [4, 6, 8], "last", None, QUIET)
    assert [member.name for member in fleet.failed] == ["6 weeks"]
    assert [member.name for member in fleet.finished] == ["4 weeks", "8 weeks"]
    failure = fleet["6 weeks"].failure
    assert failure is not None
    assert failure.error == "ZeroDivisionError: the matrix is singular"
    assert "in fit" in failure.traceback
    assert fleet.summary()["6 weeks"] == {"failed": failure.error}
    assert repr(fleet["6 weeks"]) == str(fleet.summary()["6 weeks"])
    assert fleet.to_frame()["state"].tolist() == ["finished", "failed", "finished"]
    assert fleet.to_frame().loc["6 weeks"].drop("state").isna().all()
    lead = fleet.verdict().checks[0]
    assert (lead.name, lead.status, lead.value) == ("members that failed", "fail", 1)
    assert "1 failed; fail" in repr(fleet)
    assert set(fleet.scores()["member"]) == {"4 weeks", "8 weeks"}
    with pytest.raises(MemberFailedError, match="'6 weeks' failed: ZeroDivisionError"):
        _ = fleet[1].fit


def test_a_fleet_of_failures_can_be_read(
    fake_sampler: Install, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    failing(monkeypatch, fake_sampler(), 0, 1)
    fleet = run_holdout(small_subject(), [4, 6], "last", None, QUIET)
    assert repr(fleet) == "HoldoutFleet(2 members, 2 failed; fail)"
    assert len(fleet.verdict().checks) == 1
    page = fleet.generate_report(tmp_path / "none.html").read_text(encoding="utf-8")
    assert "No finding: no member of this fleet could be fitted." in page
    assert page.count("the matrix is singular") >= 2


def test_an_interrupt_is_not_a_failure(
    fake_sampler: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_sampler()

    def stop(*_args: Any, **_kwargs: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(BayesianEngine, "fit", stop)
    with pytest.raises(KeyboardInterrupt):
        run_jobs(jobs(), QUIET)


# --- workers


def test_workers_change_neither_results_nor_their_order(
    fake_sampler: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    sampler = fake_sampler()
    alone = [member.summary() for member in run_jobs(jobs(4), QUIET)]
    threads = set()

    def slow_first(data: Any, spec: Any, sampling: Sampling, *_options: Any) -> Any:
        threads.add(threading.get_ident())
        if sampling.random_seed == jobs(4)[0].sampling.random_seed:
            others.wait(timeout=20)
        else:
            others.set()
        return sampler(data, spec, sampling)

    others = threading.Event()
    monkeypatch.setattr(BayesianEngine, "fit", staticmethod(slow_first))
    with joblib.parallel_config(backend="threading", n_jobs=2):
        together = [member.summary() for member in run_jobs(jobs(4), QUIET)]
    assert others.is_set()
    assert len(threads) > 1
    assert together == alone


def test_one_warning_for_all_members_that_did_not_converge(fake_sampler: Install) -> None:
    fake_sampler(diverging=3)
    with pytest.warns(ConvergenceWarning, match=r"3 of 3 fits did not converge \('member 0'") as w:
        run_jobs(jobs(), QUIET)
    assert len(w) == 1


def test_progress_counts_members_divergences_and_failures(
    fake_sampler: Install, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    failing(monkeypatch, fake_sampler(diverging=3), 1)
    run_jobs(jobs(), Running(progressbar=True))
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "3/3" in captured.err
    assert "6 divergences, 1 failed" in " ".join(captured.err.split())
    run_jobs(jobs(), QUIET)
    assert capsys.readouterr().err == ""


# --- checkpoints


def stored(folder: Path) -> Running:
    return Running(checkpoint_dir=folder, progressbar=False)


def test_finished_members_are_not_fitted_again(fake_sampler: Install, tmp_path: Path) -> None:
    sampler = fake_sampler()
    first = [member.summary() for member in run_jobs(jobs(), stored(tmp_path / "new" / "folder"))]
    assert len(sampler.calls) == 3
    again = [member.summary() for member in run_jobs(jobs(4), stored(tmp_path / "new" / "folder"))]
    assert len(sampler.calls) == 4
    assert again[:3] == first


def test_what_failed_is_tried_again(
    fake_sampler: Install, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    sampler = fake_sampler()
    failing(monkeypatch, sampler, 1)
    run_jobs(jobs(), stored(tmp_path))
    assert len(list(tmp_path.iterdir())) == 2
    assert not any(member.failure for member in run_jobs(jobs(), stored(tmp_path)))
    assert len(sampler.calls) == 3


def test_members_are_stored_as_they_finish(
    fake_sampler: Install, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    sampler = fake_sampler()

    def third_is_the_last(*args: Any, **kwargs: Any) -> Any:
        if len(sampler.calls) == 2:
            raise KeyboardInterrupt
        return sampler(*args, **kwargs)

    monkeypatch.setattr(BayesianEngine, "fit", staticmethod(third_is_the_last))
    with pytest.raises(KeyboardInterrupt):
        run_jobs(jobs(5), stored(tmp_path))
    assert len(list(tmp_path.glob("*.nc"))) == 2


def other_data() -> Subject:
    return small_subject(small_config(40, seed=9))


@pytest.mark.parametrize(
    "changed",
    [
        small_subject(spec=ModelSpec(lag_max=4, time_varying_media=True)),
        small_subject(sampling=Sampling(draws=11, tune=1, chains=2, random_seed=4)),
        small_subject(sampling=Sampling(draws=10, tune=1, chains=2, random_seed=5)),
        other_data(),
    ],
    ids=["spec", "draws", "seed", "data"],
)
def test_a_checkpoint_of_something_else_is_not_used(
    fake_sampler: Install, tmp_path: Path, changed: Subject
) -> None:
    sampler = fake_sampler()
    run_jobs(jobs(1), stored(tmp_path))
    run_jobs(jobs(1, changed), stored(tmp_path))
    assert len(sampler.calls) == 2


def test_a_renamed_checkpoint_is_not_believed(fake_sampler: Install, tmp_path: Path) -> None:
    sampler = fake_sampler()
    run_jobs(jobs(1), stored(tmp_path))
    run_jobs(jobs(1, other_data()), stored(tmp_path))
    one, other = (tmp_path / f"{job.key}.nc" for job in (*jobs(1), *jobs(1, other_data())))
    os.replace(one, other)
    (member,) = run_jobs(jobs(1, other_data()), stored(tmp_path))
    assert len(sampler.calls) == 3
    assert member.fit.training.digest() == other_data().data.digest()


def test_a_broken_checkpoint_is_an_error(fake_sampler: Install, tmp_path: Path) -> None:
    fake_sampler()
    run_jobs(jobs(1), stored(tmp_path))
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(SavedModelError, match=path.name):
        run_jobs(jobs(1), stored(tmp_path))


def test_a_checkpoint_folder_that_is_a_file_is_refused(
    fake_sampler: Install, tmp_path: Path
) -> None:
    sampler = fake_sampler()
    (tmp_path / "file").write_text("x")
    with pytest.raises(SpecificationError, match="which is a file"):
        run_jobs(jobs(), stored(tmp_path / "file"))
    assert not sampler.calls


def test_a_member_from_a_checkpoint_says_the_same(fake_sampler: Install, tmp_path: Path) -> None:
    fake_sampler()
    plan = [small_subject(), [4], "last", None]
    first = run_holdout(*plan, stored(tmp_path))
    again = run_holdout(*plan, stored(tmp_path))
    assert isinstance(again, HoldoutFleet)
    assert again.summary() == first.summary()
    assert again.verdict() == first.verdict()


@pytest.mark.parametrize(("at_once", "share"), [(1, None), (2, 4), (3, 2), (16, 2)])
def test_members_share_the_cores(
    fake_sampler: Install, monkeypatch: pytest.MonkeyPatch, at_once: int, share: int | None
) -> None:
    """Together they use those that there are, and a single one uses all of them."""
    sampler = fake_sampler()
    monkeypatch.setattr(runner, "cpu_count", lambda: 8)
    with joblib.parallel_config(backend="threading", n_jobs=at_once):
        run_jobs(jobs(4), QUIET)
    assert sampler.cores == [share] * 4


def test_a_single_member_stays_in_this_process_and_uses_all_cores(fake_sampler: Install) -> None:
    """A worker would not know the sampler that stands in here."""
    sampler = fake_sampler()
    with joblib.parallel_config(backend="loky", n_jobs=2):
        run_jobs(jobs(1), QUIET)
    assert sampler.cores == [None]
