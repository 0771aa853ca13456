"""Does the check notice?  Known mistakes, planted in the backward pass, that it must reject.

They are planted in the functions that train: in what `rnn.model.backward` is given, in the
derivative of the cell's step, or in the gradients that come out.
"""

from typing import Any

import numpy as np
import pandas as pd

from rnn.cells import Parameters
from rnn.errors import ReportError
from rnn.gradient_check import ACCEPTED, CENTRAL, COMPLEX, Bar, Case, compare, estimates
from rnn.kernels.compilation import compiled
from rnn.model import backward, empty_segment, forward, set_state

LEFT_OUT = "h₀ left out of dW"
FORGOTTEN = "1 − h² forgotten"
TRANSPOSED = "W in place of its transpose"
FACTOR = "gradients 1.001 times too large"
CLIPPED = "gradients clipped"

_CLIP = 5.0  # the assignment's bound


class _WithoutTanhDerivative(Parameters):
    """Parameters whose derivative of the step forgets the factor 1 - h^2."""

    __slots__ = ()

    @staticmethod
    @compiled
    def step_back(t, Z, C_before, H, C, dH, dh, dc):
        for s in range(dh.shape[0]):
            for i in range(dh.shape[1]):
                Z[t, s, i] = dH[t, s, i] + dh[s, i]


def gradients_with_mistake(case: Case, mistake: str, clip: float = _CLIP) -> np.ndarray:
    """Compute `Case.gradient` as training does, but with one of this module's mistakes planted.

    `case` is one of the vanilla cell; `clip` is the bound of `CLIPPED`.
    """
    parameters = case.architecture.parameters(case.theta)
    segment = empty_segment(parameters, case.x, case.y)
    set_state(segment, case.h)
    forward(parameters, segment)
    gradients = type(parameters)(*(np.zeros_like(part) for part in parameters))
    if mistake == LEFT_OUT:
        segment.H_before[:, 0] = 0
    if mistake == FORGOTTEN:
        parameters = _WithoutTanhDerivative(*parameters)
    if mistake == TRANSPOSED:
        parameters = parameters._replace(W=np.ascontiguousarray(parameters.W.swapaxes(1, 2)))
    backward(parameters, segment, gradients, 1 / case.x.shape[1])
    g = case.vector(gradients)
    if mistake == FACTOR:
        g *= 1.001
    return np.clip(g, -clip, clip) if mistake == CLIPPED else g


def mistakes_of(case: Case) -> list[str]:
    """Return the mistakes that are mistakes in a case."""
    mistakes = [LEFT_OUT, FORGOTTEN, FACTOR, CLIPPED]
    if case.architecture.m > 1 and len(case.x) > 1:
        mistakes.insert(2, TRANSPOSED)  # which is none where there is nothing to transpose
    return mistakes


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
