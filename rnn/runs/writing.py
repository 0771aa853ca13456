"""Texts written by a trained model."""

import numpy as np

from rnn import sampling
from rnn.errors import ReportError, require_whole
from rnn.kernels.randomness import SAMPLE, generator
from rnn.runs.models import Model
from rnn.sampling import read, synthesize

__all__ = ["probabilities", "write"]


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
        The model; it goes on from its state and the character that follows in its text.
    length : int
        Characters to write.
    seed : int
        The same seed gives the same text.
    temperature, top_p : float
        See `rnn.sampling.synthesize`.
    prime : str
        Read by the network first, from the model's state; the text continues it.
    end : str
        The end of a document: the text ends with its first occurrence.

    Returns
    -------
    str
        The text, without `prime`.

    Raises
    ------
    ReportError
        If `prime` has a character that the model does not know, or a number cannot be.
    """
    length = require_whole("length", length, 1)
    seed = require_whole("seed", seed, 0)
    h, x = _start(model, prime)
    rng = generator(seed, SAMPLE)
    ids = synthesize(
        model.parameters, h, x, length, rng, temperature, top_p, _encoded("end", end, model)
    )
    return "".join(model.vocabulary[i] for i in ids)


def probabilities(model: Model, text: str, prime: str = "") -> np.ndarray:
    """Return the probabilities that a model gives the characters of a text, whoever wrote it.

    Parameters
    ----------
    model : Model
        The model.
    text : str
        Such as `write` returned.
    prime : str
        What `write` was given.

    Returns
    -------
    (n, K)
        See `rnn.sampling.probabilities`; a column's character is that of ``model.vocabulary``.

    Raises
    ------
    ReportError
        If `prime` or `text` has a character that the model does not know.
    """
    h, x = _start(model, prime)
    return sampling.probabilities(model.parameters, h, x, _encoded("text", text, model))


def _start(model: Model, prime: str) -> tuple[np.ndarray, int]:
    """Return the state that a text begins with and the character that is read first."""
    if not prime:
        return model.h, model.x
    # Not from a zero state: after the first segments of its text the network never saw one again,
    # and some models write nothing but strange characters from there on.
    ids = _encoded("prime", prime, model)
    return read(model.parameters, model.h, ids[:-1]), int(ids[-1])


def _encoded(name: str, text: str, model: Model) -> np.ndarray:
    known = {character: i for i, character in enumerate(model.vocabulary)}
    strange = sorted(set(text) - set(known))
    if strange:
        raise ReportError(
            f"{name}: expected characters of the text the model was trained on, got {strange[0]!r}"
        )
    return np.array([known[character] for character in text], np.int64)
