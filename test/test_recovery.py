"""The recovery fleet: what is true is known, and is what the data were made from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from fits import QUIET, FakeSampler, fake_fit, small_config, small_data, small_subject
from scipy.stats import kstest

from pymc_toolkit.analysis.contributions import decomposition
from pymc_toolkit.engines.base import Fit
from pymc_toolkit.exceptions import NotFittedError, SpecificationError
from pymc_toolkit.fleets.job import Subject
from pymc_toolkit.fleets.member import Member
from pymc_toolkit.fleets.recovery import RecoveryFleet, run_recovery
from pymc_toolkit.fleets.recovery_checks import judge_share
from pymc_toolkit.model_spec import ModelSpec
from pymc_toolkit.priors import component_parameters
from pymc_toolkit.pymc_model import PymcModel
from pymc_toolkit.simulate import simulate_client

Install = Callable[..., FakeSampler]
PROCESSES = ("intercept_latent_process", "media_temporal_latent_multiplier")
GUIDE = [
    "y_sigma",
    "intercept",
    "controls",
    "media_temporal_latent_multiplier_raw_eta",
    "media_temporal_latent_multiplier_raw_ls",
    "saturation_lam",
    "saturation_alpha",
    "adstock_alpha",
]

pytestmark = pytest.mark.usefixtures("convergence_is_not_the_point")


def recover(
    n_simulations: Any = 1, source: Any = "prior", subject: Subject | None = None
) -> RecoveryFleet:
    return run_recovery(subject or small_subject(), n_simulations, source, QUIET)


def test_summary_of_the_guide(fake_sampler: Install) -> None:
    fake_sampler(diverging=2, depth=5)
    summary = recover().summary()
    assert list(summary) == ["divergences", "max_tree_depth", "train", "recovery"]
    assert (summary["divergences"], summary["max_tree_depth"]) == (2, 5)
    assert list(summary["train"]) == ["mape", "nrmse", "r_squared", "crps"]
    assert list(summary["recovery"]) == GUIDE
    assert all(0 <= score <= 1 for score in summary["recovery"].values())


def test_every_part_of_a_model_has_a_score(fake_sampler: Install) -> None:
    fake_sampler()
    prior = {"dist": "HalfNormal", "kwargs": {"sigma": 1}}
    likelihood = {"sigma": prior, "nu": {"dist": "Gamma", "kwargs": {"alpha": 10, "beta": 1}}}
    spec = ModelSpec(
        lag_max=3,
        time_varying_media=True,
        adstock="delayed",
        saturation="hill",
        yearly_seasonality=1,
        trend=2,
        time_varying_intercept=True,
        prior_overrides={"likelihood": {"dist": "StudentT", "kwargs": likelihood}},
    )
    scores = recover(subject=small_subject(spec=spec)).scores()
    assert scores.index.tolist() == [
        *("y_sigma", "y_nu", "intercept", "controls", "gamma_fourier", "delta"),
        *(f"{process}_raw_{name}" for process in PROCESSES for name in ("eta", "ls")),
        *component_parameters(spec),
    ]
    assert scores.loc["gamma_fourier", "scalars"] == 2
    assert scores.loc["adstock_theta", "scalars"] == 2


def noiseless(spec: ModelSpec) -> ModelSpec:
    sigma = {"dist": "HalfNormal", "kwargs": {"sigma": 1e-9}}
    return replace(
        spec,
        prior_overrides={"likelihood": {"dist": "Normal", "kwargs": {"sigma": sigma}}},
    )


def test_the_target_is_what_the_true_parameters_make_of_the_media(fake_sampler: Install) -> None:
    """Rebuilt by hand from the truth of a model without drift and noise."""
    fake_sampler()
    subject = small_subject(spec=noiseless(ModelSpec(lag_max=3)))
    for member in recover(3, subject=subject):
        truth, data = member.job.truth, member.job.data
        media, control = data.scaled("media").values, data.scaled("controls").values
        expected = float(truth["intercept"]) + control @ truth["gamma_control"].values
        earned = np.zeros(media.shape)
        for j in range(2):
            retention = float(truth["adstock_alpha"][j])
            weights = retention ** np.arange(3)
            carried = np.convolve(media[:, j], weights / weights.sum())[: len(media)]
            lam, alpha = (float(truth[f"saturation_{name}"][j]) for name in ("lam", "alpha"))
            earned[:, j] = alpha * carried / (lam + carried)
        scale = float(data.scale("target"))
        target = data.dataset["target"].values
        np.testing.assert_allclose(target, (expected + earned.sum(1)) * scale, rtol=1e-6)
        np.testing.assert_allclose(truth["total_contribution"], earned.sum(0) * scale, rtol=1e-9)


def test_noise_has_the_size_of_the_true_sigma(fake_sampler: Install) -> None:
    """What is left of the target of a model without drift once its truth is taken off."""
    fake_sampler()
    subject = small_subject(small_config(150), spec=ModelSpec(lag_max=3))
    sizes = []
    for member in recover(20, subject=subject):
        truth = member.job.truth.expand_dims(("chain", "draw"))
        tree = xr.DataTree.from_dict({"posterior": truth})
        known = Fit("bayesian", subject.spec, subject.sampling, subject.data, tree)
        expected = decomposition(known)["fitted"].values.ravel()
        noise = member.job.data.dataset["target"].values - expected
        sigma = float(member.job.truth["y_sigma"]) * float(subject.data.scale("target"))
        assert abs(noise.mean()) < 5 * sigma / np.sqrt(150)
        sizes.append(noise.std() / sigma)
    np.testing.assert_allclose(sizes, 1.0, rtol=0.25)


def test_true_parameters_come_from_the_prior(fake_sampler: Install) -> None:
    fake_sampler()
    fleet = recover(100)
    truths = fleet.parameters()
    sigma = truths.loc[truths["variable"] == "intercept", "truth"]
    assert kstest(sigma, "halfnorm").pvalue > 0.001
    retention = truths.loc[truths["variable"] == "adstock_alpha", "truth"]
    assert kstest(retention, "beta", args=(1, 3)).pvalue > 0.001


def test_the_posterior_is_a_source_too(fake_sampler: Install) -> None:
    fake_sampler()
    data = small_data(40)
    fit = fake_fit(data, small_subject().spec, chains=2, draws=30)
    subject = small_subject(fit=fit)
    fleet = recover(5, "posterior", subject)
    known = fit.posterior["intercept"].values.ravel()
    truths = [float(member.job.truth["intercept"]) for member in fleet]
    assert set(truths) <= set(known)
    assert len(set(truths)) == 5
    # All parameters of a simulation are of one draw.
    draw = int(np.flatnonzero(known == truths[0])[0])
    alpha = fit.posterior["saturation_alpha"].values.reshape(60, -1)[draw]
    np.testing.assert_array_equal(fleet[0].job.truth["saturation_alpha"], alpha)
    assert len(recover(100, "posterior", subject)) == 100


def test_the_client_keeps_its_media_and_scales(fake_sampler: Install) -> None:
    sampler = fake_sampler()
    subject = small_subject()
    before = subject.data.digest()
    recover(2, subject=subject)
    assert subject.data.digest() == before
    for data, spec, _ in sampler.calls:
        assert spec == subject.spec
        xr.testing.assert_identical(data.dataset["media"], subject.data.dataset["media"])
        assert float(data.scale("target")) == float(subject.data.scale("target"))
    first, second = (call[0].dataset["target"].values for call in sampler.calls)
    assert not np.array_equal(first, second)


def test_the_same_seed_makes_the_same_fleet(fake_sampler: Install) -> None:
    fake_sampler()
    assert recover(3).summary() == recover(3).summary()
    # More simulations do not change the seeds of the first ones.
    assert [m.job.sampling for m in recover(5)][:3] == [m.job.sampling for m in recover(3)]


def built(intercepts: np.ndarray, truth: float) -> RecoveryFleet:
    """A fleet of one whose posterior of the intercept is known."""
    subject = small_subject()
    fit = fake_fit(subject.data, subject.spec, chains=2, draws=50, fixed={"intercept": intercepts})
    known = fit.posterior.isel(chain=0, draw=0, drop=True)[["intercept"]] * 0 + truth
    channels = ("channel", np.ones(2))
    job = subject.job(
        "simulation 1", subject.data, 40, 1, truth=known.assign(total_contribution=channels)
    )
    return RecoveryFleet((Member(job, fit),), {"random_seed": 1})


def test_scores_by_hand() -> None:
    draws = np.arange(1, 101, dtype=float).reshape(2, 50)
    (row,) = built(draws, 90.5).parameters().to_dict("records")
    assert row["score"] == pytest.approx(0.2)
    assert (row["inside_50"], row["inside_90"]) == (False, True)
    assert row["mean"] == 50.5
    scores = built(draws, 90.5).scores().loc["intercept"]
    assert scores["bias"] == pytest.approx((50.5 - 90.5) / draws.std())
    assert built(draws, 120.0).summary()["recovery"] == {"intercept": 0.0}


def test_channels_by_hand(fake_sampler: Install) -> None:
    fake_sampler()
    fleet = recover(2)
    table = fleet.channels().set_index(["simulation", "channel"])
    member = fleet[1]
    total = member.contributions()["channels"].sum("date").isel(channel=0)
    row = table.loc[("simulation 2", "channel_1_cost")]
    spend = float(member.job.data.dataset["media"].sum("date")[0])
    assert row["contribution"] == pytest.approx(float(total.mean()))
    assert row["ci_low"] == pytest.approx(float(total.quantile(0.05)))
    assert row["truth"] == float(member.job.truth["total_contribution"][0])
    assert row["roi_truth"] == pytest.approx(row["truth"] / spend)
    assert row["roi"] == pytest.approx(row["contribution"] / spend)


def test_ranks_are_judged_only_if_there_are_enough(fake_sampler: Install) -> None:
    fake_sampler()
    assert "calibration" not in recover(19).verdict().to_frame()["check"].tolist()
    fleet = recover(20)
    check = fleet.verdict().checks[-1]
    assert check.name == "calibration"
    smallest = fleet.uniformity()["p_value"].min()
    assert check.value == pytest.approx(min(1.0, smallest * len(fleet.uniformity())))


@pytest.mark.parametrize(
    ("inside", "of", "status"),
    [
        (900, 1000, "pass"),
        (830, 1000, "pass"),
        (829, 1000, "review"),
        (961, 1000, "review"),
        (699, 1000, "fail"),
        (700, 1000, "review"),
        # Chance alone leaves the limits where there are few truths.
        (3, 4, "pass"),
        (1, 4, "fail"),
        (4, 4, "pass"),
    ],
)
def test_coverage_at_its_limits(inside: int, of: int, status: str) -> None:
    check = judge_share("parameters", np.arange(of) < inside)
    assert check.status == status
    assert check.value == inside / of


@pytest.mark.parametrize("value", [0, -1, 1.5, True, "3", None])
def test_an_impossible_number_of_simulations_is_refused(fake_sampler: Install, value: Any) -> None:
    sampler = fake_sampler()
    with pytest.raises(SpecificationError, match="n_simulations="):
        recover(value)
    assert not sampler.calls


def test_an_unknown_source_is_refused(fake_sampler: Install) -> None:
    sampler = fake_sampler()
    with pytest.raises(SpecificationError, match="source='likelihood'"):
        recover(1, "likelihood")
    model = PymcModel(small_config(40).table, "revenue", "date_week", ["channel_1_cost"], lag_max=3)
    with pytest.raises(NotFittedError, match="source='posterior'"):
        model.recovery_fleet(source="posterior", progressbar=False)
    assert not sampler.calls


def test_a_fit_that_was_sampled_recovers_what_it_can(fitted: Any) -> None:
    """For real, from the posterior of the shared model: its intervals hold most truths."""
    fleet = fitted.model.recovery_fleet(
        2, "posterior", progressbar=False, draws=150, tune=250, chains=2
    )
    table = fleet.parameters()
    assert table["inside_90"].mean() > 0.6
    channels = fleet.channels()
    error = (channels["contribution"] - channels["truth"]).abs() / channels["truth"]
    assert error.median() < 0.5
    assert isinstance(fleet.to_frame(), pd.DataFrame)


@pytest.mark.slow
def test_intervals_of_a_small_model_are_honest() -> None:
    """Fifty simulations of a year of three channels, sampled in earnest: some fifteen minutes."""
    client = simulate_client(n_periods=52, n_channels=3, seed=1)
    model = PymcModel(
        client.data,
        "revenue",
        "date_week",
        client.channel_names,
        client.control_names,
        lag_max=4,
        time_varying_media=True,
        random_seed=2026,
    )
    fleet = model.recovery_fleet(50, progressbar=False)
    assert 0.83 <= fleet.scores()["coverage_90"].mean() <= 0.96
    assert 0.42 <= fleet.scores()["coverage_50"].mean() <= 0.58
    checks = fleet.verdict().to_frame().set_index("check")["status"]
    assert checks["calibration"] == "pass"
    assert checks["recovery of total contributions of channels"] == "pass"
