"""Experiments: what is refused, what they mean on a client's dates, and what they tell a model."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest
from fits import fake_posterior
from scipy import stats
from structures import EXPERIMENTS, STRUCTURES, WITH_EXPERIMENTS, windows

from pymc_toolkit.components.uplift_tests import ROBUST_NU, UpliftTest
from pymc_toolkit.engines.bayesian.decompose import decompose
from pymc_toolkit.engines.bayesian.graph import Structure, build_graph, graph_data
from pymc_toolkit.engines.bayesian.uplift import modelled_effects
from pymc_toolkit.exceptions import UpliftTestError
from pymc_toolkit.model_data import ModelData
from pymc_toolkit.model_spec import ModelSpec
from pymc_toolkit.uplift_windows import (
    check_spend_changes,
    check_uplift_tests,
    read_uplift_tests,
    seen_tests,
    uplift_arrays,
    uplift_rows,
)

FIRST, SECOND = "channel_1_cost", "channel_2_cost"
WINDOW = {"start": "2023-02-06", "end": "2023-03-05"}
GIVEN: dict[str, Any] = {"channel": FIRST, **WINDOW, "effect": 100.0, "sigma": 20.0}
PLAIN = ModelSpec(lag_max=3)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"channel": ""}, "name of a channel"),
        ({"start": None}, "first and the last day"),
        ({"start": "06.02.2023"}, "not an ISO date"),
        ({"start": "2023-W06-1"}, "not an ISO date"),
        ({"start": pd.NA}, "first and the last day"),
        ({"name": 5}, "expected text"),
        ({"geo": 7}, "expected text"),
        ({"spend_change": np.array([1.0])}, "expected a number"),
        ({"end": 20230305}, "expected a date"),
        ({"end": "2023-02-05"}, "before it starts"),
        ({"measured_until": "2023-03-04"}, "expected a later day"),
        ({"sigma": 0.0}, "above 0"),
        ({"sigma": -1.0}, "above 0"),
        ({"sigma": float("nan")}, "no sigma"),
        ({"sigma": float("inf")}, "finite"),
        ({"sigma": "20"}, "expected a number"),
        ({"sigma": (20.0, 30.0)}, "one for each"),
        ({"effect": float("nan")}, "either a measured effect or bounds"),
        ({"effect": (1.0, float("nan"))}, "a number for each period"),
        ({"lower": 1.0}, "either a measured effect or bounds"),
        ({"effect": None, "lower": 2.0, "upper": 1.0}, "lower <= upper"),
        ({"spend_change": 0.0}, "not zero"),
        ({"spend_change": "half"}, "expected a number"),
        ({"included": False}, "size of a change"),
        ({"included": "no"}, "True or False"),
        ({"level": 10.0, "spend_change": 1.0}, "either the level"),
        ({"start": None, "end": None, "level": 10.0}, "spend of at least 0"),
        ({"start": None, "end": None, "level": -1.0, "spend_change": 5.0}, "at least 0 a period"),
    ],
)
def test_an_impossible_test_is_refused_for_its_own_reason(
    changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(UpliftTestError, match=message):
        UpliftTest(**{**GIVEN, **changes})


def test_dates_may_be_of_any_kind_that_is_a_date() -> None:
    kinds = (
        "2023-02-06",
        date(2023, 2, 6),
        pd.Timestamp("2023-02-06"),
        np.datetime64("2023-02-06"),
    )
    tests = {UpliftTest(**{**GIVEN, "start": day}) for day in kinds}
    assert len(tests) == 1


def test_tables_are_read_row_by_row() -> None:
    table = pd.DataFrame(
        {
            "channel": [FIRST, SECOND],
            "start": pd.to_datetime(["2023-02-06", "2023-03-06"]),
            "end": ["2023-03-05", "2023-03-26"],
            "effect": [100, (1.0, 2.0, 3.0)],
            "sigma": [20.0, 5],
            "spend_change": ["off", 30],
            "included": [None, False],
            "name": [None, "spring"],
        }
    )
    copy = table.copy(deep=True)
    first, second = read_uplift_tests(table)
    pd.testing.assert_frame_equal(table, copy)
    assert first == UpliftTest(**GIVEN)
    assert (second.effects, second.sigmas) == ((1.0, 2.0, 3.0), (5.0, 5.0, 5.0))
    assert (second.change, second.included, second.label) == (30.0, False, "spring")


def test_tables_of_pymc_marketing_are_tests_by_level() -> None:
    table = pd.DataFrame(
        {"channel": [FIRST], "x": [400.0], "delta_x": [50.0], "delta_y": [12.0], "sigma": [3.0]}
    )
    (test,) = read_uplift_tests(table)
    assert test == UpliftTest(FIRST, level=400.0, spend_change=50.0, effect=12.0, sigma=3.0)


@pytest.mark.parametrize(
    ("tests", "message"),
    [
        ([], "no tests"),
        (["tv"], "'tv'"),
        (pd.DataFrame({"channel": [FIRST], "lift": [1.0]}), "column 'lift'"),
        (pd.DataFrame({"channel": []}), "no tests"),
        (5, "Got 5"),
        (pd.DataFrame({"effect": [1.0], "sigma": [1.0]}), "name of a channel"),
        (pd.DataFrame([[FIRST, 1.0, 2.0]], columns=["channel", "sigma", "sigma"]), "several"),
        (pd.DataFrame({"channel": [FIRST] * 2, "spend_change": [1.0, None]}), "some rows"),
    ],
)
def test_what_is_no_test_is_refused(tests: Any, message: str) -> None:
    with pytest.raises(UpliftTestError, match=message):
        read_uplift_tests(tests)


def test_other_clients_tests_are_refused_for_their_own_reason() -> None:
    data, _ = windows(True)
    for changes, message in (
        ({"channel": "radio"}, "expected one of"),
        ({"start": "2022-12-26"}, "lie within them"),
        ({"end": "2023-12-31"}, "lie within them"),
        ({"measured_until": "2023-12-31"}, "lie within them"),
        ({"start": "2023-02-07"}, "first day of one, such as 2023-02-06"),
        ({"end": "2023-03-04"}, "expected one that is, such as 2023-03-05"),
        ({"end": "2023-02-27"}, "expected one that is, such as 2023-03-05"),
        ({"geo": "north"}, "without regions"),
        ({"effect": (1.0, 2.0)}, "one for each of its 4 periods"),
    ):
        with pytest.raises(UpliftTestError, match=message):
            check_uplift_tests([UpliftTest(**{**GIVEN, **changes})], data)
    twice = [UpliftTest(**GIVEN), UpliftTest(**{**GIVEN, "effect": 90.0})]
    with pytest.raises(UpliftTestError, match="twice"):
        check_uplift_tests(twice, data)
    check_uplift_tests([twice[0], replace(twice[1], name="repetition")], data)


def test_changes_that_the_data_cannot_have_seen_are_refused() -> None:
    data, _ = windows(True)
    media = data.dataset["media"].sel(channel=FIRST).values
    dark = data.dataset.copy(deep=True)
    dark["media"].loc[{"channel": FIRST}] = 0.0
    without = ModelData(dark, data.scalers, data.frequency)
    with pytest.raises(UpliftTestError, match="without spend"):
        check_spend_changes([UpliftTest(**GIVEN)], without)
    spent = media[5:9].sum()
    for change, included in ((spent * 1.01, True), (-spent * 1.01, False)):
        test = UpliftTest(**GIVEN, spend_change=change, included=included)
        with pytest.raises(UpliftTestError, match="within the spend"):
            check_spend_changes([test], data)
        check_spend_changes([replace(test, spend_change=change / 1.01)], data)
        check_spend_changes([replace(test, spend_change=-change)], data)


def counterfactual(data: ModelData, channel: str, spend: np.ndarray) -> ModelData:
    dataset = data.dataset.copy(deep=True)
    dataset["media"].loc[{"channel": channel}] = spend
    return ModelData(dataset, data.scalers, data.frequency)


def by_decomposition(
    posterior: Any, spec: ModelSpec, data: ModelData, channel: str, arms: Any, periods: slice
) -> np.ndarray:
    """Contribution with the change less that without it, by the model's own decomposition."""
    earned = [
        decompose(posterior, spec, data, counterfactual(data, channel, arm))["channels"]
        .sel(channel=channel)
        .isel(date=periods)
        .values
        for arm in arms
    ]
    return earned[0] - earned[1]


