"""What a model's specification and its ``engine_options`` mean to the deep engine."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import torch

from pymc_toolkit.engines.deep.config import DeepSettings
from pymc_toolkit.exceptions import SpecificationError
from pymc_toolkit.model_data import ModelData
from pymc_toolkit.model_spec import ModelSpec, whole_number

# Where the engine's defaults are not those of the network's own interface. Penalties are off, since
# beliefs about every parameter take their place (see beliefs.py).
_DEFAULTS: Mapping[str, Any] = {
    "learning_rate": 0.02,
    "huber_delta": 0.1,
    "use_warm_start": False,
    "dropout": 0.0,
    "burn_in_weeks": 0,
    "control_clip": 5.0,
    "hidden_dim": 16,
    "region_dim": 0,
    "coeff_range": 1.0,
    "media_scaling": "volume",
    "enable_dag": False,
    "sparsity_weight": 0.0,
    "l1_weight": 0.0,
    "l2_weight": 0.0,
    "coeff_l2_weight": 0.0,
    "coeff_gen_l2_weight": 0.0,
    "patience": 100,
    "notears_warmup_epochs": 50,
    "notears_dual_update_every": 10,
    "notears_dual_factor": 3.0,
}
# Epochs of a panel and of a single series, whose epochs cost little and teach little; and the part
# of them after which the twin may choose one, since steps are too long before.
_EPOCHS, _EPOCHS_OF_ONE, _LAST_PART = 200, 600, 0.85
# What media are expected to bring together, of a target of one, each at half of its saturation.
_MEDIA_SHARE = 0.3
# Set by the specification or the data, and so not by options.
_TAKEN = {
    "adstock_lags": "lag_max",
    "seasonal_harmonics": "yearly_seasonality",
    "seasonal_period": "the dates",
    "baseline_knots": "time_varying_intercept",
    "learn_hill_slope": "saturation",
    "media_scaling": "channel_scaler",
}
# Read by the interface of the classes alone: the engine starts from levels and exposure of the
# data and from no regression, holds nothing out by itself, and draws nothing.
_NOT_READ = (
    *("baseline_level", "hill_half_saturation", "regression_ridge"),
    *("holdout_ratio", "visualization"),
)
# What has to be said too for others, by the beginnings of their names, to change anything.
_NEED: Mapping[str, tuple[str, ...]] = {
    "enable_dag": ("dag_", "notears_", "interaction_mix", "enable_interactions"),
    "media_share_prior": ("media_share_weight",),
    "use_warm_start": ("warm_start_epochs",),
}
_PERIODS_A_YEAR = {"D": 365.25, "MS": 12.0}


@dataclass(frozen=True)
class DeepOptions:
    """Every choice about a fit of the deep engine.

    Parameters
    ----------
    settings : DeepSettings
        Of each network and its training.
    members : int
        Networks of the ensemble; one is a point estimate.
    block_periods : int
        Periods over which errors last, for the weights by which members differ.
    device : str
        Where to train, as torch names it.
    """

    settings: DeepSettings
    members: int = 12
    block_periods: int = 8
    device: str = "cpu"

    @classmethod
    def of(cls, data: ModelData, spec: ModelSpec) -> DeepOptions:
        """The choices of a specification for some data.

        Parameters
        ----------
        data : ModelData
        spec : ModelSpec

        Raises
        ------
        SpecificationError
            If an option is unknown, out of range, set elsewhere, or would change nothing.
        """
        given = dict(spec.engine_options)
        own = {
            name: given.pop(name)
            for name in ("members", "block_periods", "device")
            if name in given
        }
        _check_names(given)
        expected = min(0.4, 2 * _MEDIA_SHARE / len(data.channels))
        epochs = whole_number(
            "n_epochs", given.get("n_epochs", _EPOCHS if data.is_panel else _EPOCHS_OF_ONE)
        )
        spacing = whole_number("baseline_knot_weeks", given.get("baseline_knot_weeks", 6))
        last = int(_LAST_PART * epochs)
        chosen = {**_DEFAULTS, "media_coefficient": expected, "min_epochs": last, **given}
        settings = DeepSettings.from_config(
            {
                **chosen,
                "n_epochs": epochs,
                "adstock_lags": spec.lag_max,
                "seasonal_harmonics": spec.yearly_seasonality or 0,
                "seasonal_period": _PERIODS_A_YEAR.get(data.frequency, 365.25 / 7),
                "learn_hill_slope": spec.saturation == "hill",
                "baseline_knot_weeks": spacing,
                "baseline_knots": _knots(data, spec, spacing),
            }
        )
        return cls(settings, **own)

    def __post_init__(self) -> None:
        for name in ("members", "block_periods"):
            object.__setattr__(self, name, whole_number(name, getattr(self, name)))
        if not isinstance(self.device, str) or not _parsed(self.device):
            raise SpecificationError(
                f"Got device={self.device!r}; expected a name such as 'cpu' or 'cuda'."
            )

    def check_device(self) -> None:
        """Refuse to train on a device that this machine lacks.

        Raises
        ------
        SpecificationError
            If torch cannot use it.
        """
        try:
            torch.empty(0, device=self.device)
        except (RuntimeError, AssertionError) as error:
            raise SpecificationError(
                f"Got device={self.device!r}, which torch cannot use here ({error}); expected one "
                "that this machine has. Leave device out to train on the processor."
            ) from error

    def without_share_prior(self) -> DeepOptions | None:
        """The same choices without a prior on media's share; None where there is none."""
        if self.settings.media_share_prior is None:
            return None
        return replace(self, settings=replace(self.settings, media_share_prior=None))

    def to_dict(self) -> dict[str, Any]:
        """The choices as plain values."""
        config = self.settings.to_config()
        own = ("members", "block_periods", "device")
        return config | {name: getattr(self, name) for name in own}


def _parsed(device: str) -> bool:
    """Whether torch knows of such devices, on this machine or on others."""
    try:
        torch.device(device)
    except RuntimeError:
        return False
    return True


def _check_names(given: Mapping[str, Any]) -> None:
    for name in given:
        if name in _TAKEN:
            raise SpecificationError(
                f"Got {name!r} among engine_options; expected it to follow from {_TAKEN[name]}. "
                "Leave it out."
            )
    known = {entry.name for entry in fields(DeepSettings)} - {*_TAKEN, *_NOT_READ}
    unknown = sorted(set(given) - known, key=str)
    if unknown:
        raise SpecificationError(
            f"Got engine_options {unknown}; expected some of members, block_periods, device, "
            f"{', '.join(sorted(known))}."
        )
    for name, other in itertools.product(given, _NEED):
        if name.startswith(_NEED[other]) and other not in given:
            raise SpecificationError(
                f"Got {name!r} among engine_options without {other!r}, without which it changes "
                f"nothing; expected both. Add {other!r}, or leave it out."
            )


def _knots(data: ModelData, spec: ModelSpec, spacing: int) -> int:
    """Turning points of a baseline that moves: the last is ``spacing`` periods before the end."""
    if not spec.time_varying_intercept:
        return 0
    return max(1, (data.n_periods - spacing) // spacing)
