"""What a report says follows from the fit, and its hashes from what decides the result."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import xarray as xr
from fits import QUIET, FakeSampler, small_subject

from pymc_toolkit.components.channel_dag import ChannelDag
from pymc_toolkit.fleets.member import Member
from pymc_toolkit.fleets.production import ProductionFleet, run_production
from pymc_toolkit.model_spec import ModelSpec, Sampling
from pymc_toolkit.names import CHANNEL, DAG_ADJACENCY, EFFECT, SAMPLE
from pymc_toolkit.reports.assemble import model_report, provenance
from pymc_toolkit.reports.render import render
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


def with_a_graph(fleet: ProductionFleet, weight: float) -> Member:
    """Give a member a graph in which the first channel drives the second."""
    fit = fleet[0].fit
    names = fit.training.channels
    weights = np.zeros((*(fit.posterior.sizes[dim] for dim in SAMPLE), len(names), len(names)))
    weights[..., 0, 1] = weight
    posterior = fit.posterior.assign({DAG_ADJACENCY: ((*SAMPLE, CHANNEL, EFFECT), weights)})
    posterior = posterior.assign_coords({EFFECT: names})
    # Nothing else tells which way the edge goes than its draws, which all agree.
    spec = replace(fit.spec, channel_dag=ChannelDag(lags=0))
    groups = {**fit.idata.children, "posterior": xr.DataTree(posterior)}
    return replace(fleet[0], outcome=replace(fit, spec=spec, idata=xr.DataTree(children=groups)))


def test_a_channel_graph_is_told_of_and_judged(fake_sampler: Callable[..., FakeSampler]) -> None:
    fake_sampler()
    fleet = run()
    verdict = Verdict((Check("check", Status.PASS, "So it went."),))
    assert model_report(fleet[0], verdict, fleet.scores()).graph is None
    report = model_report(with_a_graph(fleet, 0.5), verdict, fleet.scores())
    assert report.graph is not None
    (edge,) = report.graph.edges.to_dict("records")
    cause, effect = report.roi.index
    assert (edge["cause"], edge["effect"], edge["direction"]) == (cause, effect, "clear")
    assert edge["spend_low"] == pytest.approx(edge["spend"]) == edge["spend_high"]
    assert report.graph.order == (cause, effect)
    assert report.verdict == verdict
    returns = report.graph.returns
    sides = returns[["direct", "direct_low", "direct_high"]].to_numpy()
    assert (sides == report.roi[["roi", "ci_low", "ci_high"]].to_numpy()).all()
    assert returns.loc[cause, "total"] > returns.loc[cause, "direct"]
    assert returns.loc[effect, "total"] < returns.loc[effect, "direct"]
    assert returns["contribution"].sum() == pytest.approx(report.roi["contribution"].sum())
    assert list(report.graph.moved["cause"]) == [cause]


def test_a_graph_without_edges_moves_nothing(fake_sampler: Callable[..., FakeSampler]) -> None:
    fake_sampler()
    fleet = run()
    report = model_report(with_a_graph(fleet, 0.0), Verdict(()), fleet.scores())
    assert report.graph is not None
    assert report.graph.edges.empty
    assert report.graph.moved.empty
    assert (report.graph.returns["total"] == report.graph.returns["direct"]).all()
    assert render(report).count("No channel is found to drive another") >= 1
