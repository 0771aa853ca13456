"""What a run leaves for anyone's own analysis: ``results.json``, and the files beside it."""

import json
import math
import os
import platform
import subprocess
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from rnn import ROOT
from rnn.errors import ReportError, one_of
from rnn.gradient_check import CENTRAL, COMPLEX, first_setting
from rnn.runs.models import Model, load_model, save_model
from rnn.runs.run import LOWEST_SMOOTH, Run
from rnn.runs.storage import COUNT, POSITIVE, hold, plain, read_json, write_whole
from rnn.settings import Settings, without_defaults
from rnn.text.corpus import Corpus, load_corpus
from rnn.text.passport import passport

_CHECK, _TRAINING = "01_gradient_check.ipynb", "02_training_evolution.ipynb"
_SAMPLING = "03_best_model_sampling.ipynb"
#: What is made of the executed notebooks.
PAGES = ("report.ipynb", "report.pdf", "report.html")

#: What is made from a section of the results: other sections, and files beside the pages.
_MADE_FROM: dict[str, tuple[list[str], list[str]]] = {
    "gradient_check": ([], [_CHECK, _SAMPLING]),
    "training": (
        ["text_losses", "losses_before_and_after", "sampling"],
        [_TRAINING, _SAMPLING, "speed.json"],
    ),
    "sampling": ([], [_SAMPLING]),
}

_TEXTS = ("title", "file", "sha256", "encoding", "byte_order_mark", "line_ends", "edition")
_LOSS = (float, None)
_HELD_OUT = {"update": COUNT, "nats": _LOSS, "bits": _LOSS}  # per character
_LOSSES = {
    "lowest_smooth_loss": _LOSS,
    "last_smooth_loss": _LOSS,
    "held_out_loss": dict.fromkeys(("lowest", "last", "lowest_smooth"), _HELD_OUT),
}

#: What ``results.json`` holds, as `rnn.runs.storage.misfit` reads it.
_SCHEMA = {
    "gradient_check": {
        "parameters": {str: (float, str, None)},
        "verdicts": {str: str},
        "planted_mistakes": {str: _LOSS},
        str: _LOSS,
    },
    "training": {
        "corpus": str,
        "encoding": str,
        "parameters": {
            "m": POSITIVE,
            "seq_length": POSITIVE,
            "batch_size": POSITIVE,
            "epochs": POSITIVE,
            "seed": COUNT,
            "loss": str,
            "held_out": float,
            str: (float, str, None, bool),
        },
        "book": {
            **dict.fromkeys(_TEXTS, str),
            **dict.fromkeys(("characters", "K", "updates_per_epoch", "seq_length"), POSITIVE),
            **dict.fromkeys(("bytes", "distinct"), COUNT),
            "first_loss": float,
            "rarest": [{"character": str, "code_point": str, "count": COUNT}],
            "warnings": [str],
        },
        **dict.fromkeys(("updates", "updates_per_epoch", "lowest_smooth_loss_update"), POSITIVE),
        "first_smooth_loss": _LOSS,
        **_LOSSES,
        "diverged": str,
        "from_run": {
            **dict.fromkeys(("run", "name", "sha256", "vocabulary", "new"), str),
            "update": COUNT,
            "book": {"title": str, "sha256": str},
        },
        "early_stopping": str,
        "seeds": [_LOSSES | {"seed": COUNT, "updates": COUNT}],
    },
    "text_losses": {str: _LOSS},
    "losses_before_and_after": {str: {"before": _LOSS, "after": _LOSS}},
    "sampling": {
        "seed": COUNT,
        "best_by": str,
        "temperature": float,
        "top_p": float,
        "prime": str,
        "length": COUNT,
        "text": str,
    },
    "provenance": {
        "commit": (str, None),
        "clean": (bool, None),
        "versions": {str: str},
        "machine": str,
    },
}
#: The files of the best models, by what is lowest: the smooth or the held-out loss.
BEST_MODELS = {"smooth": "best_model.npz", "held_out": "best_held_out_model.npz"}

#: What the training's section has in any version that is read.
_NEEDED = ("corpus", "encoding", "parameters", "book", "updates_per_epoch")

_VERSIONS = ("numpy", "scipy", "numba", "pandas", "matplotlib", "papermill", "nbconvert", "typst")


