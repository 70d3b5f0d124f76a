"""Checks of data before a fit: each fires where it should, and is silent elsewhere."""

from __future__ import annotations

import numpy as np
import pandas as pd
import panel_engine
import pytest
from health_examples import CHANNELS, client
from hypothesis import given
from hypothesis import strategies as st

from pymc_toolkit.health.confounding import (
    judge_follows_past,
    judge_follows_season,
    past_links,
)
from pymc_toolkit.health.data_checks import (
    check_data,
    correlations_of,
    inflation_of,
    judge_inflation,
    judge_length,
    judge_on_air,
    judge_outliers,
    judge_pairs,
    judge_variation,
    judge_years,
    parameters_of,
)
from pymc_toolkit.health.series import left_by, variance_inflation
from pymc_toolkit.health.thresholds import Thresholds
from pymc_toolkit.model_data import ModelData
from pymc_toolkit.model_spec import ModelSpec
from pymc_toolkit.simulate import simulate_client
from pymc_toolkit.simulate_doubtful import (
    simulate_collinear_client,
    simulate_confounded_client,
    simulate_short_client,
)
from pymc_toolkit.simulate_plans import SimulatedClient
from pymc_toolkit.verdicts import Verdict

LIMITS, SPEC = Thresholds(), ModelSpec(lag_max=4)
RNG = np.random.default_rng(5)
NOISE = RNG.gamma(4.0, 25.0, 110)


def test_a_client_without_fault_passes() -> None:
    checks = check_data(client(), SPEC, LIMITS)
    assert {check.status for check in checks} == {"pass"}
    assert not any(check.remedy for check in checks)
    assert len({check.name for check in checks}) == len(checks) == 9


@pytest.mark.parametrize(
    ("n_periods", "status"), [(110, "pass"), (30, "review"), (17, "review"), (16, "fail")]
)
def test_length(n_periods: int, status: str) -> None:
    """Three channels of three parameters, a level and a noise: 11."""
    check = judge_length(client(n_periods), SPEC, LIMITS)
    assert check.value == pytest.approx(n_periods / 11)
    assert check.status == status
    assert f"{n_periods} observations" in check.sentence


def test_parameters_are_those_of_the_parts() -> None:
    data = client(price=NOISE)
    assert parameters_of(data, SPEC) == 12
    richer = ModelSpec(4, time_varying_media=True, yearly_seasonality=2, trend=3)
    assert parameters_of(data, richer) == 12 + 2 + 4 + 3
    assert parameters_of(data, ModelSpec(4, saturation="hill")) > 12


@pytest.mark.parametrize(("n_periods", "status"), [(104, "pass"), (60, "review"), (30, "fail")])
def test_years(n_periods: int, status: str) -> None:
    assert judge_years(client(n_periods), LIMITS).status == status


@pytest.mark.parametrize(("times", "status"), [(40, "pass"), (3, "review"), (0, "fail")])
@pytest.mark.filterwarnings("ignore::pymc_toolkit.exceptions.DataWarning")
def test_channels_hardly_ever_on(times: int, status: str) -> None:
    rare = np.where(np.arange(110) < times, NOISE, 0.0)
    check = judge_on_air(client(radio=rare), LIMITS)
    assert (check.status, check.value) == (status, times)
    assert ("'radio'" in check.sentence + check.remedy) == (status != "pass")


@pytest.mark.parametrize(
    ("spread", "status"), [(0.5, "pass"), (0.05, "review"), (0.001, "fail"), (0.0, "fail")]
)
@pytest.mark.filterwarnings("ignore::pymc_toolkit.exceptions.DataWarning")
def test_channels_that_hardly_vary(spread: float, status: str) -> None:
    check = judge_variation(client(radio=100 * (1 + spread * np.tile([-1, 1], 55))), LIMITS)
    assert check.status == status
    if status != "pass":
        assert check.value == pytest.approx(spread, abs=1e-12)
        assert "'radio'" in check.sentence


def test_inflation_by_the_inverse_of_the_correlation_matrix() -> None:
    """Independently: the diagonal of that inverse, and no other channel's."""
    table = client(search=client().dataset["media"].sel(channel="tv").values + NOISE)
    media = table.dataset["media"].values
    expected = np.diag(np.linalg.inv(np.corrcoef(media.T)))
    found = inflation_of(table)
    np.testing.assert_allclose([found[name] for name in CHANNELS], expected)


