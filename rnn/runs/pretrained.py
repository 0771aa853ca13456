"""The model of a finished run, to go on training with on another text."""

import math
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rnn import ROOT
from rnn.cells import name_of
from rnn.errors import ReportError, shown
from rnn.evaluation import text_loss, text_losses
from rnn.model import Architecture
from rnn.runs.models import Model, load_model
from rnn.runs.progress import bar
from rnn.runs.results import BEST_MODELS, load_settings, read_training
from rnn.runs.run import Run
from rnn.settings import Schedule, Settings
from rnn.state import TrainingState, first_state
from rnn.text.characters import printable
from rnn.text.corpus import Corpus, load_corpus
from rnn.text.files import expanded, holds, sha256_of
from rnn.text.segments import document_marks

#: The file of a run that another one goes on with: the model with the lowest smooth loss.
MODEL = BEST_MODELS["smooth"]

#: The learning rate is at most this where none is given.  While the memory of an optimiser is
#: empty its steps are about as long as the rate, in every entry, and AdaGrad's usual 0.1 spoils in
#: a few updates what a network has learned.
LARGEST_ETA = 0.01


@dataclass(frozen=True)
class Pretrained:
    """The best model of a finished run, and what is known of that run."""

    run: str  # what was asked for: the name of a run, or its folder
    name: str  # that of its folder
    model: Model
    sha256: str  # of the model's file
    training: dict[str, Any]  # what its results.json says of the training
    settings: Settings  # of that training

    def facts(self, corpus: Corpus) -> dict[str, Any]:
        """Return what results.json records of a training on `corpus` with this model."""
        known = self.model.vocabulary
        return {
            "run": self.run,
            "name": self.name,
            "sha256": self.sha256,
            "update": self.model.update,
            "vocabulary": known,
            "new": "".join(character for character in corpus.vocabulary if character not in known),
            "book": {
                "title": self.training["book"].get("title", self.training["corpus"]),
                "sha256": self.training["book"]["sha256"],
            },
        }


def load_pretrained(
    from_run: str, names: dict[str, Any], given: Collection[str] = ()
) -> Pretrained | None:
    """Load the best model of a run, and let the settings of its network hold for a notebook.

    Parameters
    ----------
    from_run : str
        A run's name, or its folder, relative to the project's root; empty for none.
    names : dict
        The notebook's, as ``globals()`` gives them: `m`, `cell`, `layers` and `dtype` become those
        of the model, and an `eta` that is None at most `LARGEST_ETA`.
    given : collection of str
        The names among them that were given to the notebook.

    Raises
    ------
    ReportError
        If there is no such run, it is not finished or damaged, it is the one that is trained, or
        one of the four settings was given another value.
    """
    if not from_run:
        return None
    folder = _folder(from_run)
    if folder.resolve() == (ROOT / str(names.get("run_dir", ""))).resolve():
        raise ReportError(
            f"from_run: expected another run than the one that is trained, got {shown(from_run)}; "
            "choose another name for the new run"
        )
    try:
        training, settings = read_training(folder), load_settings(folder)
        model = load_model(folder / MODEL)
    except ReportError as error:
        raise ReportError(f"from_run: {printable(from_run)}: {error}") from None
    parameters = model.parameters
    network = Architecture.of(parameters)
    own = {"m": network.m, "cell": name_of(network.cell), "layers": network.layers}
    own["dtype"] = parameters.V.dtype.name
    if model.book != training["book"]["sha256"] or network != settings.architecture(network.K):
        raise ReportError(
            f"from_run: expected {MODEL} and results.json of one training, got those of two in "
            f"{printable(from_run)!r}; make that run again"
        )
    for name, value in own.items():
        there = names.get(name, value)
        if there != value and (name in given or there != getattr(Settings(), name)):
            raise ReportError(
                f"{name}: expected {value}, as in the model of {printable(from_run)!r}, got "
                f"{shown(there)}; leave it out"
            )
        names[name] = value
    if names.get("eta") is None:
        chosen = {name: names[name] for name in ("course", "optimizer") if name in names}
        names["eta"] = min(LARGEST_ETA, Settings(**chosen).eta or LARGEST_ETA)
    name = printable(folder.name)
    return Pretrained(from_run, name, model, sha256_of(folder / MODEL), training, settings)


