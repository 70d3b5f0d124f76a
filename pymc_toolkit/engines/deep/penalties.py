"""What a network pays for beside its errors: its graph, its coefficients, and media's share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from pymc_toolkit.engines.deep.config import DeepSettings
from pymc_toolkit.exceptions import SpecificationError


class PenaltyMethods(nn.Module):
    """The part of a network that adds up its penalties."""

    ctrl_dim: int
    settings: DeepSettings

    def get_sparsity_loss(self) -> Tensor:
        """``sparsity_weight`` times the mean stable coefficient of media.

        Returns
        -------
        Tensor, a scalar
        """
        return self.settings.sparsity_weight * self.media_coeffs.mean()

    def get_regularization_loss(self, outputs: Mapping[str, Any] | None = None) -> Tensor:
        """Price of the graph, of coefficients and, if asked for, of media's share.

        Parameters
        ----------
        outputs : Mapping, optional
            Of a forward pass. With it the coefficients of every week count, their changes from
            week to week, media's share, and what the graph does not explain of exposure; without,
            the stable coefficients only.

        Returns
        -------
        Tensor, a scalar

        Raises
        ------
        SpecificationError
            If ``media_share_prior`` or ``dag_fit_weight`` is set and there are no outputs to take
            the share or the fit from.
        """
        settings = self.settings
        loss = self.get_dag_loss() + self.get_sparsity_loss() + self._generator_loss()
        media, controls = self.media_coeffs, self.ctrl_coeffs
        if outputs is not None:
            media, controls = outputs["coefficients"], outputs["control_coefficients"]
            changes = media.diff(dim=1)
            loss = loss + settings.l2_weight * changes.square().sum() / max(changes.numel(), 1)
        if controls is not None and controls.numel():
            loss = loss + settings.l1_weight * controls.abs().mean()
        loss = loss + settings.l1_weight * media.abs().mean()
        loss = loss + settings.coeff_l2_weight * media.square().mean()
        if self._fits_exposure:
            loss = loss + self._asked("dag_fit_weight", outputs)["dag_fit_loss"]
        if settings.media_share_prior is not None:
            loss = loss + self.get_media_share_loss(self._asked("media_share_prior", outputs))
        return loss

    def _asked(self, setting: str, outputs: Mapping[str, Any] | None) -> Mapping[str, Any]:
        """Outputs, which a setting needs."""
        if outputs is None:
            raise SpecificationError(
                f"Got {setting}={getattr(self.settings, setting)} and no outputs; expected the "
                "outputs of a forward pass, since it is a price of them. Pass them."
            )
        return outputs

    def get_media_share(self, outputs: Mapping[str, Any]) -> Tensor:
        """Media's share of what a forward pass predicted, after the burn-in.

        Parameters
        ----------
        outputs : Mapping

        Returns
        -------
        Tensor, a scalar
        """
        media = self._after_burn_in(outputs["contributions"]).sum()
        return media / self._after_burn_in(outputs["predictions"]).sum()

    def get_media_share_loss(self, outputs: Mapping[str, Any]) -> Tensor:
        """``media_share_weight`` times the squared distance of media's share to its prior.

        The distance is Σ media - prior Σ prediction, over the sum of the predictions' sizes: that
        of the share to the prior where no prediction is negative.

        Parameters
        ----------
        outputs : Mapping
            Of a forward pass.

        Returns
        -------
        Tensor, a scalar
            Zero unless ``media_share_prior`` is set: nothing pulls the share then. (The published
            package always pulls it to 0.40.)
        """
        prior = self.settings.media_share_prior
        if prior is None:
            return torch.zeros((), device=self.tri_mask.device)
        media = self._after_burn_in(outputs["contributions"]).sum()
        predictions = self._after_burn_in(outputs["predictions"])
        # Over the sum of absolute values, so that it stays finite where predictions cancel.
        size = predictions.abs().sum().clamp_min(torch.finfo(predictions.dtype).eps)
        distance = (media - prior * predictions.sum()) / size
        return self.settings.media_share_weight * distance.square()

    def _generator_loss(self) -> Tensor:
        """Price of the weights that make coefficients move."""
        heads = [self.media_head, self.ctrl_head] if self.ctrl_dim else [self.media_head]
        squares = sum(head.weight.square().mean() for head in heads)
        return self.settings.coeff_gen_l2_weight * squares
