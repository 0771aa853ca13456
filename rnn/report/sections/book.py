"""The passport of the text that a run was trained on."""

import math
from pathlib import Path

from rnn.report.show import Section
from rnn.runs.results import load_settings, read_training


def show(section: Section, folder: Path) -> None:
    """Show the passport of a run's text, with what is unusual about it."""
    training, counted = read_training(folder), load_settings(folder).characters_in_loss
    values = training["book"] | {
        "updates_per_epoch": training["updates_per_epoch"],
        "characters_in_loss": counted,
        "first_loss": counted * math.log(training["book"]["K"]),
    }
    section.table(section.rows("table", values), "tab-book", values, source="results.json")
