"""Operations on scalars as the text of Python expressions that numba compiles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

# Scalar operations by the name of their class, as Python that numba knows.
_INFIX = {
    "Add": "+",
    "Mul": "*",
    "Sub": "-",
    "TrueDiv": "/",
    "LT": "<",
    "GT": ">",
    "LE": "<=",
    "GE": ">=",
    "EQ": "==",
    "NEQ": "!=",
    "AND": "and",
    "OR": "or",
}
_CALLS = {
    "Exp": "exp({})",
    "Log": "log({})",
    "Log1p": "log1p({})",
    "Expm1": "expm1({})",
    "Sqrt": "sqrt({})",
    "Sqr": "square({})",
    "Neg": "(-{})",
    "Abs": "abs({})",
    "Tanh": "tanh({})",
    "Erf": "erf({})",
    "Erfc": "erfc({})",
    "GammaLn": "lgamma({})",
    "Psi": "digamma({})",
    "Sigmoid": "sigmoid({})",
    "Softplus": "softplus({})",
    "Log1mexp": "log1mexp({})",
    "Reciprocal": "(1.0 / {})",
    "Invert": "(not {})",
    "IsNan": "isnan({})",
    "IsInf": "isinf({})",
    "Sign": "sign({})",
    "Cast": "{}",
    "Identity": "{}",
    "Switch": "({1} if {0} else {2})",
    "Second": "{1}",
    "Pow": "power({}, {})",
    "ScalarMaximum": "max({}, {})",
    "ScalarMinimum": "min({}, {})",
    "Maximum": "max({}, {})",
    "Minimum": "min({}, {})",
    "Clip": "min(max({}, {}), {})",
}
KNOWN_OPERATIONS = {*_INFIX, *_CALLS, "Composite"}
# Functions that the text may call and that Python's math has not, by their head.
HELPERS = {
    "square(x)": "return x * x",
    # Several times faster than the library's power, and as exact as a density needs.
    "power(x, y)": "return exp(y * log(x)) if x > 0.0 else x**y",
    # With the same exponential, which a loop that needs both then takes once.
    "sigmoid(x)": "return (1.0 if x > 0.0 else exp(-abs(x))) / (1.0 + exp(-abs(x)))",
    "softplus(x)": "return max(x, 0.0) + log1p(exp(-abs(x)))",
    "log1mexp(x)": "return log(-expm1(x)) if x > -0.6931471805599453 else log1p(-exp(x))",
    "sign(x)": "return 1.0 if x > 0 else (-1.0 if x < 0 else x)",
    "digamma(x)": """if not x > 0.0:
        return nan
    shift = 0.0
    while x < 6.0:
        shift -= 1.0 / x
        x += 1.0
    y = 1.0 / (x * x)
    tail = y * (1 / 12 - y * (1 / 120 - y * (1 / 252 - y * (1 / 240 - y * (1 / 132)))))
    return shift + log(x) - 0.5 / x - tail""",
}


class UnknownOperationError(NotImplementedError):
    """A graph holds an operation that cannot be turned into loops."""


def scalar_text(op: Any, arguments: Sequence[str]) -> str:
    """An operation on scalars as text.

    Parameters
    ----------
    op : pytensor.scalar.ScalarOp
    arguments : sequence of str

    Raises
    ------
    UnknownOperationError
    """
    kind = type(op).__name__
    if kind in _INFIX:
        return f"({f' {_INFIX[kind]} '.join(arguments)})"
    if kind == "Composite":
        return _composite_text(op.fgraph, arguments)
    if kind in _CALLS:
        return _CALLS[kind].format(*arguments)
    raise UnknownOperationError(f"no text is known for {op}")


def _composite_text(fgraph: Any, arguments: Sequence[str]) -> str:
    """Several operations on scalars as one expression."""
    texts = dict(zip(fgraph.inputs, arguments, strict=True))
    for node in fgraph.toposort():
        inner = [
            texts[variable] if variable in texts else repr(float(variable.data))
            for variable in node.inputs
        ]
        texts[node.outputs[0]] = scalar_text(node.op, inner)
    return texts[fgraph.outputs[0]]
