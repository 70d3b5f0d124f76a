"""Tables of a report, as texts ready to be put on the page."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import pandas as pd

from pymc_toolkit.reports.contract import ModelReport
from pymc_toolkit.reports.formats import (
    MISSING,
    each,
    human,
    human_span,
    percent,
    probability,
    ratio,
    ratio_span,
    span,
)
from pymc_toolkit.verdicts import Status, Verdict

STATUS_WORDS = {Status.PASS: "Passed", Status.REVIEW: "Review", Status.FAIL: "Failed"}
_SCORES = {"mape": percent, "nrmse": percent, "r_squared": ratio, "crps": percent}


@dataclass(frozen=True)
class Table:
    """A table whose first column heads its rows.

    Parameters
    ----------
    caption : str
    columns : sequence of str
    rows : sequence of sequence of str
        Plain text.
    texts : frozenset of int
        Columns, from 0, that hold words rather than numbers.
    """

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    texts: frozenset[int] = frozenset()
    kind: ClassVar[str] = "table"


def scores(report: ModelReport) -> Table:
    """Tabulate errors of the model and of the baselines on the held-out periods.

    Parameters
    ----------
    report : ModelReport

    Returns
    -------
    Table
        With the model's errors on the training periods as a last row.
    """
    rows = [
        [f"{str(name).capitalize()}, held out", *_scores(dict(row))]
        for name, row in report.scores.iterrows()
    ]
    rows.append(["Model, training", *_scores(dict(report.train_scores))])
    columns = ("", "Average error (MAPE)", "NRMSE", "R\u00b2", "CRPS, share of average")
    return Table("Errors: smaller is better, except for R\u00b2", columns, rows)


def channels(report: ModelReport) -> Table | None:
    """Tabulate spend, contribution, share and return of the paid channels.

    Parameters
    ----------
    report : ModelReport

    Returns
    -------
    Table or None
        Largest contribution first; None where no channel was bought with money.
    """
    table = _joined(report, paid=True)
    if table.empty:
        return None
    ci = probability(report.ci_prob)
    columns = ("Channel", "Spend", f"Contribution ({ci})", f"Share ({ci})", f"Return per 1 ({ci})")
    return Table("Paid channels, largest contribution first", columns, _channel_rows(table))


def unpaid_channels(report: ModelReport) -> Table | None:
    """Tabulate channels that were not bought, whose return is per unit of exposure.

    Parameters
    ----------
    report : ModelReport

    Returns
    -------
    Table or None
        None where every channel is paid.
    """
    table = _joined(report, paid=False)
    if table.empty:
        return None
    ci = probability(report.ci_prob)
    columns = (
        "Channel",
        "Units of exposure",
        f"Contribution ({ci})",
        f"Share ({ci})",
        f"Contribution per unit ({ci})",
    )
    caption = "Channels not bought with money"
    return Table(caption, columns, _channel_rows(table))


def checks(verdict: Verdict) -> Table:
    """Tabulate what was judged and against what.

    Parameters
    ----------
    verdict : Verdict

    Returns
    -------
    Table
    """
    rows = [
        [check.name, STATUS_WORDS[check.status], _number(check.value), _number(check.threshold)]
        for check in verdict.checks
    ]
    return Table("Checks", ("Check", "Outcome", "Value", "Limit"), rows, frozenset({1}))


def diagnostics(report: ModelReport) -> Table | None:
    """Tabulate convergence by variable, worst first.

    Parameters
    ----------
    report : ModelReport

    Returns
    -------
    Table or None
        None where the engine does not sample.
    """
    if report.diagnostics.empty:
        return None
    table = report.diagnostics.sort_values("r_hat", ascending=False, na_position="first")
    rows = [
        [str(name), *texts]
        for name, *texts in zip(
            table.index,
            each(_r_hat, table, "r_hat"),
            each(_whole, table, "ess_bulk"),
            each(_whole, table, "ess_tail"),
            strict=True,
        )
    ]
    columns = ("Variable", "Worst R-hat", "Smallest bulk ESS", "Smallest tail ESS")
    return Table("Convergence, worst of each variable", columns, rows)


def sampler(report: ModelReport) -> Table | None:
    """Tabulate what the sampler said about itself.

    Parameters
    ----------
    report : ModelReport

    Returns
    -------
    Table or None
        None where the engine does not sample.
    """
    if not report.sampler:
        return None
    rows = [
        [name.replace("_", " ").capitalize(), _whole(float(value))]
        for name, value in report.sampler.items()
    ]
    return Table("How it was fitted", ("", "Value"), rows)


def _joined(report: ModelReport, paid: bool) -> pd.DataFrame:
    chosen = report.roi[report.roi["paid"].astype(bool) == paid]
    returns = chosen[["spend", "roi", "ci_low", "ci_high"]]
    returns = returns.set_axis(["spend", "roi", "roi_low", "roi_high"], axis=1)
    return returns.join(report.totals).sort_values("contribution", ascending=False)


def _channel_rows(table: pd.DataFrame) -> list[list[str]]:
    columns = zip(
        [str(name) for name in table.index],
        each(human, table, "spend"),
        each(human_span, table, "contribution", "ci_low", "ci_high"),
        each(_share_span, table, "share", "share_low", "share_high"),
        each(return_span, table, "roi", "roi_low", "roi_high"),
        strict=True,
    )
    return [list(row) for row in columns]


def _share_span(mean: float, low: float, high: float) -> str:
    return f"{percent(mean)} ({span(percent(low), percent(high))})"


def return_span(mean: float, low: float, high: float) -> str:
    """Write a return with its interval."""
    # A channel without spend has no return: one dash is enough.
    return MISSING if ratio(mean) == MISSING else ratio_span(mean, low, high)


def _scores(values: dict[str, float]) -> list[str]:
    return [write(float(values.get(name, float("nan")))) for name, write in _SCORES.items()]


def _number(value: float | None) -> str:
    """Write a figure that was judged: three decimals around one, where R-hat lies."""
    if value is None or not math.isfinite(value):
        return MISSING
    if value == round(value):
        return _whole(value)
    return f"{value:.3f}" if abs(value) < 10 else f"{value:,.1f}"


def _r_hat(value: float) -> str:
    return MISSING if value != value else f"{value:.3f}"


def _whole(value: float) -> str:
    return MISSING if value != value else f"{value:,.0f}"
