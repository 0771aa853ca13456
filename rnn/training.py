"""The training loop: read a segment, forward, smooth loss, backward, update.

`train_segments` is compiled and makes many updates a call; `Trainer` calls it from event to event
and keeps what is told of a training: history, snapshots, models at the ends of epochs.
"""

import time
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from rnn.errors import ReportError
from rnn.evaluation import text_loss, text_losses
from rnn.kernels.compilation import inlined, separate
from rnn.kernels.elementary import flush_subnormals
from rnn.kernels.randomness import DROPOUT, SNAPSHOT, draw_mask, generator, key
from rnn.kernels.vectors import copy
from rnn.model import (
    Architecture,
    Segment,
    backward,
    empty_segment,
    forward,
)
from rnn.optimizers import OPTIMIZERS, Descent, empty_buffers, skips_zeros, update_parameters
from rnn.sampling import synthesize
from rnn.settings import Schedule, Settings
from rnn.state import MOST_WAITING, TrainingState
from rnn.text.corpus import Corpus
from rnn.text.segments import document_marks

#: Updates from one row of the history to the next.
HISTORY_EVERY = 100

#: How long the compiled loop runs at a time: how soon a bar moves and Ctrl-C is heard.
SECONDS_PER_CALL = 0.2


class Network(NamedTuple):
    """The parameters by name, what becomes of their gradients, and room for a segment."""

    parameters: Any
    gradients: Any  # of matrices a `rnn.optimizers.Descent`, which takes a step with them at once
    begins: Any  # where each field of the parameters begins in theta
    optimizer: Any
    segment: Segment
    dropout: Any  # the rate, and the key that the masks follow from
    buffers: Any  # (K,) whether characters occur in a segment, (K,) those that do, the state after

    @classmethod
    def of(
        cls, architecture: Architecture, optimizer: Any, state: TrainingState, segment: Segment,
        dropout: float = 0.0, seed: int = 0,
    ) -> "Network":  # fmt: skip
        """Name the parts of the state's `theta`, which `optimizer` is to change."""
        parameters, begins = architecture.parameters(state.theta), architecture.begins
        progress = state.theta, state.memory, state.counts
        buffers = empty_buffers(segment.x.size, architecture.m, state.theta.dtype)
        gradients = {
            name: np.zeros_like(part)
            if name in ("b", "c", "U")
            else Descent(optimizer, *progress, getattr(begins, name), part.shape[-2:], buffers)
            for name, part in parameters._asdict().items()
        }
        K = architecture.K
        return cls(
            parameters, type(parameters)(**gradients), begins, optimizer, segment,
            (dropout, key(seed, DROPOUT)),
            (np.empty(K, np.bool_), np.empty(K, np.int64), np.empty_like(state.h)),
        )  # fmt: skip


class Progress(NamedTuple):
    """The arrays of a `rnn.state.TrainingState` that every update changes."""

    theta: Any
    memory: Any
    h: Any
    best_theta: Any
    best_h: Any
    losses: Any
    counts: Any

    @classmethod
    def of(cls, state: TrainingState) -> "Progress":
        """Take the arrays of a state."""
        return cls(*(getattr(state, name) for name in cls._fields))


class Reading(NamedTuple):
    """What is read."""

    ids: Any  # (n,) the text
    marks: Any  # (n,) where documents begin, or (0,)
    starts: Any  # (updates, B) where each update reads
    resets: Any  # (updates,) whether the state is zero before it


