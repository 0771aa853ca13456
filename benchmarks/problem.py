"""What every system is given: the same text, first parameters, segments and settings."""

from dataclasses import dataclass, field, fields
from pathlib import Path

import numpy as np


@dataclass(frozen=True, kw_only=True)
class Problem:
    """A network, a text and how to train on it.

    The network and its symbols are those of the course: ``h_t = tanh(W h_{t-1} + U x_t + b)``,
    ``o_t = V h_t + c``, or one of GRU or LSTM cells as `rnn.cells` has them.  The loss of an update
    is the sum over tau characters of the cross entropy and the mean over the batch.  Each entry g
    of the gradient is clipped to [-clip, clip], then ``a += g^2`` and
    ``theta -= eta g / sqrt(a + eps)``, with a = 0 at first.

    The first parameters are float64.  Of a cell other than the vanilla one W, U and b have a block
    for each gate, as in `rnn.cells`; W2, U2 and b2 are those of the second layer, if there is one.
    """

    m: int  # hidden units
    tau: int  # characters in a segment
    K: int  # distinct characters
    batch: int  # segments read side by side
    dtype: str  # the type that is computed in
    eps: float  # AdaGrad's epsilon
    clip: float  # the bound on the gradient's entries; eta is told with each run
    W: np.ndarray  # (m, m)
    U: np.ndarray  # (K, m) with one row per character
    V: np.ndarray  # (K, m)
    b: np.ndarray  # (m,)
    c: np.ndarray  # (K,)
    ids: np.ndarray  # (n,) integers: the text
    # (updates, batch) int64: where the segments of each update begin.  They follow each other: the
    # hidden state is zero before the first update and carried on after that.
    starts: np.ndarray
    cell: str = "vanilla"  # vanilla, gru or lstm
    layers: int = 1  # or 2
    W2: np.ndarray = field(default_factory=lambda: np.zeros(0))
    U2: np.ndarray = field(default_factory=lambda: np.zeros(0))  # (m, m) for each gate
    b2: np.ndarray = field(default_factory=lambda: np.zeros(0))

    def parameters(self) -> dict[str, np.ndarray]:
        """Return fresh copies of the first parameters in the problem's type."""
        names = [*"WUVbc", *(("W2", "U2", "b2") if self.layers == 2 else ())]
        return {name: getattr(self, name).astype(self.dtype) for name in names}

    def save(self, path: Path) -> None:
        """Write the problem to a file that `load` reads."""
        np.savez(path, **{field.name: getattr(self, field.name) for field in fields(self)})

    @classmethod
    def load(cls, path: Path) -> "Problem":
        """Read what `save` wrote."""
        with np.load(path) as stored:
            read = {name: stored[name] for name in stored.files}
        return cls(**{name: part.item() if part.ndim == 0 else part for name, part in read.items()})
