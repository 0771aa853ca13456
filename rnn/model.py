r"""A character-level recurrent network: its equations, its loss and its gradients.

.. math::

    a_t &= W h_{t-1} + U x_t + b   & o_t &= V h_t + c \\
    h_t &= \tanh(a_t)              & p_t &= softmax(o_t)

and the loss of a segment is the sum over t of :math:`-\log p_t[y_t]` (KTH DD2424, Assignment 4).

Symbols, the same in every file of the math:

========  ============  ==================================================================
K         int           characters in the vocabulary
m         int           hidden units
tau       int           characters in a segment (`seq_length`)
B         int           streams that are read side by side (`batch_size`; 1 in the course)
W         (m, m)        hidden to hidden
U         (K, m)        input to hidden: one row a character, the transpose of the course's U
V         (K, m)        hidden to output
b, c      (m,), (K,)    biases
x, y      (tau, B)      characters read, and those that follow them
H         (tau+1,B,m)   hidden states; ``H[0]`` is the state before the segment, ``H[t]`` is h_t
P         (tau, B, K)   outputs o_t, then probabilities p_t, then derivatives by o_t
dW, ...                 the loss's derivative by W, ...
theta                   all parameters in one vector, of which W, U, V, b, c are views
========  ============  ==================================================================

The recurrence stands in a file of its own (`rnn.cell`, `rnn.vanilla`); training, checking and
sampling share it.  The functions work on float32, float64 and, forward, on complex numbers.
"""

from typing import Any, NamedTuple

import numpy as np

from rnn.cell import recur, recur_back, size, views
from rnn.kernels.compilation import compiled, exp_in_place
from rnn.kernels.products import multiply, transposed
from rnn.vanilla import Vanilla

__all__ = [
    "NO_FRESH",
    "Evaluation",
    "backward",
    "forward",
    "initialise",
    "loss_and_gradients",
    "segment_loss",
]

#: No document begins inside the segment.
NO_FRESH = np.zeros((0, 1), np.bool_)


@compiled
def forward(parameters, x, y, fresh, H, P):  # type: ignore[no-untyped-def]
    """Compute states, probabilities and the loss of a segment.

    Parameters
    ----------
    parameters : named tuple
        A cell's parameters.
    x, y : (tau, B) integers
        The characters read and those that follow them.
    fresh : (tau, B) booleans, or (0, B)
        Where a document begins (see `rnn.cell.recur`).
    H : (tau + 1, B, m)
        ``H[0]`` is given; the rest is filled.
    P : (tau, B, K)
        Filled with the probabilities.

    Returns
    -------
    float
        The loss in nats: the sum over the tau characters, the mean over the B streams.
    """
    V, c = parameters.V, parameters.c
    tau, B = x.shape
    K, m = V.shape
    recur(parameters, x, fresh, H)
    # o_t = V h_t + c
    outputs = P.reshape(tau * B, K)
    multiply(H[1:].reshape(tau * B, m), transposed(V), outputs)
    loss = 0.0
    for t in range(tau):
        for s in range(B):
            # log p_t[y_t] = o_t[y_t] - log(sum_k exp o_t[k]), the largest taken out of the sum
            o = P[t, s]
            for k in range(K):
                o[k] += c[k]
            largest = _largest(o)
            for k in range(K):
                o[k] -= largest
            loss -= o[y[t, s]]
    exp_in_place(P.reshape(-1))
    for row in range(tau * B):
        # p_t = exp(o_t) / sum_k exp(o_t[k])
        p = outputs[row]
        total = _sum(p)
        loss += np.log(total)
        scale = 1 / total
        for k in range(K):
            p[k] *= scale
    return loss / B


@compiled
def backward(parameters, x, y, fresh, H, P, dH, gradients, weight):  # type: ignore[no-untyped-def]
    """Compute the gradients of the loss, after `forward`, in the opposite order.

    Parameters
    ----------
    parameters, x, y, fresh, H, P
        As for `forward`, after it ran; `P` is overwritten.
    dH : (tau, B, m)
        Working memory.
    gradients : named tuple
        Like `parameters`; filled (rows of ``U`` are added to, see `rnn.cell.recur_back`).
    weight : float
        What one character of one stream counts: 1/B for a loss summed over tau, 1/(B tau) for
        a mean.
    """
    V = parameters.V
    dV, dc = gradients.V, gradients.c
    tau, B = x.shape
    K, m = V.shape
    # do_t = p_t - y_t as a one-hot vector
    dc[:] = 0
    for t in range(tau):
        for s in range(B):
            do = P[t, s]
            do[y[t, s]] -= 1
            for k in range(K):
                do[k] *= weight
                # dc = sum_t do_t
                dc[k] += do[k]
    # dV = sum_t do_t h_t^T
    dO = P.reshape(tau * B, K)
    multiply(dO.T, H[1:].reshape(tau * B, m), dV)
    # dh_t = V^T do_t, as far as it comes from the output
    multiply(dO, V, dH.reshape(tau * B, m))
    recur_back(parameters, x, fresh, H, dH, gradients)


