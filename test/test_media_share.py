"""Priors that expect a given share of the target of all media together."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import panel_engine
import pytest
from health_examples import client
from scipy import stats

from pymc_toolkit.analysis.before import before_data
from pymc_toolkit.analysis.media_share import (
    _on_a_grid,
    amplitude_of,
    expected_share,
    with_media_share,
)
from pymc_toolkit.components.uplift_tests import UpliftTest
from pymc_toolkit.exceptions import SpecificationError
from pymc_toolkit.model_data import ModelData
from pymc_toolkit.model_spec import ModelSpec, Sampling
from pymc_toolkit.priors import plain
from pymc_toolkit.pymc_model import PymcModel
from pymc_toolkit.simulate import simulate_client

SPEC = ModelSpec(lag_max=4)


def expected(data: ModelData, spec: ModelSpec, seed: int = 7) -> float:
    before = before_data("bayesian", data, spec, Sampling(random_seed=seed), 2000)
    assert before is not None
    share = expected_share(before)
    assert share is not None
    return share


@pytest.mark.parametrize(
    ("saturation", "share", "unit"),
    [
        ("michaelis_menten", 0.5, 1.0),
        ("logistic", 0.05, 1000.0),
        ("hill", 0.05, 1.0),
        ("root", 0.5, 1000.0),
    ],
)
def test_media_are_expected_to_bring_that_share(saturation: str, share: float, unit: float) -> None:
    """Of draws that had no part in finding the prior, also of a target with one large week."""
    sales = client().dataset["target"].values * unit
    sales[50] *= 4
    data = client(sales=sales)
    spec = with_media_share("bayesian", data, ModelSpec(lag_max=4, saturation=saturation), share)
    assert expected(data, spec) == pytest.approx(share, rel=0.1)
    (name,) = spec.prior_overrides
    assert name == amplitude_of(spec)
    kwargs = spec.prior_overrides[name]["kwargs"]
    # What the docstring says of nine in ten.
    shape = (kwargs["mu"] / kwargs["sigma"]) ** 2
    ends = stats.gamma.ppf([0.05, 0.95], shape) / shape
    np.testing.assert_allclose(ends, [1 / 6, 2.4], rtol=0.08)


def test_other_priors_are_kept_and_counted() -> None:
    data = client()
    late = plain("HalfNormal", {"sigma": 20.0}, "channel")
    spec = replace(SPEC, prior_overrides={"saturation_lam": late})
    found = with_media_share("bayesian", data, spec, 0.4)
    assert found.prior_overrides["saturation_lam"] == late
    # Curves that saturate late need a larger amplitude to bring as much.
    plainly = with_media_share("bayesian", data, SPEC, 0.4)
    sizes = [one.prior_overrides["saturation_alpha"]["kwargs"]["mu"] for one in (found, plainly)]
    assert sizes[0] > 3 * sizes[1]
    assert expected(data, found) == pytest.approx(0.4, rel=0.1)
    assert SPEC.prior_overrides == {}


def test_the_more_channels_the_less_of_each() -> None:
    """Default priors expect more of more channels."""
    sums = {}
    for n_channels in (2, 6):
        some = simulate_client(n_periods=80, n_channels=n_channels)
        model = PymcModel(some.data, "revenue", "date_week", some.channel_names, random_seed=1)
        data = model.config.model_data
        found = with_media_share("bayesian", data, model.spec, 0.5)
        sums[n_channels] = expected(data, model.spec), expected(data, found)
    assert sums[6][0] > 2 * sums[2][0]
    assert sums[6][1] == pytest.approx(sums[2][1], rel=0.1)


@pytest.mark.parametrize("share", [0, 1, 1.5, -0.2, float("nan"), "0.5", True, None])
def test_impossible_shares_are_refused(share: Any) -> None:
    with pytest.raises(SpecificationError, match="between 0 and 1"):
        with_media_share("bayesian", client(), SPEC, share)


def test_what_cannot_take_a_share_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    data = client()
    with pytest.raises(SpecificationError, match="no amplitude"):
        with_media_share("bayesian", data, ModelSpec(lag_max=4, saturation="tanh"), 0.5)
    given = replace(SPEC, prior_overrides={"saturation_alpha": plain("HalfNormal", {"sigma": 1})})
    with pytest.raises(SpecificationError, match="both media_share and a prior"):
        with_media_share("bayesian", data, given, 0.5)
    panel_engine.install(monkeypatch)
    with pytest.raises(SpecificationError, match="media_share_prior"):
        with_media_share(panel_engine.panel_model()._engine.name, data, SPEC, 0.5)


@pytest.mark.filterwarnings("ignore::pymc_toolkit.exceptions.DataWarning")
def test_a_target_without_a_sum_is_refused() -> None:
    data = client(sales=np.linspace(-20, 10, 110))
    with pytest.raises(SpecificationError, match="sum to nothing"):
        with_media_share("bayesian", data, SPEC, 0.5)


def shop(**options: Any) -> PymcModel:
    some = simulate_client(n_periods=80, n_channels=2)
    return PymcModel(some.data, "revenue", "date_week", some.channel_names, **options)


def test_a_model_takes_a_share() -> None:
    """Whatever its seed: the prior is part of what is asked, not of how it is answered."""
    one, other = (shop(media_share=0.3, random_seed=seed) for seed in (1, 2))
    assert one.spec == other.spec
    assert expected(one.config.model_data, one.spec) == pytest.approx(0.3, rel=0.1)
    assert one.model_priors["saturation_alpha"].distribution == "Gamma"
    assert "saturation_alpha" not in shop(random_seed=1).spec.prior_overrides


def test_a_little_more_data_ask_for_the_same_prior() -> None:
    """So that months and clients share what is compiled; any size is within 5% of one."""
    sizes = np.geomspace(1e-4, 1e4, 4001)
    rounded = np.array([_on_a_grid(size) for size in sizes])
    assert len(set(rounded)) == 8 * 24 + 1
    np.testing.assert_allclose(rounded, sizes, rtol=0.055)


def test_an_experiment_can_take_its_place() -> None:
    """Told as a prior, a test asks for a prior of amplitudes that can take it."""
    model = shop(media_share=0.3, random_seed=1)
    channel = model.config.channel_names[0]
    effect = 0.02 * float(model.config.model_data.dataset["target"].sum())
    start, end = (model.config.model_data.dates[at] for at in (20, 24))
    end -= np.timedelta64(1, "D")
    test = UpliftTest(channel, start, end, effect=effect, sigma=effect / 10)
    model.add_uplift_tests([test], kind="prior")
    sizes = model.spec.prior_overrides["saturation_alpha"]["kwargs"]["mu"]
    assert len(np.unique(sizes)) == 2
