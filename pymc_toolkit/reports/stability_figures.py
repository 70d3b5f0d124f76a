"""Figures of a stability fleet: how far answers moved, and how far they may."""

from __future__ import annotations

import numpy as np
import pandas as pd

from pymc_toolkit.plurals import count
from pymc_toolkit.reports.fleet_contract import StabilityReport
from pymc_toolkit.reports.fleet_rows import add_dots, add_intervals, heights, rows_figure
from pymc_toolkit.reports.formats import each, percent, probability, ratio, ratio_span
from pymc_toolkit.reports.look import (
    BLUE,
    GREEN,
    INK,
    MUTED,
    ORANGE,
    PURPLE,
    VERMILION,
    Drawing,
    Key,
    Panel,
)

_PLACEBO = "placebo"
# Kind of change -> how it is called, colour, mark on the figure and in the legend.
_KINDS = {
    "refresh": ("without the last periods", BLUE, "circle", "dot"),
    "perturbation": ("with noise", ORANGE, "diamond", "diamond"),
    "seed": ("other seeds", GREEN, "circle-open", "ring"),
}
_ROI = "Return per unit of money (or of exposure)"


def changes(report: StabilityReport) -> Drawing | None:
    """Draw the mean change of returns by kind beside its limit.

    Parameters
    ----------
    report : StabilityReport

    Returns
    -------
    Drawing or None
        None without any change to compare.
    """
    tests = report.tests.drop(_PLACEBO, errors="ignore")
    if tests.empty:
        return None
    within = int((tests["value"] <= tests["threshold"]).sum())
    names = [_KINDS[str(kind)][0] for kind in tests.index]
    written = [
        f"{percent(float(row.value))}, at most {percent(float(row.threshold))}"
        for row in tests.itertuples()
    ]
    figure = rows_figure(
        names, written, tests[["value", "threshold"]], "Mean absolute change of a channel's return"
    )
    figure.update_xaxes(tickformat=".0%", tickvals=None, ticktext=None, nticks=5)
    y = heights(len(tests))
    hover = [f"{name}: {text}" for name, text in zip(names, written, strict=True)]
    figure.add_bar(
        x=tests["value"],
        y=y,
        orientation="h",
        width=0.28,
        marker_color=[
            BLUE if value <= limit else VERMILION
            for value, limit in zip(tests["value"], tests["threshold"], strict=True)
        ],
        hoverinfo="skip",
    )
    add_dots(figure, tests["threshold"], y, hover, INK, "line-ns-open", size=18)
    return Drawing(
        key="changes",
        title=f"{within} of {count(len(tests), 'kind')} of change moved returns by no more than "
        "their limit",
        alt="Mean absolute change of returns by kind of change: " + "; ".join(hover) + ".",
        note="Mean over channels and refits. Limits are those of the arguments "
        + ", ".join(str(name) for name in tests["threshold_name"])
        + ".",
        panels=(Panel("", figure),),
        legend=(
            Key("within the limit", BLUE, "area"),
            Key("beyond it", VERMILION, "area"),
            Key("limit", INK, "line"),
        ),
    )


