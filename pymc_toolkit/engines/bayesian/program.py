"""The text of a model's program: its density with gradient, and its parameters, as plain loops.

A program belongs to a structure, not to a client: data are inputs, of any number of periods.
"""

from __future__ import annotations

from collections.abc import Sequence
from inspect import getsource
from typing import Any

import numpy as np

from pymc_toolkit.engines.bayesian import acyclic_loops
from pymc_toolkit.engines.bayesian.coordinates import Coordinates, choose_coordinates
from pymc_toolkit.engines.bayesian.graph import Graph, Structure
from pymc_toolkit.engines.bayesian.loops import CHECKS, INDENT, LoopText
from pymc_toolkit.engines.bayesian.memory import ONE, Memory, View
from pymc_toolkit.engines.bayesian.scalar_text import HELPERS
from pymc_toolkit.names import DATE

_ROUTINES = (acyclic_loops.expm_acyclicity, acyclic_loops.logdet_acyclicity)
# Operations whose results are never negative.
_POSITIVE = {"Exp", "Sigmoid", "Softplus", "Sqr"}
_HEAD = '''"""Written by pymc_toolkit; delete it, and it is made anew."""

from __future__ import annotations

from math import exp, expm1, erf, erfc, isfinite, isinf, isnan, lgamma, log, log1p, nan, sqrt, tanh

from numba import cfunc, njit
from numba.types import CPointer, float64, int64, uint64
from numpy import array, empty, inf

OPTIONS = {
    "cache": True,
    "error_model": "numpy",
    # Without nnan and ninf: infinities and what is no number are relied on.
    "fastmath": {"reassoc", "contract", "arcp", "nsz"},
}
'''
_DENSITY = """
@cfunc(int64(uint64, *[CPointer(float64)] * 4), **OPTIONS)
def density(dim, point, gradient, value, data):
"""
_PARAMETERS = """
@cfunc(int64(uint64, uint64, *[CPointer(float64)] * 3), **OPTIONS)
def parameters(dim, size, point, values, data):
"""


def program_text(structure: Structure, graph: Graph) -> str:
    """The program of a model, as the text of a Python module.

    Parameters
    ----------
    structure : Structure
    graph : Graph
        Of that structure.

    Returns
    -------
    str

    Raises
    ------
    UnknownOperationError
        If the graph holds an operation that cannot be turned into loops.
    """
    coordinates = choose_coordinates(graph)
    density = density_graph(graph, coordinates)
    named = named_values(graph, coordinates)
    layout = _Layout(structure, graph, coordinates)
    with_dims = graph.model.named_vars_to_dims.items()
    dims = {name: tuple(dims) for name, dims in with_dims if dims and name in named}
    about = {
        "NAMES": list(named),
        "SHAPES": [
            tuple(structure.sizes[dim] for dim in dims[name])
            if name in dims
            else variable.type.shape
            for name, variable in named.items()
        ],
        "DIMS": dims,
        "PIECES": coordinates.places(graph),
        "START": coordinates.start.tolist(),
        "LEVEL": coordinates.level.tolist(),
    }
    lines = [f"{name} = {value!r}" for name, value in about.items()]
    helpers = [
        f"\n@njit(**OPTIONS)\ndef {head}:\n{INDENT}{body}\n" for head, body in HELPERS.items()
    ]
    helpers += [f"\n@njit(**OPTIONS)\n{getsource(routine)}" for routine in _ROUTINES]
    first, constants_of_density = _density(density, layout)
    second, constants_of_parameters = _parameters(list(named.values()), layout)
    return "\n".join(
        [
            _HEAD,
            *lines,
            *constants_of_density,
            *constants_of_parameters,
            *(text for text in helpers if f"{_name_of(text)}(" in first + second),
            first,
            second,
        ]
    )


def density_graph(graph: Graph, coordinates: Coordinates) -> Any:
    """Logarithm of the posterior density, in the pieces of the coordinates."""
    from pytensor.graph.replace import graph_replace

    density = graph.model.logp()
    replaced = graph_replace([density], coordinates.values, strict=False)[0]
    return replaced + coordinates.log_jacobian


