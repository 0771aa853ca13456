"""Each optimiser against its published formula on a worked example."""

import math
from collections.abc import Callable

import numpy as np
import pytest

from rnn.optimizers import MEMORY_ROWS, OPTIMIZERS, adagrad, adam, rmsprop

#: Three steps for two parameters; the second gradient of the first one is to be clipped at 5.
GRADIENTS = [(0.5, -2.0), (8.0, 0.25), (-1.0, 0.0)]
ETA = 0.1


def steps(
    optimizer: Callable[..., None], rows: int, numbered: bool = False, clip: float = 5.0
) -> list[list[float]]:
    theta, memory = np.array([1.0, -1.0]), np.zeros((rows, 2))
    after = []
    for n, gradient in enumerate(GRADIENTS, 1):
        number = (n,) if numbered else ()
        optimizer(theta, np.array(gradient), memory, ETA, clip, *number)
        after.append(theta.tolist())
    return after


def test_every_optimizer_has_a_number_of_memory_rows() -> None:
    assert set(MEMORY_ROWS) == set(OPTIMIZERS)


def test_adagrad_follows_its_formula() -> None:
    # acc += g^2; theta -= eta g / sqrt(acc + eps)
    a = 1 - 0.1 * 0.5 / math.sqrt(0.25 + 1e-8)
    b = a - 0.1 * 5 / math.sqrt(25.25 + 1e-8)
    c = b + 0.1 * 1 / math.sqrt(26.25 + 1e-8)
    d = -1 + 0.1 * 2 / math.sqrt(4 + 1e-8)
    e = d - 0.1 * 0.25 / math.sqrt(4.0625 + 1e-8)
    want = [[a, d], [b, e], [c, e]]
    np.testing.assert_allclose(steps(adagrad, 1), want, rtol=1e-14)


def test_rmsprop_follows_its_formula() -> None:
    # acc = 0.9 acc + 0.1 g^2; theta -= eta g / sqrt(acc + eps)
    a = 1 - 0.1 * 0.5 / math.sqrt(0.025 + 1e-8)
    b = a - 0.1 * 5 / math.sqrt(0.9 * 0.025 + 2.5 + 1e-8)
    c = b + 0.1 * 1 / math.sqrt(0.81 * 0.025 + 0.9 * 2.5 + 0.1 + 1e-8)
    d = -1 + 0.1 * 2 / math.sqrt(0.4 + 1e-8)
    e = d - 0.1 * 0.25 / math.sqrt(0.9 * 0.4 + 0.00625 + 1e-8)
    want = [[a, d], [b, e], [c, e]]
    np.testing.assert_allclose(steps(rmsprop, 1), want, rtol=1e-14)


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
    np.testing.assert_allclose(steps(adam, 2, numbered=True), want, rtol=1e-13)


@pytest.mark.parametrize("gradient", [1e-2, 0.3, 4.9, -7.0])
def test_first_step_of_adagrad_and_adam_is_eta_in_size(gradient: float) -> None:
    for optimizer, rows, number in ((adagrad, 1, ()), (adam, 2, (1,))):
        theta = np.zeros(1)
        optimizer(theta, np.array([gradient]), np.zeros((rows, 1)), ETA, 5.0, *number)
        assert theta[0] == pytest.approx(-math.copysign(ETA, gradient), rel=1e-4)


def test_without_its_bias_correction_adam_would_start_many_times_too_large() -> None:
    theta = np.zeros(1)
    adam(theta, np.array([1.0]), np.zeros((2, 1)), ETA, 5.0, 1)
    uncorrected = ETA * 0.1 / math.sqrt(0.001)
    assert abs(theta[0]) < uncorrected / 3


@pytest.mark.parametrize(
    ("optimizer", "rows", "numbered"), [(adagrad, 1, False), (rmsprop, 1, False), (adam, 2, True)]
)
class TestEveryOptimizer:
    def test_clipping_at_infinity_is_the_identity(
        self, optimizer: Callable[..., None], rows: int, numbered: bool
    ) -> None:
        unclipped = steps(optimizer, rows, numbered, math.inf)
        assert unclipped == steps(optimizer, rows, numbered, 8.0)
        assert unclipped != steps(optimizer, rows, numbered, 7.9)

    def test_gradients_are_left_as_they_are(
        self, optimizer: Callable[..., None], rows: int, numbered: bool
    ) -> None:
        gradient = np.array([8.0, -8.0])
        number = (1,) if numbered else ()
        optimizer(np.zeros(2), gradient, np.zeros((rows, 2)), ETA, 5.0, *number)
        assert gradient.tolist() == [8.0, -8.0]

    def test_a_zero_gradient_at_first_changes_nothing(
        self, optimizer: Callable[..., None], rows: int, numbered: bool
    ) -> None:
        theta, memory = np.array([1.0, -2.0]), np.zeros((rows, 2))
        number = (1,) if numbered else ()
        optimizer(theta, np.zeros(2), memory, ETA, 5.0, *number)
        assert theta.tolist() == [1.0, -2.0] and not memory.any()

    def test_a_gradient_that_is_no_number_shows_in_the_parameters(
        self, optimizer: Callable[..., None], rows: int, numbered: bool
    ) -> None:
        theta = np.zeros(2)
        number = (1,) if numbered else ()
        optimizer(theta, np.array([np.nan, 1.0]), np.zeros((rows, 2)), ETA, 5.0, *number)
        assert np.isnan(theta[0]) and np.isfinite(theta[1])
