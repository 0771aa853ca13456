"""States of training on disk: archives of plain arrays, whose names end with their update."""

import hashlib
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from rnn import ROOT
from rnn.errors import ReportError
from rnn.kernels.compilation import SOURCE_DIGEST
from rnn.runs.progress import note
from rnn.runs.storage import Headers, hold, read_arrays, run_folder, write_arrays, write_whole
from rnn.settings import Schedule, Settings
from rnn.state import MOST_WAITING, TrainingState, first_state
from rnn.text.corpus import Corpus

_KEPT = 2  # states of a run
_OTHERS_KEPT = 4  # states of runs with other settings in the same folder, and of longer ones
_SECONDS = 5.0  # of training, at least, from one state to the next
_SHARE = 0.01  # of the time may go into saving

# What a state has: arrays, and plain data.
_ARRAYS = [field.name for field in fields(TrainingState) if field.type is np.ndarray]
_STORY = [field.name for field in fields(TrainingState) if field.name not in _ARRAYS]


class Checkpoints:
    """The states of one training run, in a folder that is made, or a ReportError is raised.

    A state is taken up only if the book, the settings other than `epochs`, `max_updates` and
    `patience`, the sources of the math, and the sha256 of the `model` that it went on with, if any,
    are the same; with a cosine schedule, which depends on it, also the number of updates in all.
    From one to the next there are at least five seconds of training, more where saving would take
    more than a hundredth of the time.
    """

    def __init__(self, folder: Path, corpus: Corpus, settings: Settings, model: str = "") -> None:
        self.folder, self.settings, self.K = run_folder(folder), settings, corpus.K
        schedule = Schedule.of(settings, len(corpus))
        self.patience = schedule.patience
        same = settings.as_dict() | {
            "epochs": None, "max_updates": None, "patience": None, "book": corpus.sha256,
            "planned": schedule.planned if settings.eta_schedule == "cosine" else None,
            "vocabulary": corpus.vocabulary, "sources": SOURCE_DIGEST, "numpy": np.__version__,
            "model": model,
        }  # fmt: skip
        self.identity = hashlib.sha256(json.dumps(same, sort_keys=True).encode()).hexdigest()
        self.due = time.monotonic() + _SECONDS  # when the next state is to be saved

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep other processes from training in this folder; a ReportError if one does."""
        with hold(self.folder / "lock", wait=False):
            # What a process left behind that was killed while it wrote.
            for left in self.folder.glob(".*.state.*.tmp"):
                left.unlink(missing_ok=True)
            yield

    def newest(self, last: int) -> TrainingState | None:
        """Return the newest good state of this run up to update `last`; say which are bad.

        One of a training that went on where this one's patience would have ended it is passed over.
        """
        for path in reversed(self._mine(last)):
            try:
                state = self._read(path)
            except ReportError as error:
                note(f"checkpoint skipped: {error}")
            else:
                if state.stopped_at(self.patience) in (0, state.update):
                    return state
        return None

    def path(self, update: int) -> Path:
        """Return where the state after an update is kept."""
        return self.folder / f"{self.identity[:16]}-{update:015d}.state"

    def take(self, update: int, content: bytes) -> None:
        """Keep a state that was saved elsewhere, by the bytes of its file, as `save` does."""
        write_whole(self.path(update), content)
        self._remove_old(update)

    def save(self, state: TrainingState) -> None:
        """Save a state, and remove those that are needed no more; a ReportError if it cannot be."""
        begun = time.monotonic()
        story = {name: getattr(state, name) for name in _STORY} | {"identity": self.identity}
        arrays = {name: getattr(state, name) for name in _ARRAYS}
        arrays["story"] = np.frombuffer(json.dumps(story).encode(), np.uint8)
        write_arrays(self.path(state.update), arrays, digest=True)
        self._remove_old(state.update)
        now = time.monotonic()
        self.due = now + max(_SECONDS, (now - begun) / _SHARE)

    def _remove_old(self, update: int) -> None:
        """Remove the states that are needed no more once there is one after an update."""
        mine = self._mine(update)
        others = set(self.folder.glob("*.state")) - set(mine)
        by_age = sorted(others, key=lambda path: path.stat().st_mtime)
        for old in [*mine[:-_KEPT], *by_age[:-_OTHERS_KEPT]]:
            old.unlink(missing_ok=True)

    def _mine(self, last: int) -> list[Path]:
        """List the states of this run up to an update, the newest last."""
        states = sorted(self.folder.glob(f"{self.identity[:16]}-{'[0-9]' * 15}.state"))
        return [path for path in states if int(path.stem[-15:]) <= last]

    def _read(self, path: Path) -> TrainingState:
        arrays = read_arrays(path, self._wanted, digest=True)
        state: dict[str, Any] = json.loads(arrays.pop("story").tobytes()) | arrays
        if state.pop("identity") != self.identity or state["counts"][0] != int(path.stem[-15:]):
            raise ReportError(f"{path.name}: expected a state of this run, got another")
        state["history"] = [tuple(row) for row in state["history"]]
        return TrainingState(**state)

    def _wanted(self, headers: Headers) -> Headers:
        """Return what a state's file should hold, given how many rows it tells."""
        like = first_state(self.settings, self.K)
        arrays = {name: getattr(like, name) for name in _ARRAYS}
        wanted = {name: (array.shape, array.dtype) for name, array in arrays.items()}
        waiting, story = headers["waiting"][0][0], headers["story"][0][0]
        wanted["waiting"] = (min(waiting, MOST_WAITING), like.waiting.shape[1]), like.h.dtype
        return wanted | {"story": ((story,), np.dtype(np.uint8))}


def checkpoints_of(
    folder: Path, corpus: Corpus, settings: Settings, first_seed: int, model: str = ""
) -> Checkpoints:
    """Return where the folder of a run's states keeps those of one of its seeds."""
    place = folder if settings.seed == first_seed else folder / f"seed-{settings.seed}"
    return Checkpoints(place, corpus, settings, model=model)


def bring_checkpoints(source: str, target: Path) -> None:
    """Copy the states in another folder, relative to the project's root, and in those below it.

    Those that are there already stay.  An empty name is no folder; one that does not exist is a
    ReportError.
    """
    if not source:
        return
    folder = ROOT / source
    if not folder.is_dir():
        raise ReportError(
            f"checkpoints: expected a folder with states of a training, got {source!r}; "
            "name one that exists, or none"
        )
    for path in sorted(folder.rglob("*.state")):
        copy = run_folder(target / path.parent.relative_to(folder)) / path.name
        if not copy.exists():
            write_whole(copy, path.read_bytes())
