"""The settings in which runs differ, and what keeps their numbers from being compared."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from typing import Any

import pandas as pd

from rnn.report.sections.runs_finished import FinishedRun
from rnn.report.show import Section
from rnn.settings import Settings
from rnn.text.characters import printable

__all__ = ["COLUMNS", "NONE", "Runs", "alike", "facts", "ranked", "show", "table", "written"]

Runs = Sequence[FinishedRun]

#: Runs that one table has room for, side by side on the page.
COLUMNS = 6

#: Stands for what there is not.
NONE = "–"

#: What None, zero or an empty text stands for, where it says more than itself.
_WORDS = {"clip": "none", "held_out": "none", "max_updates": "no limit", "document_end": "none"}

#: What is worth saying where all runs have it in common.
_COMMON = ("m", "seq_length", "eta", "optimizer", "order", "batch_size", "epochs", "seed")


def show(section: Section, runs: Runs) -> None:
    """Show the settings that differ, and what has to be kept in mind."""
    values, different = facts(runs), table(runs)
    section.prose("setting", values)
    if len(different):
        section.table(different, "tab-settings", values, source="results.json", columns=COLUMNS)
    section.prose("cautions", values)


def facts(runs: Runs) -> dict[str, Any]:
    """Return what the sentences about the settings of runs mention."""
    settings, different = runs[0].settings, list(table(runs).index)
    common = [name for name in _COMMON if name not in different and settings.get(name) is not None]
    sources = [run.results.get("provenance", {}) for run in runs]
    return {
        "names": [run.name for run in runs],
        "book": runs[0].book,
        "same_text": alike(run.book["sha256"] for run in runs),
        "common": [f"{name} = {written(name, settings[name])}" for name in common],
        "differing": different,
        "same_held_out": alike(run.settings["held_out"] for run in runs),
        "stopped": [run.name for run in runs if run.training.get("diverged")],
        "same_pace": alike(run.characters_per_update for run in runs),
        "same_commit": alike(source.get("commit") for source in sources),
        "same_machine": alike(source.get("machine") for source in sources),
        "same_seeds": alike(max(len(run.seed_losses), 1) for run in runs),
        "timed": any(math.isfinite(run.seconds_per_update) for run in runs),
        "one_seed": all(len(run.seed_losses) < 2 for run in runs),
    }


def table(runs: Runs) -> pd.DataFrame:
    """Put what differs into a table: a row per setting, a column per run, all as text.

    The text's own facts come first; a setting that an older version did not have is a dash.
    """
    found: dict[str, list[Any]] = {
        "text": [run.book["title"] for run in runs],
        "characters of the text": [run.book["characters"] for run in runs],
        "K": [run.book["K"] for run in runs],
    }
    if all(map(alike, found.values())):
        found["sha256 of the text"] = [f"{run.book['sha256'][:8]}…" for run in runs]
    others = [name for run in runs for name in run.settings]
    for name in [*(field.name for field in fields(Settings)), *others]:
        found[name] = [run.settings.get(name) for run in runs]
    found["seeds"] = [len(run.seed_losses) or 1 for run in runs]
    rows = {
        name: [written(name, value) for value in values]
        for name, values in found.items()
        if not alike(values)
    }
    return pd.DataFrame.from_dict(rows, orient="index", columns=[run.name for run in runs])


def written(name: str, value: Any) -> str:
    """Write the value of a setting."""
    if value is None:
        return NONE
    if not value and name in _WORDS:
        return _WORDS[name]
    if isinstance(value, float):
        return f"{value:g}"
    return f"{value:,}" if isinstance(value, int) else printable(str(value))


def alike(values: Iterable[Any]) -> bool:
    """Tell whether all values are the same."""
    first, *others = values
    return all(value == first for value in others)


def ranked(losses: Mapping[str, float]) -> dict[str, float]:
    """Return the finite losses of runs by their names, the lowest first."""
    finite = {name: float(loss) for name, loss in losses.items() if math.isfinite(loss)}
    return dict(sorted(finite.items(), key=lambda one: one[1]))
