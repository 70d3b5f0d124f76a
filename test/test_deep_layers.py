"""The network's formulas against numpy, and against the components of the Bayesian engine."""

from __future__ import annotations

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the deep engine needs torch (extra 'deep')")

from deep_examples import network
from torch.nn import functional

from pymc_toolkit.components.adstock import ADSTOCKS
from pymc_toolkit.components.adstock import carry_over as carry_over_in_numpy
from pymc_toolkit.components.saturation import SATURATIONS
from pymc_toolkit.engines.deep import layers

RNG = np.random.default_rng(3)
EXPOSURE = RNG.gamma(1.0, 1.0, size=(2, 15, 3)) * RNG.integers(0, 2, size=(2, 15, 3))
RETENTION = np.array([0.1, 0.5, 0.9])


def test_adstock_by_hand() -> None:
    model = network(adstock_lags=3)
    with torch.no_grad():
        model.adstock_raw.copy_(torch.logit(torch.tensor([0.5, 0.5, 0.2])))
        found = model.adstock(torch.tensor([[[7.0, 0.0, 1.24], [0.0, 7.0, 0.0], [0.0] * 3]]))
    by_hand = [[4.0, 0.0, 1.0], [2.0, 4.0, 0.2], [1.0, 2.0, 0.04]]
    np.testing.assert_allclose(found[0], by_hand, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("lags", [1, 4, 30])
def test_adstock_is_that_of_the_bayesian_engine(lags: int) -> None:
    """Also with more lags than weeks."""
    model = network(adstock_lags=lags)
    with torch.no_grad():
        model.adstock_raw.copy_(torch.logit(torch.tensor(RETENTION)))
        found = model.adstock(torch.tensor(EXPOSURE, dtype=torch.float32))
    kernel = ADSTOCKS["geometric"].kernel(lags, {"alpha": RETENTION})
    np.testing.assert_allclose(found, carry_over_in_numpy(EXPOSURE, kernel), rtol=1e-4, atol=1e-6)


def test_hill_by_hand_and_as_the_bayesian_engine() -> None:
    model = network()
    half, slope = np.array([0.5, 1.0, 2.0]), np.array([0.7, 1.0, 3.0])
    with torch.no_grad():
        model.hill_g_raw.copy_(layers.inverse_softplus(torch.tensor(half)))
        model.hill_a_raw.copy_(layers.inverse_softplus(torch.tensor(slope)))
        found = model.hill(torch.tensor(EXPOSURE, dtype=torch.float32))
        negative = model.hill(-torch.ones(1, 2, 3))
    by_hand = EXPOSURE**slope / (half**slope + EXPOSURE**slope)
    np.testing.assert_allclose(found, by_hand, rtol=1e-4, atol=1e-6)
    curve = SATURATIONS["hill"].response(EXPOSURE, slope=slope, kappa=half, beta=1.0)
    np.testing.assert_allclose(found, curve, rtol=1e-4, atol=1e-6)
    assert (negative == 0).all()


@pytest.mark.parametrize("slope", [0.3, 1.0, 5.0])
def test_hill_has_a_finite_derivative_everywhere(slope: float) -> None:
    x = torch.tensor([[0.0], [-1.0], [1e-30], [1e30]], requires_grad=True)
    half = torch.tensor([0.5], requires_grad=True)
    exponent = torch.tensor([slope], requires_grad=True)
    layers.hill_curve(x, half, exponent).sum().backward()
    # Above zero a slope below one makes the curve as steep as one likes; not at zero itself.
    assert torch.isfinite(x.grad[[0, 1, 3]]).all()
    assert torch.isfinite(half.grad).all()
    assert torch.isfinite(exponent.grad).all()


@pytest.mark.parametrize("decay", [0.0, 0.5, 0.9])
def test_smoothing_against_the_recursion(decay: float) -> None:
    expected = EXPOSURE.copy()
    for week in range(1, expected.shape[1]):
        expected[:, week] = decay * expected[:, week - 1] + (1 - decay) * EXPOSURE[:, week]
    found = layers.smooth(torch.tensor(EXPOSURE), decay)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-15)


def test_burn_in_by_hand() -> None:
    linear = layers.burn_in_weights(5, 3, "linear", 5.0)
    np.testing.assert_allclose(linear, [0.25, 0.5, 0.75, 1, 1])
    exponential = layers.burn_in_weights(3, 1, "exponential", 2.0)
    np.testing.assert_allclose(
        exponential, [(1 - math.exp(-1)) / (1 - math.exp(-2)), 1, 1], rtol=1e-6
    )
    sigmoid = layers.burn_in_weights(3, 1, "sigmoid", 4.0)
    np.testing.assert_allclose(sigmoid, [0.5, 1, 1], rtol=1e-6)


@pytest.mark.parametrize("method", ["linear", "exponential", "sigmoid"])
def test_burn_in_rises_and_ends(method: str) -> None:
    weights = layers.burn_in_weights(20, 8, method, 5.0)
    assert (weights > 0).all()
    assert (weights[:8].diff() > 0).all()
    assert (weights[8:] == 1).all()
    assert (layers.burn_in_weights(4, 0, method, 5.0) == 1).all()


def test_waves_come_back_every_year() -> None:
    week = torch.arange(10.0, dtype=torch.float64)
    one = layers.yearly_waves(week, 52.0, 3)
    np.testing.assert_allclose(one, layers.yearly_waves(week + 52, 52.0, 3), atol=1e-12)
    np.testing.assert_allclose(one[:, 1], torch.sin(4 * np.pi * week / 52), atol=1e-12)
    np.testing.assert_allclose(one[:, 3], torch.cos(2 * np.pi * week / 52), atol=1e-12)


def test_softplus_and_back() -> None:
    values = torch.tensor([1e-3, 0.5, 3.0, 200.0])
    np.testing.assert_allclose(
        functional.softplus(layers.inverse_softplus(values)), values, rtol=1e-5
    )