def pretrained_folder(from_run: str, sha256: str) -> Path:
    """Return the folder of a run; a ReportError unless its best model has a sha256."""
    folder = _folder(from_run)
    if not holds(folder / MODEL, sha256):
        raise ReportError(
            f"from_run: expected the {MODEL} of {printable(from_run)!r} with the sha256 "
            f"{sha256[:12]}..., got another or none; make that run again as it was, or go on from "
            "it as it is now"
        )
    return folder


def load_text(corpus: str, encoding: str, pretrained: Pretrained | None) -> Corpus:
    """Load a text; the vocabulary is that of the text, with what the model knows, sorted."""
    return load_corpus(corpus, encoding, pretrained.model.vocabulary if pretrained else "")


def begin(corpus: Corpus, schedule: Schedule, pretrained: Pretrained | None) -> TrainingState:
    """Return the state before the first update.

    With a model to go on with, whose vocabulary is part of that of `corpus`, all that it has is
    taken over.  What it lacks, the rows of U and V and the entries of c for characters that it does
    not know, is as without it.  The smooth loss begins with its loss over the text that is trained
    on: the first loss alone may be far below, and then no later model would have a lower one.

    Raises
    ------
    ReportError
        If that loss is not finite.
    """
    settings = schedule.settings
    state = first_state(settings, corpus.K)
    if pretrained is None:
        return state
    model, parameters = pretrained.model, settings.architecture(corpus.K).parameters(state.theta)
    rows = corpus.encode(model.vocabulary)
    for name, part in parameters._asdict().items():
        part[rows if name in ("U", "V", "c") else ...] = getattr(model.parameters, name)
    state.h[:] = model.h
    state.best_theta[:], state.best_h[:] = state.theta, state.h
    ids = corpus.ids[: schedule.trained]
    marks = document_marks(ids, corpus.encode(settings.document_end))
    nats = text_loss(parameters, ids, marks, state.h[0])
    if not math.isfinite(nats):
        raise ReportError(
            f"from_run: expected a model with a finite loss over this text, got {nats}; use another"
        )
    state.losses[0] = settings.characters_in_loss * nats
    return state


def losses_before_and_after(run: Run) -> dict[str, dict[str, float]]:
    """Measure the network before a training with a pretrained model, and its best model after it.

    Both read each text once from the state that training left them in, as `Run.text_losses` has it.

    Returns
    -------
    dict
        ``before`` and ``after``, in nats per character, over the ``new text`` as far as it was
        trained on, its ``held-out part`` if it has one, and the ``old text`` as far as the model
        was trained on it before, unless that text is no longer where it was, or has changed.
        Nothing for a training that began with drawn weights.
    """
    if run.pretrained is None:
        return {}
    corpus, schedule, settings = run.corpus, run.schedule, run.settings
    training, former = run.pretrained.training, run.pretrained.settings
    state, parameters = begin(corpus, schedule, run.pretrained), settings.architecture(corpus.K)
    models = [
        (parameters.parameters(theta), h[0])
        for theta, h in ((state.theta, state.h), (run.state.best_theta, run.state.best_h))
    ]
    end, trained = settings.document_end, schedule.trained
    texts: dict[str, tuple[np.ndarray, str]] = {"new text": (corpus.ids[:trained], end)}
    if settings.held_out:
        texts["held-out part"] = corpus.ids[trained:], end
    with suppress(ReportError):
        old = load_corpus(training["corpus"], training["encoding"], corpus.vocabulary)
        if old.sha256 == training["book"]["sha256"] and old.vocabulary == corpus.vocabulary:
            ids = old.ids[: Schedule.of(former, len(old)).trained]
            texts["old text"] = ids, former.document_end
    losses = {}
    for name in bar(texts, desc="before and after", unit="", delay=2):
        ids, end = texts[name]
        marks = document_marks(ids, corpus.encode(end))
        losses[name] = dict(zip(("before", "after"), text_losses(models, ids, marks), strict=True))
    return losses


def _folder(from_run: str) -> Path:
    with suppress(OSError, ValueError):
        for folder in (ROOT / "reports" / from_run, ROOT / expanded(from_run)):
            if folder.is_dir():
                return folder
    there = sorted(path.parent.name for path in (ROOT / "reports").glob(f"*/{MODEL}"))
    raise ReportError(
        f"from_run: expected the name or folder of a finished run, got {shown(from_run)}; "
        f"choose from {' '.join(there) or 'those that make report RUN=NAME has made'}"
    )
