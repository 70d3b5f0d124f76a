"""What each part of the model contributed to the target."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from pymc_toolkit.analysis.channel_graph import graph_settings
from pymc_toolkit.analysis.intervals import CI_PROB, summarise, to_frame
from pymc_toolkit.arrays import over_regions
from pymc_toolkit.engines import get_engine
from pymc_toolkit.engines.base import Fit, sum_components
from pymc_toolkit.exceptions import SpecificationError
from pymc_toolkit.model_data import ModelData
from pymc_toolkit.names import CHANNEL, CONTROL, DATE, FITTED, GEO, SAMPLE

DIRECT, TOTAL = KINDS = ("direct", "total")


def decomposition(fit: Fit, data: ModelData | None = None, kind: str = DIRECT) -> xr.Dataset:
    """Split the expected target into components, in original units.

    Parameters
    ----------
    fit : Fit
    data : ModelData, optional
        The training window followed by later periods; the training window alone by default.
    kind : {"direct", "total"}
        Credit for what a channel brought goes to it, or along the channel graph to those that made
        it spend. The sum over channels is the same.

    Returns
    -------
    xarray.Dataset
        The components of :data:`pymc_toolkit.names.COMPONENTS` and their sum ``fitted``, with dims
        chain, draw, date (and geo) and their own.

    Raises
    ------
    SpecificationError
        If the kind is unknown, or ``total`` of a model without a channel graph.
    """
    if kind not in KINDS:
        raise SpecificationError(f"Got kind={kind!r}; expected 'direct' or 'total'.")
    window = fit.training if data is None else data
    components = get_engine(fit.engine).decompose(fit, window) * fit.training.scale("target")
    components = components.assign({FITTED: sum_components(components)})
    if window.is_panel:
        # Scales by region, and components that all regions share, leave dims in any order.
        components = components.transpose(*SAMPLE, DATE, GEO, ...)
    return components if kind == DIRECT else credited(fit, components, window)[0]


def credited(
    fit: Fit, components: xr.Dataset, data: ModelData | None = None
) -> tuple[xr.Dataset, xr.DataArray]:
    """Give credit for what channels brought to those that began it, along the channel graph.

    Parameters
    ----------
    fit : Fit
        Of a model with a channel graph.
    components : xarray.Dataset
        From :func:`decomposition`, direct.
    data : ModelData, optional
        As for :func:`decomposition`.

    Returns
    -------
    components : xarray.Dataset
        With ``channels`` credited so, the rest as it was.
    moved : xarray.DataArray
        What each channel is credited with of what another brought, in units of the target and over
        all regions, with dims chain, draw, channel and effect.

    Raises
    ------
    SpecificationError
        If the model has no channel graph.
    """
    graph_settings(fit)
    window = fit.training if data is None else data
    credit = get_engine(fit.engine).credit_upstream(fit, window) * fit.training.scale("target")
    channels = credit["channels"].transpose(*components["channels"].dims)
    return components.assign(channels=channels), over_regions(credit["moved"])


def moved_credit(
    moved: xr.DataArray, components: xr.Dataset, ci_prob: float = CI_PROB
) -> pd.DataFrame:
    """What channels are credited with of what others brought.

    Parameters
    ----------
    moved : xarray.DataArray
        From :func:`credited`.
    components : xarray.Dataset
        From :func:`decomposition`, direct.
    ci_prob : float

    Returns
    -------
    pandas.DataFrame
        ``cause, effect, amount`` (mean, in units of the target), ``ci_low, ci_high`` and ``share``
        (of what the effect brought), the largest first; pairs without any are left out.
    """
    table = to_frame(summarise(moved, ci_prob)).reset_index()
    table.columns = pd.Index(["cause", "effect", "amount", "ci_low", "ci_high"])
    brought = earned(components).mean(("chain", "draw")).to_series()
    table["share"] = table["amount"] / table["effect"].map(brought)
    table = table[table["amount"] != 0]
    largest = table["amount"].abs().sort_values(ascending=False, kind="stable").index
    return table.loc[largest].reset_index(drop=True)


def earned(components: xr.Dataset) -> xr.DataArray:
    """What each channel brought in all periods and regions, dims chain, draw and channel."""
    return over_regions(components["channels"].sum(DATE))


def totals(components: xr.Dataset, ci_prob: float = CI_PROB) -> pd.DataFrame:
    """Each channel's total contribution and its share of the fitted target.

    Parameters
    ----------
    components : xarray.Dataset
        From :func:`decomposition`.
    ci_prob : float

    Returns
    -------
    pandas.DataFrame
        Index channel; ``contribution, ci_low, ci_high, share, share_low, share_high``.
    """
    amount = to_frame(summarise(earned(components), ci_prob))
    amount = amount.rename(columns={"mean": "contribution"})
    fitted = over_regions(components[FITTED].sum(DATE))
    share = to_frame(summarise(earned(components) / fitted, ci_prob))
    share.columns = pd.Index(["share", "share_low", "share_high"])
    return amount.join(share)


def by_period(components: xr.Dataset) -> pd.DataFrame:
    """Mean contribution of every component in every period, over all regions.

    Parameters
    ----------
    components : xarray.Dataset
        From :func:`decomposition`.

    Returns
    -------
    pandas.DataFrame
        Index date; the baseline, trend and season first, then controls, then channels. Adds up to
        the fitted mean. A name that a channel or control shares with a component is told apart.
    """
    means = over_regions(components.drop_vars(FITTED).mean(SAMPLE))
    columns: dict[str, np.ndarray] = {}
    channels = [str(label) for label in means[CHANNEL].values]
    # A column of the client's may be called as a component; each keeps a column of its own.
    for name in ("baseline", "trend", "seasonality"):
        if name in means:
            columns[f"{name} (model)" if name in channels else name] = means[name].values
    for label in means[CONTROL].values if "controls" in means else []:
        name = f"{label} (control)" if label in columns else str(label)
        columns[name] = means["controls"].sel({CONTROL: label}).values
    for label in channels:
        columns[label] = means["channels"].sel({CHANNEL: label}).values
    return pd.DataFrame(columns, index=pd.DatetimeIndex(means[DATE].values, name=DATE))