def named_values(graph: Graph, coordinates: Coordinates) -> dict[str, Any]:
    """Every parameter and what its prior derives from it, in the pieces of the coordinates."""
    from pytensor.graph.replace import graph_replace

    model = graph.model
    variables = [*model.free_RVs, *model.deterministics]
    by_value = model.replace_rvs_by_values(variables)
    replaced = graph_replace(by_value, coordinates.values, strict=False)
    return {variable.name: value for variable, value in zip(variables, replaced, strict=True)}


class _Layout:
    """Where inputs lie in the memory that a program is given.

    Number of periods, centre, factor (lower triangular, by row), then the arrays of the graph one
    after the other.
    """

    def __init__(self, structure: Structure, graph: Graph, coordinates: Coordinates) -> None:
        self.pieces = list(coordinates.pieces.values())
        self.offsets = [first for first, _ in coordinates.places(graph).values()]
        self.n_dim = coordinates.start.size
        self.memories: dict[Any, Memory] = {}
        for piece, offset in zip(self.pieces, self.offsets, strict=True):
            self.memories[piece] = Memory("u", _lengths(piece), str(offset))
        self.preamble = ["n_date = int(data[0])"]
        end = str(1 + self.n_dim + self.n_dim**2)
        for name, (variable, dims) in graph.inputs.items():
            lengths = tuple("n_date" if dim == DATE else str(structure.sizes[dim]) for dim in dims)
            self.preamble.append(f"at_{name} = {end}")
            self.memories[variable] = Memory("data", lengths, f"at_{name}")
            end = f"at_{name} + {' * '.join(lengths) or ONE}"
        n = self.n_dim
        self.preamble += [
            f"u = empty({n})",
            f"for i in range({n}):",
            f"{INDENT}total = data[1 + i]",
            f"{INDENT}for j in range(i + 1):",
            f"{INDENT * 2}total += data[{1 + n} + i * {n} + j] * point[j]",
            f"{INDENT}u[i] = total",
        ]


def _density(density: Any, layout: _Layout) -> tuple[str, list[str]]:
    """The function that gives the density and its gradient."""
    import pytensor.tensor as pt
    from pytensor.graph import rewrite_graph

    simple = rewrite_graph(
        density, include=["canonicalize", "stabilize", "local_remove_check_parameter"]
    )
    simple = without_certain_choices(list(layout.memories), simple)
    gradients = pt.grad(simple, list(layout.pieces))
    loops, (value, *slopes) = _loops([simple, *gradients], layout, "density_")
    n = layout.n_dim
    lines = [*layout.preamble, *loops.lines(), f"g = empty({n})"]
    for offset, piece, slope in zip(layout.offsets, layout.pieces, slopes, strict=True):
        lines += _copied(slope, "g", offset, _lengths(piece))
    lines += [
        f"for j in range({n}):",
        f"{INDENT}gradient[j] = 0.0",
        f"for i in range({n}):",
        f"{INDENT}slope = g[i]",
        f"{INDENT}if not isfinite(slope):",
        f"{INDENT * 2}return 3",
        f"{INDENT}for j in range(i + 1):",
        f"{INDENT * 2}gradient[j] += data[{1 + n} + i * {n} + j] * slope",
        f"result = {value.at([])}",
        "value[0] = result",
        "return 0 if isfinite(result) else 4",
    ]
    return _function(_DENSITY, lines), _constants(loops)


def _parameters(values: Sequence[Any], layout: _Layout) -> tuple[str, list[str]]:
    """The function that gives the parameters of the model."""
    loops, views = _loops(values, layout, "parameters_")
    lines = [*layout.preamble, *loops.lines()]
    offset = 0
    for view in views:
        lines += _copied(view, "values", offset, view.dims)
        offset += int(np.prod([int(dim) for dim in view.dims], dtype=int))
    return _function(_PARAMETERS, [*lines, "return 0"]), _constants(loops)


