"""Components in numpy are held against pymc-marketing, PyMC and SciPy, and against their limits."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import pymc as pm
import pytensor
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from pymc_extras.prior import Prior
from pymc_marketing.mmm import fourier, linear_trend, transformers
from pymc_marketing.mmm.hsgp import SoftPlusHSGP
from pytensor.xtensor import as_xtensor

from pymc_toolkit.components.adstock import ADSTOCKS, carry_over
from pymc_toolkit.components.saturation import SATURATIONS
from pymc_toolkit.components.time_varying import (
    SPECTRAL_DENSITIES,
    HSGPConfig,
    fourier_modes,
    piecewise_linear_trend,
    smooth_multiplier,
)

CHANNELS = 3
LAGS = 5
RNG = np.random.default_rng(0)
SPEND = RNG.uniform(0, 1, (12, CHANNELS)) * (RNG.uniform(size=(12, CHANNELS)) > 0.3)

# Values well inside the default priors, one a channel.
ADSTOCK_VALUES = {
    "geometric": {"alpha": [0.0, 0.3, 0.95]},
    "delayed": {"alpha": [0.1, 0.5, 0.9], "theta": [0.0, 1.0, 2.5]},
    "weibull_pdf": {"lam": [0.5, 2.0, 4.0], "k": [0.8, 1.0, 3.0]},
    "weibull_cdf": {"lam": [0.5, 2.0, 4.0], "k": [0.8, 1.0, 3.0]},
    "binomial": {"alpha": [0.05, 0.5, 1.0]},
}
SATURATION_VALUES = {
    "michaelis_menten": {"lam": [0.1, 1.0, 3.0], "alpha": [0.5, 1.0, 2.0]},
    "logistic": {"lam": [0.1, 3.0, 9.0], "beta": [0.5, 1.0, 2.0]},
    "hill": {"slope": [0.5, 1.0, 4.0], "kappa": [0.1, 0.5, 2.0], "beta": [0.5, 1.0, 2.0]},
    "tanh": {"b": [0.5, 1.0, 2.0], "c": [0.2, 1.0, 3.0]},
    "root": {"alpha": [0.1, 0.5, 1.0], "beta": [0.5, 1.0, 2.0]},
}
THEIR_ADSTOCK = {
    "geometric": transformers.geometric_adstock,
    "delayed": transformers.delayed_adstock,
    "weibull_pdf": lambda x, **given: transformers.weibull_adstock(x, type="PDF", **given),
    "weibull_cdf": lambda x, **given: transformers.weibull_adstock(x, type="CDF", **given),
    "binomial": transformers.binomial_adstock,
}
THEIR_SATURATION = {
    "michaelis_menten": transformers.michaelis_menten,
    "logistic": lambda x, lam, beta: beta * transformers.logistic_saturation(x, lam),
    "hill": lambda x, slope, kappa, beta: beta * transformers.hill_function(x, slope, kappa),
    "tanh": transformers.tanh_saturation,
    "root": lambda x, alpha, beta: beta * transformers.root_saturation(x, alpha),
}

UNIT = st.floats(0.01, 1.0)
POSITIVE = st.floats(0.05, 10.0)
LAG_MAX = st.integers(2, 9)


def evaluate(variable: object, **inputs: object) -> np.ndarray:
    """Value of a symbolic expression, without compiling it to machine code."""
    return variable.eval(**inputs, mode="FAST_COMPILE")


def by_channel(values: dict[str, list[float]]) -> dict[str, object]:
    return {
        name: as_xtensor(np.array(v, dtype=float), dims=("channel",)) for name, v in values.items()
    }


def arrays(values: dict[str, list[float]]) -> dict[str, np.ndarray]:
    return {name: np.array(v, dtype=float) for name, v in values.items()}


def spend_tensor(spend: np.ndarray) -> object:
    return as_xtensor(spend, dims=("date", "channel"))


class TestAdstock:
    @pytest.mark.parametrize("lag_max", [2, LAGS, 20])
    @pytest.mark.parametrize("name", ADSTOCKS)
    def test_as_pymc_marketing(self, name, lag_max):
        values = ADSTOCK_VALUES[name]
        theirs = THEIR_ADSTOCK[name](
            spend_tensor(SPEND), l_max=lag_max, normalize=True, dim="date", **by_channel(values)
        )
        kernel = ADSTOCKS[name].kernel(lag_max, arrays(values))
        ours = carry_over(SPEND, kernel)
        np.testing.assert_allclose(ours, evaluate(theirs.transpose("date", "channel")), atol=1e-12)

    @pytest.mark.parametrize("name", sorted(set(ADSTOCKS) - {"weibull_pdf"}))
    def test_a_single_lag_keeps_every_exposure_where_it_is(self, name):
        kernel = ADSTOCKS[name].kernel(1, arrays(ADSTOCK_VALUES[name]))
        np.testing.assert_array_equal(carry_over(SPEND, kernel), SPEND)

    @pytest.mark.parametrize("name", ADSTOCKS)
    def test_draws_are_a_leading_dim(self, name):
        values = arrays(ADSTOCK_VALUES[name])
        draws = {key: np.stack([value, value[::-1]]) for key, value in values.items()}
        kernel = ADSTOCKS[name].kernel(LAGS, draws)
        assert kernel.shape == (2, CHANNELS, LAGS)
        np.testing.assert_allclose(kernel[0], ADSTOCKS[name].kernel(LAGS, values))
        assert carry_over(SPEND, kernel).shape == (2, *SPEND.shape)
        np.testing.assert_allclose(carry_over(SPEND, kernel)[1], carry_over(SPEND, kernel[1]))

    @pytest.mark.parametrize(
        ("name", "weights"),
        [
            ("weibull_pdf", lambda lags, k, lam: _from_zero_to_one(k, lam, lags + 1)),
            (
                "weibull_cdf",
                lambda lags, k, lam: np.cumprod(scipy.stats.weibull_min(k, scale=lam).sf(lags)),
            ),
        ],
    )
    def test_weibull_as_scipy(self, name, weights):
        for k, lam in [(0.5, 0.7), (1.0, 2.0), (3.0, 4.0), (6.0, 3.0)]:
            expected = weights(np.arange(LAGS), k, lam)
            ours = ADSTOCKS[name].kernel(LAGS, arrays({"lam": [lam], "k": [k]}))
            np.testing.assert_allclose(ours[0], expected / expected.sum(), atol=1e-12)

    @pytest.mark.parametrize("name", ADSTOCKS)
    @given(
        first=UNIT, theta=st.floats(0, 4), lam=st.floats(0.5, 9), k=st.floats(0.2, 4), lags=LAG_MAX
    )
    def test_any_kernel_is_a_share_out(self, name, first, theta, lam, k, lags):
        candidates = {"alpha": first, "theta": theta, "lam": lam, "k": k}
        values = {p.name: [candidates[p.name]] for p in ADSTOCKS[name].parameters}
        kernel = ADSTOCKS[name].kernel(lags, arrays(values))
        assert (kernel >= 0).all()
        np.testing.assert_allclose(kernel.sum(), 1)

    @pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
    @pytest.mark.parametrize(
        ("name", "values"),
        [
            ("weibull_pdf", {"lam": [0.02], "k": [3.0]}),
            ("delayed", {"alpha": [1e-9], "theta": [20.0]}),
        ],
    )
    def test_where_the_model_has_no_kernel_nothing_is_made_up(self, name, values):
        """All weights round to zero far out in the priors; the sampler never stays there."""
        theirs = THEIR_ADSTOCK[name](
            spend_tensor(SPEND[:, :1]), l_max=4, normalize=True, dim="date", **by_channel(values)
        )
        assert np.isnan(evaluate(theirs)).all()
        assert np.isnan(ADSTOCKS[name].kernel(4, arrays(values))).all()

    @given(alpha=UNIT, lag_max=LAG_MAX)
    def test_memory_fades(self, alpha, lag_max):
        for name in ("geometric", "binomial"):
            kernel = ADSTOCKS[name].kernel(lag_max, arrays({"alpha": [alpha]}))[0]
            assert (np.diff(kernel) <= 1e-15).all()

    @pytest.mark.parametrize(
        ("name", "values", "expected"),
        [
            ("geometric", {"alpha": [0.0]}, [1, 0, 0]),
            ("geometric", {"alpha": [1.0]}, [1 / 3, 1 / 3, 1 / 3]),
            ("geometric", {"alpha": [0.5]}, [4 / 7, 2 / 7, 1 / 7]),
            ("delayed", {"alpha": [0.0], "theta": [1.0]}, [0, 1, 0]),
            ("delayed", {"alpha": [0.5], "theta": [0.0]}, [16 / 25, 8 / 25, 1 / 25]),
            ("binomial", {"alpha": [1.0]}, [1 / 3, 1 / 3, 1 / 3]),
            ("binomial", {"alpha": [0.5]}, [4 / 9, 3 / 9, 2 / 9]),
            ("weibull_cdf", {"lam": [1e-3], "k": [5.0]}, [1, 0, 0]),
            ("weibull_cdf", {"lam": [1e6], "k": [5.0]}, [1 / 3, 1 / 3, 1 / 3]),
        ],
    )
    def test_known_kernels(self, name, values, expected):
        np.testing.assert_allclose(
            ADSTOCKS[name].kernel(3, arrays(values))[0], expected, atol=1e-12
        )


def _from_zero_to_one(k: float, lam: float, time: np.ndarray) -> np.ndarray:
    """Weibull densities, stretched so that the smallest is zero and the largest one."""
    density = scipy.stats.weibull_min(k, scale=lam).pdf(time)
    return (density - density.min()) / (density.max() - density.min())


class TestCarryOver:
    def test_by_hand(self):
        kernel = np.array([[0.5, 0.3, 0.2], [1.0, 0.0, 0.0]])
        spend = np.array([[10.0, 1.0], [0.0, 2.0], [0.0, 3.0], [20.0, 4.0]])
        expected = [[5.0, 1.0], [3.0, 2.0], [2.0, 3.0], [10.0, 4.0]]
        np.testing.assert_allclose(carry_over(spend, kernel), expected)

    def test_more_lags_than_periods(self):
        kernel = np.full((CHANNELS, 40), 1 / 40)
        np.testing.assert_allclose(carry_over(SPEND, kernel), SPEND.cumsum(axis=0) / 40)

    def test_no_periods(self):
        assert carry_over(np.zeros((0, 2)), np.ones((2, 3))).shape == (0, 2)

    def test_channels_do_not_mix(self):
        kernel = np.full((2, 3), 1 / 3)
        spend = np.zeros((6, 2))
        spend[1, 0] = 3.0
        assert (carry_over(spend, kernel)[:, 1] == 0).all()

    @given(spend=hnp.arrays(float, (8, 2), elements=st.floats(0, 1e6)), alpha=UNIT)
    def test_nothing_is_lost_and_nothing_comes_early(self, spend, alpha):
        spend[-3:] = 0
        kernel = ADSTOCKS["geometric"].kernel(4, {"alpha": np.array([alpha, alpha / 2])})
        carried = carry_over(spend, kernel)
        np.testing.assert_allclose(carried.sum(axis=0), spend.sum(axis=0), rtol=1e-9, atol=1e-9)
        first = np.argmax(spend > 0, axis=0)
        for channel in range(2):
            assert (carried[: first[channel], channel] == 0).all()


class TestSaturation:
    @pytest.mark.parametrize("name", SATURATIONS)
    def test_as_pymc_marketing(self, name):
        values = SATURATION_VALUES[name]
        theirs = THEIR_SATURATION[name](spend_tensor(SPEND), **by_channel(values))
        ours = SATURATIONS[name].response(SPEND, **arrays(values))
        np.testing.assert_allclose(
            ours, evaluate(theirs.transpose("date", "channel")), rtol=1e-12, atol=1e-14
        )

    @pytest.mark.parametrize("name", SATURATIONS)
    def test_no_exposure_earns_nothing(self, name):
        response = SATURATIONS[name].response(
            np.zeros((2, CHANNELS)), **arrays(SATURATION_VALUES[name])
        )
        assert (response == 0).all()

    @pytest.mark.parametrize("name", SATURATIONS)
    @given(
        exposure=st.lists(st.floats(0, 1e6), min_size=2, max_size=8).map(sorted),
        first=POSITIVE,
        second=POSITIVE,
        third=POSITIVE,
    )
    def test_more_exposure_never_earns_less(self, name, exposure, first, second, third):
        parameters = SATURATIONS[name].parameters
        values = dict(zip((p.name for p in parameters), (first, second, third), strict=False))
        if parameters[0].support == "unit":
            values[parameters[0].name] = first / 10
        response = SATURATIONS[name].response(np.array(exposure), **values)
        assert np.isfinite(response).all()
        assert (response >= 0).all()
        assert (np.diff(response) >= -1e-12 * response.max()).all()

    @pytest.mark.parametrize(
        ("name", "ceiling"),
        [("michaelis_menten", "alpha"), ("logistic", "beta"), ("hill", "beta"), ("tanh", "b")],
    )
    @given(exposure=st.floats(0, 1e12), first=POSITIVE, second=POSITIVE, third=POSITIVE)
    def test_never_more_than_the_ceiling(self, name, ceiling, exposure, first, second, third):
        names = [p.name for p in SATURATIONS[name].parameters]
        values = dict(zip(names, (first, second, third), strict=False))
        response = SATURATIONS[name].response(np.array([exposure, 1e300]), **values)
        assert (response <= values[ceiling] * (1 + 1e-12)).all()
        np.testing.assert_allclose(response[1], values[ceiling], rtol=1e-6)

    @pytest.mark.parametrize(
        ("name", "exposure", "values"),
        [
            ("michaelis_menten", 3.0, {"lam": 3.0, "alpha": 2.0}),
            ("logistic", np.log(3) / 4, {"lam": 4.0, "beta": 2.0}),
            ("hill", 3.0, {"slope": 2.5, "kappa": 3.0, "beta": 2.0}),
            ("tanh", np.arctanh(0.5) * 6, {"b": 2.0, "c": 3.0}),
            ("root", 0.25, {"alpha": 0.5, "beta": 2.0}),
        ],
    )
    def test_where_half_is_earned(self, name, exposure, values):
        np.testing.assert_allclose(SATURATIONS[name].response(np.array([exposure]), **values), 1.0)

    def test_only_the_scale_of_a_root_has_no_unit(self):
        without = {
            (name, parameter.name)
            for name, saturation in SATURATIONS.items()
            for parameter in saturation.parameters
            if parameter.unit is None
        }
        assert without == {("root", "beta")}

    @pytest.mark.parametrize("name", sorted(set(SATURATIONS) - {"root"}))
    @given(target=st.floats(1e-2, 1e6), channel=st.floats(1e-2, 1e6))
    def test_units_bring_parameters_to_original_units(self, name, target, channel):
        saturation = SATURATIONS[name]
        values = arrays(SATURATION_VALUES[name])
        original = {
            parameter.name: values[parameter.name]
            * target ** parameter.unit[0]
            * channel ** parameter.unit[1]
            for parameter in saturation.parameters
        }
        np.testing.assert_allclose(
            saturation.response(SPEND * channel, **original),
            target * saturation.response(SPEND, **values),
            rtol=1e-9,
        )

    def test_a_steep_hill_is_a_step_and_does_not_overflow(self):
        with np.errstate(over="raise", invalid="raise"):
            response = SATURATIONS["hill"].response(
                np.array([0.0, 1e-300, 0.4, 0.6, 1e300]), slope=1e4, kappa=0.5, beta=2.0
            )
        np.testing.assert_allclose(response, [0, 0, 0, 2, 2], atol=1e-12)


HSGP = {"m": 12, "L": 40.0, "eta_lam": 1.0, "ls_mu": 5.0, "ls_sigma": 5.0}


@cache
def upstream_multiplier(cov_func: str, periods: int):
    """Function of offsets, amplitude and length scale that pymc-marketing's model computes."""
    hsgp = SoftPlusHSGP(
        eta=Prior("Exponential", lam=1),
        ls=Prior("InverseGamma", mu=5, sigma=5),
        m=HSGP["m"],
        L=HSGP["L"],
        cov_func=cov_func.lower(),
        dims=("time",),
        centered=False,
        drop_first=False,
    )
    with pm.Model(coords={"time": range(periods)}) as model:
        hsgp.register_data(as_xtensor(np.arange(periods, dtype=float), dims=("time",)))
        output = hsgp.create_variable("f", xdist=True)
    names = ("f_raw_hsgp_coefs_offset", "f_raw_eta", "f_raw_ls")
    return pytensor.function([model[name] for name in names], output.values, mode="FAST_COMPILE")


