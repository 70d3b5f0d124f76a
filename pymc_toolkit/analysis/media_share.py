"""What the priors of a model expect of all media together, and priors that expect a given share.

Default priors are of one channel: the more channels, the more media are expected to bring, soon
several times the target. Where the data say little of a channel, its return then comes out too high
at the margin, and so does what a budget promises. A prior on the sum keeps that in bounds, whatever
the number of channels.
"""

from __future__ import annotations

import math
from dataclasses import replace
from numbers import Real

import numpy as np

from pymc_toolkit.analysis.before import Before, before_data
from pymc_toolkit.analysis.contributions import earned
from pymc_toolkit.engines import get_engine
from pymc_toolkit.exceptions import SpecificationError
from pymc_toolkit.model_data import ModelData
from pymc_toolkit.model_spec import ModelSpec, Sampling
from pymc_toolkit.names import CHANNEL
from pymc_toolkit.priors import plain

_DRAWS, _SEED, _SHAPE = 1000, 0, 2


def expected_share(before: Before) -> float | None:
    """Share of the target that a model expects media to bring, before the data.

    Parameters
    ----------
    before : Before

    Returns
    -------
    float or None
        Median over draws of what all channels bring in all periods and regions, over the sum of the
        target; None where that sum is not above zero.
    """
    target = float(before.fit.training.dataset["target"].sum())
    if target <= 0:
        return None
    return float(np.median(earned(before.components).sum(CHANNEL))) / target


def amplitude_of(spec: ModelSpec) -> str | None:
    """Name of the prior that says how much a channel can bring, if the curve has one.

    Parameters
    ----------
    spec : ModelSpec

    Examples
    --------
    >>> amplitude_of(ModelSpec(lag_max=4))
    'saturation_alpha'
    """
    amplitude = spec.saturation_component.amplitude
    return None if amplitude is None else f"saturation_{amplitude}"


def with_media_share(engine: str, data: ModelData, spec: ModelSpec, share: float) -> ModelSpec:
    """The specification with a prior under which media are expected to bring a share of the target.

    Each channel's amplitude gets the same Gamma prior of shape 2, under which nine in ten are
    between a sixth and two and a half times the mean: some channels may bring next to nothing, and
    others much of the whole. With a smaller shape, whose density stays high down to zero, single
    channels are told apart by chance.

    Parameters
    ----------
    engine : str
        Its name.
    data : ModelData
        The training window, of the target and the spend of which the size of the prior follows.
    spec : ModelSpec
        The other priors are kept, and asked what a unit of amplitude brings.
    share : float
        Between 0 and 1.

    Returns
    -------
    ModelSpec

    Raises
    ------
    SpecificationError
        For an impossible share, an engine without priors by name, a curve without an amplitude, an
        amplitude whose prior is given too, or a target whose sum is not above zero.
    """
    name = _checked(engine, spec, share)
    of_one = _with_amplitude(spec, name, 1.0)
    before = before_data(engine, data, of_one, Sampling(random_seed=_SEED), _DRAWS)
    brought = None if before is None else expected_share(before)
    if not brought:
        raise SpecificationError(
            f"Got media_share={share} and a target or media that sum to nothing; expected both "
            "above zero on the whole. Leave media_share out."
        )
    # What media bring is proportional to the amplitudes.
    return _with_amplitude(spec, name, _on_a_grid(share / brought))


def _checked(engine: str, spec: ModelSpec, share: float) -> str:
    """Name of the amplitude, if a share can be asked for at all."""
    if isinstance(share, bool) or not isinstance(share, Real) or not 0 < share < 1:
        raise SpecificationError(
            f"Got media_share={share!r}; expected a number between 0 and 1, the share of the "
            "target that all media together are expected to bring."
        )
    if not get_engine(engine).named_priors:
        raise SpecificationError(
            f"Got media_share with engine={engine!r}; expected the Bayesian engine. Give "
            "engine_options={'media_share_prior': …} instead."
        )
    name = amplitude_of(spec)
    if name is None:
        raise SpecificationError(
            f"Got media_share with saturation={spec.saturation!r}, whose curve has no amplitude; "
            "expected another curve. Give model_priors of it instead."
        )
    if name in spec.prior_overrides:
        raise SpecificationError(
            f"Got both media_share and a prior of {name!r}; expected one of them. Leave one of "
            "them out."
        )
    return name


def _on_a_grid(size: float) -> float:
    """The nearest of 24 sizes a decade, at most 5% away.

    Models with equal priors share what is compiled for them, and next month's data, or another
    client's, ask for nearly the same size.
    """
    return float(f"{10 ** (round(24 * math.log10(size)) / 24):.3g}")


def _with_amplitude(spec: ModelSpec, name: str, mean: float) -> ModelSpec:
    # Of the family that can take what an experiment has measured.
    prior = plain("Gamma", {"mu": mean, "sigma": float(f"{mean / _SHAPE**0.5:.3g}")}, CHANNEL)
    return replace(spec, prior_overrides={**spec.prior_overrides, name: prior})
