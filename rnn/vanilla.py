"""The assignment's recurrence, forward and backward.

.. math:: h_t = tanh(W h_{t-1} + U x_t + b)

The symbols are those of `rnn.model`.  B streams are computed side by side; the assignment's
B is 1.
"""

from typing import Any, NamedTuple

import numpy as np

from rnn.kernels.compilation import compiled, tanh_in_place
from rnn.kernels.products import multiply, transposed

__all__ = ["Vanilla"]


class Vanilla(NamedTuple):
    """The parameters of the vanilla RNN; the shapes are those of `rnn.model`."""

    W: Any
    b: Any
    V: Any
    c: Any
    U: Any

    @staticmethod
    def shapes(m: int, K: int) -> dict[str, tuple[int, ...]]:
        """Return the shape of each array for `m` hidden units and `K` characters."""
        return {"W": (m, m), "b": (m,), "V": (K, m), "c": (K,), "U": (K, m)}

    @staticmethod
    @compiled
    def recur(parameters, x, fresh, H):  # type: ignore[no-untyped-def]
        """Go forward over a segment; see `rnn.cell.recur`."""
        W, U, b = parameters.W, parameters.U, parameters.b
        tau, B = x.shape
        WT = transposed(W)  # W h, with h as a row as it lies in H, is h W^T
        for t in range(tau):
            # a_t = W h_{t-1} + U x_t + b
            multiply(H[t], WT, H[t + 1], reverse=t % 2 == 1)
            for s in range(B):
                a, u = H[t + 1, s], U[x[t, s]]
                if fresh.size and fresh[t, s]:
                    a[:] = 0
                for i in range(a.size):
                    a[i] += u[i] + b[i]
            # h_t = tanh(a_t)
            tanh_in_place(H[t + 1].reshape(-1))

    @staticmethod
    @compiled
    def recur_back(parameters, x, fresh, H, dH, gradients):  # type: ignore[no-untyped-def]
        """Go backward over a segment; see `rnn.cell.recur_back`."""
        W = parameters.W
        dW, dU, db = gradients.W, gradients.U, gradients.b
        tau, B = x.shape
        m = W.shape[0]
        dh = np.zeros((B, m), H.dtype)  # what reaches h_t from the steps after t
        for t in range(tau - 1, -1, -1):
            # da_t = dh_t (1 - h_t^2)
            for s in range(B):
                da, h, later = dH[t, s], H[t + 1, s], dh[s]
                for i in range(m):
                    da[i] = (da[i] + later[i]) * (1 - h[i] * h[i])
            # dh_{t-1} = W^T da_t
            multiply(dH[t], W, dh, reverse=t % 2 == 1)
            if fresh.size:
                for s in range(B):
                    if fresh[t, s]:
                        dh[s] = 0
        # dU = sum_t da_t x_t^T, db = sum_t da_t
        db[:] = 0
        for t in range(tau - 1, -1, -1):
            for s in range(B):
                da, du = dH[t, s], dU[x[t, s]]
                for i in range(m):
                    du[i] += da[i]
                    db[i] += da[i]
        # The state before a document was zero; h_t itself was needed until here.
        if fresh.size:
            for t in range(tau):
                for s in range(B):
                    if fresh[t, s]:
                        H[t, s] = 0
        # dW = sum_t da_t h_{t-1}^T
        multiply(dH.reshape(tau * B, m).T, H[:tau].reshape(tau * B, m), dW)
