"""Does the check notice?  Known mistakes, planted in the backward pass, that it must reject.

They are planted in the functions that train: in what `rnn.model.backward` is given, in the
derivative of the cell's step, or in the gradients that come out.
"""

from typing import Any

import numpy as np
import pandas as pd

from rnn.cells import GRU, LSTM, Vanilla
from rnn.errors import ReportError
from rnn.gradient_check import ACCEPTED, CENTRAL, COMPLEX, Bar, Case, compare, estimates
from rnn.kernels.compilation import compiled
from rnn.kernels.elementary import tanh
from rnn.model import backward, empty_segment, forward

LEFT_OUT = "h₀ left out of dW"
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


@compiled
def _exchange(dZ, begin, m):
    """Exchange the m columns from `begin` on with the m that follow them."""
    for s in range(dZ.shape[0]):
        for j in range(begin, begin + m):
            dZ[s, j], dZ[s, m + j] = dZ[s, m + j], dZ[s, j]


class _WithoutTanhDerivative(Vanilla):
    """Its derivative of the step forgets the factor 1 - h^2."""

    __slots__ = ()

    @staticmethod
    @compiled
    def step_back(t, Z, H_before, C_before, H, C, dH, dh, dc):
        for s in range(dh.shape[0]):
            for i in range(dh.shape[1]):
                Z[t, s, i] = dH[t, s, i] + dh[s, i]
                dh[s, i] = 0


class _SwappedLSTM(LSTM):
    """Its derivatives by the input and the forget gate are exchanged."""

    __slots__ = ()

    @staticmethod
    @compiled
    def step_back(t, Z, H_before, C_before, H, C, dH, dh, dc):
        m = H.shape[2]
        _lstm_back(t, Z, H_before, C_before, H, C, dH, dh, dc)
        _exchange(Z[t], 0, m)


class _WithoutCarriedState(LSTM):
    """Nothing goes from the cell state to the one before."""

    __slots__ = ()

    @staticmethod
    @compiled
    def step_back(t, Z, H_before, C_before, H, C, dH, dh, dc):
        _lstm_back(t, Z, H_before, C_before, H, C, dH, dh, dc)
        dc[:] = 0


class _WithoutDerivativeOfState(LSTM):
    """Its derivative by c takes that of tanh(c) for 1."""

    __slots__ = ()

    @staticmethod
    @compiled
    def step_back(t, Z, H_before, C_before, H, C, dH, dh, dc):
        m = H.shape[2]
        for s in range(H.shape[1]):
            for j in range(m):
                # What the right one takes off.
                squared = tanh(C[t, s, j]) * tanh(C[t, s, j])
                dc[s, j] += (dH[t, s, j] + dh[s, j]) * Z[t, s, 3 * m + j] * squared
        _lstm_back(t, Z, H_before, C_before, H, C, dH, dh, dc)


class _SwappedGRU(GRU):
    """Its derivatives by the reset and the update gate are exchanged."""

    __slots__ = ()

    @staticmethod
    @compiled
    def step_back(t, Z, H_before, C_before, H, C, dH, dh, dc):
        m = H.shape[2]
        _gru_back(t, Z, H_before, C_before, H, C, dH, dh, dc)
        _exchange(Z[t], m, m)


class _WithoutReset(GRU):
    """Its derivative by q, the candidate's part from the state, takes the reset gate for 1."""

    __slots__ = ()

    @staticmethod
    @compiled
    def step_back(t, Z, H_before, C_before, H, C, dH, dh, dc):
        m = H.shape[2]
        _gru_back(t, Z, H_before, C_before, H, C, dH, dh, dc)
        for s in range(H.shape[1]):
            for j in range(m):
                Z[t, s, j] = Z[t, s, 3 * m + j]


class _WithoutWayPast(GRU):
    """Nothing goes from the state to the one before but through the gates and the candidate."""

    __slots__ = ()

    @staticmethod
    @compiled
    def step_back(t, Z, H_before, C_before, H, C, dH, dh, dc):
        _gru_back(t, Z, H_before, C_before, H, C, dH, dh, dc)
        dh[:] = 0


#: The mistakes in the derivative of the step, by cell.
_IN_STEP: dict[Any, dict[str, Any]] = {
    Vanilla: {FORGOTTEN: _WithoutTanhDerivative},
    GRU: {SWAPPED: _SwappedGRU, NO_RESET: _WithoutReset, NOT_PAST: _WithoutWayPast},
    LSTM: {
        SWAPPED: _SwappedLSTM,
        NO_TANH: _WithoutDerivativeOfState,
        NOT_CARRIED: _WithoutCarriedState,
    },
}


def gradients_with_mistake(case: Case, mistake: str, clip: float = _CLIP) -> np.ndarray:
    """Compute `Case.gradient` as training does, but with one of this module's mistakes planted.

    `clip` is the bound of `CLIPPED`.
    """
    parameters = case.architecture.parameters(case.theta)
    segment = empty_segment(parameters, case.x, case.y, mask=case.mask)
    forward(parameters, segment, case.h.copy())
    gradients = type(parameters)(*(np.zeros_like(part) for part in parameters))
    if mistake == LEFT_OUT:
        segment.H_before[:, 0] = 0
    if mistake == UNMASKED:
        segment.mask[:] = 1
    if mistake == TRANSPOSED:
        L, rows, m = parameters.W.shape
        gates = parameters.W.reshape(L, rows // m, m, m)
        W = np.ascontiguousarray(gates.swapaxes(2, 3)).reshape(L, rows, m)
        parameters = parameters._replace(W=W)
    wrong = _IN_STEP[case.architecture.cell].get(mistake, type(parameters))
    backward(wrong(*parameters), segment, gradients, 1 / case.x.shape[1])
    g = case.vector(gradients)
    if mistake == FACTOR:
        g *= 1.001
    return np.clip(g, -clip, clip) if mistake == CLIPPED else g


def mistakes_of(case: Case) -> list[str]:
    """Return the mistakes that are mistakes in a case."""
    mistakes = [LEFT_OUT, *_IN_STEP[case.architecture.cell], TRANSPOSED, UNMASKED, FACTOR, CLIPPED]
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
    work = [(hard, COMPLEX, 1e-20), (easy, CENTRAL, h), (hard, CENTRAL, h)]
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
