"""Random generators that depend on nothing but the seed and what they are for."""

import numpy as np

__all__ = ["CHECK", "FIRST_PARAMETERS", "ORDER", "SAMPLE", "SNAPSHOT", "generator"]

# What random numbers are for.
FIRST_PARAMETERS, SNAPSHOT, ORDER, SAMPLE, CHECK = range(5)


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
