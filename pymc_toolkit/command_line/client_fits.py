"""A client's fit from month to month: the one on disk, one that carries on from it, or a fresh one.

Beside the fit of now lies the one of earlier periods that it was compared with. A second run of the
same month starts from that one again, so that its result does not depend on how often it is run.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import xarray as xr

from pymc_toolkit.client_config import ClientConfig
from pymc_toolkit.client_file import ClientFile
from pymc_toolkit.command_line.client_models import build_model, key_of, settings_of, subject_of
from pymc_toolkit.command_line.kept import copy_kept, keep, note_of
from pymc_toolkit.command_line.outcome import plain
from pymc_toolkit.command_line.tables import ModelTable
from pymc_toolkit.exceptions import DataError, SavedModelError, SpecificationError, ToolkitError
from pymc_toolkit.fleets.job import Subject
from pymc_toolkit.model_data import ModelData
from pymc_toolkit.plurals import count
from pymc_toolkit.pymc_model import PymcModel
from pymc_toolkit.scalers import Scaler

logger = logging.getLogger(__name__)

# How far a column may outgrow the scale that a refresh keeps, either way. Beyond it default priors
# hold for unlikely what is usual; mostly the unit has changed.
_OUTGROWN = 3.0


@dataclass(frozen=True)
class Fitted:
    """A client's fit, and how it came about.

    Parameters
    ----------
    model : PymcModel
        Its file is ``client.output(".nc")``.
    reused : bool
        Whether it was there.
    anew : str, optional
        Why it does not carry on from the fit of earlier periods that was there.
    """

    model: PymcModel
    reused: bool
    anew: str | None = None

    @property
    def figures(self) -> dict[str, Any]:
        """How it came about, for machines."""
        history = self.model.refresh_history
        return {
            "reused": self.reused,
            "refresh": dict(vars(history[-1])) if history else None,
            "fitted_anew": self.anew,
        }

    @property
    def notes(self) -> list[str]:
        """How it came about, for people; a first fit needs no words."""
        if self.anew:
            return [f"Fitted anew, without a comparison with earlier results. {self.anew}"]
        return [
            f"Refreshed with data to {last.last_date}: {count(last.periods_added, 'period')} more, "
            f"{last.periods_restated} restated."
            for last in self.model.refresh_history[-1:]
        ]


class Standing:
    """A client's model as it stands: what its file says now, and what there is on disk of it.

    Parameters
    ----------
    client : ClientFile
    progressbar : bool

    Attributes
    ----------
    model : PymcModel
        Of the file, not fitted; on the scales of the fit that it carries on from.

    Raises
    ------
    ClientFileError, DataError, SpecificationError
        As :func:`build_model` raises them.
    """

    def __init__(self, client: ClientFile, progressbar: bool = False) -> None:
        self.client = client
        self.model = build_model(client)
        self._progressbar = progressbar
        self._path, self._previous = client.output(".nc"), client.output(".previous.nc")
        self._settings = settings_of(client)
        self._kept: _Known | None = None
        self._before: _Known | None = None
        self._fitted: Fitted | None = None
        self._anew: str | None = None
        latest = _Known.read(self._path)
        self._has_ended = latest is not None and latest.ends_before(self.model)
        if latest is not None and not self._has_ended:
            self._take(latest)
        if self._kept is None:
            self._carry_on(latest if self._has_ended else _Known.read(self._previous))

    def fitted(self) -> Fitted:
        """The model with its fit, which is made here unless it is there.

        Returns
        -------
        Fitted
        """
        if self._fitted is None:
            if self._kept is not None:
                logger.info("%s: took the fit from %s.", self.client.name, self._path)
                if self._kept.adopted:
                    # Costs and names decide no fit, and may be others since.
                    self._save(self._kept.model)
                self._fitted = Fitted(self._kept.model, True)
            else:
                model = self._sampled()
                if self._has_ended:
                    copy_kept(self._path, self._previous)
                self._save(model)
                self._fitted = Fitted(model, False, self._anew)
        return self._fitted

    def _sampled(self) -> PymcModel:
        name, how = self.client.name, {"progressbar": self._progressbar, **self._sampling}
        if self._before is None:
            logger.info("%s: fitting the model.", name)
            return self.model.fit(**how)
        ends = self._before.data.dates[-1].date(), self.model.config.model_data.dates[-1].date()
        logger.info("%s: refreshing the fit of data to %s with data to %s.", name, *ends)
        return self._before.model.refresh(self.model.config.table, **how)

    @property
    def _sampling(self) -> dict[str, Any]:
        return self.client.tables.sampling.model_dump()

    def _take(self, known: _Known) -> None:
        """Take a fit on disk, if it is that of the model as it is."""
        try:
            subject = self._continued(known)
        except ToolkitError as refusal:
            logger.info("%s is not used. %s", known.path, refusal)
            return
        if key_of(subject) != known.key:
            logger.info(
                "%s is of other data, sampling or versions than those of now: it is not used.",
                known.path,
            )
            return
        self.model.config, self.model.spec = subject.config, subject.spec
        self._kept = known

    def _carry_on(self, known: _Known | None) -> None:
        """Start from a fit of earlier periods, if the model as it is can."""
        if known is None or not known.ends_before(self.model):
            return
        try:
            subject = self._continued(known)
            _check_scales(known.data, self.model.config.model_data)
        except ToolkitError as refusal:
            self._anew = str(refusal)
            logger.warning(
                "%s: the model is fitted anew, and not compared with %s. %s",
                *(self.client.name, known.path, refusal),
            )
            return
        self.model.config, self.model.spec = subject.config, subject.spec
        self._before = known

    def _continued(self, known: _Known) -> Subject:
        """The model of a fit with the data of now, as a refresh makes it; refused if it is another.

        Raises
        ------
        SpecificationError, DataError, ColumnError
        """
        _check_settings(known.settings, self._settings)
        lost = known.data.dates.difference(self.model.config.model_data.dates)
        if len(lost):
            raise DataError(
                f"Got data without {count(len(lost), 'period')} that the fit before had, from "
                f"{lost[0].date()} on."
            )
        known.adopt(self.model)
        return known.model.fleet_subject(self.model.config.table, **self._sampling)

    def _save(self, model: PymcModel) -> None:
        model.save(self._path)
        keep(self._path, key_of(subject_of(self.client, model)), settings=self._settings)


class _Known:
    """A fit on disk, and what was noted of it."""

    def __init__(self, path: Path, model: PymcModel, note: Mapping[str, Any]) -> None:
        self.path, self.model = path, model
        self.key, self.settings = note["key"], note.get("settings", {})
        self.adopted = False

    @classmethod
    def read(cls, path: Path) -> Self | None:
        """The fit of a file, if it is there, whole, and of a layout that can be read."""
        note = note_of(path)
        if note is None:
            return None
        try:
            return cls(path, PymcModel.load(path), note)
        except SavedModelError as refusal:
            logger.info("%s is not used. %s", path, refusal)
            return None

    @property
    def data(self) -> ModelData:
        """What it was fitted to."""
        return self.model.config.model_data

    def ends_before(self, model: PymcModel) -> bool:
        """Whether its data end before those of a model."""
        return bool(self.data.dates[-1] < model.config.model_data.dates[-1])

    def adopt(self, model: PymcModel) -> None:
        """Take names, costs and seed from a model, none of which decided the fit."""
        mine, new = self.model.config, model.config
        self.model.random_seed = model.random_seed
        if mine.to_dict() != new.to_dict():
            self.model.config = ClientConfig.restore(new.to_dict(), mine.model_data)
            costs = mine.cost_per_unit, new.cost_per_unit
            self.model.refresh_history = [r.at_costs(*costs) for r in self.model.refresh_history]
            self.adopted = True


def _check_settings(before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Refuse a model that is another than it was."""
    # What was no option then was done as its default does it.
    before = {**plain(ModelTable().model_dump()), **before}
    changed = [name for name in {**before, **now} if before.get(name) != now.get(name)]
    if changed:
        raise SpecificationError(
            "Got other settings than those of the fit before: "
            f"{', '.join(_change(name, before, now) for name in changed)}."
        )


