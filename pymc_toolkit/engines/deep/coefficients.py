"""The network's coefficients: stable ones, and a recurrent state that moves them."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from pymc_toolkit.engines.deep.config import DeepSettings
from pymc_toolkit.engines.deep.layers import burn_in_weights, inverse_softplus, smooth


class CoefficientMethods(nn.Module):
    """The part of a network that has a coefficient for each series and week."""

    n_media: int
    ctrl_dim: int
    n_regions: int
    settings: DeepSettings

    def _start_coefficients(self) -> None:
        """Make stable coefficients, their bounds and the layers that move them."""
        settings, n, k = self.settings, self.n_media, self.ctrl_dim
        share = torch.full((n,), settings.media_coefficient / settings.coeff_range)
        self.media_logit = nn.Parameter(share.logit())
        bound = torch.full((n,), settings.coeff_range)
        self.media_bound_raw = nn.Parameter(inverse_softplus(bound))
        self.media_head = _head(settings.hidden_dim, n, settings.coefficient_spread)
        self.register_parameter("ctrl_coeffs", None)
        self.register_parameter("ctrl_swing_raw", None)
        self.ctrl_head = None
        if k:
            self.ctrl_coeffs = nn.Parameter(torch.zeros(k))
            swing = torch.full((k,), settings.control_swing)
            self.ctrl_swing_raw = nn.Parameter(inverse_softplus(swing))
            self.ctrl_head = _head(settings.hidden_dim, k, settings.coefficient_spread)
        self._start_state()

    def _start_state(self) -> None:
        """Make the recurrent layers and what they read beside the media."""
        settings, k = self.settings, self.ctrl_dim
        hidden, layers = settings.hidden_dim, settings.gru_layers
        width = max(1, round(hidden * settings.ctrl_hidden_ratio)) if k else 0
        self.ctrl_features = nn.Linear(k, width) if k else None
        places = settings.region_dim
        self.region_features = nn.Embedding(self.n_regions, places) if places else None
        self.gru = nn.GRU(
            self.n_media + width + places,
            hidden,
            layers,
            batch_first=True,
            dropout=settings.dropout if layers > 1 else 0.0,
        )
        self.gru_start = nn.Parameter(torch.zeros(layers, 1, hidden))
        self.norm, self.dropout = nn.LayerNorm(hidden), nn.Dropout(settings.dropout)

    @property
    def media_coeffs(self) -> Tensor:
        """Stable coefficients of media, of shape (channel,)."""
        return functional.softplus(self.media_bound_raw) * torch.sigmoid(self.media_logit)

    def apply_burn_in_stabilization(self, coeffs: Tensor, stable_coeff: Tensor) -> Tensor:
        """Go over from stable coefficients to moving ones in the first ``burn_in_weeks``.

        Parameters
        ----------
        coeffs : Tensor of shape (region, week, series)
        stable_coeff : Tensor of shape (series,)

        Returns
        -------
        Tensor of shape (region, week, series)
            After the burn-in the moving coefficients as they are.
        """
        settings, weeks = self.settings, coeffs.shape[1]
        weights = burn_in_weights(
            weeks, settings.burn_in_weeks, settings.stabilization_method, settings.burn_in_steepness
        )
        moving = weights.to(coeffs)[None, :, None]
        return moving * coeffs + (1 - moving) * stable_coeff

    def _coefficients(self, states: Tensor, controls: Tensor) -> dict[str, Tensor]:
        """Coefficients of every week, from the recurrent states."""
        state = self.dropout(self.norm(states))
        bound = functional.softplus(self.media_bound_raw)
        moving = bound * torch.sigmoid(self.media_logit + self.media_head(state))
        coefficients = self._steadied(moving, self.media_coeffs)
        found = {"varying_coefficients": moving, "coefficients": coefficients}
        if self.ctrl_head is None:
            return found | {"control_coefficients": torch.zeros_like(controls)}
        swing = functional.softplus(self.ctrl_swing_raw)
        around = self.ctrl_coeffs + swing * torch.tanh(self.ctrl_head(state))
        return found | {"control_coefficients": self._steadied(around, self.ctrl_coeffs)}

    def _state_inputs(self, media: Tensor, controls: Tensor, regions: Tensor) -> Tensor:
        """What the recurrent layers read, of shape (region, week, input)."""
        weeks, inputs = media.shape[1], [media]
        if self.ctrl_features is not None:
            inputs.append(torch.tanh(self.ctrl_features(controls)))
        if self.region_features is not None:
            inputs.append(self.region_features(regions)[:, None].expand(-1, weeks, -1))
        return torch.cat(inputs, dim=-1)

    def _states(self, inputs: Tensor) -> Tensor:
        """The recurrent state of every week, of shape (region, week, hidden)."""
        start = self.gru_start.expand(-1, inputs.shape[0], -1).contiguous()
        states: Tensor = self.gru(inputs, start)[0]
        return states

    def _steadied(self, coefficients: Tensor, stable: Tensor) -> Tensor:
        """Smoothed over the weeks before, and stable at the start."""
        if self.settings.use_coefficient_momentum:
            coefficients = smooth(coefficients, self.settings.momentum_decay)
        return self.apply_burn_in_stabilization(coefficients, stable)

    def _stable_coefficients(self, media: Tensor, controls: Tensor) -> dict[str, Tensor]:
        steady = {"coefficients": self.media_coeffs.expand_as(media)}
        if self.ctrl_dim:
            steady["control_coefficients"] = self.ctrl_coeffs.expand_as(controls)
        return steady


def _head(width: int, series: int, spread: float) -> nn.Linear:
    """A layer that hardly moves coefficients at first."""
    layer = nn.Linear(width, series)
    nn.init.normal_(layer.weight, std=spread)
    nn.init.zeros_(layer.bias)
    return layer
