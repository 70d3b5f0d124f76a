"""Tables of a client's TOML file: which keys there are, and what each may hold.

Defaults are those of the functions that the values are given to (a test holds them together).
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

Name = Annotated[str, Field(min_length=1)]
Count = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(gt=0, lt=1)]
Seed = Annotated[int, Field(ge=0)]
Edge = Annotated[list[Name], Field(min_length=2, max_length=2)]


class Table(BaseModel):
    """A table that has the keys of its class and no others."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        frozen=True,
        allow_inf_nan=False,
        use_attribute_docstrings=True,
    )

    @model_validator(mode="before")
    @classmethod
    def _knows_its_keys(cls, given: Any) -> Any:
        # Refused before anything else: what a mistyped key leaves out is not missing besides.
        if isinstance(given, Mapping) and cls.model_config.get("extra") == "forbid":
            unknown = [key for key in given if key not in cls.model_fields]
            if unknown:
                text = unknown_keys(unknown, list(cls.model_fields))
                raise PydanticCustomError("sentence", "{text}", {"text": text})
        return given


class CsvTable(Table):
    """`[client.csv]`: how a CSV file is written."""

    separator: Annotated[str, Field(min_length=1, max_length=1)] = ","
    """Between columns."""
    decimal: Annotated[str, Field(min_length=1, max_length=1)] = "."
    """Between whole and part of a number."""
    thousands: Annotated[str, Field(min_length=1, max_length=1)] | None = None
    """Between thousands, where numbers are written so."""
    encoding: Name = "utf-8"
    """Of the text."""


class ClientTable(Table):
    """`[client]`: the data, and the role of each column."""

    name: Name
    """Shown in logs and reports; files are named after it."""
    data: Name
    """CSV or Parquet file, from the folder of this file."""
    target: Name
    """Column that media should move."""
    date_column: Name
    """Column of dates."""
    channels: Annotated[list[Name], Field(min_length=1)]
    """Columns of spend or exposure."""
    controls: list[Name] = Field(default_factory=list)
    """Columns of other drivers."""
    geo_column: Name | None = None
    """Column of regions, for a panel."""
    cost_per_unit: dict[str, Annotated[float, Field(gt=0)]] = Field(default_factory=dict)
    """Cost of one unit of channels whose column is not money."""
    not_bought: list[Name] = Field(default_factory=list)
    """Channels that cost nothing, such as organic ones: they have no return."""
    target_is_money: bool = True
    """Whether the target is in the currency of the spend."""
    csv: CsvTable = CsvTable()
    """How the CSV file is written."""


class PriorTable(Table):
    """A prior, in the form that files of models hold."""

    dist: Name
    """Name of a continuous distribution of PyMC."""
    kwargs: dict[str, float | list[float] | PriorTable] = Field(default_factory=dict)
    """Its hyperparameters: numbers, one number a channel, or priors."""
    dims: Name | list[Name] | None = None
    """Such as "channel"; without, all share one value."""
    centered: bool | None = None
    """False to sample a prior with hyperpriors in its non-centred form."""


class SmoothTable(Table):
    """Settings of a smooth multiplier; those left out keep their defaults."""

    m: Count | None = None
    """Number of basis functions."""
    L: Annotated[float, Field(gt=0)] | None = None
    """Half the width that the basis spans, in periods."""
    eta_lam: Annotated[float, Field(gt=0)] | None = None
    """Rate of the exponential prior of the amplitude."""
    ls_mu: Annotated[float, Field(gt=0)] | None = None
    """Mean of the prior of the length scale, in periods."""
    ls_sigma: Annotated[float, Field(gt=0)] | None = None
    """Its standard deviation."""
    cov_func: Name | None = None
    """Covariance function."""


