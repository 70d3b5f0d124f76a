"""Graphs of channels: what cycles and edges cost, and a network that sends messages along edges.

References
----------
.. [1] Zheng, Aragam, Ravikumar, Xing (2018). DAGs with NO TEARS: continuous optimization for
   structure learning. NeurIPS. arXiv:1803.01422.
.. [2] Jang, Gu, Poole (2017). Categorical reparameterization with Gumbel-Softmax. ICLR.
   arXiv:1611.01144.
"""

from __future__ import annotations

import math

import torch
from scipy.sparse.csgraph import connected_components
from torch import Tensor, nn

from pymc_toolkit.exceptions import DataError, SpecificationError
from pymc_toolkit.model_spec import whole_number


def acyclicity(weights: Tensor) -> Tensor:
    """Measure of cycles, h(W) = tr(exp(W∘W)) - d: zero exactly if there are none [1]_.

    Parameters
    ----------
    weights : Tensor of shape (cause, effect)

    Returns
    -------
    Tensor, a scalar

    Raises
    ------
    DataError
        If it is no square matrix.

    Examples
    --------
    >>> acyclicity(torch.tensor([[0.0, 1.0], [0.0, 0.0]]))
    tensor(0.)
    >>> acyclicity(torch.tensor([[0.0, 1.0], [1.0, 0.0]]))  # 2 cosh(1) - 2
    tensor(1.0862)
    """
    if weights.ndim != 2 or weights.shape[0] != weights.shape[1]:
        raise DataError(f"Got W of shape {tuple(weights.shape)}; expected a square matrix.")
    return torch.linalg.matrix_exp(weights * weights).trace() - weights.shape[0]


def is_acyclic(weights: Tensor) -> bool:
    """Whether no two channels reach each other, and none itself, along weights that are not zero.

    Parameters
    ----------
    weights : Tensor of shape (cause, effect)

    Examples
    --------
    >>> is_acyclic(torch.ones(3, 3).triu(1)), is_acyclic(torch.ones(3, 3).triu())
    (True, False)
    """
    edges = weights.detach().cpu().numpy() != 0
    parts, _ = connected_components(edges, connection="strong")
    return bool(parts == len(edges) and not edges.diagonal().any())


def edge_price(probability: Tensor, possible: Tensor) -> Tensor:
    """Mean over possible edges of their probability and of its entropy: few edges, and clear ones.

    Parameters
    ----------
    probability, possible : Tensor of shape (cause, effect)
        The second is 1 where an edge may be and 0 elsewhere.

    Returns
    -------
    Tensor, a scalar
        Zero if no edge is possible.
    """
    # Where a probability has been rounded to zero or one, its logarithm has no derivative.
    tiny = torch.finfo(probability.dtype).eps
    inside = probability.clamp(tiny, 1 - tiny)
    entropy = -(inside * inside.log() + (1 - inside) * torch.log1p(-inside))
    return ((probability + entropy) * possible).sum() / possible.sum().clamp_min(1.0)


class NodeToEdge(nn.Module):
    """Features of edges from those of the nodes at their ends, let through by attention.

    Attention is a gate for each edge by itself: shared among causes, it would tell a node of others
    that are no causes of it.

    Parameters
    ----------
    node_dim, edge_dim : int
        Numbers of features.
    """

    def __init__(self, node_dim: int, edge_dim: int) -> None:
        super().__init__()
        self.node_dim = whole_number("node_dim", node_dim)
        self.edge_dim = whole_number("edge_dim", edge_dim)
        self.from_cause = nn.Linear(node_dim, edge_dim)
        self.from_effect = nn.Linear(node_dim, edge_dim)
        self.attention = nn.Linear(edge_dim, 1)

    def forward(self, nodes: Tensor, adj_matrix: Tensor) -> Tensor:
        """Features of every edge; zero where the graph has none.

        Parameters
        ----------
        nodes : Tensor of shape (batch, node, node_dim)
        adj_matrix : Tensor of shape (cause, effect)

        Returns
        -------
        Tensor of shape (batch, cause, effect, edge_dim)

        Raises
        ------
        DataError
            If shapes do not fit together.
        """
        _check_nodes(nodes, self.node_dim)
        _check_adjacency(adj_matrix, nodes.shape[1])
        cause = self.from_cause(nodes)[:, :, None, :]
        effect = self.from_effect(nodes)[:, None, :, :]
        features = torch.tanh(cause + effect)
        attention = torch.sigmoid(self.attention(features))
        return features * attention * adj_matrix[None, :, :, None]


