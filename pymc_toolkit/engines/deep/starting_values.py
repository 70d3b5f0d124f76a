"""Where training starts from: levels, half saturations and coefficients that the data suggest."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from scipy.optimize import lsq_linear
from torch import Tensor, nn
from torch.nn import functional

from pymc_toolkit.arrays import Array
from pymc_toolkit.engines.deep.checks import check_panel, check_same_panel
from pymc_toolkit.engines.deep.config import DeepSettings
from pymc_toolkit.engines.deep.layers import inverse_softplus
from pymc_toolkit.exceptions import DataError
from pymc_toolkit.model_spec import whole_number

# Positive parameters start no lower, so that they have a slope to grow on.
_FLOOR = 1e-3


class StartingValueMethods(nn.Module):
    """The part of a network that takes starting values from training data.

    All of it reads the weeks that it is given and nothing else; give it training weeks. The first
    ``burn_in_weeks`` are left out where there are more, since they may be padding.
    """

    n_media: int
    ctrl_dim: int
    n_regions: int
    settings: DeepSettings

    def _check(self, name: str, panel: Tensor, width: int | None) -> None:
        check_panel(name, panel, width, self.region_baseline.dtype)

    def _check_regions(self, name: str, panel: Tensor) -> None:
        if panel.shape[0] != self.n_regions:
            raise DataError(
                f"Got {name} of {panel.shape[0]} regions; expected all {self.n_regions}, in order."
            )

    def _after_burn_in(self, panel: Tensor) -> Tensor:
        burn_in = self.settings.burn_in_weeks
        return panel[:, burn_in:] if panel.shape[1] > burn_in else panel

    @torch.no_grad()
    def initialize_baseline(self, y_data: Tensor) -> None:
        """Start each region's baseline at a low quantile of its target.

        Parameters
        ----------
        y_data : Tensor of shape (region, week)
            Scaled target of every region, in the order of their ids.

        Raises
        ------
        DataError
            If the shape is another, or a value is not finite.
        """
        self._check("y_data", y_data, None)
        self._check_regions("y_data", y_data)
        weeks = self._after_burn_in(y_data)
        level = weeks.quantile(self.settings.baseline_quantile, dim=1).clamp_min(_FLOOR)
        self.region_baseline.copy_(inverse_softplus(level))

    @torch.no_grad()
    def initialize_hill_from_data(self, Xm: Tensor) -> None:  # noqa: N803
        """Start each channel's half saturation at a quantile of its exposure.

        Where that is zero, since the channel is seldom on air, it is the quantile of the weeks on
        air; a channel that is never on air keeps what it has.

        Parameters
        ----------
        Xm : Tensor of shape (region, week, channel)
            Scaled media.

        Raises
        ------
        DataError
            If the shape is another, or a value is not finite.
        """
        self._check("Xm", Xm, self.n_media)
        values = self._after_burn_in(Xm).reshape(-1, self.n_media).cpu().numpy()
        for channel in range(self.n_media):
            half = _typical(values[:, channel], self.settings.hill_quantile)
            if half is not None:
                self.hill_g_raw[channel] = inverse_softplus(torch.tensor(half))

    @torch.no_grad()
    def initialize_stable_coefficients_from_data(self, Xm: Tensor, Xc: Tensor, y: Tensor) -> None:  # noqa: N803
        """Start stable coefficients at those of a regression of what baseline and season leave.

        A ridge regression, without a constant, on media as they are now transformed and on
        controls; coefficients of media are not negative. So start the baseline first: with it
        the network starts at the level of the data.

        Parameters
        ----------
        Xm : Tensor of shape (region, week, channel)
            Of every region, in the order of their ids.
        Xc : Tensor of shape (region, week, control)
        y : Tensor of shape (region, week)
            Scaled target.

        Raises
        ------
        DataError
            If shapes do not fit together, a value is not finite, or a region is missing.
        """
        self._check_training(Xm, Xc, y)
        self._check_regions("y", y)
        media, _ = self.process_media(Xm)
        levels = self._levels(torch.arange(self.n_regions, device=y.device), 0, Xm)
        left = y - levels["baseline"] - levels["seasonal_contribution"]
        design = torch.cat([media, Xc], dim=-1)
        rows = [_rows(self._after_burn_in(panel)) for panel in (design, left[..., None])]
        found = _ridge(rows[0], rows[1][:, 0], self.n_media, self.settings)
        coefficients = torch.from_numpy(found).to(self.media_logit)
        media_coefficients = coefficients[: self.n_media].clamp_min(_FLOOR)
        # Room above for those that are larger than the range.
        bound = torch.maximum(functional.softplus(self.media_bound_raw), 2 * media_coefficients)
        self.media_bound_raw.copy_(inverse_softplus(bound))
        self.media_logit.copy_(torch.logit(media_coefficients / bound))
        if self.ctrl_dim:
            self.ctrl_coeffs.copy_(coefficients[self.n_media :])

    def warm_start_training(
        self,
        Xm: Tensor,  # noqa: N803
        Xc: Tensor,  # noqa: N803
        R: Tensor,  # noqa: N803
        y: Tensor,
        optimizer: Any,
        epochs: int | None = None,
    ) -> list[float]:
        """Fit stable coefficients first, and hold those of the recurrent state close to them.

        Parameters
        ----------
        Xm, Xc, R
            As for :meth:`DeepCausalMMM.forward`.
        y : Tensor of shape (region, week)
            Scaled target.
        optimizer : torch.optim.Optimizer
            Of this network's parameters.
        epochs : int, optional
            ``warm_start_epochs`` of the settings unless given, and none with
            ``use_warm_start=False``.

        Returns
        -------
        list of float
            The loss of each epoch.

        Raises
        ------
        DataError
            If shapes do not fit together, or a value is not finite.
        """
        self._check_training(Xm, Xc, y)
        usual = self.settings.warm_start_epochs if self.settings.use_warm_start else 0
        number = usual if epochs is None else whole_number("epochs", epochs, 0)
        losses = []
        for _ in range(number):
            optimizer.zero_grad()
            loss = self._warm_start_loss(Xm, Xc, R, y)
            loss.backward()
            optimizer.step()
            losses.append(float(loss.detach()))
        return losses

    def _warm_start_loss(self, Xm: Tensor, Xc: Tensor, R: Tensor, y: Tensor) -> Tensor:  # noqa: N803
        """Huber loss with stable coefficients alone, and how far those of the state are."""
        predictions, coefficients, _, outputs = self._predict(Xm, Xc, R, stable=True)
        loss = functional.huber_loss(
            self._after_burn_in(predictions), self._after_burn_in(y), reduction="mean"
        )
        apart = (outputs["varying_coefficients"] - coefficients.detach()).square().mean()
        return loss + apart

    def _check_training(self, Xm: Tensor, Xc: Tensor, y: Tensor) -> None:  # noqa: N803
        self._check("Xm", Xm, self.n_media)
        self._check("Xc", Xc, self.ctrl_dim)
        self._check("y", y, None)
        check_same_panel(Xm=Xm, Xc=Xc, y=y)


def _typical(values: Array, quantile: float) -> float | None:
    """A quantile of the values, or of the positive ones if that is zero."""
    positive = values[values > 0]
    if not positive.size:
        return None
    at = float(np.quantile(values, quantile))
    return max(at if at > 0 else float(np.quantile(positive, quantile)), _FLOOR)


def _rows(panel: Tensor) -> Array:
    """Series in rows of (region, week), in double precision."""
    values: Array = panel.double().cpu().numpy()
    return values.reshape(values.shape[0] * values.shape[1], values.shape[2])


def _ridge(design: Array, target: Array, n_media: int, settings: DeepSettings) -> Array:
    """Coefficients of a ridge regression, those of media at least zero."""
    width = design.shape[1]
    lowest = np.where(np.arange(width) < n_media, 0.0, -np.inf)
    penalty = np.sqrt(settings.regression_ridge) * np.eye(width)
    found: Array = lsq_linear(
        np.vstack([design, penalty]), np.append(target, np.zeros(width)), (lowest, np.inf)
    ).x
    return found
