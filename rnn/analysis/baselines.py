r"""What can be predicted without a network, in nats a character.

Each baseline knows the text's own frequencies, so that it is the best of its kind on this text:

.. math::

    uniform &= \ln K \\
    characters &= -\sum_x p(x) \ln p(x) \\
    pairs &= -\sum_{x,y} p(x, y) \ln p(y | x)
"""

import math

import numpy as np

__all__ = ["baselines", "character_entropy", "pair_entropy"]

_PIECE = 1 << 20  # characters looked at together: a text may be larger than memory
_DENSE = 1 << 24  # pairs of the vocabulary that are counted in one array; more are sorted


def baselines(ids: np.ndarray, K: int) -> dict[str, float]:
    """Return the loss of each baseline on a text.

    Parameters
    ----------
    ids : (n,) integers
        The text, at least two characters.
    K : int
        Characters in the vocabulary.

    Returns
    -------
    dict
        From the baseline's name to nats a character, the weakest first.
    """
    return {
        "all characters alike": math.log(K),
        "character frequencies": character_entropy(ids, K),
        "frequencies of pairs": pair_entropy(ids, K),
    }


def character_entropy(ids: np.ndarray, K: int) -> float:
    """Return the entropy of a text's characters, in nats.

    Parameters
    ----------
    ids : (n,) integers
        The text.
    K : int
        Characters in the vocabulary.
    """
    counts = np.zeros(K, np.int64)
    for begin in range(0, len(ids), _PIECE):
        counts += np.bincount(ids[begin : begin + _PIECE], minlength=K)
    return _entropy(counts)


def pair_entropy(ids: np.ndarray, K: int) -> float:
    """Return the entropy of a text's characters given the one before each, in nats.

    Parameters
    ----------
    ids : (n,) integers
        The text, at least two characters.
    K : int
        Characters in the vocabulary.
    """
    pairs = _pair_counts(ids, K)
    firsts = np.bincount(ids[:_PIECE], minlength=K)
    for begin in range(_PIECE, len(ids), _PIECE):
        firsts += np.bincount(ids[begin : begin + _PIECE], minlength=K)
    firsts[ids[-1]] -= 1  # the last character begins no pair
    return _entropy(pairs) - _entropy(firsts)  # H(x, y) - H(x)


def _pair_counts(ids: np.ndarray, K: int) -> np.ndarray:
    """Count the pairs of neighbours; those that do not occur may be left out."""
    dense = np.zeros(K * K if K * K <= _DENSE else 0, np.int64)
    codes, counts = np.zeros(0, np.int64), np.zeros(0, np.int64)
    for begin in range(0, len(ids) - 1, _PIECE):
        piece = ids[begin : begin + _PIECE + 1].astype(np.int64)
        found = piece[:-1] * K + piece[1:]
        if dense.size:
            dense += np.bincount(found, minlength=dense.size)
        else:
            new, times = np.unique(found, return_counts=True)
            codes, place = np.unique(np.concatenate([codes, new]), return_inverse=True)
            both = np.concatenate([counts, times])
            counts = np.bincount(place, both, minlength=codes.size).astype(np.int64)
    return dense if dense.size else counts


def _entropy(counts: np.ndarray) -> float:
    """Return the entropy of what occurs so often, in nats."""
    share = counts[counts > 0] / counts.sum()
    return max(0.0, -float(share @ np.log(share)))
