"""Plans side by side: what media would bring under each."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from pymc_toolkit.analysis.intervals import check_probability
from pymc_toolkit.client_config import ClientConfig
from pymc_toolkit.decisions.allocation import Allocation, Interval
from pymc_toolkit.decisions.describe import beyond_seen
from pymc_toolkit.decisions.limits import number
from pymc_toolkit.decisions.outcome import media_outcome, spent, without_media
from pymc_toolkit.decisions.plans import AS_LAST_YEAR, FLAT, Plan, future_table, usual_plan
from pymc_toolkit.engines.base import Fit
from pymc_toolkit.exceptions import ColumnError, SpecificationError
from pymc_toolkit.model_spec import whole_number
from pymc_toolkit.names import CHANNEL
from pymc_toolkit.plurals import count

type Scenario = Plan | Mapping[str, float] | Allocation


def scenario_table(
    fit: Fit,
    config: ClientConfig,
    scenarios: Mapping[str, Scenario],
    horizon: int,
    ci_prob: float,
) -> pd.DataFrame:
    """Compare plans; see ``PymcModel.compare_scenarios``.

    Parameters
    ----------
    fit : Fit
    config : ClientConfig
    scenarios : Mapping of str to Scenario
    horizon : int
    ci_prob : float

    Returns
    -------
    pandas.DataFrame
        Index scenario.

    Raises
    ------
    SpecificationError, ColumnError, DataError
        If the horizon or a scenario is impossible.
    """
    check_probability(ci_prob)
    horizon = whole_number("horizon", horizon)
    if not isinstance(scenarios, Mapping) or not scenarios:
        raise SpecificationError(
            f"Got scenarios={scenarios!r}; expected a mapping from name to plan, such as "
            "{'as last year': 'as last year', 'more tv': {'tv': 1.2}}."
        )
    plans = {
        str(name): config.future(_table(str(name), plan, config, horizon))
        for name, plan in scenarios.items()
    }
    rows, base = {}, None
    for name, ahead in plans.items():
        brought = media_outcome(fit, ahead).sum(CHANNEL)
        base = brought if base is None else base
        dark = media_outcome(fit, without_media(ahead)).sum(CHANNEL)
        outcome, difference = (Interval.of(d, ci_prob) for d in (brought - dark, brought - base))
        rows[name] = {
            "spend": spent(ahead, config.cost_per_unit).sum(min_count=1),
            **dict(zip(("outcome", "ci_low", "ci_high"), outcome, strict=True)),
            "difference": difference.mean,
            "difference_low": difference.low,
            "difference_high": difference.high,
            "probability_better": float((brought > base).mean()),
            "beyond_seen": bool(beyond_seen(fit.training, ahead).any()),
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("scenario")


def _table(name: str, plan: Scenario, config: ClientConfig, horizon: int) -> pd.DataFrame:
    """A scenario as a table of the periods ahead."""
    if isinstance(plan, Allocation):
        if plan.horizon != horizon:
            raise SpecificationError(
                f"Got an allocation of {count(plan.horizon, 'period')} as scenario {name!r}; "
                f"expected horizon={horizon} of them. Compare with horizon={plan.horizon}."
            )
        return plan.plan
    if isinstance(plan, pd.DataFrame) or (isinstance(plan, str) and plan in (AS_LAST_YEAR, FLAT)):
        return future_table(name, plan, config, horizon)
    if not isinstance(plan, Mapping):
        raise SpecificationError(
            f"Got {plan!r} for scenario {name!r}; expected 'as last year', 'flat', a DataFrame of "
            "dates and channels, factors by channel, or an Allocation."
        )
    usual = future_table(name, usual_plan(config.model_data, horizon), config, horizon)
    for channel, factor in plan.items():
        if channel not in config.channel_names:
            raise ColumnError(
                f"Got {channel!r} in scenario {name!r}, which is not a channel; expected some of "
                f"{', '.join(map(repr, config.channel_names))}."
            )
        size = number(f"the factor of {channel!r} in scenario {name!r}", factor)
        if size < 0:
            raise SpecificationError(
                f"Got the factor {size:g} of {channel!r} in scenario {name!r}; expected 0 or more."
            )
        usual[channel] = usual[channel] * size
    return usual
