"""A short run of everything that is kept, and the hashes of what it gives.

``python tests/equal_bits.py UPDATES`` prints them as JSON.  They are the same on every processor,
for every version of NumPy, and stored in ``equal_bits.json``.
"""

import hashlib
import json
import sys
from typing import Any

import numpy as np

from rnn.analysis.baselines import baselines
from rnn.analysis.hidden_units import Stretch, tell
from rnn.cells import CELLS
from rnn.evaluation import text_loss
from rnn.gradient_check import check, check_cases
from rnn.kernels import elementary
from rnn.kernels.compilation import compiled
from rnn.model import Architecture, initialise, loss_and_gradients
from rnn.optimizers import OPTIMIZERS, update_parameters
from rnn.runs.driver import train
from rnn.sampling import probabilities, synthesize
from rnn.settings import Settings
from rnn.text.corpus import load_corpus


def digest(*values: Any) -> str:
    """Return a hash of arrays and plain data, of every bit of their numbers."""
    found = hashlib.sha256()
    for value in values:
        is_array = isinstance(value, np.ndarray)
        found.update(value.tobytes() if is_array else repr(value).encode())
    return found.hexdigest()[:16]


@compiled
def _elementary(x):
    y, one = np.empty((5, x.size), x.dtype), x.dtype.type(1)
    for i in range(x.size):
        y[0, i], y[1, i] = elementary.exp(x[i]), elementary.tanh(x[i])
        y[2, i], y[3, i] = elementary.log(abs(x[i])), elementary.inverse_sqrt(abs(x[i]) + one)
        y[4, i] = elementary.sigmoid(x[i])
    return y


def functions() -> str:
    """Hash the elementary functions at numbers of all sizes."""
    sizes = np.ldexp(1 + np.random.default_rng(0).random(4000), np.arange(-2000, 2000) // 15)
    x = np.concatenate([sizes, -sizes])
    uniforms = np.random.default_rng(1).random((2, 4000))
    with np.errstate(over="ignore"):
        single = _elementary(x.astype(np.float32))
    return digest(single, _elementary(x), elementary.normals(uniforms))


def optimizers() -> str:
    """Hash some steps of each optimiser."""
    results = []
    for kind in OPTIMIZERS.values():
        for dtype in (np.float32, np.float64):
            theta = np.random.default_rng(2).random(333).astype(dtype)
            memory = np.zeros((kind.memory_rows, theta.size), dtype)
            for n in range(1, 20):
                gradient = np.random.default_rng(n).random(theta.size).astype(dtype) - dtype(0.5)
                update_parameters(
                    kind(np.full(1, 0.1, dtype), dtype(0.3)), theta, gradient, memory, n, 0
                )
            results += [theta, memory]
    return digest(*results)


def cells() -> str:
    """Hash the loss and the gradients of two layers of each cell."""
    results: list[Any] = []
    rng = np.random.default_rng(4)
    x, y = rng.integers(0, 30, (2, 20, 3)).astype(np.uint8)
    for cell in CELLS.values():
        architecture = Architecture(cell, 20, 30, 2)
        theta = initialise(architecture, 0.3, np.random.default_rng(5), "float32")
        h = np.zeros((3, architecture.state_size), np.float32)
        found = loss_and_gradients(architecture.parameters(theta), x, y, h)
        results += [found.loss, found.h, *found.gradients]
    return digest(*results)


def short_run(updates: int) -> dict[str, str]:
    """Train, check, sample and measure, and hash what each gives."""
    book = load_corpus("saltmarrow")
    found = {"functions": functions(), "optimizers": optimizers(), "cells": cells()}
    settings = Settings(max_updates=updates, snapshot_every=updates // 3, snapshot_length=100)
    run = train(book, settings, progress=False)
    state, model = run.state, run.best_model
    found["training"] = digest(state.theta, state.memory, state.h, state.best_theta, state.losses)
    found["history"] = digest(state.history, state.snapshots)
    errors = check(check_cases(book, 0, 4, 6, 0.3)[2:])
    found["gradient check"] = digest(errors.to_dict("list"))
    ids, no_marks = np.asarray(book.ids[:5000]), np.zeros(0, np.bool_)
    found["text loss"] = digest(text_loss(model.parameters, ids, no_marks, model.h))
    rng = np.random.default_rng(3)
    written = synthesize(model.parameters, model.h, 2, 200, rng, 0.7, 0.9)
    found["sampling"] = digest(written, probabilities(model.parameters, model.h, 2, written))
    stretch = Stretch.of(model.parameters, model.h, book.vocabulary, book.ids, 4000)
    found["unit scores"] = digest(tell(stretch).to_dict("list"))
    found["baselines"] = digest(baselines(ids, book.K))
    return found


if __name__ == "__main__":
    print(json.dumps(short_run(int(sys.argv[1])), indent=4))
