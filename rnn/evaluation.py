"""How well a model predicts a whole text."""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from rnn.errors import ReportError
from rnn.kernels.compilation import compiled
from rnn.model import empty_segment, forward

_TAU = 100  # characters computed at a time; other numbers change the last bits of the result


def text_loss(parameters: Any, ids: np.ndarray, marks: np.ndarray, h: np.ndarray) -> float:
    r"""Return the mean loss over a text that is read once, in nats per character.

    It is the mean of :math:`-\log p_t[y_t]` over all but the first character.

    Parameters
    ----------
    parameters : Parameters
        Those of a network.
    ids : (n,) integers
        The text.
    marks : (n,) bool, or (0,)
        Where documents begin: the state before these characters counts as zero.
    h : (state size,)
        The state before the text.  A network that has seen a zero state only in its first segments
        may never recover from one: give the state it was trained in.

    Raises
    ------
    ReportError
        If the text has fewer than two characters, or one that the model does not know.
    """
    ids = np.asarray(ids)
    if len(ids) < 2:
        raise ReportError(
            f"text: expected at least two characters, got {len(ids)}; use a longer text"
        )
    if not 0 <= ids.min() <= ids.max() < len(parameters.c):
        raise ReportError(
            f"text: expected characters from 0 to {len(parameters.c) - 1}, got {ids.min()} to "
            f"{ids.max()}; use the text that the model was trained on"
        )
    h, loss, start, last = h.reshape(1, -1).copy(), 0.0, 0, len(ids) - 1
    for tau, end in ((_TAU, last - last % _TAU), (last % _TAU, last)):
        x, y = np.zeros((2, tau, 1), ids.dtype)
        segment = empty_segment(parameters, x, y, documents=bool(marks.size))
        loss = _add_losses(parameters, segment, ids, marks, start, end, h, loss)
        start = end
    return loss / last


def text_losses(
    models: Sequence[tuple[Any, np.ndarray]], ids: np.ndarray, marks: np.ndarray
) -> Iterator[float]:
    """Yield the `text_loss` of models, each given with the state before the text.

    Reading a text takes a third of the time that training on it takes, so models are measured side
    by side on the cores.
    """
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        yield from pool.map(lambda model: text_loss(model[0], ids, marks, model[1]), models)


@compiled
def _add_losses(parameters, segment, ids, marks, start, end, h, loss):
    """Add the losses of segment after segment between two places in the text; update `h`."""
    tau = segment.x.shape[0]
    while start < end:
        for t in range(tau):
            segment.x[t, 0] = ids[start + t]
            segment.y[t, 0] = ids[start + t + 1]
            if marks.size:
                segment.fresh[t, 0] = marks[start + t]
        loss += forward(parameters, segment, h)
        start += tau
    return loss
