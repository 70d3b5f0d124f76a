"""Rows of marks, a name above each: the shape of most figures of a client's report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from pymc_toolkit.reports.fleet_rows import heights
from pymc_toolkit.reports.formats import literal
from pymc_toolkit.reports.look import (
    GREYS,
    INK,
    Key,
    Mark,
    arms,
    blank,
    label_rows,
    room_for_names,
    rows_height,
    value_axis,
)

_SYMBOLS: dict[Mark, str] = {
    "dot": "circle",
    "ring": "circle-open",
    "diamond": "diamond",
    "line": "line-ns-open",
}


@dataclass(frozen=True)
class Marks:
    """One mark in every row.

    Parameters
    ----------
    label : str
        In the legend, and for a reader who points at a mark.
    colour : str
    mark : {"dot", "ring", "diamond", "line"}
    values : pandas.DataFrame
        ``mean``, and ``low, high`` where there are intervals; a row of the figure each.
    written : sequence of str
        What is said of each.
    shift : float
        Upwards from the middle of the row, in rows.
    """

    label: str
    colour: str
    mark: Mark
    values: pd.DataFrame
    written: Sequence[str]
    shift: float = 0.0

    @property
    def key(self) -> Key:
        """Its entry in the legend."""
        return Key(self.label, self.colour, self.mark)


def marked_rows(
    names: Sequence[str],
    written: Sequence[str],
    marks: Sequence[Marks],
    title: str,
    write: Callable[[float], str],
    line: float | None = None,
    ranges: pd.DataFrame | None = None,
) -> go.Figure:
    """Draw rows of marks with intervals, the first row at the top.

    Parameters
    ----------
    names, written : sequence of str
        What stands above each row, to the left and to the right.
    marks : sequence of Marks
    title : str
        Of the axis.
    write : callable
        Writes a round number at a tick.
    line : float, optional
        Where a dashed line crosses all rows.
    ranges : pandas.DataFrame, optional
        Both ends of a wide grey line below the marks, a row of the figure each.

    Returns
    -------
    plotly.graph_objects.Figure
    """
    figure = blank(rows_height(len(names)))
    y = heights(len(names))
    if line is not None:
        figure.add_vline(x=line, line={"color": INK, "width": 1.5, "dash": "dash"})
    for group in marks:
        values = group.values.reset_index(drop=True)
        interval = {}
        if "low" in values:
            thick = 4.0 if group.mark == "line" else 2.0
            interval["error_x"] = arms(
                values, "low", "mean", "high", colour=group.colour, thickness=thick, cap=0
            )
        figure.add_scatter(
            x=values["mean"],
            y=y + group.shift,
            mode="markers",
            marker={
                "color": group.colour,
                "size": 10,
                "symbol": _SYMBOLS[group.mark],
                "line": {"width": 2, "color": group.colour},
            },
            customdata=[
                literal(f"{name}, {group.label}: {text}")
                for name, text in zip(names, group.written, strict=True)
            ],
            hovertemplate="%{customdata}<extra></extra>",
            **interval,
        )
    label_rows(figure, names, written, room_for_names(written))
    ends = np.concatenate([group.values.to_numpy(dtype=float).ravel() for group in marks])
    if line is not None:
        ends = np.append(ends, line)
    if ranges is not None:
        ends = np.append(ends, ranges.to_numpy(dtype=float))
        _add_ranges(figure, ranges)
    figure.update_layout(xaxis=value_axis(ends, title, write=write))
    return figure


def _add_ranges(figure: go.Figure, ranges: pd.DataFrame) -> None:
    for (start, end), y in zip(ranges.to_numpy(dtype=float), heights(len(ranges)), strict=True):
        figure.add_shape(
            type="line",
            x0=start,
            x1=end,
            y0=y,
            y1=y,
            layer="below",
            line={"color": GREYS[0], "width": 8},
        )
