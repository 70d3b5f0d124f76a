"""Learn the graphs of the benchmark's data sets with two published learners of linear DAGs.

    python -m venv peers && peers/bin/pip install gcastle dagma torch
    peers/bin/python benchmark/graph_peers.py FOLDER              # what graph.py data made
    peers/bin/python benchmark/graph_peers.py FOLDER --methods notears --repeats 3

Run by a Python of their own, which needs nothing of this package. NOTEARS is gCastle's, in its
defaults, which are those of Zheng et al. (2018): lambda1=0.1, h_tol=1e-8, rho_max=1e16, 100
iterations. DAGMA is its authors' package in its defaults with lambda1=0.02, as their README's
example runs it. Weights are kept as they come out: graph.py cuts them off at 0.3 when it scores, as
both do by default. What was learnt before is kept, so that a run can be stopped and go on.
"""

from __future__ import annotations

import argparse
import logging
import os
import time
from collections.abc import Callable
from pathlib import Path

# Matrices are small: threads of linear algebra would only wait for each other.
os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", TQDM_DISABLE="1")

import numpy as np

SCALES = ("raw", "standardised")


def notears(series: np.ndarray) -> np.ndarray:
    """Learn with NOTEARS for linear models, of gCastle."""
    from castle.algorithms import Notears

    # What learn() calls, with a plain array instead of gCastle's labelled one: the same weights to
    # the last bit in a tenth of the time (4 instead of 39 s), which is NOTEARS's own.
    return Notears().notears_linear(
        series, lambda1=0.1, loss_type="l2", max_iter=100, h_tol=1e-8, rho_max=1e16
    )


def dagma(series: np.ndarray) -> np.ndarray:
    """Learn with DAGMA for linear models, of the package dagma."""
    from dagma.linear import DagmaLinear

    # It centres what it is given in place, and changes the list in its default of s, if an
    # iteration fails, for all later calls: each call gets its own of both.
    return DagmaLinear(loss_type="l2").fit(
        series.copy(), lambda1=0.02, w_threshold=0.0, s=[1.0, 0.9, 0.8, 0.7, 0.6]
    )


METHODS: dict[str, Callable[[np.ndarray], np.ndarray]] = {"notears": notears, "dagma": dagma}


def main() -> None:
    """Learn from every data set that has no result yet."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--repeats", type=int, help="only so many of each setting")
    options = parser.parse_args()
    # gCastle logs every step.
    logging.disable(logging.INFO)
    for method in options.methods:
        # Imports its package, which should not count.
        METHODS[method](np.random.default_rng(0).normal(size=(50, 2)))
    # All settings once before any of them twice: a run that is stopped has seen them all.
    for path in sorted(
        (options.folder / "data").glob("*.npz"), key=lambda path: (repeat_of(path), path.name)
    ):
        if options.repeats is None or repeat_of(path) < options.repeats:
            for method in options.methods:
                for scale in SCALES:
                    learn(method, path, scale, options.folder / method)


def repeat_of(path: Path) -> int:
    """Number of the repetition, which ends the name of a data set."""
    return int(path.stem.rpartition("-r")[2])


def learn(method: str, path: Path, scale: str, folder: Path) -> None:
    """Learn from one data set, and keep weights and seconds."""
    result = folder / f"{path.stem}-{scale}.npz"
    if result.exists():
        return
    folder.mkdir(exist_ok=True)
    with np.load(path) as arrays:
        series = arrays[scale]
    started = time.perf_counter()
    weights = METHODS[method](series)
    seconds = time.perf_counter() - started
    # Moved into place, so that a run that is stopped leaves no half a file.
    half = result.with_suffix(".half.npz")
    np.savez(half, weights=weights, seconds=seconds)
    half.rename(result)
    print(f"{method} {result.stem}: {seconds:.1f} s", flush=True)


if __name__ == "__main__":
    main()
