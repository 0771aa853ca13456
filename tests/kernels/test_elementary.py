"""The elementary functions beside decimal arithmetic of 50 digits, over their whole range."""

from collections.abc import Callable
from decimal import Decimal, localcontext
from typing import Any

import numpy as np
import pytest

from rnn.kernels import elementary
from rnn.kernels.compilation import compiled

TYPES = [np.float32, np.float64]


@compiled
def all_of(x):
    """Compute exp, tanh, log, 1/sqrt, sigmoid of a vector, in a loop as the math has them."""
    y = np.empty((5, x.size), x.dtype)
    for i in range(x.size):
        y[0, i] = elementary.exp(x[i])
        y[1, i] = elementary.tanh(x[i])
        y[2, i] = elementary.log(x[i])
        y[3, i] = elementary.inverse_sqrt(x[i])
        y[4, i] = elementary.sigmoid(x[i])
    return y


@compiled
def half(x, flush):
    """Halve a vector with subnormal numbers as zero, or not; tell whether they were before."""
    before = elementary.flush_subnormals(flush)
    y = np.empty_like(x)
    for i in range(x.size):
        y[i] = x[i] * x.dtype.type(0.5)
    elementary.flush_subnormals(before)
    return y, before


@compiled
def complex_of(z):
    y = np.empty((3, z.size), np.complex128)
    for i in range(z.size):
        y[0, i] = elementary.exp(z[i])
        y[1, i] = elementary.tanh(z[i])
        y[2, i] = elementary.log(z[i])
    return y


@compiled
def cos_sin(x):
    y = np.empty((2, x.size), np.float64)
    for i in range(x.size):
        y[0, i], y[1, i] = elementary.cos_sin(x[i])
    return y


def tanh(x: Decimal) -> Decimal:
    return ((2 * x).exp() - 1) / ((2 * x).exp() + 1) if x else x


def sine(x: Decimal) -> Decimal:
    """Sum the series, of an angle brought between -pi and pi."""
    x = x.remainder_near(2 * PI)
    term = total = x
    for k in range(1, 60):
        term *= -x * x / ((2 * k) * (2 * k + 1))
        total += term
    return total


PI = Decimal("3.14159265358979323846264338327950288419716939937510582097494459230781640628620900")


def ulps(found: np.ndarray, x: np.ndarray, function: Callable[[Decimal], Decimal]) -> float:
    """Return the largest distance to the exact value, in units of its last place."""
    largest = 0.0
    with localcontext(prec=50, Emin=-99999, Emax=99999):
        for number, at in zip(found, x, strict=True):
            exact = function(Decimal(float(at)))
            place = Decimal(float(np.spacing(np.abs(found.dtype.type(exact)))))
            largest = max(largest, float(abs(Decimal(float(number)) - exact) / place))
    return largest


def spread(dtype: Any, lowest: float, highest: float, n: int = 3000) -> np.ndarray:
    """Draw numbers of all sizes between two powers of two, of both signs."""
    rng = np.random.default_rng(0)
    x = np.exp2(rng.uniform(lowest, highest, n)) * rng.choice([-1, 1], n)
    return x.astype(dtype)


@pytest.mark.parametrize("dtype", TYPES)
def test_exponentials_are_within_three_units_of_the_last_place(dtype: Any) -> None:
    end = 88.7 if dtype is np.float32 else 709.7
    x = np.concatenate([np.linspace(-end - 15, end, 3000), spread(dtype, -60, 3)]).astype(dtype)
    assert ulps(all_of(x)[0], x, Decimal.exp) <= 3


@pytest.mark.parametrize("dtype", TYPES)
def test_hyperbolic_tangents_are_within_three_units_of_the_last_place(dtype: Any) -> None:
    x = np.concatenate([np.linspace(-25, 25, 2000), spread(dtype, -40, 4)]).astype(dtype)
    found = all_of(x)[1]
    assert ulps(found, x, tanh) <= 3
    assert np.abs(found).max() == 1


@pytest.mark.parametrize("dtype", TYPES)
def test_sigmoids_are_within_three_units_of_the_last_place(dtype: Any) -> None:
    end = 87 if dtype is np.float32 else 708
    x = np.concatenate([np.linspace(-end, end, 2000), spread(dtype, -40, 5)]).astype(dtype)
    assert ulps(all_of(x)[4], x, lambda x: 1 / (1 + (-x).exp())) <= 3
    far = np.array([-2 * end, 2 * end, -np.inf, np.inf], dtype)
    assert all_of(far)[4].tolist() == [0, 1, 0, 1]


@pytest.mark.parametrize("dtype", TYPES)
def test_logarithms_are_within_three_units_of_the_last_place(dtype: Any) -> None:
    smallest = -148 if dtype is np.float32 else -1073
    x = np.abs(
        np.concatenate([spread(dtype, smallest, -smallest - 60), 1 + spread(dtype, -20, -1)])
    )
    assert (x < np.finfo(dtype).tiny).any()
    assert ulps(all_of(x)[2], x, Decimal.ln) <= 3


