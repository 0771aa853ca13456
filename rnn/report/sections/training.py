"""What the network was trained on, and how."""

import math
from pathlib import Path

from rnn.report.show import Section
from rnn.runs.results import load_settings, read_results
from rnn.runs.run import Run


def show(section: Section, run: Run) -> None:
    """Say what the network was trained on and how."""
    epochs = run.last_update / run.updates_per_epoch
    section.prose("setting", run.settings.as_dict() | {"run": run, "epochs": epochs})


def book(section: Section, folder: Path) -> None:
    """Show the passport of a run's text, with what is unusual about it."""
    training, counted = read_results(folder)["training"], load_settings(folder).characters_in_loss
    values = training["book"] | {
        "updates_per_epoch": training["updates_per_epoch"],
        "characters_in_loss": counted,
        "first_loss": counted * math.log(training["book"]["K"]),
    }
    section.table(section.rows("table", values), "tab-book", values, source="results.json")
