"""What the channels' graph leaves unexplained of each channel: its own exposure.

Exposure is a channel's own part plus a sum of its causes. A graph is good if the own parts carry
little information and share none, which is the likelihood of independent parts: the sum of their
entropies, less the logarithm of the determinant of the equations [3]_. The determinant is one for
a graph without cycles, and keeps those with cycles from looking better than they are.

Entropies say more than variances. Variances tell a direction only on a scale on which all own parts
are of one size, and neither currencies, impressions nor scaled media are such a scale; with it a
graph would follow the units of its channels [4]_. Entropies of standardised parts do not depend on
units, and tell directions by shape: a cause's own part can be found in its effect, but no sum of
the two is as far from a normal distribution as they are [1]_.

References
----------
.. [1] Shimizu, Hoyer, Hyvärinen, Kerminen (2006). A linear non-Gaussian acyclic model for causal
   discovery. Journal of Machine Learning Research 7.
.. [2] Hyvärinen, Smith (2013). Pairwise likelihood ratios for estimation of non-Gaussian
   structural equation models. Journal of Machine Learning Research 14.
.. [3] Ng, Ghassami, Zhang (2020). On the role of sparsity and DAG constraints for learning linear
   DAGs. NeurIPS.
.. [4] Reisach, Seiler, Weichwald (2021). Beware of the simulated DAG! NeurIPS.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

# The approximation of [2]: what the two departures from a normal distribution count, and the mean
# of log cosh under it.
_PEAKED, _SKEWED, _LOG_COSH = 79.047, 36 / (8 * math.sqrt(3) - 9), 0.37457
# Of a standardised channel, what no cause explains, so that copies of a channel stay finite.
_LEAST_OWN = 1e-3


def within_regions(media: Tensor) -> Tensor:
    """Exposure as standard deviations from its mean in the region.

    Parameters
    ----------
    media : Tensor of shape (region, week, channel)

    Returns
    -------
    Tensor of shape (region * week, channel)
        Zero where a channel never changes.
    """
    away = media - media.mean(1, keepdim=True)
    tiny = torch.finfo(media.dtype).eps
    spread = away.square().mean(1, keepdim=True).clamp_min(tiny**2).sqrt()
    return (away / spread).flatten(0, 1)


def causal_weights(correlations: Tensor, gates: Tensor) -> Tensor:
    """How much of each cause is in each effect, as far as the gates are open.

    Weights of a ridge regression of each channel on the others, in which a cause costs 1 / gate - 1
    times its squared weight: nothing with an open gate, and too much with a closed one. The weight
    of a channel's only cause is the gate times their correlation.

    Parameters
    ----------
    correlations : Tensor of shape (channel, channel)
    gates : Tensor of shape (cause, effect), between 0 and 1
        Zero on the diagonal.

    Returns
    -------
    Tensor of shape (cause, effect)
        Zero where the gate is.

    Examples
    --------
    >>> gates = torch.tensor([[0.0, 0.5], [0.0, 0.0]])
    >>> causal_weights(torch.tensor([[1.0, 0.6], [0.6, 1.0]]), gates)[0, 1]
    tensor(0.3000)
    """
    one = torch.eye(len(gates), dtype=gates.dtype, device=gates.device)
    open_to = gates.T[:, :, None]
    # Multiplied by the gates, so that a closed one divides nothing by zero.
    equations = one + open_to * (correlations - one)
    weights: Tensor = torch.linalg.solve(equations, open_to * correlations.T[:, :, None])
    return weights[:, :, 0].T


def entropies(parts: Tensor) -> Tensor:
    """Entropy of each series, up to a constant: of its size, and of its shape by [2]_.

    Parameters
    ----------
    parts : Tensor of shape (observation, series)
        With mean zero.

    Returns
    -------
    Tensor of shape (series,)
    """
    size = (parts.square().mean(0) + _LEAST_OWN**2).sqrt()
    shape = parts / size
    # log cosh, without overflow.
    high = shape.abs()
    peaked = (high + functional.softplus(-2 * high) - math.log(2)).mean(0) - _LOG_COSH
    skewed = (shape * (-0.5 * shape.square()).exp()).mean(0)
    return size.log() - _PEAKED * peaked.square() - _SKEWED * skewed.square()


def dag_misfit(media: Tensor, gates: Tensor) -> Tensor:
    """Minus the log-likelihood of a graph per observation, up to a constant [1]_ [3]_.

    Parameters
    ----------
    media : Tensor of shape (region, week, channel)
    gates : Tensor of shape (cause, effect), between 0 and 1
        Zero on the diagonal.

    Returns
    -------
    Tensor, a scalar
        The same whatever the unit of a channel in a region.
    """
    series = within_regions(media)
    one = torch.eye(len(gates), dtype=gates.dtype, device=gates.device)
    correlations = series.T @ series / len(series)
    correlations = one + (1 - _LEAST_OWN) * correlations * (1 - one)
    weights = causal_weights(correlations, gates)
    return entropies(series - series @ weights).sum() - torch.linalg.slogdet(one - weights)[1]
