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
from autograd import grad

from rnn.cell import size, views
from rnn.kernels.compilation import compiled, exp_in_place, tanh_in_place
from rnn.model import NO_FRESH, backward, forward, initialise, loss_and_gradients, segment_loss
from rnn.vanilla import Vanilla

ROOT = Path(__file__).resolve().parent.parent
m, K, tau = 5, 11, 9


def problem(B: int = 1, h0: str = "non-zero", seed: int = 0) -> SimpleNamespace:
    """Make parameters of ordinary size, a segment and a state."""
    rng = np.random.default_rng(seed)
    theta = rng.normal(0, 0.6, size(Vanilla, m, K))
    x, y = rng.integers(K, size=(2, tau, B))
    state = rng.uniform(-1, 1, (B, m)) if h0 == "non-zero" else np.zeros((B, m))
    return SimpleNamespace(
        theta=theta, parameters=views(Vanilla, theta, m, K), x=x, y=y, h0=state, rng=rng
    )


def by_autograd(p: SimpleNamespace, mean: bool = False, fresh: Any = None) -> np.ndarray:
    """Differentiate the loss, written once more from the equations, by all parameters."""
    B = p.x.shape[1]

    def loss(theta: Any) -> Any:
        W, b, V, c, U = views(Vanilla, theta, m, K)
        total, h = 0.0, p.h0
        for t in range(tau):
            if fresh is not None:
                h = anp.where(fresh[t][:, None], 0.0, h)
            h = anp.tanh(anp.dot(h, W.T) + U[p.x[t]] + b)
            o = anp.dot(h, V.T) + c
            top = anp.max(o, axis=1, keepdims=True)
            log_p = o - top - anp.log(anp.sum(anp.exp(o - top), axis=1, keepdims=True))
            total = total - anp.sum(log_p[anp.arange(B), p.y[t]])
        return total / B / (tau if mean else 1)

    return grad(loss)(p.theta)


def flat(gradients: Vanilla) -> np.ndarray:
    return np.concatenate([part.ravel() for part in gradients])


