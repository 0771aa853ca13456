"""What a training run is told, and what cannot be."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from rnn.errors import ReportError, one_of, require_number, require_whole, shown
from rnn.optimizers import OPTIMIZERS, USUAL_ETA

__all__ = ["COURSES", "Settings"]

#: What the assignment asked for in its classic years (2020 to 2023) and in 2026.
COURSES = {
    "classic": {"optimizer": "adagrad", "loss": "sum", "init": "normal", "clip": 5.0},
    "2026": {"optimizer": "adam", "loss": "mean", "init": "scaled", "clip": math.inf},
}

_WHOLE = {
    "m": 1,
    "seq_length": 1,
    "epochs": 1,
    "max_updates": 0,
    "snapshot_every": 1,
    "snapshot_length": 1,
    "seed": 0,
    "chunks": 1,
    "batch_size": 1,
}


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings of a training run, checked.

    Attributes
    ----------
    m : int
        Hidden units.
    seq_length : int
        Characters in a segment (tau).
    sig : float
        Standard deviation of the first weights, for ``init="normal"``.
    epochs : int
        Passes over the text.
    max_updates : int
        Stop after so many updates; 0 for no limit.
    snapshot_every, snapshot_length : int
        Synthesize so many characters before the first and before every so many-th update.
    seed : int
        All randomness follows from it.
    dtype : {"float32", "float64"}
        The type that is computed in.
    course : {"classic", "2026"}
        Which year's `optimizer`, `loss`, `init` and `clip` to use where they are not given.
    optimizer : {"adagrad", "rmsprop", "adam"}
        How parameters follow from gradients.
    eta : float
        Learning rate; the optimiser's usual one where it is not given.
    loss : {"sum", "mean"}
        Over the characters of a segment.
    init : {"normal", "scaled"}
        First weights from N(0, sig^2), or with the 2026 handout's deviations.
    clip : float
        Bound on every entry of the gradient; infinity (or 0) for none.
    order : {"sequential", "chunks", "random"}
        How the text is read: from end to end, in shuffled chunks, or at random positions.
    chunks : int
        Chunks the text is cut into, for ``order="chunks"``.
    batch_size : int
        Streams read side by side.
    held_out : float
        Fraction at the end of the text that is not trained on but measured.
    document_end : str
        What ends a document: the state is reset after it.  Empty for a text that is one.

    Raises
    ------
    ReportError
        If a setting has the wrong type or cannot be.
    """

    m: int = 100
    seq_length: int = 25
    sig: float = 0.01
    epochs: int = 7
    max_updates: int = 0
    snapshot_every: int = 10_000
    snapshot_length: int = 200
    seed: int = 0
    dtype: str = "float32"
    course: str = "classic"
    optimizer: str | None = None
    eta: float | None = None
    loss: str | None = None
    init: str | None = None
    clip: float | None = None
    order: str = "sequential"
    chunks: int = 50
    batch_size: int = 1
    held_out: float = 0.0
    document_end: str = ""

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
        one_of("optimizer", self.optimizer, OPTIMIZERS)
        one_of("loss", self.loss, ("sum", "mean"))
        one_of("init", self.init, ("normal", "scaled"))
        one_of("order", self.order, ("sequential", "chunks", "random"))
        one_of("dtype", self.dtype, ("float32", "float64"))
        if self.eta is None:
            put("eta", USUAL_ETA[str(self.optimizer)])
        put("eta", require_number("eta", self.eta, above=0))
        put("sig", require_number("sig", self.sig, above=0))
        if self.clip != math.inf:
            put("clip", require_number("clip", self.clip, least=0) or math.inf)
        put("held_out", require_number("held_out", self.held_out, least=0, below=1))
        if not isinstance(self.document_end, str):
            raise ReportError(f"document_end: expected a text, got {shown(self.document_end)}")

    @classmethod
    def among(cls, names: Mapping[str, Any]) -> "Settings":
        """Take the settings from the names of a notebook, which may have others too."""
        return cls(
            **{field.name: names[field.name] for field in fields(cls) if field.name in names}
        )

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

    def as_dict(self) -> dict[str, Any]:
        """Return the settings as plain data that JSON can hold; no clipping is a clip of 0."""
        settings = asdict(self)
        return settings | {"clip": 0.0 if math.isinf(settings["clip"]) else settings["clip"]}
