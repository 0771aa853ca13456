"""Randomness that depends on nothing but the seed and what it is for."""

from typing import Any

import numpy as np

from rnn.kernels.compilation import compiled, inlined

# What random numbers are for.
FIRST_PARAMETERS, SNAPSHOT, ORDER, SAMPLE, CHECK, DROPOUT = range(6)


def generator(seed: int, purpose: int, index: int = 0) -> np.random.Generator:
    """Make the random generator of one purpose.

    Parameters
    ----------
    seed : int
        The run's seed.
    purpose : int
        One of the constants of this module, so that one use does not disturb another.
    index : int
        Which one: the update of a snapshot, the epoch of an order.
    """
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence((seed, purpose, index))))


def key(seed: int, purpose: int) -> Any:
    """Return 64 bits, as a uint64, that stand for a seed and a purpose in compiled code."""
    return np.random.SeedSequence((seed, purpose)).generate_state(1, np.uint64)[0]


@compiled
def draw_mask(mask, rate, key, update):
    """Fill a mask of dropout: 0 with probability `rate`, else 1 / (1 - rate).

    It follows from `key` and the number of the update, by arithmetic of whole numbers.
    """
    kept = mask.dtype.type(1 / (1 - rate))
    bound = np.uint64(rate * 4294967296.0)
    place = _mixed(key + np.uint64(update) * np.uint64(0x9E3779B97F4A7C15))
    factors = mask.reshape(-1)
    for i in range(factors.size):
        bits = _mixed(place + np.uint64(i) * np.uint64(0x9E3779B97F4A7C15))
        factors[i] = kept if (bits >> np.uint64(32)) >= bound else mask.dtype.type(0)


@inlined
def _mixed(x):
    """Mix 64 bits.

    Notes
    -----
    The function of SplitMix64: Steele, Lea and Flood (2014), OOPSLA, figure 11 (variant 13).
    """
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
