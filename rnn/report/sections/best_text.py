"""The text of the best model: how it was drawn, and what it is like."""

from typing import Any

from rnn.analysis.text_quality import Book
from rnn.report.show import Section
from rnn.runs.models import Model
from rnn.text.corpus import Corpus


def show(
    section: Section, model: Model, written: str, corpus: Corpus, *,
    temperature: float = 1.0, top_p: float = 1.0, prime: str = "",
) -> None:  # fmt: skip
    """Show what `write` has written with a model and these values."""
    book = Book.of(corpus)
    values: dict[str, Any] = {
        "model": model,
        "temperature": temperature,
        "top_p": top_p,
        "prime": prime,
        "characters": len(written),
        "has_words": book.has_words,
        "words": book.share_of_words(written),
        "long_words": book.share_of_words(written, 4),
        "names": book.names_in(written),
    }
    section.prose("setting", values)
    section.sample(written, values)
    section.prose("reading", values)
