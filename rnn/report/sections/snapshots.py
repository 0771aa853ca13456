"""The texts that the network synthesized while it was trained."""

from typing import Any

from rnn.report.show import Section
from rnn.runs.run import Run


def show(section: Section, run: Run) -> None:
    """Show the snapshots that the assignment asks for, and say how they were made."""
    last = selected(run)[-1]["update"]
    section.prose("setting", {"settings": run.settings, "last": last})
    for snapshot in selected(run):
        section.sample(snapshot["text"], snapshot)


def selected(run: Run) -> list[dict[str, Any]]:
    """Return the snapshots that the assignment asks for: the first and the ten after it."""
    return run.state.snapshots[:11]
