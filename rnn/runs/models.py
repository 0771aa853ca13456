"""Trained models: on disk, and writing."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rnn import sampling
from rnn.cells import CELLS, name_of
from rnn.errors import ReportError, require_whole
from rnn.kernels.randomness import SAMPLE, generator
from rnn.model import Architecture, named
from rnn.runs.storage import Headers, read_arrays, write_arrays
from rnn.text.characters import encode

#: The cell of files that name none.
_FIRST_CELL = next(iter(CELLS))


#: The longest text that a model writes: some hundred pages.
LONGEST = 1_000_000


@dataclass(frozen=True)
class Model:
    """A trained model with all that is needed to use it."""

    parameters: Any  # a named tuple of its cell
    h: np.ndarray  # (state size,) the state of the network after its last update
    x: int  # the character that follows in the text: what is read next
    vocabulary: str  # the characters; a character's id is its place
    update: int  # the update it was taken after
    smooth_loss: float  # at that update, in the unit of the loss
    book: str  # the sha256 of the text it was trained on


def save_model(path: Path, model: Model) -> None:
    """Write a model; the same model gives the same bytes."""
    arrays: dict[str, Any] = named(model.parameters) | {
        "h": model.h,
        "x": np.int64(model.x),
        "vocabulary": np.frombuffer(model.vocabulary.encode("utf-32-le"), "<u4"),
        "update": np.int64(model.update),
        "smooth_loss": np.float64(model.smooth_loss),
        "book": np.frombuffer(bytes.fromhex(model.book), np.uint8),
    }
    cell = name_of(type(model.parameters))
    if cell != _FIRST_CELL:
        arrays["cell"] = np.frombuffer(cell.encode(), np.uint8)
    write_arrays(path, arrays)


def load_model(path: Path) -> Model:
    """Read a model; a ReportError if there is none, or the file is not one of ours."""
    if not path.exists():
        raise ReportError(
            f"expected a trained model in {path.parent.name}/{path.name}, got none; "
            "run 02_training_evolution.ipynb with the same run_dir first"
        )
    arrays = read_arrays(path, _wanted)
    headers = {name: (array.shape, array.dtype) for name, array in arrays.items()}
    cell = CELLS.get(arrays["cell"].tobytes().decode() if "cell" in arrays else _FIRST_CELL)
    points, x = arrays["vocabulary"], int(arrays["x"])
    good = (
        cell is not None
        and headers == _model_with(cell, headers)
        and all(np.isfinite(part).all() for part in arrays.values())
        and points.max() < 0x110000
        and (np.diff(points.astype(np.int64)) > 0).all()
        and 0 <= x < len(points)
    )
    if not good:
        raise ReportError(
            f"{path.name}: expected finite parameters of a known cell and a sorted vocabulary, got "
            "others; train again"
        )
    architecture = _architecture(cell, headers)
    parameters = architecture.parameters(np.empty(architecture.size, arrays["V"].dtype))
    for name, part in named(parameters).items():
        part[...] = arrays[name]
    vocabulary, book = "".join(map(chr, points)), arrays["book"].tobytes().hex()
    update, smooth_loss = int(arrays["update"]), float(arrays["smooth_loss"])
    return Model(parameters, arrays["h"], x, vocabulary, update, smooth_loss, book)


def write(
    model: Model,
    length: int,
    seed: int = 0,
    temperature: float = 1.0,
    top_p: float = 1.0,
    prime: str = "",
    end: str = "",
) -> str:
    """Let a model write `length` characters, from its state and what follows in its text.

    Parameters
    ----------
    seed : int
        The same seed gives the same text.
    temperature, top_p : float
        As for `rnn.sampling.synthesize`.
    prime : str
        Read by the network first, from the model's state; the text, without it, continues it.
    end : str
        The end of a document: the text ends with its first occurrence.

    Raises
    ------
    ReportError
        If the model does not know a character of `prime` or `end`, or a number is out of range.
    """
    length = require_whole("length", length, 1, LONGEST)
    rng = generator(require_whole("seed", seed, 0), SAMPLE)
    (h, x), stop = _start(model, prime), _encode(model, end, "end")
    ids = sampling.synthesize(model.parameters, h, x, length, rng, temperature, top_p, stop)
    return "".join(model.vocabulary[i] for i in ids)


def probabilities(model: Model, text: str, prime: str = "") -> np.ndarray:
    """Return the probabilities that a model gives the characters of a text, shape (n, K).

    `text` and `prime` are as of `write`; a ReportError if the model does not know a character.
    """
    h, x = _start(model, prime)
    return sampling.probabilities(model.parameters, h, x, _encode(model, text, "text"))


def _start(model: Model, prime: str) -> tuple[np.ndarray, int]:
    """Return the state that a text begins with and the character that is read first."""
    if not prime:
        return model.h, model.x
    # Not from a zero state: after the first segments of its text the network never saw one again,
    # and some models write nothing but strange characters from there on.
    ids = _encode(model, prime, "prime")
    return sampling.read(model.parameters, model.h, ids[:-1]), int(ids[-1])


def _encode(model: Model, text: str, name: str) -> np.ndarray:
    return encode(text, model.vocabulary, name, "the text the model was trained on")


def _wanted(headers: Headers) -> Headers:
    """Return what a file should hold: a model with any of the cells."""
    models = [_model_with(cell, headers) for cell in CELLS.values()]
    return headers if headers in models else models[0]


def _model_with(cell: Any, headers: Headers) -> Headers:
    """Return what the file of a model with a cell holds, of the size that a file claims."""
    architecture, real = _architecture(cell, headers), headers["V"][1]
    if real not in (np.float32, np.float64) or min(architecture.m, architecture.K) < 1:
        raise ValueError(f"parameters of type {real} for m = {architecture.m}")
    shapes = architecture.named_shapes | {"h": (architecture.state_size,)}
    wanted = {name: (shape, real) for name, shape in shapes.items()}
    wanted["vocabulary"] = (architecture.K,), np.dtype("<u4")
    wanted["x"] = wanted["update"] = (), np.dtype(np.int64)
    wanted["smooth_loss"] = (), np.dtype(np.float64)
    wanted["book"] = (32,), np.dtype(np.uint8)
    if "cell" in headers:
        wanted["cell"] = headers["cell"][0][:1], np.dtype(np.uint8)
    return wanted


def _architecture(cell: Any, headers: Headers) -> Architecture:
    """Return what the network in a file is made of, by the shapes of its arrays."""
    (K, m), _ = headers["V"]
    return Architecture(cell, m, K, sum(name.startswith("W") for name in headers))
