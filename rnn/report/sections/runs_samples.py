"""How the texts of the best models of several runs begin, side by side."""

from collections.abc import Sequence
from typing import Any

from rnn.report.sections.runs_settings import alike
from rnn.report.show import Section
from rnn.runs.finished import FinishedRun

__all__ = ["facts", "show"]

#: How a version that did not say so drew: from the network's own probabilities, without a prime.
_OWN = {"temperature": 1.0, "top_p": 1.0, "prime": ""}


def show(section: Section, runs: Sequence[FinishedRun], length: int) -> None:
    """Show the first `length` characters of every run's text."""
    titles = [{"name": run.name, "loss": run.text_loss} for run in runs]
    texts = [run.results["sampling"]["text"][:length] for run in runs]
    named = [section.line("title", values, plain=True) for values in titles]
    section.texts(dict(zip(named, texts, strict=True)), facts(runs))


def facts(runs: Sequence[FinishedRun]) -> dict[str, Any]:
    """Return whether the texts were drawn in the same way."""
    drawn = [run.results["sampling"] for run in runs]
    how = ([one.get(name, value) for name, value in _OWN.items()] for one in drawn)
    return {"drawn_alike": alike(how)}
