"""Trains one network by the names of the published package: a thin layer on :class:`Training`."""

from __future__ import annotations

import copy
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pymc_toolkit.engines.deep.checks import check_panel, check_same_panel, region_ids
from pymc_toolkit.engines.deep.config import DeepSettings
from pymc_toolkit.engines.deep.ensemble import Ensemble
from pymc_toolkit.engines.deep.losses import penalised
from pymc_toolkit.engines.deep.network import DeepCausalMMM
from pymc_toolkit.engines.deep.pipeline import UnifiedDataPipeline
from pymc_toolkit.engines.deep.schedule import optimizer_and_scheduler
from pymc_toolkit.engines.deep.training import History, Panel, Training
from pymc_toolkit.engines.deep.training_files import digest, read_training, write_training
from pymc_toolkit.exceptions import DataError, NotFittedError, SpecificationError
from pymc_toolkit.model_spec import whole_number

logger = logging.getLogger(__name__)

_LOG_EVERY = 100

type Optimising = tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]


class ModelTrainer:
    """Makes a network and trains it, for as many epochs as predict weeks that it has not seen.

    A twin of the network is trained beside it, without the last ``validation_weeks``, and both are
    taken from the epoch in which the twin predicted those weeks best. (The published package looks
    at the holdout while it trains, and keeps the last epoch.)

    Parameters
    ----------
    config : Mapping or DeepSettings, optional
        As :func:`get_default_config` returns; absent keys default.
    seed : int
        Of the network's random start, dropout and batches. The caller's generators are left alone.

    Raises
    ------
    SpecificationError
        If a setting is unknown or impossible.

    Examples
    --------
    >>> trainer = ModelTrainer({"n_epochs": 2, "warm_start_epochs": 2, "hidden_dim": 4})
    >>> model = trainer.create_model(n_media=2, n_control=1, n_regions=3)
    >>> media, controls, y = torch.rand(3, 20, 2), torch.randn(3, 20, 1), torch.rand(3, 20)
    >>> results = trainer.train(media, controls, torch.arange(3), y)
    >>> len(results["train_losses"]), results["best_epoch"]
    (4, 4)
    """

    def __init__(
        self, config: Mapping[str, Any] | DeepSettings | None = None, seed: int = 0
    ) -> None:
        if not isinstance(config, DeepSettings):
            config = DeepSettings.from_config(config or {})
        self.settings: DeepSettings = config
        self.seed = whole_number("seed", seed, 0)
        self.model: DeepCausalMMM | None = None
        self.optimizer: torch.optim.Optimizer | None = None
        self.scheduler: torch.optim.lr_scheduler.LRScheduler | None = None
        self._training: Training | None = None
        self._batches = torch.Generator().manual_seed(self.seed)

    def create_model(self, n_media: int, n_control: int, n_regions: int) -> DeepCausalMMM:
        """Make the network that the other methods train, in place of any before it.

        Parameters
        ----------
        n_media, n_control, n_regions : int
            Numbers of channels, controls (may be 0) and regions.

        Returns
        -------
        DeepCausalMMM
            Also at :attr:`model`.
        """
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            made = DeepCausalMMM.from_settings(n_media, n_control, n_regions, self.settings)
        self.model, self._training, self.optimizer, self.scheduler = made, None, None, None
        self._batches = torch.Generator().manual_seed(self.seed)
        return made

    def create_optimizer_and_scheduler(self) -> Optimising:
        """Make what :meth:`train_epoch` steps with; :meth:`train` makes its own.

        Returns
        -------
        optimizer : torch.optim.Optimizer
        scheduler : torch.optim.lr_scheduler.LRScheduler
            Nobody but the caller steps it, once an epoch.

        Raises
        ------
        NotFittedError
            Before :meth:`create_model`.
        """
        made = optimizer_and_scheduler(self._made("create_optimizer_and_scheduler"), self.settings)
        self.optimizer, self.scheduler = made
        return made

    def train_epoch(
        self,
        Xm: Tensor,  # noqa: N803
        Xc: Tensor,  # noqa: N803
        R: Tensor,  # noqa: N803
        y: Tensor,
        pipeline: UnifiedDataPipeline | None = None,
    ) -> tuple[float, float, float]:
        """Train for one pass over the regions, and nothing else: a step of one's own loop.

        Nothing sets the network's ``notears_active`` or its duals here.

        Parameters
        ----------
        Xm, Xc, R, y, pipeline
            As for :meth:`train`; regions may be missing.

        Returns
        -------
        loss, rmse, r2 : float
            Before the steps: with penalties, and of the scaled target.

        Raises
        ------
        NotFittedError, DataError, TrainingError
            As :meth:`train`.
        """
        model, panel = self._made("train_epoch"), self._panel(Xm, Xc, R, y, pipeline)
        if self.optimizer is None:
            self.create_optimizer_and_scheduler()
        weights = _weights(panel, [0])
        training = Training(Ensemble([model]), panel, self.settings, weights, penalised)
        training.generator = self._batches
        if self.optimizer is not None:
            training.optimizer = self.optimizer
        (loss,), _, (squares,) = training.train_once()
        return loss, *_fit(squares, panel.target, weights[0])

    def train(
        self,
        Xm: Tensor,  # noqa: N803
        Xc: Tensor,  # noqa: N803
        R: Tensor,  # noqa: N803
        y: Tensor,
        pipeline: UnifiedDataPipeline | None = None,
        verbose: bool = False,
        *,
        checkpoint: str | Path | None = None,
        checkpoint_every: int = 100,
    ) -> dict[str, Any]:
        """Train the network to the end, from levels, saturations and coefficients of the data.

        Parameters
        ----------
        Xm : Tensor of shape (region, week, channel)
            Scaled media of training weeks, of every region once.
        Xc : Tensor of shape (region, week, control)
            Scaled controls.
        R : Tensor of shape (region,) or (region, week)
            Number of each row's region.
        y : Tensor of shape (region, week)
            Scaled target.
        pipeline : UnifiedDataPipeline, optional
            The one that padded the panel in ``fit_and_transform_training``: its empty weeks do not
            count, and weeks are numbered from it. Without it all weeks are data, the first week 0.
        verbose : bool
            Whether to log every hundredth epoch, at level INFO.
        checkpoint : str or Path, optional
            File to save to now and then, for :meth:`resume`.
        checkpoint_every : int
            Epochs between.

        Returns
        -------
        dict
            ``train_losses``, ``train_rmses`` and ``train_r2s`` with an entry for each epoch, of the
            scaled target and before the epoch's steps; ``validation_errors``, the twin's sum of
            absolute errors over the target's by epoch; ``best_epoch``, the one that the network was
            taken from (the last without validation).

        Raises
        ------
        NotFittedError
            Before :meth:`create_model`.
        DataError
            If shapes do not fit together or to the network, values are not finite, a region is
            missing, or the panel is not the pipeline's.
        TrainingError
            If a loss is no longer finite.
        """
        every = whole_number("checkpoint_every", checkpoint_every)
        self._start(self._whole_panel(Xm, Xc, R, y, pipeline))
        return self._run(verbose, checkpoint, every)

    def save_checkpoint(self, path: str | Path) -> Path:
        """Write all that :meth:`resume` needs, as tensors and plain values.

        Parameters
        ----------
        path : str or Path
            File to write; an existing one is replaced, whole or not at all.

        Returns
        -------
        Path

        Raises
        ------
        NotFittedError
            Before :meth:`train`.
        """
        if self._training is None:
            raise NotFittedError("Got no training to save; expected one. Call train first.")
        key = self._key(self._training.panel)
        return write_training(path, key, self._training.state_dict())

    def resume(
        self,
        path: str | Path,
        Xm: Tensor,  # noqa: N803
        Xc: Tensor,  # noqa: N803
        R: Tensor,  # noqa: N803
        y: Tensor,
        pipeline: UnifiedDataPipeline | None = None,
        verbose: bool = False,
        *,
        checkpoint: str | Path | None = None,
        checkpoint_every: int = 100,
    ) -> dict[str, Any]:
        """Go on from a checkpoint, to the very network of a training without a break.

        Parameters
        ----------
        path : str or Path
            From :meth:`save_checkpoint`.
        Xm, Xc, R, y, pipeline, verbose, checkpoint, checkpoint_every
            As for :meth:`train`; the data are not in the file.

        Returns
        -------
        dict
            Of :meth:`train`, from the first epoch on.

        Raises
        ------
        SavedModelError
            If the file is no checkpoint, or one of other data, settings or sizes.
        NotFittedError, DataError, TrainingError
            As :meth:`train`.
        """
        every = whole_number("checkpoint_every", checkpoint_every)
        panel = self._whole_panel(Xm, Xc, R, y, pipeline)
        saved = read_training(path, self._key(panel))
        self._start(panel).load_state_dict(saved)
        return self._run(verbose, checkpoint, every)

    def _made(self, method: str) -> DeepCausalMMM:
        if self.model is None:
            raise NotFittedError(
                f"Got no network before {method}; expected one. Call create_model first."
            )
        return self.model

    def _panel(
        self,
        media: Tensor,
        controls: Tensor,
        regions: Tensor,
        target: Tensor,
        pipeline: UnifiedDataPipeline | None,
    ) -> Panel:
        """The arguments of a training, checked."""
        model = self._made("training")
        dtype = model.region_baseline.dtype
        check_panel("Xm", media, model.n_media, dtype)
        check_panel("Xc", controls, model.ctrl_dim, dtype)
        check_panel("y", target, None, dtype)
        check_same_panel(Xm=media, Xc=controls, y=target)
        ids = region_ids(regions, media, model.n_regions)
        start = 0 if pipeline is None else self._start_week(pipeline, media.shape[1])
        return Panel(media, controls, ids, target, start)

    def _start_week(self, pipeline: UnifiedDataPipeline, weeks: int) -> int:
        burn_in = self.settings.burn_in_weeks
        if pipeline.start_week != -burn_in:
            raise SpecificationError(
                f"Got burn_in_weeks={-pipeline.start_week} of the pipeline and {burn_in} of the "
                "trainer; expected the same. Make both from one config."
            )
        if weeks != pipeline.training_weeks + burn_in:
            raise DataError(
                f"Got {weeks} weeks with a pipeline of {burn_in} + {pipeline.training_weeks}; "
                "expected the panel that its fit_and_transform_training returned."
            )
        return pipeline.start_week

    def _whole_panel(self, *given: Any) -> Panel:
        """A panel of every region, in the order of their ids."""
        panel, regions = self._panel(*given), self._made("train").n_regions
        if sorted(panel.regions.tolist()) != list(range(regions)):
            raise DataError(
                f"Got rows of regions {panel.regions.tolist()}; expected each of the {regions} "
                "once. Pass the panel of all regions."
            )
        return panel.rows(panel.regions.argsort())

    def _start(self, panel: Panel) -> Training:
        """A training at its first epoch."""
        model = self._made("train")
        weeks = panel.target.shape[1] + int(panel.start_week)
        held_out = min(self.settings.validation_weeks, weeks // 4)
        hidden = [held_out, 0] if held_out else [0]
        networks = [copy.deepcopy(model), model] if held_out else [model]
        for network, unseen in zip(networks, hidden, strict=True):
            _start_from_data(network, panel, unseen)
        self._training = Training(
            Ensemble(networks),
            panel,
            self.settings,
            _weights(panel, hidden),
            penalised,
            held_out,
            self.seed,
        )
        return self._training

    def _run(self, verbose: bool, checkpoint: str | Path | None, every: int) -> dict[str, Any]:
        training = self._training
        if training is None:
            raise NotFittedError("Got no training to run; expected one. Call train first.")

        def progress(epoch: int, history: History) -> None:
            if checkpoint is not None and epoch % every == 0:
                self.save_checkpoint(checkpoint)
            if verbose and epoch % _LOG_EVERY == 0:
                errors = list(history.validation.values())
                seen = f", validation error {errors[-1]:.4f}" if errors else ""
                logger.info("epoch %d: loss %.5f%s", epoch, history.losses[-1][-1], seen)

        history = training.run(progress)
        target, weights = training.panel.target, training.weights[-1]
        fits = [_fit(squares[-1], target, weights) for squares in history.squares]
        best = history.best_epoch if history.best_epoch > 0 else training.epoch
        if verbose:
            logger.info("trained for %d epochs, kept epoch %d", training.epoch, best)
        return {
            "train_losses": [losses[-1] for losses in history.losses],
            "train_rmses": [rmse for rmse, _ in fits],
            "train_r2s": [r2 for _, r2 in fits],
            "validation_errors": dict(history.validation),
            "best_epoch": best,
        }

    def _key(self, panel: Panel) -> dict[str, Any]:
        """What a checkpoint has to be of for a training to go on from it."""
        model = self._made("save_checkpoint")
        return {
            "sizes": [model.n_media, model.ctrl_dim, model.n_regions],
            "settings": self.settings.to_config(),
            "seed": self.seed,
            "data": digest(panel),
        }


def _start_from_data(network: DeepCausalMMM, panel: Panel, unseen: int) -> None:
    """Starting values from the weeks that are neither padding nor to be predicted."""
    weeks = slice(-int(panel.start_week), panel.target.shape[1] - unseen)
    parts = panel.media, panel.controls, panel.target
    media, controls, target = (values[:, weeks] for values in parts)
    network.initialize_baseline(target)
    network.initialize_hill_from_data(media)
    network.initialize_stable_coefficients_from_data(media, controls, target)


def _weights(panel: Panel, unseen: list[int]) -> Tensor:
    """One for each observation that a member sees, of shape (member, region, week)."""
    weights = torch.ones(len(unseen), *panel.target.shape).to(panel.target)
    weights[:, :, : -int(panel.start_week)] = 0
    for own, weeks in zip(weights, unseen, strict=True):
        own[:, own.shape[1] - weeks :] = 0
    return weights


def _fit(squares: float, target: Tensor, weights: Tensor) -> tuple[float, float]:
    """Root mean square and explained share of the target, from the mean squared error."""
    seen = target[weights > 0].double()
    around = float((seen - seen.mean()).square().mean())
    return squares**0.5, 1 - squares / max(around, torch.finfo(target.dtype).eps)
