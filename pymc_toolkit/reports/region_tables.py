"""Tables of single regions, and what they say in words."""

from __future__ import annotations

import pandas as pd

from pymc_toolkit.fleets.baselines import LAST_VALUE, SEASONAL_NAIVE, TRAINING_MEAN
from pymc_toolkit.fleets.scoring import MODEL
from pymc_toolkit.plurals import count
from pymc_toolkit.reports.contract import ModelReport
from pymc_toolkit.reports.fleet_contract import HoldoutReport
from pymc_toolkit.reports.formats import human, percent, period, probability, ratio
from pymc_toolkit.reports.region_contract import RegionReport
from pymc_toolkit.reports.tables import Table

# What each naive forecast does, as a reader would do it.
RULES = {
    LAST_VALUE: "repeating the last value",
    SEASONAL_NAIVE: "repeating last year's values",
    TRAINING_MEAN: "repeating each region's average",
}
# Regions that the table of the largest errors shows.
_SHOWN = 10


def mean_errors(report: ModelReport | HoldoutReport) -> pd.Series:
    """Error (WAPE) by region and period of the model and of every naive forecast.

    Parameters
    ----------
    report : ModelReport or HoldoutReport

    Returns
    -------
    pandas.Series
        Index prediction, mean over members; without forecasts that some member has none of.
    """
    errors = [part.table["wape"] for part in report.regions.values()]
    return pd.DataFrame(errors).dropna(axis="columns").mean()


def best_rule(report: ModelReport | HoldoutReport) -> str | None:
    """The naive forecast with the smallest error; None if none has any."""
    others = mean_errors(report).drop(MODEL, errors="ignore")
    return str(others.idxmin()) if len(others) else None


def closer(report: ModelReport | HoldoutReport, rule: str) -> tuple[int, int]:
    """In how many regions the model's error is smaller than a naive forecast's, and of how many.

    Parameters
    ----------
    report : ModelReport or HoldoutReport
        A region counts once for each member.
    rule : str
        Name of the naive forecast.
    """
    wide = pd.concat([_errors(part) for part in report.regions.values()])
    return int((wide[MODEL] < wide[rule]).sum()), len(wide)


def finding(report: ModelReport | HoldoutReport) -> str:
    """Say whether the model's forecasts of single regions are worth having."""
    errors, rule = mean_errors(report), best_rule(report)
    unit = period(report.provenance.frequency)
    several = len(report.regions) > 1
    lead = f"On average over {count(len(report.regions), 'holdout')}, forecasts" if several else ""
    said = (
        f"{lead or 'Forecasts'} of single regions, {unit} by {unit}, are off by "
        f"{percent(float(errors.get(MODEL, float('nan'))))} of {report.target_name}."
    )
    if rule is None or MODEL not in errors:
        return f"{said} There is nothing to compare them with."
    model, other = float(errors[MODEL]), float(errors[rule])
    wins, regions = closer(report, rule)
    said += f" The best simple rule, {RULES[rule]}, is off by {percent(other)}: "
    if model < other:
        said += f"the model takes {percent(1 - model / other)} of that error away, and is closer in"
    else:
        said += (
            "it is as good or better, so do not use the model to forecast single regions, even "
            "where it predicts all of them together well. The model is closer in"
        )
    return f"{said} {wins} of {regions} {'cases' if several else 'regions'}."


def on_pooled(report: ModelReport | HoldoutReport) -> str:
    """Say what an R² of all regions together is worth."""
    tables = [part.table for part in report.regions.values()]
    pooled = pd.DataFrame([table["r_squared_pooled"] for table in tables]).mean()
    median = float(pd.DataFrame([table["r_squared_median"] for table in tables]).mean()[MODEL])
    return (
        f"R\u00b2 of all regions together is {ratio(float(pooled[MODEL]))} for the model and "
        f"{ratio(float(pooled[TRAINING_MEAN]))} for {RULES[TRAINING_MEAN]}, which knows nothing "
        "but how large each region is: it mostly says that regions differ in size. Of a region on "
        "its own R\u00b2 says how well its ups and downs are foreseen; in the median region it is "
        f"{ratio(median)}. The skill against a forecast is the share of its error that the model "
        "takes away; below zero the forecast is better."
    )


def region_scores(report: ModelReport | HoldoutReport) -> Table | None:
    """Tabulate errors by region and period of the model beside those of naive forecasts.

    Parameters
    ----------
    report : ModelReport or HoldoutReport

    Returns
    -------
    Table or None
        None for a model of one series.
    """
    if not report.regions:
        return None
    rows = [
        [
            f"{member}: {name}" if len(report.regions) > 1 else str(name).capitalize(),
            percent(float(row["wape"])),
            percent(float(row["skill"])),
            human(float(row["rmse"])),
            ratio(float(row["r_squared_median"])),
            ratio(float(row["r_squared_pooled"])),
            percent(float(row["coverage"])),
        ]
        for member, part in report.regions.items()
        for name, row in part.table.iterrows()
    ]
    columns = (
        "Forecast",
        "Error (WAPE)",
        "Skill of the model against it",
        f"RMSE, {report.target_name}",
        "R\u00b2, median region",
        "R\u00b2, all regions together",
        f"In {probability(report.ci_prob)} interval",
    )
    return Table("Errors by region on the held-out periods", columns, rows)


def largest_errors(report: ModelReport | HoldoutReport) -> Table | None:
    """Tabulate the regions in which the model is off by most, in the longest holdout.

    Parameters
    ----------
    report : ModelReport or HoldoutReport

    Returns
    -------
    Table or None
        None for a model of one series.
    """
    rule = best_rule(report) if report.regions else None
    if rule is None:
        return None
    name, part = max(report.regions.items(), key=lambda item: item[1].held_out)
    wapes = part.regions.pivot(index="region", columns="prediction", values="wape")
    model = part.regions[part.regions["prediction"] == MODEL].set_index("region")
    worst = model.sort_values("error", ascending=False, kind="stable").head(_SHOWN)
    rows = [
        [
            str(region),
            human(float(row["actual"])),
            human(float(row["expected"])),
            human(float(row["error"])),
            percent(float(row["wape"])),
            percent(float(wapes.loc[region, rule])),
        ]
        for region, row in worst.iterrows()
    ]
    columns = (
        "Region",
        f"Actual {report.target_name}",
        "Expected",
        "Sum of errors",
        "As a share (WAPE)",
        f"WAPE of {RULES[rule]}",
    )
    where = f", {name}" if len(report.regions) > 1 else ""
    share = float(worst["error"].sum() / model["error"].sum())
    return Table(
        f"The {count(len(worst), 'region')} with the largest errors{where}: {percent(share)} of "
        "all errors",
        columns,
        rows,
    )


def _errors(part: RegionReport) -> pd.DataFrame:
    """Sums of absolute errors, regions by predictions."""
    return part.regions.pivot(index="region", columns="prediction", values="error")
