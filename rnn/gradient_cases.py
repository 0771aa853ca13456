"""Where gradients are checked: with first weights and after some training, h_0 zero or not."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from rnn.cell import views
from rnn.errors import require_number, require_whole
from rnn.kernels.randomness import CHECK, generator
from rnn.model import initialise, loss_and_gradients, segment_loss
from rnn.optimizers import adagrad
from rnn.text.corpus import Corpus, require_segments
from rnn.vanilla import Vanilla

__all__ = ["BURN_IN", "FEW", "MANY", "Case", "check_cases"]

#: Updates before the cases after training.
BURN_IN = 300

#: With more characters than `MANY`, rows of U, V and c that belong to `FEW` of them have to do
#: for everything but Table 1: thousands would take minutes.
MANY, FEW = 200, 40

_ETA, _CLIP = 0.1, 5.0  # the assignment's
_LARGEST_M = 200  # every entry of W costs two losses an oracle
_LARGEST_SIG = 10


@dataclass(frozen=True, eq=False)
class Case:
    """A network at a place in its text.

    Attributes
    ----------
    name : str
        What is particular about it.
    theta : (n,) float64
        All parameters.
    m, K : int
        Hidden units, characters.
    x, y : (tau,) or (tau, B) integers
        The characters read and those that follow them.
    h0 : (m,) or (B, m)
        The state before them.
    cell : named tuple class
        The recurrence.
    places : (k,) integers, or ... for all
        The entries of `theta` by which derivatives are taken.
    """

    name: str
    theta: np.ndarray
    m: int
    K: int
    x: np.ndarray
    y: np.ndarray
    h0: np.ndarray
    cell: Any = Vanilla
    places: Any = ...

    def parameters(self, theta: np.ndarray) -> Any:
        """Name the parts of a vector like `theta`, real or complex."""
        return views(self.cell, theta, self.m, self.K)

    def loss(self, theta: np.ndarray) -> Any:
        """Return the loss of the segment in nats, with these parameters."""
        return segment_loss(self.parameters(theta), self.x, self.y, self.h0)

    def gradient(self) -> np.ndarray:
        """Return what `rnn.model.backward` computes, shape (k,)."""
        found = loss_and_gradients(self.parameters(self.theta), self.x, self.y, self.h0)
        return self.vector(found.gradients)

    def vector(self, gradients: Any) -> np.ndarray:
        """Put gradients by name into one vector, shape (k,)."""
        theta = np.concatenate([getattr(gradients, name).ravel() for name in self._shapes()])
        return theta[self.places]

    def parts(self) -> Iterator[tuple[str, np.ndarray]]:
        """Yield each parameter's name and where its entries are in a vector of length k."""
        shapes = self._shapes()
        sizes = [int(np.prod(shape)) for shape in shapes.values()]
        owner = np.repeat(np.arange(len(sizes)), sizes)[self.places]
        for number, name in enumerate(shapes):
            yield name, np.flatnonzero(owner == number)

    def small(self) -> "Case":
        """Return the case with `FEW` characters' rows, the segment's first, if there are `MANY`."""
        if self.K <= MANY:
            return self
        read = np.unique(np.concatenate([self.x, self.y]))
        others = np.setdiff1d(np.arange(self.K), read)
        rows = np.concatenate([read, others[: max(FEW - len(read), 0)]])
        index = self.parameters(np.arange(self.theta.size))._asdict()
        kept = [part[rows] if name in ("U", "V", "c") else part for name, part in index.items()]
        return replace(self, places=np.sort(np.concatenate([part.ravel() for part in kept])))

    def _shapes(self) -> dict[str, tuple[int, ...]]:
        return self.cell.shapes(self.m, self.K)


def check_cases(book: Corpus, seed: int, m: int, seq_length: int, sig: float) -> list[Case]:
    """Set up the cases in which the gradients are checked, all on the first segment of a text.

    Parameters
    ----------
    book : Corpus
        The text.
    seed : int
        The first weights and the non-zero state follow from it.
    m, seq_length : int
        Hidden units, characters in the segment.
    sig : float
        Standard deviation of the first weights.

    Returns
    -------
    list of Case
        The assignment's first: first weights, h_0 = 0; then with a random h_0; then both again
        after `BURN_IN` updates of AdaGrad.  The random h_0 is uniform in (-1, 1), the range of
        tanh.

    Raises
    ------
    ReportError
        If a value cannot be, or the text is shorter than seq_length + 1 characters.
    """
    m = require_whole("m", m, 1, _LARGEST_M)
    seq_length = require_whole("seq_length", seq_length, 1)
    seed = require_whole("seed", seed, 0)
    sig = require_number("sig", sig, above=0, most=_LARGEST_SIG)
    require_segments(book, seq_length)
    rng = generator(seed, CHECK)
    first, _ = initialise(m, book.K, sig, rng)
    zero, random = np.zeros(m), rng.uniform(-1, 1, m)
    ids = book.ids[: BURN_IN * seq_length + 1].astype(np.int64)
    trained = _trained(first, m, book.K, ids, seq_length)
    x, y = ids[:seq_length], ids[1 : seq_length + 1]
    cases = [
        Case(f"{weights}, {state}", theta, m, book.K, x, y, h0)
        for weights, theta in (("first weights", first), (f"after {BURN_IN} updates", trained))
        for state, h0 in (("h₀ = 0", zero), ("h₀ ≠ 0", random))
    ]
    return cases[:1] + [case.small() for case in cases[1:]]


def _trained(theta: np.ndarray, m: int, K: int, ids: np.ndarray, seq_length: int) -> np.ndarray:
    """Return the parameters after `BURN_IN` updates on segment after segment of `ids`."""
    theta = theta.copy()
    memory = np.zeros((1, theta.size))
    h, e = np.zeros(m), 0
    for _ in range(BURN_IN):
        if e + seq_length >= len(ids):
            h, e = np.zeros(m), 0
        x, y = ids[e : e + seq_length], ids[e + 1 : e + seq_length + 1]
        here = Case("", theta, m, K, x, y, h)
        found = loss_and_gradients(here.parameters(theta), x, y, h)
        adagrad(theta, here.vector(found.gradients), memory, _ETA, _CLIP)
        h, e = found.h, e + seq_length
    return theta
