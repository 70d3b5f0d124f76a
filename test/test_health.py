"""Health of whole models, before and after a fit, and of clients whose fault is known."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import panel_engine
import pytest

from pymc_toolkit.exceptions import ConvergenceWarning, NotFittedError, SpecificationError
from pymc_toolkit.health.result import GATES, TIERS, Health
from pymc_toolkit.pymc_model import PymcModel
from pymc_toolkit.simulate import simulate_client
from pymc_toolkit.simulate_doubtful import (
    simulate_collinear_client,
    simulate_confounded_client,
    simulate_short_client,
)
from pymc_toolkit.simulate_plans import SimulatedClient
from pymc_toolkit.verdicts import Check, Status, Verdict

EVIDENCE = pd.DataFrame({"tier": ["identified"], "shift": [0.5], "reason": [""]}, index=["tv"])


def health_of(*checks: tuple[str, Status, str]) -> Health:
    made = [Check(name, status, "", remedy=remedy) for name, status, remedy in checks]
    return Health(Verdict(made), EVIDENCE)


def test_a_failed_gate_blocks() -> None:
    for gate in GATES:
        failed = health_of((gate, Status.FAIL, "Mend it."), ("another", Status.PASS, ""))
        assert failed.blocked
        assert [check.name for check in failed.failed_gates] == [gate]
        assert not health_of((gate, Status.REVIEW, "Look.")).blocked
    assert not health_of(("pairs of channels", Status.FAIL, "Join them.")).blocked


def test_remedies_of_gates_come_first_and_each_once() -> None:
    health = health_of(
        ("a", Status.PASS, ""),
        ("b", Status.REVIEW, "third"),
        ("c", Status.FAIL, "second"),
        (GATES[0], Status.FAIL, "first"),
        ("d", Status.REVIEW, "second"),
        ("e", Status.REVIEW, ""),
    )
    assert health.remedies == ["first", "second", "third"]
    assert health_of(("a", Status.PASS, "")).remedies == []


def test_before_the_fit(fitted: Any) -> None:
    before = fitted.table.copy()
    verdict = fitted.model.check_data()
    assert len(verdict.checks) == 10
    assert verdict.to_frame()["remedy"].map(bool).tolist() == [
        check.status is not Status.PASS for check in verdict.checks
    ]
    strict = fitted.model.check_data({"vif": 1.0, "vif_fail": 1.0})
    assert {c.name: c.status for c in strict.checks}["channels that move alone"] == "fail"
    pd.testing.assert_frame_equal(fitted.table, before)
    with pytest.raises(SpecificationError, match="Got threshold 'vfi'"):
        fitted.model.check_data({"vfi": 1})


def test_after_the_fit(fitted: Any) -> None:
    """Of the model of the guide in small, which was sampled too little to converge."""
    health = fitted.model.health()
    assert health.evidence.index.tolist() == fitted.channels
    assert set(health.evidence["tier"]) <= set(TIERS)
    assert np.isfinite(health.evidence["shift"]).all()
    checks = {check.name: check for check in health.verdict.checks}
    assert len(checks) == len(health.verdict.checks)
    # Without experiments theirs has nothing to say; every other gate is there.
    assert set(GATES) - {"experiments"} <= set(checks)
    assert checks["holdout"].status == "review"
    troubled = [c for c in checks.values() if c.status is not Status.PASS]
    assert all(check.remedy for check in troubled)
    assert all(check.sentence.endswith(".") for check in checks.values())
    # What is said of the data is what was said before the fit.
    assert set(fitted.model.check_data().checks) <= set(health.verdict.checks)
    # The same fit gives the same answer.
    pd.testing.assert_frame_equal(fitted.model.health().evidence, health.evidence)


def test_thresholds_reach_every_part(fitted: Any) -> None:
    strict = fitted.model.health(thresholds={"shift": 1.0, "baseline_low": 1.0})
    assert set(strict.evidence["tier"]) == {"prior-driven"}
    assert {c.name: c.status for c in strict.verdict.checks}["size of the baseline"] == "review"
    assert strict.blocked


def test_other_components(fitted_otherwise: Any) -> None:
    health = fitted_otherwise.model.health()
    assert np.isfinite(health.evidence["shift"]).all()


def test_a_model_with_a_channel_graph(driven: PymcModel) -> None:
    assert np.isfinite(driven.health().evidence["shift"]).all()


def test_a_panel(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of another engine, with its own fleet."""
    panel_engine.install(monkeypatch)
    monkeypatch.setattr(panel_engine, "MEMBERS", 40)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = panel_engine.panel_model().fit(progressbar=False)
        health = model.health(model.production_fleet(6, progressbar=False, n_jobs=1))
    names = [check.name for check in health.verdict.checks]
    assert "regions against naive forecasts" in names
    assert health.evidence.index.tolist() == panel_engine.CHANNELS


