r"""What can be predicted without a network, in nats per character.

Each baseline knows the text's own frequencies, so that it is the best of its kind on this text:

.. math::

    uniform &= \ln K \\
    characters &= -\sum_x p(x) \ln p(x) \\
    pairs &= -\sum_{x,y} p(x, y) \ln p(y | x)
"""

import math

import numpy as np

__all__ = ["baselines"]

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
        From the baseline's name to nats per character, the weakest first.
    """
    pairs, counts = _count_pairs(ids, K)
    firsts = np.bincount(pairs // K, counts, minlength=K)
    characters = firsts.copy()
    characters[ids[-1]] += 1  # the last character begins no pair
    return {
        "all characters alike": math.log(K),
        "character frequencies": _entropy(characters),
        "frequencies of pairs": _entropy(counts) - _entropy(firsts),  # H(x, y) - H(x)
    }


def _count_pairs(ids: np.ndarray, K: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the pairs (x, y) of neighbours that occur, as x K + y, and how often each does."""
    dense = np.zeros(K * K if K * K <= _DENSE else 0, np.int64)
    pairs, counts = np.zeros(0, np.int64), np.zeros(0, np.int64)
    for begin in range(0, len(ids) - 1, _PIECE):
        piece = ids[begin : begin + _PIECE + 1].astype(np.int64)
        found = piece[:-1] * K + piece[1:]
        if dense.size:
            dense += np.bincount(found, minlength=dense.size)
        else:
            new, times = np.unique(found, return_counts=True)
            pairs, place = np.unique(np.concatenate([pairs, new]), return_inverse=True)
            both = np.concatenate([counts, times])
            counts = np.bincount(place, both, minlength=pairs.size).astype(np.int64)
    if dense.size:
        pairs = np.flatnonzero(dense)
        counts = dense[pairs]
    return pairs, counts


def _entropy(counts: np.ndarray) -> float:
    """Return the entropy in nats of what occurs so often."""
    share = counts[counts > 0] / counts.sum()
    return max(0.0, -float(share @ np.log(share)))
