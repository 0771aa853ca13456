"""Finished runs, read from what they left in their folders, ready to be compared."""

import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from rnn import ROOT
from rnn.cells import CELLS
from rnn.errors import ReportError
from rnn.model import Architecture
from rnn.runs.results import read_results
from rnn.runs.storage import read_file, read_json
from rnn.settings import Settings
from rnn.text.characters import printable

__all__ = ["AXES", "FinishedRun", "read_runs"]

#: What a loss can be drawn against.
AXES = ("update", "character", "second")

#: What a comparison needs of results.json.
_NEEDED = """
    text_losses sampling.text training.updates training.updates_per_epoch
    training.last_smooth_loss training.lowest_smooth_loss training.lowest_smooth_loss_update
    training.parameters.m training.parameters.seq_length training.parameters.batch_size
    training.parameters.loss training.parameters.held_out
    training.book.title training.book.characters training.book.K training.book.sha256
""".split()

_BEST = "model with the lowest smooth loss"


@dataclass(frozen=True)
class FinishedRun:
    """What a run has left; names are those of `rnn.runs.run.Run`.

    Attributes
    ----------
    name : str
        Its folder's name, or the whole of what was asked for where two folders have one name.
    results : dict
        ``results.json``.
    history : pandas.DataFrame
        ``history.csv``; the losses in the unit of the run's loss.
    snapshots : list of dict
        ``update``, ``smooth_loss`` and ``text`` of each.
    seconds_per_update : float
        Mean over the updates that were timed; NaN where none was.
    """

    name: str
    results: dict[str, Any]
    history: pd.DataFrame
    snapshots: list[dict[str, Any]]
    seconds_per_update: float

    @property
    def training(self) -> dict[str, Any]:
        """The section of the training."""
        return self.results["training"]

    @property
    def settings(self) -> dict[str, Any]:
        """What the training was told."""
        return self.training["parameters"]

    @property
    def book(self) -> dict[str, Any]:
        """The passport of the text."""
        return self.training["book"]

    @property
    def last_update(self) -> int:
        """The number of updates made in all."""
        return int(self.training["updates"])

    @property
    def smooth_loss(self) -> float:
        """The smooth loss after the last update, in the unit of the loss; may be NaN."""
        return _number(self.training["last_smooth_loss"])

    @property
    def lowest_smooth_loss(self) -> float:
        """The lowest smooth loss, in the unit of the loss; may be NaN."""
        return _number(self.training["lowest_smooth_loss"])

    @property
    def text_loss(self) -> float:
        """Loss over the whole text of the best model, in nats per character; may be NaN."""
        return _number(self.results["text_losses"].get(_BEST))

    @property
    def validation_loss(self) -> float:
        """The last one, in nats per character; NaN without a held-out part."""
        held_out = self.history.get("validation_loss", pd.Series(dtype=float)).dropna()
        return float(held_out.iloc[-1]) if len(held_out) else math.nan

    @property
    def seed_losses(self) -> np.ndarray:
        """The lowest smooth loss of every seed, in nats per character."""
        losses = [_number(one["lowest_smooth_loss"]) for one in self.training.get("seeds", [])]
        return self.per_character(np.array(losses))

    @cached_property
    def losses(self) -> np.ndarray:
        """The smooth losses of the history, in nats per character."""
        return self.per_character(self.history["smooth_loss"].to_numpy(dtype=float))

    def per_character(self, loss: Any) -> Any:
        """Turn a loss, or an array of them, from the unit of the run's loss to nats per character.

        A loss that JSON has as null is NaN.
        """
        share = 1 if self.settings["loss"] == "mean" else self.settings["seq_length"]
        return (math.nan if loss is None else loss) / share

    @property
    def characters_per_update(self) -> int:
        """Characters that one update reads: ``seq_length * batch_size``."""
        return int(self.settings["seq_length"] * self.settings["batch_size"])

    @property
    def parameters(self) -> int:
        """The number of parameters that were learned."""
        cell = CELLS[self.settings.get("cell", Settings.cell)]
        layers = self.settings.get("layers", Settings.layers)
        return Architecture(cell, self.settings["m"], self.book["K"], layers).size

    def places(self, axis: str) -> np.ndarray:
        """Return where the losses of the history stand, by one of `AXES`; NaN if unknown.

        By second is the update times the run's mean time per update.
        """
        step = {
            "update": 1.0,
            "character": float(self.characters_per_update),
            "second": self.seconds_per_update,
        }[axis]
        return self.history["update"].to_numpy(dtype=float) * step


def read_runs(runs: str) -> list[FinishedRun]:
    """Read the runs that are to be compared.

    Parameters
    ----------
    runs : str
        Names of folders in ``reports/``, or paths (relative to the project's root), separated by
        spaces.

    Returns
    -------
    list of FinishedRun
        In the order given.

    Raises
    ------
    ReportError
        If there are fewer than two, one is named twice, or one has not been finished, or by an
        older version of the project.
    """
    given = str(runs).split()
    if len(given) < 2:
        known = sorted(path.parent.name for path in (ROOT / "reports").glob("*/results.json"))
        raise ReportError(
            f"runs: expected the names of at least two runs, got {' '.join(given) or 'none'}; "
            f"choose from {', '.join(known) or 'those that make report has made'}"
        )
    folders = [ROOT / ("reports" if Path(one).name == one else "") / one for one in given]
    for place, folder in enumerate(folders):
        if folder.resolve() in {other.resolve() for other in folders[:place]}:
            raise ReportError(f"runs: expected every run once, got {given[place]} again")
    names = [folder.name for folder in folders]
    return [
        _read(folder, printable(one if names.count(folder.name) > 1 else folder.name))
        for one, folder in zip(given, folders, strict=True)
    ]


def _read(folder: Path, name: str) -> FinishedRun:
    remedy = f"run make report RUN={folder.name}"
    where = folder.relative_to(ROOT) if folder.is_relative_to(ROOT) else folder
    try:
        results = read_results(folder)
        history = read_file(folder / "history.csv", _history)
        snapshots = read_json(folder / "snapshots.json", [])
        speed = read_json(folder / "speed.json", {})
    except ReportError as error:
        raise ReportError(f"{name}: {error}") from None
    if history is None or not {path.split(".")[0] for path in _NEEDED} <= results.keys():
        raise ReportError(f"{name}: expected a finished run in {where}, got none; {remedy}")
    lacking = [path for path in _NEEDED if not _has(results, path)]
    if lacking:
        raise ReportError(
            f"{name}: expected {lacking[0]} in {where / 'results.json'}, got a run of an older "
            f"version; {remedy}"
        )
    timed = speed.get("updates") and speed.get("seconds")
    pace = speed["seconds"] / speed["updates"] if timed else math.nan
    return FinishedRun(name, results, history, snapshots, pace)


def _history(path: Path) -> pd.DataFrame:
    return pd.read_csv(path).astype({"update": int, "smooth_loss": float})


def _has(facts: Any, path: str) -> bool:
    """Whether nested dictionaries have something under a path of names with dots between."""
    for name in path.split("."):
        if not isinstance(facts, dict) or name not in facts:
            return False
        facts = facts[name]
    return True


def _number(value: float | None) -> float:
    """Read a number of a JSON file, in which NaN is null."""
    return math.nan if value is None else float(value)
