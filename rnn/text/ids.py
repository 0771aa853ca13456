"""The ids of a text: in memory, or mapped from a cache beside a text that is large."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from rnn.errors import ReportError
from rnn.text.characters import printable
from rnn.text.encodings import Facts, code_points, decoded

__all__ = ["LARGE", "Ids", "text_ids"]

Ids = npt.NDArray[np.unsignedinteger[Any]]

#: Bytes of text above which the ids are mapped from a file instead of held in memory.
LARGE = 64 * 1024 * 1024

PIECE = 1 << 20  # ids compared at a time


def text_ids(path: Path, encoding: str, read: Facts) -> tuple[Ids, str]:
    """Return one id a character, read-only, and what a person should know about it.

    Parameters
    ----------
    path : Path
        The text.
    encoding : str
        The one it was read in before.
    read : Facts
        What that reading told.

    Returns
    -------
    ids : ndarray of the smallest unsigned type, shape (n,)
    note : str
        A sentence if a large text could not be given a cache, else empty.

    Raises
    ------
    ReportError
        If the text was changed since it was read.
    """
    dtype = np.min_scalar_type(len(read.points) - 1)
    if read.bytes <= LARGE:
        return _held(path, encoding, read, dtype), ""
    cache = path.with_name(f"{path.name}.{read.sha256[:16]}.{read.encoding}.ids.npy")
    try:
        return _mapped(cache, read, dtype), ""
    except (OSError, ValueError):
        pass  # not there yet, or not the ids of this text
    try:
        _write(cache, path, encoding, read, dtype)
        return _mapped(cache, read, dtype), ""
    except OSError as error:
        ids = _held(path, encoding, read, dtype)
        return ids, (
            f"The ids take {ids.nbytes / 1e6:,.0f} MB of memory, because a cache beside the text "
            f"could not be written ({error.strerror})."
        )


def _held(path: Path, encoding: str, read: Facts, dtype: np.dtype[Any]) -> Ids:
    ids = np.empty(read.characters, dtype)
    at = 0
    for piece in _pieces(path, encoding, read, dtype):
        ids[at : at + len(piece)] = piece
        at += len(piece)
    ids.flags.writeable = False
    return ids


def _write(cache: Path, path: Path, encoding: str, read: Facts, dtype: np.dtype[Any]) -> None:
    """Write a cache under another name first, so that a broken one never has its name."""
    part = cache.with_name(f"{cache.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            np.lib.format.write_array_header_1_0(
                file, {"descr": dtype.str, "fortran_order": False, "shape": (read.characters,)}
            )
            # Through write and not through a mapping: there a full disk is an error, here a crash.
            for piece in _pieces(path, encoding, read, dtype):
                file.write(piece.data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(cache)
    finally:
        part.unlink(missing_ok=True)


def _mapped(cache: Path, read: Facts, dtype: np.dtype[Any]) -> Ids:
    """Map a cache; raise a ValueError if it does not hold the ids of this text."""
    ids = np.lib.format.open_memmap(cache, mode="r")
    if ids.shape != (read.characters,) or ids.dtype != dtype:
        raise ValueError(cache)
    # Compiled code trusts the ids; read here through the file, so that they take no memory.
    counts = np.zeros(len(read.points), np.int64)
    with cache.open("rb") as file:
        file.seek(-ids.nbytes, os.SEEK_END)
        while (piece := np.fromfile(file, dtype, PIECE)).size:
            here = np.bincount(piece, minlength=len(counts))
            counts += here  # another shape, from an id too large, is a ValueError as well
    if not np.array_equal(counts, read.counts):
        raise ValueError(cache)
    # A plain view: what is compiled for arrays need not know where they lie.
    return ids.view(np.ndarray)


def _pieces(path: Path, encoding: str, read: Facts, dtype: np.dtype[Any]) -> Iterator[Ids]:
    """Read the text again and yield its ids in pieces."""
    table = np.zeros(int(read.points[-1]) + 1, dtype)
    table[read.points] = np.arange(len(read.points), dtype=dtype)
    digest = hashlib.sha256()
    left = read.characters
    for text in decoded(path, encoding, digest):
        points = code_points(text)
        left -= len(points)
        if left < 0 or points.max() >= len(table):
            break
        yield table[points]
    if digest.hexdigest() != read.sha256:
        raise ReportError(
            f"corpus: expected {printable(path.name)!r} to stay as it is while it is read, "
            "got a change; run it again"
        )
