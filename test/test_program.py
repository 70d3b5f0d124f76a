"""Programs of plain loops against PyTensor's own evaluation of the same graph."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numba
import numpy as np
import pytest
from structures import STRUCTURES, WITH_EXPERIMENTS, windows
from test_graph import CASES

from pymc_toolkit.engines.bayesian.coordinates import choose_coordinates
from pymc_toolkit.engines.bayesian.graph import Structure, build_graph, graph_data
from pymc_toolkit.engines.bayesian.loops import LoopText
from pymc_toolkit.engines.bayesian.memory import Memory
from pymc_toolkit.engines.bayesian.program import (
    density_graph,
    named_values,
    program_text,
    simplified,
)
from pymc_toolkit.engines.bayesian.scalar_text import UnknownOperationError
from pymc_toolkit.model_data import ModelData
from pymc_toolkit.model_spec import ModelSpec


@pytest.fixture
def as_python(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run programs as what they also are, Python: what is tested is their text."""

    def undecorated(*_args: Any, **_options: Any) -> Any:
        return lambda function: function

    monkeypatch.setattr(numba, "cfunc", undecorated)
    monkeypatch.setattr(numba, "njit", undecorated)

    def load(text: str) -> ModuleType:
        module = ModuleType("program")
        # Infinities where machine code has them too, rather than Python's errors.
        text = text.replace(
            "from math import",
            "from numpy import exp, expm1, isfinite, isnan, log, log1p, sqrt, tanh\n"
            "from math import erf, erfc, lgamma  #",
        )
        exec(compile(text, "program", "exec"), module.__dict__)  # noqa: S102 - text made here
        return module

    return load


def both_windows(controls: bool) -> tuple[ModelData, ModelData]:
    """Two windows of different length, each with a target."""
    data, longer = windows(controls)
    target = longer.dataset["target"].fillna(5000.0)
    return data, ModelData(longer.dataset.assign(target=target), data.scalers, data.frequency)


def memory_of(data: ModelData, spec: ModelSpec, centre: np.ndarray, factor: np.ndarray) -> Any:
    arrays = graph_data(data, spec)
    parts = [values.ravel() for _, values in arrays.values()]
    return np.concatenate([[data.n_periods], centre, factor.ravel(), *parts])