def _change(name: str, before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    pair = before.get(name), now.get(name)
    if any(isinstance(value, dict | list) for value in pair):
        return name
    return f"{name} ({pair[0]}, now {pair[1]})"


def _check_scales(kept: ModelData, fresh: ModelData) -> None:
    """Refuse scales on which priors would not mean what they meant."""
    for role in fresh.scalers:
        old, new = _size(kept, role), _size(fresh, role)
        apart = np.abs(np.log(new.scale / old.scale)) > np.log(_OUTGROWN)
        moved = np.abs(new.center - old.center) > _OUTGROWN * old.scale
        # A column of zeros has no size of its own.
        grown = (apart | moved) & ~(kept.empty(role) | fresh.empty(role))
        if bool(grown.any()):
            raise DataError(
                f"Got data on another scale than the fit before, by more than {_OUTGROWN:g} times: "
                f"{_first(role, grown)}."
            )


def _size(data: ModelData, role: str) -> Scaler:
    """The scale of each column, or what it would be of one that the model sees as it is."""
    scaler = data.scalers[role]
    if scaler.method == "none":
        return Scaler.fit(data.dataset[role], "max_abs", role)
    return scaler


def _first(role: str, grown: xr.DataArray) -> str:
    """What a column with another scale is called."""
    if grown.ndim == 0:
        return f"the {role}"
    where = np.argwhere(grown.values)[0]
    labels = [str(grown[dim].values[at]) for dim, at in zip(grown.dims, where, strict=True)]
    return " ".join([role, *map(repr, labels)])
