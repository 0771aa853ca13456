"""JAX with the whole training loop compiled: a scan over updates of scans over a segment.

The gradient of the course's network is written by hand, because that runs in two thirds of the time
that automatic differentiation of the scan takes; that of the others is automatic.
"""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from benchmarks.problem import Problem


def prepare(problem: Problem) -> Callable[[int, float], np.ndarray]:
    jax.config.update("jax_enable_x64", problem.dtype == "float64")
    tau, B, m, clip, eps = problem.tau, problem.batch, problem.m, problem.clip, problem.eps
    dtype = jnp.dtype(problem.dtype)
    book = jnp.asarray(problem.ids.astype(np.int32))

    def loss_and_gradients(theta, h0, x, y):  # type: ignore[no-untyped-def]
        W, U, V, b, c = (theta[name] for name in "WUVbc")

        def step(h, a):  # type: ignore[no-untyped-def]
            h = jnp.tanh(h @ W.T + a)
            return h, h

        hT, H = lax.scan(step, h0, U[x] + b)
        log_P = jax.nn.log_softmax(H @ V.T + c)
        loss = -jnp.take_along_axis(log_P, y[..., None], 2).sum() / B
        dO = (jnp.exp(log_P) - jax.nn.one_hot(y, problem.K, dtype=dtype)) / B

        def step_back(da, at):  # type: ignore[no-untyped-def]
            dh, slope = at
            da = (dh + da @ W) * slope
            return da, da

        _, dA = lax.scan(step_back, jnp.zeros_like(h0), (dO @ V, 1 - H * H), reverse=True)
        before = jnp.concatenate([h0[None], H[:-1]])
        gradients = {
            "W": jnp.einsum("tbi,tbj->ij", dA, before),
            "U": jnp.zeros_like(U).at[x].add(dA),
            "V": jnp.einsum("tbk,tbi->ki", dO, H),
            "b": dA.sum((0, 1)),
            "c": dO.sum((0, 1)),
        }
        return loss, hT, gradients

    def loss_of_cells(theta, states, x, y):  # type: ignore[no-untyped-def]
        below, after = theta["U"][x], []
        for number in ("", "2")[: problem.layers]:
            W, b = theta[f"W{number}"], theta[f"b{number}"]
            step = partial(_STEPS[problem.cell], W, b)
            last, H = lax.scan(step, states[len(after)], below)
            after.append(last)
            if len(after) < problem.layers:
                below = H @ theta["U2"].T
        log_P = jax.nn.log_softmax(H @ theta["V"].T + theta["c"])
        return -jnp.take_along_axis(log_P, y[..., None], 2).sum() / B, after

    def by_differentiation(theta, states, x, y):  # type: ignore[no-untyped-def]
        value = jax.value_and_grad(loss_of_cells, has_aux=True)
        (loss, after), gradients = value(theta, lax.stop_gradient(states), x, y)
        return loss, after, gradients

    evaluate = loss_and_gradients if problem.cell == "vanilla" else by_differentiation

    def update(eta, carried, start):  # type: ignore[no-untyped-def]
        theta, memory, h = carried
        segment = book[start + jnp.arange(tau + 1)[:, None]]
        loss, h, gradients = evaluate(theta, h, segment[:-1], segment[1:])
        g = jax.tree.map(lambda g: jnp.clip(g, -clip, clip), gradients)
        memory = jax.tree.map(lambda a, g: a + g * g, memory, g)
        theta = jax.tree.map(lambda p, a, g: p - eta * g / jnp.sqrt(a + eps), theta, memory, g)
        return (theta, memory, h), loss

    @partial(jax.jit, donate_argnums=0)
    def train(carried, starts, eta):  # type: ignore[no-untyped-def]
        return lax.scan(partial(update, eta), carried, starts)

    def run(updates: int, eta: float) -> np.ndarray:
        theta = jax.tree.map(jnp.asarray, problem.parameters())
        memory = jax.tree.map(jnp.zeros_like, theta)
        h = jnp.zeros((B, m), dtype)
        if problem.cell != "vanilla":
            # A buffer each: what is donated cannot be donated twice.
            both = range(1 + (problem.cell == "lstm"))
            h = [[jnp.zeros((B, m), dtype) for _ in both] for _ in range(problem.layers)]
        starts = jnp.asarray(problem.starts[:updates].astype(np.int32))
        _, losses = train((theta, memory, h), starts, jnp.asarray(eta, dtype))
        return np.asarray(losses, np.float64)

    return run


def _lstm(W, b, state, below):  # type: ignore[no-untyped-def]
    h, c = state
    i, f, g, o = jnp.split(h @ W.T + below + b, 4, axis=-1)
    c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
    h = jax.nn.sigmoid(o) * jnp.tanh(c)
    return [h, c], h


def _gru(W, b, state, below):  # type: ignore[no-untyped-def]
    (h,) = state
    q, b_r, b_u, b_n = jnp.split(b, 4)
    n_from_h, r_from_h, u_from_h = jnp.split(h @ W.T, 3, axis=-1)
    r_below, u_below, n_below = jnp.split(below, 3, axis=-1)
    r = jax.nn.sigmoid(r_from_h + r_below + b_r)
    u = jax.nn.sigmoid(u_from_h + u_below + b_u)
    n = jnp.tanh(n_below + b_n + r * (n_from_h + q))
    h = (1 - u) * n + u * h
    return [h], h


_STEPS = {"gru": _gru, "lstm": _lstm}
