"""What a run leaves for anyone's own analysis: ``results.json`` and the files of the training."""

import json
import os
import platform
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from rnn import ROOT
from rnn.errors import ReportError
from rnn.runs.models import save_model
from rnn.runs.run import Run
from rnn.runs.storage import hold, read_json, write_whole
from rnn.settings import Settings
from rnn.text.corpus import Corpus, load_corpus
from rnn.text.passport import passport

__all__ = ["load_book", "load_settings", "read_results", "replace_section", "save_runs"]

_CHECK, _TRAINING = "01_gradient_check.ipynb", "02_training_evolution.ipynb"
_SAMPLING = "03_best_model_sampling.ipynb"
_PAGES = ("report.ipynb", "report.pdf", "report.html")

#: What is made from a section of the results: other sections, and files beside the pages.
_MADE_FROM: dict[str, tuple[list[str], list[str]]] = {
    "gradient_check": ([], [_CHECK, _SAMPLING]),
    "training": (["text_losses", "sampling"], [_TRAINING, _SAMPLING, "speed.json"]),
    "sampling": ([], [_SAMPLING]),
}

_VERSIONS = ("numpy", "scipy", "numba", "pandas", "matplotlib", "papermill", "nbconvert", "typst")


def replace_section(folder: Path, section: str, facts: dict[str, Any]) -> None:
    """Replace a section of a run's ``results.json``, and discard what was made from the old one.

    Parameters
    ----------
    folder : Path
        The run's folder.
    section : str
        If it said something else, the sections, notebooks and pages made from that are removed, so
        that a folder never holds results of two runs; what does not depend on it stays.
    facts : dict
        What it is to say: plain data, in which NaN and infinity are written as null.
    """
    facts = _plain(facts)
    with hold(folder / ".results.lock"):
        if read_results(folder).get(section) != facts:
            _discard(folder, section)
        _put(folder, section, facts)


def save_runs(runs: Sequence[Run], folder: Path, corpus: str) -> None:
    """Write a training run's history, snapshots, best and last model and headline numbers.

    Parameters
    ----------
    runs : sequence of Run
        The run, and those with other seeds, of which the headline numbers are kept.
    folder : Path
        Its folder.
    corpus : str
        What `load_corpus` was given, so that the book is found again.
    """
    run = runs[0]
    facts = _plain(_headlines(runs, corpus))
    with hold(folder / ".results.lock"):
        if read_results(folder).get("training") != facts:
            # Until all files are those of this run there is none here.
            _discard(folder, "training")
        history = run.history.to_csv(index=False, lineterminator="\n")
        write_whole(folder / "history.csv", history.encode())
        snapshots = json.dumps(run.state.snapshots, indent=1, ensure_ascii=False)
        write_whole(folder / "snapshots.json", (snapshots + "\n").encode())
        save_model(folder / "best_model.npz", run.best_model)
        (folder / "last_model.npz").unlink(missing_ok=True)
        if np.isfinite(run.state.theta).all():
            save_model(folder / "last_model.npz", run.last_model)
        # How long it took is not a result: it differs from day to day.
        if run.timed_updates:
            speed = {"seconds": run.seconds, "updates": run.timed_updates}
            write_whole(folder / "speed.json", (json.dumps(speed) + "\n").encode())
        _put(folder, "training", facts)


def read_results(folder: Path) -> dict[str, Any]:
    """Return the sections of a run's ``results.json``, none if there is no such file."""
    return read_json(folder / "results.json", {})


def load_settings(folder: Path) -> Settings:
    """Return the settings that a run was trained with."""
    return Settings(**_training(folder)["parameters"])


def load_book(folder: Path) -> Corpus:
    """Load the text that a run was trained on.

    Raises
    ------
    ReportError
        If the run has not been trained yet, or the text is not what it was then.
    """
    training = _training(folder)
    book = load_corpus(training["corpus"], training["encoding"])
    if book.sha256 != training["book"]["sha256"]:
        raise ReportError(
            f"{book.file}: expected the text that the model was trained on, got one that has "
            "changed since; run 02_training_evolution.ipynb again"
        )
    return book


def _training(folder: Path) -> dict[str, Any]:
    training = read_results(folder).get("training")
    if training is None:
        raise ReportError(
            f"expected a trained model in {folder.name}, got none; "
            "run 02_training_evolution.ipynb with the same run_dir first"
        )
    return training


def _headlines(runs: Sequence[Run], corpus: str) -> dict[str, Any]:
    """Return the section of a training: what was trained on what, and its losses."""
    run = runs[0]
    seeds = [
        {
            "seed": one.settings.seed,
            "lowest_smooth_loss": one.lowest_smooth_loss,
            "last_smooth_loss": one.smooth_loss,
        }
        for one in runs
    ]
    return {
        "corpus": corpus,
        "encoding": run.corpus.encoding,
        "parameters": run.settings.as_dict(),
        "book": passport(run.corpus, run.settings.seq_length, run.updates_per_epoch),
        "updates": run.last_update,
        "updates_per_epoch": run.updates_per_epoch,
        "first_smooth_loss": run.state.history[0][1],
        "last_smooth_loss": run.smooth_loss,
        "lowest_smooth_loss": run.lowest_smooth_loss,
        "lowest_smooth_loss_update": run.best_update,
        "diverged": run.diverged,
        "seeds": seeds,
    }


def _discard(folder: Path, section: str) -> None:
    """Remove a section, and the sections, notebooks and pages that were made from it."""
    sections, files = _MADE_FROM.get(section, ([], []))
    for name in (*files, *_PAGES):
        (folder / name).unlink(missing_ok=True)
    results = read_results(folder)
    kept = {name: facts for name, facts in results.items() if name not in (section, *sections)}
    if kept != results:
        _write(folder, kept)


def _put(folder: Path, section: str, facts: dict[str, Any]) -> None:
    _write(folder, read_results(folder) | {section: facts, "provenance": _provenance()})


def _write(folder: Path, results: dict[str, Any]) -> None:
    text = json.dumps(results, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
    write_whole(folder / "results.json", (text + "\n").encode())


def _plain(facts: dict[str, Any]) -> dict[str, Any]:
    """Turn facts into what JSON gives back, with None in the place of NaN and infinity."""
    return json.loads(json.dumps(facts, default=np.generic.item), parse_constant=lambda _: None)


def _provenance() -> dict[str, Any]:
    """Return what computed the numbers: the commit, the versions and the machine."""
    versions = {"python": platform.python_version()}
    for name in _VERSIONS:
        with suppress(PackageNotFoundError):
            versions[name] = version(name)
    return {
        "commit": _git("rev-parse", "HEAD"),
        "clean": _git("status", "--porcelain") == "",
        "versions": versions,
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}",
    }


def _git(*arguments: str) -> str | None:
    """Return what git prints, or None where there is no git or no repository."""
    command = ["git", "-C", str(ROOT), *arguments]
    with suppress(OSError, subprocess.SubprocessError):
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
        return done.stdout.strip()
    return None
