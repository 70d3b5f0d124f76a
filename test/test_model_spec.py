"""What a model is: impossible wishes are refused, and every choice is stored and hashed."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from pymc_toolkit.components.adstock import ADSTOCKS
from pymc_toolkit.components.channel_dag import ChannelDag
from pymc_toolkit.components.saturation import SATURATIONS
from pymc_toolkit.components.uplift_tests import UpliftTest
from pymc_toolkit.exceptions import SpecificationError
from pymc_toolkit.model_spec import ModelSpec, Sampling

FULL = ModelSpec(
    lag_max=6,
    adstock="weibull_pdf",
    saturation="hill",
    time_varying_media=True,
    time_varying_intercept=True,
    yearly_seasonality=3,
    trend=5,
    engine_options={"members": 2},
    prior_overrides={
        "saturation_beta": {
            "dist": "HalfNormal",
            "kwargs": {"sigma": {"dist": "HalfNormal", "kwargs": {"sigma": [0.1, 2.0]}}},
            "dims": ["channel"],
        }
    },
)

# One other value for every field.
OTHERS = {
    "lag_max": 7,
    "adstock": "delayed",
    "saturation": "root",
    "time_varying_media": False,
    "time_varying_intercept": False,
    "yearly_seasonality": None,
    "trend": 1,
    "uplift_tests": (UpliftTest("tv", "2024-01-01", "2024-01-28", effect=1.0, sigma=1.0),),
    "channel_dag": ChannelDag(required=[("tv", "search")], order=["tv", ("search", "display")]),
    "prior_overrides": {},
    "engine_options": {"members": 3},
}


class TestModelSpec:
    @pytest.mark.parametrize("name", ["lag_max", "yearly_seasonality", "trend"])
    @pytest.mark.parametrize("value", [0, -1, 1.5, 4.0, "4", True, np.nan, [4], np.float64(4)])
    def test_counts_are_whole_numbers_above_zero(self, name, value):
        with pytest.raises(SpecificationError, match=f"Got {name}=.*whole number of at least 1"):
            ModelSpec(**{"lag_max": 4, name: value})

    def test_a_lag_is_needed(self):
        with pytest.raises(SpecificationError, match="lag_max=None"):
            ModelSpec(lag_max=None)

    def test_whole_numbers_of_numpy_become_plain(self):
        spec = ModelSpec(lag_max=np.int64(4), trend=np.int32(2))
        assert spec == ModelSpec(lag_max=4, trend=2)
        assert json.dumps(spec.to_dict())

    @pytest.mark.parametrize(
        ("name", "value", "suggestion"),
        [
            ("adstock", "Geometric", "'geometric', 'delayed', 'weibull_pdf'"),
            ("adstock", None, "'geometric'"),
            ("adstock", ["geometric"], "'geometric'"),
            ("saturation", "michaelis-menten", "'michaelis_menten', 'logistic'"),
            ("saturation", {"hill": 1}, "'hill'"),
        ],
    )
    def test_unknown_components_are_refused_with_those_there_are(self, name, value, suggestion):
        with pytest.raises(
            SpecificationError, match=f"Got {name}=.*expected one of .*{suggestion}"
        ):
            ModelSpec(lag_max=4, **{name: value})

    @pytest.mark.parametrize("name", ["time_varying_media", "time_varying_intercept"])
    @pytest.mark.parametrize("value", ["yes", 1, None])
    def test_switches_are_true_or_false(self, name, value):
        with pytest.raises(SpecificationError, match=f"{name}={value!r}; expected True or False"):
            ModelSpec(lag_max=4, **{name: value})

    def test_a_single_weight_relative_to_the_smallest_would_be_zero_over_zero(self):
        with pytest.raises(SpecificationError, match="lag_max=1 with adstock='weibull_pdf'"):
            ModelSpec(lag_max=1, adstock="weibull_pdf")

    @pytest.mark.parametrize("adstock", ADSTOCKS)
    @pytest.mark.parametrize("saturation", SATURATIONS)
    def test_components_are_those_of_the_names(self, adstock, saturation):
        spec = ModelSpec(lag_max=2, adstock=adstock, saturation=saturation)
        assert spec.adstock_component.name == adstock
        assert spec.saturation_component.name == saturation

    @pytest.mark.parametrize("spec", [FULL, ModelSpec(lag_max=4)], ids=["full", "plain"])
    def test_round_trip_through_json(self, spec):
        again = ModelSpec.from_dict(json.loads(json.dumps(spec.to_dict())))
        assert again == spec
        assert again.digest() == spec.digest()
        assert hash(again) == hash(spec)

    @pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(ModelSpec)])
    def test_every_choice_counts_in_the_digest(self, name):
        other = dataclasses.replace(FULL, **{name: OTHERS[name]})
        assert other != FULL
        assert other.digest() != FULL.digest()

    def test_a_hyperparameter_counts_in_the_digest(self):
        overrides = {"intercept": {"dist": "HalfNormal", "kwargs": {"sigma": 1}}}
        wider = {"intercept": {"dist": "HalfNormal", "kwargs": {"sigma": 2}}}
        digests = {ModelSpec(4, prior_overrides=given).digest() for given in (overrides, wider, {})}
        assert len(digests) == 3

    def test_the_order_of_overrides_does_not_count(self):
        first = {"a": {"dist": "Normal", "kwargs": {"mu": 0, "sigma": 1}}, "b": {"dist": "Flat"}}
        second = {"b": {"dist": "Flat"}, "a": {"kwargs": {"sigma": 1, "mu": 0}, "dist": "Normal"}}
        assert (
            ModelSpec(4, prior_overrides=first).digest()
            == ModelSpec(4, prior_overrides=second).digest()
        )

    def test_it_cannot_be_changed_from_outside(self):
        overrides = {"intercept": {"dist": "HalfNormal", "kwargs": {"sigma": 1}}}
        spec = ModelSpec(4, prior_overrides=overrides)
        before = spec.digest()
        overrides["intercept"]["kwargs"]["sigma"] = 9
        overrides["delta"] = {}
        spec.to_dict()["prior_overrides"].clear()
        assert spec.digest() == before
        with pytest.raises(dataclasses.FrozenInstanceError):
            spec.lag_max = 5

    def test_it_can_key_a_cache(self):
        assert len({FULL, dataclasses.replace(FULL), ModelSpec(lag_max=4)}) == 2


class TestSampling:
    @pytest.mark.parametrize("name", ["draws", "tune", "chains"])
    @pytest.mark.parametrize("value", [0, -5, 10.0, "100", None, True])
    def test_counts(self, name, value):
        with pytest.raises(SpecificationError, match=f"Got {name}={value!r}; expected a whole"):
            Sampling(**{name: value})

    @pytest.mark.parametrize("value", [0, 1, 0.0, 1.0, -0.5, 90, np.nan, "0.9", None, True])
    def test_target_accept(self, value):
        with pytest.raises(SpecificationError, match=f"target_accept={value!r}.*such as 0.9"):
            Sampling(target_accept=value)

    @pytest.mark.parametrize("value", [-1, 1.0, None, "0", True, np.random.default_rng(0)])
    def test_random_seed(self, value):
        with pytest.raises(SpecificationError, match="random_seed=.*expected"):
            Sampling(random_seed=value)

    def test_good_values(self):
        sampling = Sampling(draws=np.int64(5), random_seed=0, target_accept=np.float64(0.8))
        assert json.loads(json.dumps(dataclasses.asdict(sampling)))["draws"] == 5
        assert hash(sampling) == hash(Sampling(draws=5, random_seed=0, target_accept=0.8))
