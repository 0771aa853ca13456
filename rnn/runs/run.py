"""A training that has ended, and what can be told of it."""

import math
from dataclasses import dataclass
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
        epochs are measured once, side by side on the cores, under a bar.
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
        models = {"model with the lowest smooth loss": (state.best_theta, state.best_h)}
        losses = {name: math.nan for name in (*models, "last model")}
        if ended:
            losses["last model"] = epochs[-1]
        else:
            models["last model"] = state.theta, state.h
        for name in bar(models, desc="models over the text", unit="", delay=2):
            theta, h = models[name]
            losses[name] = text_loss(parameters(theta), ids, marks, h[0])
        return losses | ({"best model at the end of an epoch": min(epochs)} if epochs else {})

    @property
    def best_model(self) -> Model:
        """The model after the update with the lowest smooth loss, ready to be saved."""
        return self._model(self.state.best_theta, self.state.best_h, 1)

    @property
    def last_model(self) -> Model:
        """The model after the last update, ready to be saved."""
        return self._model(self.state.theta, self.state.h, 0)

    def _model(self, theta: np.ndarray, h: np.ndarray, which: int) -> Model:
        """Return a model; `which` is the place of its update and loss in the state."""
        text, schedule, state = self.corpus, self.schedule, self.state
        update, smooth_loss = int(state.counts[which]), float(state.losses[which])
        epoch, index = schedule.place(update)
        starts, _ = schedule.epoch(epoch)
        x = int(text.ids[starts[index, 0] + self.settings.seq_length])
        parameters = self.settings.architecture(text.K).parameters(theta)
        return Model(parameters, h[0], x, text.vocabulary, update, smooth_loss, text.sha256)
