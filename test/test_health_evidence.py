"""Where what is said of a channel comes from: shifts from the prior, experiments, doubts."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from fits import fake_fit, small_data
from health_examples import CHANNELS, components, spend
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from pymc_toolkit.analysis import before as before_module
from pymc_toolkit.analysis.before import before_data
from pymc_toolkit.analysis.contributions import decomposition
from pymc_toolkit.components.uplift_tests import UpliftTest
from pymc_toolkit.engines.bayesian.engine import BayesianEngine
from pymc_toolkit.exceptions import SpecificationError
from pymc_toolkit.health.doubts import doubts_of
from pymc_toolkit.health.evidence import (
    judge_shift,
    least_shift,
    media_shares,
    shifts,
    shifts_of,
    tell_tiers,
)
from pymc_toolkit.health.experiment_checks import (
    Tested,
    disagreement,
    experiments_of,
    judge_experiments,
    totals,
)
from pymc_toolkit.health.thresholds import Thresholds
from pymc_toolkit.model_spec import ModelSpec, Sampling

LIMITS = Thresholds()
FIRST, SECOND = "channel_1_cost", "channel_2_cost"


def shares(**channels: tuple[float, float]) -> xr.DataArray:
    """Normal draws of each channel, by mean and standard deviation."""
    rng = np.random.default_rng(sum(map(ord, "".join(channels))))
    table = np.stack([rng.normal(*about, (4, 1000)) for about in channels.values()], axis=-1)
    return xr.DataArray(table, dims=("chain", "draw", "channel"), coords={"channel": [*channels]})


@pytest.mark.parametrize("width", [1.0, 0.5, 0.2])
def test_shift_of_a_narrower_posterior(width: float) -> None:
    """By hand: the two distribution functions differ most where the densities cross."""
    found = shifts(shares(tv=(0, 1)), shares(tv=(0, width)))["tv"]
    if width < 1:
        cross = np.sqrt(2 * np.log(1 / width) * width**2 / (1 - width**2))
        expected = stats.norm.cdf(cross / width) - stats.norm.cdf(cross)
        assert found == pytest.approx(expected, abs=0.03)
    assert (found > LIMITS.shift) == (width < 0.4)


@given(st.floats(0.1, 10), st.floats(-3, 3))
def test_shift_knows_no_units(size: float, place: float) -> None:
    before, after = shares(tv=(0, 1)), shares(tv=(0.5, 1))
    moved = shifts(before * size + place, after * size + place)["tv"]
    assert moved == pytest.approx(shifts(before, after)["tv"])
    assert 0 <= moved <= 1


def test_shift_without_a_prior_or_with_draws_that_are_no_numbers() -> None:
    posterior = shares(tv=(0, 1), radio=(0, 1))
    assert shifts(None, posterior).isna().all()
    broken = posterior.where(posterior.channel != "tv")
    assert shifts(shares(tv=(0, 1), radio=(9, 1)), broken).isna().tolist() == [True, False]


def test_shares_do_not_move_with_what_all_media_bring() -> None:
    """The prior's sum of media may be anything: what counts is how it divides."""
    few, many = components(), components()
    many = many.assign(channels=7 * many["channels"])
    xr.testing.assert_allclose(media_shares(few), media_shares(many))
    assert media_shares(few).sum("channel").mean() == pytest.approx(1)
    alone = media_shares(components().sel(channel=["tv"]))
    assert 0.1 < float(alone.mean()) < 0.2


@pytest.mark.parametrize(
    ("moved", "status"),
    [((0.5, 0.6, 0.7), "pass"), ((0.5, 0.1, 0.7), "review"), ((0.1, 0.1, 0.7), "fail")],
)
def test_learnt_from_the_data(moved: tuple[float, ...], status: str) -> None:
    check = judge_shift(pd.Series(moved, CHANNELS), LIMITS.shift, LIMITS)
    assert (check.status, check.value) == (status, min(moved))
    assert ("'radio'" in check.sentence + check.remedy) == (status != "pass")


def test_an_engine_without_a_prior_is_no_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    check = judge_shift(pd.Series(np.nan, CHANNELS), LIMITS.shift, LIMITS)
    assert (check.status, check.value) == ("review", None)
    assert "no prior" in check.sentence
    model = "bayesian", small_data(), ModelSpec(lag_max=3), Sampling()
    monkeypatch.setattr(before_module, "get_engine", lambda _: SimpleNamespace())
    assert before_data(*model) is None

    def refuse(*_: Any) -> None:
        raise SpecificationError("There is none.")

    monkeypatch.setattr(before_module, "get_engine", lambda _: SimpleNamespace(prior_draws=refuse))
    assert before_data(*model) is None


