"""What every check of health is held against, by name, and how a value is graded by its limits."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from numbers import Real
from typing import Self

from pymc_toolkit.exceptions import SpecificationError
from pymc_toolkit.verdicts import Status

_FAIL = "_fail"
# Limits that a healthy value lies above; it lies below all others.
_FROM_BELOW = (
    "periods_per_parameter",
    "years",
    "variation",
    "on_air",
    "baseline_low",
    "predictive_p",
    "coverage_chance",
    "level_seen",
    "experiment_p",
)


@dataclass(frozen=True)
class Thresholds:
    """Limits of the checks of data and fits, each of which may be replaced.

    Where two belong together, a value beyond the first asks for a look and one beyond the second,
    whose name ends in ``_fail``, fails.

    Parameters
    ----------
    vif, vif_fail : float
        Variance inflation of a channel's spend given the other channels and the controls: how many
        times less the data say of it than if it moved on its own.
    correlation, correlation_fail : float
        Absolute correlation of two channels' spend.
    periods_per_parameter, periods_per_parameter_fail : float
        Observations for each parameter of the model, at least.
    years, years_fail : float
        Length of the history in years, at least.
    variation, variation_fail : float
        Standard deviation of a channel's spend over its mean, at least.
    on_air, on_air_fail : float
        Periods in which a channel was on air, at least.
    follows_past, follows_past_fail : float
        Correlation of a channel's spend with the target of the period before, beyond what all
        channels' own past and the controls explain.
    follows_season, follows_season_fail : float
        Correlation of a channel's spend with the target's yearly season, of a model without one.
    season_share : float
        Share of the target's variance that its season must explain before spend can be said to
        follow it.
    expected_media : float
        Share of the target that media bring in the middle draw of the priors, at most. Wide priors
        on a few channels do no harm; on many, each can be credited with more than all there is.
    outlier, outlier_fail : float
        Distance of the target from what controls and media explain, in robust standard deviations.
    baseline_negative, baseline_negative_fail : float
        Probability that the client would have sold less than nothing without media.
    baseline_low, baseline_low_fail : float
        Share of the expected target that is there without media, at least.
    baseline_high : float
        The same, at most.
    predictive_p, predictive_p_fail : float
        Posterior predictive probability of a mean, spread or extreme as far off as the observed.
    autocorrelation, autocorrelation_fail : float
        Correlation of what the model leaves unexplained with that of the period before.
    ljung_box_p : float
        Probability of the autocorrelations of several periods by chance, below which they ask for a
        look.
    skill, skill_fail : float
        The model's error on held-out periods over that of a naive prediction.
    coverage_chance, coverage_chance_fail : float
        Chance of so few held-out periods inside their intervals, were the intervals right.
    shift : float
        Kolmogorov-Smirnov distance between the prior and the posterior of a channel's share in what
        media brought, below which the data said next to nothing: 0.2 is about a posterior 2.4 times
        as narrow around the same middle.
    shift_channels_fail : float
        Share of channels without such a shift beyond which the whole model is its prior.
    share_gap, share_gap_fail : float
        Difference between a channel's share in what media brought and in what was spent.
    told_apart, told_apart_fail : float
        Negative correlation of what two channels brought over the draws of the posterior.
    level_seen : float
        Share of earlier periods in which a channel was near its present level of spend, at least.
    level_beyond_fail : float
        Present level of spend over the largest earlier spend of a period.
    experiment_p, experiment_p_fail : float
        Probability of a difference as large as that between an experiment and the model, or between
        two experiments.

    Raises
    ------
    SpecificationError
        If a limit is not a number of at least zero, or the second of two is the milder one.

    Examples
    --------
    >>> Thresholds.of({"vif": 12}).vif
    12.0
    """

    vif: float = 5.0
    vif_fail: float = 20.0
    correlation: float = 0.8
    correlation_fail: float = 0.97
    periods_per_parameter: float = 3.0
    periods_per_parameter_fail: float = 1.5
    years: float = 1.5
    years_fail: float = 0.75
    variation: float = 0.1
    variation_fail: float = 0.01
    on_air: float = 6.0
    on_air_fail: float = 1.0
    follows_past: float = 0.2
    follows_past_fail: float = 0.6
    follows_season: float = 0.6
    follows_season_fail: float = 0.9
    season_share: float = 0.25
    expected_media: float = 4.0
    outlier: float = 6.0
    outlier_fail: float = 12.0
    baseline_negative: float = 0.05
    baseline_negative_fail: float = 0.5
    baseline_low: float = 0.1
    baseline_low_fail: float = 0.02
    baseline_high: float = 0.98
    predictive_p: float = 0.05
    predictive_p_fail: float = 0.005
    autocorrelation: float = 0.3
    autocorrelation_fail: float = 0.6
    ljung_box_p: float = 0.001
    skill: float = 1.0
    skill_fail: float = 1.5
    coverage_chance: float = 0.05
    coverage_chance_fail: float = 0.001
    shift: float = 0.2
    shift_channels_fail: float = 0.5
    share_gap: float = 0.4
    share_gap_fail: float = 0.7
    told_apart: float = 0.6
    told_apart_fail: float = 0.9
    level_seen: float = 0.05
    level_beyond_fail: float = 1.5
    experiment_p: float = 0.05
    experiment_p_fail: float = 0.005

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, bool) or not isinstance(value, Real) or not float(value) >= 0:
                raise SpecificationError(
                    f"Got {field.name}={value!r}; expected a number of at least 0."
                )
            object.__setattr__(self, field.name, float(value))
        for name in (field.name for field in fields(self)):
            severe = getattr(self, name + _FAIL, None)
            if severe is None:
                continue
            mild, from_below = getattr(self, name), name in _FROM_BELOW
            if (severe > mild) if from_below else (severe < mild):
                raise SpecificationError(
                    f"Got {name}={mild:g} and {name}{_FAIL}={severe:g}; expected the second to be "
                    f"{'at most' if from_below else 'at least'} the first. Give both."
                )

    @classmethod
    def of(cls, given: Self | Mapping[str, float] | None) -> Self:
        """The default limits with some replaced.

        Where only the first of two limits is given and lies beyond the second, the second moves
        along.

        Parameters
        ----------
        given : Thresholds, Mapping of str to float or None

        Returns
        -------
        Thresholds

        Raises
        ------
        SpecificationError
            For an unknown name or an impossible value.
        """
        if given is None:
            return cls()
        if isinstance(given, cls):
            return given
        if not isinstance(given, Mapping):
            raise SpecificationError(
                f"Got thresholds={given!r}; expected a mapping such as {{'vif': 12}}."
            )
        known = {field.name: float(field.default) for field in fields(cls)}  # type: ignore[arg-type]
        for name in given:
            if name not in known:
                near = difflib.get_close_matches(str(name), known, n=1)
                hint = f" Did you mean {near[0]!r}?" if near else ""
                raise SpecificationError(
                    f"Got threshold {name!r}; expected some of {', '.join(known)}.{hint}"
                )
        return cls(**{**known, **_moved_along(given, known), **given})

    def grade(self, name: str, value: float) -> Status:
        """How a value compares with the limits of that name; what is no number asks for a look.

        Parameters
        ----------
        name : str
            Of the milder limit.
        value : float

        Examples
        --------
        >>> [str(Thresholds().grade("vif", value)) for value in (2.0, 8.0, 50.0)]
        ['pass', 'review', 'fail']
        """
        if math.isnan(value):
            return Status.REVIEW
        sign = -1 if name in _FROM_BELOW else 1
        severe = getattr(self, name + _FAIL, None)
        if severe is not None and sign * value > sign * severe:
            return Status.FAIL
        return Status.REVIEW if sign * value > sign * getattr(self, name) else Status.PASS


def _moved_along(given: Mapping[str, float], known: Mapping[str, float]) -> dict[str, float]:
    """Severe limits that were not given, where the mild one that was lies beyond them."""
    moved: dict[str, float] = {}
    for name, value in given.items():
        severe = name + _FAIL
        if severe not in known or severe in given or not isinstance(value, Real):
            continue
        pick = min if name in _FROM_BELOW else max
        moved[severe] = pick(known[severe], float(value))
    return moved


def unless_passed(status: Status, remedy: str) -> str:
    """The remedy of a check, of which one that passed needs none."""
    return "" if status is Status.PASS else remedy


def figure(value: float) -> float | None:
    """A figure for a check: None for what is no number."""
    return None if math.isnan(value) else value
