"""What is unusual about a text, said with its likely cause."""

from rnn.text.books import BOOKS
from rnn.text.characters import visible
from rnn.text.encodings import Facts

__all__ = ["cautions", "edition"]

MANY = 500  # distinct characters from which on a vocabulary is large for this network


def cautions(read: Facts, name: str, file: str) -> list[str]:
    """Return sentences about what may not be meant.

    Parameters
    ----------
    read : Facts
        What reading the text told.
    name, file : str
        The text's short name and its file's name.
    """
    counts = dict(zip(map(chr, read.points), read.counts.tolist(), strict=True))
    K = len(counts)
    found = []
    ends = [end for end, n in read.line_ends.items() if n]
    if len(ends) > 1:
        found.append(f"Its lines end in {len(ends)} ways, {' and '.join(ends)}, which are kept.")
    if "CR LF" in ends:
        found.append(
            "Lines that end with CR LF are kept as they are: CR is a character of its own and "
            f"makes K one larger ({K} instead of {K - 1}). A program on Windows wrote them."
        )
    leads, misread = read.misread
    if misread > leads / 2:
        remedy = (
            "the damage is in the file: a program read it wrongly and saved it"
            if read.encoding.startswith("utf")
            else "read it with encoding=utf-8"
        )
        found.append(
            f"{misread:,} places look like UTF-8 that was read as cp1252 or latin-1 (as when é "
            f"becomes Ã©): {remedy}."
        )
    if counts.get("\0", 0) > read.characters / 5:
        found.append(
            "Many characters are NUL: it looks like UTF-16 without a byte-order mark; read it "
            "with encoding=utf-16-le or utf-16-be."
        )
    if lost := counts.get("\N{REPLACEMENT CHARACTER}"):
        found.append(
            f"U+FFFD stands {lost:,} times for what could not be decoded: a program read the text "
            "in the wrong encoding and saved it."
        )
    if once := [x for x, n in counts.items() if n == 1]:
        shown = ", ".join(map(visible, once[:8])) + (", ..." if len(once) > 8 else "")
        found.append(
            f"Characters that occur once, too rare to be learnt: {len(once):,} ({shown}). Often "
            "a slip of the keyboard or a word of another language."
        )
    if K > MANY:
        found.append(
            f"K = {K:,} is over {MANY}: usual for Chinese, Japanese or Korean, else a sign of a "
            "wrong encoding or of a file that is no text. Every update takes longer."
        )
    variant = edition(read, name, file)
    if variant and not variant.startswith("canonical"):
        found.append(f"This is not the canonical edition, but {variant}.")
    return found


def edition(read: Facts, name: str, file: str) -> str:
    """Return which edition of a book known by name a text is; empty for any other text."""
    K = len(read.points)
    goblet = BOOKS["goblet"]
    book = next((x for x in BOOKS.values() if x.sha256 == read.sha256), BOOKS.get(name))
    if book is None and file == goblet.file:
        book = goblet
    if book is None:
        return ""
    if read.sha256 == book.sha256:
        if read.encoding == "utf-8":
            return f"canonical (K = {K})"
        return f"the canonical file read as {read.encoding} (K = {K}); read it as utf-8"
    if book is goblet:
        if K == 81 and read.line_ends["CR LF"]:
            return "the one with CR LF kept (K = 81 instead of 80); convert its line ends to LF"
        if K == 83 and read.misread[1]:
            return "UTF-8 read as cp1252 or latin-1 (K = 83 instead of 80); read it as utf-8"
        if K == 79:
            return (
                "the one that lacks a character (K = 79 instead of 80; a file of 1,107,543 bytes "
                "is known for it); take the file of 1,107,545 bytes"
            )
    return f"an edition of its own (K = {K}, {read.bytes:,} bytes, sha256 {read.sha256[:12]}...)"
