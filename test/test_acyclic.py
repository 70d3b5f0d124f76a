"""The measures of cycles that a sampler computes, as loops and as an operation of a graph.

Loops are held against scipy's and numpy's linear algebra, both as Python and as machine code; the
operation's slope against differences.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from pytensor.gradient import verify_grad

from pymc_toolkit.components.acyclicity import ACYCLICITIES, EXPM, LOGDET, acyclicity
from pymc_toolkit.engines.bayesian import acyclic_loops
from pymc_toolkit.engines.bayesian.acyclic_op import Acyclicity, penalised

SIZES = [1, 2, 3, 5, 8, 13]
SCALES = [0.01, 0.1, 0.3, 1.0, 3.0]
PLAIN = {kind: getattr(acyclic_loops, f"{kind}_acyclicity") for kind in ACYCLICITIES}


@pytest.fixture(scope="module", params=["python", "numba"])
def loops(request: pytest.FixtureRequest) -> dict[str, Callable[..., float]]:
    if request.param == "python":
        return PLAIN
    return {kind: numba.njit(function) for kind, function in PLAIN.items()}


def measured(function: Callable[..., float], weights: np.ndarray) -> tuple[float, np.ndarray]:
    flat = weights.ravel().copy()
    # Whatever was in memory must not show.
    gradient = np.full(flat.size, 777.0)
    value = function(flat, gradient, len(weights))
    np.testing.assert_array_equal(flat, weights.ravel())
    return value, gradient.reshape(weights.shape)


def random_weights(size: int, scale: float) -> np.ndarray:
    return np.random.default_rng(100 * size).normal(0, scale, (size, size))


def with_gain(size: int, gain: float) -> np.ndarray:
    """Weights whose squares have a spectral radius of ``gain``."""
    weights = random_weights(size, 1.0)
    return weights * np.sqrt(gain / np.abs(np.linalg.eigvals(weights**2)).max())


def assert_same(ours: tuple[float, np.ndarray], theirs: tuple[float, np.ndarray]) -> None:
    assert ours[0] == pytest.approx(theirs[0], rel=1e-10, abs=1e-13)
    np.testing.assert_allclose(ours[1], theirs[1], rtol=1e-9, atol=1e-12 * np.abs(theirs[1]).max())


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("size", SIZES)
def test_exponential_by_loops(loops: Any, size: int, scale: float) -> None:
    weights = random_weights(size, scale)
    # The channels' squared weights add up to some 100 at most: nothing here is beyond what is kept.
    assert (weights**2).sum(axis=1).max() < 500
    assert_same(measured(loops[EXPM], weights), acyclicity(weights, EXPM))


@pytest.mark.parametrize("norm", [0.4999, 0.5001, 1.0, 100.0, 499.0])
def test_exponential_around_its_halvings(loops: Any, norm: float) -> None:
    weights = random_weights(4, 1.0)
    weights *= np.sqrt(norm / (weights**2).sum(axis=1).max())
    assert_same(measured(loops[EXPM], weights), acyclicity(weights, EXPM))


def test_exponential_is_infinite_for_absurd_weights_only(loops: Any) -> None:
    weights = np.zeros((3, 3))
    weights[0, 1] = np.sqrt(499.0)
    assert measured(loops[EXPM], weights)[0] == pytest.approx(0.0, abs=1e-9)
    for absurd in (np.sqrt(501.0), 1e200, np.inf):
        weights[0, 1] = absurd
        with np.errstate(all="ignore"):
            assert measured(loops[EXPM], weights)[0] == np.inf
    weights[0, 1] = np.nan
    assert not np.isfinite(measured(loops[EXPM], weights)[0])


@pytest.mark.parametrize("gain", [1e-4, 0.1, 0.9, 0.999])
@pytest.mark.parametrize("size", SIZES)
def test_log_determinant_by_loops(loops: Any, size: int, gain: float) -> None:
    weights = with_gain(size, gain)
    expected = acyclicity(weights, LOGDET)
    assert np.isfinite(expected[0])
    ours = measured(loops[LOGDET], weights)
    assert ours[0] == pytest.approx(expected[0], rel=1e-9, abs=1e-14)
    np.testing.assert_allclose(ours[1], expected[1], rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("size", SIZES)
def test_log_determinant_has_the_same_domain(loops: Any, size: int, scale: float) -> None:
    weights = random_weights(size, scale)
    expected = acyclicity(weights, LOGDET)
    if np.isfinite(expected[0]):
        assert_same(measured(loops[LOGDET], weights), expected)
    else:
        assert measured(loops[LOGDET], weights)[0] == np.inf


@pytest.mark.parametrize("gain", [1.001, 1.5, 30.0])
@pytest.mark.parametrize("size", SIZES)
def test_log_determinant_is_infinite_beyond(loops: Any, size: int, gain: float) -> None:
    """Also where two cycles each turn the determinant's sign, and for what is no number."""
    weights = with_gain(size, gain)
    assert measured(loops[LOGDET], weights)[0] == np.inf
    assert measured(loops[LOGDET], np.kron(np.eye(2), weights))[0] == np.inf
    weights[0, 0] = np.nan
    assert measured(loops[LOGDET], weights)[0] == np.inf


