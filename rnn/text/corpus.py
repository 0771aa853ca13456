"""From a text to its vocabulary and ids.

The text is not altered: tabs, rare characters and line ends stay.  The vocabulary is the sorted
set of characters, the same in every process, and ids are kept in the smallest unsigned type.
A byte-order mark says how the text is encoded and is no part of it.
"""

import math
import os
import unicodedata
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from rnn.errors import ReportError
from rnn.text.books import BOOKS, locate
from rnn.text.characters import printable
from rnn.text.encodings import CodePoints, code_points, codec_name, facts
from rnn.text.ids import Ids, text_ids
from rnn.text.notices import cautions, edition

__all__ = ["Corpus", "load_corpus", "require_segments"]


@dataclass(frozen=True, eq=False)
class Corpus:
    """A text as the network sees it.

    Attributes
    ----------
    name : str
        Short: a known name, or the file's name without its suffix.
    title : str
        The known title, or the file's name.
    path : Path
        The file.
    encoding : str
        The encoding it was read in.
    vocabulary : str
        The K distinct characters, sorted; the id of a character is its place here.
    ids : ndarray of uint8, uint16 or uint32, shape (n,), read-only
        One id a character.
    counts : ndarray of int64, shape (K,)
        How often each character of the vocabulary occurs.
    sha256 : str
        Of the bytes of the file.
    bytes : int
        Size of the file.
    bom : str
        The encoding whose byte-order mark the file begins with, or 'none'.
    line_ends : str
        'LF', 'CR LF', 'CR' or 'none'; each with its number where they are mixed.
    edition : str
        Which edition of a book known by name it is; empty for any other text.
    warnings : list of str
        What is unusual about the text, each a sentence with its likely cause.
    """

    name: str
    title: str
    path: Path = field(repr=False)
    encoding: str
    vocabulary: str
    ids: Ids = field(repr=False)
    counts: npt.NDArray[np.int64] = field(repr=False)
    sha256: str
    bytes: int
    bom: str
    line_ends: str
    edition: str
    warnings: list[str]

    def __len__(self) -> int:
        """Return the number of characters."""
        return len(self.ids)

    @property
    def K(self) -> int:
        """The number of distinct characters."""
        return len(self.vocabulary)

    @property
    def file(self) -> str:
        """The file's name, printable, without its folder."""
        return printable(self.path.name)

    @cached_property
    def _points(self) -> CodePoints:
        return code_points(self.vocabulary)

    def encode(self, text: str) -> Ids:
        """Return the ids of a text, shape (len(text),).

        Raises
        ------
        ReportError
            If a character is not in the vocabulary.
        """
        points = code_points(text)
        ids = np.minimum(np.searchsorted(self._points, points), self.K - 1)
        unknown = np.flatnonzero(self._points[ids] != points)
        if len(unknown):
            character = text[unknown[0]]
            raise ReportError(
                f"text: expected characters of {self.title!r}, got {character!r} "
                f"(U+{ord(character):04X} {unicodedata.name(character, 'without a name')}) "
                f"at position {unknown[0]:,}"
            )
        return ids.astype(self.ids.dtype)

    def decode(self, ids: npt.ArrayLike) -> str:
        """Return the text that ids stand for.

        Raises
        ------
        ReportError
            If an id is no whole number from 0 to K - 1.
        """
        places = np.asarray(ids).ravel()
        if places.size == 0:
            return ""
        if places.dtype.kind not in "iu" or places.min() < 0 or places.max() >= self.K:
            raise ReportError(f"ids: expected whole numbers from 0 to {self.K - 1}, got others")
        return self._points[places].astype("<u4").tobytes().decode("utf-32-le")

    def updates_per_epoch(self, seq_length: int) -> int:
        """Return how many whole segments, each with a next character, one reading has."""
        return (len(self.ids) - 1) // _positive(seq_length)

    def first_loss(self, seq_length: int) -> float:
        """Return tau ln K in nats: the loss of a segment when every character is as likely."""
        return _positive(seq_length) * math.log(self.K)

    def rarest(self, n: int = 10) -> list[tuple[str, int]]:
        """Return the n rarest characters with their counts, the rarest first."""
        order = np.argsort(self.counts, kind="stable")[:n]
        return [(self.vocabulary[i], int(self.counts[i])) for i in order]


def load_corpus(corpus: str | os.PathLike[str] = "saltmarrow", encoding: str = "utf-8") -> Corpus:
    """Read a text.

    Parameters
    ----------
    corpus : str or path
        'saltmarrow', 'goblet', 'tinyshakespeare', or the path of any text; a relative path is
        taken from the working directory if it exists there, else from the project's root.
    encoding : str
        As Python names them.  With 'utf-8', a byte-order mark of UTF-16 or UTF-32 is obeyed.

    Returns
    -------
    Corpus

    Raises
    ------
    ReportError
        If there is no such text, it cannot be read, its bytes are not in that encoding, or it has
        fewer than two distinct characters.
    """
    codec = codec_name(encoding)
    path, name, title = locate(corpus)
    shown = printable(path.name)
    if path.is_dir():
        raise ReportError(f"corpus: expected the path of a text, got the directory {shown!r}")
    if not path.is_file():
        raise ReportError(f"corpus: expected a file, got {shown!r}; copy the text into a file")
    try:
        read = facts(path, codec)
        if read.characters == 0:
            raise ReportError(f"corpus: expected a text, got {shown!r}, which is empty")
        if len(read.points) == 1:
            raise ReportError(
                "corpus: expected a text with at least two distinct characters, "
                f"got {shown!r}, which repeats {chr(read.points[0])!r}"
            )
        ids, note = text_ids(path, codec, read)
    except OSError as error:
        raise ReportError(
            f"corpus: expected a file that can be read, got {shown!r} ({error.strerror})"
        ) from None
    book = BOOKS.get(name)
    if book and book.url and read.sha256 != book.sha256:
        raise ReportError(
            f"corpus: expected sha256 {book.sha256[:12]}... for data/{book.file}, got "
            f"{read.sha256[:12]}...; remove the file and it is downloaded again"
        )
    ends = {end: n for end, n in read.line_ends.items() if n}
    return Corpus(
        name=name,
        title=title,
        path=path,
        encoding=read.encoding,
        vocabulary="".join(map(chr, read.points)),
        ids=ids,
        counts=read.counts,
        sha256=read.sha256,
        bytes=read.bytes,
        bom=read.bom,
        line_ends=" and ".join(f"{end} ({n:,})" for end, n in ends.items())
        if len(ends) > 1
        else next(iter(ends), "none"),
        edition=edition(read, name, path.name),
        warnings=cautions(read, name, path.name) + ([note] if note else []),
    )


def require_segments(corpus: Corpus, seq_length: int) -> None:
    """Refuse a text without one whole segment and its next character.

    Raises
    ------
    ReportError
        If the text is shorter than seq_length + 1 characters.
    """
    if corpus.updates_per_epoch(seq_length) == 0:
        raise ReportError(
            f"corpus: expected at least seq_length + 1 = {seq_length + 1:,} characters, got "
            f"{len(corpus):,} in {corpus.title!r}; take a longer text or a smaller seq_length"
        )


def _positive(seq_length: int) -> int:
    whole = isinstance(seq_length, int | np.integer) and not isinstance(seq_length, bool)
    if not whole or seq_length < 1:
        raise ReportError(f"seq_length: expected a whole number of at least 1, got {seq_length!r}")
    return int(seq_length)
