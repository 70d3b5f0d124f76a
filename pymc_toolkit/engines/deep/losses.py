"""What training makes small, member by member, and the measures that it is watched by."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor
from torch.nn import functional

from pymc_toolkit.engines.deep.config import DeepSettings
from pymc_toolkit.engines.deep.ensemble import Ensemble, Outputs

# Loss of each member, from the ensemble, the misfit of each and the outputs of the forward pass.
Objective = Callable[[Ensemble, Tensor, Outputs], Tensor]


def weighted_loss(
    predictions: Tensor, target: Tensor, weights: Tensor, settings: DeepSettings
) -> Tensor:
    """Mean Huber loss (or half squared error) of each member.

    Parameters
    ----------
    predictions : Tensor of shape (member, region, week)
    target : Tensor of shape (region, week)
    weights : Tensor of shape (member, region, week)
    settings : DeepSettings

    Returns
    -------
    Tensor of shape (member,)
    """
    if not settings.use_huber_loss:
        return 0.5 * mean_squares(predictions, target, weights)
    losses = functional.huber_loss(
        predictions, target.expand_as(predictions), reduction="none", delta=settings.huber_delta
    )
    return (losses * weights).sum((1, 2)) / weights.sum((1, 2))


def mean_squares(predictions: Tensor, target: Tensor, weights: Tensor) -> Tensor:
    """Weighted mean squared error of each member, of shape (member,).

    Parameters
    ----------
    predictions, target, weights
        As for :func:`weighted_loss`.
    """
    squares = (predictions - target).square()
    return (squares * weights).sum((1, 2)) / weights.sum((1, 2))


def penalised(ensemble: Ensemble, misfit: Tensor, outputs: Outputs) -> Tensor:
    """The misfit and the price of the graph, of coefficients and of media's share, by member.

    Parameters
    ----------
    ensemble : Ensemble
    misfit : Tensor of shape (member,)
    outputs : dict of str to Tensor

    Returns
    -------
    Tensor of shape (member,)
    """
    return misfit + ensemble.penalties(outputs)


def cycles(ensemble: Ensemble) -> float:
    """The largest measure of cycles h over the members' graphs."""
    networks = ensemble.networks
    return max(float(network.h_acyclicity(network.dag_matrix.detach())) for network in networks)
