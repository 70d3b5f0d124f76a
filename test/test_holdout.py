"""The holdout fleet: which periods are trained on, which predicted, and beside what."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest
from fits import QUIET, FakeSampler, small_config, small_subject
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pymc_toolkit.exceptions import DataError, SpecificationError
from pymc_toolkit.fleets.holdout import HoldoutFleet, run_holdout
from pymc_toolkit.fleets.job import Subject
from pymc_toolkit.pymc_model import PymcModel

Install = Callable[..., FakeSampler]

pytestmark = pytest.mark.usefixtures("convergence_is_not_the_point")


def hold_out(
    holdouts: Any = (4, 8),
    windows: Any = "last",
    n_windows: Any = None,
    subject: Subject | None = None,
) -> HoldoutFleet:
    return run_holdout(subject or small_subject(), holdouts, windows, n_windows, QUIET)


def spans(fleet: HoldoutFleet) -> list[tuple[int, int, int]]:
    """First, cut and end of each member, as numbers of the client's periods."""
    dates = list(small_subject().data.dates)
    return [
        (
            dates.index(member.job.data.dates[0]),
            dates.index(member.job.data.dates[member.job.trained_on]),
            dates.index(member.job.data.dates[-1]) + 1,
        )
        for member in fleet
    ]


def test_the_call_of_the_guide(fake_sampler: Install) -> None:
    fake_sampler(diverging=2, depth=4)
    table = small_config(60).table
    model = PymcModel(
        table,
        "revenue",
        "date_week",
        ["channel_1_cost", "channel_2_cost"],
        ["events"],
        random_seed=1,
    )
    fleet = model.holdout_fleet(holdouts=[4, 8, 12], draws=10, chains=2, progressbar=False)
    assert [member.name for member in fleet] == ["4 weeks", "8 weeks", "12 weeks"]
    first = fleet[0]
    assert first.summary() == fleet.summary()["4 weeks"]
    assert list(first.summary()) == ["divergences", "max_tree_depth", "train", "test"]
    assert repr(first).startswith("{'divergences': 2,\n 'max_tree_depth': 4,\n 'train': {'mape': ")
    assert fleet["12 weeks"].job.held_out == 12
    assert [member.name for member in fleet[1:]] == ["8 weeks", "12 weeks"]
    assert fleet[-1] is fleet["12 weeks"]
    with pytest.raises(KeyError, match="'5 weeks'; this fleet has '4 weeks'"):
        _ = fleet["5 weeks"]
    assert "not fitted" in repr(model)


def test_windows_by_hand(fake_sampler: Install) -> None:
    fake_sampler()
    assert spans(hold_out([4, 8])) == [(0, 36, 40), (0, 32, 40)]
    assert spans(hold_out([4], "expanding", 3)) == [(0, 28, 32), (0, 32, 36), (0, 36, 40)]
    assert spans(hold_out([4], "rolling", 3)) == [(0, 28, 32), (4, 32, 36), (8, 36, 40)]
    assert spans(hold_out([2, 3], "rolling", 2)) == [
        *[(0, 36, 38), (2, 38, 40)],
        *[(0, 34, 37), (3, 37, 40)],
    ]


def test_several_windows_are_named_by_where_they_start(fake_sampler: Install) -> None:
    fake_sampler()
    names = [member.name for member in hold_out([1, 4], "expanding")]
    assert names[0] == "1 week from 2021-09-20"
    assert len(set(names)) == 6


@settings(
    deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    lengths=st.lists(st.integers(1, 6), min_size=1, max_size=3, unique=True),
    windows=st.sampled_from(["last", "expanding", "rolling"]),
    times=st.integers(1, 3),
)
def test_windows_in_general(
    fake_sampler: Install, lengths: list[int], windows: str, times: int
) -> None:
    """Holdouts of one length touch and end with the data; training precedes each and has its own
    scales; rolling windows are all of one length."""
    fake_sampler()
    fleet = hold_out(lengths, windows, None if windows == "last" else times)
    times = 1 if windows == "last" else times
    assert len(fleet) == len(lengths) * times
    layout = spans(fleet)
    for i, length in enumerate(lengths):
        own = layout[i * times : (i + 1) * times]
        assert own[-1][2] == 40
        assert all(end - cut == length for _, cut, end in own)
        assert all(before[2] == after[1] for before, after in pairwise(own))
        trained = {cut - first for first, cut, _ in own}
        assert len(trained) == (1 if windows == "rolling" else times)
    for member in fleet:
        target = member.job.training.dataset["target"]
        assert float(member.job.data.scale("target")) == float(target.max())
        assert member.fit.training.n_periods == member.job.trained_on


