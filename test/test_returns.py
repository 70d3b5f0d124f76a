"""Returns, at the margin and on average, against closed forms and arithmetic by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import panel_engine
import pytest
import xarray as xr
from fits import fake_fit, small_data
from hypothesis import given, settings
from hypothesis import strategies as st
from panel_engine import CHANNELS, REGIONS, panel_model, panel_table

from pymc_toolkit.analysis.contributions import TOTAL, decomposition
from pymc_toolkit.analysis.periods import periods_between
from pymc_toolkit.analysis.returns import (
    channel_returns,
    cost_per_outcome,
    marginal_roi,
    marginal_roi_draws,
    money,
    probability_above,
    roi,
    roi_draws,
)
from pymc_toolkit.components.adstock import ADSTOCKS
from pymc_toolkit.components.channel_dag import ChannelDag
from pymc_toolkit.engines import get_engine
from pymc_toolkit.engines.base import Fit
from pymc_toolkit.exceptions import SpecificationError
from pymc_toolkit.model_data import ModelData
from pymc_toolkit.model_spec import ModelSpec
from pymc_toolkit.names import DAG_MIX, DAG_WEIGHTS, MEDIA_MULTIPLIER
from pymc_toolkit.pymc_model import PymcModel

pytestmark = pytest.mark.usefixtures("convergence_is_not_the_point")

CLIENT = small_data()
FIRST, SECOND = CLIENT.channels
MOVING = ModelSpec(lag_max=4, time_varying_media=True)
TABLE = panel_table(60)


@pytest.fixture
def panel(monkeypatch: pytest.MonkeyPatch) -> PymcModel:
    """A model of regions, in which every channel earns in proportion to its spend."""
    panel_engine.install(monkeypatch)
    return panel_model(TABLE).fit(draws=5, chains=1, progressbar=False)


def spent(media: Any, data: ModelData = CLIENT) -> ModelData:
    """The client with other media, on its old scales."""
    return replace(data, dataset=data.dataset.assign(media=data.dataset["media"] * 0 + media))


def by_hand(fit: Fit, media: np.ndarray) -> np.ndarray:
    """What channels bring in all periods, (chain, draw, channel): geometric, Michaelis-Menten."""
    posterior, data = fit.posterior, fit.training
    scaled = media / data.scale("media").values
    alpha = posterior["adstock_alpha"].values
    lags = range(fit.spec.lag_max)
    weights = np.array([alpha**lag for lag in lags]) / sum(alpha**lag for lag in lags)
    moving = (
        posterior[MEDIA_MULTIPLIER].values
        if MEDIA_MULTIPLIER in posterior
        else np.ones((*alpha.shape[:2], len(media)))
    )
    brought = np.zeros_like(alpha)
    for period in range(len(media)):
        carried = sum(weights[lag] * scaled[period - lag] for lag in lags if lag <= period)
        half, most = posterior["saturation_lam"].values, posterior["saturation_alpha"].values
        brought += moving[..., period, None] * most * carried / (half + carried)
    return brought * float(data.scale("target"))


def test_roi_of_given_numbers() -> None:
    """Returns of each draw are averaged, not the ratio of averages of anything else."""
    coords = {"channel": ["a", "b"]}
    earned = xr.DataArray(
        np.array([[[[1.0, 2.0], [3.0, 4.0]], [[5.0, 6.0], [7.0, 8.0]]]]),
        dims=("chain", "draw", "date", "channel"),
        coords=coords,
    )
    media = xr.DataArray([[1.0, 10.0], [3.0, 10.0]], dims=("date", "channel"), coords=coords)
    table = roi(earned, media, {"b": 0.5}, ci_prob=0.5)
    expected = pd.DataFrame(
        {
            "spend": [4.0, 10.0],
            "exposure": [4.0, 20.0],
            "contribution": [8.0, 10.0],
            "roi": [2.0, 1.0],
            "ci_low": [1.5, 0.8],
            "ci_high": [2.5, 1.2],
        },
        index=pd.Index(["a", "b"], name="channel"),
    )
    pd.testing.assert_frame_equal(table, expected, check_index_type=False, check_names=True)


def test_marginal_return_at_constant_spend_has_a_closed_form() -> None:
    """Without carry-over: a l / ((l + s) (l + s (1 + h))), in units of target and money."""
    data, level, step = spent([600.0, 900.0]), np.array([600.0, 900.0]), 0.05
    fit = fake_fit(
        data, ModelSpec(lag_max=1), fixed={"saturation_lam": 0.4, "saturation_alpha": 0.7}
    )
    scale = data.scale("media").values
    s = level / scale
    slope = 0.7 * 0.4 / ((0.4 + s) * (0.4 + s * (1 + step)))
    expected = float(data.scale("target")) * slope / scale
    draws = marginal_roi_draws(fit, {}, step=step)
    assert draws.dims == ("chain", "draw", "channel")
    np.testing.assert_allclose(draws, np.broadcast_to(expected, draws.shape))
    # Only as the step vanishes is it the derivative, and never the average.
    average = float(data.scale("target")) * 0.7 / (0.4 + s) / scale
    np.testing.assert_allclose(roi_draws(fit, {})[0, 0], average)
    assert (expected < average).all()


def test_carry_over_and_a_cold_start_at_constant_spend() -> None:
    """Every period's carried-over spend is the level times the weights that have come in."""
    level, step, lags = 800.0, 0.01, 3
    fit = fake_fit(
        spent(level),
        ModelSpec(lag_max=lags),
        fixed={"adstock_alpha": 0.5, "saturation_lam": 1.5, "saturation_alpha": 2.0},
    )
    scale, target = fit.training.scale("media").values, float(fit.training.scale("target"))
    reached = np.array([4, 6, *[7] * 28]) / 7
    carried = level / scale * reached[:, None]

    def curve(x: np.ndarray) -> np.ndarray:
        return 2.0 * x / (1.5 + x)

    added = target * (curve(carried * (1 + step)) - curve(carried)).sum(axis=0)
    expected = added / (step * level * 30)
    np.testing.assert_allclose(marginal_roi_draws(fit, {})[1, 2], expected)


