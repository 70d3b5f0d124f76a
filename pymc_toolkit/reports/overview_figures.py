"""The figure of an overview: how far off each client's model is."""

from __future__ import annotations

from pymc_toolkit.plurals import count
from pymc_toolkit.reports.fleet_contract import OverviewReport
from pymc_toolkit.reports.fleet_rows import add_dots, heights, rows_figure
from pymc_toolkit.reports.formats import percent
from pymc_toolkit.reports.look import BLUE, MUTED, Drawing, Key, Panel


def client_errors(report: OverviewReport) -> Drawing | None:
    """Draw the error of each client's model beside that of a naive prediction.

    Parameters
    ----------
    report : OverviewReport

    Returns
    -------
    Drawing or None
        None where no client's model could be fitted.
    """
    table = report.clients.dropna(subset=["crps"]).astype({"crps": float, "naive_crps": float})
    if table.empty:
        return None
    names = [str(name) for name in table.index]
    written = [
        f"{percent(model)}, naive {percent(naive)}"
        for model, naive in table[["crps", "naive_crps"]].to_numpy(float)
    ]
    figure = rows_figure(names, written, table[["crps", "naive_crps"]], "Relative CRPS, held out")
    figure.update_xaxes(tickformat=".0%", tickvals=None, ticktext=None, nticks=5)
    hover = [f"{name}: {text}" for name, text in zip(names, written, strict=True)]
    y = heights(len(table))
    add_dots(figure, table["naive_crps"], y, hover, MUTED, "circle-open")
    add_dots(figure, table["crps"], y, hover, BLUE)
    better = int((table["crps"] < table["naive_crps"]).sum())
    return Drawing(
        key="errors",
        title=f"{better} of {count(len(table), 'model')} predicted better than a naive forecast",
        alt="Relative CRPS on the held-out periods by client: " + "; ".join(hover) + ".",
        note="Error of the predicted distribution as a share of the target's size: further left is "
        "better. The naive forecast repeats last year's values, or the average where there is no "
        "such history.",
        panels=(Panel("", figure),),
        legend=(Key("model", BLUE, "dot"), Key("naive forecast", MUTED, "ring")),
    )
