"""From a text to its vocabulary and ids.

The text is not altered: tabs, rare characters and line ends stay.  The vocabulary is the sorted
set of characters, the same in every process.  Ids are of the smallest unsigned type: in memory, or
mapped from a cache beside a text that is large.
"""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from rnn.errors import ReportError
from rnn.text.books import BOOKS, locate
from rnn.text.characters import code_points, encode, printable
from rnn.text.encodings import FileFacts, codec_name, read_file, text_pieces
from rnn.text.files import atomic_write

Ids = npt.NDArray[np.unsignedinteger[Any]]

#: Bytes of text above which the ids are mapped from a file instead of held in memory.
LARGE = 64 * 1024 * 1024

_PIECE = 1 << 20  # ids compared at a time


@dataclass(frozen=True, eq=False, kw_only=True)
class Corpus(FileFacts):
    """A text as the network sees it, with what reading its file told."""

    name: str  # short: a known name, or the file's name without its suffix
    title: str  # the known title, or the file's name
    path: Path = field(repr=False)  # the file
    ids: Ids = field(repr=False)  # (n,) read-only: the place of each character in the vocabulary
    note: str  # a sentence if a large text could not be given a cache, else empty

    @cached_property
    def vocabulary(self) -> str:
        """The K characters, sorted; the id of a character is its place here."""
        return "".join(map(chr, self.points))

    @property
    def file(self) -> str:
        """The file's name, printable, without its folder."""
        return printable(self.path.name)

    def encode(self, text: str, name: str = "text") -> Ids:
        """Return the ids of a text, which an error calls `name`, as `characters.encode` does."""
        return encode(text, self.vocabulary, name, repr(self.title))

    def decode(self, ids: npt.ArrayLike) -> str:
        """Return the text that ids stand for; raise a ReportError if one is out of range."""
        places = np.asarray(ids).ravel()
        if places.size == 0:
            return ""
        if places.dtype.kind not in "iu" or places.min() < 0 or places.max() >= self.K:
            raise ReportError(f"ids: expected whole numbers from 0 to {self.K - 1}, got others")
        return self.points[places].astype("<u4").tobytes().decode("utf-32-le")


def load_corpus(
    corpus: str | os.PathLike[str] = "saltmarrow", encoding: str = "utf-8", known: str = ""
) -> Corpus:
    """Read a text.

    Parameters
    ----------
    corpus : str or path
        As for `rnn.text.books.locate`.
    encoding : str
        As Python names them.  With 'utf-8', a byte-order mark of UTF-16 or UTF-32 is obeyed.
    known : str
        Characters that the vocabulary has besides those of the text: those that a model knows.

    Raises
    ------
    ReportError
        If there is no such text in that encoding, or it has fewer than two distinct characters.
    """
    codec = codec_name(encoding)
    path, name, title = locate(corpus)
    shown = printable(path.name)
    if not path.is_file():
        kind = "the directory " if path.is_dir() else ""
        raise ReportError(f"corpus: expected a file, got {kind}{shown!r}; give the path of a text")
    try:
        facts = read_file(path, codec, known)
        if facts.distinct < 2:
            there = facts.points[facts.counts > 0]
            why = f"repeats {chr(there[0])!r}" if len(there) else "is empty"
            raise ReportError(
                f"corpus: expected at least two distinct characters, got {shown!r}, which {why}"
            )
        ids, note = _text_ids(path, facts)
    except OSError as error:
        raise ReportError(
            f"corpus: expected a file that can be read, got {shown!r} ({error.strerror})"
        ) from None
    book = BOOKS.get(name)
    if book and book.url and facts.sha256 != book.sha256:
        raise ReportError(
            f"corpus: expected sha256 {book.sha256[:12]}... for data/{book.file}, got "
            f"{facts.sha256[:12]}...; remove the file and it is downloaded again"
        )
    return Corpus(**vars(facts), name=name, title=title, path=path, ids=ids, note=note)


def require_segments(corpus: Corpus, seq_length: int) -> None:
    """Raise a ReportError if a text has no whole segment with its next character."""
    if len(corpus) < seq_length + 1:
        raise ReportError(
            f"corpus: expected at least seq_length + 1 = {seq_length + 1:,} characters, got "
            f"{len(corpus):,} in {corpus.title!r}; take a longer text or a smaller seq_length"
        )


def _text_ids(path: Path, facts: FileFacts) -> tuple[Ids, str]:
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
            counts += np.bincount(piece, minlength=facts.K)  # a ValueError if an id is too large
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
