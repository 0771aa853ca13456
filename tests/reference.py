"""The assignment's training loop as most people write it, in NumPy: the tests' oracle.

Everything is float64 and one-hot, one stream and one time step at a time, from the equations
alone; the best model is copied whenever there is one.
"""

import math
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import autograd.numpy as anp
import numpy as np

from rnn.settings import Settings
from rnn.state import TrainingState
from rnn.text.corpus import Corpus, load_corpus

Arrays = dict[str, np.ndarray]


def book(
    folder: Path, characters: int = 400, letters: str = "abcdefg .\n", seed: int = 1
) -> Corpus:
    """Write a text of random letters, some likelier than others, and load it."""
    rng = np.random.default_rng(seed)
    chances = rng.dirichlet(np.full(len(letters), 2.0))
    text = letters + "".join(rng.choice(list(letters), characters - len(letters), p=chances))
    path = folder / f"book-{characters}-{seed}.txt"
    path.write_text(text, newline="")
    return load_corpus(path)


def named(theta: np.ndarray, m: int, K: int, layers: int = 1) -> Arrays:
    """Take a vector of the engine's parameters apart: W1, b1, U1, W2, ..., V, c.

    The first U is as in the course, (m, K).
    """
    square = m * m
    sizes = [layers * square, layers * m, (layers - 1) * square, K * m, K]
    W, b, above, V, c, U = np.split(theta.astype(np.float64), np.cumsum(sizes))
    below = [U.reshape(K, m).T, *above.reshape(-1, m, m)]
    p = {"V": V.reshape(K, m), "c": c}
    for n in range(layers):
        p[f"W{n + 1}"], p[f"b{n + 1}"] = W.reshape(-1, m, m)[n], b.reshape(-1, m)[n]
        p[f"U{n + 1}"] = below[n]
    return p


def segment(
    p: Arrays, x: np.ndarray, y: np.ndarray, h0: np.ndarray, fresh: list[bool] | None = None
) -> tuple[float, Arrays, np.ndarray]:
    """Return loss (a sum), gradients and last state for one stream."""
    tau, K, layers = len(x), len(p["c"]), h0.size // p["b1"].size
    X, Y = np.eye(K)[x], np.eye(K)[y]
    fresh = fresh or [False] * tau
    h, zero = np.split(h0, layers), np.zeros_like(p["b1"])
    P, steps = [], []
    for t in range(tau):
        read, step = X[t], []
        for n in range(layers):
            before = zero if fresh[t] else h[n]
            a = p[f"W{n + 1}"] @ before + p[f"U{n + 1}"] @ read + p[f"b{n + 1}"]
            h[n] = np.tanh(a)
            step.append((before, read, h[n]))
            read = h[n]
        steps.append(step)
        o = p["V"] @ read + p["c"]
        P.append(np.exp(o - o.max()) / np.exp(o - o.max()).sum())
    loss = -sum(math.log(Y[t] @ P[t]) for t in range(tau))
    g = {name: np.zeros_like(value) for name, value in p.items()}
    later = [zero] * layers
    for t in reversed(range(tau)):
        do = P[t] - Y[t]
        g["V"] += np.outer(do, steps[t][-1][2])
        g["c"] += do
        dh = p["V"].T @ do
        for n in reversed(range(layers)):
            before, read, after = steps[t][n]
            da = (dh + later[n]) * (1 - after**2)
            g[f"W{n + 1}"] += np.outer(da, before)
            g[f"U{n + 1}"] += np.outer(da, read)
            g[f"b{n + 1}"] += da
            later[n] = zero if fresh[t] else p[f"W{n + 1}"].T @ da
            dh = p[f"U{n + 1}"].T @ da
    return loss, g, np.concatenate(h)


def sigmoid(a: Any) -> Any:
    return (anp.tanh(a / 2) + 1) / 2


def vanilla(below: Any, state: list[Any], W: Any, b: Any) -> list[Any]:
    return [anp.tanh(anp.dot(state[0], W.T) + below + b)]


def lstm(below: Any, state: list[Any], W: Any, b: Any) -> list[Any]:
    h, c = state
    i, f, g, o = anp.split(anp.dot(h, W.T) + below + b, 4, axis=1)
    c = sigmoid(f) * c + sigmoid(i) * anp.tanh(g)
    return [sigmoid(o) * anp.tanh(c), c]


