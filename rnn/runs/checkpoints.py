"""States of training on disk: archives of plain arrays, whose names end with their update."""

import hashlib
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from rnn.errors import ReportError
from rnn.kernels.compilation import SOURCE_DIGEST
from rnn.runs.progress import note
from rnn.runs.storage import Headers, hold, read_arrays, run_folder, write_arrays
from rnn.settings import Settings
from rnn.state import TrainingState, first_state
from rnn.text.corpus import Corpus
from rnn.training import MOST_WAITING

_KEPT = 2  # states of a run
_OTHERS_KEPT = 4  # states of runs with other settings in the same folder, and of longer ones
_SHARE = 0.01  # of the time may go into saving


class Checkpoints:
    """The states of one training run, in a folder that is made, or a ReportError is raised.

    A state is taken up only if the book, the settings other than `epochs` and `max_updates`, and
    the sources of the math are the same.  From one to the next there are at least `seconds` of
    training, more where saving would take more than a hundredth of the time.
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
        identity = hashlib.sha256(json.dumps(same, sort_keys=True).encode())
        self.identity, self.name = identity.digest(), identity.hexdigest()[:16]
        self.due = time.monotonic() + seconds  # when the next state is to be saved

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep other processes from training in this folder; a ReportError if one does."""
        with hold(self.folder / "lock", wait=False):
            # What a process left behind that was killed while it wrote.
            for left in self.folder.glob(".*.state.*.tmp"):
                left.unlink(missing_ok=True)
            yield

    def latest(self, last: int) -> TrainingState | None:
        """Return the newest good state of this run up to update `last`; say which are bad."""
        for path in reversed(self._mine(last)):
            try:
                state = self._read(path)
            except ReportError as error:
                note(f"checkpoint skipped: {error}")
                continue
            note(f"going on from update {state.update:,}")
            return state
        return None

    def save(self, state: TrainingState) -> None:
        """Save a state, and remove those that are needed no more; a ReportError if it cannot be."""
        begun = time.monotonic()
        story = json.dumps({name: getattr(state, name) for name in _STORY})
        arrays = {name: getattr(state, name) for name in _ARRAYS} | {
            "history": np.array(state.history, np.float64).reshape(-1, 3),  # None becomes NaN
            "story": np.frombuffer(story.encode(), np.uint8),
            "identity": np.frombuffer(self.identity, np.uint8),
        }
        path = self.folder / f"{self.name}-{state.update:015d}.state"
        write_arrays(path, arrays, digest=True)
        mine = self._mine(state.update)
        others = set(self.folder.glob("*.state")) - set(mine)
        by_age = sorted(others, key=lambda path: path.stat().st_mtime)
        for old in [*mine[:-_KEPT], *by_age[:-_OTHERS_KEPT]]:
            old.unlink(missing_ok=True)
        now = time.monotonic()
        self.due = now + max(self.seconds, (now - begun) / _SHARE if self.seconds else 0)

    def _mine(self, last: int) -> list[Path]:
        """List the states of this run up to an update, the newest last."""
        states = sorted(self.folder.glob(f"{self.name}-{'[0-9]' * 15}.state"))
        return [path for path in states if int(path.stem[-15:]) <= last]

    def _read(self, path: Path) -> TrainingState:
        arrays = read_arrays(path, self._wanted, digest=True)
        update = int(path.stem[-15:])
        if arrays["identity"].tobytes() != self.identity or arrays["counts"][0] != update:
            raise ReportError(f"{path.name}: expected a state of this run, got another")
        history = [
            (int(update), smooth, None if np.isnan(validation) else validation)
            for update, smooth, validation in arrays["history"].tolist()
        ]
        state: dict[str, Any] = {name: arrays[name] for name in _ARRAYS}
        return TrainingState(**state, history=history, **json.loads(arrays["story"].tobytes()))

    def _wanted(self, headers: Headers) -> Headers:
        """Return what a state's file should hold, given how many rows it tells."""
        like = first_state(self.settings, self.K)
        rows = {name: headers[name][0][0] for name in ("waiting", "history", "story")}
        arrays = {name: getattr(like, name) for name in _ARRAYS}
        return {name: (array.shape, array.dtype) for name, array in arrays.items()} | {
            "waiting": ((min(rows["waiting"], MOST_WAITING), like.waiting.shape[1]), like.h.dtype),
            "history": ((rows["history"], 3), np.dtype(np.float64)),
            "story": ((rows["story"],), np.dtype(np.uint8)),
            "identity": ((32,), np.dtype(np.uint8)),
        }


_ARRAYS = ("theta", "memory", "h", "best_theta", "best_h", "waiting", "losses", "counts")
_STORY = ("snapshots", "epoch_losses", "diverged")
