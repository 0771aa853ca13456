"""Does the check notice?  Known mistakes, planted in the backward pass, that it must reject.

They are planted in the functions that train: in what `rnn.model.backward` is given, in the
derivative of the cell's step, or in the gradients that come out.
"""

from collections import defaultdict
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from rnn.cells import GRU, LSTM, Vanilla
from rnn.errors import ReportError
from rnn.gradient_check import (
    ACCEPTED,
    CENTRAL,
    COMPLEX,
    COMPLEX_STEP,
    Bar,
    Case,
    compare,
    estimates,
)
from rnn.kernels.compilation import compiled
from rnn.kernels.elementary import tanh
from rnn.kernels.products import multiply
from rnn.model import backward, empty_segment, forward

NO_H0 = "h₀ left out of dW"
FORGOTTEN = "1 − h² forgotten"
TRANSPOSED = "W in place of its transpose"
FACTOR = "gradients 1.001 times too large"
CLIPPED = "gradients clipped"
SWAPPED = "order of two gates swapped"
NOT_CARRIED = "cell state not carried back"
NO_TANH = "derivative of tanh(c) forgotten"
NO_RESET = "reset gate left out"
NOT_PAST = "the way past the gates left out"
UNMASKED = "dropout mask not applied"

_CLIP = 5.0  # the assignment's bound
_lstm_back, _gru_back = LSTM.step_back, GRU.step_back

#: The mistakes in the derivative of the step, by cell: cells that make them, by name.
_IN_STEP: dict[Any, dict[str, Any]] = defaultdict(dict)


def _in_step(cell: Any, mistake: str) -> Callable[[Callable[..., None]], Any]:
    """Return a decorator that makes of a function a cell like `cell`, but for its `step_back`."""

    def wrong(step_back: Callable[..., None]) -> Any:
        of_cell = {"__slots__": (), "step_back": staticmethod(compiled(step_back))}
        # The name under which the compiled code, kept on disk, finds the class again.
        of_cell |= {"__module__": __name__, "__doc__": step_back.__doc__}
        made = type(step_back.__name__, (cell,), of_cell)
        _IN_STEP[cell][mistake] = made
        return made

    return wrong


@_in_step(Vanilla, FORGOTTEN)
def _without_tanh_derivative(t, Z, H_before, C_before, H, C, dH, dh, dc):
    """Forget the factor 1 - h^2."""
    for s in range(dh.shape[0]):
        for i in range(dh.shape[1]):
            Z[t, s, i] = dH[t, s, i] + dh[s, i]
            dh[s, i] = 0


@compiled
def _exchange(dZ, begin, m):
    """Exchange the m columns from `begin` on with the m that follow them."""
    for s in range(dZ.shape[0]):
        for j in range(begin, begin + m):
            dZ[s, j], dZ[s, m + j] = dZ[s, m + j], dZ[s, j]


@_in_step(GRU, SWAPPED)
def _swapped_gru(t, Z, H_before, C_before, H, C, dH, dh, dc):
    """Exchange the derivatives by the reset and the update gate."""
    m = H.shape[2]
    _gru_back(t, Z, H_before, C_before, H, C, dH, dh, dc)
    _exchange(Z[t], m, m)


@_in_step(GRU, NO_RESET)
def _without_reset(t, Z, H_before, C_before, H, C, dH, dh, dc):
    """Take the reset gate for 1 in the derivative by q, the candidate's part from the state."""
    m = H.shape[2]
    _gru_back(t, Z, H_before, C_before, H, C, dH, dh, dc)
    for s in range(H.shape[1]):
        for j in range(m):
            Z[t, s, j] = Z[t, s, 3 * m + j]


@_in_step(GRU, NOT_PAST)
def _without_way_past(t, Z, H_before, C_before, H, C, dH, dh, dc):
    """Let nothing go to the state before but through the gates and the candidate."""
    _gru_back(t, Z, H_before, C_before, H, C, dH, dh, dc)
    dh[:] = 0


@_in_step(LSTM, SWAPPED)
def _swapped_lstm(t, Z, H_before, C_before, H, C, dH, dh, dc):
    """Exchange the derivatives by the input and the forget gate."""
    m = H.shape[2]
    _lstm_back(t, Z, H_before, C_before, H, C, dH, dh, dc)
    _exchange(Z[t], 0, m)


@_in_step(LSTM, NO_TANH)
def _without_derivative_of_state(t, Z, H_before, C_before, H, C, dH, dh, dc):
    """Take the derivative of tanh(c) for 1 in that by c."""
    m = H.shape[2]
    for s in range(H.shape[1]):
        for j in range(m):
            # What the right one takes off.
            squared = tanh(C[t, s, j]) * tanh(C[t, s, j])
            dc[s, j] += (dH[t, s, j] + dh[s, j]) * Z[t, s, 3 * m + j] * squared
    _lstm_back(t, Z, H_before, C_before, H, C, dH, dh, dc)


