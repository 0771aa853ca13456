"""The engine of this project, called as `rnn.training.Trainer` calls it."""

from collections.abc import Callable

import numpy as np

from benchmarks.problem import Problem
from rnn.model import named
from rnn.optimizers import AdaGrad
from rnn.settings import Settings
from rnn.state import first_state
from rnn.training import Network, Progress, Reading, train_segments

__all__ = ["prepare"]


def prepare(problem: Problem) -> Callable[[int, float], np.ndarray]:
    settings = Settings(
        m=problem.m, seq_length=problem.tau, batch_size=problem.batch, dtype=problem.dtype
    )
    real = np.dtype(problem.dtype).type

    def run(updates: int, eta: float) -> np.ndarray:
        state = first_state(settings, problem.K)
        network = Network.of(settings, problem.K, state.theta, problem.ids)
        for name, part in named(network.parameters).items():
            part[...] = problem.parameters()[name]
        resets, no_marks = np.zeros(updates, np.bool_), np.zeros(0, np.bool_)
        reading = Reading(problem.ids, no_marks, problem.starts[:updates], resets)
        optimizer = AdaGrad(real(eta), real(problem.clip))
        smooth = np.empty(updates)
        train_segments(network, optimizer, Progress.of(state), reading, False, 1, smooth)
        # s_n = 0.999 s_{n-1} + 0.001 loss_n, with s_1 = loss_1
        losses = smooth.copy()
        losses[1:] = (smooth[1:] - 0.999 * smooth[:-1]) / 0.001
        return losses

    return run
