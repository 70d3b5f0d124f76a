"""Diminishing returns: what an (adstocked) exposure earns, as a share of what it could.

Exposure and response are on the scaled data unless said otherwise.

References
----------
.. [1] Jin, Wang, Sun, Chan, Koehler (2017). Bayesian methods for media mix modeling with carryover
   and shape effects. Google.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from pymc_toolkit.arrays import Array
from pymc_toolkit.components.parameter import Parameter

Curve = Callable[..., Array]


@dataclass(frozen=True)
class Saturation:
    """A response curve: its name, its parameters and the response they give.

    Parameters
    ----------
    name, label : str
        Name in the public interface, and in sentences.
    upstream : str
        Class in ``pymc_marketing.mmm`` that builds the same curve in a model's graph.
    parameters : tuple of Parameter
        In the order in which the defaults are shown.
    curve : callable
        ``curve(xp, exposure, **parameters)``, elementwise with broadcasting. ``xp`` is the library
        that calculates: numpy, or ``pytensor.tensor`` in a graph.
    amplitude : str, optional
        Parameter that the response is a multiple of, if there is one.

    Examples
    --------
    >>> import numpy as np
    >>> SATURATIONS["michaelis_menten"].response(np.array([0.0, 1.0]), lam=1.0, alpha=2.0)
    array([0., 1.])
    """

    name: str
    label: str
    upstream: str
    parameters: tuple[Parameter, ...]
    curve: Curve
    amplitude: str | None

    def response(self, exposure: Any, xp: Any = np, **parameters: Any) -> Any:
        """What an exposure earns.

        Parameters
        ----------
        exposure : ndarray, DataArray or variable of a graph
            Non-negative.
        xp : module
            ``numpy`` or ``pytensor.tensor``.
        **parameters
            By name, broadcast against the exposure.
        """
        return self.curve(xp, exposure, **parameters)


def _michaelis_menten(xp: Any, exposure: Array, lam: Array, alpha: Array) -> Array:
    return alpha * (exposure / (lam + exposure))


def _logistic(xp: Any, exposure: Array, lam: Array, beta: Array) -> Array:
    # (1 - exp(-lx)) / (1 + exp(-lx)), without the overflow.
    return beta * xp.tanh(lam * exposure / 2)


def _hill(xp: Any, exposure: Array, slope: Array, kappa: Array, beta: Array) -> Array:
    log_ratio = xp.log(_one_for_none(exposure)) - xp.log(kappa)
    share = 1 / (1 + xp.exp(xp.minimum(-slope * log_ratio, 700.0))) * (exposure > 0)
    return beta * share


def _tanh(xp: Any, exposure: Array, b: Array, c: Array) -> Array:
    return b * xp.tanh(exposure / (b * c))


def _root(xp: Any, exposure: Array, alpha: Array, beta: Array) -> Array:
    return beta * (_one_for_none(exposure) ** alpha * (exposure > 0))


def _one_for_none(exposure: Array) -> Array:
    """The exposure, and 1 where there is none: its logarithm has a derivative everywhere."""
    return exposure + (exposure <= 0)


SATURATIONS: Mapping[str, Saturation] = {
    saturation.name: saturation
    for saturation in (
        Saturation(
            "michaelis_menten",
            "Michaelis-Menten",
            "MichaelisMentenSaturation",
            (
                Parameter("lam", "HalfNormal", {"sigma": 1}, "positive", (0, 1)),
                Parameter("alpha", "Gamma", {"mu": 2, "sigma": 1}, "positive", (1, 0)),
            ),
            _michaelis_menten,
            "alpha",
        ),
        Saturation(
            "logistic",
            "Logistic",
            "LogisticSaturation",
            (
                Parameter("lam", "Gamma", {"alpha": 3, "beta": 1}, "positive", (0, -1)),
                Parameter("beta", "HalfNormal", {"sigma": 2}, "positive", (1, 0)),
            ),
            _logistic,
            "beta",
        ),
        Saturation(
            "hill",
            "Hill",
            "HillSaturation",
            (
                Parameter("slope", "HalfNormal", {"sigma": 1.5}, "positive"),
                Parameter("kappa", "HalfNormal", {"sigma": 1.5}, "positive", (0, 1)),
                Parameter("beta", "HalfNormal", {"sigma": 1.5}, "positive", (1, 0)),
            ),
            _hill,
            "beta",
        ),
        Saturation(
            "tanh",
            "Tanh",
            "TanhSaturation",
            (
                Parameter("b", "HalfNormal", {"sigma": 1}, "positive", (1, 0)),
                Parameter("c", "HalfNormal", {"sigma": 1}, "positive", (-1, 1)),
            ),
            _tanh,
            None,
        ),
        Saturation(
            "root",
            "Root",
            "RootSaturation",
            (
                Parameter("alpha", "Beta", {"alpha": 1, "beta": 2}, "unit"),
                # beta * (x / scale) ** alpha: the factor to original units depends on alpha.
                Parameter("beta", "Gamma", {"mu": 1, "sigma": 1}, "positive", None),
            ),
            _root,
            "beta",
        ),
    )
}
