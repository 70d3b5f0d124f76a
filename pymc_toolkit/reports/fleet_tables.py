"""Tables of the reports of fleets, as texts ready to be put on the page."""

from __future__ import annotations

from pymc_toolkit.reports.fleet_contract import (
    FleetReport,
    ForecastReport,
    HoldoutReport,
    OverviewReport,
    RecoveryReport,
    StabilityReport,
)
from pymc_toolkit.reports.formats import (
    MISSING,
    day,
    each,
    human,
    human_span,
    percent,
    probability,
    ratio,
)
from pymc_toolkit.reports.tables import STATUS_WORDS, Table
from pymc_toolkit.verdicts import Status

_SCORES = {"mape": percent, "nrmse": percent, "r_squared": ratio, "crps": percent}
_HEADINGS = ("Average error (MAPE)", "NRMSE", "R\u00b2", "CRPS, share of average")


def members(report: FleetReport) -> Table:
    """Tabulate every member: whether it finished, how it converged and how it fits."""
    rows = [
        [
            str(name),
            "Failed" if row.state == "failed" else "Finished",
            _number(row.divergences, "{:,.0f}"),
            _number(row.r_hat, "{:.3f}"),
            _number(row.ess_bulk, "{:,.0f}"),
            percent(float(row.mape)),
        ]
        for name, row in zip(report.members.index, report.members.itertuples(), strict=True)
    ]
    columns = ("Member", "State", "Divergences", "Worst R-hat", "Smallest ESS", "MAPE in training")
    return Table("Members", columns, rows, frozenset({1}))


def recovery_scores(report: RecoveryReport) -> Table:
    """Tabulate how well each parameter was recovered."""
    rows = [
        [
            str(row.Index),
            ratio(float(row.score)),
            percent(float(row.coverage_50)),
            percent(float(row.coverage_90)),
            ratio(float(row.bias)),
            f"{row.scalars:,.0f}",
        ]
        for row in report.scores.itertuples()
    ]
    columns = (
        "Parameter",
        "Tail probability",
        "In 50% intervals",
        "In 90% intervals",
        "Bias (posterior sd)",
        "Truths",
    )
    return Table("Recovery by parameter", columns, rows)


def recovered_returns(report: RecoveryReport) -> Table:
    """Tabulate the error of contribution and return of each channel over simulations."""
    table = report.channels
    ci = probability(report.ci_prob)
    rows = []
    for channel, part in table.groupby("channel", sort=False):
        error = (part["contribution"] - part["truth"]) / part["truth"].where(part["truth"] > 0)
        within = part["truth"].between(part["ci_low"], part["ci_high"])
        rows.append(
            [
                str(channel),
                human(float(part["truth"].mean())),
                human(float(part["contribution"].mean())),
                percent(float(error.abs().median())),
                ratio(float(part["roi_truth"].mean())),
                ratio(float(part["roi"].mean())),
                f"{int(within.sum())} of {len(part)}",
            ]
        )
    columns = (
        "Channel",
        "True contribution",
        "Estimate",
        "Median error",
        "True return",
        "Estimate",
        f"Truth in {ci} interval",
    )
    return Table("Contribution and return, means over simulations", columns, rows)


def uniformity(report: RecoveryReport) -> Table | None:
    """Tabulate the tests of uniform ranks, smallest p-value first."""
    if report.uniformity is None:
        return None
    table = report.uniformity.sort_values("p_value")
    rows = [
        [str(row.variable), str(row.coordinate), f"{row.p_value:.3f}"] for row in table.itertuples()
    ]
    columns = ("Variable", "Of", "p-value")
    return Table("Uniformity of ranks, one test each", columns, rows, frozenset({1}))


