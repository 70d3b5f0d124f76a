"""What reaches a channel's curve where channels drive each other, from posterior draws."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import xarray as xr

from pymc_toolkit.arrays import Array
from pymc_toolkit.channel_graph.series import spread_of
from pymc_toolkit.model_data import ModelData
from pymc_toolkit.names import CHANNEL, DAG_MIX, DAG_WEIGHTS, DATE, EDGE, SAMPLE


@dataclass(frozen=True)
class Blend:
    """A channel's input: a share of its own spend, and the rest what its causes lead one to expect.

    Parameters
    ----------
    own : ndarray of shape (..., channel)
        Share of its own spend, by draw; 1 for a channel without causes.
    weights : ndarray of shape (..., edge)
        In standard deviations.
    cause, effect, lag : ndarray of int, of shape (edge,)
    unit : ndarray of shape (edge,)
        Scaled units of the driven channel per scaled unit of the driving one, for a weight of 1.
    """

    own: Array
    weights: Array
    cause: Array
    effect: Array
    lag: Array
    unit: Array

    @classmethod
    def of(cls, posterior: xr.Dataset, training: ModelData) -> Blend | None:
        """The blend of every draw, of shape (chain, draw, ...); None where nothing is driven.

        Parameters
        ----------
        posterior : xarray.Dataset
        training : ModelData
            The window that was fitted, whose standard deviations weights are in.
        """
        if DAG_WEIGHTS not in posterior or not posterior.sizes[EDGE]:
            return None
        cause, effect, lag = (
            posterior[f"edge_{end}"].values.astype(int) for end in ("cause", "effect", "lag")
        )
        channels = len(training.channels)
        mix, weights = (
            (draws if dim in draws.dims else draws.expand_dims({dim: size}, -1))
            .transpose(*SAMPLE, dim)
            .values
            for draws, dim, size in (
                (posterior[DAG_MIX], CHANNEL, channels),
                (posterior[DAG_WEIGHTS], EDGE, cause.size),
            )
        )
        own = 1.0 - mix * np.isin(np.arange(channels), effect)
        spread = channel_spread(training)
        return cls(own, weights, cause, effect, lag, spread[effect] / spread[cause])

    def in_one_row(self) -> Blend:
        """The same with draws of all chains one after the other."""
        own, weights = (values.reshape(-1, values.shape[-1]) for values in (self.own, self.weights))
        return replace(self, own=own, weights=weights)

    def at(self, rows: Array) -> Blend:
        """Some draws."""
        return replace(self, own=self.own[rows], weights=self.weights[rows])

    def expected(self, exposure: Array) -> Array:
        """What causes lead one to expect, of shape (..., date, channel).

        Parameters
        ----------
        exposure : ndarray of shape (..., date, channel)
            Scaled.
        """
        parts = [self._expected_of(exposure, effect) for effect in range(exposure.shape[-1])]
        return np.stack(np.broadcast_arrays(*parts), axis=-1)

    def of_one(self, exposure: Array, channel: int) -> Array:
        """What reaches one channel's curve before carry-over, of shape (..., date, 1)."""
        own = self.own[..., None, channel]
        expected = self._expected_of(exposure, channel)
        blended: Array = own * exposure[..., channel] + (1 - own) * expected
        return blended[..., None]

    def _expected_of(self, exposure: Array, channel: int) -> Array:
        batch = np.broadcast_shapes(self.own.shape[:-1], exposure.shape[:-2])
        periods = exposure.shape[-2]
        expected = np.zeros((*batch, periods))
        for edge in np.flatnonzero(self.effect == channel):
            lag = min(int(self.lag[edge]), periods)
            moved = exposure[..., : periods - lag, self.cause[edge]] * self.unit[edge]
            expected[..., lag:] += self.weights[..., edge, None] * moved
        return expected

    def __call__(self, exposure: Array) -> Array:
        """What reaches the curves before carry-over, of shape (..., date, channel)."""
        own = self.own[..., None, :]
        blended: Array = own * exposure + (1 - own) * self.expected(exposure)
        return blended


def channel_spread(training: ModelData) -> Array:
    """Standard deviation of each channel's scaled spend, 1 where it never varies."""
    return spread_of(training.scaled("media").transpose(DATE, CHANNEL).values)
