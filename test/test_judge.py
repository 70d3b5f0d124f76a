"""Verdicts at their limits: what passes, what asks for a look, what fails, and what is said."""

from __future__ import annotations

from types import SimpleNamespace

import pandas as pd
import pytest
from scipy.stats import binom

from pymc_toolkit.engines.convergence import Convergence
from pymc_toolkit.fleets.judge import (
    judge_convergence,
    judge_convergence_of,
    judge_coverage,
    judge_failures,
    judge_skill,
    too_few_inside,
)

NAN = float("nan")


def chains(r_hat: float = 1.0, ess: float = 900.0, divergences: int = 0) -> Convergence:
    row = {"variable": "intercept", "coordinate": "", "r_hat": r_hat, "ess_bulk": ess}
    return Convergence(pd.DataFrame([{**row, "ess_tail": ess}]), divergences, 5, 1000)


@pytest.mark.parametrize(
    ("figures", "status"),
    [
        ({}, "pass"),
        ({"r_hat": 1.01, "ess": 400.0}, "pass"),
        ({"r_hat": 1.011}, "review"),
        ({"r_hat": 1.05}, "review"),
        ({"r_hat": 1.051}, "fail"),
        ({"r_hat": NAN}, "fail"),
        ({"divergences": 1}, "pass"),
        ({"divergences": 2}, "review"),
        ({"divergences": 10}, "review"),
        ({"divergences": 11}, "fail"),
        ({"ess": 399.0}, "review"),
        ({"ess": 399.0, "r_hat": 1.06}, "fail"),
    ],
)
def test_convergence(figures: dict[str, float], status: str) -> None:
    check = judge_convergence(chains(**figures))
    assert check.status == status


def test_sentences_hold_the_figures() -> None:
    sentence = judge_convergence(chains(1.234, 56.0, 7)).sentence
    for figure in ("1.234", "56", "7 divergences in 1000 draws"):
        assert figure in sentence
    skill = judge_skill(0.25, 0.2, "seasonal naive").sentence
    assert "25.0%" in skill
    assert "20.0%" in skill
    assert "no better" in skill
    assert "is better" in judge_skill(0.25, 0.3, "ridge on adstocked media").sentence


def test_one_is_not_spoken_of_as_several() -> None:
    assert "1 divergence in" in judge_convergence(chains(divergences=1)).sentence
    assert judge_coverage(1.0, 1).sentence.startswith("1 of 1 held-out period fell")


def member(name: str, convergence: Convergence, key: str = "") -> SimpleNamespace:
    job = SimpleNamespace(key=key or name)
    return SimpleNamespace(name=name, convergence=convergence, job=job)


def test_the_worst_of_several_fits_decides() -> None:
    members = [
        member("a", chains()),
        member("b", chains(r_hat=1.02)),
        member("c", chains(r_hat=NAN)),
    ]
    check = judge_convergence_of(members)
    assert check.status == "fail"
    assert "1 of 3 fits, barely in 'b', not in 'c'" in check.sentence
    assert judge_convergence_of(members[:2]).status == "review"
    assert judge_convergence_of(members[:2]).value == 1.02
    assert judge_convergence_of(members[:1]) == judge_convergence(chains())


def test_a_fit_that_members_share_is_judged_once() -> None:
    shared = [member("a", chains(), "k"), member("b", chains(), "k")]
    assert judge_convergence_of(shared) == judge_convergence(chains())


@pytest.mark.parametrize(
    ("model", "baseline", "status"),
    [(0.1, 0.2, "pass"), (0.2, 0.2, "review"), (0.3, 0.2, "review")],
)
@pytest.mark.parametrize(
    "name", ["seasonal naive", "training mean", "last value", "ridge on adstocked media"]
)
def test_skill(model: float, baseline: float, status: str, name: str) -> None:
    check = judge_skill(model, baseline, name)
    assert check.status == status
    assert name in check.name


@pytest.mark.parametrize(("model", "baseline"), [(NAN, 0.2), (0.2, NAN)])
def test_what_cannot_be_compared_asks_for_a_look(model: float, baseline: float) -> None:
    check = judge_skill(model, baseline, "seasonal naive")
    assert check.status == "review"
    assert "could not be compared" in check.sentence


@pytest.mark.parametrize("periods", [4, 12, 52])
def test_coverage_is_held_against_chance(periods: int) -> None:
    """As many inside as 95% of honest holdouts have at least, and one fewer."""
    rare = next(k for k in range(periods + 1) if binom.cdf(k, periods, 0.9) >= 0.05)
    assert judge_coverage(rare / periods, periods).status == "pass"
    assert judge_coverage((rare - 1) / periods, periods).status == "review"
    assert f"{rare} of {periods}" in judge_coverage(rare / periods, periods).sentence


def test_a_stricter_chance_finds_fewer_holdouts_odd() -> None:
    assert too_few_inside(0.25, 4, 0.05)
    assert not too_few_inside(0.25, 4, 0.001)


def test_failures() -> None:
    assert judge_failures([], 3) is None
    check = judge_failures(["a", "b", "c", "d"], 9)
    assert check is not None
    assert check.status == "fail"
    assert "4 of 9 members could not be fitted ('a', 'b', 'c', …)" in check.sentence
