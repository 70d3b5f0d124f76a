"""The command line: a month's run of many clients in one line of a scheduler.

Only argparse is imported before a command is known: ``--help`` answers at once.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pymc_toolkit.version import __version__

_COMMANDS = {
    "fit": "fit or refresh the model, save it, and ask whether it can be believed",
    "fleet": "run the file's fleets, save them, and write their reports",
    "report": "write the client's report",
    "optimize": "divide the budget of the next periods",
}
_EPILOG = """\
exit codes: 0 pass, 10 review, 20 fail, 1 no answer (settings or data refused, or a
breakdown), 2 wrong use of the command line. Of several clients the worst counts, where
1 is worse than 20, 20 than 10, and 10 than 0.
"""
# By how often -v was given less how often -q was: of this command's own log, and of the package's.
_LEVELS = {
    -2: (logging.ERROR, logging.ERROR),
    -1: (logging.WARNING, logging.WARNING),
    0: (logging.INFO, logging.WARNING),
    1: (logging.INFO, logging.INFO),
    2: (logging.DEBUG, logging.DEBUG),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    arguments : sequence of str, optional
        Those of the process by default.

    Returns
    -------
    int
        Exit code.
    """
    options = _parser().parse_args(arguments)
    if options.command == "schema":
        from pymc_toolkit.client_file import json_schema

        sys.stdout.write(f"{json.dumps(json_schema(), indent=2)}\n")
        return 0
    from pymc_toolkit.command_line.batch import run_batch
    from pymc_toolkit.command_line.tasks import Task

    loudness = options.verbose - options.quiet
    task = Task(
        fleets=tuple(getattr(options, "fleets", None) or ()),
        n_jobs=getattr(options, "jobs", None),
        progressbar=sys.stderr.isatty() and loudness >= 0 and not options.json,
    )
    with _logs(loudness):
        return run_batch(options.command, options.files, task, options.json)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pymc-toolkit",
        description="Media mix models of clients, each described in a TOML file.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"pymc_toolkit {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, what in _COMMANDS.items():
        command = commands.add_parser(name, help=what, description=f"{what.capitalize()}.")
        command.add_argument("files", type=Path, nargs="+", metavar="client.toml")
        command.add_argument("--json", action="store_true", help="one JSON object a client")
        for flag, told in (("verbose", "more of the log"), ("quiet", "less of the log")):
            command.add_argument(f"-{flag[0]}", f"--{flag}", action="count", default=0, help=told)
        if name == "fleet":
            _add_fleet_options(command)
    commands.add_parser("schema", help="print the JSON schema of a client's file")
    return parser


def _add_fleet_options(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--fleet",
        dest="fleets",
        action="append",
        metavar="NAME",
        help="a fleet of the file, several times for several; all of them by default",
    )
    command.add_argument(
        "--jobs", type=_jobs, metavar="N", help="members fitted at the same time; -1 for all cores"
    )


def _jobs(text: str) -> int:
    try:
        count = int(text)
    except ValueError:
        count = 0
    if count == 0:
        raise argparse.ArgumentTypeError(
            f"got {text!r}; expected a number such as 2, or -1 for all cores"
        )
    return count


@contextmanager
def _logs(loudness: int) -> Iterator[None]:
    """Write the log to standard error while a command runs."""
    own, package = _LEVELS[max(min(loudness, max(_LEVELS)), min(_LEVELS))]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    loggers = {
        logging.getLogger("pymc_toolkit"): package,
        logging.getLogger("pymc_toolkit.command_line"): own,
    }
    before = {logger: logger.level for logger in loggers}
    for logger, level in loggers.items():
        logger.setLevel(level)
    logging.getLogger("pymc_toolkit").addHandler(handler)
    try:
        yield
    finally:
        logging.getLogger("pymc_toolkit").removeHandler(handler)
        for logger, level in before.items():
            logger.setLevel(level)


if __name__ == "__main__":
    sys.exit(main())
