"""A training that has ended, and what can be told of it."""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from rnn.evaluation import text_loss
from rnn.runs.models import Model
from rnn.runs.progress import bar
from rnn.settings import Schedule, Settings
from rnn.state import TrainingState
from rnn.text.corpus import Corpus
from rnn.text.segments import document_marks
from rnn.training import measure_waiting

if TYPE_CHECKING:
    from rnn.runs.pretrained import Pretrained

#: What models are called where their losses are told.
LOWEST_SMOOTH = "model with the lowest smooth loss"
LOWEST_HELD_OUT = "model with the lowest held-out loss"
LAST = "last model"
BEST_OF_EPOCHS = "best model at the end of an epoch"


@dataclass(frozen=True)
class Run:
    """A training that has ended.

    Losses are in the unit of the settings' loss, unless they are said to be per character.
    """

    corpus: Corpus  # what was trained on
    schedule: Schedule  # how
    state: TrainingState  # where it ended
    validation_loss: float | None  # of the last model on the held-out part, nats per character
    new_updates: int  # made in this process; fewer than all if it went on from a checkpoint
    seconds: float  # the time that the last ...
    timed_updates: int  # ... of these took: all but those of the first call, which may compile
    pretrained: "Pretrained | None" = None  # what it went on with, if not with drawn weights

    @property
    def settings(self) -> Settings:
        """What the training was told."""
        return self.schedule.settings

    @property
    def updates_per_epoch(self) -> int:
        """Updates that read the trained part of the text once."""
        return self.schedule.updates_per_epoch

    @property
    def history(self) -> pd.DataFrame:
        """Smooth loss over the updates: ``update``, ``epoch`` (from 1), ``smooth_loss``, ...

        ... and with a held-out part ``validation_loss``, in nats per character, NaN where it was
        not measured.  Rows: the first update, every hundredth, the last and that of every epoch.
        """
        rows = [row for row in self.state.history if row[0] != self.last_update]
        # Not part of the state: a longer run that goes on from it has no such row.
        rows.append((self.last_update, self.smooth_loss, self.validation_loss))
        history = pd.DataFrame(rows, columns=["update", "smooth_loss", "validation_loss"])
        history = history.astype({"validation_loss": np.float64})
        history.insert(1, "epoch", (history["update"] - 1) // self.updates_per_epoch + 1)
        return history if self.settings.held_out else history.drop(columns="validation_loss")

    @property
    def last_update(self) -> int:
        """The number of updates made in all."""
        return self.state.update

    @property
    def best_update(self) -> int:
        """The update with the lowest smooth loss."""
        return int(self.state.counts[1])

    @property
    def diverged(self) -> str:
        """Why the training stopped early, and what may help, in a line; empty if it did not."""
        found, settings = self.state.diverged, self.settings
        if not found:
            return ""
        clip = " or clip = 5" if settings.clip == math.inf else ""
        return (
            f"the loss of update {found['update']:,} is not a finite number (the largest weight "
            f"had become {found['largest_weight']:.3g}); an eta smaller than "
            f"{settings.eta:g}{clip} usually helps"
        )

    @property
    def early_stopping(self) -> str:
        """Why patience ended the training, in a line; empty if it did not."""
        stopped, (update, nats) = self.stopped_at, self.lowest_held_out
        if not stopped:
            return ""
        epochs = "epoch" if self.settings.patience == 1 else "epochs"
        return (
            f"after update {stopped:,}: the held-out loss has not fallen below that of update "
            f"{update:,}, {nats:.4f} nats per character, for {self.settings.patience} {epochs}"
        )

    @property
    def stopped_at(self) -> int:
        """The update after which patience ended the training; 0 if it did not."""
        return self.state.stopped_at(self.schedule.patience)

    @property
    def lowest_held_out(self) -> tuple[int, float]:
        """The update of the lowest held-out loss, and the loss in nats per character.

        They are 0 and infinity if there is no such loss.
        """
        found, last = self.state.lowest_held_out, self.validation_loss
        return found if last is None or not last < found[1] else (self.last_update, last)

    @property
    def smooth_loss(self) -> float:
        """The smooth loss after the last update."""
        return float(self.state.losses[0])

    @property
    def lowest_smooth_loss(self) -> float:
        """The lowest smooth loss."""
        return float(self.state.losses[1])

    def text_losses(self) -> dict[str, float]:
        """Measure models on the whole trained text: nats per character, by what the model is.

        Each reads it from the state that it was left in by its last update.  Models at the ends of
        epochs are measured once, side by side on the cores, under a bar.  With a held-out part, the
        model with the lowest loss there is one of them.
        """
        state, ids = self.state, self.corpus.ids[: self.schedule.trained]
        parameters = self.settings.architecture(self.corpus.K).parameters
        marks = document_marks(ids, self.corpus.encode(self.settings.document_end))
        if waiting := len(state.waiting):
            measured = measure_waiting(state, self.settings, self.corpus.K, ids, marks)
            for _ in bar(measured, desc="ends of epochs", total=waiting):
                pass

        epochs = state.epoch_losses
        ended = epochs and self.last_update == len(epochs) * self.updates_per_epoch
        models = {LOWEST_SMOOTH: (state.best_theta, state.best_h)}
        if self.lowest_held_out[0]:
            models[LOWEST_HELD_OUT] = self._held_out_best()
        losses = {name: math.nan for name in (*models, LAST)}
        if ended:
            losses[LAST] = epochs[-1]
        else:
            models[LAST] = state.theta, state.h
        for name in bar(models, desc="models over the text", unit="", delay=2):
            theta, h = models[name]
            losses[name] = text_loss(parameters(theta), ids, marks, h[0])
        return losses | ({BEST_OF_EPOCHS: min(epochs)} if epochs else {})

    def held_out_text_losses(self) -> dict[str, float]:
        """Measure the same models on the held-out part, as `text_losses` does; none without one.

        The best model at the end of an epoch is one of them once `text_losses` has chosen it.
        """
        if self.validation_loss is None:
            return {}
        update, lowest = self.lowest_held_out
        losses = {LOWEST_SMOOTH: self._held_out_loss_of_best}
        losses |= {LOWEST_HELD_OUT: lowest} if update else {}
        losses[LAST] = self.validation_loss
        if epochs := self.state.epoch_losses:
            end = (epochs.index(min(epochs)) + 1) * self.updates_per_epoch
            measured = self.history.set_index("update")["validation_loss"]
            losses[BEST_OF_EPOCHS] = float(measured[end])
        return losses

    @cached_property
    def _held_out_loss_of_best(self) -> float:
        ids = self.corpus.ids[self.schedule.trained :]
        marks = document_marks(ids, self.corpus.encode(self.settings.document_end))
        best = self.settings.architecture(self.corpus.K).parameters(self.state.best_theta)
        return text_loss(best, ids, marks, self.state.best_h[0])

    @property
    def best_model(self) -> Model:
        """The model after the update with the lowest smooth loss, ready to be saved."""
        state = self.state
        return self._model(state.best_theta, state.best_h, self.best_update, state.losses[1])

    @property
    def best_held_out_model(self) -> Model | None:
        """The model with the lowest held-out loss, ready to be saved; None if there is no loss."""
        update, _ = self.lowest_held_out
        if not update:
            return None
        smooth_losses = self.history.set_index("update")["smooth_loss"]
        return self._model(*self._held_out_best(), update, smooth_losses[update])

    def _held_out_best(self) -> tuple[np.ndarray, np.ndarray]:
        """Return theta and h of the model with the lowest held-out loss."""
        state, (update, _) = self.state, self.lowest_held_out
        if update == self.last_update:
            return state.theta, state.h
        return state.held_out_theta, state.held_out_h

    @property
    def last_model(self) -> Model:
        """The model after the last update, ready to be saved."""
        state = self.state
        return self._model(state.theta, state.h, self.last_update, state.losses[0])

    def _model(self, theta: np.ndarray, h: np.ndarray, update: int, smooth_loss: float) -> Model:
        """Return a model that was left by an update."""
        text, schedule = self.corpus, self.schedule
        epoch, index = schedule.place(update)
        starts, _ = schedule.epoch(epoch)
        x = int(text.ids[starts[index, 0] + self.settings.seq_length])
        parameters = self.settings.architecture(text.K).parameters(theta)
        return Model(parameters, h[0], x, text.vocabulary, update, float(smooth_loss), text.sha256)
