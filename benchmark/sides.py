"""What the benchmarks share: both sides' models and fits, processes of their own, and tables."""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
OURS, PEER = SIDES = ("pymc_toolkit", "pymc-marketing")
CHAINS = 4
# Enough to make a side compile all that it needs; its own seed keeps its targets from the cache.
WARM_UP_DRAWS, WARM_UP_SEED = 20, 1000
_PACKAGES = ("pymc-marketing", "pymc", "pytensor", "nutpie")
_WORKER = "--worker"


@dataclass(frozen=True)
class Size:
    """A client to fit.

    Parameters
    ----------
    periods, channels : int
    time_varying : bool
        Whether media effectiveness may drift.
    """

    periods: int
    channels: int
    time_varying: bool = False

    def __str__(self) -> str:
        kind = "time-varying media" if self.time_varying else "static"
        return f"{self.periods} weeks, {self.channels} channels, {kind}"


FLAGSHIP = "flagship"
SIZES = {
    FLAGSHIP: Size(161, 13, time_varying=True),
    "small": Size(104, 4),
    "large": Size(260, 40),
}


@contextmanager
def timed(seconds: dict[str, float], name: str) -> Iterator[None]:
    """Add the seconds that the body takes to those of a name."""
    started = time.perf_counter()
    yield
    seconds[name] = seconds.get(name, 0.0) + time.perf_counter() - started


def make_model(size: str, seed: int) -> Any:
    """Make the model of a client: of data/ms.csv with the user guide's call, or a simulated one."""
    import pandas as pd

    from pymc_toolkit import PymcModel
    from pymc_toolkit.simulate import simulate_client

    given = SIZES[size]
    if size == FLAGSHIP:
        table, target = pd.read_csv(ROOT / "data" / "ms.csv"), "ecommerce_revenue"
        channels = [name for name in table if name.endswith("_cost")] + ["youtube_organic_views"]
        controls = ["events", "emails_delivered"]
    else:
        client = simulate_client(n_periods=given.periods, n_channels=given.channels, seed=1)
        table, target = client.data, client.target_name
        channels, controls = client.channel_names, client.control_names
    return PymcModel(
        table,
        target,
        "date_week",
        channels,
        controls,
        lag_max=4,
        time_varying_media=given.time_varying,
        random_seed=seed,
    )


def fit_peer(data: Any, spec: Any, draws: int, seed: int, seconds: dict[str, float]) -> Any:
    """Fit a client with pymc-marketing's own fit and its default sampler.

    Parameters
    ----------
    data : ModelData
    spec : ModelSpec
    draws, seed : int
    seconds : dict
        Gets what building and fitting took, as ``build`` and ``fit``.

    Returns
    -------
    MMM
    """
    from pymc_toolkit.engines.bayesian.build import build_mmm

    with timed(seconds, "build"):
        mmm = build_mmm(data, spec)
    target = data.dataset["target"].to_numpy()
    with timed(seconds, "fit"):
        mmm.fit(
            mmm.X,
            target,
            draws=draws,
            tune=draws,
            chains=CHAINS,
            random_seed=seed,
            progressbar=False,
        )
    return mmm


def diagnose_ours(posterior: Any, stats: Any) -> dict[str, float]:
    """Diagnostics of a fit of this package, over every variable that was sampled."""
    from pymc_toolkit.names import DATE

    # What runs over dates follows from the others.
    free = [name for name in posterior.data_vars if DATE not in posterior[name].dims]
    return _diagnose(posterior[free], stats)


def diagnose_peer(mmm: Any) -> dict[str, float]:
    """Diagnostics of a fit of pymc-marketing, over every variable that was sampled."""
    free = [variable.name for variable in mmm.model.free_RVs]
    posterior, stats = (mmm.idata[group].to_dataset() for group in ("posterior", "sample_stats"))
    return _diagnose(posterior[free], stats)


