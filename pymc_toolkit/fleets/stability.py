"""How much the answers move when nothing that matters has changed.

The model is fitted to all periods, and again without the last few, with a little noise on the data,
with other seeds, and with one channel's series shuffled. The first three should change little; the
last should take that channel's return away. Kinds of change and default limits are those of the
public mmm-eval suite; that of the seeds is this package's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd
import xarray as xr

from pymc_toolkit.arrays import Array, over_regions
from pymc_toolkit.fleets.disturbances import (
    PERTURBATION,
    PLACEBO,
    REFERENCE,
    REFRESH,
    SEED,
    StabilityPlan,
)
from pymc_toolkit.fleets.graph_truths import EDGE_COLUMNS, edge_returns
from pymc_toolkit.fleets.job import Subject
from pymc_toolkit.fleets.judge import judge_convergence_of
from pymc_toolkit.fleets.member import Member
from pymc_toolkit.fleets.result import FleetResult, computed_once
from pymc_toolkit.fleets.runner import Running, run_jobs
from pymc_toolkit.names import DATE, SAMPLE
from pymc_toolkit.verdicts import Check, Status

if TYPE_CHECKING:
    from pymc_toolkit.reports.fleet_contract import FleetReport

_THRESHOLD_OF = {
    REFRESH: "refresh_change",
    PERTURBATION: "perturbation_change",
    SEED: "seed_change",
    PLACEBO: "placebo_drop",
}
_WHAT = {
    REFRESH: "leaving out the last periods",
    PERTURBATION: "a little noise on media and target",
    SEED: "another seed",
}
# A change beyond this multiple of its limit fails rather than asks for a look.
_FAR = 2.0


class StabilityFleet(FleetResult):
    """Refits of one model under changes that should not matter, and one that should."""

    kind: ClassVar[str] = "stability"

    @property
    def placebo_channel(self) -> str:
        """The channel whose series was shuffled."""
        return str(self.options["placebo_channel"])

    @property
    def thresholds(self) -> dict[str, float]:
        """Limits by name, defaults included."""
        return dict(self.options["thresholds"])

    def summary(self) -> dict[str, Any]:
        """The summary of every member, by name, and how far each kind moved the ROI.

        Returns
        -------
        dict
            ``members``, and ``change`` by kind: the value and the threshold; ``channel_graph``, how
            often each edge returned, where the model has any.
        """
        table = self.tests() if self.reference else pd.DataFrame()
        change = {
            kind: {"value": row["value"], row["threshold_name"]: row["threshold"]}
            for kind, row in table.iterrows()
        }
        edges = self.edges().to_dict("records")
        graph = {"channel_graph": edges} if edges else {}
        return {"members": super().summary(), "change": change, **graph}

    @computed_once
    def drift(self) -> pd.DataFrame:
        """How far contribution and ROI of each channel moved in each member.

        Returns
        -------
        pandas.DataFrame
            Long: ``member, kind, channel, reference, estimate`` (contribution over the periods that
            both windows have), ``contribution_change, reference_roi, roi, roi_change``; changes are
            relative, ROI is per unit of exposure for channels that were not bought.
        """
        if not self.reference:
            return pd.DataFrame(columns=_DRIFT)
        base = self.reference
        draws = base.contributions()["channels"]
        tables = [_drift(base, draws, member) for member in self.finished if member is not base]
        return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=_DRIFT)

    @computed_once
    def tests(self) -> pd.DataFrame:
        """How far each kind of change moved the ROI, and how far it may.

        Returns
        -------
        pandas.DataFrame
            Index kind; ``value`` (mean absolute relative change of ROI over members and channels;
            for the placebo the relative fall of the shuffled channel's ROI), ``threshold,
            threshold_name, members``.
        """
        drift, rows = self.drift(), {}
        for kind, name in _THRESHOLD_OF.items():
            part = drift[drift["kind"] == kind]
            if part.empty:
                continue
            if kind == PLACEBO:
                shuffled = part[part["channel"] == self.placebo_channel]
                value = -float(shuffled["roi_change"].mean())
            else:
                value = float(part["roi_change"].abs().mean())
            rows[kind] = {
                "value": value,
                "threshold": self.thresholds[name],
                "threshold_name": name,
                "members": part["member"].nunique(),
            }
        columns = ["value", "threshold", "threshold_name", "members"]
        return pd.DataFrame.from_dict(rows, orient="index", columns=columns)

    @computed_once
    def edges(self) -> pd.DataFrame:
        """How often each edge between channels is found again.

        The placebo's members, in which one channel is shuffled, are left out.

        Returns
        -------
        pandas.DataFrame
            ``cause, effect, probability`` (in the reference), ``returned`` (share of the members
            whose graph has it) and ``turned`` (share whose graph has it the other way round).
            Without rows for a model without a channel graph.
        """
        base = self.reference
        if base is None or base.job.spec.channel_dag is None:
            return pd.DataFrame(columns=EDGE_COLUMNS)
        others = {
            member.name: member.fit
            for member in self.finished
            if member.job.about["kind"] not in (REFERENCE, PLACEBO)
        }
        return edge_returns(others, base.fit)

    @property
    def reference(self) -> Member | None:
        """The unchanged fit, None if it failed."""
        return next(
            (member for member in self.finished if member.job.about["kind"] == REFERENCE), None
        )

    def _checks(self) -> Sequence[Check]:
        if not self.reference:
            return [judge_convergence_of(self.finished)]
        judged = [
            _judge_placebo(row, self.placebo_channel) if kind == PLACEBO else _judge(kind, row)
            for kind, row in self.tests().iterrows()
        ]
        return [judge_convergence_of(self.finished), *judged]

    def _report(self) -> FleetReport:
        from pymc_toolkit.reports.assemble_fleets import stability_report

        return stability_report(self)


_DRIFT = [
    "member",
    "kind",
    "channel",
    "reference",
    "estimate",
    "contribution_change",
    "reference_roi",
    "roi",
    "roi_change",
]


def run_stability(subject: Subject, plan: StabilityPlan, running: Running) -> StabilityFleet:
    """Refit a model under changes of its data and seed.

    Parameters
    ----------
    subject : Subject
    plan : StabilityPlan
    running : Running

    Returns
    -------
    StabilityFleet

    Raises
    ------
    SpecificationError
        If a number is out of range, nothing is asked for, or a threshold is unknown.
    DataError
        If too few periods remain to train on, or no channel was ever on air.
    ColumnError
        If the placebo channel is no channel.
    """
    checked = plan.checked(subject)
    options = {**asdict(checked), "random_seed": subject.sampling.random_seed}
    return StabilityFleet(run_jobs(checked.jobs(subject), running), options)


def _drift(base: Member, draws: xr.DataArray, member: Member) -> pd.DataFrame:
    """Contribution and ROI of each channel in one member, beside those of the reference."""
    common = slice(None, min(base.job.trained_on, member.job.trained_on))
    before, after = (
        over_regions(channels.isel({DATE: common}).mean(SAMPLE).sum(DATE))
        for channels in (draws, member.contributions()["channels"])
    )
    cost = [base.job.client.cost_per_unit.get(name) or 1.0 for name in base.job.data.channels]
    reference_roi = _per_spend(before, base, common, np.array(cost))
    roi = _per_spend(after, member, common, np.array(cost))
    table = pd.DataFrame(
        {
            "channel": base.job.data.channels,
            "reference": before.values,
            "estimate": after.values,
            "contribution_change": _change(before.values, after.values),
            "reference_roi": reference_roi,
            "roi": roi,
            "roi_change": _change(reference_roi, roi),
        }
    )
    table.insert(0, "member", member.name)
    table.insert(1, "kind", member.job.about["kind"])
    return table


def _per_spend(earned: xr.DataArray, member: Member, window: slice, cost: Array) -> Array:
    """Contribution per unit of cost; NaN for a channel that was dark."""
    media = over_regions(member.job.data.dataset["media"])
    spend = media.isel({DATE: window}).sum(DATE).values * cost
    return np.divide(earned.values, spend, out=np.full(spend.shape, np.nan), where=spend > 0)


def _change(before: Array, after: Array) -> Array:
    """Relative change; NaN where there was nothing before."""
    return np.divide(
        after - before, np.abs(before), out=np.full(before.shape, np.nan), where=before != 0
    )


def _judge(kind: str, row: pd.Series) -> Check:
    value, limit = float(row["value"]), float(row["threshold"])
    status = Status.PASS if value <= limit else Status.REVIEW
    if not value <= _FAR * limit:
        status = Status.FAIL
    return Check(
        f"stability under {kind}",
        status,
        f"With {_WHAT[kind]} the ROI of a channel moves by {value:.1%} on average "
        f"({row['threshold_name']}: at most {limit:.0%}).",
        value,
        limit,
    )


def _judge_placebo(row: pd.Series, channel: str) -> Check:
    value, limit = float(row["value"]), float(row["threshold"])
    fell = value >= limit
    return Check(
        "placebo",
        Status.PASS if fell else Status.REVIEW,
        f"With its series shuffled, the ROI of {channel} "
        + (f"falls by {value:.0%}" if value > 0 else "does not fall")
        + f" ({row['threshold_name']}: at least {limit:.0%})"
        + (
            "."
            if fell
            else ": what the model credits it with may not come from when it was on air."
        ),
        value,
        limit,
    )
