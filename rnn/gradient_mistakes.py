"""Does the check notice?  Known mistakes, planted in the backward pass, that it must reject."""

from typing import Any

import numpy as np
import pandas as pd

from rnn.errors import ReportError
from rnn.gradient_cases import Case
from rnn.gradient_check import (
    ACCEPTED,
    central_differences,
    check_bar,
    compare,
    complex_step,
)
from rnn.vanilla import Vanilla

__all__ = [
    "CLIPPED",
    "FACTOR",
    "FORGOTTEN",
    "LEFT_OUT",
    "TRANSPOSED",
    "bound_that_bites",
    "check_mistakes",
    "mistakes_of",
    "plain_gradients",
]

LEFT_OUT = "h₀ left out of dW"
FORGOTTEN = "1 − h² forgotten"
TRANSPOSED = "W in place of its transpose"
FACTOR = "gradients 1.001 times too large"
CLIPPED = "gradients clipped"

_CLIP = 5.0  # the assignment's bound


def plain_gradients(case: Case, mistake: str = "", clip: float = _CLIP) -> Vanilla:
    """Compute the gradients with plain NumPy, and with one mistake if wanted.

    This is no second engine but what the check is tried on: written after the derivation, one
    stream, one character at a time, in the symbols of `rnn.model`.

    Parameters
    ----------
    case : Case
        A case of the vanilla cell with one stream.
    mistake : str
        One of this module's, or none.
    clip : float
        The bound of `CLIPPED`.

    Returns
    -------
    Vanilla
        The gradients.
    """
    parameters: Any = case.parameters(case.theta)
    W, b, V, c, U = parameters
    tau = len(case.x)
    H = np.zeros((tau + 1, case.m))
    H[0] = case.h0
    for t, x in enumerate(case.x):
        H[t + 1] = np.tanh(W @ H[t] + U[x] + b)
    dO = H[1:] @ V.T + c
    dO = np.exp(dO - dO.max(axis=1, keepdims=True))
    dO /= dO.sum(axis=1, keepdims=True)
    dO[np.arange(tau), case.y] -= 1
    gradients: Any = Vanilla(*map(np.zeros_like, parameters))
    dW, db, dV, dc, dU = gradients
    dV += dO.T @ H[1:]
    dc += dO.sum(axis=0)
    back = W.T if mistake == TRANSPOSED else W
    later = np.zeros(case.m)
    for t in reversed(range(tau)):
        da = V.T @ dO[t] + later
        if mistake != FORGOTTEN:
            da *= 1 - H[t + 1] ** 2
        db += da
        dU[case.x[t]] += da
        if t > 0 or mistake != LEFT_OUT:
            dW += np.outer(da, H[t])
        later = da @ back
    if mistake == FACTOR:
        gradients = Vanilla(*(1.001 * gradient for gradient in gradients))
    if mistake == CLIPPED:
        gradients = Vanilla(*(np.clip(gradient, -clip, clip) for gradient in gradients))
    return gradients


def mistakes_of(case: Case) -> list[str]:
    """Return the mistakes that are mistakes in a case."""
    mistakes = [LEFT_OUT, FORGOTTEN, FACTOR, CLIPPED]
    if case.m > 1 and len(case.x) > 1:
        mistakes.insert(2, TRANSPOSED)  # which is none where there is nothing to transpose
    return mistakes


def bound_that_bites(case: Case) -> float:
    """Return the assignment's bound of `CLIPPED`, or one that is small enough to clip a case."""
    return min(_CLIP, float(np.abs(case.gradient()).max()) / 2)


def check_mistakes(easy: Case, hard: Case, h: float = 1e-4, eps: float = 1e-6) -> pd.DataFrame:
    """Plant each mistake and check it as the right gradients are checked.

    Parameters
    ----------
    easy, hard : Case
        Two cases: mistakes may hide in the first; in the second none must.
    h, eps
        As for `rnn.gradient_check.check`.

    Returns
    -------
    pandas.DataFrame
        A row for the gradients without a mistake, then one a mistake: ``mistake``; ``easy`` and
        ``hard``, the largest norm-wise error of a parameter against central differences;
        ``complex``, the largest relative error of an entry against the complex step in the hard
        case, and its ``parameter``; ``caught``, whether that is too large.

    Raises
    ------
    ReportError
        If the check accepts a mistake in the hard case.
    """
    easy, hard = easy.small(), hard.small()
    clip = bound_that_bites(hard)
    with check_bar([hard, easy, hard]) as each:
        stepped = complex_step(hard.loss, hard.theta, places=hard.places, each=each)
        central = {
            case.name: central_differences(case.loss, case.theta, h, case.places, each)
            for case in (easy, hard)
        }
    rows = []
    for mistake in ["", *mistakes_of(hard)]:
        ga = {case.name: case.vector(plain_gradients(case, mistake, clip)) for case in (easy, hard)}
        row: dict[str, Any] = {"mistake": mistake or "none"}
        for key, case in (("easy", easy), ("hard", hard)):
            table = compare(case, ga[case.name], central[case.name], eps)
            row[key] = table["norm_wise"].max(skipna=False)
        # An error that is no number is sorted as the worst.
        worst = compare(hard, ga[hard.name], stepped, eps).sort_values("max").iloc[-1]
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