WITHIN = ("2021-03-01", "2021-05-09")
FROM, UPTO = 8, 18  # weeks of the client that begin within


@pytest.mark.parametrize(("dates", "weeks"), [(None, slice(None)), (WITHIN, slice(FROM, UPTO))])
@pytest.mark.parametrize("spec", [MOVING, ModelSpec(lag_max=1)])
def test_marginal_returns_by_hand(spec: ModelSpec, dates: Any, weeks: slice) -> None:
    """Spend as it was flighted, and what a raise of some weeks adds in all of them."""
    fit = fake_fit(spec=spec)
    media = CLIENT.dataset["media"].values
    draws = marginal_roi_draws(fit, {SECOND: 0.5}, dates, step=0.02)
    for column, cost in enumerate((1.0, 0.5)):
        raised = media.copy()
        raised[weeks, column] *= 1.02
        added = (by_hand(fit, raised) - by_hand(fit, media))[..., column]
        spend = cost * media[weeks, column].sum()
        np.testing.assert_allclose(draws[..., column], added / (0.02 * spend), rtol=1e-9)
    table = marginal_roi(fit, {SECOND: 0.5}, 0.5, step=0.02, dates=dates)
    assert list(table.columns) == ["spend", "marginal_roi", "ci_low", "ci_high"]
    assert table.loc[SECOND, "spend"] == pytest.approx(spend)
    assert table.loc[SECOND, "marginal_roi"] == pytest.approx(draws[..., 1].values.mean())
    assert table.loc[SECOND, "ci_high"] == pytest.approx(np.quantile(draws[..., 1], 0.75))


@settings(max_examples=20, deadline=None)
@given(cut=st.integers(1, 29), adstock=st.sampled_from(sorted(ADSTOCKS)))
def test_two_ranges_add_up_to_the_window(cut: int, adstock: str) -> None:
    """What spend of a range adds after it is the range's, so that nothing is lost or twice."""
    fit = fake_fit(spec=ModelSpec(lag_max=4, adstock=adstock, time_varying_media=True))
    parts = ((None, CLIENT.dates[cut - 1]), (CLIENT.dates[cut], None))
    media = CLIENT.dataset["media"]
    spend = [money(media.isel(date=periods_between(CLIENT, part).values), {}) for part in parts]
    xr.testing.assert_allclose(sum(spend), money(media, {}))
    for draws_of, tolerance in ((roi_draws, 1e-9), (marginal_roi_draws, 1e-3)):
        both = [
            (draws_of(fit, {}, part) * amount).fillna(0.0)
            for part, amount in zip(parts, spend, strict=True)
        ]
        whole = draws_of(fit, {}) * money(media, {})
        np.testing.assert_allclose(sum(both), whole, rtol=tolerance)


