"""Another recurrence is one more file: what checks and trains asks nothing but the interface."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, NamedTuple

import numba
import numpy as np
import pytest
from numba.core.caching import NullCache
from rnn.cell import size, views
from rnn.vanilla import Vanilla

from rnn.gradient_check import Case, central_differences, compare
from rnn.kernels.compilation import tanh_in_place
from rnn.model import NO_FRESH, backward, forward, initialise, loss_and_gradients


@numba.njit
def _recur(parameters, x, fresh, H):  # type: ignore[no-untyped-def]
    w, U = parameters.w, parameters.U
    for t in range(x.shape[0]):
        for s in range(x.shape[1]):
            for i in range(w.size):
                before = 0.0 if fresh.size and fresh[t, s] else H[t, s, i]
                H[t + 1, s, i] = w[i] * before + U[x[t, s], i]
        tanh_in_place(H[t + 1].reshape(-1))


@numba.njit
def _recur_back(parameters, x, fresh, H, dH, gradients):  # type: ignore[no-untyped-def]
    w, dw, dU = parameters.w, gradients.w, gradients.U
    dw[:] = 0
    for t in range(x.shape[0] - 1, -1, -1):
        for s in range(x.shape[1]):
            for i in range(w.size):
                da = dH[t, s, i] * (1 - H[t + 1, s, i] ** 2)
                dU[x[t, s], i] += da
                if not (fresh.size and fresh[t, s]):
                    dw[i] += da * H[t, s, i]
                    if t > 0:
                        dH[t - 1, s, i] += da * w[i]


class Leaky(NamedTuple):
    """A cell whose units remember themselves alone: h_t = tanh(w * h_{t-1} + U x_t)."""

    w: Any
    V: Any
    c: Any
    U: Any

    @staticmethod
    def shapes(m: int, K: int) -> dict[str, tuple[int, ...]]:
        return {"w": (m,), "V": (K, m), "c": (K,), "U": (K, m)}

    recur = staticmethod(_recur)
    recur_back = staticmethod(_recur_back)


m, K, tau, B = 4, 7, 12, 3


@pytest.fixture(scope="module", autouse=True)
def nothing_kept() -> Iterator[None]:
    """Keep machine code for this cell out of the cache, whose readers could not import the cell."""
    caches = {function: function._cache for function in (forward, backward)}
    for function in caches:
        function._cache = NullCache()
    yield
    for function, cache in caches.items():
        function._cache = cache


@pytest.fixture(scope="module")
def case() -> Case:
    rng = np.random.default_rng(5)
    theta = rng.normal(0, 0.7, size(Leaky, m, K))
    x, y = rng.integers(K, size=(2, tau, B))
    return Case("another cell", theta, m, K, x, y, rng.uniform(-1, 1, (B, m)), Leaky)


def test_another_cell_passes_the_same_gradient_check(case: Case) -> None:
    gn = central_differences(case.loss, case.theta)
    table = compare(case, case.gradient(), gn)
    assert set(table["parameter"]) == {"w", "V", "c", "U"}
    assert table["norm_wise"].max() < 1e-8


def test_a_mistake_in_another_cell_is_seen_in_the_parameter_it_is_in(case: Case) -> None:
    gn = central_differences(case.loss, case.theta)
    wrong = case.gradient()
    wrong[dict(case.parts())["w"]] *= 1.001
    errors = compare(case, wrong, gn).set_index("parameter")["norm_wise"]
    assert errors.idxmax() == "w"
    assert errors["w"] == pytest.approx(0.001 / 2.001, rel=1e-3)
    assert errors.drop("w").max() < 1e-8


def test_another_cell_learns_with_the_same_functions(case: Case) -> None:
    theta = case.theta.copy()
    losses = []
    for _ in range(50):
        found = loss_and_gradients(case.parameters(theta), case.x, case.y, case.h0)
        losses.append(found.loss)
        theta -= 0.05 * case.vector(found.gradients)
    assert losses[-1] < 0.7 * losses[0]


def test_another_cell_starts_anew_where_documents_begin(case: Case) -> None:
    fresh = np.zeros((tau, B), np.bool_)
    fresh[5] = True
    parameters = case.parameters(case.theta)

    def run(marks: np.ndarray, begin: int, h0: np.ndarray) -> SimpleNamespace:
        x, y = case.x[begin:], case.y[begin:]
        H, P = np.zeros((len(x) + 1, B, m)), np.empty((len(x), B, K))
        H[0] = h0
        gradients = Leaky(*map(np.zeros_like, parameters))
        loss = forward(parameters, x, y, marks, H, P)
        backward(parameters, x, y, marks, H, P, np.empty_like(H[1:]), gradients, 1 / B)
        return SimpleNamespace(loss=loss, w=gradients.w)

    # Two documents in one segment are two segments, the second from a zero state.
    both = run(fresh, 0, case.h0)
    second = run(NO_FRESH, 5, np.zeros((B, m)))
    first = Case("", case.theta, m, K, case.x[:5], case.y[:5], case.h0, Leaky)
    assert both.loss == pytest.approx(first.loss(case.theta) + second.loss, rel=1e-13)
    dw = first.gradient()[dict(first.parts())["w"]] + second.w
    np.testing.assert_allclose(both.w, dw, rtol=1e-11)


@pytest.mark.parametrize("cell", [Vanilla, Leaky])
def test_names_are_views_of_one_vector_without_gaps_or_overlaps(cell: Any) -> None:
    theta = np.arange(size(cell, m, K), dtype=np.float64)
    parts = views(cell, theta, m, K)
    seen = np.concatenate([part.ravel() for part in parts])
    np.testing.assert_array_equal(np.sort(seen), theta)
    assert {name: part.shape for name, part in parts._asdict().items()} == cell.shapes(m, K)
    parts.U[2, 1] = -1
    assert (theta == -1).sum() == 1


@pytest.mark.parametrize("cell", [Vanilla, Leaky])
def test_rows_of_the_input_matrix_come_last_so_that_touched_ones_can_be_updated_alone(
    cell: Any,
) -> None:
    theta, parameters = initialise(m, K, 0.5, np.random.default_rng(0), cell=cell)
    np.testing.assert_array_equal(theta[-m * K :].reshape(K, m), parameters.U)
    assert parameters.U.std() > 0.2
