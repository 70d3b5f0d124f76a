"""Tables of the graph of channels, and the words in which a report speaks of a link."""

from __future__ import annotations

import math

import pandas as pd

from pymc_toolkit.analysis.channel_graph import KNOWN, UNKNOWN
from pymc_toolkit.plurals import count
from pymc_toolkit.reports.contract import ModelReport
from pymc_toolkit.reports.formats import (
    MISSING,
    each,
    human_span,
    percent,
    period,
    probability,
    ratio,
    ratio_span,
)
from pymc_toolkit.reports.tables import Table

# Share of what a channel brought below which credit that moves is not worth a row.
# Probability from which a told link is said without a "may".
SURE = 0.8
_LEAST = 0.01
_WHOLE = 9.5
_DIRECTIONS = {KNOWN: "known beforehand"}


def links(report: ModelReport) -> Table | None:
    """Tabulate which channel drives which, most probable first.

    Parameters
    ----------
    report : ModelReport

    Returns
    -------
    Table or None
        None without a channel graph, or where no link is probable at all.
    """
    if report.graph is None or report.graph.edges.empty:
        return None
    table = report.graph.edges
    unit = period(report.provenance.frequency)
    rows = [
        list(row)
        for row in zip(
            [str(name) for name in table["cause"]],
            [str(name) for name in table["effect"]],
            [when(int(lag), unit) for lag in table["lag"]],
            each(percent, table, "probability"),
            each(percent, table, "reverse"),
            [_DIRECTIONS.get(text, str(text)) for text in table["direction"]],
            each(ratio_span, table, "spend", "spend_low", "spend_high"),
            ["yes" if shown else "no" for shown in table["in_graph"]],
            strict=True,
        )
    ]
    columns = (
        "This channel",
        "drives this one",
        "When",
        "Probability",
        "Reverse",
        "Direction",
        f"Added to it per 1 of the first ({probability(report.ci_prob)})",
        "Drawn",
    )
    return Table("Links between channels, most probable first", columns, rows, frozenset({1, 2, 5}))


def moves(report: ModelReport) -> Table | None:
    """Tabulate the credit that moves along the graph.

    Parameters
    ----------
    report : ModelReport

    Returns
    -------
    Table or None
        Largest first; None without a channel graph, or where hardly any credit moves.
    """
    if report.graph is None:
        return None
    table = report.graph.moved
    # What only a few graphs say has an interval of nothing.
    said = (table["ci_low"] != 0) | (table["ci_high"] != 0)
    table = table[said & (table["share"].abs() >= _LEAST)]
    if table.empty:
        return None
    rows = [
        list(row)
        for row in zip(
            [str(name) for name in table["effect"]],
            [str(name) for name in table["cause"]],
            each(human_span, table, "amount", "ci_low", "ci_high"),
            each(percent, table, "share"),
            strict=True,
        )
    ]
    columns = (
        "Brought by",
        "but begun by",
        f"{report.target_name} ({probability(report.ci_prob)})",
        "Share of what it brought",
    )
    caption = f"Credit that moves, {_LEAST:.0%} or more"
    return Table(caption, columns, rows, frozenset({1}))


def drawn_links(edges: pd.DataFrame) -> pd.DataFrame:
    """The edges of the graph, those of the same period first, with what is said of each.

    Parameters
    ----------
    edges : pandas.DataFrame

    Returns
    -------
    pandas.DataFrame
        With ``linked``: the probability of the edge, or of one either way where its direction
        cannot be told; ``told``, and ``sure`` (told, and probable enough to be said without a
        "may") (bool).
    """
    table = edges[edges["in_graph"].astype(bool)].copy()
    table["told"] = table["direction"] != UNKNOWN
    table["sure"] = table["told"] & (table["probability"] >= SURE)
    either = (table["probability"] + table["reverse"].fillna(0.0)).clip(upper=1.0)
    table["linked"] = table["probability"].where(table["told"], either)
    table["later"] = table["lag"] > 0
    return table.sort_values(["later", "linked"], ascending=[True, False], ignore_index=True)


def when(lag: int, unit: str) -> str:
    """Say how much later an effect comes.

    Parameters
    ----------
    lag : int
    unit : str
        Singular.

    Examples
    --------
    >>> when(0, "week"), when(2, "week")
    ('same week', '2 weeks later')
    """
    return f"{count(lag, unit)} later" if lag else f"same {unit}"


def in_words(link: pd.Series, unit: str) -> str:
    """Say a link in words.

    Parameters
    ----------
    link : pandas.Series
        Of :func:`drawn_links`.
    unit : str
    """
    how = f"{percent(link['linked'])} probable"
    if not link["told"]:
        return (
            f"{link['cause']} and {link['effect']} move together, which drives which is not "
            f"identifiable ({how})"
        )
    lag = int(link["lag"])
    return f"{link['cause']} drives {link['effect']}" + (
        f" {when(lag, unit)} ({how})" if lag else f" ({how})"
    )


def more_of(spend: float, low: float, high: float) -> str:
    """Say what a hundred of the cause add to the effect, as a number with its interval.

    Parameters
    ----------
    spend, low, high : float
        Per one of the cause.

    Returns
    -------
    str

    Examples
    --------
    >>> more_of(0.12, 0.09, 0.15)[:5], more_of(-0.12, -0.15, -0.09)[-4:]
    ('12 (9', 'less')
    """
    if not math.isfinite(spend):
        return MISSING
    if spend < 0:
        return f"{_hundred(-spend, -high, -low)} less"
    return f"{_hundred(spend, low, high)} more"


def _hundred(*values: float) -> str:
    """An amount for every hundred and its interval, as whole numbers unless they are small."""
    hundred = [100 * value for value in values]
    return human_span(*(round(v) if abs(v) >= _WHOLE else v for v in hundred))


def from_to(direct: float, total: float) -> str:
    """Write two returns side by side."""
    return f"{ratio(direct)} \N{RIGHTWARDS ARROW} {ratio(total)}"


def on_variances(share: float) -> str:
    """Say how far the order of channels could be read off their variances.

    Parameters
    ----------
    share : float
        Varsortability; NaN where no two channels are linked in the same period.
    """
    lead = "For data scientists: probabilities and weights come from the spend series alone"
    if math.isnan(share):
        return f"{lead}."
    return (
        f"{lead}. Variance grows along {percent(share)} of the graph's paths (varsortability); "
        "near 0% or 100% the order could be read off the units of the channels."
    )