def test_few_draws_need_a_larger_shift() -> None:
    """Members of an ensemble drawn from the prior itself do not count as learnt."""
    rng, prior = np.random.default_rng(8), shares(tv=(0, 1))
    for members in (4, 8, 16):
        least = least_shift(LIMITS, members)
        own = [
            float(stats.ks_2samp(prior.values.ravel(), rng.normal(size=members)).statistic)
            for _ in range(300)
        ]
        assert np.mean(np.array(own) > least) < 0.08
    assert least_shift(LIMITS, 10_000) == LIMITS.shift


@pytest.fixture(scope="module")
def before() -> Any:
    """What the small client's model says before the data."""
    fit = fake_fit(spec=ModelSpec(lag_max=3, time_varying_media=True))
    return before_data(fit.engine, fit.training, fit.spec, fit.sampling)


def test_a_posterior_that_is_the_prior_is_prior_driven(before: Any) -> None:
    fit = before.fit
    prior = BayesianEngine().prior_draws(fit.training, fit.spec, 1000, 99)
    parts = decomposition(replace(fit, idata=xr.DataTree.from_dict({"posterior": prior})))
    shift = shifts_of(before, parts)
    assert judge_shift(shift, LIMITS.shift, LIMITS).status == "fail"
    assert set(tell_tiers(shift, [], {}, LIMITS.shift, LIMITS)["tier"]) == {"prior-driven"}
    known = parts.assign(channels=parts["channels"] * xr.DataArray([1, 50], dims="channel"))
    tiers = tell_tiers(shifts_of(before, known), [], {}, LIMITS.shift, LIMITS)
    assert set(tiers["tier"]) == {"identified"}
    assert list(tiers.columns) == ["tier", "shift", "reason"]
    assert tiers.index.name == "channel"


def measured(modelled: float, total: float, sigma: float, channel: str = "tv", **about: Any) -> Any:
    """An experiment, and a model that is nearly sure of what it should have measured."""
    test = UpliftTest(channel, "2021-03-01", "2021-03-28", effect=total, sigma=sigma, **about)
    return Tested(test, np.random.default_rng(0).normal(modelled, 1e-3, 500))


@pytest.mark.parametrize(
    ("deviations", "status"), [(0.0, "pass"), (1.5, "pass"), (2.3, "review"), (-4.0, "fail")]
)
def test_experiments_beside_the_model(deviations: float, status: str) -> None:
    check = judge_experiments([measured(100, 100 + 20 * deviations, 20)], LIMITS)
    assert check is not None
    assert (check.sentence == "The experiment agrees with the model.") == (status == "pass")
    assert check.status == status
    assert check.value == pytest.approx(2 * stats.norm.sf(abs(deviations)), abs=1e-3)


def test_experiments_that_contradict_each_other() -> None:
    """The model lies between the two, so that neither is far from it."""
    pair = [measured(100, 65, 20), measured(100, 135, 20, name="second")]
    alone = [judge_experiments([one], LIMITS) for one in pair]
    assert {check.status for check in alone if check} == {"pass"}
    check = judge_experiments(pair, LIMITS)
    assert check is not None
    assert check.status == "review"
    assert "contradict each other" in check.sentence
    apart = [pair[0], measured(100, 135, 20, channel="radio")]
    elsewhere = judge_experiments(apart, LIMITS)
    assert elsewhere is not None
    assert elsewhere.status == "pass"


def test_experiments_of_different_size_are_compared_by_the_model() -> None:
    """Twice the spend brings less than twice as much, as the model says too."""
    small, large = measured(100, 100, 10), measured(150, 150, 10, name="large")
    assert disagreement(small, large) == pytest.approx(1, abs=1e-3)
    wrong = measured(150, 200, 10, name="wrong")
    error = np.hypot(10 * 150, 10 * 100)
    expected = 2 * stats.norm.sf((200 * 100 - 100 * 150) / error)
    assert disagreement(small, wrong) == pytest.approx(expected, rel=1e-2)


