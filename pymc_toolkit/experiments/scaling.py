"""From an effect on the units of an experiment to an uplift test on the market."""

from __future__ import annotations

import math
from numbers import Real
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from pymc_toolkit.components.uplift_tests import OFF, UpliftTest
from pymc_toolkit.dates import parse_dates
from pymc_toolkit.exceptions import DataError, DataWarning, SpecificationError, warn_user
from pymc_toolkit.verdicts import Status

if TYPE_CHECKING:
    from pymc_toolkit.experiments.estimate import EffectEstimate

ON = "on"


def uplift_test(
    estimate: EffectEstimate,
    channel: str,
    start: object,
    end: object,
    *,
    spend_change: float | str,
    population: float | None = None,
    included: bool = True,
    measured_until: object = None,
    name: str = "",
) -> UpliftTest:
    """Scale an estimate to the market, as a test that a model can learn from.

    Parameters
    ----------
    estimate : EffectEstimate
    channel : str
        That was tested.
    start, end : date-like
        First and last day of the test.
    spend_change : float, "off" or "on"
        Change of the channel's spend over the window in the market that the scaled effect is of,
        positive where it was raised. ``"off"``: treatment was to go without the channel, so that
        the channel brings the opposite of the effect. ``"on"``: treatment was to have it.
    population : float
        Number of units that the effect is scaled to. An effect that is a total already is
        multiplied by 1 unless asked for otherwise.
    included : bool
        Whether the client's data hold the spend as it was with the change.
    measured_until : date-like, optional
        Last day on which the outcome was measured.
    name : str
        Of the test.

    Returns
    -------
    UpliftTest
        Its effect is the total over the window in units of the outcome, sigma its standard error.

    Raises
    ------
    SpecificationError
        If ``population`` or ``spend_change`` is impossible, or the window is not given.
    DataError
        If a date cannot be read, or the estimate has no noise, so that it would override a model.

    Warns
    -----
    DataWarning
        If a check of the estimate failed.
    """
    units = _population(estimate, population)
    if any(c.name == "noise" and c.status is not Status.PASS for c in estimate.checks):
        raise DataError(
            f"Got an estimate by {estimate.method} whose outcome has no noise (standard error "
            f"{estimate.standard_error:.1g}); expected one that is uncertain. As an uplift test it "
            "would override everything else a model has seen: use data that were measured."
        )
    until = None if measured_until is None else _iso(measured_until, "measured_until")
    test = UpliftTest(
        channel,
        _iso(start, "start"),
        _iso(end, "end"),
        effect=estimate.effect * units * (-1 if spend_change == OFF else 1),
        sigma=estimate.standard_error * units,
        spend_change=OFF if spend_change == ON else spend_change,
        included=included,
        measured_until=until,
        name=name,
    )
    if estimate.verdict.status is Status.FAIL:
        warn_user(
            f"An estimate by {estimate.method} whose checks failed becomes an uplift test. "
            f"{estimate.verdict.sentence}",
            DataWarning,
        )
    return test


def _iso(value: object, argument: str) -> str:
    return str(read_day(value, argument).date())


def market_assumptions(estimate: EffectEstimate, population: float | None) -> tuple[str, ...]:
    """What scaling an estimate to the market presumes, in words.

    Parameters
    ----------
    estimate : EffectEstimate
    population : float
        As given to :func:`uplift_test`.

    Returns
    -------
    tuple of str

    Raises
    ------
    SpecificationError
        If ``population`` is impossible.
    """
    units = _population(estimate, population)
    if estimate.per == "total" and units == 1:
        return (
            "The effect is the total over the treated regions and the test window; nothing was "
            "scaled. The change of spend must be that of the same regions and window.",
        )
    of = "the total over the treated regions" if estimate.per == "total" else "the effect per unit"
    return (
        f"Effect and standard error are {of}, multiplied by {units:,.10g}. So the average effect "
        "must be the same among those it is scaled to as among those it was measured on.",
        "The standard error covers sampling only: it knows nothing of how far the market differs "
        "from the experiment. Make sigma larger where that is in doubt.",
        "Units must not have influenced each other, during the test or in the market.",
    )


def read_day(value: object, argument: str) -> pd.Timestamp:
    """Read one date, as text or timestamp, without time of day.

    Parameters
    ----------
    value : date-like
    argument : str
        What it is called in an error.

    Returns
    -------
    pandas.Timestamp

    Raises
    ------
    SpecificationError
        If it is missing.
    DataError
        If it cannot be read as a date, or can be read as two.
    """
    if value is None:
        raise SpecificationError(
            f"Got no {argument}; expected the date, such as '2024-01-31', of the test's {argument}."
        )
    return pd.Timestamp(parse_dates(pd.Series([value], name=argument)).iloc[0])


def _population(estimate: EffectEstimate, population: float | None) -> float:
    if population is None and estimate.per == "total":
        return 1.0
    number = isinstance(population, Real) and not isinstance(population, bool | np.bool)
    if population is None or not number or not 0 < population < math.inf:
        raise SpecificationError(
            f"Got population={population!r}; expected the number of units in the market that the "
            "effect per unit applies to, above zero."
        )
    return float(population)