@pytest.mark.parametrize("h0", ["zero", "non-zero"])
@pytest.mark.parametrize("mean", [False, True], ids=["sum", "mean"])
@pytest.mark.parametrize("B", [1, 4])
def test_gradients_equal_automatic_differentiation(B: int, mean: bool, h0: str) -> None:
    p = problem(B, h0)
    found = loss_and_gradients(p.parameters, p.x, p.y, p.h0, mean)
    np.testing.assert_allclose(flat(found.gradients), by_autograd(p, mean), rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("B", [1, 4])
def test_gradients_equal_automatic_differentiation_where_documents_begin(B: int) -> None:
    p = problem(B)
    fresh = p.rng.random((tau, B)) < 0.4
    fresh[0, 0] = fresh[4, 0] = True
    assert not fresh.all(axis=1).all()
    H, P = np.zeros((tau + 1, B, m)), np.empty((tau, B, K))
    H[0] = p.h0
    gradients = Vanilla(*(np.zeros_like(part) for part in p.parameters))
    forward(p.parameters, p.x, p.y, fresh, H, P)
    backward(p.parameters, p.x, p.y, fresh, H, P, np.empty_like(H[1:]), gradients, 1 / B)
    expected = by_autograd(p, fresh=fresh)
    np.testing.assert_allclose(flat(gradients), expected, rtol=1e-11, atol=1e-13)
    assert not np.allclose(expected, by_autograd(p))


def test_softmax_sums_to_one_under_huge_logits() -> None:
    p = problem()
    p.parameters.c[:] = p.rng.normal(0, 1e4, K)
    p.parameters.c[3] = 1e5
    H, P = np.zeros((tau + 1, 1, m)), np.empty((tau, 1, K))
    loss = forward(p.parameters, p.x, p.y, NO_FRESH, H, P)
    np.testing.assert_allclose(P.sum(axis=2), 1, rtol=1e-14)
    assert np.isfinite(loss)
    assert P[:, :, 3].min() == 1


def test_loss_of_equal_outputs_is_tau_ln_K() -> None:
    p = problem()
    p.theta[:] = 0
    assert segment_loss(p.parameters, p.x, p.y, p.h0) == pytest.approx(tau * np.log(K), rel=1e-14)


def test_streams_side_by_side_are_streams_alone_averaged() -> None:
    p = problem(4)
    together = loss_and_gradients(p.parameters, p.x, p.y, p.h0)
    alone = [
        loss_and_gradients(p.parameters, p.x[:, s].copy(), p.y[:, s].copy(), p.h0[s])
        for s in range(4)
    ]
    assert together.loss == pytest.approx(np.mean([one.loss for one in alone]), rel=1e-13)
    average = np.mean([flat(one.gradients) for one in alone], axis=0)
    np.testing.assert_allclose(flat(together.gradients), average, rtol=1e-11, atol=1e-14)
    np.testing.assert_allclose(together.h, [one.h for one in alone], rtol=1e-13)


def test_a_segment_continues_where_the_one_before_it_ended() -> None:
    p = problem()
    whole = segment_loss(p.parameters, p.x, p.y, p.h0)
    first = loss_and_gradients(p.parameters, p.x[:4], p.y[:4], p.h0)
    rest = segment_loss(p.parameters, p.x[4:], p.y[4:], first.h)
    assert first.loss + rest == pytest.approx(whole, rel=1e-13)


def test_gradients_of_characters_not_read_are_exactly_zero() -> None:
    p = problem()
    dU = loss_and_gradients(p.parameters, p.x, p.y, p.h0).gradients.U
    unread = np.setdiff1d(np.arange(K), p.x)
    assert len(unread) > 0
    assert not dU[unread].any()
    assert dU[np.unique(p.x)].all()


def test_first_parameters_have_the_deviation_asked_for_and_biases_of_zero() -> None:
    _, parameters = initialise(200, 90, 0.01, np.random.default_rng(0))
    for part in (parameters.W, parameters.U, parameters.V):
        assert part.std() == pytest.approx(0.01, rel=0.02)
    assert not parameters.b.any()
    assert not parameters.c.any()


def test_scaled_first_parameters_have_the_deviations_of_2026() -> None:
    _, parameters = initialise(200, 90, None, np.random.default_rng(0))
    assert parameters.W.std() == pytest.approx((2 * 200) ** -0.5, rel=0.02)
    assert parameters.U.std() == pytest.approx((2 * 90) ** -0.5, rel=0.02)
    assert parameters.V.std() == pytest.approx(200**-0.5, rel=0.02)


def test_both_types_start_from_the_same_parameters() -> None:
    double, _ = initialise(7, K, 0.01, np.random.default_rng(3), "float64")
    single, _ = initialise(7, K, 0.01, np.random.default_rng(3), "float32")
    assert single.dtype == np.float32
    np.testing.assert_array_equal(double.astype(np.float32), single)


def test_uncompiled_source_gives_what_the_compiled_gives(tmp_path: Path) -> None:
    p = problem(3)
    np.savez(tmp_path / "in.npz", theta=p.theta, x=p.x, y=p.y, h0=p.h0)
    script = f"""
import numba, numpy as np
from rnn.cell import views
from rnn.model import loss_and_gradients
from rnn.vanilla import Vanilla
assert numba.config.DISABLE_JIT
p = np.load("in.npz")
parameters = views(Vanilla, p["theta"], {m}, {K})
found = loss_and_gradients(parameters, p["x"], p["y"], p["h0"])
np.savez("out.npz", loss=found.loss, h=found.h, **found.gradients._asdict())
"""
    environment = os.environ | {"NUMBA_DISABLE_JIT": "1", "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, env=environment, check=True)
    found = loss_and_gradients(p.parameters, p.x, p.y, p.h0)
    with np.load(tmp_path / "out.npz") as plain:
        assert plain["loss"] == pytest.approx(found.loss, rel=1e-14)
        np.testing.assert_allclose(plain["h"], found.h, rtol=1e-12)
        for name, gradient in found.gradients._asdict().items():
            np.testing.assert_allclose(plain[name], gradient, rtol=1e-11, atol=1e-14)


@compiled
def tanh_compiled(x):  # type: ignore[no-untyped-def]
    tanh_in_place(x)


@compiled
def exp_compiled(x):  # type: ignore[no-untyped-def]
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
