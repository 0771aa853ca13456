"""NumPy with care: index arrays, one product per segment where one will do, nothing allocated."""

from collections.abc import Callable

import numpy as np

from benchmarks.problem import Problem


def prepare(problem: Problem) -> Callable[[int, float], np.ndarray]:
    m, K, tau, B = problem.m, problem.K, problem.tau, problem.batch
    dtype = np.dtype(problem.dtype)
    shapes = {name: getattr(problem, name).shape for name in "WUVbc"}
    n = sum(int(np.prod(shape)) for shape in shapes.values())
    # Parameters and gradients lie in one vector each, so that AdaGrad is one pass over it.
    theta, g, memory, scratch = (np.zeros(n, dtype) for _ in range(4))
    (W, U, V, b, c), (dW, dU, dV, db, dc) = views(theta, shapes), views(g, shapes)
    H = np.zeros((tau + 1, B, m), dtype)
    D = np.empty((tau, B, m), dtype)
    A = np.empty((tau, B, m), dtype)
    P = np.empty((tau * B, K), dtype)
    column = np.empty((tau * B, 1), dtype)
    dh = np.empty((B, m), dtype)
    rows, steps = np.arange(tau * B), np.arange(tau + 1)[:, None]
    hot = np.zeros((K, tau * B), dtype)
    after, before = H[1:].reshape(-1, m), H[:-1].reshape(-1, m)

    def update(x: np.ndarray, y: np.ndarray, eta: float) -> float:
        # Forward.
        np.take(U, x, axis=0, out=A.reshape(-1, m), mode="clip")
        np.add(A, b, out=A)
        H[0] = H[tau]
        for t in range(tau):
            h = H[t + 1]
            np.dot(H[t], W.T, out=h)
            np.add(h, A[t], out=h)
            np.tanh(h, out=h)
        np.dot(after, V.T, out=P)
        np.add(P, c, out=P)
        np.max(P, axis=1, keepdims=True, out=column)
        np.subtract(P, column, out=P)
        np.exp(P, out=P)
        np.sum(P, axis=1, keepdims=True, out=column)
        np.divide(P, column, out=P)
        loss = -float(np.log(P[rows, y]).sum(dtype=np.float64)) / B
        # Backward.
        P[rows, y] -= 1
        if B > 1:
            np.divide(P, B, out=P)
        np.dot(P.T, after, out=dV)
        np.sum(P, axis=0, out=dc)
        np.dot(P, V, out=A.reshape(-1, m))
        np.multiply(H[1:], H[1:], out=D)
        np.subtract(1, D, out=D)
        A[tau - 1] *= D[tau - 1]
        for t in range(tau - 2, -1, -1):
            da = A[t]
            np.dot(A[t + 1], W, out=dh)
            np.add(da, dh, out=da)
            np.multiply(da, D[t], out=da)
        dA = A.reshape(-1, m)
        np.dot(dA.T, before, out=dW)
        np.sum(dA, axis=0, out=db)
        hot[x, rows] = 1
        np.dot(hot, dA, out=dU)
        hot[x, rows] = 0
        # AdaGrad.
        np.minimum(g, problem.clip, out=g)
        np.maximum(g, -problem.clip, out=g)
        np.multiply(g, g, out=scratch)
        np.add(memory, scratch, out=memory)
        np.add(memory, problem.eps, out=scratch)
        np.sqrt(scratch, out=scratch)
        np.divide(g, scratch, out=scratch)
        np.multiply(scratch, eta, out=scratch)
        np.subtract(theta, scratch, out=theta)
        return loss

    def run(updates: int, eta: float) -> np.ndarray:
        np.concatenate([part.ravel() for part in problem.parameters().values()], out=theta)
        memory[:] = 0
        H[tau] = 0
        losses = np.empty(updates)
        for n, start in enumerate(problem.starts[:updates]):
            segment = problem.ids[start + steps]
            losses[n] = update(segment[:-1].ravel(), segment[1:].ravel(), eta)
        return losses

    return run


def views(vector: np.ndarray, shapes: dict[str, tuple[int, ...]]) -> list[np.ndarray]:
    ends = np.cumsum([int(np.prod(shape)) for shape in shapes.values()])[:-1]
    parts = np.split(vector, ends)
    return [part.reshape(shape) for part, shape in zip(parts, shapes.values(), strict=True)]