class EdgeToNode(nn.Module):
    """Nodes moved by the sum of the edges that lead to them.

    Parameters
    ----------
    edge_dim, node_dim : int
        Numbers of features.
    """

    def __init__(self, edge_dim: int, node_dim: int) -> None:
        super().__init__()
        self.edge_dim = whole_number("edge_dim", edge_dim)
        self.node_dim = whole_number("node_dim", node_dim)
        # Without a constant: a node without causes stays as it is.
        self.message = nn.Linear(edge_dim, node_dim, bias=False)

    def forward(self, edges: Tensor, nodes: Tensor, adj_matrix: Tensor) -> Tensor:
        """The nodes after a message along every edge.

        Parameters
        ----------
        edges : Tensor of shape (batch, cause, effect, edge_dim)
        nodes : Tensor of shape (batch, node, node_dim)
        adj_matrix : Tensor of shape (cause, effect)

        Returns
        -------
        Tensor of shape (batch, node, node_dim)

        Raises
        ------
        DataError
            If shapes do not fit together.
        """
        _check_nodes(nodes, self.node_dim)
        batch, n, _ = nodes.shape
        _check_adjacency(adj_matrix, n)
        if tuple(edges.shape) != (batch, n, n, self.edge_dim):
            raise DataError(
                f"Got edges of shape {tuple(edges.shape)}; expected {(batch, n, n, self.edge_dim)}."
            )
        arriving = torch.einsum("bijd,ij->bjd", edges, adj_matrix)
        return nodes + self.message(arriving)


class DAGConstraint(nn.Module):
    """A graph whose edges all lead to later nodes, drawn edge by edge while training.

    Parameters
    ----------
    n_nodes : int
    sparsity_weight : float
        Price of edges and of doubt about them.
    temperature : float
        At the start; the lower, the closer to zero or one are the relaxed draws.
    """

    def __init__(
        self, n_nodes: int, sparsity_weight: float = 0.1, temperature: float = 1.0
    ) -> None:
        super().__init__()
        self.n_nodes = whole_number("n_nodes", n_nodes)
        if not sparsity_weight >= 0:
            raise SpecificationError(f"Got sparsity_weight={sparsity_weight}; expected >= 0.")
        self.sparsity_weight = sparsity_weight
        self.initial_temperature = _positive("temperature", temperature)
        self.temperature = self.initial_temperature
        self.edge_logits = nn.Parameter(torch.zeros(n_nodes, n_nodes))
        self.register_buffer("possible", torch.ones(n_nodes, n_nodes).triu(1))

    def gumbel_softmax(self, logits: Tensor, tau: float) -> Tensor:
        """Draws of zero or one whose gradient is that of the relaxed draw [2]_.

        Parameters
        ----------
        logits : Tensor
            Of each edge's probability.
        tau : float
            Temperature of the relaxation.

        Returns
        -------
        Tensor of the same shape
        """
        _positive("tau", tau)
        # The difference of two Gumbel variables is logistic.
        tiny = torch.finfo(logits.dtype).eps
        uniform = torch.rand_like(logits).clamp(tiny, 1 - tiny)
        relaxed = torch.sigmoid((logits + uniform.logit()) / tau)
        return (relaxed > 0.5).to(logits.dtype) + relaxed - relaxed.detach()

    def get_adjacency(self) -> Tensor:
        """The graph: a draw while training, the edges likelier than not otherwise.

        Returns
        -------
        Tensor of shape (cause, effect)
            Zero on the diagonal and below.
        """
        if self.training:
            return self.gumbel_softmax(self.edge_logits, self.temperature) * self.possible
        return (self.edge_logits > 0).to(self.edge_logits.dtype) * self.possible

    def update_temperature(self, epoch: int, total_epochs: int, min_temp: float = 0.1) -> None:
        """Cool down by a constant factor an epoch, to ``min_temp`` at the last.

        Parameters
        ----------
        epoch, total_epochs : int
        min_temp : float
        """
        whole_number("total_epochs", total_epochs)
        share = min(max(epoch / total_epochs, 0.0), 1.0)
        ratio = _positive("min_temp", min_temp) / self.initial_temperature
        self.temperature = self.initial_temperature * min(ratio, 1.0) ** share

    def dag_loss(self) -> Tensor:
        """Price of edges and of doubt about them. There are no cycles to pay for.

        Returns
        -------
        Tensor, a scalar
        """
        price = edge_price(torch.sigmoid(self.edge_logits), self.possible)
        return self.sparsity_weight * price


