"""What an update is made of, and what it is compiled for; in a process of its own."""

import hashlib
import json
import sys
import time
import timeit
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.build import build
from rnn.kernels.compilation import VECTOR_BYTES, compiled
from rnn.kernels.elementary import exp
from rnn.kernels.products import multiply
from rnn.model import backward, empty_segment, forward, hidden_states
from rnn.optimizers import AdaGrad, update_parameters
from rnn.runs.driver import train
from rnn.settings import Settings
from rnn.text.corpus import load_corpus

_ROUNDS, _CALLS = 40, 20  # the fastest of so many rounds counts, each of so many calls


@compiled
def _copied(source, target):
    for i in range(source.size):
        target[i] = source[i]


@compiled
def _exponentials(x):
    for i in range(x.size):
        x[i] = exp(x[i])


@compiled
def _product(A, B, C):
    multiply(A, B, C)


def parts(m: int, tau: int, batch: int) -> dict[str, Any]:
    """Time each part of an update, and what the processor can do at best.

    Returns
    -------
    dict
        ``parts``: seconds of each, and its floating-point operations where it is products;
        ``peak``: those per second of a product that fits into the nearest cache; ``bound``: the
        seconds of an update whose products run at that peak, whose parameters are read and written
        as fast as a copy is made, and which takes the exponentials that it needs.
    """
    problem = build(m, tau, batch)
    settings = Settings(m=m, seq_length=tau, batch_size=batch)
    architecture = settings.architecture(problem.K)
    theta = np.zeros(architecture.size, np.float32)
    parameters = architecture.parameters(theta)
    for name in ("V", "U", "W"):
        getattr(parameters, name)[...] = getattr(problem, name)
    x, y = np.zeros((2, tau, batch), np.uint8)
    x[:] = np.arange(x.size).reshape(x.shape) % problem.K
    segment = empty_segment(parameters, x, y)
    h = np.zeros((batch, architecture.state_size), np.float32)
    gradient = np.zeros_like(theta)
    gradients = architecture.parameters(gradient)
    memory = np.ones((1, theta.size), np.float32)
    optimizer = AdaGrad(np.zeros(1, np.float32), np.float32(5.0))
    rows, K = tau * batch, problem.K
    dO, H, dH = segment.P.reshape(rows, K), segment.H[0].reshape(rows, m), np.empty((rows, m), "f4")
    dZ, before = segment.Z[0].reshape(rows, m), segment.H_before[0].reshape(rows, m)
    A, B, C = (np.ones(shape, np.float32) for shape in ((160, 96), (96, 48), (160, 48)))
    dense = gradient[: theta.size - parameters.U.size]
    flops = {"recurrence": 2 * rows * m * m, "outputs": 2 * rows * K * m}
    calls: dict[str, Callable[[], Any]] = {
        "hidden states": lambda: hidden_states(parameters, segment, h),
        "forward": lambda: forward(parameters, segment, h),
        "backward": lambda: backward(parameters, segment, gradients, np.float32(0)),
        "dW": lambda: _product(dZ.T, before, gradients.W[0]),
        "dV": lambda: _product(dO.T, H, gradients.V),
        "dH": lambda: _product(dO, parameters.V, dH),
        "update": lambda: update_parameters(optimizer, theta, dense, memory, 1, 0),
        "peak": lambda: _product(A, B, C),
        "copy": lambda: _copied(theta, gradient),
        "exponentials": lambda: _exponentials(dO.reshape(-1)),
    }
    seconds = {
        name: min(timeit.repeat(call, number=_CALLS, repeat=_ROUNDS)) / _CALLS
        for name, call in calls.items()
    }
    peak = 2 * A.size * B.shape[1] / seconds["peak"]
    products = 3 * flops["recurrence"] + 3 * flops["outputs"]
    pointwise = seconds["exponentials"] * (1 + m / K)
    bound = products / peak + 2 * seconds["copy"] + pointwise
    found = {
        "hidden states": (seconds["hidden states"], flops["recurrence"]),
        "outputs and softmax": (seconds["forward"] - seconds["hidden states"], flops["outputs"]),
        "dV": (seconds["dV"], flops["outputs"]),
        "dH": (seconds["dH"], flops["outputs"]),
        "dW": (seconds["dW"], flops["recurrence"]),
        "rest of backward": (
            seconds["backward"] - seconds["dV"] - seconds["dH"] - seconds["dW"],
            flops["recurrence"],
        ),
        "AdaGrad": (seconds["update"], 0),
    }
    return {"parts": found, "peak": peak, "bound": bound, "vector_bytes": VECTOR_BYTES}


def target(updates: int) -> dict[str, Any]:
    """Train, and return a hash of the parameters and losses, and the seconds of an update."""
    corpus, settings = load_corpus(), Settings(max_updates=updates)
    train(corpus, settings, progress=False)
    begun = time.perf_counter()
    state = train(corpus, settings, progress=False).state
    spent = time.perf_counter() - begun
    found = hashlib.sha256(state.theta.tobytes() + state.losses.tobytes()).hexdigest()
    return {"hash": found[:16], "seconds": spent / updates, "vector_bytes": VECTOR_BYTES}


if __name__ == "__main__":
    _function = {"parts": parts, "target": target}[sys.argv[1]]
    print(json.dumps(_function(*map(int, sys.argv[2:]))))
