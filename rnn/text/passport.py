"""The passport of a text: what a reader must know to repeat a run on it."""

from typing import Any

from rnn.text.characters import visible
from rnn.text.corpus import Corpus

__all__ = ["passport", "passport_rows"]

FEW = 1000  # segments below which a reading of the text is short


def passport(corpus: Corpus, seq_length: int) -> dict[str, Any]:
    """Return the facts about a text, ready for JSON.

    Parameters
    ----------
    corpus : Corpus
    seq_length : int
        Characters in a segment, tau.

    Returns
    -------
    dict
        ``file`` is a name and never a path.  The byte-order mark is not counted among the
        ``characters``.  ``first_loss`` is tau ln K in nats, a sum over a segment.
        ``rarest`` holds at most ten characters.

    Raises
    ------
    ReportError
        If `seq_length` is no whole number of at least 1.
    """
    updates = corpus.updates_per_epoch(seq_length)
    warnings = list(corpus.warnings)
    if updates < FEW:
        warnings.append(
            f"The text is short: {updates:,} whole segments of {seq_length} characters, where "
            f"{FEW:,} are little. Expect it to be learnt by heart."
        )
    return {
        "title": corpus.title,
        "file": corpus.file,
        "bytes": corpus.bytes,
        "sha256": corpus.sha256,
        "encoding": corpus.encoding,
        "byte_order_mark": corpus.bom,
        "line_ends": corpus.line_ends,
        "characters": len(corpus),
        "K": corpus.K,
        "seq_length": int(seq_length),
        "updates_per_epoch": updates,
        "first_loss": corpus.first_loss(seq_length),
        "rarest": [
            {"character": visible(x), "code_point": f"U+{ord(x):04X}", "count": n}
            for x, n in corpus.rarest()
        ],
        "edition": corpus.edition,
        "warnings": warnings,
    }


def passport_rows(facts: dict[str, Any]) -> list[tuple[str, str]]:
    """Return a passport as the rows of a table of two columns, the warnings left out."""
    rows = [
        ("text", facts["title"]),
        ("file", facts["file"]),
        ("bytes", f"{facts['bytes']:,}"),
        ("sha256", facts["sha256"]),
        ("encoding", facts["encoding"]),
        ("byte-order mark", facts["byte_order_mark"]),
        ("line ends", facts["line_ends"]),
        ("characters", f"{facts['characters']:,}"),
        ("distinct characters K", f"{facts['K']:,}"),
        (
            f"updates an epoch at seq_length {facts['seq_length']}",
            f"{facts['updates_per_epoch']:,}",
        ),
        (
            f"first loss expected, {facts['seq_length']} ln {facts['K']}",
            f"{facts['first_loss']:.3f}",
        ),
        (
            "rarest characters",
            ", ".join(f"{x['character']} ({x['count']:,})" for x in facts["rarest"]),
        ),
    ]
    if facts["edition"]:
        rows.append(("edition", facts["edition"]))
    return rows
