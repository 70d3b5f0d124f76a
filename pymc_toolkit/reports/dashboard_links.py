"""Figures of the links between channels on a dashboard: a network, and a matrix of weights."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from pymc_toolkit.plurals import count
from pymc_toolkit.reports.dashboard_contract import Dashboard
from pymc_toolkit.reports.dashboard_tables import (
    adjacency_matrix,
    is_sure,
    order_is_given,
    strongest_edges,
)
from pymc_toolkit.reports.formats import (
    each,
    literal,
    probability,
    ratio,
    ratio_span,
    shorten,
    span,
)
from pymc_toolkit.reports.graph_drawing import network
from pymc_toolkit.reports.look import (
    BLUE,
    GRID,
    INK,
    MUTED,
    OTHERS,
    PAPER,
    VERMILION,
    Drawing,
    Key,
    Panel,
    blank,
)

_MEANING = (
    "A weight says how far a channel's exposure feeds into that of another where the network makes "
    "its prediction. It is neither the probability of a link nor what a test would show."
)
_GIVEN = (
    " Every link leads to a channel that comes later in the table: where the order of channels is "
    "given and not learnt, directions say nothing."
)
# Pixels of a row of the matrix, and characters of a name beside it.
_CELL, _NAME = 26, 15


def network_of_links(report: Dashboard) -> Drawing | None:
    """Draw the strongest links between channels.

    Parameters
    ----------
    report : Dashboard

    Returns
    -------
    Drawing or None
        None where no edge is as strong as the weakest to draw.
    """
    edges = strongest_edges(report)
    if edges.empty:
        return None
    written = each(ratio_span, edges, "weight", "ci_low", "ci_high")
    words = [
        f"{cause} feeds into {effect}: {text}"
        for cause, effect, text in zip(edges["cause"], edges["effect"], written, strict=True)
    ]
    size = edges["weight"].abs()
    links = edges.assign(
        strength=size / size.max(),
        arrow=True,
        colour=np.where(edges["sure"], BLUE, MUTED),
        label=each(ratio, edges, "weight"),
        words=words,
    )
    linked = {*edges["cause"], *edges["effect"]}
    # From those that feed to those that are fed.
    balance = (
        size.groupby(edges["cause"]).sum().sub(size.groupby(edges["effect"]).sum(), fill_value=0)
    )
    names = [str(name) for name in balance.sort_values(ascending=False, kind="stable").index]
    alone = [str(name) for name in report.totals.index if name not in linked]
    figure = network(links, names, dict(report.totals["contribution"]), report.target_name)
    ci = probability(report.ci_prob)
    keys = (
        (Key(f"whole {ci} interval at least {report.weakest:g}", BLUE, "arrow"), edges["sure"]),
        (Key("weaker at one end of its interval", MUTED, "arrow"), ~edges["sure"]),
    )
    return Drawing(
        key="network",
        title=_network_title(edges),
        alt="Channels as discs and links between them as arrows, strongest first: "
        + "; ".join(words)
        + "."
        + (f" No link is drawn for {', '.join(alone)}." if alone else ""),
        note=f"{_MEANING} The area of a disc is what the channel brought to {report.target_name}. "
        f"Links weaker than {report.weakest:g}, and all beyond the {report.most_edges} strongest, "
        f"are left out.{_GIVEN if order_is_given(report.edges) else ''}",
        panels=(Panel("", figure),),
        legend=(
            *(key for key, there in keys if there.any()),
            Key("channel, by what it brought", OTHERS, "dot"),
        ),
    )


def adjacency_heatmap(report: Dashboard) -> Drawing | None:
    """Draw the weight of every possible link as a matrix.

    Parameters
    ----------
    report : Dashboard

    Returns
    -------
    Drawing or None
        None for a model without a channel graph.
    """
    if report.edges.empty:
        return None
    matrix = adjacency_matrix(report.edges)
    names, n = [str(name) for name in matrix.index], len(matrix)
    signed = bool((matrix.to_numpy() < 0).any())
    sure = report.edges[is_sure(report.edges, report.weakest)]
    # Grey shows where there is no cell: a channel and itself.
    figure = blank(_CELL * n + 96, plot_bgcolor=GRID)
    figure.add_trace(_cells(report.edges, matrix, signed))
    place = {name: i for i, name in enumerate(names)}
    figure.add_scatter(
        x=[place[name] for name in sure["effect"]],
        y=[n - 1 - place[name] for name in sure["cause"]],
        mode="markers",
        marker={"color": PAPER, "size": 6, "line": {"width": 1.5, "color": INK}, "opacity": 1},
        hoverinfo="skip",
    )
    _number_channels(figure, names)
    ci, one = probability(report.ci_prob), len(sure) == 1
    return Drawing(
        key="adjacency",
        title=f"{len(sure)} of {count(n * (n - 1), 'possible link')} "
        f"{'has' if one else 'have'} a weight of at least {report.weakest:g} over "
        f"{'its' if one else 'their'} whole {ci} interval",
        alt=f"Matrix of the weights of links between {count(n, 'channel')}, causes by row, effects "
        f"by column; {int((matrix.to_numpy() != 0).sum())} are not zero. Numbers of the channels: "
        + ", ".join(f"{i + 1} {name}" for i, name in enumerate(names))
        + ".",
        note="A row feeds into a column; columns have the numbers of the rows. The darker, the "
        f"larger the mean weight. {_MEANING}",
        panels=(Panel("", figure),),
        legend=(
            Key(f"whole {ci} interval at least {report.weakest:g}", INK, "ring"),
            *([Key("more of one goes with less of the other", VERMILION, "area")] * signed),
        ),
    )


def _cells(edges: pd.DataFrame, matrix: pd.DataFrame, signed: bool) -> go.Heatmap:
    """A cell for every pair of channels, the first cause on top; none for a channel and itself."""
    n, most = len(matrix), float(matrix.abs().to_numpy().max()) or 1.0
    written = edges.assign(text=each(ratio_span, edges, "weight", "ci_low", "ci_high"))
    texts = written.set_index(["cause", "effect"])["text"]
    hover = [
        [
            literal(f"{cause} feeds into {effect}: {texts.get((cause, effect), '')}")
            for effect in matrix.columns
        ]
        for cause in matrix.index
    ]
    return go.Heatmap(
        x=np.arange(n),
        y=np.arange(n)[::-1],
        z=matrix.mask(np.eye(n, dtype=bool)).to_numpy(),
        zmin=-most if signed else 0.0,
        zmax=most,
        colorscale=[[0, VERMILION], [0.5, PAPER], [1, BLUE]] if signed else [[0, PAPER], [1, BLUE]],
        xgap=1,
        ygap=1,
        customdata=hover,
        hovertemplate="%{customdata}<extra></extra>",
        hoverongaps=False,
        colorbar={
            "orientation": "h",
            "thickness": 10,
            "len": 1,
            "y": 0,
            "yanchor": "top",
            "ypad": 14,
            "outlinewidth": 0,
            "nticks": 5,
            "title": {"text": "weight of the link", "side": "bottom", "font": {"size": 12}},
        },
    )


def _number_channels(figure: go.Figure, names: list[str]) -> None:
    """Names with numbers beside the rows of a matrix, the numbers alone above its columns."""
    n = len(names)
    shared = {"showgrid": False, "ticks": "", "range": [-0.5, n - 0.5], "tickfont": {"size": 10}}
    figure.update_layout(
        xaxis={
            **shared,
            "side": "top",
            "tickvals": list(range(n)),
            "ticktext": [str(i + 1) for i in range(n)],
            "tickangle": 0,
            "title": {"text": "fed channel, by its number", "font": {"color": MUTED, "size": 12}},
        },
        yaxis={
            **shared,
            "tickvals": list(range(n))[::-1],
            "ticktext": [
                literal(shorten(f"{i + 1} {name}", _NAME)) for i, name in enumerate(names)
            ],
        },
    )


def _network_title(edges: pd.DataFrame) -> str:
    first = edges.iloc[0]
    interval = span(ratio(first["ci_low"]), ratio(first["ci_high"]))
    weight = f"weight {ratio(first['weight'])}, {interval}"
    if len(edges) == 1:
        pair = f"{first['cause']} feeds into {first['effect']}"
        return f"One link is strong enough to be drawn: {pair} ({weight})"
    lead = "feeds the most into" if first["sure"] else "may feed the most into"
    return f"{first['cause']} {lead} another channel, {first['effect']} ({weight})"
