"""The recurrence as the rest of the program sees it.

A cell is a named tuple of parameter arrays with three static members:

``shapes(m, K)``
    the shape of each of its arrays for `m` hidden units and `K` characters.  The arrays of the
    output layer are always called ``V`` (K, m) and ``c`` (K,); the input matrix is called
    ``U``, has one row a character and comes last;
``recur(parameters, x, fresh, H)``
    forward over a segment: fills ``H[1:]`` from ``H[0]``;
``recur_back(parameters, x, fresh, H, dH, gradients)``
    backward over a segment: fills the gradients of its arrays from ``dH``, which it overwrites.

`recur` and `recur_back` below pass on to the cell whose parameters they are given, compiled or
not; another cell (GRU, LSTM, stacked layers) is one more file with such a named tuple, and
everything that trains, checks or samples works with it.  The one cell there is: `rnn.vanilla`.
"""

import math
from typing import Any

import numpy as np
from numba.extending import overload

__all__ = ["recur", "recur_back", "size", "views"]


def recur(parameters: Any, x: np.ndarray, fresh: np.ndarray, H: np.ndarray) -> None:
    """Fill ``H[1:]`` with the hidden states that follow ``H[0]``.

    Parameters
    ----------
    parameters : named tuple
        The parameters of a cell.
    x : (tau, B) integers
        The characters read.
    fresh : (tau, B) booleans, or (0, B) for none
        Where a document begins: the state before that character counts as zero.
    H : (tau + 1, B, m)
        ``H[0]`` is given, the rest is filled.
    """
    type(parameters).recur(parameters, x, fresh, H)


def recur_back(
    parameters: Any,
    x: np.ndarray,
    fresh: np.ndarray,
    H: np.ndarray,
    dH: np.ndarray,
    gradients: Any,
) -> None:
    """Carry ``dH`` back through the recurrence, into the gradients of the cell's arrays.

    Parameters
    ----------
    parameters, x, fresh, H
        As for `recur`, after it ran.  The rows of `H` before a fresh character are set to zero.
    dH : (tau, B, m)
        The loss's derivatives by ``H[1:]`` through the output layer alone; overwritten.
    gradients : named tuple
        Like `parameters`; all but ``V`` and ``c`` are filled.  Rows of ``gradients.U`` are added
        to: they are zero before, so that rows of characters not read need not be touched.
    """
    type(parameters).recur_back(parameters, x, fresh, H, dH, gradients)


@overload(recur)
def _recur(parameters, x, fresh, H):  # type: ignore[no-untyped-def]
    function = parameters.instance_class.recur
    return lambda parameters, x, fresh, H: function(parameters, x, fresh, H)


@overload(recur_back)
def _recur_back(parameters, x, fresh, H, dH, gradients):  # type: ignore[no-untyped-def]
    function = parameters.instance_class.recur_back
    return lambda parameters, x, fresh, H, dH, gradients: function(
        parameters, x, fresh, H, dH, gradients
    )


def size(cell: Any, m: int, K: int) -> int:
    """Count the parameters of a cell with `m` hidden units and `K` characters."""
    return sum(math.prod(shape) for shape in cell.shapes(m, K).values())


def views(cell: Any, theta: np.ndarray, m: int, K: int) -> Any:
    """Name the parts of a vector of parameters.

    Parameters
    ----------
    cell : named tuple class
        The cell.
    theta : (size(cell, m, K),)
        All parameters, one after the other, in the order of ``cell.shapes``.
    m, K : int
        Hidden units, characters.

    Returns
    -------
    named tuple
        The cell's arrays; they share the memory of `theta`.
    """
    parts, start = {}, 0
    for name, shape in cell.shapes(m, K).items():
        end = start + math.prod(shape)
        parts[name] = theta[start:end].reshape(shape)
        start = end
    return cell(**parts)