def returns(report: StabilityReport) -> Drawing | None:
    """Draw the return of each channel in every refit beside the reference.

    Parameters
    ----------
    report : StabilityReport

    Returns
    -------
    Drawing or None
        None where the reference failed or no channel has a return.
    """
    table = report.reference.dropna().sort_values("roi", ascending=False)
    drift = report.drift[report.drift["kind"] != _PLACEBO]
    drift = drift[drift["channel"].isin(table.index)]
    if table.empty or drift.empty:
        return None
    names = [str(name) for name in table.index]
    columns = ("roi", "ci_low", "ci_high")
    written = each(ratio_span, table, *columns)
    ends = np.append(table[list(columns)].to_numpy(float).ravel(), drift["roi"].to_numpy(float))
    figure = rows_figure(names, written, ends, _ROI)
    height = dict(zip(names, heights(len(names)), strict=True))
    add_intervals(figure, table, columns, heights(len(names)), ratio_span, MUTED, "line-ns-open")
    present = []
    for kind, (label, colour, symbol, mark) in _KINDS.items():
        rows = drift[drift["kind"] == kind]
        if rows.empty:
            continue
        present.append(Key(label, colour, "ring" if mark == "ring" else mark))  # type: ignore[arg-type]
        hover = [f"{r.channel}, {r.member}: {ratio(float(r.roi))}" for r in rows.itertuples()]
        y = [height[str(name)] - 0.12 for name in rows["channel"]]
        add_dots(figure, rows["roi"], y, hover, colour, symbol, size=6)
    moved = drift.groupby("channel")["roi_change"].apply(lambda change: change.abs().mean())
    most = str(moved.idxmax())
    inside = _inside(drift, table)
    return Drawing(
        key="returns",
        title=f"{most} moved most, by {percent(float(moved.max()))} on average; "
        f"{percent(inside)} of all refitted returns lie in the interval of the reference",
        alt=f"Return of {count(len(names), 'channel')} in the unchanged fit with its "
        f"{probability(report.ci_prob)} interval, and in every refit. {most} moved most.",
        note=f"Grey: the unchanged fit with its {probability(report.ci_prob)} interval. Marks "
        "below: refits. Returns are compared over the periods that both fits have.",
        panels=(Panel("", figure),),
        legend=(Key("unchanged fit", MUTED, "line"), *present),
    )


def _inside(drift: pd.DataFrame, table: pd.DataFrame) -> float:
    joined = drift.merge(table[["ci_low", "ci_high"]], left_on="channel", right_index=True)
    return float(joined["roi"].between(joined["ci_low"], joined["ci_high"]).mean())


def placebo(report: StabilityReport) -> Drawing | None:
    """Draw the return of the placebo channel before and after its series was shuffled.

    Parameters
    ----------
    report : StabilityReport

    Returns
    -------
    Drawing or None
        None where that refit failed.
    """
    rows = report.drift[
        (report.drift["kind"] == _PLACEBO) & (report.drift["channel"] == report.placebo_channel)
    ]
    if rows.empty or report.placebo_channel is None:
        return None
    before, after = float(rows["reference_roi"].iloc[0]), float(rows["roi"].iloc[0])
    limit = float(report.tests.loc[_PLACEBO, "threshold"])
    most = before * (1 - limit)
    names, written = ["as it ran", "shuffled"], [ratio(before), ratio(after)]
    figure = rows_figure(names, written, [before, after, most], _ROI)
    for colour, symbol, y, value, text in (
        (BLUE, "circle", 1.0, before, f"as it ran: {ratio(before)}"),
        (PURPLE, "diamond", 0.0, after, f"shuffled: {ratio(after)}"),
        (INK, "line-ns-open", 0.0, most, f"at most: {ratio(most)}"),
    ):
        size = 18 if symbol.startswith("line") else 11
        add_dots(figure, [value], [y], [text], colour, symbol, size)
    fall = -float(rows["roi_change"].iloc[0])
    how = f"fell by {percent(fall)}" if fall > 0 else f"rose by {percent(-fall)}"
    return Drawing(
        key="placebo",
        title=f"Shuffled, the return of {report.placebo_channel} {how}; it should fall by "
        f"{percent(limit)} or more",
        alt=f"Return of {report.placebo_channel} as it ran, {ratio(before)}, and with its series "
        f"shuffled, {ratio(after)}.",
        note="A channel whose spend is put in random order can have caused nothing when it did not "
        "run. A return that stays means that what the model credits to this channel does not rest "
        "on when it was on air.",
        panels=(Panel("", figure),),
        legend=(
            Key("as it ran", BLUE, "dot"),
            Key("shuffled", PURPLE, "diamond"),
            Key("should fall to here", INK, "line"),
        ),
    )
