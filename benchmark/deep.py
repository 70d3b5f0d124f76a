"""Forecast 13 weeks of a panel: the deep engine beside the published DeepCausalMMM.

    python -m venv peer && peer/bin/pip install deepcausalmmm "numpy<2"
    python benchmark/deep.py --data MMM_Data.csv --peer-python peer/bin/python
    python benchmark/deep.py --data MMM_Data.csv --sides pymc_toolkit --members 1 --our-epochs 50

The table is the one that DeepCausalMMM publishes with its examples: regions (dmacode), weeks
(weekid), 13 series of impressions, 7 controls, visits. Regions that lack weeks are left out on both
sides. Each side runs in a process of its own with the same number of threads; both answer with
predictions in visits, which one function scores. With --folder, what a side answered is kept, and
not asked for again with the same threads, epochs and networks; a folder is for one table.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
from deep_peer import NAME as PEER
from deep_peer import peak_mib

from pymc_toolkit.metrics import coverage, r_squared

OURS = "pymc_toolkit"
SIDES = (OURS, PEER)
REGION, WEEK, TARGET = "dmacode", "weekid", "target_visits"
HELD_OUT, YEAR, FIRST_MONDAY = 13, 52, "2020-01-06"
PREDICTED = ("mean", "ci_low", "ci_high")
_WORKER = "--worker"
COSTS = {
    "seconds_per_epoch": "seconds per epoch, of one network",
    "cpu_seconds_per_epoch": "of them: of a processor",
    "training_seconds": "training, s",
    "training_cpu_seconds": "of them: of a processor",
    "memory_peak_mib": "peak memory, MiB",
    "memory_before_mib": "of it: before training, MiB",
}
SCORES = {
    "wape": "WAPE",
    "rmse": "RMSE",
    "r2_median": "median R² of regions",
    "r2_undefined": "regions without R²",
    "r2_pooled": "pooled R²",
    "skill_last": "skill over last value",
    "skill_seasonal": "skill over seasonal naive",
    "coverage": "coverage of 90% intervals",
}


@dataclass(frozen=True)
class Panel:
    """The regions that have every week.

    Parameters
    ----------
    table : pandas.DataFrame
        Rows by region and week, in that order.
    channels, controls : list of str
    left_out : list of int
        Regions that lack weeks.
    """

    table: pd.DataFrame
    channels: list[str]
    controls: list[str]
    left_out: list[int]

    def array(self, *columns: str) -> np.ndarray:
        """Values by region, week and column."""
        regions = self.table[REGION].nunique()
        return self.table[list(columns)].to_numpy(float).reshape(regions, -1, len(columns))

    @property
    def target(self) -> np.ndarray:
        """Visits by region and week."""
        return self.array(TARGET)[:, :, 0]


def main() -> None:
    """Ask both sides and print their figures."""
    options = read()
    panel = read_panel(options.data)
    if options.worker:
        options.worker.write_text(json.dumps(fit_ours(panel, options.our_epochs, options.members)))
        return
    with TemporaryDirectory() as scratch:
        folder = options.folder or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        answers = {side: ask(side, panel, folder, options) for side in options.sides}
    print(report(panel, answers, options))


def read() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="the peer's example table")
    parser.add_argument("--peer-python", type=Path, help="interpreter that has the peer")
    parser.add_argument("--sides", nargs="+", choices=SIDES, default=list(SIDES))
    parser.add_argument("--epochs", type=int, default=1500, help="of the peer")
    parser.add_argument("--our-epochs", type=int, default=200, help="the engine's default: 200")
    parser.add_argument("--threads", type=int, default=1, help="of each side")
    parser.add_argument("--members", type=int, default=12, help="networks of our ensemble")
    parser.add_argument("--folder", type=Path, help="to keep answers in")
    parser.add_argument(_WORKER, type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if PEER in options.sides and options.peer_python is None and not options.worker:
        parser.error(f"--peer-python is needed to run {PEER}; or name the other in --sides")
    return options


def read_panel(path: Path) -> Panel:
    """Read the table and leave out regions that lack weeks.

    Parameters
    ----------
    path : Path

    Returns
    -------
    Panel
    """
    table = pd.read_csv(path).sort_values([REGION, WEEK], ignore_index=True)
    weeks = table.groupby(REGION)[WEEK].transform("nunique")
    lacking = weeks < table[WEEK].nunique()
    return Panel(
        table[~lacking].reset_index(drop=True),
        [name for name in table if name.startswith("impressions_")],
        [name for name in table if name.startswith("control_")],
        table.loc[lacking, REGION].drop_duplicates().to_list(),
    )


def ask(side: str, panel: Panel, folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Run a side in a process of its own, unless its answer is kept."""
    asked = [options.epochs] if side == PEER else [options.our_epochs, options.members]
    # By what was asked for, so that the tables are of what they say.
    answer = folder / f"{'-'.join(map(str, [side, options.threads, *asked]))}.json"
    if not answer.exists():
        half = answer.with_suffix(".half.json")
        command = [*commands(side, panel, folder, half, options), "--epochs", str(options.epochs)]
        names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
        threads = dict.fromkeys(names, str(options.threads))
        # What a side says on its way is not part of the tables.
        done = subprocess.run(command, env={**os.environ, **threads}, stdout=sys.stderr)
        if done.returncode:
            raise SystemExit(f"{' '.join(command)} failed; see above.")
        # Moved into place, so that a run that is stopped leaves no half an answer.
        half.rename(answer)
    answered: dict[str, Any] = json.loads(answer.read_text())
    return answered


