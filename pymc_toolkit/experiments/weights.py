"""Least squares with weights that are shares."""

from __future__ import annotations

import numpy as np
from scipy.optimize import nnls

from pymc_toolkit.arrays import Array
from pymc_toolkit.exceptions import DataError

_STEPS_PER_DONOR = 30


def simplex_weights(donors: Array, target: Array) -> Array:
    """Weights of zero or more, adding up to one, that bring donors nearest to a target.

    The mixture nearest to the target is the point of the donors' convex hull nearest to the origin
    once the target has been taken off each donor. With ``A`` the differences, any ``u >= 0`` is a
    sum ``s`` times shares ``w``, and ``|A u|² + (s - 1)²`` is at its least over ``s`` an increasing
    function of ``|A w|²``: so least squares with ``u >= 0`` alone finds the shares, as ``u / s``.

    Parameters
    ----------
    donors : ndarray of shape (date, donor)
    target : ndarray of shape (date,)

    Returns
    -------
    ndarray of shape (donor,)
        Minimises ``sum((target - donors @ weights)**2)``; where several do, one of them.

    Raises
    ------
    DataError
        If the solver finds none.

    References
    ----------
    Lawson, Hanson (1974). Solving least squares problems, chapter 23.
    Wolfe (1976). Finding the nearest point in a polytope.

    Examples
    --------
    >>> donors = np.array([[0.0, 10.0], [0.0, 20.0]])
    >>> simplex_weights(donors, np.array([2.5, 5.0])).round(6).tolist()
    [0.75, 0.25]
    """
    n = donors.shape[1]
    apart = donors - target[:, None]
    size = float(np.abs(apart).max())
    if size == 0:
        return np.full(n, 1 / n)
    system = np.vstack([apart / size, np.ones(n)])
    try:
        found, _ = nnls(system, np.append(np.zeros(len(target)), 1.0), maxiter=_STEPS_PER_DONOR * n)
    except RuntimeError as error:
        raise DataError(
            f"Got control regions for which no weights were found ({error}); expected outcomes of "
            "a similar size. Express them per head, or drop regions unlike the others."
        ) from error
    return found / found.sum()
