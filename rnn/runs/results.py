"""What a run leaves for anyone's own analysis: ``results.json`` and the files of the training."""

import json
import os
import platform
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from rnn import ROOT
from rnn.errors import ReportError
from rnn.runs.models import save_model
from rnn.runs.run import Run
from rnn.runs.storage import write_whole
from rnn.settings import Settings
from rnn.text.corpus import Corpus, load_corpus
from rnn.text.passport import passport

__all__ = ["load_book", "load_settings", "provenance", "read_results", "record", "save_runs"]

_PAGES = ("report.ipynb", "report.pdf", "report.html")

#: What is made from a section of the results: other sections, and files.
_MADE_FROM = {
    "gradient_check": ((), ("01_gradient_check.ipynb", "03_best_model_sampling.ipynb")),
    "training": (
        ("text_losses", "sampling"),
        ("02_training_evolution.ipynb", "03_best_model_sampling.ipynb", "speed.json"),
    ),
    "sampling": ((), ("03_best_model_sampling.ipynb",)),
}

_VERSIONS = ("numpy", "scipy", "numba", "pandas", "matplotlib", "papermill", "nbconvert", "typst")


def record(folder: Path, section: str, facts: dict[str, Any]) -> None:
    """Put facts into a run's ``results.json``, under the name of a section.

    Parameters
    ----------
    folder : Path
        The run's folder.
    section : str
        What was there under this name is replaced.  If it said something else, what was made
        from it goes, pages included, so that a folder never holds results of two runs; sections
        that do not depend on it stay.
    facts : dict
        Plain data; a number that is none is written as null.
    """
    facts = _plain(facts)
    with _alone(folder):
        if read_results(folder).get(section) != facts:
            _forget(folder, section)
        _put(folder, section, facts)


def _forget(folder: Path, section: str) -> None:
    """Remove a section and what was made from it."""
    sections, files = _MADE_FROM.get(section, ((), ()))
    results = read_results(folder)
    kept = {name: facts for name, facts in results.items() if name not in (section, *sections)}
    for name in (*files, *_PAGES):
        (folder / name).unlink(missing_ok=True)
    if kept != results:
        _write(folder, kept)


def _put(folder: Path, section: str, facts: dict[str, Any]) -> None:
    _write(folder, read_results(folder) | {section: facts, "provenance": provenance()})


def _write(folder: Path, results: dict[str, Any]) -> None:
    text = json.dumps(results, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
    write_whole(folder / "results.json", (text + "\n").encode())


def read_results(folder: Path) -> dict[str, Any]:
    """Return what a run's ``results.json`` holds: nothing yet, or its sections."""
    try:
        return json.loads((folder / "results.json").read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise ReportError(
            f"results.json: expected the results of a run, got a file that cannot be read "
            f"({error}); delete it and run again"
        ) from None


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
    with _alone(folder):
        if read_results(folder).get("training") != facts:
            # Until all files are those of this run there is none here.
            _forget(folder, "training")
        lines = run.history.to_csv(index=False, lineterminator="\n")
        write_whole(folder / "history.csv", lines.encode())
        snapshots = json.dumps(run.state.snapshots, indent=1, ensure_ascii=False)
        write_whole(folder / "snapshots.json", (snapshots + "\n").encode())
        save_model(folder / "best_model.npz", run.best_model)
        (folder / "last_model.npz").unlink(missing_ok=True)
        if np.isfinite(run.state.theta).all():
            save_model(folder / "last_model.npz", run.last_model)
        # How long it took is no result: another day it is another number.
        if run.timed_updates:
            speed = {"seconds": run.seconds, "updates": run.timed_updates}
            write_whole(folder / "speed.json", (json.dumps(speed) + "\n").encode())
        _put(folder, "training", facts)


def _headlines(runs: Sequence[Run], corpus: str) -> dict[str, Any]:
    """Tell a training run in numbers."""
    run = runs[0]
    return {
        "corpus": corpus,
        "encoding": run.corpus.encoding,
        "parameters": run.settings.as_dict(),
        "book": passport(run.corpus, run.settings.seq_length),
        "updates": run.last_update,
        "updates_per_epoch": run.updates_per_epoch,
        "first_smooth_loss": run.state.history[0][1],
        "last_smooth_loss": float(run.state.losses[0]),
        "lowest_smooth_loss": run.lowest_smooth_loss,
        "lowest_smooth_loss_update": run.best_update,
        "diverged": run.diverged,
        "seeds": [
            {
                "seed": one.settings.seed,
                "lowest_smooth_loss": one.lowest_smooth_loss,
                "last_smooth_loss": float(one.state.losses[0]),
            }
            for one in runs
        ],
    }


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


def provenance() -> dict[str, Any]:
    """Say what computed the numbers: the commit, the versions and the machine."""
    versions = {"python": platform.python_version()}
    for name in _VERSIONS:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return {
        "commit": _git("rev-parse", "HEAD"),
        "clean": _git("status", "--porcelain") == "",
        "versions": versions,
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}",
    }


def _git(*arguments: str) -> str | None:
    """Return what git prints, or None where there is no git or no repository."""
    try:
        done = subprocess.run(
            ["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, timeout=20
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _plain(value: Any) -> Any:
    """Turn NumPy's numbers into Python's, and numbers that are none into None."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not np.isfinite(value) else value


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep the notebooks of one run, which may run side by side, from writing at once."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    with open(folder / ".results.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
