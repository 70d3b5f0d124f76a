"""Tables of a client's TOML file about what is done with the model: fleets, report, budget."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from pymc_toolkit.command_line.tables import (
    ClientTable,
    Count,
    ExperimentTable,
    ModelTable,
    Name,
    SamplingChanges,
    SamplingTable,
    Share,
    Table,
    sentence,
)
from pymc_toolkit.exceptions import SpecificationError
from pymc_toolkit.labels import check_labels

# Part of the names of files.
FleetName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$")]
Positive = Annotated[float, Field(gt=0)]
Pair = Annotated[list[float], Field(min_length=2, max_length=2)]


class FleetTable(Table):
    """What every fleet has beside its own options."""

    kind: str
    """Which fleet."""
    sampling: SamplingChanges = SamplingChanges()
    """What differs from the model's sampling."""

    about_the_run: ClassVar[frozenset[str]] = frozenset({"kind", "sampling"})

    def options(self) -> dict[str, Any]:
        """Arguments of the fleet's method on the facade."""
        return self.model_dump(exclude=set(self.about_the_run))


class ProductionTable(FleetTable):
    """`kind = "production"`: the last periods held out, scored and judged."""

    kind: Literal["production"] = "production"
    """Which fleet."""
    test_size: Count = 4
    """Periods held out."""


class HoldoutTable(FleetTable):
    """`kind = "holdout"`: several lengths and windows, beside baselines."""

    kind: Literal["holdout"] = "holdout"
    """Which fleet."""
    holdouts: Annotated[list[Count], Field(min_length=1)] = Field(
        default_factory=lambda: [4, 8, 12]
    )
    """Lengths, in periods."""
    windows: Literal["last", "expanding", "rolling"] = "last"
    """Which windows are held out."""
    n_windows: Count | None = None
    """Holdouts of each length, for expanding and rolling windows."""


class RecoveryTable(FleetTable):
    """`kind = "recovery"`: targets simulated from known parameters."""

    kind: Literal["recovery"] = "recovery"
    """Which fleet."""
    n_simulations: Count = 1
    """Simulated targets; 50 or more test calibration."""
    source: Literal["prior", "posterior"] = "prior"
    """Where the known parameters come from."""


class StabilityTable(FleetTable):
    """`kind = "stability"`: changes that should not matter, and one that should."""

    kind: Literal["stability"] = "stability"
    """Which fleet."""
    refreshes: Annotated[int, Field(ge=0)] = 4
    """Refits without the last periods."""
    perturbations: Annotated[int, Field(ge=0)] = 2
    """Refits with noise."""
    seeds: Annotated[int, Field(ge=0)] = 2
    """Refits with other seeds."""
    noise: Positive = 0.05
    """Standard deviation of the noise, as a share."""
    placebo_channel: Name | None = None
    """Channel that is shuffled; the one with most spend by default."""
    thresholds: dict[str, float] | None = None
    """Limits other than the default."""


class ForecastTable(FleetTable):
    """`kind = "forecast"`: the target under spend scenarios."""

    kind: Literal["forecast"] = "forecast"
    """Which fleet."""
    horizon: Count = 8
    """Periods ahead."""
    scenarios: list[Name] | dict[str, Name] | None = None
    """"as last year", "flat", or names of scenarios with one of these or a CSV or Parquet file."""


AnyFleet = Annotated[
    ProductionTable | HoldoutTable | RecoveryTable | StabilityTable | ForecastTable,
    Field(discriminator="kind"),
]
FLEETS: Mapping[str, type[FleetTable]] = {
    "production": ProductionTable,
    "holdout": HoldoutTable,
    "recovery": RecoveryTable,
    "stability": StabilityTable,
    "forecast": ForecastTable,
}


class HealthTable(Table):
    """`[health]`: what checks of data and fit are held against."""

    thresholds: dict[str, float] = Field(default_factory=dict)
    """Limits other than the default, by the names of `Thresholds`."""