@pytest.mark.parametrize("kind", ACYCLICITIES)
@pytest.mark.parametrize("size", [2, 6, 13])
def test_acyclic_weights_have_no_slope_towards_a_stronger_edge(
    loops: Any, size: int, kind: str
) -> None:
    shuffled = np.random.default_rng(size).permutation(size)
    weights = np.triu(random_weights(size, 0.7), 1)[np.ix_(shuffled, shuffled)]
    value, gradient = measured(loops[kind], weights)
    assert value == pytest.approx(0.0, abs=1e-9)
    np.testing.assert_allclose(gradient, 0.0, atol=1e-9)


POINTS = {
    EXPM: [random_weights(3, 0.3), random_weights(4, 1.0)],
    LOGDET: [with_gain(3, 0.1), with_gain(4, 0.7)],
}


@pytest.mark.parametrize("point", [0, 1])
@pytest.mark.parametrize("kind", ACYCLICITIES)
def test_the_slope_of_the_operation(kind: str, point: int) -> None:
    rng = np.random.default_rng(0)
    verify_grad(
        lambda weights: penalised(2.0 * weights, kind) ** 2,
        [POINTS[kind][point] / 2],
        rng=rng,
        mode="FAST_COMPILE",
    )


@pytest.mark.parametrize("kind", ACYCLICITIES)
def test_the_operation_in_machine_code(kind: str) -> None:
    """Compiled by numba as a whole: a fall-back to Python would say so by a warning."""
    weights = pt.dmatrix("weights")
    # Transposed, so that what arrives is not in the order in memory that loops take for granted.
    value = penalised(weights.T, kind)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        function = pytensor.function([weights], [value, pt.grad(value, weights)], mode="NUMBA")
        for given in POINTS[kind]:
            found, gradient = function(given)
            expected, slopes = acyclicity(given.T, kind)
            assert found == pytest.approx(expected, rel=1e-10)
            np.testing.assert_allclose(gradient, slopes.T, rtol=1e-9, atol=1e-12)


def test_operations_are_told_apart_by_what_they_measure() -> None:
    """PyTensor merges equal operations: two measures of the same weights are two."""
    assert Acyclicity(EXPM) == Acyclicity(EXPM)
    assert Acyclicity(EXPM) != Acyclicity(LOGDET)
    weights = pt.dmatrix("weights")
    both = [penalised(weights, EXPM), penalised(weights, LOGDET)]
    point = POINTS[LOGDET][1]
    found = pytensor.function([weights], both, mode="FAST_COMPILE")(point)
    np.testing.assert_allclose(found, [acyclicity(point, kind)[0] for kind in (EXPM, LOGDET)])
