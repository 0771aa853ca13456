"""What several runs wrote at about the same update, side by side."""

from collections.abc import Sequence
from typing import Any

from rnn.report.show import Section
from rnn.runs.finished import FinishedRun

__all__ = ["facts", "show"]


def show(section: Section, runs: Sequence[FinishedRun]) -> None:
    """Show what every run wrote at about the last update at which all took a snapshot."""
    snapshots = facts(runs)
    texts = {section.line("title", one, plain=True): one["text"] for one in snapshots}
    if texts:
        section.texts(texts, {})
    else:
        section.prose("none", {})


def facts(runs: Sequence[FinishedRun]) -> list[dict[str, Any]]:
    """Return every run's ``name``, and the ``update``, ``loss`` and ``text`` of its snapshot.

    Empty where a run has no snapshot after its first; the loss is in nats per character.
    """
    if any(len(run.snapshots) < 2 for run in runs):
        return []
    last = min(run.snapshots[-1]["update"] for run in runs)
    nearest = [min(run.snapshots, key=lambda one: abs(one["update"] - last)) for run in runs]
    return [
        {**one, "name": run.name, "loss": run.per_character(one["smooth_loss"])}
        for run, one in zip(runs, nearest, strict=True)
    ]
