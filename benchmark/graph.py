"""Learn graphs whose truth is known, and compare with two published learners.

    python benchmark/graph.py data FOLDER      # makes the data sets
    python benchmark/graph_peers.py FOLDER     # what the peers learn, in their own environment
    python benchmark/graph.py ours FOLDER      # what this package learns
    python benchmark/graph.py score FOLDER     # prints the tables

Graphs and series are those of Zheng et al. (2018): weights uniform on ±[0.5, 2], Gaussian noise of
equal variance. Each data set comes as it is and standardised, because on the raw series the
order of the variances alone tells much of the order of the causes (Reisach et al. 2021), which no
client's spend does. Of standardised Gaussian series, directions within a Markov equivalence class
cannot be known: no learner gets an SHD of zero there, and the F1 of the skeleton, which leaves
directions out, tells more. A graph without edges has an SHD of the number of true edges.
"""

from __future__ import annotations

import argparse
import itertools
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from pymc_toolkit.channel_graph.dags import most_probable_dag
from pymc_toolkit.channel_graph.learn import draw_graphs
from pymc_toolkit.components.channel_dag import EQUAL, GAUSSIAN, ChannelDag
from pymc_toolkit.simulate_graphs import simulate_dag, simulate_series, simulate_var

KINDS = ("erdos_renyi", "scale_free")
NODES, EDGES_PER_NODE, PERIODS, REPEATS = (10, 20), (1, 2, 4), (200, 1000), 5
RAW, STANDARDISED = SCALES = ("raw", "standardised")
OURS = "ours"
METHODS = {"notears": "NOTEARS", "dagma": "DAGMA", OURS: "pymc_toolkit"}
# Edges of the peers with smaller weights are dropped, as their papers do.
THRESHOLD = 0.3
SETTING = ["kind", "nodes", "edges per node", "periods"]
CALIBRATION = [0, 0.05, 0.2, 0.4, 0.6, 0.75, 0.85, 0.95, 1.01]
FIGURES = ["SHD", "F1", "skeleton F1", "seconds"]


@dataclass(frozen=True)
class DataSet:
    """One graph and the series that it drives.

    Parameters
    ----------
    kind : str
    nodes, edges_per_node, periods : int
    repeat : int
        From 0.
    seed : int
        Of the graph; that of the series is the next one.
    """

    kind: str
    nodes: int
    edges_per_node: int
    periods: int
    repeat: int
    seed: int

    @property
    def name(self) -> str:
        """What its file is called."""
        return f"{self.kind}-d{self.nodes}-k{self.edges_per_node}-n{self.periods}-r{self.repeat}"

    def write(self, folder: Path) -> None:
        """Simulate it and write the true weights and the series, raw and standardised."""
        weights = simulate_dag(self.nodes, self.nodes * self.edges_per_node, self.kind, self.seed)
        series = simulate_series(weights, self.periods, self.seed + 1)
        standardised = (series - series.mean(axis=0)) / series.std(axis=0)
        np.savez(
            folder / f"{self.name}.npz", weights=weights, raw=series, standardised=standardised
        )


def data_sets() -> list[DataSet]:
    """All data sets of the benchmark."""
    settings = itertools.product(KINDS, NODES, EDGES_PER_NODE, PERIODS, range(REPEATS))
    return [DataSet(*setting, seed=2 * i) for i, setting in enumerate(settings)]