def holdout_scores(report: HoldoutReport) -> Table:
    """Tabulate every score of every member and baseline."""
    rows = [
        [
            f"{row.member}: {row.prediction}",
            day(row.first_date),
            *(write(float(getattr(row, name))) for name, write in _SCORES.items()),
            percent(float(row.coverage)),
        ]
        for row in report.scores.itertuples()
    ]
    columns = ("Prediction", "From", *_HEADINGS, f"In {probability(report.ci_prob)} interval")
    return Table(
        "Errors on the held-out periods: smaller is better, except for R\u00b2", columns, rows
    )


def drift(report: StabilityReport) -> Table | None:
    """Tabulate the mean change of contribution and return of each channel by kind."""
    if report.drift.empty:
        return None
    changes = report.drift.assign(
        contribution_change=report.drift["contribution_change"].abs(),
        roi_change=report.drift["roi_change"].abs(),
    )
    grouped = changes.groupby(["channel", "kind"], sort=False)
    means = grouped[["contribution_change", "roi_change"]].mean().unstack("kind")
    kinds = list(means.columns.get_level_values("kind").unique())
    rows = [
        [
            str(channel),
            *(percent(float(row[("contribution_change", kind)])) for kind in kinds),
            *(percent(float(row[("roi_change", kind)])) for kind in kinds),
        ]
        for channel, row in means.iterrows()
    ]
    columns = (
        "Channel",
        *(f"Contribution: {kind}" for kind in kinds),
        *(f"Return: {kind}" for kind in kinds),
    )
    return Table("Mean absolute change against the unchanged fit", columns, rows)


def scenario_totals(report: ForecastReport) -> Table:
    """Tabulate spend and expected target by scenario."""
    table, ci = report.totals, probability(report.ci_prob)
    rows = [
        list(row)
        for row in zip(
            [str(name) for name in table.index],
            each(human, table, "spend"),
            each(human_span, table, "mean", "ci_low", "ci_high"),
            each(human_span, table, "difference", "difference_low", "difference_high"),
            strict=True,
        )
    ]
    rows[0][-1] = MISSING
    columns = (
        "Plan",
        "Spend",
        f"{report.target_name} ({ci})",
        f"Difference from {table.index[0]} ({ci})",
    )
    return Table("Plans over the whole horizon", columns, rows)


def scenario_channels(report: ForecastReport) -> Table:
    """Tabulate what each channel is planned to spend and expected to bring."""
    table, ci = report.channels, probability(report.ci_prob)
    rows = [
        [f"{scenario}: {channel}", spend, contribution, planned, seen]
        for scenario, channel, spend, contribution, planned, seen in zip(
            table["scenario"],
            table["channel"],
            each(human, table, "spend"),
            each(human_span, table, "contribution", "ci_low", "ci_high"),
            each(human, table, "planned_max"),
            each(human, table, "seen_max"),
            strict=True,
        )
    ]
    columns = (
        "Plan and channel",
        "Spend (or units)",
        f"Contribution ({ci})",
        "Largest in one period, planned",
        "seen",
    )
    return Table("Channels over the whole horizon", columns, rows)


def clients(report: OverviewReport) -> Table:
    """Tabulate the clients: status, errors, and what to look at; those that failed first."""
    order = list(Status)
    rank = report.clients["status"].map(lambda status: -order.index(Status(status)))
    table = report.clients.loc[rank.sort_values(kind="stable").index]
    rows = [
        [
            str(row.Index),
            STATUS_WORDS[Status(row.status)],
            percent(float(row.mape)),
            percent(float(row.crps)),
            percent(float(row.naive_crps)),
            percent(float(row.coverage)),
            str(row.sentence),
        ]
        for row in table.itertuples()
    ]
    columns = (
        "Client",
        "Outcome",
        "Average error (MAPE)",
        "CRPS",
        "Naive CRPS",
        f"In {probability(report.ci_prob)} interval",
        "Why",
    )
    return Table("Clients, those to look at first", columns, rows, frozenset({1, 6}))


def _number(value: object, how: str) -> str:
    number = float(value)  # type: ignore[arg-type]
    return MISSING if number != number else how.format(number)
