"""What the network expects without media and controls: each region's baseline and season."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from pymc_toolkit.engines.deep.config import DeepSettings
from pymc_toolkit.engines.deep.layers import inverse_softplus, ramps, yearly_waves


class LevelMethods(nn.Module):
    """The part of a network that depends on region and week alone; it is never negative."""

    n_regions: int
    settings: DeepSettings

    def _start_levels(self) -> None:
        settings, n = self.settings, self.n_regions
        level = torch.full((n,), settings.baseline_level)
        self.region_baseline = nn.Parameter(inverse_softplus(level))
        self.register_parameter("baseline_steps", None)
        if settings.baseline_knots:
            self.baseline_steps = nn.Parameter(torch.zeros(n, settings.baseline_knots))
        self.register_parameter("seasonal_coeff", None)
        self.register_parameter("seasonal_waves", None)
        if settings.seasonal_harmonics:
            waves = settings.seasonal_spread * torch.randn(2, settings.seasonal_harmonics)
            self.seasonal_waves = nn.Parameter(waves)
            self.seasonal_coeff = nn.Parameter(inverse_softplus(torch.ones(n)))

    def _levels(self, regions: Tensor, start_week: float, like: Tensor) -> dict[str, Tensor]:
        """Baseline and season, of shape (region, week): functions of region and week alone."""
        settings, weeks = self.settings, like.shape[1]
        week = start_week + torch.arange(weeks, device=like.device, dtype=like.dtype)
        raw = self.region_baseline[regions, None].expand(-1, weeks)
        if self.baseline_steps is not None:
            way = ramps(week, settings.baseline_knots, settings.baseline_knot_weeks)
            raw = raw + self.baseline_steps[regions] @ way.T
        baseline = functional.softplus(raw)
        if self.seasonal_waves is None:
            return {"baseline": baseline, "seasonal_contribution": torch.zeros_like(baseline)}
        waves = yearly_waves(week, settings.seasonal_period, settings.seasonal_harmonics)
        # As deep as the waves can go together, so that the season is never below zero.
        depth = (self.seasonal_waves.square().sum(0) + torch.finfo(like.dtype).eps).sqrt().sum()
        season = torch.relu(waves @ self.seasonal_waves.flatten() + depth)
        size = functional.softplus(self.seasonal_coeff[regions])
        return {"baseline": baseline, "seasonal_contribution": size[:, None] * season}