@pytest.mark.parametrize("dtype", TYPES)
def test_inverse_square_roots_are_within_three_units_of_the_last_place(dtype: Any) -> None:
    end = 126 if dtype is np.float32 else 1022
    x = np.abs(spread(dtype, -end, end))
    assert ulps(all_of(x)[3], x, lambda x: 1 / x.sqrt()) <= 3


def test_cosines_and_sines_are_within_two_units_of_the_last_place_of_one() -> None:
    x = np.concatenate([np.linspace(-20, 20, 500), spread(np.float64, -20, 20, 500)])
    cosines, sines = cos_sin(x)
    with localcontext(prec=50):
        for at, c, s in zip(x, cosines, sines, strict=True):
            assert abs(Decimal(float(s)) - sine(Decimal(float(at)))) < Decimal("3e-16")
            assert abs(Decimal(float(c)) - sine(Decimal(float(at)) + PI / 2)) < Decimal("3e-16")
    assert np.isnan(cos_sin(np.array([np.nan, np.inf, 1e9]))).all()


@pytest.mark.parametrize("dtype", TYPES)
def test_special_numbers_have_the_values_that_they_should(dtype: Any) -> None:
    nan, inf = np.nan, np.inf
    x = np.array([nan, inf, -inf, 0, -1, 1e4, -0.0], dtype).repeat(33)
    found = all_of(x).astype(np.float64)[:, ::33]
    np.testing.assert_array_equal(found[0, :4], [nan, inf, 0, 1])
    np.testing.assert_array_equal(found[1, :4], [nan, 1, -1, 0])
    np.testing.assert_array_equal(found[2, :5], [nan, inf, nan, -inf, nan])
    np.testing.assert_array_equal(found[3, :2], [nan, 0])
    np.testing.assert_array_equal(found[4, :4], [nan, 1, 0, 0.5])
    assert found[0, 5] == inf
    np.testing.assert_array_equal(found[:3, 6], [1, 0, -inf])


@pytest.mark.parametrize("z", [complex(np.nan, 1), complex(1, np.nan), complex(np.nan, np.nan)])
def test_complex_functions_keep_what_is_not_a_number(z: complex) -> None:
    found = complex_of(np.array([z]))
    assert (np.isnan(found.real) | np.isnan(found.imag)).all()


def test_complex_functions_keep_a_derivative_however_small() -> None:
    x = spread(np.float64, -30, 4, 500)
    found = complex_of(np.abs(x) + 1e-200j)
    for values, derivative in zip(
        found,
        (lambda x: x.exp(), lambda x: 1 - tanh(x) ** 2, lambda x: 1 / x),
        strict=True,
    ):
        assert ulps(values.imag / 1e-200, np.abs(x), derivative) <= 20
    np.testing.assert_allclose(found[1].real, np.tanh(np.abs(x)), rtol=1e-15)


def test_complex_functions_are_those_of_mathematics_far_from_the_real_axis() -> None:
    rng = np.random.default_rng(1)
    z = rng.normal(0, 2, 2000) + 1j * rng.normal(0, 3, 2000)
    z[:1000] = np.abs(z[:1000].real) + 1j * z[:1000].imag
    found = complex_of(z)
    np.testing.assert_allclose(found[0], np.exp(z), rtol=2e-15)
    np.testing.assert_allclose(found[1], np.tanh(z), rtol=1e-12)
    np.testing.assert_allclose(found[2, :1000], np.log(z[:1000]), rtol=1e-14, atol=1e-14)


def test_normal_numbers_have_the_moments_and_the_tails_of_their_distribution() -> None:
    x = elementary.normals(np.random.default_rng(2).random((2, 400_000)))
    moments = [np.mean(x**k) for k in range(1, 7)]
    np.testing.assert_allclose(moments, [0, 1, 0, 3, 0, 15], atol=0.3)
    share = [np.mean(x < q) for q in (-3, -2, -1, 0, 1, 2, 3)]
    exact = [0.00135, 0.02275, 0.15866, 0.5, 0.84134, 0.97725, 0.99865]
    np.testing.assert_allclose(share, exact, atol=0.003)


def test_powers_are_those_of_repeated_multiplication() -> None:
    for n in (0, 1, 2, 3, 10, 1000, 317_086):
        with localcontext(prec=50):
            exact = float(Decimal("0.999") ** n)
        assert elementary.power(0.999, n) == pytest.approx(exact, rel=1e-13)


@pytest.mark.parametrize("dtype", TYPES)
def test_subnormal_numbers_are_zero_as_long_as_they_are_flushed(dtype: type) -> None:
    smallest = np.full(40, np.finfo(dtype).tiny)
    for flush, expected in ((False, smallest / 2), (True, 0 * smallest), (False, smallest / 2)):
        halves, before = half(smallest, flush)
        assert not before
        np.testing.assert_array_equal(halves, expected)
