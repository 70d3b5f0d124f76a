"""Run the jobs of a fleet: here, on several cores, or on a cluster, and never one of them twice.

Jobs go through joblib, so that ``with joblib.parallel_config(backend=...)`` around a fleet moves it
to where that backend runs. Results come back here as they finish, and are stored here.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import batched
from numbers import Integral
from pathlib import Path
from types import TracebackType

from joblib import Parallel, cpu_count, delayed, effective_n_jobs
from joblib.parallel import (
    LokyBackend,
    MultiprocessingBackend,
    ThreadingBackend,
    get_active_backend,
)
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from pymc_toolkit.engines import get_engine
from pymc_toolkit.engines.base import Fit
from pymc_toolkit.exceptions import ConvergenceWarning, SpecificationError, warn_user
from pymc_toolkit.fleets.checkpoint import Checkpoints
from pymc_toolkit.fleets.job import Job, check_jobs
from pymc_toolkit.fleets.judge import named
from pymc_toolkit.fleets.member import Failure, Member

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Running:
    """How a fleet is run; none of it changes the result.

    Parameters
    ----------
    n_jobs : int, optional
        Members fitted at the same time, as joblib counts them; what joblib is configured to by
        default, which is one.
    checkpoint_dir : str or Path, optional
        Folder to store finished members in, and to take them from.
    progressbar : bool

    Raises
    ------
    SpecificationError
        If ``n_jobs`` is not a whole number, or zero.
    """

    n_jobs: int | None = None
    checkpoint_dir: str | Path | None = None
    progressbar: bool = True

    def __post_init__(self) -> None:
        given = self.n_jobs
        if given is not None and (
            isinstance(given, bool) or not isinstance(given, Integral) or given == 0
        ):
            raise SpecificationError(
                f"Got n_jobs={given!r}; expected a whole number, such as 2, or -1 for as many as "
                "there are cores."
            )


def run_jobs(
    jobs: Sequence[Job], running: Running, known: Mapping[str, Fit] | None = None
) -> tuple[Member, ...]:
    """Fit every job, each kind of fit once, and record what fails.

    Parameters
    ----------
    jobs : sequence of Job
        All checked before the first is fitted.
    running : Running
    known : Mapping of str to Fit, optional
        Fits that are there already, by the key of their job.

    Returns
    -------
    tuple of Member
        In the order of the jobs.

    Raises
    ------
    SpecificationError, DataError
        If any job is impossible.

    Warns
    -----
    ConvergenceWarning
        Once, if members did not converge.
    """
    check_jobs(jobs)
    store = Checkpoints(running.checkpoint_dir) if running.checkpoint_dir is not None else None
    waiting = {job.key: job for job in jobs}
    outcomes: dict[str, Fit | Failure] = {}
    for key, job in waiting.items():
        fit = (known or {}).get(key) or (store.load(job) if store else None)
        if fit is not None:
            outcomes[key] = fit
    todo = [job for key, job in waiting.items() if key not in outcomes]
    with _ProgressBar(len(waiting), len(todo), running.progressbar) as bar:
        # A single fit has a progress bar of its own.
        for job, outcome in _finished(todo, running.n_jobs, running.progressbar and not bar.shown):
            outcomes[job.key] = outcome
            if isinstance(outcome, Failure):
                logger.error("Member %r failed: %s", job.name, outcome.error)
            elif store:
                store.store(job, outcome)
            bar.advance(outcome)
    members = tuple(Member(job, outcomes[job.key]) for job in jobs)
    _warn_unless_converged(members)
    return members


def _finished(
    jobs: Sequence[Job], n_jobs: int | None, progressbar: bool
) -> Iterator[tuple[Job, Fit | Failure]]:
    """Jobs with their outcomes, as soon as the backend hands them over."""
    cores = _cores_for_each(len(jobs), n_jobs)
    calls = [delayed(_attempt)(i, job, progressbar, cores) for i, job in enumerate(jobs)]
    for number, outcome in _in_parallel(calls, n_jobs):
        yield jobs[number], outcome


def _in_parallel(
    calls: Sequence[object], n_jobs: int | None
) -> Iterable[tuple[int, Fit | Failure]]:
    if len(calls) < 2:
        n_jobs = 1
    options = {"n_jobs": n_jobs, "batch_size": 1, "max_nbytes": None}
    backend, _ = get_active_backend()
    if backend.supports_return_generator:
        yield from Parallel(**options, return_as="generator_unordered")(calls)
        return
    # Such a backend (ray) returns all results at once: in rounds, finished members can be stored.
    with Parallel(**options) as parallel:
        for round_ in batched(calls, effective_n_jobs(n_jobs)):
            yield from parallel(round_)


def _cores_for_each(members: int, n_jobs: int | None) -> int | None:
    """Cores that each member may use, so that all together use those that there are."""
    at_once = min(members, effective_n_jobs(n_jobs))
    if at_once < 2:
        return None
    backend, _ = get_active_backend()
    # A cluster's workers are counted by core; here members share the cores of one machine.
    local = isinstance(backend, LokyBackend | ThreadingBackend | MultiprocessingBackend)
    return max(1, cpu_count() // at_once) if local else 1


def _attempt(
    number: int, job: Job, progressbar: bool, cores: int | None
) -> tuple[int, Fit | Failure]:
    """Fit one job; what goes wrong is a result too, for the others to finish."""
    try:
        engine = get_engine(job.engine)
        fit = engine.fit(job.training, job.spec, job.sampling, progressbar, cores)
        # Every fleet asks for it: computed here, it takes the time of this worker's core.
        _ = fit.convergence
    except Exception as error:  # noqa: BLE001 - whatever it is, it is kept and shown
        # One line for tables; the traceback has all of them.
        message = f"{type(error).__name__}: {error}".splitlines()[0]
        return number, Failure(message, traceback.format_exc())
    return number, fit


def _warn_unless_converged(members: Sequence[Member]) -> None:
    """Warn once for the fleet, naming some members."""
    finished = [member for member in members if not member.failure]
    distinct = {member.job.key: member for member in finished}.values()
    astray = [member.name for member in distinct if not member.convergence.converged]
    if astray:
        warn_user(
            f"{len(astray)} of {len(distinct)} fits did not converge ({named(astray)}). See "
            "verdict() for how far off they are; try more draws and tune, or a higher "
            "target_accept.",
            ConvergenceWarning,
        )


class _ProgressBar:
    """Members done, time left, and divergences so far; not shown for a single fit."""

    def __init__(self, members: int, todo: int, wanted: bool) -> None:
        self.shown = wanted and todo > 1
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("members,"),
            TimeRemainingColumn(),
            TextColumn(
                "left, {task.fields[divergences]} divergences, {task.fields[failed]} failed"
            ),
            console=Console(stderr=True),
            disable=not self.shown,
        )
        self._task = self._progress.add_task(
            "Fleet", total=members, completed=members - todo, divergences=0, failed=0
        )

    def advance(self, outcome: Fit | Failure) -> None:
        """Count one more member."""
        fields = self._progress.tasks[self._task].fields
        if isinstance(outcome, Failure):
            self._progress.update(self._task, advance=1, failed=fields["failed"] + 1)
        else:
            diverged = int(outcome.sample_stats["diverging"].sum())
            divergences = fields["divergences"] + diverged
            self._progress.update(self._task, advance=1, divergences=divergences)

    def __enter__(self) -> _ProgressBar:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()
