"""The graph that is sampled against pymc-marketing's: the same density, to the last digits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from structures import STRUCTURES, windows

from pymc_toolkit.engines.bayesian.build import build_mmm
from pymc_toolkit.engines.bayesian.graph import Structure, build_graph, graph_data
from pymc_toolkit.model_data import ModelData
from pymc_toolkit.model_spec import ModelSpec
from pymc_toolkit.priors import plain

_THEIR_NAMES = {"intercept": ("intercept_baseline", "intercept_contribution")}
STUDENT = plain(
    "StudentT",
    {"sigma": plain("HalfNormal", {"sigma": 1}), "nu": plain("Gamma", {"alpha": 2, "beta": 0.1})},
)
HIERARCHICAL = {
    "likelihood": STUDENT,
    "intercept": plain("Normal", {"mu": 0, "sigma": 1}),
    "saturation_lam": plain(
        "Gamma", {"mu": plain("HalfNormal", {"sigma": 1}), "sigma": 0.5}, "channel"
    ),
    "gamma_control": plain("Normal", {"mu": 0, "sigma": 1}),
}
LISTS = {
    "saturation_lam": plain("Uniform", {"lower": [0.1, 0.2], "upper": [5.0, 6.0]}, "channel"),
    "gamma_control": plain("Normal", {"mu": 0, "sigma": plain("HalfNormal", {"sigma": 1})}),
}
CASES = {
    **STRUCTURES,
    "lists of hyperparameters that transforms take": (
        ModelSpec(lag_max=4, prior_overrides=LISTS),
        True,
    ),
    "hyperpriors, real intercept, shared control, StudentT": (
        ModelSpec(lag_max=3, prior_overrides=HIERARCHICAL),
        True,
    ),
}


def graph_of(data: ModelData, spec: ModelSpec) -> Any:
    return build_graph(Structure.of(data, spec), graph_data(data, spec))


def value_name(model: Any, name: str) -> str:
    return model.rvs_to_values[model[name]].name


@pytest.mark.parametrize("case", CASES)
def test_density_is_pymc_marketings(case: str) -> None:
    """At several points, on the scale that is sampled."""
    spec, controls = CASES[case]
    data, _ = windows(controls)
    ours, theirs = graph_of(data, spec).model, build_mmm(data, spec).model
    compiled = [model.compile_logp(mode="FAST_COMPILE") for model in (ours, theirs)]
    rng = np.random.default_rng(3)
    initial = ours.initial_point()
    for _ in range(3):
        point = {name: rng.normal(0, 0.7, np.shape(value)) for name, value in initial.items()}
        renamed = {}
        for rv in ours.free_RVs:
            known = [n for n in (rv.name, *_THEIR_NAMES.get(rv.name, ())) if n in theirs.named_vars]
            theirs_name = next(n for n in known if theirs[n] in theirs.free_RVs)
            value = point[value_name(ours, rv.name)]
            renamed[value_name(theirs, theirs_name)] = value
        densities = [float(f(p)) for f, p in zip(compiled, (point, renamed), strict=True)]
        assert np.isfinite(densities[0])
        assert densities[0] == pytest.approx(densities[1], rel=1e-9)


def test_a_structure_is_all_but_the_data() -> None:
    data, longer = windows(True)
    spec = ModelSpec(lag_max=3, time_varying_media=True, trend=2)
    digest = Structure.of(data, spec).digest()
    assert Structure.of(longer, spec).digest() == digest
    assert Structure.of(windows(False)[0], spec).digest() != digest
    fewer = ModelSpec(lag_max=2, time_varying_media=True, trend=2)
    assert Structure.of(data, fewer).digest() != digest
    # How far a basis reaches is data; how many functions it has is not.
    for override, same in (({"L": 99.0}, True), ({"m": 20}, False), ({"eta_lam": 1.0}, False)):
        other = ModelSpec(
            lag_max=3,
            time_varying_media=True,
            trend=2,
            prior_overrides={"media_tvp_config": override},
        )
        assert (Structure.of(data, other).digest() == digest) is same


def test_dark_channels_and_controls_that_average_zero_have_a_size() -> None:
    data, _ = windows(True)
    dataset = data.dataset.copy(deep=True)
    dataset["media"][:, 0] = 0.0
    dataset["controls"][:] = 0.0
    dark = ModelData(dataset, data.scalers, data.frequency)
    arrays = graph_data(dark, ModelSpec(lag_max=2))
    for name in ("media_usual", "media_duty", "control_sizes"):
        assert (arrays[name][1] > 0).all(), name
    assert arrays["media_duty"][1][0] < 0.1


def test_lagged_media_start_cold() -> None:
    data, _ = windows(False)
    media = data.scaled("media").values
    lagged = graph_data(data, ModelSpec(lag_max=3))["media_data"][1]
    np.testing.assert_array_equal(lagged[:, 0], media.T)
    np.testing.assert_array_equal(lagged[:, 2, 2:], media.T[:, :-2])
    assert (lagged[:, 2, :2] == 0).all()