def replace_section(
    folder: Path, section: str, facts: dict[str, Any], write: Callable[[], None] = lambda: None
) -> None:
    """Replace a section of a run's ``results.json``, and discard what was made from the old one.

    If it said something else, the sections, notebooks and pages made from that are removed, so that
    a folder never holds results of two runs; what does not depend on it stays.

    Parameters
    ----------
    facts : dict
        What it is to say: plain data, in which NaN and infinity are written as null.  A section
        that says nothing is left out.
    write : callable
        Writes the files that belong to it, before the section is there.
    """
    facts, path = plain(facts), folder / "results.json"
    with hold(folder / ".results.lock"):
        try:
            results = read_results(folder)
        except ReportError:
            # It says no more; what was told from it has to be made again.
            results = {}
            for name in (_CHECK, _TRAINING, _SAMPLING, *PAGES):
                (folder / name).unlink(missing_ok=True)
        if results.get(section, {}) != facts:
            sections, files = _MADE_FROM.get(section, ([], []))
            for name in (*files, *PAGES):
                (folder / name).unlink(missing_ok=True)
            if gone := results.keys() & {section, *sections}:
                results = {name: results[name] for name in results.keys() - gone}
                _write_json(path, results, indent=2, sort_keys=True)
        write()
        results |= {section: facts} if facts else {}
        # That of the run which is made again here to be compared, if one is.
        noted = json.loads(os.environ.get("RNN_PROVENANCE", "null"))
        results["provenance"] = noted or provenance()
        _write_json(path, results, indent=2, sort_keys=True)


def save_check(
    folder: Path,
    errors: pd.DataFrame,
    steps: pd.DataFrame,
    mistakes: pd.DataFrame,
    parameters: dict[str, Any],
) -> None:
    """Write ``gradient_check.csv`` and the check's part of ``results.json``.

    `errors` and `steps`, of `rnn.gradient_check.check` and `check_steps`, are the rows of the file;
    `mistakes` are of `rnn.gradient_mistakes.check_mistakes`, `parameters` those of the check.
    """
    central, stepped = first_setting(errors, CENTRAL), first_setting(errors, COMPLEX)
    facts = {
        "parameters": without_defaults(parameters),
        "largest_relative_error": central["max"].max(),
        "largest_mean_relative_error": central["mean"].max(),
        "largest_norm_wise_error": central["norm_wise"].max(),
        "largest_relative_error_complex_step": stepped["max"].max(),
        "verdicts": central["verdict"].to_dict(),
        "planted_mistakes": mistakes.set_index("mistake")["complex"].to_dict(),
    }
    rows = pd.concat([errors, steps[~steps["h"].isin(errors["h"])]])
    write = partial(_write_table, folder / "gradient_check.csv", rows, float_format="%.6g")
    replace_section(folder, "gradient_check", facts, write)


def save_runs(runs: Sequence[Run], folder: Path, corpus: str) -> None:
    """Write a training run's history, snapshots, models and headline numbers.

    The run is the first; of those with other seeds the losses are kept.  `corpus` is what
    `load_corpus` was given, so that the book is found again.
    """
    run = runs[0]

    def write() -> None:
        _write_table(folder / "history.csv", run.history)
        _write_json(folder / "snapshots.json", run.state.snapshots, indent=1)
        save_model(folder / BEST_MODELS["smooth"], run.best_model)
        for name in ("last_model.npz", BEST_MODELS["held_out"]):
            (folder / name).unlink(missing_ok=True)
        if held_out := run.best_held_out_model:
            save_model(folder / BEST_MODELS["held_out"], held_out)
        if np.isfinite(run.state.theta).all():
            save_model(folder / "last_model.npz", run.last_model)
        # How long it took, and on what, is not a result: results are the same everywhere.
        if run.timed_updates:
            machine = f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}"
            speed = {"seconds": run.seconds, "updates": run.timed_updates, "machine": machine}
            _write_json(folder / "speed.json", speed)

    def length(one: Run) -> dict[str, int]:
        """Tell how many updates a run with another seed made, where that is another number."""
        return {} if one.last_update == run.last_update else {"updates": one.last_update}

    facts = {
        "corpus": corpus,
        "encoding": run.corpus.encoding,
        "parameters": run.settings.as_dict(),
        "book": passport(run.corpus, run.settings.seq_length, run.updates_per_epoch),
        "updates": run.last_update,
        "updates_per_epoch": run.updates_per_epoch,
        "first_smooth_loss": run.state.history[0][1],
        "lowest_smooth_loss_update": run.best_update,
        "diverged": run.diverged,
        "early_stopping": run.early_stopping,
        "seeds": [_losses(one) | {"seed": one.settings.seed} | length(one) for one in runs],
    }
    if run.pretrained:
        facts["from_run"] = run.pretrained.facts(run.corpus)
    replace_section(folder, "training", facts | _losses(run), write)