@pytest.mark.parametrize("structure", STRUCTURES)
def test_a_test_is_the_models_own_counterfactual(structure: str) -> None:
    """Whatever the carry-over, saturation and drift: the decomposition of changed data says so."""
    spec, controls = STRUCTURES[structure]
    data, _ = windows(controls)
    posterior = fake_posterior(data, spec)
    spend = data.dataset["media"].sel(channel=SECOND).values.astype(float)
    window = slice(5, 9)
    off, more, less = spend.copy(), spend.copy(), spend.copy()
    off[window] = 0
    more[window] += 50.0
    less[window] *= 1 - 40.0 / spend[window].sum()
    given = {**GIVEN, "channel": SECOND}
    until = {"measured_until": "2023-03-19"}
    for changes, arms, periods in (
        ({}, (spend, off), window),
        (until, (spend, off), slice(5, 11)),
        ({"spend_change": 40.0}, (spend, less), window),
        ({"spend_change": 200.0, "included": False}, (more, spend), window),
        ({"spend_change": -200.0}, (spend, more), window),
        ({"spend_change": -40.0, "included": False} | until, (less, spend), slice(5, 11)),
    ):
        test = UpliftTest(**{**given, **changes})
        expected = by_decomposition(posterior, spec, data, SECOND, arms, periods)
        (total,) = modelled_effects(posterior, spec, data, [test])
        np.testing.assert_allclose(total[..., 0], expected.sum(axis=-1), rtol=1e-9)
        weekly = replace(test, effect=(1.0,) * expected.shape[-1])
        (by_week,) = modelled_effects(posterior, spec, data, [weekly])
        np.testing.assert_allclose(by_week, expected, rtol=1e-9, atol=1e-12)


