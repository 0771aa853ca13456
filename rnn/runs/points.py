"""The points of a sweep: trained a slice at a time, on any machine, and kept as runs are.

A slice needs nothing but its arguments, and gives back bytes and plain data.  As a training goes on
exactly where a state ends, it does not matter where, how often and in how many slices it is made.
"""

import io
import math
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import redirect_stderr
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from rnn.errors import ReportError
from rnn.kernels.compilation import SOURCE_DIGEST
from rnn.runs.checkpoints import Checkpoints, checkpoints_of
from rnn.runs.results import read_results, replace_section, save_runs
from rnn.runs.run import Run
from rnn.settings import Schedule, Settings
from rnn.state import first_state, require_memory
from rnn.text.corpus import Corpus
from rnn.training import Trainer

#: What has to be the same wherever a point is trained.
VERSION = f"{SOURCE_DIGEST} with NumPy {np.__version__}"

_SHARE = 0.01  # of the time may go into taking a state up and saving it


def train_slice(corpus: Corpus, task: Mapping[str, Any]) -> dict[str, Any]:
    """Train for a while, and return where that led; an error is returned, not raised.

    Parameters
    ----------
    corpus : Corpus
        The text; its file need not exist here.
    task : mapping
        Plain data: ``parameters`` of the training, ``until`` which update, for about how many
        ``seconds``, from which ``state`` (the bytes of a checkpoint, empty for the beginning) after
        which ``update``, by which ``version`` of the project.

    Returns
    -------
    dict
        ``state`` and ``update`` to go on from, ``smooth_loss`` (nats per character), ``seconds``
        that ``timed_updates`` took, whether the training has ``ended``; then also ``diverged``,
        ``early_stopping``, ``validation_loss``, ``held_out_loss`` (the lowest) and
        ``text_losses``.  Else ``error``; or ``other_version``.
    """
    if task["version"] != VERSION:
        return {"other_version": VERSION}
    silence = io.StringIO()  # a worker has no terminal of its own
    try:
        with redirect_stderr(silence):
            return _train_slice(corpus, task)
    except ReportError as error:
        return {"error": str(error)}
    except Exception as error:  # whatever it is, the other points go on
        return {"error": f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"}


def _train_slice(corpus: Corpus, task: Mapping[str, Any]) -> dict[str, Any]:
    settings = Settings(**task["parameters"])
    corpus.ids.flags.writeable = False  # as it was before it travelled: else it compiles anew
    whole = Schedule.of(settings, len(corpus))
    schedule = replace(whole, last_update=min(whole.last_update, task["until"]))
    require_memory(settings, corpus.K)
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="slice-") as folder:
        checkpoints = Checkpoints(Path(folder), corpus, settings)
        if task["state"]:
            checkpoints.take(task["update"], task["state"])
        state = checkpoints.newest(schedule.last_update) or first_state(settings, corpus.K)
        trainer = Trainer(corpus, schedule, state)
        begun, spent = time.perf_counter(), time.perf_counter() - begun
        timed = first = state.update
        for _ in trainer:
            if timed == first:  # the first call may have had to compile
                begun, timed = time.perf_counter(), state.update
            if time.perf_counter() - begun > max(task["seconds"], spent / _SHARE):
                break
        seconds, reached = time.perf_counter() - begun, state.update
        checkpoints.save(state)
        content = checkpoints.path(reached).read_bytes()
    told = {
        "state": content,
        "update": reached,
        "smooth_loss": settings.per_character(float(state.losses[0])),
        "seconds": seconds if reached > timed else 0.0,
        "timed_updates": reached - timed,
        "ended": trainer.ended,
    }
    if told["ended"]:
        validation = trainer.validation_loss() if settings.held_out else None
        run = Run(corpus, schedule, state, validation, reached - first, seconds, reached - timed)
        told |= {"diverged": run.diverged, "early_stopping": run.early_stopping}
        told |= {"validation_loss": validation, "held_out_loss": run.lowest_held_out[1]}
        told |= {"text_losses": run.text_losses()}
    return told


def is_saved(folder: Path, settings: Settings, told: Sequence[Mapping[str, Any]]) -> bool:
    """Tell whether a folder holds the results of these trainings, which are as for `save_point`."""
    training = read_results(folder).get("training", {})
    seeds = [one["seed"] for one in training.get("seeds", [])]
    asked = [one["seed"] for one in told]
    made = training.get("parameters") == settings.as_dict() and seeds == asked
    return made and training.get("updates") == told[0]["updates"]


def save_point(
    folder: Path, corpus: Corpus, name: str, settings: Settings, told: Sequence[Mapping[str, Any]]
) -> None:
    """Write what notebook 02 leaves of a training, from the states in a point's folder.

    Parameters
    ----------
    folder : Path
        The point's.
    corpus, name : Corpus, str
        The text, and what `load_corpus` was given for it.
    settings : Settings
        Those of the first seed.
    told : sequence of mappings
        For every seed in turn: ``seed``, ``updates`` made, ``seconds`` that ``timed_updates`` took,
        ``validation_loss`` and ``text_losses``.
    """
    runs = []
    for one in told:
        its = replace(settings, seed=one["seed"])
        states = checkpoints_of(folder / "checkpoints", corpus, its, settings.seed)
        state = states.newest(one["updates"])
        if state is None or state.update != one["updates"]:
            raise ReportError(
                f"{folder.name}: expected the checkpoint of update {one['updates']:,}, got none; "
                "delete the folder and run make sweep again"
            )
        schedule, timed = Schedule.of(its, len(corpus)), one["timed_updates"]
        validation = one["validation_loss"]
        if validation is None and its.held_out:
            validation = math.nan
        runs.append(Run(corpus, schedule, state, validation, timed, one["seconds"], timed))
    save_runs(runs, folder, name)
    replace_section(folder, "text_losses", told[0]["text_losses"])
