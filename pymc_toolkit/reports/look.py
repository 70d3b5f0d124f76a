"""The shared look of every figure: colours, axes, rows with labels, interval bands."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from pymc_toolkit.reports.formats import each, literal, shorten, tick

# Okabe and Ito's palette, told apart by readers with any common colour blindness.
BLUE, ORANGE, GREEN = "#0072B2", "#E69F00", "#009E73"
VERMILION, SKY, PURPLE = "#D55E00", "#56B4E9", "#CC79A7"
CHANNEL_COLOURS = (BLUE, ORANGE, GREEN, VERMILION, SKY, PURPLE)
INK, MUTED, GRID, PAPER = "#1F2933", "#52606D", "#E4E7EB", "#FFFFFF"
GREYS = ("#CBD2D9", "#9AA5B1", "#7B8794")
OTHERS = "#3E4C59"
PRIOR, POSTERIOR = "#B8C2CC", BLUE
HELD_OUT = "rgba(230, 159, 0, 0.20)"
BAND = "rgba(0, 114, 178, 0.20)"

ROW_HEIGHT = 44
LABEL_WIDTH = 36
_ROW_WIDTH, _SHORTEST_NAME = 48, 14
_FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"

Mark = Literal["area", "hatch", "line", "arrow", "dash", "dot", "ring", "diamond"]

_TEMPLATE = go.layout.Template(
    layout={
        "font": {"family": _FONT, "size": 12, "color": INK},
        "paper_bgcolor": PAPER,
        "plot_bgcolor": PAPER,
        "margin": {"l": 8, "r": 16, "t": 8, "b": 8},
        "dragmode": False,
        "hoverlabel": {"align": "left", "namelength": -1, "bgcolor": PAPER, "font": {"color": INK}},
        "xaxis": {
            "automargin": True,
            "gridcolor": GRID,
            "zeroline": False,
            "fixedrange": True,
            "ticks": "outside",
            "ticklen": 4,
            "tickcolor": PAPER,
        },
        "yaxis": {"automargin": True, "gridcolor": GRID, "zeroline": False, "fixedrange": True},
    }
)


@dataclass(frozen=True)
class Panel:
    """One plotly figure of a drawing.

    Parameters
    ----------
    label : str
        Plain text above the panel, such as a channel's name; empty where there is one panel.
    figure : plotly.graph_objects.Figure
    tall : bool
        Whether the panel is so much higher than others that it belongs in a row of such.
    """

    label: str
    figure: go.Figure
    tall: bool = False


@dataclass(frozen=True)
class Key:
    """One entry of a legend.

    Parameters
    ----------
    label : str
        Plain text.
    colour : str
    mark : {"area", "hatch", "line", "arrow", "dash", "dot", "ring", "diamond"}
    """

    label: str
    colour: str
    mark: Mark


@dataclass(frozen=True)
class Drawing:
    """What a reader sees as one figure.

    Parameters
    ----------
    key : str
        Unique in a report; letters and dashes.
    title : str
        The finding, in plain text.
    alt : str
        What the figure shows, for a reader who cannot see it.
    note : str
        How to read the figure.
    panels : tuple of Panel
    legend : tuple of Key
    grid : bool
        Whether panels stand side by side, as many as fit, or below each other.
    """

    key: str
    title: str
    alt: str
    note: str
    panels: tuple[Panel, ...]
    legend: tuple[Key, ...] = ()
    grid: bool = False
    kind: ClassVar[str] = "figure"


def blank(height: int, **layout: Any) -> go.Figure:
    """Start a figure in the shared look.

    Parameters
    ----------
    height : int
        Pixels; the width is the reader's.
    **layout
        More of plotly's layout.

    Returns
    -------
    plotly.graph_objects.Figure
    """
    # The page draws legends: plotly's would scroll, or squeeze the figure, on a phone.
    shared = {"template": _TEMPLATE, "showlegend": False, "minreducedheight": 2}
    return go.Figure(layout={**shared, "height": height, **layout})


def round_ticks(low: float, high: float, n: int = 5) -> list[float]:
    """Round numbers within a range, about ``n`` of them.

    Parameters
    ----------
    low, high : float
    n : int

    Returns
    -------
    list of float

    Examples
    --------
    >>> round_ticks(0, 1_370_000)
    [0.0, 500000.0, 1000000.0]
    """
    if not (math.isfinite(low) and math.isfinite(high)) or high <= low:
        return [low] if math.isfinite(low) else []
    rough = (high - low) / max(n, 1)
    magnitude = 10.0 ** math.floor(math.log10(rough))
    step = next(m * magnitude for m in (1, 2, 5, 10) if m * magnitude >= rough * 0.999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    digits = max(0, -math.floor(math.log10(step)))
    return [round(i * step, digits) for i in range(first, last + 1)]


def value_axis(
    values: Any,
    title: str,
    n: int = 5,
    zero: bool = True,
    write: Callable[[float], str] = tick,
) -> dict[str, Any]:
    """Lay out an axis of amounts that holds all values, with readable ticks.

    Parameters
    ----------
    values : array-like of float
        Everything that must be within the axis; what is not finite is left out.
    title : str
        Plain text with the unit.
    n : int
        About how many ticks.
    zero : bool
        Whether zero must be on the axis.
    write : callable
        Writes a round number at a tick.

    Returns
    -------
    dict
        Layout of a plotly axis.
    """
    finite = np.asarray(values, dtype=float).ravel()
    finite = finite[np.isfinite(finite)]
    if zero or finite.size == 0:
        finite = np.append(finite, 0.0)
    low, high = float(finite.min()), float(finite.max())
    room = 0.04 * (high - low) or max(abs(high), 1.0) * 0.1
    low, high = (low if low == 0 else low - room), high + room
    ticks = round_ticks(low, high, n)
    return {
        "range": [low, high],
        "tickvals": ticks,
        "ticktext": [literal(write(value)) for value in ticks],
        "title": {"text": literal(title), "font": {"color": MUTED, "size": 12}},
    }


def label_rows(
    figure: go.Figure, names: Sequence[str], values: Sequence[str], width: int = LABEL_WIDTH
) -> None:
    """Write a name and a value above each row, the first row at the top.

    Above rather than beside, so that long names leave the full width to the marks on a phone.

    Parameters
    ----------
    figure : plotly.graph_objects.Figure
        Row ``i`` of ``n`` is drawn at height ``n - 1 - i``.
    names, values : sequence of str
        Plain text.
    width : int
        Most characters of a name.
    """
    n = len(names)
    for i, (name, value) in enumerate(zip(names, values, strict=True)):
        common = {
            "xref": "paper",
            "y": n - 1 - i,
            "yshift": 16,
            "showarrow": False,
            "bgcolor": PAPER,
            "borderpad": 0,
        }
        label = literal(shorten(name, width))
        figure.add_annotation(text=label, x=0, xanchor="left", font={"size": 11}, **common)
        if value:
            style = {"size": 11, "color": MUTED}
            figure.add_annotation(text=literal(value), x=1, xanchor="right", font=style, **common)
    figure.update_yaxes(
        range=[-0.6, n - 0.25], showticklabels=False, showgrid=False, automargin=False, ticks=""
    )


def room_for_names(values: Sequence[str]) -> int:
    """Most characters of a name that leave room for the values beside it, on a phone.

    Parameters
    ----------
    values : sequence of str

    Returns
    -------
    int

    Examples
    --------
    >>> room_for_names(["2.10 (1.40-2.90)"]), room_for_names(["1.5 million (1.2-1.8 million)"])
    (32, 19)
    """
    return max(_SHORTEST_NAME, min(LABEL_WIDTH, _ROW_WIDTH - max(map(len, values), default=0)))


def rows_height(n: int, extra: int = 56) -> int:
    """Give the height in pixels of a figure of labelled rows.

    Parameters
    ----------
    n : int
        Number of rows.
    extra : int
        Room for the axis and a legend.

    Returns
    -------
    int
    """
    return n * ROW_HEIGHT + extra


def band(x: Any, low: Any, high: Any, **style: Any) -> go.Scatter:
    """Fill the area between the two ends of an interval.

    Parameters
    ----------
    x, low, high : array-like
        Points where an end is not finite are left out.
    **style
        More of plotly's scatter trace.

    Returns
    -------
    plotly.graph_objects.Scatter
    """
    x, low, high = np.asarray(x), np.asarray(low, dtype=float), np.asarray(high, dtype=float)
    known = np.isfinite(low) & np.isfinite(high)
    x, low, high = x[known], low[known], high[known]
    return go.Scatter(
        x=np.concatenate([x, x[::-1]]),
        y=np.concatenate([high, low[::-1]]),
        mode="lines",
        line={"width": 0},
        hoverinfo="skip",
        **{"fill": "toself", "fillcolor": BAND, **style},
    )


def mean_over_time(figure: go.Figure, table: pd.DataFrame, write: Callable[..., str]) -> None:
    """Draw a mean and its interval over time.

    Parameters
    ----------
    figure : plotly.graph_objects.Figure
    table : pandas.DataFrame
        ``date, mean, ci_low, ci_high``.
    write : callable
        Writes the three numbers of a date, for a reader who points at it.
    """
    figure.add_trace(band(table["date"], table["ci_low"], table["ci_high"]))
    figure.add_scatter(
        x=table["date"],
        y=table["mean"],
        mode="lines",
        line={"color": BLUE, "width": 2},
        customdata=each(write, table, "mean", "ci_low", "ci_high"),
        hovertemplate="%{customdata}<extra></extra>",
    )


def tint(colour: str) -> str:
    """Make a colour light enough to lie behind lines of the same.

    Parameters
    ----------
    colour : str
        Six hex digits after ``#``.

    Returns
    -------
    str

    Examples
    --------
    >>> tint(BLUE) == BAND
    True
    """
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red}, {green}, {blue}, 0.20)"


def arms(
    table: pd.DataFrame,
    low: str,
    middle: str,
    high: str,
    *,
    colour: str = INK,
    thickness: float = 1.5,
    cap: int = 4,
) -> dict[str, Any]:
    """Draw an interval as asymmetric error bars.

    Parameters
    ----------
    table : pandas.DataFrame
    low, middle, high : str
        Its columns.
    colour : str
    thickness : float
    cap : int
        Half the width of the ends, in pixels.

    Returns
    -------
    dict
        Error bars of a plotly trace.
    """
    return {
        "type": "data",
        "symmetric": False,
        "array": (table[high] - table[middle]).clip(lower=0),
        "arrayminus": (table[middle] - table[low]).clip(lower=0),
        "color": colour,
        "thickness": thickness,
        "width": cap,
    }
