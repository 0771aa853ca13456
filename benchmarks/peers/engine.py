"""The engine of this project, called as `rnn.training.Trainer` calls it."""

from collections.abc import Callable

import numpy as np

from benchmarks.problem import Problem
from rnn.model import empty_segment, named
from rnn.optimizers import AdaGrad
from rnn.settings import Settings
from rnn.state import first_state
from rnn.training import Network, Progress, Reading, train_segments


def prepare(problem: Problem) -> Callable[[int, float], np.ndarray]:
    settings = Settings(
        m=problem.m, cell=problem.cell, layers=problem.layers, seq_length=problem.tau,
        batch_size=problem.batch, dtype=problem.dtype,
    )  # fmt: skip
    real, architecture = np.dtype(problem.dtype).type, settings.architecture(problem.K)

    def run(updates: int, eta: float) -> np.ndarray:
        state = first_state(settings, problem.K)
        x, y = np.zeros((2, problem.tau, problem.batch), problem.ids.dtype)
        segment = empty_segment(architecture.parameters(state.theta), x, y)
        optimizer = AdaGrad(np.full(1, eta, real), real(problem.clip))
        network = Network.of(architecture, optimizer, state, segment)
        for name, part in named(network.parameters).items():
            part[...] = problem.parameters()[name.removesuffix("1")]
        resets, no_marks = np.zeros(updates, np.bool_), np.zeros(0, np.bool_)
        reading = Reading(problem.ids, no_marks, problem.starts[:updates], resets)
        smooth = np.empty(updates)
        etas = np.full(updates, eta)
        train_segments(network, Progress.of(state), reading, etas, False, 1, smooth)
        # s_n = 0.999 s_{n-1} + 0.001 loss_n, with s_1 = loss_1
        losses = smooth.copy()
        losses[1:] = (smooth[1:] - 0.999 * smooth[:-1]) / 0.001
        return losses

    return run
