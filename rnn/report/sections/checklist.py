"""What the assignment asks to hand in, ticked off against the files of a run."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from rnn.errors import ReportError
from rnn.gradient_check import ACCEPTED
from rnn.report.sections.words import count, enumerate_all
from rnn.runs.results import read_results

__all__ = ["checklist", "checklist_reading"]

_LAST_SNAPSHOT = 100_000
_EVERY = 10_000
_SNAPSHOT_LENGTH = 200
_BEST_LENGTH = 1000


def checklist(folder: Path) -> pd.DataFrame:
    """Tick off what the assignment asks for.

    Parameters
    ----------
    folder : Path
        A run's folder; ``gradient_check.csv``, ``history.csv``, ``snapshots.json`` and
        ``results.json`` are looked at.

    Returns
    -------
    pandas.DataFrame
        One row an item: ``asked for``, ``done`` ('yes' or 'no'), ``found`` (what there is, or
        what is missing).

    Raises
    ------
    ReportError
        If a file is there but is not one of a run.
    """
    results = read_results(folder)
    rows = [
        ("how the gradients were checked", *_gradients(folder)),
        ("a graph of the smooth loss over at least 2 epochs", *_loss(folder, results)),
        (
            f"{_SNAPSHOT_LENGTH} characters before the first and before every {_EVERY:,}th update "
            f"up to {_LAST_SNAPSHOT:,}",
            *_snapshots(folder),
        ),
        (
            f"{_BEST_LENGTH:,} characters from the model with the lowest loss",
            *_best(folder, results),
        ),
    ]
    table = pd.DataFrame(rows, columns=["asked for", "done", "found"])
    table["done"] = table["done"].map({True: "yes", False: "no"})
    return table


def checklist_reading(table: pd.DataFrame) -> str:
    """Say whether anything is missing."""
    missing = table[table["done"] == "no"]["asked for"].tolist()
    if not missing:
        return "All that the assignment asks for is in this report."
    return f"Of what the assignment asks for, this report has not: {'; '.join(missing)}."


def _gradients(folder: Path) -> tuple[bool, str]:
    table = _csv(folder / "gradient_check.csv", ("oracle", "h", "parameter", "norm_wise"))
    if table is None or table.empty:
        return False, "no gradient_check.csv; run 01_gradient_check.ipynb"
    # The check's own step comes first; rows with others show how the error depends on the step.
    table = table[table["h"] == table.groupby("oracle")["h"].transform("first")]
    oracles = enumerate_all(list(dict.fromkeys(table["oracle"])))
    parameters = enumerate_all(list(dict.fromkeys(table["parameter"])))
    worst = float(table["norm_wise"].max())
    told = f"{parameters} against {oracles}, largest norm-wise relative error {worst:.2g}"
    if not np.isfinite(table["norm_wise"]).all() or worst > ACCEPTED:
        return False, f"{told}, above {ACCEPTED:g}: the gradients or the check are wrong"
    return True, told


def _loss(folder: Path, results: dict[str, Any]) -> tuple[bool, str]:
    history = _csv(folder / "history.csv", ("update", "smooth_loss"))
    per_epoch = results.get("training", {}).get("updates_per_epoch")
    if history is None or history.empty or not per_epoch:
        return False, "no history.csv of a training; run 02_training_evolution.ipynb"
    last = int(history["update"].max())
    epochs = math.floor(100 * last / per_epoch) / 100  # 1.999 is not 2
    told = f"{count(last, 'update')}, {epochs:g} {'epoch' if epochs == 1 else 'epochs'}"
    if epochs < 2:
        return False, f"{told}; train for at least {2 * per_epoch:,} updates"
    return True, told


def _snapshots(folder: Path) -> tuple[bool, str]:
    snapshots = _json(folder / "snapshots.json")
    if snapshots is None:
        return False, "no snapshots.json; run 02_training_evolution.ipynb"
    lengths = {snapshot["update"]: len(snapshot["text"]) for snapshot in snapshots}
    wanted = [1, *range(_EVERY, _LAST_SNAPSHOT + 1, _EVERY)]
    missing = [update for update in wanted if update not in lengths]
    short = [update for update in wanted if lengths.get(update, math.inf) < _SNAPSHOT_LENGTH]
    told = f"{count(len(wanted) - len(missing), 'snapshot')} of {len(wanted)}"
    if missing:
        return False, f"{told}; none before update {missing[0]:,}"
    if short:
        return False, f"{told}, but {lengths[short[0]]} characters before update {short[0]:,}"
    return True, f"{told}, of at least {min(lengths[update] for update in wanted)} characters"


def _best(folder: Path, results: dict[str, Any]) -> tuple[bool, str]:
    text, training = results.get("sampling", {}).get("text"), results.get("training", {})
    if text is None or not (folder / "best_model.npz").exists():
        return False, "no text of the best model; run 03_best_model_sampling.ipynb"
    told = f"{len(text):,} characters"
    if len(text) < _BEST_LENGTH:
        return False, f"{told}; raise length"
    loss, update = training.get("lowest_smooth_loss"), training.get("lowest_smooth_loss_update")
    return True, told if loss is None else f"{told}, smooth loss {loss:.4f} at update {update:,}"


def _csv(path: Path, columns: tuple[str, ...]) -> pd.DataFrame | None:
    """Return a table, or None if there is no such file."""
    try:
        table = pd.read_csv(path)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise _strange(path, str(error)) from None
    lacking = [name for name in columns if name not in table]
    if lacking:
        raise _strange(path, f"no column {lacking[0]!r}")
    return table


def _json(path: Path) -> list[dict[str, Any]] | None:
    """Return snapshots, or None if there is no such file."""
    try:
        snapshots = json.loads(path.read_bytes())
        if all(isinstance(x["update"], int) and isinstance(x["text"], str) for x in snapshots):
            return snapshots
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise _strange(path, f"{type(error).__name__}: {error}") from None
    raise _strange(path, "other entries")


def _strange(path: Path, why: str) -> ReportError:
    return ReportError(
        f"{path.name}: expected what a run writes, got something else "
        f"({why.splitlines()[0]}); delete it and run again"
    )
