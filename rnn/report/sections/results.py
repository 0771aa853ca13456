"""What a run's files hold: its text, what was asked for, and where the numbers come from."""

from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from rnn.errors import ReportError
from rnn.gradient_check import ACCEPTED, COMPLEX
from rnn.kernels.elementary import log
from rnn.report.fonts import borrowed_fonts, own_fonts
from rnn.report.show import Section
from rnn.runs.models import load_model
from rnn.runs.results import (
    BEST_MODELS,
    load_settings,
    read_results,
    read_snapshots,
    read_training,
)
from rnn.runs.storage import POSITIVE, read_table
from rnn.text.files import sha256_of

_SNAPSHOTS = [1, *range(10_000, 100_001, 10_000)]  # updates before which one is asked for
_SNAPSHOT_LENGTH = 200
_BEST_LENGTH = 1000
_SOURCE = ("commit", "clean", "versions")


def book(section: Section, folder: Path) -> None:
    """Show the passport of a run's text, with what is unusual about it."""
    training, settings = read_training(folder), load_settings(folder)
    counted = settings.characters_in_loss
    values = training["book"] | {
        "updates_per_epoch": training["updates_per_epoch"],
        "characters_in_loss": counted,
        "batch_size": settings.batch_size,
        "pretrained": "from_run" in training,
        "first_loss": counted * float(log(float(training["book"]["K"]))),
    }
    section.table(section.rows("table", values), "tab-book", values, source="results.json")


def provenance(section: Section, folder: Path, step: str = "") -> None:
    """Show what a run's numbers come from; of one `step`, by its name in the results, or of all.

    There is no time, path or machine, so two runs of the same inputs show the same; and what one
    step shows does not depend on which others were made before it.
    """
    results = read_results(folder)
    if step:
        results = {name: results[name] for name in ("provenance", step) if name in results}
    training, sampling = results.get("training", {}), results.get("sampling", {})
    names = (*BEST_MODELS.values(), "history.csv") if step in ("", "training") else ()
    files = [folder / name for name in names]
    values = {
        "source": dict.fromkeys(_SOURCE) | results.get("provenance", {}),
        "settings": dict(training.get("parameters", {})),
        "sampling_seed": sampling.get("seed"),
        "book": training.get("book", {}).get("sha256"),
        "from_run": training.get("from_run"),
        "files": {path.name: sha256_of(path) for path in files if path.is_file()},
    }
    values["seed"] = values["settings"].pop("seed", None)
    vocabulary = ""
    if files:
        with suppress(ReportError):  # without a model, no characters are known
            vocabulary = load_model(files[0]).vocabulary
    values["fonts"] = [font.name for font in borrowed_fonts(vocabulary, own_fonts())]
    section.table(section.rows("table", values), "tab-provenance", values, source="results.json")


def checklist(section: Section, folder: Path) -> None:
    """Show what the assignment asks for, and what a run has of it."""
    values = checklist_facts(folder)
    table = section.rows("table", values)
    source = "gradient_check.csv, history.csv, snapshots.json, results.json"
    section.table(table, "tab-checklist", values, source=source)
    items = zip(table.iloc[:, 0], ("gradients", "loss", "snapshots", "best"), strict=True)
    missing = [asked for asked, item in items if not values[item].get("done")]
    section.prose("reading", {"missing": missing})


def checklist_facts(folder: Path) -> dict[str, Any]:
    """Return what a run's folder has of each item: nothing, or whether it is ``done`` and numbers.

    Raises
    ------
    ReportError
        If a file is there but is not one of a run.
    """
    results = read_results(folder)
    return {
        "accepted": ACCEPTED,
        "wanted": len(_SNAPSHOTS),
        "gradients": _gradients(folder / "gradient_check.csv"),
        "loss": _loss(folder / "history.csv", results.get("training", {})),
        "snapshots": _snapshots(folder / "snapshots.json"),
        "best": _best(folder, results),
    }


def _gradients(path: Path) -> dict[str, Any]:
    columns = {"oracle": str, "h": float, "parameter": str, "norm_wise": (float, None)}
    table = read_table(path, columns)
    if table is None or table.empty:
        return {}
    # The check's own step comes first; rows with others show how the error depends on the step.
    table = table[table["h"] == table.groupby("oracle")["h"].transform("first")]
    # Complex steps, where there are any, decide: they have no rounding and no step to choose.
    exact = table[table["oracle"] == COMPLEX]["norm_wise"]
    errors = table["norm_wise"] if exact.empty else exact
    return {
        "done": bool(np.isfinite(errors).all() and errors.max() <= ACCEPTED),
        "parameters": list(table["parameter"].unique()),
        "oracles": list(table["oracle"].unique()),
        "worst": float(table["norm_wise"].max()),
    }


def _loss(path: Path, training: dict[str, Any]) -> dict[str, Any]:
    history = read_table(path, {"update": POSITIVE, "smooth_loss": (float, None)})
    per_epoch = training.get("updates_per_epoch")
    if history is None or history.empty or not per_epoch:
        return {}
    last = int(history["update"].max())
    epochs = last / per_epoch
    return {"done": epochs >= 2, "epochs": epochs, "updates": last, "least": 2 * per_epoch}


def _snapshots(path: Path) -> dict[str, Any]:
    snapshots = read_snapshots(path)
    if snapshots is None:
        return {}
    there = {one["update"]: len(one["text"]) for one in snapshots}
    found = {update: there[update] for update in _SNAPSHOTS if update in there}
    missing = [update for update in _SNAPSHOTS if update not in there]
    short = [update for update in found if found[update] < _SNAPSHOT_LENGTH]
    return {
        "done": not missing and not short,
        "found": len(found),
        "missing": missing,
        "short": short,
        "characters": found[short[0]] if short else min(found.values(), default=0),
    }


def _best(folder: Path, results: dict[str, Any]) -> dict[str, Any]:
    sampling = {"best_by": "smooth", "text": None} | results.get("sampling", {})
    text, path = sampling["text"], folder / BEST_MODELS.get(sampling["best_by"], "")
    if text is None or not path.is_file():
        return {}
    training = {"lowest_smooth_loss": None, "held_out_loss": {}} | results.get("training", {})
    lowest = training["held_out_loss"].get("lowest") if sampling["best_by"] == "held_out" else None
    done = len(text) >= _BEST_LENGTH
    return {"done": done, "characters": len(text), "training": training, "held_out": lowest}
