"""Least squares with weights that are shares."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize

from pymc_toolkit.arrays import Array
from pymc_toolkit.exceptions import DataError

_PRECISION = 1e-12
_STEPS = 1000


def simplex_weights(donors: Array, target: Array) -> Array:
    """Weights of zero or more, adding up to one, that bring donors nearest to a target.

    Parameters
    ----------
    donors : ndarray of shape (date, donor)
    target : ndarray of shape (date,)

    Returns
    -------
    ndarray of shape (donor,)
        Minimises ``sum((target - donors @ weights)**2)``; where several do, the one that the
        solver reaches from equal weights.

    Raises
    ------
    DataError
        If the solver finds none.

    References
    ----------
    Kraft (1988). A software package for sequential quadratic programming.

    Examples
    --------
    >>> donors = np.array([[0.0, 10.0], [0.0, 20.0]])
    >>> simplex_weights(donors, np.array([2.5, 5.0])).round(6).tolist()
    [0.75, 0.25]
    """
    n = donors.shape[1]
    # Shares do not change when a date's level is taken off donors and target alike.
    level = donors.mean(axis=1, keepdims=True)
    size = max(float(np.abs(donors - level).max()), float(np.abs(target - level[:, 0]).max()))
    if size == 0:
        return np.full(n, 1 / n)
    x, y = (donors - level) / size, (target - level[:, 0]) / size
    gram, moment = x.T @ x / len(y), x.T @ y / len(y)
    found = minimize(
        lambda w: 0.5 * w @ gram @ w - moment @ w,
        np.full(n, 1 / n),
        jac=lambda w: gram @ w - moment,
        bounds=[(0.0, 1.0)] * n,
        constraints={"type": "eq", "fun": lambda w: w.sum() - 1, "jac": lambda w: np.ones(n)},
        method="SLSQP",
        options={"ftol": _PRECISION, "maxiter": _STEPS},
    )
    if not found.success:
        raise DataError(
            f"Got control regions for which no weights were found ({found.message}); expected "
            "outcomes of a similar size. Express them per head, or drop regions unlike the others."
        )
    weights = np.clip(found.x, 0.0, None)
    return weights / weights.sum()
