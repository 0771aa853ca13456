"""The texts that the network synthesized while it was trained."""

from typing import Any

from rnn.report.show import Section
from rnn.runs.run import Run

__all__ = ["facts", "selected", "show"]


def show(section: Section, run: Run) -> None:
    """Show the snapshots that the assignment asks for, and say how they were made."""
    section.prose("setting", facts(run))
    for snapshot in selected(run):
        section.sample(snapshot["text"], snapshot)


def selected(run: Run) -> list[dict[str, Any]]:
    """Return the snapshots that the assignment asks for: the first and the ten after it."""
    return run.state.snapshots[:11]


def facts(run: Run) -> dict[str, Any]:
    """Return when the snapshots were taken, and their length."""
    return {
        "every": run.settings.snapshot_every,
        "last": selected(run)[-1]["update"],
        "length": run.settings.snapshot_length,
    }
