"""The network's graph of channels: its edges, their price, and what acts along them."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from pymc_toolkit.engines.deep.config import DeepSettings
from pymc_toolkit.engines.deep.dag import acyclicity, edge_price
from pymc_toolkit.engines.deep.own_exposure import dag_misfit
from pymc_toolkit.exceptions import SpecificationError


class ChannelGraphMethods(nn.Module):
    """The part of a network that learns which channels drive which.

    In triangular mode a channel can only drive those after it, so there are no cycles. In NOTEARS
    mode every edge is possible and an augmented Lagrangian makes cycles dear; see
    :func:`pymc_toolkit.engines.deep.dag.acyclicity`.
    """

    n_media: int
    settings: DeepSettings

    def _start_graph(self) -> None:
        """Make the parameters and buffers of the graph, none if there is no graph."""
        n, settings = self.n_media, self.settings
        self.dag_mode = settings.dag_mode
        self.dag_temperature = settings.dag_temperature
        self.notears_group_l1 = settings.notears_group_l1
        possible = torch.ones(n, n).triu(1)
        if settings.dag_mode == "notears":
            possible = possible + possible.T
        self.register_buffer("tri_mask", possible)
        self.register_buffer("notears_active", torch.tensor(True))
        self.register_buffer("notears_rho", torch.tensor(settings.notears_rho_init))
        self.register_buffer("notears_alpha", torch.tensor(settings.notears_alpha_init))
        self._notears_h_prev = math.inf
        self.register_parameter("adj_logits", None)
        self.register_parameter("interaction_weight", None)
        if settings.enable_dag:
            middle = settings.dag_temperature * math.log(
                settings.dag_edge / (1 - settings.dag_edge)
            )
            self.adj_logits = nn.Parameter(middle + settings.dag_edge_spread * torch.randn(n, n))
            if settings.enable_interactions:
                mix = settings.interaction_mix
                self.interaction_weight = nn.Parameter(torch.full((n,), math.log(mix / (1 - mix))))

    def get_extra_state(self) -> Tensor:
        """What a state dict holds besides tensors: the measure of cycles at the last update."""
        return torch.tensor(self._notears_h_prev, dtype=torch.float64)

    def set_extra_state(self, state: Tensor) -> None:
        """Take up again what :meth:`get_extra_state` gave.

        Parameters
        ----------
        state : Tensor
        """
        self._notears_h_prev = float(state)

    def _adjacency(self) -> Tensor:
        """Weights of edges, with their derivative; zeros without a graph."""
        if self.adj_logits is None:
            return torch.zeros_like(self.tri_mask)
        return torch.sigmoid(self.adj_logits / self.dag_temperature) * self.tri_mask

    @property
    def dag_matrix(self) -> Tensor:
        """Weights of edges, of shape (cause, effect)."""
        return self._adjacency()

    def get_dag_adjacency_matrix(self, eps: float | None = None) -> Tensor:
        """Weights of the edges, apart from the network.

        Parameters
        ----------
        eps : float, optional
            Weights below it become zero.

        Returns
        -------
        Tensor of shape (cause, effect)
            Of the caller's own, without a derivative. Zeros if the network has no graph.

        Raises
        ------
        SpecificationError
            If eps is negative or no number.
        """
        weights = self._adjacency().detach().clone()
        if eps is None:
            return weights
        if not eps >= 0:
            raise SpecificationError(f"Got eps={eps}; expected a number of at least zero.")
        return torch.where(weights.abs() >= eps, weights, 0.0)

    def threshold_dag(self, eps: float = 0.3) -> Tensor:
        """The edges that are strong enough to keep.

        Parameters
        ----------
        eps : float
            Weights below it become zero.

        Returns
        -------
        Tensor of shape (cause, effect)
        """
        return self.get_dag_adjacency_matrix(eps)

    def h_acyclicity(self, W: Tensor) -> Tensor:  # noqa: N803
        """Measure of cycles, tr(exp(W∘W)) - d.

        Parameters
        ----------
        W : Tensor of shape (cause, effect)

        Returns
        -------
        Tensor, a scalar
            Zero exactly if there are none.
        """
        return acyclicity(W)

    def dag_interaction(self, x: Tensor) -> Tensor:
        """Blend each channel with what drives it: (1 - m_j) x_j + m_j Σ_i A_ij x_i.

        Parameters
        ----------
        x : Tensor of shape (region, week, channel)

        Returns
        -------
        Tensor of the same shape
            The input itself if there is no graph, or it does not act.
        """
        if self.interaction_weight is None:
            return x
        mix = torch.sigmoid(self.interaction_weight)
        return (1 - mix) * x + mix * (x @ self._adjacency())

    def get_dag_loss(self) -> Tensor:
        """Price of the graph.

        Triangular: ``sparsity_weight`` times the mean of edges and of doubt about them. NOTEARS:
        rho/2 h² + alpha h for cycles, ``notears_lambda1`` times the sum of edges, and
        ``notears_group_l1`` times the norms of the columns; exactly zero while ``notears_active``
        is False. (The published package's is not quite.)

        Returns
        -------
        Tensor, a scalar
        """
        if self.adj_logits is None:
            return torch.zeros((), device=self.tri_mask.device)
        weights = self._adjacency()
        if self.dag_mode == "triangular":
            return self.settings.sparsity_weight * edge_price(weights, self.tri_mask)
        h = self.h_acyclicity(weights)
        cycles = 0.5 * self.notears_rho * h**2 + self.notears_alpha * h
        edges = self.settings.notears_lambda1 * weights.sum()
        parents = self.notears_group_l1 * torch.linalg.vector_norm(weights, dim=0).sum()
        # A choice by value, not by branch: a compiled network need not look at the flag.
        return torch.where(self.notears_active, cycles + edges + parents, 0.0)

    @property
    def _fits_exposure(self) -> bool:
        """Whether the graph has to explain exposure, beside what it does for the target."""
        return self.adj_logits is not None and self.settings.dag_fit_weight > 0

    def get_dag_fit_loss(self, media: Tensor) -> Tensor:
        """``dag_fit_weight`` times what the graph does not explain of exposure.

        That is minus the log-likelihood, per region and week, of channels that are sums of
        their causes and of independent own parts
        (:func:`pymc_toolkit.engines.deep.own_exposure.dag_misfit`), each channel as
        standard deviations from its mean in the region. An edge is worth at most what it adds to
        that likelihood, so that ``notears_lambda1`` closes those of no use: with a
        weight of 1, a price of 0.01 is about that of the BIC for 400 observations.

        Which of two channels drives the other can be told where own parts are skewed or peaked, as
        exposure that comes in bursts is, whatever the units. With normal own parts only
        directions can be told that meet in a common effect. Both directions of the others
        fit as well, and the price of cycles then tends to close both: a weight of 10 with ten times
        the ``notears_lambda1``, and a ``notears_dual_factor`` of 3, keep more of them. A cause that
        is no channel, such as a season, looks like edges between those that share it. Shares of
        voice add up to one and so look like causes of each other: scale media by volume.

        Parameters
        ----------
        media : Tensor of shape (region, week, channel)
            Scaled, before carry-over and saturation. The first ``burn_in_weeks`` are left out.

        Returns
        -------
        Tensor, a scalar
            Exactly zero with a weight of 0 or without a graph. May be negative.
        """
        if not self._fits_exposure:
            return torch.zeros((), device=self.tri_mask.device)
        burn_in = self.settings.burn_in_weeks
        weeks = media[:, burn_in:] if media.shape[1] > burn_in else media
        return self.settings.dag_fit_weight * dag_misfit(weeks, self._adjacency())

    @torch.no_grad()
    def notears_update_duals(
        self, factor: float = 10.0, progress: float = 0.25
    ) -> dict[str, float]:
        """Make cycles dearer after some epochs: rho if they hardly shrank, then alpha.

        Parameters
        ----------
        factor : float
            What rho is multiplied with, up to ``notears_rho_max``.
        progress : float
            It is if h is more than this share of the h at the last update.

        Returns
        -------
        dict of str to float
            ``h``, ``rho`` and ``alpha`` after the update; empty in triangular mode or without a
            graph.

        Raises
        ------
        SpecificationError
            If factor is below one or progress not between zero and one.
        """
        if not factor >= 1 or not 0 <= progress <= 1:
            raise SpecificationError(
                f"Got factor={factor} and progress={progress}; expected a factor of at least one "
                "and a progress between zero and one."
            )
        if self.dag_mode == "triangular" or self.adj_logits is None:
            return {}
        h = float(self.h_acyclicity(self._adjacency()))
        if h > progress * self._notears_h_prev:
            self.notears_rho.mul_(factor).clamp_(max=self.settings.notears_rho_max)
        self.notears_alpha.add_(self.notears_rho * h)
        self._notears_h_prev = h
        return {"h": h, "rho": float(self.notears_rho), "alpha": float(self.notears_alpha)}
