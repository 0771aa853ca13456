"""Where the numbers come from: code, settings, versions, machine and files."""

import hashlib
from pathlib import Path
from typing import Any

from rnn.report.show import Section
from rnn.runs.results import read_results

_SOURCE = ("commit", "clean", "versions", "machine")


def show(section: Section, folder: Path) -> None:
    """Show what a run's numbers come from."""
    values = facts(folder)
    section.table(section.rows("table", values), "tab-provenance", values, source="results.json")


def facts(folder: Path) -> dict[str, Any]:
    """Return where a run's numbers come from, what is not known as None or empty.

    There is no time and no path, so two runs of the same inputs on one machine have the same.
    """
    results = read_results(folder)
    training, sampling = results.get("training", {}), results.get("sampling", {})
    parameters = training.get("parameters", {})
    drawn = {"training": parameters, "sampling": sampling}
    files = [folder / name for name in ("best_model.npz", "history.csv")]
    return {
        "source": dict.fromkeys(_SOURCE) | results.get("provenance", {}),
        "settings": {name: value for name, value in parameters.items() if name != "seed"},
        "seeds": {name: section["seed"] for name, section in drawn.items() if "seed" in section},
        "book": training.get("book", {}).get("sha256"),
        "files": {
            path.name: hashlib.sha256(path.read_bytes()).hexdigest()
            for path in files
            if path.is_file()
        },
    }