def test_a_range_is_what_began_in_it() -> None:
    fit = fake_fit(spec=MOVING)
    table = channel_returns(fit, {}, dates=WITHIN)
    contributions = decomposition(fit)["channels"].values[:, :, FROM:UPTO].sum(axis=2)
    spend = CLIENT.dataset["media"].values[FROM:UPTO].sum(axis=0)
    np.testing.assert_allclose(table["spend"], spend)
    np.testing.assert_allclose(table["roi"], contributions.mean(axis=(0, 1)) / spend)
    np.testing.assert_allclose(roi_draws(fit, {}, WITHIN), contributions / spend)


def test_ends_of_a_range_may_be_open_and_of_any_type() -> None:
    weeks = periods_between(CLIENT, (None, np.datetime64("2021-01-11"))).values
    assert weeks.tolist() == [True, True, *[False] * 28]
    weeks = periods_between(CLIENT, [pd.Timestamp("2021-07-19 10:00"), None]).values
    assert weeks.tolist() == [*[False] * 28, True, True]
    # The last week ends on a Sunday, which is still of the window.
    assert periods_between(CLIENT, ("2021-01-04", "2021-08-01")).all()


@pytest.mark.parametrize(
    ("dates", "match"),
    [
        (("2021-01-03", None), "from 2021-01-03 to 2021-08-01; expected days within the window"),
        ((None, "2021-08-02"), "the window from 2021-01-04 to 2021-08-01. Use None"),
        (("2021-03-01", "2021-02-01"), "expected the first day before the last. Swap them"),
        (("2021-03-02", "2021-03-07"), "no period begins; expected at least one"),
        (("spring", None), r"Got dates=\('spring', None\); expected the first and the last day"),
        ((None, 20210301), "expected the first and the last day"),
        (("01/02/2021", None), "expected the first and the last day"),
        ((pd.NaT, None), "expected the first and the last day"),
        ((["2021-03-01"], None), "expected the first and the last day"),
        ("2021-03-01", "Got dates='2021-03-01'; expected the first and the last day"),
        (("2021-03-01",), "expected the first and the last day"),
        (7, "Got dates=7; expected the first and the last day"),
    ],
)
def test_impossible_ranges_are_refused(dates: Any, match: str) -> None:
    fit = fake_fit()
    for ask in (roi_draws, marginal_roi_draws):
        with pytest.raises(SpecificationError, match=match):
            ask(fit, {}, dates)


@pytest.mark.parametrize("step", [0, -0.1, True, "1%", float("nan"), float("inf")])
def test_impossible_steps_are_refused(step: Any) -> None:
    with pytest.raises(SpecificationError, match="Got step=.*; expected a share of the spend"):
        marginal_roi(fake_fit(), {}, step=step)


def test_a_single_series_has_no_regions() -> None:
    for ask in (channel_returns, marginal_roi, cost_per_outcome, roi_draws, marginal_roi_draws):
        with pytest.raises(SpecificationError, match="by_region=True for a client of one series"):
            ask(fake_fit(), {}, by_region=True)


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_channels_without_spend_have_no_return() -> None:
    """Dark in the range, dark throughout, or never bought: NaN, and nothing else is touched."""
    media = small_data(n_channels=3).dataset["media"].values.copy()
    media[:, 0], media[:5, 1] = 0.0, 0.0
    data = small_data(n_channels=3)
    fit = fake_fit(
        replace(data, dataset=data.dataset.assign(media=data.dataset["media"] * 0 + media))
    )
    first, second, third = data.channels
    early = (None, data.dates[4])
    for costs, dates, without in (
        ({}, None, [first]),
        ({}, early, [first, second]),
        ({third: None}, None, [first, third]),
    ):
        for table, name in (
            (channel_returns(fit, costs, dates=dates), "roi"),
            (marginal_roi(fit, costs, dates=dates), "marginal_roi"),
            (cost_per_outcome(fit, costs, dates=dates), "cost_per_outcome"),
        ):
            numbers = table[[name, "ci_low", "ci_high"]]
            assert numbers.loc[without].isna().all(axis=None)
            assert numbers.drop(index=without).notna().all(axis=None)
        for draws in (roi_draws(fit, costs, dates), marginal_roi_draws(fit, costs, dates)):
            above = probability_above(draws, 0.0)
            assert above[without].isna().all()
            assert (above.drop(index=without) == 1).all()


