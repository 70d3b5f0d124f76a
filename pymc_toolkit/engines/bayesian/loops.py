"""Turn a graph of elementwise operations, sums and products into the text of plain loops.

Most of what PyTensor's numba backend takes to compile a model of this size goes into the machinery
of arrays: broadcasting, views, assignments. A gradient needs none of that. Here the same rewritten
graph becomes one function of nested loops over scalars, which compiles several times faster. An
operation that is not known here raises
:class:`pymc_toolkit.engines.bayesian.scalar_text.UnknownOperationError`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pymc_toolkit.engines.bayesian.memory import ONE, Memory, View, long_dims, loop_indices
from pymc_toolkit.engines.bayesian.scalar_text import (
    KNOWN_OPERATIONS,
    UnknownOperationError,
    scalar_text,
)

INDENT = "    "
# What is made again rather than kept: operations that take no longer than a look into memory, and
# how many of them in a row.
_CHEAP = {"Add", "Sub", "Mul", "Neg", "Sqr", "Cast", "Identity", "Second"}
_MOST_STEPS = 4

# Where a reduction starts, and how it goes on.
_REDUCE = {
    "Add": ("0.0", "{0} + {1}"),
    "Mul": ("1.0", "{0} * {1}"),
    "Maximum": ("-inf", "max({0}, {1})"),
    "Minimum": ("inf", "min({0}, {1})"),
}
# Has one definition in loops, which programs call.
ACYCLICITY = "Acyclicity"
# Operations that only pass their first input on; the first of them check something on the way.
CHECKS = {"Assert", "CheckParameterValue"}
# Products of matrices, and how many axes they are repeated along.
_PRODUCTS = {"Dot": 0, "BatchedDot": 1}
_SAME = {"TensorFromScalar", "ScalarFromTensor", "SpecifyShape", *CHECKS}


@dataclass(frozen=True)
class _Recipe:
    """How to compute an element again, which is cheaper than to keep it."""

    op: Any
    views: tuple[View, ...]
    cost: int


@dataclass
class _Group:
    """Statements that share one nest of loops, over the axes longer than one."""

    number: int
    dims: tuple[str, ...]
    joinable: bool = True
    before: list[str] = field(default_factory=list)
    # Statements of the innermost loop, and of the loop at a depth before and after those within.
    body: list[str] = field(default_factory=list)
    enter: dict[int, list[str]] = field(default_factory=dict)
    leave: dict[int, list[str]] = field(default_factory=dict)
    # Elements that the innermost loop has at hand: memory and indices -> name.
    at_hand: dict[tuple[str, tuple[str, ...]], str] = field(default_factory=dict)

    def lines(self) -> list[str]:
        return [*self.before, *self._nest(0)]

    def _nest(self, depth: int) -> list[str]:
        if depth == len(self.dims):
            return self.body
        inner = [*self.enter.get(depth + 1, []), *self._nest(depth + 1)]
        inner += self.leave.get(depth + 1, [])
        head = f"for i{depth} in range({self.dims[depth]}):"
        return [head, *(INDENT + line for line in inner)]


class LoopText:
    """The text of a function body that computes the outputs of a graph.

    Parameters
    ----------
    nodes : sequence of Apply
        In an order in which they can be computed.
    inputs : Mapping of Variable to Memory
    prefix : str
        Of the names of constants, which several functions of one module share.
    """

    def __init__(
        self, nodes: Sequence[Any], inputs: Mapping[Any, Memory], prefix: str = ""
    ) -> None:
        self._prefix = prefix
        self.constants: dict[str, np.ndarray] = {}
        self._views = {variable: View.whole(memory) for variable, memory in inputs.items()}
        self._groups: list[_Group] = []
        # First group in which a memory can be read.
        self._ready: dict[str, int] = {}
        self._recipes: dict[str, _Recipe] = {}
        # Statements that fill a memory, which are left out where nothing reads it.
        self._filling: dict[str, str] = {}
        self._kept: set[str] = set()
        self._counter = 0
        for node in nodes:
            self._add(node)

    def read(self, variable: Any) -> View:
        """Where a variable is, for whoever reads it after all loops."""
        view = self._view(variable)
        self._keep(view.memory)
        return view

    def lines(self) -> list[str]:
        """Statements, in order."""
        everything = [line for group in self._groups for line in group.lines()]
        return [
            line
            for line in everything
            if self._filling.get(line.strip()) is None or self._filling[line.strip()] in self._kept
        ]

    def _view(self, variable: Any) -> View:
        if variable not in self._views:
            self._views[variable] = self._constant(variable)
        return self._views[variable]

    def _constant(self, variable: Any) -> View:
        data = getattr(variable, "data", None)
        if data is None:
            raise UnknownOperationError(f"{variable} is neither an input nor a constant")
        array = np.asarray(data, dtype=float)
        if array.size == 1:
            text = repr(float(array.ravel()[0]))
            text = f"({text})" if text.startswith("-") else text
            return View.whole(Memory(text, (ONE,) * array.ndim, is_scalar=True))
        name = f"{self._prefix}constant_{len(self.constants)}"
        self.constants[name] = array
        return View.whole(Memory(name, tuple(str(size) for size in array.shape)))

    def _name(self) -> str:
        self._counter += 1
        return f"x{self._counter}"

    def _keep(self, memory: Memory) -> None:
        self._kept.add(memory.name)

    def _add(self, node: Any) -> None:
        op = node.op
        kind = type(op).__name__
        if kind in _SAME:
            self._views[node.outputs[0]] = self._view(node.inputs[0])
        elif kind == "DimShuffle":
            view = self._view(node.inputs[0])
            dims = tuple(ONE if axis == "x" else view.dims[axis] for axis in op.new_order)
            axes = tuple(None if axis == "x" else view.axes[axis] for axis in op.new_order)
            self._views[node.outputs[0]] = View(view.memory, dims, axes)
        elif kind == "Alloc":
            view = self._view(node.inputs[0])
            dims = tuple(self._length(length) for length in node.inputs[1:])
            new = len(dims) - len(view.dims)
            self._views[node.outputs[0]] = View(view.memory, dims, ((None,) * new) + view.axes)
        elif kind == "Shape_i":
            dim = self._view(node.inputs[0]).dims[op.i]
            self._views[node.outputs[0]] = View.whole(Memory(dim, is_scalar=True))
        elif kind == "MakeVector" and len(node.inputs) == 1:
            memory = self._view(node.inputs[0]).memory
            self._views[node.outputs[0]] = View(memory, (ONE,), (None,))
        elif kind in _PRODUCTS:
            self._dot(node, _PRODUCTS[kind])
        elif kind == ACYCLICITY:
            self._acyclicity(node)
        elif hasattr(op, "scalar_op") and hasattr(op, "axis"):
            self._reduce(node)
        elif hasattr(op, "scalar_op") or kind in KNOWN_OPERATIONS:
            self._elementwise(node)
        else:
            raise UnknownOperationError(f"no loops are known for {op}")

    def _length(self, variable: Any) -> str:
        data = getattr(variable, "data", None)
        if data is not None:
            return str(int(data))
        memory = self._view(variable).memory
        if not memory.is_scalar:
            raise UnknownOperationError(f"the length {variable} depends on values")
        return memory.name

    def _elementwise(self, node: Any) -> None:
        if len(node.outputs) != 1:
            raise UnknownOperationError(f"{node.op} has several outputs")
        views = tuple(self._view(variable) for variable in node.inputs)
        dims = _broadcast([view.dims for view in views])
        op = getattr(node.op, "scalar_op", node.op)
        indices = loop_indices(dims)
        group = self._place(dims, max((self._first(v, indices) for v in views), default=0))
        name = self._compute(op, [self._element(view, indices, group) for view in views], group)
        if not long_dims(dims):
            memory = Memory(name, dims, is_scalar=True)
            self._ready[name] = group.number
        else:
            memory = Memory(f"m_{name}", dims)
            own = tuple(indices)
            self._fill(memory, group, f"{memory.at(own)} = {name}", group.body)
            group.at_hand[memory.name, own] = name
            cost = 1 + sum(self._cost(view.memory) for view in views)
            if type(op).__name__ in _CHEAP and cost <= _MOST_STEPS:
                self._recipes[memory.name] = _Recipe(op, views, cost)
        self._views[node.outputs[0]] = View.whole(memory)

    def _cost(self, memory: Memory) -> int:
        recipe = self._recipes.get(memory.name)
        return recipe.cost if recipe else 0

    def _compute(self, op: Any, arguments: Sequence[str], group: _Group) -> str:
        name = self._name()
        group.body.append(f"{name} = {scalar_text(op, arguments)}")
        return name

    def _fill(self, memory: Memory, group: _Group, line: str, where: list[str]) -> None:
        """Add a statement that fills a new memory, and the one that makes it."""
        make = f"{memory.name} = empty({' * '.join(long_dims(memory.dims))})"
        group.before.append(make)
        where.append(line)
        self._filling |= {make: memory.name, line: memory.name}
        self._ready[memory.name] = group.number + 1

    def _element(self, view: View, indices: Sequence[str], group: _Group) -> str:
        """An element, by its name where the loop has it at hand, made again where that is cheap."""
        memory, own = view.memory, view.within(indices)
        key = memory.name, own
        if key in group.at_hand:
            return group.at_hand[key]
        recipe = self._recipes.get(memory.name)
        if recipe is None:
            self._keep(memory)
            return memory.at(own)
        arguments = [self._element(view, own, group) for view in recipe.views]
        group.at_hand[key] = self._compute(recipe.op, arguments, group)
        return group.at_hand[key]

    def _first(self, view: View, indices: Sequence[str]) -> int:
        """Number of the first group that can read an element."""
        memory, own = view.memory, view.within(indices)
        ready = self._ready.get(memory.name, 0)
        if ready and (memory.name, own) in self._groups[ready - 1].at_hand:
            return ready - 1
        recipe = self._recipes.get(memory.name)
        if recipe is not None:
            return max((self._first(view, own) for view in recipe.views), default=0)
        return ready

    def _place(self, dims: Sequence[str], first: int, alone: bool = False) -> _Group:
        """A group for a statement over some dims, not before another one."""
        loops = tuple(long_dims(dims))
        for group in self._groups[first:]:
            if group.joinable and not alone and group.dims == loops:
                return group
        self._groups.append(_Group(len(self._groups), loops, joinable=not alone))
        return self._groups[-1]

    def _reduce(self, node: Any) -> None:
        op = node.op
        known = _REDUCE.get(type(op.scalar_op).__name__)
        if known is None:
            raise UnknownOperationError(f"no loops are known for {op}")
        start, step = known
        view = self._view(node.inputs[0])
        axes = set(range(len(view.dims)) if op.axis is None else op.axis)
        indices = loop_indices(view.dims)
        group = self._place(view.dims, self._first(view, indices))
        element, name = self._element(view, indices, group), self._name()
        kept = [axis for axis in range(len(view.dims)) if axis not in axes]
        dims = tuple(view.dims[axis] for axis in kept)
        depth = len(long_dims(dims))
        if not depth:
            group.before.append(f"{name} = {start}")
            group.body.append(f"{name} = {step.format(name, element)}")
            memory = Memory(name, dims, is_scalar=True)
            self._ready[name] = group.number + 1
        else:
            memory = Memory(f"m_{name}", dims)
            target = memory.at([indices[axis] for axis in kept])
            last_kept = max(axis for axis in kept if view.dims[axis] != ONE)
            if all(axis > last_kept for axis in axes if view.dims[axis] != ONE):
                # What is summed varies fastest: one sum at a time.
                group.enter.setdefault(depth, []).append(f"{name} = {start}")
                group.body.append(f"{name} = {step.format(name, element)}")
                self._fill(memory, group, f"{target} = {name}", group.leave.setdefault(depth, []))
            else:
                self._fill(memory, group, f"{target} = {step.format(target, element)}", group.body)
                size = " * ".join(long_dims(dims))
                group.before += [f"for k in range({size}):", f"{INDENT}{memory.name}[k] = {start}"]
                self._keep(memory)
        self._views[node.outputs[0]] = View.whole(memory)

    def _dot(self, node: Any, batch: int) -> None:
        """A product of matrices, or of vectors; with a batch axis, one for each of its indices."""
        left, right = (self._stored(self._view(variable)) for variable in node.inputs)
        if len(left.dims) != batch + 2 or not batch < len(right.dims) <= batch + 2:
            raise UnknownOperationError(f"no loops are known for {node.op} of these dims")
        (rows, inner), columns = left.dims[batch:], right.dims[batch + 1 :]
        dims = (*left.dims[:batch], rows, *columns)
        group = self._place((), len(self._groups), alone=True)
        name = self._name()
        memory = Memory(f"m_{name}", dims)
        batched, column = ["b"] * batch, ["j"] * len(columns)
        target = View.whole(memory).at([*batched, "i", *column])
        cell, factor = left.at([*batched, "i", "k"]), right.at([*batched, "k", *column])
        if left.axes[-1] == len(left.memory.dims) - 1:
            lines = [
                f"for i in range({rows}):",
                f"{INDENT}{name} = 0.0",
                f"{INDENT}for k in range({inner}):",
                f"{INDENT * 2}{name} += {cell} * {factor}",
                f"{INDENT}{target} = {name}",
            ]
        else:
            # Of a transposed matrix the rows lie apart: go along its columns.
            lines = [
                f"for i in range({rows}):",
                f"{INDENT}{target} = 0.0",
                f"for k in range({inner}):",
                f"{INDENT}{name} = {factor}",
                f"{INDENT}for i in range({rows}):",
                f"{INDENT * 2}{target} += {cell} * {name}",
            ]
        around = zip([*batched, *column], [*dims[:batch], *columns], strict=True)
        for index, length in around:
            if length != ONE:
                lines = [f"for {index} in range({length}):", *(INDENT + line for line in lines)]
        group.before.append(f"{memory.name} = empty({' * '.join(long_dims(dims)) or ONE})")
        group.body += lines
        self._ready[memory.name] = group.number + 1
        self._views[node.outputs[0]] = View.whole(memory)

    def _acyclicity(self, node: Any) -> None:
        """Value and gradient of how far a graph is from acyclic, by one call."""
        view = self._stored(self._view(node.inputs[0]))
        group = self._place((), len(self._groups), alone=True)
        name = self._name()
        size = view.dims[0]
        gradient = Memory(f"m_{name}", view.dims)
        group.before += [
            f"w_{name}, {gradient.name} = empty({size} * {size}), empty({size} * {size})"
        ]
        group.body += [
            f"for i in range({size}):",
            f"{INDENT}for j in range({size}):",
            f"{INDENT * 2}w_{name}[i * {size} + j] = {view.at(['i', 'j'])}",
            f"{name} = {node.op.kind}_acyclicity(w_{name}, {gradient.name}, {size})",
        ]
        self._ready[gradient.name] = group.number + 1
        self._ready[name] = group.number + 1
        self._views[node.outputs[0]] = View.whole(Memory(name, is_scalar=True))
        self._views[node.outputs[1]] = View.whole(gradient)

    def _stored(self, view: View) -> View:
        """A view whose elements lie in memory."""
        self._keep(view.memory)
        return view


def _broadcast(shapes: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """Dims of an elementwise result."""
    dims = []
    for lengths in zip(*shapes, strict=True):
        long = [length for length in lengths if length != ONE]
        # A number where one is known: two names for one length would part loops.
        dims.append(next((length for length in long if length.isdigit()), (long or [ONE])[0]))
    return tuple(dims)
