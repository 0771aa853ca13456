"""From a text to its vocabulary and ids.

The text is not altered: tabs, rare characters and line ends stay.  The vocabulary is the sorted
set of characters, the same in every process, and ids are kept in the smallest unsigned type.
A byte-order mark says how the text is encoded and is no part of it.
"""

import os
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from rnn.errors import ReportError
from rnn.text.books import BOOKS, locate
from rnn.text.characters import encode, printable
from rnn.text.encodings import FileFacts, codec_name, read_file
from rnn.text.ids import Ids, text_ids

__all__ = ["Corpus", "load_corpus", "require_segments"]


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
        """The K distinct characters, sorted; the id of a character is its place here."""
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


def load_corpus(corpus: str | os.PathLike[str] = "saltmarrow", encoding: str = "utf-8") -> Corpus:
    """Read a text.

    Parameters
    ----------
    corpus : str or path
        As for `rnn.text.books.locate`.
    encoding : str
        As Python names them.  With 'utf-8', a byte-order mark of UTF-16 or UTF-32 is obeyed.

    Raises
    ------
    ReportError
        If there is no such text, it cannot be read, its bytes are not in that encoding, or it has
        fewer than two distinct characters.
    """
    codec = codec_name(encoding)
    path, name, title = locate(corpus)
    shown = printable(path.name)
    if not path.is_file():
        kind = "the directory " if path.is_dir() else ""
        raise ReportError(f"corpus: expected a file, got {kind}{shown!r}; give the path of a text")
    try:
        facts = read_file(path, codec)
        if facts.K < 2:
            why = f"repeats {chr(facts.points[0])!r}" if facts.K else "is empty"
            raise ReportError(
                f"corpus: expected at least two distinct characters, got {shown!r}, which {why}"
            )
        ids, note = text_ids(path, facts)
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
