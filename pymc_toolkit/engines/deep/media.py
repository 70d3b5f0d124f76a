"""The network's media: carry-over, saturation and the channels' graph, in this order."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from pymc_toolkit.engines.deep.checks import check_panel
from pymc_toolkit.engines.deep.graph import ChannelGraphMethods
from pymc_toolkit.engines.deep.layers import (
    carry_over,
    geometric_kernel,
    hill_curve,
    inverse_softplus,
)


class MediaMethods(ChannelGraphMethods):
    """The part of a network that turns exposure into what coefficients multiply."""

    def _start_media(self) -> None:
        settings, n = self.settings, self.n_media
        retention = torch.full((n,), settings.adstock_retention)
        self.adstock_raw = nn.Parameter(retention.logit())
        half = torch.full((n,), settings.hill_half_saturation)
        self.hill_g_raw = nn.Parameter(inverse_softplus(half))
        slope = inverse_softplus(torch.full((n,), settings.hill_slope))
        if settings.learn_hill_slope:
            self.hill_a_raw = nn.Parameter(slope)
        else:
            self.register_buffer("hill_a_raw", slope)

    def adstock(self, x: Tensor) -> Tensor:
        """Carry exposure over to the weeks after it, by geometric weights that sum to one.

        Parameters
        ----------
        x : Tensor of shape (region, week, channel)

        Returns
        -------
        Tensor of the same shape
        """
        kernel = geometric_kernel(torch.sigmoid(self.adstock_raw), self.settings.adstock_lags)
        return carry_over(x, kernel)

    def hill(self, x: Tensor) -> Tensor:
        """Saturate exposure, x^a / (g^a + x^a); exposure below zero counts as none.

        Parameters
        ----------
        x : Tensor of shape (region, week, channel)

        Returns
        -------
        Tensor of the same shape, between 0 and 1
        """
        tiny = torch.finfo(x.dtype).eps
        half = functional.softplus(self.hill_g_raw) + tiny
        return hill_curve(x, half, functional.softplus(self.hill_a_raw) + tiny)

    def process_media(self, X: Tensor) -> tuple[Tensor, dict[str, Tensor]]:  # noqa: N803
        """Media after carry-over, saturation and the channels' graph.

        Parameters
        ----------
        X : Tensor of shape (region, week, channel)
            Scaled media.

        Returns
        -------
        Tensor of the same shape
        dict of str to Tensor
            ``adstocked_media``, ``media_hill``, if the graph acts ``media_dag``, and
            ``dag_fit_loss``, a scalar, if it has to explain exposure.

        Raises
        ------
        DataError
            If the shape is another, or a value is not finite.
        """
        check_panel("X", X, self.n_media, self.adstock_raw.dtype)
        return self._process_media(X)

    def _process_media(self, media: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        adstocked = self.adstock(media)
        saturated = self.hill(adstocked)
        stages = {"adstocked_media": adstocked, "media_hill": saturated}
        if self._fits_exposure:
            stages["dag_fit_loss"] = self.get_dag_fit_loss(media)
        if self.interaction_weight is None:
            return saturated, stages
        stages["media_dag"] = self.dag_interaction(saturated)
        return stages["media_dag"], stages
