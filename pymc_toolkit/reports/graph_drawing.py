"""A network of channels as a figure: discs, lines between them, and what is written on each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd
import plotly.graph_objects as go

from pymc_toolkit.reports.formats import human, literal
from pymc_toolkit.reports.graph_layout import MARGIN, GraphLayout, Link, lay_out
from pymc_toolkit.reports.look import OTHERS, PAPER, blank

_THINNEST, _THICKEST, _HEAD = 1.5, 4.0, 17
# How far into the figure a label's middle must be for it to fit on the narrowest screen.
_EDGE = 0.16


def network(
    links: pd.DataFrame, names: Sequence[str], brought: Mapping[str, float], target_name: str
) -> go.Figure:
    """Draw channels with a link, from upstream on the left to downstream.

    Parameters
    ----------
    links : pandas.DataFrame
        ``cause, effect``; ``strength`` (0 to 1: how thick the line is), ``arrow`` (bool: whether it
        has a head, or is dashed), ``colour``; ``label``, written on the line, and ``words``, shown
        on hovering. Plain text. Columns of channels follow from the first links on.
    names : sequence of str
        Channels with a link, from upstream to downstream.
    brought : Mapping of str to float
        What each channel brought to the target: areas of discs are in proportion.
    target_name : str

    Returns
    -------
    plotly.graph_objects.Figure
    """
    layout = lay_out(names, list(zip(links["cause"], links["effect"], strict=True)), brought)
    figure = blank(
        round(layout.height),
        margin={"l": MARGIN, "r": MARGIN, "t": 0, "b": 0},
        xaxis={"range": [0, 1], "visible": False, "automargin": False},
        yaxis={"range": [layout.height, 0], "visible": False, "automargin": False},
    )
    for (_, row), link in zip(links.iterrows(), layout.links, strict=True):
        _add_link(figure, row, link, layout.nodes[row["effect"]].radius)
    _add_channels(figure, layout, brought, target_name)
    for (_, row), link in zip(links.iterrows(), layout.links, strict=True):
        _add_label(figure, row, link)
    return figure


def _add_link(figure: go.Figure, row: pd.Series, link: Link, radius: float) -> None:
    """A line from cause to effect; with a head where it is known which is which."""
    colour, arrow = row["colour"], bool(row["arrow"])
    line = {
        "color": colour,
        "width": _THINNEST + (_THICKEST - _THINNEST) * float(row["strength"]),
        "dash": "solid" if arrow else "6px,5px",
    }
    # The last stretch is straight, and a trace of its own: for the head of an arrow to lie along.
    last = link.bends if arrow else len(link.x) - 1
    figure.add_scatter(
        x=link.x[: last + 1],
        y=link.y[: last + 1],
        mode="lines",
        line=line,
        customdata=[literal(row["words"])] * (last + 1),
        hovertemplate="%{customdata}<extra></extra>",
    )
    if arrow:
        figure.add_scatter(
            x=link.x[[last, -1]],
            y=link.y[[last, -1]],
            mode="lines+markers",
            line={**line, "backoff": radius + 0.6 * _HEAD},
            marker={
                "symbol": "arrow",
                "angleref": "previous",
                "size": [0, _HEAD],
                "standoff": radius + 1,
                "color": colour,
                "opacity": 1,
                "line": {"width": 0},
            },
            hoverinfo="skip",
        )


def _add_channels(
    figure: go.Figure, layout: GraphLayout, brought: Mapping[str, float], target_name: str
) -> None:
    """A disc and a name for each channel."""
    figure.add_scatter(
        x=[node.x for node in layout.nodes.values()],
        y=[node.y for node in layout.nodes.values()],
        mode="markers",
        marker={
            "color": OTHERS,
            "size": [2 * node.radius for node in layout.nodes.values()],
            "opacity": 1,
            "line": {"width": 1.5, "color": PAPER},
        },
        customdata=[
            [literal(name), literal(f"{human(float(brought[name]))} of {target_name}")]
            for name in layout.nodes
        ],
        hovertemplate="%{customdata[0]}<br>%{customdata[1]}<extra></extra>",
        cliponaxis=False,
    )
    for node in layout.nodes.values():
        side = 1 if node.before else -1
        figure.add_annotation(
            text="<br>".join(map(literal, node.lines)),
            x=node.x,
            y=node.y,
            xanchor="right" if node.before else "left",
            yanchor="top" if node.before else "bottom",
            xshift=side,
            yshift=-side * node.radius,
            align="right" if node.before else "left",
            showarrow=False,
            bgcolor=PAPER,
            borderpad=0,
            font={"size": 11},
        )


def _add_label(figure: go.Figure, row: pd.Series, link: Link) -> None:
    """What is written on a link, on its line."""
    at = link.label_x
    figure.add_annotation(
        text=literal(row["label"]),
        x=at,
        y=link.label_y,
        xanchor="left" if at < _EDGE else "right" if at > 1 - _EDGE else "center",
        yanchor="middle",
        showarrow=False,
        bgcolor=PAPER,
        borderpad=0,
        font={"size": 10.5, "color": row["colour"]},
    )
