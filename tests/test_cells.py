"""Another cell is one more class: training, checking, saving and sampling ask nothing else."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import autograd.numpy as anp
import numpy as np
import pytest
import reference
from autograd import grad
from numba.core.caching import NullCache

import rnn.model
import rnn.sampling
import rnn.training
from rnn import cells, evaluation
from rnn.cells import CELLS, Parameters
from rnn.errors import ReportError
from rnn.gradient_check import Case, check, compare, complex_step
from rnn.kernels import compilation
from rnn.kernels.compilation import pointwise
from rnn.kernels.elementary import tanh
from rnn.model import Architecture, empty_segment, forward, loss_and_gradients, named
from rnn.runs.checkpoints import Checkpoints
from rnn.runs.driver import train
from rnn.runs.models import load_model, save_model
from rnn.sampling import read, synthesize
from rnn.settings import Settings

pytestmark = pytest.mark.slow

RATE = 0.25


class Leaky(Parameters):
    """A leaky integrator: c_t = (1 - rate) c_{t-1} + rate (W h + U x + b), h_t = tanh(c_t)."""

    __slots__ = ()
    gates = 1
    biases = (0.0,)
    states = 2

    @staticmethod
    @pointwise
    def step(t, Z, H_before, C_before, H, C):  # type: ignore[no-untyped-def]
        rate = H.dtype.type(RATE)
        for s in range(H.shape[1]):
            for i in range(H.shape[2]):
                C[t, s, i] = C_before[t, s, i] + rate * (Z[t, s, i] - C_before[t, s, i])
                H[t, s, i] = tanh(C[t, s, i])

    @staticmethod
    @pointwise
    def step_back(t, Z, H_before, C_before, H, C, dH, dh, dc):  # type: ignore[no-untyped-def]
        rate = H.dtype.type(RATE)
        for s in range(dh.shape[0]):
            for i in range(dh.shape[1]):
                d = dc[s, i] + (dH[t, s, i] + dh[s, i]) * (1 - H[t, s, i] * H[t, s, i])
                Z[t, s, i] = rate * d
                dc[s, i] = (1 - rate) * d
                dh[s, i] = 0


m, K, tau, B = 4, 7, 12, 3


@pytest.fixture(scope="module", autouse=True)
def known_for_a_while() -> Iterator[None]:
    """Know the cell by its name, and keep its machine code out of the cache.

    Those who read that later could not import the cell.
    """
    CELLS["leaky"] = Leaky
    modules = (rnn.model, rnn.sampling, rnn.training, evaluation, cells)
    functions = {f for module in modules for f in vars(module).values() if hasattr(f, "_cache")}
    functions |= {*compilation._separate.values()}
    caches = {function: function._cache for function in functions}
    for function in caches:
        function._cache = NullCache()
    yield
    for function, cache in caches.items():
        function._cache = cache
    del CELLS["leaky"]


@pytest.fixture(params=[1, 2], ids=["one layer", "two layers"])
def case(request: pytest.FixtureRequest) -> Case:
    rng = np.random.default_rng(5)
    architecture = Architecture(Leaky, m, K, request.param)
    theta = rng.normal(0, 0.7, architecture.size)
    x, y = rng.integers(K, size=(2, tau, B)).astype(np.uint8)  # as a text has them
    state = rng.uniform(-1, 1, (B, architecture.state_size))
    return Case("another cell", theta, architecture, x, y, state)


def by_autograd(case: Case, fresh: Any = None) -> np.ndarray:
    """Differentiate the loss, written once more from the equations."""
    L = case.architecture.layers

    def loss(theta: Any) -> Any:
        p = case.architecture.parameters(theta)
        states = [case.h[:, 2 * m * n : 2 * m * (n + 1)] for n in range(L)]
        states = [[state[:, :m], state[:, m:]] for state in states]
        total = 0.0
        for t in range(tau):
            below = p.U[case.x[t]]
            for layer, (h, c) in enumerate(states):
                if fresh is not None:
                    h, c = (anp.where(fresh[t][:, None], 0.0, one) for one in (h, c))
                if layer:
                    below = anp.dot(below, p.U_above[layer - 1].T)
                a = anp.dot(h, p.W[layer].T) + below + p.b[layer]
                c = (1 - RATE) * c + RATE * a
                states[layer] = [anp.tanh(c), c]
                below = states[layer][0]
            o = anp.dot(below, p.V.T) + p.c
            log_p = o - anp.log(anp.sum(anp.exp(o), axis=1, keepdims=True))
            total = total - anp.sum(log_p[anp.arange(B), case.y[t]])
        return total / B

    return np.asarray(grad(loss)(case.theta))


def test_another_cell_has_the_gradients_of_automatic_differentiation(case: Case) -> None:
    np.testing.assert_allclose(case.gradient(), by_autograd(case), rtol=1e-11, atol=1e-13)


def test_another_cell_starts_anew_where_documents_begin(case: Case) -> None:
    fresh = np.random.default_rng(1).random((tau, B)) < 0.3
    assert fresh.any() and not fresh.all()
    parameters = case.architecture.parameters(case.theta)
    segment = empty_segment(parameters, case.x, case.y, documents=True)
    segment.fresh[:] = fresh
    forward(parameters, segment, case.h.copy())
    gradients = Leaky(*map(np.zeros_like, parameters))
    rnn.model.backward(parameters, segment, gradients, 1 / B)
    expected = by_autograd(case, fresh)
    np.testing.assert_allclose(case.vector(gradients), expected, rtol=1e-11, atol=1e-13)
    assert not np.allclose(expected, by_autograd(case))


def test_another_cell_passes_the_same_gradient_check(case: Case) -> None:
    errors = check([case])
    assert set(errors["parameter"]) == set(named(case.architecture.parameters(case.theta)))
    assert set(errors["verdict"]) <= {"good", "acceptable"}


def test_a_mistake_in_another_cell_is_seen_in_the_parameter_it_is_in(case: Case) -> None:
    name = "W" if case.architecture.layers == 1 else "W2"
    wrong = case.gradient()
    wrong[dict(case.parts())[name]] *= 1.001
    errors = compare(case, wrong, complex_step(case.loss, case.theta)).set_index("parameter")
    assert errors["norm_wise"].idxmax() == name
    assert errors["norm_wise"].drop(name).max() < 1e-12


def test_both_states_are_carried_from_segment_to_segment(case: Case) -> None:
    parameters = case.architecture.parameters(case.theta)
    whole = loss_and_gradients(parameters, case.x, case.y, case.h)
    first = loss_and_gradients(parameters, case.x[:5], case.y[:5], case.h)
    rest = loss_and_gradients(parameters, case.x[5:], case.y[5:], first.h)
    assert first.loss + rest.loss == pytest.approx(whole.loss, rel=1e-13)
    np.testing.assert_allclose(rest.h, whole.h, rtol=1e-12)


def settings(**given: Any) -> Settings:
    small = {
        "m": 6,
        "seq_length": 5,
        "max_updates": 400,
        "epochs": 50,
        "sig": 0.3,
        "dtype": "float64",
    }
    more = {"dtype": "float64", "snapshot_every": 60, "snapshot_length": 30}
    return Settings(**small | more | {"cell": "leaky"} | given)


def test_another_cell_trains_and_is_taken_up_again_exactly(tmp_path: Path) -> None:
    book = reference.book(tmp_path, 2000)
    for last in (1, 133, 399):
        s = settings(max_updates=last)
        train(book, s, Checkpoints(tmp_path / "states", book, s), progress=False)
    s = settings()
    pieces = train(book, s, Checkpoints(tmp_path / "states", book, s), progress=False)
    whole = train(book, s, progress=False)
    assert pieces.new_updates == 1
    for name, value in vars(whole.state).items():
        np.testing.assert_array_equal(getattr(pieces.state, name), value, name)
    assert whole.state.h.shape == (1, 2 * 6)
    assert whole.text_losses()["last model"] < np.log(book.K) - 0.05
    vanilla = settings(cell="vanilla")
    other = train(book, vanilla, Checkpoints(tmp_path / "states", book, vanilla), progress=False)
    assert other.new_updates == 400, "states of another cell are not used"


def test_models_of_another_cell_say_what_they_are(tmp_path: Path) -> None:
    book = reference.book(tmp_path, 2000)
    model = train(book, settings(), progress=False).best_model
    path = tmp_path / "model.npz"
    save_model(path, model)
    again = load_model(path)
    assert type(again.parameters) is Leaky
    for part, same in zip(model.parameters, again.parameters, strict=True):
        np.testing.assert_array_equal(part, same)
    np.testing.assert_array_equal(model.h, again.h)
    del CELLS["leaky"]
    try:
        with pytest.raises(ReportError, match=r"model\.npz: expected"):
            load_model(path)
    finally:
        CELLS["leaky"] = Leaky


def test_another_cell_is_sampled_by_its_own_recurrence() -> None:
    rng = np.random.default_rng(2)
    architecture = Architecture(Leaky, m, K)
    parameters = architecture.parameters(rng.normal(0, 1.0, architecture.size))
    state = rng.uniform(-1, 1, architecture.state_size)
    ids = synthesize(parameters, state, 2, 50, np.random.default_rng(5))
    h, c, x, want = state[:m], state[m:], 2, []
    for u in np.random.default_rng(5).random(50):
        a = parameters.W[0] @ h + parameters.U[x] + parameters.b[0]
        c = (1 - RATE) * c + RATE * a
        h = np.tanh(c)
        p = np.exp(parameters.V @ h + parameters.c)
        x = int(np.searchsorted(np.cumsum(p / p.sum()), u, side="right"))
        want.append(x)
    assert ids.tolist() == want
    np.testing.assert_allclose(read(parameters, state, np.array([2, *want[:-1]])), [*h, *c])


# ---- The cells that are known, beside those of another library --------------------------------


@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_outputs_are_those_of_pytorch_with_the_same_weights(cell: str, layers: int) -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(3)
    architecture = Architecture(CELLS[cell], m, K, layers)
    parameters = architecture.parameters(rng.normal(0, 0.6, architecture.size))
    array = named(parameters)
    kind = {"gru": torch.nn.GRU, "lstm": torch.nn.LSTM}[cell]
    other = kind(K, m, layers, dtype=torch.float64)
    # PyTorch's order of gates is r, u, n and i, f, g, o; ours of W is n, r, u for the GRU.
    turn = m if cell == "gru" else 0
    for layer in range(layers):
        number = str(layer + 1) if layers > 1 else ""
        W, U, b = (array[name + number] for name in "WUb")
        second = np.append(np.zeros(2 * m), b[:m]) if cell == "gru" else np.zeros_like(b)
        weights = {
            "weight_hh": np.roll(W, -turn, axis=0),
            "weight_ih": U if layer else U.T,
            "bias_hh": second,
            "bias_ih": b[turn:],
        }
        for name, weight in weights.items():
            getattr(other, f"{name}_l{layer}").data = torch.from_numpy(weight.copy())
    x = rng.integers(K, size=(tau, B))
    state = rng.uniform(-1, 1, (B, architecture.state_size))
    parts = np.stack(np.split(state, layers, axis=1))
    first = tuple(torch.from_numpy(part.copy()) for part in np.split(parts, parts.shape[2] // m, 2))
    expected, last = other(
        torch.eye(K, dtype=torch.float64)[x], first if cell == "lstm" else first[0]
    )
    segment = empty_segment(parameters, x, x)
    forward(parameters, segment, state)
    np.testing.assert_allclose(segment.H[-1], expected.detach().numpy(), rtol=0, atol=1e-12)
    if cell == "lstm":
        np.testing.assert_allclose(segment.C[:, -1], last[1].detach().numpy(), rtol=0, atol=1e-12)
