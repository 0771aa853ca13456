"""From the bytes of a file to its characters, a piece at a time.

The characters are exactly those of the file, but for a byte-order mark: it is the signature of an
encoding and no part of the text.  A file is never held in memory as a whole.
"""

import codecs
import difflib
import encodings.aliases
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from rnn.errors import ReportError, shown
from rnn.text.characters import CodePoints, code_points, printable

PIECE = 1 << 20  # bytes read at a time
_UNICODE = 0x110000  # one more than the largest code point

# UTF-32 comes first, because its little-endian mark begins with that of UTF-16.
_CODECS = ("utf-8", "utf-32-le", "utf-32-be", "utf-16-le", "utf-16-be")
_MARKS = {codec: "\ufeff".encode(codec) for codec in _CODECS}

# Codecs of domain names and escapes: they decode text, but no text is kept in them.
_NOT_FOR_FILES = {"idna", "punycode", "undefined", "unicode-escape", "raw-unicode-escape", "utf-7"}

# UTF-8 read as cp1252 or latin-1: a sequence's first byte says how many of 0x80 to 0xBF follow.
_FOLLOWING = "[\x80-\xbf" + bytes(range(0x80, 0xC0)).decode("cp1252", "ignore") + "]"
_MISREAD = re.compile(
    f"[\xc2-\xdf]{_FOLLOWING}|[\xe0-\xef]{_FOLLOWING}{{2}}|[\xf0-\xf4]{_FOLLOWING}{{3}}"
)


@dataclass(frozen=True, eq=False, kw_only=True)
class FileFacts:
    """What reading a file once tells of it."""

    sha256: str  # of the bytes of the file, in hexadecimal
    bytes: int  # size of the file
    encoding: str  # that the text was read in
    bom: str  # the encoding whose byte-order mark the file begins with, or 'none'
    points: CodePoints = field(repr=False)  # (K,) uint32: the code points known, sorted
    counts: npt.NDArray[np.int64] = field(repr=False)  # (K,) how often each of them occurs
    line_ends: dict[str, int]  # how many lines end with 'LF', 'CR LF' and 'CR'
    #: How many characters look like the first byte of a UTF-8 sequence that was read as cp1252 or
    #: latin-1, and how many of them are followed by the rest of such a sequence.
    misread: tuple[int, int]

    def __len__(self) -> int:
        """Return the number of characters, the byte-order mark not among them."""
        return int(self.counts.sum())

    @property
    def K(self) -> int:
        """The number of characters in the vocabulary."""
        return len(self.points)

    @property
    def distinct(self) -> int:
        """The number of distinct characters of the text: K, unless others are known too."""
        return int(np.count_nonzero(self.counts))


def codec_name(encoding: str) -> str:
    """Return the common name of an encoding; raise a ReportError if there is none for text."""
    if not isinstance(encoding, str):
        raise ReportError(f"encoding: expected a name such as 'utf-8', got {shown(encoding)}")
    try:
        b"a".decode(encoding, "replace")  # refuses codecs from bytes to bytes
        name = codecs.lookup(encoding).name.replace("_", "-")
    except (LookupError, ValueError):
        name = "undefined"
    if name not in _NOT_FOR_FILES:
        return {"utf-8-sig": "utf-8", "iso8859-1": "latin-1"}.get(name, name)
    known = {x.replace("_", "-") for x in encodings.aliases.aliases.values()}
    near = difflib.get_close_matches(encoding.lower(), sorted(known - _NOT_FOR_FILES), 1, 0.5)
    raise ReportError(
        f"encoding: expected the name of a text encoding, got {encoding!r}; "
        f"did you mean {near[0] if near else 'utf-8'!r}?"
    )


def text_pieces(path: Path, encoding: str, digest: Any) -> Iterator[str]:
    """Yield the text of a file in pieces, and update `digest`, a hash object, with its bytes.

    The encoding is a name that `codec_name` returned.  'utf-8' stands for any Unicode encoding that
    the file announces by a byte-order mark, which no text in UTF-8 can be mistaken for.  Bytes that
    are not text in it are a ReportError that names encodings that would work.
    """
    codec, mark = _signature(path, encoding)
    decoder, line = codecs.getincrementaldecoder(codec)(), 1
    with path.open("rb") as file:
        digest.update(file.read(len(mark)))
        try:
            for data in chain(iter(lambda: file.read(PIECE), b""), [b""]):
                digest.update(data)
                if text := decoder.decode(data, final=not data):
                    yield text
                line += text.count("\n")
        except UnicodeDecodeError as error:
            at = file.tell() - len(error.object) + error.start
            line += error.object[: error.start].decode(codec, "replace").count("\n")
            others = [x for x in ("utf-8", "cp1252", "latin-1") if x != encoding]
            working = [x for x in others if _is_text(path, x)]
            raise ReportError(
                f"encoding: expected text in {codec}, got the byte "
                f"0x{error.object[error.start]:02x} at position {at:,} (line {line:,}) of "
                f"{printable(path.name)!r}; encodings that would work: {', '.join(working)}"
            ) from None


def read_file(path: Path, encoding: str, known: str) -> FileFacts:
    """Read a file once, as `text_pieces` does, and return what it tells.

    The code points have those of `known` among them, with a count of 0 where the file has none.
    """
    digest = hashlib.sha256()
    counts = np.zeros(_UNICODE, dtype=np.int64)
    cr_lf = first = misread = 0
    previous = ""
    for text in text_pieces(path, encoding, digest):
        points = code_points(text)
        here = np.bincount(points)
        counts[: len(here)] += here
        cr_lf += text.count("\r\n") + (previous == "\r" and text[0] == "\n")
        previous = text[-1]
        if not text.isascii():
            starts = np.flatnonzero((points >= 0xC2) & (points <= 0xF4)).tolist()
            first += len(starts)
            misread += sum(_MISREAD.match(text, start) is not None for start in starts)
    codec, mark = _signature(path, encoding)
    points = np.union1d(np.flatnonzero(counts), code_points(known)).astype(np.uint32)
    lf, cr = int(counts[0x0A]), int(counts[0x0D])
    return FileFacts(
        sha256=digest.hexdigest(),
        bytes=path.stat().st_size,
        encoding=codec,
        bom=codec if mark else "none",
        points=points,
        counts=counts[points],
        line_ends={"LF": lf - cr_lf, "CR LF": cr_lf, "CR": cr - cr_lf},
        misread=(first, misread),
    )


def _signature(path: Path, encoding: str) -> tuple[str, bytes]:
    """Return the codec to decode with and the byte-order mark to leave out."""
    with path.open("rb") as file:
        head = file.read(4)
    announced = {codec: mark for codec, mark in _MARKS.items() if head.startswith(mark)}
    for codec, mark in announced.items():
        if encoding in (codec, codec[:6], "utf-8"):
            return codec, mark
    if head and encoding in ("utf-16", "utf-32"):
        other = next(iter(announced), "")
        found = f"that of {other}; use {other}" if other else f"none; use {encoding}-le or -be"
        raise ReportError(f"encoding: expected a byte-order mark for {encoding}, got {found}")
    return encoding, b""


def _is_text(path: Path, encoding: str) -> bool:
    codec, _ = _signature(path, encoding)
    try:
        with path.open(encoding=codec, newline="") as file:
            while file.read(PIECE):
                pass
    except UnicodeDecodeError:
        return False
    return True
