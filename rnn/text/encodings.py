"""From the bytes of a file to its characters, a piece at a time.

The characters are exactly those of the file: line ends are not translated, nothing is replaced,
nothing is dropped.  A byte-order mark is the signature of an encoding and no part of the text.
A file is never held in memory as a whole, so its size is limited by the disk alone.
"""

import codecs
import difflib
import encodings.aliases
import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from rnn.errors import ReportError
from rnn.text.characters import printable

__all__ = ["Facts", "code_points", "codec_name", "decoded", "facts"]

CodePoints = npt.NDArray[np.uint32]

PIECE = 1 << 20  # bytes read at a time
UNICODE = 0x110000  # one more than the largest code point

# UTF-32 comes first, because its little-endian mark begins with that of UTF-16.
MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)

# Codecs of domain names and escapes: they decode text, but no text is kept in them.
NOT_FOR_FILES = {"idna", "punycode", "undefined", "unicode-escape", "raw-unicode-escape", "utf-7"}

# The characters that the bytes 0x80 to 0xBF become when they are read as cp1252 or latin-1.
_continuation = np.zeros(0x2124, dtype=bool)
_continuation[0x80:0xC0] = True
_continuation[[ord(x) for x in bytes(range(0x80, 0xC0)).decode("cp1252", "ignore")]] = True


@dataclass(frozen=True, eq=False)
class Facts:
    """What one reading of a file tells.

    Attributes
    ----------
    sha256 : str
        Of the bytes of the file, in hexadecimal.
    bytes : int
        Size of the file.
    encoding : str
        The encoding the text was read in.
    bom : str
        The encoding whose byte-order mark the file begins with, or 'none'.
    points : ndarray of uint32, shape (K,)
        The distinct code points, sorted.
    counts : ndarray of int64, shape (K,)
        How often each of them occurs.
    line_ends : dict of str to int
        How many lines end with 'LF', 'CR LF' and 'CR'.
    misread : tuple of int
        How many characters look like the first byte of a UTF-8 sequence that was read as cp1252
        or latin-1, and how many of them are followed by the rest of such a sequence.
    """

    sha256: str
    bytes: int
    encoding: str
    bom: str
    points: CodePoints
    counts: npt.NDArray[np.int64]
    line_ends: dict[str, int]
    misread: tuple[int, int]

    @property
    def characters(self) -> int:
        """The number of characters, the byte-order mark not among them."""
        return int(self.counts.sum())


def codec_name(encoding: str) -> str:
    """Return the common name of an encoding.

    Raises
    ------
    ReportError
        If there is no such encoding for text; the nearest known name is offered.
    """
    if not isinstance(encoding, str):
        raise ReportError(
            f"encoding: expected a name such as 'utf-8', got {type(encoding).__name__}"
        )
    try:
        b"a".decode(encoding, "replace")  # refuses codecs from bytes to bytes
        name = codecs.lookup(encoding).name.replace("_", "-")
    except (LookupError, ValueError):
        name = "undefined"
    if name not in NOT_FOR_FILES:
        return {"utf-8-sig": "utf-8", "iso8859-1": "latin-1"}.get(name, name)
    known = {x.replace("_", "-") for x in encodings.aliases.aliases.values()} | {"latin-1"}
    near = difflib.get_close_matches(encoding.lower(), sorted(known - NOT_FOR_FILES), 1, 0.5)
    raise ReportError(
        f"encoding: expected the name of a text encoding, got {encoding!r}; "
        f"do you mean {near[0] if near else 'utf-8'!r}?"
    )


