"""Plans of the periods ahead: last year's spend, weekday on weekday and month on month."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pymc_toolkit.client_config import ClientConfig
from pymc_toolkit.decisions.plans import AS_LAST_YEAR, future_table

# Periods of a year, and how far back they lead.
YEARS = {
    "D": (364, pd.Timedelta(weeks=52)),
    "W-MON": (52, pd.Timedelta(weeks=52)),
    "W-SUN": (52, pd.Timedelta(weeks=52)),
    "MS": (12, pd.DateOffset(months=12)),
}


@pytest.mark.parametrize("frequency", YEARS)
@settings(max_examples=15, deadline=None)
@given(
    start=st.dates(date(2015, 1, 1), date(2024, 12, 31)),
    extra=st.integers(0, 90),
    ahead=st.floats(0.01, 1.0),
)
def test_last_year_is_the_same_weekdays_or_months(
    frequency: str, start: date, extra: int, ahead: float
) -> None:
    """Whatever leap days lie between."""
    length, back = YEARS[frequency]
    dates = pd.date_range(start, periods=length + extra, freq=frequency)
    # What was spent says when.
    spend = (dates - pd.Timestamp("2010-01-01")).days.to_numpy(dtype=float)
    table = pd.DataFrame({"day": dates, "tv": spend, "revenue": 1.0 + np.arange(len(dates))})
    config = ClientConfig(table, "revenue", "day", ["tv"])
    horizon = max(1, int(ahead * length))
    plan = future_table("plan", AS_LAST_YEAR, config, horizon)
    assert len(plan) == horizon
    spent_on = pd.DatetimeIndex(pd.Timestamp("2010-01-01") + pd.to_timedelta(plan["tv"], "D"))
    planned_for = pd.DatetimeIndex(plan["day"])
    assert list(spent_on) == [day - back for day in planned_for]
    if frequency != "MS":
        assert list(spent_on.weekday) == list(planned_for.weekday)
