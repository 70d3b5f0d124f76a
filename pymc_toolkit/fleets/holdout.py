"""How well a model predicts over several horizons, beside predictions that need no model."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import pandas as pd

from pymc_toolkit.analysis.intervals import CI_PROB
from pymc_toolkit.dates import period_name
from pymc_toolkit.exceptions import SpecificationError
from pymc_toolkit.fleets.baselines import BASELINES, baseline_scores
from pymc_toolkit.fleets.job import Job, Subject, check_distinct
from pymc_toolkit.fleets.judge import (
    RARE,
    judge_convergence_of,
    judge_regions,
    judge_skill,
    named,
    too_few_inside,
)
from pymc_toolkit.fleets.result import FleetResult, computed_once
from pymc_toolkit.fleets.runner import Running, run_jobs
from pymc_toolkit.fleets.scoring import MODEL
from pymc_toolkit.fleets.windows import checked_holdout, split, warn_of_launches
from pymc_toolkit.model_spec import whole_number
from pymc_toolkit.plurals import count
from pymc_toolkit.verdicts import Check, Status

if TYPE_CHECKING:
    from pymc_toolkit.reports.fleet_contract import FleetReport

LAST, EXPANDING, ROLLING = "last", "expanding", "rolling"
WINDOWS = (LAST, EXPANDING, ROLLING)
# Test windows of each length, where there are several.
N_WINDOWS = 3


class HoldoutFleet(FleetResult):
    """A model trained without its last periods, for several numbers of them."""

    kind: ClassVar[str] = "holdout"

    @computed_once
    def scores(self) -> pd.DataFrame:
        """Scores on the held-out periods of the model and of baselines on the same split.

        Returns
        -------
        pandas.DataFrame
            Long: ``member, periods`` (held out), ``first_date`` (of them), ``prediction``
            (``model`` or a baseline), ``mape, nrmse, r_squared, crps, coverage`` (share of the
            held-out periods inside the 90% predictive interval); NaN where a baseline says nothing.
        """
        parts = []
        for member in self.finished:
            job = member.job
            table = baseline_scores(job.data, job.trained_on, job.spec.lag_max)
            model = pd.DataFrame({MODEL: {**(member.test or {}), "coverage": member.coverage}}).T
            table = pd.concat([model, table]).rename_axis("prediction").reset_index()
            table.insert(0, "member", member.name)
            table.insert(1, "periods", job.held_out)
            table.insert(2, "first_date", job.data.dates[job.trained_on])
            parts.append(table)
        return pd.concat(parts, ignore_index=True)

    @computed_once
    def regions(self) -> pd.DataFrame:
        """Scores on the held-out periods by region and period, beside naive forecasts.

        Returns
        -------
        pandas.DataFrame
            Long: ``member, prediction`` (``model`` or a naive forecast), ``wape, rmse,
            r_squared_median, r_squared_pooled, coverage, skill``, as
            :attr:`pymc_toolkit.fleets.member.Member.regions` has them; without rows for a model of
            one series.
        """
        tables = {m.name: m.regions for m in self.finished if m.regions is not None}
        if not tables:
            return pd.DataFrame(columns=["member", "prediction"])
        return pd.concat(tables, names=["member", "prediction"]).reset_index()

    def _checks(self) -> Sequence[Check]:
        crps = self.scores().pivot(index="member", columns="prediction", values="crps")
        skill = []
        for name in BASELINES:
            # Compared where both say something.
            both = crps[[MODEL, name]].dropna()
            means = both.mean() if len(both) else {MODEL: float("nan"), name: float("nan")}
            skill.append(judge_skill(float(means[MODEL]), float(means[name]), name))
        tables = [member.regions for member in self.finished if member.regions is not None]
        regions = [judge_regions(tables)] if tables else []
        return [judge_convergence_of(self.finished), *skill, self._judge_intervals(), *regions]

    def _judge_intervals(self) -> Check:
        """Review if a member has fewer periods inside than chance allows."""
        share = {member.name: (member.coverage, member.job.held_out) for member in self.finished}
        total = sum(periods for _, periods in share.values())
        inside = sum(round(part * periods) for part, periods in share.values())
        # Members share periods, so each is judged for itself, at a chance split between them.
        rare = RARE / len(share)
        astray = [name for name, (part, n) in share.items() if too_few_inside(part, n, rare)]
        return Check(
            "holdout intervals",
            Status.REVIEW if astray else Status.PASS,
            f"{inside} of {total} held-out periods fell inside their {CI_PROB:.0%} intervals"
            + (
                f": the model is surer than it should be in {named(astray)}."
                if astray
                else ", no fewer than chance allows in any member."
            ),
            inside / total,
            CI_PROB,
        )

    def _report(self) -> FleetReport:
        from pymc_toolkit.reports.assemble_fleets import holdout_report

        return holdout_report(self)


def run_holdout(
    subject: Subject,
    holdouts: Iterable[int],
    windows: str,
    n_windows: int | None,
    running: Running,
) -> HoldoutFleet:
    """Train without the last periods, once for each number of them and window.

    Parameters
    ----------
    subject : Subject
    holdouts : iterable of int
        Numbers of periods to hold out.
    windows : {"last", "expanding", "rolling"}
        ``last``: the last periods of all; ``expanding``: several holdouts one after the other, each
        predicted from all that precedes it; ``rolling``: from as many periods as precede the first.
    n_windows : int, optional
        Number of holdouts of each length, for expanding and rolling windows.
    running : Running

    Returns
    -------
    HoldoutFleet

    Raises
    ------
    SpecificationError
        If there are no holdouts, one twice or one that is no whole number of at least 1, or if the
        windows are unknown.
    DataError
        If too few periods remain to train on.
    """
    lengths = _checked_lengths(holdouts)
    times = _checked_windows(windows, n_windows)
    lengths = [
        checked_holdout("holdouts", length, subject.data, subject.spec, times) for length in lengths
    ]
    cuts = [(length, i) for length in lengths for i in range(times)]
    seeds = subject.seeds(len(cuts))
    jobs = [
        _plan(subject, length, times - i, times, windows, seed)
        for (length, i), seed in zip(cuts, seeds, strict=True)
    ]
    options = {
        "holdouts": lengths,
        "windows": windows,
        "n_windows": times,
        "random_seed": subject.sampling.random_seed,
    }
    return HoldoutFleet(run_jobs(jobs, running), options)


def _plan(subject: Subject, length: int, from_end: int, times: int, windows: str, seed: int) -> Job:
    everything = subject.data
    cut = everything.n_periods - from_end * length
    first = (times - from_end) * length if windows == ROLLING else 0
    data = split(everything, first, cut, cut + length)
    trained_on = cut - first
    warn_of_launches(data, trained_on)
    name = count(length, period_name(everything.frequency))
    if times > 1:
        name = f"{name} from {everything.dates[cut]:%Y-%m-%d}"
    return subject.job(name, data, trained_on, seed)


def _checked_lengths(holdouts: Any) -> list[int]:
    if isinstance(holdouts, str) or not isinstance(holdouts, Iterable):
        raise SpecificationError(
            f"Got holdouts={holdouts!r}; expected numbers of periods, such as [4, 8, 12]."
        )
    lengths = [whole_number("holdouts", length) for length in holdouts]
    if not lengths:
        raise SpecificationError("Got holdouts=[]; expected at least one number of periods.")
    check_distinct("holdouts", lengths)
    return lengths


def _checked_windows(windows: Any, n_windows: Any) -> int:
    if windows not in WINDOWS:
        raise SpecificationError(
            f"Got windows={windows!r}; expected one of {', '.join(map(repr, WINDOWS))}."
        )
    if windows == LAST:
        if n_windows is not None:
            raise SpecificationError(
                f"Got n_windows={n_windows!r} with windows='last', which has one of each length; "
                "expected windows='expanding' or 'rolling'. Leave n_windows out, or name those."
            )
        return 1
    return whole_number("n_windows", N_WINDOWS if n_windows is None else n_windows)
