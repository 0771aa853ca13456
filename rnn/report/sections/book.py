"""The passport of the text that a run was trained on."""

import math
from pathlib import Path
from typing import Any

from rnn.report.show import Section
from rnn.runs.results import load_settings, read_results

__all__ = ["facts", "show"]


def show(section: Section, folder: Path) -> None:
    """Show the passport of a run's text, with what is unusual about it."""
    values = facts(folder)
    section.table(section.rows("table", values), "tab-book", values, source="results.json")


def facts(folder: Path) -> dict[str, Any]:
    """Return the recorded passport, see `rnn.text.passport`, and what the run made of the text."""
    settings, training = load_settings(folder), read_results(folder)["training"]
    return training["book"] | {
        "updates_per_epoch": training["updates_per_epoch"],
        "characters_in_loss": settings.characters_in_loss,
        "first_loss": settings.characters_in_loss * math.log(training["book"]["K"]),
    }
