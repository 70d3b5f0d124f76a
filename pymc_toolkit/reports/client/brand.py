"""Whose report it is: name, logo, colours, currency and the way numbers are written."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from babel.core import Locale, UnknownLocaleError
from babel.numbers import is_currency

from pymc_toolkit.exceptions import SpecificationError
from pymc_toolkit.reports.client.logo import embedded

_HEX = re.compile(r"#[0-9a-fA-F]{6}")
# Of text, and of marks and lines, against white paper (WCAG 2.2, level AA).
READABLE, VISIBLE = 4.5, 3.0
_WHITE = "#ffffff"


@dataclass(frozen=True)
class Brand:
    """Whose report it is, and how it writes money, numbers and dates.

    Parameters
    ----------
    name : str
        Shown at the top, such as the consultancy's; nothing if empty.
    logo : str or Path, optional
        A png, jpg or svg file of at most 300 kB, which becomes part of the page.
    primary : str
        Colour of headings, links and the strip at the top: six hex digits after ``#``, dark enough
        to be read on white.
    accent : str
        Colour of marks and lines.
    currency : str
        ISO 4217 code of the money in which spend is given.
    locale : str
        Such as ``en_GB``, ``de`` or ``pt_BR``; it decides how numbers, money and dates are written,
        not the language of the texts.

    Raises
    ------
    SpecificationError
        If a colour, the currency, the locale or the logo cannot be used.

    Examples
    --------
    >>> Brand("North", primary="#14365d", currency="EUR", locale="de").primary
    '#14365d'
    """

    name: str = ""
    logo: str | Path | None = None
    primary: str = "#123f63"
    accent: str = "#0072b2"
    currency: str = "EUR"
    locale: str = "en_GB"

    def __post_init__(self) -> None:
        _check_colour("primary", self.primary, READABLE)
        _check_colour("accent", self.accent, VISIBLE)
        if not is_currency(self.currency):
            raise SpecificationError(
                f"Got currency {self.currency!r}; expected an ISO 4217 code such as 'EUR' or 'USD'."
            )
        try:
            Locale.parse(self.locale)
        except (UnknownLocaleError, ValueError) as problem:
            raise SpecificationError(
                f"Got locale {self.locale!r}; expected one such as 'en_GB', 'de' or 'pt_BR'."
            ) from problem
        # A logo that cannot be used is refused before anything is fitted for its report.
        embedded(self.logo)

    @property
    def logo_uri(self) -> str:
        """The logo as a data URI; empty without one."""
        return embedded(self.logo)


def contrast(one: str, other: str = _WHITE) -> float:
    """Contrast of two colours, from 1 (none) to 21, as WCAG defines it.

    Parameters
    ----------
    one, other : str
        Six hex digits after ``#``.

    Returns
    -------
    float

    Examples
    --------
    >>> round(contrast("#000000"), 1), round(contrast("#767676"), 2)
    (21.0, 4.54)
    """
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return sum(w * p for w, p in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def _check_colour(name: str, colour: str, least: float) -> None:
    if not _HEX.fullmatch(colour):
        raise SpecificationError(
            f"Got {name}={colour!r}; expected six hex digits after #, such as '#123f63'."
        )
    found = contrast(colour)
    if found < least:
        raise SpecificationError(
            f"Got {name}={colour!r}, whose contrast with white is {found:.1f}; expected at least "
            f"{least:g}, so that it can be read. Use a darker shade."
        )
