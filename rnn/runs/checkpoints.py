"""States of training on disk.

They are archives of plain arrays, written and read by `rnn.runs.storage`.  A state's file begins
with the sha256 of the rest, and its name ends with its update.
"""

import hashlib
import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from rnn.errors import ReportError
from rnn.kernels.compilation import SOURCE_DIGEST
from rnn.runs.storage import Headers, hold, read_arrays, run_folder, write_arrays
from rnn.settings import Settings
from rnn.state import TrainingState, first_state
from rnn.text.corpus import Corpus
from rnn.training import MOST_WAITING

__all__ = ["Checkpoints"]

_KEPT = 2  # states of a run
_OTHERS_KEPT = 4  # states of runs with other settings in the same folder, and of longer ones
_SHARE = 0.01  # of the time may go into saving


class Checkpoints:
    """The states of one training run, in a folder.

    Parameters
    ----------
    folder : Path
        Where they are kept; made if need be.
    corpus, settings
        What is trained on, and how.  A state is taken up only if the book, the settings other
        than `epochs` and `max_updates`, and the sources of the math are the same.
    seconds : float
        How long to train at least from one state to the next; longer where saving takes so long
        that it would take more than a hundredth of the time.

    Raises
    ------
    ReportError
        If the folder cannot be made.
    """

    def __init__(
        self, folder: Path, corpus: Corpus, settings: Settings, seconds: float = 5.0
    ) -> None:
        self.folder, self.settings = run_folder(folder), settings
        self.K, self.seconds = corpus.K, seconds
        same = settings.as_dict() | {
            "epochs": None, "max_updates": None, "book": corpus.sha256,
            "vocabulary": corpus.vocabulary, "sources": SOURCE_DIGEST, "numpy": np.__version__,
            "cell": settings.cell, "layers": settings.layers,
        }  # fmt: skip
        self.identity = hashlib.sha256(json.dumps(same, sort_keys=True).encode())
        self.due = time.monotonic() + seconds

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep every other process from training in this folder meanwhile.

        Raises
        ------
        ReportError
            If another one does.
        """
        with hold(self.folder / "lock", wait=False):
            # What a process left behind that was killed while it wrote.
            for left in self.folder.glob(".*.state.*.tmp"):
                left.unlink(missing_ok=True)
            yield

    def latest(self, last: int) -> TrainingState | None:
        """Return the newest good state of this run that is not beyond update `last`.

        Standard error says which files are skipped, and where the training goes on.
        """
        for path in reversed(self._mine(last)):
            try:
                state = self._read(path)
            except ReportError as error:
                print(f"checkpoint skipped: {error}", file=sys.stderr)
                continue
            print(f"going on from update {state.update:,}", file=sys.stderr)
            return state
        return None

    def is_due(self) -> bool:
        """Tell whether the last state saved is old enough for another."""
        return time.monotonic() >= self.due

    def save(self, state: TrainingState) -> None:
        """Save a state, and remove those that are needed no more.

        Raises
        ------
        ReportError
            If it cannot be written.
        """
        begun = time.monotonic()
        arrays = {name: getattr(state, name) for name in _ARRAYS}
        rows = np.array(state.history, np.float64)  # None becomes NaN
        arrays["history"] = rows.reshape(-1, 3)
        story = json.dumps({name: getattr(state, name) for name in _STORY})
        arrays["story"] = np.frombuffer(story.encode(), np.uint8)
        arrays["identity"] = np.frombuffer(self.identity.digest(), np.uint8)
        update = state.update
        path = self.folder / f"{self.identity.hexdigest()[:16]}-{update:015d}.state"
        write_arrays(path, arrays, digest=True)
        mine = self._mine(update)
        others = set(self.folder.glob("*.state")) - set(mine)
        others_by_age = sorted(others, key=lambda path: path.stat().st_mtime)
        for old in [*mine[:-_KEPT], *others_by_age[:-_OTHERS_KEPT]]:
            old.unlink(missing_ok=True)
        now = time.monotonic()
        self.due = now + max(self.seconds, (now - begun) / _SHARE if self.seconds else 0)

    def _mine(self, last: int) -> list[Path]:
        """List the states of this run up to an update, the newest last."""
        name = self.identity.hexdigest()[:16]
        states = sorted(self.folder.glob(f"{name}-{'[0-9]' * 15}.state"))
        return [path for path in states if int(path.stem[-15:]) <= last]

    def _read(self, path: Path) -> TrainingState:
        arrays = read_arrays(path, self._wanted, digest=True)
        update = int(path.stem[-15:])
        if arrays["identity"].tobytes() != self.identity.digest() or arrays["counts"][0] != update:
            raise ReportError(f"{path.name}: expected a state of this run, got another")
        story = json.loads(arrays["story"].tobytes())
        history = [
            (int(update), smooth, None if np.isnan(validation) else validation)
            for update, smooth, validation in arrays["history"].tolist()
        ]
        state: dict[str, Any] = {name: arrays[name] for name in _ARRAYS}
        return TrainingState(**state, history=history, **story)

    def _wanted(self, headers: Headers) -> Headers:
        """Return what a state's file should hold, given how many rows it tells."""
        like = first_state(self.settings, self.K)
        wanted: Headers = {
            name: (getattr(like, name).shape, getattr(like, name).dtype) for name in _ARRAYS
        }
        (waiting, _), _ = headers["waiting"]
        wanted["waiting"] = (min(waiting, MOST_WAITING), like.waiting.shape[1]), like.theta.dtype
        (rows, _), _ = headers["history"]
        (length,), _ = headers["story"]
        wanted["history"] = (rows, 3), np.dtype(np.float64)
        wanted["story"] = (length,), np.dtype(np.uint8)
        wanted["identity"] = (32,), np.dtype(np.uint8)
        return wanted


_ARRAYS = ("theta", "memory", "h", "best_theta", "best_h", "waiting", "losses", "counts")
_STORY = ("snapshots", "epoch_losses", "diverged")
