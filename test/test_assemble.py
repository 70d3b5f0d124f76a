"""What a report says follows from the fit, and its hashes from what decides the result."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from fits import QUIET, FakeSampler, small_subject

from pymc_toolkit.fleets.production import ProductionFleet, run_production
from pymc_toolkit.model_spec import ModelSpec, Sampling
from pymc_toolkit.reports.assemble import model_report, provenance
from pymc_toolkit.verdicts import Check, Status, Verdict

pytestmark = pytest.mark.usefixtures("convergence_is_not_the_point")


def run(test_size: int = 4, lag_max: int = 3, seed: int = 0, **spec: Any) -> ProductionFleet:
    few = Sampling(draws=10, tune=1, chains=2, random_seed=seed)
    subject = small_subject(spec=ModelSpec(lag_max=lag_max, **spec), sampling=few)
    return run_production([subject], test_size, QUIET)


def hashes(fleet: ProductionFleet) -> tuple[str, str]:
    source = provenance(fleet[0].fit, fleet[0].job.data)
    return source.spec_hash, source.data_hash


def test_the_hash_covers_what_decides_the_result(fake_sampler: Callable[..., FakeSampler]) -> None:
    fake_sampler()
    same = hashes(run())
    assert hashes(run()) == same
    prior = {"dist": "HalfNormal", "kwargs": {"sigma": 2}}
    for changed in (
        run(test_size=5),
        run(lag_max=4),
        run(seed=1),
        run(prior_overrides={"intercept": prior}),
    ):
        assert hashes(changed)[0] != same[0]


def test_a_failed_verdict_is_no_finding(fake_sampler: Callable[..., FakeSampler]) -> None:
    fake_sampler()
    fleet = run()

    def headline(status: Status) -> str:
        verdict = Verdict((Check("check", status, "So it went."),))
        return model_report(fleet[0], verdict, fleet.scores()).headline

    assert "%" not in headline(Status.FAIL)
    assert headline(Status.REVIEW).startswith("Media brought ")
