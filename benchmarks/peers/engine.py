"""The engine of this project, called as `rnn.runs.driver` calls it."""

from collections.abc import Callable

import numpy as np

from benchmarks.problem import Problem
from rnn.cell import size, views
from rnn.engine import train_segments
from rnn.optimizers import MEMORY_ROWS, OPTIMIZERS
from rnn.vanilla import Vanilla

__all__ = ["prepare"]


def prepare(problem: Problem) -> Callable[[int, float], np.ndarray]:
    m, K = problem.m, problem.K
    real = np.dtype(problem.dtype).type

    def run(updates: int, eta: float) -> np.ndarray:
        theta = np.empty(size(Vanilla, m, K), real)
        gradient, best = np.zeros_like(theta), np.empty_like(theta)
        parameters = views(Vanilla, theta, m, K)
        for name, part in problem.parameters().items():
            getattr(parameters, name)[...] = part
        memory = np.zeros((MEMORY_ROWS["adagrad"], theta.size), real)
        h = np.zeros((problem.batch, m), real)
        smooth = np.empty(updates)
        resets = np.zeros(updates, np.bool_)
        no_marks = np.zeros(0, np.bool_)
        train_segments(
            parameters, views(Vanilla, gradient, m, K), theta, gradient, memory, h,
            best, np.empty_like(h), np.array([np.inf, np.inf]), np.zeros(2, np.int64),
            problem.ids, no_marks, problem.starts[:updates], resets, problem.tau, False,
            OPTIMIZERS.index("adagrad"), real(eta), real(problem.clip), 1, smooth,
        )  # fmt: skip
        # s_n = 0.999 s_{n-1} + 0.001 loss_n, with s_1 = loss_1
        losses = smooth.copy()
        losses[1:] = (smooth[1:] - 0.999 * smooth[:-1]) / 0.001
        return losses

    return run