class PriorsTable(Table):
    """`[model.priors.NAME]`: priors that replace defaults, by the names of `model_priors`."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, PriorTable] = Field(init=False)

    media_tvp_config: SmoothTable | None = None
    """Of the smooth multiplier of media."""
    intercept_tvp_config: SmoothTable | None = None
    """Of the smooth multiplier of the baseline."""


class ChannelDagTable(Table):
    """`[model.channel_dag]`: how channels may drive each other; see `ChannelDag`."""

    mode: Literal["notears", "triangular", "fixed"] = "notears"
    """Learn the graph, learn it along `order`, or take `required` as it is."""
    acyclicity: Literal["logdet", "expm"] = "logdet"
    """Measure of cycles."""
    prior: Share | None = None
    """Probability of an edge before the data."""
    threshold: Annotated[float, Field(ge=0)] = 0.1
    """Weight up to which an edge counts as none."""
    forbidden: list[Edge] = Field(default_factory=list)
    """Edges, as [cause, effect], that cannot be."""
    required: list[Edge] = Field(default_factory=list)
    """Edges, as [cause, effect], that are there."""
    order: list[Name | list[Name]] = Field(default_factory=list)
    """Channels or groups of them, upstream first."""
    lags: Annotated[int, Field(ge=0, le=4)] = 1
    """Earlier periods whose spend may drive a channel."""
    noise: Literal["gaussian", "non_gaussian", "equal"] = "non_gaussian"
    """What tells directions."""
    max_parents: Count = 5
    """Most channels that may drive one."""


class ModelTable(Table):
    """`[model]`: every option of `PymcModel`."""

    lag_max: Count = 4
    """Periods over which an exposure acts, its own included."""
    adstock: Literal["geometric", "delayed", "weibull_pdf", "weibull_cdf", "binomial"] = "geometric"
    """Carry-over."""
    saturation: Literal["michaelis_menten", "logistic", "hill", "tanh", "root"] = "michaelis_menten"
    """Diminishing returns."""
    time_varying_media: bool = False
    """Whether media effectiveness may drift."""
    time_varying_intercept: bool = False
    """Whether the baseline may drift."""
    yearly_seasonality: Count | None = None
    """Number of harmonics of the year."""
    trend: bool | Count = False
    """true for a straight line, or a number of changepoints."""
    engine: Literal["bayesian", "deep"] = "bayesian"
    """Way to fit the model."""
    engine_options: dict[str, Any] = Field(default_factory=dict)
    """Choices that only the deep engine has."""
    media_share: Share | None = None
    """Share of the target that all media are expected to bring before the data."""
    scale_data: bool = True
    """Whether columns are brought to a common size; priors are on scaled data."""
    target_scaler: Literal["max_abs", "none"] = "max_abs"
    """Of the target."""
    channel_scaler: Literal["max_abs", "none"] = "max_abs"
    """Of channels."""
    control_scaler: Literal["max_abs", "min_max", "standard", "none"] = "max_abs"
    """Of controls."""
    channel_dag: Literal["notears", "triangular", "fixed"] | ChannelDagTable | None = None
    """How channels may drive each other: a mode, or a table of settings."""
    dag_mode: Literal["notears", "triangular", "fixed"] | None = None
    """Short form of `channel_dag`."""
    priors: PriorsTable = PriorsTable()
    """Priors that replace defaults."""


class SamplingTable(Table):
    """`[sampling]`: how the posterior is sampled."""

    draws: Count = 1000
    """Draws kept per chain."""
    tune: Count = 1000
    """Draws for tuning before them."""
    chains: Count = 4
    """Independent chains."""
    target_accept: Share = 0.92
    """Higher is slower and diverges less."""
    random_seed: Seed = 0
    """Same seed, same numbers: every run of one file on one table gives the same answer."""


class SamplingChanges(Table):
    """`[fleets.NAME.sampling]`: what differs from `[sampling]`."""

    draws: Count | None = None
    """Draws kept per chain."""
    tune: Count | None = None
    """Draws for tuning before them."""
    chains: Count | None = None
    """Independent chains."""
    target_accept: Share | None = None
    """Higher is slower and diverges less."""
    random_seed: Seed | None = None
    """Of the whole fleet."""


class ExperimentTable(Table):
    """`[[experiments]]`: one test with the fields of `UpliftTest`, or a file of tests."""

    kind: Literal["likelihood", "potential", "prior"] = "likelihood"
    """How the model learns from it; see `add_uplift_tests`."""
    file: Name | None = None
    """CSV or Parquet file with one test a row, instead of all that follows."""
    channel: Name | None = None
    """The channel whose spend was changed."""
    start: str | date | None = None
    """First day of the changed spend."""
    end: str | date | None = None
    """Its last day."""
    effect: float | list[float] | None = None
    """Outcome with the change less outcome without it."""
    sigma: float | list[float] | None = None
    """Standard error of the effect."""
    spend_change: float | Literal["off"] = "off"
    """Change of spend over the window, or "off" for all of it against none."""
    included: bool = True
    """Whether the data hold the spend with the change."""
    measured_until: str | date | None = None
    """Last day of the measured outcome, where that is after `end`."""
    level: float | None = None
    """Spend of a period before the change, instead of a window."""
    lower: float | None = None
    """Instead of an effect: its lower limit."""
    upper: float | None = None
    """Instead of an effect: its upper limit."""
    robust: bool = False
    """Whether a wrong test may be outvoted."""
    geo: Name | None = None
    """Region of the test."""
    name: str = ""
    """Shown in tables."""

    @model_validator(mode="after")
    def _one_source(self) -> ExperimentTable:
        beside = sorted(self.model_fields_set - {"kind", "file"})
        if self.file is None and self.channel is None:
            raise sentence(
                "Got neither file nor channel; expected a file of tests, or one test with its "
                "channel."
            )
        if self.file is not None and beside:
            raise sentence(
                f"Got file beside {', '.join(beside)}; expected a file of tests, or one test. Make "
                "it two tables of [[experiments]]."
            )
        return self


def unknown_keys(unknown: list[str], known: list[str]) -> str:
    """What is said of keys that a table does not have.

    Parameters
    ----------
    unknown, known : list of str

    Examples
    --------
    >>> unknown_keys(["lagmax"], ["lag_max", "trend"])
    "Got the key 'lagmax'; expected some of 'lag_max', 'trend'. Did you mean 'lag_max'?"
    """
    near = [match for key in unknown for match in difflib.get_close_matches(key, known, n=1)]
    hint = f" Did you mean {_listed(near)}?" if near else " Correct it or take it out."
    several = "s" if len(unknown) > 1 else ""
    return f"Got the key{several} {_listed(unknown)}; expected some of {_listed(known)}.{hint}"


def _listed(names: list[str]) -> str:
    return ", ".join(map(repr, names))


def sentence(text: str) -> PydanticCustomError:
    """An error whose words are its own.

    Parameters
    ----------
    text : str
    """
    return PydanticCustomError("sentence", "{text}", {"text": text})
