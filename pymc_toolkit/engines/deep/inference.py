"""What a trained network says of a panel: predictions, contributions, coefficients, its graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from pymc_toolkit.arrays import Array
from pymc_toolkit.engines.deep.checks import Panel, Regions
from pymc_toolkit.engines.deep.config import DeepSettings
from pymc_toolkit.engines.deep.network import DeepCausalMMM
from pymc_toolkit.engines.deep.pipeline import ScaledWindow, UnifiedDataPipeline, cold_window
from pymc_toolkit.engines.deep.scaling import SimpleGlobalScaler
from pymc_toolkit.engines.deep.windows import panels_of
from pymc_toolkit.exceptions import DataError, SpecificationError, warn_user

# The network's names of the parts of a prediction, by those that users see.
_PARTS = {
    "media_contributions": "contributions",
    "control_contributions": "control_contributions",
    "baseline": "baseline",
    "seasonal_contributions": "seasonal_contribution",
}
_KINDS = ("media", "control", "baseline", "season")


class InferenceManager:
    """Predicts with a network from what a client measures.

    With a pipeline, media and controls are in the client's units; the network gets the padding and
    the training weeks before ``start_week`` first, so nothing starts cold. With a scaler alone
    they are in the client's units too, and with neither they have to be scaled already; what comes
    before them is then unknown, and carry-over starts cold.

    Parameters
    ----------
    model : DeepCausalMMM
        Put into eval mode whenever it predicts.
    pipeline : UnifiedDataPipeline, optional
        That of its training.
    scaler : SimpleGlobalScaler, optional
        That of its training, if there was no pipeline.
    config : Mapping, optional
        As :func:`get_default_config` returns; read is ``notears_threshold``. The model's own
        settings unless given.
    device : str or torch.device, optional
        Where to put the model; where it is unless given.

    Raises
    ------
    SpecificationError
        If the scaler is not that of the pipeline.

    Warns
    -----
    UserWarning
        If there is neither pipeline nor scaler.

    Examples
    --------
    >>> import numpy as np
    >>> pipeline = UnifiedDataPipeline()
    >>> media, controls, y = np.ones((2, 20, 3)), np.ones((2, 20, 1)), np.ones((2, 20))
    >>> training, holdout = pipeline.temporal_split(media, controls, y)
    >>> tensors = pipeline.fit_and_transform_training(training)
    >>> model = DeepCausalMMM(n_media=3, ctrl_dim=1, n_regions=2)  # and train it on them
    >>> InferenceManager(model, pipeline).predict_holdout(holdout)["predictions"].shape
    (2, 2)
    """

    def __init__(
        self,
        model: DeepCausalMMM,
        pipeline: UnifiedDataPipeline | None = None,
        scaler: SimpleGlobalScaler | None = None,
        config: Mapping[str, Any] | None = None,
        device: Any = None,
    ) -> None:
        if pipeline is not None and scaler is not None and scaler is not pipeline.scaler:
            raise SpecificationError(
                "Got a pipeline and another scaler; expected one of them. Leave the scaler out, "
                "since the pipeline has its own."
            )
        if pipeline is None and scaler is None:
            warn_user(
                "Neither pipeline nor scaler given: media and controls are taken as scaled, and "
                "predictions stay so. Pass the pipeline of training for the client's units.",
                UserWarning,
            )
        self.model = model if device is None else model.to(device)
        self.model.eval()
        self.pipeline, self.scaler = pipeline, scaler
        self.settings = model.settings if config is None else DeepSettings.from_config(config)

    def predict(
        self,
        X_media: Panel,  # noqa: N803
        X_control: Panel,  # noqa: N803
        R: Regions = None,  # noqa: N803
        return_contributions: bool = True,
        return_media_coefficients: bool = False,
        remove_padding: bool = True,
        *,
        start_week: int = 0,
    ) -> dict[str, Array]:
        """Predict in the network's units, each row as its own region.

        (The published package predicts every row as region 0.)

        Parameters
        ----------
        X_media : ndarray or Tensor of shape (row, week, channel)
            In the client's units, or scaled if there is neither pipeline nor scaler.
        X_control : ndarray or Tensor of shape (row, week, control)
        R : Tensor, ndarray or sequence of shape (row,) or (row, week), optional
            Number of each row's region; all regions in their order unless given.
        return_contributions, return_media_coefficients : bool
            What to return beside predictions.
        remove_padding : bool
            Whether to leave out the weeks that a pipeline puts in front.
        start_week : int
            Number of the first week since the start of training, for season and baseline.
            ``pipeline.training_weeks`` for weeks that follow training.

        Returns
        -------
        dict of str to ndarray
            ``predictions`` of shape (row, week); with contributions ``media_contributions`` of
            shape (row, week, channel) and ``control_contributions`` of shape (row, week, control);
            with coefficients ``media_coefficients`` of shape (row, week, channel).

        Raises
        ------
        ScalerNotFittedError
            If pipeline or scaler are not fitted.
        DataError
            If shapes do not fit together, a value is not finite, or a region is unknown.
        """
        outputs, _ = self._outputs(X_media, X_control, R, start_week, remove_padding)
        found = {"predictions": outputs["predictions"]}
        if return_contributions:
            found["media_contributions"] = outputs["contributions"]
            found["control_contributions"] = outputs["control_contributions"]
        if return_media_coefficients:
            found["media_coefficients"] = outputs["coefficients"]
        return {name: values.cpu().numpy() for name, values in found.items()}

    def predict_and_inverse_transform(
        self,
        X_media: Panel,  # noqa: N803
        X_control: Panel,  # noqa: N803
        R: Regions = None,  # noqa: N803
        return_contributions: bool = True,
        remove_padding: bool = True,
        *,
        start_week: int = 0,
    ) -> dict[str, Array]:
        """Predict in the client's units.

        Parameters
        ----------
        X_media, X_control, R, return_contributions, remove_padding, start_week
            As for :meth:`predict`.

        Returns
        -------
        dict of str to ndarray
            ``predictions`` of shape (row, week), and with contributions the parts that add up to
            it: ``media_contributions`` of shape (row, week, channel), ``control_contributions`` of
            shape (row, week, control), ``baseline`` and ``seasonal_contributions`` of shape
            (row, week).

        Raises
        ------
        SpecificationError
            If there is neither pipeline nor scaler.
        ScalerNotFittedError, DataError
            As :meth:`predict`.
        """
        used = self._used_scaler()
        outputs, regions = self._outputs(X_media, X_control, R, start_week, remove_padding)
        scaler = used.for_regions(regions)
        # In double precision, so that parts add up as well as the network's own.
        found = {"predictions": scaler.inverse_transform_target(outputs["predictions"].double())}
        if return_contributions:
            parts = {name: outputs[own].double() for name, own in _PARTS.items()}
            found |= scaler.inverse_transform_contributions(**parts)
        return {name: values.cpu().numpy() for name, values in found.items()}

    def predict_holdout(
        self, holdout_data: Mapping[str, Panel], return_contributions: bool = True
    ) -> dict[str, Array]:
        """Predict the weeks that follow training, in the client's units.

        Parameters
        ----------
        holdout_data : Mapping of str to ndarray or Tensor
            ``X_media`` and ``X_control`` of all regions in the client's units, from the first week
            after training on, as :meth:`UnifiedDataPipeline.temporal_split` returns.
        return_contributions : bool

        Returns
        -------
        dict of str to ndarray
            As :meth:`predict_and_inverse_transform`, of the held-out weeks.

        Raises
        ------
        SpecificationError
            If there is no pipeline, which knows where training ended.
        ScalerNotFittedError, DataError
            As :meth:`predict`.
        """
        if self.pipeline is None:
            raise SpecificationError(
                "Got no pipeline; expected that of training, which has the weeks before the "
                "holdout. Pass it to InferenceManager."
            )
        start = self.pipeline.training_weeks
        media, controls = panels_of(holdout_data, "X_media", "X_control")
        return self.predict_and_inverse_transform(
            media,
            controls,
            range(len(media)),
            return_contributions=return_contributions,
            start_week=start,
        )

    def analyze_contributions(
        self,
        X_media: Panel,  # noqa: N803
        X_control: Panel,  # noqa: N803
        media_names: Sequence[str] | None = None,
        control_names: Sequence[str] | None = None,
        R: Regions = None,  # noqa: N803
        *,
        start_week: int = 0,
    ) -> pd.DataFrame:
        """What each channel, each control, the baseline and the season contributed in all.

        Parameters
        ----------
        X_media, X_control, R, start_week
            As for :meth:`predict`.
        media_names, control_names : sequence of str, optional
            Names of channels and controls; numbers unless given.

        Returns
        -------
        pandas.DataFrame
            ``part``, ``kind`` (media, control, baseline or season), ``total`` in the client's units
            over all rows and weeks, and ``share`` of the sum of the totals, which is that of the
            predictions; NaN if the sum is zero.

        Raises
        ------
        SpecificationError
            If there is neither pipeline nor scaler.
        ScalerNotFittedError, DataError
            As :meth:`predict`, or if there are not as many names as series.
        """
        parts = self.predict_and_inverse_transform(X_media, X_control, R, start_week=start_week)
        media, controls = (parts[f"{n}_contributions"].sum(axis=(0, 1)) for n in _KINDS[:2])
        names = _names("media_names", media_names, len(media))
        others = _names("control_names", control_names, len(controls))
        levels = parts["baseline"].sum(), parts["seasonal_contributions"].sum()
        totals = np.concatenate([media, controls, levels])
        whole = totals.sum()
        return pd.DataFrame(
            {
                "part": [*names, *others, "baseline", "season"],
                "kind": np.repeat(list(_KINDS), [len(media), len(controls), 1, 1]),
                "total": totals,
                "share": totals / whole if whole else np.nan,
            }
        )

    def get_coefficients(
        self,
        X_media: Panel,  # noqa: N803
        X_control: Panel,  # noqa: N803
        R: Regions = None,  # noqa: N803
        remove_padding: bool = True,
        *,
        start_week: int = 0,
    ) -> dict[str, Array]:
        """Coefficients of every week, which multiply what the network makes of media and controls.

        Parameters
        ----------
        X_media, X_control, R, remove_padding, start_week
            As for :meth:`predict`.

        Returns
        -------
        dict of str to ndarray
            ``media_coefficients`` of shape (row, week, channel) and ``control_coefficients`` of
            shape (row, week, control), in the network's units.

        Raises
        ------
        ScalerNotFittedError, DataError
            As :meth:`predict`.
        """
        outputs, _ = self._outputs(X_media, X_control, R, start_week, remove_padding)
        media, controls = outputs["coefficients"], outputs["control_coefficients"]
        names = "media_coefficients", "control_coefficients"
        return {n: v.cpu().numpy() for n, v in zip(names, (media, controls), strict=True)}

    def get_dag_adjacency(self, threshold: bool = False, eps: float | None = None) -> Array | None:
        """Weights of the channel graph's edges.

        Parameters
        ----------
        threshold : bool
            Whether weak edges become zero.
        eps : float, optional
            Read with a threshold only: weights below it do; ``notears_threshold`` unless given.

        Returns
        -------
        ndarray of shape (cause, effect), or None
            Of the caller's own. None if the network has no graph.

        Raises
        ------
        SpecificationError
            If eps is negative or no number.
        """
        if self.model.adj_logits is None:
            return None
        weakest = self.settings.notears_threshold if eps is None else eps
        weights = self.model.get_dag_adjacency_matrix(weakest if threshold else None)
        found: Array = weights.cpu().numpy()
        return found

    def _used_scaler(self) -> SimpleGlobalScaler:
        scaler = self.scaler if self.pipeline is None else self.pipeline.scaler
        if scaler is None:
            raise SpecificationError(
                "Got neither pipeline nor scaler; expected one, since it has the client's units. "
                "Pass that of training to InferenceManager, or call predict for scaled numbers."
            )
        return scaler

    def _window(
        self,
        X_media: Panel,  # noqa: N803
        X_control: Panel,  # noqa: N803
        R: Regions,  # noqa: N803
        start_week: int,
    ) -> ScaledWindow:
        """What the network reads: scaled, and behind what is known to come before."""
        if self.pipeline is not None:
            return self.pipeline.window(X_media, X_control, R, start_week)
        regions = self.model.n_regions
        return cold_window(X_media, X_control, R, regions, self.scaler, start_week)

    @torch.no_grad()
    def _outputs(
        self,
        X_media: Panel,  # noqa: N803
        X_control: Panel,  # noqa: N803
        R: Regions,  # noqa: N803
        start_week: int,
        remove_padding: bool,
    ) -> tuple[dict[str, Tensor], Tensor]:
        """The network's outputs by week, and the region of each row."""
        window = self._window(X_media, X_control, R, start_week)
        level = self.model.region_baseline
        outputs = self.model.eval()(
            window.X_media.to(level),
            window.X_control.to(level),
            window.R.to(level.device),
            start_week=window.start_week,
        )[3]
        first = window.lead if remove_padding else 0
        by_week = {
            name: values[:, first:] for name, values in outputs.items() if name[:4] != "dag_"
        }
        return by_week, window.R


def _names(called: str, given: Sequence[str] | None, number: int) -> list[str]:
    """Names of series, or their numbers."""
    if given is None:
        return [str(i) for i in range(number)]
    if len(given) != number:
        raise DataError(
            f"Got {len(given)} {called}; expected {number}, one for each series in their order."
        )
    return list(given)
