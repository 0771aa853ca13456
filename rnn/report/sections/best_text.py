"""The text of the best model: how it was drawn, and what it is like."""

import math
from typing import Any

from rnn.analysis.text_quality import Book
from rnn.report.show import Section
from rnn.runs.models import Model
from rnn.text.corpus import Corpus

__all__ = ["facts", "show"]


def show(
    section: Section, model: Model, written: str, corpus: Corpus, *,
    temperature: float = 1.0, top_p: float = 1.0, prime: str = "",
) -> None:  # fmt: skip
    """Show what `write` has written with a model and these values."""
    values = facts(model, written, Book.of(corpus))
    values |= {"temperature": temperature, "top_p": top_p, "prime": prime}
    section.prose("setting", values)
    section.sample(written, values)
    section.prose("reading", values)


def facts(model: Model, written: str, book: Book) -> dict[str, Any]:
    """Return which model has written a text, and which words and names of its book are there."""
    shares = [book.share_of_words(written, least) for least in (1, 4)]
    words, long_words = [
        None if math.isnan(share) or not book.has_words else share for share in shares
    ]
    return {
        "smooth_loss": model.smooth_loss,
        "update": model.update,
        "characters": len(written),
        "words": words,
        "long_words": long_words,
        "names": book.names_in(written),
    }
