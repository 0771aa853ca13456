"""A training that a person can watch: the curve, the latest sample, a bar, in place.

Where the notebook is not interactive, as under papermill, it is `rnn.runs.driver.train_seeds` and
nothing more.
"""

import time
from collections.abc import Collection
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
from IPython.display import display
from matplotlib.figure import Figure

from rnn.report.figures import COLOURS, PAGE_WIDTH, style, svg
from rnn.report.markup import html, on_paper
from rnn.report.shown import Shown
from rnn.runs.driver import train_seeds
from rnn.runs.pretrained import Pretrained
from rnn.runs.progress import is_interactive
from rnn.runs.run import Run
from rnn.settings import Settings
from rnn.text.corpus import Corpus
from rnn.training import Trainer

_EVERY = 1.0  # seconds from one picture to the next ...
_SHARE = 0.1  # ... or longer, if drawing would take more than this share of one core
_POINTS = 600  # of a curve; more cannot be seen


def train(
    corpus: Corpus,
    settings: Settings,
    folder: Path,
    seeds: int,
    pretrained: Pretrained | None = None,
) -> list[Run]:
    """Train as `rnn.runs.driver.train_seeds` does, with a live view if the notebook is interactive.

    There an interrupt ends the training and returns the runs as far as they came; the same call
    continues from there.
    """
    if not is_interactive():
        return train_seeds(corpus, settings, folder, seeds, pretrained=pretrained)
    view = LiveView()
    runs = train_seeds(corpus, settings, folder, seeds, watch=view.look, pretrained=pretrained)
    view.end(runs[0])
    return runs


class LiveView:
    """One output of a notebook that shows the progress of a training, redrawn in its place."""

    _handle: Any = None
    _trainers: Collection[Trainer] = ()
    _due = 0.0  # when the next picture is

    def look(self, trainers: Collection[Trainer]) -> None:
        """Show where the trainers are, if the last picture is old enough."""
        begun = time.monotonic()
        self._trainers = trainers
        if begun < self._due or not next(iter(trainers)).state.history:
            return
        self._show("")
        spent = time.monotonic() - begun
        self._due = time.monotonic() + max(_EVERY - spent, spent / _SHARE)

    def end(self, run: Run) -> None:
        """Show how the training ended, and what can be done next."""
        self._show(unescape(html("live_ended", run=run)).strip())

    def _show(self, ended: str) -> None:
        first = next(iter(self._trainers))
        snapshots = list(first.state.snapshots)  # before the numbers: none is of a later update
        page = html(
            "live",
            ended=ended,
            picture=on_paper(svg(live_figure(self._trainers))).encode(),
            reading=_reading(first),
            last=first.schedule.last_update,
            snapshots=snapshots,
            held_out=first.state.held_out_history,
        )
        bundle = {"text/html": page, "text/plain": ended or "training"}
        shown: Any = {"raw": True, "metadata": Shown("live").as_metadata()}
        if self._handle is None:
            self._handle = display(bundle, display_id=True, **shown)
        else:
            self._handle.update(bundle, **shown)


def live_figure(trainers: Collection[Trainer]) -> Figure:
    """Draw smooth losses so far, the first on top, on an axis as long as the whole training."""
    schedule = next(iter(trainers)).schedule
    last, per_epoch = schedule.last_update, schedule.updates_per_epoch
    curves = [_curve(trainer) for trainer in trainers if trainer.state.history]
    with style():
        figure = Figure(figsize=(PAGE_WIDTH * 1.2, 2.6))
        axes = figure.subplots()
        axes.grid(axis="x", visible=False)
        for start in range(per_epoch, last, per_epoch):
            axes.axvline(start, color="#999999", linewidth=0.5, dashes=(1, 2))
        for number, (updates, losses) in reversed(list(enumerate(curves))):
            opacity = 0.3 if number else 1
            axes.plot(updates, losses, "-", color=COLOURS[0], alpha=opacity, linewidth=0.9)
        # The fall from the first loss would squash all that follows.
        updates, losses = curves[0]
        later = losses[updates > updates[-1] / 8]
        high, low = float(later.max()), float(min(losses.min() for _, losses in curves))
        axes.set_ylim(low - 0.04 * (high - low) - 1e-3, high + 0.1 * (high - low) + 1e-3)
        axes.plot(updates[-1:], losses[-1:], "o", color=COLOURS[1], markeredgewidth=0)
        loss = f"smooth loss (nats per {schedule.settings.loss_unit})"
        axes.set(xlim=(0, last * 1.005), xlabel="update", ylabel=loss)
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    return figure


def _reading(trainer: Trainer) -> tuple[float, float, int, int]:
    """Return smooth loss, the lowest, and the updates of both, all of one moment.

    The compiled loop runs meanwhile, and writes all of them after every update.
    """
    while True:
        before = trainer.state.counts.copy()
        losses = trainer.state.losses.copy()
        if (trainer.state.counts == before).all():
            return float(losses[0]), float(losses[1]), int(before[0]), int(before[1])


def _curve(trainer: Trainer) -> tuple[np.ndarray, np.ndarray]:
    """Return updates and smooth losses so far, thinned out, and those of this moment."""
    loss, _, update, _ = _reading(trainer)
    rows = [row for row in list(trainer.state.history) if row[0] < update]
    rows = [*rows[:: len(rows) // _POINTS + 1], (update, loss, None)]
    return np.array([row[0] for row in rows]), np.array([row[1] for row in rows])
