"""The passport of a text: what a reader must know to repeat a run on it, and what is unusual."""

import tomllib
from pathlib import Path
from typing import Any

import numpy as np

from rnn.kernels.elementary import log
from rnn.text.books import BOOKS
from rnn.text.characters import visible
from rnn.text.corpus import Corpus

_FEW_SEGMENTS = 1000  # below which a text is short
_LARGE_K = 500  # distinct characters from which on a vocabulary is large for this network

_SENTENCES = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))


def passport(corpus: Corpus, seq_length: int, updates_per_epoch: int) -> dict[str, Any]:
    """Return the facts about a text, ready for JSON.

    ``file`` is a name and never a path.  The byte-order mark is not counted among the
    ``characters``.  ``first_loss`` is tau ln K in nats, the loss of a segment of `seq_length`
    characters, tau, when every character is equally likely.  With `updates_per_epoch` updates the
    run reads the text once.
    """
    ends = {end: n for end, n in corpus.line_ends.items() if n}
    told = [f"{end} ({n:,})" for end, n in ends.items()] if len(ends) > 1 else list(ends)
    others = corpus.K - corpus.distinct  # which the text does not have
    rarest = np.argsort(corpus.counts, kind="stable")[others:][:10]
    characters = [(corpus.vocabulary[i], int(corpus.counts[i])) for i in rarest]
    plain = ("title", "file", "bytes", "sha256", "encoding")
    return {name: getattr(corpus, name) for name in plain} | {
        "byte_order_mark": corpus.bom,
        "line_ends": " and ".join(told) or "none",
        "characters": len(corpus),
        "K": corpus.K,
        **({"distinct": corpus.distinct} if others else {}),
        "seq_length": seq_length,
        "updates_per_epoch": updates_per_epoch,
        "first_loss": seq_length * float(log(float(corpus.K))),
        "rarest": [
            {"character": visible(x), "code_point": f"U+{ord(x):04X}", "count": n}
            for x, n in characters
        ],
        "edition": edition(corpus),
        "warnings": cautions(corpus, seq_length),
    }


def cautions(corpus: Corpus, seq_length: int) -> list[str]:
    """Return sentences about what may not be meant, each with its likely cause."""
    counts = dict(zip(corpus.vocabulary, corpus.counts.tolist(), strict=True))
    ends = [end for end, n in corpus.line_ends.items() if n]
    once = [visible(x) for x, n in counts.items() if n == 1]
    lost, variant = counts.get("\N{REPLACEMENT CHARACTER}", 0), edition(corpus)
    segments = (len(corpus) - 1) // seq_length
    is_misread = corpus.misread[1] > corpus.misread[0] / 2
    is_unicode = corpus.encoding.startswith("utf")
    holds = {
        "mixed_ends": len(ends) > 1,
        "cr_lf": "CR LF" in ends,
        "misread_now": is_misread and not is_unicode,
        "misread_before": is_misread and is_unicode,
        "utf_16": counts.get("\0", 0) > len(corpus) / 5,
        "lost": lost > 0,
        "once": len(once) > 0,
        "large_K": corpus.K > _LARGE_K,
        "edition": variant and not variant.startswith("canonical"),
        "note": corpus.note,
        "short": segments < _FEW_SEGMENTS,
    }
    shown = ", ".join(once[:8]) + (", ..." if len(once) > 8 else "")
    values = {
        "corpus": corpus, "less": corpus.distinct - 1, "large": _LARGE_K, "few": _FEW_SEGMENTS,
        "ways": len(ends), "ends": " and ".join(ends), "lost": lost, "once": len(once),
        "shown": shown, "edition": variant, "segments": segments, "seq_length": seq_length,
    }  # fmt: skip
    return [_SENTENCES["warnings"][name].format_map(values) for name in holds if holds[name]]


def edition(corpus: Corpus) -> str:
    """Return which edition of a book known by name a text is; empty for any other text."""
    goblet = BOOKS["goblet"]
    by_name = goblet if corpus.path.name == goblet.file else BOOKS.get(corpus.name)
    book = next((x for x in BOOKS.values() if x.sha256 == corpus.sha256), by_name)
    if book is None:
        return ""
    slips = {79: True, 81: corpus.line_ends["CR LF"], 83: corpus.misread[1]}
    name = "other"
    if corpus.sha256 == book.sha256:
        name = "canonical" if corpus.encoding == "utf-8" else "read_otherwise"
    elif book is goblet and slips.get(corpus.distinct):
        name = f"goblet_{corpus.distinct}"
    return _SENTENCES["edition"][name].format(corpus=corpus)
