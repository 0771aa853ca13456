"""How parameters follow from gradients: a class per optimiser.

An optimiser is a named tuple of its settings, the learning rate `eta`, an array (1,) as it may
change from step to step, and the bound `clip` on the entries of a gradient (infinity for none),
both of the type of the parameters, with

``usual_eta``
    its usual learning rate;
``memory_rows``
    how many numbers it remembers per parameter;
``skips_zeros``
    whether nothing changes where the gradient is zero, so that such entries can be left out;
``update(optimizer, theta, gradient, memory, n, begin)``
    takes step number n (from 1) for the entries from `begin` on that a gradient is given of.

`theta` is the vector of all parameters, `memory` is (memory_rows, all parameters) and zero at
first; both are changed in place.  Gradients are clipped here and stay as they are.
"""

import operator
from typing import Any, NamedTuple

import numpy as np
from numba.extending import overload

from rnn.kernels.compilation import of_class, pointwise, separate
from rnn.kernels.elementary import fma, inverse_sqrt, power
from rnn.kernels.products import multiply

_EPS = 1e-8


@pointwise
def clipped(g, clip):
    """Bring a number into [-clip, clip]; NaN stays NaN."""
    g = clip if g > clip else g
    return -clip if g < -clip else g


class Optimizer(NamedTuple):
    """The settings of an optimiser."""

    eta: Any  # (1,)
    clip: Any


class AdaGrad(Optimizer):
    """AdaGrad: ``memory += g^2``, ``theta -= eta g / sqrt(memory + eps)``.

    Notes
    -----
    Duchi, Hazan and Singer (2011), JMLR 12, with eps = 1e-8.
    """

    __slots__ = ()
    usual_eta = 0.1
    memory_rows = 1
    skips_zeros = True

    @staticmethod
    @pointwise
    def update(optimizer, theta, gradient, memory, n, begin):
        """Take one step."""
        eps, eta = theta.dtype.type(_EPS), optimizer.eta[0]
        end = begin + gradient.size
        theta, squares = theta[begin:end], memory[0][begin:end]
        for i in range(theta.size):
            g = clipped(gradient[i], optimizer.clip)
            squares[i] = fma(g, g, squares[i])
            theta[i] = fma(-eta * g, inverse_sqrt(squares[i] + eps), theta[i])


class RMSProp(Optimizer):
    """RMSProp: ``memory = 0.9 memory + 0.1 g^2``, ``theta -= eta g / sqrt(memory + eps)``.

    Notes
    -----
    With eps = 1e-8, inside the root as for AdaGrad; PyTorch adds it outside.  Tieleman and Hinton
    (2012), lecture 6.5 of 'Neural networks for machine learning'.
    """

    __slots__ = ()
    usual_eta = 0.001
    memory_rows = 1
    skips_zeros = False

    @staticmethod
    @pointwise
    def update(optimizer, theta, gradient, memory, n, begin):
        """Take one step."""
        eps, gamma = theta.dtype.type(_EPS), theta.dtype.type(0.9)
        rest, eta = theta.dtype.type(1 - 0.9), optimizer.eta[0]
        end = begin + gradient.size
        theta, squares = theta[begin:end], memory[0][begin:end]
        for i in range(theta.size):
            g = clipped(gradient[i], optimizer.clip)
            squares[i] = fma(gamma, squares[i], rest * (g * g))
            theta[i] = fma(-eta * g, inverse_sqrt(squares[i] + eps), theta[i])


