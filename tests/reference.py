"""The assignment's training loop as most people write it, in NumPy: the tests' oracle.

Everything is float64 and one-hot, one stream and one time step at a time, from the equations
alone; the best model is copied whenever there is one.
"""

import math
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

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


def named(theta: np.ndarray, m: int, K: int) -> Arrays:
    """Take a vector of the engine's parameters apart; U as in the course, (m, K)."""
    ends = np.cumsum([m * m, m, K * m, K])
    W, b, V, c, U = np.split(theta.astype(np.float64), ends)
    return {
        "W": W.reshape(m, m), "b": b, "V": V.reshape(K, m), "c": c, "U": U.reshape(K, m).T,
    }  # fmt: skip


def segment(
    p: Arrays, x: np.ndarray, y: np.ndarray, h0: np.ndarray, fresh: list[bool] | None = None
) -> tuple[float, Arrays, np.ndarray]:
    """Return loss (a sum), gradients and last state for one stream."""
    tau, K = len(x), len(p["c"])
    X, Y = np.eye(K)[x], np.eye(K)[y]
    fresh = fresh or [False] * tau
    h, P, before = [h0], [], []
    for t in range(tau):
        before.append(np.zeros_like(h0) if fresh[t] else h[-1])
        h.append(np.tanh(p["W"] @ before[t] + p["U"] @ X[t] + p["b"]))
        o = p["V"] @ h[-1] + p["c"]
        P.append(np.exp(o - o.max()) / np.exp(o - o.max()).sum())
    loss = -sum(math.log(Y[t] @ P[t]) for t in range(tau))
    g = {name: np.zeros_like(value) for name, value in p.items()}
    later = np.zeros_like(h0)
    for t in reversed(range(tau)):
        do = P[t] - Y[t]
        g["V"] += np.outer(do, h[t + 1])
        g["c"] += do
        da = (p["V"].T @ do + later) * (1 - h[t + 1] ** 2)
        g["W"] += np.outer(da, before[t])
        g["U"] += np.outer(da, X[t])
        g["b"] += da
        later = np.zeros_like(h0) if fresh[t] else p["W"].T @ da
    return loss, g, h[-1]


def step(s: Settings, n: int, p: np.ndarray, g: np.ndarray, memory: list[np.ndarray]) -> None:
    """Change one array of parameters by the published formula of the optimiser."""
    g = np.clip(g, -s.clip, s.clip)
    if s.optimizer == "adagrad":
        memory[0] += g**2
        p -= s.eta * g / np.sqrt(memory[0] + 1e-8)
    elif s.optimizer == "rmsprop":
        memory[0] = 0.9 * memory[0] + 0.1 * g**2
        p -= s.eta * g / np.sqrt(memory[0] + 1e-8)
    else:
        memory[0] = 0.9 * memory[0] + 0.1 * g
        memory[1] = 0.999 * memory[1] + 0.001 * g**2
        mean, square = memory[0] / (1 - 0.9**n), memory[1] / (1 - 0.999**n)
        p -= s.eta * mean / (np.sqrt(square) + 1e-8)


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
    marks: np.ndarray | None = None,
) -> SimpleNamespace:  # fmt: skip
    """Train, and return all that is to be compared.

    `positions` yields, for every update, where the streams read and whether they are reset.
    """
    K = int(ids.max()) + 1
    p = named(first.theta, s.m, K)
    memory = {name: [np.zeros_like(value)] * 2 for name, value in p.items()}
    memory = {name: [one.copy() for one in rows] for name, rows in memory.items()}
    h = np.zeros((s.batch_size, s.m))
    out = SimpleNamespace(smooth=[], best_loss=math.inf)
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
            step(s, n, p[name], g[name], memory[name])
        if smooth < out.best_loss:
            out.best_loss, out.best_update = smooth, n
            out.best_h, out.best = h.copy(), {name: value.copy() for name, value in p.items()}
    out.p, out.h = p, h
    return out
