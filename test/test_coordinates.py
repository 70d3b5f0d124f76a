"""A change of coordinates leaves the posterior as it is."""

from __future__ import annotations

import numpy as np
import pytest
from structures import windows
from test_graph import CASES, graph_of

from pymc_toolkit.engines.bayesian.coordinates import choose_coordinates
from pymc_toolkit.model_spec import ModelSpec
from pymc_toolkit.priors import plain


def evaluated(graph, coordinates, point: np.ndarray):
    """Values, log-Jacobian and the map's matrix of derivatives at a point, by PyTensor alone."""
    import pytensor
    import pytensor.tensor as pt

    whole = pt.dvector()
    pieces, offset = {}, 0
    for piece in coordinates.pieces.values():
        size = int(np.prod(piece.type.shape, dtype=int))
        pieces[piece] = whole[offset : offset + size].reshape(piece.type.shape)
        offset += size
    values = pt.concatenate([pt.flatten(value) for value in coordinates.values.values()])
    from pytensor.graph.replace import graph_replace

    outputs = graph_replace([values, coordinates.log_jacobian], pieces, strict=False)
    matrix = pt.jacobian(outputs[0], whole)
    function = pytensor.function([whole], [*outputs, matrix], mode="FAST_COMPILE")
    return function(point)


@pytest.mark.parametrize("case", CASES)
def test_the_determinant_is_that_of_the_derivatives(case: str) -> None:
    spec, controls = CASES[case]
    graph = graph_of(windows(controls)[0], spec)
    coordinates = choose_coordinates(graph)
    rng = np.random.default_rng(0)
    for claimed in (0.3, 1.0, 3.0):
        # What the parts claim of the level: less than all, all, and more than there is.
        point = coordinates.start + rng.normal(0, 0.3, coordinates.start.size)
        point += coordinates.level * np.log(0.4)
        parts = (coordinates.level == 1) & (coordinates.start < 0)
        point[parts] += np.log(claimed / 0.5)
        _, log_jacobian, matrix = evaluated(graph, coordinates, point)
        sign, exact = np.linalg.slogdet(matrix)
        assert sign > 0
        assert float(log_jacobian) == pytest.approx(exact, rel=1e-8, abs=1e-8)


def test_the_parts_and_the_baseline_add_up_to_the_level() -> None:
    """Where they leave room for it; and the baseline never turns negative where they do not."""
    data, _ = windows(True)
    graph = graph_of(data, ModelSpec(lag_max=2))
    coordinates = choose_coordinates(graph)
    names = [value.name for value in coordinates.values]
    assert names[0] == "saturation_lam_log__"
    sizes = [int(np.prod(p.type.shape, dtype=int)) for p in coordinates.pieces.values()]
    ends = np.cumsum(sizes)
    units = graph.model.replace_rvs_by_values([graph.unit_responses["saturation_alpha"]])[0]
    unit = units.eval({graph.model.value_vars[0]: np.zeros(sizes[0])})
    control = graph.inputs["control_sizes"][0].get_value()
    for claimed in (0.1, 0.5, 5.0):
        point = coordinates.start + coordinates.level * np.log(0.4)
        parts = (coordinates.level == 1) & (coordinates.start < 0)
        point[parts] += np.log(claimed / 0.5)
        values, _, _ = evaluated(graph, coordinates, point)
        by_name = dict(zip(names, np.split(np.exp(values), ends[:-1]), strict=True))
        earned = (by_name["saturation_alpha_log__"] * unit).sum()
        driven = (by_name["gamma_control_log__"] * control).sum()
        baseline = by_name["intercept_log__"].sum()
        assert baseline > 0
        assert earned + driven + baseline == pytest.approx(0.4, rel=1e-9)
        if claimed < 0.6:
            assert baseline / 0.4 == pytest.approx(1 - claimed, abs=0.01)


@pytest.mark.parametrize(
    "override",
    [
        {"intercept": plain("Normal", {"mu": 0, "sigma": 1})},
        {"intercept": plain("TruncatedNormal", {"mu": 0.2, "sigma": 1, "lower": 0.0})},
        {"saturation_alpha": plain("Normal", {"mu": 0, "sigma": 1}, "channel")},
    ],
    ids=["real intercept", "bounded intercept", "real amplitude"],
)
def test_other_priors_keep_their_own_coordinates(override) -> None:
    data, _ = windows(False)
    graph = graph_of(data, ModelSpec(lag_max=2, prior_overrides=override))
    coordinates = choose_coordinates(graph)
    rng = np.random.default_rng(1)
    point = rng.normal(size=coordinates.start.size)
    values, log_jacobian, _ = evaluated(graph, coordinates, point)
    np.testing.assert_allclose(values, point)
    assert float(log_jacobian) == 0
    assert not coordinates.level.any()
