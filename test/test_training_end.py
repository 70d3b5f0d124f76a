"""How the training of an ensemble ended, read from made-up statistics; needs no torch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from pymc_toolkit.engines.convergence import CYCLES_LIMIT, State, TrainingEnd, convergence

EPOCHS = 20
CHECKED = (5, 10, 15, 18, 20)


def ended(
    errors: Sequence[float] = (0.5, 0.4, 0.3, 0.3, 0.3),
    best: int = EPOCHS,
    worse: Sequence[int] = (0, 0, 0),
    cycles: Sequence[float] = (0.0, 0.0, 0.0),
    checked: Sequence[int] = CHECKED,
) -> TrainingEnd:
    """The end of a training of three members over 20 epochs."""
    stats = xr.Dataset(
        {
            "diverging": (("chain", "draw"), np.array([worse])),
            "cycles": (("chain", "draw"), np.array([cycles])),
            "misfit": (("epoch", "chain", "draw"), np.ones((EPOCHS, 1, len(worse)))),
            "validation_error": ("checked_epoch", np.array(errors, dtype=float)),
            "best_epoch": best,
        },
        {"checked_epoch": np.array(checked, dtype=int)},
    )
    end = convergence(xr.Dataset(), stats)
    assert isinstance(end, TrainingEnd)
    return end


def test_training_that_came_to_rest_has_converged() -> None:
    end = ended()
    assert end.state is State.CONVERGED
    assert end.converged
    assert (end.epochs, end.best_epoch, end.draws, end.divergences) == (EPOCHS, EPOCHS, 3, 0)
    assert end.measure == ("members that did not train", 0.0, 0.0)
    assert "ended where it should" in end.sentence
    assert f"epoch {EPOCHS} of {EPOCHS}" in end.sentence
    assert end.worst().empty
    assert end.by_variable().empty


def test_errors_that_still_fall_are_barely_converged() -> None:
    end = ended((0.5, 0.4, 0.3, 0.3, 0.27))
    assert end.still_falling == pytest.approx(0.1)
    assert end.state is State.BARELY
    assert not end.converged
    assert "still falling, by 10%" in end.sentence
    assert "more n_epochs" in end.trouble
    # The numbers can be shown, with care.
    assert "Do not show" not in end.trouble
    assert "learning_rate" not in end.remedy


def test_a_fall_before_the_last_tenth_does_not_count() -> None:
    """The last check at or before nine tenths is what the last one is held against."""
    assert ended((0.9, 0.8, 0.7, 0.30, 0.30)).still_falling == 0
    assert ended((0.9, 0.8, 0.7, 0.30), checked=(5, 10, 15, 20)).state is State.BARELY


def test_training_whose_best_epoch_lies_behind_it_ended_late_enough() -> None:
    assert ended((0.5, 0.4, 0.3, 0.3, 0.2), best=15).state is State.CONVERGED
    assert ended((0.5, 0.4, 0.3), best=10, checked=(5, 10, 12)).state is State.CONVERGED


def test_without_weeks_to_check_nothing_is_said_to_fall() -> None:
    end = ended((), checked=())
    assert end.still_falling == 0
    assert end.state is State.CONVERGED


def test_a_member_that_got_worse_is_a_failure() -> None:
    end = ended(worse=(0, 1, 0))
    assert end.state is State.NOT
    assert end.measure == ("members that did not train", 1.0, 0.0)
    assert "1 of 3 networks fit worse than at the start" in end.sentence
    assert "Do not show its numbers" in end.trouble
    assert "lower learning_rate" in end.trouble
    assert "lower learning_rate" in end.remedy


def test_one_cycle_is_a_failure_and_named() -> None:
    end = ended(cycles=(0.0, 0.02, 0.0))
    assert end.state is State.NOT
    assert "cycles (h 0.02, limit 0.001)" in end.sentence
    assert "fit worse" not in end.sentence
    both = ended(worse=(1, 1, 0), cycles=(0.0, 0.02, 0.0)).sentence
    assert "2 of 3 networks" in both
    assert " and a channel graph has cycles" in both


@given(
    st.lists(st.floats(0.01, 1), min_size=5, max_size=5),
    st.lists(st.integers(0, 1), min_size=3, max_size=3),
    st.lists(st.floats(0, 2 * CYCLES_LIMIT), min_size=3, max_size=3),
    st.sampled_from(CHECKED),
)
def test_failures_come_before_everything_else(
    errors: list[float], worse: list[int], cycles: list[float], best: int
) -> None:
    end = ended(errors, best, worse, cycles)
    failed = any(worse) or any(value >= CYCLES_LIMIT for value in cycles)
    assert (end.state is State.NOT) == failed
    assert 0 <= end.still_falling < 1
    if best < EPOCHS:
        assert end.state is not State.BARELY
