"""The loop that most people write: one-hot columns, a step at a time, a dictionary of arrays."""

from collections.abc import Callable

import numpy as np

from benchmarks.problem import Problem


def prepare(problem: Problem) -> Callable[[int, float], np.ndarray]:
    if problem.batch != 1:
        raise ValueError("the one-hot loop reads one stream")
    book, tau, K = problem.ids, problem.tau, problem.K

    def one_hot(ids: np.ndarray) -> np.ndarray:
        columns = np.zeros((K, len(ids)), problem.dtype)
        columns[ids, np.arange(len(ids))] = 1
        return columns

    def run(updates: int, eta: float) -> np.ndarray:
        rnn = problem.parameters()
        rnn = rnn | {"U": rnn["U"].T.copy(), "b": rnn["b"][:, None], "c": rnn["c"][:, None]}
        memory = {name: np.zeros_like(value) for name, value in rnn.items()}
        h = np.zeros((problem.m, 1), problem.dtype)
        losses = np.empty(updates)
        for n, start in enumerate(problem.starts[:updates, 0]):
            X = one_hot(book[start : start + tau])
            Y = one_hot(book[start + 1 : start + tau + 1])
            losses[n], H, P = forward(rnn, h, X, Y)
            gradients = backward(rnn, H, P, X, Y)
            h = H[:, -1:]
            for name, gradient in gradients.items():
                gradient = np.clip(gradient, -problem.clip, problem.clip)
                memory[name] += gradient**2
                rnn[name] -= eta / np.sqrt(memory[name] + problem.eps) * gradient
        return losses

    return run


def forward(
    rnn: dict[str, np.ndarray], h: np.ndarray, X: np.ndarray, Y: np.ndarray
) -> tuple[float, np.ndarray, np.ndarray]:
    tau = X.shape[1]
    H = np.zeros((len(h), tau + 1), X.dtype)
    P = np.zeros_like(X)
    H[:, :1] = h
    loss = 0.0
    for t in range(tau):
        a = rnn["W"] @ h + rnn["U"] @ X[:, t : t + 1] + rnn["b"]
        h = np.tanh(a)
        o = rnn["V"] @ h + rnn["c"]
        p = np.exp(o - np.max(o))
        p /= np.sum(p)
        H[:, t + 1 : t + 2], P[:, t : t + 1] = h, p
        loss -= np.log(Y[:, t] @ p)[0]
    return loss, H, P


def backward(
    rnn: dict[str, np.ndarray], H: np.ndarray, P: np.ndarray, X: np.ndarray, Y: np.ndarray
) -> dict[str, np.ndarray]:
    gradients = {name: np.zeros_like(value) for name, value in rnn.items()}
    da = np.zeros_like(rnn["b"])
    for t in reversed(range(X.shape[1])):
        h, before = H[:, t + 1 : t + 2], H[:, t : t + 1]
        do = P[:, t : t + 1] - Y[:, t : t + 1]
        gradients["V"] += do @ h.T
        gradients["c"] += do
        dh = rnn["V"].T @ do + rnn["W"].T @ da
        da = dh * (1 - h**2)
        gradients["W"] += da @ before.T
        gradients["U"] += da @ X[:, t : t + 1].T
        gradients["b"] += da
    return gradients
