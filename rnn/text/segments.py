"""Where segments of a text begin, and in which order they are read."""

import numpy as np

#: From end to end, in shuffled chunks, or at random positions.
ORDERS = ("sequential", "chunks", "random")


def updates_per_reading(characters: int, order: str, tau: int, B: int, chunks: int) -> int:
    """Count the updates that read `characters` characters once, as far as segments go.

    The order is one of `ORDERS`.  A segment has `tau` characters; `B` streams are read side by
    side.  For the order of that name the text is cut into `chunks` pieces.
    """
    if order == "random":
        return (characters - 1) // (tau * B)
    pieces = chunks if order == "chunks" else B
    return (characters // pieces - 1) // tau * (pieces // B)


def segment_starts(
    characters: int, order: str, tau: int, B: int, chunks: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return where every update of an epoch reads, and before which updates the state is reset.

    Sequential with several streams: the text is cut into as many equal parts, and each stream
    reads one.  Chunks: each stream reads a chunk from end to end, then all are reset and go on to
    other chunks; chunks that do not fill all streams at the end of an epoch are left out, others
    in each epoch.  Other parameters are as for `updates_per_reading`.

    Parameters
    ----------
    rng : numpy.random.Generator
        Shuffles chunks and draws positions.

    Returns
    -------
    starts : (updates, B) int64
        Where the segments begin.
    resets : (updates,) bool
        Whether the state is zero before the update.
    """
    updates = updates_per_reading(characters, order, tau, B, chunks)
    if order == "random":
        return rng.integers(0, characters - tau, (updates, B)), np.ones(updates, np.bool_)
    pieces = rng.permutation(chunks) if order == "chunks" else np.arange(B)
    length, rounds = characters // len(pieces), len(pieces) // B
    segments = updates // rounds
    begins = pieces[: rounds * B].reshape(rounds, 1, B) * length
    resets = np.zeros(updates, np.bool_)
    resets[::segments] = True
    return (begins + np.arange(segments)[:, None] * tau).reshape(updates, B), resets


def document_marks(ids: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Mark the characters that begin a document: those right after the text `end`.

    Both are integers, shapes (n,) and (k,); the marks have shape (n,), or (0,) if `end` is empty.
    """
    if not end.size:
        return np.zeros(0, np.bool_)
    marks = np.zeros(ids.size, np.bool_)
    after = marks[end.size :]
    after[:] = True
    for j, character in enumerate(end):  # one at a time: a text may be larger than memory
        after &= ids[j:][: after.size] == character
    return marks
