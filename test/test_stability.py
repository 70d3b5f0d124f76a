"""The stability fleet: what is changed and nothing else, and how the change is measured."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from fits import QUIET, FakeSampler, fake_fit, small_config, small_subject

from pymc_toolkit.engines.bayesian.engine import BayesianEngine
from pymc_toolkit.exceptions import ColumnError, DataError, SpecificationError
from pymc_toolkit.fleets.disturbances import StabilityPlan
from pymc_toolkit.fleets.job import Subject
from pymc_toolkit.fleets.member import Member
from pymc_toolkit.fleets.stability import StabilityFleet, run_stability
from pymc_toolkit.pymc_model import PymcModel

Install = Callable[..., FakeSampler]

pytestmark = pytest.mark.usefixtures("convergence_is_not_the_point")


def disturb(subject: Subject | None = None, **plan: Any) -> StabilityFleet:
    return run_stability(subject or small_subject(), StabilityPlan(**plan), QUIET)


def test_members_of_the_default_plan(fake_sampler: Install) -> None:
    fake_sampler()
    fleet = disturb()
    assert [member.name for member in fleet] == [
        "reference",
        "without the last 1 week",
        "without the last 2 weeks",
        "without the last 3 weeks",
        "without the last 4 weeks",
        "noise of 0.05, 1",
        "noise of 0.05, 2",
        "seed 1",
        "seed 2",
        f"{fleet.placebo_channel} shuffled",
    ]
    assert list(fleet.tests().index) == ["refresh", "perturbation", "seed", "placebo"]
    assert fleet.tests()["members"].tolist() == [4, 2, 2, 1]
    seeds = [member.job.sampling.random_seed for member in fleet]
    assert len(set(seeds)) == 10


def test_each_change_changes_what_it_says_and_nothing_else(fake_sampler: Install) -> None:
    fake_sampler()
    subject = small_subject()
    fleet = disturb(subject, refreshes=2, perturbations=1, seeds=1)
    data = subject.data.dataset
    by_name = {member.name: member.job.data.dataset for member in fleet}
    xr.testing.assert_identical(by_name["reference"], data)
    xr.testing.assert_identical(by_name["seed 1"], data)
    xr.testing.assert_identical(by_name["without the last 2 weeks"], data.isel(date=slice(38)))
    channel = fleet.placebo_channel
    shuffled = by_name[f"{channel} shuffled"]
    xr.testing.assert_identical(shuffled.drop_vars("media"), data.drop_vars("media"))
    rest = [name for name in subject.data.channels if name != channel]
    xr.testing.assert_identical(
        shuffled["media"].sel(channel=rest), data["media"].sel(channel=rest)
    )
    before, after = (d["media"].sel(channel=channel).values for d in (data, shuffled))
    assert not np.array_equal(before, after)
    np.testing.assert_array_equal(np.sort(before), np.sort(after))
    noisy = by_name["noise of 0.05, 1"]
    xr.testing.assert_identical(noisy["controls"], data["controls"])
    assert (noisy["media"].values[data["media"].values == 0] == 0).all()
    for member in fleet:
        for name in ("target", "media"):
            xr.testing.assert_equal(member.job.data.scale(name), subject.data.scale(name))


def test_noise_has_the_size_that_was_asked_for(fake_sampler: Install) -> None:
    fake_sampler()
    subject = small_subject(small_config(400))
    (noisy,) = (
        member.job.data.dataset
        for member in disturb(subject, refreshes=0, perturbations=1, noise=0.1, seeds=0)
        if member.job.about["kind"] == "perturbation"
    )
    for name in ("target", "media"):
        before = subject.data.dataset[name].values
        ratio = noisy[name].values[before > 0] / before[before > 0]
        assert ratio.std() == pytest.approx(0.1, rel=0.15)
        assert ratio.mean() == pytest.approx(1.0, abs=0.02)


def test_noise_never_makes_spend_negative(fake_sampler: Install) -> None:
    fake_sampler()
    subject = small_subject(small_config(200))
    fleet = disturb(subject, refreshes=0, perturbations=1, noise=0.9, seeds=0)
    assert float(fleet[1].job.data.dataset["media"].min()) == 0.0


def test_the_placebo_is_the_largest_paid_channel() -> None:
    table = small_config(40).table.assign(views=1e9 + np.arange(40))
    names = ["channel_1_cost", "channel_2_cost", "views"]
    largest = table[names[:2]].sum().idxmax()

    def chosen(**options: Any) -> str:
        model = PymcModel(table, "revenue", "date_week", names, lag_max=3, **options)
        return str(StabilityPlan().checked(model.fleet_subject()).placebo_channel)

    assert chosen(cost_per_unit={"views": None}) == largest
    assert chosen(cost_per_unit={"views": 1e-9}) == largest
    assert chosen() == "views"


def built(reference: float, *others: tuple[str, int, float]) -> StabilityFleet:
    """Members whose ceiling of revenue (saturation_alpha) is known: kind, periods, ceiling."""
    subject = small_subject()

    def member(name: str, kind: str, periods: int, alpha: float) -> Member:
        data = subject.data.window(None, periods)
        fixed = {
            "saturation_alpha": alpha,
            "saturation_lam": 0.5,
            "adstock_alpha": 0.3,
            "media_temporal_latent_multiplier_raw_eta": 0.0,
        }
        fit = fake_fit(data, subject.spec, fixed=fixed)
        return Member(subject.job(name, data, periods, 1, about={"kind": kind}), fit)

    plan = StabilityPlan().checked(subject)
    members = [member("reference", "reference", 40, reference)]
    members += [
        member(f"{kind} {i}", kind, periods, alpha)
        for i, (kind, periods, alpha) in enumerate(others)
    ]
    options = {"placebo_channel": plan.placebo_channel, "thresholds": plan.thresholds}
    return StabilityFleet(tuple(members), {**options, "random_seed": 1})


def test_drift_by_hand() -> None:
    """Contribution is proportional to the ceiling, over the periods that both windows have."""
    fleet = built(1.0, ("refresh", 36, 1.2), ("refresh", 30, 0.9), ("seed", 40, 1.03))
    drift = fleet.drift()
    for member, change in (("refresh 0", 0.2), ("refresh 1", -0.1), ("seed 2", 0.03)):
        rows = drift[drift["member"] == member]
        np.testing.assert_allclose(rows["contribution_change"], change, rtol=1e-9)
        np.testing.assert_allclose(rows["roi_change"], change, rtol=1e-9)
    earned = fleet[0].contributions()["channels"].mean(("chain", "draw"))
    row = drift[(drift["member"] == "refresh 1") & (drift["channel"] == "channel_2_cost")].iloc[0]
    spend = fleet[0].job.data.dataset["media"].values[:30, 1].sum()
    assert row["reference"] == pytest.approx(float(earned[:30, 1].sum()))
    assert row["reference_roi"] == pytest.approx(row["reference"] / spend)
    tests = fleet.tests()
    assert tests.loc["refresh", "value"] == pytest.approx(0.15)
    assert tests.loc["seed", "value"] == pytest.approx(0.03)
    assert tests.loc["refresh", "threshold_name"] == "refresh_change"
    assert list(tests.index) == ["refresh", "seed"]


@pytest.mark.parametrize(
    ("kind", "ceiling", "status"),
    [
        ("refresh", 1.1499, "pass"),
        ("refresh", 1.16, "review"),
        ("refresh", 0.69, "fail"),
        ("perturbation", 1.079, "pass"),
        ("perturbation", 0.9, "review"),
        ("perturbation", 1.17, "fail"),
        ("seed", 0.951, "pass"),
        ("seed", 1.06, "review"),
        ("placebo", 0.49, "pass"),
        ("placebo", 0.51, "review"),
        ("placebo", 1.2, "review"),
    ],
)
def test_verdict_at_the_thresholds(kind: str, ceiling: float, status: str) -> None:
    check = built(1.0, (kind, 40, ceiling)).verdict().checks[-1]
    assert check.status == status
    assert kind in check.name


def test_a_shuffled_channel_may_not_fall() -> None:
    fleet = built(1.0, ("placebo", 40, 1.2))
    assert fleet.tests().loc["placebo", "value"] == pytest.approx(-0.2)
    assert "does not fall" in fleet.verdict().checks[-1].sentence


def test_thresholds_can_be_overridden(fake_sampler: Install) -> None:
    fake_sampler()
    fleet = disturb(refreshes=1, perturbations=0, seeds=0, thresholds={"refresh_change": 1e-6})
    assert fleet.thresholds == {
        "refresh_change": 1e-6,
        "perturbation_change": 0.08,
        "seed_change": 0.05,
        "placebo_drop": 0.5,
    }
    assert fleet.tests().loc["refresh", "threshold"] == 1e-6
    assert "refresh_change" in fleet.verdict().checks[1].sentence
    assert fleet.summary()["change"]["refresh"]["refresh_change"] == 1e-6


def test_nothing_is_compared_with_a_reference_that_failed(
    fake_sampler: Install, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    sampler = fake_sampler()

    def first_fails(*args: Any, **kwargs: Any) -> Any:
        if len(sampler.calls) == 0:
            sampler.calls.append(args)
            raise ValueError("no luck")
        return sampler(*args, **kwargs)

    monkeypatch.setattr(BayesianEngine, "fit", staticmethod(first_fails))
    fleet = disturb(refreshes=1, perturbations=0, seeds=0)
    assert fleet.reference is None
    assert fleet.drift().empty
    assert fleet.summary()["change"] == {}
    assert [check.name for check in fleet.verdict().checks] == [
        "members that failed",
        "convergence",
    ]
    page = fleet.generate_report(tmp_path / "x.html").read_text(encoding="utf-8")
    assert "The unchanged fit failed." in page


@pytest.mark.parametrize(
    ("plan", "error", "match"),
    [
        ({"refreshes": -1}, SpecificationError, "refreshes=-1"),
        ({"refreshes": 28}, DataError, "refreshes=28 of 40 periods"),
        ({"perturbations": 1.5}, SpecificationError, "perturbations=1.5"),
        ({"seeds": "2"}, SpecificationError, "seeds='2'"),
        ({"noise": 0}, SpecificationError, "noise=0"),
        ({"noise": 1.0}, SpecificationError, "noise=1.0"),
        ({"noise": True}, SpecificationError, "noise=True"),
        ({"placebo_channel": "tv"}, ColumnError, "placebo_channel='tv'"),
        ({"thresholds": {"refresh": 0.1}}, SpecificationError, "threshold 'refresh'"),
        ({"thresholds": {"refresh_change": 0}}, SpecificationError, "refresh_change=0"),
        ({"thresholds": {"refresh_change": "x"}}, SpecificationError, "refresh_change='x'"),
        ({"thresholds": 0.1}, SpecificationError, "thresholds=0.1"),
    ],
)
def test_wrong_arguments_are_refused_before_anything_is_fitted(
    fake_sampler: Install, plan: Any, error: type[Exception], match: str
) -> None:
    sampler = fake_sampler()
    with pytest.raises(error, match=match):
        disturb(**plan)
    assert not sampler.calls


@pytest.mark.filterwarnings("ignore::pymc_toolkit.exceptions.DataWarning")
def test_a_channel_that_never_varies_is_no_placebo(fake_sampler: Install) -> None:
    sampler = fake_sampler()
    table = small_config(40).table.assign(flat=5.0)
    for names, chosen in ((["channel_1_cost", "flat"], "flat"), (["flat"], None)):
        model = PymcModel(table, "revenue", "date_week", names, lag_max=3)
        with pytest.raises(DataError, match="varies"):
            disturb(model.fleet_subject(), placebo_channel=chosen)
    assert not sampler.calls
    assert isinstance(table, pd.DataFrame)
