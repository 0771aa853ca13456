"""Arrays are copied as bytes, and only where that copies numbers."""

from typing import Any

import numba
import numpy as np
import pytest

from rnn.kernels import vectors


@numba.njit
def copy(source: Any, target: Any) -> None:
    vectors.copy(source, target)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
def test_a_copy_has_the_numbers_of_a_row_and_leaves_its_neighbours(dtype: Any) -> None:
    source, target = np.arange(12).astype(dtype).reshape(3, 4), np.zeros((3, 4), dtype)
    copy(source[1], target[2])
    np.testing.assert_array_equal(target, [[0] * 4, [0] * 4, [4, 5, 6, 7]])


def test_numbers_of_another_type_are_refused() -> None:
    with pytest.raises(numba.TypingError):
        copy(np.ones(3), np.zeros(3, np.float32))
