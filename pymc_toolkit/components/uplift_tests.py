"""Experiments: what a change of spend was measured to bring, and what a model says it brought.

A test changed the spend of one channel during some periods, and its effect is the difference that
the change made to the outcome, with its standard error. The model has its own answer: what the
channel earns with the changed spend less what it earns without, through carry-over, saturation and
time variation. The two are compared as a second likelihood that shares the model's parameters.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd

from pymc_toolkit.arrays import Array
from pymc_toolkit.exceptions import UpliftTestError

OFF = "off"
_ISO = re.compile(r"\d{4}-\d{2}-\d{2}")
# How a test speaks to the model: as a measurement with normal errors, as one with errors of heavy
# tails, or as limits that the business knows of.
NORMAL, ROBUST, BOUND = KINDS = ("normal", "robust", "bound")
# Of heavy tails: enough for one wrong test among several to be outvoted.
ROBUST_NU = 4.0


@dataclass(frozen=True)
class UpliftTest:
    """One experiment on one channel, or a bound on what a change of its spend brings.

    Parameters
    ----------
    channel : str
        The channel whose spend was changed.
    start, end : str or date, optional
        First and last day of the changed spend, ISO text or dates; not given with ``level``.
    effect : float or sequence of float, optional
        Outcome with the change less outcome without it, in units of the target: in total over the
        measured window, or one value a period of it. Negative for a cut that cost sales; with
        ``"off"`` it is what all of the spend brought, and positive.
    sigma : float or sequence of float
        Standard error of the effect, one for each of its values; for a bound, how softly it gives
        way.
    spend_change : float or "off"
        Change of the channel's column that was tested, in total over the window and in units of
        that column: positive where spend was raised, negative where it was cut. ``"off"``: all of
        the spend against none.
    included : bool
        Whether the client's data hold the spend as it was with the change. False for a change that
        was tested elsewhere and is scaled to this market.
    measured_until : str or date, optional
        Last day on which the outcome was measured, where carry-over after the test was counted; the
        end of the test by default.
    level : float, optional
        Instead of a window: spend in every period before the change. The effect is then that of
        one period with ``spend_change`` more, held for long, at average effectiveness.
    lower, upper : float, optional
        Instead of an effect: limits that it is believed to lie within.
    robust : bool
        Whether to give the error heavy tails (Student's t with 4 degrees of freedom), so that a
        wrong test can be outvoted.
    geo : str, optional
        Region of the test, of a client with several.
    name : str
        Shown in tables; channel and window by default.

    Raises
    ------
    UpliftTestError
        If a value is missing, impossible or contradicts another.

    Examples
    --------
    >>> UpliftTest("tv", "2024-01-01", "2024-01-28", effect=1200.0, sigma=300.0).label
    'tv, 2024-01-01 to 2024-01-28'
    """

    channel: str
    start: str | None = None
    end: str | None = None
    effect: float | Sequence[float] | None = None
    sigma: float | Sequence[float] | None = None
    spend_change: float | str = OFF
    included: bool = True
    measured_until: str | None = None
    level: float | None = None
    lower: float | None = None
    upper: float | None = None
    robust: bool = False
    geo: str | None = None
    name: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.channel, str) or not self.channel:
            raise UpliftTestError(f"Got channel={self.channel!r}; expected the name of a channel.")
        for name in ("name", "geo"):
            given = getattr(self, name)
            if not isinstance(given, str) and not (name == "geo" and given is None):
                raise UpliftTestError(f"Got {name}={given!r}; expected text.")
        for name in ("start", "end", "measured_until"):
            self._set(name, _iso(name, getattr(self, name)))
        for name in ("level", "lower", "upper"):
            self._set(name, _number(name, getattr(self, name)))
        for name in ("effect", "sigma"):
            self._set(name, _numbers(name, getattr(self, name)))
        for name in ("included", "robust"):
            if not isinstance(getattr(self, name), bool | np.bool):
                raise UpliftTestError(
                    f"Got {name}={getattr(self, name)!r}; expected True or False."
                )
            self._set(name, bool(getattr(self, name)))
        self._check_window()
        self._check_change()
        self._check_measure()

    @property
    def kind(self) -> str:
        """How the test speaks to the model; one of :data:`KINDS`."""
        if self.effect is None:
            return BOUND
        return ROBUST if self.robust else NORMAL

    @property
    def change(self) -> float | None:
        """The change of spend as a number; None where all spend was held against none."""
        return None if isinstance(self.spend_change, str) else self.spend_change

    @property
    def effects(self) -> tuple[float, ...]:
        """The measured values; of a bound none, which counts as one (NaN)."""
        if self.effect is None:
            return (math.nan,)
        given: Any = self.effect
        return given if isinstance(given, tuple) else (given,)

    @property
    def sigmas(self) -> tuple[float, ...]:
        """The standard error of each of the effects."""
        given: Any = self.sigma
        return given if isinstance(given, tuple) else (given,) * len(self.effects)

    @property
    def total(self) -> float:
        """The effect over all measured periods; NaN for a bound."""
        return sum(self.effects)

    @property
    def total_sigma(self) -> float:
        """Standard error of the total, of periods whose errors are independent."""
        return math.hypot(*self.sigmas)

    @property
    def last_day(self) -> str | None:
        """Last day that the outcome was measured on."""
        return self.measured_until or self.end

    @property
    def window(self) -> str:
        """When, or from what level of spend."""
        if self.level is not None:
            return f"from {self.level:g} a period"
        return f"{self.start} to {self.end}"

    @property
    def label(self) -> str:
        """Name of the test, for tables and messages."""
        return self.name or f"{self.channel}, {self.window}"

    @property
    def identity(self) -> tuple[Any, ...]:
        """What two tests cannot have in common."""
        return (
            self.name,
            self.channel,
            self.geo,
            self.start,
            self.end,
            self.level,
            self.spend_change,
            self.kind == BOUND,
        )

    def _set(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)

    def _check_window(self) -> None:
        if self.level is not None:
            if self.start or self.end or self.measured_until:
                raise UpliftTestError(
                    f"Got a test of {self.channel!r} with level={self.level:g} and dates; expected "
                    "either the level of spend before the change or the window of the test."
                )
            if self.level < 0:
                raise UpliftTestError(
                    f"Got level={self.level:g} in a test of {self.channel!r}; expected spend of at "
                    "least 0 a period."
                )
            return
        if self.start is None or self.end is None:
            raise UpliftTestError(
                f"Got start={self.start!r} and end={self.end!r} in a test of {self.channel!r}; "
                "expected the first and the last day of the changed spend, or the level of spend "
                "before the change."
            )
        if self.end < self.start:
            raise UpliftTestError(
                f"Got a test of {self.channel!r} that ends on {self.end}, before it starts on "
                f"{self.start}; expected start <= end."
            )
        if self.measured_until and self.measured_until < self.end:
            raise UpliftTestError(
                f"Got measured_until={self.measured_until} in a test of {self.channel!r} that ends "
                f"on {self.end}; expected a later day, or None if carry-over was not measured."
            )

    def _check_change(self) -> None:
        if not isinstance(self.spend_change, str) or self.spend_change != OFF:
            change = _number("spend_change", self.spend_change)
            if not change:
                raise UpliftTestError(
                    f"Got spend_change={self.spend_change!r} in a test of {self.channel!r}; "
                    "expected the change of spend that was tested, which is not zero, or 'off'."
                )
            self._set("spend_change", change)
        elif not self.included:
            raise UpliftTestError(
                f"Got spend_change='off' and included=False in a test of {self.channel!r}; "
                "expected the size of a change that the data do not hold."
            )
        if self.level is not None and (self.change is None or self.level + self.change < 0):
            raise UpliftTestError(
                f"Got level={self.level:g} and spend_change={self.spend_change!r} in a test of "
                f"{self.channel!r}; expected a change that leaves a spend of at least 0."
            )

    def _check_measure(self) -> None:
        bounds = [value for value in (self.lower, self.upper) if value is not None]
        if (self.effect is None) == (not bounds):
            raise UpliftTestError(
                f"Got a test of {self.channel!r} with effect={self.effect!r}, lower={self.lower!r} "
                f"and upper={self.upper!r}; expected either a measured effect or bounds."
            )
        if self.lower is not None and self.upper is not None and self.upper < self.lower:
            raise UpliftTestError(
                f"Got lower={self.lower:g} above upper={self.upper:g} in a bound on "
                f"{self.channel!r}; expected lower <= upper."
            )
        if len(self.sigmas) != len(self.effects):
            raise UpliftTestError(
                f"Got {len(self.effects)} effects and {len(self.sigmas)} standard errors in a test "
                f"of {self.channel!r}; expected one for each, or one for all."
            )
        if None in self.sigmas:
            raise UpliftTestError(
                f"Got no sigma (None or NaN) in a test of {self.channel!r}; expected the standard "
                "error of its effect."
            )
        for sigma in self.sigmas:
            if sigma <= 0:
                raise UpliftTestError(
                    f"Got sigma={sigma!r} in a test of {self.channel!r}; expected the standard "
                    "error of its effect, a number above 0. With sigma near 0 the model would have "
                    "to reproduce the test exactly."
                )


def measured_effect(
    kernel: Any,
    parameters: Mapping[str, Any],
    curve: Any,
    lagged: tuple[Any, Any],
    weights: Any,
    product: Any,
    beside: Any = 0.0,
    xp: Any = np,
) -> Any:
    """What a model says that tests measured.

    For each test the response to the spend with the change, less that without it, weighted over
    the periods that were measured.

    Parameters
    ----------
    kernel : array of shape (..., test, lag)
        Carry-over weights of each test's channel.
    parameters : Mapping of str to array of shape (..., test, 1)
        Of the saturation curve of each test's channel.
    curve : Saturation
    lagged : tuple of two arrays of shape (test, lag, date)
        Exposure with the change and without it, scaled, by lag.
    weights : array of shape (..., test, date)
        Of each period, times its effectiveness.
    product : callable
        ``product(kernel, lagged)`` sums over lags.
    beside : array of shape (..., test, date)
        What else reaches the channel's curve, with the change and without.
    xp : module
        ``numpy`` or ``pytensor.tensor``.

    Returns
    -------
    array of shape (..., test)
    """
    with_change, without = (
        curve.response(xp.maximum(product(kernel, exposure) + beside, 0.0), xp=xp, **parameters)
        for exposure in lagged
    )
    return ((with_change - without) * weights).sum(axis=-1)


def with_lags(exposure: Array, before: Array, lag_max: int) -> Array:
    """Exposures of shape (test, date) by lag: of shape (test, lag, date).

    Parameters
    ----------
    exposure : ndarray of shape (test, date)
    before : ndarray of shape (test,)
        Exposure in every period before the first.
    lag_max : int
    """
    tests, periods = exposure.shape
    lagged = np.repeat(before[:, None, None], lag_max, axis=1) * np.ones(periods)
    for lag in range(min(lag_max, periods)):
        lagged[:, lag, lag:] = exposure[:, : periods - lag]
    return lagged.reshape(tests, lag_max, periods)


def _iso(name: str, value: Any) -> str | None:
    """A day as ISO text."""
    if value is None or pd.isna(value):
        return None
    if isinstance(value, str):
        try:
            # Python reads weeks and compact forms as well, which no one should have to guess.
            return date.fromisoformat(value if _ISO.fullmatch(value) else "").isoformat()
        except ValueError:
            raise UpliftTestError(
                f"Got {name}={value!r}, text that is not an ISO date; expected one such as "
                "'2024-01-31', or a date. Convert it with pandas.to_datetime and the right format."
            ) from None
    if isinstance(value, datetime):
        return value.date().isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, np.datetime64):
        return str(value.astype("datetime64[D]"))
    raise UpliftTestError(f"Got {name}={value!r}; expected a date, such as '2024-01-31'.")


def _number(name: str, value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool | np.bool) or not isinstance(value, Real):
        raise UpliftTestError(f"Got {name}={value!r}; expected a number.")
    if math.isinf(value):
        raise UpliftTestError(f"Got {name}={value!r}; expected a finite number.")
    return None if math.isnan(value) else float(value)


def _numbers(name: str, value: Any) -> float | tuple[float, ...] | None:
    if value is None or isinstance(value, str) or not np.iterable(value):
        return _number(name, value)
    numbers = [_number(name, item) for item in value]
    if not numbers or None in numbers:
        raise UpliftTestError(f"Got {name}={value!r}; expected a number for each period.")
    return tuple(float(number) for number in numbers if number is not None)
