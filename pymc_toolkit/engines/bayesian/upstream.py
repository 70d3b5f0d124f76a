"""Credit for what channels earned, given to the channels that began it.

A channel's spend is a sum of parts: what it spends of its own accord, and what its causes, directly
or through others, make it spend. Without one cause's part a channel would have earned less; that
difference is the cause's. Where the differences of several causes would add up to more than all
of them together make, as on a curve that is first convex, they are scaled down to that. What
remains is the channel's own, at least what its own part alone would earn. So the sum over channels
stays what it was, and a channel that nothing drives is credited with what would be lost without it.

References
----------
.. [1] Pearl (2009). Causality. On interventions in structural equations.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import xarray as xr

from pymc_toolkit.arrays import Array
from pymc_toolkit.channel_graph.posterior import graph_weights
from pymc_toolkit.components.adstock import carry_over
from pymc_toolkit.engines.bayesian.blend import Blend, channel_spread
from pymc_toolkit.engines.bayesian.decompose import (
    component_values,
    decompose,
    effective_input,
    time_multipliers,
)
from pymc_toolkit.model_data import ModelData
from pymc_toolkit.model_spec import ModelSpec
from pymc_toolkit.names import (
    CHANNEL,
    DATE,
    EFFECT,
    MEDIA_MULTIPLIER,
    SAMPLE,
)

# Draws whose parts are in memory at the same time.
_AT_ONCE = 250


def credit_upstream(
    posterior: xr.Dataset, spec: ModelSpec, training: ModelData, data: ModelData
) -> xr.Dataset:
    """Contributions with each channel credited for what it caused through others.

    Parameters
    ----------
    posterior : xarray.Dataset
        Of a model with a channel graph.
    spec : ModelSpec
    training : ModelData
        The window that was fitted.
    data : ModelData
        The training window, optionally followed by later periods.

    Returns
    -------
    xarray.Dataset
        Scaled: ``channels`` (chain, draw, date, channel), and ``moved`` (chain, draw, channel,
        effect), what the first channel is credited with of what the second brought, over all
        periods.
    """
    direct = decompose(posterior, spec, training, data)["channels"]
    shape, n = direct.shape[:2], direct.sizes[CHANNEL]
    total = direct.transpose(*SAMPLE, DATE, CHANNEL).values.reshape(-1, data.n_periods, n).copy()
    moved = np.zeros((len(total), n, n))
    responses = _Responses.of(posterior, spec, training, data)
    weights = _scaled_weights(posterior, training)
    for first in range(0, len(total), _AT_ONCE):
        rows = np.arange(first, min(first + _AT_ONCE, len(total)))
        parts = dict(_parts(responses.exposure, weights[rows]))
        for effect in range(n):
            shares = _shares(responses, rows, parts, effect)
            for cause, share in shares.items():
                total[rows, :, cause] += share
                total[rows, :, effect] -= share
                moved[rows, cause, effect] = share.sum(axis=1)
    return xr.Dataset(
        {
            "channels": direct.copy(data=total.reshape(direct.shape)),
            "moved": ((*SAMPLE, CHANNEL, EFFECT), moved.reshape(*shape, n, n)),
        },
        coords={EFFECT: direct[CHANNEL].values},
    )


def _shares(
    responses: _Responses, rows: Array, parts: dict[int, Array], effect: int
) -> dict[int, Array]:
    """What each cause is credited with of what a channel brought, each of shape (row, date)."""
    reach = {
        cause: part for cause, part in parts.items() if cause != effect and part[..., effect].any()
    }
    if not reach:
        return {}
    lost = {cause: responses.lost(rows, part, effect) for cause, part in reach.items()}
    if len(lost) == 1:
        return lost
    together = responses.lost(rows, sum(reach.values(), np.zeros(())), effect)
    gains = sum(np.maximum(loss, 0.0) for loss in lost.values())
    losses = sum(np.minimum(loss, 0.0) for loss in lost.values())
    room = np.maximum(together - losses, 0.0)
    share = np.divide(room, gains, out=np.ones_like(room), where=gains > room)
    return {cause: np.where(loss > 0, loss * share, loss) for cause, loss in lost.items()}


def _scaled_weights(posterior: xr.Dataset, training: ModelData) -> Array:
    """Weights of every draw on the scaled data, of shape (draw, 1 + lag, cause, effect)."""
    spread = channel_spread(training)
    now, before = graph_weights(posterior)
    return np.concatenate([now[:, None], before], axis=1) * (spread / spread[:, None])


def _parts(exposure: Array, weights: Array) -> Iterator[tuple[int, Array]]:
    """For each channel that drives another, what it makes all channels spend.

    Parameters
    ----------
    exposure : ndarray of shape (date, channel)
    weights : ndarray of shape (draw, 1 + lag, cause, effect)

    Yields
    ------
    cause : int
    part : ndarray of shape (draw, date, channel)
        The parts of all channels add up to the exposure.
    """
    n, lags = exposure.shape[1], weights.shape[1] - 1
    now = weights[:, 0]
    onward = np.linalg.inv(np.eye(n) - now)
    own = exposure - exposure @ now
    for lag in range(1, min(lags, len(exposure) - 1) + 1):
        own[:, lag:] -= exposure[:-lag] @ weights[:, lag]
    edges = (np.abs(weights) > 0).any(axis=(0, 1)) & ~np.eye(n, dtype=bool)
    for cause in np.flatnonzero(edges.any(axis=1)):
        part = np.zeros((len(weights), *exposure.shape))
        for time in range(len(exposure)):
            begun = np.zeros((len(weights), 1, n))
            begun[:, 0, cause] = own[:, time, cause]
            for lag in range(1, min(lags, time) + 1):
                begun += part[:, time - lag, None] @ weights[:, lag]
            part[:, time] = (begun @ onward)[:, 0]
        yield int(cause), part


@dataclass(frozen=True)
class _Responses:
    """What every draw says that channels earn from an input."""

    spec: ModelSpec
    kernel: Array
    parameters: dict[str, Array]
    blend: Blend | None
    multiplier: Array | None
    exposure: Array
    carried: Array

    @classmethod
    def of(
        cls, posterior: xr.Dataset, spec: ModelSpec, training: ModelData, data: ModelData
    ) -> _Responses:
        """Gather parameters, with draws in one row."""
        channels, time = len(data.channels), np.arange(data.n_periods, dtype=float)
        kernel = spec.adstock_component.kernel(
            spec.lag_max, component_values(posterior, "adstock", spec, channels)
        )
        parameters = component_values(posterior, "saturation", spec, channels)
        multipliers = time_multipliers(posterior, spec, training.n_periods, time)
        multiplier = multipliers.get(MEDIA_MULTIPLIER)
        blend = Blend.of(posterior, training)
        carried = carry_over(effective_input(posterior, training, data), kernel)
        return cls(
            spec,
            _in_one_row(kernel),
            {name: _in_one_row(values) for name, values in parameters.items()},
            blend.in_one_row() if blend else None,
            None if multiplier is None else _in_one_row(multiplier),
            data.scaled("media").transpose(DATE, CHANNEL).values,
            _in_one_row(carried),
        )

    def lost(self, rows: Array, part: Array, effect: int) -> Array:
        """What a channel would earn less without a part of all spend, of shape (row, date)."""
        chosen = slice(effect, effect + 1)
        # No one spends less than nothing.
        kept = np.maximum(self.exposure - part, 0.0)
        kept_input = self.blend.at(rows).of_one(kept, effect) if self.blend else kept[..., chosen]
        before = self.carried[rows][..., chosen]
        after = carry_over(kept_input, self.kernel[rows][:, chosen])
        curve = self.spec.saturation_component
        values = {name: v[rows, None, chosen] for name, v in self.parameters.items()}
        difference = curve.response(np.maximum(before, 0.0), **values) - curve.response(
            np.maximum(after, 0.0), **values
        )
        lost: Array = difference[..., 0]
        return lost if self.multiplier is None else lost * self.multiplier[rows]


def _in_one_row(values: Array) -> Array:
    return values.reshape(-1, *values.shape[2:])
