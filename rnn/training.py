"""From update to update: the compiled engine, and what is recorded between its calls."""

import math
import time
from collections.abc import Iterator

import numpy as np

from rnn.cell import views
from rnn.engine import train_segments
from rnn.epoch_ends import keep_epoch_end
from rnn.errors import ReportError
from rnn.evaluation import text_loss
from rnn.kernels.randomness import SNAPSHOT, generator
from rnn.optimizers import OPTIMIZERS
from rnn.sampling import synthesize
from rnn.settings import Settings
from rnn.state import TrainingState
from rnn.text.corpus import Corpus
from rnn.text.segments import epoch_starts, fresh_marks
from rnn.vanilla import Vanilla

__all__ = ["HISTORY_EVERY", "SECONDS_A_CALL", "Trainer"]

#: Updates from one row of the history to the next.
HISTORY_EVERY = 100

#: How long the compiled engine runs at a time: how soon the bar moves and Ctrl-C is heard.
SECONDS_A_CALL = 0.2


class Trainer:
    """Advances a state from event to event: snapshots, measurements, ends of epochs.

    Parameters
    ----------
    corpus, settings
        What is trained on, and how.
    state : TrainingState
        Where to begin; advanced in place.
    trained, per_epoch, last : int
        Characters to train on, updates that read them once, and the number of the last update.

    Attributes
    ----------
    first : int
        Updates that were made before.
    """

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
        self.first = int(state.counts[0])
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
                self.updates_a_call = max(1, int(made * SECONDS_A_CALL / max(spent, 1e-4)))
            if not self.state.diverged and self.state.counts[0] % self.per_epoch == 0:
                keep_epoch_end(self.state, self.corpus.K, self.ids, self.marks)
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
        if finite and reached % self.per_epoch == 0 and reached % HISTORY_EVERY and reached > 1:
            self._record(reached, float(state.losses[0]))
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
        return text_loss(self.parameters, self.held_out, self.held_out_marks, self.state.h[0])

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


def _document_end(corpus: Corpus, settings: Settings) -> np.ndarray:
    """Return the ids of the text that ends a document."""
    end = settings.document_end
    strange = set(end) - set(corpus.vocabulary)
    if strange:
        raise ReportError(
            f"document_end: expected characters of {corpus.title!r}, got {min(strange)!r}"
        )
    return corpus.encode(end)
