"""The problems that are measured, made with this project's own first parameters and order."""

import numpy as np

from benchmarks.problem import Problem
from rnn.kernels.randomness import FIRST_PARAMETERS, generator
from rnn.model import initialise, named
from rnn.settings import Schedule, Settings
from rnn.text.corpus import load_corpus

_DRAWN = 400_000  # characters of a text that is made for a K of its own


def build(
    m: int = 100, tau: int = 25, batch: int = 1, K: int = 0, seed: int = 0,
    dtype: str = "float32", cell: str = "vanilla", layers: int = 1,
) -> Problem:  # fmt: skip
    """Make a problem with the classic settings.

    Parameters
    ----------
    m, tau, batch : int
        Hidden units, characters in a segment, segments read side by side.
    K : int
        Distinct characters of a text that is drawn; 0 for the project's own book.
    seed : int
        Of the first parameters.
    dtype : str
        The type that is computed in.
    cell, layers : str, int
        One of the cells, one layer or two.
    """
    network = {"m": m, "cell": cell, "layers": layers}
    settings = Settings(**network, seq_length=tau, batch_size=batch, seed=seed, dtype=dtype)
    ids = drawn_text(K) if K else np.asarray(load_corpus().ids)
    K = K or int(ids.max()) + 1
    architecture = settings.architecture(K)
    theta = initialise(architecture, settings.sig, generator(seed, FIRST_PARAMETERS))
    parts = named(architecture.parameters(theta)).items()
    first = {name.removesuffix("1"): part for name, part in parts}
    starts, _ = Schedule.of(settings, len(ids)).epoch(0)
    return Problem(
        **network, tau=tau, K=K, batch=batch, dtype=dtype, eps=1e-8, clip=settings.clip or np.inf,
        **first, ids=ids, starts=starts,
    )  # fmt: skip


def drawn_text(K: int) -> np.ndarray:
    """Draw ids whose frequencies fall as 1/rank, as those of a natural text do."""
    frequencies = 1 / np.arange(1.0, K + 1)
    rng = np.random.default_rng(0)
    ids = rng.choice(K, _DRAWN, p=frequencies / frequencies.sum())
    return ids.astype(np.min_scalar_type(K - 1))
