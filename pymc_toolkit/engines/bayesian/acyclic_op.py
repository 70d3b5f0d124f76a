"""How far a graph is from acyclic, as one operation of a PyTensor graph with its exact gradient."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytensor.tensor as pt
from pytensor.graph.basic import Apply
from pytensor.graph.op import Op
from pytensor.link.numba.dispatch import numba_funcify

from pymc_toolkit.components.acyclicity import acyclicity
from pymc_toolkit.engines.bayesian import acyclic_loops


class Acyclicity(Op):  # type: ignore[misc]
    """Value and gradient of a measure of cycles, of a matrix of weights.

    Parameters
    ----------
    kind : {"expm", "logdet"}
    """

    __props__ = ("kind",)

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def make_node(self, weights: Any) -> Any:
        """One matrix in; a scalar and a matrix out."""
        weights = pt.as_tensor_variable(weights)
        return Apply(self, [weights], [pt.dscalar(), weights.type()])

    def perform(self, node: Any, inputs: Sequence[Any], outputs: Sequence[Any]) -> None:
        """Compute both with numpy and scipy."""
        value, gradient = acyclicity(inputs[0], self.kind)
        outputs[0][0], outputs[1][0] = np.asarray(value), gradient

    def pullback(
        self, inputs: Sequence[Any], outputs: Sequence[Any], cotangents: Sequence[Any]
    ) -> list[Any]:
        """The gradient that was computed with the value; it has no derivative of its own here."""
        return [cotangents[0] * outputs[1]]


def penalised(weights: Any, kind: str) -> Any:
    """The measure of a matrix of weights, as a scalar of the graph."""
    return Acyclicity(kind)(weights)[0]


@numba_funcify.register(Acyclicity)  # type: ignore[untyped-decorator]
def _compiled(op: Acyclicity, **_: Any) -> Callable[..., Any]:
    from numba import njit

    measure = njit(getattr(acyclic_loops, f"{op.kind}_acyclicity"))

    @njit
    def both(weights: Any) -> Any:
        n = weights.shape[0]
        gradient = np.empty(n * n)
        value = measure(np.ascontiguousarray(weights).ravel(), gradient, n)
        return np.asarray(value), gradient.reshape(n, n)

    return both
