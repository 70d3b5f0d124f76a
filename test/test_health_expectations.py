"""What priors expect of media: said before the fit, with a prior that expects less."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import panel_engine
import pytest
import xarray as xr
from health_examples import CHANNELS, client
from scipy import signal

from pymc_toolkit.analysis import before as before_module
from pymc_toolkit.analysis.before import before_data
from pymc_toolkit.analysis.media_share import with_media_share
from pymc_toolkit.client_config import ClientConfig
from pymc_toolkit.exceptions import SpecificationError
from pymc_toolkit.health.data_checks import check_data
from pymc_toolkit.health.expectations import EXPECTED, judge_expected_media
from pymc_toolkit.health.result import GATES
from pymc_toolkit.health.thresholds import Thresholds
from pymc_toolkit.model_data import ModelData
from pymc_toolkit.model_spec import ModelSpec, Sampling
from pymc_toolkit.priors import plain
from pymc_toolkit.simulate import simulate_ms
from pymc_toolkit.verdicts import Check

LIMITS, SPEC = Thresholds(), ModelSpec(lag_max=4)


def judged(data: ModelData, spec: ModelSpec = SPEC, **limits: float) -> Check:
    before = before_data("bayesian", data, spec, Sampling(random_seed=3))
    assert before is not None
    return judge_expected_media(before, Thresholds.of(limits))


def test_the_share_is_that_of_the_priors_by_hand() -> None:
    """Draws of the documented defaults through carry-over and saturation, without the package."""
    data, rng = client(), np.random.default_rng(11)
    media, target = data.dataset["media"].values, data.dataset["target"].values
    shares = []
    for _ in range(600):
        brought = 0.0
        for spend in media.T:
            kernel = rng.beta(1, 3) ** np.arange(4)
            carried = signal.lfilter(kernel / kernel.sum(), 1.0, spend / spend.max())
            lam, alpha = abs(rng.normal()), rng.gamma(4.0, 0.5)
            brought += float((alpha * carried / (lam + carried)).sum())
        shares.append(brought * target.max() / target.sum())
    check = judged(data)
    assert check.value == pytest.approx(np.median(shares), rel=0.1)
    assert f"{check.value:.0%} of the target" in check.sentence


@pytest.mark.parametrize("saturation", ["michaelis_menten", "logistic", "hill", "root"])
@pytest.mark.parametrize("unit", [1.0, 1000.0])
def test_what_it_proposes_mends_it(saturation: str, unit: float) -> None:
    """Also where the target is a thousand times as large as the priors, or spiky."""
    sales = client().dataset["target"].values * unit
    sales[50] *= 4
    data = client(sales=sales)
    spec = ModelSpec(lag_max=4, saturation=saturation)
    check = judged(data, spec, expected_media=0.2)
    assert check.status == "review"
    assert "media_share=0.1," in check.remedy
    after = judged(data, with_media_share("bayesian", data, spec, 0.1), expected_media=0.2)
    assert after.status == "pass"
    assert after.value == pytest.approx(0.1, rel=0.15)
    assert not after.remedy


def test_default_priors_of_many_channels_ask_for_a_look_and_of_few_do_not() -> None:
    assert judged(client()).status == "pass"
    many = simulate_ms()
    names = many.channel_names, many.control_names
    config = ClientConfig(many.data, many.target_name, many.date_column, *names)
    check = judged(config.model_data)
    assert check.status == "review"
    assert "media_share=0.5," in check.remedy
    assert "uplift" in check.sentence
    assert EXPECTED not in GATES


def test_what_is_proposed_beside_a_prior_of_ones_own_is_not_refused() -> None:
    data = client()
    wide = replace(
        SPEC, prior_overrides={"saturation_alpha": plain("HalfNormal", {"sigma": 9.0}, "channel")}
    )
    assert (
        "media_share=0.5 in place of the prior of 'saturation_alpha'," in judged(data, wide).remedy
    )
    with pytest.raises(SpecificationError, match="Leave one of them out"):
        with_media_share("bayesian", data, wide, 0.5)


def test_the_limit_is_the_clients() -> None:
    data = client()
    value = judged(data).value
    assert value is not None
    assert judged(data, expected_media=value * 1.01).status == "pass"
    assert judged(data, expected_media=value * 0.99).status == "review"


def test_a_curve_without_an_amplitude_names_what_there_is() -> None:
    check = judged(client(), ModelSpec(lag_max=4, saturation="tanh"), expected_media=0.1)
    assert check.status == "review"
    assert "narrower priors on saturation_b," in check.remedy


@pytest.mark.filterwarnings("ignore::pymc_toolkit.exceptions.DataWarning")
def test_no_target_has_no_share() -> None:
    check = judged(client(sales=np.linspace(-20, 10, 110)))
    assert (check.status, check.value, check.remedy) == ("pass", None, "")


def test_it_is_left_out_without_prior_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    data, sampling = client(), Sampling()
    monkeypatch.setattr(before_module, "get_engine", lambda _: SimpleNamespace())
    before = before_data("bayesian", data, SPEC, sampling)
    assert before is None
    assert EXPECTED not in {check.name for check in check_data(data, SPEC, LIMITS, before)}


def test_a_panel_of_an_engine_without_named_priors(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its target is that of all regions together."""
    panel_engine.install(monkeypatch)
    model = panel_engine.panel_model()
    data = model.config.model_data
    checks = {check.name: check for check in model.check_data({"expected_media": 0.01}).checks}
    check = checks[EXPECTED]
    assert check.status == "review"
    assert "engine's options" in check.remedy
    expected = _panel_share(data, model.random_seed)
    assert check.value == pytest.approx(expected)


def _panel_share(data: ModelData, seed: int) -> float:
    engine = panel_engine.RidgeByRegion()
    slopes = engine.prior_draws(data, SPEC, 500, seed)["beta"]
    scaled: Any = data.scaled("media") * data.scale("target")
    brought = xr.dot(slopes, scaled, dim=["date", "geo", "channel"]).values
    return float(np.median(brought) / data.dataset["target"].values.sum())


def test_the_client_is_left_as_it_was() -> None:
    data = client()
    before = data.dataset.copy(deep=True)
    judged(data)
    assert data.dataset.identical(before)
    assert len(CHANNELS) == 3