def decoded(path: Path, encoding: str, digest: Any = None) -> Iterator[str]:
    """Yield the text of a file in pieces.

    Parameters
    ----------
    path : Path
        The file.
    encoding : str
        A name that `codec_name` returned.  'utf-8' stands for any Unicode encoding that the file
        announces by a byte-order mark, which no text in UTF-8 can be mistaken for.
    digest : hash object, optional
        Updated with the bytes of the file.

    Raises
    ------
    ReportError
        If the bytes are no text in that encoding: with the position, the line and the encodings
        that would work.
    """
    with path.open("rb") as file:
        data = file.read(PIECE)
        codec, mark = _signature(data, encoding)
        decoder = codecs.getincrementaldecoder(codec)()
        position, line = 0, 1
        skip = len(mark)
        while True:
            if digest is not None:
                digest.update(data)
            position += len(data)
            try:
                text = decoder.decode(data[skip:], final=not data)
            except UnicodeDecodeError as error:
                at = position - len(error.object) + error.start
                before = error.object[: error.start].decode(codec, "replace")
                raise ReportError(
                    f"encoding: expected text in {codec}, got the byte "
                    f"0x{error.object[error.start]:02x} at position {at:,} "
                    f"(line {line + before.count(chr(10)):,}) of {printable(path.name)!r}; "
                    f"{_would_work(path, encoding)}"
                ) from None
            line += text.count("\n")
            if text:
                yield text
            if not data:
                return
            skip = 0
            data = file.read(PIECE)


def code_points(text: str) -> CodePoints:
    """Return the code points of a text, one a character."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")


def facts(path: Path, encoding: str) -> Facts:
    """Read a file once and return what there is to know before ids are given.

    Raises
    ------
    ReportError
        If the bytes are no text in that encoding.
    """
    digest = hashlib.sha256()
    counts = np.zeros(UNICODE, dtype=np.int64)
    cr_lf = leads = misread = 0
    previous = ""
    for text in decoded(path, encoding, digest):
        points = code_points(text)
        here = np.bincount(points)
        counts[: len(here)] += here
        cr_lf += text.count("\r\n") + (previous == "\r" and text[0] == "\n")
        previous = text[-1]
        if not text.isascii():
            more = _misread(points)
            leads, misread = leads + more[0], misread + more[1]
    with path.open("rb") as file:
        codec, mark = _signature(file.read(4), encoding)
        size = os.fstat(file.fileno()).st_size
    points = np.flatnonzero(counts).astype(np.uint32)
    ends = {"LF": counts[0x0A] - cr_lf, "CR LF": cr_lf, "CR": counts[0x0D] - cr_lf}
    return Facts(
        sha256=digest.hexdigest(),
        bytes=size,
        encoding=codec,
        bom=codec if mark else "none",
        points=points,
        counts=counts[points],
        line_ends={name: int(n) for name, n in ends.items()},
        misread=(leads, misread),
    )


def _signature(head: bytes, encoding: str) -> tuple[str, bytes]:
    """Return the codec to decode with and the byte-order mark to leave out."""
    for mark, codec in MARKS:
        family = encoding in (codec, codec[:6]) or encoding == "utf-8"
        if family and head.startswith(mark):
            return codec, mark
    if head and encoding in ("utf-16", "utf-32"):
        other = next((codec for mark, codec in MARKS if head.startswith(mark)), "")
        raise ReportError(
            f"encoding: expected a byte-order mark for {encoding}, got "
            + (f"that of {other}; use {other}" if other else f"none; use {encoding}-le or -be")
        )
    return encoding, b""


def _would_work(path: Path, refused: str) -> str:
    """Name the encodings a file can be read in, the likeliest first."""
    good = [x for x in ("utf-8", "cp1252", "latin-1") if x != refused and _is_text(path, x)]
    return f"encodings that would work: {', '.join(good)}"


def _is_text(path: Path, encoding: str) -> bool:
    with path.open("rb") as file:
        codec, mark = _signature(file.read(4), encoding)
        file.seek(len(mark))
        decoder = codecs.getincrementaldecoder(codec)()
        try:
            while data := file.read(PIECE):
                decoder.decode(data)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return False
    return True


def _misread(points: CodePoints) -> tuple[int, int]:
    """Count what looks like UTF-8 read as cp1252, such as the three characters of a curly quote.

    A first byte 0xC2 to 0xDF announces one more byte, 0xE0 to 0xEF two, 0xF0 to 0xF4 three.
    """
    at = np.flatnonzero((points >= 0xC2) & (points <= 0xF4))
    more = 1 + (points[at] >= 0xE0) + (points[at] >= 0xF0)
    padded = np.concatenate([points, np.zeros(3, np.uint32)])
    complete = np.ones(len(at), dtype=bool)
    for step in (1, 2, 3):
        rest = _continuation[np.minimum(padded[at + step], len(_continuation) - 1)]
        complete &= rest | (more < step)
    return len(at), int(complete.sum())
