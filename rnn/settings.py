"""What a training run is told, and what follows from it for a text."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np

from rnn.cells import CELLS
from rnn.errors import ReportError, one_of, require_number, require_whole, shown
from rnn.kernels.elementary import cosines, power
from rnn.kernels.randomness import ORDER, generator
from rnn.model import Architecture
from rnn.optimizers import OPTIMIZERS
from rnn.text.segments import ORDERS, segment_starts, updates_per_reading

#: What the assignment asked for in its classic years (2020 to 2023) and in 2026.
COURSES = {
    "classic": {"optimizer": "adagrad", "loss": "sum", "init": "normal", "clip": 5.0},
    "2026": {"optimizer": "adam", "loss": "mean", "init": "scaled", "clip": math.inf},
}

#: The least value of every whole number.
_WHOLE = dict.fromkeys(("m", "seq_length", "epochs", "snapshot_every", "snapshot_length"), 1)
_WHOLE |= {"max_updates": 0, "seed": 0, "chunks": 1, "batch_size": 1, "layers": 1, "patience": 0}

#: The learning rate over the updates, see `Schedule.etas`.
ETA_SCHEDULES = ("constant", "step", "cosine")

#: Settings that version 1.0 does not know; files leave them out where they have these values.
LEFT_OUT = {"cell": "vanilla", "layers": 1, "dropout": 0.0}
LEFT_OUT |= {"eta_schedule": "constant", "eta_decay": 0.9, "patience": 0}


def without_defaults(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings without those of `LEFT_OUT`."""
    return {name: value for name, value in settings.items() if LEFT_OUT.get(name) != value}


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings of a training, checked.

    Raises
    ------
    ReportError
        If a setting has the wrong type or is out of range.
    """

    m: int = 100  # hidden units
    seq_length: int = 25  # characters in a segment (tau)
    sig: float = 0.01  # standard deviation of the first weights, for init "normal"
    epochs: int = 7  # passes over the text
    max_updates: int = 0  # stop after so many updates; 0 for no limit
    snapshot_every: int = 10_000  # updates from one snapshot to the next; the first is before 1
    snapshot_length: int = 200  # characters of a snapshot
    seed: int = 0  # all randomness follows from it
    dtype: str = "float32"  # float32 or float64
    course: str = "classic"  # the year whose settings hold where the next five are None
    optimizer: str | None = None  # one of `rnn.optimizers.OPTIMIZERS`
    eta: float | None = None  # learning rate; None: the optimiser's usual one
    loss: str | None = None  # sum or mean over the characters of a segment
    init: str | None = None  # first weights from N(0, sig^2), or scaled as in the 2026 handout
    clip: float | None = None  # bound on every entry of the gradient; infinity (or 0) for none
    order: str = "sequential"  # one of `rnn.text.segments.ORDERS`
    chunks: int = 50  # chunks the text is cut into, for the order of that name
    batch_size: int = 1  # streams read side by side
    held_out: float = 0.0  # fraction at the end of the text that is measured, not trained on
    document_end: str = ""  # what ends a document: the state is reset after it; empty for none
    cell: str = "vanilla"  # one of `rnn.cells.CELLS`
    layers: int = 1  # layers, each of m hidden units
    dropout: float = 0.0  # share of what a layer passes on that is left out in training
    eta_schedule: str = "constant"  # one of `ETA_SCHEDULES`: how eta changes over the updates
    eta_decay: float = 0.9  # what eta is multiplied by after every epoch, for the schedule "step"
    patience: int = 0  # stop after so many epochs without a lower held-out loss; 0 for never

    def __post_init__(self) -> None:
        """Check every setting and fill in what the course gives."""

        def put(name: str, value: Any) -> None:
            object.__setattr__(self, name, value)

        for name, least in _WHOLE.items():
            put(name, require_whole(name, getattr(self, name), least))
        # A year is easily given as a number, and a command line makes it one.
        year: Any = self.course
        put("course", one_of("course", "2026" if year == 2026 else year, COURSES))
        for name, value in COURSES[self.course].items():
            if getattr(self, name) is None:
                put(name, value)
        one_of("cell", self.cell, CELLS)
        one_of("optimizer", self.optimizer, OPTIMIZERS)
        one_of("loss", self.loss, ("sum", "mean"))
        one_of("init", self.init, ("normal", "scaled"))
        one_of("order", self.order, ORDERS)
        one_of("eta_schedule", self.eta_schedule, ETA_SCHEDULES)
        one_of("dtype", self.dtype, ("float32", "float64"))
        if self.eta is None:
            put("eta", OPTIMIZERS[str(self.optimizer)].usual_eta)
        put("eta", require_number("eta", self.eta, above=0))
        put("sig", require_number("sig", self.sig, above=0))
        if self.clip != math.inf:
            put("clip", require_number("clip", self.clip, least=0) or math.inf)
        put("held_out", require_number("held_out", self.held_out, least=0, below=1))
        put("dropout", require_number("dropout", self.dropout, least=0, below=1))
        put("eta_decay", require_number("eta_decay", self.eta_decay, above=0, most=1))
        if self.patience and not self.held_out:
            raise ReportError(
                f"patience: expected 0 where nothing is held out, got {self.patience}; "
                "set held_out, for instance to 0.1"
            )
        if not isinstance(self.document_end, str):
            raise ReportError(f"document_end: expected a text, got {shown(self.document_end)}")

    @classmethod
    def among(cls, names: Mapping[str, Any]) -> "Settings":
        """Take the settings from the names of a notebook, which has others too."""
        for field in fields(cls):
            if field.name not in names:
                raise ReportError(
                    f"{field.name}: expected a parameter of this name in the notebook, got none; "
                    "check the spelling in its parameter cell"
                )
        return cls(**{field.name: names[field.name] for field in fields(cls)})

    @property
    def characters_in_loss(self) -> int:
        """The characters that one loss counts: those of a segment for a sum, else 1."""
        return self.seq_length if self.loss == "sum" else 1

    @property
    def loss_unit(self) -> str:
        """What a loss is counted per: 'segment' for a sum, 'character' for a mean."""
        return "segment" if self.loss == "sum" else "character"

    def per_character(self, loss: float) -> float:
        """Return a loss in nats per character."""
        return loss / self.characters_in_loss

    def architecture(self, K: int) -> Architecture:
        """Return what the network for `K` characters is made of."""
        return Architecture(CELLS[self.cell], self.m, K, self.layers)

    def as_dict(self) -> dict[str, Any]:
        """Return the settings as plain data that JSON can hold; no clipping is a clip of 0.

        Those of `LEFT_OUT` are left out.
        """
        settings = asdict(self)
        settings["clip"] = 0.0 if math.isinf(settings["clip"]) else settings["clip"]
        return without_defaults(settings)


@dataclass(frozen=True)
class Schedule:
    """What follows from the settings and the length of a text; made by `Schedule.of`."""

    settings: Settings
    trained: int  # characters at the beginning that are trained on; the rest is held out
    updates_per_epoch: int  # updates that read the trained part once
    last_update: int  # the number of the last update
    planned: int  # the same, even of a part of a training that makes fewer

    @classmethod
    def of(cls, settings: Settings, characters: int) -> "Schedule":
        """Plan the reading of a text with so many characters.

        Raises
        ------
        ReportError
            If the trained or the held-out part has no room for a segment, or the text none for the
            streams or chunks.
        """
        tau, B, L = settings.seq_length, settings.batch_size, settings.chunks
        held_out, need = round(settings.held_out * characters), tau + 1
        trained = characters - held_out
        if settings.held_out and held_out < need:
            raise ReportError(
                f"held_out: expected a part of at least seq_length + 1 = {need:,} characters, "
                f"got {held_out:,} of {characters:,}; hold out more or use a longer text"
            )
        if trained < need:
            raise ReportError(
                f"corpus: expected at least seq_length + 1 = {need:,} characters to train on, "
                f"got {trained:,}; use a longer text or a smaller seq_length"
            )
        if settings.order == "chunks" and L < B:
            raise ReportError(
                f"chunks: expected at least as many as batch_size = {B:,} streams, got {L:,}"
            )
        if settings.order == "chunks" and trained // L < need:
            raise ReportError(
                f"chunks: expected chunks of at least seq_length + 1 = {need:,} characters, "
                f"got {L:,} chunks of {trained // L:,}; lower chunks or seq_length"
            )
        per_epoch = updates_per_reading(trained, settings.order, tau, B, L)
        if per_epoch < 1:
            raise ReportError(
                f"batch_size: expected a text with room for a segment in every stream, got {B:,} "
                f"streams of {trained:,} characters in all; lower batch_size or seq_length"
            )
        last = settings.epochs * per_epoch
        last = min(last, settings.max_updates or last)
        return cls(settings, trained, per_epoch, last, last)

    @property
    def patience(self) -> int:
        """The updates without a lower held-out loss after which training stops; 0 for never."""
        return self.settings.patience * self.updates_per_epoch

    def etas(self, update: int, updates: int) -> np.ndarray:
        """Return the learning rates of so many updates from `update` on, (updates,) float64.

        Of update n of N, in epoch e (both from 0), it is the settings' eta times 1 ("constant"),
        decay^e ("step") or (1 + cos(pi n / N)) / 2 ("cosine").

        Notes
        -----
        Loshchilov and Hutter (2017), 'SGDR', equation 5, over one period down to zero.
        """
        s, n = self.settings, np.arange(update - 1, update - 1 + updates)
        if s.eta_schedule == "cosine":
            return s.eta * ((1 + cosines(np.pi * (n / self.planned))) / 2)
        if s.eta_schedule == "step":
            epochs, where = np.unique(n // self.updates_per_epoch, return_inverse=True)
            return s.eta * np.array([power(s.eta_decay, e) for e in epochs])[where]
        return np.full(updates, s.eta)

    def epoch(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        """Return where the updates of an epoch (from 0) read, as `segment_starts` does."""
        s = self.settings
        rng = generator(s.seed, ORDER, number)
        return segment_starts(self.trained, s.order, s.seq_length, s.batch_size, s.chunks, rng)

    def place(self, update: int) -> tuple[int, int]:
        """Return the epoch of an update and its number within it, both from 0."""
        return divmod(update - 1, self.updates_per_epoch)
