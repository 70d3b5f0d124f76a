"""Windows of a panel: whole weeks, copies, and nothing of a later one in an earlier one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="the deep engine needs torch (extra 'deep')")

from pymc_toolkit.engines.deep import pad_weeks, temporal_split
from pymc_toolkit.exceptions import DataError, SpecificationError


def arrays(regions: int = 2, weeks: int = 10) -> list[np.ndarray]:
    rng = np.random.default_rng(1)
    shapes = [(regions, weeks, 3), (regions, weeks, 2), (regions, weeks)]
    return [rng.gamma(2.0, 5.0, size=shape) for shape in shapes]


@given(st.integers(1, 4), st.integers(2, 30), st.floats(0.01, 0.99))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_weeks_add_up(regions: int, weeks: int, ratio: float) -> None:
    panels = arrays(regions, weeks)
    held_out = max(1, round(ratio * weeks))
    if held_out == weeks:
        with pytest.raises(DataError, match="some remain to train on"):
            temporal_split(*panels, ratio)
        return
    training, holdout = temporal_split(*panels, ratio)
    assert list(training) == list(holdout) == ["X_media", "X_control", "y"]
    assert holdout["y"].shape == (regions, held_out)
    for whole, name in zip(panels, training, strict=True):
        np.testing.assert_array_equal(np.concatenate([training[name], holdout[name]], 1), whole)


def test_a_number_of_weeks() -> None:
    training, holdout = temporal_split(*arrays(), holdout_weeks=3)
    assert training["y"].shape == (2, 7)
    assert holdout["X_control"].shape == (2, 3, 2)


@pytest.mark.parametrize("kind", ["arrays", "tensors"])
def test_splits_share_no_memory_with_anything(kind: str) -> None:
    panels: list[Any] = arrays()
    if kind == "tensors":
        panels = [torch.from_numpy(panel) for panel in panels]
    training, holdout = temporal_split(*panels, holdout_weeks=3)
    before = {name: values.copy() for name, values in training.items()}
    for panel in panels:
        panel[:] = -1.0
    for values in holdout.values():
        values[:] = np.nan
    for name, values in before.items():
        np.testing.assert_array_equal(training[name], values)
    training["y"][:] = 7.0
    assert (panels[2] == -1.0).all()


def test_a_gap_in_the_holdout_is_no_matter_for_the_split() -> None:
    media, controls, y = arrays()
    y[:, -1] = np.nan
    training, holdout = temporal_split(media, controls, y, 0.1)
    assert np.isfinite(training["y"]).all()
    assert np.isnan(holdout["y"]).all()


@pytest.mark.parametrize("weeks", [0, 1, 5])
def test_padding_is_zeros_in_front(weeks: int) -> None:
    for panel in (torch.ones(2, 4), torch.ones(2, 4, 3), torch.ones(2, 4, 0)):
        padded = pad_weeks(panel, weeks)
        assert padded.shape == (2, weeks + 4, *panel.shape[2:])
        assert (padded[:, :weeks] == 0).all()
        assert (padded[:, weeks:] == 1).all()
        padded[:] = 5.0
        assert (panel == 1).all()


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        ({}, SpecificationError, "expected one of them"),
        ({"holdout_ratio": 0.1, "holdout_weeks": 1}, SpecificationError, "expected one of them"),
        ({"holdout_ratio": 0.0}, SpecificationError, "above 0 and below 1"),
        ({"holdout_ratio": 1}, SpecificationError, "above 0 and below 1"),
        ({"holdout_ratio": float("nan")}, SpecificationError, "above 0 and below 1"),
        ({"holdout_ratio": "0.1"}, SpecificationError, "above 0 and below 1"),
        ({"holdout_weeks": 0}, SpecificationError, "holdout_weeks=0"),
        ({"holdout_weeks": 2.0}, SpecificationError, "holdout_weeks=2.0"),
        ({"holdout_weeks": 10}, DataError, "Got 10 weeks to hold out of 10; expected at most 9"),
    ],
)
def test_impossible_splits(wrong: dict, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        temporal_split(*arrays(), **wrong)


def test_panels_that_do_not_belong_together() -> None:
    media, controls, y = arrays()
    with pytest.raises(DataError, match="same regions and weeks"):
        temporal_split(media, controls[:, :4], y, 0.2)
    with pytest.raises(SpecificationError, match="weeks=-1"):
        pad_weeks(torch.ones(2, 3), -1)