def test_without_experiments_there_is_nothing_to_say() -> None:
    assert judge_experiments([], LIMITS) is None
    bound = UpliftTest("tv", "2021-03-01", "2021-03-28", sigma=1.0, lower=0.0)
    spec = ModelSpec(lag_max=3, uplift_tests=(replace(bound, channel=FIRST),))
    assert experiments_of(fake_fit(spec=spec)) == []


def moved(**shift: float) -> pd.Series:
    return pd.Series(shift)


def test_tiers() -> None:
    doubts = {"radio": "It moves with another.", "tv": "It moves with another."}
    shift = moved(tv=0.9, radio=0.9, search=0.5, social=0.1)
    tiers = tell_tiers(shift, [measured(100, 95, 20)], doubts, 0.2, LIMITS)
    assert tiers["tier"].to_dict() == {
        "tv": "tested",
        "radio": "prior-driven",
        "search": "identified",
        "social": "prior-driven",
    }
    assert tiers.loc["radio", "reason"] == "It moves with another."
    assert "tv, 2021-03-01 to 2021-03-28" in tiers.loc["tv", "reason"]


@pytest.mark.parametrize("second", [[], [measured(100, 100, 20, name="agrees")]])
def test_an_experiment_that_contradicts_the_model_tests_nothing(second: list[Any]) -> None:
    tiers = tell_tiers(moved(tv=0.9), [measured(100, 10, 20), *second], {}, 0.2, LIMITS)
    assert tiers.loc["tv", "tier"] == "identified"
    assert "contradicts" in tiers.loc["tv", "reason"]


def test_an_experiment_that_says_less_than_the_prior_tests_nothing(before: Any) -> None:
    dates = before.fit.training.dates
    about = {"start": str(dates[4].date()), "end": str((dates[8] - pd.Timedelta("1D")).date())}
    test = UpliftTest(FIRST, **about, effect=1.0, sigma=1.0)
    (draws,) = totals(before.fit, [test])
    for times, tier in ((0.5, "tested"), (2.0, "prior-driven")):
        sigma = times * float(draws.std())
        one = Tested(replace(test, effect=float(draws.mean()), sigma=sigma), draws)
        shift = pd.Series({FIRST: 0.1, SECOND: 0.5})
        tiers = tell_tiers(shift, [one], {}, 0.2, LIMITS, before)
        assert tiers["tier"].to_dict() == {FIRST: tier, SECOND: "identified"}


def test_what_a_fit_says_of_its_own_experiments() -> None:
    """In units of the target, in total."""
    data = small_data()
    about = {"start": "2021-02-01", "end": "2021-02-28"}
    test = UpliftTest(FIRST, **about, effect=(1.0, 2.0, 3.0, 4.0), sigma=9.0)
    fit = fake_fit(data, ModelSpec(lag_max=3, uplift_tests=(test,)))
    (one,) = experiments_of(fit)
    (effects,) = BayesianEngine().uplift_effects(fit, [test])
    np.testing.assert_allclose(
        one.modelled, effects.sum(axis=-1).ravel() * float(data.scale("target"))
    )


def doubts(media: xr.DataArray, parts: xr.Dataset | None = None) -> dict[str, str]:
    """Of a client with that spend, and sales that are noise."""
    from pymc_toolkit.client_config import ClientConfig

    table = media.to_pandas().reset_index(drop=True)
    table["week"] = pd.date_range("2022-01-03", periods=len(table), freq="W-MON")
    table["sales"] = 1000 + np.random.default_rng(1).standard_normal(len(table))
    data = ClientConfig(table, "sales", "week", CHANNELS).model_data
    fit: Any = SimpleNamespace(training=data, spec=ModelSpec(lag_max=3))
    return doubts_of(fit, components() if parts is None else parts, LIMITS)


@pytest.mark.filterwarnings("ignore::pymc_toolkit.exceptions.DataWarning")
def test_doubts() -> None:
    assert doubts(spend()) == {}
    twins = spend()
    twins.loc[{"channel": "radio"}] = 2 * twins.sel(channel="tv") + 0.1 * twins.sel(channel="radio")
    assert set(doubts(twins)) == {"tv", "radio"}
    assert "'tv'" in doubts(twins)["radio"]
    rare = doubts(spend(tv=np.where(np.arange(60) < 3, 100.0, 0.0)))
    assert set(rare) == {"tv"}
    assert "3 periods" in rare["tv"]
    shared = np.random.default_rng(3).normal(size=(2, 400))
    tied = components(tv=100 + shared, radio=100 - shared)
    assert set(doubts(spend(), tied)) == {"tv", "radio"}
