r"""What can be predicted without a network, in nats per character.

Each baseline knows the text's own frequencies, so that it is the best of its kind on this text:

.. math::

    uniform &= \ln K \\
    characters &= -\sum_x p(x) \ln p(x) \\
    pairs &= -\sum_{x,y} p(x, y) \ln p(y | x)
"""

import numpy as np
import pandas as pd

from rnn.kernels.elementary import log, logarithms

_PIECE = 1 << 20  # characters looked at together: a text may be larger than memory


def baselines(ids: np.ndarray, K: int) -> dict[str, float]:
    """Return the loss of each baseline in nats per character, the weakest first.

    `ids`, (n,) integers, are a text of at least two characters; the vocabulary has `K`.
    """
    found = pd.Series(dtype=np.float64)  # how often each pair (x, y) occurs, by x K + y
    for begin in range(0, len(ids) - 1, _PIECE):
        piece = ids[begin : begin + _PIECE + 1].astype(np.int64)
        here = pd.Series(piece[:-1] * K + piece[1:]).value_counts(sort=False)
        found = found.add(here, fill_value=0)
    pairs = found.sort_index()
    firsts = np.bincount(pairs.index // K, pairs, minlength=K)
    characters = firsts.copy()
    characters[ids[-1]] += 1  # the last character begins no pair
    return {
        "all characters alike": float(log(float(K))),
        "character frequencies": _entropy(characters),
        "frequencies of pairs": _entropy(pairs.to_numpy()) - _entropy(firsts),  # H(x, y) - H(x)
    }


def _entropy(counts: np.ndarray) -> float:
    """Return the entropy in nats of what occurs so often."""
    share = counts[counts > 0] / counts.sum()
    return max(0.0, -float(np.sum(share * logarithms(share))))
