"""From a client's panel to what the network reads, window by window, and back.

What is learnt about scales is learnt from training weeks. Later weeks are given to the network
behind all that came before them, so that carry-over and the recurrent state do not start cold, and
weeks are numbered from the first of training on, so that season and baseline go on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pymc_toolkit.arrays import Array
from pymc_toolkit.engines.deep.checks import Panel, Regions, as_array, check_shapes, row_regions
from pymc_toolkit.engines.deep.config import DeepSettings
from pymc_toolkit.engines.deep.scaling import SimpleGlobalScaler, SimpleScalingParams
from pymc_toolkit.engines.deep.windows import PANELS, pad_weeks, panels_of, temporal_split
from pymc_toolkit.exceptions import DataError, SavedModelError, ScalerNotFittedError
from pymc_toolkit.model_spec import whole_number


@dataclass(frozen=True)
class ScaledWindow:
    """What the network reads to predict some weeks.

    Parameters
    ----------
    X_media : Tensor of shape (row, lead + week, channel)
    X_control : Tensor of shape (row, lead + week, control)
    R : Tensor of int64, of shape (row,)
        Number of each row's region.
    start_week : int
        Number of the first week, for the network's ``start_week``.
    lead : int
        Weeks in front of those that were asked for.
    """

    X_media: Tensor
    X_control: Tensor
    R: Tensor
    start_week: int
    lead: int


class UnifiedDataPipeline:
    """Splits, scales and pads a panel without leakage, and turns results back.

    Parameters
    ----------
    config : Mapping, optional
        As :func:`get_default_config` returns; read are ``burn_in_weeks``, ``holdout_ratio``, and
        what :class:`SimpleGlobalScaler` reads.

    Examples
    --------
    >>> import numpy as np
    >>> pipeline = UnifiedDataPipeline({"burn_in_weeks": 4})
    >>> media, controls, y = np.ones((2, 20, 3)), np.ones((2, 20, 1)), np.ones((2, 20))
    >>> training, holdout = pipeline.temporal_split(media, controls, y, holdout_ratio=0.25)
    >>> pipeline.fit_and_transform_training(training)["X_media"].shape  # 4 + 15 weeks
    torch.Size([2, 19, 3])
    >>> pipeline.transform_holdout(holdout)["X_media"].shape  # 4 + 15 + 5 weeks
    torch.Size([2, 24, 3])
    """

    def __init__(self, config: Mapping[str, Any] | None = None) -> None:
        self.settings = DeepSettings.from_config(config or {})
        self.scaler = SimpleGlobalScaler(config)
        self._media: Tensor | None = None
        self._controls: Tensor | None = None

    @property
    def fitted(self) -> bool:
        """Whether training weeks have been seen."""
        return self._media is not None

    @property
    def start_week(self) -> int:
        """Number of the first padded week, as :meth:`DeepCausalMMM.forward` takes it."""
        return -self.settings.burn_in_weeks

    @property
    def training_weeks(self) -> int:
        """Number of weeks that were fitted, and of the first week after them."""
        return int(self._fitted("training_weeks")[0].shape[1])

    def temporal_split(
        self,
        X_media: Panel,  # noqa: N803
        X_control: Panel,  # noqa: N803
        y: Panel,
        holdout_ratio: float | None = None,
        *,
        holdout_weeks: int | None = None,
    ) -> tuple[dict[str, Array], dict[str, Array]]:
        """Cut the last weeks off a panel; ``holdout_ratio`` of the config unless one is given.

        Parameters
        ----------
        X_media, X_control, y, holdout_ratio, holdout_weeks
            As for :func:`pymc_toolkit.engines.deep.windows.temporal_split`.

        Returns
        -------
        training, holdout : dict of str to ndarray
            ``X_media``, ``X_control`` and ``y``, in the client's units.

        Raises
        ------
        SpecificationError, DataError
            As that function.
        """
        if holdout_ratio is None and holdout_weeks is None:
            holdout_ratio = self.settings.holdout_ratio
        return temporal_split(X_media, X_control, y, holdout_ratio, holdout_weeks=holdout_weeks)

    def fit_and_transform_training(self, train_data: Mapping[str, Panel]) -> dict[str, Tensor]:
        """Learn the scales of the training weeks, scale them and put the burn-in in front.

        Parameters
        ----------
        train_data : Mapping of str to ndarray or Tensor
            ``X_media``, ``X_control`` and ``y`` in the client's units, as :meth:`temporal_split`
            returns.

        Returns
        -------
        dict of str to Tensor
            ``X_media``, ``X_control`` and ``y`` with ``burn_in_weeks`` weeks of zeros in front, of
            which the first is :attr:`start_week`, and ``R``, the numbers of the regions, of shape
            (region,).

        Raises
        ------
        DataError
            If a part is missing, or as :meth:`SimpleGlobalScaler.fit`.
        """
        media, controls, y = self.scaler.fit_transform(*panels_of(train_data, *PANELS))
        self._media, self._controls = media, controls
        burn_in = self.settings.burn_in_weeks
        scaled = dict(zip(PANELS, (media, controls, y), strict=True))
        padded = {name: pad_weeks(panel, burn_in) for name, panel in scaled.items()}
        return {**padded, "R": torch.arange(len(media))}

    def transform_holdout(self, holdout_data: Mapping[str, Panel]) -> dict[str, Tensor]:
        """The weeks that follow training, behind padding and training weeks.

        Parameters
        ----------
        holdout_data : Mapping of str to ndarray or Tensor
            ``X_media`` and ``X_control`` of all regions, from the first week after training on,
            and ``y`` if it is known.

        Returns
        -------
        dict of str to Tensor
            ``X_media`` and ``X_control`` of shape (region, burn-in + training + holdout, ...), of
            which the first week is :attr:`start_week`, ``R`` of shape (region,), and ``y`` of the
            holdout alone if it was given: the last weeks of a prediction belong to it.

        Raises
        ------
        ScalerNotFittedError
            Before :meth:`fit_and_transform_training`.
        DataError
            If a part is missing, or shapes are not those of training.
        """
        trained, _ = self._fitted("transform_holdout")
        media, controls = panels_of(holdout_data, "X_media", "X_control")
        regions = range(len(trained))
        window = self.window(media, controls, regions, start_week=self.training_weeks)
        found = {"X_media": window.X_media, "X_control": window.X_control, "R": window.R}
        if holdout_data.get("y") is not None:
            y = as_array(holdout_data["y"])
            found["y"] = self.scaler.transform(media, controls, y)[2]
        return found

    def window(
        self,
        X_media: Panel,  # noqa: N803
        X_control: Panel,  # noqa: N803
        R: Regions = None,  # noqa: N803
        start_week: int = 0,
    ) -> ScaledWindow:
        """Any weeks on the scales of training, behind padding and the training weeks before them.

        Parameters
        ----------
        X_media : ndarray or Tensor of shape (row, week, channel)
        X_control : ndarray or Tensor of shape (row, week, control)
        R : Tensor, ndarray or sequence of shape (row,) or (row, week), optional
            Number of each row's region; all regions in their order unless given.
        start_week : int
            Number of the first week, at most :attr:`training_weeks`: there may be no gap.

        Returns
        -------
        ScaledWindow

        Raises
        ------
        ScalerNotFittedError
            Before :meth:`fit_and_transform_training`.
        SpecificationError
            If start_week is negative or no whole number.
        DataError
            If shapes are not those of training, regions are unknown, or there is a gap.
        """
        trained_media, trained_controls = self._fitted("window")
        start = whole_number("start_week", start_week, 0)
        if start > self.training_weeks:
            raise DataError(
                f"Got start_week={start} after {self.training_weeks} weeks of training; expected "
                "no gap. Pass the weeks in between too."
            )
        media, controls = as_array(X_media), as_array(X_control)
        regions = len(trained_media)
        asked = cold_window(media, controls, R, regions, self.scaler, start)
        burn_in, rows = self.settings.burn_in_weeks, asked.R
        before = trained_media[rows, :start], trained_controls[rows, :start]
        return ScaledWindow(
            pad_weeks(torch.cat([before[0], asked.X_media], dim=1), burn_in),
            pad_weeks(torch.cat([before[1], asked.X_control], dim=1), burn_in),
            rows,
            self.start_week,
            burn_in + start,
        )

    def inverse_transform_predictions(
        self, predictions: Panel, remove_padding: bool = True
    ) -> Tensor:
        """Predictions of all regions in the client's units.

        Parameters
        ----------
        predictions : Tensor or ndarray of shape (region, week)
            Of padded tensors, such as :meth:`fit_and_transform_training` returns.
        remove_padding : bool
            Whether to leave out the first ``burn_in_weeks`` weeks; say False if they are not there.

        Returns
        -------
        Tensor of shape (region, week)
        """
        return self.scaler.inverse_transform_target(self._unpadded(predictions, remove_padding))

    def inverse_transform_contributions(
        self, remove_padding: bool = True, **contributions: Tensor
    ) -> dict[str, Tensor]:
        """Parts of the prediction of all regions in the client's units.

        Parameters
        ----------
        remove_padding : bool
            As for :meth:`inverse_transform_predictions`.
        **contributions : Tensor of shape (region, week, ...)
            As for :meth:`SimpleGlobalScaler.inverse_transform_contributions`.

        Returns
        -------
        dict of str to Tensor
            By the names of the arguments.
        """
        parts = {name: self._unpadded(part, remove_padding) for name, part in contributions.items()}
        return self.scaler.inverse_transform_contributions(**parts)

    def state_dict(self) -> dict[str, Tensor]:
        """All that has been learnt and is remembered, to save beside the network's.

        Returns
        -------
        dict of str to Tensor
            Scales, and the scaled media and controls of the training weeks.

        Raises
        ------
        ScalerNotFittedError
            Before :meth:`fit_and_transform_training`.
        """
        media, controls = self._fitted("state_dict")
        scales = {
            entry.name: getattr(self.scaler.params, entry.name)
            for entry in fields(SimpleScalingParams)
        }
        found = {name: values for name, values in scales.items() if values is not None}
        return {**found, "X_media": media, "X_control": controls}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Take up again what :meth:`state_dict` gave; the config is that of this pipeline.

        Parameters
        ----------
        state : Mapping of str to Tensor

        Raises
        ------
        SavedModelError
            If it is not the state of a pipeline whose media are scaled as here.
        """
        known = {entry.name for entry in fields(SimpleScalingParams)} | {"X_media", "X_control"}
        if self.settings.media_scaling == "share":
            known -= {"media_scale"}
        if set(state) != known:
            raise SavedModelError(
                f"Got a state of {sorted(state)}; expected {sorted(known)}, with "
                f"media_scaling={self.settings.media_scaling!r}. Load it with the config it was "
                "saved with."
            )
        copies = {name: values.clone() for name, values in state.items()}
        self._media, self._controls = copies.pop("X_media"), copies.pop("X_control")
        self.scaler.channels = self._media.shape[-1]
        self.scaler.params = SimpleScalingParams(**copies)

    def _fitted(self, method: str) -> tuple[Tensor, Tensor]:
        if self._media is None or self._controls is None:
            raise ScalerNotFittedError(
                f"Got no training weeks before {method}; expected a fitted pipeline. Call "
                "fit_and_transform_training first."
            )
        return self._media, self._controls

    def _unpadded(self, panel: Panel, remove_padding: bool) -> Tensor:
        values = torch.as_tensor(panel)
        return values[:, self.settings.burn_in_weeks :] if remove_padding else values


