"""Sums over all subsets of a few things at once, with a subset as the bits of its number.

References
----------
.. [1] Koivisto, Sood (2004). Exact Bayesian structure discovery in Bayesian networks.
"""

from __future__ import annotations

import numpy as np

from pymc_toolkit.arrays import Array


def principal_log_determinants(matrix: Array) -> Array:
    """Logarithm of the determinant of every principal submatrix.

    Parameters
    ----------
    matrix : ndarray of shape (n, n)
        Positive definite.

    Returns
    -------
    ndarray of shape (2**n,)
        Bit ``i`` of the index says whether row and column ``i`` are in.

    Examples
    --------
    >>> import numpy as np
    >>> np.exp(principal_log_determinants(np.array([[2.0, 1.0], [1.0, 2.0]]))).round(6)
    array([1., 2., 2., 3.])
    """
    logs = np.zeros(1)
    # What is left of the matrix, by subset of the rows so far: with one row in, its complement.
    rest = np.asarray(matrix, float)[None]
    for _ in range(len(matrix)):
        pivot, column, tail = rest[:, 0, 0], rest[:, 1:, 0], rest[:, 1:, 1:]
        inside = tail - column[:, :, None] * column[:, None, :] / pivot[:, None, None]
        logs = np.concatenate([logs, logs + np.log(pivot)])
        rest = np.concatenate([tail, inside])
    return logs


def split(table: Array, bit: int) -> tuple[Array, Array]:
    """The entries of a table without one element, and those with it, in the order of the others.

    Parameters
    ----------
    table : ndarray of shape (2**n,)
    bit : int

    Returns
    -------
    without, with : ndarray of shape (2**(n - 1 - bit), 2**bit)
        Views.
    """
    halves = table.reshape(-1, 2, 1 << bit)
    return halves[:, 0, :], halves[:, 1, :]


def sizes(n: int) -> Array:
    """Number of elements of every subset of ``n`` things."""
    counts = np.zeros(1, dtype=np.int64)
    for _ in range(n):
        counts = np.concatenate([counts, counts + 1])
    return counts


def partial_sums(logs: Array) -> list[Array]:
    """Sums over subsets, one element after the other.

    Parameters
    ----------
    logs : ndarray of shape (2**n,)
        Logarithms of what is summed.

    Returns
    -------
    list of n + 1 ndarray of shape (2**n,)
        Entry ``b`` at ``U``: logarithm of the sum over the sets that agree with ``U`` in elements
        ``b`` and later and are subsets of it in the earlier ones. The last entry sums over all
        subsets of ``U`` [1]_.
    """
    tables = [logs]
    for bit in range(int(logs.size).bit_length() - 1):
        table = tables[-1].copy()
        without, with_it = split(table, bit)
        np.logaddexp(with_it, without, out=with_it)
        tables.append(table)
    return tables


def sums_over_subsets(logs: Array) -> Array:
    """The last entry of :func:`partial_sums` alone, without room for the others."""
    table = logs.copy()
    for bit in range(int(logs.size).bit_length() - 1):
        without, with_it = split(table, bit)
        np.logaddexp(with_it, without, out=with_it)
    return table


def sample_subsets(tables: list[Array], within: Array, rng: np.random.Generator) -> Array:
    """Draw a subset of each of some sets, with probability in proportion to what was summed.

    Parameters
    ----------
    tables : list of ndarray
        From :func:`partial_sums`.
    within : ndarray of int, of shape (draw,)
        The sets.
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of int, of shape (draw,)
    """
    drawn = within.copy()
    for bit in reversed(range(len(tables) - 1)):
        one = 1 << bit
        whole, kept = tables[bit + 1][drawn], tables[bit][drawn]
        # Where the element is not in, whole and kept agree, and it stays out.
        dropped = np.log(rng.random(drawn.shape)) > kept - whole
        drawn = np.where(dropped, drawn & ~one, drawn)
    return drawn


def without_bit(sets: Array, bit: int) -> Array:
    """Numbers of sets among all other elements than one, which they do not hold."""
    low = sets & ((1 << bit) - 1)
    return low | (sets >> (bit + 1) << bit)


def with_bit(sets: Array, bit: int) -> Array:
    """The inverse of :func:`without_bit`."""
    low = sets & ((1 << bit) - 1)
    return low | (sets >> bit << (bit + 1))


def members(sets: Array, n: int) -> Array:
    """Sets as bool of shape (..., n)."""
    return (sets[..., None] >> np.arange(n)) & 1 == 1