def commands(
    side: str, panel: Panel, folder: Path, answer: Path, options: argparse.Namespace
) -> list[str]:
    """How a side is started."""
    if side == OURS:
        members = ["--members", str(options.members), "--our-epochs", str(options.our_epochs)]
        return [
            sys.executable,
            __file__,
            "--data",
            str(options.data),
            *members,
            _WORKER,
            str(answer),
        ]
    arrays = folder / "panel.npz"
    np.savez(
        arrays,
        media=panel.array(*panel.channels),
        controls=panel.array(*panel.controls),
        target=panel.target,
        held_out=HELD_OUT,
    )
    script = Path(__file__).with_name("deep_peer.py")
    return [str(options.peer_python), str(script), str(arrays), str(answer)]


def fit_ours(panel: Panel, epochs: int, members: int) -> dict[str, Any]:
    """Train with the deep engine and predict the held-out weeks.

    Parameters
    ----------
    panel : Panel
    epochs, members : int

    Returns
    -------
    dict
        Predictions and 90% intervals by region and held-out week, and what they took.
    """
    from pymc_toolkit import PymcModel

    weeks = pd.to_timedelta(7 * panel.table[WEEK], unit="D")
    table = panel.table.drop(columns=WEEK).assign(week=pd.Timestamp(FIRST_MONDAY) + weeks)
    held_out = panel.table[WEEK] > panel.table[WEEK].max() - HELD_OUT
    before = peak_mib()
    model = PymcModel(
        table[~held_out],
        TARGET,
        "week",
        panel.channels,
        panel.controls,
        geo_column=REGION,
        engine="deep",
        time_varying_intercept=True,
        yearly_seasonality=2,
        lag_max=8,
        engine_options={"n_epochs": epochs, "members": members},
        random_seed=42,
    )
    started, worked = time.perf_counter(), time.process_time()
    model.fit(progressbar=False)
    seconds, cpu = time.perf_counter() - started, time.process_time() - worked
    new = table[held_out]
    predicted = model.predict(new.drop(columns=TARGET)).reset_index()
    by_row = predicted.assign(**{REGION: predicted[REGION].astype(int)})
    rows = by_row.set_index([REGION, "week"]).loc[pd.MultiIndex.from_frame(new[[REGION, "week"]])]
    shape = (-1, HELD_OUT)
    return {
        **{name: rows[name].to_numpy().reshape(shape).tolist() for name in PREDICTED},
        "training_seconds": seconds,
        "training_cpu_seconds": cpu,
        # Of one network; the twin that chooses the epoch is one more than the members.
        "epochs": epochs * (members + 1),
        "memory_before_mib": before,
        "memory_peak_mib": peak_mib(),
        "versions": {name: version(name) for name in ("torch", "numpy")},
    }


