"""Where the numbers come from: code, settings, versions, machine and files."""

import hashlib
from pathlib import Path
from typing import Any

import pandas as pd

from rnn.runs.results import read_results

__all__ = ["provenance_table"]

_FILES = ("best_model.npz", "history.csv")


def provenance_table(folder: Path) -> pd.DataFrame:
    """Return where a run's numbers come from, as a table of two columns.

    Parameters
    ----------
    folder : Path
        The run's folder; its ``results.json`` and the files that are named with their sha256.

    Returns
    -------
    pandas.DataFrame
        Columns ``property`` and ``value``.  It holds no time and no path, so that two runs of the
        same inputs on one machine give the same.
    """
    results = read_results(folder)
    source = results.get("provenance", {})
    training = results.get("training", {})
    parameters = training.get("parameters", {})
    sampling = results.get("sampling", {})
    rows = [("commit", _commit(source))]
    if parameters:
        told = ", ".join(
            f"{name} = {_value(value)}" for name, value in parameters.items() if name != "seed"
        )
        rows.append(("settings", told))
    seeds = [
        f"{section['seed']} ({name})"
        for name, section in (("training", parameters), ("text of the best model", sampling))
        if "seed" in section
    ]
    if seeds:
        rows.append(("seeds", ", ".join(seeds)))
    versions = source.get("versions", {})
    if versions:
        rows.append(("versions", ", ".join(f"{name} {versions[name]}" for name in versions)))
    rows.append(("machine", source.get("machine") or "unknown"))
    book = training.get("book", {}).get("sha256")
    if book:
        rows.append(("sha256 of the text", book))
    for name in _FILES:
        if (folder / name).is_file():
            digest = hashlib.sha256((folder / name).read_bytes()).hexdigest()
            rows.append((f"sha256 of {name}", digest))
    return pd.DataFrame(rows, columns=["property", "value"])


def _commit(source: dict[str, Any]) -> str:
    commit = source.get("commit")
    if not commit:
        return "unknown: not run from a git repository"
    return f"{commit}, {'nothing changed since' if source.get('clean') else 'with changes since'}"


def _value(value: Any) -> str:
    if value is None:
        return "none"
    return f"{value:g}" if isinstance(value, float) else str(value) or "none"
