"""How many epochs there are, and how large the optimiser's steps are in each."""

from __future__ import annotations

import math

import torch

from pymc_toolkit.engines.deep.config import DeepSettings

# Shares of the largest step: at the end, and beyond it, where cycles are still to be driven out.
_SMALLEST_RATE, _RATE_WITH_CYCLES = 0.02, 0.5


def warm_start(settings: DeepSettings) -> int:
    """Epochs with stable coefficients alone."""
    return settings.warm_start_epochs if settings.use_warm_start else 0


def all_epochs(settings: DeepSettings) -> int:
    """Epochs of the warm start and after it."""
    return warm_start(settings) + settings.n_epochs


def dear_cycles(settings: DeepSettings) -> int:
    """Epochs before cycles have a price; so few that there is time to drive them out."""
    return min(settings.notears_warmup_epochs, all_epochs(settings) // 3)


def optimizer_and_scheduler(
    ensemble: torch.nn.Module, settings: DeepSettings
) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
    """Adam, and a rate that rises for some epochs and then falls along a cosine.

    Beyond the epochs that were asked for, where only graphs with cycles get, it is larger again.

    Parameters
    ----------
    ensemble : torch.nn.Module
        One network, or several.
    settings : DeepSettings
    """
    optimizer = torch.optim.Adam(
        ensemble.parameters(), settings.learning_rate, betas=(0.9, 0.99), foreach=True
    )
    rising, epochs = settings.rate_warmup_epochs, all_epochs(settings)

    def share(epoch: int) -> float:
        if epoch < rising:
            return (epoch + 1) / rising
        if epoch >= epochs:
            return _RATE_WITH_CYCLES
        place = min(1.0, (epoch - rising) / max(1, epochs - rising))
        return _SMALLEST_RATE + (1 - _SMALLEST_RATE) * 0.5 * (1 + math.cos(math.pi * place))

    return optimizer, torch.optim.lr_scheduler.LambdaLR(optimizer, share)
