"""Models and states of training on disk: written whole or not at all, read with suspicion.

Files are NumPy archives of plain arrays.  Reading one never runs code from it, believes no size
that the file itself cannot hold, and refuses what is not of the expected shape and type.
"""

import hashlib
import io
import json
import math
import os
import sys
import time
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rnn.compiled import SOURCE_DIGEST
from rnn.corpus import Corpus
from rnn.errors import ReportError
from rnn.settings import Settings
from rnn.state import TrainingState, first_state
from rnn.vanilla import Vanilla

__all__ = ["Checkpoints", "Model", "load_model", "save_model", "write_whole"]

_SECONDS_BETWEEN = 5.0
_KEPT = 2


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that it is there whole, on disk, or not at all.

    Raises
    ------
    ReportError
        If it cannot be written (a full disk, a read-only folder); what was there before stays.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise ReportError(
            f"{path.name}: expected a folder with room to write in, got: {error.strerror}"
        ) from None


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
    content = io.BytesIO()
    arrays: dict[str, Any] = {**model.parameters._asdict(), "h": model.h}
    arrays["x"] = np.int64(model.x)
    arrays["vocabulary"] = np.frombuffer(model.vocabulary.encode("utf-32-le"), "<u4")
    arrays["update"] = np.int64(model.update)
    arrays["smooth_loss"] = np.float64(model.smooth_loss)
    arrays["book"] = np.frombuffer(bytes.fromhex(model.book), np.uint8)
    np.savez(content, **arrays)
    write_whole(path, content.getvalue())


def load_model(path: Path) -> Model:
    """Read a model.

    Raises
    ------
    ReportError
        If there is none, or the file is not one of ours.
    """
    if not path.is_file():
        raise ReportError(
            f"expected a trained model in {path.parent.name}/{path.name}, got none; "
            "run 02_training_evolution.ipynb with the same run_dir first"
        )
    arrays = _read_arrays(path.read_bytes(), path.name)
    try:
        vocabulary = arrays["vocabulary"].astype("<u4").tobytes().decode("utf-32-le")
        parameters = Vanilla(**{name: arrays[name] for name in Vanilla._fields})
        m, K = parameters.b.size, len(vocabulary)
        for name, shape in Vanilla.shapes(m, K).items():
            part = arrays[name]
            if part.shape != shape or part.dtype not in (np.float32, np.float64):
                raise ValueError(f"{name} has shape {part.shape} and type {part.dtype}")
            if part.dtype != parameters.W.dtype or not np.isfinite(part).all():
                raise ValueError(f"{name} is not {parameters.W.dtype} and finite throughout")
        if arrays["h"].shape != (m,) or sorted(set(vocabulary)) != list(vocabulary):
            raise ValueError("state or vocabulary does not belong to the parameters")
        return Model(
            parameters,
            arrays["h"].astype(parameters.W.dtype),
            range(K)[int(arrays["x"])],
            vocabulary,
            int(arrays["update"]),
            float(arrays["smooth_loss"]),
            arrays["book"].tobytes().hex(),
        )
    except (KeyError, IndexError, ValueError, TypeError, AttributeError) as error:
        raise ReportError(
            f"{path.name}: expected a model of this program, got another file ({error})"
        ) from None


def _read_arrays(content: bytes, name: str) -> dict[str, np.ndarray]:
    """Read the arrays of an archive, believing no size before it is checked."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for entry in archive.infolist():
                if entry.compress_type != zipfile.ZIP_STORED or entry.file_size > len(content):
                    raise ValueError(f"{entry.filename} claims {entry.file_size:,} bytes")
                with archive.open(entry) as file:
                    version = np.lib.format.read_magic(file)
                    if version != (1, 0):
                        raise ValueError(f"{entry.filename} has format {version}")
                    shape, _, dtype = np.lib.format.read_array_header_1_0(file)
                    if math.prod(shape) * dtype.itemsize + file.tell() != entry.file_size:
                        raise ValueError(f"{entry.filename} claims shape {shape}")
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            return {key: archive[key] for key in archive.files}
    except (ValueError, OSError, EOFError, KeyError, zipfile.BadZipFile) as error:
        raise ReportError(
            f"{name}: expected an archive of arrays of this program, got another file ({error})"
        ) from None


class Checkpoints:
    """The states of one training run, in a folder.

    Parameters
    ----------
    folder : Path
        Where they are kept; made if need be.
    corpus, settings
        What is trained on, and how.  A state is taken up only if the book, the settings other
        than `epochs` and `max_updates`, and the sources of the math are the same.
    """

    def __init__(self, folder: Path, corpus: Corpus, settings: Settings) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.settings, self.K = folder, settings, corpus.K
        same = settings.as_dict() | {
            "epochs": None, "max_updates": None, "book": corpus.sha256,
            "vocabulary": corpus.vocabulary, "sources": SOURCE_DIGEST,
        }  # fmt: skip
        self.identity = hashlib.sha256(json.dumps(same, sort_keys=True).encode()).hexdigest()
        self.saved = time.monotonic()

    def latest(self, last: int) -> TrainingState | None:
        """Return the newest good state of this run that is not beyond update `last`."""
        for path in sorted(self.folder.glob(f"{self.identity[:16]}-*.state"), reverse=True):
            try:
                state = self._read(path)
            except (ReportError, OSError) as error:
                print(f"checkpoint left aside: {error}", file=sys.stderr)
                continue
            if state.counts[0] <= last:
                print(f"going on from update {state.counts[0]:,} ({path.name})", file=sys.stderr)
                return state
        return None

    def save_if_due(self, state: TrainingState) -> None:
        """Save a state if some seconds have passed since the last one."""
        if time.monotonic() - self.saved > _SECONDS_BETWEEN:
            self.save(state)

    def save(self, state: TrainingState) -> None:
        """Save a state, and remove all but the last two of this run."""
        content = io.BytesIO()
        arrays = {name: getattr(state, name) for name in _ARRAYS}
        story = json.dumps({"history": state.history, "snapshots": state.snapshots})
        np.savez(content, story=np.frombuffer(story.encode(), np.uint8), **arrays)
        payload = content.getvalue()
        update = int(state.counts[0])
        path = self.folder / f"{self.identity[:16]}-{update:015d}.state"
        write_whole(path, hashlib.sha256(payload).digest() + payload)
        mine = sorted(self.folder.glob(f"{self.identity[:16]}-*.state"))
        others = set(self.folder.glob("*.state")) - set(mine)
        for old in [*mine[:-_KEPT], *others]:
            old.unlink(missing_ok=True)
        self.saved = time.monotonic()

    def _read(self, path: Path) -> TrainingState:
        content = path.read_bytes()
        digest, payload = content[:32], content[32:]
        if hashlib.sha256(payload).digest() != digest:
            raise ReportError(f"{path.name}: expected a whole file, got a broken one")
        arrays = _read_arrays(payload, path.name)
        story = json.loads(arrays["story"].tobytes())
        like = first_state(self.settings, self.K)
        for name in _ARRAYS:
            expected, got = getattr(like, name), arrays[name]
            if got.shape != expected.shape or got.dtype != expected.dtype:
                raise ReportError(f"{path.name}: expected {name} of shape {expected.shape}")
        history = [tuple(row) for row in story["history"]]
        return TrainingState(
            **{name: arrays[name] for name in _ARRAYS},
            history=history,
            snapshots=story["snapshots"],
        )


_ARRAYS = ("theta", "memory", "h", "best_theta", "best_h", "losses", "counts")
