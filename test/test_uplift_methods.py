"""Experiments of a model: added, kept, taken through every fleet, and told to the reader."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from fits import FakeSampler
from scipy import stats

from pymc_toolkit.analysis.uplift import tail
from pymc_toolkit.components.uplift_tests import ROBUST_NU, UpliftTest
from pymc_toolkit.engines.bayesian.uplift import modelled_effects
from pymc_toolkit.exceptions import (
    DataWarning,
    NotFittedError,
    SpecificationError,
    UpliftTestError,
)
from pymc_toolkit.fleets.production import ProductionFleet
from pymc_toolkit.pymc_model import PymcModel
from pymc_toolkit.simulate import simulate_client

pytestmark = pytest.mark.usefixtures("convergence_is_not_the_point")
Install = Callable[..., FakeSampler]
FIRST, SECOND = "channel_1_cost", "channel_2_cost"
FEW = {"draws": 20, "tune": 1, "chains": 2, "progressbar": False}
CLIENT = simulate_client(n_periods=40, n_channels=2, seed=1)
DATES = pd.to_datetime(CLIENT.data["date_week"])


def week(number: int) -> str:
    return str(DATES.iloc[number].date())


def end_of(number: int) -> str:
    return str((DATES.iloc[number] + pd.Timedelta(days=6)).date())


EARLY = UpliftTest(FIRST, week(5), end_of(8), effect=3000.0, sigma=500.0, name="early")
LATE = UpliftTest(
    SECOND, week(35), end_of(38), effect=2000.0, sigma=500.0, spend_change=10.0, included=False
)


def small_model(periods: int = 40, **options: Any) -> PymcModel:
    given = {"lag_max": 3, "random_seed": 3, **options}
    table = CLIENT.data.head(periods)
    return PymcModel(table, "revenue", "date_week", CLIENT.channel_names, ["events"], **given)


def test_tests_change_the_model_and_ask_for_a_new_fit(fake_sampler: Install) -> None:
    sampler = fake_sampler()
    model = small_model().fit(**FEW)
    assert model.add_uplift_tests(EARLY) is model
    assert model.uplift_tests == (EARLY,)
    for ask in (model.roi, model.predict, model.uplift_summary):
        with pytest.raises(NotFittedError):
            ask()
    model.add_uplift_tests([LATE]).fit(**FEW)
    assert sampler.calls[-1][1].uplift_tests == (EARLY, LATE)
    # The fit from before the tests is what they are held against.
    calls = len(sampler.calls)
    summary = model.uplift_summary()
    assert len(sampler.calls) == calls
    assert summary["test"].tolist() == ["early", LATE.label]


def test_impossible_tests_leave_the_model_as_it_was(fake_sampler: Install) -> None:
    fake_sampler()
    model = small_model().add_uplift_tests(EARLY).fit(**FEW)
    bound = UpliftTest(FIRST, week(1), end_of(4), lower=1.0, sigma=1.0)
    for tests, kind, message in (
        (EARLY, "likelihood", "twice"),
        (UpliftTest("tv", week(5), end_of(8), effect=1.0, sigma=1.0), "likelihood", "expected one"),
        (bound, "likelihood", "kind='potential'"),
        (LATE, "potential", "kind='likelihood'"),
    ):
        with pytest.raises(UpliftTestError, match=message):
            model.add_uplift_tests(tests, kind=kind)
    with pytest.raises(SpecificationError, match="'likelihood', 'potential', 'prior'"):
        model.add_uplift_tests(LATE, kind="guess")
    assert model.uplift_tests == (EARLY,)
    assert model.roi() is not None
    assert model.add_uplift_tests(bound, kind="potential").uplift_tests == (EARLY, bound)


def test_tests_can_be_taken_back(fake_sampler: Install) -> None:
    fake_sampler()
    model = small_model().add_uplift_tests([EARLY, LATE]).fit(**FEW)
    with pytest.raises(UpliftTestError, match="Got 'never'; expected some of .*'early'"):
        model.remove_uplift_tests("early", "never")
    assert model.uplift_tests == (EARLY, LATE)
    assert model.roi() is not None
    assert model.remove_uplift_tests("early").uplift_tests == (LATE,)
    with pytest.raises(NotFittedError):
        model.roi()
    assert model.remove_uplift_tests().uplift_tests == ()
    with pytest.raises(UpliftTestError, match="it has none"):
        model.remove_uplift_tests()


def test_the_summary_says_what_each_fit_says(fake_sampler: Install) -> None:
    sampler = fake_sampler()
    model = small_model().add_uplift_tests([EARLY, LATE]).fit(**FEW)
    summary = model.uplift_summary().set_index("channel")
    # Never fitted without them: that was done now, once, on the same window.
    (with_tests, without) = sampler.calls
    assert without[1].uplift_tests == ()
    assert without[0].digest() == with_tests[0].digest()
    model.uplift_summary()
    assert len(sampler.calls) == 2
    engine = model._engine
    effect = engine.uplift_effects(model._fitted(), [EARLY])[0][..., 0].ravel()
    effect = effect * float(model.config.model_data.scale("target"))
    row = summary.loc[FIRST]
    assert row["after"] == pytest.approx(effect.mean())
    assert row["after_low"] == pytest.approx(np.quantile(effect, 0.05))
    assert (row["measured"], row["sigma"]) == (3000.0, 500.0)
    roi = model.roi().loc[FIRST]
    assert row["roi_after"] == pytest.approx(roi["roi"])
    assert row["roi_after_high"] == pytest.approx(roi["ci_high"])
    width = roi["ci_high"] - roi["ci_low"]
    before = row["roi_before_high"] - row["roi_before_low"]
    assert row["interval_change"] == pytest.approx(width / before - 1)


def test_before_is_the_same_model_but_for_its_tests(fake_sampler: Install) -> None:
    """Not an earlier fit with other priors."""
    sampler = fake_sampler()
    model = small_model().fit(**FEW).add_uplift_tests(EARLY)
    model.add_uplift_tests(LATE, kind="prior").fit(**FEW).uplift_summary()
    first, with_test, without = (call[1] for call in sampler.calls)
    assert without.prior_overrides == with_test.prior_overrides != first.prior_overrides
    assert without.uplift_tests == ()


def test_there_is_nothing_to_summarise_without_tests(fake_sampler: Install) -> None:
    fake_sampler()
    with pytest.raises(SpecificationError, match="without experiments"):
        small_model().fit(**FEW).uplift_summary()


def test_tail_probability_is_that_of_replicated_results() -> None:
    rng = np.random.default_rng(0)
    modelled = rng.normal(900.0, 100.0, 200_000)
    for robust, error in ((False, stats.norm), (True, stats.t(ROBUST_NU))):
        test = UpliftTest(FIRST, week(1), end_of(4), effect=1200.0, sigma=200.0, robust=robust)
        replicated = modelled + 200.0 * error.rvs(size=modelled.size, random_state=rng)
        share = (replicated >= 1200.0).mean()
        assert tail(test, modelled) == pytest.approx(2 * share, abs=0.01)
    weekly = UpliftTest(
        FIRST, week(1), end_of(4), effect=(300.0,) * 4, sigma=(100.0,) * 4, spend_change="off"
    )
    whole = UpliftTest(FIRST, week(1), end_of(4), effect=1200.0, sigma=200.0)
    assert tail(weekly, modelled) == pytest.approx(tail(whole, modelled))
    bound = UpliftTest(FIRST, week(1), end_of(4), lower=1.0, sigma=1.0)
    assert np.isnan(tail(bound, modelled))


def test_tests_survive_a_file_and_a_refresh(fake_sampler: Install, tmp_path: Path) -> None:
    sampler = fake_sampler()
    model = small_model(36).add_uplift_tests(EARLY).fit(**FEW)
    loaded = PymcModel.load(model.save(tmp_path / "model.nc"))
    assert loaded.uplift_tests == (EARLY,)
    pd.testing.assert_frame_equal(loaded.uplift_summary(), model.uplift_summary())
    loaded.refresh(CLIENT.data.tail(6), progressbar=False)
    data, spec, _ = sampler.calls[-1]
    assert (data.n_periods, spec.uplift_tests) == (40, (EARLY,))
    # Before is of the new window too.
    loaded.uplift_summary()
    data, spec, _ = sampler.calls[-1]
    assert (data.n_periods, spec.uplift_tests) == (40, ())


def test_a_member_does_not_know_tests_from_after_its_training(fake_sampler: Install) -> None:
    fake_sampler()
    model = small_model().add_uplift_tests([EARLY, LATE])
    holdouts = model.holdout_fleet([1, 4], **FEW)
    known = {member.job.held_out: member.job.spec.uplift_tests for member in holdouts}
    assert known == {1: (EARLY, LATE), 4: (EARLY,)}
    forecast = model.forecast_fleet(2, ["flat"], **FEW)
    assert forecast[0].job.spec.uplift_tests == (EARLY, LATE)


def test_a_shuffled_channel_loses_its_tests(fake_sampler: Install) -> None:
    fake_sampler()
    model = small_model().add_uplift_tests([EARLY, LATE])
    fleet = model.stability_fleet(2, 1, 1, placebo_channel=FIRST, **FEW)
    by_kind = {m.job.about["kind"]: m.job.spec.uplift_tests for m in fleet}
    assert by_kind["placebo"] == (LATE,)
    assert by_kind["perturbation"] == by_kind["seed"] == (EARLY, LATE)
    assert fleet["without the last 2 weeks"].job.spec.uplift_tests == (EARLY,)


def test_simulations_measure_their_own_truth(fake_sampler: Install) -> None:
    """Results of a simulation scatter around what its true parameters bring, as sigma says."""
    fake_sampler()
    weekly = UpliftTest(FIRST, week(5), end_of(8), effect=(1.0,) * 4, sigma=200.0, name="weekly")
    bound = UpliftTest(FIRST, week(1), end_of(4), lower=1.0, sigma=1.0)
    model = small_model().add_uplift_tests([LATE, weekly])
    model.add_uplift_tests(bound, kind="potential")
    fleet = model.recovery_fleet(60, **FEW)
    scaled = []
    engine, data = model._engine, model.config.model_data
    for member in fleet:
        tests = member.job.spec.uplift_tests
        # A bound is a belief about this client, not a result.
        assert [test.name for test in tests] == [LATE.name, "weekly"]
        truth = member.job.truth.expand_dims(["chain", "draw"])
        posterior = truth.drop_vars("total_contribution")
        known = type(member.fit)(
            "bayesian", member.job.spec, member.job.sampling, data, _tree(posterior)
        )
        for test, modelled in zip(tests, engine.uplift_effects(known, tests), strict=True):
            errors = np.array(test.effects) - modelled[0, 0] * float(data.scale("target"))
            scaled.extend(errors / np.array(test.sigmas))
    assert len(scaled) == 60 * 5
    assert stats.kstest(scaled, "norm").pvalue > 0.01


def _tree(posterior: Any) -> Any:
    import xarray as xr

    return xr.DataTree.from_dict({"posterior": posterior})


def test_the_monthly_report_says_what_experiments_taught(
    fake_sampler: Install, tmp_path: Path
) -> None:
    sampler = fake_sampler()
    plain = small_model(client_name="plain", random_seed=4)
    tested = small_model(client_name="tested").add_uplift_tests([EARLY, LATE])
    fleet = ProductionFleet.for_clients([plain, tested], 4, **FEW)
    # A client with tests is fitted without them too; that fit is no member.
    assert [member.name for member in fleet] == ["plain", "tested"]
    assert [call[1].uplift_tests for call in sampler.calls] == [(), (EARLY,), ()]
    loaded = ProductionFleet.load(fleet.save(tmp_path / "fleet.nc"))
    assert [member.name for member in loaded] == ["plain", "tested"]
    for one in (fleet, loaded):
        one.generate_report(tmp_path / "report.html")
        pages = {
            name: (tmp_path / f"report-{name}.html").read_text(encoding="utf-8")
            for name in ("plain", "tested")
        }
        assert "What did experiments teach the model?" in pages["tested"]
        assert "Experiments and what the model says of them" in pages["tested"]
        assert "What did experiments teach the model?" not in pages["plain"]


def test_pymc_marketings_object_is_refused_rather_than_made_without_the_tests() -> None:
    with pytest.raises(SpecificationError, match="know neither carry-over nor dates"):
        small_model().add_uplift_tests(EARLY).to_pymc_marketing()


def amplitudes(model: PymcModel, test: UpliftTest, seed: int = 99) -> np.ndarray:
    """Amplitudes that would give draws of a test's effect, over other draws from the prior."""
    engine, data, spec = model._engine, model.config.model_data, model.spec
    draws = engine.prior_draws(data, spec, 20_000, seed)
    effect = modelled_effects(draws, spec, data, [test])[0][0, :, 0] * float(data.scale("target"))
    per_unit = effect / draws["saturation_alpha"].sel(channel=test.channel).values[0]
    measured = np.random.default_rng(seed).normal(test.effects[0], test.sigmas[0], per_unit.size)
    return measured / per_unit