class TestSmoothMultiplier:
    @pytest.mark.parametrize("cov_func", SPECTRAL_DENSITIES)
    @pytest.mark.parametrize("periods", [20, 21])
    def test_as_pymc_marketing(self, cov_func, periods):
        config = HSGPConfig(cov_func=cov_func, **HSGP)
        offsets, eta, ls = (
            RNG.normal(size=(2, HSGP["m"])),
            np.array([0.7, 3.0]),
            np.array([2.0, 9.0]),
        )
        ours = smooth_multiplier(np.arange(float(periods)), periods, config, eta, ls, offsets)
        function = upstream_multiplier(cov_func, periods)
        for draw in range(2):
            np.testing.assert_allclose(ours[draw], function(offsets[draw], eta[draw], ls[draw]))

    @pytest.mark.parametrize("cov_func", SPECTRAL_DENSITIES)
    def test_the_basis_approximates_the_covariance(self, cov_func):
        kernels = {
            "Matern52": lambda d: (1 + np.sqrt(5) * d + 5 * d**2 / 3) * np.exp(-np.sqrt(5) * d),
            "Matern32": lambda d: (1 + np.sqrt(3) * d) * np.exp(-np.sqrt(3) * d),
            "ExpQuad": lambda d: np.exp(-(d**2) / 2),
        }
        frequencies = np.arange(1, 2001) * np.pi / 400
        time = np.array([0.0, 3.0, 10.0])
        basis = np.sin(np.outer(time + 200, frequencies)) / np.sqrt(200)
        density = SPECTRAL_DENSITIES[cov_func](np, frequencies, np.array([4.0]))
        distance = np.abs(time[:, None] - time) / 4
        np.testing.assert_allclose(
            basis * density @ basis.T, kernels[cov_func](distance), atol=1e-3
        )

    @settings(max_examples=30)
    @given(eta=st.floats(0.01, 5), ls=st.floats(0.5, 30), seed=st.integers(0, 99))
    def test_positive_and_one_on_average_over_training(self, eta, ls, seed):
        config = HSGPConfig(cov_func="Matern52", **HSGP)
        offsets = np.random.default_rng(seed).normal(size=HSGP["m"])
        multiplier = smooth_multiplier(
            np.arange(30.0), 20, config, np.array(eta), np.array(ls), offsets
        )
        assert multiplier.shape == (30,)
        assert (multiplier > 0).all()
        np.testing.assert_allclose(multiplier[:20].mean(), 1.0)

    def test_later_periods_do_not_move_the_earlier_ones(self):
        config = HSGPConfig(cov_func="Matern52", **HSGP)
        offsets = RNG.normal(size=(3, HSGP["m"]))
        arguments = (20, config, np.ones(3), np.full(3, 4.0), offsets)
        longer = smooth_multiplier(np.arange(26.0), *arguments)
        np.testing.assert_allclose(longer[:, :20], smooth_multiplier(np.arange(20.0), *arguments))
        np.testing.assert_allclose(
            longer[:, 20:], smooth_multiplier(np.arange(20.0, 26.0), *arguments)
        )

    def test_without_movement_it_is_one(self):
        config = HSGPConfig(cov_func="Matern52", **HSGP)
        flat = smooth_multiplier(
            np.arange(9.0), 5, config, np.array(1.0), np.array(4.0), np.zeros(HSGP["m"])
        )
        np.testing.assert_array_equal(flat, 1.0)


