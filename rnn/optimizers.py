"""How parameters follow from gradients: one function an optimiser.

Each changes the parameters and its own memory in place.  `clipped` bounds a gradient's entries
first; the gradients themselves are left as they are.
"""

import numpy as np

from rnn.kernels.compilation import compiled

__all__ = ["MEMORY_ROWS", "OPTIMIZERS", "USUAL_ETA", "adagrad", "adam", "rmsprop"]

#: The optimisers' names; the place in the tuple is the number compiled code knows them by.
OPTIMIZERS = ("adagrad", "rmsprop", "adam")

#: The usual learning rate of each.
USUAL_ETA = {"adagrad": 0.1, "rmsprop": 0.001, "adam": 0.001}

#: How many numbers each remembers for a parameter.
MEMORY_ROWS = {"adagrad": 1, "rmsprop": 1, "adam": 2}

_EPS = 1e-8


@compiled
def clipped(g, clip):  # type: ignore[no-untyped-def]
    """Bring a number into [-clip, clip]; one that is none stays what it is."""
    return clip if g > clip else (-clip if g < -clip else g)


@compiled
def adagrad(theta, gradient, memory, eta, clip):  # type: ignore[no-untyped-def]
    """Take one step of AdaGrad: ``memory += g^2``, ``theta -= eta g / sqrt(memory + eps)``.

    Parameters
    ----------
    theta, gradient : (n,)
        Parameters, changed in place, and the loss's derivatives by them.
    memory : (1, n)
        The sum of the squared gradients; changed in place.
    eta, clip : float
        Learning rate; largest size of an entry of the gradient (infinity for no clipping).

    Notes
    -----
    Duchi, Hazan and Singer (2011), JMLR 12, with eps = 1e-8.  Where the gradient is zero nothing
    changes.
    """
    eps = theta.dtype.type(_EPS)
    squares = memory[0]
    for i in range(theta.size):
        g = clipped(gradient[i], clip)
        squares[i] += g * g
        theta[i] -= eta * g / np.sqrt(squares[i] + eps)


@compiled
def rmsprop(theta, gradient, memory, eta, clip):  # type: ignore[no-untyped-def]
    """Take one step of RMSProp: AdaGrad with a mean that forgets, gamma = 0.9.

    Parameters
    ----------
    theta, gradient, memory, eta, clip
        As for `adagrad`; `memory` is the decaying mean of the squared gradients.

    Notes
    -----
    Tieleman and Hinton (2012), lecture 6.5 of 'Neural networks for machine learning'.
    """
    eps, gamma = theta.dtype.type(_EPS), theta.dtype.type(0.9)
    rest = theta.dtype.type(1 - 0.9)
    squares = memory[0]
    for i in range(theta.size):
        g = clipped(gradient[i], clip)
        squares[i] = gamma * squares[i] + rest * g * g
        theta[i] -= eta * g / np.sqrt(squares[i] + eps)


@compiled
def adam(theta, gradient, memory, eta, clip, step):  # type: ignore[no-untyped-def]
    """Take one step of Adam with bias correction, beta1 = 0.9 and beta2 = 0.999.

    Parameters
    ----------
    theta, gradient, eta, clip
        As for `adagrad`.
    memory : (2, n)
        The decaying means of the gradients and of their squares; changed in place.
    step : int
        The number of this step, from 1.

    Notes
    -----
    Kingma and Ba (2015), 'Adam: a method for stochastic optimization', algorithm 1.
    """
    real = theta.dtype.type
    eps, beta1, beta2 = real(_EPS), real(0.9), real(0.999)
    rest1, rest2 = real(1 - 0.9), real(1 - 0.999)
    mean_scale = real(1 / (1 - 0.9**step))
    square_scale = real(1 / (1 - 0.999**step))
    means, squares = memory[0], memory[1]
    for i in range(theta.size):
        g = clipped(gradient[i], clip)
        means[i] = beta1 * means[i] + rest1 * g
        squares[i] = beta2 * squares[i] + rest2 * g * g
        theta[i] -= eta * (means[i] * mean_scale) / (np.sqrt(squares[i] * square_scale) + eps)
