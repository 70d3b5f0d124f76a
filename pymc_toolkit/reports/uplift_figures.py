"""What experiments taught the model: measured beside modelled, before it knew of them and after."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.stats import norm

from pymc_toolkit.plurals import count
from pymc_toolkit.reports.contract import ModelReport
from pymc_toolkit.reports.formats import MISSING, each, human_span, literal, percent, probability
from pymc_toolkit.reports.look import (
    INK,
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
from pymc_toolkit.reports.tables import Table, return_span

# A result this far off, or further, is expected once in twenty times.
_RARE = 0.05
_STYLES = (
    ("measured", INK, 0.0, "diamond", 2.0),
    ("before", PRIOR, -0.16, "line-ns-open", 4.0),
    ("after", POSTERIOR, -0.32, "circle", 3.0),
)


def what_experiments_taught(report: ModelReport) -> Drawing | None:
    """Draw each experiment's result beside what the model says, without and with it.

    Parameters
    ----------
    report : ModelReport

    Returns
    -------
    Drawing or None
        None for a model without experiments.
    """
    if report.experiments is None:
        return None
    table = with_measured_interval(report.experiments, report.ci_prob)
    names = [
        f"{text.split(' to ')[0]}, {name}"
        for text, name in zip(table["window"].astype(str), names_of_tests(table), strict=True)
    ]
    height = np.arange(len(table))[::-1]
    figure = blank(rows_height(len(table), 64))
    for kind, colour, shift, symbol, thick in _STYLES:
        low, high = f"{kind}_low", f"{kind}_high"
        figure.add_scatter(
            x=table[kind],
            y=height + shift,
            mode="markers",
            marker={
                "color": colour,
                "size": 9,
                "symbol": symbol,
                "line": {"width": 2, "color": colour},
            },
            error_x=arms(table, low, kind, high, colour=colour, thickness=thick, cap=0),
            customdata=[
                [literal(name), text]
                for name, text in zip(names, each(human_span, table, kind, low, high), strict=True)
            ],
            hovertemplate="%{customdata[0]}<br>" + kind + " %{customdata[1]}<extra></extra>",
        )
    label_rows(figure, names, [""] * len(names))
    figure.update_layout(
        xaxis=value_axis(
            table.filter(regex="^(measured|before|after)"),
            f"{report.target_name} that the change of spend brought",
        )
    )
    ci = probability(report.ci_prob)
    return Drawing(
        key="experiments",
        title=_title(table),
        alt="For each experiment what it measured, and what the model says of it without and with "
        "it: " + "; ".join(_in_words(row) for row in table.to_dict("records")) + ".",
        note=f"Markers are means (of a bound its middle), lines {ci} intervals. A model that had "
        "not seen an experiment and agrees with it deserves trust; one that cannot agree even "
        "after seeing it is wrong somewhere, or the experiment is. p is the probability of a "
        "result as far from what the model says as the measured one.",
        panels=(Panel("", figure),),
        legend=(
            Key("measured", INK, "diamond"),
            Key("model without experiments", PRIOR, "line"),
            Key("model with them", POSTERIOR, "dot"),
        ),
    )


def experiments(report: ModelReport) -> Table | None:
    """Tabulate experiments and what they changed.

    Parameters
    ----------
    report : ModelReport

    Returns
    -------
    Table or None
        None for a model without experiments.
    """
    if report.experiments is None:
        return None
    table = with_measured_interval(report.experiments, report.ci_prob)
    ci = probability(report.ci_prob)
    rows = [
        list(row)
        for row in zip(
            names_of_tests(table),
            [str(window) for window in table["window"]],
            each(human_span, table, "measured", "measured_low", "measured_high"),
            each(human_span, table, "before", "before_low", "before_high"),
            each(human_span, table, "after", "after_low", "after_high"),
            each(_chance, table, "p_before"),
            each(_chance, table, "p_after"),
            strict=True,
        )
    ]
    columns = (
        "Experiment",
        "When",
        f"Measured ({ci})",
        f"Model without ({ci})",
        f"Model with ({ci})",
        "p without",
        "p with",
    )
    return Table("Experiments and what the model says of them", columns, rows, frozenset({1}))


def returns(report: ModelReport) -> Table | None:
    """Tabulate what experiments did to the return of their channels.

    Parameters
    ----------
    report : ModelReport

    Returns
    -------
    Table or None
        None for a model without experiments.
    """
    if report.experiments is None:
        return None
    table = report.experiments.drop_duplicates("channel")
    ci = probability(report.ci_prob)
    rows = [
        list(row)
        for row in zip(
            [str(name) for name in table["channel"]],
            each(return_span, table, "roi_before", "roi_before_low", "roi_before_high"),
            each(return_span, table, "roi_after", "roi_after_low", "roi_after_high"),
            each(_change, table, "interval_change"),
            strict=True,
        )
    ]
    columns = (
        "Channel",
        f"Return without experiments ({ci})",
        f"Return with them ({ci})",
        "Width of the interval",
    )
    return Table("What they changed", columns, rows)


def with_measured_interval(table: pd.DataFrame, ci_prob: float) -> pd.DataFrame:
    """Add the ends of what was measured, or believed; of a bound also its middle.

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`pymc_toolkit.analysis.uplift.uplift_table`.
    ci_prob : float

    Returns
    -------
    pandas.DataFrame
        With ``measured, measured_low, measured_high``.
    """
    reach = norm.ppf((1 + ci_prob) / 2) * table["sigma"]
    lower, upper = (pd.to_numeric(table[name]) for name in ("lower", "upper"))
    middle = table["measured"].fillna(
        pd.concat([lower.fillna(upper), upper.fillna(lower)], axis=1).mean(axis=1)
    )
    bound = table["measured"].isna()
    return table.assign(
        measured=middle,
        measured_low=(middle - reach).where(~bound, lower.fillna(middle)),
        measured_high=(middle + reach).where(~bound, upper.fillna(middle)),
    )


def _title(table: pd.DataFrame) -> str:
    tests = table[table["kind"] != "bound"]
    if tests.empty:
        return f"The model was held to {count(len(table), 'bound')} set by the business"
    if tests["p_before"].isna().all():
        agreeing = int((tests["p_after"] >= _RARE).sum())
        return f"The model agrees with {agreeing} of {count(len(tests), 'experiment')}"
    surprised = int((tests["p_before"] < _RARE).sum())
    apart = int((tests["p_after"] < _RARE).sum())
    if len(tests) == 1:
        lead = "The experiment " + ("surprised the model" if surprised else "was no surprise")
        tail = "it contradicts the other evidence" if apart else "the model agrees with it now"
        return f"{lead}; {tail}"
    lead = f"{surprised} of {count(len(tests), 'experiment')} surprised the model"
    if apart:
        return f"{lead}; {apart} still contradict{'s' if apart == 1 else ''} the other evidence"
    return f"{lead}; it agrees with all of them now"


def _in_words(row: dict[str, object]) -> str:
    parts = [
        f"{kind} {human_span(*(float(str(row[c])) for c in (kind, f'{kind}_low', f'{kind}_high')))}"
        for kind, *_ in _STYLES
    ]
    return f"{row['test']}: {', '.join(parts)}"


def names_of_tests(table: pd.DataFrame) -> list[str]:
    """Names of tests, without the window where the name is made of it.

    Parameters
    ----------
    table : pandas.DataFrame
        As for :func:`with_measured_interval`.
    """
    return [
        str(channel) if test == f"{channel}, {window}" else str(test)
        for test, channel, window in zip(
            table["test"], table["channel"], table["window"], strict=True
        )
    ]


def _change(value: float) -> str:
    if value != value:
        return MISSING
    return f"{percent(abs(value))} {'narrower' if value < 0 else 'wider'}"


def _chance(value: float) -> str:
    return MISSING if value != value else percent(value)