def test_cost_per_outcome_is_ordered_draw_by_draw() -> None:
    """Median and interval of money over contribution; infinite for draws that brought nothing."""
    fit = fake_fit(chains=1, draws=21)
    amplitude = np.linspace(-0.5, 1.5, 21)[:, None] * np.array([1.0, 0.0]) + [0.0, 1.0]
    posterior = fit.posterior.assign(
        saturation_alpha=(("chain", "draw", "channel"), amplitude[None]),
        saturation_lam=fit.posterior["saturation_lam"] * 0 + 1.0,
        adstock_alpha=fit.posterior["adstock_alpha"] * 0 + 0.5,
    )
    fit = replace(fit, idata=xr.DataTree.from_dict({"posterior": posterior}))
    table = cost_per_outcome(fit, {SECOND: 2.0}, ci_prob=0.5)
    assert list(table.columns) == ["spend", "contribution", "cost_per_outcome", "ci_low", "ci_high"]
    earned = decomposition(fit)["channels"].sum("date").values[0]
    np.testing.assert_allclose(table["contribution"], earned.mean(axis=0))
    spend = CLIENT.dataset["media"].values.sum(axis=0) * [1.0, 2.0]
    np.testing.assert_allclose(table["spend"], spend)
    with np.errstate(divide="ignore"):
        prices = np.where(earned > 0, spend / earned, np.inf)
    in_order = np.sort(prices, axis=0)
    # Of 21 draws the quartiles and the median are draws themselves.
    np.testing.assert_allclose(table["cost_per_outcome"], in_order[10])
    np.testing.assert_allclose(table["ci_low"], in_order[5])
    np.testing.assert_allclose(table["ci_high"], in_order[15])
    assert table.loc[FIRST, "ci_high"] == np.inf
    assert np.isfinite(table.loc[FIRST, "cost_per_outcome"])


def test_probability_above_counts_draws() -> None:
    draws = xr.DataArray(
        [[[0.5, np.nan, 1.0], [1.5, np.nan, 1.0]], [[2.5, np.nan, 1.0], [3.5, np.nan, 1.0]]],
        {"channel": ["a", "b", "c"]},
        ("chain", "draw", "channel"),
    )
    above = probability_above(draws)
    assert above.index.name == "channel"
    np.testing.assert_array_equal(above, [0.75, np.nan, 0.0])
    np.testing.assert_array_equal(probability_above(draws, 0.9), [0.75, np.nan, 1.0])


# --- channels that drive each other

DRIVEN = ModelSpec(lag_max=1, channel_dag=ChannelDag(lags=0))


def driven_fit(mix: float = 0.3) -> Fit:
    """The first channel drives the second, and the other way round, in every draw."""
    return fake_fit(spec=DRIVEN, fixed={DAG_MIX: mix})


def test_marginal_returns_through_a_blend_by_hand() -> None:
    """What a channel's spend does on the curve of another is part of its return."""
    fit, step = driven_fit(), 0.01
    media, scale = CLIENT.dataset["media"].values, CLIENT.scale("media").values
    posterior = fit.posterior
    weights = posterior[DAG_WEIGHTS].values
    spread = (media / scale).std(axis=0)

    def brought(given: np.ndarray) -> np.ndarray:
        own = given / scale
        total = 0.0
        # The first edge leads from the first channel to the second, the other one back.
        for column, cause, edge in ((0, 1, 1), (1, 0, 0)):
            expected = weights[..., edge, None] * own[:, cause] * spread[column] / spread[cause]
            blended = np.maximum(0.7 * own[:, column] + 0.3 * expected, 0.0)
            half, most = (
                posterior[f"saturation_{name}"].values[..., column, None]
                for name in ("lam", "alpha")
            )
            total = total + (most * blended / (half + blended)).sum(axis=-1)
        return np.asarray(total * float(CLIENT.scale("target")))

    draws = marginal_roi_draws(fit, {}, WITHIN)
    for column in range(2):
        raised = media.copy()
        raised[FROM:UPTO, column] *= 1 + step
        added = brought(raised) - brought(media)
        expected = added / (step * media[FROM:UPTO, column].sum())
        np.testing.assert_allclose(draws[..., column], expected, rtol=1e-8)