def test_not_fitted_and_another_client(fitted: Any) -> None:
    model = fitted.model
    unfitted = object.__new__(PymcModel)
    unfitted.__dict__ |= {**model.__dict__, "_fit": None}
    with pytest.raises(NotFittedError):
        unfitted.health()
    fleet = model.production_fleet(4, progressbar=False, n_jobs=1, draws=20, tune=50, chains=2)
    (member,) = fleet.members
    renamed = replace(member, job=replace(member.job, name="other"))
    fleet = replace(fleet, members=(renamed,))
    with pytest.raises(SpecificationError, match="Got a holdout of 'other'"):
        model.health(fleet)


def examined(client: SimulatedClient, test_size: int) -> Health:
    """The health of a model of a simulated client, fitted and held out as one would."""
    model = PymcModel(
        client.data,
        client.target_name,
        client.date_column,
        client.channel_names,
        client.control_names,
        lag_max=4,
        random_seed=1,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(progressbar=False)
        fleet = model.production_fleet(test_size, progressbar=False, n_jobs=1)
    return model.health(fleet)


def troubles(health: Health) -> dict[str, str]:
    checks = health.verdict.checks
    return {check.name: str(check.status) for check in checks if check.status != "pass"}


@pytest.mark.slow
def test_a_healthy_client_passes() -> None:
    health = examined(simulate_client(104, 3, seed=2), 8)
    assert troubles(health) == {}
    assert set(health.evidence["tier"]) == {"identified"}
    assert not health.blocked
    assert health.remedies == []


@pytest.mark.slow
def test_a_confounded_client_does_not() -> None:
    """Search is credited with demand: some fifteen times what it brought."""
    health = examined(simulate_confounded_client(seed=10), 8)
    found = troubles(health)
    assert found["spend that follows sales"] == "review"
    assert found["size of the baseline"] == "review"
    assert health.evidence.loc["search_cost", "tier"] == "prior-driven"
    assert any("'search_cost'" in remedy for remedy in health.remedies)


@pytest.mark.slow
def test_a_collinear_client_does_not() -> None:
    health = examined(simulate_collinear_client(seed=0), 8)
    found = troubles(health)
    assert found["pairs of channels"] == found["channels that move alone"] == "fail"
    assert found["channels told apart"] == "fail"
    assert health.evidence["tier"].to_dict() == {
        "tv_cost": "prior-driven",
        "video_cost": "prior-driven",
        "social_cost": "identified",
    }


@pytest.mark.slow
def test_a_client_with_too_little_history_does_not() -> None:
    health = examined(simulate_short_client(seed=0), 4)
    assert health.verdict.status == "fail"
    assert health.blocked
    assert "periods per parameter" in [check.name for check in health.failed_gates]
    assert "Add history" in health.remedies[0]


@pytest.mark.slow
def test_experiments_of_the_healthy_client() -> None:
    """One that measured the truth makes a channel tested; its opposite is found out."""
    client = simulate_client(104, 3, seed=2)
    channel = client.channel_names[0]
    about = {"start": "2021-11-01", "end": "2021-11-28", "spend_change": "off", "channel": channel}
    weeks = pd.to_datetime(client.data["date_week"]).between("2021-11-01", "2021-11-28")
    truth = client.truth["roi"][channel] * client.data.loc[weeks, channel].sum()
    for effect, tier in ((truth, "tested"), (-2 * truth, "identified")):
        model = PymcModel(
            client.data, "revenue", "date_week", client.channel_names, ["events"], lag_max=4,
            random_seed=1,
        )  # fmt: skip
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            table = pd.DataFrame([{**about, "effect": effect, "sigma": 0.1 * truth}])
            health = model.add_uplift_tests(table).fit(progressbar=False).health()
        assert health.evidence.loc[channel, "tier"] == tier
        assert (troubles(health).get("experiments") == "fail") == (tier != "tested")
