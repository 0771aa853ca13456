"""Texts written by a trained model."""

import numpy as np

from rnn.checkpoint import Model
from rnn.errors import ReportError
from rnn.randomness import SAMPLE, generator
from rnn.sampling import read, synthesize
from rnn.settings import require_whole

__all__ = ["write"]


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
        Read by the network first, from a zero state; the text continues it.
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
    h, x = model.h, model.x
    if prime:
        ids = _encoded("prime", prime, model)
        h, x = read(model.parameters, np.zeros_like(h), ids[:-1]), int(ids[-1])
    rng = generator(seed, SAMPLE)
    ids = synthesize(
        model.parameters, h, x, length, rng, temperature, top_p, _encoded("end", end, model)
    )
    return "".join(model.vocabulary[i] for i in ids)


def _encoded(name: str, text: str, model: Model) -> np.ndarray:
    known = {character: i for i, character in enumerate(model.vocabulary)}
    strange = sorted(set(text) - set(known))
    if strange:
        raise ReportError(
            f"{name}: expected characters of the text the model was trained on, got {strange[0]!r}"
        )
    return np.array([known[character] for character in text], np.int64)
