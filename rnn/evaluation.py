"""How well a model predicts a whole text."""

from typing import Any

import numpy as np

from rnn.errors import ReportError
from rnn.kernels.compilation import compiled
from rnn.model import forward

__all__ = ["text_loss"]

_SEGMENT = 100  # characters computed at a time; the result does not depend on it


def text_loss(
    parameters: Any,
    ids: np.ndarray,
    marks: np.ndarray | None = None,
    h0: np.ndarray | None = None,
) -> float:
    r"""Return the mean loss over a text that is read once.

    Parameters
    ----------
    parameters : named tuple
        A cell's parameters.
    ids : (n,) integers
        The text.
    marks : (n,) bool, optional
        Where documents begin: the state before these characters counts as zero.
    h0 : (m,), optional
        The state before the text; zero if not given.  A network that has seen a zero state only
        in its first segments may never find out of it again: give the state it was trained in.

    Returns
    -------
    float
        Nats a character: the mean of :math:`-\log p_t[y_t]` over all but the first character.

    Raises
    ------
    ReportError
        If the text has fewer than two characters, or one that the model does not know.
    """
    ids = np.asarray(ids)
    if len(ids) < 2 or ids.max() >= len(parameters.c):
        raise ReportError(
            f"text: expected at least two characters of {len(parameters.c)} known ones, "
            f"got {len(ids)} characters; use the text that the model was trained on"
        )
    if marks is None:
        marks = np.zeros(0, np.bool_)
    if h0 is None:
        h0 = np.zeros(parameters.V.shape[1], parameters.V.dtype)
    return _text_loss(parameters, ids, marks, h0) / (len(ids) - 1)


@compiled
def _text_loss(parameters, ids, marks, h0):  # type: ignore[no-untyped-def]
    K, m = parameters.V.shape
    H = np.zeros((_SEGMENT + 1, 1, m), parameters.V.dtype)
    H[0, 0] = h0
    P = np.empty((_SEGMENT, 1, K), parameters.V.dtype)
    x = np.empty((_SEGMENT, 1), ids.dtype)
    y = np.empty((_SEGMENT, 1), ids.dtype)
    fresh = np.zeros((_SEGMENT if marks.size else 0, 1), np.bool_)
    loss = 0.0
    start = 0
    while start < ids.size - 1:
        n = min(_SEGMENT, ids.size - 1 - start)
        for t in range(n):
            x[t, 0] = ids[start + t]
            y[t, 0] = ids[start + t + 1]
            if marks.size:
                fresh[t, 0] = marks[start + t]
        loss += forward(parameters, x[:n], y[:n], fresh, H[: n + 1], P[:n])
        for i in range(m):
            H[0, 0, i] = H[n, 0, i]
        start += n
    return loss
