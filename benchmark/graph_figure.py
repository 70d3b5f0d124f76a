"""Draw the figure of docs/channel_graph.md from the results of graph.py.

python benchmark/graph_figure.py FOLDER docs/channel_graph.png
"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from graph import METHODS, OURS, RAW, STANDARDISED, calibration, scores
from matplotlib.axes import Axes

# Of Okabe and Ito, which colour-blind readers can tell apart; each with a marker of its own.
STYLES = {"NOTEARS": ("#D55E00", "s"), "DAGMA": ("#009E73", "^"), METHODS[OURS]: ("#0072B2", "o")}
GREY = "#666666"


def draw_distances(axes: Axes, table: pd.DataFrame, title: str) -> None:
    """Mean SHD by density of the graph, with that of a graph without edges."""
    density = "edges per node"
    empty = table.groupby(density)["edges"].mean()
    axes.plot(empty.index, empty, color=GREY, linestyle=":", label="no edge at all")
    for method, (colour, marker) in STYLES.items():
        part = table[table["method"] == method].groupby(density)["SHD"]
        mean, error = part.mean(), 1.645 * part.std() / np.sqrt(part.size())
        axes.errorbar(mean.index, mean, error, color=colour, marker=marker, label=method, capsize=2)
    axes.set(xlabel="true edges a channel", ylabel="wrong edges (SHD)", xticks=empty.index)
    axes.set_title(title, fontsize=10, loc="left")
    axes.set_ylim(0)
    axes.legend(frameon=False, fontsize=8)


def draw_calibration(axes: Axes, table: pd.DataFrame) -> None:
    """Share of edges that are there, by the probability that they were given."""
    axes.plot([0, 1], [0, 1], color=GREY, linestyle=":", label="as it should be")
    colour, marker = STYLES[METHODS[OURS]]
    error = 1.645 * np.sqrt(table["there"] * (1 - table["there"]) / table["edges"])
    axes.errorbar(
        table["probability"], table["there"], error, color=colour, marker=marker, capsize=2
    )
    axes.set(xlabel="probability that an edge was given", ylabel="share of such edges that exist")
    axes.set_title(
        "Probabilities given there:\nsomewhat too sure, seldom wrong", fontsize=10, loc="left"
    )
    axes.legend(frameon=False, fontsize=8)


def main() -> None:
    """Draw and write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("output", type=Path)
    options = parser.parse_args()
    table = scores(options.folder)
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(11, 3.8), layout="constrained")
    titles = {
        RAW: "Units that give the order away:\nevery learner finds most edges",
        STANDARDISED: "The same series, standardised:\nnobody can know all directions",
    }
    for axes, (scale, title) in zip((left, middle), titles.items(), strict=True):
        draw_distances(axes, table[table["series"] == scale], title)
    draw_calibration(right, calibration(options.folder))
    figure.savefig(options.output, dpi=130)


if __name__ == "__main__":
    main()
