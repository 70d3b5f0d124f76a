"""A bar for the epochs of training."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from pymc_toolkit.engines.deep.config import DeepSettings
from pymc_toolkit.engines.deep.schedule import all_epochs
from pymc_toolkit.engines.deep.training import History


@contextmanager
def progress_bar(settings: DeepSettings, shown: bool) -> Iterator[Callable[[int, History], None]]:
    """Show epochs done and the twin's error; training may end before the last epoch.

    Parameters
    ----------
    settings : DeepSettings
    shown : bool
    """
    columns = (
        *(TextColumn("Training"), BarColumn(), MofNCompleteColumn(), TextColumn("epochs,")),
        *(TimeRemainingColumn(), TextColumn("left{task.fields[error]}")),
    )
    with Progress(*columns, console=Console(stderr=True), disable=not shown) as bar:
        task = bar.add_task("Training", total=all_epochs(settings), error="")

        def update(epoch: int, history: History) -> None:
            known = history.validation
            error = f", error on weeks not seen {known[max(known)]:.1%}" if known else ""
            bar.update(task, completed=epoch, error=error)

        yield update
