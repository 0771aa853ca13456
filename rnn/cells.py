r"""What differs between cells: the step from one character to the next, and its derivative.

In a layer of a cell with g gates, for t = 1, ..., tau,

.. math::

    a_t &= U x_t + W h_{t-1} + b \quad\text{(a layer above the first: } U h_t^{below}\text{)} \\
    h_t, c_t &= step(a_t, h_{t-1}, c_{t-1})

All but the step is the same for every cell and is computed in `rnn.model`.  A cell is therefore a
class of named parameters with

``gates``
    g: rows of W and U per hidden unit;
``biases``
    the first value of each block of m biases.  There is one for each block of a_t.  Where these are
    more than the gates, W h_{t-1} is added to the first g of them and U x_t to the last g;
``states``
    what is carried from step to step: 1 for h alone, 2 for h and a cell state c;
``step(t, Z, H_before, C_before, H, C)``
    pointwise forward: fills ``H[t]`` and ``C[t]``, and may keep in ``Z[t]``, which holds a_t, what
    the derivative needs;
``step_back(t, Z, H_before, C_before, H, C, dH, dh, dc)``
    pointwise backward: given the derivatives of the loss by h_t, of which ``dH[t]`` comes from
    above and `dh` from step t + 1, and by c_t in `dc`, puts that by a_t into ``Z[t]``, that by
    c_{t-1} into `dc`, and that by h_{t-1}, as far as it does not pass through a_t, into `dh`.

Both functions are decorated with `pointwise`, which makes them a part of the loop over t.  The
arrays are those of one layer: `Z` (tau, B, blocks m), `H`, `H_before` and `dH` (tau, B, m), `C` and
`C_before` (tau, B, (states - 1) m), `dh` (B, m), `dc` (B, (states - 1) m).  Another cell is one
more class in `CELLS`.
"""

from typing import Any, NamedTuple

from rnn.kernels.compilation import of_class, pointwise
from rnn.kernels.elementary import sigmoid, tanh


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
    r"""The assignment's cell: :math:`h_t = \tanh(a_t)`."""

    __slots__ = ()
    gates = 1
    biases = (0.0,)
    states = 1

    @staticmethod
    @pointwise
    def step(t, Z, H_before, C_before, H, C):
        """Compute ``h = tanh(a)``."""
        for s in range(H.shape[1]):
            for i in range(H.shape[2]):
                H[t, s, i] = tanh(Z[t, s, i])

    @staticmethod
    @pointwise
    def step_back(t, Z, H_before, C_before, H, C, dH, dh, dc):
        """Compute ``da = (dH + dh) (1 - h^2)``, as the derivative of tanh is 1 - tanh^2."""
        one = H.dtype.type(1)
        for s in range(dh.shape[0]):
            for i in range(dh.shape[1]):
                Z[t, s, i] = (dH[t, s, i] + dh[s, i]) * (one - H[t, s, i] * H[t, s, i])
                dh[s, i] = 0


class LSTM(Parameters):
    r"""Long short-term memory; the gates in the order i, f, g, o, which is also PyTorch's.

    .. math::

        i_t &= \sigma(a^i_t)  & f_t &= \sigma(a^f_t) \\
        g_t &= \tanh(a^g_t)   & o_t &= \sigma(a^o_t) \\
        c_t &= f_t c_{t-1} + i_t g_t  & h_t &= o_t \tanh(c_t)

    Here c_t is the cell state and o_t the output gate, not the bias and the outputs of `rnn.model`.
    The forget gate's bias is 1 at first, so that the cell state is carried from the beginning.

    Notes
    -----
    Hochreiter and Schmidhuber (1997), Neural Computation 9(8); the forget gate: Gers, Schmidhuber
    and Cummins (2000), Neural Computation 12(10); its first bias: Jozefowicz, Zaremba and Sutskever
    (2015), ICML.
    """

    __slots__ = ()
    gates = 4
    biases = (0.0, 1.0, 0.0, 0.0)
    states = 2

    @staticmethod
    @pointwise
    def step(t, Z, H_before, C_before, H, C):
        """Compute the gates, which stay in ``Z[t]``, then c and h."""
        m = H.shape[2]
        for s in range(H.shape[1]):
            i, f, g, o = Z[t, s, :m], Z[t, s, m : 2 * m], Z[t, s, 2 * m : 3 * m], Z[t, s, 3 * m :]
            c, h = C[t, s], H[t, s]
            for j in range(m):
                i[j], f[j] = sigmoid(i[j]), sigmoid(f[j])
            for j in range(m):
                g[j], o[j] = tanh(g[j]), sigmoid(o[j])
            for j in range(m):
                c[j] = f[j] * C_before[t, s, j] + i[j] * g[j]
                h[j] = o[j] * tanh(c[j])

    @staticmethod
    @pointwise
    def step_back(t, Z, H_before, C_before, H, C, dH, dh, dc):
        """Compute the derivatives by the a of the gates, and by the c before.

        With ``dh`` for the whole derivative by h:
        ``dc += dh o (1 - tanh(c)^2)``, ``da_o = dh tanh(c) o (1 - o)``, ``da_i = dc g i (1 - i)``,
        ``da_g = dc i (1 - g^2)``, ``da_f = dc c_before f (1 - f)``, ``dc_before = dc f``.
        """
        m = H.shape[2]
        one = H.dtype.type(1)
        for s in range(H.shape[1]):
            for j in range(m):
                o, tanh_c = Z[t, s, 3 * m + j], tanh(C[t, s, j])
                dh[s, j] += dH[t, s, j]
                dc[s, j] += dh[s, j] * o * (one - tanh_c * tanh_c)
                Z[t, s, 3 * m + j] = dh[s, j] * tanh_c * o * (one - o)
            for j in range(m):
                i, g = Z[t, s, j], Z[t, s, 2 * m + j]
                Z[t, s, j] = dc[s, j] * g * i * (one - i)
                Z[t, s, 2 * m + j] = dc[s, j] * i * (one - g * g)
            for j in range(m):
                f = Z[t, s, m + j]
                Z[t, s, m + j] = dc[s, j] * C_before[t, s, j] * f * (one - f)
                dc[s, j] = dc[s, j] * f
                dh[s, j] = 0