def _diagnose(free: Any, stats: Any) -> dict[str, float]:
    import arviz as az

    bulk, tail, r_hat = az.ess(free), az.ess(free, method="tail"), az.rhat(free)
    return {
        "free_scalars": sum(values.size for values in bulk.data_vars.values()),
        "ess_bulk_min": min(float(values.min()) for values in bulk.data_vars.values()),
        "ess_tail_min": min(float(values.min()) for values in tail.data_vars.values()),
        "r_hat_max": max(float(values.max()) for values in r_hat.data_vars.values()),
        "divergences": int(stats["diverging"].sum()),
        "divergent_share": float(stats["diverging"].mean()),
    }


def make_parser(about: str | None) -> argparse.ArgumentParser:
    """Make a parser with the options that all benchmarks have."""
    parser = argparse.ArgumentParser(description=(about or "").splitlines()[0])
    parser.add_argument("--cold", action="store_true", help="each run starts with empty caches")
    parser.add_argument(
        "--no-warm-up", action="store_true", help="leave it to the first run to fill the caches"
    )
    parser.add_argument("--draws", type=int, default=1000, help="kept, and as many for tuning")
    parser.add_argument(_WORKER, help=argparse.SUPPRESS)
    return parser


class Processes:
    """Runs tasks of a script in fresh processes, with caches that are no one else's.

    Parameters
    ----------
    script : str
    cold : bool
        Whether each of them starts with empty caches; else those of one name share theirs.
    folder : Path
        To put caches in.
    """

    def __init__(self, script: str, cold: bool, folder: Path) -> None:
        self._script, self._cold, self._folder = script, cold, folder

    def run(self, task: Any, caches: str) -> dict[str, Any]:
        """Give a task (a dataclass) to a new process and return what that prints last."""
        with TemporaryDirectory(dir=self._folder) as empty:
            environment = self._environment(Path(empty) if self._cold else self._folder / caches)
            given = json.dumps({**asdict(task), "started": time.time()})
            command = [sys.executable, self._script, _WORKER, given]
            done = subprocess.run(command, env=environment, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"{' '.join(command)} failed.\n{done.stderr}")
        figures: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
        return figures

    @staticmethod
    def _environment(folder: Path) -> dict[str, str]:
        pytensor, numba = folder / "pytensor", folder / "numba"
        for part in (pytensor, numba):
            part.mkdir(parents=True, exist_ok=True)
        flags = [flag for flag in [os.environ.get("PYTENSOR_FLAGS")] if flag]
        flags.append(f"base_compiledir={pytensor}")
        caches = {"PYTENSOR_FLAGS": ",".join(flags), "NUMBA_CACHE_DIR": str(numba)}
        return {**os.environ, **caches}


def answer(figures: Mapping[str, Any]) -> None:
    """Print what a process found, for the one that started it."""
    print(json.dumps(figures))


def silence() -> None:
    """Keep warnings, of convergence above all, out of the way: diagnostics are in the tables."""
    warnings.simplefilter("ignore")


def caches_of(options: argparse.Namespace) -> str:
    """Say what the counted runs found in their caches."""
    if options.cold:
        return "each run with empty caches"
    filled_by = "the first run" if options.no_warm_up else "an uncounted run before"
    return f"warm caches, filled by {filled_by}"


def machine() -> str:
    """Say what the figures were taken with."""
    packages = ", ".join(f"{package} {version(package)}" for package in _PACKAGES)
    return f"{os.cpu_count()} cores, Python {platform.python_version()}, {packages}."


def markdown(
    rows: Mapping[str, str],
    ours: Sequence[Mapping[str, float]],
    peer: Sequence[Mapping[str, float]],
) -> str:
    """Make a table of both sides' medians and the ratios of the peer's to ours.

    Parameters
    ----------
    rows : Mapping of str to str
        What each figure is called.
    ours, peer : sequence of Mapping
        Figures of every run.
    """
    lines = [f"|  | {OURS} | {PEER} | ratio |", "|---|---|---|---|"]
    for name, label in rows.items():
        mine, theirs = (median(run[name] for run in runs) for runs in (ours, peer))
        ratio = f"{theirs / mine:.2f}" if mine and theirs else ""
        lines.append(f"| {label} | {_number(mine)} | {_number(theirs)} | {ratio} |")
    return "\n".join(lines)


def _number(value: float) -> str:
    """Four digits, without exponents."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