class DAGModel(nn.Module):
    """Messages along a learnt graph, several times over.

    Parameters
    ----------
    n_nodes, node_dim, edge_dim : int
        Number of nodes, and of features of nodes and edges.
    n_layers : int
        How often messages are sent.
    sparsity_weight : float
        Price of edges.

    Examples
    --------
    >>> model = DAGModel(n_nodes=3, node_dim=2, edge_dim=4)
    >>> nodes, adjacency = model(torch.zeros(5, 3, 2))
    >>> nodes.shape, adjacency.shape
    (torch.Size([5, 3, 2]), torch.Size([3, 3]))
    """

    def __init__(
        self,
        n_nodes: int,
        node_dim: int,
        edge_dim: int,
        n_layers: int = 3,
        sparsity_weight: float = 0.1,
    ) -> None:
        super().__init__()
        self.constraint = DAGConstraint(n_nodes, sparsity_weight)
        layers = range(whole_number("n_layers", n_layers))
        self.to_edges = nn.ModuleList([NodeToEdge(node_dim, edge_dim) for _ in layers])
        self.to_nodes = nn.ModuleList([EdgeToNode(edge_dim, node_dim) for _ in layers])

    def forward(self, nodes: Tensor) -> tuple[Tensor, Tensor]:
        """Nodes after all messages, and the graph that these went along.

        Parameters
        ----------
        nodes : Tensor of shape (batch, node, node_dim)

        Returns
        -------
        tuple of Tensor, of shapes (batch, node, node_dim) and (cause, effect)
        """
        adjacency = self.constraint.get_adjacency()
        for to_edges, to_nodes in zip(self.to_edges, self.to_nodes, strict=True):
            nodes = to_nodes(to_edges(nodes, adjacency), nodes, adjacency)
        return nodes, adjacency

    def get_dag_loss(self) -> Tensor:
        """Price of the graph.

        Returns
        -------
        Tensor, a scalar
        """
        return self.constraint.dag_loss()


def _check_nodes(nodes: Tensor, node_dim: int) -> None:
    if nodes.ndim != 3 or nodes.shape[-1] != node_dim:
        raise DataError(
            f"Got nodes of shape {tuple(nodes.shape)}; expected (batch, node, {node_dim})."
        )


def _check_adjacency(adjacency: Tensor, n: int) -> None:
    if tuple(adjacency.shape) != (n, n):
        raise DataError(
            f"Got an adjacency of shape {tuple(adjacency.shape)}; expected {(n, n)}, one row and "
            "one column a node."
        )


def _positive(name: str, value: float) -> float:
    if not (value > 0 and math.isfinite(value)):
        raise SpecificationError(f"Got {name}={value}; expected a number above zero.")
    return float(value)
