"""Finished runs, read from what they left in their folders, ready to be compared."""

import json
import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from rnn import ROOT
from rnn.errors import ReportError
from rnn.runs.results import read_results
from rnn.text.characters import printable

__all__ = ["AXES", "FinishedRun", "read_runs"]

#: What a loss can be drawn against.
AXES = ("update", "character", "second")

#: Without these nothing can be compared: by the section of results.json.
_NEEDED = {
    "training": "parameters book updates updates_per_epoch last_smooth_loss lowest_smooth_loss "
    "lowest_smooth_loss_update",
    "text_losses": "",
    "sampling": "text",
}
_NEEDED_SETTINGS = ("m", "seq_length", "batch_size", "loss", "held_out")
_NEEDED_OF_BOOK = ("title", "characters", "K", "sha256")

_BEST = "model with the lowest smooth loss"


@dataclass(frozen=True)
class FinishedRun:
    """What a run has left.

    Attributes
    ----------
    name : str
        Its folder's name, or the whole of what was asked for where two folders are called alike.
    results : dict
        ``results.json``.
    history : pandas.DataFrame
        ``history.csv``; the losses in the unit of the run's loss.
    snapshots : list of dict
        ``update``, ``smooth_loss`` and ``text`` of each.
    seconds_per_update : float
        Mean over the updates that were timed; not a number where none was.
    """

    name: str
    results: dict[str, Any]
    history: pd.DataFrame
    snapshots: list[dict[str, Any]]
    seconds_per_update: float

    @property
    def training(self) -> dict[str, Any]:
        """The section of the training."""
        section: dict[str, Any] = self.results["training"]
        return section

    @property
    def settings(self) -> dict[str, Any]:
        """What the training was told."""
        settings: dict[str, Any] = self.training["parameters"]
        return settings

    @property
    def book(self) -> dict[str, Any]:
        """The passport of the text."""
        book: dict[str, Any] = self.training["book"]
        return book

    @property
    def updates(self) -> int:
        """Updates in all."""
        return int(self.training["updates"])

    @property
    def characters_per_update(self) -> int:
        """Characters that one update reads: ``seq_length * batch_size``."""
        return int(self.settings["seq_length"] * self.settings["batch_size"])

    @property
    def parameters(self) -> int:
        """Numbers that are learned: ``m^2 + 2 m K + m + K``."""
        m, K = int(self.settings["m"]), int(self.book["K"])
        return m * m + 2 * m * K + m + K

    @property
    def text_loss(self) -> float:
        """Loss over the whole text of the best model, in nats a character."""
        return _number(self.results["text_losses"].get(_BEST))

    @property
    def validation_loss(self) -> float:
        """The last one, in nats a character; not a number without a held-out part."""
        held_out = self.history.get("validation_loss", pd.Series(dtype=float)).dropna()
        return float(held_out.iloc[-1]) if len(held_out) else math.nan

    @property
    def seed_losses(self) -> np.ndarray:
        """The lowest smooth loss of every seed, in nats a character."""
        seeds = self.training.get("seeds", [])
        return np.array([self.per_character(one["lowest_smooth_loss"]) for one in seeds])

    @cached_property
    def losses(self) -> np.ndarray:
        """The smooth losses of the history, in nats a character."""
        return self.history["smooth_loss"].to_numpy(dtype=float) / self._share

    def per_character(self, loss: Any) -> float:
        """Turn a loss of the run into nats a character; no number stays none."""
        return _number(loss) / self._share

    def smooth_loss(self, which: str) -> float:
        """Return the ``lowest`` or the ``last`` smooth loss in nats a character."""
        return self.per_character(self.training[f"{which}_smooth_loss"])

    def places(self, axis: str) -> np.ndarray:
        """Return where the losses of the history stand: by one of `AXES`, not numbers if unknown.

        By second is the update times the run's mean time of an update.
        """
        a_step = {
            "update": 1.0,
            "character": float(self.characters_per_update),
            "second": self.seconds_per_update,
        }[axis]
        return self.history["update"].to_numpy(dtype=float) * a_step

    @property
    def _share(self) -> int:
        """The characters that a loss is summed over."""
        return 1 if self.settings["loss"] == "mean" else int(self.settings["seq_length"])


def read_runs(runs: str) -> list[FinishedRun]:
    """Read the runs that are to be compared.

    Parameters
    ----------
    runs : str
        Names of folders in ``reports/``, or paths (relative to the project's root), with spaces
        between.

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
        raise ReportError(
            f"runs: expected the names of at least two runs, got {' '.join(given) or 'none'}; "
            f"do choose from {', '.join(_known()) or 'those that make report has made'}"
        )
    folders = [_folder(one) for one in given]
    for place, folder in enumerate(folders):
        if folder.resolve() in {other.resolve() for other in folders[:place]}:
            raise ReportError(f"runs: expected every run once, got {given[place]} again")
    names = [folder.name for folder in folders]
    return [
        _read(folder, printable(one if names.count(folder.name) > 1 else folder.name))
        for one, folder in zip(given, folders, strict=True)
    ]


def _known() -> list[str]:
    """Return the names of the runs in ``reports/``."""
    return sorted(path.parent.name for path in (ROOT / "reports").glob("*/results.json"))


def _folder(given: str) -> Path:
    plain = Path(given).name == given
    return ROOT / "reports" / given if plain else ROOT / given


def _read(folder: Path, name: str) -> FinishedRun:
    remedy = f"do make report RUN={folder.name}"
    where = folder.relative_to(ROOT) if folder.is_relative_to(ROOT) else folder
    try:
        results = read_results(folder)
    except ReportError as error:
        raise ReportError(f"{name}: {error}") from None
    if not (set(_NEEDED) <= set(results) and (folder / "history.csv").exists()):
        raise ReportError(f"{name}: expected a finished run in {where}, got none; {remedy}")
    lacking = _lacking(results)
    if lacking:
        raise ReportError(
            f"{name}: expected {lacking} in {where / 'results.json'}, got a run of an older "
            f"version; {remedy}"
        )
    try:
        history = pd.read_csv(folder / "history.csv").astype({"smooth_loss": float, "update": int})
        snapshots = _json(folder / "snapshots.json", [])
        speed = _json(folder / "speed.json", {})
    except (OSError, ValueError, KeyError) as error:
        reason = " ".join(str(error).split())
        raise ReportError(
            f"{name}: expected files of a run in {where}, got one that cannot be read ({reason}); "
            f"{remedy}"
        ) from None
    timed = speed.get("updates", 0)
    pace = speed["seconds"] / timed if timed and speed.get("seconds") else math.nan
    return FinishedRun(name, results, history, snapshots, pace)


def _lacking(results: dict[str, Any]) -> str:
    """Return the first thing that the comparison needs and the results do not have."""
    wanted = [(section, key) for section, keys in _NEEDED.items() for key in keys.split()]
    for section, key in wanted:
        if key not in results[section]:
            return f"{section}.{key}"
    training = results["training"]
    for part, keys in (("parameters", _NEEDED_SETTINGS), ("book", _NEEDED_OF_BOOK)):
        for key in keys:
            if key not in training[part]:
                return f"training.{part}.{key}"
    return ""


def _json(path: Path, otherwise: Any) -> Any:
    return json.loads(path.read_bytes()) if path.exists() else otherwise


def _number(value: Any) -> float:
    """Read a number of a JSON file, in which one that is none is null."""
    return math.nan if value is None else float(value)
