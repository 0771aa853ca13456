"""Each optimiser against its published formula on a worked example."""

import math
from typing import Any, NamedTuple

import numba
import numpy as np
import pytest

from rnn.optimizers import OPTIMIZERS, skips_zeros, update_parameters

#: Three steps for two parameters; the second gradient of the first one is to be clipped at 5.
GRADIENTS = [(0.5, -2.0), (8.0, 0.25), (-1.0, 0.0)]
ETA = 0.1
ETAS = np.full(1, ETA)


def step(
    name: str, theta: np.ndarray, gradient: Any, memory: np.ndarray, n: int = 1, clip: float = 5.0
) -> None:
    """Take a step for all entries of `theta`, in place."""
    optimizer = OPTIMIZERS[name](ETAS, clip)
    update_parameters(optimizer, theta, np.array(gradient), memory, n, 0)


def empty_memory(name: str, size: int) -> np.ndarray:
    return np.zeros((OPTIMIZERS[name].memory_rows, size))


def steps(name: str, clip: float = 5.0) -> list[list[float]]:
    theta, memory = np.array([1.0, -1.0]), empty_memory(name, 2)
    after = []
    for n, gradient in enumerate(GRADIENTS, 1):
        step(name, theta, gradient, memory, n, clip)
        after.append(theta.tolist())
    return after


def test_adagrad_follows_its_formula() -> None:
    # acc += g^2; theta -= eta g / sqrt(acc + eps)
    a = 1 - 0.1 * 0.5 / math.sqrt(0.25 + 1e-8)
    b = a - 0.1 * 5 / math.sqrt(25.25 + 1e-8)
    c = b + 0.1 * 1 / math.sqrt(26.25 + 1e-8)
    d = -1 + 0.1 * 2 / math.sqrt(4 + 1e-8)
    e = d - 0.1 * 0.25 / math.sqrt(4.0625 + 1e-8)
    want = [[a, d], [b, e], [c, e]]
    np.testing.assert_allclose(steps("adagrad"), want, rtol=1e-14)


def test_rmsprop_follows_its_formula() -> None:
    # acc = 0.9 acc + 0.1 g^2; theta -= eta g / sqrt(acc + eps)
    a = 1 - 0.1 * 0.5 / math.sqrt(0.025 + 1e-8)
    b = a - 0.1 * 5 / math.sqrt(0.9 * 0.025 + 2.5 + 1e-8)
    c = b + 0.1 * 1 / math.sqrt(0.81 * 0.025 + 0.9 * 2.5 + 0.1 + 1e-8)
    d = -1 + 0.1 * 2 / math.sqrt(0.4 + 1e-8)
    e = d - 0.1 * 0.25 / math.sqrt(0.9 * 0.4 + 0.00625 + 1e-8)
    want = [[a, d], [b, e], [c, e]]
    np.testing.assert_allclose(steps("rmsprop"), want, rtol=1e-14)


def test_adam_follows_its_formula() -> None:
    # m = 0.9 m + 0.1 g; v = 0.999 v + 0.001 g^2; theta -= eta m^ / (sqrt(v^) + eps)
    def step(m: float, v: float, n: int) -> float:
        return 0.1 * (m / (1 - 0.9**n)) / (math.sqrt(v / (1 - 0.999**n)) + 1e-8)

    a = 1 - step(0.05, 0.00025, 1)
    b = a - step(0.9 * 0.05 + 0.5, 0.999 * 0.00025 + 0.025, 2)
    c = b - step(0.81 * 0.05 + 0.45 - 0.1, 0.999**2 * 0.00025 + 0.999 * 0.025 + 0.001, 3)
    d = -1 - step(-0.2, 0.004, 1)
    e = d - step(-0.18 + 0.025, 0.999 * 0.004 + 0.0000625, 2)
    f = e - step(0.9 * (-0.18 + 0.025), 0.999 * (0.999 * 0.004 + 0.0000625), 3)
    want = [[a, d], [b, e], [c, f]]
    np.testing.assert_allclose(steps("adam"), want, rtol=1e-13)