@given(st.integers(2, 5), st.integers(0, 100))
def test_inflation_is_never_below_one_and_knows_no_units(columns: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    table = rng.standard_normal((40, columns))
    table -= table.mean(axis=0)
    found = variance_inflation(table, np.empty((40, 0)))
    assert (found >= 1 - 1e-9).all()
    scales = rng.uniform(0.1, 10, columns)
    np.testing.assert_allclose(variance_inflation(table * scales, np.empty((40, 0))), found)


@pytest.mark.parametrize(("own", "status"), [(100.0, "pass"), (45.0, "review"), (3.0, "fail")])
def test_channels_that_follow_others_together(own: float, status: str) -> None:
    """The sum of two channels is seen in no pair, but in what all say of one."""
    media = client().dataset["media"]
    both = media.sel(channel="tv").values + media.sel(channel="radio").values
    data = client(search=both + own * RNG.uniform(0, 1.7, 110))
    check = judge_inflation(data, LIMITS)
    assert check.status == status
    assert judge_pairs(data, LIMITS).status == "pass"


def test_a_control_can_inflate_too() -> None:
    media = client().dataset["media"].sel(channel="tv").values
    check = judge_inflation(client(price=media + RNG.normal(0, 1, 110)), LIMITS)
    assert check.status == "fail"
    assert "'tv'" in check.sentence
    assert "'radio'" not in check.sentence


def test_a_channel_that_others_determine_is_infinitely_inflated() -> None:
    media = client().dataset["media"].sel(channel="tv").values
    assert judge_inflation(client(radio=2 * media), LIMITS).value == np.inf


@pytest.mark.parametrize(("own", "status"), [(1.0, "pass"), (0.45, "review"), (0.1, "fail")])
def test_pairs(own: float, status: str) -> None:
    media = client().dataset["media"].sel(channel="tv").values
    data = client(radio=media + own * NOISE)
    check = judge_pairs(data, LIMITS)
    assert check.status == status
    assert check.value == pytest.approx(np.corrcoef(data.dataset["media"].values.T)[0, 1])
    assert "'tv' and 'radio'" in check.sentence


@pytest.fixture
def panel(monkeypatch: pytest.MonkeyPatch) -> ModelData:
    panel_engine.install(monkeypatch)
    return panel_engine.panel_model().config.model_data


def test_correlations_are_those_within_regions(panel: ModelData) -> None:
    """Regions of different size would make all channels alike."""
    media = panel.dataset["media"]
    within = [np.corrcoef(media.sel(geo=name).values.T)[0, 1] for name in media["geo"]]
    assert correlations_of(panel)[0, 1] == pytest.approx(np.mean(within))
    pooled = np.corrcoef(media.values.reshape(-1, 2).T)[0, 1]
    assert abs(pooled) > 0.4 > abs(correlations_of(panel)[0, 1])


def test_panels_are_checked_region_by_region(panel: ModelData) -> None:
    verdict = Verdict(check_data(panel, SPEC, LIMITS))
    assert verdict.status != "fail"
    assert parameters_of(panel, SPEC) == 3 * 2 + 1 + 4 + 1


def demand(n_periods: int = 110, seed: int = 2) -> np.ndarray:
    rng = np.random.default_rng(seed)
    series = np.zeros(n_periods)
    for t in range(1, n_periods):
        series[t] = 0.85 * series[t - 1] + rng.normal()
    return series / series.std()


@pytest.mark.parametrize(("pull", "status"), [(0.0, "pass"), (0.4, "review")])
def test_spend_that_follows_sales(pull: float, status: str) -> None:
    moved = demand()
    rng = np.random.default_rng(6)
    search = 100 * np.exp(pull * moved + rng.normal(0, 0.2, 110))
    sales = 2000 + 400 * moved + search + rng.normal(0, 50, 110)
    check = judge_follows_past(client(search=search, sales=sales), SPEC, LIMITS)
    assert check.status == status
    if pull:
        assert "'search'" in check.sentence
        assert check.value > LIMITS.follows_past


def test_sales_that_follow_spend_are_no_sign_of_demand() -> None:
    """Spend with a memory moves sales now and later: nothing but that is in the data."""
    spend = 100 * np.exp(0.5 * demand(seed=3))
    carried = spend + 0.5 * np.roll(spend, 1)
    sales = 1000 + 5 * carried + RNG.normal(0, 20, 110)
    assert judge_follows_past(client(search=spend, sales=sales), SPEC, LIMITS).status == "pass"


def test_few_periods_cannot_tell_who_follows_whom() -> None:
    check = judge_follows_past(client(18), SPEC, LIMITS)
    assert (check.status, check.value) == ("review", None)
    assert "too few periods" in check.sentence
    assert all(np.isnan(r) for r, _ in past_links(client(18), SPEC).values())


@pytest.mark.parametrize(("pull", "status"), [(0.0, "pass"), (1.0, "review"), (20.0, "fail")])
def test_spend_that_goes_with_the_season(pull: float, status: str) -> None:
    wave = np.cos(2 * np.pi * np.arange(110) / 52)
    moved = NOISE + pull * 60 * wave + pull * 70
    data = client(tv=moved, sales=2000 + 400 * wave + RNG.normal(0, 100, 110))
    check = judge_follows_season(data, SPEC, LIMITS)
    assert check.status == status
    with_season = ModelSpec(lag_max=4, yearly_seasonality=2)
    assert judge_follows_season(data, with_season, LIMITS).status == "pass"


def test_a_season_of_spend_alone_is_none_of_sales() -> None:
    wave = np.cos(2 * np.pi * np.arange(110) / 52)
    data = client(tv=100 + 90 * wave, sales=RNG.normal(2000, 100, 110))
    assert judge_follows_season(data, SPEC, LIMITS).status == "pass"


@pytest.mark.parametrize(("jump", "status"), [(0.0, "pass"), (160.0, "review"), (900.0, "fail")])
def test_outliers(jump: float, status: str) -> None:
    sales = client().dataset["target"].values.copy()
    sales[40] += jump
    check = judge_outliers(client(sales=sales), LIMITS)
    assert check.status == status
    assert ("2022-10-10" in check.sentence) == (jump > 0)


def test_a_control_explains_what_would_be_an_outlier() -> None:
    sales, sale = client().dataset["target"].values.copy(), np.zeros(110)
    sale[[10, 40, 70]] = 1
    data = client(sales=sales + 900 * sale, sale=sale)
    assert judge_outliers(data, LIMITS).status == "pass"
    assert judge_outliers(client(sales=sales + 900 * sale), LIMITS).status == "fail"


def test_what_a_line_leaves_has_nothing_to_do_with_it() -> None:
    known = RNG.normal(size=(50, 3))
    left = left_by(RNG.normal(size=50), known)
    np.testing.assert_allclose(known.T @ left, 0, atol=1e-9)
    assert left.mean() == pytest.approx(0)


def verdict_of(simulated: SimulatedClient) -> Verdict:
    from pymc_toolkit.client_config import ClientConfig

    config = ClientConfig(
        simulated.data,
        simulated.target_name,
        simulated.date_column,
        simulated.channel_names,
        simulated.control_names,
    )
    return Verdict(check_data(config.model_data, SPEC, LIMITS))


def troubles(simulated: SimulatedClient) -> dict[str, str]:
    checks = verdict_of(simulated).checks
    return {check.name: str(check.status) for check in checks if check.status != "pass"}


def test_simulated_clients_before_the_fit() -> None:
    follows, alone = "spend that follows sales", "channels that move alone"
    assert troubles(simulate_confounded_client(seed=10)) == {follows: "review"}
    assert troubles(simulate_collinear_client()) == {alone: "fail", "pairs of channels": "fail"}
    short = troubles(simulate_short_client())
    assert short["periods per parameter"] == short["years of history"] == "fail"
    assert troubles(simulate_client(104, 3, seed=2)) == {}


def test_how_often_confounding_is_seen_and_where_there_is_none() -> None:
    """Three in four at two years, and few false alarms."""
    seeds, name = range(30), "spend that follows sales"
    found = [name in troubles(simulate_confounded_client(seed=seed)) for seed in seeds]
    false = [name in troubles(simulate_client(104, 3, seed=seed)) for seed in seeds]
    assert np.mean(found) > 0.6
    assert np.mean(false) < 0.1


def test_the_table_is_left_as_it_was() -> None:
    simulated = simulate_client(60, 2, seed=1)
    before = simulated.data.copy()
    verdict_of(simulated)
    pd.testing.assert_frame_equal(simulated.data, before)