def test_a_prior_has_the_quantiles_of_what_the_test_asks_for() -> None:
    model = small_model()
    before = model.model_priors["saturation_alpha"]
    asked = amplitudes(model, EARLY)
    model.add_uplift_tests(EARLY, kind="prior")
    assert model.uplift_tests == ()
    prior = model.spec.prior_overrides["saturation_alpha"]
    (mu, other_mu), (sigma, other_sigma) = prior["kwargs"]["mu"], prior["kwargs"]["sigma"]
    matched = stats.gamma((mu / sigma) ** 2, scale=sigma**2 / mu)
    wanted = np.quantile(asked[asked > 0], [0.05, 0.95])
    np.testing.assert_allclose(matched.ppf([0.05, 0.95]), wanted, rtol=0.08)
    # The channel that was not tested keeps its prior.
    given = before.parameters
    assert (other_mu, other_sigma) == pytest.approx((given["mu"], given["sigma"]))


def test_a_bound_as_a_prior_is_taken_as_its_quantiles() -> None:
    bound = UpliftTest(FIRST, week(5), end_of(8), lower=2000.0, upper=4000.0, sigma=1.0)
    same = UpliftTest(
        FIRST, week(5), end_of(8), effect=3000.0, sigma=1000.0 / stats.norm.ppf(0.95), name="same"
    )
    priors = [
        small_model().add_uplift_tests(test, kind="prior").spec.prior_overrides
        for test in (bound, same)
    ]
    for key in ("mu", "sigma"):
        one, other = (p["saturation_alpha"]["kwargs"][key] for p in priors)
        np.testing.assert_allclose(one, other, rtol=1e-6)


