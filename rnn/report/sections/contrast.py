"""Tables of a comparison: what runs were told that differs, and what they reached."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import fields
from typing import Any

import pandas as pd

from rnn.runs.finished import FinishedRun
from rnn.settings import Settings
from rnn.text.characters import printable

__all__ = [
    "COLUMNS",
    "differing",
    "in_columns",
    "numbers_table",
    "provenance_table",
    "settings_table",
]

#: Runs that one table has room for, side by side on the page.
COLUMNS = 6

_NONE = "–"

#: What None, zero or an empty text stands for, where it says more than itself.
_WORDS = {"clip": "none", "held_out": "none", "max_updates": "no limit", "document_end": "none"}


def differing(runs: Sequence[FinishedRun]) -> dict[str, list[Any]]:
    """Return what the runs were told that is not the same for all.

    Returns
    -------
    dict
        From the name of a setting to its value for every run; None where an older version did not
        know it.  The text's own facts come first.
    """
    books = [run.book for run in runs]
    told: dict[str, list[Any]] = {
        "text": [book["title"] for book in books],
        "characters of the text": [book["characters"] for book in books],
        "K": [book["K"] for book in books],
    }
    digests = [book["sha256"] for book in books]
    if len(set(digests)) > 1 and all(len(set(values)) == 1 for values in told.values()):
        told["sha256 of the text"] = [f"{digest[:8]}…" for digest in digests]
    order = [field.name for field in fields(Settings)]
    names = dict.fromkeys([*order, *(name for run in runs for name in run.settings)])
    told |= {name: [run.settings.get(name) for run in runs] for name in names}
    told["seeds"] = [len(run.seed_losses) or 1 for run in runs]
    return {name: values for name, values in told.items() if any(v != values[0] for v in values)}


def settings_table(runs: Sequence[FinishedRun]) -> pd.DataFrame:
    """Put what differs into a table: a row a setting, a column a run, all as text."""
    told = differing(runs)
    rows = {name: [_said(name, value) for value in values] for name, values in told.items()}
    return pd.DataFrame.from_dict(rows, orient="index", columns=[run.name for run in runs])


def numbers_table(runs: Sequence[FinishedRun]) -> pd.DataFrame:
    """Put what the runs reached into a table: a row a number, a column a run, all as text.

    Losses are in nats a character; rows without any number are left out.
    """
    columns = {run.name: dict(_numbers(run)) for run in runs}
    table = pd.DataFrame(columns, columns=[run.name for run in runs])
    return table[(table != _NONE).any(axis=1)]


def provenance_table(runs: Sequence[FinishedRun]) -> pd.DataFrame:
    """Put where the runs come from into a table: a row a fact, a column a run, all as text."""
    columns = {}
    for run in runs:
        source = run.results.get("provenance", {})
        versions = {"commit": (source.get("commit") or _NONE)[:10]} | source.get("versions", {})
        digest = f"{run.book['sha256'][:10]}…"
        facts = versions | {"machine": source.get("machine"), "sha256 of the text": digest}
        columns[run.name] = {name: _said(name, value) for name, value in facts.items()}
    return pd.DataFrame(columns, columns=[run.name for run in runs]).fillna(_NONE)


def in_columns(table: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """Yield a table in parts of about as many columns each, at most `COLUMNS`."""
    parts = math.ceil(table.shape[1] / COLUMNS)
    width = math.ceil(table.shape[1] / parts)
    for start in range(0, table.shape[1], width):
        yield table.iloc[:, start : start + width]


def _numbers(run: FinishedRun) -> Iterator[tuple[str, str]]:
    """Yield the headline numbers of a run with their labels."""
    training, seeds = run.training, run.seed_losses
    lowest = run.per_character(run.lowest_smooth_loss)
    several = len(seeds) > 1
    yield "learned parameters", f"{run.parameters:,}"
    yield "updates", f"{run.last_update:,}"
    yield "epochs", f"{run.last_update / training['updates_per_epoch']:.2f}"
    yield "characters read", f"{run.last_update * run.characters_per_update:,}"
    yield "lowest smooth loss", _loss(lowest)
    yield (
        "lowest smooth loss (bits)",
        _loss(lowest / math.log(2)),
    )
    yield "its update", f"{training['lowest_smooth_loss_update']:,}"
    yield "last smooth loss", _loss(run.per_character(run.smooth_loss))
    yield "loss over the text", _loss(run.text_loss)
    yield "loss over the text (bits)", _loss(run.text_loss / math.log(2))
    yield "validation loss", _loss(run.validation_loss)
    yield "lowest, mean of the seeds", _loss(seeds.mean()) if several else _NONE
    yield "lowest, their deviation", _loss(seeds.std(ddof=1)) if several else _NONE
    pace = 1 / run.seconds_per_update
    yield "updates a second", _NONE if math.isnan(pace) else f"{pace:,.0f}"
    yield "stopped early", "yes" if training.get("diverged") else _NONE


def _loss(nats: float) -> str:
    return f"{nats:.4f}" if math.isfinite(nats) else _NONE


def _said(name: str, value: Any) -> str:
    """Write the value of a setting."""
    if value is None:
        return _NONE
    if not value and name in _WORDS:
        return _WORDS[name]
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, float):
        return f"{value:g}"
    return f"{value:,}" if isinstance(value, int) else str(value)