def test_the_blended_model_keeps_its_total_returns() -> None:
    fit = fake_fit(spec=ModelSpec(lag_max=2, channel_dag=ChannelDag(lags=1)))
    between = {"date": slice(FROM, UPTO)}
    total = decomposition(fit, kind=TOTAL)["channels"].isel(between).sum("date")
    spend = CLIENT.dataset["media"].isel(between).sum("date")
    xr.testing.assert_allclose(roi_draws(fit, {}, WITHIN, kind=TOTAL), total / spend)
    table = channel_returns(fit, {}, kind=TOTAL, dates=WITHIN)
    np.testing.assert_allclose(table["roi"], (total / spend).mean(("chain", "draw")))
    with pytest.raises(SpecificationError, match="without a channel graph"):
        roi_draws(fake_fit(), {}, kind=TOTAL)


@pytest.mark.parametrize(("spec", "interact"), [(MOVING, False), (DRIVEN, True)])
def test_an_engine_knows_whether_channels_interact(spec: ModelSpec, interact: bool) -> None:
    """Against what happens to one channel when the other is raised."""
    fit = fake_fit(spec=spec)
    engine = get_engine(fit.engine)
    assert engine.channels_interact(fit) is interact
    media = CLIENT.dataset["media"].values * [1.5, 1.0]
    before, after = (engine.decompose(fit, data)["channels"] for data in (CLIENT, spent(media)))
    moved = bool((before != after).sel(channel=SECOND).any())
    assert moved is interact


def test_one_at_a_time_is_all_at_once_where_channels_are_apart(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fit = fake_fit(spec=MOVING)
    costs = {SECOND: None}
    together = marginal_roi_draws(fit, costs, WITHIN)
    monkeypatch.setattr(type(get_engine(fit.engine)), "channels_interact", lambda *_: True)
    xr.testing.assert_allclose(marginal_roi_draws(fit, costs, WITHIN), together)


# --- several regions


def test_a_linear_model_returns_the_same_at_the_margin(panel: PymcModel) -> None:
    fit, costs = panel._fitted(), {"search": 0.2}
    for by_region in (False, True):
        average = roi_draws(fit, costs, by_region=by_region)
        margin = marginal_roi_draws(fit, costs, by_region=by_region)
        xr.testing.assert_allclose(margin, average)
    assert average.dims == ("chain", "draw", "channel", "geo")


def test_regions_add_up_to_the_market(panel: PymcModel) -> None:
    dates = ("2022-02-07", "2022-09-04")
    weeks = TABLE[TABLE["week"].between(*dates)]
    for ask, name in ((panel.roi, "roi"), (panel.marginal_roi, "marginal_roi")):
        market = ask(dates=dates)
        regions = ask(dates=dates, by_region=True)
        assert regions.index.names == ["channel", "region"]
        assert regions.index.tolist() == [(c, r) for c in CHANNELS for r in REGIONS]
        spend = weeks.groupby("region")[CHANNELS].sum().T.stack()
        np.testing.assert_allclose(regions["spend"], spend)
        earned = (regions[name] * regions["spend"]).groupby("channel").sum()
        np.testing.assert_allclose((market[name] * market["spend"])[CHANNELS], earned[CHANNELS])
    contributions = panel.contributions()["channels"].sel(date=slice(*dates)).sum("date")
    north = contributions.sel(geo="north", channel="tv") / spend["tv", "north"]
    table = panel.roi(dates=dates, by_region=True)
    assert table.loc[("tv", "north"), "ci_low"] == pytest.approx(float(north.quantile(0.05)))
    above = probability_above(roi_draws(panel._fitted(), {}, dates, by_region=True), 0.5)
    assert above.index.names == ["channel", "region"]
    assert above["tv", "north"] == float((north > 0.5).mean())


def test_a_region_without_spend_has_no_return_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    panel_engine.install(monkeypatch)
    table = TABLE.assign(tv=TABLE["tv"].where(TABLE["region"] != "north", 0.0))
    model = panel_model(table).fit(draws=5, chains=1, progressbar=False)
    for ask in (model.roi, model.marginal_roi, model.cost_per_outcome):
        numbers = ask(by_region=True).iloc[:, -3:]
        assert numbers.loc[("tv", "north")].isna().all()
        assert numbers.drop(index=("tv", "north")).notna().all(axis=None)
        assert ask().iloc[:, -3:].notna().all(axis=None)