class TestFourierModes:
    @pytest.mark.parametrize("order", [1, 3])
    def test_as_pymc_marketing(self, order):
        dates = pd.date_range("2023-12-25", periods=60, freq="W-MON")
        yearly = fourier.YearlyFourier(n_order=order)
        share = yearly._get_days_in_period(dates).to_numpy() / yearly.days_in_period
        theirs = fourier.generate_fourier_modes(as_xtensor(share, dims=("date",)), order)
        np.testing.assert_allclose(
            fourier_modes(dates, order),
            evaluate(theirs.transpose("date", "fourier_mode")),
            atol=1e-9,
        )

    def test_it_depends_on_the_day_of_the_year_only(self):
        dates = pd.DatetimeIndex(["2021-05-03", "2022-05-03", "2023-05-03"])
        modes = fourier_modes(dates, 2)
        np.testing.assert_array_equal(modes, modes[[0, 0, 0]])

    def test_sines_come_before_cosines(self):
        quarter = fourier_modes(pd.DatetimeIndex(["2023-04-01"]), 2)[0]
        np.testing.assert_allclose(quarter, [1, 0, 0, -1], atol=0.02)

    def test_no_dates(self):
        assert fourier_modes(pd.DatetimeIndex([]), 2).shape == (0, 4)


class TestTrend:
    @pytest.mark.parametrize("changepoints", [1, 2, 5])
    def test_as_pymc_marketing(self, changepoints):
        time = np.arange(23) / 22
        delta = RNG.normal(size=changepoints)
        with pm.Model() as model:
            trend = linear_trend.LinearTrend(n_changepoints=changepoints)
            output = trend.apply(as_xtensor(time, dims=("date",)))
        function = pytensor.function([model["delta"]], output.values, mode="FAST_COMPILE")
        np.testing.assert_allclose(piecewise_linear_trend(time, delta), function(delta), atol=1e-12)

    def test_it_goes_on_with_the_last_slope(self):
        trend = piecewise_linear_trend(np.array([1.0, 1.5, 2.0]), np.array([1.0, 2.0, 4.0]))
        np.testing.assert_allclose(trend, [2.0, 5.5, 9.0])

    def test_draws_are_a_leading_dim(self):
        delta = RNG.normal(size=(2, 3, 4))
        time = np.linspace(0, 1, 7)
        trend = piecewise_linear_trend(time, delta)
        assert trend.shape == (2, 3, 7)
        np.testing.assert_allclose(trend[1, 2], piecewise_linear_trend(time, delta[1, 2]))

    @given(delta=hnp.arrays(float, st.integers(1, 6), elements=st.floats(-5, 5)))
    def test_it_starts_at_zero_and_has_no_jumps(self, delta):
        time = np.linspace(0, 1, 1001)
        trend = piecewise_linear_trend(time, delta)
        assert trend[0] == 0
        assert np.abs(np.diff(trend)).max() <= np.abs(delta).sum() / 1000 + 1e-12
