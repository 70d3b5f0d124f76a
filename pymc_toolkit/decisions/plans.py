"""Plans of future spend: the same periods a year before, an average of them, or a table."""

from __future__ import annotations

import pandas as pd

from pymc_toolkit.client_config import ClientConfig
from pymc_toolkit.dates import parse_dates, season_length
from pymc_toolkit.exceptions import DataError
from pymc_toolkit.model_data import ModelData, to_table
from pymc_toolkit.names import DATE, GEO
from pymc_toolkit.plurals import count
from pymc_toolkit.validation import parse_regions

AS_LAST_YEAR, FLAT = "as last year", "flat"

type Plan = str | pd.DataFrame


def has_plan(plan: str, data: ModelData, horizon: int) -> bool:
    """Whether there is enough history for a plan that is known by its name.

    Parameters
    ----------
    plan : str
    data : ModelData
    horizon : int

    Returns
    -------
    bool
    """
    return plan == FLAT or horizon <= season_length(data.frequency) <= data.n_periods


def usual_plan(data: ModelData, horizon: int) -> str:
    """Spend as last year where last year is known, and the average of what is known otherwise."""
    return AS_LAST_YEAR if has_plan(AS_LAST_YEAR, data, horizon) else FLAT


def future_table(name: str, plan: Plan, config: ClientConfig, horizon: int) -> pd.DataFrame:
    """Dates, channels and controls of the periods ahead.

    Parameters
    ----------
    name : str
        What errors call the plan.
    plan : str or pandas.DataFrame
        ``as last year``, ``flat``, or a table of the date column (and that of regions) and every
        channel. Controls that it leaves out are those of a year before, or their average.
    config : ClientConfig
    horizon : int
        Number of periods.

    Returns
    -------
    pandas.DataFrame
        One row a period (and region).

    Raises
    ------
    DataError
        If last year's spend is not known, or a table has another number of rows.
    """
    data = config.model_data
    if isinstance(plan, str) and not has_plan(plan, data, horizon):
        raise DataError(
            f"Got scenario 'as last year' for {count(horizon, 'period')}; expected at most "
            f"{season_length(data.frequency)} and as much history. Give a shorter "
            "horizon or another scenario."
        )
    usual = _as_last_year(config, horizon) if has_plan(AS_LAST_YEAR, data, horizon) else None
    flat = _flat(config, horizon)
    # Controls are those of last year in every plan, so that plans differ in spend alone.
    controls = (flat if usual is None else usual)[config.control_names]
    if not isinstance(plan, pd.DataFrame):
        chosen = usual if plan == AS_LAST_YEAR and usual is not None else flat
        return chosen.assign(**controls)
    _check_rows(name, plan, data, horizon)
    missing = [control for control in config.control_names if control not in plan.columns]
    if not missing or not set(config.key_columns) <= set(plan.columns):
        return plan
    # By date and region: rows of the plan may be in any order. A date that is not ahead has a check
    # of its own, which any number may pass on to.
    wanted = plan[config.key_columns].assign(
        **{config.date_column: parse_dates(plan[config.date_column])}
    )
    if config.geo_column:
        wanted[config.geo_column] = parse_regions(plan[config.geo_column])
    rows = flat[config.key_columns].assign(**controls[missing])
    known = wanted.merge(rows, how="left", on=config.key_columns).fillna(controls[missing].mean())
    return plan.assign(**{control: known[control].to_numpy() for control in missing})


def _check_rows(name: str, plan: pd.DataFrame, data: ModelData, horizon: int) -> None:
    """Refuse a table that has not one row for each period (and region) ahead."""
    regions = data.dataset.sizes.get(GEO, 1)
    if len(plan) == horizon * regions:
        return
    first = f"{data.next_dates(1)[0].date()} on"
    needed = (
        f"{horizon * regions}, one for each of {count(regions, 'region')} and "
        f"horizon={horizon} periods from {first}."
        if data.is_panel
        else f"horizon={horizon}, one for each period from {first}."
    )
    raise DataError(f"Got {count(len(plan), 'row')} for scenario {name!r}; expected {needed}")


def _as_last_year(config: ClientConfig, horizon: int) -> pd.DataFrame:
    """What ran in the same periods a year before."""
    data = config.model_data
    start = data.n_periods - season_length(data.frequency)
    year_before = data.dataset.isel({DATE: slice(start, start + horizon)})
    ahead = year_before.assign_coords({DATE: data.next_dates(horizon)})
    table = to_table(ahead, config.target_name, config.date_column, config.geo_column)
    return table.drop(columns=config.target_name)


def _flat(config: ClientConfig, horizon: int) -> pd.DataFrame:
    """The average of the last year (or of all there is) in every period."""
    data = config.model_data
    names = [*config.channel_names, *config.control_names]
    year = config.table.tail(season_length(data.frequency) * data.dataset.sizes.get(GEO, 1))
    average = year[names].mean().to_frame().T
    if config.geo_column:
        average = year.groupby(config.geo_column)[names].mean().reset_index()
    ahead = pd.DataFrame({config.date_column: data.next_dates(horizon)})
    return ahead.merge(average, how="cross")
