"""A training that a person can watch: the curve, the latest sample, a bar, in place.

Where nobody looks on, as under papermill, it is `rnn.runs.driver.train_seeds` and nothing more.
"""

import base64
import html
import time
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
from IPython.display import display

from rnn.report.figures import svg
from rnn.report.lab.figures_live import live_figure
from rnn.report.paper import on_paper
from rnn.runs.driver import last_update, train_seeds
from rnn.runs.progress import is_interactive
from rnn.runs.run import Run
from rnn.settings import Settings
from rnn.text.corpus import Corpus
from rnn.training import Trainer

__all__ = ["LiveView", "train"]

_EVERY = 1.0  # seconds from one picture to the next ...
_POINTS = 600  # of a curve; more cannot be seen
_SHARE = 0.1  # ... or longer, if drawing would take more than this share of one core


def train(corpus: Corpus, settings: Settings, folder: Path, seeds: int) -> list[Run]:
    """Train as `rnn.runs.driver.train_seeds` does, with a live view for a person who looks on.

    Parameters
    ----------
    corpus, settings, folder, seeds
        As for `rnn.runs.driver.train_seeds`.

    Returns
    -------
    list of Run
        In the order of the seeds.  With a person looking on, an interrupt ends the training here
        and gives the runs as far as they came; the same call goes on from there.

    Raises
    ------
    ReportError, KeyboardInterrupt
        As for `rnn.runs.driver.train_seeds`.
    """
    if not is_interactive():
        return train_seeds(corpus, settings, folder, seeds)
    view = LiveView(settings)
    runs = train_seeds(corpus, settings, folder, seeds, watch=view.look)
    view.end(runs[0])
    return runs


class LiveView:
    """One output of a notebook that shows how a training goes, again and again in its place.

    Parameters
    ----------
    settings : Settings
        Those of the training.
    """

    def __init__(self, settings: Settings) -> None:
        self._unit = "segment" if settings.loss == "sum" else "character"
        self._handle: Any = None
        self._trainers: Collection[Trainer] = ()
        self._due = 0.0

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
        """Show the end, whatever it was, and what can be done next."""
        last = last_update(run.corpus, run.settings)
        if run.diverged:
            said = f"Stopped: {run.diverged}."
        elif run.last_update < last:
            said = (
                f"Stopped at update {run.last_update:,} of {last:,}. Run this cell again to go on "
                "from there; the cells below work with what was reached."
            )
        elif run.updates:
            said = f"Done: {last:,} updates."
        else:
            said = f"Done before: all {last:,} updates were taken from the last checkpoint."
        self._show(said)

    def _show(self, said: str) -> None:
        bundle = {"text/html": self._page(said), "text/plain": said or "training"}
        about = {"report": {"kind": "live"}}
        if self._handle is None:
            self._handle = display(bundle, raw=True, metadata=about, display_id=True)
        else:
            self._handle.update(bundle, raw=True, metadata=about)

    def _page(self, said: str) -> str:
        """Return the view as HTML."""
        first = next(iter(self._trainers))
        snapshots = list(first.state.snapshots)  # before the numbers: none is of a later update
        curves = [_curve(trainer) for trainer in self._trainers if trainer.state.history]
        now, lowest, reached, best = _reading(first)
        drawn = on_paper(svg(live_figure(curves, first.last, first.per_epoch, self._unit)))
        picture = base64.b64encode(drawn.encode()).decode()
        where = (
            f"Update {reached:,} of {first.last:,}: smooth loss {now:.4f}, lowest so far "
            f"{lowest:.4f} at update {best:,}"
        )
        sample = ""
        if snapshots:
            latest = snapshots[-1]
            sample = (
                f"<p>Synthesized before update {latest['update']:,}:</p>"
                f'<pre class="rnn-live-sample" style="white-space: pre-wrap">'
                f"{html.escape(latest['text'])}</pre>"
            )
        return (
            f'<div class="rnn-live"><p>{html.escape(said or where)}</p>'
            f'<img class="rnn-live-curve" style="max-width: 46em; width: 100%" '
            f'alt="{html.escape(where)}" src="data:image/svg+xml;base64,{picture}">'
            f"{sample}</div>"
        )


def _reading(trainer: Trainer) -> tuple[float, float, int, int]:
    """Return smooth loss, the lowest, and the updates of both, all of one moment.

    The engine goes on meanwhile, and writes all of them after every update.
    """
    while True:
        before = trainer.state.counts.copy()
        losses = trainer.state.losses.copy()
        if (trainer.state.counts == before).all():
            return float(losses[0]), float(losses[1]), int(before[0]), int(before[1])


def _curve(trainer: Trainer) -> tuple[np.ndarray, np.ndarray]:
    """Return updates and smooth losses so far, thinned out, with where the training is now."""
    loss, _, update, _ = _reading(trainer)
    rows = [row for row in list(trainer.state.history) if row[0] < update]
    rows = [*rows[:: len(rows) // _POINTS + 1], (update, loss, None)]
    return np.array([row[0] for row in rows]), np.array([row[1] for row in rows])