def _loops(outputs: Sequence[Any], layout: _Layout, prefix: str) -> tuple[LoopText, list[View]]:
    """Put a graph into loops, and say where its outputs are."""
    simple = simplified(list(layout.memories), outputs)
    memories = dict(zip(simple.inputs, layout.memories.values(), strict=True))
    loops = LoopText(simple.toposort(), memories, prefix)
    return loops, [loops.read(output) for output in simple.outputs]


def simplified(inputs: Sequence[Any], outputs: Sequence[Any]) -> Any:
    """A graph rewritten to few and simple operations, without checks of parameters.

    Parameters
    ----------
    inputs, outputs : sequence of Variable

    Returns
    -------
    pytensor.graph.fg.FunctionGraph
        A copy.
    """
    from pytensor.compile.mode import get_mode
    from pytensor.graph.fg import FunctionGraph

    graph = FunctionGraph(list(inputs), list(outputs), clone=True)
    # Loops are fused, and memory is given, by LoopText.
    left_out = ("inplace", "fusion", "BlasOpt", "numba", "cxx_only")
    _drop_checks(graph)
    get_mode("FAST_RUN").excluding(*left_out).optimizer.rewrite(graph)
    # Rewriting adds some, of lengths that agree by construction.
    _drop_checks(graph)
    return graph


def without_certain_choices(inputs: Sequence[Any], output: Any) -> Any:
    """A graph without the branches that its values cannot take.

    Densities ask whether a value lies in their support, where its transform has just put it.

    Parameters
    ----------
    inputs : sequence of Variable
    output : Variable

    Returns
    -------
    Variable
    """
    from pytensor.graph.fg import FunctionGraph

    graph = FunctionGraph(list(inputs), [output], clone=False)
    for node in graph.toposort():
        if _operation(node.outputs[0]) == "Switch" and node in graph.apply_nodes:
            condition, chosen, _ = node.inputs
            if _is_certain(condition) and chosen.type == node.outputs[0].type:
                graph.replace(node.outputs[0], chosen)
    return graph.outputs[0]


def _is_certain(condition: Any) -> bool:
    """Whether a condition holds for all values: of signs, and of what lies between 0 and 1."""
    operation = _operation(condition)
    if operation == "AND":
        return all(_is_certain(part) for part in condition.owner.inputs)
    if operation not in ("GE", "LE"):
        return False
    value, bound = condition.owner.inputs
    limit = getattr(bound, "data", None)
    if limit is None or np.size(limit) != 1:
        return False
    kinds = _POSITIVE if operation == "GE" else {"Sigmoid"}
    return _operation(value) in kinds and float(np.ravel(limit)[0]) == (operation == "LE")


def _operation(variable: Any) -> str:
    """Name of the elementwise operation that makes a variable."""
    node = variable.owner
    while node is not None and type(node.op).__name__ == "DimShuffle":
        node = node.inputs[0].owner
    return type(getattr(node.op, "scalar_op", None)).__name__ if node is not None else ""


def _drop_checks(graph: Any) -> None:
    for node in graph.toposort():
        if type(node.op).__name__ in CHECKS and node in graph.apply_nodes:
            graph.replace(node.outputs[0], node.inputs[0])


def _copied(view: View, target: str, offset: int, dims: Sequence[str]) -> list[str]:
    """Statements that write a vector or a scalar to some memory."""
    if not dims:
        return [f"{target}[{offset}] = {view.at([])}"]
    return [f"for i in range({dims[0]}):", f"{INDENT}{target}[{offset} + i] = {view.at(['i'])}"]


def _function(head: str, lines: Sequence[str]) -> str:
    return head + "\n".join(INDENT + line for line in lines) + "\n"


def _constants(loops: LoopText) -> list[str]:
    return [
        f"{name} = array({values.ravel().tolist()})" for name, values in loops.constants.items()
    ]


def _lengths(piece: Any) -> tuple[str, ...]:
    return tuple(str(size) for size in piece.type.shape)


def _name_of(text: str) -> str:
    return text.split("def ", 1)[1].split("(", 1)[0]
