"""Settings of the deep engine: one frozen dataclass, and a thin layer of dicts on it."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from pymc_toolkit.engines.deep.config_checks import check_choice, check_keys, checked, number
from pymc_toolkit.exceptions import SpecificationError
from pymc_toolkit.model_spec import whole_number

DAG_MODES = ("triangular", "notears")
STABILIZATIONS = ("linear", "exponential", "sigmoid")
MEDIA_SCALINGS = ("share", "volume")


@dataclass(frozen=True)
class VisualizationSettings:
    """What figures of a fitted network show, for whoever draws them: no network reads it.

    Parameters
    ----------
    dag_top_n_edges : int
        Most edges in the picture of the channel graph, the strongest first.
    correlation_threshold : float
        Weakest edge in it.
    """

    dag_top_n_edges: int = 20
    correlation_threshold: float = 0.05

    def __post_init__(self) -> None:
        edges = whole_number("dag_top_n_edges", self.dag_top_n_edges)
        weakest = number("correlation_threshold", self.correlation_threshold, 0, 1)
        object.__setattr__(self, "dag_top_n_edges", edges)
        object.__setattr__(self, "correlation_threshold", weakest)


@dataclass(frozen=True)
class DeepSettings:
    """Every choice about a network and its training that does not come from the data.

    Parameters
    ----------
    hidden_dim, gru_layers : int
        Size and number of the recurrent layers that move coefficients over time.
    ctrl_hidden_ratio : float
        Features of the controls, as a multiple of ``hidden_dim``.
    dropout : float
        Share of the recurrent state that training leaves out at random.
    enable_dag, enable_interactions : bool
        Whether there is a graph of the channels, and whether parents act through it.
    sparsity_weight, l1_weight, coeff_l2_weight : float
        Price of edges of the graph and of the coefficients' mean; of the coefficients' absolute
        values; of their squares.
    l2_weight : float
        Price of squared changes of coefficients from week to week.
    coeff_gen_l2_weight : float
        Price of squared weights of the layers that make coefficients.
    burn_in_weeks : int
        First weeks, in which coefficients go over from their stable values to those of the state.
    stabilization_method : {"linear", "exponential", "sigmoid"}
        How they do so.
    burn_in_steepness : float
        How sudden the exponential and the sigmoid are.
    use_coefficient_momentum : bool
        Whether coefficients are smoothed over the weeks before.
    momentum_decay : float
        Weight of the smoothed coefficient of the week before.
    use_warm_start : bool
        Whether training starts with stable coefficients alone.
    warm_start_epochs : int
        For how many epochs.
    dag_mode : {"triangular", "notears"}
        Whether channels have a fixed order, or cycles have a price.
    dag_temperature : float
        Below 1 edges are closer to zero or one.
    notears_lambda1, notears_group_l1 : float
        Price of edges one by one, and of all that lead to one channel together.
    notears_rho_init, notears_alpha_init, notears_rho_max : float
        The augmented Lagrangian's penalty and dual at the start, and the largest penalty.
    notears_warmup_epochs, notears_dual_update_every : int
        Epochs before cycles have a price, a third of all at most, and between updates of the dual.
    notears_dual_factor : float
        What the penalty is multiplied with when cycles do not shrink.
    notears_threshold : float
        Weakest edge that is kept after training.
    dag_fit_weight : float
        Price of what the graph does not explain of the channels' own exposure; with 0 it is learnt
        through the target alone. See :meth:`DeepCausalMMM.get_dag_fit_loss`.
    media_share_prior : float, optional
        Share of the target that media are pulled towards. Nothing pulls them unless it is given.
    media_share_weight : float
        Price of the squared distance to it.
    adstock_lags : int
        Weeks over which exposure acts, its own included.
    adstock_retention : float
        What carries over from week to week, before training.
    hill_half_saturation, hill_slope : float
        Of the saturation, before training.
    learn_hill_slope : bool
        Whether the slope is trained too.
    hill_quantile : float
        Quantile of the exposure that half saturation is taken from.
    coeff_range : float
        Largest media coefficient, before training.
    media_coefficient : float
        Media coefficients before training; less than ``coeff_range``.
    control_swing : float
        How far coefficients of controls may move over time, before training.
    coefficient_spread, seasonal_spread : float
        Standard deviations of the weights that make coefficients move, and of the year's waves,
        before training.
    interaction_mix : float
        Share of a channel's input that comes from its parents, before training.
    dag_edge, dag_edge_spread : float
        Edges before training, and the standard deviation of their logits.
    region_dim : int
        Numbers that tell regions apart in the recurrent state; 0 for none.
    seasonal_period : float
        Weeks of a year.
    seasonal_harmonics : int
        Waves in it; 0 for no seasonality.
    baseline_level, baseline_quantile : float
        Baseline before training, and the quantile of a region's target that it is taken from.
    baseline_knots, baseline_knot_weeks : int
        Turning points of each region's baseline, and weeks between them; 0 for a constant. The
        last one holds ever after.
    regression_ridge : float
        Penalty of the regression that stable coefficients start from.
    media_scaling : {"share", "volume"}
        Whether a scaler divides media by all of the week's, or by what is usual in the region.
    control_clip : float, optional
        Standard deviations at which a scaler cuts controls off; what it cuts cannot come back.
    n_epochs : int
        Most passes over the training weeks, after the warm start.
    min_epochs : int
        Fewest of them, whatever validation says.
    batch_size : int, optional
        Regions in a step; all of them unless given.
    learning_rate : float
        Largest step of the optimiser.
    rate_warmup_epochs : int
        Epochs in which steps grow to it.
    use_huber_loss : bool
        Whether large errors count by their size and not by its square.
    huber_delta : float
        What a large error is, in units of a region's mean target.
    gradient_clip : float
        Largest norm of a network's gradient.
    weight_average : float
        Share of the average of earlier epochs' weights in what is kept; 0 for the last ones alone.
    validation_weeks : int
        Last weeks of training that choose the epoch, at most a quarter of them; 0 for none.
    validate_every, patience : int
        Epochs between looks at them, and without improvement before training ends.
    holdout_ratio : float
        Share of the weeks, the last ones, that a split keeps from training.
    visualization : VisualizationSettings

    Raises
    ------
    SpecificationError
        If a name is unknown or a number is out of range.

    Examples
    --------
    >>> DeepSettings(dag_mode="notears").notears_lambda1
    0.01
    """

    hidden_dim: int = 32
    gru_layers: int = 1
    ctrl_hidden_ratio: float = 0.5
    dropout: float = 0.1
    enable_dag: bool = True
    enable_interactions: bool = True
    sparsity_weight: float = 0.01
    l1_weight: float = 0.001
    l2_weight: float = 0.001
    coeff_l2_weight: float = 0.1
    coeff_gen_l2_weight: float = 0.05
    burn_in_weeks: int = 4
    stabilization_method: str = "exponential"
    burn_in_steepness: float = 5.0
    use_coefficient_momentum: bool = True
    momentum_decay: float = 0.9
    use_warm_start: bool = True
    warm_start_epochs: int = 50
    dag_mode: str = "triangular"
    dag_temperature: float = 1.0
    notears_lambda1: float = 0.01
    notears_group_l1: float = 0.0
    notears_rho_init: float = 1.0
    notears_alpha_init: float = 0.0
    notears_rho_max: float = 1e16
    notears_warmup_epochs: int = 500
    notears_dual_update_every: int = 100
    notears_dual_factor: float = 10.0
    notears_threshold: float = 0.3
    dag_fit_weight: float = 0.0
    media_share_prior: float | None = None
    media_share_weight: float = 1.0
    adstock_lags: int = 8
    adstock_retention: float = 0.3
    hill_half_saturation: float = 0.5
    hill_slope: float = 1.0
    learn_hill_slope: bool = True
    hill_quantile: float = 0.6
    coeff_range: float = 2.0
    media_coefficient: float = 0.1
    control_swing: float = 0.5
    coefficient_spread: float = 0.01
    seasonal_spread: float = 0.05
    interaction_mix: float = 0.1
    dag_edge: float = 0.3
    dag_edge_spread: float = 0.5
    region_dim: int = 4
    seasonal_period: float = 365.25 / 7
    seasonal_harmonics: int = 2
    baseline_level: float = 0.5
    baseline_quantile: float = 0.2
    baseline_knots: int = 0
    baseline_knot_weeks: int = 13
    regression_ridge: float = 1.0
    media_scaling: str = "share"
    control_clip: float | None = None
    holdout_ratio: float = 0.1
    n_epochs: int = 1500
    min_epochs: int = 0
    batch_size: int | None = None
    learning_rate: float = 0.01
    rate_warmup_epochs: int = 10
    use_huber_loss: bool = True
    huber_delta: float = 1.0
    gradient_clip: float = 10.0
    weight_average: float = 0.9
    validation_weeks: int = 13
    validate_every: int = 5
    patience: int = 300
    visualization: VisualizationSettings = field(default_factory=VisualizationSettings)

    def __post_init__(self) -> None:
        check_choice("dag_mode", self.dag_mode, DAG_MODES)
        check_choice("stabilization_method", self.stabilization_method, STABILIZATIONS)
        check_choice("media_scaling", self.media_scaling, MEDIA_SCALINGS)
        for entry in fields(self):
            value = checked(entry.name, str(entry.type), getattr(self, entry.name))
            object.__setattr__(self, entry.name, value)
        if self.notears_rho_init > self.notears_rho_max:
            raise SpecificationError(
                f"Got notears_rho_init={self.notears_rho_init:g} and notears_rho_max="
                f"{self.notears_rho_max:g}; expected a start of at most the largest."
            )
        if not self.media_coefficient < self.coeff_range:
            raise SpecificationError(
                f"Got media_coefficient={self.media_coefficient} and coeff_range="
                f"{self.coeff_range}; expected a coefficient below the range."
            )
        if not isinstance(self.visualization, VisualizationSettings):
            raise SpecificationError(
                f"Got visualization={self.visualization!r}; expected VisualizationSettings."
            )

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> DeepSettings:
        """Settings from a dict such as :func:`get_default_config` returns; absent keys default.

        Parameters
        ----------
        config : Mapping of str to values
            ``visualization`` may be a mapping itself.

        Raises
        ------
        SpecificationError
            If a key is unknown, or a value impossible.
        """
        values = dict(config)
        check_keys(values, cls)
        figures = values.get("visualization")
        if isinstance(figures, Mapping):
            check_keys(figures, VisualizationSettings)
            values["visualization"] = VisualizationSettings(**figures)
        return cls(**values)

    def to_config(self) -> dict[str, Any]:
        """The settings as a dict of plain values, nested where they are."""
        return asdict(self)


def get_default_config() -> dict[str, Any]:
    """Every setting with its default, as a dict of the caller's own.

    Returns
    -------
    dict
        Keys are the fields of :class:`DeepSettings`.

    Examples
    --------
    >>> get_default_config()["dag_mode"]
    'triangular'
    """
    return DeepSettings().to_config()


def update_config(base_config: Mapping[str, Any], updates: Mapping[str, Any]) -> dict[str, Any]:
    """A new config with some values replaced, in nested dicts key by key.

    Neither argument changes, however deep, nor does the result share anything with them. (The
    published package changes nested dicts of its base.)

    Parameters
    ----------
    base_config, updates : Mapping

    Returns
    -------
    dict

    Raises
    ------
    SpecificationError
        If a plain value would replace a nested dict, or the other way round.

    Examples
    --------
    >>> update_config({"a": {"b": 1, "c": 2}}, {"a": {"b": 3}})
    {'a': {'b': 3, 'c': 2}}
    """
    result = copy.deepcopy(dict(base_config))
    for key, value in updates.items():
        known = result.get(key)
        if key in result and isinstance(known, Mapping) != isinstance(value, Mapping):
            raise SpecificationError(
                f"Got {value!r} for {key!r}, which is {known!r} in the base; expected a dict for "
                "a dict and a plain value for a plain value."
            )
        result[key] = (
            update_config(known, value) if isinstance(known, Mapping) else copy.deepcopy(value)
        )
    return result
