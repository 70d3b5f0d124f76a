"""Networks of one shape as one: a forward and a backward pass for all of them together.

Everything but the recurrence runs under :func:`torch.func.vmap`, which has no rule for fused
recurrent layers. Those become one wider layer, whose weights are the members' in blocks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from pymc_toolkit.engines.deep.network import DeepCausalMMM

# Above it a wider layer costs more, for the zeros between its blocks, than as many narrow ones.
_FEW_ROWS = 24

type Outputs = dict[str, Tensor]


class Ensemble(nn.Module):
    """Networks that are alike but for their parameters, run and trained as one batch.

    Members share nothing, and the optimisers of torch treat each number for itself, so each member
    becomes what it would have become alone; a test holds it to that.

    Parameters
    ----------
    members : sequence of DeepCausalMMM
        Of the same sizes and settings.

    Examples
    --------
    >>> _ = torch.manual_seed(1)
    >>> members = [DeepCausalMMM(n_media=2, ctrl_dim=1, n_regions=3) for _ in range(4)]
    >>> media, controls = torch.rand(3, 10, 2), torch.randn(3, 10, 1)
    >>> Ensemble(members)(media, controls, torch.arange(3))["predictions"].shape
    torch.Size([4, 3, 10])
    """

    def __init__(self, members: Sequence[DeepCausalMMM]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)

    @property
    def networks(self) -> list[DeepCausalMMM]:
        """The members, each a network of its own."""
        return cast(list[DeepCausalMMM], list(self.members))

    def __len__(self) -> int:
        return len(self.members)

    def forward(
        self,
        media: Tensor,
        controls: Tensor,
        regions: Tensor,
        *,
        start_week: float = 0,
        stable: bool = False,
    ) -> Outputs:
        """What every member says of the same panel.

        Parameters
        ----------
        media, controls, regions, start_week
            As for :meth:`DeepCausalMMM.forward`, already checked; regions of shape (region,).
        stable : bool
            Whether coefficients are the stable ones in every week.

        Returns
        -------
        dict of str to Tensor
            The outputs of :meth:`DeepCausalMMM.forward`, each with a first dim member.
        """
        first = self._first
        values = self.stacked()
        before = self._each(_Before(first), values, 0)
        blended, stages, inputs = before(values, (media, controls, regions), None)
        states = self._states(values, inputs)
        after = self._each(_After(first, start_week, stable), values, 0)
        return after(values, (controls, regions), (blended, states)) | stages

    def penalties(self, outputs: Mapping[str, Tensor]) -> Tensor:
        """:meth:`DeepCausalMMM.get_regularization_loss` of every member, of shape (member,).

        Parameters
        ----------
        outputs : Mapping of str to Tensor
            Of a forward pass.
        """
        values = self.stacked()
        # The graph of a network is the same whatever the panel; it is not read from outputs.
        read = {name: outputs[name] for name in outputs if name != "dag_matrix"}
        return self._each(_Penalty(self._first), values, 0)(values, (), (read,))

    @property
    def _first(self) -> DeepCausalMMM:
        return self.networks[0]

    def stacked(self) -> dict[str, Tensor]:
        """Parameters and buffers of all members, each with a first dim member."""
        each = [dict(m.named_parameters()) | dict(m.named_buffers()) for m in self.members]
        return {name: torch.stack([values[name] for values in each]) for name in each[0]}

    def _each(self, part: nn.Module, values: Mapping[str, Tensor], dim: int) -> Any:
        """A part of the network for all members: of shared arguments, and of each its own."""

        def one(own: Mapping[str, Tensor], shared: tuple[Any, ...], each: Any) -> Any:
            named = {f"network.{name}": value for name, value in own.items()}
            return functional_call(part, named, (*shared, *(each or ())))

        def all_of_them(own: Mapping[str, Tensor], shared: tuple[Any, ...], each: Any) -> Any:
            along = (dim, None, None if each is None else dim)
            return vmap(one, in_dims=along, randomness="different")(own, shared, each)

        return all_of_them

    def _states(self, values: Mapping[str, Tensor], inputs: Tensor) -> Tensor:
        """Recurrent states, of shape (member, region, week, hidden), by one layer for all."""
        gru, count = self._first.gru, len(self)
        if count == 1 or inputs.shape[1] > _FEW_ROWS:
            pairs = zip(self.networks, inputs, strict=True)
            return torch.stack([network._states(own) for network, own in pairs])
        wide = nn.GRU(
            count * gru.input_size,
            count * gru.hidden_size,
            gru.num_layers,
            batch_first=True,
            dropout=gru.dropout,
            device="meta",
        ).train(self.training)
        weights = {
            name: _blocks(values[f"gru.{name}"], gru.hidden_size)
            for name, _ in gru.named_parameters()
        }
        rows, weeks = inputs.shape[1:3]
        side_by_side = inputs.permute(1, 2, 0, 3).reshape(rows, weeks, -1)
        start = values["gru_start"].permute(1, 2, 0, 3).reshape(gru.num_layers, 1, -1)
        start = start.expand(-1, rows, -1).contiguous()
        states = functional_call(wide, weights, (side_by_side, start))[0]
        return states.reshape(rows, weeks, count, -1).permute(2, 0, 1, 3)


class _Before(nn.Module):
    """A network up to its recurrent layers."""

    def __init__(self, network: DeepCausalMMM) -> None:
        super().__init__()
        self.network = network

    def forward(self, media: Tensor, controls: Tensor, regions: Tensor) -> Any:
        return self.network._before_state(media, controls, regions)


class _After(nn.Module):
    """A network from its recurrent states on."""

    def __init__(self, network: DeepCausalMMM, start_week: float, stable: bool) -> None:
        super().__init__()
        self.network, self.start_week, self.stable = network, start_week, stable

    def forward(self, controls: Tensor, regions: Tensor, media: Tensor, states: Tensor) -> Any:
        return self.network._after_state(
            media, controls, regions, states, start_week=self.start_week, stable=self.stable
        )


class _Penalty(nn.Module):
    """A network's price of size, change and cycles."""

    def __init__(self, network: DeepCausalMMM) -> None:
        super().__init__()
        self.network = network

    def forward(self, outputs: Mapping[str, Tensor]) -> Tensor:
        return self.network.get_regularization_loss(outputs)


def _blocks(weights: Tensor, hidden: int) -> Tensor:
    """Weights of a wider layer: the members' gates side by side, each reading its own inputs.

    Parameters
    ----------
    weights : Tensor of shape (member, 3 * hidden, input) or (member, 3 * hidden)
        Reset, update and new gate in this order.
    hidden : int
    """
    count = weights.shape[0]
    gates = weights.reshape(count, 3, hidden, *weights.shape[2:]).transpose(0, 1)
    if gates.ndim == 3:
        return gates.reshape(-1)
    apart = torch.eye(count, dtype=weights.dtype, device=weights.device)
    return torch.einsum("gmhi,mn->gmhni", gates, apart).reshape(3 * count * hidden, -1)
