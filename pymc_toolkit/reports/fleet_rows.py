"""Rows of marks with a name above each: what most figures of fleets are made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from pymc_toolkit.reports.formats import each, literal
from pymc_toolkit.reports.look import INK, arms, blank, label_rows, rows_height, value_axis

Writer = Callable[..., str]


def rows_figure(
    names: Sequence[str], written: Sequence[str], ends: object, unit: str, zero: bool = True
) -> go.Figure:
    """Start a figure of labelled rows, the first at the top.

    Parameters
    ----------
    names, written : sequence of str
        What stands above each row, to the left and to the right.
    ends : array-like of float
        Everything that must be within the axis.
    unit : str
        Title of the axis.
    zero : bool
        Whether zero must be on the axis.

    Returns
    -------
    plotly.graph_objects.Figure
    """
    figure = blank(rows_height(len(names)))
    label_rows(figure, names, written)
    figure.update_layout(xaxis=value_axis(ends, unit, zero=zero))
    return figure


def heights(rows: int) -> np.ndarray:
    """Height of each row, the first at the top."""
    return np.arange(rows)[::-1].astype(float)


def add_dots(
    figure: go.Figure,
    x: Sequence[float] | pd.Series,
    y: Sequence[float] | np.ndarray,
    hover: Sequence[str],
    colour: str,
    symbol: str = "circle",
    size: int = 10,
) -> None:
    """Add marks without intervals.

    Parameters
    ----------
    figure : plotly.graph_objects.Figure
    x, y : sequence of float
    hover : sequence of str
        Plain text shown at each mark.
    colour, symbol : str
        plotly's.
    size : int
        Pixels.
    """
    figure.add_scatter(
        x=list(x),
        y=list(y),
        mode="markers",
        marker={
            "color": colour,
            "size": size,
            "symbol": symbol,
            "line": {"width": 2, "color": colour},
        },
        customdata=[literal(text) for text in hover],
        hovertemplate="%{customdata}<extra></extra>",
    )


def add_intervals(
    figure: go.Figure,
    table: pd.DataFrame,
    columns: tuple[str, str, str],
    y: np.ndarray,
    write: Writer,
    colour: str,
    symbol: str = "circle",
) -> None:
    """Add means with intervals, one a row of a table.

    Parameters
    ----------
    figure : plotly.graph_objects.Figure
    table : pandas.DataFrame
        Its index names the rows.
    columns : tuple of str
        Mean, lower and upper end.
    y : ndarray
        Height of each.
    write : callable
        Writes the three numbers.
    colour, symbol : str
        plotly's.
    """
    middle, low, high = columns
    figure.add_scatter(
        x=table[middle],
        y=y,
        mode="markers",
        marker={
            "color": colour,
            "size": 10,
            "symbol": symbol,
            "line": {"width": 2, "color": colour},
        },
        error_x=arms(table, low, middle, high, colour=colour, thickness=2),
        customdata=[
            literal(f"{name}: {text}")
            for name, text in zip(table.index, each(write, table, *columns), strict=True)
        ],
        hovertemplate="%{customdata}<extra></extra>",
    )


def add_line(figure: go.Figure, x: float) -> None:
    """Add a dashed line across all rows."""
    figure.add_vline(x=x, line={"color": INK, "width": 1.5, "dash": "dash"})
