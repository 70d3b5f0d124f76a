"""The monthly run: hold out the last periods, train on the rest, score, judge and report.

For one client, or for all of them at once.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pandas as pd

from pymc_toolkit.analysis.channel_graph import channel_graph
from pymc_toolkit.exceptions import SpecificationError
from pymc_toolkit.fleets.baselines import SEASONAL_NAIVE, TRAINING_MEAN, baseline_scores
from pymc_toolkit.fleets.job import HasSubject, Job, Subject, check_distinct
from pymc_toolkit.fleets.judge import (
    judge_convergence,
    judge_coverage,
    judge_regions,
    judge_skill,
)
from pymc_toolkit.fleets.member import Member
from pymc_toolkit.fleets.result import FleetResult
from pymc_toolkit.fleets.runner import Running, run_jobs
from pymc_toolkit.fleets.scoring import METRICS, MODEL
from pymc_toolkit.fleets.windows import checked_holdout, split, warn_of_launches
from pymc_toolkit.verdicts import Check, Verdict

if TYPE_CHECKING:
    from pymc_toolkit.reports.contract import ModelReport
    from pymc_toolkit.reports.fleet_contract import FleetReport

logger = logging.getLogger(__name__)

_NAIVE = (SEASONAL_NAIVE, TRAINING_MEAN)


class ProductionFleet(FleetResult):
    """Clients' models trained without the last periods, one member a client, and how they did.

    What belongs to one client (``scores``, ``verdict_of``) takes its name or position; the first
    one's is given by default.
    """

    kind: ClassVar[str] = "production"

    @classmethod
    def for_clients(
        cls,
        models: Sequence[HasSubject],
        test_size: int = 4,
        *,
        n_jobs: int | None = None,
        checkpoint_dir: str | Path | None = None,
        progressbar: bool = True,
        **sampling: Any,
    ) -> ProductionFleet:
        """Run the monthly job for several clients at once.

        Parameters
        ----------
        models : sequence of PymcModel
            One a client, each with a name of its own; they need not be fitted and are left as they
            are.
        test_size : int
            Number of periods to hold out of each client.
        n_jobs : int, optional
            Clients fitted at the same time; what joblib is configured to by default.
        checkpoint_dir : str or Path, optional
            Folder to store finished members in, and to take them from.
        progressbar : bool
        **sampling
            ``draws``, ``tune``, ``chains``, ``target_accept`` or ``random_seed``, where they should
            differ from each model's own.

        Returns
        -------
        ProductionFleet
            Its report is an overview with one report a client beside it.

        Raises
        ------
        SpecificationError
            If there are no models, two clients have one name, or a setting is out of range.
        DataError
            If too few periods of a client remain to train on.
        """
        subjects = [model.fleet_subject(**sampling) for model in models]
        return run_production(subjects, test_size, Running(n_jobs, checkpoint_dir, progressbar))

    @property
    def test_size(self) -> int:
        """Number of periods held out of each client."""
        return int(self.options["test_size"])

    def summary(self) -> dict[str, Any]:
        """Sampler diagnostics, and scores in and out of sample; by client where there are several.

        Returns
        -------
        dict
            ``divergences``, ``max_tree_depth``, and ``train`` and ``test``, each with ``mape``,
            ``nrmse``, ``r_squared`` and ``crps``.
        """
        return self[0].summary() if len(self) == 1 else super().summary()

    def scores(self, client: int | str = 0) -> pd.DataFrame:
        """Scores on the held-out periods of the model and of naive predictions, in total.

        Parameters
        ----------
        client : int or str

        Returns
        -------
        pandas.DataFrame
            Index ``model, seasonal naive, training mean``; columns ``mape, nrmse, r_squared,
            crps``.
        """
        member = self[client]
        naive = baseline_scores(
            member.job.data, member.job.trained_on, member.job.spec.lag_max, _NAIVE
        )
        return pd.concat([pd.DataFrame({MODEL: member.test}).T, naive[list(METRICS)]])

    def verdict_of(self, client: int | str = 0) -> Verdict:
        """Judge one client: convergence, the holdout, regions, and directions of a channel graph.

        Good predictions do not prove that effects are credited to the right channels; bad ones
        cast doubt on it.

        Parameters
        ----------
        client : int or str

        Returns
        -------
        Verdict
        """
        member, crps = self[client], self.scores(client)["crps"]
        has_graph = member.job.spec.channel_dag is not None
        return Verdict(
            (
                judge_convergence(member.convergence),
                *(judge_skill(float(crps[MODEL]), float(crps[name]), name) for name in _NAIVE),
                judge_coverage(member.coverage, member.job.held_out),
                *([] if member.regions is None else [judge_regions([member.regions])]),
                *([channel_graph(member.fit).judge()] if has_graph else []),
            )
        )

    def generate_report(self, output_html: str | Path) -> Path:
        """Write the report; with several clients an overview, and each client's report beside it.

        Parameters
        ----------
        output_html : str or Path
            File to write, of the overview where there are several clients; theirs are named after
            it and them. Missing folders are made.

        Returns
        -------
        Path
            Of the file named.
        """
        from pymc_toolkit.reports.assemble_fleets import overview_report
        from pymc_toolkit.reports.render import checked_target, write

        target = checked_target(output_html)
        if len(self) == 1 and self.finished:
            return write(self._client_report(self[0]), target)
        names = _file_names([member.name for member in self.finished], target)
        for client, name in names.items():
            write(self._client_report(self[client]), target.with_name(name))
        return write(overview_report(self, names), target)

    def _report(self) -> FleetReport:
        from pymc_toolkit.reports.assemble_fleets import overview_report

        return overview_report(self, {})

    def _client_report(self, member: Member) -> ModelReport:
        from pymc_toolkit.reports.assemble import model_report

        return model_report(
            member,
            self.verdict_of(member.name),
            self.scores(member.name),
            {companion.name: companion for companion in self.companions}.get(_without(member.name)),
        )

    def _checks(self) -> Sequence[Check]:
        if len(self) == 1:
            return self.verdict_of().checks
        return [
            Check(member.name, verdict.status, verdict.sentence)
            for member in self.finished
            for verdict in [self.verdict_of(member.name)]
        ]


def run_production(
    subjects: Sequence[Subject], test_size: int, running: Running
) -> ProductionFleet:
    """Train each client's model without the last periods.

    Parameters
    ----------
    subjects : sequence of Subject
    test_size : int
        Number of periods to hold out, at least 1.
    running : Running

    Returns
    -------
    ProductionFleet

    Raises
    ------
    SpecificationError
        If ``test_size`` is not a whole number of at least 1, or two clients have one name.
    DataError
        If too few periods remain to train on.
    """
    if not subjects:
        raise SpecificationError("Got no models; expected at least one, each of another client.")
    check_distinct("clients", [subject.config.client_name for subject in subjects])
    jobs = [_plan(subject, test_size) for subject in subjects]
    # What experiments taught a model is seen beside the same model without them.
    companions = [
        replace(job, name=_without(job.name), spec=replace(job.spec, uplift_tests=()))
        for job in jobs
        if job.spec.uplift_tests
    ]
    options = {
        "test_size": jobs[0].held_out,
        "random_seed": subjects[0].sampling.random_seed,
    }
    members = run_jobs([*jobs, *companions], running)
    return ProductionFleet(members[: len(jobs)], options, members[len(jobs) :])


def _plan(subject: Subject, test_size: int) -> Job:
    everything = subject.data
    test_size = checked_holdout("test_size", test_size, everything, subject.spec)
    trained_on = everything.n_periods - test_size
    data = split(everything, 0, trained_on, everything.n_periods)
    warn_of_launches(data, trained_on)
    logger.info(
        "Training %s's MMM without the last %d of %d periods.",
        subject.config.client_name,
        test_size,
        data.n_periods,
    )
    # One member a client: the model's own seed needs no others derived from it.
    return subject.job(subject.config.client_name, data, trained_on, subject.sampling.random_seed)


def _without(client: str) -> str:
    return f"{client}, without its experiments"


def _file_names(clients: Sequence[str], target: Path) -> dict[str, str]:
    """A file name for each client's report, beside the overview whatever the client is called."""
    names: dict[str, str] = {}
    taken: set[str] = set()
    for client in clients:
        plain = re.sub(r"[^A-Za-z0-9]+", "-", client).strip("-").lower() or "client"
        number = next(i for i in range(1, len(clients) + 1) if _numbered(plain, i) not in taken)
        taken.add(_numbered(plain, number))
        names[client] = f"{target.stem}-{_numbered(plain, number)}{target.suffix}"
    return names


def _numbered(name: str, number: int) -> str:
    return name if number == 1 else f"{name}-{number}"
