"""How the texts of the best models of several runs begin, side by side."""

from typing import Any

from rnn.report.sections.runs_settings import Runs, alike
from rnn.report.show import Section

#: How a version that did not say so drew: from the network's own probabilities, without a prime.
_OWN = {"temperature": 1.0, "top_p": 1.0, "prime": ""}


def show(section: Section, runs: Runs, length: int) -> None:
    """Show the first `length` characters of every run's text."""
    texts = {
        section.line("title", {"run": run}, plain=True): run.results["sampling"]["text"][:length]
        for run in runs
    }
    section.texts(texts, facts(runs))


def facts(runs: Runs) -> dict[str, Any]:
    """Return whether the texts were drawn in the same way."""
    drawn = (run.results["sampling"] for run in runs)
    return {"drawn_alike": alike([one.get(name, _OWN[name]) for name in _OWN] for one in drawn)}