def by_pytensor(graph: Any, whole: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """Density, gradient and parameters at some coordinates, by PyTensor."""
    import pytensor
    import pytensor.tensor as pt

    coordinates = choose_coordinates(graph)
    pieces = list(coordinates.pieces.values())
    density = density_graph(graph, coordinates)
    named = [pt.flatten(value) for value in named_values(graph, coordinates).values()]
    outputs = [density, *pt.grad(density, pieces), *named]
    function = pytensor.function(pieces, outputs, mode="FAST_COMPILE")
    ends = np.cumsum([int(np.prod(piece.type.shape, dtype=int)) for piece in pieces])
    parts = np.split(whole, ends[:-1])
    values = function(
        *(p.reshape(piece.type.shape) for p, piece in zip(parts, pieces, strict=True))
    )
    gradient = np.concatenate([np.ravel(v) for v in values[1 : 1 + len(pieces)]])
    return float(values[0]), gradient, np.concatenate(values[1 + len(pieces) :])


@pytest.mark.parametrize("case", CASES | WITH_EXPERIMENTS)
def test_a_program_is_its_graph(case: str, as_python: Any) -> None:
    """Density, gradient and parameters, also on a window of another length than it was made on."""
    spec, controls = (CASES | WITH_EXPERIMENTS)[case]
    data, longer = both_windows(controls)
    structure = Structure.of(data, spec)
    program = as_python(program_text(structure, build_graph(structure, graph_data(data, spec))))
    rng = np.random.default_rng(2)
    n = len(program.START)
    centre, factor = np.array(program.START), np.tril(rng.normal(0, 0.02, (n, n))) + np.eye(n)
    for window in (data, longer):
        graph = build_graph(structure, graph_data(window, spec))
        memory = memory_of(window, spec, centre, factor)
        point = rng.normal(0, 0.3, n)
        gradient, value = np.zeros(n), np.zeros(1)
        with np.errstate(all="ignore"):
            assert program.density(n, point, gradient, value, memory) == 0
        density, slopes, parameters = by_pytensor(graph, centre + factor @ point)
        assert value[0] == pytest.approx(density, rel=1e-10)
        np.testing.assert_allclose(gradient, factor.T @ slopes, rtol=1e-8, atol=1e-9)
        drawn = np.zeros(parameters.size)
        assert program.parameters(n, drawn.size, point, drawn, memory) == 0
        np.testing.assert_allclose(drawn, parameters, rtol=1e-10)
    assert sum(int(np.prod(shape, dtype=int)) for shape in program.SHAPES) == drawn.size


def test_the_gradient_is_that_of_finite_differences(as_python: Any) -> None:
    """Of the program alone, without PyTensor's derivatives."""
    spec, controls = STRUCTURES["delayed, hill, everything"]
    data, _ = windows(controls)
    structure = Structure.of(data, spec)
    program = as_python(program_text(structure, build_graph(structure, graph_data(data, spec))))
    n = len(program.START)
    memory = memory_of(data, spec, np.array(program.START), np.eye(n))
    point = np.random.default_rng(4).normal(0, 0.2, n)
    gradient, value, scrap = np.zeros(n), np.zeros(1), np.zeros(n)
    program.density(n, point, gradient, value, memory)
    for i in np.random.default_rng(5).choice(n, 12, replace=False):
        ends = []
        for step in (1e-5, -1e-5):
            moved = point.copy()
            moved[i] += step
            program.density(n, moved, scrap, value, memory)
            ends.append(value[0])
        assert (ends[0] - ends[1]) / 2e-5 == pytest.approx(gradient[i], rel=2e-4, abs=1e-5)


def test_where_the_density_is_no_number_the_sampler_is_told(as_python: Any) -> None:
    spec = ModelSpec(lag_max=2)
    data, _ = windows(False)
    structure = Structure.of(data, spec)
    program = as_python(program_text(structure, build_graph(structure, graph_data(data, spec))))
    n = len(program.START)
    memory = memory_of(data, spec, np.array(program.START), np.eye(n))
    point, gradient, value = np.full(n, np.nan), np.zeros(n), np.zeros(1)
    assert program.density(n, point, gradient, value, memory) != 0


def test_the_text_does_not_depend_on_the_data() -> None:
    spec = ModelSpec(lag_max=3, time_varying_media=True, yearly_seasonality=1)
    texts = []
    for window in both_windows(True):
        structure = Structure.of(window, spec)
        texts.append(program_text(structure, build_graph(structure, graph_data(window, spec))))
    assert texts[0] == texts[1]


def loops_of(output: Any, inputs: dict[Any, Memory]) -> tuple[LoopText, Any]:
    simple = simplified(list(inputs), [output])
    memories = dict(zip(simple.inputs, inputs.values(), strict=True))
    loops = LoopText(simple.toposort(), memories)
    return loops, loops.read(simple.outputs[0])


def computed(build: Any, *arrays: np.ndarray) -> np.ndarray:
    """Run the loops of a small graph as Python."""
    import math

    import pytensor.tensor as pt

    names = [f"a{i}" for i in range(len(arrays))]
    variables = [pt.tensor(name, shape=a.shape) for name, a in zip(names, arrays, strict=True)]
    memories = [Memory(n, tuple(map(str, a.shape))) for n, a in zip(names, arrays, strict=True)]
    loops, view = loops_of(build(*variables), dict(zip(variables, memories, strict=True)))
    space: dict[str, Any] = {**vars(math), "empty": np.empty, "square": np.square}
    space |= {name: array.ravel() for name, array in zip(names, arrays, strict=True)}
    space |= {name: values.ravel() for name, values in loops.constants.items()}
    exec("\n".join(loops.lines()), space)  # noqa: S102 - text made here
    shape = tuple(int(dim) for dim in view.dims)
    flat = [eval(view.at([str(i) for i in index]), space) for index in np.ndindex(*shape)]  # noqa: S307
    return np.array(flat).reshape(shape)


A, B = np.random.default_rng(0).uniform(0.5, 2, (2, 3, 4))
V = np.random.default_rng(1).uniform(0.5, 2, 4)
GRAPHS = {
    "elementwise with broadcasting": lambda a, b, v: (a * v - b) / (a + 1),
    "an inner sum": lambda a, b, v: (a * b).sum(axis=1),
    "an outer sum": lambda a, b, v: (a / b).sum(axis=0) * v,
    "a sum of all, used by its own summands": lambda a, b, v: a / a.sum(),
    "a sum that keeps its axis": lambda a, b, v: a / a.sum(axis=1, keepdims=True),
    "largest and smallest": lambda a, b, v: a.max(axis=1)[:, None] - b.min(axis=0),
    "a transpose of what is made again": lambda a, b, v: (a + b).T * v[:, None] + (a + b).T,
    "a product": lambda a, b, v: a.dot(v) + b.dot(v * v),
    "a product with a transpose": lambda a, b, v: a.T.dot(b).sum(axis=0) * v,
    "a product of what is transposed": lambda a, b, v: (a * b).T.dot(b.sum(axis=1)),
    "sums in sums": lambda a, b, v: ((a - a.mean(axis=0)) ** 2).sum(axis=0) / (v.sum() + v),
}


@pytest.mark.parametrize("name", GRAPHS)
def test_loops_compute_what_numpy_does(name: str) -> None:
    build = GRAPHS[name]
    np.testing.assert_allclose(computed(build, A, B, V), build(A, B, V), rtol=1e-12)


def test_unknown_operations_are_refused() -> None:
    import pytensor.tensor as pt

    with pytest.raises(UnknownOperationError, match="no loops are known"):
        computed(lambda a, b, v: pt.cumsum(v), A, B, V)
    with pytest.raises(UnknownOperationError, match="no text is known for gammainc"):
        computed(lambda a, b, v: pt.gammainc(v, 1.5), A, B, V)


def test_a_length_scale_that_leaves_no_high_frequencies_has_a_density(as_python: Any) -> None:
    """With a squared exponential their scales are zero in the numbers of a machine."""
    override = {"media_tvp_config": {"cov_func": "ExpQuad"}}
    spec = ModelSpec(lag_max=2, time_varying_media=True, prior_overrides=override)
    data, _ = windows(False)
    data = data.window(None, 20)
    structure = Structure.of(data, spec)
    program = as_python(program_text(structure, build_graph(structure, graph_data(data, spec))))
    n = len(program.START)
    point, gradient, value = np.array(program.START), np.zeros(n), np.zeros(1)
    place = program.PIECES["media_temporal_latent_multiplier_raw_ls"][0]
    memory = memory_of(data, spec, np.zeros(n), np.eye(n))
    for length in (1.0, 16.0, 200.0):
        point[place] = np.log(length)
        with np.errstate(all="ignore"):
            assert program.density(n, point, gradient, value, memory) == 0


def test_parts_that_claim_next_to_nothing_have_a_smooth_density(as_python: Any) -> None:
    spec = ModelSpec(lag_max=2)
    data, _ = windows(False)
    structure = Structure.of(data, spec)
    program = as_python(program_text(structure, build_graph(structure, graph_data(data, spec))))
    n = len(program.START)
    memory = memory_of(data, spec, np.zeros(n), np.eye(n))
    place = slice(*program.PIECES["saturation_alpha"])
    densities, slopes = [], []
    for log_contribution in (-35.0, -35.1, -60.0):
        point, gradient, value = np.array(program.START), np.zeros(n), np.zeros(1)
        point[place] = log_contribution
        assert program.density(n, point, gradient, value, memory) == 0
        densities.append(value[0])
        slopes.append(gradient[place].sum())
    assert (densities[0] - densities[1]) / 0.1 == pytest.approx(slopes[0], rel=1e-6)
