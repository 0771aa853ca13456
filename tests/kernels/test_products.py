"""Products by tiles are products, whatever the shape, and the same ones every time."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pytest

from rnn.kernels import products

ROOT = Path(__file__).resolve().parents[2]


@numba.njit
def multiply(A: Any, B: Any, C: Any) -> None:
    products.multiply(A, B, C)


@numba.njit
def multiply_laid_out(A: Any, B: Any, C: Any, room: Any, D: Any, transpose: bool) -> None:
    products.lay_out(B, room, transpose)
    products.multiply(A, room, C, plus=D)


def draw(*shape: int, dtype: Any = np.float32, seed: int = 0) -> np.ndarray:
    return np.random.default_rng([seed, *shape]).standard_normal(shape).astype(dtype)


#: (M, P, N): whole tiles, all kinds of remainders, one row, one column, nothing to sum ...
BY_TILES = [
    (25, 100, 81), (81, 25, 100), (100, 25, 100), (5, 3, 16), (6, 4, 17), (9, 2, 15), (5, 1, 8),
    (5, 7, 9), (5, 0, 16), (4, 5, 130), (3, 20, 17), (1, 100, 100), (1, 33, 8), (1, 40, 32),
    (1, 9, 64), (1, 9, 72), (1, 9, 97), (1, 9, 104), (1, 9, 105), (1, 9, 200), (1, 0, 16),
    (1, 16, 97), (1, 33, 98), (1, 40, 100), (1, 150, 100), (1, 80, 82), (1, 17, 220),
]  # fmt: skip
#: ... and those that are left to the library.
SHAPES = [*BY_TILES, (1, 33, 3), (1, 1, 1), (6, 1, 3), (1, 150, 140), (130, 130, 140)]


def bound(A: np.ndarray, B: np.ndarray) -> np.ndarray:
    """Bound the rounding of ``A B``: P additions of numbers no larger than the sum of sizes."""
    wide = np.abs(A.astype(np.float64)) @ np.abs(B.astype(np.float64))
    return (A.shape[1] + 1) * float(np.finfo(A.dtype).eps) * wide + 1e-300


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_product_is_that_of_numpy(dtype: Any) -> None:
    for M, P, N in SHAPES:
        A, B = draw(M, P, dtype=dtype), draw(P, N, dtype=dtype)
        exact = A.astype(np.longdouble) @ B.astype(np.longdouble)
        C = np.full((M, N), np.nan, dtype)
        multiply(A, B, C)
        assert (np.abs(C - exact) <= bound(A, B)).all(), (M, P, N)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_first_matrix_may_be_a_transpose(dtype: Any) -> None:
    for M, P, N in SHAPES:
        AT, B, C = draw(P, M, dtype=dtype), draw(P, N, dtype=dtype), np.full((M, N), np.nan, dtype)
        multiply(AT.T, B, C)
        exact = AT.T.astype(np.longdouble) @ B.astype(np.longdouble)
        assert (np.abs(C - exact) <= bound(AT.T, B)).all(), (M, P, N)


def test_nothing_is_written_beside_the_product() -> None:
    for M, P, N in SHAPES:
        memory = np.full(M * N + 200, np.float32(7))
        C = memory[100 : 100 + M * N].reshape(M, N)
        multiply(draw(M, P), draw(P, N), C)
        assert (memory[:100] == 7).all(), (M, P, N)
        assert (memory[100 + M * N :] == 7).all(), (M, P, N)


def test_equal_matrices_give_equal_products_wherever_they_lie() -> None:
    for M, P, N in BY_TILES:
        results = set()
        for shift in range(4):
            A, B, C = (
                np.zeros(m * n + 4, np.float32)[shift : shift + m * n].reshape(m, n)
                for m, n in ((M, P), (P, N), (M, N))
            )
            A[:], B[:] = draw(M, P), draw(P, N)
            multiply(A, B, C)
            results.add(C.tobytes())
        assert len(results) == 1, (M, P, N)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_number_that_is_none_reaches_all_that_depend_on_it(bad: float) -> None:
    for M, P, N in SHAPES:
        if not P:
            continue
        A, B, C = draw(M, P), draw(P, N), np.zeros((M, N), np.float32)
        A[M // 2, P - 1] = bad
        multiply(A, B, C)
        assert not np.isfinite(C[M // 2]).any(), (M, P, N)
        assert np.isfinite(np.delete(C, M // 2, axis=0)).all(), (M, P, N)
        A[M // 2, P - 1], B[0, N - 1] = 1, bad
        multiply(A, B, C)
        assert not np.isfinite(C[:, N - 1]).any(), (M, P, N)
        assert np.isfinite(C[:, : N - 1]).all(), (M, P, N)


def test_complex_numbers_are_multiplied_too() -> None:
    A, B = (
        draw(*shape, dtype=float) + 1j * draw(*shape, dtype=float, seed=1)
        for shape in ((3, 7), (7, 12))
    )
    C = np.empty((3, 12), A.dtype)
    multiply(A, B, C)
    np.testing.assert_allclose(C, A @ B, rtol=1e-13)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
@pytest.mark.parametrize("transpose", [False, True])
def test_a_matrix_laid_out_gives_the_same_product_and_one_is_added(
    transpose: bool, dtype: Any
) -> None:
    for M, P, N in SHAPES:
        A, B, D, C = (draw(*shape, dtype=dtype) for shape in ((M, P), (P, N), (M, N), (M, N)))
        multiply(A, B, C)
        room, found = products.panels(M, (1, P, N), dtype)[0], np.empty_like(C)
        laid_out = np.ascontiguousarray(B.T) if transpose else B
        for added in (D, D[:1]):  # a matrix, or a row that is added to every one
            multiply_laid_out(A, laid_out, found, room, added, transpose)
            np.testing.assert_array_equal(found, C + added)


def test_uncompiled_products_are_those_of_numpy() -> None:
    source = (
        "import numpy as np; from rnn.kernels.products import multiply;"
        "A, B, C = np.arange(6.).reshape(2, 3), np.ones((3, 4)), np.empty((2, 4));"
        "multiply(A, B, C); assert (C == A @ B).all();"
        "multiply(A, B, C, plus=C.copy()); assert (C == 2 * A @ B).all();"
        "multiply(A, B, C, plus=B[:1]); assert (C == A @ B + 1).all()"
    )
    environment = os.environ | {"NUMBA_DISABLE_JIT": "1"}
    subprocess.run([sys.executable, "-c", source], cwd=ROOT, env=environment, check=True)
