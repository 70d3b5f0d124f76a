"""Default priors are those of the guide; overrides are checked before anything is sampled."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from pymc_extras.prior import Prior
from pymc_marketing import mmm as upstream
from pymc_marketing.hsgp_kwargs import HSGPKwargs
from pymc_marketing.mmm.hsgp import CovFunc

from pymc_toolkit.components.adstock import ADSTOCKS
from pymc_toolkit.components.saturation import SATURATIONS
from pymc_toolkit.exceptions import PriorError, SpecificationError
from pymc_toolkit.model_spec import ModelSpec
from pymc_toolkit.prior_checks import checked_overrides
from pymc_toolkit.priors import (
    component_parameters,
    default_priors,
    hsgp_config,
    resolve,
    to_upstream,
)

PERIODS = 161
GUIDE = ModelSpec(lag_max=4, time_varying_media=True)
EVERYTHING = ModelSpec(
    lag_max=4,
    time_varying_media=True,
    time_varying_intercept=True,
    yearly_seasonality=2,
    trend=3,
)
SIZES = {"channel": 2, "control": 1}
TVP = "media_tvp_config"


def check(overrides: dict, spec: ModelSpec = GUIDE, sizes: dict = SIZES) -> dict:
    return checked_overrides(overrides, spec, PERIODS, sizes)


def channel_prior(dist: str, **kwargs: object) -> dict:
    """The plain form of a prior for each channel, which ``Prior`` itself might refuse to make."""
    return {"dist": dist, "kwargs": kwargs, "dims": ["channel"]}


class TestDefaults:
    def test_the_guides_example(self):
        expected = {
            "intercept": Prior("HalfNormal", sigma=1),
            "likelihood": Prior("Normal", sigma=Prior("HalfNormal", sigma=2)),
            "gamma_control": Prior("HalfNormal", sigma=1, dims="control"),
            "media_tvp_config": HSGPKwargs(
                m=50, L=241.5, eta_lam=10.0, ls_mu=5, ls_sigma=5, cov_func=CovFunc.Matern52
            ),
            "saturation_lam": Prior("HalfNormal", sigma=1, dims="channel"),
            "saturation_alpha": Prior("Gamma", mu=2, sigma=1, dims="channel"),
            "adstock_alpha": Prior("Beta", alpha=1, beta=3, dims="channel"),
        }
        priors = to_upstream(default_priors(GUIDE, PERIODS, has_controls=True))
        assert priors == expected
        assert list(priors) == list(expected)

    def test_only_what_the_model_has(self):
        plain = default_priors(ModelSpec(lag_max=4), PERIODS, has_controls=False)
        assert set(default_priors(EVERYTHING, PERIODS, has_controls=True)) - set(plain) == {
            "gamma_control",
            "gamma_fourier",
            "delta",
            "intercept_tvp_config",
            "media_tvp_config",
        }

    def test_the_basis_spans_one_and_a_half_windows(self):
        assert default_priors(GUIDE, 104, has_controls=False)[TVP]["L"] == 156

    @pytest.mark.parametrize("adstock", ADSTOCKS)
    @pytest.mark.parametrize("saturation", SATURATIONS)
    def test_parameters_are_those_that_upstream_asks_for(self, adstock, saturation):
        spec = ModelSpec(lag_max=4, adstock=adstock, saturation=saturation)
        theirs = {
            **getattr(upstream, spec.saturation_component.upstream)().model_config,
            **getattr(upstream, spec.adstock_component.upstream)(l_max=4).model_config,
        }
        assert set(component_parameters(spec)) == set(theirs)

    @pytest.mark.parametrize("adstock", ADSTOCKS)
    @pytest.mark.parametrize("saturation", SATURATIONS)
    def test_every_default_passes_the_check_of_overrides(self, adstock, saturation):
        spec = ModelSpec(lag_max=4, adstock=adstock, saturation=saturation)
        defaults = default_priors(spec, PERIODS, has_controls=True)
        assert check(to_upstream(defaults), spec) == defaults

    def test_so_do_those_of_everything_that_varies_over_time(self):
        defaults = default_priors(EVERYTHING, PERIODS, has_controls=True)
        assert check(to_upstream(defaults), EVERYTHING) == defaults


class TestNames:
    def test_an_unknown_name_gets_a_suggestion(self):
        with pytest.raises(PriorError, match=r"'adstock_alfa'.*Did you mean 'adstock_alpha'\?"):
            check({"adstock_alfa": Prior("Beta", alpha=1, beta=1)})

    def test_what_another_model_would_have_is_unknown(self):
        with pytest.raises(PriorError, match="'gamma_control', which this model does not have"):
            check({"gamma_control": Prior("Normal")}, sizes={"channel": 2, "control": 0})

    def test_priors_come_as_a_mapping(self):
        with pytest.raises(PriorError, match="priors of type list; expected a mapping"):
            check([("intercept", Prior("Normal"))])

    @pytest.mark.parametrize("prior", ["HalfNormal(1)", 1.0, None, {"sigma": 1}, [1]])
    def test_what_is_not_a_prior(self, prior):
        with pytest.raises(PriorError, match="as the prior of 'intercept'; expected a Prior"):
            check({"intercept": prior})

    def test_it_is_an_error_of_the_specification(self):
        with pytest.raises(SpecificationError):
            check({"nothing": Prior("Normal")})


class TestShapes:
    @pytest.mark.parametrize(
        ("name", "dims", "message"),
        [
            ("adstock_alpha", "control", r"dims \('control',\).*expected \('channel',\) .or none"),
            ("adstock_alpha", ("channel", "geo"), r"dims \('channel', 'geo'\)"),
            ("intercept", "channel", r"dims \('channel',\).*expected none\."),
        ],
    )
    def test_wrong_dims(self, name, dims, message):
        with pytest.raises(PriorError, match=f"{message}"):
            check({name: Prior("Beta", alpha=1, beta=1, dims=dims)})

    def test_one_value_for_all_channels(self):
        shared = check({"adstock_alpha": Prior("Beta", alpha=1, beta=1)})
        assert to_upstream(shared)["adstock_alpha"].dims is None

    def test_a_season_needs_an_amplitude_for_each_mode(self):
        with pytest.raises(PriorError, match=r"dims none .*'gamma_fourier'.*'fourier_mode'"):
            check({"gamma_fourier": Prior("Laplace", mu=0, b=1)}, EVERYTHING)

    @pytest.mark.parametrize("values", [[1.0], [1.0, 2.0, 3.0]])
    def test_wrong_length(self, values):
        message = f"{len(values)} values of sigma .*'saturation_lam'; expected 2, one for each"
        with pytest.raises(PriorError, match=message):
            check({"saturation_lam": Prior("HalfNormal", sigma=values, dims="channel")})

    @pytest.mark.parametrize(
        ("name", "dims", "expected"),
        [("gamma_fourier", "fourier_mode", 4), ("delta", "changepoint", 3)],
    )
    def test_wrong_length_over_time(self, name, dims, expected):
        with pytest.raises(PriorError, match=f"5 values of b .*expected {expected}, one for each"):
            check({name: Prior("Laplace", mu=0, b=np.ones(5), dims=dims)}, EVERYTHING)

    def test_several_values_without_dims(self):
        with pytest.raises(PriorError, match="2 values of sigma .*expected one number"):
            check({"saturation_lam": Prior("HalfNormal", sigma=[1.0, 2.0])})

    @pytest.mark.parametrize("values", [[0.5, 2.0], np.array([0.5, 2.0])])
    def test_one_value_for_each_channel(self, values):
        checked = check({"saturation_lam": Prior("HalfNormal", sigma=values, dims="channel")})
        assert checked["saturation_lam"]["kwargs"] == {"sigma": [0.5, 2.0]}

    @pytest.mark.parametrize(
        ("name", "outer", "inner"),
        [("saturation_lam", ["channel"], "geo"), ("saturation_lam", None, "channel")],
    )
    def test_a_hyperprior_with_more_dims_than_the_prior(self, name, outer, inner):
        prior = {
            "dist": "HalfNormal",
            "kwargs": {"sigma": {"dist": "HalfNormal", "kwargs": {"sigma": 1}, "dims": [inner]}},
            "dims": outer,
        }
        with pytest.raises(PriorError, match=f"'{inner}'.* for sigma of the prior of '{name}'"):
            check({name: prior})


class TestHyperparameters:
    @pytest.mark.parametrize(
        "prior",
        [
            channel_prior("HalfNormal", sigma=-1),
            channel_prior("HalfNormal", sigma=0),
            channel_prior("HalfNormal", sigma=float("nan")),
            channel_prior("HalfNormal", sigma="big"),
            channel_prior("HalfNormal", sigma=None),
            channel_prior("HalfNormal", sigma=[1, -1]),
            channel_prior("HalfNormal", scale=1),
            channel_prior("HalfNormal", sigma=1, tau=1),
            channel_prior("Beta", alpha=-1, beta=1),
            channel_prior("Beta", alpha=1),
            channel_prior("Gamma", mu=2, sigma=-1),
            channel_prior("TruncatedNormal", mu=0, sigma=-1, lower=0),
            channel_prior("Uniform", lower=2, upper=1),
            channel_prior("Flat"),
            {**channel_prior("HalfNormal", sigma=1), "transform": "no_such_function"},
            {**channel_prior("Gamma", mu=2, sigma=1), "centered": False},
            channel_prior("HalfNormal", sigma={"dist": "Normal", "kwargs": {"mu": 0, "sigma": 1}}),
        ],
        ids=lambda prior: f"{prior['dist']}-{prior['kwargs']}"[:40],
    )
    def test_impossible_ones(self, prior):
        with pytest.raises(
            PriorError, match=r"The prior of 'saturation_lam', .* is impossible: \S"
        ):
            check({"saturation_lam": prior})

    @pytest.mark.parametrize("dist", ["Nope", "Model", "sample", ""])
    def test_unknown_distributions(self, dist):
        with pytest.raises(PriorError, match=f"distribution '{dist}' for 'saturation_lam'"):
            check({"saturation_lam": channel_prior(dist)})

    def test_whole_numbers_cannot_be_sampled(self):
        with pytest.raises(PriorError, match="Got Poisson for 'saturation_lam'.*whole numbers"):
            check({"saturation_lam": channel_prior("Poisson", mu=5)})

    @pytest.mark.parametrize("inner", [{"kwargs": {"sigma": 1}}, {"class": "Censored", "data": {}}])
    def test_a_mapping_inside_that_is_no_prior(self, inner):
        with pytest.raises(PriorError, match="within the prior of 'saturation_lam'"):
            check({"saturation_lam": channel_prior("HalfNormal", sigma=inner)})

    def test_what_cannot_be_stored(self):
        with pytest.raises(PriorError, match="'saturation_lam' holds something.*cannot be stored"):
            check({"saturation_lam": channel_prior("HalfNormal", sigma=object())})


class TestSupport:
    @pytest.mark.parametrize(
        ("name", "prior", "wanted"),
        [
            ("adstock_alpha", Prior("Normal", mu=0, sigma=1), "between 0 and 1"),
            ("adstock_alpha", Prior("HalfNormal", sigma=1), "between 0 and 1"),
            ("saturation_lam", Prior("Normal", mu=1, sigma=1), "above zero"),
            ("saturation_alpha", Prior("Uniform", lower=-1, upper=3), "above zero"),
            ("saturation_lam", Prior("Beta", alpha=1, beta=1, transform="log"), "above zero"),
            ("intercept", Prior("Normal", mu=float("inf"), sigma=1), "finite"),
        ],
    )
    def test_mass_where_the_parameter_cannot_be(self, name, prior, wanted):
        message = rf"prior of '{name}' puts [\d.]+% of its mass on values that are not {wanted}"
        with pytest.raises(PriorError, match=message):
            check({name: prior})

    @pytest.mark.parametrize(
        ("name", "prior"),
        [
            ("adstock_alpha", Prior("Uniform", lower=0, upper=1, dims="channel")),
            ("adstock_alpha", Prior("Normal", mu=0, sigma=1, transform="sigmoid", dims="channel")),
            ("saturation_lam", Prior("Normal", mu=0, sigma=1, transform="exp", dims="channel")),
            ("saturation_lam", Prior("InverseGamma", mu=1, sigma=1)),
            ("saturation_lam", Prior("TruncatedNormal", mu=0, sigma=1, lower=0, dims="channel")),
            ("intercept", Prior("Normal", mu=-3, sigma=2)),
            ("intercept", Prior("Normal")),
            ("gamma_control", Prior("Normal", mu=0, sigma=2, dims="control")),
            (
                "saturation_lam",
                Prior("HalfNormal", sigma=Prior("HalfNormal", sigma=1), dims="channel"),
            ),
            (
                "saturation_alpha",
                Prior(
                    "Gamma",
                    mu=Prior("HalfNormal", sigma=1, dims="channel"),
                    sigma=Prior("HalfNormal", sigma=1),
                    dims="channel",
                ),
            ),
            (
                "gamma_control",
                Prior(
                    "Normal",
                    mu=0,
                    sigma=Prior("HalfNormal", sigma=1),
                    dims="control",
                    centered=False,
                ),
            ),
        ],
        ids=lambda value: re.sub(r"\W+", " ", str(value)),
    )
    def test_accepted_stored_and_given_back(self, name, prior):
        checked = check({name: prior})
        stored = json.loads(json.dumps(checked))
        assert to_upstream(stored)[name] == prior
        spec = ModelSpec(4, time_varying_media=True, prior_overrides=stored)
        assert to_upstream(resolve(spec, PERIODS, has_controls=True))[name] == prior

    def test_numbers_of_numpy_are_plain_once_checked(self):
        checked = check({"saturation_lam": channel_prior("HalfNormal", sigma=np.int64(2))})
        assert json.dumps(checked["saturation_lam"]["kwargs"]) == '{"sigma": 2}'

    def test_the_users_mapping_is_left_alone(self):
        given = {"intercept": {"dist": "Normal"}}
        check(given)
        assert given == {"intercept": {"dist": "Normal"}}

    def test_other_priors_stay_at_their_defaults(self):
        overrides = check({"intercept": Prior("Normal", mu=0, sigma=1)})
        spec = ModelSpec(4, time_varying_media=True, prior_overrides=overrides)
        defaults = default_priors(GUIDE, PERIODS, has_controls=True)
        resolved = resolve(spec, PERIODS, has_controls=True)
        assert list(resolved) == list(defaults)
        assert {name for name in defaults if resolved[name] != defaults[name]} == {"intercept"}


class TestLikelihood:
    @pytest.mark.parametrize(
        "prior",
        [
            Prior("Normal", sigma=0.5),
            Prior("Normal", sigma=Prior("Gamma", mu=1, sigma=1)),
            Prior("StudentT", sigma=Prior("HalfNormal", sigma=1), nu=4),
            Prior("StudentT", sigma=Prior("HalfNormal"), nu=Prior("Gamma", alpha=2, beta=0.1)),
        ],
        ids=str,
    )
    def test_accepted(self, prior):
        assert to_upstream(check({"likelihood": prior}))["likelihood"] == prior

    @pytest.mark.parametrize(
        ("prior", "message"),
        [
            (Prior("Laplace", b=1), "Got a Laplace likelihood; expected one of Normal, StudentT"),
            (Prior("Normal", mu=0, sigma=1), r"\['mu', 'sigma'\] .*expected \['sigma'\]"),
            (Prior("Normal"), r"hyperparameters \[\] for a Normal"),
            (Prior("StudentT", sigma=1), r"\['sigma'\] .*expected \['nu', 'sigma'\]"),
            (Prior("Normal", sigma=-1), "sigma=-1 in the likelihood"),
            (Prior("Normal", sigma=0), "sigma=0 in the likelihood"),
            (Prior("Normal", sigma=float("nan")), "sigma=nan in the likelihood"),
            (Prior("Normal", sigma=[1, 2]), r"sigma=\[1, 2\] in the likelihood"),
            ({"dist": "Normal", "kwargs": {"sigma": "1"}}, "sigma='1' in the likelihood"),
            (Prior("Normal", sigma=Prior("Normal")), "'likelihood sigma' puts .*not above zero"),
            (Prior("Normal", sigma=1, dims="date"), r"\('date',\) .*'likelihood'; expected none"),
            (
                Prior("Normal", sigma=Prior("HalfNormal", sigma=1, dims="channel")),
                r"\('channel',\) for sigma of the prior of 'likelihood'",
            ),
        ],
    )
    def test_refused(self, prior, message):
        with pytest.raises(PriorError, match=message):
            check({"likelihood": prior})


class TestSmoothMultipliers:
    def test_some_settings_leave_the_others_at_their_defaults(self):
        overrides = check({TVP: {"m": 20, "cov_func": "EXPQUAD", "L": None}})
        spec = ModelSpec(4, time_varying_media=True, prior_overrides=overrides)
        resolved = resolve(spec, PERIODS, has_controls=False)
        assert to_upstream(resolved)[TVP] == HSGPKwargs(
            m=20, L=241.5, eta_lam=10, ls_mu=5, ls_sigma=5, cov_func=CovFunc.ExpQuad
        )
        assert hsgp_config(resolved[TVP]).cov_func == "ExpQuad"

    @pytest.mark.parametrize("cov_func", list(CovFunc))
    def test_settings_of_upstream_come_back_as_they_were(self, cov_func):
        settings = HSGPKwargs(m=30, L=90, eta_lam=1, ls_mu=8, ls_sigma=2, cov_func=cov_func)
        overrides = check({TVP: settings})
        spec = ModelSpec(4, time_varying_media=True, prior_overrides=overrides)
        assert to_upstream(resolve(spec, PERIODS, has_controls=False))[TVP] == settings

    @pytest.mark.parametrize(
        ("settings", "message"),
        [
            ({"L": 60}, "L=60 in 'media_tvp_config'; expected more than half of the 161 periods"),
            ({"L": 80}, "L=80 .*does not span the data"),
            ({"L": float("inf")}, "L=inf"),
            ({"m": 0}, "m=0"),
            ({"m": 50.5}, "m=50.5 .*whole number"),
            ({"m": True}, "m=True"),
            ({"m": "5"}, "m='5'"),
            ({"ls_sigma": -1}, "ls_sigma=-1"),
            ({"ls_mu": float("nan")}, "ls_mu=nan"),
            ({"eta_lam": 0}, "eta_lam=0"),
            ({"cov_func": "rbf"}, "cov_func='rbf'.*expected one of Matern52, Matern32, ExpQuad"),
            ({"M": 50}, "'M' in 'media_tvp_config'; expected some of 'm', 'L'"),
            (Prior("Normal"), "expected HSGPKwargs or a mapping"),
            (None, "expected HSGPKwargs or a mapping"),
            (50, "expected HSGPKwargs or a mapping"),
        ],
    )
    def test_refused(self, settings, message):
        with pytest.raises(PriorError, match=message):
            check({TVP: settings})

    def test_just_wide_enough(self):
        assert check({TVP: {"L": 80.5}}) == {TVP: {"L": 80.5}}
