"""Where the discs, lines and labels of a graph go, on a screen of any width.

Heights are pixels, counted downwards; across, 0 is the left end and 1 the right one, wherever the
reader's screen puts them. Every channel has a row of its own, and every label of a link a line of
its own between rows, so that no two texts overlap however narrow the screen is.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pymc_toolkit.arrays import Array
from pymc_toolkit.reports.formats import shorten

Ends = tuple[str, str]

# Pixels between the two ends on the narrowest and on the widest screen.
_WIDTHS = (296, 900)
MARGIN = 24
LARGEST, SMALLEST = 14.0, 5.0
LINE = 15
_ROOM = 10
# Pixels of a letter, and how many more a capital and a Chinese character take.
_CHARACTER, _CAPITAL, _BROAD = 7.0, 1.7, 4.5
_MOST_LINES = 2
# How far the middle of a line is drawn to a corner of the box around it: downwards first, or later.
_BENDS = ((0.5, 0.5), (0.25, 0.75), (0.75, 0.25), (0.05, 0.95), (0.95, 0.05))
_STEPS = np.linspace(0, 1, 41)
_CLEAR = 7.0
# Price of a line that runs along another one all the way; of one through a disc it is 10.
_ALONG = 4.0
# Pixels in front of a disc where a line is straight.
_STRAIGHT = 16


@dataclass(frozen=True)
class Node:
    """A channel's disc.

    Parameters
    ----------
    x, y, radius : float
    lines : tuple of str
        Its name, wrapped.
    before : bool
        Whether the name stands below the disc and ends there, rather than above and begins there:
        links come from the upper left and go to the lower right.
    """

    x: float
    y: float
    radius: float
    lines: tuple[str, ...]
    before: bool


@dataclass(frozen=True)
class Link:
    """A line between two discs.

    Parameters
    ----------
    x, y : ndarray
        Points from the cause to the effect.
    bends : int
        Position of the point from which a straight stretch leads to the last.
    label_x, label_y : float
        Middle of its label.
    """

    x: Array
    y: Array
    bends: int
    label_x: float
    label_y: float


@dataclass(frozen=True)
class GraphLayout:
    """A whole graph.

    Parameters
    ----------
    nodes : Mapping of str to Node
    links : tuple of Link
    height : float
    """

    nodes: Mapping[str, Node]
    links: tuple[Link, ...]
    height: float


def lay_out(names: Sequence[str], ends: Sequence[Ends], sizes: Mapping[str, float]) -> GraphLayout:
    """Place channels from upstream, on the left, to downstream.

    Parameters
    ----------
    names : sequence of str
        Channels with a link, from upstream to downstream.
    ends : sequence of (str, str)
        Cause and effect of every link. Columns follow from the first ones on; one that would close
        a cycle points back.
    sizes : Mapping of str to float
        Of each channel; areas of discs are in proportion.

    Returns
    -------
    GraphLayout
    """
    depth = depths(names, ends)
    rows = _rows(names, ends, depth)
    gaps = _gaps(rows, ends)
    nodes, label_y, height = _heights(rows, depth, sizes, gaps)
    links: list[Link] = []
    for (cause, effect), y in zip(ends, label_y, strict=True):
        x, way = _curve(nodes, (cause, effect), links)
        rising = np.argsort(way)
        label = float(np.interp(y, way[rising], x[rising]))
        far = np.hypot((x[-1] - x) * _WIDTHS[0], way[-1] - way) > _STRAIGHT + nodes[effect].radius
        links.append(Link(x, way, int(np.flatnonzero(far)[-1]), label, y))
    return GraphLayout(nodes, tuple(links), height)


def depths(names: Sequence[str], ends: Sequence[Ends]) -> dict[str, int]:
    """Column of every channel: how many links lie before it, at most.

    Parameters
    ----------
    names : sequence of str
    ends : sequence of (str, str)
        A link that would close a cycle with earlier ones does not count.

    Returns
    -------
    dict of str to int

    Examples
    --------
    >>> depths(["a", "b", "c"], [("a", "b"), ("b", "c"), ("c", "a")])
    {'a': 0, 'b': 1, 'c': 2}
    """
    kept: list[Ends] = []
    for cause, effect in ends:
        if cause not in _downstream(effect, kept):
            kept.append((cause, effect))
    depth = dict.fromkeys(names, 0)
    # The longest path has fewer links than there are channels.
    for _ in names:
        for cause, effect in kept:
            depth[effect] = max(depth[effect], depth[cause] + 1)
    return depth


def wrapped(name: str, width: int) -> tuple[str, ...]:
    """Break a name into two lines at most, where a word ends; cut it if it is still too long.

    Parameters
    ----------
    name : str
    width : int
        Most characters of a line.

    Returns
    -------
    tuple of str

    Examples
    --------
    >>> wrapped("google_ads_search_brand_cost", 18)
    ('google_ads_search_', 'brand_cost')
    """
    if len(name) <= width:
        return (name,)
    first = ""
    for part in re.findall(r"[^\s_/.-]*[\s_/.-]?", name):
        if len(first + part) > width:
            break
        first += part
    first = first or name[:width]
    return first.rstrip(), shorten(name[len(first) :].lstrip(), width)


def _downstream(name: str, ends: Sequence[Ends]) -> set[str]:
    """A channel and all that it leads to."""
    found, waiting = {name}, [name]
    while waiting:
        at = waiting.pop()
        following = {effect for cause, effect in ends if cause == at} - found
        found |= following
        waiting.extend(following)
    return found


def _rows(names: Sequence[str], ends: Sequence[Ends], depth: Mapping[str, int]) -> list[str]:
    """Channels from top to bottom: those that hang together, and in these by column."""
    both = [*ends, *((effect, cause) for cause, effect in ends)]
    rows: list[str] = []
    for name in names:
        if name in rows:
            continue
        together = [other for other in names if other in _downstream(name, both)]
        for column in sorted({depth[other] for other in together}):
            here = [other for other in together if depth[other] == column]
            above = {
                other: [rows.index(c) for c, effect in ends if effect == other and c in rows]
                for other in here
            }
            rows += sorted(here, key=lambda other: float(np.mean(above[other] or [0])))
    return rows


def _gaps(rows: Sequence[str], ends: Sequence[Ends]) -> list[tuple[int, int]]:
    """Below which row the label of each link stands, and on which line there."""
    taken = [0] * len(rows)
    spans = [sorted((rows.index(cause), rows.index(effect))) for cause, effect in ends]
    places = [(0, 0)] * len(ends)
    for link in sorted(range(len(ends)), key=lambda link: spans[link][1] - spans[link][0]):
        first, last = spans[link]
        middle = (first + last - 1) / 2
        gap = min(range(first, last), key=lambda row: (taken[row], abs(row - middle)))
        places[link] = gap, taken[gap]
        taken[gap] += 1
    return places


def _heights(
    rows: Sequence[str],
    depth: Mapping[str, int],
    sizes: Mapping[str, float],
    gaps: Sequence[tuple[int, int]],
) -> tuple[dict[str, Node], list[float], float]:
    """Discs, heights of labels, and the height of all."""
    deepest, largest = max(depth.values()), max(sizes[name] for name in rows)
    nodes: dict[str, Node] = {}
    starts, y = [], 4.0
    for row, name in enumerate(rows):
        # Two columns alone need not stand so far apart as a screen is wide.
        x = depth[name] / max(deepest, 2)
        lines, before = _name(name, x)
        share = max(sizes[name], 0.0) / largest if largest > 0 else 0.0
        radius = max(LARGEST * share**0.5, SMALLEST)
        y += radius + (0 if before else LINE * len(lines))
        nodes[name] = Node(x, y, radius, lines, before)
        y += radius + (LINE * len(lines) if before else 0) + _ROOM / 2
        starts.append(y)
        y += LINE * sum(gap == row for gap, _ in gaps) + _ROOM / 2
    return nodes, [starts[gap] + LINE * (line + 0.5) for gap, line in gaps], y


def _name(name: str, x: float) -> tuple[tuple[str, ...], bool]:
    """Lines of a name, and whether it stands before its disc: where it has no room behind."""
    broad = _BROAD * sum(unicodedata.east_asian_width(letter) in "WF" for letter in name)
    broad += _CAPITAL * sum(letter.isupper() for letter in name)
    character = _CHARACTER + broad / len(name)
    behind, before = (
        wrapped(name, int((_WIDTHS[0] * room + MARGIN) / character)) for room in (1 - x, x)
    )
    # Cut off at its end, or broken within a word.
    cut = not name.endswith(behind[-1]) or (len(behind) > 1 and behind[0][-1].isalnum())
    return (before, True) if x > 0.5 and cut else (behind, False)


def _curve(nodes: Mapping[str, Node], ends: Ends, links: Sequence[Link]) -> tuple[Array, Array]:
    """The line of a link that touches the least of what it does not belong to."""
    (cause, effect), best = ends, np.inf
    start, end = nodes[cause], nodes[effect]
    others = [(node, 3.0 if name in ends else 1.0) for name, node in nodes.items()]
    chosen = np.empty(0), np.empty(0)
    for bend in _BENDS:
        x, y = (
            (1 - _STEPS) ** 2 * a + 2 * _STEPS * (1 - _STEPS) * (a + (b - a) * by) + _STEPS**2 * b
            for a, b, by in zip((start.x, start.y), (end.x, end.y), bend, strict=True)
        )
        price = abs(bend[0] - 0.5) + sum(
            _touched(x * width, y, width, others, links) for width in _WIDTHS
        )
        if price < best:
            best, chosen = price, (x, y)
    return chosen


def _touched(
    x: Array, y: Array, width: int, nodes: Sequence[tuple[Node, float]], links: Sequence[Link]
) -> float:
    """How much of channels and links a line covers on a screen; its own have a larger weight."""
    price = 0.0
    for node, weight in nodes:
        away = np.hypot(x - node.x * width, y - node.y)
        price += 10.0 * bool(weight == 1 and (away < node.radius + _CLEAR).any())
        size, height = max(map(len, node.lines)) * _CHARACTER, LINE * len(node.lines)
        across = (x - node.x * width) * (-1 if node.before else 1)
        up = (node.y - y) * (-1 if node.before else 1) - node.radius
        price += (
            2.0
            * weight
            * bool(((across > -_CLEAR) & (across < size) & (up > 0) & (up < height)).any())
        )
    for link in links:
        near = np.hypot(x[:, None] - link.x * width, y[:, None] - link.y).min(axis=1) < _CLEAR
        price += _ALONG * float(near.mean())
    return price
