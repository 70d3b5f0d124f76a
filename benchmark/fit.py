"""Time one fit beside pymc-marketing's own, in alternating fresh processes.

    python benchmark/fit.py                      # the flagship client, caches filled before
    python benchmark/fit.py --cold               # each run starts with empty caches
    python benchmark/fit.py --repeats 3 --sizes small flagship large

Both sides fit the same data with the same priors, chains and draws; pymc-marketing uses its default
sampler. Each repeat has another seed. Ratios carry over to other machines; seconds do not.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from sides import (
    CHAINS,
    FLAGSHIP,
    OURS,
    PEER,
    SIDES,
    SIZES,
    WARM_UP_DRAWS,
    WARM_UP_SEED,
    Processes,
    answer,
    caches_of,
    diagnose_ours,
    diagnose_peer,
    fit_peer,
    machine,
    make_model,
    make_parser,
    markdown,
    silence,
    timed,
)

# In this order they add up to the wall time.
PHASES = ("import", "build", "compile", "sample", "rest")
ROWS = {
    "wall": "wall time, s",
    "import": "of it: start and imports, s",
    "build": "of it: building the model, s",
    "compile": "of it: compiling, or loading what was compiled, s",
    "sample": "of it: sampling, tuning included, s",
    "rest": "of it: the rest, s",
    "gradients": "gradient evaluations, tuning included",
    "gradient_us": "time of one gradient in one thread, µs",
    "free_scalars": "free scalars",
    "ess_bulk_min": "smallest bulk ESS of a free variable",
    "ess_tail_min": "smallest tail ESS of a free variable",
    "r_hat_max": "largest R-hat",
    "divergences": "divergences",
    "divergent_share": "share of draws that diverged",
    "seconds_per_100_ess": "**seconds per 100 effective draws of the worst variable**",
}
# How often a gradient is timed, and the shortest time to do so.
_ROUNDS, _ROUND_SECONDS = 7, 0.05


@dataclass(frozen=True)
class Task:
    """One run of one side.

    Parameters
    ----------
    side, size : str
    draws, seed : int
    started : float
        When the process was asked for, in seconds since 1970.
    """

    side: str
    size: str
    draws: int
    seed: int
    started: float = 0.0


def main() -> None:
    """Run both sides in turn and print their figures and ratios."""
    parser = make_parser(__doc__)
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=[FLAGSHIP])
    options = parser.parse_args()
    if options.worker:
        answer(work(Task(**json.loads(options.worker))))
        return
    figures: dict[str, dict[str, list[dict[str, float]]]] = {}
    with TemporaryDirectory() as folder:
        processes = Processes(__file__, options.cold, Path(folder))
        for size in options.sizes:
            figures[size] = {side: [] for side in SIDES}
            tasks = [Task(side, size, options.draws, 1) for side in SIDES]
            if not options.cold and not options.no_warm_up:
                for task in tasks:
                    short = replace(task, draws=WARM_UP_DRAWS, seed=WARM_UP_SEED)
                    processes.run(short, task.side)
            for repeat in range(options.repeats):
                # Alternating, and starting with the other side each time: drift hits both.
                for task in tasks if repeat % 2 == 0 else reversed(tasks):
                    run = processes.run(replace(task, seed=1 + repeat), task.side)
                    figures[size][task.side].append(run)
                    print(size, task.side, run, flush=True)
    settings = f"{CHAINS} chains of {options.draws:,} + {options.draws:,} draws"
    print(
        f"\n{machine()} Medians of {options.repeats}; {settings}; {caches_of(options)}. Ratios are"
    )
    print("pymc-marketing's figure over this package's.")
    report(figures)


def work(task: Task) -> dict[str, float]:
    """Fit on one side; measure what it took and what came out."""
    silence()
    fit = {OURS: fit_and_time_ours, PEER: fit_and_time_peer}[task.side]
    seconds, figures = fit(task)
    # Diagnostics and the gradient are not part of it.
    figures["wall"] = sum(seconds[phase] for phase in PHASES)
    figures["seconds_per_100_ess"] = 100 * figures["wall"] / figures["ess_bulk_min"]
    return {**seconds, **figures}


def fit_and_time_ours(task: Task) -> tuple[dict[str, float], dict[str, float]]:
    """Fit with this package."""
    import arviz  # noqa: F401
    import nutpie  # noqa: F401

    import pymc_toolkit.pymc_model  # noqa: F401

    seconds = {"import": time.time() - task.started}
    from pymc_toolkit.engines.bayesian.compiled import compiled_model
    from pymc_toolkit.engines.bayesian.graph import Structure, graph_data

    meter = Meter()
    with timed(seconds, "build"):
        model = make_model(task.size, task.seed)
        data, spec = model.config.model_data, model.spec
        arrays = graph_data(data, spec)
    with timed(seconds, "compile"):
        # It is kept, so that the fit does not compile again.
        compiled = compiled_model(Structure.of(data, spec), arrays)
    with timed(seconds, "fit"):
        model.fit(draws=task.draws, tune=task.draws, chains=CHAINS, progressbar=False)
    seconds["sample"] = meter.seconds["sample"]
    seconds["rest"] = seconds.pop("fit") - seconds["sample"]
    posterior, stats = (model.idata[group].to_dataset() for group in ("posterior", "sample_stats"))
    affine = compiled.first_guess(arrays)
    bound = compiled.bind(arrays, affine, lambda seed: affine.centre)
    return seconds, {
        **diagnose_ours(posterior, stats),
        "gradients": meter.gradients,
        "gradient_us": gradient_microseconds(bound),
    }


def fit_and_time_peer(task: Task) -> tuple[dict[str, float], dict[str, float]]:
    """Fit with pymc-marketing."""
    import nutpie  # noqa: F401
    import pymc_marketing.mmm  # noqa: F401

    seconds = {"import": time.time() - task.started}
    meter = Meter()
    # Reading and scaling the data is this package's work, and not counted.
    model = make_model(task.size, task.seed)
    mmm = fit_peer(model.config.model_data, model.spec, task.draws, task.seed, seconds)
    if meter.compiled is None:
        raise RuntimeError("Got a fit without nutpie; expected it to be PyMC's default sampler.")
    seconds |= meter.seconds
    seconds["rest"] = seconds.pop("fit") - seconds["compile"] - seconds["sample"]
    return seconds, {
        **diagnose_peer(mmm),
        "gradients": meter.gradients,
        "gradient_us": gradient_microseconds(meter.compiled),
    }


class Meter:
    """Counts the seconds and gradients of all that nutpie does in this process from now on."""

    def __init__(self) -> None:
        import nutpie

        self.seconds = {"compile": 0.0, "sample": 0.0}
        self.gradients = 0
        self.compiled: Any = None
        self._compile, self._sample = nutpie.compile_pymc_model, nutpie.sample
        nutpie.compile_pymc_model, nutpie.sample = self.compile, self.sample

    def compile(self, *args: Any, **kwargs: Any) -> Any:
        """Do what nutpie does, and keep it."""
        with timed(self.seconds, "compile"):
            self.compiled = self._compile(*args, **kwargs)
        return self.compiled

    def sample(self, *args: Any, **kwargs: Any) -> Any:
        """Do what nutpie does, and count the steps of tuning too, which it stores in any case."""
        with timed(self.seconds, "sample"):
            trace = self._sample(*args, **{**kwargs, "save_warmup": True})
        for group in ("warmup_sample_stats", "sample_stats"):
            if group in trace.children:
                self.gradients += int(trace[group]["n_steps"].sum())
        return trace.drop_nodes([name for name in trace.children if name.startswith("warmup_")])


def gradient_microseconds(compiled: Any) -> float:
    """Time a compiled density with its gradient, called from one thread, around zero."""
    from ctypes import CFUNCTYPE, POINTER, c_double, c_int64, c_uint64, c_void_p

    import numpy as np

    pointer = POINTER(c_double)
    density = CFUNCTYPE(c_int64, c_uint64, pointer, pointer, pointer, c_void_p)(
        compiled.compiled_logp_func.address
    )
    size = compiled.n_dim
    point = np.random.default_rng(1).uniform(-0.1, 0.1, size)
    gradient, value = np.zeros(size), np.zeros(1)
    given = (
        c_uint64(size),
        *(array.ctypes.data_as(pointer) for array in (point, gradient, value)),
        c_void_p(compiled.user_data.ctypes.data),
    )
    if density(*given):
        # It gave up on the way, so its time says nothing.
        return float("nan")
    times: list[float] = []
    calls = 1
    while len(times) < _ROUNDS:
        started = time.perf_counter()
        for _ in range(calls):
            density(*given)
        elapsed = time.perf_counter() - started
        if elapsed < _ROUND_SECONDS and not times:
            calls *= 2
        else:
            times.append(elapsed / calls)
    return 1e6 * median(times)


def report(figures: dict[str, dict[str, list[dict[str, float]]]]) -> None:
    """Print medians of both sides and the ratios between them, and how gradients grow."""
    for size, sides in figures.items():
        print(f"\n### {size.capitalize()}: {SIZES[size]}\n")
        print(markdown(ROWS, sides[OURS], sides[PEER]))
    print("\n| size | weeks x channels | " + " | ".join(f"{side}, µs" for side in SIDES) + " |")
    print("|---|---|---|---|")
    times = {
        size: {side: median(run["gradient_us"] for run in sides[side]) for side in SIDES}
        for size, sides in figures.items()
    }
    cells = {size: SIZES[size].periods * SIZES[size].channels for size in figures}
    for size, by_side in times.items():
        columns = " | ".join(f"{by_side[side]:.1f}" for side in SIDES)
        print(f"| {size} | {cells[size]:,} | {columns} |")
    if {"small", "large"} <= set(figures):
        wider = cells["large"] / cells["small"]
        for side in SIDES:
            longer = times["large"][side] / times["small"][side]
            print(
                f"\nFrom small to large, weeks x channels grow {wider:.1f}-fold and a gradient of "
                f"{side} takes {longer:.1f} times as long: {longer / wider:.2f} of proportional."
            )


if __name__ == "__main__":
    main()
