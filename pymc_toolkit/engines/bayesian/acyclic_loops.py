"""How far a graph is from acyclic, and the slope of that, as plain loops that numba compiles.

Their text is part of a program (:mod:`pymc_toolkit.engines.bayesian.program`), so it uses no other
names than that has. The formulas are those of
:func:`pymc_toolkit.components.acyclicity.acyclicity`, which a test holds them against. Matrices
lie row by row.
"""

from __future__ import annotations

from math import inf, log
from typing import Any

from numpy import empty


def expm_acyclicity(weights: Any, gradient: Any, n: int) -> float:
    """``tr(exp(W∘W)) - n``: the series of a matrix that was halved until small, then squared."""
    size = n * n
    power, term, scaled = empty(size), empty(size), empty(size)
    norm = 0.0
    for i in range(n):
        total = 0.0
        for j in range(n):
            scaled[i * n + j] = weights[i * n + j] * weights[i * n + j]
            total += scaled[i * n + j]
        norm = max(norm, total)
    if not norm < 500.0:
        return inf
    halvings = 0
    while norm > 0.5:
        norm *= 0.5
        halvings += 1
    for k in range(size):
        scaled[k] *= 0.5**halvings
        power[k] = 0.0
    for i in range(n):
        power[i * n + i] = 1.0
    for step in range(14 + halvings):
        # Horner's rule from the series' 14th term, then squares.
        series = step < 14
        for i in range(n):
            for j in range(n):
                total = 0.0
                for k in range(n):
                    left = scaled[i * n + k] if series else power[i * n + k]
                    total += left * power[k * n + j]
                term[i * n + j] = total / (14 - step) if series else total
        for k in range(size):
            power[k] = term[k]
        if series:
            for i in range(n):
                power[i * n + i] += 1.0
    value = 0.0
    for i in range(n):
        value += power[i * n + i] - 1.0
        for j in range(n):
            gradient[i * n + j] = 2.0 * weights[i * n + j] * power[j * n + i]
    return value


def logdet_acyclicity(weights: Any, gradient: Any, n: int) -> float:
    """``-log det(I - W∘W)``: elimination, whose pivots are positive just where it is defined."""
    rest = empty(n * n)
    for i in range(n):
        for j in range(n):
            rest[i * n + j] = -weights[i * n + j] * weights[i * n + j]
        rest[i * n + i] += 1.0
    value = 0.0
    for k in range(n):
        pivot = rest[k * n + k]
        if not pivot > 0.0:
            return inf
        value -= log(pivot)
        rest[k * n + k] = 1.0
        for j in range(n):
            rest[k * n + j] /= pivot
        for i in range(n):
            if i != k:
                factor = rest[i * n + k]
                rest[i * n + k] = 0.0
                if factor != 0.0:
                    for j in range(n):
                        rest[i * n + j] -= factor * rest[k * n + j]
    for i in range(n):
        for j in range(n):
            gradient[i * n + j] = 2.0 * weights[i * n + j] * rest[j * n + i]
    return value
