"""What the network was trained on, and how."""

from typing import Any

from rnn.report.show import Section
from rnn.runs.run import Run

__all__ = ["facts", "show"]


def show(section: Section, run: Run) -> None:
    """Say what the network was trained on and how."""
    section.prose("setting", facts(run))


def facts(run: Run) -> dict[str, Any]:
    """Return what the sentences mention: the settings, the text and the length of the training."""
    return run.settings.as_dict() | {
        "title": run.corpus.title,
        "characters": len(run.corpus.ids),
        "K": run.corpus.K,
        "epochs": run.last_update / run.updates_per_epoch,
        "updates": run.last_update,
        "updates_per_epoch": run.updates_per_epoch,
    }
