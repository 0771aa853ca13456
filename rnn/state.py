"""The one record of a training in progress: what is passed is what is saved."""

import math
import os
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from rnn.errors import ReportError
from rnn.kernels.randomness import FIRST_PARAMETERS, generator
from rnn.model import initialise
from rnn.optimizers import OPTIMIZERS
from rnn.settings import Settings

#: Models at the ends of epochs that wait to be measured, at most.
MOST_WAITING = 8


@dataclass
class TrainingState:
    """All that training needs to go on as if it had never stopped; symbols as in `rnn.model`."""

    theta: np.ndarray  # (n,) the parameters
    memory: np.ndarray  # (rows, n) the optimiser's
    h: np.ndarray  # (B, state size) the network's state after the last update
    best_theta: np.ndarray  # (n,) the model with the lowest smooth loss, after its update ...
    best_h: np.ndarray  # (B, state size) ... and its state
    #: (n,) of the measured models the one with the lowest held-out loss, and its state (B, state
    #: size); (0,) and (B, 0) where nothing is held out.
    held_out_theta: np.ndarray
    held_out_h: np.ndarray
    #: (q, n + state size): models at the ends of epochs that are not measured yet, each followed
    #: by the state of its first stream.
    waiting: np.ndarray
    losses: np.ndarray  # (2,) float64: smooth loss, lowest smooth loss; in the unit of the loss
    counts: np.ndarray  # (2,) int64: the number of the last update, that of the lowest; from 1
    #: Update, smooth loss, and the held-out loss where it was measured.
    history: list[tuple[int, float, float | None]] = field(default_factory=list)
    snapshots: list[dict[str, Any]] = field(default_factory=list)  # update, smooth_loss, text
    epoch_losses: list[float] = field(default_factory=list)  # over the text, nats per character
    #: If a loss was not finite, which ends a training: its ``update``, and the size of the
    #: ``largest_weight`` that the update before had left.
    diverged: dict[str, float] = field(default_factory=dict)

    @property
    def update(self) -> int:
        """The number of the last update; 0 before the first."""
        return int(self.counts[0])

    @property
    def held_out_history(self) -> list[tuple[int, float]]:
        """The updates after which the held-out loss was measured, and the losses."""
        measured = [(update, loss) for update, _, loss in self.history if loss is not None]
        return [(update, loss) for update, loss in measured if not math.isnan(loss)]

    @property
    def lowest_held_out(self) -> tuple[int, float]:
        """The update of the lowest held-out loss, and the loss; 0 and infinity if there is none."""
        return min(self.held_out_history, key=lambda one: one[1], default=(0, math.inf))

    def stopped_at(self, patience: int) -> int:
        """Return where a training of so much patience ends, as far as it is known; else 0.

        That is the first measured update after `patience` updates without a lower held-out loss; a
        patience of 0 has no end.
        """
        lowest, since = math.inf, 0
        for update, loss in self.held_out_history if patience else ():
            if loss < lowest:
                lowest, since = loss, update
            elif update - since >= patience:
                return update
        return 0


def first_state(settings: Settings, K: int) -> TrainingState:
    """Return the state before the first update, for `K` characters."""
    architecture = settings.architecture(K)
    rng = generator(settings.seed, FIRST_PARAMETERS)
    sig = settings.sig if settings.init == "normal" else None
    theta = initialise(architecture, sig, rng, settings.dtype)
    h = np.zeros((settings.batch_size, architecture.state_size), theta.dtype)
    rows = OPTIMIZERS[str(settings.optimizer)].memory_rows
    measured = bool(settings.held_out)
    return TrainingState(
        theta=theta,
        memory=np.zeros((rows, theta.size), theta.dtype),
        h=h,
        best_theta=theta.copy(),
        best_h=h.copy(),
        held_out_theta=theta[: theta.size * measured].copy(),
        held_out_h=h[:, : architecture.state_size * measured].copy(),
        waiting=np.zeros((0, theta.size + architecture.state_size), theta.dtype),
        losses=np.array([np.inf, np.inf]),
        counts=np.zeros(2, np.int64),
    )


def require_memory(settings: Settings, K: int) -> None:
    """Refuse settings whose arrays cannot fit into this machine's memory, before any is made.

    Raises
    ------
    ReportError
        If they need more than there is.
    """
    s, architecture = settings, settings.architecture(K)
    # Parameters and two best models, a draft of them in float64, the gradient, W twice in panels,
    # the memory; copies of parameters, best model and memory; models that wait, and copies of them.
    of_parameters = 10 + 2 * OPTIMIZERS[str(s.optimizer)].memory_rows
    numbers = (of_parameters + 2 * min(s.epochs, MOST_WAITING)) * architecture.size
    # Per character read: P, dH, the inputs, Z, and the states with those before them.
    gates = len(architecture.cell.biases)
    blocks = gates + (2 if s.dropout else 0)  # two: masks and their product
    width = K + s.m + gates * s.m + s.layers * blocks * s.m + 2 * architecture.state_size
    numbers += s.seq_length * s.batch_size * width
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