@pytest.mark.parametrize("gradient", [1e-2, 0.3, 4.9, -7.0])
def test_first_step_of_adagrad_and_adam_is_eta_in_size(gradient: float) -> None:
    for name in ("adagrad", "adam"):
        theta = np.zeros(1)
        step(name, theta, [gradient], empty_memory(name, 1))
        assert theta[0] == pytest.approx(-math.copysign(ETA, gradient), rel=1e-4)


def test_without_its_bias_correction_adam_would_start_many_times_too_large() -> None:
    theta = np.zeros(1)
    step("adam", theta, [1.0], empty_memory("adam", 1))
    uncorrected = ETA * 0.1 / math.sqrt(0.001)
    assert abs(theta[0]) < uncorrected / 3


@pytest.mark.parametrize("name", OPTIMIZERS)
class TestEveryOptimizer:
    def test_clipping_at_infinity_is_the_identity(self, name: str) -> None:
        unclipped = steps(name, math.inf)
        assert unclipped == steps(name, 8.0)
        assert unclipped != steps(name, 7.9)

    def test_gradients_are_left_as_they_are(self, name: str) -> None:
        gradient = np.array([8.0, -8.0])
        optimizer = OPTIMIZERS[name](ETAS, 5.0)
        update_parameters(optimizer, np.zeros(2), gradient, empty_memory(name, 2), 1, 0)
        assert gradient.tolist() == [8.0, -8.0]

    def test_a_zero_gradient_at_first_changes_nothing(self, name: str) -> None:
        theta, memory = np.array([1.0, -2.0]), empty_memory(name, 2)
        step(name, theta, [0.0, 0.0], memory)
        assert theta.tolist() == [1.0, -2.0] and not memory.any()

    def test_a_gradient_that_is_no_number_shows_in_the_parameters(self, name: str) -> None:
        theta = np.zeros(2)
        step(name, theta, [np.nan, 1.0], empty_memory(name, 2))
        assert np.isnan(theta[0]) and np.isfinite(theta[1])

    def test_it_uses_all_rows_of_its_memory_and_no_other(self, name: str) -> None:
        rows = OPTIMIZERS[name].memory_rows
        memory = np.zeros((rows + 1, 2))
        memory[rows] = np.nan
        theta = np.zeros(2)
        step(name, theta, [1.0, 2.0], memory)
        assert np.isfinite(theta).all()
        assert memory[:rows].all() and np.isnan(memory[rows]).all()

    def test_it_says_whether_entries_without_a_gradient_can_be_left_out(self, name: str) -> None:
        theta, memory = np.zeros(2), empty_memory(name, 2)
        step(name, theta, [1.0, 1.0], memory, 1)
        before = theta[1], memory[:, 1].tolist()
        step(name, theta, [1.0, 0.0], memory, 2)
        assert (before == (theta[1], memory[:, 1].tolist())) == skips_zeros(
            OPTIMIZERS[name](ETAS, 5.0)
        )

    def test_entries_updated_part_by_part_are_updated_as_all_at_once(self, name: str) -> None:
        gradient = np.array([1.0, -2.0, 8.0, 0.5])
        optimizer, results = OPTIMIZERS[name](ETAS, 5.0), []
        for parts in ([(0, 4)], [(2, 4), (0, 2)], [(1, 3)]):
            theta, memory = np.ones(4), empty_memory(name, 4)
            for begin, end in parts:
                update_parameters(optimizer, theta, gradient[begin:end], memory, 3, begin)
            results.append(theta.tolist())
        whole, halves, middle = results
        assert halves == whole
        assert middle == [1.0, *whole[1:3], 1.0]


class Unknown(NamedTuple):
    eta: np.ndarray
    clip: float


@numba.njit
def compiled_update(optimizer, theta, gradient, memory):
    update_parameters(optimizer, theta, gradient, memory, 1, 0)


def test_what_is_no_optimizer_is_an_error_compiled_or_not() -> None:
    theta = np.zeros(2)
    with pytest.raises(AttributeError):
        update_parameters(Unknown(ETAS, 5.0), theta, np.ones(2), np.zeros((1, 2)), 1, 0)
    with pytest.raises((AttributeError, numba.TypingError)):
        compiled_update(Unknown(ETAS, 5.0), theta, np.ones(2), np.zeros((1, 2)))
    assert not theta.any()
