"""The one record of a training run in progress: what is passed is what is saved."""

import math
import os
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from rnn.errors import ReportError
from rnn.kernels.randomness import FIRST_PARAMETERS, generator
from rnn.model import initialise
from rnn.optimizers import MEMORY_ROWS
from rnn.settings import Settings
from rnn.vanilla import Vanilla

__all__ = ["TrainingState", "first_state", "require_memory"]


@dataclass
class TrainingState:
    """All that training needs to go on as if it had never stopped.

    Attributes
    ----------
    theta : (n,)
        The parameters, as in `rnn.model`.
    memory : (rows, n)
        The optimiser's memory.
    h : (B, m)
        The state after the last update.
    best_theta, best_h : (n,), (B, m)
        The model with the lowest smooth loss, after its update, and its state.
    epoch_theta : (n,)
        The model with the lowest loss over the whole text at the end of an epoch.
    waiting : (q, n + m)
        Models at the ends of epochs that are not measured yet (see `rnn.epoch_ends`), each
        followed by its state.
    losses : (2,) float64
        Smooth loss after the last update, lowest smooth loss; in the unit of the loss.
    counts : (2,) int64
        The number of the last update, that of the lowest smooth loss; from 1.
    history : list of (int, float, float or None)
        Update, smooth loss, and the validation loss where it was measured.
    snapshots : list of dict
        ``update``, ``smooth_loss``, ``text``.
    epoch_losses : list of float
        The loss over the whole trained text at the ends of the epochs measured, in nats a
        character.
    diverged : str
        Why training stopped for good, if a loss was not finite; empty otherwise.
    """

    theta: np.ndarray
    memory: np.ndarray
    h: np.ndarray
    best_theta: np.ndarray
    best_h: np.ndarray
    epoch_theta: np.ndarray
    waiting: np.ndarray
    losses: np.ndarray
    counts: np.ndarray
    history: list[tuple[int, float, float | None]] = field(default_factory=list)
    snapshots: list[dict[str, Any]] = field(default_factory=list)
    epoch_losses: list[float] = field(default_factory=list)
    diverged: str = ""


def first_state(settings: Settings, K: int) -> TrainingState:
    """Return the state before the first update, for `K` characters."""
    rng = generator(settings.seed, FIRST_PARAMETERS)
    sig = settings.sig if settings.init == "normal" else None
    theta, _ = initialise(settings.m, K, sig, rng, settings.dtype)
    h = np.zeros((settings.batch_size, settings.m), theta.dtype)
    return TrainingState(
        theta=theta,
        memory=np.zeros((MEMORY_ROWS[str(settings.optimizer)], theta.size), theta.dtype),
        h=h,
        best_theta=theta.copy(),
        best_h=h.copy(),
        epoch_theta=theta.copy(),
        waiting=np.zeros((0, theta.size + settings.m), theta.dtype),
        losses=np.array([np.inf, np.inf]),
        counts=np.zeros(2, np.int64),
    )


def require_memory(settings: Settings, K: int) -> None:
    """Refuse settings whose arrays cannot fit into this machine's memory, before any is made.

    Parameters
    ----------
    settings : Settings
        Of these `m`, `seq_length`, `batch_size`, `snapshot_length`, `optimizer` and `dtype`.
    K : int
        Characters in the vocabulary.

    Raises
    ------
    ReportError
        If they need more than there is.
    """
    s = settings
    # Parameters, gradient, both best models with a copy of each, a float64 draft; H, dH and P.
    copies = 8 + MEMORY_ROWS[str(s.optimizer)]
    theta = sum(math.prod(shape) for shape in Vanilla.shapes(s.m, K).values())
    numbers = copies * theta + s.seq_length * s.batch_size * (2 * s.m + K)
    need = numbers * np.dtype(s.dtype).itemsize + 16 * s.snapshot_length
    try:
        there = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return  # a system that does not tell
    if need > there:
        raise ReportError(
            f"m: expected sizes that fit into {there / 1e9:,.0f} GB of memory, got m = {s.m:,}, "
            f"seq_length = {s.seq_length:,}, batch_size = {s.batch_size:,}, snapshot_length = "
            f"{s.snapshot_length:,}, which need {need / 1e9:,.0f} GB; lower the largest"
        )
