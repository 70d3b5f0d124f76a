"""Numbers, money and dates as the reader's country writes them."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import cached_property

import pandas as pd
from babel.core import Locale
from babel.dates import format_date
from babel.numbers import (
    format_compact_currency,
    format_compact_decimal,
    format_decimal,
    get_currency_symbol,
)

from pymc_toolkit.reports.formats import MISSING

_ESTIMATE_DIGITS, _FACT_DIGITS = 2, 3
# A probability from draws is never written as certainty.
_SURE = 0.995


@dataclass(frozen=True)
class Writer:
    """Writes every kind of number that a report shows, each kind in one way.

    Parameters
    ----------
    locale : str
    currency : str
        ISO 4217 code.
    to : str
        Between the ends of an interval, one of which is negative.

    Examples
    --------
    >>> writer = Writer("en_US", "EUR")
    >>> writer.money(1_234_567), writer.ratio(2.104), writer.share(0.0512)
    ('€1.23M', '2.10', '5.1%')
    >>> writer.probability(0.9991), writer.probability(0.873)
    ('>99%', '87%')
    """

    locale: str
    currency: str
    to: str = "to"

    @cached_property
    def _locale(self) -> Locale:
        return Locale.parse(self.locale)

    @cached_property
    def symbol(self) -> str:
        """Sign or code of the currency."""
        return get_currency_symbol(self.currency, locale=self._locale)

    def money(self, value: float, digits: int = _FACT_DIGITS) -> str:
        """Write an amount of money, by default one that is known rather than estimated."""
        if not math.isfinite(value):
            return MISSING
        rounded = _rounded(value, digits)
        written = format_compact_currency(
            rounded, self.currency, locale=self._locale, fraction_digits=_decimals(rounded)
        )
        if not _unscaled(written, rounded):
            return _true_minus(written)
        # Some languages have no short word for thousands; the sign stays where others have it.
        one = format_compact_currency(math.copysign(1, rounded), self.currency, locale=self._locale)
        whole = format_decimal(abs(rounded), "#,##0", locale=self._locale)
        return _true_minus(one.replace("1", whole))

    def number(self, value: float, digits: int = _ESTIMATE_DIGITS) -> str:
        """Write an amount that is not money."""
        if not math.isfinite(value):
            return MISSING
        rounded = _rounded(value, digits)
        written = format_compact_decimal(
            rounded, locale=self._locale, fraction_digits=_decimals(rounded)
        )
        if _unscaled(written, rounded):
            written = format_decimal(rounded, "#,##0", locale=self._locale)
        return _true_minus(written)

    def ratio(self, value: float) -> str:
        """Write a return: two decimals below ten, and two digits below a tenth."""
        if not math.isfinite(value):
            return MISSING
        size = abs(value)
        if 0 < size < 0.095:
            return self.number(value)
        if size >= 99.95:
            return self.number(value, _FACT_DIGITS)
        return self._decimal(value, 2 if size < 9.995 else 1)

    def share(self, value: float) -> str:
        """Write a fraction as a percentage, with a decimal below ten percent."""
        if not math.isfinite(value):
            return MISSING
        size = abs(100 * value)
        return self._percentage(self._decimal(100 * value, 0 if size >= 9.95 or size == 0 else 1))

    def change(self, value: float) -> str:
        """Write a relative change with its sign."""
        if not math.isfinite(value):
            return MISSING
        whole = self._percentage(self._decimal(100 * value, 0))
        return f"+{whole}" if round(100 * value) > 0 else whole

    def probability(self, value: float) -> str:
        """Write a probability that was counted in draws, never as 0% or 100%."""
        if not math.isfinite(value):
            return MISSING
        if value >= _SURE:
            return f">{self._percentage('99')}"
        if value <= 1 - _SURE:
            return f"<{self._percentage('1')}"
        return self._percentage(self._decimal(100 * value, 0))

    def periods(self, value: float) -> str:
        """Write a number of periods, to a tenth."""
        return self._decimal(value, 1) if math.isfinite(value) else MISSING

    def tick(self, value: float) -> str:
        """Write a round number on an axis."""
        return self.number(value, 6)

    def money_tick(self, value: float) -> str:
        """Write a round amount of money on an axis."""
        return self.money(value, 6)

    def share_tick(self, value: float) -> str:
        """Write a round percentage on an axis."""
        return self._percentage(self.tick(100 * value))

    def day(self, value: object) -> str:
        """Write a date."""
        return format_date(pd.Timestamp(str(value)).date(), "medium", locale=self._locale)

    def span(self, low: str, high: str) -> str:
        """Join the two written ends of an interval."""
        if MISSING in (low, high):
            return MISSING
        # Wherever the sign stands: some languages begin with that of percent.
        negative = "\N{MINUS SIGN}" in low + high
        return f"{low} {self.to} {high}" if negative else f"{low}{MISSING}{high}"

    def _decimal(self, value: float, decimals: int) -> str:
        pattern = "#,##0" + ("." + "0" * decimals if decimals else "")
        return _true_minus(
            format_decimal(_no_negative_zero(value, decimals), pattern, self._locale)
        )

    def _percentage(self, written: str) -> str:
        """Put the percent sign where the locale has it."""
        pattern = self._locale.percent_formats[None].pattern
        gap = "\N{NO-BREAK SPACE}" if re.search(r"\s", pattern) else ""
        return f"%{gap}{written}" if pattern.startswith("%") else f"{written}{gap}%"


def _rounded(value: float, digits: int) -> float:
    """Round to significant digits."""
    return float(f"{value:.{digits - 1}e}")


def _decimals(value: float) -> int:
    """Most decimals that a number has once it is scaled to thousands or millions."""
    size = abs(value)
    if size >= 1 or size == 0:
        return 2
    return min(8, 1 - math.floor(math.log10(size)))


def _unscaled(written: str, value: float) -> bool:
    """Whether a number in the thousands was written out."""
    return abs(value) >= 1000 and sum(char.isdigit() for char in written) > 4


def _no_negative_zero(value: float, decimals: int) -> float:
    return 0.0 if round(value, decimals) == 0 else value


def _true_minus(written: str) -> str:
    return written.replace("-", "\N{MINUS SIGN}")
