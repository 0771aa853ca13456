"""A training run that has ended, and what can be told of it."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from rnn.cell import views
from rnn.epoch_ends import measure_epoch_ends
from rnn.evaluation import text_loss
from rnn.runs.models import Model
from rnn.settings import Settings
from rnn.state import TrainingState
from rnn.text.corpus import Corpus
from rnn.text.segments import epoch_starts, fresh_marks, split_held_out
from rnn.vanilla import Vanilla

__all__ = ["Run"]


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
    validation_loss : float or None
        Of the last model on the held-out part, in nats a character.
    updates : int
        Updates made in this process; fewer than the run's when it went on from a checkpoint.
    seconds : float
        The time that the last ...
    timed_updates : int
        ... of these took: all but those of the first call, which may have had to compile.
    """

    corpus: Corpus
    settings: Settings
    state: TrainingState
    updates_per_epoch: int
    validation_loss: float | None
    updates: int
    seconds: float
    timed_updates: int

    @property
    def history(self) -> pd.DataFrame:
        """Smooth loss over the updates: ``update``, ``epoch`` (from 1), ``smooth_loss``, ...

        The first and the last update have a row, every hundredth, and the last of every epoch.
        With a held-out
        part there is a column ``validation_loss`` too, in nats a character, with a number where
        it was measured.
        """
        rows = [row for row in self.state.history if row[0] != self.last_update]
        # Not part of the state: a longer run that goes on from it has no such row.
        rows.append((self.last_update, self.smooth_loss, self.validation_loss))
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
    def smooth_loss(self) -> float:
        """The smooth loss after the last update, in the unit of the loss."""
        return float(self.state.losses[0])

    @property
    def lowest_smooth_loss(self) -> float:
        """The lowest smooth loss, in the unit of the loss."""
        return float(self.state.losses[1])

    @property
    def epoch_losses(self) -> list[float]:
        """The loss over the trained text at the end of every epoch, in nats a character.

        Measured when it is first asked for.
        """
        if len(self.state.waiting):
            about = self.corpus.K, self.trained_ids, self._marks()
            measure_epoch_ends(self.state, *about, progress=True)
        return self.state.epoch_losses

    def text_losses(self) -> dict[str, float]:
        """Return the loss over the whole trained text of the models that are worth comparing.

        Each reads it from the state that it was left in by its last update.

        Returns
        -------
        dict
            Nats a character, by what the model is.
        """
        epochs, s = self.epoch_losses, self.state
        ended = bool(epochs) and self.last_update == len(epochs) * self.updates_per_epoch
        losses = {
            "model with the lowest smooth loss": self._text_loss(s.best_theta, s.best_h),
            "last model": epochs[-1] if ended else self._text_loss(s.theta, s.h),
        }
        return losses | ({"best model at the end of an epoch": min(epochs)} if epochs else {})

    @property
    def trained_ids(self) -> np.ndarray:
        """The part of the text that was trained on."""
        return self.corpus.ids[: split_held_out(len(self.corpus.ids), self.settings)]

    def _text_loss(self, theta: np.ndarray, h: np.ndarray) -> float:
        return text_loss(self._named(theta), self.trained_ids, self._marks(), h[0])

    def _marks(self) -> np.ndarray:
        return fresh_marks(self.trained_ids, self.corpus.encode(self.settings.document_end))

    def _named(self, theta: np.ndarray) -> Vanilla:
        return views(Vanilla, theta, self.settings.m, self.corpus.K)

    @property
    def best_model(self) -> Model:
        """The model after the update with the lowest smooth loss, ready to be saved."""
        s = self.state
        return self._model(s.best_theta, s.best_h[0], self.best_update, self.lowest_smooth_loss)

    @property
    def last_model(self) -> Model:
        """The model after the last update, ready to be saved."""
        s = self.state
        return self._model(s.theta, s.h[0], self.last_update, self.smooth_loss)

    def _model(self, theta: np.ndarray, h: np.ndarray, update: int, smooth_loss: float) -> Model:
        trained = split_held_out(len(self.corpus.ids), self.settings)
        epoch, index = divmod(update - 1, self.updates_per_epoch)
        starts, _ = epoch_starts(trained, self.settings, epoch)
        following = self.corpus.ids[starts[index, 0] + self.settings.seq_length]
        return Model(
            self._named(theta), h, int(following), self.corpus.vocabulary, update, smooth_loss,
            self.corpus.sha256,
        )  # fmt: skip