@separate
def train_segments(network, state, reading, etas, mean, history_every, history):
    """Train on segments, one update each; return whether every loss was finite.

    If one is not, the training stops there with parameters, state and losses as they were after the
    update before it.  The smooth loss begins with the first loss where it is infinite before.  The
    parameters of the `network` are views of the `theta` of `state`, a `Progress`, which is updated;
    U's gradients are zero before and after.  `reading` is a `Reading`, `etas` (updates,) are the
    learning rates; `mean` tells whether the loss is the mean over a segment, not its sum.  The
    smooth loss at the updates that `history_every` divides is stored in `history`, (rows,) float64,
    one after the other.
    """
    parameters, gradients, begins, optimizer, segment, (dropout, key), (seen, read, after) = network
    theta, memory, h, best_theta, best_h, losses, counts = state
    tau, B = segment.x.shape
    width = parameters.U.shape[1]
    weight = theta.dtype.type(1.0 / (B * tau) if mean else 1.0 / B)
    rows = 0
    seen[:] = False  # a call that stopped at a loss that is not finite left marks behind
    best_is_current = False
    finite = True
    flushed = flush_subnormals(True)

    for n in range(reading.starts.shape[0]):
        characters = _read_segments(segment, reading, n, seen, read)
        # The state itself stays until the best model is looked after.
        copy(h, after)
        if reading.resets[n]:
            after[:] = 0
        if segment.mask.size:
            draw_mask(segment.mask, dropout, key, counts[0] + 1)
        loss = forward(parameters, segment, after)
        if mean:
            loss /= tau
        if not np.isfinite(loss):
            finite = False
            break

        # While the smooth loss falls with every update only the last of the falling models can
        # stay the best, so that none needs to be copied before it rises again.
        smooth = loss if np.isinf(losses[0]) else 0.999 * losses[0] + 0.001 * loss
        if smooth < losses[1]:
            best_is_current = True
            losses[1] = smooth
            counts[1] = counts[0] + 1
        elif best_is_current:
            best_is_current = False
            _keep_best(theta, best_theta, h, best_h)
        losses[0] = smooth
        counts[0] += 1

        optimizer.eta[0] = etas[n]
        backward(parameters, segment, gradients, weight)
        for gradient, begin in ((gradients.b.reshape(-1), begins.b), (gradients.c, begins.c)):
            update_parameters(optimizer, theta, gradient, memory, counts[0], begin)
        # U last in theta: the rows of the characters read, or all of it
        dU = gradients.U.reshape(-1)
        pieces, size = (characters, width) if skips_zeros(optimizer) else (1, dU.size)
        for i in range(pieces):
            begin = read[i] * width if skips_zeros(optimizer) else 0
            gradient = dU[begin : begin + size]
            update_parameters(optimizer, theta, gradient, memory, counts[0], begins.U + begin)
        for i in range(characters):
            dU[read[i] * width : (read[i] + 1) * width] = 0
            seen[read[i]] = False
        copy(after, h)
        if counts[0] % history_every == 0:
            history[rows] = smooth
            rows += 1

    if best_is_current:
        _keep_best(theta, best_theta, h, best_h)
    flush_subnormals(flushed)
    return finite


@inlined
def _read_segments(segment, reading, n, seen, read):
    """Read what update n is about; list the characters that occur in `read`, return how many."""
    x, y, fresh = segment.x, segment.y, segment.fresh
    ids, marks = reading.ids, reading.marks
    characters = 0
    for s in range(x.shape[1]):
        start = reading.starts[n, s]
        for t in range(x.shape[0]):
            x[t, s] = ids[start + t]
            y[t, s] = ids[start + t + 1]
            if marks.size:
                fresh[t, s] = marks[start + t]
            if not seen[x[t, s]]:
                seen[x[t, s]] = True
                read[characters] = x[t, s]
                characters += 1
    return characters


@inlined
def _keep_best(theta, best_theta, h, best_h):
    copy(theta, best_theta)
    copy(h, best_h)


