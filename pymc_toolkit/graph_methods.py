"""The graph of a model's channels: the part of the facade that learns it and shows it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

from pymc_toolkit.analysis.channel_graph import ChannelGraph, channel_graph, graph_settings
from pymc_toolkit.components.channel_dag import FIXED
from pymc_toolkit.engines.base import Fit
from pymc_toolkit.exceptions import ChannelGraphError
from pymc_toolkit.model_spec import ModelSpec

ADJACENCY_FILE = "dag_adjacency.csv"


class GraphMethods(ABC):
    """What a model does with the graph of its channels."""

    spec: ModelSpec

    def channel_graph(self, threshold: float | None = None) -> ChannelGraph:
        """Which channel drives which, as far as the data tell.

        Parameters
        ----------
        threshold : float, optional
            Weight, in standard deviations, up to which an edge counts as none; that of the model's
            :class:`pymc_toolkit.ChannelDag` by default.

        Returns
        -------
        ChannelGraph
            With ``edges()``, a table with the probability of each edge, its weight and what tells
            its direction; ``adjacency()``, the most probable acyclic graph; ``order``, its channels
            from upstream to downstream; and ``judge()``, whether directions can be known.

        Raises
        ------
        NotFittedError
            Before ``fit``.
        SpecificationError
            If the model has no channel graph.
        """
        return channel_graph(self._fitted(), threshold)

    def write_channel_graph(self, folder: str | Path) -> Path:
        """Write the most probable graph's mean weights to ``dag_adjacency.csv``.

        Parameters
        ----------
        folder : str or Path
            Made if it is not there.

        Returns
        -------
        Path
            Of the file: causes by row, effects by column.
        """
        path = Path(folder) / ADJACENCY_FILE
        path.parent.mkdir(parents=True, exist_ok=True)
        self.channel_graph().adjacency().to_csv(path, lineterminator="\n")
        return path

    def fit_in_order(self, **sampling: Any) -> Self:
        """Fit the model again with the channels in the order that was found.

        Within a period only graphs along that order are then possible (``mode="triangular"``):
        weights and returns no longer allow for other directions. For data in which directions are
        clear.

        Parameters
        ----------
        **sampling
            As for :meth:`PymcModel.fit`.

        Returns
        -------
        PymcModel
            Itself.

        Raises
        ------
        NotFittedError
            Before ``fit``.
        SpecificationError
            If the model has no channel graph, or one that was given.
        """
        dag = graph_settings(self._fitted())
        if dag.mode == FIXED:
            raise ChannelGraphError(
                "Got a model whose graph is given (mode='fixed'); expected one that was learnt."
            )
        before = self.spec
        order = self.channel_graph().order
        self.spec = replace(before, channel_dag=dag.in_order(order))
        try:
            return self.fit(**sampling)
        except Exception:
            self.spec = before
            raise

    @abstractmethod
    def fit(self) -> Self:
        """Sample the posterior."""

    @abstractmethod
    def _fitted(self) -> Fit:
        """The fit of the model as it is."""
