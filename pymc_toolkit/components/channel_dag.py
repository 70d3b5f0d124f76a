"""How channels may drive each other: what is asked of their graph, and known of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from graphlib import CycleError, TopologicalSorter
from numbers import Real
from typing import Any

import numpy as np

from pymc_toolkit.arrays import Array
from pymc_toolkit.components.acyclicity import ACYCLICITIES, LOGDET
from pymc_toolkit.exceptions import ChannelGraphError

NOTEARS, TRIANGULAR, FIXED = MODES = ("notears", "triangular", "fixed")
GAUSSIAN, NON_GAUSSIAN, EQUAL = NOISES = ("gaussian", "non_gaussian", "equal")
MOST_LAGS = 4

Edge = tuple[str, str]


@dataclass(frozen=True)
class ChannelDag:
    """What is asked of, and known about, the graph of a client's channels.

    Parameters
    ----------
    mode : {"notears", "triangular", "fixed"}
        Learn the graph among all acyclic ones; among those whose edges point forward in ``order``
        (the order of the channels by default); or take the edges of ``required`` as they are.
    acyclicity : {"logdet", "expm"}
        What measures how far the weights that are sampled are from an acyclic graph, see
        :mod:`pymc_toolkit.components.acyclicity`; the exponential takes several times longer.
    prior : float, optional
        Odds of each edge before the data, among acyclic graphs, are ``prior : 1 - prior``. By
        default they are learnt too, from a few that are equally likely before.
    threshold : float
        Weight, in standard deviations of the driven channel per standard deviation of the driving
        one, up to which an edge counts as none.
    forbidden, required : sequence of (str, str)
        Edges (cause, effect) that cannot be, now or later, and that are there in the same period.
    order : sequence of str or of sequences of str, optional
        Channels, or groups of them, from upstream to downstream: no edge points from a later
        group to an earlier one, now or later. Channels that are not named may be anywhere. In the
        triangular mode every channel has its place, and the order is one within a period.
    lags : int
        Number of earlier periods whose spend may drive a channel, 0 to 4. Time tells cause from
        effect; what a channel spends by habit is told apart by its own past.
    noise : {"non_gaussian", "gaussian", "equal"}
        What is assumed of the part of a channel that no other drives, and so what tells directions:
        its distribution where that is not Gaussian; nothing (only directions on which all equally
        good graphs agree); or that it has the same variance in every channel, which depends on the
        units that they are in.
    max_parents : int
        Largest number of channels that may drive one.

    Raises
    ------
    ChannelGraphError
        If a setting is unknown, or what is known contradicts itself: an edge that is required and
        forbidden, against the order, or part of a cycle.

    Examples
    --------
    >>> ChannelDag(required=[("tv", "search")]).required
    (('tv', 'search'),)
    """

    mode: str = NOTEARS
    acyclicity: str = LOGDET
    prior: float | None = None
    threshold: float = 0.1
    forbidden: tuple[Edge, ...] = ()
    required: tuple[Edge, ...] = ()
    order: tuple[tuple[str, ...], ...] = ()
    lags: int = 1
    noise: str = NON_GAUSSIAN
    max_parents: int = 5

    def __post_init__(self) -> None:
        _check_choice("mode", self.mode, MODES)
        _check_choice("acyclicity", self.acyclicity, ACYCLICITIES)
        _check_choice("noise", self.noise, NOISES)
        for name, low, high in (("lags", 0, MOST_LAGS), ("max_parents", 1, 1_000)):
            _check_whole(name, getattr(self, name), low, high)
        _check_number("threshold", self.threshold, 0, np.inf)
        if self.prior is not None:
            _check_number("prior", self.prior, 0, 1)
        for name in ("forbidden", "required"):
            object.__setattr__(self, name, _edges(name, getattr(self, name)))
        object.__setattr__(self, "order", _groups(self.order))
        self._check_knowledge()

    @classmethod
    def of(cls, given: ChannelDag | Mapping[str, Any] | str | None) -> ChannelDag | None:
        """The settings that a user gave, as themselves, as a mapping, or as the name of a mode."""
        if given is None or isinstance(given, ChannelDag):
            return given
        if isinstance(given, str):
            return cls(mode=given)
        if isinstance(given, Mapping):
            known = [field.name for field in fields(cls)]
            unknown = [name for name in given if name not in known]
            if unknown:
                raise ChannelGraphError(
                    f"Got {unknown[0]!r} among the settings of the channel graph; expected some of "
                    f"{', '.join(map(repr, known))}."
                )
            return cls(**given)
        raise ChannelGraphError(
            f"Got channel_dag={given!r}; expected a ChannelDag, or one of its modes: "
            f"{', '.join(map(repr, MODES))}."
        )

    @property
    def named(self) -> set[str]:
        """Every channel that knowledge is about."""
        edges = {name for edge in (*self.forbidden, *self.required) for name in edge}
        return edges | {name for group in self.order for name in group}

    def allowed(self, channels: Sequence[str]) -> Array:
        """Which channel may drive which in the same period, as bool of shape (cause, effect)."""
        if self.mode == FIXED:
            return self.needed(channels)
        groups = self.order
        if self.mode == TRIANGULAR:
            groups = tuple((name,) for name in (sum(groups, ()) or channels))
        # Turned round, a required edge would be a cycle with itself.
        against = [*self.forbidden, *(edge[::-1] for edge in self.required)]
        allowed = ~(upstream(groups, channels).T | _matrix(against, channels))
        return allowed & ~np.eye(len(channels), dtype=bool)

    def allowed_later(self, channels: Sequence[str]) -> Array:
        """Which channel may drive which in a later period, as bool of shape (cause, effect).

        Forbidden edges and groups hold here too; a triangular order is one within a period.
        """
        if self.mode == FIXED:
            return self.needed(channels)
        allowed = ~(self.known_upstream(channels).T | _matrix(self.forbidden, channels))
        return allowed & ~np.eye(len(channels), dtype=bool)

    def known_upstream(self, channels: Sequence[str]) -> Array:
        """Which channel is known to come before which, as bool of shape (before, after)."""
        return upstream(() if self.mode == TRIANGULAR else self.order, channels)

    def in_order(self, order: Sequence[str]) -> ChannelDag:
        """The same with the order of the channels within a period given.

        Groups that no edge may go back from stay so in later periods.
        """
        earlier = np.argwhere(self.known_upstream(order))
        back = [(order[after], order[before]) for before, after in earlier]
        forbidden = (*self.forbidden, *back)
        groups = tuple((name,) for name in order)
        return replace(self, mode=TRIANGULAR, order=groups, forbidden=forbidden)

    def without(self, channels: Iterable[str]) -> ChannelDag | None:
        """The same without required edges of some channels; None if a given graph loses all."""
        left_out = set(channels)
        kept = tuple(edge for edge in self.required if not left_out & set(edge))
        if self.mode == FIXED and not kept:
            return None
        return replace(self, required=kept)

    def needed(self, channels: Sequence[str]) -> Array:
        """Which edges are required, as bool of shape (cause, effect)."""
        return _matrix(self.required, channels)

    def check_channels(self, channels: Sequence[str]) -> None:
        """Refuse knowledge that is not about these channels.

        Parameters
        ----------
        channels : sequence of str

        Raises
        ------
        ChannelGraphError
            If there is only one channel, a name is unknown, the order of the triangular mode leaves
            a channel out or is that of the channels and against a required edge, or a channel is
            given more parents than it may have.
        """
        if len(channels) < 2:
            raise ChannelGraphError(
                f"Got {f'one channel, {channels[0]!r}' if channels else 'no channel'}; a channel "
                "graph needs at least two. Leave channel_dag out."
            )
        unknown = sorted(self.named - set(channels))
        if unknown:
            raise ChannelGraphError(
                f"Got {unknown[0]!r} in channel_dag, which is no channel; expected some of "
                f"{', '.join(map(repr, channels))}."
            )
        left_out = [name for name in channels if self.order and name not in sum(self.order, ())]
        if self.mode == TRIANGULAR and left_out:
            raise ChannelGraphError(
                f"Got an order without {left_out[0]!r} for mode='triangular'; expected one with "
                "every channel."
            )
        if self.mode == TRIANGULAR:
            self._check_order(tuple((name,) for name in (sum(self.order, ()) or channels)))
        given = self.needed(channels).sum(axis=0)
        if given.max() > self.max_parents:
            raise ChannelGraphError(
                f"Got {given.max()} required causes of {channels[int(given.argmax())]!r}; expected "
                f"at most max_parents={self.max_parents}. Raise it."
            )

    def _check_knowledge(self) -> None:
        both = [edge for edge in self.required if edge in self.forbidden]
        if both:
            raise ChannelGraphError(
                f"Got the edge {_arrow(both[0])} both required and forbidden; expected one of them."
            )
        cycle = find_cycle(self.required)
        if cycle:
            raise ChannelGraphError(
                f"Got required edges that go round in a circle, {' -> '.join(cycle)}; expected an "
                "acyclic graph. Leave one of them out."
            )
        self._check_order(self.order)
        if self.mode == FIXED and (self.forbidden or self.order or not self.required):
            raise ChannelGraphError(
                "Got mode='fixed' "
                + ("without edges" if not self.required else "with forbidden edges or an order")
                + "; expected the whole graph as required=[(cause, effect), ...] and nothing else."
            )

    def _check_order(self, groups: Sequence[Sequence[str]]) -> None:
        place = {name: i for i, names in enumerate(groups) for name in names}
        for cause, effect in self.required:
            if place.get(cause, -1) > place.get(effect, len(place)):
                raise ChannelGraphError(
                    f"Got the required edge {_arrow((cause, effect))} against the order, in which "
                    f"{effect!r} comes first; expected them to agree."
                )


def find_cycle(edges: Iterable[Edge]) -> list[str]:
    """Names along a cycle of a graph, the first again at the end; none if it has no cycle.

    Examples
    --------
    >>> find_cycle([("a", "b"), ("b", "c")])
    []
    >>> len(find_cycle([("a", "b"), ("b", "a")]))
    3
    """
    sorter: TopologicalSorter[str] = TopologicalSorter()
    for cause, effect in edges:
        sorter.add(effect, cause)
    try:
        sorter.prepare()
    except CycleError as error:
        return [str(name) for name in error.args[1]]
    return []


def upstream(groups: Sequence[Sequence[str]], channels: Sequence[str]) -> Array:
    """Which channel is in an earlier group than which, as bool of shape (before, after)."""
    level = {name: number for number, group in enumerate(groups) for name in group}
    numbers = np.array([level.get(name, np.nan) for name in channels])
    before: Array = numbers[:, None] < numbers[None, :]
    return before


def _matrix(edges: Iterable[Edge], channels: Sequence[str]) -> Array:
    """Edges as bool of shape (cause, effect)."""
    place = {name: i for i, name in enumerate(channels)}
    matrix = np.zeros((len(channels), len(channels)), dtype=bool)
    for cause, effect in edges:
        matrix[place[cause], place[effect]] = True
    return matrix


def _edges(name: str, given: Any) -> tuple[Edge, ...]:
    """Pairs of different names, each once."""
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise ChannelGraphError(
            f"Got {name}={given!r}; expected a list of edges, such as [('tv', 'search')]."
        )
    edges: dict[Edge, None] = {}
    for edge in given:
        pair = tuple(edge) if isinstance(edge, Iterable) and not isinstance(edge, str) else ()
        if len(pair) != 2 or not all(isinstance(end, str) for end in pair) or pair[0] == pair[1]:
            raise ChannelGraphError(
                f"Got {edge!r} among the {name} edges; expected (cause, effect), the names of two "
                "channels."
            )
        edges[pair] = None
    return tuple(edges)


def _groups(given: Any) -> tuple[tuple[str, ...], ...]:
    if isinstance(given, str) or not isinstance(given or (), Iterable):
        raise ChannelGraphError(f"Got order={given!r}; expected a list of names or of groups.")
    groups = tuple(
        tuple(group) if isinstance(group, Iterable) and not isinstance(group, str) else (group,)
        for group in given or ()
    )
    names = [name for group in groups for name in group]
    for name in names:
        if not isinstance(name, str):
            raise ChannelGraphError(
                f"Got {name!r} in the order; expected a list of names or of groups."
            )
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise ChannelGraphError(f"Got {twice[0]!r} twice in the order; expected it once.")
    return groups


def _check_choice(name: str, value: object, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise ChannelGraphError(
            f"Got {name}={value!r} for the channel graph; expected one of "
            f"{', '.join(map(repr, allowed))}."
        )


def _check_whole(name: str, value: Any, low: int, high: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ChannelGraphError(
            f"Got {name}={value!r} for the channel graph; expected a whole number from {low} to "
            f"{high}."
        )


def _check_number(name: str, value: Any, low: float, high: float) -> None:
    fine = isinstance(value, Real) and not isinstance(value, bool)
    inside = np.isfinite(high)
    if not fine or not low <= value < high or (inside and value == low):
        raise ChannelGraphError(
            f"Got {name}={value!r} for the channel graph; expected a number "
            + (f"above {low} and below {high:g}." if inside else f"of at least {low}.")
        )


def _arrow(edge: Edge) -> str:
    return f"{edge[0]!r} -> {edge[1]!r}"