@_in_step(LSTM, NOT_CARRIED)
def _without_carried_state(t, Z, H_before, C_before, H, C, dH, dh, dc):
    """Let nothing go from the cell state to the one before."""
    _lstm_back(t, Z, H_before, C_before, H, C, dH, dh, dc)
    dc[:] = 0


def gradients_with_mistake(case: Case, mistake: str, clip: float = _CLIP) -> np.ndarray:
    """Compute `Case.gradient` as training does, but with one of this module's mistakes planted.

    `clip` is the bound of `CLIPPED`.
    """
    parameters = case.architecture.parameters(case.theta)
    segment = empty_segment(parameters, case.x, case.y, mask=case.mask)
    forward(parameters, segment, case.h.copy())
    gradients = type(parameters)(*(np.zeros_like(part) for part in parameters))
    if mistake == UNMASKED:
        segment.mask[:] = 1
    if mistake == TRANSPOSED:
        L, rows, m = parameters.W.shape
        gates = parameters.W.reshape(L, rows // m, m, m)
        W = np.ascontiguousarray(gates.swapaxes(2, 3)).reshape(L, rows, m)
        parameters = parameters._replace(W=W)
    wrong = _IN_STEP[case.architecture.cell].get(mistake, type(parameters))
    backward(wrong(*parameters), segment, gradients, 1 / case.x.shape[1])
    if mistake == NO_H0:
        segment.H_before[:, 0] = 0
        _multiply_again(segment, gradients.W)
    g = case.vector(gradients)
    if mistake == FACTOR:
        g *= 1.001
    return np.clip(g, -clip, clip) if mistake == CLIPPED else g


@compiled
def _multiply_again(segment, dW):
    """Compute dW as `backward` does, from what it left in a segment."""
    L, rows, m = dW.shape
    tau, B, _ = segment.dH.shape
    for layer in range(L):
        dZ = segment.Z[layer].reshape(tau * B, segment.Z.shape[3])
        multiply(dZ[:, :rows].T, segment.H_before[layer].reshape(tau * B, m), dW[layer])


def mistakes_of(case: Case) -> list[str]:
    """Return the mistakes that are mistakes in a case."""
    mistakes = [NO_H0, *_IN_STEP[case.architecture.cell], TRANSPOSED, UNMASKED, FACTOR, CLIPPED]
    none = set()
    if len(case.x) == 1:
        none |= {TRANSPOSED, NOT_CARRIED, NOT_PAST}  # which are between steps
    if case.architecture.m == 1:
        none.add(TRANSPOSED)
    if case.mask is None:
        none.add(UNMASKED)
    return [mistake for mistake in mistakes if mistake not in none]


def effective_clip(case: Case) -> float:
    """Return the assignment's bound of `CLIPPED`, or one that is small enough to clip a case."""
    return min(_CLIP, float(np.abs(case.gradient()).max()) / 2)


def check_mistakes(
    easy: Case, hard: Case, h: float = 1e-4, eps: float = 1e-6, bar: Bar = None
) -> pd.DataFrame:
    """Plant each mistake and check it as `rnn.gradient_check.check` checks the right gradients.

    Mistakes may hide in the `easy` case; in the `hard` one none must.

    Returns
    -------
    pandas.DataFrame
        A row for the gradients without a mistake, then one per mistake: ``mistake``; ``easy`` and
        ``hard``, the largest norm-wise error of a parameter against central differences;
        ``complex``, the largest relative error of an entry against the complex step in the hard
        case, and its ``parameter``; ``caught``, whether that is too large.

    Raises
    ------
    ReportError
        If the check accepts a mistake in the hard case.
    """
    easy, hard = easy.small().sampled(), hard.small().sampled()
    clip = effective_clip(hard)
    work = [(hard, COMPLEX, COMPLEX_STEP), (easy, CENTRAL, h), (hard, CENTRAL, h)]
    stepped, *central = estimates(work, bar)
    rows = []
    for mistake in ["", *mistakes_of(hard)]:
        row: dict[str, Any] = {"mistake": mistake or "none"}
        for name, case, gn in zip(("easy", "hard"), (easy, hard), central, strict=True):
            ga = gradients_with_mistake(case, mistake, clip)
            row[name] = compare(case, ga, gn, eps)["norm_wise"].max(skipna=False)
        # NaN is sorted as the worst.
        worst = compare(hard, ga, stepped, eps).sort_values("max").iloc[-1]
        row["complex"], row["parameter"] = worst["max"], worst["parameter"]
        row["caught"] = not row["complex"] <= ACCEPTED
        if mistake and not row["caught"]:
            raise ReportError(
                f"gradient check: expected to catch the planted mistake '{mistake}', got a "
                f"relative error of {row['complex']:.1e}, under {ACCEPTED:.0e}; "
                "take a smaller eps or sig"
            )
        if mistake == CLIPPED:
            row["mistake"] += f" to [−{clip:.3g}, {clip:.3g}]"
        rows.append(row)
    return pd.DataFrame(rows)