def test_a_test_by_level_is_the_change_of_the_steady_response() -> None:
    """Carry-over has settled, and effectiveness is that of the average."""
    data, _ = windows(True)
    spec = ModelSpec(lag_max=4, time_varying_media=True)
    posterior = fake_posterior(data, spec)
    test = UpliftTest(FIRST, level=400.0, spend_change=100.0, effect=1.0, sigma=1.0)
    (modelled,) = modelled_effects(posterior, spec, data, [test])
    lam, alpha = (posterior[f"saturation_{p}"].sel(channel=FIRST).values for p in ("lam", "alpha"))
    low, high = (x / float(data.scale("media").sel(channel=FIRST)) for x in (400.0, 500.0))
    expected = alpha * (high / (lam + high) - low / (lam + low))
    np.testing.assert_allclose(modelled[..., 0], expected, rtol=1e-9)


def test_effects_come_back_in_the_order_of_the_tests() -> None:
    data, _ = windows(True)
    posterior = fake_posterior(data, PLAIN)
    together = modelled_effects(posterior, PLAIN, data, EXPERIMENTS)
    for test, effects in zip(EXPERIMENTS, together, strict=True):
        (alone,) = modelled_effects(posterior, PLAIN, data, [test])
        np.testing.assert_allclose(effects, alone, rtol=1e-12)
    assert [effects.shape[-1] for effects in together] == [1, 3, 1, 1]


def densities(spec: ModelSpec, data: ModelData, points: list[dict[str, Any]] | None = None) -> Any:
    """Log density of a model's graph at some points, and the points with all parameters there."""
    structure = Structure.of(data, spec)
    model = build_graph(structure, graph_data(data, spec)).model
    density = model.compile_logp(mode="FAST_COMPILE")
    if points is None:
        rng = np.random.default_rng(8)
        initial = model.initial_point()
        points = [{k: rng.normal(0, 0.5, np.shape(v)) for k, v in initial.items()} for _ in "123"]
    return model, np.array([float(density(point)) for point in points]), points


def parameters_at(model: Any, points: list[dict[str, Any]], data: ModelData) -> Any:
    """The posterior data set of some points of a graph, as draws of one chain."""
    import pytensor
    import xarray as xr

    names = [variable.name for variable in model.free_RVs]
    values = model.replace_rvs_by_values(model.free_RVs)
    function = pytensor.function(model.value_vars, values, mode="FAST_COMPILE")
    drawn = [function(*(p[v.name] for v in model.value_vars)) for p in points]
    dims = {
        name: ("chain", "draw", *(d for d in model.named_vars_to_dims.get(name, ()) if d))
        for name in names
    }
    return xr.Dataset(
        {n: (dims[n], np.array([row[i] for row in drawn])[None]) for i, n in enumerate(names)},
        coords={"channel": data.channels, "control": data.controls},
    )


