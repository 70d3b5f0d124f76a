"""What the model is, as frozen values: comparable, storable, and hashed into every report."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from numbers import Integral, Real
from typing import Any

import numpy as np

from pymc_toolkit.components.adstock import ADSTOCKS, Adstock
from pymc_toolkit.components.channel_dag import ChannelDag
from pymc_toolkit.components.saturation import SATURATIONS, Saturation
from pymc_toolkit.components.uplift_tests import UpliftTest
from pymc_toolkit.exceptions import SpecificationError

_LARGEST_SEED = 2**63 - 1


@dataclass(frozen=True)
class ModelSpec:
    """The structure of a model and the priors that differ from the defaults.

    Parameters
    ----------
    lag_max : int
        Number of periods over which an exposure acts, its own included; at least 1.
    adstock : {"geometric", "delayed", "weibull_pdf", "weibull_cdf", "binomial"}
    saturation : {"michaelis_menten", "logistic", "hill", "tanh", "root"}
    time_varying_media, time_varying_intercept : bool
        Whether a smooth multiplier moves media effectiveness, or the baseline, over time.
    yearly_seasonality : int, optional
        Number of harmonics of the year.
    trend : int, optional
        Number of changepoints of a piecewise linear trend; 1 is a straight line.
    uplift_tests : sequence of UpliftTest
        Experiments that the model learns from; :mod:`pymc_toolkit.uplift_windows` holds them
        against a client's data.
    channel_dag : ChannelDag, optional
        How channels may drive each other; without, they do not.
    engine_options : Mapping of str to Any
        Choices that only one engine has, as plain values; the engine checks them.
    prior_overrides : Mapping of str to Mapping
        Plain forms of the priors that replace defaults (see :mod:`pymc_toolkit.priors`).

    Raises
    ------
    SpecificationError
        If a name is unknown or a number is out of range.

    Examples
    --------
    >>> ModelSpec(lag_max=4) == ModelSpec(lag_max=4, adstock="geometric")
    True
    """

    lag_max: int
    adstock: str = "geometric"
    saturation: str = "michaelis_menten"
    time_varying_media: bool = False
    time_varying_intercept: bool = False
    yearly_seasonality: int | None = None
    trend: int | None = None
    uplift_tests: tuple[UpliftTest, ...] = ()
    channel_dag: ChannelDag | None = None
    engine_options: Mapping[str, Any] = field(default_factory=dict, hash=False)
    prior_overrides: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        _check_choice("adstock", self.adstock, ADSTOCKS)
        _check_choice("saturation", self.saturation, SATURATIONS)
        for name in ("lag_max", "yearly_seasonality", "trend"):
            if name == "lag_max" or getattr(self, name) is not None:
                object.__setattr__(self, name, whole_number(name, getattr(self, name)))
        if self.adstock == "weibull_pdf" and self.lag_max < 2:
            raise SpecificationError(
                "Got lag_max=1 with adstock='weibull_pdf', which sets its smallest weight to zero; "
                "expected a lag_max of at least 2, or another adstock."
            )
        # Copies: the caller's mappings may change later, a specification must not.
        for name in ("prior_overrides", "engine_options"):
            object.__setattr__(self, name, copy.deepcopy(_mapping(name, getattr(self, name))))
        tests = tuple(
            UpliftTest(**test) if isinstance(test, Mapping) else test for test in self.uplift_tests
        )
        strange = [test for test in tests if not isinstance(test, UpliftTest)]
        if strange:
            raise SpecificationError(f"Got {strange[0]!r} among uplift_tests; expected UpliftTest.")
        object.__setattr__(self, "uplift_tests", tests)
        object.__setattr__(self, "channel_dag", ChannelDag.of(self.channel_dag))
        for name in ("time_varying_media", "time_varying_intercept"):
            object.__setattr__(self, name, flag(name, getattr(self, name)))

    @property
    def adstock_component(self) -> Adstock:
        """The adstock that the name stands for."""
        return ADSTOCKS[self.adstock]

    @property
    def saturation_component(self) -> Saturation:
        """The saturation that the name stands for."""
        return SATURATIONS[self.saturation]

    def to_dict(self) -> dict[str, Any]:
        """The specification as plain values that JSON can hold."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ModelSpec:
        """The specification that :meth:`to_dict` wrote."""
        return cls(**values)

    def digest(self) -> str:
        """SHA-256 of every choice in the specification."""
        return digest_of(self.to_dict())


@dataclass(frozen=True)
class Sampling:
    """How a posterior is sampled.

    Parameters
    ----------
    draws, tune, chains : int
        Draws kept per chain, draws thrown away before them, and independent chains.
    target_accept : float
        Acceptance rate the step size aims at, between 0 and 1; higher is slower and safer.
    random_seed : int
        Same seed, same draws.

    Raises
    ------
    SpecificationError
        If a number is out of range.
    """

    draws: int = 1000
    tune: int = 1000
    chains: int = 4
    target_accept: float = 0.92
    random_seed: int = 0

    def __post_init__(self) -> None:
        for name in ("draws", "tune", "chains"):
            object.__setattr__(self, name, whole_number(name, getattr(self, name)))
        if not (isinstance(self.target_accept, Real) and 0 < self.target_accept < 1):
            raise SpecificationError(
                f"Got target_accept={self.target_accept!r}; expected a number between 0 and 1, "
                "such as 0.9."
            )
        object.__setattr__(self, "target_accept", float(self.target_accept))
        seed = whole_number("random_seed", self.random_seed, lowest=0)
        if seed > _LARGEST_SEED:
            raise SpecificationError(
                f"Got random_seed={seed}; expected at most {_LARGEST_SEED} (2**63 - 1)."
            )
        object.__setattr__(self, "random_seed", seed)


def _mapping(name: str, value: object) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise SpecificationError(f"Got {name}={value!r}; expected a mapping of names to values.")
    return dict(value)


def _check_choice(name: str, value: object, allowed: Mapping[str, object]) -> None:
    if not isinstance(value, str) or value not in allowed:
        raise SpecificationError(
            f"Got {name}={value!r}; expected one of {', '.join(map(repr, allowed))}."
        )


def whole_number(name: str, value: Any, lowest: int = 1) -> int:
    """Check a whole number, numpy's too, and give it as a plain int.

    Parameters
    ----------
    name : str
        Named in the error.
    value : Any
        True and False are not numbers here.
    lowest : int

    Returns
    -------
    int

    Raises
    ------
    SpecificationError
        If it is something else, or below ``lowest``.
    """
    if isinstance(value, bool | np.bool) or not isinstance(value, Integral) or value < lowest:
        raise SpecificationError(
            f"Got {name}={value!r}; expected a whole number of at least {lowest}."
        )
    return int(value)


def digest_of(values: Mapping[str, Any]) -> str:
    """SHA-256 of plain values, whatever the order of their keys."""
    canonical = json.dumps(values, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def flag(name: str, value: Any) -> bool:
    """Check a yes or no, numpy's too, and give it as a plain bool.

    Parameters
    ----------
    name : str
        Named in the error.
    value : Any

    Returns
    -------
    bool

    Raises
    ------
    SpecificationError
        If it is neither True nor False.
    """
    if not isinstance(value, bool | np.bool):
        raise SpecificationError(f"Got {name}={value!r}; expected True or False.")
    return bool(value)
