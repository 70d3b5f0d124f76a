"""Members of an ensemble: where each starts, what it is drawn to, how much each week counts."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from pymc_toolkit.engines.deep.beliefs import (
    anchors_of,
    bootstrap_weights,
    draw,
    log_posterior,
)
from pymc_toolkit.engines.deep.config import DeepSettings
from pymc_toolkit.engines.deep.ensemble import Ensemble
from pymc_toolkit.engines.deep.losses import cycles
from pymc_toolkit.engines.deep.network import DeepCausalMMM
from pymc_toolkit.engines.deep.options import DeepOptions
from pymc_toolkit.engines.deep.training import History, Panel, Training

NewNetwork = Callable[[], DeepCausalMMM]
# The twin has to be trained on more than it predicts.
_LARGEST_SHARE_HELD = 0.25


@dataclass(frozen=True)
class Trained:
    """What training gives.

    Parameters
    ----------
    networks : list of DeepCausalMMM
        Trained on all weeks, without the twin.
    history : History
    first : int
        Position of the first of them in the history.
    cycles : list of float
        Measure of cycles of each.
    """

    networks: list[DeepCausalMMM]
    history: History
    first: int
    cycles: list[float]


def train_members(
    new_network: NewNetwork,
    panel: Panel,
    options: DeepOptions,
    seed: int,
    progress: Callable[[int, History], None] | None = None,
) -> Trained:
    """Train the networks of an ensemble as one batch.

    All start where the data of their weeks suggest. Of more than one, each is drawn to values of
    its own and weighs weeks in its own way; one alone is drawn to the middle of the beliefs.

    Parameters
    ----------
    new_network : callable
        Makes a network, as torch's generator does.
    panel : Panel
        All weeks of training.
    options : DeepOptions
    seed : int
        Same seed, same networks, whatever torch's generator has been used for.
    progress : callable, optional
        See :meth:`Training.run`.

    Returns
    -------
    Trained
    """
    settings, members = options.settings, options.members
    weeks = panel.target.shape[1]
    held = held_weeks(settings, weeks)
    twins = 1 if held else 0
    networks = [
        *started(new_network, _without_last(panel, held), twins, seed),
        *started(new_network, panel, members, seed),
    ]
    generator = torch.Generator().manual_seed(seed)
    middle = copy.deepcopy(networks)
    if members > 1:
        for network in middle[twins:]:
            draw(network, 1.0, generator)
    weights = torch.ones(twins + members, *panel.target.shape)
    if members > 1:
        drawn = bootstrap_weights(members, weeks, options.block_periods, generator)
        weights[twins:] = drawn[:, None, :]
    if held:
        weights[0, :, weeks - held :] = 0
    ensemble, anchors = Ensemble(networks).to(options.device), anchors_of(middle)
    training = Training(
        ensemble,
        panel.to(options.device),
        settings,
        weights.to(options.device),
        log_posterior(
            {name: values.to(options.device) for name, values in anchors.items()},
            panel.target.numel(),
        ),
        held,
        seed,
    )
    history = training.run(progress)
    ensemble.cpu()
    kept = ensemble.networks[twins:]
    return Trained(kept, history, twins, [cycles(Ensemble([network])) for network in kept])


def started(new_network: NewNetwork, panel: Panel, count: int, seed: int) -> list[DeepCausalMMM]:
    """Networks with starting values from a panel's weeks, each from a seed of its own."""
    networks = []
    for number in range(count):
        with torch.random.fork_rng(devices=[]):
            # The sum may not be larger than torch's largest seed.
            torch.manual_seed((seed + number) % 2**63)
            network = new_network()
        network.initialize_baseline(panel.target)
        network.initialize_hill_from_data(panel.media)
        networks.append(network)
    return networks


def held_weeks(settings: DeepSettings, weeks: int) -> int:
    """Weeks at the end that the twin does not see."""
    return min(settings.validation_weeks, int(weeks * _LARGEST_SHARE_HELD))


def _without_last(panel: Panel, weeks: int) -> Panel:
    def cut(series: Tensor) -> Tensor:
        return series[:, : series.shape[1] - weeks]

    return Panel(
        cut(panel.media), cut(panel.controls), panel.regions, cut(panel.target), panel.start_week
    )
