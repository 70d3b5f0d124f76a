"""The network: baseline, season, media and controls with coefficients that move over time."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from pymc_toolkit.engines.deep.checks import check_same_panel, region_ids
from pymc_toolkit.engines.deep.coefficients import CoefficientMethods
from pymc_toolkit.engines.deep.config import DeepSettings
from pymc_toolkit.engines.deep.levels import LevelMethods
from pymc_toolkit.engines.deep.media import MediaMethods
from pymc_toolkit.engines.deep.penalties import PenaltyMethods
from pymc_toolkit.engines.deep.starting_values import StartingValueMethods
from pymc_toolkit.model_spec import whole_number

Prediction = tuple[Tensor, Tensor, Tensor, dict[str, Any]]


class DeepCausalMMM(
    MediaMethods, LevelMethods, CoefficientMethods, PenaltyMethods, StartingValueMethods
):
    """A media mix model of many regions whose coefficients a recurrent network moves.

    The prediction is the sum of four parts and nothing else::

        baseline[region] + season[region, week]
            + Σ coefficient[week, channel] · media[week, channel]
            + Σ coefficient[week, control] · control[week, control]

    Media go through carry-over, saturation and the channels' graph. A recurrent network reads them,
    the controls and the region, and moves coefficients around stable values; those of media stay
    between zero and a learnt bound. Baseline and season are not negative. No part of a week
    depends on the weeks after it: the season is a function of the week's number, and only
    features of the same week are normalised together.

    Parameters
    ----------
    n_media, ctrl_dim, n_regions : int
        Numbers of channels, controls (may be 0) and regions.
    hidden : int
        ``hidden_dim`` of the settings.
    dropout, sparsity_weight, enable_dag, enable_interactions, l1_weight, l2_weight, \
