"""An experiment as a prior: on the amplitude of its channel, by matching quantiles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr
from scipy import optimize, stats

from pymc_toolkit.arrays import Array
from pymc_toolkit.components.uplift_tests import BOUND, UpliftTest
from pymc_toolkit.engines.bayesian.uplift import modelled_effects
from pymc_toolkit.exceptions import UpliftTestError
from pymc_toolkit.model_data import ModelData
from pymc_toolkit.model_spec import ModelSpec
from pymc_toolkit.names import CHANNEL
from pymc_toolkit.priors import PlainPrior, plain, prior_dims

# Probability between the two quantiles that are matched.
_MASS = 0.9
# Logarithms of shapes between which every ratio of quantiles is found that a test may ask for.
_LOG_SHAPES = (-4.0, 18.0)


def amplitude_prior(
    prior_draws: xr.Dataset,
    priors: dict[str, PlainPrior],
    spec: ModelSpec,
    data: ModelData,
    tests: Sequence[UpliftTest],
    seed: int,
) -> dict[str, PlainPrior]:
    """The prior of the channels' amplitudes with that of each tested channel matched to its test.

    An effect is proportional to its channel's amplitude. Over draws of everything else from its
    prior, the effect that was measured asks for a distribution of amplitudes; the Gamma
    distribution with its 5% and 95% quantiles becomes the prior.

    Parameters
    ----------
    prior_draws : xarray.Dataset
        As :meth:`pymc_toolkit.engines.base.Engine.prior_draws` gives them.
    priors : dict of str to mapping
        Of the model, plain.
    spec : ModelSpec
    data : ModelData
    tests : sequence of UpliftTest
        At most one a channel.
    seed : int

    Returns
    -------
    dict of str to mapping
        The amplitude's name and its new prior.

    Raises
    ------
    UpliftTestError
        If the curve has no amplitude, its prior is not a Gamma by channel, a channel has two tests,
        or a test asks for an amplitude that is not positive.
    """
    if spec.saturation_component.amplitude is None:
        raise UpliftTestError(
            f"Got tests as priors of a model with saturation={spec.saturation!r}, no parameter of "
            "which an effect is proportional to. Add the tests as a likelihood."
        )
    name = f"saturation_{spec.saturation_component.amplitude}"
    means, sigmas = _moments(name, priors, len(data.channels))
    effects = modelled_effects(prior_draws, spec, data, tests)
    rng = np.random.default_rng(seed)
    done: set[str] = set()
    for test, modelled in zip(tests, effects, strict=True):
        if test.channel in done:
            raise UpliftTestError(
                f"Got two tests of {test.channel!r} as priors; expected one. Add them as a "
                "likelihood, which takes any number."
            )
        done.add(test.channel)
        amplitude = prior_draws[name].sel({CHANNEL: test.channel}).values.ravel()
        per_unit = modelled.sum(axis=-1).ravel() / amplitude
        measured = _draws_of(test, amplitude.size, rng) / float(data.scale("target"))
        position = data.channels.index(test.channel)
        means[position], sigmas[position] = _matched(test, measured / per_unit)
    kwargs = {"mu": means.tolist(), "sigma": sigmas.tolist()}
    return {name: plain("Gamma", kwargs, CHANNEL)}


def _moments(name: str, priors: dict[str, PlainPrior], channels: int) -> tuple[Array, Array]:
    """Mean and standard deviation of the amplitude of each channel as they are."""
    prior, given = priors[name], priors[name]["kwargs"]
    numbers = not any(isinstance(value, Mapping) for value in given.values())
    ways = ({"mu", "sigma"}, {"alpha", "beta"})
    if prior["dist"] != "Gamma" or not prior_dims(prior) or set(given) not in ways or not numbers:
        raise UpliftTestError(
            f"Got tests as priors of a model whose {name!r} has the prior {prior['dist']}; "
            "expected a Gamma with numbers and dims='channel', of which each channel can have its "
            "own. Give model_priors such a prior, or add the tests as a likelihood."
        )
    values = {
        key: np.broadcast_to(np.asarray(v, float), channels).copy() for key, v in given.items()
    }
    if "mu" in values:
        return values["mu"], values["sigma"]
    return values["alpha"] / values["beta"], np.sqrt(values["alpha"]) / values["beta"]


def _draws_of(test: UpliftTest, count: int, rng: np.random.Generator) -> Array:
    """Draws of what a test believes its effect to be, in original units."""
    if test.kind == BOUND:
        if test.lower is None or test.upper is None:
            raise UpliftTestError(
                f"Got the bound {test.label!r} with one end as a prior; expected lower and upper, "
                "which are taken as its 5% and 95% quantiles."
            )
        middle, half = (test.lower + test.upper) / 2, (test.upper - test.lower) / 2
        return rng.normal(middle, half / stats.norm.ppf((1 + _MASS) / 2), count)
    return rng.normal(test.total, test.total_sigma, count)


def _matched(test: UpliftTest, amplitudes: Array) -> tuple[float, float]:
    """Mean and standard deviation of the Gamma with the quantiles of amplitudes above zero."""
    possible = amplitudes[np.isfinite(amplitudes) & (amplitudes > 0)]
    if possible.size < amplitudes.size / 2:
        raise UpliftTestError(
            f"Got the test {test.label!r} as a prior, whose effect asks for an amplitude that is "
            "not positive; expected one that is. Add it as a likelihood."
        )
    low, high = np.quantile(possible, [(1 - _MASS) / 2, (1 + _MASS) / 2])
    return gamma_with_quantiles(float(low), float(high))


def gamma_with_quantiles(low: float, high: float) -> tuple[float, float]:
    """Mean and standard deviation of the Gamma distribution with given 5% and 95% quantiles.

    Parameters
    ----------
    low, high : float
        0 < low < high.

    Examples
    --------
    >>> low, high = stats.gamma(4.0, scale=0.5).ppf([0.05, 0.95])
    >>> mean, sd = gamma_with_quantiles(float(low), float(high))
    >>> round(mean, 6), round(sd, 6)
    (2.0, 1.0)
    """
    ends = np.array([(1 - _MASS) / 2, (1 + _MASS) / 2])

    def ratio(log_shape: float) -> float:
        # By logarithms: quantiles of a very uneven distribution lie close to zero.
        quantiles = np.log(np.maximum(stats.gamma.ppf(ends, np.exp(log_shape)), 1e-300))
        return float(quantiles[1] - quantiles[0] - np.log(high / low))

    # The ratio of the quantiles falls with the shape; the scale follows.
    shape = float(np.exp(optimize.brentq(ratio, *_LOG_SHAPES)))
    scale = high / float(stats.gamma.ppf(ends[1], shape))
    return shape * scale, float(np.sqrt(shape)) * scale