def cold_window(
    X_media: Panel,  # noqa: N803
    X_control: Panel,  # noqa: N803
    R: Regions,  # noqa: N803
    n_regions: int,
    scaler: SimpleGlobalScaler | None = None,
    start_week: int = 0,
) -> ScaledWindow:
    """Weeks with nothing in front, each row on the scales of its region.

    Parameters
    ----------
    X_media, X_control, R, start_week
        As for :meth:`UnifiedDataPipeline.window`.
    n_regions : int
        Number of regions that there are.
    scaler : SimpleGlobalScaler, optional
        None for numbers that are scaled already.

    Returns
    -------
    ScaledWindow

    Raises
    ------
    ScalerNotFittedError
        If the scaler is not fitted.
    DataError
        If shapes do not fit together or to the scaler, or regions are unknown.
    """
    media, controls = as_array(X_media), as_array(X_control)
    # Scalers expect a target, which nothing here depends on.
    target = np.ones(media.shape[:2])
    check_shapes(media, controls, target)
    regions = row_regions(R, media, n_regions)
    scaled = torch.tensor(media), torch.tensor(controls)
    if scaler is not None:
        scaled = scaler.for_regions(regions).transform(media, controls, target)[:2]
    return ScaledWindow(*scaled, regions, start_week, 0)
