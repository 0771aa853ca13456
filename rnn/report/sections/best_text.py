"""The text of the best model, what it is like, and texts drawn with other settings."""

import math
from collections.abc import Sequence
from typing import Any

from rnn.analysis.text_quality import Book
from rnn.report.show import Section
from rnn.runs.models import Model, write
from rnn.text.corpus import Corpus

_LENGTH = 200  # characters of each text that shows what a setting does


def show(
    section: Section, model: Model, written: str, corpus: Corpus, *,
    best_by: str = "smooth", held_out_loss: float = math.nan,
    temperature: float = 1.0, top_p: float = 1.0, prime: str = "",
) -> None:  # fmt: skip
    """Show what `write` has written with a model and these values.

    The model and its held-out loss (nats per character, NaN for none) are those that
    `rnn.runs.results.load_best` gives for `best_by`.
    """
    drawn = {"model": model, "temperature": temperature, "top_p": top_p, "prime": prime}
    drawn |= {"best_by": best_by, "held_out_loss": held_out_loss}
    values = drawn | {"characters": len(written), "written": written, "book": Book.of(corpus)}
    section.prose("setting", values)
    section.sample(written, values)
    section.prose("reading", values)


def settings(
    section: Section, model: Model, seed: int, *,
    temperatures: Sequence[float] = (), nuclei: Sequence[float] = (),
) -> None:  # fmt: skip
    """Show short texts at several temperatures, or with several nuclei."""
    for name, values in {"temperature": temperatures, "top_p": nuclei}.items():
        for value in values:
            drawn: Any = {name: value}
            section.sample(write(model, _LENGTH, seed, **drawn), drawn, title=name)