def test_the_likelihood_is_that_of_the_measured_effects() -> None:
    """The density with tests less that without is scipy's, of the effects that numpy computes."""
    spec, controls = WITH_EXPERIMENTS["hill over time, experiments"]
    data, _ = windows(controls)
    without = replace(spec, uplift_tests=())
    model, plain, points = densities(without, data)
    _, together, _ = densities(spec, data, points)
    effects = modelled_effects(parameters_at(model, points, data), spec, data, EXPERIMENTS)
    scale = float(data.scale("target"))
    normal, weekly, level, bound = (effect[0] * scale for effect in effects)
    expected = stats.norm.logpdf(3000.0, normal[:, 0], 800.0)
    for i, (value, sigma) in enumerate(zip((100, 200, 150), (50, 60, 70), strict=True)):
        expected = expected + stats.norm.logpdf(value, weekly[:, i], sigma)
    expected = expected + stats.t.logpdf(50.0, ROBUST_NU, level[:, 0], 20.0)
    # Densities are of scaled effects.
    expected = expected + 5 * np.log(scale)
    outside = np.maximum(9e5 - bound[:, 0], 0) + np.maximum(bound[:, 0] - 1e6, 0)
    assert (outside > 0).any()
    expected = expected - 0.5 * (outside / 2e5) ** 2
    np.testing.assert_allclose(together - plain, expected, rtol=1e-8)


def test_repeated_tests_are_one_test_of_their_joint_precision() -> None:
    """k independent results tell as much as their mean with 1 / k of the variance."""
    data, _ = windows(False)
    results = (90.0, 120.0, 105.0, 85.0)
    several = tuple(
        UpliftTest(**{**GIVEN, "effect": value}, name=f"repetition {i}")
        for i, value in enumerate(results)
    )
    one = UpliftTest(**{**GIVEN, "effect": float(np.mean(results)), "sigma": 20.0 / 4**0.5})
    _, plain, points = densities(PLAIN, data)
    gained = [
        densities(replace(PLAIN, uplift_tests=tests), data, points)[1] - plain
        for tests in (several, (one,))
    ]
    # Up to a constant, which no parameter has a part in.
    np.testing.assert_allclose(np.diff(gained[0]), np.diff(gained[1]), rtol=1e-8)
    assert np.abs(np.diff(gained[0])).max() > 0.1


def test_what_was_measured_is_data_and_how_often_is_structure() -> None:
    data, longer = windows(True)
    spec, _ = WITH_EXPERIMENTS["hill over time, experiments"]
    digest = Structure.of(data, spec).digest()
    other = (replace(EXPERIMENTS[0], effect=1.0, spend_change=10.0), *EXPERIMENTS[1:])
    assert Structure.of(longer, replace(spec, uplift_tests=other)).digest() == digest
    fewer = replace(spec, uplift_tests=EXPERIMENTS[:2])
    assert Structure.of(data, fewer).digest() != digest
    assert uplift_rows(EXPERIMENTS) == {"normal": 4, "robust": 1, "bound": 1}
    assert fewer.digest() != spec.digest()


def test_a_specification_with_tests_survives_as_plain_values() -> None:
    import json

    spec, _ = WITH_EXPERIMENTS["hill over time, experiments"]
    assert ModelSpec.from_dict(json.loads(json.dumps(spec.to_dict()))) == spec


def test_tests_that_were_not_over_are_left_out() -> None:
    data, _ = windows(True)
    late = UpliftTest(**{**GIVEN, "measured_until": "2023-03-26"}, name="late")
    tests = (*EXPERIMENTS, late)
    short = data.window(None, 9)
    assert seen_tests(tests, short) == (EXPERIMENTS[0], EXPERIMENTS[2])
    assert seen_tests(tests, data) == tests
    assert seen_tests(tests, data.window(6, None)) == (EXPERIMENTS[1], EXPERIMENTS[2])


def test_the_users_series_is_not_changed() -> None:
    data, _ = windows(True)
    before = data.digest()
    uplift_arrays(EXPERIMENTS, data, 3)
    assert data.digest() == before