class Trainer:
    """Advances a state from event to event: snapshots, measurements, ends of epochs.

    `corpus` is trained on as the `schedule` says; the `state` is advanced in place.  `first` is the
    number of updates that were made before.
    """

    def __init__(self, corpus: Corpus, schedule: Schedule, state: TrainingState) -> None:
        settings = schedule.settings
        self.corpus, self.schedule, self.settings, self.state = corpus, schedule, settings, state
        self.first = state.update
        strange = set(settings.document_end) - set(corpus.vocabulary)
        if strange:
            raise ReportError(
                f"document_end: expected characters of {corpus.title!r}, got {min(strange)!r}"
            )
        self.end = corpus.encode(settings.document_end)
        ids = np.asarray(corpus.ids)
        self.ids, self.held_out = ids[: schedule.trained], ids[schedule.trained :]
        self.marks = document_marks(self.ids, self.end)
        self.held_out_marks = document_marks(self.held_out, self.end)
        # Five times an epoch, at an update that the history has a row for, and at its end.
        steps = max(1, round(schedule.updates_per_epoch / 5 / HISTORY_EVERY))
        self._validate_every = steps * HISTORY_EVERY if settings.held_out else 0
        documents = bool(self.marks.size)
        architecture, real = settings.architecture(corpus.K), state.theta.dtype.type
        eta = np.zeros(1, real)  # each update's, see `train_segments`
        optimizer = OPTIMIZERS[str(settings.optimizer)](eta, real(settings.clip))
        x, y = np.zeros((2, settings.seq_length, settings.batch_size), ids.dtype)
        parameters, rate = architecture.parameters(state.theta), settings.dropout
        mask = np.zeros((settings.layers, *x.shape, settings.m)) if rate else None
        segment = empty_segment(parameters, x, y, documents, mask)
        self._network = Network.of(architecture, optimizer, state, segment, rate, settings.seed)
        self._before = Progress(*map(np.empty_like, Progress.of(state)))  # as a call found it
        self._read = lru_cache(maxsize=1)(schedule.epoch)
        self._updates_per_call = 100

    @property
    def ended(self) -> bool:
        """Whether the last update is made, no other can be, or patience has run out."""
        state, schedule = self.state, self.schedule
        stopped = bool(state.diverged) or state.stopped_at(schedule.patience) > 0
        return stopped or state.update >= schedule.last_update

    def __iter__(self) -> Iterator[TrainingState]:
        """Yield the state every now and then, until the training has ended."""
        state, per_epoch = self.state, self.schedule.updates_per_epoch
        while not self.ended:
            update = (done := state.update) + 1
            if update == 1 or update % self.settings.snapshot_every == 0:
                text = self._snapshot(update)
                self._advance(1)
                if not state.diverged:
                    loss = float(state.losses[0])
                    state.snapshots.append({"update": update, "smooth_loss": loss, "text": text})
            else:
                begun = time.perf_counter()
                self._advance(min(self._updates_per_call, self._until_next_event(update)))
                spent = max(time.perf_counter() - begun, 1e-4)
                made = state.update - done
                self._updates_per_call = max(1, int(made * SECONDS_PER_CALL / spent))
            if not state.diverged and state.update % per_epoch == 0:
                self._keep_epoch_end()
            yield state

    def _until_next_event(self, update: int) -> int:
        """Count the updates, from `update` on, up to the next one that is to be made alone."""
        per_epoch = self.schedule.updates_per_epoch
        events = [
            self.settings.snapshot_every - update % self.settings.snapshot_every,
            per_epoch - (update - 1) % per_epoch,
            self.schedule.last_update - update + 1,
        ]
        if self._validate_every:
            events.append(self._validate_every - (update - 1) % self._validate_every)
        return min(events)

    def _advance(self, updates: int) -> None:
        """Make so many updates, all in one epoch."""
        state, per_epoch = self.state, self.schedule.updates_per_epoch
        done = state.update
        epoch, begin = self.schedule.place(done + 1)
        starts, resets = self._read(epoch)
        part = slice(begin, begin + updates)
        history = np.empty(updates // HISTORY_EVERY + 1)
        progress = Progress.of(state)
        for kept, now in zip(self._before, progress, strict=True):
            kept[...] = now
        finite = train_segments(
            self._network,
            progress,
            Reading(self.ids, self.marks, starts[part], resets[part]),
            self.schedule.etas(done + 1, updates),
            self.settings.loss == "mean",
            HISTORY_EVERY,
            history,
        )
        reached = state.update
        if not np.isfinite(state.best_theta).all():
            # The last update of all broke the model that it was to make the best.
            before = self._before
            if reached > done + 1:  # which is made again, in a call of its own
                for kept, now in zip(before, progress, strict=True):
                    now[...] = kept
                self._advance(reached - done - 1)
                return
            state.best_theta[...], state.best_h[...] = before.best_theta, before.best_h
            state.losses[1], state.counts[1] = before.losses[1], before.counts[1]
            if reached == 1:
                # There is none before it, but the first weights, whose loss that of update 1 is.
                state.losses[1], state.counts[1] = state.losses[0], 1
        if done == 0 and reached >= 1:
            # Only the first update is made alone, so that this is its loss.
            self._record(1, float(state.losses[0]))
        first_row = (done // HISTORY_EVERY + 1) * HISTORY_EVERY
        for row, update in enumerate(range(first_row, reached + 1, HISTORY_EVERY)):
            self._record(update, float(history[row]))
        if finite and reached % per_epoch == 0 and reached % HISTORY_EVERY and reached > 1:
            self._record(reached, float(state.losses[0]))
        if not finite:
            self._diverge(reached + 1)

    def _diverge(self, update: int) -> None:
        """Note that the loss of an update is not finite, and how large a weight had become."""
        settings = self.settings
        if update == 1:
            raise ReportError(
                f"sig: expected first weights with a finite loss, got {settings.sig:g}; lower it"
            )
        largest = float(np.abs(self.state.theta).max())
        self.state.diverged = {"update": update, "largest_weight": largest}

    def _record(self, update: int, smooth_loss: float) -> None:
        state, events = self.state, (self._validate_every, self.schedule.updates_per_epoch)
        validation = None
        if self._validate_every and any(update % every == 0 for every in events):
            validation = self.validation_loss()
            if validation < state.lowest_held_out[1]:
                state.held_out_theta[...], state.held_out_h[...] = state.theta, state.h
        state.history.append((update, smooth_loss, validation))

    def validation_loss(self) -> float:
        """Return the loss on the held-out part, in nats per character.

        It is NaN if a parameter is not finite, even one that this part does not need.
        """
        if not np.isfinite(self.state.theta).all():
            return np.nan
        return text_loss(
            self._network.parameters, self.held_out, self.held_out_marks, self.state.h[0]
        )

    def _keep_epoch_end(self) -> None:
        """Keep the model at the end of an epoch; measure those kept if they are many."""
        state = self.state
        if len(state.waiting) == MOST_WAITING:
            for _ in measure_waiting(state, self.settings, self.corpus.K, self.ids, self.marks):
                pass
        state.waiting = np.vstack([state.waiting, np.append(state.theta, state.h[0])])

    def _snapshot(self, update: int) -> str:
        """Synthesize with the parameters and the state before an update."""
        epoch, index = self.schedule.place(update)
        starts, resets = self._read(epoch)
        start = starts[index, 0]
        fresh = resets[index] or (self.marks.size and self.marks[start])
        h = np.zeros_like(self.state.h[0]) if fresh else self.state.h[0]
        rng = generator(self.settings.seed, SNAPSHOT, update)
        x, length = int(self.ids[start]), self.settings.snapshot_length
        return self.corpus.decode(
            synthesize(self._network.parameters, h, x, length, rng, end=self.end)
        )


def measure_waiting(
    state: TrainingState, settings: Settings, K: int, ids: np.ndarray, marks: np.ndarray
) -> Iterator[float]:
    """Yield the loss over the trained text of each model that waits in a state.

    `ids` and `marks` are the text and where documents begin.  Once all are measured, the state's
    `epoch_losses` and `waiting` are changed in place.
    """
    architecture, losses = settings.architecture(K), []
    rows = [np.split(row, [architecture.size]) for row in state.waiting]
    models = [(architecture.parameters(theta), h) for theta, h in rows]
    for loss in text_losses(models, ids, marks):
        losses.append(loss)
        yield loss
    state.epoch_losses += losses
    state.waiting = state.waiting[:0]
