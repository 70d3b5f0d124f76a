"""Coordinates in which the same posterior is easier to sample.

The target's level is known to a per cent, while how it divides among baseline, channels and
controls is not. On the usual logarithmic scale of each part, "the parts add up to the level" is a
thin curved shell in which a sampler can only take small steps. Here the level is a coordinate of
its own:

- each channel's amplitude is replaced by its usual contribution, what it earns at its usual
  exposure, which the data know better than the amplitude at infinite exposure;
- the intercept is replaced by the level, the sum of baseline, channels and controls.

With ``v`` the logarithms of the contributions of the parts and ``v_0`` that of the level, let
``t = sum(exp(v)) / exp(v_0)`` be the share that the parts claim. The baseline gets the share
``phi(t)``, close to ``1 - t`` while the parts leave room for it and close to zero, smoothly, where
they claim more than there is; each part is then scaled by ``f = (1 - phi(t)) / t``. The
logarithm of the determinant of ``(v, v_0) -> (logarithms of the parts, of the baseline)`` is
``log |phi'(t)| - log phi(t) - log f(t)``.

The coefficients of a smooth multiplier are standard normal before the data, whose product with
their scale the data then know: neither alone is easy to sample. The product with a power of the
scale between none (non-centred) and one (centred) is; which power is data, so that a pilot can
tell.

Priors and likelihood are those of the graph: only the variables that are sampled differ.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from pymc_toolkit.engines.bayesian.graph import Graph

# How sharply the baseline's share bends towards zero; with 10 it is 0.07 where the parts claim all.
_BEND = 10.0
# What share of the level the parts claim where sampling starts.
_FIRST_SHARE = 0.5
INTERCEPT = "intercept"


@dataclass(frozen=True)
class Coordinates:
    """A graph's sampled values as functions of other ones.

    Parameters
    ----------
    pieces : Mapping of Variable to Variable
        For each value variable of the model, in their order, the vector or scalar that is
        sampled instead.
    values : Mapping of Variable to Variable
        Value variables as expressions of the pieces.
    log_jacobian : Variable
        Logarithm of the absolute determinant of that map.
    start : ndarray of shape (coordinate,)
        Where sampling starts, before the size of the target is known.
    level : ndarray of shape (coordinate,)
        1 where the logarithm of the target's mean adds to the start, else 0.
    """

    pieces: Mapping[Any, Any]
    values: Mapping[Any, Any]
    log_jacobian: Any
    start: np.ndarray
    level: np.ndarray

    def places(self, graph: Graph) -> dict[str, tuple[int, int]]:
        """First coordinate of each free variable, and the one after its last."""
        found, first = {}, 0
        for value, piece in self.pieces.items():
            end = first + int(np.prod(piece.type.shape, dtype=int))
            found[graph.model.values_to_rvs[value].name] = (first, end)
            first = end
        return found


def choose_coordinates(graph: Graph) -> Coordinates:
    """Choose coordinates for a graph; where its priors do not allow the above, its own.

    Parameters
    ----------
    graph : Graph
    """
    import pytensor.tensor as pt
    from pytensor.graph.replace import graph_replace

    model = graph.model
    first = model.initial_point()
    pieces = {
        value: pt.tensor(f"{value.name}_piece", dtype=value.dtype, shape=first[value.name].shape)
        for value in model.value_vars
    }
    values = dict(pieces)
    log_jacobian: Any = pt.constant(0.0)
    start = {value: np.asarray(first[value.name], float) for value in model.value_vars}
    level = {value: np.zeros_like(start[value]) for value in model.value_vars}
    parts = _positive_parts(graph)
    intercept = _value(model, INTERCEPT)
    if parts and intercept is not None and _is_log(model, INTERCEPT):
        names = list(parts)
        units = model.replace_rvs_by_values([graph.unit_responses[name] for name in names])
        units = graph_replace(units, pieces, strict=False)
        whole = pieces[intercept]
        claimed = sum(pt.exp(pieces[parts[name]] - whole).sum() for name in names)
        log_phi, log_slope, log_factor = _division(claimed)
        log_jacobian = log_slope - log_phi - log_factor
        values[intercept] = whole + log_phi
        start[intercept], level[intercept] = np.zeros(()), np.ones(())
        count = sum(start[value].size for value in parts.values())
        for name, unit in zip(names, units, strict=True):
            value = parts[name]
            values[value] = pieces[value] + log_factor - pt.log(unit)
            start[value] = np.full_like(start[value], np.log(_FIRST_SHARE / count))
            level[value] = np.ones_like(start[value])
    for name, centred in graph.centrings.items():
        value = _value(model, name)
        shift = graph_replace(model.replace_rvs_by_values([centred]), pieces, strict=False)[0]
        values[value] = pieces[value] * pt.exp(-shift)
        log_jacobian = log_jacobian - shift.sum()
    return Coordinates(
        pieces,
        values,
        log_jacobian,
        np.concatenate([np.ravel(start[value]) for value in model.value_vars]),
        np.concatenate([np.ravel(level[value]) for value in model.value_vars]),
    )


def _positive_parts(graph: Graph) -> dict[str, Any]:
    """Value variables of the parts that are sampled on a logarithmic scale, by name."""
    model = graph.model
    return {
        name: _value(model, name)
        for name in graph.unit_responses
        if _value(model, name) is not None and _is_log(model, name)
    }


def _value(model: Any, name: str) -> Any:
    """Value variable of a free variable, None where the name is of something derived."""
    variable = model.named_vars.get(name)
    return model.rvs_to_values[variable] if variable in model.free_RVs else None


def _is_log(model: Any, name: str) -> bool:
    transform = model.rvs_to_transforms[model.named_vars[name]]
    return getattr(transform, "name", None) == "log"


def _division(claimed: Any) -> tuple[Any, Any, Any]:
    """Logarithms of the baseline's share, of its slope in what is claimed, and of the factor."""
    import pytensor.tensor as pt

    room = _BEND * (1 - claimed)
    whole = np.log1p(np.exp(_BEND))
    share = pt.softplus(room) / whole
    log_slope = np.log(_BEND / whole) - pt.softplus(-room)
    # 1 - share, without the cancellation where next to nothing is claimed.
    rest = -pt.log1p(pt.expm1(-_BEND * claimed) / (1 + np.exp(-_BEND))) / whole
    return pt.log(share), log_slope, pt.log(rest / claimed)
