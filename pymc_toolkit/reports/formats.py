"""Numbers, dates and names as a reader expects to see them."""

from __future__ import annotations

import math
from collections.abc import Callable

import pandas as pd

MISSING = "\N{EN DASH}"
_RANGE = "\N{EN DASH}"
_MINUS = "\N{MINUS SIGN}"
_ELLIPSIS = "\N{HORIZONTAL ELLIPSIS}"
_SCALES = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k"))
_PERIODS = {"D": "day", "B": "day", "W": "week", "M": "month", "Q": "quarter", "Y": "year"}


def human(value: float) -> str:
    """Write a number with two or three digits and a suffix.

    Parameters
    ----------
    value : float

    Returns
    -------
    str
        An en dash where there is no number.

    Examples
    --------
    >>> human(1_234_567), human(339_900), human(999_999), human(0.03456)
    ('1.2M', '340k', '1.0M', '0.035')
    """
    if not math.isfinite(value):
        return MISSING
    size = abs(value)
    sign = _MINUS if value < 0 else ""
    for scale, suffix in _SCALES:
        # 999,999 rounds to 1.0M, not to 1000k.
        if size >= scale * 0.9995:
            scaled = size / scale
            return f"{sign}{scaled:.{0 if scaled >= 9.95 else 1}f}{suffix}"
    if size >= 99.95 or size == round(size):
        return f"{sign}{size:.0f}" if round(size) else "0"
    if size >= 1:
        return f"{sign}{size:.1f}"
    return f"{sign}{_plain_decimals(size)}"


def ratio(value: float) -> str:
    """Write a ratio such as a return on spend, with two decimals below ten.

    Parameters
    ----------
    value : float

    Returns
    -------
    str

    Examples
    --------
    >>> ratio(1.037), ratio(12.34), ratio(1234.0), ratio(0.0391)
    ('1.04', '12.3', '1.2k', '0.039')
    """
    size = abs(value)
    if not math.isfinite(value) or size >= 99.95 or 0 < size < 0.1:
        return human(value)
    digits = 2 if size < 9.995 else 1
    return f"{_MINUS if value < 0 else ''}{size:.{digits}f}"


def percent(value: float) -> str:
    """Write a fraction as a percentage, with a decimal where it is small.

    Parameters
    ----------
    value : float

    Returns
    -------
    str

    Examples
    --------
    >>> percent(0.123), percent(0.0512), percent(float("nan")) == MISSING
    ('12%', '5.1%', True)
    """
    if not math.isfinite(value):
        return MISSING
    size = abs(value) * 100
    digits = 0 if size >= 9.95 or size == 0 else 1
    return f"{_MINUS if value < 0 else ''}{size:.{digits}f}%"


def span(low: str, high: str) -> str:
    """Join the two written ends of an interval.

    Parameters
    ----------
    low, high : str

    Returns
    -------
    str
        With an en dash, or with "to" where an end is negative.

    Examples
    --------
    >>> span("1.1M", "1.7M") == f"1.1M{_RANGE}1.7M"
    True
    """
    if MISSING in (low, high):
        return MISSING
    return f"{low} to {high}" if _MINUS in low + high else f"{low}{_RANGE}{high}"


def human_span(mean: float, low: float, high: float) -> str:
    """Write an amount and its interval.

    Parameters
    ----------
    mean, low, high : float

    Returns
    -------
    str

    Examples
    --------
    >>> human_span(1.4e6, -2e5, 1.7e6).replace(_MINUS, "-")
    '1.4M (-200k to 1.7M)'
    """
    return f"{human(mean)} ({span(human(low), human(high))})"


def ratio_span(mean: float, low: float, high: float) -> str:
    """Write a ratio and its interval.

    Parameters
    ----------
    mean, low, high : float

    Returns
    -------
    str

    Examples
    --------
    >>> ratio_span(1.0, -0.5, 2.5).replace(_MINUS, "-")
    '1.00 (-0.50 to 2.50)'
    """
    return f"{ratio(mean)} ({span(ratio(low), ratio(high))})"


def each(write: Callable[..., str], table: pd.DataFrame, *columns: str) -> list[str]:
    """Write the numbers of some columns, row by row.

    Parameters
    ----------
    write : callable
        Takes as many numbers as there are columns.
    table : pandas.DataFrame
    *columns : str

    Returns
    -------
    list of str

    Examples
    --------
    >>> each(human, pd.DataFrame({"spend": [1_000, 20_000]}), "spend")
    ['1.0k', '20k']
    """
    return [write(*row) for row in table[list(columns)].to_numpy(dtype=float).tolist()]


def probability(value: float) -> str:
    """Write the probability of an interval.

    Parameters
    ----------
    value : float

    Returns
    -------
    str

    Examples
    --------
    >>> probability(0.94)
    '94%'
    """
    return f"{100 * value:.4g}%"


def day(value: object) -> str:
    """Write a date.

    Parameters
    ----------
    value : date-like

    Returns
    -------
    str

    Examples
    --------
    >>> day("2021-01-04")
    '4 Jan 2021'
    """
    moment = pd.Timestamp(str(value))
    return f"{moment.day} {moment:%b %Y}"


def period(frequency: str) -> str:
    """Name the period of a pandas offset alias.

    Parameters
    ----------
    frequency : str

    Returns
    -------
    str
        Singular; "period" where the alias is not a common one.

    Examples
    --------
    >>> period("W-MON"), period("BMS"), period("7D")
    ('week', 'month', 'period')
    """
    alias = frequency.split("-")[0]
    # BMS and BQE are business months and quarters; B alone is a business day.
    return _PERIODS.get((alias.removeprefix("B") or "B")[:1], "period")


def shorten(text: str, width: int) -> str:
    """Cut a name that is too long for a figure, at its end.

    Parameters
    ----------
    text : str
    width : int
        Most characters to return.

    Returns
    -------
    str

    Examples
    --------
    >>> len(shorten("a" * 100, 40))
    40
    """
    return text if len(text) <= width else text[: width - 1].rstrip() + _ELLIPSIS


def literal(text: str) -> str:
    """Make plotly show a text as it is; it would read ``<b>`` as markup and ``$…$`` as a formula.

    Parameters
    ----------
    text : str

    Returns
    -------
    str

    Examples
    --------
    >>> literal("<b>R&D</b>")
    '&lt;b&gt;R&amp;D&lt;/b&gt;'
    """
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return escaped.replace("$", "&#36;")


def tick(value: float) -> str:
    """Write a round number on an axis, without needless decimals.

    Parameters
    ----------
    value : float

    Returns
    -------
    str

    Examples
    --------
    >>> tick(1_500_000), tick(20_000), tick(0.25), tick(0)
    ('1.5M', '20k', '0.25', '0')
    """
    size = abs(value)
    sign = _MINUS if value < 0 else ""
    for scale, suffix in _SCALES:
        if size >= scale:
            return f"{sign}{size / scale:.6g}{suffix}"
    return f"{sign}{size:.6g}"


def _plain_decimals(size: float) -> str:
    """Two significant digits of a number below one, never in scientific notation."""
    digits = 1 - math.floor(math.log10(size))
    return f"{size:.{digits}f}" if digits <= 8 else f"{size:.1e}"
