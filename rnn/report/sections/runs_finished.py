"""Finished runs, read from what they left in their folders, ready to be compared."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from rnn import ROOT
from rnn.cells import CELLS
from rnn.errors import ReportError
from rnn.model import Architecture
from rnn.runs.results import read_results, read_snapshots
from rnn.runs.run import LOWEST_SMOOTH
from rnn.runs.storage import COUNT, POSITIVE, read_json, read_table
from rnn.settings import LEFT_OUT
from rnn.text.characters import printable

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


class FinishedRun:
    """What a run has left; most names are those of `rnn.runs.run.Run`, a missing number is NaN."""

    def __init__(
        self, name: str, results: Any, history: pd.DataFrame, snapshots: Any, speed: Any
    ) -> None:
        self.name = name  # its folder's, or the whole of what was asked for, to tell two apart
        self.results = results  # ``results.json``
        self.training = results["training"]  # its section of the training ...
        # ... with what the training was told ...
        self.settings = LEFT_OUT | self.training["parameters"]
        self.book = self.training["book"]  # ... and the passport of the text
        self.history = history  # ``history.csv``; the losses in the unit of the run's loss
        self.last_update = int(self.training["updates"])  # updates made in all
        timed = speed.get("updates") and speed.get("seconds")
        # Mean over the updates that were timed.
        self.seconds_per_update = speed["seconds"] / speed["updates"] if timed else math.nan
        self.machine = speed.get("machine")  # that it took so long on
        # Losses in nats per character: those of the history, after the last update, the lowest.
        # NumPy reads null, which JSON has in the place of NaN, as NaN.
        share = 1 if self.settings["loss"] == "mean" else self.settings["seq_length"]
        self.losses = history["smooth_loss"].to_numpy(float) / share
        self.smooth_loss = np.float64(self.training["last_smooth_loss"]) / share
        self.lowest_smooth_loss = np.float64(self.training["lowest_smooth_loss"]) / share
        # ``update``, ``smooth_loss`` and ``text`` of each.
        self.snapshots = [
            one | {"smooth_loss": np.float64(one["smooth_loss"]) / share} for one in snapshots
        ]
        # The lowest of every seed; NaN for all of seeds that did not train alike long: one
        # diverged, or patience ended it.
        seeds = self.training.get("seeds", [])
        alike = not any("updates" in one for one in seeds)  # told where they are others
        lowest = [one["lowest_smooth_loss"] if alike else None for one in seeds]
        self.seed_losses = np.array(lowest, float) / share
        # Of the best model over the whole text ...
        self.text_loss = float(np.float64(results["text_losses"].get(LOWEST_SMOOTH)))
        measured = history.get("validation_loss", pd.Series(dtype=float)).dropna()
        self.last_held_out_loss = float(measured.iloc[-1]) if len(measured) else math.nan
        # ... and the lowest over the held-out part, after which update, of whichever model.
        self.held_out_loss = float(measured.min())
        found = measured[measured == self.held_out_loss]
        self.held_out_update = int(history["update"][found.index[0]]) if len(found) else 0

    @property
    def characters_per_update(self) -> int:
        """Characters that one update reads: ``seq_length * batch_size``."""
        return int(self.settings["seq_length"] * self.settings["batch_size"])

    @property
    def parameters(self) -> int:
        """The number of parameters that were learned."""
        cell, layers = CELLS[self.settings["cell"]], self.settings["layers"]
        return Architecture(cell, self.settings["m"], self.book["K"], layers).size

    def places(self, axis: str) -> np.ndarray:
        """Return where the losses of the history stand, by one of `AXES`; NaN if unknown.

        By second is the update times the run's mean time per update.
        """
        steps = (1.0, float(self.characters_per_update), self.seconds_per_update)
        return self.history["update"].to_numpy(dtype=float) * steps[AXES.index(axis)]


def read_runs(runs: str) -> list[FinishedRun]:
    """Read the runs that are to be compared, in the order given.

    `runs` are names of folders in ``reports/``, or paths (relative to the project's root),
    separated by spaces.  Raises a ReportError if there are fewer than two, one is named twice, or
    one has not been finished, or by an older version of the project.
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
        history = read_table(
            folder / "history.csv",
            {"update": POSITIVE, "epoch": POSITIVE, "smooth_loss": (float, None)},
            {"validation_loss": (float, None)},
        )
        snapshots = read_snapshots(folder / "snapshots.json") or []
        speed = read_json(folder / "speed.json", {"updates": COUNT, "seconds": float}, {})
    except ReportError as error:
        raise ReportError(f"{name}: {error}") from None
    if history is None or not {path.split(".")[0] for path in _NEEDED} <= results.keys():
        raise ReportError(f"{name}: expected a finished run in {where}, got none; {remedy}")
    known = results.keys() | set(pd.json_normalize(results))
    lacking = [path for path in _NEEDED if path not in known]
    if lacking:
        raise ReportError(
            f"{name}: expected {lacking[0]} in {where / 'results.json'}, got a run of an older "
            f"version; {remedy}"
        )
    last = int(history["update"].max()) if len(history) else 0
    if last != results["training"]["updates"]:
        raise ReportError(
            f"{name}: expected history.csv to end with update {results['training']['updates']:,}, "
            f"as results.json says, got {last:,}; {remedy}"
        )
    return FinishedRun(name, results, history, snapshots, speed)