@pytest.mark.parametrize(
    ("options", "tests", "message"),
    [
        ({"saturation": "logistic"}, [EARLY], "HalfNormal"),
        ({"saturation": "tanh"}, [EARLY], "no parameter of which"),
        ({}, [EARLY, UpliftTest(FIRST, week(1), end_of(4), effect=1.0, sigma=1.0)], "two tests"),
        ({}, [UpliftTest(FIRST, week(1), end_of(4), effect=-9.0, sigma=4.0)], "not positive"),
        ({}, [UpliftTest(FIRST, week(1), end_of(4), lower=1.0, sigma=1.0)], "one end"),
    ],
)
def test_what_no_prior_can_say_is_refused(
    options: dict[str, Any], tests: list[UpliftTest], message: str
) -> None:
    model = small_model(**options)
    spec = model.spec
    with pytest.raises(UpliftTestError, match=message):
        model.add_uplift_tests(tests, kind="prior")
    assert model.spec == spec


def test_a_real_fit_learns_from_a_test() -> None:
    """With a precise test the model has to say what was measured, and is surer of its channel."""
    few = {"draws": 300, "tune": 400, "chains": 2, "progressbar": False}
    model = small_model().fit(**few)
    before = model._engine.uplift_effects(model._fitted(), [EARLY])[0]
    scale = float(model.config.model_data.scale("target"))
    measured = float(np.quantile(before * scale, 0.9))
    sigma = 0.1 * float((before * scale).std())
    test = UpliftTest(FIRST, week(5), end_of(8), effect=measured, sigma=sigma)
    row = model.add_uplift_tests(test).fit(**few).uplift_summary().iloc[0]
    assert row["after"] == pytest.approx(measured, abs=3 * sigma)
    assert row["before"] < row["after"]
    assert row["after_high"] - row["after_low"] < 0.3 * (row["before_high"] - row["before_low"])
    assert row["interval_change"] < -0.2
    assert row["roi_after"] > row["roi_before"]


