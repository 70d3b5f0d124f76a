"""How hard a cycle has to be penalised: an augmented Lagrangian around the posterior mode.

References
----------
.. [1] Zheng, Aragam, Ravikumar, Xing (2018). DAGs with NO TEARS: continuous optimization for
   structure learning.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from pymc_toolkit.arrays import Array
from pymc_toolkit.channel_graph.candidates import PRIOR_SQUARES, Candidates
from pymc_toolkit.channel_graph.dags import is_acyclic
from pymc_toolkit.components.acyclicity import acyclicity

logger = logging.getLogger(__name__)

# Where the penalty starts, how it grows while cycles do not shrink enough, and where it ends: far
# below what published settings allow, since a sampler has to move on its slopes.
_RHO_FIRST, _RHO_GROWTH, _RHO_LAST = 1.0, 10.0, 1e8
_PROGRESS, _SMALL_ENOUGH, _MOST_STEPS = 0.25, 1e-6, 60
_FAR = 1e50
_PRECISELY = {"ftol": 1e-14, "gtol": 1e-9, "maxiter": 5000, "maxfun": 10000}


@dataclass(frozen=True)
class Penalty:
    """What the outer loop ends with.

    Parameters
    ----------
    alpha, rho : float
        Of the penalty ``alpha * h + rho / 2 * h**2``.
    h : float
        What is left of the cycles at the mode.
    weights : ndarray of shape (edge,)
        The mode.
    """

    alpha: float
    rho: float
    h: float
    weights: Array


def find_penalty(candidates: Candidates, kind: str, scale: float) -> Penalty:
    """Raise the penalty until the posterior mode has no cycle that matters.

    First the mode without it, then again and again with ``alpha`` raised by ``rho * h``, and
    ``rho`` tenfold where ``h`` did not fall to a quarter [1]_. Each search starts at the weights of
    the most probable graph.

    Parameters
    ----------
    candidates : Candidates
    kind : {"expm", "logdet"}
    scale : float
        Of the Laplace prior of the weights.

    Returns
    -------
    Penalty
        All zero where the candidates cannot form a cycle.
    """
    alpha, rho = 0.0, 0.0
    weights = _mode(candidates, kind, scale, alpha, rho, np.zeros(candidates.count))
    if is_acyclic(candidates.matrix(np.ones(candidates.count))):
        return Penalty(0.0, 0.0, 0.0, weights)
    h = _measure(candidates, kind, weights)[0]
    likely, rho = np.where(candidates.likely, weights, 0.0), _RHO_FIRST
    for _ in range(_MOST_STEPS):
        weights = _mode(candidates, kind, scale, alpha, rho, likely)
        left = _measure(candidates, kind, weights)[0]
        h, before = left, h
        if h <= _SMALL_ENOUGH:
            break
        alpha += rho * h
        if h > _PROGRESS * before:
            rho = min(rho * _RHO_GROWTH, _RHO_LAST)
    logger.info("Penalty on cycles: alpha=%.3g, rho=%.3g, which leaves h=%.2g.", alpha, rho, h)
    return Penalty(alpha, rho, h, weights)


def _mode(
    candidates: Candidates, kind: str, scale: float, alpha: float, rho: float, start: Array
) -> Array:
    """The most probable weights under a penalty, each as the difference of two from zero up."""

    def objective(parts: Array) -> tuple[float, Array]:
        weights = parts[: start.size] - parts[start.size :]
        value, slope = _misfit(candidates, weights)
        if alpha or rho:
            h, of_h = _measure(candidates, kind, weights)
            if not np.isfinite(h):
                return _FAR, np.zeros_like(parts)
            value += alpha * h + 0.5 * rho * h * h
            slope = slope + (alpha + rho * h) * of_h
        return value + parts.sum() / scale, np.concatenate([slope, -slope]) + 1 / scale

    first = np.concatenate([np.maximum(start, 0), np.maximum(-start, 0)])
    bounds = [(0, None)] * first.size
    found = minimize(
        objective, first, jac=True, method="L-BFGS-B", bounds=bounds, options=_PRECISELY
    ).x
    weights: Array = found[: start.size] - found[start.size :]
    return weights


def _misfit(candidates: Candidates, weights: Array) -> tuple[float, Array]:
    """Minus the log-likelihood, and its slope."""
    effect, n = candidates.effect, candidates.size.size
    product = candidates.gram @ weights
    left = candidates.size + np.bincount(effect, weights * (product - 2 * candidates.cross), n)
    value = float((candidates.exponent * np.log(left + PRIOR_SQUARES)).sum())
    power = 2 * candidates.exponent / (left + PRIOR_SQUARES)
    slope = power[effect] * (product - candidates.cross)
    return value, slope


def _measure(candidates: Candidates, kind: str, weights: Array) -> tuple[float, Array]:
    h, slope = acyclicity(candidates.matrix(weights), kind)
    of_edges = np.where(candidates.lag == 0, slope[candidates.cause, candidates.effect], 0.0)
    return h, of_edges
