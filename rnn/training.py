"""Training: the loop around the compiled engine, with snapshots, history and the best model."""

import math
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from rnn.cell import views
from rnn.checkpoint import Checkpoints, Model
from rnn.corpus import Corpus
from rnn.engine import train_segments
from rnn.errors import ReportError
from rnn.evaluation import text_loss
from rnn.optimizers import OPTIMIZERS
from rnn.randomness import SNAPSHOT, generator
from rnn.reading import epoch_starts, fresh_marks, split_held_out, updates_per_epoch
from rnn.sampling import synthesize
from rnn.settings import Settings
from rnn.state import TrainingState, first_state, require_memory
from rnn.vanilla import Vanilla

__all__ = ["HISTORY_EVERY", "Run", "train"]

#: Updates from one row of the history to the next.
HISTORY_EVERY = 100

_SECONDS_A_CALL = 0.2  # of the compiled engine: how soon the bar moves and Ctrl-C is heard


@dataclass(frozen=True)
class Run:
    """A training run that has ended.

    Attributes
    ----------
    corpus, settings
        What was trained on, and how.
    state : TrainingState
        Where it ended.
    updates_per_epoch : int
        Updates that read the trained part of the text once.
    seconds : float
        Time spent in this process, and ...
    updates : int
        ... updates made in it; fewer than the run's when it went on from a checkpoint.
    validation_loss : float or None
        Of the last model on the held-out part, in nats a character.
    """

    corpus: Corpus
    settings: Settings
    state: TrainingState
    updates_per_epoch: int
    seconds: float
    updates: int
    validation_loss: float | None

    @property
    def history(self) -> pd.DataFrame:
        """Smooth loss over the updates: ``update``, ``epoch`` (from 1), ``smooth_loss``, ...

        The first and the last update have a row, and every `HISTORY_EVERY`-th.  With a held-out
        part there is a column ``validation_loss`` too, in nats a character, with a number where
        it was measured.
        """
        rows = [row for row in self.state.history if row[0] != self.last_update]
        # Not part of the state: a longer run that goes on from it has no such row.
        rows.append((self.last_update, float(self.state.losses[0]), self.validation_loss))
        columns = ["update", "smooth_loss", "validation_loss"]
        history = pd.DataFrame(rows, columns=columns)
        history["validation_loss"] = history["validation_loss"].astype(np.float64)
        history.insert(1, "epoch", (history["update"] - 1) // self.updates_per_epoch + 1)
        return history if self.settings.held_out else history.drop(columns="validation_loss")

    @property
    def diverged(self) -> str:
        """Why training stopped early, if a loss was not finite; empty otherwise."""
        return self.state.diverged

    @property
    def last_update(self) -> int:
        """The number of updates made in all."""
        return int(self.state.counts[0])

    @property
    def best_update(self) -> int:
        """The update with the lowest smooth loss."""
        return int(self.state.counts[1])

    @property
    def best_loss(self) -> float:
        """The lowest smooth loss, in the unit of the loss."""
        return float(self.state.losses[1])

    @property
    def best_model(self) -> Model:
        """The model after the update with the lowest smooth loss, ready to be saved."""
        parameters = views(Vanilla, self.state.best_theta, self.settings.m, self.corpus.K)
        trained = split_held_out(len(self.corpus.ids), self.settings)
        epoch, index = divmod(self.best_update - 1, self.updates_per_epoch)
        starts, _ = epoch_starts(trained, self.settings, epoch)
        following = self.corpus.ids[starts[index, 0] + self.settings.seq_length]
        return Model(
            parameters, self.state.best_h[0], int(following), self.corpus.vocabulary,
            self.best_update, self.best_loss, self.corpus.sha256,
        )  # fmt: skip


def train(
    corpus: Corpus,
    settings: Settings,
    checkpoints: Checkpoints | None = None,
    progress: bool = True,
) -> Run:
    """Train on a text.

    Parameters
    ----------
    corpus : Corpus
        The text.
    settings : Settings
        How.
    checkpoints : Checkpoints, optional
        Where states are kept, and taken up again after an interruption.
    progress : bool
        Whether to show a bar on standard error.

    Returns
    -------
    Run
        The result.  The same text, settings and machine give the same numbers to the last bit,
        however often the run was interrupted.

    Raises
    ------
    ReportError
        If the text is too short or memory too small for the settings, the very first loss is
        not finite, or a checkpoint cannot be written.
    KeyboardInterrupt
        On Ctrl-C or SIGTERM, after the state has been saved; on a second one, at once.

    Notes
    -----
    A loss that is not finite stops the training, with a line on standard error; what was reached
    is kept.
    """
    require_memory(settings, corpus.K)
    trained = split_held_out(len(corpus.ids), settings)
    per_epoch = updates_per_epoch(trained, settings)
    last = settings.epochs * per_epoch
    if settings.max_updates:
        last = min(last, settings.max_updates)
    with checkpoints.held() if checkpoints else nullcontext():
        state = checkpoints.latest(last) if checkpoints else None
        if state is None:
            state = first_state(settings, corpus.K)
        trainer = _Trainer(corpus, settings, state, trained, per_epoch, last)
        begun, first = time.perf_counter(), int(state.counts[0])
        with (
            threadpool_limits(1, "blas"),
            _deferred_interrupts() as interrupts,
            _bar(progress, first, last) as bar,
        ):
            for _ in trainer:
                bar.update(int(state.counts[0]) - bar.n)
                epoch = min((bar.n - 1) // per_epoch + 1, settings.epochs)
                bar.set_description(f"epoch {epoch}/{settings.epochs}", refresh=False)
                bar.set_postfix_str(f"smooth loss {state.losses[0]:.4f}", refresh=False)
                if interrupts:
                    break
                if checkpoints:
                    checkpoints.save_if_due(state)
            made = int(state.counts[0]) - first
            if checkpoints and (made or state.diverged):
                checkpoints.save(state)
            if interrupts:
                raise KeyboardInterrupt
            validation = trainer.validation_loss() if settings.held_out else None
        seconds = time.perf_counter() - begun
    if state.diverged:
        print(state.diverged, file=sys.stderr)
    return Run(corpus, settings, state, per_epoch, seconds, made, validation)


class _Trainer:
    """Advances a state from event to event: snapshots, rows with a validation loss, the end."""

    def __init__(
        self, corpus: Corpus, settings: Settings, state: TrainingState, trained: int,
        per_epoch: int, last: int,
    ) -> None:  # fmt: skip
        self.corpus, self.settings, self.state = corpus, settings, state
        self.ids = np.asarray(corpus.ids)[:trained]
        self.held_out = np.asarray(corpus.ids)[trained:]
        self.end = _document_end(corpus, settings)
        self.marks = fresh_marks(self.ids, self.end)
        self.held_out_marks = fresh_marks(self.held_out, self.end)
        self.per_epoch, self.last = per_epoch, last
        # Five times an epoch, at an update that the history has a row for.
        steps = max(1, round(per_epoch / 5 / HISTORY_EVERY))
        self.validate_every = steps * HISTORY_EVERY if settings.held_out else 0
        self.parameters = views(Vanilla, state.theta, settings.m, corpus.K)
        self.gradient = np.zeros_like(state.theta)
        self.gradients = views(Vanilla, self.gradient, settings.m, corpus.K)
        self.epoch = -1
        self.starts = self.resets = np.zeros(0)
        self.updates_a_call = 100

    def __iter__(self) -> Iterator[TrainingState]:
        """Yield the state every now and then, until the last update is made or none can be."""
        while (done := int(self.state.counts[0])) < self.last and not self.state.diverged:
            update = done + 1
            if update == 1 or update % self.settings.snapshot_every == 0:
                text = self._snapshot(update)
                self._advance(1)
                if not self.state.diverged:
                    loss = float(self.state.losses[0])
                    snapshot = {"update": update, "smooth_loss": loss, "text": text}
                    self.state.snapshots.append(snapshot)
            else:
                begun = time.perf_counter()
                self._advance(min(self.updates_a_call, self._until_next_event(update)))
                spent = time.perf_counter() - begun
                made = int(self.state.counts[0]) - done
                self.updates_a_call = max(1, int(made * _SECONDS_A_CALL / max(spent, 1e-4)))
            yield self.state

    def _until_next_event(self, update: int) -> int:
        """Count the updates, from `update` on, up to the next one that is to be made alone."""
        events = [
            self.settings.snapshot_every - update % self.settings.snapshot_every,
            self.per_epoch - (update - 1) % self.per_epoch,
            self.last - update + 1,
        ]
        if self.validate_every:
            events.append(self.validate_every - (update - 1) % self.validate_every)
        return min(events)

    def _read_epoch(self, epoch: int) -> None:
        if epoch != self.epoch:
            self.epoch = epoch
            self.starts, self.resets = epoch_starts(self.ids.size, self.settings, epoch)

    def _advance(self, updates: int) -> None:
        """Make so many updates, all in one epoch."""
        state, settings = self.state, self.settings
        done = int(state.counts[0])
        epoch, begin = divmod(done, self.per_epoch)
        self._read_epoch(epoch)
        part = slice(begin, begin + updates)
        real = state.theta.dtype.type
        history = np.empty(updates // HISTORY_EVERY + 1)
        best = [array.copy() for array in self._best()]
        finite = train_segments(
            self.parameters, self.gradients, state.theta, self.gradient, state.memory, state.h,
            state.best_theta, state.best_h, state.losses, state.counts, self.ids, self.marks,
            self.starts[part], self.resets[part], settings.seq_length, settings.loss == "mean",
            OPTIMIZERS.index(str(settings.optimizer)), real(settings.eta), real(settings.clip),
            HISTORY_EVERY, history,
        )  # fmt: skip
        reached = int(state.counts[0])
        if done == 0 and reached >= 1:
            # Only the first update is made alone, so that this is its loss.
            self._record(1, float(state.losses[0]))
        first_row = (done // HISTORY_EVERY + 1) * HISTORY_EVERY
        for row, update in enumerate(range(first_row, reached + 1, HISTORY_EVERY)):
            self._record(update, float(history[row]))
        if not np.isfinite(state.best_theta).all():
            # The last update of all broke the model that it was to make the best.
            for now, before in zip(self._best(), best, strict=True):
                now[...] = before
        if not finite:
            self._diverge(reached + 1)

    def _best(self) -> list[np.ndarray]:
        """Return the parts of the state that tell of the best model, as views."""
        state = self.state
        return [state.best_theta, state.best_h, state.losses[1:], state.counts[1:]]

    def _diverge(self, update: int) -> None:
        """Say that the loss of an update is not finite, and what usually helps."""
        settings = self.settings
        if update == 1:
            raise ReportError(
                f"sig: expected first weights with a finite loss, got {settings.sig:g}; lower it"
            )
        largest = float(np.abs(self.gradient).max())
        clip = " or clip = 5" if settings.clip == math.inf else ""
        self.state.diverged = (
            f"the loss of update {update:,} is not a finite number (largest gradient of the update "
            f"before: {largest:.3g}); an eta smaller than {settings.eta:g}{clip} usually helps"
        )

    def _record(self, update: int, smooth_loss: float) -> None:
        validation = None
        if self.validate_every and update % self.validate_every == 0:
            validation = self.validation_loss()
        self.state.history.append((update, smooth_loss, validation))

    def validation_loss(self) -> float:
        """Return the loss on the held-out part, in nats a character."""
        return text_loss(self.parameters, self.held_out, self.held_out_marks)

    def _snapshot(self, update: int) -> str:
        """Synthesize with the parameters and the state before an update."""
        epoch, index = divmod(update - 1, self.per_epoch)
        self._read_epoch(epoch)
        start = int(self.starts[index, 0])
        fresh = self.resets[index] or (self.marks.size and self.marks[start])
        h = np.zeros_like(self.state.h[0]) if fresh else self.state.h[0]
        x0 = int(self.ids[start])
        rng = generator(self.settings.seed, SNAPSHOT, update)
        length = self.settings.snapshot_length
        ids = synthesize(self.parameters, h, x0, length, rng, end=self.end)
        return self.corpus.decode(ids)


def _bar(shown: bool, first: int, last: int) -> Any:
    return tqdm(
        total=last,
        initial=first,
        disable=not shown,
        file=sys.stderr,
        unit=" updates",
        ncols=100,
        mininterval=_SECONDS_A_CALL,
        bar_format="{desc} {percentage:3.0f}%|{bar}| {n:,}/{total:,} [{remaining} left, "
        "{rate_fmt}{postfix}]",
    )


def _document_end(corpus: Corpus, settings: Settings) -> np.ndarray:
    """Return the ids of the text that ends a document."""
    end = settings.document_end
    strange = set(end) - set(corpus.vocabulary)
    if strange:
        raise ReportError(
            f"document_end: expected characters of {corpus.title!r}, got {min(strange)!r}"
        )
    return corpus.encode(end)


@contextmanager
def _deferred_interrupts() -> Iterator[list[int]]:
    """Note Ctrl-C and SIGTERM in a list, where signals can be heard; act on the second one.

    An exception could be raised anywhere: between an update and its row in the history, or while
    a state is saved.
    """
    heard: list[int] = []

    def note(number: int, frame: object) -> None:
        if heard:
            raise KeyboardInterrupt
        heard.append(number)

    if threading.current_thread() is not threading.main_thread():
        yield heard
        return
    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield heard
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
