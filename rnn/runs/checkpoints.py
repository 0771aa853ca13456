"""The states of a training on disk.

A state's file is an archive of plain arrays behind the sha256 of that archive; its name ends with
its update.
"""

import hashlib
import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from rnn.errors import ReportError
from rnn.kernels.compilation import SOURCE_DIGEST
from rnn.runs.storage import Header, archive, check_headers, read_arrays, write_whole
from rnn.settings import Settings
from rnn.state import TrainingState, first_state
from rnn.text.corpus import Corpus
from rnn.training import MOST_WAITING

__all__ = ["Checkpoints"]

_KEPT = 2  # states of a run
_OTHERS_KEPT = 4  # states of runs with other settings in the same folder, and of longer ones
_SHARE = 0.01  # of the time may go into saving

#: What of a state is an array, and what is written as JSON.
_ARRAYS = ("theta", "memory", "h", "best_theta", "best_h", "waiting", "losses", "counts")
_STORY = ("snapshots", "epoch_losses", "diverged")


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
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ReportError(
                f"{folder.name}: expected a folder that can be written, got {error.strerror}"
            ) from None
        self.folder, self.settings, self.K, self.seconds = folder, settings, corpus.K, seconds
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
        with _opened(self.folder / "lock") as lock:
            if not _locked(lock):
                lock.seek(0)
                raise ReportError(
                    f"{self.folder.name}: expected no other process to train this run, got "
                    f"process {lock.read(20) or '?'}; wait until it ends or take another run_dir"
                )
            lock.truncate(0)
            lock.write(str(os.getpid()))
            lock.flush()
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
            print(f"going on from update {state.counts[0]:,}", file=sys.stderr)
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
        payload = archive(arrays)
        update = state.update
        path = self.folder / f"{self.identity.hexdigest()[:16]}-{update:015d}.state"
        write_whole(path, hashlib.sha256(payload).digest() + payload)
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
        try:
            with open(path, "rb") as file:
                digest = file.read(32)
                if hashlib.file_digest(file, "sha256").digest() != digest:
                    raise ReportError(f"{path.name}: expected a whole file, got a damaged one")
                arrays = read_arrays(file, path.name, self._check_state)
        except OSError as error:
            raise ReportError(
                f"{path.name}: expected a file that can be read, got {error.strerror}"
            ) from None
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

    def _check_state(self, headers: dict[str, Header]) -> None:
        like = first_state(self.settings, self.K)
        wanted: dict[str, Header] = {
            name: (getattr(like, name).shape, getattr(like, name).dtype) for name in _ARRAYS
        }
        (waiting, _), _ = headers["waiting"]
        wanted["waiting"] = (min(waiting, MOST_WAITING), like.waiting.shape[1]), like.theta.dtype
        (rows, _), _ = headers["history"]
        (length,), _ = headers["story"]
        wanted["history"] = (rows, 3), np.dtype(np.float64)
        wanted["story"] = (length,), np.dtype(np.uint8)
        wanted["identity"] = (32,), np.dtype(np.uint8)
        check_headers(headers, wanted)


def _opened(path: Path) -> TextIO:
    try:
        return open(path, "a+")
    except OSError as error:
        raise ReportError(
            f"{path.parent.name}: expected a folder that can be written, got {error.strerror}"
        ) from None


def _locked(file: TextIO) -> bool:
    """Lock a file until it is closed; say whether no other process has it locked."""
    try:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except (ImportError, OSError):
        pass  # a system or a file system without locks: nobody is kept out
    return True
