r"""What to do with next quarter's budget: the best division found, scenarios, and advice.

Without arguments it fits the simulated client in data/ms.csv and divides 13 weeks:

    python discoveries/budget.py

Another client as for main_job.py, or a model that was fitted before; other limits and aims:

    python discoveries/budget.py --model output/ms.nc --total 250000 --hold google_ads_video_cost
    python discoveries/budget.py --model output/ms.nc --objective target_roi --target-roi 3

It prints the recommended budget with what it brings, the largest moves, a verb for each channel by
what is known of it, and how the budget compares with the usual plan; and what to do first, where
the model should not be believed.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from client_options import client_parser, model_of, parse, show_logs
from rich.console import Console
from rich.table import Table

from pymc_toolkit import Allocation, PymcModel


def main(arguments: Sequence[str] | None = None) -> None:
    """Divide a budget and print what came out."""
    parser = client_parser((__doc__ or "").splitlines()[0])
    parser.add_argument("--model", type=Path, help="file of a fitted model, instead of a fit")
    parser.add_argument("--horizon", type=int, default=13, help="periods ahead")
    parser.add_argument("--total", type=float, help="money over the horizon; the plan's by default")
    parser.add_argument("--bounds", type=float, default=0.3, help="how far channels may move")
    parser.add_argument("--objective", default="cvar", help="cvar, mean, quantile or target_roi")
    parser.add_argument("--target-roi", type=float)
    parser.add_argument("--hold", nargs="+", default=[], help="channels that stay as planned")
    options = parse(parser, arguments)
    show_logs()

    if options.model:
        model = PymcModel.load(options.model)
    else:
        model = model_of(options).fit(draws=options.draws, tune=options.tune)
    allocation = model.optimize_budget(
        options.total,
        options.horizon,
        bounds=options.bounds,
        objective=options.objective,
        target_roi=options.target_roi,
        hold=options.hold,
    )
    show(model, allocation)


def show(model: PymcModel, allocation: Allocation) -> None:
    """Print the budget, the largest moves, advice and scenarios."""
    console = Console()
    health = model.health()
    advice = model.budget_advice(allocation, health.evidence)
    budget = Table(
        title=f"Budget of {allocation.horizon} periods beside {allocation.compared_with}, "
        "returns with 90% intervals"
    )
    for heading in ("channel", "plan", "then", "change", "marginal return", "advice"):
        budget.add_column(heading, justify="left" if heading == "channel" else "right")
    for name, row in allocation.table.iterrows():
        budget.add_row(
            str(name),
            f"{row['current']:,.0f}",
            f"{row['recommended']:,.0f}",
            f"{row['change']:+.0%}",
            f"{row['marginal_roi']:.2f} ({row['marginal_low']:.2f} to {row['marginal_high']:.2f})",
            advice.loc[name, "verb"],
        )
    moves = Table(title="Largest moves")
    for heading in ("from", "to", "amount"):
        moves.add_column(heading)
    for move in allocation.moves().itertuples():
        moves.add_row(move.source, move.destination, f"{move.amount:,.0f}")
    console.print(budget, moves, scenarios(model, allocation), sentence(allocation))
    if health.blocked:
        failed = [f"{check.name}: {check.remedy}" for check in health.failed_gates]
        console.print("Decide nothing by this model yet.", *failed, sep="\n", markup=False)


def scenarios(model: PymcModel, allocation: Allocation) -> Table:
    """The recommended budget beside what is usual."""
    plans = {"usual": {}, "flat": "flat", "recommended": allocation}
    compared = model.compare_scenarios(plans, allocation.horizon)
    table = Table(title="What media bring, with 90% intervals")
    for heading in ("plan", "spend", "outcome", "difference", "probability of more"):
        table.add_column(heading)
    for row in compared.itertuples():
        table.add_row(
            row.Index,
            f"{row.spend:,.0f}",
            f"{row.outcome:,.0f} ({row.ci_low:,.0f} to {row.ci_high:,.0f})",
            f"{row.difference:,.0f} ({row.difference_low:,.0f} to {row.difference_high:,.0f})",
            f"{row.probability_better:.0%}",
        )
    return table


def sentence(allocation: Allocation) -> str:
    """What the recommended budget is expected to bring, in one sentence."""
    mean, low, high = allocation.uplift
    chance = allocation.probability_positive
    return (
        f"With {allocation.total:,.0f} over {allocation.horizon} periods, the recommended budget "
        f"is expected to bring {mean:,.0f} more than {allocation.compared_with} "
        f"({low:,.0f} to {high:,.0f}), and brings more with a probability of {chance:.0%}."
    )


if __name__ == "__main__":
    main()
