"""Trained models: on disk, and writing."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rnn import sampling
from rnn.errors import ReportError, require_whole
from rnn.kernels.randomness import SAMPLE, generator
from rnn.runs.storage import Headers, read_arrays, write_arrays
from rnn.text.characters import encode
from rnn.vanilla import Vanilla

__all__ = ["Model", "load_model", "probabilities", "save_model", "write"]


@dataclass(frozen=True)
class Model:
    """A trained model with all that is needed to use it.

    Attributes
    ----------
    parameters : Vanilla
        Its parameters.
    h : (m,)
        The hidden state after its last update.
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
    arrays = model.parameters._asdict() | {
        "h": model.h,
        "x": np.int64(model.x),
        "vocabulary": np.frombuffer(model.vocabulary.encode("utf-32-le"), "<u4"),
        "update": np.int64(model.update),
        "smooth_loss": np.float64(model.smooth_loss),
        "book": np.frombuffer(bytes.fromhex(model.book), np.uint8),
    }
    write_arrays(path, arrays)


def load_model(path: Path) -> Model:
    """Read a model.

    Raises
    ------
    ReportError
        If there is none, or the file is not one of ours.
    """
    if not path.exists():
        raise ReportError(
            f"expected a trained model in {path.parent.name}/{path.name}, got none; "
            "run 02_training_evolution.ipynb with the same run_dir first"
        )
    arrays = read_arrays(path, _wanted)
    parameters = Vanilla(*(arrays[name] for name in Vanilla._fields))
    points = arrays["vocabulary"]
    finite = all(np.isfinite(part).all() for part in (*parameters, arrays["h"]))
    ascending = points.max() < 0x110000 and (np.diff(points.astype(np.int64)) > 0).all()
    if not finite or not ascending or not 0 <= arrays["x"] < len(points):
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


def write(
    model: Model,
    length: int,
    seed: int = 0,
    temperature: float = 1.0,
    top_p: float = 1.0,
    prime: str = "",
    end: str = "",
) -> str:
    """Let a model write.

    Parameters
    ----------
    model : Model
        It goes on from its state and the character that follows in its text.
    length : int
        Characters to write.
    seed : int
        The same seed gives the same text.
    temperature, top_p : float
        See `rnn.sampling.synthesize`.
    prime : str
        Read by the network first, from the model's state; the text, without it, continues it.
    end : str
        The end of a document: the text ends with its first occurrence.

    Raises
    ------
    ReportError
        If the model does not know a character of `prime` or `end`, or a number is out of range.
    """
    length = require_whole("length", length, 1)
    rng = generator(require_whole("seed", seed, 0), SAMPLE)
    h, x = _start(model, prime)
    stop = _encode(model, end, "end")
    ids = sampling.synthesize(model.parameters, h, x, length, rng, temperature, top_p, stop)
    return "".join(model.vocabulary[i] for i in ids)


def probabilities(model: Model, text: str, prime: str = "") -> np.ndarray:
    """Return the probabilities that a model gives the characters of a text, shape (n, K).

    Parameters
    ----------
    model : Model
    text, prime : str
        Such as `write` returned and was given, whoever wrote them.

    Raises
    ------
    ReportError
        If the model does not know a character.
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
    """Return what a model's file should hold, given its m and K."""
    (m,), real = headers["b"]
    (K,), _ = headers["vocabulary"]
    if real not in (np.float32, np.float64) or min(m, K) < 1:
        raise ValueError(f"parameters of type {real} for m = {m}, K = {K}")
    number = (), np.dtype(np.int64)
    parameters = {name: (shape, real) for name, shape in Vanilla.shapes(m, K).items()}
    return parameters | {
        "h": ((m,), real),
        "x": number,
        "vocabulary": ((K,), np.dtype("<u4")),
        "update": number,
        "smooth_loss": ((), np.dtype(np.float64)),
        "book": ((32,), np.dtype(np.uint8)),
    }
