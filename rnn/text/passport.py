"""The passport of a text: what a reader must know to repeat a run on it, and what is unusual."""

import math
from typing import Any

import numpy as np

from rnn.text.books import BOOKS
from rnn.text.characters import visible
from rnn.text.corpus import Corpus

__all__ = ["cautions", "edition", "passport"]

_FEW_SEGMENTS = 1000  # below which a text is short
_LARGE_K = 500  # distinct characters from which on a vocabulary is large for this network
_RAREST = 10


def passport(corpus: Corpus, seq_length: int, updates_per_epoch: int) -> dict[str, Any]:
    """Return the facts about a text, ready for JSON.

    Parameters
    ----------
    corpus : Corpus
    seq_length : int
        Characters in a segment, tau.
    updates_per_epoch : int
        Updates with which the run reads the text once.

    Returns
    -------
    dict
        ``file`` is a name and never a path.  The byte-order mark is not counted among the
        ``characters``.  ``first_loss`` is tau ln K in nats, the loss of a segment when every
        character is equally likely.
    """
    ends = {end: n for end, n in corpus.line_ends.items() if n}
    told = [f"{end} ({n:,})" for end, n in ends.items()] if len(ends) > 1 else list(ends)
    rarest = np.argsort(corpus.counts, kind="stable")[:_RAREST]
    characters = [(corpus.vocabulary[i], int(corpus.counts[i])) for i in rarest]
    return {
        "title": corpus.title,
        "file": corpus.file,
        "bytes": corpus.bytes,
        "sha256": corpus.sha256,
        "encoding": corpus.encoding,
        "byte_order_mark": corpus.bom,
        "line_ends": " and ".join(told) or "none",
        "characters": len(corpus),
        "K": corpus.K,
        "seq_length": seq_length,
        "updates_per_epoch": updates_per_epoch,
        "first_loss": seq_length * math.log(corpus.K),
        "rarest": [
            {"character": visible(x), "code_point": f"U+{ord(x):04X}", "count": n}
            for x, n in characters
        ],
        "edition": edition(corpus),
        "warnings": cautions(corpus, seq_length),
    }


def cautions(corpus: Corpus, seq_length: int) -> list[str]:
    """Return sentences about what may not be meant, each with its likely cause."""
    K, counts = corpus.K, dict(zip(corpus.vocabulary, corpus.counts.tolist(), strict=True))
    ends = [end for end, n in corpus.line_ends.items() if n]
    first, misread = corpus.misread
    remedy = (
        "the damage is in the file: a program read it wrongly and saved it"
        if corpus.encoding.startswith("utf")
        else "read it with encoding=utf-8"
    )
    lost = counts.get("\N{REPLACEMENT CHARACTER}", 0)
    once = [x for x, n in counts.items() if n == 1]
    shown = ", ".join(map(visible, once[:8])) + (", ..." if len(once) > 8 else "")
    variant = edition(corpus)
    segments = (len(corpus) - 1) // seq_length
    found = (
        len(ends) > 1
        and f"Its lines end in {len(ends)} ways, {' and '.join(ends)}, which are kept.",
        "CR LF" in ends
        and "Lines that end with CR LF are kept as they are: CR is a character of its own and "
        f"makes K one larger ({K} instead of {K - 1}). A program on Windows wrote them.",
        misread > first / 2
        and f"{misread:,} places look like UTF-8 that was read as cp1252 or latin-1 (as when é "
        f"becomes Ã©): {remedy}.",
        counts.get("\0", 0) > len(corpus) / 5
        and "Many characters are NUL: it looks like UTF-16 without a byte-order mark; read it "
        "with encoding=utf-16-le or utf-16-be.",
        lost > 0
        and f"U+FFFD stands {lost:,} times for what could not be decoded: a program read the text "
        "in the wrong encoding and saved it.",
        len(once) > 0
        and f"Characters that occur once, too rare to be learnt: {len(once):,} ({shown}). Often "
        "a slip of the keyboard or a word of another language.",
        K > _LARGE_K
        and f"K = {K:,} is over {_LARGE_K}: usual for Chinese, Japanese or Korean, else a sign of "
        "a wrong encoding or of a file that is no text. Every update takes longer.",
        not variant.startswith("canonical")
        and variant
        and f"This is not the canonical edition, but {variant}.",
        corpus.note,
        segments < _FEW_SEGMENTS
        and f"The text is short: {segments:,} whole segments of {seq_length} characters, where "
        f"{_FEW_SEGMENTS:,} are little. Expect it to be learnt by heart.",
    )
    return [sentence for sentence in found if isinstance(sentence, str) and sentence]


def edition(corpus: Corpus) -> str:
    """Return which edition of a book known by name a text is; empty for any other text."""
    K, goblet = corpus.K, BOOKS["goblet"]
    book = next((x for x in BOOKS.values() if x.sha256 == corpus.sha256), BOOKS.get(corpus.name))
    if book is None and corpus.path.name == goblet.file:
        book = goblet
    if book is None:
        return ""
    if corpus.sha256 == book.sha256 and corpus.encoding == "utf-8":
        return f"canonical (K = {K})"
    if corpus.sha256 == book.sha256:
        return f"the canonical file read as {corpus.encoding} (K = {K}); read it as utf-8"
    if book is goblet and K == 81 and corpus.line_ends["CR LF"]:
        return "the one with CR LF kept (K = 81 instead of 80); convert its line ends to LF"
    if book is goblet and K == 83 and corpus.misread[1]:
        return "UTF-8 read as cp1252 or latin-1 (K = 83 instead of 80); read it as utf-8"
    if book is goblet and K == 79:
        return (
            "the one that lacks a character (K = 79 instead of 80; a file of 1,107,543 bytes "
            "is known for it); take the file of 1,107,545 bytes"
        )
    shown = f"K = {K}, {corpus.bytes:,} bytes, sha256 {corpus.sha256[:12]}..."
    return f"an edition of its own ({shown})"
