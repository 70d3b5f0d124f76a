"""Figures of a holdout fleet: predictions of what the model had not seen, beside baselines."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from pymc_toolkit.plurals import count
from pymc_toolkit.reports.fit_figures import fit_figure
from pymc_toolkit.reports.fleet_contract import HoldoutReport
from pymc_toolkit.reports.fleet_rows import add_dots, heights, rows_figure
from pymc_toolkit.reports.formats import percent, period, probability
from pymc_toolkit.reports.look import BLUE, HELD_OUT, INK, MUTED, SKY, Drawing, Key, Panel

_MODEL = "model"
# Panels beyond which close-ups stand side by side.
_STACKED = 3


def errors(report: HoldoutReport) -> Drawing:
    """Draw the error of the model and of every baseline, one panel a length of the holdout.

    Parameters
    ----------
    report : HoldoutReport

    Returns
    -------
    Drawing
    """
    scores = report.scores
    means = scores.groupby(["periods", "prediction"], sort=False)["crps"].mean().unstack()
    unit = period(report.provenance.frequency)
    others = means.drop(columns=_MODEL)
    better = int((means[_MODEL] < others.min(axis=1)).sum())
    panels = tuple(
        Panel(
            f"{count(int(length), unit)} held out",
            _error_figure(scores[scores["periods"] == length], float(scores["crps"].max())),
        )
        for length in means.index
    )
    several = int(scores.groupby(["periods", "prediction"]).size().max()) > 1
    return Drawing(
        key="errors",
        title=f"The model predicted better than every baseline at {better} of "
        f"{count(len(means), 'length')} of the holdout",
        alt="Relative CRPS of the model and of baselines by number of held-out periods: "
        + "; ".join(
            f"{count(int(str(length)), unit)}: "
            + ", ".join(f"{name} {percent(float(value))}" for name, value in row.items())
            for length, row in means.iterrows()
        )
        + ".",
        note="Error of the whole predicted distribution (CRPS) as a share of the target's size: "
        "further left is better. Baselines know the past of the target alone, but for the ridge "
        "regression, which is given the same media and controls as the model."
        + (" Small marks are single windows, large ones their mean." if several else ""),
        panels=panels,
        legend=(
            Key("model", BLUE, "dot"),
            Key("predictions that need no media mix model", MUTED, "ring"),
        ),
        grid=len(panels) > 1,
    )


def _error_figure(scores: pd.DataFrame, highest: float) -> go.Figure:
    means = scores.groupby("prediction", sort=False)["crps"].mean()
    names = [str(name) for name in means.index]
    written = [percent(float(value)) for value in means]
    figure = rows_figure(names, written, [0.0, highest], "Relative CRPS")
    figure.update_xaxes(tickformat=".0%", tickvals=None, ticktext=None, nticks=4)
    for y, (name, mean) in zip(heights(len(means)), means.items(), strict=True):
        single = scores.loc[scores["prediction"] == name]
        colour, symbol = (BLUE, "circle") if name == _MODEL else (MUTED, "circle-open")
        if len(single) > 1:
            hover = [
                f"{name}, {member}: {percent(float(crps))}"
                for member, crps in zip(single["member"], single["crps"], strict=True)
            ]
            add_dots(figure, single["crps"], [y] * len(single), hover, colour, symbol, size=4)
        add_dots(figure, [float(mean)], [y], [f"{name}: {percent(float(mean))}"], colour, symbol)
    return figure


def predictions(report: HoldoutReport) -> Drawing:
    """Draw what happened and was expected in the held-out periods, one panel a member.

    Parameters
    ----------
    report : HoldoutReport

    Returns
    -------
    Drawing
    """
    tables = report.forecasts
    held = pd.concat([table[table["holdout"]] for table in tables.values()])
    inside = int(held["actual"].between(held["ci_low"], held["ci_high"]).sum())
    unit, ci = period(report.provenance.frequency), probability(report.ci_prob)
    title = f"{inside} of {count(len(held), f'held-out {unit}')} fell inside the {ci} intervals"
    return Drawing(
        key="predictions",
        title=title,
        alt=f"Line charts of {report.target_name} as it happened and as the model expected it, one "
        f"for each of {count(len(tables), 'member')}. {title}.",
        note=f"Shaded {unit}s were not trained on. The model is given the media and controls that "
        "ran in them.",
        panels=tuple(
            Panel(name, fit_figure(report, table, 260), tall=True) for name, table in tables.items()
        ),
        legend=(
            Key("what happened", INK, "dot"),
            Key("expected by the model", BLUE, "line"),
            Key(f"{ci} interval", SKY, "area"),
            Key("held out", HELD_OUT, "area"),
        ),
        grid=len(tables) > _STACKED,
    )
