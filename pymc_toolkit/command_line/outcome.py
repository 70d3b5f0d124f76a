"""What a command did with one client: verdict, figures and files, and how they look as JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pymc_toolkit.verdicts import Status, Verdict
from pymc_toolkit.version import __version__

# Raise it when a key of the JSON goes away or means something else.
_SCHEMA = 1
PASS, REVIEW, FAIL, ERROR = 0, 10, 20, 1
_CODES = {Status.PASS: PASS, Status.REVIEW: REVIEW, Status.FAIL: FAIL}
# No answer is worse than a bad one.
_WORST_LAST = (PASS, REVIEW, FAIL, ERROR)


@dataclass(frozen=True)
class Outcome:
    """What came out of a command for one client.

    Parameters
    ----------
    verdicts : Mapping of str to Verdict
        By what was judged, such as ``model`` or the name of a fleet.
    files : Mapping of str to Path
        What was written (or was there already), by what it is.
    results : Mapping of str to Any
        Figures: plain values and tables.
    shown : Mapping of str to pandas.DataFrame
        Tables for people, by title.
    notes : sequence of str
        Sentences for people, shown after the tables.
    """

    verdicts: Mapping[str, Verdict]
    files: Mapping[str, Path]
    results: Mapping[str, Any]
    shown: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    notes: Sequence[str] = ()

    @property
    def status(self) -> Status:
        """The worst of the verdicts."""
        every = [check for verdict in self.verdicts.values() for check in verdict.checks]
        return Verdict(every).status


@dataclass(frozen=True)
class ClientRun:
    """A command on one client's file, whatever became of it.

    Parameters
    ----------
    command : str
    file : Path
        As the user named it.
    client : str or None
        Name of the client; None if the file could not be read.
    outcome : Outcome or None
        None if there is an error.
    error : tuple of (str, str) or None
        Kind of the error, and its message.
    warnings : sequence of str
        What the package warned of on the way.
    seconds : float
    """

    command: str
    file: Path
    client: str | None
    outcome: Outcome | None
    error: tuple[str, str] | None = None
    warnings: Sequence[str] = ()
    seconds: float = 0.0

    @property
    def exit_code(self) -> int:
        """0 pass, 10 review, 20 fail, 1 no answer."""
        return ERROR if self.outcome is None else _CODES[self.outcome.status]

    @property
    def status(self) -> str:
        """``pass``, ``review``, ``fail`` or ``error``."""
        return "error" if self.outcome is None else str(self.outcome.status)

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain values that JSON can hold, with the same keys always."""
        outcome = self.outcome or Outcome({}, {}, {})
        values = {
            "schema": _SCHEMA,
            "version": __version__,
            "command": self.command,
            "file": self.file,
            "client": self.client,
            "status": self.status,
            "exit_code": self.exit_code,
            "verdicts": {
                about: {"status": str(verdict.status), "sentence": verdict.sentence}
                for about, verdict in outcome.verdicts.items()
            },
            "checks": [
                {"about": about, **row}
                for about, verdict in outcome.verdicts.items()
                for row in verdict.to_frame().to_dict("records")
            ],
            "files": outcome.files,
            "results": outcome.results,
            "warnings": self.warnings,
            "error": dict(zip(("kind", "message"), self.error, strict=True))
            if self.error
            else None,
            "seconds": round(self.seconds, 3),
        }
        return {name: plain(value) for name, value in values.items()}


def worst(codes: Sequence[int]) -> int:
    """The exit code of several clients together.

    Parameters
    ----------
    codes : sequence of int

    Examples
    --------
    >>> worst([0, 20, 10]), worst([20, 1, 0])
    (20, 1)
    """
    return max(codes, key=_WORST_LAST.index)


def plain(value: Any) -> Any:
    """A value as JSON has it: tables as rows, dates as text, and no number that is not finite.

    Parameters
    ----------
    value : Any

    Examples
    --------
    >>> plain({"roi": float("nan"), "at": pd.Timestamp("2024-01-01"), "n": np.int64(2)})
    {'roi': None, 'at': '2024-01-01', 'n': 2}
    """
    if isinstance(value, pd.DataFrame):
        named = value.index.names != [None]
        return plain((value.reset_index() if named else value).to_dict("records"))
    if isinstance(value, Mapping):
        return {str(name): plain(entry) for name, entry in value.items()}
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or value is pd.NaT or (isinstance(value, float) and not math.isfinite(value)):
        return None
    if isinstance(value, bool | int | float | str):
        return value
    # All dates of this package are days.
    return value.strftime("%Y-%m-%d") if isinstance(value, date) else str(value)