def gru(below: Any, state: list[Any], W: Any, b: Any) -> list[Any]:
    (h,) = state
    from_state = dict(zip("nru", anp.split(anp.dot(h, W.T), 3, axis=1), strict=True))
    from_below = dict(zip("run", anp.split(below, 3, axis=1), strict=True))
    second_bias, *biases = anp.split(b, 4, axis=-1)
    bias = dict(zip("run", biases, strict=True))
    r, u = (sigmoid(from_state[gate] + from_below[gate] + bias[gate]) for gate in "ru")
    n = anp.tanh(from_below["n"] + bias["n"] + r * (from_state["n"] + second_bias))
    return [(1 - u) * n + u * h]


#: The cells: U x_t, the states before, W and b -> the states after.
CELLS = {"vanilla": vanilla, "gru": gru, "lstm": lstm}


def adagrad(g: np.ndarray, memory: list[np.ndarray], n: int) -> np.ndarray:
    """Return the step for gradients, for a learning rate of 1."""
    memory[0] += g**2
    return g / np.sqrt(memory[0] + 1e-8)


def rmsprop(g: np.ndarray, memory: list[np.ndarray], n: int) -> np.ndarray:
    """Return the step for gradients, for a learning rate of 1."""
    memory[0] = 0.9 * memory[0] + 0.1 * g**2
    return g / np.sqrt(memory[0] + 1e-8)


def adam(g: np.ndarray, memory: list[np.ndarray], n: int) -> np.ndarray:
    """Return the step for gradients, for a learning rate of 1."""
    memory[0] = 0.9 * memory[0] + 0.1 * g
    memory[1] = 0.999 * memory[1] + 0.001 * g**2
    mean, square = memory[0] / (1 - 0.9**n), memory[1] / (1 - 0.999**n)
    return mean / (np.sqrt(square) + 1e-8)


#: The published formulas by the optimisers' names.
STEPS = {"adagrad": adagrad, "rmsprop": rmsprop, "adam": adam}


def learning_rate(s: Settings, n: int, per_epoch: int, updates: int) -> float:
    """Return the learning rate of update n (from 0) of so many, by the settings' schedule."""
    return (
        s.eta
        * {
            "constant": 1.0,
            "step": s.eta_decay ** (n // per_epoch),
            "cosine": 0.5 + 0.5 * math.cos(math.pi * n / updates),
        }[s.eta_schedule]
    )


def sequential(characters: int, s: Settings) -> Iterator[tuple[list[int], bool]]:
    """Walk through the text as the assignment does, every stream through its part."""
    part = characters // s.batch_size
    e = 0
    while True:
        yield [stream * part + e for stream in range(s.batch_size)], e == 0
        e += s.seq_length
        if e + s.seq_length + 1 > part:
            e = 0


def run(
    ids: np.ndarray, first: TrainingState, s: Settings, updates: int, positions: Any,
    marks: np.ndarray | None = None, per_epoch: int = 1,
) -> SimpleNamespace:  # fmt: skip
    """Train, and return all that is to be compared.

    `positions` yields, for every update, where the streams read and whether they are reset;
    `per_epoch` updates, after which a learning rate may take a step, are an epoch.
    """
    K = int(ids.max()) + 1
    p, update = named(first.theta, s.m, K, s.layers), STEPS[str(s.optimizer)]
    memory = {name: [np.zeros_like(value)] * 2 for name, value in p.items()}
    memory = {name: [one.copy() for one in rows] for name, rows in memory.items()}
    h = np.zeros((s.batch_size, s.layers * s.m))
    out = SimpleNamespace(smooth=[], lowest_smooth_loss=math.inf)
    for n in range(1, updates + 1):
        starts, reset = next(positions)
        if reset:
            h = np.zeros_like(h)
        loss, g = 0.0, {name: np.zeros_like(value) for name, value in p.items()}
        for stream, e in enumerate(starts):
            x, y = ids[e : e + s.seq_length], ids[e + 1 : e + s.seq_length + 1]
            fresh = None if marks is None else marks[e : e + s.seq_length].tolist()
            one, gradients, h[stream] = segment(p, x, y, h[stream], fresh)
            share = s.batch_size * (s.seq_length if s.loss == "mean" else 1)
            loss += one / share
            for name in g:
                g[name] += gradients[name] / share
        smooth = loss if n == 1 else 0.999 * out.smooth[-1] + 0.001 * loss
        out.smooth.append(smooth)
        for name in p:
            eta = learning_rate(s, n - 1, per_epoch, updates)
            p[name] -= eta * update(np.clip(g[name], -s.clip, s.clip), memory[name], n)
        if smooth < out.lowest_smooth_loss:
            out.lowest_smooth_loss, out.best_update = smooth, n
            out.best_h, out.best = h.copy(), {name: value.copy() for name, value in p.items()}
    out.p, out.h = p, h
    return out
