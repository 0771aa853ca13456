r"""What differs between cells: the step from one character to the next, and its derivative.

In a layer of a cell with g gates, for t = 1, ..., tau,

.. math::

    z_t &= U x_t \quad\text{(a layer above the first: } U h_t^{below}\text{)} \\
    r_t &= W h_{t-1} \\
    h_t, c_t &= step(z_t, r_t, b, c_{t-1})

All but the step is the same for every cell and is computed in `rnn.model`.  A cell is therefore a
class of named parameters with

``gates``
    g: rows of W, U and b per hidden unit;
``states``
    what is carried from step to step: 1 for h alone, 2 for h and a cell state c;
``step(t, Z, r, b, C_before, H, C)``
    pointwise forward: fills ``H[t]`` and ``C[t]``, and may keep in ``Z[t]``, which holds z_t, what
    the derivative needs;
``step_back(t, Z, C_before, H, C, dH, dh, dc)``
    pointwise backward: given the derivatives of the loss by h_t, of which ``dH[t]`` comes from
    above and `dh` from step t + 1, and by c_t in `dc`, puts that by z_t (which is also that by r_t,
    and one term of that by b) into ``Z[t]``, and that by c_{t-1} into `dc`.

The arrays are those of one layer: `Z` (tau, B, g m), `H` and `dH` (tau, B, m), `C` and `C_before`
(tau, B, (states - 1) m), `r` (B, g m), `b` (g m,), `dh` (B, m), `dc` (B, (states - 1) m).  Another
cell is one more class in `CELLS`.
"""

from typing import Any, NamedTuple

from numba.extending import overload

from rnn.kernels.compilation import inlined
from rnn.kernels.elementary import tanh

__all__ = ["CELLS", "Parameters", "Vanilla", "step_back_of", "step_of"]


class Parameters(NamedTuple):
    """The parameters of a network; the symbols are those of `rnn.model`.

    The rows of `U` come last in the vector of all parameters, so that those of the characters that
    were read can be updated alone.
    """

    W: Any
    b: Any
    U_above: Any
    V: Any
    c: Any
    U: Any


class Vanilla(Parameters):
    r"""The assignment's cell: :math:`h_t = \tanh(W h_{t-1} + U x_t + b)`."""

    __slots__ = ()
    gates = 1
    states = 1

    @staticmethod
    @inlined
    def step(t, Z, r, b, C_before, H, C):
        """Compute ``h = tanh(r + z + b)``."""
        for s in range(r.shape[0]):
            for i in range(r.shape[1]):
                H[t, s, i] = tanh(r[s, i] + (Z[t, s, i] + b[i]))

    @staticmethod
    @inlined
    def step_back(t, Z, C_before, H, C, dH, dh, dc):
        """Compute ``dz = (dH + dh) (1 - h^2)``, as the derivative of tanh is 1 - tanh^2."""
        for s in range(dh.shape[0]):
            for i in range(dh.shape[1]):
                Z[t, s, i] = (dH[t, s, i] + dh[s, i]) * (1 - H[t, s, i] * H[t, s, i])


#: The cells by the names that settings have for them.
CELLS: dict[str, Any] = {"vanilla": Vanilla}


def step_of(parameters: Any) -> Any:
    """Return the step of the cell that `parameters` belong to."""
    return type(parameters).step


def step_back_of(parameters: Any) -> Any:
    """Return the derivative of the step of the cell that `parameters` belong to."""
    return type(parameters).step_back


@overload(step_of)
def _step_of(parameters):
    step = parameters.instance_class.step
    return lambda parameters: step


@overload(step_back_of)
def _step_back_of(parameters):
    step_back = parameters.instance_class.step_back
    return lambda parameters: step_back
