"""The ids of a text: in memory, or mapped from a cache beside a text that is large."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from rnn.errors import ReportError
from rnn.text.characters import code_points, printable
from rnn.text.encodings import FileFacts, text_pieces
from rnn.text.files import atomic_write

__all__ = ["LARGE", "Ids", "text_ids"]

Ids = npt.NDArray[np.unsignedinteger[Any]]

#: Bytes of text above which the ids are mapped from a file instead of held in memory.
LARGE = 64 * 1024 * 1024

_PIECE = 1 << 20  # ids compared at a time


def text_ids(path: Path, facts: FileFacts) -> tuple[Ids, str]:
    """Return one id per character, read-only, and what a person should know about them.

    The text that `facts` tells of is read again; if it has changed since, that is a ReportError.
    The ids have shape (n,) and the smallest unsigned type.  The note is a sentence if a large text
    could not be given a cache, else empty.
    """
    dtype, note = np.min_scalar_type(facts.K - 1), ""
    if facts.bytes > LARGE:
        cache = path.with_name(f"{path.name}.{facts.sha256[:16]}.{facts.encoding}.ids.npy")
        try:
            return _mapped(cache, facts, dtype), ""
        except (OSError, ValueError):
            pass  # not there yet, or not the ids of this text
        header = {"descr": dtype.str, "fortran_order": False, "shape": (len(facts),)}
        try:
            # Through write and not through a mapping: there a full disk is an error, here a crash.
            with atomic_write(cache) as file:
                np.lib.format.write_array_header_1_0(file, header)
                file.writelines(piece.data for piece in _pieces(path, facts, dtype))
            return _mapped(cache, facts, dtype), ""
        except OSError as error:
            note = (
                f"The ids take {len(facts) * dtype.itemsize / 1e6:,.0f} MB of memory, because a "
                f"cache beside the text could not be written ({error.strerror})."
            )
    ids = bytearray()
    for piece in _pieces(path, facts, dtype):
        ids += piece.data
    return np.frombuffer(memoryview(ids).toreadonly(), dtype), note


def _mapped(cache: Path, facts: FileFacts, dtype: np.dtype[Any]) -> Ids:
    """Map a cache; raise a ValueError if it does not hold the ids of this text."""
    ids = np.lib.format.open_memmap(cache, mode="r")
    if ids.shape != (len(facts),) or ids.dtype != dtype:
        raise ValueError(cache)
    # Compiled code trusts the ids; read here through the file, so that they take no memory.
    counts = np.zeros(facts.K, np.int64)
    with cache.open("rb") as file:
        file.seek(-ids.nbytes, os.SEEK_END)
        while (piece := np.fromfile(file, dtype, _PIECE)).size:
            here = np.bincount(piece, minlength=facts.K)
            counts += here  # another shape, from an id too large, is a ValueError as well
    if not np.array_equal(counts, facts.counts):
        raise ValueError(cache)
    # A plain view: what is compiled for arrays need not know where they lie.
    return ids.view(np.ndarray)


def _pieces(path: Path, facts: FileFacts, dtype: np.dtype[Any]) -> Iterator[Ids]:
    """Read the text again and yield its ids in pieces; make sure that it is the same text."""
    table = np.zeros(int(facts.points[-1]) + 1, dtype)
    table[facts.points] = np.arange(facts.K, dtype=dtype)
    digest = hashlib.sha256()
    for text in text_pieces(path, facts.encoding, digest):
        yield table.take(code_points(text), mode="clip")  # another text may have others
    if digest.hexdigest() != facts.sha256:
        raise ReportError(
            f"corpus: expected {printable(path.name)!r} to stay as it is while it is read, "
            "got a change; run it again"
        )
