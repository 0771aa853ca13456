"""The engine of this project, called as `rnn.training` calls it."""

from collections.abc import Callable

import numpy as np

from benchmarks.problem import Problem
from rnn.cells import CELLS
from rnn.model import Architecture, empty_segment
from rnn.optimizers import OPTIMIZERS
from rnn.training import Network, Progress, Reading, train_segments

__all__ = ["prepare"]


def prepare(problem: Problem) -> Callable[[int, float], np.ndarray]:
    real = np.dtype(problem.dtype).type
    adagrad = OPTIMIZERS["adagrad"]
    architecture = Architecture(CELLS["vanilla"], problem.m, problem.K, 1)
    x, y = np.zeros((2, problem.tau, problem.batch), problem.ids.dtype)

    def run(updates: int, eta: float) -> np.ndarray:
        theta = np.empty(architecture.size, real)
        gradient, best = np.zeros_like(theta), np.empty_like(theta)
        parameters = architecture.parameters(theta)
        for name, part in problem.parameters().items():
            getattr(parameters, name)[...] = part
        memory = np.zeros((adagrad.memory_rows, theta.size), real)
        h = np.zeros((problem.batch, architecture.state_size), real)
        segment = empty_segment(parameters, x, y, documents=False)
        smooth = np.empty(updates)
        train_segments(
            Network(parameters, architecture.parameters(gradient), gradient, segment),
            adagrad(real(eta), real(problem.clip)),
            Progress(
                *(theta, memory, h, best, np.empty_like(h)),
                losses=np.array([np.inf, np.inf]), counts=np.zeros(2, np.int64),
            ),
            Reading(
                problem.ids, marks=np.zeros(0, np.bool_),
                starts=problem.starts[:updates], resets=np.zeros(updates, np.bool_),
            ),
            False, 1, smooth,
        )  # fmt: skip
        # s_n = 0.999 s_{n-1} + 0.001 loss_n, with s_1 = loss_1
        losses = smooth.copy()
        losses[1:] = (smooth[1:] - 0.999 * smooth[:-1]) / 0.001
        return losses

    return run
