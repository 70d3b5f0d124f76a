"""What people see of a command on their screen."""

from __future__ import annotations

import io
import math
import sys
from collections.abc import Sequence
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pymc_toolkit.command_line.outcome import ClientRun

_STYLES = {"pass": "green", "review": "yellow", "fail": "red", "error": "bold red"}
# Wide enough for a table that goes to a file, where there is no screen to ask.
_WIDTH = 160
# Beyond this a number's decimals say nothing.
_LARGE = 1000


def console() -> Console:
    """Where people read: standard output, in characters that it has."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    plain = Console()
    return plain if plain.is_terminal else Console(width=_WIDTH)


def show(run: ClientRun, to: Console) -> None:
    """Write what became of one client.

    Parameters
    ----------
    run : ClientRun
    to : Console
    """
    style = _STYLES[run.status]
    to.rule(Text(f"{run.client or run.file}: {run.command}, {run.status}", style), align="left")
    if run.error:
        to.print(Text(run.error[1]))
        return
    if run.outcome is None:
        return
    for title, table in run.outcome.shown.items():
        to.print(shown_table(title, table))
    for about, verdict in run.outcome.verdicts.items():
        to.print(Text(f"{about}: {verdict.status}. {verdict.sentence}"))
    for note in run.outcome.notes:
        to.print(Text(f"- {note}"))
    for what, path in run.outcome.files.items():
        to.print(Text(f"{what}: {path}"), soft_wrap=True)


def summary(runs: Sequence[ClientRun], to: Console) -> None:
    """Write one line a client, where there are several.

    Parameters
    ----------
    runs : sequence of ClientRun
    to : Console
    """
    if len(runs) < 2:
        return
    table = Table(title="All clients", title_justify="left")
    for heading in ("client", "file", "status", "seconds"):
        table.add_column(heading, justify="right" if heading == "seconds" else "left")
    for run in runs:
        status = Text(run.status, _STYLES[run.status])
        table.add_row(Text(run.client or "-"), Text(str(run.file)), status, f"{run.seconds:.0f}")
    to.print(table)


def shown_table(title: str, frame: pd.DataFrame) -> Table:
    """A table on the screen, its index as first column if it has a name.

    Parameters
    ----------
    title : str
    frame : pandas.DataFrame
    """
    frame = frame.reset_index() if frame.index.name else frame
    table = Table(title=title, title_justify="left")
    for name in frame.columns:
        is_figure = pd.api.types.is_numeric_dtype(frame[name])
        table.add_column(str(name), justify="right" if is_figure else "left", overflow="fold")
    for row in frame.itertuples(index=False):
        table.add_row(*(Text(cell(value)) for value in row))
    return table


def cell(value: Any) -> str:
    """A value as it is shown.

    Parameters
    ----------
    value : Any

    Examples
    --------
    >>> [cell(value) for value in (12345.6, 0.1234, float("nan"), True, "tv")]
    ['12,346', '0.12', '-', 'yes', 'tv']
    """
    if isinstance(value, bool | np.bool):
        return "yes" if value else "no"
    if value is None or (isinstance(value, Real) and not math.isfinite(value)):
        return "-"
    if isinstance(value, Real):
        figure = float(value)
        return f"{figure:,.0f}" if abs(figure) >= _LARGE else f"{figure:,.2f}"
    return str(value)