burn_in_weeks, use_coefficient_momentum, momentum_decay, use_warm_start, warm_start_epochs, \
stabilization_method, coeff_l2_weight, coeff_gen_l2_weight, gru_layers, ctrl_hidden_ratio, \
dag_mode, notears_lambda1, notears_rho_init, notears_alpha_init, notears_rho_max, \
dag_temperature, notears_group_l1
        See :class:`DeepSettings`.
    media_share_prior : float, optional
        Share of the prediction that :meth:`get_regularization_loss` pulls media towards. Nothing
        pulls them unless it is given. (The published package pulls to 0.40 and does not say so.)
    media_share_weight : float
        Price of the squared distance to it.
    **further
        Any other field of :class:`DeepSettings`.

    Raises
    ------
    SpecificationError
        If a size or a setting is impossible or unknown.

    Examples
    --------
    >>> _ = torch.manual_seed(1)
    >>> model = DeepCausalMMM(n_media=3, ctrl_dim=2, n_regions=2)
    >>> media, controls = torch.rand(2, 52, 3), torch.randn(2, 52, 2)
    >>> predictions, coefficients, contributions, outputs = model(
    ...     media, controls, torch.arange(2)
    ... )
    >>> predictions.shape, contributions.shape
    (torch.Size([2, 52]), torch.Size([2, 52, 3]))
    """

    def __init__(
        self,
        n_media: int = 10,
        ctrl_dim: int = 15,
        hidden: int = 32,
        n_regions: int = 2,
        dropout: float = 0.1,
        sparsity_weight: float = 0.01,
        enable_dag: bool = True,
        enable_interactions: bool = True,
        l1_weight: float = 0.001,
        l2_weight: float = 0.001,
        burn_in_weeks: int = 4,
        use_coefficient_momentum: bool = True,
        momentum_decay: float = 0.9,
        use_warm_start: bool = True,
        warm_start_epochs: int = 50,
        stabilization_method: str = "exponential",
        coeff_l2_weight: float = 0.1,
        coeff_gen_l2_weight: float = 0.05,
        gru_layers: int = 1,
        ctrl_hidden_ratio: float = 0.5,
        dag_mode: str = "triangular",
        notears_lambda1: float = 0.01,
        notears_rho_init: float = 1.0,
        notears_alpha_init: float = 0.0,
        notears_rho_max: float = 1e16,
        dag_temperature: float = 1.0,
        notears_group_l1: float = 0.0,
        *,
        media_share_prior: float | None = None,
        media_share_weight: float = 1.0,
        **further: Any,
    ) -> None:
        super().__init__()
        self.n_media = whole_number("n_media", n_media)
        self.ctrl_dim = whole_number("ctrl_dim", ctrl_dim, 0)
        self.n_regions = whole_number("n_regions", n_regions)
        config = dict(
            hidden_dim=hidden,
            dropout=dropout,
            sparsity_weight=sparsity_weight,
            enable_dag=enable_dag,
            enable_interactions=enable_interactions,
            l1_weight=l1_weight,
            l2_weight=l2_weight,
            burn_in_weeks=burn_in_weeks,
            use_coefficient_momentum=use_coefficient_momentum,
            momentum_decay=momentum_decay,
            use_warm_start=use_warm_start,
            warm_start_epochs=warm_start_epochs,
            stabilization_method=stabilization_method,
            coeff_l2_weight=coeff_l2_weight,
            coeff_gen_l2_weight=coeff_gen_l2_weight,
            gru_layers=gru_layers,
            ctrl_hidden_ratio=ctrl_hidden_ratio,
            dag_mode=dag_mode,
            notears_lambda1=notears_lambda1,
            notears_rho_init=notears_rho_init,
            notears_alpha_init=notears_alpha_init,
            notears_rho_max=notears_rho_max,
            dag_temperature=dag_temperature,
            notears_group_l1=notears_group_l1,
            media_share_prior=media_share_prior,
            media_share_weight=media_share_weight,
            **further,
        )
        self.settings = DeepSettings.from_config(config)
        self._start_media()
        self._start_graph()
        self._start_levels()
        self._start_coefficients()

    @classmethod
    def from_settings(
        cls, n_media: int, ctrl_dim: int, n_regions: int, settings: DeepSettings
    ) -> DeepCausalMMM:
        """The network of some settings.

        Parameters
        ----------
        n_media, ctrl_dim, n_regions : int
        settings : DeepSettings

        Returns
        -------
        DeepCausalMMM
        """
        values = settings.to_config()
        hidden = values.pop("hidden_dim")
        return cls(n_media, ctrl_dim, hidden, n_regions, **values)

    def forward(
        self,
        Xm: Tensor,  # noqa: N803
        Xc: Tensor,  # noqa: N803
        R: Tensor,  # noqa: N803
        *,
        start_week: float = 0,
        check: bool = True,
    ) -> Prediction:
        """Predict every week of a panel, and say what each part earned.

        Parameters
        ----------
        Xm : Tensor of shape (region, week, channel)
            Scaled media. The series starts cold: give the weeks before those of interest too.
        Xc : Tensor of shape (region, week, control)
            Scaled controls.
        R : Tensor of shape (region,) or (region, week)
            Number of each row's region.
        start_week : float
            Number of the first week, for season and baseline: the first of training is 0.
        check : bool
            Whether to check the arguments; a training loop need do so only once.

        Returns
        -------
        predictions : Tensor of shape (region, week)
        media_coefficients : Tensor of shape (region, week, channel)
        media_contributions : Tensor of shape (region, week, channel)
        outputs : dict
            ``predictions``, ``coefficients`` and ``contributions`` (the three above),
            ``control_coefficients`` and ``control_contributions`` of shape (region, week, control),
            ``baseline`` and ``seasonal_contribution`` of shape (region, week),
            ``varying_coefficients`` (of media, before the burn-in), ``dag_matrix`` if there is a
            graph, and the stages of :meth:`process_media`.

        Raises
        ------
        DataError
            If shapes do not fit together, a value is not finite, or a region is unknown.
        """
        return self._predict(Xm, Xc, R, start_week=start_week, check=check)

    def _predict(
        self,
        Xm: Tensor,  # noqa: N803
        Xc: Tensor,  # noqa: N803
        R: Tensor,  # noqa: N803
        *,
        start_week: float = 0,
        check: bool = True,
        stable: bool = False,
    ) -> Prediction:
        """As :meth:`forward`, with stable coefficients in every week if asked for."""
        if check:
            self._check("Xm", Xm, self.n_media)
            self._check("Xc", Xc, self.ctrl_dim)
            check_same_panel(Xm=Xm, Xc=Xc)
            R = region_ids(R, Xm, self.n_regions)  # noqa: N806
        regions = R if R.ndim == 1 else R[:, 0]
        media, stages, inputs = self._before_state(Xm, Xc, regions)
        outputs = self._after_state(
            media, Xc, regions, self._states(inputs), start_week=start_week, stable=stable
        )
        names = ("predictions", "coefficients", "contributions")
        predictions, coefficients, contributions = (outputs[name] for name in names)
        return predictions, coefficients, contributions, outputs | stages

    def _before_state(
        self,
        Xm: Tensor,  # noqa: N803
        Xc: Tensor,  # noqa: N803
        regions: Tensor,
    ) -> tuple[Tensor, dict[str, Tensor], Tensor]:
        """Media as coefficients multiply them, their stages, and what the recurrent layers read."""
        media, stages = self._process_media(Xm)
        return media, stages, self._state_inputs(media, Xc, regions)

    def _after_state(
        self,
        media: Tensor,
        Xc: Tensor,  # noqa: N803
        regions: Tensor,
        states: Tensor,
        *,
        start_week: float = 0,
        stable: bool = False,
    ) -> dict[str, Tensor]:
        """All outputs but the stages of media, from the recurrent states."""
        outputs = self._coefficients(states, Xc)
        if stable:
            outputs |= self._stable_coefficients(media, Xc)
        outputs |= self._levels(regions, start_week, media)
        outputs["contributions"] = media * outputs["coefficients"]
        outputs["control_contributions"] = Xc * outputs["control_coefficients"]
        outputs["predictions"] = (
            outputs["baseline"]
            + outputs["seasonal_contribution"]
            + outputs["contributions"].sum(-1)
            + outputs["control_contributions"].sum(-1)
        )
        if self.adj_logits is not None:
            outputs["dag_matrix"] = self.dag_matrix
        return outputs

    @torch.no_grad()
    def get_parameters(self) -> dict[str, Tensor]:
        """What has been learnt, in units that can be read.

        Returns
        -------
        dict of str to Tensor
            ``adstock_retention``, ``hill_half_saturation``, ``hill_slope``, ``media_coeffs`` and
            ``media_bounds`` by channel, ``ctrl_coeffs`` by control, ``region_baseline`` (of week 0)
            and ``seasonal_coeff`` by region, ``dag_matrix`` by cause and effect and
            ``interaction_mix`` by channel; each if the network has it.
        """
        softplus = functional.softplus
        found = {
            "adstock_retention": torch.sigmoid(self.adstock_raw),
            "hill_half_saturation": softplus(self.hill_g_raw),
            "hill_slope": softplus(self.hill_a_raw),
            "media_coeffs": self.media_coeffs,
            "media_bounds": softplus(self.media_bound_raw),
            "region_baseline": softplus(self.region_baseline),
        }
        if self.ctrl_coeffs is not None:
            found["ctrl_coeffs"] = self.ctrl_coeffs.clone()
        if self.seasonal_coeff is not None:
            found["seasonal_coeff"] = softplus(self.seasonal_coeff)
        if self.adj_logits is not None:
            found["dag_matrix"] = self.get_dag_adjacency_matrix()
        if self.interaction_weight is not None:
            found["interaction_mix"] = torch.sigmoid(self.interaction_weight)
        return found


def create_unified_mmm(
    n_media: int,
    n_control: int,
    hidden_size: int = 64,
    n_regions: int = 2,
    dropout: float = 0.1,
    sparsity_weight: float = 0.1,
    enable_dag: bool = True,
    enable_interactions: bool = True,
    l1_weight: float = 0.01,
    l2_weight: float = 0.01,
    coeff_range: float = 2.0,
) -> DeepCausalMMM:
    """A network by its most usual arguments, with stronger penalties than the class's own.

    Parameters
    ----------
    n_media, n_control, n_regions : int
    hidden_size : int
        ``hidden_dim`` of the settings.
    dropout, sparsity_weight, enable_dag, enable_interactions, l1_weight, l2_weight, coeff_range
        See :class:`DeepSettings`.

    Returns
    -------
    DeepCausalMMM

    Examples
    --------
    >>> create_unified_mmm(n_media=3, n_control=2).settings.hidden_dim
    64
    """
    return DeepCausalMMM(
        n_media,
        n_control,
        hidden_size,
        n_regions,
        dropout,
        sparsity_weight,
        enable_dag,
        enable_interactions,
        l1_weight,
        l2_weight,
        coeff_range=coeff_range,
    )
