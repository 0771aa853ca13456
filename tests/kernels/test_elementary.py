"""The elementary functions of compiled code are as exact as those of the C library, or nearly."""

from typing import Any

import numpy as np
import pytest

from rnn.kernels.compilation import compiled
from rnn.kernels.elementary import exp_in_place, tanh_in_place


@compiled
def tanh_compiled(x):
    tanh_in_place(x)


@compiled
def exp_compiled(x):
    exp_in_place(x)


def ulps(found: np.ndarray, exact: np.ndarray) -> float:
    """Return the largest distance in units of the last place of a float32."""
    return float(np.max(np.abs(found - exact) / np.spacing(np.abs(exact).astype(np.float32))))


def test_float32_tanh_is_within_three_units_of_the_last_place() -> None:
    sizes = np.concatenate([np.geomspace(1e-30, 1, 40_001), np.linspace(0, 100, 400_001)])
    x = np.concatenate([-sizes, sizes]).astype(np.float32)
    found = x.copy()
    tanh_compiled(found)
    assert ulps(found, np.tanh(x.astype(np.float64))) <= 3
    assert np.abs(found).max() == 1


def test_float32_exp_is_within_two_units_of_the_last_place() -> None:
    x = np.linspace(-87, 87, 400_001).astype(np.float32)
    found = x.copy()
    exp_compiled(found)
    assert ulps(found, np.exp(x.astype(np.float64))) <= 2


def test_float32_exp_far_below_zero_is_next_to_nothing_and_never_negative() -> None:
    x = np.array([-87.5, -1e3, -1e30, -np.inf], np.float32)
    exp_compiled(x)
    assert (x >= 0).all()
    assert (x < 1e-37).all()


@pytest.mark.parametrize("function", [tanh_compiled, exp_compiled])
def test_a_number_that_is_none_passes_through(function: Any) -> None:
    x = np.full(33, np.nan, np.float32)
    x[::2] = 0.5
    function(x)
    np.testing.assert_array_equal(np.isnan(x), np.arange(33) % 2 == 1)
