"""What the priors expect of media, before the data have said anything."""

from __future__ import annotations

from math import pi, sqrt

import numpy as np

from pymc_toolkit.analysis.contributions import earned
from pymc_toolkit.engines import get_engine
from pymc_toolkit.engines.base import Fit
from pymc_toolkit.health.before import Before
from pymc_toolkit.health.thresholds import Thresholds, figure, unless_passed
from pymc_toolkit.names import CHANNEL
from pymc_toolkit.verdicts import Check, Status

EXPECTED = "media before the data"
# Share of the target that the proposed prior gives to media, if the limit is not stricter.
_PROPOSED = 0.5
# Mean of a half-normal distribution whose sigma is one.
_MEAN_OF_HALF_NORMAL = sqrt(2 / pi)


def judge_expected_media(before: Before, limits: Thresholds) -> Check:
    """Whether the priors leave media a believable part of the target.

    Parameters
    ----------
    before : Before
    limits : Thresholds

    Returns
    -------
    Check
    """
    target = float(before.fit.training.dataset["target"].sum())
    if target <= 0:
        return Check(
            EXPECTED,
            Status.PASS,
            "The target is not above zero on the whole, so that media have no share in it.",
        )
    brought = earned(before.components).sum(CHANNEL)
    value = float(np.median(brought)) / target
    status = limits.grade("expected_media", value)
    proposed = min(_PROPOSED, limits.expected_media / 2)
    return Check(
        EXPECTED,
        status,
        f"Before the data, the model expects media to bring {value:.0%} of the target: "
        + (
            "that leaves it to the data to say how much."
            if status is Status.PASS
            else "where the data say little of a channel, as they mostly do of small ones, its "
            "marginal return and the uplift expected of a budget come out too high."
        ),
        figure(value),
        limits.expected_media,
        unless_passed(status, _remedy(before.fit, value, proposed)),
    )


def _remedy(before: Fit, value: float, share: float) -> str:
    """What to give the model, in its own terms, for media to bring a share of the target."""
    experiments = "add experiments on channels that matter"
    curve = before.spec.saturation_component
    name = f"saturation_{curve.amplitude}"
    if not get_engine(before.engine).named_priors:
        return f"Change the engine's options on what media bring, or {experiments}."
    if curve.amplitude is None or name not in before.posterior:
        levels = [f"saturation_{p.name}" for p in curve.parameters if p.unit == (1, 0)]
        return f"Give narrower priors on {' and '.join(levels)}, or {experiments}."
    # What media bring is a multiple of the amplitudes.
    mean = float(before.posterior[name].mean()) * share / value
    return (
        "Give a narrower prior on what a channel can bring, such as "
        f'model_priors={{"{name}": Prior("HalfNormal", sigma={mean / _MEAN_OF_HALF_NORMAL:.2g}, '
        f'dims="channel")}}, with which media bring about {share:.0%} of the target, '
        f"or {experiments}."
    )
