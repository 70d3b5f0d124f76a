"""The only place that makes a pymc-marketing model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from pymc_toolkit.exceptions import SpecificationError
from pymc_toolkit.model_data import ModelData
from pymc_toolkit.model_spec import ModelSpec
from pymc_toolkit.names import DATE
from pymc_toolkit.priors import component_parameters, resolve, to_upstream

if TYPE_CHECKING:
    from pymc_marketing.mmm import MMM

_DATE_COLUMN = "date"
_TARGET_COLUMN = "y"


def build_mmm(data: ModelData, spec: ModelSpec) -> MMM:
    """Build pymc-marketing's model of a client.

    Media and controls go in scaled; the target goes in original units with its scale fixed, so
    that both packages agree on what one scaled unit is.

    Parameters
    ----------
    data : ModelData
    spec : ModelSpec

    Returns
    -------
    pymc_marketing.mmm.MMM
        With ``model`` built.

    Raises
    ------
    SpecificationError
        If the model has experiments, for which pymc-marketing has no likelihood of the same kind,
        or a channel graph, which it does not have.
    """
    if spec.uplift_tests:
        raise SpecificationError(
            "Got a model with experiments; pymc-marketing's lift tests know neither carry-over nor "
            "dates. Make its object from a model without them."
        )
    if spec.channel_dag:
        raise SpecificationError(
            "Got a model with a channel graph, which pymc-marketing does not have. Make its object "
            "from a model without one."
        )
    from pymc_marketing import mmm as upstream
    from pymc_marketing.mmm.additive_effect import LinearTrendEffect
    from pymc_marketing.mmm.scaling import FixedScaling, Scaling

    priors = to_upstream(resolve(spec, data.n_periods, bool(data.controls)))
    # Without dims pymc-marketing would give each channel its own value; here all share one.
    for name in component_parameters(spec):
        if priors[name].dims is None:
            priors[name].dims = ()
    # Channels go by position: a client may call a channel as one of the internal columns.
    channels = [f"channel_{i}" for i in range(len(data.channels))]
    controls = [f"control_{i}" for i in range(len(data.controls))]
    trend_priors = {"delta": priors.pop("delta")} if spec.trend else {}
    adstock: Any = getattr(upstream, spec.adstock_component.upstream)
    saturation: Any = getattr(upstream, spec.saturation_component.upstream)
    model = upstream.MMM(
        date_column=_DATE_COLUMN,
        target_column=_TARGET_COLUMN,
        channel_columns=channels,
        control_columns=controls or None,
        adstock=adstock(l_max=spec.lag_max),
        saturation=saturation(),
        time_varying_media=spec.time_varying_media,
        time_varying_intercept=spec.time_varying_intercept,
        yearly_seasonality=spec.yearly_seasonality,
        scaling=Scaling(
            target=FixedScaling(value=float(data.scale("target")), dims=()),
            channel=FixedScaling(value=1.0, dims=("channel",)),
        ),
        model_config=priors,
    )
    if spec.trend:
        trend = upstream.LinearTrend(priors=trend_priors, n_changepoints=spec.trend)
        model.add_mu_effect(LinearTrendEffect(trend=trend, prefix="trend"))
    table = pd.DataFrame({_DATE_COLUMN: data.dates})
    table[channels] = data.scaled("media").transpose(DATE, ...).values
    if controls:
        table[controls] = data.scaled("controls").transpose(DATE, ...).values
    target = pd.Series(data.dataset["target"].values, name=_TARGET_COLUMN)
    model.build_model(table, target)
    return model
