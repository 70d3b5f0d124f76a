"""What the priors expect of media, before the data have said anything."""

from __future__ import annotations

from pymc_toolkit.analysis.before import Before
from pymc_toolkit.analysis.media_share import amplitude_of, expected_share
from pymc_toolkit.engines import get_engine
from pymc_toolkit.health.thresholds import Thresholds, figure, unless_passed
from pymc_toolkit.verdicts import Check, Status

EXPECTED = "media before the data"
# Share of the target that the proposed prior gives to media, if the limit is not stricter.
_PROPOSED = 0.5


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
    value = expected_share(before)
    if value is None:
        return Check(
            EXPECTED,
            Status.PASS,
            "The target is not above zero on the whole, so that media have no share in it.",
        )
    status = limits.grade("expected_media", value)
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
        unless_passed(status, _remedy(before, min(_PROPOSED, limits.expected_media / 2))),
    )


def _remedy(before: Before, share: float) -> str:
    """What to give the model for media to be expected to bring a share of the target."""
    experiments = "add experiments on channels that matter"
    if not get_engine(before.fit.engine).named_priors:
        return f"Change the engine's options on what media bring, or {experiments}."
    spec, name = before.fit.spec, amplitude_of(before.fit.spec)
    if name is None:
        curve = spec.saturation_component
        levels = [f"saturation_{p.name}" for p in curve.parameters if p.unit == (1, 0)]
        return f"Give narrower priors on {' and '.join(levels)}, or {experiments}."
    # The model takes one or the other.
    instead = f" in place of the prior of {name!r}" if name in spec.prior_overrides else ""
    return (
        f"Give media_share={share:.2g}{instead}, with which media are expected to bring "
        f"{share:.0%} of the target, or {experiments}."
    )
