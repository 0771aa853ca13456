"""Models and states of training on disk.

Both are archives of plain arrays, written and read by `rnn.runs.storage`.  A state's file begins
with the sha256 of the rest, and its name ends with its update.
"""

import hashlib
import io
import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from rnn.epoch_ends import MOST_KEPT
from rnn.errors import ReportError
from rnn.kernels.compilation import SOURCE_DIGEST
from rnn.runs.storage import Header, read_arrays, write_whole
from rnn.settings import Settings
from rnn.state import TrainingState, first_state
from rnn.text.corpus import Corpus
from rnn.vanilla import Vanilla

__all__ = ["Checkpoints", "Model", "load_model", "save_model"]

_KEPT = 2  # states of a run
_OTHERS_KEPT = 4  # states of runs with other settings in the same folder, and of longer ones
_SHARE = 0.01  # of the time may go into saving


@dataclass(frozen=True)
class Model:
    """A trained model with all that is needed to use it.

    Attributes
    ----------
    parameters : Vanilla
        Its parameters.
    h : (m,)
        The state of the network after its last update.
    x : int
        The character that follows in the text: what is read next.
    vocabulary : str
        The characters; a character's id is its place.
    update : int
        The update it was taken after.
    smooth_loss : float
        The smooth loss at that update.
    book : str
        The sha256 of the text it was trained on.
    """

    parameters: Vanilla
    h: np.ndarray
    x: int
    vocabulary: str
    update: int
    smooth_loss: float
    book: str


def save_model(path: Path, model: Model) -> None:
    """Write a model; the same model gives the same bytes."""
    arrays: dict[str, Any] = {**model.parameters._asdict(), "h": model.h}
    arrays["x"] = np.int64(model.x)
    arrays["vocabulary"] = np.frombuffer(model.vocabulary.encode("utf-32-le"), "<u4")
    arrays["update"] = np.int64(model.update)
    arrays["smooth_loss"] = np.float64(model.smooth_loss)
    arrays["book"] = np.frombuffer(bytes.fromhex(model.book), np.uint8)
    write_whole(path, _archive(arrays))


def load_model(path: Path) -> Model:
    """Read a model.

    Raises
    ------
    ReportError
        If there is none, or the file is not one of ours.
    """
    try:
        with open(path, "rb") as file:
            arrays = read_arrays(file, path.name, _check_model)
    except FileNotFoundError:
        raise ReportError(
            f"expected a trained model in {path.parent.name}/{path.name}, got none; "
            "run 02_training_evolution.ipynb with the same run_dir first"
        ) from None
    except OSError as error:
        raise ReportError(
            f"{path.name}: expected a file that can be read, got {error.strerror}"
        ) from None
    parameters = Vanilla(*(arrays[name] for name in Vanilla._fields))
    points = arrays["vocabulary"]
    finite = all(np.isfinite(part).all() for part in (*parameters, arrays["h"]))
    sorted_points = points.max() < 0x110000 and (np.diff(points.astype(np.int64)) > 0).all()
    if not finite or not sorted_points or not 0 <= arrays["x"] < len(points):
        raise ReportError(
            f"{path.name}: expected finite parameters and a sorted vocabulary, got others; "
            "train again"
        )
    return Model(
        parameters=parameters,
        h=arrays["h"],
        x=int(arrays["x"]),
        vocabulary="".join(map(chr, points)),
        update=int(arrays["update"]),
        smooth_loss=float(arrays["smooth_loss"]),
        book=arrays["book"].tobytes().hex(),
    )


def _check_model(headers: dict[str, Header]) -> None:
    (m,), real = headers["b"]
    (K,), _ = headers["vocabulary"]
    wanted: dict[str, Header] = {
        name: (shape, real) for name, shape in Vanilla.shapes(m, K).items()
    }
    wanted |= {"h": ((m,), real), "vocabulary": ((K,), np.dtype("<u4"))}
    wanted |= {"x": ((), np.dtype(np.int64)), "update": ((), np.dtype(np.int64))}
    wanted |= {"smooth_loss": ((), np.dtype(np.float64)), "book": ((32,), np.dtype(np.uint8))}
    if real not in (np.float32, np.float64) or min(m, K) < 1:
        raise ValueError(f"parameters of type {real} for m = {m}, K = {K}")
    _compare(headers, wanted)


def _compare(headers: dict[str, Header], wanted: dict[str, Header]) -> None:
    if headers.keys() != wanted.keys():
        raise ValueError(f"arrays {', '.join(headers)}")
    for name, header in wanted.items():
        if headers[name] != header:
            raise ValueError(
                "{0} of shape {2[0]} and type {2[1]}, not {1[0]} and {1[1]}".format(
                    name, header, headers[name]
                )
            )


def _archive(arrays: dict[str, Any]) -> bytes:
    content = io.BytesIO()
    np.savez(content, **arrays)
    return content.getvalue()


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

        What is left aside, and what is taken, is said on standard error.
        """
        for path in reversed(self._mine(last)):
            try:
                state = self._read(path)
            except ReportError as error:
                print(f"checkpoint left aside: {error}", file=sys.stderr)
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
        rows = np.array(state.history, np.float64)  # None becomes nan
        arrays["history"] = rows.reshape(-1, 3)
        story = json.dumps({name: getattr(state, name) for name in _STORY})
        arrays["story"] = np.frombuffer(story.encode(), np.uint8)
        arrays["identity"] = np.frombuffer(self.identity.digest(), np.uint8)
        payload = _archive(arrays)
        update = int(state.counts[0])
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
        wanted["waiting"] = (min(waiting, MOST_KEPT), like.waiting.shape[1]), like.theta.dtype
        (rows, _), _ = headers["history"]
        (length,), _ = headers["story"]
        wanted["history"] = (rows, 3), np.dtype(np.float64)
        wanted["story"] = (length,), np.dtype(np.uint8)
        wanted["identity"] = (32,), np.dtype(np.uint8)
        _compare(headers, wanted)


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


_ARRAYS = (
    "theta", "memory", "h", "best_theta", "best_h", "epoch_theta", "waiting", "losses", "counts",
)  # fmt: skip
_STORY = ("snapshots", "epoch_losses", "diverged")
