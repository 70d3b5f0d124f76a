"""What is refused about the table of an experiment, each reason in its own words."""

from __future__ import annotations

import sys
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from experiment_data import COVARIATES, users

from pymc_toolkit import experiments
from pymc_toolkit.components.uplift_tests import UpliftTest
from pymc_toolkit.exceptions import (
    ColumnError,
    DataError,
    DataWarning,
    MissingExtraError,
    SpecificationError,
    ToolkitError,
)
from pymc_toolkit.experiments import (
    cuped,
    difference_in_means,
    double_machine_learning,
    doubly_robust,
    inverse_propensity,
    two_model_uplift,
    uplift_segments,
)
from pymc_toolkit.experiments.extra import experiments_extra
from pymc_toolkit.experiments.frame import read_trial

Spoil = Callable[[pd.DataFrame], pd.DataFrame]


def put(column: str, value: object, row: int = 3) -> Spoil:
    """Put a value into one row of a column."""
    return lambda t: t.assign(**{column: t[column].astype(object).where(t.index != row, value)})


SPOILT: dict[str, tuple[Spoil, type[Exception], str]] = {
    "three arms": (put("treatment", 2), DataError, "Got 2 in treatment 'treatment'; expected only"),
    "half treated": (put("treatment", 0.5), DataError, "Got 0.5 in treatment"),
    "arms as text": (put("treatment", "yes"), DataError, "Got 'yes' in treatment"),
    "no treatment": (put("treatment", None), DataError, "no treatment in row 3"),
    "all control": (lambda t: t.assign(treatment=0), DataError, "Got 0 treated units"),
    "one treated": (
        lambda t: t.assign(treatment=(t.index == 5).astype(int)),
        DataError,
        "Got 1 treated unit in 'treatment'; expected at least 2",
    ),
    "one control": (
        lambda t: t.assign(treatment=(t.index != 5).astype(int)),
        DataError,
        "Got 1 control unit",
    ),
    "no outcome": (put("outcome", np.nan), DataError, "no value in row 3 of 'outcome'"),
    "infinite outcome": (put("outcome", np.inf), DataError, "infinite value in row 3"),
    "outcome as text": (put("outcome", "3"), DataError, "Got text in 'outcome'"),
    "constant outcome": (lambda t: t.assign(outcome=3), DataError, "value 3 in every row"),
    "no such column": (lambda t: t.drop(columns="outcome"), ColumnError, "not a column"),
    "column twice": (
        lambda t: pd.concat([t, t[["outcome"]]], axis=1),
        ColumnError,
        "2 columns named 'outcome'",
    ),
    "no rows": (lambda t: t.head(0), DataError, "0 rows"),
    "no table": (lambda t: t.to_dict("list"), DataError, "expected a pandas DataFrame"),
}
OF_COVARIATES: dict[str, tuple[Spoil, type[Exception], str]] = {
    "no covariate": (put("age", np.nan), DataError, "no value in row 3 of 'age'"),
    "covariate as text": (put("age", "old"), DataError, "encode categories as 0 and 1"),
    "covariate missing": (lambda t: t.drop(columns="age"), ColumnError, "covariate 'age'"),
    "constant": (
        lambda t: t.assign(age=1, visits=0),
        DataError,
        "covariates without any variation: 'age', 'visits'",
    ),
}


@pytest.mark.parametrize("case", SPOILT)
def test_tables_that_cannot_be_used(case: str) -> None:
    spoil, error, words = SPOILT[case]
    with pytest.raises(error, match=words):
        difference_in_means(spoil(users(20)))


ADJUSTING = [
    cuped,
    inverse_propensity,
    doubly_robust,
    double_machine_learning,
    two_model_uplift,
    uplift_segments,
]


@pytest.mark.parametrize("estimator", ADJUSTING)
def test_covariates_that_cannot_be_used(estimator) -> None:
    for spoil, error, words in OF_COVARIATES.values():
        with pytest.raises(error, match=words):
            estimator(spoil(users(20)), COVARIATES)
    with pytest.raises(SpecificationError, match="Got no covariates"):
        estimator(users(20), [])
    with pytest.raises(ColumnError, match="as outcome and as covariate"):
        estimator(users(20), ["age", "outcome"])
    with pytest.raises(SpecificationError, match=r"ci_prob=1\.5"):
        estimator(users(20), COVARIATES, ci_prob=1.5)


@pytest.mark.parametrize("estimator", [doubly_robust, double_machine_learning, uplift_segments])
@pytest.mark.parametrize("option", [{"folds": 1}, {"folds": 2.5}, {"random_state": -1}])
def test_options_that_are_impossible(estimator, option: dict[str, object]) -> None:
    with pytest.raises(SpecificationError, match=f"Got {next(iter(option))}="):
        estimator(users(60), COVARIATES, **option)