class Adam(Optimizer):
    """Adam with bias correction, beta1 = 0.9, beta2 = 0.999 and eps = 1e-8.

    ``mean = beta1 mean + (1 - beta1) g``, ``square = beta2 square + (1 - beta2) g^2``,
    ``theta -= eta mean / (1 - beta1^n) / (sqrt(square / (1 - beta2^n)) + eps)``.

    Notes
    -----
    Kingma and Ba (2015), 'Adam: a method for stochastic optimization', algorithm 1.
    """

    __slots__ = ()
    usual_eta = 0.001
    memory_rows = 2
    skips_zeros = False

    @staticmethod
    @pointwise
    def update(optimizer, theta, gradient, memory, n, begin):
        """Take one step."""
        real, eta = theta.dtype.type, optimizer.eta[0]
        eps, beta1, beta2 = real(_EPS), real(0.9), real(0.999)
        rest1, rest2 = real(1 - 0.9), real(1 - 0.999)
        mean_scale = real(1 / (1 - power(0.9, n)))
        square_scale = real(1 / (1 - power(0.999, n)))
        end = begin + gradient.size
        theta, means, squares = theta[begin:end], memory[0][begin:end], memory[1][begin:end]
        for i in range(theta.size):
            g = clipped(gradient[i], optimizer.clip)
            means[i] = fma(beta1, means[i], rest1 * g)
            squares[i] = fma(beta2, squares[i], rest2 * (g * g))
            step = eta * (means[i] * mean_scale)
            theta[i] -= step / (np.sqrt(squares[i] * square_scale) + eps)


#: The optimisers by the names that settings have for them.
OPTIMIZERS: dict[str, Any] = {"adagrad": AdaGrad, "rmsprop": RMSProp, "adam": Adam}


#: What an optimiser's class says of it: its rule, and whether it skips zeros.
_rule_of, skips_zeros = of_class("update"), of_class("skips_zeros")


@pointwise
def update_parameters(optimizer, theta, gradient, memory, n, begin):
    """Take a step of an optimiser, whichever it is."""
    _rule_of(optimizer)(optimizer, theta, gradient, memory, n, begin)


_ROWS = 48  # of a gradient that are computed, then used


class Descent(NamedTuple):
    """Stands for matrices of gradients: `multiply` into one of them takes the optimiser's step.

    The product is computed some rows at a time, and each is used while it is in the nearest cache;
    the gradient is never stored whole.  ``descent[n]`` stands for matrix n.
    """

    optimizer: Any
    theta: Any
    memory: Any
    counts: Any  # the first is the number of the step
    begin: Any  # where the matrices' parameters are in theta ...
    shape: Any  # ... (rows, columns) of each
    buffers: Any  # of `empty_buffers`
    matrix: Any = 0  # which of them

    def take(self, A: np.ndarray, B: np.ndarray) -> None:
        """Take a step with the gradients ``A B``."""
        _take(A, B, self)

    def __getitem__(self, n: Any) -> Any:
        """Return what stands for matrix n."""
        return self._replace(matrix=n)


def empty_buffers(P: int, N: int, dtype: Any) -> tuple[np.ndarray, np.ndarray]:
    """Make room for some rows of a product (M, P) (P, N), and for those of its first factor."""
    return np.empty((_ROWS, N), dtype), np.empty((P, _ROWS), dtype)


@separate
def _take(A, B, descent):
    optimizer, theta, memory, counts, begin, (M, N), (products, factors), matrix = descent
    begin += matrix * M * N
    P = A.shape[1]
    for i in range(0, M, _ROWS):
        n = min(_ROWS, M - i)
        rows, gradient = A[i : i + n], products[:n]
        if P > _ROWS:
            # Long sums are read again and again: bring together what lies far apart in memory.
            for p in range(P):
                for r in range(n):
                    factors[p, r] = rows[r, p]
            rows = factors.T[:n]
        multiply(rows, B, gradient)
        update_parameters(optimizer, theta, gradient.reshape(-1), memory, counts[0], begin + i * N)


@overload(multiply)
def _multiply(A, B, C, reverse=False, plus=None):
    if getattr(C, "instance_class", None) is Descent:
        return lambda A, B, C, reverse=False, plus=None: _take(A, B, C)
    return None


@overload(operator.getitem)
def _getitem(matrices, n):
    if getattr(matrices, "instance_class", None) is not Descent:
        return None

    def of_descent(matrices, n):
        optimizer, theta, memory, counts, begin, shape, buffers, _ = matrices
        return Descent(optimizer, theta, memory, counts, begin, shape, buffers, n)

    return of_descent
