"""A finished sweep, read from ``sweep.json`` and from what its points have left."""

import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from rnn import ROOT
from rnn.errors import ReportError
from rnn.runs.run import LOWEST_SMOOTH
from rnn.runs.storage import read_file, read_json

#: Stands for what there is not.
NONE = "–"

#: What ``sweep.json`` holds, as far as it is read here.
_SCHEMA = {
    "points": [{"name": str, "parameters": dict, "stopped": int, "seeds": [dict]}],
    "varied": [str],
    "seeds": [int],
}


@dataclass(frozen=True)
class SweptPoint:
    """One point of a sweep: a setting, trained with every seed."""

    name: str  # that of its folder
    folder: Path
    parameters: dict[str, Any]  # what the training was told
    losses: np.ndarray  # (seeds,) those by which points are compared, nats per character
    early: np.ndarray  # (seeds,) those after the first stage, which all points have reached
    seconds: float  # one training takes on one core, mean over seeds
    updates: int  # made with each seed
    trouble: str  # why a seed has no loss: it failed or diverged; empty if all have one
    stopped: int  # after which stage of a halving, from 1; 0 if it was not

    @property
    def loss(self) -> float:
        """The mean over the seeds, in nats per character."""
        return float(self.losses.mean())

    @property
    def error(self) -> float:
        """The standard error of the mean; NaN with one seed."""
        n = len(self.losses)
        return float(self.losses.std(ddof=1)) / math.sqrt(n) if n > 1 else math.nan

    @cached_property
    def history(self) -> pd.DataFrame:
        """What ``history.csv`` says of the first seed; no rows if there is none."""
        columns = pd.DataFrame({"update": [], "smooth_loss": []}, dtype=float)
        return read_file(self.folder / "history.csv", pd.read_csv, columns)


@dataclass(frozen=True)
class Sweep:
    """A finished sweep."""

    folder: Path
    asked: dict[str, Any]  # ``sweep.json`` but for its points
    varied: dict[str, list[Any]]  # the values of each setting that was varied, the lowest first
    points: list[SweptPoint]  # those with a loss, the best first
    failed: list[SweptPoint]  # those without
    stopped: list[SweptPoint]  # by a halving, the best first

    @property
    def measured(self) -> list[SweptPoint]:
        """All points with a loss: those that ran to the end come first."""
        return [*self.points, *self.stopped]

    def setting(self, point: SweptPoint) -> str:
        """Return what was varied, as this point has it: ``m = 100, eta = 0.1``; else its name."""
        told = [f"{name} = {written(point.parameters[name])}" for name in self.varied]
        return ", ".join(told) or point.name


def read_sweep(folder: Path) -> Sweep:
    """Read a sweep; a ReportError if there is none that is finished in a folder."""
    asked = read_json(folder / "sweep.json", _SCHEMA, {})
    if not asked:
        where = folder.relative_to(ROOT) if folder.is_relative_to(ROOT) else folder
        raise ReportError(
            f"sweep: expected a finished sweep in {where}, got none; run make sweep "
            f"SWEEP={folder.name} GRID=..."
        )
    told = asked.pop("points")
    held_out = all(one["parameters"]["held_out"] for one in told)
    points = [_swept_point(folder, one, held_out) for one in told]
    measured = [one for one in points if not one.trouble]
    measured.sort(key=lambda one: (one.loss, one.name))
    values = {
        name: sorted({one.parameters[name] for one in points}, key=_order)
        for name in asked["varied"]
    }
    return Sweep(
        folder,
        asked | {"held_out": held_out},
        {name: found for name, found in values.items() if len(found) > 1},
        [one for one in measured if not one.stopped],
        [one for one in points if one.trouble],
        [one for one in measured if one.stopped],
    )


def _swept_point(folder: Path, told: dict[str, Any], held_out: bool) -> SweptPoint:
    """Read a point from the record of it in ``sweep.json``."""
    seeds = told["seeds"]
    costs = [
        one["seconds"] / one["timed_updates"] * one["updates"]
        for one in seeds
        if one.get("timed_updates")
    ]
    losses = np.array([loss_of(one, held_out) for one in seeds])
    reasons = [one.get("error") or one.get("diverged") for one in seeds]
    reasons += ["the loss is not a finite number"] * (not np.isfinite(losses).all())
    return SweptPoint(
        name=told["name"],
        folder=folder / told["name"],
        parameters=told["parameters"],
        losses=losses,
        early=np.array([one["stages"][0][1] if one.get("stages") else math.nan for one in seeds]),
        seconds=float(np.mean(costs)) if costs else math.nan,
        updates=max((one.get("updates", 0) for one in seeds), default=0),
        trouble=next(filter(None, reasons), ""),
        stopped=told["stopped"],
    )


def loss_of(told: dict[str, Any], held_out: bool) -> float:
    """Return the loss of one training by which points are compared, NaN if it has none.

    With a held-out part it is the lowest loss there (of a sweep by version 1.0, that of the last
    model), else that over the text of the model with the lowest smooth loss.
    """
    if told.get("error") or told.get("diverged"):
        return math.nan
    if held_out:
        loss = told.get("held_out_loss", told["validation_loss"])
    else:
        loss = told["text_losses"].get(LOWEST_SMOOTH)
    return math.nan if loss is None else float(loss)


def written(value: Any) -> str:
    """Write the value of a setting."""
    return NONE if value in (None, "") else f"{value:g}" if isinstance(value, float) else str(value)


def _order(value: Any) -> tuple[bool, Any, str]:
    """Return what numbers are sorted by, before all that is none."""
    number = isinstance(value, int | float)
    return (not number, value if number else 0, str(value))
