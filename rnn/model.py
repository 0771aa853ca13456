r"""A character-level recurrent network: its equations, its loss and its gradients.

.. math::

    a_t &= W h_{t-1} + U x_t + b   & o_t &= V h_t + c \\
    h_t &= \tanh(a_t)              & p_t &= softmax(o_t)

and the loss of a segment is the sum over t of :math:`-\log p_t[y_t]` (KTH DD2424, Assignment 4).
The step from h_{t-1} to h_t is that of a cell (`rnn.cells`; above, the assignment's), and there may
be several layers, each of which reads the hidden states of the one below.

Symbols, the same in every file of the math:

=========  ==================  =============================================================
K          int                 characters in the vocabulary
m          int                 hidden units of a layer
tau        int                 characters in a segment (`seq_length`)
B          int                 streams that are read side by side (`batch_size`; 1 in the course)
g          int                 gates of the cell: rows per hidden unit (1 for the assignment's)
L          int                 layers
W          (L, g m, m)         hidden to hidden
U          (K, g m)            input to hidden: one row per character, the transpose of the course's
U_above    (L - 1, g m, m)     from the hidden states below to a layer above the first
V          (K, m)              hidden to output
b, c       (L, w m), (K,)      biases: of w blocks, as many as the gates but for the GRU's w = g + 1
x, y       (tau, B)            characters read, and those that follow them
H          (L, tau, B, m)      hidden states h_t
C          (L, tau, B, ...)    what else the cell carries from step to step (nothing, or c_t)
H_before   (L, tau, B, m)      h_{t-1}: zero where a document begins; C_before likewise
mask       (L, tau, B, m)      dropout's factors, 0 or 1/(1 - rate), or (L, 0, B, m)
H_above    (L, tau, B, m)      what is read above: mask times H, or without dropout H itself
Z          (L, tau, B, w m)    a_t, then what the cell keeps of it, then derivatives by it
P          (tau, B, K)         outputs o_t, then probabilities p_t, then derivatives by o_t
h          (B, L states m)     the state between two segments: h and c of every layer
dW, ...                        the loss's derivative by W, ...
theta      (n,)                all parameters in one vector, of which W, U, V, b, c are views
=========  ==================  =============================================================

Row t of an array belongs to step t + 1 of the equations.  Training, checking and sampling share
these functions.  They work on float32, float64 and, forward, on complex numbers.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import Any, NamedTuple

import numpy as np

from rnn.cells import Parameters, step_back_of, step_of
from rnn.kernels.compilation import inlined, separate
from rnn.kernels.elementary import exp, log, normals
from rnn.kernels.products import lay_out, multiply, panels
from rnn.kernels.vectors import copy, largest, total


class Segment(NamedTuple):
    """A segment of a text and what is computed of it; the symbols are those of this module."""

    x: Any
    y: Any
    fresh: Any  # (tau, B) where a document begins and counts the state before as zero, or (0, B)
    Z: Any
    H_before: Any
    C_before: Any
    H: Any
    C: Any
    H_above: Any
    mask: Any
    P: Any
    dH: Any
    inputs: Any  # (tau B, w m) what a_t is but for W h_{t-1}
    totals: Any  # (tau B,) the sums of exp o_t
    dh: Any  # (2, B, m) the derivatives by h_t that come from step t + 1, and by h_{t-1}
    dc: Any  # (B, ...) the same by c_t
    W_panels: Any  # W of each layer, laid out for the products of `backward` ...
    WT_panels: Any  # ... its transpose, for those of `forward` ...
    UT_panels: Any  # ... that of U_above ...
    VT_panels: Any  # ... and that of V


@separate
def forward(parameters, segment, h):
    """Compute states, probabilities and the loss of a segment.

    Its ``x``, ``y`` and ``fresh`` are given, the rest is filled.  `h`, (B, L states m), is the
    state before it, and becomes the one after it.  The loss is in nats: the sum over the tau
    characters, the mean over the B streams.
    """
    V, c = parameters.V, parameters.c
    y, P = segment.y, segment.P
    tau, B, K = P.shape
    hidden_states(parameters, segment, h)
    H = segment.H_above[-1]
    # o_t = V h_t + c
    outputs = P.reshape(tau * B, K)
    VT = segment.VT_panels[0]
    lay_out(V, VT, True)
    multiply(H.reshape(tau * B, H.shape[2]), VT, outputs, plus=c.reshape(1, K))
    loss = 0.0
    for t in range(tau):
        for s in range(B):
            # log p_t[y_t] = o_t[y_t] - log(sum_k exp o_t[k]), the largest taken out of the sum
            o = P[t, s]
            most = largest(o)
            for k in range(K):
                o[k] -= most
            loss -= o[y[t, s]]
    p = P.reshape(-1)
    for i in range(p.size):
        p[i] = exp(p[i])
    totals = segment.totals
    for row in range(tau * B):
        # p_t = exp(o_t) / sum_k exp(o_t[k])
        p = outputs[row]
        totals[row] = total(p)
        scale = P.dtype.type(1) / totals[row]
        for k in range(K):
            p[k] *= scale
    for row in range(tau * B):
        totals[row] = log(totals[row])
    for row in range(tau * B):
        loss += totals[row]
    return loss / B


@separate
def hidden_states(parameters, segment, h):
    """Compute the hidden states of a segment, as `forward` does, layer by layer, step by step."""
    W, b, U = parameters.W, parameters.b, parameters.U
    x, fresh, mask = segment.x, segment.fresh, segment.mask
    tau, B = x.shape
    m, gates, blocks = W.shape[2], W.shape[1], b.shape[1]
    first = blocks - gates  # U x_t is added from this entry of a_t on, W h_{t-1} to the first ones
    inputs = segment.inputs
    step, end = step_of(parameters), 0
    for layer in range(W.shape[0]):
        Z, H_before, C_before = segment.Z[layer], segment.H_before[layer], segment.C_before[layer]
        H, C, H_above, bias = segment.H[layer], segment.C[layer], segment.H_above[layer], b[layer]
        # U x_t + b, or from the layer below U h_t + b
        sums, rest = inputs[:, first:], bias[first:]
        if layer > 0:
            UT = segment.UT_panels[layer - 1]
            lay_out(parameters.U_above[layer - 1], UT, True)
            multiply(segment.H_above[layer - 1].reshape(tau * B, m), UT, sums)
        for t in range(tau):
            for s in range(B):
                row, of_state = inputs[t * B + s, first:], inputs[t * B + s, :first]
                given = U[x[t, s]] if layer == 0 else row
                for i in range(gates):
                    row[i] = given[i] + rest[i]
                for i in range(first):
                    of_state[i] = bias[i]
        WT = segment.WT_panels[layer]  # W h, with h as a row as it lies in H, is h W^T
        lay_out(W[layer], WT, True)
        begin, middle, end = end, end + m, end + m + C.shape[2]  # h and c in the state
        for s in range(B):
            copy(h[s, begin:middle], H_before[0, s])
            copy(h[s, middle:end], C_before[0, s])
        for t in range(tau):
            if t > 0:
                copy(H[t - 1], H_before[t])
                copy(C[t - 1], C_before[t])
            if fresh.size:
                _clear(fresh[t], H_before[t], C_before[t])
            # a_t = W h_{t-1} + U x_t + b; h_t, c_t = step(a_t, h_{t-1}, c_{t-1})
            now = inputs[t * B : (t + 1) * B]
            products, others = Z[t][:, :gates], Z[t][:, gates:]
            for s in range(B):
                for i in range(first):
                    others[s, i] = now[s, gates + i]
            # Read number by number, h_{t-1} would have to wait if it was copied just now.
            before = H_before[t] if t == 0 or fresh.size else H[t - 1]
            multiply(before, WT, products, reverse=t % 2 == 1, plus=now[:, :gates])
            step(t, Z, H_before, C_before, H, C)
            if mask.size:
                for s in range(B):
                    for i in range(m):
                        H_above[t, s, i] = mask[layer, t, s, i] * H[t, s, i]
        for s in range(B):
            copy(H[tau - 1, s], h[s, begin:middle])
            copy(C[tau - 1, s], h[s, middle:end])


@separate
def backward(parameters, segment, gradients, weight):
    """Compute the gradients of the loss, after `forward`, in the opposite order.

    ``P`` becomes the derivatives by o_t, ``Z`` those by a_t.  `gradients` is filled, but rows of
    ``U`` are added to: they are zero before, so that those of characters not read need not be
    touched.  `weight` is what one character of one stream counts: 1/B for a loss summed over tau,
    1/(B tau) for a mean.  In training the matrices among `gradients` are `rnn.optimizers.Descent`,
    and a product into one changes that parameter at once: it is read before, never after.
    """
    V = parameters.V
    dV, dc = gradients.V, gradients.c
    y, P, dH = segment.y, segment.P, segment.dH
    tau, B, K = P.shape
    m = V.shape[1]
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
    # dh_t = V^T do_t, as far as it comes from the output
    dO = P.reshape(tau * B, K)
    multiply(dO, V, dH.reshape(tau * B, m))
    # dV = sum_t do_t h_t^T
    multiply(dO.T, segment.H_above[-1].reshape(tau * B, m), dV)
    hidden_states_back(parameters, segment, gradients)


@inlined
def hidden_states_back(parameters, segment, gradients):
    """Carry ``dH`` back through the layers and steps, into the gradients of W, U and b."""
    x, fresh, mask, dH = segment.x, segment.fresh, segment.mask, segment.dH
    dU = gradients.U
    tau, B, m = dH.shape
    gates, blocks = dU.shape[1], gradients.b.shape[1]
    first = blocks - gates
    step_back = step_back_of(parameters)
    dh, before = segment.dh[0], segment.dh[1]
    dc = segment.dc
    for layer in range(parameters.W.shape[0] - 1, -1, -1):
        W, dW, db = segment.W_panels[layer], gradients.W[layer], gradients.b[layer]
        dZ, H_before, C_before = segment.Z[layer], segment.H_before[layer], segment.C_before[layer]
        H, C = segment.H[layer], segment.C[layer]
        lay_out(parameters.W[layer], W, False)
        if mask.size:
            # dh_t is mask_t times the derivative by what is read above
            _scale(dH.reshape(-1), mask[layer].reshape(-1))
        dh[:], dc[:] = 0, 0  # what reaches h_t and c_t from the steps after t
        rows = dZ.reshape(tau * B, blocks)
        for t in range(tau - 1, -1, -1):
            # da_t, dc_{t-1} = derivative of the step, for dh_t = V^T do_t + dh
            step_back(t, dZ, H_before, C_before, H, C, dH, dh, dc)
            # dh_{t-1} = W^T da_t + what does not pass through a_t; none leaves the segment
            if t > 0:
                multiply(dZ[t][:, :gates], W, before, reverse=t % 2 == 1, plus=dh)
            dh, before = before, dh
            if fresh.size:
                _clear(fresh[t], dh, dc)
        # db = sum_t da_t; dU = sum_t da_t x_t^T, or from the layer below sum_t da_t h_t^T
        db[:] = 0
        for t in range(tau - 1, -1, -1):
            for s in range(B):
                da = dZ[t, s]
                for i in range(blocks):
                    db[i] += da[i]
        if layer == 0:
            for t in range(tau - 1, -1, -1):
                for s in range(B):
                    dU_x, da = dU[x[t, s]], dZ[t, s, first:]
                    for i in range(gates):
                        dU_x[i] += da[i]
        else:
            below = segment.H_above[layer - 1].reshape(tau * B, m)
            multiply(rows[:, first:], parameters.U_above[layer - 1], dH.reshape(tau * B, m))
            multiply(rows[:, first:].T, below, gradients.U_above[layer - 1])
        # dW = sum_t da_t h_{t-1}^T
        multiply(rows[:, :gates].T, H_before.reshape(tau * B, m), dW)


@inlined
def _clear(fresh, h, c):
    """Set the state of the streams in which a document begins to zero."""
    for s in range(fresh.size):
        if fresh[s]:
            h[s] = 0
            c[s] = 0


@inlined
def _scale(x, factors):
    """Multiply a vector by another, entry by entry."""
    for i in range(x.size):
        x[i] *= factors[i]


@dataclass(frozen=True)
class Architecture:
    """What a network is made of."""

    cell: Any  # a class of `rnn.cells`
    m: int  # hidden units of a layer
    K: int  # characters
    layers: int = 1

    @cached_property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of each array of `Parameters`, in the order of its fields."""
        L, m, K, rows = self.layers, self.m, self.K, self.cell.gates * self.m
        shapes: dict[str, tuple[int, ...]] = {"W": (L, rows, m)}
        shapes |= {"b": (L, len(self.cell.biases) * m), "U_above": (L - 1, rows, m)}
        return shapes | {"V": (K, m), "c": (K,), "U": (K, rows)}

    @property
    def named_shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of each array by the names of `named`."""
        shapes = self.shapes
        return {
            name: shapes[field] if place is ... else shapes[field][1:]
            for name, field, place in _names(self.layers)
        }

    @property
    def size(self) -> int:
        """The number of parameters."""
        return sum(map(math.prod, self.shapes.values()))

    @property
    def state_size(self) -> int:
        """The numbers that one stream carries from segment to segment."""
        return self.layers * self.cell.states * self.m

    @cached_property
    def begins(self) -> Any:
        """Where each array of `Parameters` begins in the vector of all."""
        sizes = [math.prod(shape) for shape in self.shapes.values()]
        return self.cell(*accumulate(sizes[:-1], initial=0))

    def parameters(self, theta: np.ndarray) -> Any:
        """Return the parts of a vector of all parameters, which share its memory."""
        places = zip(self.begins, self.shapes.values(), strict=True)
        parts = (theta[begin : begin + math.prod(s)].reshape(s) for begin, s in places)
        return self.cell(*parts)

    @classmethod
    def of(cls, parameters: Any) -> "Architecture":
        """Return what a network with these parameters is made of."""
        K, m = parameters.V.shape
        return cls(type(parameters), m, K, len(parameters.W))


def _names(layers: int) -> Iterator[tuple[str, str, Any]]:
    """Yield the names that people read, each with the field of `Parameters` and the place in it."""
    for layer in range(layers):
        number = str(layer + 1) if layers > 1 else ""
        yield f"W{number}", "W", layer
        yield f"b{number}", "b", layer
        if layer:
            yield f"U{number}", "U_above", layer - 1
    yield "V", "V", ...
    yield "c", "c", ...
    yield "U1" if layers > 1 else "U", "U", ...


def named(parameters: Any) -> dict[str, np.ndarray]:
    """Return the arrays of a network by the names that people read: W, b, V, c and U.

    With several layers there is a number behind those of a layer: W1, b1, W2, b2, U2, V, c, U1.
    The arrays share the memory of `parameters`.
    """
    names = _names(len(parameters.W))
    return {name: getattr(parameters, field)[place] for name, field, place in names}


def empty_segment(
    parameters: Any,
    x: np.ndarray,
    y: np.ndarray,
    documents: bool = False,
    mask: np.ndarray | None = None,
) -> Segment:
    """Make room for a segment of `x` and `y`, (tau, B) integers; the state before it is zero.

    `documents` tells whether documents may begin inside the segment; `mask` are the factors of
    dropout, (L, tau, B, m), if there is one.
    """
    architecture = Architecture.of(parameters)
    L, m, (tau, B) = architecture.layers, architecture.m, x.shape
    rest = (architecture.cell.states - 1) * m
    blocks = len(architecture.cell.biases)
    widths = {"Z": blocks * m, "H_before": m, "C_before": rest, "H": m, "C": rest}
    dtype = parameters.V.dtype
    arrays: dict[str, Any] = {
        name: np.zeros((L, tau, B, width), dtype) for name, width in widths.items()
    }
    arrays["H_above"] = arrays["H"] if mask is None else np.zeros_like(arrays["H"])
    none = np.zeros((L, 0, B, m))
    arrays["mask"] = np.array(none if mask is None else mask, dtype, order="C")
    arrays["P"], arrays["dH"] = np.zeros((tau, B, architecture.K), dtype), arrays["H"][0].copy()
    arrays["inputs"], arrays["totals"] = (
        np.zeros((tau * B, blocks * m), dtype),
        np.zeros(tau * B, dtype),
    )
    arrays["dh"], arrays["dc"] = np.zeros((2, B, m), dtype), np.zeros((B, rest), dtype)
    rows = architecture.cell.gates * m
    arrays["W_panels"] = panels(B, (L, rows, m), dtype)
    arrays["WT_panels"] = panels(B, (L, m, rows), dtype)
    arrays["UT_panels"] = panels(tau * B, (L - 1, m, rows), dtype)
    arrays["VT_panels"] = panels(tau * B, (1, m, architecture.K), dtype)
    return Segment(x, y, np.zeros((tau if documents else 0, B), np.bool_), **arrays)


class Evaluation(NamedTuple):
    """What a segment gives."""

    loss: float  # in nats
    gradients: Parameters
    h: np.ndarray  # (B, state size) the state after it


def initialise(
    architecture: Architecture, sig: float | None, rng: np.random.Generator, dtype: str = "float64"
) -> np.ndarray:
    """Draw the first parameters (n,): matrices from a normal distribution, biases as of the cell.

    `sig` is the standard deviation; None: that of the 2026 handout, 1/sqrt(2m) for W, 1/sqrt(2K)
    for U and 1/sqrt(m) for V.  `rng` is drawn from in float64 whatever `dtype`, so that float32 and
    float64 start at the same place.
    """
    m, K = architecture.m, architecture.K
    squares = {"W": 2 * m, "U_above": 2 * m, "V": m, "U": 2 * K}
    theta = np.zeros(architecture.size)
    architecture.parameters(theta).b[:] = np.repeat(architecture.cell.biases, m)
    for name, part in architecture.parameters(theta)._asdict().items():
        if name in squares:
            scale = 1 / math.sqrt(squares[name]) if sig is None else sig
            part[:] = scale * normals(rng.random((2, part.size))).reshape(part.shape)
    return theta.astype(dtype)


def loss_and_gradients(
    parameters: Any,
    x: np.ndarray,
    y: np.ndarray,
    h: np.ndarray,
    mean: bool = False,
    mask: np.ndarray | None = None,
) -> Evaluation:
    """Return the loss of a segment, its gradients (not clipped) and the state after it.

    `x` and `y` are (tau, B) integers, `h` is the state before them, (B, state size), and `mask` is
    as for `empty_segment`; `mean` tells whether the loss is the mean over the segment's characters
    instead of their sum.
    """
    segment, after = empty_segment(parameters, x, y, mask=mask), h.copy()
    tau, B = x.shape
    gradients = type(parameters)(*(np.zeros_like(part) for part in parameters))
    loss = forward(parameters, segment, after)
    characters = tau if mean else 1
    backward(parameters, segment, gradients, parameters.V.dtype.type(1 / (B * characters)))
    return Evaluation(loss / characters, gradients, after)