class GRU(Parameters):
    r"""Gated recurrent unit, with the reset gate after the recurrent product.

    .. math::

        r_t &= \sigma(a^r_t)  & u_t &= \sigma(a^u_t)  & n_t &= \tanh(a^n_t + r_t q_t) \\
        h_t &= (1 - u_t) n_t + u_t h_{t-1}

    where :math:`q_t = W^n h_{t-1} + b^q` is the candidate's part from the state and
    :math:`a^n_t = U^n x_t + b^n` that from below.  They are blocks of a_t of their own, each with a
    bias: the blocks are q, r, u, n, the gates in the rows of W therefore n, r, u and in those of U
    r, u, n.

    Notes
    -----
    Cho et al. (2014), EMNLP.  As in cuDNN and PyTorch the reset gate scales the product, not the
    state before it; their r, z, n are these r, u, n, and their second biases of r and z, which only
    add to the first, are no parameters here.
    """

    __slots__ = ()
    gates = 3
    biases = (0.0, 0.0, 0.0, 0.0)
    states = 1

    @staticmethod
    @pointwise
    def step(t, Z, H_before, C_before, H, C):
        """Compute the gates, which stay in ``Z[t]`` beside q, then h."""
        m = H.shape[2]
        for s in range(H.shape[1]):
            q, r, u, n = Z[t, s, :m], Z[t, s, m : 2 * m], Z[t, s, 2 * m : 3 * m], Z[t, s, 3 * m :]
            for j in range(m):
                r[j], u[j] = sigmoid(r[j]), sigmoid(u[j])
            for j in range(m):
                n[j] = tanh(n[j] + r[j] * q[j])
            for j in range(m):
                H[t, s, j] = n[j] + u[j] * (H_before[t, s, j] - n[j])

    @staticmethod
    @pointwise
    def step_back(t, Z, H_before, C_before, H, C, dH, dh, dc):
        """Compute the derivatives by q and the a of the gates, and by the h before without them.

        With ``dh`` for the whole derivative by h:
        ``da_n = dh (1 - u) (1 - n^2)``, ``da_u = dh (h_before - n) u (1 - u)``, ``dq = da_n r``,
        ``da_r = da_n q r (1 - r)``, ``dh_before = dh u``.
        """
        m = H.shape[2]
        one = H.dtype.type(1)
        for s in range(H.shape[1]):
            for j in range(m):
                u, n = Z[t, s, 2 * m + j], Z[t, s, 3 * m + j]
                dh[s, j] += dH[t, s, j]
                Z[t, s, 2 * m + j] = dh[s, j] * (H_before[t, s, j] - n) * u * (one - u)
                Z[t, s, 3 * m + j] = dh[s, j] * (one - u) * (one - n * n)
                dh[s, j] = dh[s, j] * u
            for j in range(m):
                q, r, da_n = Z[t, s, j], Z[t, s, m + j], Z[t, s, 3 * m + j]
                Z[t, s, j] = da_n * r
                Z[t, s, m + j] = da_n * q * r * (one - r)


#: The cells by the names that settings have for them.
CELLS: dict[str, Any] = {"vanilla": Vanilla, "gru": GRU, "lstm": LSTM}


def name_of(cell: Any) -> str:
    """Return the name that settings have for a cell."""
    return next(name for name, known in CELLS.items() if known is cell)


#: The step of the cell that parameters belong to, and the step's derivative.
step_of, step_back_of = of_class("step"), of_class("step_back")
