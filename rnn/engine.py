"""The loop over segments, compiled: read, forward, smooth loss, backward, update."""

import numpy as np

from rnn.kernels.compilation import compiled
from rnn.model import backward, forward
from rnn.optimizers import adagrad, adam, rmsprop

__all__ = ["train_segments"]


@compiled
def train_segments(  # type: ignore[no-untyped-def]
    parameters, gradients, theta, gradient, memory, h, best_theta, best_h,
    losses, counts, ids, marks, starts, resets, tau, mean, optimizer, eta, clip,
    history_every, history,
):  # fmt: skip
    """Train on segments, one update each.

    Parameters
    ----------
    parameters, gradients : named tuple
        Views of `theta` and `gradient`.
    theta, gradient : (n,)
        Parameters, updated; gradients, with U's part zero before and after.
    memory : (rows, n)
        The optimiser's, updated.
    h : (B, m)
        The state after the last update; updated.
    best_theta, best_h : (n,), (B, m)
        The model with the lowest smooth loss and its state; updated.
    losses : (2,) float64
        Smooth loss after the last update, lowest smooth loss; updated.
    counts : (2,) int64
        The number of the last update, that of the lowest smooth loss; updated.
    ids : (characters,)
        The text.
    marks : (characters,) bool, or (0,)
        Where documents begin.
    starts, resets : (updates, B), (updates,)
        Where each update reads, and whether the state is zero before it.
    tau, mean : int, bool
        Segment length; whether the loss is the mean over a segment, not its sum.
    optimizer : int
        Its place in `rnn.optimizers.OPTIMIZERS`.
    eta, clip : float
        Learning rate and bound on the gradient's entries, of the type of `theta`.
    history_every : int
        Store the smooth loss at the updates that it divides ...
    history : (rows,) float64
        ... in here, one after the other.

    Returns
    -------
    bool
        Whether every loss was finite.  If one is not, the run stops there with parameters,
        state and losses as they were after the update before it.
    """
    B, m = h.shape
    K = parameters.c.size
    x = np.empty((tau, B), ids.dtype)
    y = np.empty((tau, B), ids.dtype)
    fresh = np.zeros((tau if marks.size else 0, B), np.bool_)
    H = np.empty((tau + 1, B, m), theta.dtype)
    P = np.empty((tau, B, K), theta.dtype)
    dH = np.empty((tau, B, m), theta.dtype)
    seen = np.zeros(K, np.bool_)
    read = np.empty(min(K, tau * B), np.int64)
    weight = theta.dtype.type(1.0 / (B * tau) if mean else 1.0 / B)
    dense, width = theta.size - parameters.U.size, parameters.U.shape[1]
    rows = 0
    best_is_current = False
    finite = True

    for n in range(starts.shape[0]):
        # Read the segments, and note which characters occur in them.
        characters = 0
        for s in range(B):
            start = starts[n, s]
            for t in range(tau):
                x[t, s] = ids[start + t]
                y[t, s] = ids[start + t + 1]
                if marks.size:
                    fresh[t, s] = marks[start + t]
                if not seen[x[t, s]]:
                    seen[x[t, s]] = True
                    read[characters] = x[t, s]
                    characters += 1
        # The state itself stays until the best model is looked after.
        _copy(h, H[0])
        if resets[n]:
            H[0] = 0
        loss = forward(parameters, x, y, fresh, H, P)
        if mean:
            loss /= tau
        if not np.isfinite(loss):
            finite = False
            break

        # While the smooth loss falls with every update only the last of the falling models can
        # stay the best, so that none needs to be copied before it rises again.
        smooth = loss if counts[0] == 0 else 0.999 * losses[0] + 0.001 * loss
        if smooth < losses[1]:
            best_is_current = True
            losses[1] = smooth
            counts[1] = counts[0] + 1
        elif best_is_current:
            best_is_current = False
            _copy_vector(theta, best_theta)
            _copy(h, best_h)
        losses[0] = smooth
        counts[0] += 1

        backward(parameters, x, y, fresh, H, P, dH, gradients, weight)
        if optimizer == 0:
            # AdaGrad changes nothing where the gradient is zero: most rows of U.
            _adagrad_part(theta, gradient, memory, eta, clip, 0, dense)
            for i in range(characters):
                begin = dense + read[i] * width
                _adagrad_part(theta, gradient, memory, eta, clip, begin, begin + width)
        elif optimizer == 1:
            rmsprop(theta, gradient, memory, eta, clip)
        else:
            adam(theta, gradient, memory, eta, clip, counts[0])
        for i in range(characters):
            gradients.U[read[i]] = 0
            seen[read[i]] = False
        _copy(H[tau], h)
        if counts[0] % history_every == 0:
            history[rows] = smooth
            rows += 1

    if best_is_current:
        _copy_vector(theta, best_theta)
        _copy(h, best_h)
    return finite


@compiled
def _adagrad_part(theta, gradient, memory, eta, clip, begin, end):  # type: ignore[no-untyped-def]
    # Unlike memory[:, begin:end] this is known to be contiguous, and compiled to vectors.
    squares = memory[0][begin:end].reshape(1, end - begin)
    adagrad(theta[begin:end], gradient[begin:end], squares, eta, clip)


# Assigning one array to another compiles the text of an error message too, for seconds.
@compiled
def _copy_vector(source, target):  # type: ignore[no-untyped-def]
    for i in range(target.size):
        target[i] = source[i]


@compiled
def _copy(source, target):  # type: ignore[no-untyped-def]
    for s in range(target.shape[0]):
        _copy_vector(source[s], target[s])