def test_no_member_sees_what_it_has_to_predict(fake_sampler: Install) -> None:
    sampler = fake_sampler()
    config = small_config(40)
    hold_out([4, 8])
    changed = config.table.copy()
    changed.loc[32:, "revenue"] *= 50
    other = PymcModel(changed, "revenue", "date_week", config.channel_names, ["events"], lag_max=3)
    hold_out([8], subject=small_subject(other.config))
    assert sampler.calls[1][0].digest() == sampler.calls[2][0].digest()


def test_every_prediction_is_of_the_same_periods(fake_sampler: Install) -> None:
    fake_sampler()
    fleet = hold_out([4, 8])
    scores = fleet.scores()
    assert list(scores.columns) == [
        *("member", "periods", "first_date", "prediction"),
        *("mape", "nrmse", "r_squared", "crps", "coverage"),
    ]
    assert scores.groupby("member")["prediction"].apply(list).tolist() == 2 * [
        ["model", "training mean", "last value", "seasonal naive", "ridge on adstocked media"]
    ]
    row = scores.set_index(["member", "prediction"]).loc[("8 weeks", "model")]
    member = fleet["8 weeks"]
    assert row["crps"] == member.test["crps"]
    assert row["coverage"] == member.coverage
    held_out = member.prediction[member.prediction["holdout"]]
    inside = (held_out["actual"] >= held_out["ci_low"]) & (
        held_out["actual"] <= held_out["ci_high"]
    )
    assert row["coverage"] == inside.mean()
    assert row["first_date"] == pd.Timestamp(held_out.index[0]) == member.job.data.dates[32]


def test_tables_are_copies(fake_sampler: Install) -> None:
    fake_sampler()
    fleet = hold_out([4])
    table = fleet.scores()
    table["crps"] = 0.0
    assert (fleet.scores()["crps"].dropna() > 0).all()


def test_verdict_compares_where_both_say_something(fake_sampler: Install) -> None:
    fake_sampler()
    fleet = hold_out([4, 8])
    table = fleet.verdict().to_frame().set_index("check")
    assert list(table.index) == [
        "convergence",
        "holdout against training mean",
        "holdout against last value",
        "holdout against seasonal naive",
        "holdout against ridge on adstocked media",
        "holdout intervals",
    ]
    scores = fleet.scores().pivot(index="member", columns="prediction", values="crps")
    row = table.loc["holdout against last value"]
    assert row["value"] == pytest.approx(scores["model"].mean())
    assert row["threshold"] == pytest.approx(scores["last value"].mean())
    # With less than a year of history there is no last year.
    assert table.loc["holdout against seasonal naive", "status"] == "review"
    inside = sum(round(member.coverage * member.job.held_out) for member in fleet)
    assert f"{inside} of 12 held-out periods" in table.loc["holdout intervals", "sentence"]


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        (([],), SpecificationError, r"holdouts=\[\]"),
        (([4, 0],), SpecificationError, "holdouts=0"),
        (([-4],), SpecificationError, "holdouts=-4"),
        (([4.0],), SpecificationError, "holdouts=4.0"),
        (([True],), SpecificationError, "holdouts=True"),
        ((4,), SpecificationError, r"holdouts=4; expected numbers of periods"),
        (("48",), SpecificationError, "holdouts='48'"),
        (([4, 8, 4],), SpecificationError, "holdouts with 4 more than once"),
        (([40],), DataError, "holdouts=40 of 40 periods; expected at most 27"),
        (([4, 28],), DataError, "holdouts=28 of 40 periods"),
        (
            ([10], "expanding", 3),
            DataError,
            "holdouts=10, 3 times, of 40 .* at most 9",
        ),
        (([4], "sliding"), SpecificationError, "windows='sliding'"),
        (([4], None), SpecificationError, "windows=None"),
        (([4], "last", 2), SpecificationError, "n_windows=2 with windows='last'"),
        (([4], "rolling", 0), SpecificationError, "n_windows=0"),
    ],
)
def test_wrong_arguments_are_refused_before_anything_is_fitted(
    fake_sampler: Install, arguments: Any, error: type[Exception], match: str
) -> None:
    sampler = fake_sampler()
    with pytest.raises(error, match=match):
        hold_out(*arguments)
    assert not sampler.calls


@pytest.mark.parametrize("holdouts", [[27], (4, 8), np.array([4, 8]), range(1, 4)])
def test_lengths_may_come_in_any_sequence(fake_sampler: Install, holdouts: Any) -> None:
    fake_sampler()
    assert [member.job.held_out for member in hold_out(holdouts)] == list(holdouts)
