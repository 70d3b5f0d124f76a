"""Every figure of a report, each with its finding as a title and a sentence as its alternative.

Titles and alternative texts are plain text, for the page to escape; user's texts are escaped
before they go into plotly, which reads some markup.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from pymc_toolkit.names import has_own_meaning
from pymc_toolkit.plurals import count
from pymc_toolkit.reports.channel_figures import (
    response_curves,
    return_on_spend,
    total_contributions,
)
from pymc_toolkit.reports.contract import ModelReport
from pymc_toolkit.reports.formats import each, literal, probability, ratio_span, tick
from pymc_toolkit.reports.graph_figures import graph_of_channels, returns_through_others
from pymc_toolkit.reports.look import (
    POSTERIOR,
    PRIOR,
    Drawing,
    Key,
    Panel,
    arms,
    blank,
    label_rows,
    rows_height,
    value_axis,
)
from pymc_toolkit.reports.time_figures import (
    actual_vs_fitted,
    contributions_over_time,
    effectiveness,
)
from pymc_toolkit.reports.uplift_figures import what_experiments_taught

__all__ = [
    "Drawing",
    "Panel",
    "actual_vs_fitted",
    "contributions_over_time",
    "draw_all",
    "effectiveness",
    "graph_of_channels",
    "prior_vs_posterior",
    "response_curves",
    "return_on_spend",
    "returns_through_others",
    "total_contributions",
    "what_experiments_taught",
]

# Rows of a panel beyond which it stands beside others like it, and beyond which nobody reads it.
_TALL, _MOST = 4, 60


def draw_all(report: ModelReport) -> dict[str, Drawing]:
    """Draw every figure that the report has numbers for.

    Parameters
    ----------
    report : ModelReport

    Returns
    -------
    dict of str to Drawing
        By key, in the order in which a reader meets them.
    """
    drawings = (
        actual_vs_fitted(report),
        contributions_over_time(report),
        total_contributions(report),
        return_on_spend(report),
        graph_of_channels(report),
        returns_through_others(report),
        response_curves(report),
        effectiveness(report),
        what_experiments_taught(report),
        prior_vs_posterior(report),
    )
    return {drawing.key: drawing for drawing in drawings if drawing is not None}


def prior_vs_posterior(report: ModelReport) -> Drawing | None:
    """Draw what was assumed of each parameter next to what was learned, one panel a variable.

    Parameters
    ----------
    report : ModelReport

    Returns
    -------
    Drawing or None
        None where the engine has no priors, or too many parameters of each kind to be read.
    """
    table = report.priors[[has_own_meaning(str(name)) for name in report.priors["variable"]]]
    if table.empty or table["variable"].value_counts().min() > _MOST:
        return None
    groups = [(str(name), rows) for name, rows in table.groupby("variable", sort=False)]
    groups.sort(key=lambda item: len(item[1]))
    long = [name for name, rows in groups if len(rows) > _MOST]
    before = table["prior_high"] - table["prior_low"]
    narrowed = int((table["posterior_high"] - table["posterior_low"] < before / 2).sum())
    ci = probability(report.ci_prob)
    return Drawing(
        key="priors",
        title=f"The data narrowed {narrowed} of {count(len(table), 'parameter')} to less than "
        "half of what was assumed possible",
        alt=f"For each of {count(len(table), 'parameter')}, the {ci} interval assumed before "
        f"(grey) and learned from the data (blue). {narrowed} shrank to less than half.",
        note=f"Medians and {ci} intervals, on the scaled data. Where both are alike, the data said "
        "little."
        + (f" Not drawn, with over {_MOST} rows each: {', '.join(long)}." if long else ""),
        panels=tuple(
            Panel(name, prior_figure(rows), tall=len(rows) > _TALL)
            for name, rows in groups
            if len(rows) <= _MOST
        ),
        legend=(
            Key("assumed before (prior)", PRIOR, "line"),
            Key("learned (posterior)", POSTERIOR, "line"),
        ),
        grid=True,
    )


def prior_figure(
    rows: pd.DataFrame,
    write: Callable[..., str] = ratio_span,
    write_tick: Callable[[float], str] = tick,
    labels: tuple[str, str] = ("prior", "posterior"),
    colour: str = POSTERIOR,
) -> go.Figure:
    """Draw prior and posterior intervals of one variable, a row a coordinate.

    Parameters
    ----------
    rows : pandas.DataFrame
        Of ``ModelReport.priors``.
    write, write_tick : callable
        Write a median with its interval, and a round number.
    labels : tuple of str
        Names of both, for a reader who points at them.
    colour : str
        Of posteriors.

    Returns
    -------
    plotly.graph_objects.Figure
    """
    names = [str(name) for name in rows["coordinate"]]
    height = np.arange(len(rows))[::-1]
    figure = blank(rows_height(len(rows), 40))
    styles = (
        ("prior", labels[0], PRIOR, 0.0, "line-ns-open", 5),
        ("posterior", labels[1], colour, -0.2, "circle", 3),
    )
    for kind, label, shade, shift, symbol, thick in styles:
        ring = {"width": 2, "color": shade}
        low, middle, high = f"{kind}_low", f"{kind}_median", f"{kind}_high"
        figure.add_scatter(
            x=rows[middle],
            y=height + shift,
            mode="markers",
            marker={"color": shade, "size": 8, "symbol": symbol, "line": ring},
            error_x=arms(rows, low, middle, high, colour=shade, thickness=thick, cap=0),
            customdata=[
                [literal(name), text]
                for name, text in zip(names, each(write, rows, middle, low, high), strict=True)
            ],
            hovertemplate="%{customdata[0]}<br>"
            + literal(label)
            + " %{customdata[1]}<extra></extra>",
        )
    label_rows(figure, names, [""] * len(names))
    ends = rows.filter(regex="^(prior|posterior)_")
    figure.update_layout(xaxis=value_axis(ends, "", n=4, zero=False, write=write_tick))
    return figure