def _losses(run: Run) -> dict[str, Any]:
    told = {"lowest_smooth_loss": run.lowest_smooth_loss, "last_smooth_loss": run.smooth_loss}
    if run.validation_loss is None:
        return told
    losses = {
        "lowest": run.lowest_held_out,
        "last": (run.last_update, run.validation_loss),
        "lowest_smooth": (run.best_update, run.held_out_text_losses()[LOWEST_SMOOTH]),
    }
    return told | {
        "held_out_loss": {
            name: {"update": update, "nats": nats, "bits": nats / math.log(2)}
            for name, (update, nats) in losses.items()
        }
    }


def read_results(folder: Path) -> dict[str, Any]:
    """Return the sections of a run's ``results.json``, none if there is no such file."""
    return read_json(folder / "results.json", _SCHEMA, {})


def read_snapshots(path: Path) -> list[dict[str, Any]] | None:
    """Return the snapshots of a run's ``snapshots.json``, None if there is no such file."""
    one = {"update": POSITIVE, "smooth_loss": _LOSS, "text": str}
    snapshots = read_json(path, [one])
    if any(one.keys() - snapshot.keys() for snapshot in snapshots or ()):
        raise ReportError(
            f"{path.name}: expected snapshots with update, smooth_loss and text, got others; "
            "delete it and run 02_training_evolution.ipynb again"
        )
    return snapshots


def load_settings(folder: Path) -> Settings:
    """Return the settings that a run was trained with; a ReportError if there is none yet."""
    parameters = read_training(folder)["parameters"]
    try:
        return Settings(**parameters)
    except TypeError as error:
        raise ReportError(
            f"results.json: expected the settings of this version, got others ({error}); "
            "run 02_training_evolution.ipynb again"
        ) from None


def load_best(folder: Path, best_by: str = "smooth") -> tuple[Model, float]:
    """Load one of a run's `BEST_MODELS`; return its held-out loss, too.

    The loss is in nats per character, NaN if nothing was held out.  A ReportError if there is no
    such model.
    """
    path = folder / BEST_MODELS[one_of("best_by", best_by, BEST_MODELS)]
    kind = "lowest" if best_by == "held_out" else "lowest_smooth"
    losses = read_results(folder).get("training", {}).get("held_out_loss", {})
    if best_by == "held_out" and not path.exists():
        raise ReportError(
            "best_by: expected smooth where no held-out loss was measured, got held_out; "
            "choose smooth, or train with held_out, for instance 0.1"
        )
    nats = losses.get(kind, {}).get("nats")
    return load_model(path), math.nan if nats is None else nats


def load_book(folder: Path) -> Corpus:
    """Load the text that a run was trained on; a ReportError if it is not what it was then."""
    training = read_training(folder)
    known = training.get("from_run", {}).get("vocabulary", "")
    book = load_corpus(training["corpus"], training["encoding"], known)
    if book.sha256 != training["book"]["sha256"]:
        raise ReportError(
            f"{book.file}: expected the text that the model was trained on, got one that has "
            "changed since; run 02_training_evolution.ipynb again"
        )
    return book


def read_training(folder: Path) -> dict[str, Any]:
    """Return the training's section of the results; a ReportError if there is none yet."""
    training = read_results(folder).get("training")
    if training is None:
        raise ReportError(
            f"expected a trained model in {folder.name}, got none; "
            "run 02_training_evolution.ipynb with the same run_dir first"
        )
    if not training.keys() >= {*_NEEDED} or not training["book"].keys() >= {"sha256", "K"}:
        raise ReportError(
            "results.json: expected a training of this version, got another; "
            "run 02_training_evolution.ipynb again"
        )
    return training


def _write_json(path: Path, content: Any, **layout: Any) -> None:
    text = json.dumps(content, ensure_ascii=False, allow_nan=False, **layout)
    write_whole(path, (text + "\n").encode())


def _write_table(path: Path, table: pd.DataFrame, **layout: Any) -> None:
    write_whole(path, table.to_csv(index=False, lineterminator="\n", **layout).encode())


def provenance() -> dict[str, Any]:
    """Return what computes numbers here: the commit and the versions."""
    versions = {"python": platform.python_version()}
    for name in _VERSIONS:
        with suppress(PackageNotFoundError):
            versions[name] = version(name)
    return {
        "commit": git("rev-parse", "HEAD"),
        "clean": git("status", "--porcelain") == "",
        "versions": versions,
    }


def git(*arguments: str) -> str | None:
    """Return what git prints, or None where it fails: without git, repository or such a commit."""
    command = ["git", "-C", str(ROOT), *arguments]
    with suppress(OSError, subprocess.SubprocessError):
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
        return done.stdout.strip()
    return None
