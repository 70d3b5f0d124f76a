"""What is believed of a network's parameters before the data: a normal distribution of each.

They are on the unconstrained scale on which the parameters are trained. Members of an ensemble are
trained towards draws of their own of these distributions ("anchors"), on observations that count by
weights of their own: where the data say little, members differ as much as the beliefs do.

References
----------
.. [1] Pearce, Leibfried, Brintrup (2020). Uncertainty in neural networks: approximately Bayesian
   ensembling. AISTATS.
.. [2] Newton, Raftery (1994). Approximate Bayesian inference with the weighted likelihood
   bootstrap. Journal of the Royal Statistical Society B 56.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from pymc_toolkit.engines.deep.ensemble import Ensemble, Outputs
from pymc_toolkit.engines.deep.losses import Objective
from pymc_toolkit.engines.deep.network import DeepCausalMMM

type Anchors = dict[str, Tensor]

# Standard deviations around the values that a network starts from.
SPREADS: Mapping[str, float] = {
    "adstock_raw": 1.0,
    "hill_g_raw": 0.7,
    "hill_a_raw": 0.3,
    "media_logit": 1.0,
    "media_bound_raw": 0.01,
    "ctrl_coeffs": 0.1,
    "ctrl_swing_raw": 0.5,
    "region_baseline": 1.0,
    "baseline_steps": 0.1,
    "seasonal_waves": 0.1,
    "seasonal_coeff": 0.3,
    "adj_logits": 1.0,
    "interaction_weight": 1.0,
    "media_head.weight": 0.05,
    "media_head.bias": 0.05,
    "ctrl_head.weight": 0.05,
    "ctrl_head.bias": 0.05,
    "region_features.weight": 1.0,
    "ctrl_features.weight": 0.5,
    "ctrl_features.bias": 0.5,
    "norm.weight": 0.1,
    "norm.bias": 0.1,
}
# These say what a client can read; the others only make coefficients move, and start as layers do.
_DRAWN = (
    *("adstock_raw", "hill_g_raw", "hill_a_raw", "media_logit", "ctrl_coeffs", "region_baseline"),
    *("baseline_steps", "seasonal_waves", "seasonal_coeff", "interaction_weight"),
)


def spread(name: str, network: DeepCausalMMM) -> float:
    """Standard deviation of a parameter by its name."""
    return SPREADS.get(name, 1 / math.sqrt(network.settings.hidden_dim))


@torch.no_grad()
def draw(network: DeepCausalMMM, share: float, generator: torch.Generator) -> None:
    """Move a network's readable parameters from where they are to a draw around it.

    Parameters
    ----------
    network : DeepCausalMMM
        Changed in place.
    share : float
        Of the standard deviations: 1 for a draw of the beliefs, 0 for their middle.
    generator : torch.Generator
    """
    for name, values in network.named_parameters():
        if name in _DRAWN:
            noise = torch.randn(values.shape, generator=generator)
            values.add_(share * spread(name, network) * noise)


def anchors_of(networks: Sequence[DeepCausalMMM]) -> Anchors:
    """Parameters as they are now, by name and with a first dim member."""
    names = dict(networks[0].named_parameters())
    each = [dict(network.named_parameters()) for network in networks]
    return {name: torch.stack([own[name].detach().clone() for own in each]) for name in names}


def log_posterior(anchors: Anchors, observations: int) -> Objective:
    """What members are trained to make small: minus twice the log posterior, per observation.

    With errors of unknown size the likelihood is ``misfit ** (-observations / 2)``, the size
    profiled out; the beliefs add the squared distance to the anchors in standard deviations.

    Parameters
    ----------
    anchors : dict of str to Tensor
        From :func:`anchors_of`.
    observations : int

    Returns
    -------
    Objective
    """

    def objective(ensemble: Ensemble, misfit: Tensor, outputs: Outputs) -> Tensor:
        first = ensemble.networks[0]
        distances = [
            ((values - anchors[name]) / spread(name, first)).square().flatten(1).sum(1)
            for name, values in ensemble.stacked().items()
            if name in anchors
        ]
        away = torch.stack(distances).sum(0)
        return misfit.log() + away / observations + ensemble.penalties(outputs)

    return objective


def bootstrap_weights(members: int, weeks: int, block: int, generator: torch.Generator) -> Tensor:
    """How much each week counts for each member, of shape (member, week); 1 on average.

    Exponential weights of blocks of weeks, each week's interpolated between the middles of two: the
    Bayesian bootstrap for series whose errors last for some weeks.

    Parameters
    ----------
    members, weeks : int
    block : int
        Weeks of a block.
    generator : torch.Generator
    """
    blocks = math.ceil(weeks / block) + 1
    drawn = torch.empty(members, blocks).exponential_(generator=generator)
    place = torch.arange(weeks) / block
    low = place.floor().long()
    part = place - low
    weights = drawn[:, low] * (1 - part) + drawn[:, low + 1] * part
    return weights / weights.mean(1, keepdim=True)
