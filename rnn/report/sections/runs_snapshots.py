"""What several runs wrote at about the same update, side by side."""

from typing import Any

from rnn.report.sections.runs_settings import Runs
from rnn.report.show import Section


def show(section: Section, runs: Runs) -> None:
    """Show what every run wrote at about the last update at which all took a snapshot."""
    texts = {section.line("title", one, plain=True): one["text"] for one in facts(runs)}
    if texts:
        section.texts(texts, {})
    else:
        section.prose("none", {})


def facts(runs: Runs) -> list[dict[str, Any]]:
    """Return every ``run`` and the ``update``, ``smooth_loss`` and ``text`` of its snapshot.

    Empty where a run has no snapshot after its first.
    """
    if any(len(run.snapshots) < 2 for run in runs):
        return []
    last = min(run.snapshots[-1]["update"] for run in runs)
    return [
        {"run": run} | min(run.snapshots, key=lambda one: abs(one["update"] - last)) for run in runs
    ]
