"""Small panels and networks for the tests of the deep engine. Imports torch."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from pymc_toolkit.engines.deep import DeepCausalMMM


def panel(
    regions: int = 2, weeks: int = 20, channels: int = 3, controls: int = 2, seed: int = 1
) -> tuple[Tensor, Tensor, Tensor]:
    """Media as shares, standard normal controls, and a number for each row's region."""
    generator = torch.Generator().manual_seed(seed)
    media = torch.rand(regions, weeks, channels, generator=generator)
    others = torch.randn(regions, weeks, controls, generator=generator)
    return media / media.sum(-1, keepdim=True), others, torch.arange(regions)


def network(
    channels: int = 3, controls: int = 2, regions: int = 2, *, seed: int = 1, **settings: Any
) -> DeepCausalMMM:
    """A network whose coefficients move as if it had been trained, in eval mode."""
    torch.manual_seed(seed)
    settings = {"hidden": 8, "coefficient_spread": 1.0, "seasonal_spread": 0.5, **settings}
    model = DeepCausalMMM(channels, controls, n_regions=regions, **settings)
    return model.eval()