class BrandTable(Table):
    """`[report.brand]`: whose report it is, and how it writes."""

    name: str = ""
    """Shown at the top."""
    logo: Name | None = None
    """png, jpg or svg file, from the folder of this file."""
    primary: Name = "#123f63"
    """Colour of headings and links, as # and six hex digits."""
    accent: Name = "#0072b2"
    """Colour of marks and lines."""
    currency: Name = "EUR"
    """Code of the money of the spend."""
    locale: Name = "en_GB"
    """How numbers, money and dates are written."""


class ReportTable(Table):
    """`[report]`: the client's report."""

    output: Name | None = None
    """HTML file, from the folder of this file; in the output folder by default."""
    brand: BrandTable = BrandTable()
    """Whose report it is, and how it writes."""


class ConstraintTable(Table):
    """`[[optimize.constraints]]`: limits of a weighted sum of channels' money."""

    weights: dict[str, float]
    """Weight of each channel's money."""
    low: float | None = None
    """Least that the sum may be."""
    high: float | None = None
    """Most that the sum may be."""


class OptimizeTable(Table):
    """`[optimize]`: next periods' budget."""

    total: Positive | None = None
    """Money over the whole horizon; that of the plan by default."""
    horizon: Count = 13
    """Periods ahead."""
    bounds: Positive | dict[str, Pair] = 0.3
    """Fraction around the plan, or [low, high] in money by channel."""
    objective: Literal["mean", "quantile", "cvar", "target_roi"] = "cvar"
    """What is made as large as possible."""
    risk: Share | None = None
    """Probability of the quantile, or share of the worst draws."""
    target_roi: Positive | None = None
    """Return to reach with the least money."""
    constraints: list[ConstraintTable] = Field(default_factory=list)
    """Limits of sums of channels."""
    hold: list[Name] = Field(default_factory=list)
    """Channels kept at the plan."""
    plan: Name | None = None
    """"as last year", "flat", or a CSV or Parquet file of spend."""
    ci_prob: Share = 0.9
    """Probability of intervals."""


class OutputTable(Table):
    """`[output]`: where results are written."""

    folder: Name = "output"
    """From the folder of this file; made if it is not there."""
    checkpoints: bool = False
    """Whether members of fleets are kept in the folder `checkpoints` as they finish."""


class ClientTables(Table):
    """A client's settings, as one TOML file."""

    client: ClientTable
    """The data, and the role of each column."""
    labels: dict[Name, Name] = Field(default_factory=dict)
    """What the client's report shows in place of names of channels, controls and the target."""
    model: ModelTable = ModelTable()
    """Every option of `PymcModel`."""
    sampling: SamplingTable = SamplingTable()
    """How the posterior is sampled."""
    experiments: list[ExperimentTable] = Field(default_factory=list)
    """What experiments measured."""
    fleets: dict[FleetName, AnyFleet] = Field(default_factory=dict)
    """Fleets by a name of your own; a fleet named after its kind needs no kind."""
    health: HealthTable = HealthTable()
    """What checks are held against."""
    report: ReportTable = ReportTable()
    """The client's report."""
    optimize: OptimizeTable = OptimizeTable()
    """Next periods' budget."""
    output: OutputTable = OutputTable()
    """Where results are written."""

    @model_validator(mode="before")
    @classmethod
    def _named_after_their_kind(cls, given: Any) -> Any:
        fleets = given.get("fleets") if isinstance(given, Mapping) else None
        if not isinstance(fleets, Mapping):
            return given
        named = {
            name: {"kind": name, **table}
            if name in FLEETS and isinstance(table, Mapping)
            else table
            for name, table in fleets.items()
        }
        return {**given, "fleets": named}

    @field_validator("labels")
    @classmethod
    def _labels_of_columns(cls, labels: dict[str, str], known: ValidationInfo) -> dict[str, str]:
        roles = known.data.get("client")
        # A table of the client that is wrong has complaints of its own.
        if isinstance(roles, ClientTable):
            try:
                check_labels(labels, [roles.target, *roles.channels, *roles.controls])
            except SpecificationError as error:
                raise sentence(str(error)) from error
        return labels
