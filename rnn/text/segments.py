"""The order in which training reads a text."""

import numpy as np

from rnn.errors import ReportError
from rnn.kernels.randomness import ORDER, generator
from rnn.settings import Settings

__all__ = ["epoch_starts", "fresh_marks", "split_held_out", "updates_per_epoch"]

_PIECE = 1 << 20  # characters looked at together: a text may be larger than memory


def split_held_out(characters: int, settings: Settings) -> int:
    """Return how many characters of a text are trained on; the rest is held out.

    Raises
    ------
    ReportError
        If either part has no room for a segment, or the text none for the streams or chunks.
    """
    tau, B, L = settings.seq_length, settings.batch_size, settings.chunks
    trained = characters - round(settings.held_out * characters)
    rest, need = characters - trained, tau + 1
    if settings.held_out and rest < need:
        raise ReportError(
            f"held_out: expected a part of at least seq_length + 1 = {need:,} characters, "
            f"got {rest:,} of {characters:,}; hold out more or use a longer text"
        )
    if trained < need:
        raise ReportError(
            f"corpus: expected at least seq_length + 1 = {need:,} characters to train on, "
            f"got {trained:,}; use a longer text or a smaller seq_length"
        )
    if settings.order == "chunks" and L < B:
        raise ReportError(
            f"chunks: expected at least as many as batch_size = {B:,} streams, got {L:,}"
        )
    if settings.order == "chunks" and trained // L < need:
        raise ReportError(
            f"chunks: expected chunks of at least seq_length + 1 = {need:,} characters, "
            f"got {L:,} chunks of {trained // L:,}; lower chunks or seq_length"
        )
    if updates_per_epoch(trained, settings) < 1:
        raise ReportError(
            f"batch_size: expected a text with room for a segment in every stream, got {B:,} "
            f"streams of {trained:,} characters in all; lower batch_size or seq_length"
        )
    return trained


def updates_per_epoch(characters: int, settings: Settings) -> int:
    """Count the updates that read `characters` characters once, as far as segments go."""
    tau, B, L = settings.seq_length, settings.batch_size, settings.chunks
    if settings.order == "chunks":
        return (characters // L - 1) // tau * (L // B)
    if settings.order == "random":
        return (characters - 1) // (tau * B)
    return (characters // B - 1) // tau


def epoch_starts(characters: int, settings: Settings, epoch: int) -> tuple[np.ndarray, np.ndarray]:
    """Say where every update of an epoch reads, and before which the state is reset.

    Parameters
    ----------
    characters : int
        Characters to train on.
    settings : Settings
        Of these `order`, `batch_size`, `seq_length`, `chunks` and `seed`.
    epoch : int
        From 0; shuffles differ from epoch to epoch.

    Returns
    -------
    starts : (updates, batch_size) int64
        Where the segments begin.
    resets : (updates,) bool
        Whether the state is zero before the update.

    Notes
    -----
    Sequential with several streams: the text is cut into as many equal parts, each stream reads
    one.  Chunks: each stream reads a chunk from end to end, then all are reset and go on to
    other chunks; chunks that do not fill all streams at the end of an epoch are left out, others
    in each epoch.
    """
    tau, B = settings.seq_length, settings.batch_size
    updates = updates_per_epoch(characters, settings)
    rng = generator(settings.seed, ORDER, epoch)
    resets = np.zeros(updates, np.bool_)
    if settings.order == "random":
        resets[:] = True
        return rng.integers(0, characters - tau, (updates, B)), resets
    if settings.order == "chunks":
        length = characters // settings.chunks
        rounds = settings.chunks // B
        segments = updates // rounds
        order = rng.permutation(settings.chunks)[: rounds * B].reshape(rounds, 1, B)
        starts = order * length + np.arange(segments)[:, None] * tau
        resets[::segments] = True
        return starts.reshape(updates, B), resets
    resets[0] = True
    part = characters // B
    return np.arange(updates)[:, None] * tau + np.arange(B) * part, resets


def fresh_marks(ids: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Mark the characters that begin a document: those right after the text `end`.

    Parameters
    ----------
    ids, end : (n,), (k,) integers
        The text's and the end-of-document string's characters.

    Returns
    -------
    (n,) bool, or (0,) if `end` is empty
    """
    if not end.size:
        return np.zeros(0, np.bool_)
    marks = np.zeros(ids.size, np.bool_)
    for begin in range(0, ids.size - end.size, _PIECE):
        piece = ids[begin : min(begin + _PIECE, ids.size - end.size) + end.size - 1]
        ends = (np.lib.stride_tricks.sliding_window_view(piece, end.size) == end).all(axis=1)
        marks[begin + end.size :][: ends.size] = ends
    return marks