def test_a_model_goes_on_with_a_prior_from_a_test(fake_sampler: Install, tmp_path: Path) -> None:
    """Its values by channel can be drawn from, shown, refreshed, and learnt from once more."""
    fake_sampler()
    model = small_model(36).add_uplift_tests(EARLY, kind="prior")
    second = UpliftTest(SECOND, week(5), end_of(8), effect=2000.0, sigma=400.0)
    model.add_uplift_tests(second, kind="prior").fit(**FEW)
    mu = model.spec.prior_overrides["saturation_alpha"]["kwargs"]["mu"]
    assert mu[0] != mu[1]
    assert len(model.recovery_fleet(2, **FEW).finished) == 2
    model.production_fleet(4, **FEW).generate_report(tmp_path / "report.html")
    model.refresh(CLIENT.data.tail(6), progressbar=False)
    assert model.spec.prior_overrides["saturation_alpha"]["kwargs"]["mu"] == mu


def test_restated_spend_cannot_take_a_test_away_silently(fake_sampler: Install) -> None:
    fake_sampler()
    model = small_model().add_uplift_tests(EARLY).fit(**FEW)
    restated = CLIENT.data.copy()
    restated.loc[5:8, FIRST] = 0.0
    held = model.config
    for ask in (
        lambda: model.refresh(restated, progressbar=False),
        lambda: model.fleet_subject(restated),
    ):
        with pytest.raises(UpliftTestError, match="without spend"):
            ask()
    assert model.config is held