def learn_ours(series: np.ndarray, standardised: bool) -> tuple[np.ndarray, np.ndarray | None]:
    """Learn a graph with this package.

    Parameters
    ----------
    series : ndarray of shape (period, node)
    standardised : bool
        Whether the columns were scaled to a standard deviation of one.

    Returns
    -------
    graph : ndarray of shape (node, node)
        Not zero where there is an edge from row to column: a DAG, or its weights.
    probabilities : ndarray of shape (node, node) or None
        Of each edge, if the learner gives them.
    """
    # Raw series have noise of equal variance, as the peers' losses assume; standardised ones not.
    dag = ChannelDag(
        noise=GAUSSIAN if standardised else EQUAL, lags=0, threshold=0, max_parents=series.shape[1]
    )
    names = [f"node {i}" for i in range(series.shape[1])]
    drawn = draw_graphs(series, names, dag)
    weights = drawn.now * drawn.spread / drawn.spread[:, None]
    # As for the peers, an edge of a raw series is one with a weight that is not small.
    probabilities = (np.abs(weights) > (0 if standardised else THRESHOLD)).mean(axis=0)
    return most_probable_dag(probabilities), probabilities


def run_ours(folder: Path) -> None:
    """Learn from every data set with this package, and keep what the peers keep."""
    (folder / OURS).mkdir(exist_ok=True)
    for data_set, scale in itertools.product(data_sets(), SCALES):
        with np.load(folder / "data" / f"{data_set.name}.npz") as arrays:
            series = arrays[scale]
        started = time.perf_counter()
        graph, probabilities = learn_ours(series, scale == STANDARDISED)
        kept = {"weights": graph, "seconds": np.array(time.perf_counter() - started)}
        if probabilities is not None:
            kept["probabilities"] = probabilities
        np.savez(folder / OURS / f"{data_set.name}-{scale}.npz", **kept)


def structural_hamming_distance(truth: np.ndarray, learnt: np.ndarray) -> int:
    """Count the pairs of nodes whose edge is missing, too many or the wrong way round.

    Parameters
    ----------
    truth, learnt : ndarray of bool, of shape (node, node)

    Returns
    -------
    int
        A reversed edge counts once.
    """
    differs = truth != learnt
    return int(np.triu(differs | differs.T, k=1).sum())


def f1(truth: np.ndarray, learnt: np.ndarray) -> float:
    """Harmonic mean of precision and recall of directed edges."""
    return float(2 * (truth & learnt).sum() / (truth.sum() + learnt.sum()))


def scores(folder: Path) -> pd.DataFrame:
    """Score the results of the data sets that all methods have learnt from, one row each."""
    rows = []
    for data_set, scale, method in itertools.product(data_sets(), SCALES, METHODS):
        path = folder / method / f"{data_set.name}-{scale}.npz"
        if not path.exists():
            continue
        with np.load(folder / "data" / f"{data_set.name}.npz") as arrays:
            truth = arrays["weights"] != 0
        with np.load(path) as arrays:
            weights, seconds = arrays["weights"], float(arrays["seconds"])
        learnt = weights != 0 if method == OURS else np.abs(weights) >= THRESHOLD
        setting = (data_set.kind, data_set.nodes, data_set.edges_per_node, data_set.periods)
        rows.append(
            {
                **dict(zip(SETTING, setting, strict=True)),
                "series": scale,
                "method": METHODS[method],
                "repeat": data_set.repeat,
                "edges": int(truth.sum()),
                "SHD": structural_hamming_distance(truth, learnt),
                "F1": f1(truth, learnt),
                "skeleton F1": f1(truth | truth.T, learnt | learnt.T),
                "seconds": seconds,
            }
        )
    table = pd.DataFrame(rows)
    # Means are of the same data sets for all methods.
    of_data_set = table.groupby([*SETTING, "series", "repeat"])["method"]
    return table[of_data_set.transform("nunique") == table["method"].nunique()]


def calibration(folder: Path) -> pd.DataFrame:
    """How often edges exist to which this package gave about the same probability.

    On standardised columns. Returns the mean ``probability`` of each group, ``there`` (share of its
    edges that exist) and ``edges`` (how many).
    """
    parts = []
    for data_set in data_sets():
        path = folder / OURS / f"{data_set.name}-{STANDARDISED}.npz"
        if not path.exists():
            continue
        with np.load(path) as found, np.load(folder / "data" / f"{data_set.name}.npz") as arrays:
            pairs = ~np.eye(data_set.nodes, dtype=bool)
            given, there = found["probabilities"][pairs], arrays["weights"][pairs] != 0
        parts.append(pd.DataFrame({"probability": given, "there": there, "edges": 1}))
    table = pd.concat(parts)
    groups = table.groupby(pd.cut(table["probability"], CALIBRATION, right=False))
    return groups.agg({"probability": "mean", "there": "mean", "edges": "size"}).reset_index(
        names="given"
    )


