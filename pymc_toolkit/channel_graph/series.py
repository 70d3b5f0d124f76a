"""Channels' series as a graph is learnt from them: on one scale, without what moves all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from pymc_toolkit.arrays import Array
from pymc_toolkit.components.channel_dag import EQUAL, ChannelDag
from pymc_toolkit.exceptions import ChannelGraphError

# Channels up to which all graphs can be summed over.
MOST_CHANNELS = 20
# What counts as no variation, and as the same series, relative to a standard deviation of one.
_STILL, _SAME = 1e-9, 1e-7


@dataclass(frozen=True)
class GraphSeries:
    """What every channel spent now and before, as deviations from what common causes explain.

    Parameters
    ----------
    names : tuple of str
        Of the channels that vary by themselves; the others have no part in a graph.
    place : ndarray of int, of shape (channel,)
        Their positions among all channels.
    spread : ndarray of shape (channel,)
        Standard deviation of each, in the units of the series that were given.
    now : ndarray of shape (period, channel)
        In standard deviations.
    past : ndarray of shape (period, lag * channel)
        The same in the periods before, the last one first.
    news : ndarray of shape (period, channel)
        What the past of all channels leaves of ``now``: of standard deviation 1, or if noise is
        equal in one unit for all channels, in which none has less than that.
    lags : int
        Number of lags of ``past``.
    periods : int
        What ``news`` are worth: periods less what was fitted.
    """

    names: tuple[str, ...]
    place: Array
    spread: Array
    now: Array
    past: Array
    news: Array
    lags: int
    periods: int


def graph_series(
    series: Array, names: Sequence[str], common: Array | None, dag: ChannelDag
) -> GraphSeries:
    """Prepare series for learning.

    Parameters
    ----------
    series : ndarray of shape (period, channel)
        In any units; left as it is.
    names : sequence of str
    common : ndarray of shape (period, cause), optional
        What may move several channels at once, such as the season; a mean always does.
    dag : ChannelDag

    Returns
    -------
    GraphSeries

    Raises
    ------
    ChannelGraphError
        If there are too many channels or too few periods, two channels move in exact proportion, or
        an edge is required of a channel that never changes.
    """
    spread = series.std(axis=0)
    varies = spread > _STILL * np.abs(series).max(axis=0)
    blocks = [np.ones((len(series), 1)), *([] if common is None else [common])]
    prepared = _prepared(series, names, varies, np.hstack(blocks), dag)
    # What follows from common causes and the past alone has no part of its own to learn from.
    idle = prepared.news.std(axis=0) < _SAME
    if idle.any():
        varies[prepared.place[idle]] = False
        prepared = _prepared(series, names, varies, np.hstack(blocks), dag)
    _check_required(names, varies, dag)
    _check_size(prepared.names, prepared.periods)
    _check_different(prepared.news, prepared.names)
    size = prepared.news.std(axis=0)
    if dag.noise == EQUAL:
        # A unit in which the prior of the scores is small beside every channel.
        news = prepared.news * prepared.spread / (size * prepared.spread).min(initial=np.inf)
    else:
        news = prepared.news / size
    return replace(prepared, news=news)


def _prepared(
    series: Array, names: Sequence[str], varies: Array, common: Array, dag: ChannelDag
) -> GraphSeries:
    """Series of the channels that vary, in standard deviations, and their news."""
    place = np.flatnonzero(varies)
    labels = tuple(name for name, moves in zip(names, varies, strict=True) if moves)
    if len(series) <= dag.lags + 2:
        _check_size(labels, 0)
    kept = series[:, place]
    spread = kept.std(axis=0)
    scaled = (kept - kept.mean(axis=0)) / spread
    lags, length = dag.lags, len(series)
    past = [scaled[lags - lag : length - lag] for lag in range(1, lags + 1)]
    causes = common[lags:]
    # Each channel's news cost one period for every common cause and every series of the past.
    periods = int(length - lags - np.linalg.matrix_rank(causes) - lags * place.size)
    now = _rest(scaled[lags:], causes)
    before = _rest(np.hstack([np.empty((length - lags, 0)), *past]), causes)
    return GraphSeries(labels, place, spread, now, before, _rest(now, before), lags, periods)


def spread_of(media: Array) -> Array:
    """Standard deviation of each series of shape (period, channel), 1 where it never varies."""
    spread = media.std(axis=0)
    return np.where(spread > 0, spread, 1.0)


def _rest(series: Array, causes: Array) -> Array:
    """What a regression on causes leaves of series."""
    if not causes.shape[1]:
        return series
    return series - causes @ np.linalg.lstsq(causes, series, rcond=None)[0]


def _check_required(names: Sequence[str], varies: Array, dag: ChannelDag) -> None:
    still = {name for name, moves in zip(names, varies, strict=True) if not moves}
    for cause, effect in dag.required:
        if {cause, effect} & still:
            raise ChannelGraphError(
                f"Got the required edge {cause!r} -> {effect!r}, but "
                f"{cause if cause in still else effect!r} is the same in every period; expected "
                "series that vary. Leave the edge out."
            )


def _check_size(names: Sequence[str], periods: int) -> None:
    if len(names) > MOST_CHANNELS:
        raise ChannelGraphError(
            f"Got {len(names)} channels; a graph is learnt for at most {MOST_CHANNELS}. Merge "
            "channels that are planned together."
        )
    if periods < len(names) + 2:
        raise ChannelGraphError(
            f"Got series that leave {max(periods, 0)} periods once common causes and {len(names)} "
            f"channels' past are accounted for; expected at least {len(names) + 2}. Use fewer "
            "lags, more periods, or fewer channels."
        )


def _check_different(news: Array, names: Sequence[str]) -> None:
    """Refuse channels that no data could tell apart."""
    correlation = np.corrcoef(news.T) if len(names) > 1 else np.eye(1)
    same = np.argwhere(np.triu(np.abs(correlation) > 1 - _SAME, 1))
    if same.size:
        first, second = (names[i] for i in same[0])
        raise ChannelGraphError(
            f"Got {first!r} and {second!r}, which move in exact proportion; no data can tell which "
            "of them drives the other. Merge the two, or leave channel_dag out."
        )
