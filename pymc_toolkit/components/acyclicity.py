"""How far a graph's weights are from acyclic: two measures, each zero for a DAG alone.

Weights are a matrix ``W`` with ``W[i, j]`` the effect of channel ``i`` on channel ``j``.

References
----------
.. [1] Zheng, Aragam, Ravikumar, Xing (2018). DAGs with NO TEARS: continuous optimization for
   structure learning.
.. [2] Bello, Aragam, Ravikumar (2022). DAGMA: learning DAGs via M-matrices and a log-determinant
   acyclicity characterization.
"""

from __future__ import annotations

import numpy as np

from pymc_toolkit.arrays import Array

EXPM, LOGDET = ACYCLICITIES = ("expm", "logdet")


def h_acyclicity(weights: Array) -> float:
    """How far a graph is from acyclic: ``tr(exp(W∘W)) - d``, zero for a DAG alone [1]_.

    Parameters
    ----------
    weights : ndarray of shape (channel, channel)

    Returns
    -------
    float

    Examples
    --------
    >>> import numpy as np
    >>> h_acyclicity(np.array([[0.0, 2.0], [0.0, 0.0]]))
    0.0
    >>> round(h_acyclicity(np.array([[0.0, 1.0], [1.0, 0.0]])), 3)
    1.086
    """
    return acyclicity(weights, EXPM)[0]


def h_log_determinant(weights: Array) -> float:
    """How far a graph is from acyclic: ``-log det(I - W∘W)``, zero for a DAG alone [2]_.

    Parameters
    ----------
    weights : ndarray of shape (channel, channel)

    Returns
    -------
    float
        Infinite where the squared weights go round a cycle with a gain of one or more.

    Examples
    --------
    >>> import numpy as np
    >>> h_log_determinant(np.array([[0.0, 2.0], [0.0, 0.0]]))
    0.0
    """
    return acyclicity(weights, LOGDET)[0]


def acyclicity(weights: Array, kind: str) -> tuple[float, Array]:
    """One of the two measures, with its exact gradient.

    Parameters
    ----------
    weights : ndarray of shape (channel, channel)
    kind : {"expm", "logdet"}

    Returns
    -------
    value : float
        Infinite where it is not defined, or no number can hold it; the gradient is NaN there.
    gradient : ndarray of shape (channel, channel)
        ``exp(W∘W)ᵀ ∘ 2W``, or ``(I - W∘W)⁻ᵀ ∘ 2W``.
    """
    from scipy.linalg import expm

    weights = np.asarray(weights, float)
    beyond, size = (np.inf, np.full_like(weights, np.nan)), len(weights)
    with np.errstate(over="ignore", invalid="ignore"):
        squared = weights * weights
        if not np.isfinite(squared).all():
            return beyond
        if kind == EXPM:
            power = expm(squared)
            if not np.isfinite(power).all():
                return beyond
            return max(0.0, float(np.trace(power) - size)), power.T * 2 * weights
    matrix = np.eye(size) - squared
    # Within the domain all eigenvalues of W∘W, which is not negative, lie inside the unit circle.
    if np.abs(np.linalg.eigvals(squared)).max(initial=0.0) >= 1:
        return beyond
    value = -float(np.linalg.slogdet(matrix).logabsdet)
    # Not -0.0 (so zero comes first), and not a rounding error below what is possible.
    return max(0.0, value), np.linalg.inv(matrix).T * 2 * weights
