"""The equations agree with automatic differentiation, and with themselves uncompiled."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import autograd.numpy as anp
import numpy as np
import pytest
import reference
from autograd import grad

from rnn.cells import CELLS, name_of
from rnn.gradient_check import Case, central_differences, complex_step
from rnn.model import (
    Architecture,
    backward,
    empty_segment,
    forward,
    initialise,
    loss_and_gradients,
    named,
)

ROOT = Path(__file__).resolve().parent.parent
m, K, tau = 5, 11, 9

every_cell = pytest.mark.parametrize("cell", CELLS)


def problem(
    B: int = 1, h: str = "non-zero", layers: int = 1, cell: str = "vanilla", dropout: bool = False
) -> SimpleNamespace:
    """Make parameters of ordinary size, a segment and a state."""
    rng = np.random.default_rng(0)
    architecture = Architecture(CELLS[cell], m, K, layers)
    theta = rng.normal(0, 0.6, architecture.size)
    x, y = rng.integers(K, size=(2, tau, B))
    state = np.zeros((B, architecture.state_size))
    if h == "non-zero":
        state[:] = rng.uniform(-1, 1, state.shape)
    mask = (rng.random((layers, tau, B, m)) < 0.7) / 0.7 if dropout else None
    return SimpleNamespace(
        architecture=architecture, theta=theta, parameters=architecture.parameters(theta),
        x=x, y=y, h=state, mask=mask, rng=rng,
    )  # fmt: skip


def loss_by_autograd(p: SimpleNamespace, theta: Any, fresh: Any = None, mean: bool = False) -> Any:
    """Compute the loss from the equations, for automatic differentiation by all parameters."""
    B, layers = p.x.shape[1], p.architecture.layers
    cell = name_of(p.architecture.cell)
    places = named(p.architecture.parameters(np.arange(p.theta.size)))
    numbers = [str(n) for n in range(1, layers + 1)] if layers > 1 else [""]
    array = {name: theta[place] for name, place in places.items()}
    parts = iter(np.split(p.h, layers * p.architecture.cell.states, axis=1))
    states: list[list[Any]] = [
        [next(parts) for _ in range(p.architecture.cell.states)] for _ in numbers
    ]
    total = 0.0
    for t in range(tau):
        below = np.eye(K)[p.x[t]]
        for layer, number in enumerate(numbers):
            W, b, U = (array[name + number] for name in "WbU")
            if fresh is not None:
                states[layer] = [anp.where(fresh[t][:, None], 0.0, h) for h in states[layer]]
            # The course's U has a column a character; ours, of the first layer, a row.
            states[layer] = reference.CELLS[cell](
                anp.dot(below, U if layer == 0 else U.T), states[layer], W, b
            )
            below = states[layer][0]
            if p.mask is not None:
                below = below * p.mask[layer, t]
        o = anp.dot(below, array["V"].T) + array["c"]
        top = anp.max(o, axis=1, keepdims=True)
        log_p = o - top - anp.log(anp.sum(anp.exp(o - top), axis=1, keepdims=True))
        total = total - anp.sum(log_p[anp.arange(B), p.y[t]])
    return total / B / (tau if mean else 1)


def by_autograd(p: SimpleNamespace, fresh: Any = None, mean: bool = False) -> np.ndarray:
    return np.asarray(grad(lambda theta: loss_by_autograd(p, theta, fresh, mean))(p.theta))


def flat(gradients: Any) -> np.ndarray:
    return np.concatenate([part.ravel() for part in gradients])


@every_cell
@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("h", ["zero", "non-zero"])
@pytest.mark.parametrize("mean", [False, True], ids=["sum", "mean"])
@pytest.mark.parametrize("B", [1, 4])
def test_gradients_equal_automatic_differentiation(
    B: int, mean: bool, h: str, layers: int, cell: str
) -> None:
    p = problem(B, h, layers, cell)
    found = loss_and_gradients(p.parameters, p.x, p.y, p.h, mean)
    assert found.loss == pytest.approx(loss_by_autograd(p, p.theta, mean=mean), rel=1e-13)
    expected = by_autograd(p, mean=mean)
    np.testing.assert_allclose(flat(found.gradients), expected, rtol=1e-11, atol=1e-13)


@every_cell
@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("mean", [False, True], ids=["sum", "mean"])
@pytest.mark.parametrize("B", [1, 4])
def test_gradients_equal_central_differences_and_the_complex_step(
    B: int, mean: bool, layers: int, cell: str
) -> None:
    p = problem(B, "non-zero", layers, cell)
    found = flat(loss_and_gradients(p.parameters, p.x, p.y, p.h, mean).gradients)
    case = Case("", p.theta, p.architecture, p.x, p.y, p.h)
    places, characters = np.arange(0, p.theta.size, 3), tau if mean else 1
    stepped = complex_step(case.loss, p.theta, places=places) / characters
    np.testing.assert_allclose(found[places], stepped, rtol=1e-11, atol=1e-13)
    central = central_differences(case.loss, p.theta, places=places) / characters
    np.testing.assert_allclose(found[places], central, rtol=1e-5, atol=1e-7)


@every_cell
@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("B", [1, 4])
def test_gradients_with_dropout_equal_automatic_differentiation(
    B: int, layers: int, cell: str
) -> None:
    p = problem(B, "non-zero", layers, cell, dropout=True)
    found = loss_and_gradients(p.parameters, p.x, p.y, p.h, mask=p.mask)
    expected = by_autograd(p)
    np.testing.assert_allclose(flat(found.gradients), expected, rtol=1e-11, atol=1e-13)
    p.mask = None
    assert not np.allclose(expected, by_autograd(p))


@every_cell
@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("B", [1, 4])
def test_gradients_equal_automatic_differentiation_where_documents_begin(
    B: int, layers: int, cell: str
) -> None:
    p = problem(B, layers=layers, cell=cell)
    fresh = p.rng.random((tau, B)) < 0.4
    fresh[0, 0] = fresh[4, 0] = True
    assert not fresh.all(axis=1).all()
    segment = empty_segment(p.parameters, p.x, p.y, documents=True)
    segment.fresh[:] = fresh
    gradients = type(p.parameters)(*(np.zeros_like(part) for part in p.parameters))
    forward(p.parameters, segment, p.h.copy())
    backward(p.parameters, segment, gradients, 1 / B)
    expected = by_autograd(p, fresh=fresh)
    np.testing.assert_allclose(flat(gradients), expected, rtol=1e-11, atol=1e-13)
    assert not np.allclose(expected, by_autograd(p))


def test_softmax_sums_to_one_under_huge_logits() -> None:
    p = problem()
    p.parameters.c[:] = p.rng.normal(0, 1e4, K)
    p.parameters.c[3] = 1e5
    segment = empty_segment(p.parameters, p.x, p.y)
    loss = forward(p.parameters, segment, p.h)
    np.testing.assert_allclose(segment.P.sum(axis=2), 1, rtol=1e-14)
    assert np.isfinite(loss)
    assert segment.P[:, :, 3].min() == 1


def test_loss_of_equal_outputs_is_tau_ln_K() -> None:
    p = problem()
    p.theta[:] = 0
    found = loss_and_gradients(p.parameters, p.x, p.y, p.h)
    assert found.loss == pytest.approx(tau * np.log(K), rel=1e-14)


@every_cell
@pytest.mark.parametrize("layers", [1, 2])
def test_streams_side_by_side_are_streams_alone_averaged(layers: int, cell: str) -> None:
    p = problem(4, layers=layers, cell=cell)
    together = loss_and_gradients(p.parameters, p.x, p.y, p.h)
    alone = [loss_and_gradients(p.parameters, p.x[:, [s]], p.y[:, [s]], p.h[[s]]) for s in range(4)]
    assert together.loss == pytest.approx(np.mean([one.loss for one in alone]), rel=1e-13)
    average = np.mean([flat(one.gradients) for one in alone], axis=0)
    np.testing.assert_allclose(flat(together.gradients), average, rtol=1e-11, atol=1e-14)
    np.testing.assert_allclose(together.h, np.concatenate([one.h for one in alone]), rtol=1e-13)


@every_cell
@pytest.mark.parametrize("layers", [1, 2])
def test_a_segment_continues_where_the_one_before_it_ended(layers: int, cell: str) -> None:
    p = problem(layers=layers, cell=cell)
    whole = loss_and_gradients(p.parameters, p.x, p.y, p.h)
    first = loss_and_gradients(p.parameters, p.x[:4], p.y[:4], p.h)
    rest = loss_and_gradients(p.parameters, p.x[4:], p.y[4:], first.h)
    assert first.loss + rest.loss == pytest.approx(whole.loss, rel=1e-13)
    np.testing.assert_allclose(rest.h, whole.h, rtol=1e-12)


@every_cell
def test_the_state_goes_into_a_segment_as_it_comes_out_of_the_one_before(cell: str) -> None:
    p = problem(3, layers=2, cell=cell)
    segment, after = empty_segment(p.parameters, p.x, p.y), p.h.copy()
    forward(p.parameters, segment, after)
    before = np.concatenate([segment.H_before, segment.C_before], axis=3)[:, 0]
    np.testing.assert_array_equal(before, p.h.reshape(3, 2, -1).swapaxes(0, 1))
    last = np.concatenate([segment.H, segment.C], axis=3)[:, -1]
    np.testing.assert_array_equal(last, after.reshape(3, 2, -1).swapaxes(0, 1))


def test_gradients_of_characters_not_read_are_exactly_zero() -> None:
    p = problem()
    dU = loss_and_gradients(p.parameters, p.x, p.y, p.h).gradients.U
    unread = np.setdiff1d(np.arange(K), p.x)
    assert len(unread) > 0
    assert not dU[unread].any()
    assert dU[np.unique(p.x)].all()


@every_cell
@pytest.mark.parametrize(
    ("layers", "names"), [(1, "W b V c U"), (3, "W1 b1 W2 b2 U2 W3 b3 U3 V c U1")]
)
def test_named_arrays_are_all_parameters_once_under_the_names_people_read(
    layers: int, names: str, cell: str
) -> None:
    architecture = Architecture(CELLS[cell], m, K, layers)
    theta = np.arange(float(architecture.size))
    arrays = named(architecture.parameters(theta))
    assert " ".join(arrays) == names
    np.testing.assert_array_equal(np.sort(flat(arrays.values())), theta)
    assert {name: part.shape for name, part in arrays.items()} == architecture.named_shapes
    arrays["V"][2, 1] = -1
    assert (theta == -1).sum() == 1
    assert Architecture.of(architecture.parameters(theta)) == architecture
    U = architecture.parameters(theta).U
    np.testing.assert_array_equal(theta[-U.size :], U.ravel())


def first_parameters(
    sig: float | None, layers: int = 1, cell: str = "vanilla"
) -> dict[str, np.ndarray]:
    architecture = Architecture(CELLS[cell], 200, 90, layers)
    theta = initialise(architecture, sig, np.random.default_rng(0))
    return named(architecture.parameters(theta))


def test_first_parameters_have_the_standard_deviation_asked_for_and_biases_of_zero() -> None:
    for name, part in first_parameters(0.01, layers=2).items():
        if name[0] in "WUV":
            assert part.std() == pytest.approx(0.01, rel=0.02)
        else:
            assert not part.any()


def test_the_forget_gates_of_an_lstm_are_open_at_first() -> None:
    first = first_parameters(0.01, 2, "lstm")
    for name in ("b1", "b2"):
        i, f, g, o = np.split(first[name], 4)
        assert (f == 1).all()
        assert not (i.any() or g.any() or o.any())


def test_scaled_first_parameters_have_the_standard_deviations_of_2026() -> None:
    first = first_parameters(None)
    assert first["W"].std() == pytest.approx((2 * 200) ** -0.5, rel=0.02)
    assert first["U"].std() == pytest.approx((2 * 90) ** -0.5, rel=0.02)
    assert first["V"].std() == pytest.approx(200**-0.5, rel=0.02)
    # What a layer above reads are m hidden units.
    assert first_parameters(None, 2)["U2"].std() == pytest.approx((2 * 200) ** -0.5, rel=0.02)


def test_both_types_start_from_the_same_parameters() -> None:
    architecture = Architecture(CELLS["vanilla"], 7, K)
    double = initialise(architecture, 0.01, np.random.default_rng(3), "float64")
    single = initialise(architecture, 0.01, np.random.default_rng(3), "float32")
    assert single.dtype == np.float32
    np.testing.assert_array_equal(double.astype(np.float32), single)


@every_cell
def test_uncompiled_source_gives_what_the_compiled_gives(tmp_path: Path, cell: str) -> None:
    p = problem(3, layers=2, cell=cell, dropout=True)
    np.savez(tmp_path / "in.npz", theta=p.theta, x=p.x, y=p.y, h=p.h, mask=p.mask)
    script = f"""
import numba, numpy as np
from rnn.cells import CELLS
from rnn.model import Architecture, loss_and_gradients
assert numba.config.DISABLE_JIT
p = np.load("in.npz")
parameters = Architecture(CELLS["{cell}"], {m}, {K}, 2).parameters(p["theta"])
found = loss_and_gradients(parameters, p["x"], p["y"], p["h"], mask=p["mask"])
np.savez("out.npz", loss=found.loss, h=found.h, **found.gradients._asdict())
"""
    environment = os.environ | {"NUMBA_DISABLE_JIT": "1", "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, env=environment, check=True)
    found = loss_and_gradients(p.parameters, p.x, p.y, p.h, mask=p.mask)
    with np.load(tmp_path / "out.npz") as plain:
        assert plain["loss"] == pytest.approx(found.loss, rel=1e-14)
        np.testing.assert_allclose(plain["h"], found.h, rtol=1e-12)
        for name, gradient in found.gradients._asdict().items():
            np.testing.assert_allclose(plain[name], gradient, rtol=1e-11, atol=1e-14)