def score(target: np.ndarray, answer: Mapping[str, Any]) -> dict[str, float]:
    """Hold predictions against what happened in the held-out weeks.

    Parameters
    ----------
    target : ndarray of shape (region, week)
        All weeks.
    answer : Mapping
        ``mean``, and ``ci_low`` and ``ci_high`` if there are intervals, of shape (region, held-out
        week).

    Returns
    -------
    dict of str to float
        By the names of ``SCORES``. R² of regions whose visits do not vary are left out of the
        median and counted.
    """
    actual = target[:, -HELD_OUT:]
    predicted = np.asarray(answer["mean"], dtype=float)
    error = wape(actual, predicted)
    by_region = [r_squared(*pair) for pair in zip(actual, predicted, strict=True)]
    naive = {name: wape(actual, np.asarray(rows["mean"])) for name, rows in naives(target).items()}
    figures = {
        "wape": error,
        "rmse": float(np.sqrt(np.mean((actual - predicted) ** 2))),
        "r2_median": float(np.nanmedian(by_region)),
        "r2_undefined": float(np.isnan(by_region).sum()),
        "r2_pooled": r_squared(actual.ravel(), predicted.ravel()),
        "skill_last": 1 - error / naive["last value"],
        "skill_seasonal": 1 - error / naive["seasonal naive"],
    }
    if "ci_low" in answer:
        ends = (np.asarray(answer[name], dtype=float) for name in ("ci_low", "ci_high"))
        figures["coverage"] = coverage(actual, *ends)
    return figures


def wape(actual: np.ndarray, predicted: np.ndarray) -> float:
    """Sum of absolute errors as a share of the sum of what happened."""
    return float(np.abs(actual - predicted).sum() / np.abs(actual).sum())


def naives(target: np.ndarray) -> dict[str, dict[str, np.ndarray]]:
    """Predictions without a model: a region's training mean, last week, and week a year before."""
    training = target[:, :-HELD_OUT]
    ones = np.ones((1, HELD_OUT))
    return {
        "training mean": {"mean": training.mean(axis=1, keepdims=True) * ones},
        "last value": {"mean": training[:, -1:] * ones},
        "seasonal naive": {"mean": target[:, -HELD_OUT - YEAR : -YEAR]},
    }


def report(panel: Panel, answers: Mapping[str, dict[str, Any]], options: argparse.Namespace) -> str:
    """Make the tables."""
    lines = [
        f"{len(panel.target)} regions, the last {HELD_OUT} of {panel.target.shape[1]} weeks held "
        f"out; {len(panel.left_out)} regions that lack weeks left out: "
        f"{', '.join(map(str, panel.left_out))}. Epochs: {options.epochs:,} of the peer's, "
        f"{options.our_epochs:,} of ours; threads a "
        f"side: {options.threads}, networks of our ensemble: {options.members}. "
        f"{os.cpu_count()} cores, Python {platform.python_version()}.",
        *(f"{side}: {versions(answer)}." for side, answer in answers.items()),
        "",
        f"|  | {' | '.join(answers)} |",
        f"|---|{'---|' * len(answers)}",
    ]
    for answer in answers.values():
        for kind in ("seconds", "cpu_seconds"):
            answer[f"{kind}_per_epoch"] = answer.get(f"training_{kind}", np.nan) / answer["epochs"]
    for name, label in COSTS.items():
        figures = (answer.get(name, np.nan) for answer in answers.values())
        cells = ("" if np.isnan(figure) else f"{figure:,.4g}" for figure in figures)
        lines.append(f"| {label} | {' | '.join(cells)} |")
    rows: dict[str, Mapping[str, Any]] = dict(answers)
    if PEER in answers:
        rows[f"{PEER}, all weeks in a row"] = {"mean": answers[PEER]["mean_in_a_row"]}
    rows |= naives(panel.target)
    lines += ["", f"| 13 held-out weeks | {' | '.join(SCORES.values())} |"]
    lines.append(f"|---|{'---|' * len(SCORES)}")
    for name, answer in rows.items():
        scores = score(panel.target, answer)
        lines.append(f"| {name} | {' | '.join(cell(key, scores) for key in SCORES)} |")
    return "\n".join(lines)


def cell(name: str, scores: Mapping[str, float]) -> str:
    """A score as text; empty if the side has none."""
    if name not in scores:
        return ""
    if name.startswith(("wape", "skill", "coverage")):
        return f"{scores[name]:.1%}"
    return f"{scores[name]:,.3f}" if name in ("r2_median", "r2_pooled") else f"{scores[name]:,.0f}"


def versions(answer: Mapping[str, Any]) -> str:
    """What a side ran with."""
    return ", ".join(f"{name} {number}" for name, number in answer["versions"].items())


if __name__ == "__main__":
    main()
