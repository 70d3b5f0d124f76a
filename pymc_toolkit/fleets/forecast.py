"""What the target will be under spend scenarios: one fit, one member a scenario."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import pandas as pd

from pymc_toolkit.analysis.contributions import earned
from pymc_toolkit.analysis.intervals import summarise, to_frame
from pymc_toolkit.analysis.prediction import predict
from pymc_toolkit.arrays import over_regions
from pymc_toolkit.decisions.plans import AS_LAST_YEAR, FLAT, future_table, has_plan
from pymc_toolkit.exceptions import SpecificationError
from pymc_toolkit.fleets.job import Subject, check_distinct, fit_key
from pymc_toolkit.fleets.judge import judge_convergence, named
from pymc_toolkit.fleets.member import Member
from pymc_toolkit.fleets.result import FleetResult, computed_once
from pymc_toolkit.fleets.runner import Running, run_jobs
from pymc_toolkit.model_spec import whole_number
from pymc_toolkit.names import CHANNEL, DATE, GEO
from pymc_toolkit.verdicts import Check, Status

if TYPE_CHECKING:
    from pymc_toolkit.reports.fleet_contract import FleetReport

# A horizon of more than this share of the training window is far ahead of what was seen.
FAR_AHEAD = 0.25
# Rounding of a plan does not make it exceed what was seen.
_TOLERANCE = 1 + 1e-9

Scenarios = Sequence[str] | Mapping[str, str | pd.DataFrame]


class ForecastFleet(FleetResult):
    """Forecasts under spend scenarios; the first is what the others are compared with."""

    kind: ClassVar[str] = "forecast"

    @property
    def horizon(self) -> int:
        """Number of periods ahead."""
        return int(self.options["horizon"])

    def forecast(self, scenario: int | str = 0) -> pd.DataFrame:
        """The target under a scenario, over all regions.

        Parameters
        ----------
        scenario : int or str

        Returns
        -------
        pandas.DataFrame
            Index date; ``mean`` (expected), ``ci_low, ci_high`` (90% predictive interval).
        """
        table = self[scenario].prediction
        return table.loc[table["holdout"], ["mean", "ci_low", "ci_high"]]

    @computed_once
    def totals(self) -> pd.DataFrame:
        """Spend and target over the horizon by scenario, and how they differ from the first.

        Returns
        -------
        pandas.DataFrame
            Index scenario; ``spend`` (money, NaN where no channel is bought), ``mean, ci_low,
            ci_high`` of the target, ``difference, difference_low, difference_high`` of the expected
            target from the first scenario.
        """
        rows, base = {}, None
        for member in self.finished:
            predicted = predict(member.fit, member.job.data).total()
            ahead = predicted.periods(slice(-self.horizon, None))
            expected = ahead.expected.sum(DATE)
            base = expected if base is None else base
            amount = summarise(ahead.observation.sum(DATE)).assign(mean=expected.mean())
            difference = summarise(expected - base)
            rows[member.name] = {
                "spend": _spend(member, self.horizon).sum(min_count=1),
                **{name: float(amount[name]) for name in ("mean", "ci_low", "ci_high")},
                "difference": float(difference["mean"]),
                "difference_low": float(difference["ci_low"]),
                "difference_high": float(difference["ci_high"]),
            }
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("scenario")

    @computed_once
    def channels(self) -> pd.DataFrame:
        """What each channel is planned to spend and expected to bring over the horizon.

        Returns
        -------
        pandas.DataFrame
            Long: ``scenario, channel, spend`` (money, or units where it is not bought),
            ``contribution, ci_low, ci_high, planned_max, seen_max`` (largest exposure of one
            period, planned and in training, over all regions); for a client with regions also
            ``regions_beyond``, in how many the plan goes beyond what the region has seen.
        """
        return pd.concat(
            [_channels(member, self.horizon) for member in self.finished], ignore_index=True
        )

    def _checks(self) -> Sequence[Check]:
        member = self.finished[0]
        return [
            judge_convergence(member.convergence),
            _judge_range(self.channels()),
            _judge_horizon(self.horizon, member.job.trained_on),
        ]

    def _report(self) -> FleetReport:
        from pymc_toolkit.reports.assemble_fleets import forecast_report

        return forecast_report(self)


def run_forecast(
    subject: Subject, horizon: int, scenarios: Scenarios | None, running: Running
) -> ForecastFleet:
    """Forecast the target under spend scenarios, with the model's own fit where it has one.

    Parameters
    ----------
    subject : Subject
    horizon : int
        Number of periods ahead.
    scenarios : sequence of str or Mapping of str to str or pandas.DataFrame, optional
        ``as last year``, ``flat``, or tables of spend by period.
    running : Running

    Returns
    -------
    ForecastFleet

    Raises
    ------
    SpecificationError
        If the horizon is not a whole number of at least 1, or scenarios are none, unknown or named
        twice.
    DataError, ColumnError
        If last year's spend is not known, or a table has other columns or periods than it should.
    """
    horizon = whole_number("horizon", horizon)
    plans = _checked_scenarios(scenarios, subject, horizon)
    seed = subject.sampling.random_seed
    training = subject.data
    jobs = []
    tables = {
        name: future_table(name, plan, subject.config, horizon) for name, plan in plans.items()
    }
    for name, table in tables.items():
        data = training.followed_by(subject.config.future(table))
        # Scenarios share a fit, seed included, so that they differ in nothing but the spend.
        jobs.append(subject.job(name, data, training.n_periods, seed))
    fit = subject.fit
    known = {fit_key(fit.engine, fit.spec, fit.sampling, fit.training): fit} if fit else {}
    options = {"horizon": horizon, "random_seed": seed}
    return ForecastFleet(run_jobs(jobs, running, known), options)


def _checked_scenarios(
    scenarios: Any, subject: Subject, horizon: int
) -> dict[str, str | pd.DataFrame]:
    """Scenarios by name, each the name of a plan or a table."""
    if scenarios is None:
        return {
            name: name for name in (AS_LAST_YEAR, FLAT) if has_plan(name, subject.data, horizon)
        }
    if isinstance(scenarios, str) or not isinstance(scenarios, Iterable):
        raise SpecificationError(
            f"Got scenarios={scenarios!r}; expected names, such as ['as last year', 'flat'], or a "
            "mapping from name to table."
        )
    if isinstance(scenarios, Mapping):
        plans = dict(scenarios)
    else:
        named_ones = list(scenarios)
        if isinstance(scenarios, pd.DataFrame) or any(
            isinstance(plan, pd.DataFrame) for plan in named_ones
        ):
            raise SpecificationError(
                "Got a table without a name as scenario; expected a mapping from name to table, "
                "such as {'more search': table}."
            )
        check_distinct("scenarios", [str(name) for name in named_ones])
        plans = {str(name): name for name in named_ones}
    if not plans:
        raise SpecificationError("Got no scenarios; expected at least one.")
    for name, plan in plans.items():
        by_name = isinstance(plan, str) and plan in (AS_LAST_YEAR, FLAT)
        if not by_name and not isinstance(plan, pd.DataFrame):
            raise SpecificationError(
                f"Got {plan!r} for scenario {name!r}; expected 'as last year', 'flat' or a "
                "DataFrame of dates and channels."
            )
    return plans


def _spend(member: Member, horizon: int) -> pd.Series:
    """Money planned for each channel, NaN for one that is not bought."""
    client = member.job.client
    media = over_regions(member.job.data.dataset["media"])
    planned = media.isel({DATE: slice(-horizon, None)}).sum(DATE)
    costs = {name: client.cost_per_unit.get(name, 1.0) for name in member.job.data.channels}
    cost = pd.Series({name: float("nan") if c is None else c for name, c in costs.items()})
    return planned.to_series() * cost


def _channels(member: Member, horizon: int) -> pd.DataFrame:
    ahead = {DATE: slice(-horizon, None)}
    by_region = member.job.data.dataset["media"].isel(ahead)
    seen = member.fit.training.dataset["media"]
    planned = over_regions(by_region)
    brought = earned(member.contributions().isel(ahead))
    table = to_frame(summarise(brought)).rename(columns={"mean": "contribution"})
    table.insert(0, "spend", _spend(member, horizon).fillna(planned.sum(DATE).to_series()))
    table["planned_max"] = planned.max(DATE).to_series()
    table["seen_max"] = over_regions(seen).max(DATE).to_series()
    if member.job.data.is_panel:
        beyond = by_region.max(DATE) > seen.max(DATE) * _TOLERANCE
        table["regions_beyond"] = beyond.sum(GEO).to_series()
    table = table.rename_axis(CHANNEL).reset_index()
    table.insert(0, "scenario", member.name)
    return table


def _judge_range(channels: pd.DataFrame) -> Check:
    """Review if a plan spends more in a period than was ever seen, in total or in a region."""
    beyond = channels["planned_max"] > channels["seen_max"] * _TOLERANCE
    if "regions_beyond" in channels:
        beyond |= channels["regions_beyond"] > 0
    cases = [f"{row.channel} ({row.scenario})" for row in channels[beyond].itertuples()]
    return Check(
        "spend within what was seen",
        Status.REVIEW if cases else Status.PASS,
        "Planned spend goes beyond anything in the data for "
        f"{named(cases)}: there the forecast rests on the assumed shape of saturation."
        if cases
        else "No scenario spends more on a channel in one period than the data have seen.",
        float(len(cases)),
        0.0,
    )


def _judge_horizon(horizon: int, trained_on: int) -> Check:
    """Review if the forecast reaches far beyond what the model has seen."""
    share = horizon / trained_on
    near = share <= FAR_AHEAD
    return Check(
        "horizon",
        Status.PASS if near else Status.REVIEW,
        f"The forecast reaches {share:.0%} of the training window ahead"
        + (
            f" (at most {FAR_AHEAD:.0%} raises no question)."
            if near
            else f", more than {FAR_AHEAD:.0%}: what drifts slowly may have gone elsewhere by then."
        ),
        share,
        FAR_AHEAD,
    )