def lagged(repeats: int = 20) -> pd.DataFrame:
    """How well lagged causes are found: six channels, 160 weeks, standardised, one row a graph."""
    rows = []
    for seed in range(repeats):
        series, weights = simulate_var(seed=seed)
        standardised = (series - series.mean(axis=0)) / series.std(axis=0)
        names = [f"node {i}" for i in range(len(weights))]
        drawn = draw_graphs(standardised, names, ChannelDag(lags=1), seed=seed)
        before = np.abs(drawn.before[:, 0]) * (drawn.now == 0)
        learnt = (before > ChannelDag().threshold).mean(axis=0) > 0.5
        truth = weights != 0
        for edges in (learnt, truth):
            np.fill_diagonal(edges, False)
        same_period = ((drawn.now != 0).mean(axis=0) > 0.5).sum()
        rows.append({"F1": f1(truth, learnt), "wrong edges of the same period": same_period})
    return pd.DataFrame(rows)


def report(table: pd.DataFrame, folder: Path) -> str:
    """Make the tables: all settings together, and each on its own."""
    repeats = table.groupby([*SETTING, "series", "method"])["repeat"].nunique()
    honest = [
        f"| {row.given} | {row.probability:.2f} | {row.there:.2f} | {row.edges:,} |"
        for row in calibration(folder).itertuples()
    ]
    by_time = lagged()
    return (
        f"Means over {repeats.min()} to {repeats.max()} data sets of each setting.\n\n"
        f"{markdown(table, ['series', 'edges per node'])}\n\n"
        "Edges of standardised series by the probability that pymc_toolkit gave them.\n\n"
        "| given | mean probability | share that exist | edges |\n|---|---|---|---|\n"
        + "\n".join(honest)
        + f"\n\nLagged causes, {len(by_time)} VAR(1) of six channels and 160 weeks, standardised: "
        f"F1 of {by_time['F1'].mean():.2f} on average, {by_time['F1'].min():.2f} at least; "
        f"{by_time.iloc[:, 1].mean():.2f} wrong edges of the same period each.\n\n"
        f"{markdown(table, ['series', *SETTING])}"
    )


def markdown(table: pd.DataFrame, by: list[str]) -> str:
    """Make a table of mean figures of every method, one row for each combination of columns."""
    methods = list(dict.fromkeys(table["method"]))
    heads = [f"{method} {figure}" for figure in FIGURES for method in methods]
    lines = [
        "| " + " | ".join([*by, "true edges", *heads]) + " |",
        "|---" * (len(by) + 1 + len(heads)) + "|",
    ]
    for key, group in table.groupby(by, sort=False):
        means = group.groupby("method")[FIGURES].mean().reindex(methods)
        cells = [f"{means.loc[method, name]:.2f}" for name in FIGURES for method in methods]
        row = [*map(str, key), f"{group['edges'].mean():.0f}", *cells]
        lines.append("| " + " | ".join(row) + " |")
    return "\n".join(lines)


def main() -> None:
    """Do one step of the benchmark."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("step", choices=("data", OURS, "score"))
    parser.add_argument("folder", type=Path)
    options = parser.parse_args()
    if options.step == "data":
        (options.folder / "data").mkdir(parents=True, exist_ok=True)
        for data_set in data_sets():
            data_set.write(options.folder / "data")
    elif options.step == OURS:
        run_ours(options.folder)
    else:
        print(report(scores(options.folder), options.folder))


if __name__ == "__main__":
    main()
