"""One command on many clients: each on its own, whatever becomes of the others."""

from __future__ import annotations

import json
import logging
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pymc_toolkit.client_file import ClientFile, read_client_file
from pymc_toolkit.command_line.outcome import ClientRun, worst
from pymc_toolkit.command_line.shown import console, show, summary
from pymc_toolkit.command_line.tasks import COMMANDS, Task
from pymc_toolkit.exceptions import (
    ClientFileError,
    ConvergenceWarning,
    DataWarning,
    ToolkitError,
)

logger = logging.getLogger(__name__)


def run_batch(command: str, files: Sequence[Path], task: Task, as_json: bool) -> int:
    """Run a command on every file, and write what became of each to standard output.

    Parameters
    ----------
    command : str
    files : sequence of Path
    task : Task
    as_json : bool
        One JSON object a line and client, instead of tables for people.

    Returns
    -------
    int
        Exit code: the worst of all clients.
    """
    screen = console()
    taken: dict[Path, Path] = {}
    runs: list[ClientRun] = []
    for file in files:
        run = run_client(command, file, task, taken)
        runs.append(run)
        if as_json:
            # In ASCII: whatever a client or its file is called, whoever reads it, can read it.
            sys.stdout.write(f"{json.dumps(run.to_dict())}\n")
            sys.stdout.flush()
        else:
            show(run, screen)
    if not as_json:
        summary(runs, screen)
    return worst([run.exit_code for run in runs])


def run_client(command: str, file: Path, task: Task, taken: dict[Path, Path]) -> ClientRun:
    """Run a command on one client's file, and keep what goes wrong as its result.

    Parameters
    ----------
    command : str
    file : Path
    task : Task
    taken : dict of Path to Path
        What the clients before this one write, and which file says so; this one's is added.
    """
    started = time.monotonic()
    client, outcome, error = None, None, None
    with _warnings_logged() as heard:
        try:
            client = read_client_file(file)
            _take(client, taken)
            logger.info("%s: %s begins.", client.name, command)
            outcome = COMMANDS[command](client, task)
        except ToolkitError as refusal:
            error = type(refusal).__name__, _with_file(file, str(refusal))
            logger.error("%s", error[1])
        except Exception as failure:
            error = type(failure).__name__, _with_file(file, f"{failure} (see the log)")
            # Whatever it is, the clients after this one still have to run.
            logger.exception("%s", _with_file(file, f"{command} broke down."))
    seconds = time.monotonic() - started
    name = client.name if client else None
    return ClientRun(command, file, name, outcome, error, heard, seconds)


def _take(client: ClientFile, taken: dict[Path, Path]) -> None:
    """Refuse a client whose files would replace those of another of this batch."""
    for path in {client.output("").resolve(), client.report.resolve()}:
        other = taken.setdefault(path, client.path)
        if other is not client.path:
            raise ClientFileError(
                f"{client.path}: Got the client {client.name!r}, whose results would replace those "
                f"of {other} ({path}); expected each client to have files of its own. Change its "
                "name, [output] folder or [report] output."
            )


def _with_file(file: Path, message: str) -> str:
    """A message that says which client's file it is about, in characters that any log holds."""
    whole = message if message.startswith(str(file)) else f"{file}: {message}"
    return whole.encode("utf-8", "backslashreplace").decode("utf-8")


@contextmanager
def _warnings_logged() -> Iterator[list[str]]:
    """Send warnings to the log as sentences, and remember them."""
    heard: list[str] = []

    def log(message: Warning | str, *_: object) -> None:
        # Libraries repeat themselves at every call.
        if str(message) not in heard:
            heard.append(str(message))
            logger.warning("%s", message)

    with warnings.catch_warnings():
        for ours in (DataWarning, ConvergenceWarning):
            warnings.simplefilter("always", ours)
        show_warning: Callable[..., None] = log
        warnings.showwarning = show_warning
        yield heard
