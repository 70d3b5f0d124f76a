"""The formulas of the network, as functions of tensors. None looks ahead in time.

References
----------
.. [1] Jin, Wang, Sun, Chan, Koehler (2017). Bayesian methods for media mix modeling with carryover
   and shape effects. Google.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional


def geometric_kernel(retention: Tensor, lags: int) -> Tensor:
    """Weights by lag that fall by a constant factor and sum to one.

    Parameters
    ----------
    retention : Tensor of shape (channel,)
        Between 0 and 1.
    lags : int
        Number of weights, lag zero included.

    Returns
    -------
    Tensor of shape (channel, lag)

    Examples
    --------
    >>> geometric_kernel(torch.tensor([0.5]), 2)
    tensor([[0.6667, 0.3333]])
    """
    powers = torch.arange(lags, device=retention.device, dtype=retention.dtype)
    weights = retention[:, None] ** powers
    return weights / weights.sum(-1, keepdim=True)


def carry_over(exposure: Tensor, kernel: Tensor) -> Tensor:
    """Spread each week's exposure over the weeks after it; the series starts cold.

    Parameters
    ----------
    exposure : Tensor of shape (region, week, channel)
    kernel : Tensor of shape (channel, lag)

    Returns
    -------
    Tensor of shape (region, week, channel)

    Examples
    --------
    >>> carry_over(torch.tensor([[[4.0], [0.0], [0.0]]]), torch.tensor([[0.75, 0.25]])).flatten()
    tensor([3., 1., 0.])
    """
    lags = kernel.shape[-1]
    padded = functional.pad(exposure, (0, 0, lags - 1, 0))
    windows = padded.unfold(1, lags, 1)  # (region, week, channel, lag), the oldest first
    return torch.einsum("rwcl,cl->rwc", windows, kernel.flip(-1))


def hill_curve(exposure: Tensor, half: Tensor, slope: Tensor) -> Tensor:
    """Diminishing returns, x^s / (g^s + x^s), between 0 and 1; no exposure below zero earns.

    Parameters
    ----------
    exposure : Tensor of shape (..., channel)
    half : Tensor of shape (channel,)
        Exposure g that gives one half.
    slope : Tensor of shape (channel,)
        Exponent s.

    Returns
    -------
    Tensor of shape (..., channel)

    Examples
    --------
    >>> half, slope = torch.tensor([2.0]), torch.tensor([3.0])
    >>> hill_curve(torch.tensor([[-1.0], [2.0]]), half, slope).flatten()
    tensor([0.0000, 0.5000])
    """
    on_air = exposure > 0
    # A number with a finite logarithm where nothing is on air, so that its derivative is finite.
    logs = torch.where(on_air, exposure, torch.ones_like(exposure)).log()
    return torch.where(on_air, torch.sigmoid(slope * (logs - half.log())), 0.0)


def smooth(series: Tensor, decay: float) -> Tensor:
    """Exponential moving average over time, started at the first value.

    Parameters
    ----------
    series : Tensor of shape (region, week, ...)
    decay : float
        Weight of the average of the week before.

    Returns
    -------
    Tensor of the same shape

    Examples
    --------
    >>> smooth(torch.tensor([[0.0, 1.0, 1.0]]), 0.5)
    tensor([[0.0000, 0.5000, 0.7500]])
    """
    week = torch.arange(series.shape[1], device=series.device)
    age = (week[:, None] - week[None, :]).to(series.dtype)
    weights = torch.where(age >= 0, (1 - decay) * decay ** age.clamp_min(0), 0.0)
    # What would have come before the first week equals it.
    weights[:, 0] = decay ** week.to(series.dtype)
    return torch.einsum("ts,rs...->rt...", weights, series)


def burn_in_weights(weeks: int, burn_in: int, method: str, steepness: float) -> Tensor:
    """How much of the recurrent state's coefficients counts, by week since the start.

    Parameters
    ----------
    weeks, burn_in : int
        Weights are 1 once the burn-in is over.
    method : {"linear", "exponential", "sigmoid"}
    steepness : float
        Of the last two.

    Returns
    -------
    Tensor of shape (week,)

    Examples
    --------
    >>> burn_in_weights(4, 3, "linear", 5.0)
    tensor([0.2500, 0.5000, 0.7500, 1.0000])
    """
    place = ((torch.arange(weeks) + 1) / (burn_in + 1)).clamp_max(1.0)
    if method == "linear":
        return place
    if method == "exponential":
        curve = torch.expm1(-steepness * place) / math.expm1(-steepness)
    else:
        low, high = (torch.sigmoid(torch.tensor(steepness * at)) for at in (-0.5, 0.5))
        curve = (torch.sigmoid(steepness * (place - 0.5)) - low) / (high - low)
    # Exactly one after the burn-in, whatever the rounding.
    return torch.where(place < 1, curve, 1.0)


def yearly_waves(week: Tensor, period: float, harmonics: int) -> Tensor:
    """Sines and cosines of the week of the year.

    Parameters
    ----------
    week : Tensor of shape (week,)
        Number of each week since any fixed one.
    period : float
        Weeks of a year.
    harmonics : int

    Returns
    -------
    Tensor of shape (week, 2 * harmonics)
    """
    order = torch.arange(1, harmonics + 1, device=week.device, dtype=week.dtype)
    angle = 2 * math.pi * week[:, None] * order / period
    return torch.cat([angle.sin(), angle.cos()], dim=-1)


def ramps(week: Tensor, knots: int, spacing: int) -> Tensor:
    """How far a line has come to each knot: 0 before the stretch to it, 1 after.

    Parameters
    ----------
    week : Tensor of shape (week,)
    knots, spacing : int
        The first is ``spacing`` weeks after week 0.

    Returns
    -------
    Tensor of shape (week, knot)

    Examples
    --------
    >>> ramps(torch.tensor([0.0, 1.0, 3.0, 9.0]), 2, 2).T
    tensor([[0.0000, 0.5000, 1.0000, 1.0000],
            [0.0000, 0.0000, 0.5000, 1.0000]])
    """
    start = torch.arange(knots, device=week.device, dtype=week.dtype) * spacing
    return ((week[:, None] - start) / spacing).clamp(0.0, 1.0)


def inverse_softplus(value: Tensor) -> Tensor:
    """The number whose softplus is a given positive one.

    Parameters
    ----------
    value : Tensor

    Returns
    -------
    Tensor

    Examples
    --------
    >>> functional.softplus(inverse_softplus(torch.tensor([0.5, 80.0])))
    tensor([ 0.5000, 80.0000])
    """
    return value + (-torch.expm1(-value)).log()
