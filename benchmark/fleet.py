"""Time fleets beside a loop of pymc-marketing's own fits, each side in a fresh process.

    python benchmark/fleet.py                        # 20 simulations; holdouts of 4, 8 and 12 weeks
    python benchmark/fleet.py --cold                 # each side starts with empty caches
    python benchmark/fleet.py --peer-members 5       # the loop's time is extrapolated from 5 fits
    python benchmark/fleet.py --fleets holdout --n-jobs 2

The loop fits the fleet's own training windows and simulated targets, with the same priors, chains
and draws, and pymc-marketing's default sampler. It takes them from the fleet's file, so the fleet
runs first; reading that file is not counted. A fleet's time includes planning, checking and its
summary of convergence; scores and reports, which are made when asked for, are on neither side.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
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

RECOVERY, HOLDOUT = FLEETS = ("recovery", "holdout")
HOLDOUTS = (4, 8, 12)
ROWS = {
    "wall": "wall time, s",
    "per_member": "**seconds a member**",
    "import": "start and imports, s",
    "fitted": "members fitted",
    "ess_bulk_min": "smallest bulk ESS of a free variable of any member",
    "ess_tail_min": "smallest tail ESS of a free variable of any member",
    "r_hat_max": "largest R-hat of any member",
    "divergences": "divergences",
    "divergent_share": "share of draws that diverged",
}


@dataclass(frozen=True)
class Task:
    """One run of one side.

    Parameters
    ----------
    side, fleet, size : str
    members : int
        How many to fit: of a recovery fleet, or of those in the file, from the first.
    draws, seed : int
    n_jobs : int or None
    path : str
        File of the fleet: this package writes it, the other side reads it.
    started : float
        When the process was asked for, in seconds since 1970.
    """

    side: str
    fleet: str
    size: str
    members: int
    draws: int
    seed: int
    n_jobs: int | None
    path: str
    started: float = 0.0


def main() -> None:
    """Run each fleet, then the loop over its members, and print figures and ratios."""
    parser = make_parser(__doc__)
    parser.add_argument("--fleets", nargs="+", choices=FLEETS, default=FLEETS)
    parser.add_argument("--size", choices=SIZES, default=FLAGSHIP)
    parser.add_argument("--members", type=int, default=20, help="simulations of the recovery fleet")
    parser.add_argument("--peer-members", type=int, help="of these, how many the loop fits")
    parser.add_argument("--n-jobs", type=int, help="members that a fleet fits at the same time")
    options = parser.parse_args()
    if options.worker:
        answer(work(Task(**json.loads(options.worker))))
        return
    settings = f"{CHAINS} chains of {options.draws:,} + {options.draws:,} draws"
    parts = []
    with TemporaryDirectory() as folder:
        processes = Processes(__file__, options.cold, Path(folder))
        for fleet in options.fleets:
            members = options.members if fleet == RECOVERY else len(HOLDOUTS)
            some = options.peer_members if fleet == RECOVERY else None
            fitted = min(some or members, members)
            task = Task(
                side=OURS,
                fleet=fleet,
                size=options.size,
                members=members,
                draws=options.draws,
                seed=1,
                n_jobs=options.n_jobs,
                path=str(Path(folder) / f"{fleet}.nc"),
            )
            if not options.cold and not options.no_warm_up:
                # Of the same structure and windows, but not of the same simulated targets.
                short = replace(task, draws=WARM_UP_DRAWS, seed=WARM_UP_SEED)
                if fleet == RECOVERY:
                    short = replace(short, members=1)
                for side in (OURS, PEER):
                    processes.run(replace(short, side=side), side)
            ours = processes.run(task, OURS)
            print(fleet, OURS, ours, flush=True)
            peer = processes.run(replace(task, side=PEER, members=fitted), PEER)
            print(fleet, PEER, peer, flush=True)
            parts.append(part(task, ours, peer))
    print(f"\n{machine()} {SIZES[options.size]}; one run; {settings};")
    print(f"{caches_of(options)}; n_jobs={options.n_jobs or 1}.")
    print("Ratios are pymc-marketing's figure over this package's.")
    print("\n".join(parts))


def work(task: Task) -> dict[str, Any]:
    """Fit all members on one side; measure what it took and what came out."""
    silence()
    return (run_fleet if task.side == OURS else run_loop)(task)


def run_fleet(task: Task) -> dict[str, Any]:
    """Run a fleet of this package, and write it for the other side."""
    import arviz  # noqa: F401
    import nutpie  # noqa: F401

    import pymc_toolkit.pymc_model  # noqa: F401

    seconds = {"import": time.time() - task.started}
    with timed(seconds, "fits"):
        model = make_model(task.size, task.seed)
        given = {
            "n_jobs": task.n_jobs,
            "progressbar": False,
            "draws": task.draws,
            "tune": task.draws,
            "chains": CHAINS,
        }
        if task.fleet == RECOVERY:
            fleet = model.recovery_fleet(task.members, **given)
        else:
            fleet = model.holdout_fleet(HOLDOUTS, **given)
    if fleet.failed:
        raise RuntimeError(f"Got {len(fleet.failed)} failed members: {fleet.failed[0].failure}")
    fleet.save(task.path)
    found = [diagnose_ours(m.fit.posterior, m.fit.sample_stats) for m in fleet]
    return {**seconds, **worst_of(found)}


def run_loop(task: Task) -> dict[str, Any]:
    """Fit the members of a fleet one after the other with pymc-marketing."""
    import nutpie  # noqa: F401
    import pymc_marketing.mmm  # noqa: F401

    seconds = {"import": time.time() - task.started}
    from pymc_toolkit.fleets.holdout import HoldoutFleet
    from pymc_toolkit.fleets.recovery import RecoveryFleet

    fleet = (RecoveryFleet if task.fleet == RECOVERY else HoldoutFleet).load(task.path)
    found, each = [], []
    for member in fleet[: task.members]:
        job, spent = member.job, dict[str, float]()
        mmm = fit_peer(job.training, job.spec, task.draws, job.sampling.random_seed, spent)
        each.append(sum(spent.values()))
        found.append(diagnose_peer(mmm))
    return {**seconds, "fits": sum(each), "each": each, **worst_of(found)}


def worst_of(found: Sequence[dict[str, float]]) -> dict[str, float]:
    """Put the diagnostics of all members together."""
    return {
        "fitted": len(found),
        "ess_bulk_min": min(one["ess_bulk_min"] for one in found),
        "ess_tail_min": min(one["ess_tail_min"] for one in found),
        "r_hat_max": max(one["r_hat_max"] for one in found),
        "divergences": sum(one["divergences"] for one in found),
        "divergent_share": sum(one["divergent_share"] for one in found) / len(found),
    }


def part(task: Task, ours: dict[str, Any], peer: dict[str, Any]) -> str:
    """Make the table of one fleet, with what has to be said of it."""
    for figures in (ours, peer):
        figures["wall"] = figures["import"] + figures["fits"] * task.members / figures["fitted"]
        figures["per_member"] = figures["wall"] / task.members
    what = {RECOVERY: f"{task.members} simulations", HOLDOUT: f"holdouts of {HOLDOUTS} periods"}
    lines = [f"\n### {task.fleet.capitalize()} fleet: {what[task.fleet]}\n"]
    lines.append(markdown(ROWS, [ours], [peer]))
    first, *later = peer["each"]
    spread = f"\nThe loop's first fit took {first:.1f} s"
    spread += f", later ones {median(later):.1f} s (median)." if later else "."
    lines.append(spread)
    if peer["fitted"] < task.members:
        lines.append(
            f"\n**Extrapolated:** the loop fitted the first {peer['fitted']} of {task.members} "
            f"members. Its wall time is its imports and {task.members}/{peer['fitted']} times the "
            "time of these fits, the first included; its diagnostics and divergences are of these."
        )
        if later:
            once = peer["import"] + first + median(later) * (task.members - 1)
            lines.append(
                f"Counting the first fit once and the median of later ones {task.members - 1} "
                f"times, it is {once:.1f} s, a ratio of {once / ours['wall']:.2f}."
            )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
