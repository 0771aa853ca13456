"""The models at the ends of epochs: kept during training, measured when asked for.

Measuring one reads the whole text, which takes a third of the time that training on it takes;
several are measured side by side on the cores.
"""

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from threadpoolctl import threadpool_limits

from rnn.cell import views
from rnn.evaluation import text_loss
from rnn.runs import progress as bars
from rnn.state import TrainingState
from rnn.vanilla import Vanilla

__all__ = ["MOST_KEPT", "keep_epoch_end", "measure_epoch_ends"]

#: Models that wait to be measured, at most.
MOST_KEPT = 8


def keep_epoch_end(state: TrainingState, K: int, ids: np.ndarray, marks: np.ndarray) -> None:
    """Keep the model at the end of an epoch, with its state; measure those kept if they are many.

    Parameters
    ----------
    state : TrainingState
        Changed in place.
    K : int
        Characters in the vocabulary.
    ids, marks
        The text that is trained on, and where documents begin (see `rnn.evaluation.text_loss`).
    """
    if len(state.waiting) == MOST_KEPT:
        measure_epoch_ends(state, K, ids, marks)
    state.waiting = np.vstack([state.waiting, np.append(state.theta, state.h[0])])


def measure_epoch_ends(
    state: TrainingState, K: int, ids: np.ndarray, marks: np.ndarray, progress: bool = False
) -> None:
    """Measure the loss over the whole text of all models that wait, and keep the best.

    Parameters
    ----------
    state : TrainingState
        Its `epoch_losses`, `epoch_theta` and `waiting` are changed in place.
    K, ids, marks
        As for `keep_epoch_end`.
    progress : bool
        Whether to show a bar.
    """
    m = state.h.shape[1]

    def loss(kept: np.ndarray) -> float:
        return text_loss(views(Vanilla, kept[:-m], m, K), ids, marks, kept[-m:])

    with threadpool_limits(1, "blas"), ThreadPoolExecutor(os.cpu_count()) as pool:
        losses = pool.map(loss, state.waiting)
        shown = bars.bar(losses, shown=progress, desc="ends of epochs", total=len(state.waiting))
        for kept, measured in zip(state.waiting, shown, strict=True):
            if measured < min(state.epoch_losses, default=np.inf):
                state.epoch_theta[:] = kept[:-m]
            state.epoch_losses.append(measured)
    state.waiting = state.waiting[:0]
