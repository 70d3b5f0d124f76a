"""Graphs as variables of a posterior."""

from __future__ import annotations

import numpy as np
import xarray as xr

from pymc_toolkit.arrays import Array
from pymc_toolkit.names import CHANNEL, DAG_ADJACENCY, DAG_LAGGED, EFFECT, LAG, SAMPLE


def graph_weights(posterior: xr.Dataset) -> tuple[Array, Array]:
    """Weights of every draw, those of all chains one after the other.

    Parameters
    ----------
    posterior : xarray.Dataset
        Of a model with a channel graph.

    Returns
    -------
    now : ndarray of shape (draw, cause, effect)
    before : ndarray of shape (draw, lag, cause, effect)
        Habits and the past of causes included; no lags where the model has none.
    """
    now = posterior[DAG_ADJACENCY].transpose(*SAMPLE, CHANNEL, EFFECT).values
    now = now.reshape(-1, *now.shape[2:])
    if DAG_LAGGED not in posterior:
        return now, np.empty((len(now), 0, *now.shape[1:]))
    before = posterior[DAG_LAGGED].transpose(*SAMPLE, LAG, CHANNEL, EFFECT).values
    return now, before.reshape(len(now), *before.shape[2:])
