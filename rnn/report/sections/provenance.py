"""Where the numbers come from: code, settings, versions, machine and files."""

import hashlib
from pathlib import Path
from typing import Any

from rnn.report.show import Section
from rnn.runs.results import read_results

__all__ = ["facts", "show"]

_FILES = ("best_model.npz", "history.csv")


def show(section: Section, folder: Path) -> None:
    """Show what a run's numbers come from."""
    values = facts(folder)
    section.table(section.rows("table", values), "tab-provenance", values, source="results.json")


def facts(folder: Path) -> dict[str, Any]:
    """Return where a run's numbers come from, what is not known as None or empty.

    There is no time and no path, so two runs of the same inputs on one machine have the same.
    """
    results = read_results(folder)
    source, training = results.get("provenance", {}), results.get("training", {})
    parameters = training.get("parameters", {})
    drawn = {"training": parameters, "sampling": results.get("sampling", {})}
    return {
        "commit": source.get("commit"),
        "clean": source.get("clean"),
        "settings": {name: value for name, value in parameters.items() if name != "seed"},
        "seeds": {name: section["seed"] for name, section in drawn.items() if "seed" in section},
        "versions": source.get("versions", {}),
        "machine": source.get("machine"),
        "book": training.get("book", {}).get("sha256"),
        "files": {
            name: hashlib.sha256((folder / name).read_bytes()).hexdigest()
            for name in _FILES
            if (folder / name).is_file()
        },
    }
