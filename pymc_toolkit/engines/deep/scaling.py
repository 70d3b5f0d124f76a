"""From what a client measures to numbers of order one, region by region, and back.

Everything is fitted on the weeks given to ``fit`` and linear in the target, so that parts which add
up in scaled units do so in the client's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pymc_toolkit.arrays import Array
from pymc_toolkit.engines.deep.checks import Panel, as_array, check_shapes
from pymc_toolkit.engines.deep.config import DeepSettings
from pymc_toolkit.exceptions import DataError, ScalerNotFittedError

# The interquartile range of a normal distribution in standard deviations.
_QUARTILES_APART = 1.3489795003921634


@dataclass(frozen=True)
class SimpleScalingParams:
    """What a scaler has learnt.

    Parameters
    ----------
    control_mean, control_std : Tensor of shape (control,)
        Centre and spread: median and quartiles where those differ, else mean and deviation.
    total_impressions : Tensor of shape (region, week), optional
        All media of the training weeks, which shares are shares of.
    target_mean : Tensor of shape (region,), optional
        Mean of each region's target.
    media_scale : Tensor of shape (region, channel), optional
        Usual volume of a channel while on air, when media are scaled by volume.
    """

    control_mean: Tensor
    control_std: Tensor
    total_impressions: Tensor | None = None
    target_mean: Tensor | None = None
    media_scale: Tensor | None = None


class SimpleGlobalScaler:
    """Media as shares or volumes, controls standardised, the target over its region's mean.

    Parameters
    ----------
    config : Mapping, optional
        As :func:`get_default_config` returns; read are ``media_scaling`` and ``control_clip``.
        Shares, the default and all that the published package has, tell how a week's media were
        divided but not how much there was. ``media_scaling="volume"`` keeps the volume: each
        channel over its region's mean while on air.

    Notes
    -----
    Controls are divided by their spread. (The published package multiplies by the factor of the
    quartiles where it should divide.)

    Examples
    --------
    >>> import numpy as np
    >>> scaler = SimpleGlobalScaler()
    >>> media, controls, y = np.ones((1, 2, 2)), np.array([[[0.0], [2.0]]]), np.array([[1.0, 3.0]])
    >>> scaler.fit_transform(media, controls, y)[2]
    tensor([[0.5000, 1.5000]])
    >>> scaler.inverse_transform_target(torch.tensor([[0.5, 1.5]]))
    tensor([[1., 3.]])
    """

    def __init__(self, config: Mapping[str, Any] | None = None) -> None:
        self.settings = DeepSettings.from_config(config or {})
        self.params: SimpleScalingParams | None = None
        # Shares have no scale by channel that could tell how many there are.
        self.channels: int | None = None

    @property
    def fitted(self) -> bool:
        """Whether there is anything to scale with."""
        return self.params is not None

    def fit(self, X_media: Panel, X_control: Panel, y: Panel) -> None:  # noqa: N803
        """Learn the scales of the training weeks.

        Parameters
        ----------
        X_media : ndarray of shape (region, week, channel)
            Not negative.
        X_control : ndarray of shape (region, week, control)
        y : ndarray of shape (region, week)

        Raises
        ------
        DataError
            If shapes do not fit together, a value is not finite, media are negative, or a region's
            target has no positive mean.
        """
        media, controls, target = _checked(X_media, X_control, y)
        mean = target.mean(axis=1)
        if (mean <= 0).any():
            where = ", ".join(map(str, np.flatnonzero(mean <= 0)[:5]))
            raise DataError(
                f"Got regions whose target has a mean of zero or less, at {where}; "
                "expected a positive mean. Leave those regions out."
            )
        centre, spread = centre_and_spread(np.concatenate(controls))
        volume = self.settings.media_scaling == "volume"
        self.channels = media.shape[-1]
        self.params = SimpleScalingParams(
            torch.from_numpy(centre),
            torch.from_numpy(spread),
            torch.from_numpy(media.sum(axis=-1)),
            torch.from_numpy(mean),
            torch.from_numpy(_usual_volume(media)) if volume else None,
        )

    def transform(
        self,
        X_media: Panel,  # noqa: N803
        X_control: Panel,  # noqa: N803
        y: Panel,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Scale any weeks of the regions that were fitted.

        Parameters
        ----------
        X_media, X_control, y
            As for :meth:`fit`, with any number of weeks.

        Returns
        -------
        tuple of Tensor
            Media, controls and target, of the same shapes and of torch's default float.

        Raises
        ------
        ScalerNotFittedError
            Before :meth:`fit`.
        DataError
            As for :meth:`fit`, or if regions, channels or controls are not as many as fitted.
        """
        params = self._fitted("transform")
        media, controls, target = _checked(X_media, X_control, y)
        self._check_sizes(params, media, controls, target)
        if params.media_scale is None:
            total = media.sum(axis=-1, keepdims=True)
            scaled_media = np.divide(media, total, out=np.zeros_like(media), where=total > 0)
        else:
            scaled_media = media / params.media_scale.numpy()[:, None, :]
        scaled_controls = (controls - params.control_mean.numpy()) / params.control_std.numpy()
        if self.settings.control_clip is not None:
            limit = self.settings.control_clip
            scaled_controls = scaled_controls.clip(-limit, limit)
        scaled_target = target / _means(params).numpy()[:, None]
        return _tensor(scaled_media), _tensor(scaled_controls), _tensor(scaled_target)

    def fit_transform(
        self,
        X_media: Panel,  # noqa: N803
        X_control: Panel,  # noqa: N803
        y: Panel,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Learn the scales of some weeks and scale these.

        Parameters
        ----------
        X_media, X_control, y
            As for :meth:`fit`.

        Returns
        -------
        tuple of Tensor
            As :meth:`transform`.
        """
        self.fit(X_media, X_control, y)
        return self.transform(X_media, X_control, y)

    def for_regions(self, regions: Tensor) -> SimpleGlobalScaler:
        """The scaler of a panel whose rows are some of the regions that were fitted.

        Parameters
        ----------
        regions : Tensor of int64, of shape (row,)
            Number of each row's region, in any order and more than once if need be.

        Returns
        -------
        SimpleGlobalScaler

        Raises
        ------
        DataError
            If a region was not fitted.
        """
        params = self._fitted("for_regions")
        means, totals, volumes = _means(params), params.total_impressions, params.media_scale
        rows = regions.cpu()
        if rows.numel() and not 0 <= int(rows.min()) <= int(rows.max()) < len(means):
            raise DataError(
                f"Got regions {sorted(set(rows.tolist()))}; expected 0 to {len(means) - 1}, as "
                "fitted."
            )
        chosen = SimpleGlobalScaler(self.settings.to_config())
        chosen.channels = self.channels
        chosen.params = replace(
            params,
            target_mean=means[rows],
            total_impressions=None if totals is None else totals[rows],
            media_scale=None if volumes is None else volumes[rows],
        )
        return chosen

    def inverse_transform_target(self, y_scaled: Panel) -> Tensor:
        """The target in the client's units.

        Parameters
        ----------
        y_scaled : Tensor or ndarray of shape (region, week)

        Returns
        -------
        Tensor of the same shape
        """
        params = self._fitted("inverse_transform_target")
        return self._in_units(params, "y_scaled", y_scaled, 2)

    def inverse_transform_control(self, control_scaled: Panel) -> Tensor:
        """Controls in the client's units; what was clipped stays clipped.

        Parameters
        ----------
        control_scaled : Tensor or ndarray of shape (region, week, control)

        Returns
        -------
        Tensor of the same shape
        """
        params = self._fitted("inverse_transform_control")
        values = _floats(control_scaled)
        return values * params.control_std.to(values) + params.control_mean.to(values)

    def inverse_transform_media(
        self, media_scaled: Panel, total_impressions: Panel | None = None
    ) -> Tensor:
        """Media in the client's units.

        Parameters
        ----------
        media_scaled : Tensor or ndarray of shape (region, week, channel)
        total_impressions : Tensor or ndarray of shape (region, week), optional
            What shares are shares of; those of the training weeks unless given. Volumes need none.

        Returns
        -------
        Tensor of the same shape

        Raises
        ------
        DataError
            If there are not as many totals as shares.
        """
        params = self._fitted("inverse_transform_media")
        values = _floats(media_scaled)
        if params.media_scale is not None:
            return values * params.media_scale.to(values)[:, None, :]
        given = params.total_impressions if total_impressions is None else total_impressions
        totals = torch.as_tensor(given).to(values)
        if totals.shape != values.shape[:2]:
            raise DataError(
                f"Got shares of shape {tuple(values.shape)} and totals of shape "
                f"{tuple(totals.shape)}; expected totals by region and week. Pass the weeks' own "
                "total_impressions, since shares alone do not tell the volume."
            )
        return values * totals[..., None]

    def inverse_transform_contributions(
        self,
        media_contributions: Tensor,
        baseline: Tensor | None = None,
        control_contributions: Tensor | None = None,
        seasonal_contributions: Tensor | None = None,
        trend_contributions: Tensor | None = None,
        prediction_scale: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """Parts of the prediction in the client's units, which add up as the scaled ones do.

        Parameters
        ----------
        media_contributions : Tensor of shape (region, week, channel)
        baseline : Tensor of shape (region, week), optional
        control_contributions : Tensor of shape (region, week, control), optional
        seasonal_contributions, trend_contributions : Tensor of shape (region, week), optional
        prediction_scale : Tensor, optional
            A factor of all parts, for networks that have one; :class:`DeepCausalMMM` has none.

        Returns
        -------
        dict of str to Tensor
            By the names of the arguments; only those that were given.
        """
        params = self._fitted("inverse_transform_contributions")
        parts = {
            "media_contributions": (media_contributions, 3),
            "baseline": (baseline, 2),
            "control_contributions": (control_contributions, 3),
            "seasonal_contributions": (seasonal_contributions, 2),
            "trend_contributions": (trend_contributions, 2),
        }
        factor = 1.0 if prediction_scale is None else prediction_scale
        return {
            name: self._in_units(params, name, values, rank) * factor
            for name, (values, rank) in parts.items()
            if values is not None
        }

    def _fitted(self, method: str) -> SimpleScalingParams:
        if self.params is None:
            raise ScalerNotFittedError(
                f"Scaler must be fitted before {method}. Call fit with the training weeks."
            )
        return self.params

    @staticmethod
    def _in_units(params: SimpleScalingParams, name: str, given: Panel, rank: int) -> Tensor:
        values, means = _floats(given), _means(params)
        if values.ndim != rank or values.shape[0] != means.shape[0]:
            raise DataError(
                f"Got {name} of shape {tuple(values.shape)}; expected {rank} dims, the first of "
                f"the {means.shape[0]} regions that were fitted."
            )
        return values * means.to(values).reshape(-1, *[1] * (rank - 1))

    def _check_sizes(
        self, params: SimpleScalingParams, media: Array, controls: Array, target: Array
    ) -> None:
        channels = media.shape[-1] if self.channels is None else self.channels
        expected = (len(_means(params)), channels, len(params.control_mean))
        if (len(target), media.shape[-1], controls.shape[-1]) != expected:
            raise DataError(
                f"Got {len(target)} regions, {media.shape[-1]} channels and "
                f"{controls.shape[-1]} controls; expected {expected[0]} regions, {expected[1]} "
                f"channels and {expected[2]} controls, as fitted."
            )


GlobalScaler = SimpleGlobalScaler


def _checked(media: Panel, controls: Panel, target: Panel) -> tuple[Array, Array, Array]:
    """The three as arrays of doubles, if they belong together."""
    arrays = [as_array(values).astype(float) for values in (media, controls, target)]
    check_shapes(*arrays)
    for name, values in zip(("media", "controls", "target"), arrays, strict=True):
        if not np.isfinite(values).all():
            raise DataError(f"Got NaN or infinity in {name}; expected finite numbers.")
    if (arrays[0] < 0).any():
        raise DataError("Got negative media; expected impressions or spend of at least zero.")
    return arrays[0], arrays[1], arrays[2]


def centre_and_spread(controls: Array) -> tuple[Array, Array]:
    """Median and quartiles of each column; mean and deviation where the quartiles coincide."""
    low, median, high = np.quantile(controls, [0.25, 0.5, 0.75], axis=0)
    deviation = controls.std(axis=0)
    robust = high > low
    centre = np.where(robust, median, controls.mean(axis=0))
    spread = np.where(robust, (high - low) / _QUARTILES_APART, deviation)
    # A column that is constant but for rounding is only centred.
    constant = spread <= 1e-12 * np.abs(controls).max(axis=0)
    return centre, np.where(constant, 1.0, spread)


def _usual_volume(media: Array) -> Array:
    """Mean while on air by region and channel; the channel's own where it never was there."""
    on_air = media > 0
    weeks = on_air.sum(axis=1)
    everywhere = media.sum(axis=(0, 1)) / np.maximum(weeks.sum(axis=0), 1)
    usual = np.where(weeks > 0, media.sum(axis=1) / np.maximum(weeks, 1), everywhere)
    return np.where(usual > 0, usual, 1.0)


def _means(params: SimpleScalingParams) -> Tensor:
    if params.target_mean is None:
        raise DataError("Got scaling parameters without target_mean; expected those of fit.")
    return params.target_mean


def _floats(given: Panel) -> Tensor:
    """Numbers as a tensor that scales can be multiplied with: in whole ones they would be cut."""
    values = torch.as_tensor(given)
    return values if values.is_floating_point() else values.to(torch.get_default_dtype())


def _tensor(values: Array) -> Tensor:
    return torch.from_numpy(values).to(torch.get_default_dtype())