def test_arms_may_be_booleans_floats_or_categories() -> None:
    table = users(30)
    expected = difference_in_means(table)
    for kind in (bool, float, "category", "Int64", "boolean"):
        assert difference_in_means(table.astype({"treatment": kind})) == expected


def test_one_covariate_may_be_named_alone() -> None:
    table = users(60)
    assert cuped(table, "age") == cuped(table, ["age"])


def test_odd_indexes_play_no_part() -> None:
    table = users(30)
    expected = difference_in_means(table)
    assert difference_in_means(table.set_axis([0] * 30)) == expected


def test_combinations_do_not_repeat_each_other() -> None:
    table = users(50).assign(months=lambda t: 12 * t["age"] + 3, fixed=1.0)
    trial = read_trial(table, "outcome", "treatment", ["age", "months", "visits", "fixed"])
    basis = trial.basis()
    assert basis.shape == (50, 2)
    np.testing.assert_allclose(basis.T @ basis / 50, np.eye(2), atol=1e-12)


@pytest.mark.parametrize("estimator", ADJUSTING[:5])
def test_a_missing_extra_says_what_to_install(estimator, monkeypatch) -> None:
    """As on a machine without it: the import fails."""
    names = ("econml", "econml.dr", "econml.dml", "statsmodels", "statsmodels.api")
    for name in names:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingExtraError, match=r"pip install pymc_toolkit\[experiments\]") as info:
        estimator(users(60), COVARIATES)
    assert isinstance(info.value, ImportError)
    assert isinstance(info.value, ToolkitError)


VALUES = {"channel": "tv", "start": "2024-01-01", "end": "2024-01-28", "spend_change": 5e4}


def test_effects_per_unit_are_scaled_to_the_market() -> None:
    found = difference_in_means(users())
    test = found.to_uplift_test(**VALUES, population=20_000, measured_until="2024-02-11")
    assert test == UpliftTest(
        **VALUES,
        effect=20_000 * found.effect,
        sigma=20_000 * found.standard_error,
        measured_until="2024-02-11",
    )
    assert "multiplied by 20,000" in found.market_assumptions(20_000)[0]


def test_going_without_a_channel_says_what_having_it_brings() -> None:
    found = difference_in_means(users())
    without, having = (
        found.to_uplift_test(**{**VALUES, "spend_change": way}, population=10)
        for way in ("off", "on")
    )
    assert without.effects == (pytest.approx(-10 * found.effect),)
    assert having.effects == (pytest.approx(10 * found.effect),)
    assert without.spend_change == having.spend_change == "off"


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"population": None}, SpecificationError, "population=None"),
        ({"population": 0}, SpecificationError, "population=0"),
        ({"population": float("nan")}, SpecificationError, "population=nan"),
        ({"population": True}, SpecificationError, "population=True"),
        ({"spend_change": 0}, SpecificationError, "spend_change=0.*not zero"),
        ({"spend_change": "half"}, SpecificationError, "spend_change='half'"),
        ({"spend_change": float("inf")}, SpecificationError, "finite"),
        ({"start": None}, SpecificationError, "Got no start"),
        ({"end": "2023-12-31"}, SpecificationError, "before it starts"),
        ({"end": "soon"}, DataError, "cannot be read as dates"),
        ({"measured_until": "2024-01-27"}, SpecificationError, "expected a later day"),
        ({"channel": ""}, SpecificationError, "channel=''"),
    ],
)
def test_impossible_scalings_are_refused(change, error, words: str) -> None:
    with pytest.raises(error, match=words):
        difference_in_means(users()).to_uplift_test(**{**VALUES, "population": 10, **change})


def test_an_estimate_without_noise_is_no_uplift_test() -> None:
    found = cuped(users(noise=0.0), COVARIATES)
    with pytest.raises(DataError, match="override everything else"):
        found.to_uplift_test(**VALUES, population=10)


def test_an_estimate_whose_checks_failed_warns() -> None:
    found = inverse_propensity(users(500, chosen=3.0), COVARIATES)
    assert found.verdict.status == "fail"
    with pytest.warns(DataWarning, match="whose checks failed"):
        found.to_uplift_test(**VALUES, population=10)


def test_every_public_name_is_importable() -> None:
    for name in experiments.__all__:
        assert getattr(experiments, name).__name__ == name
    assert set(experiments.__all__) <= set(dir(experiments))
    with pytest.raises(AttributeError, match="has no attribute 'cupid'"):
        _ = experiments.cupid


def test_another_missing_library_is_not_blamed_on_the_extra() -> None:
    with pytest.raises(ModuleNotFoundError, match="no_such_library"), experiments_extra():
        import no_such_library  # noqa: F401
