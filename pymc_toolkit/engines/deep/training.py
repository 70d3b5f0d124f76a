"""How networks are trained: batches of regions, a schedule, dear cycles, and when to stop.

The number of epochs is chosen without looking at what is to be forecast: the first member of the
ensemble is a twin, trained on all but the last weeks of training, and the networks that have seen
all of them are taken from the epoch in which the twin predicted those weeks best. (The published
package steps its schedule on the holdout and keeps the last epoch.)
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, cast

import torch
from torch import Tensor
from torch.nn.utils import clip_grad_norm_
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from pymc_toolkit.engines.deep.config import DeepSettings
from pymc_toolkit.engines.deep.dag import is_acyclic
from pymc_toolkit.engines.deep.ensemble import Ensemble
from pymc_toolkit.engines.deep.losses import Objective, cycles, mean_squares, weighted_loss
from pymc_toolkit.engines.deep.schedule import (
    all_epochs,
    dear_cycles,
    optimizer_and_scheduler,
    warm_start,
)
from pymc_toolkit.exceptions import ConvergenceWarning, TrainingError, warn_user

# Largest measure of cycles of a graph that may be kept.
ACYCLIC = 1e-3
# It does not bound longer cycles: edges of 0.3 in a circle of three come to 4e-4. So the graph that
# is left once weak edges are cut is looked at as well; none is left uncut, whatever the threshold.
_WEAKEST_EDGE = 0.05
# Epochs beyond those asked for in which cycles may still be driven out: as many again, and at least
# so many.
_FEWEST_WITH_CYCLES = 500


@dataclass(frozen=True)
class Panel:
    """What networks are trained on, already scaled and checked.

    Parameters
    ----------
    media : Tensor of shape (region, week, channel)
    controls : Tensor of shape (region, week, control)
    regions : Tensor of int64, of shape (region,)
        Id of each row.
    target : Tensor of shape (region, week)
    start_week : float
        Number of the first week.
    """

    media: Tensor
    controls: Tensor
    regions: Tensor
    target: Tensor
    start_week: float = 0

    def rows(self, chosen: Tensor) -> Panel:
        """Some of the regions."""
        parts = ("media", "controls", "regions", "target")
        return replace(self, **{name: getattr(self, name)[chosen] for name in parts})

    def to(self, device: str) -> Panel:
        """The same on another device."""
        parts = ("media", "controls", "regions", "target")
        return replace(self, **{name: getattr(self, name).to(device) for name in parts})


@dataclass
class History:
    """What training went through, epoch by epoch.

    Parameters
    ----------
    losses, misfits : list of list of float
        By epoch and member: what was minimised, and the part of it that is about the target.
    squares : list of list of float
        Mean squared errors, by epoch and member, of weighted observations.
    validation : dict of int to float
        Error of the twin on the weeks that it was not trained on, by epoch.
    duals : list of dict
        Largest ``h`` over the members and its ``epoch``, at each dual update.
    best_epoch : int
        The one that the networks were taken from, -1 before there is one.
    """

    losses: list[list[float]] = field(default_factory=list)
    misfits: list[list[float]] = field(default_factory=list)
    squares: list[list[float]] = field(default_factory=list)
    validation: dict[int, float] = field(default_factory=dict)
    duals: list[dict[str, float]] = field(default_factory=list)
    best_epoch: int = -1


class Training:
    """Members of an ensemble, trained on one panel as one batch.

    Parameters
    ----------
    ensemble : Ensemble
        Changed in place. With ``validation_weeks`` its first member is the twin.
    panel : Panel
    settings : DeepSettings
    weights : Tensor of shape (member, region, week)
        How much each observation counts for each member; zero for padding and, for the twin, the
        weeks that it has to predict.
    objective : callable
    validation_weeks : int
        Last weeks that the twin predicts; 0 to train without one, to the last epoch.
    seed : int
        Of dropout and batches.
    """

    def __init__(
        self,
        ensemble: Ensemble,
        panel: Panel,
        settings: DeepSettings,
        weights: Tensor,
        objective: Objective,
        validation_weeks: int = 0,
        seed: int = 0,
    ) -> None:
        self.ensemble, self.panel, self.settings = ensemble, panel, settings
        self.weights, self.objective = weights, objective
        self.validation_weeks = validation_weeks
        self.optimizer, self.scheduler = optimizer_and_scheduler(ensemble, settings)
        self.generator = torch.Generator().manual_seed(seed)
        # Of the last epochs: where steps are still long, the average lies closer to the bottom.
        self._averaged = AveragedModel(
            ensemble, multi_avg_fn=get_ema_multi_avg_fn(settings.weight_average)
        )
        self.history, self.epoch = History(), 0
        self._best: dict[str, Any] | None = None

    def run(self, progress: Callable[[int, History], None] | None = None) -> History:
        """Train to the end, and leave the ensemble as it was in its best epoch.

        Parameters
        ----------
        progress : callable, optional
            Called with the number of epochs done and the history, after each.

        Returns
        -------
        History

        Raises
        ------
        TrainingError
            If a loss is no longer a finite number.
        """
        while not self._finished():
            self._one_epoch()
            if progress:
                progress(self.epoch, self.history)
        self.ensemble.load_state_dict(self._best or self._average.state_dict())
        if not self._acyclic:
            warn_user(
                f"Got a channel graph with cycles after {self.epoch} epochs (h = "
                f"{cycles(self.ensemble):.1e}); expected h below {ACYCLIC:g}, and none among edges "
                "of at least notears_threshold. Train for more epochs, or raise "
                "notears_dual_factor or notears_lambda1.",
                ConvergenceWarning,
            )
        self.ensemble.eval()
        return self.history

    def state_dict(self) -> dict[str, Any]:
        """Everything that :meth:`load_state_dict` needs to go on where this stopped."""
        return {
            "ensemble": copy.deepcopy(self.ensemble.state_dict()),
            "averaged": copy.deepcopy(self._averaged.state_dict()),
            "optimizer": copy.deepcopy(self.optimizer.state_dict()),
            "scheduler": self.scheduler.state_dict(),
            "generator": self.generator.get_state(),
            "history": copy.deepcopy(vars(self.history)),
            "epoch": self.epoch,
            "best": copy.deepcopy(self._best),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from what :meth:`state_dict` gave.

        Parameters
        ----------
        state : dict
        """
        self.ensemble.load_state_dict(state["ensemble"])
        self._averaged.load_state_dict(state["averaged"])
        # The optimiser would go on in the very tensors that it is given.
        self.optimizer.load_state_dict(copy.deepcopy(state["optimizer"]))
        self.scheduler.load_state_dict(state["scheduler"])
        self.generator.set_state(state["generator"])
        self.history, self.epoch = History(**copy.deepcopy(state["history"])), state["epoch"]
        self._best = copy.deepcopy(state["best"])

    def _one_epoch(self) -> None:
        if self._with_cycles:
            for network in self.ensemble.networks:
                network.notears_active.fill_(self.epoch >= dear_cycles(self.settings))
        losses = self.train_once(stable=self.epoch < warm_start(self.settings))
        for known, values in zip(self._by_epoch, losses, strict=True):
            known.append(values)
        self.scheduler.step()
        self.epoch += 1
        self._averaged.update_parameters(self.ensemble)
        for average, network in zip(self._average.networks, self.ensemble.networks, strict=True):
            # No parameter or buffer, and so not averaged or copied with them.
            average.set_extra_state(network.get_extra_state())
        self._update_duals()
        if self.validation_weeks and self.epoch > warm_start(self.settings):
            self._validate()

    @property
    def _by_epoch(self) -> tuple[list[list[float]], ...]:
        return self.history.losses, self.history.misfits, self.history.squares

    def train_once(self, stable: bool = False) -> tuple[list[float], list[float], list[float]]:
        """One pass over the regions.

        Parameters
        ----------
        stable : bool
            Whether coefficients are the stable ones in every week.

        Returns
        -------
        losses, misfits, squares : list of float
            By member, as in :class:`History`, averaged over batches.

        Raises
        ------
        TrainingError
            If a loss is not a finite number.
        """
        self.ensemble.train()
        # Dropout draws from torch's own generator; the caller's is left as it is.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(torch.randint(2**62, (), generator=self.generator)))
            losses = torch.stack([self._step(chosen, stable) for chosen in self._batches()]).mean(0)
        if not torch.isfinite(losses).all():
            raise TrainingError(
                f"Got a loss that is not finite in epoch {self.epoch + 1}; expected it to fall. "
                f"Try a learning_rate below {self.settings.learning_rate:g}, and look for extreme "
                "values in the data."
            )
        return losses[0].tolist(), losses[1].tolist(), losses[2].tolist()

    def _step(self, chosen: Tensor | None, stable: bool) -> Tensor:
        """One step on some rows, or all: loss, misfit and squares before it, by member."""
        panel, weights = self.panel, self.weights
        if chosen is not None:
            panel, weights = panel.rows(chosen), weights[:, chosen]
        self.optimizer.zero_grad()
        outputs = self.ensemble(
            panel.media,
            panel.controls,
            panel.regions,
            start_week=panel.start_week,
            stable=stable,
        )
        misfit = weighted_loss(outputs["predictions"], panel.target, weights, self.settings)
        loss = self.objective(self.ensemble, misfit, outputs)
        loss.sum().backward()
        for network in self.ensemble.networks:
            clip_grad_norm_(network.parameters(), self.settings.gradient_clip, foreach=True)
        self.optimizer.step()
        squares = mean_squares(outputs["predictions"].detach(), panel.target, weights)
        return torch.stack([loss.detach(), misfit.detach(), squares])

    def _batches(self) -> Iterator[Tensor | None]:
        """Rows of each batch; None for all of them, as they are."""
        size, rows = self.settings.batch_size, len(self.panel.regions)
        if size is None or size >= rows:
            yield None
        else:
            yield from torch.randperm(rows, generator=self.generator).split(size)

    @property
    def _average(self) -> Ensemble:
        """The networks with the average of their weights over the last epochs."""
        return cast(Ensemble, self._averaged.module)

    @property
    def _with_cycles(self) -> bool:
        return self.settings.enable_dag and self.settings.dag_mode == "notears"

    @property
    def _acyclic(self) -> bool:
        """Whether no member has cycles to speak of; it may not stop, or be kept, before."""
        if not self._with_cycles:
            return True
        weakest = max(self.settings.notears_threshold, _WEAKEST_EDGE)
        graphs = [network.threshold_dag(weakest) for network in self._average.networks]
        return cycles(self._average) < ACYCLIC and all(map(is_acyclic, graphs))

    def _finished(self) -> bool:
        settings, epochs = self.settings, all_epochs(self.settings)
        if self.epoch >= epochs + max(epochs, _FEWEST_WITH_CYCLES):
            return True
        kept = self._best is not None or not self.validation_weeks
        if self.epoch >= epochs:
            return self._acyclic if not self.validation_weeks else kept
        waited = self.epoch - self.history.best_epoch
        return self._best is not None and waited >= settings.patience

    def _update_duals(self) -> None:
        settings = self.settings
        since = self.epoch - dear_cycles(settings)
        if self._with_cycles and since > 0 and since % settings.notears_dual_update_every == 0:
            factor = settings.notears_dual_factor
            found = [network.notears_update_duals(factor) for network in self.ensemble.networks]
            worst = max(found, key=lambda duals: duals["h"])
            self.history.duals.append({"epoch": float(self.epoch), **worst})

    @torch.no_grad()
    def _validate(self) -> None:
        """Hold the twin against the weeks that it has not seen, and keep the best epoch."""
        last = self.epoch >= all_epochs(self.settings)
        if self.epoch % self.settings.validate_every and not last:
            return
        twin, panel = self._average.networks[0].eval(), self.panel
        predicted = twin(
            panel.media, panel.controls, panel.regions, start_week=panel.start_week, check=False
        )[0]
        weeks = slice(-self.validation_weeks, None)
        error = (predicted - panel.target)[:, weeks].abs().sum()
        # A target that is zero in all of those weeks still has a best epoch.
        size = panel.target[:, weeks].abs().sum().clamp_min(torch.finfo(error.dtype).eps)
        relative = float(error / size)
        known = self.history.validation
        # A graph with cycles is not kept, however well it predicts.
        settled = last or self.epoch >= warm_start(self.settings) + self.settings.min_epochs
        if (
            settled
            and self._acyclic
            and (self._best is None or relative < known[self.history.best_epoch])
        ):
            self.history.best_epoch = self.epoch
            self._best = copy.deepcopy(self._average.state_dict())
        known[self.epoch] = relative