@compiled
def _largest(o):  # type: ignore[no-untyped-def]
    largest = o[0].real
    for k in range(1, o.size):
        if o[k].real > largest:
            largest = o[k].real
    return largest


@compiled
def _sum(p):  # type: ignore[no-untyped-def]
    total = p[0]
    for k in range(1, p.size):
        total += p[k]
    return total


class Evaluation(NamedTuple):
    """What a segment gives: its loss, the gradients and the state after it."""

    loss: float
    gradients: Any
    h: np.ndarray


def initialise(
    m: int,
    K: int,
    sig: float | None,
    rng: np.random.Generator,
    dtype: str = "float64",
    cell: Any = Vanilla,
) -> tuple[np.ndarray, Any]:
    """Draw the first parameters: matrices from a normal distribution, biases zero.

    Parameters
    ----------
    m, K : int
        Hidden units, characters.
    sig : float or None
        The standard deviation.  None: that of the 2026 handout, 1/sqrt(2m) for W, 1/sqrt(2K) for
        U and 1/sqrt(m) for V.
    rng : numpy.random.Generator
        Drawn from in float64 whatever `dtype`, so that both types start at the same place.
    dtype : {"float32", "float64"}
        The type of the parameters.
    cell : named tuple class
        The recurrence.

    Returns
    -------
    theta : (n,)
        All parameters.
    parameters : named tuple
        Its parts by name; they share its memory.
    """
    scaled = {"W": (2 * m) ** -0.5, "U": (2 * K) ** -0.5, "V": m**-0.5}
    theta = np.zeros(size(cell, m, K))
    for name, part in views(cell, theta, m, K)._asdict().items():
        if part.ndim == 2:
            deviation = scaled[name] if sig is None else sig
            part[:] = deviation * rng.standard_normal(part.shape)
    theta = theta.astype(dtype)
    return theta, views(cell, theta, m, K)


def segment_loss(parameters: Any, x: np.ndarray, y: np.ndarray, h0: np.ndarray) -> Any:
    """Return the loss of a segment in nats, summed over its characters.

    Parameters
    ----------
    parameters : named tuple
        A cell's parameters, real or complex.
    x, y : (tau, B) or (tau,) integers
        The characters read and those that follow them.
    h0 : (B, m) or (m,)
        The state before the segment.
    """
    x, y, H, P = _room(parameters, x, y, h0)
    return forward(parameters, x, y, NO_FRESH, H, P)


def loss_and_gradients(
    parameters: Any, x: np.ndarray, y: np.ndarray, h0: np.ndarray, mean: bool = False
) -> Evaluation:
    """Return the loss of a segment, its gradients (not clipped) and the state after it.

    Parameters
    ----------
    parameters, x, y, h0
        As for `segment_loss`.
    mean : bool
        Whether the loss is the mean over the segment's characters instead of their sum.

    Returns
    -------
    Evaluation
        ``loss`` in nats, ``gradients`` shaped like `parameters`, ``h`` shaped like `h0`.
    """
    x, y, H, P = _room(parameters, x, y, h0)
    tau, B = x.shape
    gradients = type(parameters)(*(np.zeros_like(part) for part in parameters))
    loss = forward(parameters, x, y, NO_FRESH, H, P)
    share = tau if mean else 1
    weight = P.dtype.type(1 / (B * share))
    backward(parameters, x, y, NO_FRESH, H, P, np.empty_like(H[1:]), gradients, weight)
    return Evaluation(loss / share, gradients, H[-1].reshape(h0.shape))


def _room(parameters: Any, x: np.ndarray, y: np.ndarray, h0: np.ndarray) -> tuple:
    """Bring `x` and `y` to (tau, B) and make room for states and probabilities."""
    tau = len(x)
    x, y = x.reshape(tau, -1), y.reshape(tau, -1)
    K, m = parameters.V.shape
    H = np.zeros((tau + 1, x.shape[1], m), parameters.V.dtype)
    H[0] = h0
    return x, y, H, np.empty((tau, x.shape[1], K), H.dtype)