def test_an_effect_of_the_wrong_sign_is_asked_about() -> None:
    for changes in ({"effect": -3000.0}, {"effect": 3000.0, "spend_change": -10.0}):
        given = {"effect": 1.0, "sigma": 500.0, **changes}
        with pytest.warns(DataWarning, match="Change the sign"):
            small_model().add_uplift_tests(UpliftTest(FIRST, week(5), end_of(8), **given))
    # One that chance explains is taken as it is: filters make an error of any warning here.
    small_model().add_uplift_tests(
        UpliftTest(FIRST, week(5), end_of(8), effect=-1400.0, sigma=500.0)
    )


def test_an_impossible_probability_is_refused_before_anything_is_fitted(
    fake_sampler: Install,
) -> None:
    sampler = fake_sampler()
    model = small_model().add_uplift_tests(EARLY).fit(**FEW)
    with pytest.raises(SpecificationError, match="ci_prob=90"):
        model.uplift_summary(ci_prob=90)
    assert len(sampler.calls) == 1


def test_more_draws_make_for_another_fit_without_the_tests(fake_sampler: Install) -> None:
    sampler = fake_sampler()
    model = small_model().fit(**FEW).add_uplift_tests(EARLY).fit(**{**FEW, "draws": 30})
    model.uplift_summary()
    assert [call[2].draws for call in sampler.calls] == [20, 30, 30]


def test_without_the_other_fit_tests_are_shown_all_the_same(
    fake_sampler: Install, tmp_path: Path
) -> None:
    fake_sampler()
    fleet = small_model().add_uplift_tests(EARLY).production_fleet(4, **FEW)
    alone = ProductionFleet(fleet.members, fleet.options)
    page = alone.generate_report(tmp_path / "report.html").read_text(encoding="utf-8")
    assert "The model agrees with" in page
