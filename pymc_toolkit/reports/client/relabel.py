"""Show a client's report with labels: the one place where names of columns become them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

import pandas as pd

from pymc_toolkit.labels import in_sentence
from pymc_toolkit.reports.client.contract import ClientReport, Recommendation
from pymc_toolkit.reports.dashboard_tables import CONTROLS, MEDIA
from pymc_toolkit.verdicts import Verdict


def labelled(report: ClientReport, labels: Mapping[str, str]) -> ClientReport:
    """The same report, in which channels, controls and the target go by their labels.

    Whatever is written or drawn of it afterwards knows no other names.

    Parameters
    ----------
    report : ClientReport
        With the names of columns.
    labels : Mapping of str to str
        What is shown, by column, as :func:`pymc_toolkit.labels.check_labels` lets pass.

    Returns
    -------
    ClientReport
        Its ``columns`` lead back.
    """
    if not labels:
        return report
    tests = report.experiments
    names_of_tests = _tests(tests, labels)
    said = partial(in_sentence, labels={**labels, **names_of_tests})
    checks = [
        replace(check, sentence=said(check.sentence), remedy=said(check.remedy))
        for check in report.verdict.checks
    ]
    channels = report.channels.rename(index=labels)
    for column in ("evidence", "reason"):
        channels[column] = channels[column].map(said)
    advice, refresh = report.recommendation, report.refresh
    return replace(
        report,
        target_name=labels.get(report.target_name, report.target_name),
        verdict=Verdict(checks),
        remedies=[said(remedy) for remedy in report.remedies],
        channels=channels,
        recommendation=None if advice is None else _advice(advice, labels),
        waterfall=_waterfall(report.waterfall, labels),
        components=report.components.rename(columns=_of_components(report, labels)),
        curves=_values(report.curves, "channel", labels),
        levels=report.levels.rename(index=labels),
        carry_over=report.carry_over.rename(index=labels),
        priors=_values(report.priors, "coordinate", _coordinates(report.priors, labels)),
        refresh=None if refresh is None else replace(refresh, roi=refresh.roi.rename(index=labels)),
        experiments=None
        if tests is None
        else _values(_values(tests, "test", names_of_tests), "channel", labels),
        columns={label: column for column, label in labels.items()},
    )


def _advice(advice: Recommendation, labels: Mapping[str, str]) -> Recommendation:
    moves = advice.moves
    for end in ("source", "destination"):
        moves = _values(moves, end, labels)
    return replace(
        advice,
        table=advice.table.rename(index=labels),
        moves=moves,
        flighting=advice.flighting.rename(columns=labels),
    )


def _values(table: pd.DataFrame, column: str, labels: Mapping[str, str]) -> pd.DataFrame:
    """A table with labels in a column of names."""
    return table.assign(**{column: [labels.get(name, name) for name in table[column]]})


def _tests(tests: pd.DataFrame | None, labels: Mapping[str, str]) -> dict[str, str]:
    """Names of experiments that are made of their channel and window."""
    if tests is None:
        return {}
    pairs = zip(tests["channel"], tests["window"], strict=True)
    return {f"{name}, {window}": f"{labels.get(name, name)}, {window}" for name, window in pairs}


def _waterfall(table: pd.DataFrame, labels: Mapping[str, str]) -> pd.DataFrame:
    """Parts that are columns of the client's; others may go by the same words."""
    columns = table["kind"].isin((MEDIA, CONTROLS))
    parts = table["part"].where(~columns, table["part"].map(lambda name: labels.get(name, name)))
    return table.assign(part=parts)


def _of_components(report: ClientReport, labels: Mapping[str, str]) -> dict[str, str]:
    """Labels of components, of which a control may share its name with a part of the model."""
    known = report.components.columns
    told_apart = {name: f"{name} (control)" for name in labels}
    return {
        told_apart[name] if told_apart[name] in known else name: label
        for name, label in labels.items()
    }


def _coordinates(priors: pd.DataFrame, labels: Mapping[str, str]) -> dict[str, str]:
    """Labels of parameters that are one a channel or control, or one for each of several such."""
    return {
        text: labels.get(text) or ", ".join(labels.get(part, part) for part in text.split(", "))
        for text in map(str, priors["coordinate"].unique())
    }
