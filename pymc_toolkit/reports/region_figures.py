"""The figure of single regions: how far off forecasts of each of them are."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from pymc_toolkit.fleets.scoring import MODEL
from pymc_toolkit.plurals import count
from pymc_toolkit.reports.contract import ModelReport
from pymc_toolkit.reports.fleet_contract import HoldoutReport
from pymc_toolkit.reports.fleet_rows import heights, rows_figure
from pymc_toolkit.reports.formats import literal, percent, period
from pymc_toolkit.reports.look import BLUE, INK, MUTED, PAPER, Drawing, Key, Panel, round_ticks
from pymc_toolkit.reports.region_contract import RegionReport
from pymc_toolkit.reports.region_tables import RULES, best_rule, closer

# How far below its label a row of dots lies, half the height over which they are spread, and the
# step that spreads them evenly.
_BELOW, _SPREAD, _GOLDEN = 0.1, 0.15, 0.618
# Panels beyond which they stand side by side.
_STACKED = 3
# Errors beyond this quantile of any row are left out where they would squeeze the others together.
_FAR = 0.95


def region_errors(report: ModelReport | HoldoutReport) -> Drawing | None:
    """Draw the error of every region by forecast, one panel a member.

    Parameters
    ----------
    report : ModelReport or HoldoutReport

    Returns
    -------
    Drawing or None
        None for a model of one series, or without a forecast to compare with.
    """
    rule = best_rule(report) if report.regions else None
    if rule is None:
        return None
    wins, regions = closer(report, rule)
    wide = {name: _errors(part) for name, part in report.regions.items()}
    end = _end(list(wide.values()))
    beyond = sum(int((table > end).to_numpy().sum()) for table in wide.values())
    dark = len({region for table in wide.values() for region in table.index[table[MODEL].isna()]})
    unit = period(report.provenance.frequency)
    several = len(wide) > 1
    notes = [
        f"Error of a region: sum of its {unit}s' absolute errors as a share of its "
        f"{report.target_name} (WAPE); further left is better. Naive forecasts know the past of "
        "the region alone; the model is given the media and controls that ran.",
        f"{count(beyond, 'dot')} beyond {percent(end)} not shown." if beyond else "",
        f"Left out: {count(dark, 'region')} without any {report.target_name} in held-out {unit}s."
        if dark
        else "",
    ]
    return Drawing(
        key="region-errors",
        title=f"In {wins} of {regions} {'cases' if several else 'regions'} the model is closer "
        f"than {RULES[rule]}, the best simple rule",
        alt="Dots of the error of each region by forecast. Error of the median region: "
        + "; ".join(_in_words(name if several else "", table) for name, table in wide.items())
        + ".",
        note=" ".join(filter(None, notes)),
        panels=tuple(Panel(name, _figure(table, end), tall=True) for name, table in wide.items()),
        legend=(
            Key("a region, by the model", BLUE, "dot"),
            Key("a region, by a naive forecast", MUTED, "ring"),
            Key("median region", INK, "diamond"),
            Key("middle half of the regions", INK, "line"),
        ),
        grid=len(wide) > _STACKED,
    )


def _errors(part: RegionReport) -> pd.DataFrame:
    """WAPE, regions by predictions, the model first."""
    wide = part.regions.pivot(index="region", columns="prediction", values="wape")
    return wide[[name for name in part.table.index if name in wide]]


def _end(tables: list[pd.DataFrame]) -> float:
    """Where the axis ends: at the largest error, or where nearly all have been seen."""
    largest = max(float(np.nanmax(table.to_numpy())) for table in tables)
    most = max(float(table.quantile(_FAR).max()) for table in tables)
    return largest if largest <= 1.5 * most else 1.05 * most


def _in_words(member: str, table: pd.DataFrame) -> str:
    medians = ", ".join(f"{name} {percent(float(value))}" for name, value in table.median().items())
    return f"{member}: {medians}" if member else medians


def _figure(table: pd.DataFrame, end: float) -> go.Figure:
    medians = table.median()
    written = [f"median {percent(float(value))}" for value in medians]
    figure = rows_figure([str(name) for name in table], written, [0.0, end], "Error of a region")
    ticks = round_ticks(0.0, end)
    figure.update_xaxes(tickvals=ticks, ticktext=[percent(value) for value in ticks])
    # Room for half of the first label, which would be left out.
    figure.update_layout(margin_l=14)
    for y, (name, column) in zip(heights(table.shape[1]) - _BELOW, table.items(), strict=True):
        shown = column[column <= end].sort_values()
        colour, symbol = (BLUE, "circle") if name == MODEL else (MUTED, "circle-open")
        figure.add_scatter(
            x=shown,
            y=y + _SPREAD * (2 * ((np.arange(len(shown)) * _GOLDEN) % 1) - 1),
            mode="markers",
            marker={"color": colour, "symbol": symbol, "size": 6, "opacity": 0.55},
            customdata=[
                literal(f"{region}, {name}: {percent(float(value))}")
                for region, value in shown.items()
            ],
            hovertemplate="%{customdata}<extra></extra>",
        )
        _add_middle(figure, column, float(y))
    return figure


def _add_middle(figure: go.Figure, column: pd.Series, y: float) -> None:
    """Mark the median of a row, and the half of it around that."""
    low, middle, high = column.quantile([0.25, 0.5, 0.75])
    line = {"color": INK, "width": 3}
    figure.add_scatter(x=[low, high], y=[y, y], mode="lines", line=line, hoverinfo="skip")
    figure.add_scatter(
        x=[middle],
        y=[y],
        mode="markers",
        marker={
            "color": INK,
            "symbol": "diamond",
            "size": 12,
            "line": {"color": PAPER, "width": 1.5},
        },
        customdata=[literal(f"median region: {percent(float(middle))}")],
        hovertemplate="%{customdata}<extra></extra>",
    )
