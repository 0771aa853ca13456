r"""Are the gradients right?  Two oracles that know the loss alone, and how far they differ.

Central differences, with an error of the order of h^2 and the rounding of the loss over h:

.. math:: g_n = \frac{L(\theta + h) - L(\theta - h)}{2 h}

The complex step, which subtracts nothing, so that h can be as small as one likes:

.. math:: g_n = \frac{\operatorname{Im} L(\theta + i h)}{h}

(Squire and Trapp, 1998, SIAM Review 40(1)).  Analytic gradients g_a differ from either by

.. math:: \frac{|g_a - g_n|}{\max(eps, |g_a| + |g_n|)},

entry by entry, or with a parameter's norms in place of the absolute values: `norm_wise_error`.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from rnn.cells import CELLS
from rnn.errors import one_of, require_number, require_whole
from rnn.kernels.randomness import CHECK, generator
from rnn.model import Architecture, empty_segment, forward, initialise, loss_and_gradients, named
from rnn.optimizers import AdaGrad, update_parameters
from rnn.text.corpus import Corpus, require_segments

#: The oracles' names.
CENTRAL, COMPLEX = "central differences", "complex step"

#: The error of each that is judged.  The rounding of the loss makes single entries look bad in
#: central differences if they are tiny; the complex step has no such excuse.
JUDGED = {CENTRAL: "norm_wise", COMPLEX: "max"}

#: The parameters in the report's order.
PARAMETERS = ("W", "U", "V", "b", "c")

#: Verdicts with the errors that they end at; anything above the last is 'wrong'.
THRESHOLDS = {"good": 1e-7, "acceptable": 1e-4, "too high": 1e-2}

#: Errors up to here are taken for the oracle's own.
ACCEPTED = THRESHOLDS["acceptable"]

#: Updates before the cases after training, with the assignment's learning rate and clipping.
BURN_IN = 300
_OPTIMIZER = AdaGrad(np.full(1, 0.1), 5.0)

#: With more characters than `MANY`, rows of U, V and c that belong to `FEW` of them have to do
#: for everything but Table 1: thousands would take minutes.
MANY, FEW = 200, 40

#: What one oracle may cost in the first case, and in every other: half a minute for Table 1, and as
#: much for all the rest.  Counted, see `Case.cost`, so that all machines look at the same entries.
MOST, MOST_OF_OTHERS = 1.5e9, 3e7
_LEAST = 12  # entries of a parameter that are looked at in any case

#: The rate of dropout in a case of its own, for networks other than the assignment's.
DROPPED = 0.5

_MOST_LAYERS = 10
_LARGEST_M = 200  # every entry of W costs two losses an oracle
_LARGEST_SIG = 10
COMPLEX_STEP = 1e-20
_STEPS = [float(f"{digit}e-{k}") for k in range(1, 11) for digit in (3.16, 1)][1:]

Loss = Callable[[np.ndarray], Any]
Told = Callable[[], Any]

#: Makes a bar, as `rnn.runs.progress.bar` does, or None for no bar.
Bar = Callable[..., Any] | None


#: A case, the oracle that estimates its gradient, and the oracle's step.
Estimate = tuple["Case", str, float]


@dataclass(frozen=True, eq=False)
class Case:
    """A network at a place in its text."""

    name: str  # what is particular about it
    theta: np.ndarray  # (n,) float64: all parameters
    architecture: Architecture
    x: np.ndarray  # (tau, B) the characters read ...
    y: np.ndarray  # (tau, B) ... and those that follow them
    h: np.ndarray  # (B, state size) the state before them
    mask: np.ndarray | None = None  # (L, tau, B, m) the factors of dropout, if there is one
    places: Any = ...  # (k,) the entries of theta by which derivatives are taken, or ... for all

    @property
    def loss(self) -> Loss:
        """The loss of the segment in nats, as a function of parameters, (n,) real or complex.

        It has room for one segment, so that only one thread at a time may call it.
        """
        rooms: dict[Any, Any] = {}  # by type of number

        def loss(theta: np.ndarray) -> Any:
            parameters, kind = self.architecture.parameters(theta), theta.dtype
            if kind not in rooms:
                rooms[kind] = empty_segment(parameters, self.x, self.y, mask=self.mask)
            return forward(parameters, rooms[kind], self.h.astype(kind))

        return loss

    def gradient(self) -> np.ndarray:
        """Return what `rnn.model.backward` computes, shape (k,)."""
        parameters = self.architecture.parameters(self.theta)
        found = loss_and_gradients(parameters, self.x, self.y, self.h, mask=self.mask)
        return self.vector(found.gradients)

    def vector(self, gradients: Any) -> np.ndarray:
        """Put gradients by name into one vector, shape (k,)."""
        return np.concatenate([part.ravel() for part in gradients])[self.places]

    def index(self) -> dict[str, np.ndarray]:
        """Return each parameter's name and where its entries are in `theta`."""
        return named(self.architecture.parameters(np.arange(self.theta.size)))

    def parts(self) -> Iterator[tuple[str, np.ndarray]]:
        """Yield each parameter's name and where its entries are in a vector of length k.

        They are ordered as in the report: those of a layer together, the output's last.
        """
        looked_at = np.arange(self.theta.size)[self.places]
        index = self.index()
        for name in sorted(index, key=lambda n: (float(n[1:] or "inf"), PARAMETERS.index(n[0]))):
            yield name, np.flatnonzero(np.isin(looked_at, index[name]))

    def small(self) -> "Case":
        """Return the case with `FEW` characters' rows, the segment's first, if there are `MANY`."""
        if self.architecture.K <= MANY:
            return self
        read = np.unique(np.concatenate([self.x, self.y]))
        others = np.setdiff1d(np.arange(self.architecture.K), read)
        rows = np.concatenate([read, others[: max(FEW - len(read), 0)]])
        index = self.architecture.parameters(np.arange(self.theta.size))._asdict()
        kept = [part[rows] if name in ("U", "V", "c") else part for name, part in index.items()]
        return replace(self, places=np.sort(np.concatenate([part.ravel() for part in kept])))

    @property
    def entries(self) -> int:
        """The number of entries by which derivatives are taken: k."""
        return int(np.arange(self.theta.size)[self.places].size)

    @property
    def cost(self) -> int:
        """About what one loss for every entry costs, in units of some 10 ns."""
        m, K = self.architecture.m, self.architecture.K
        return self.entries * (3000 + self.x.size * (K + m * (m + K) // 50))

    def sampled(self, most: float = MOST_OF_OTHERS) -> "Case":
        """Return the case with as many entries as cost `most`, spread evenly over each parameter.

        Where all of them cost no more, it is the case itself.
        """
        if self.cost <= most:
            return self
        looked_at, share = np.arange(self.theta.size)[self.places], most / self.cost
        chosen = []
        for _, places in self.parts():
            kept = min(len(places), max(_LEAST, int(share * len(places))))
            chosen.append(looked_at[places[np.linspace(0, len(places) - 1, kept).astype(int)]])
        return replace(self, places=np.sort(np.concatenate(chosen)))


def check_cases(
    corpus: Corpus,
    seed: int,
    m: int,
    seq_length: int,
    sig: float,
    cell: str = "vanilla",
    layers: int = 1,
    dropout: float = 0.0,
) -> list[Case]:
    """Set up the cases in which the gradients are checked, all on the first segment of a text.

    The assignment's comes first: first weights of standard deviation `sig`, h_0 = 0; then one with
    a random h_0, uniform in (-1, 1), the range of tanh; then both again after `BURN_IN` updates of
    AdaGrad.  Of a network with `dropout`, or another one than the assignment's, there is also the
    last with dropout, at a rate of `DROPPED`.  The first weights, the random h_0, which is the
    whole state, and the masks follow from the `seed`; `cell` is a name in `rnn.cells.CELLS`.

    Raises
    ------
    ReportError
        If a value is not possible, or the text is shorter than seq_length + 1 characters.
    """
    m = require_whole("m", m, 1, _LARGEST_M)
    seq_length = require_whole("seq_length", seq_length, 1)
    seed = require_whole("seed", seed, 0)
    sig = require_number("sig", sig, above=0, most=_LARGEST_SIG)
    layers = require_whole("layers", layers, 1, _MOST_LAYERS)
    dropout = require_number("dropout", dropout, least=0, below=1)
    require_segments(corpus, seq_length)
    architecture = Architecture(CELLS[one_of("cell", cell, CELLS)], m, corpus.K, layers)
    rng = generator(seed, CHECK)
    first = initialise(architecture, sig, rng)
    zero = np.zeros((1, architecture.state_size))
    random = 2 * rng.random(zero.shape) - 1
    ids = corpus.ids[: BURN_IN * seq_length + 1].astype(np.int64)
    x, y = ids[:seq_length, None], ids[1 : seq_length + 1, None]
    trained = _trained(architecture, first, ids, seq_length)
    cases = [
        Case(f"{weights}, {state}", theta, architecture, x, y, h)
        for weights, theta in (("first weights", first), (f"after {BURN_IN} updates", trained))
        for state, h in (("h₀ = 0", zero), ("h₀ ≠ 0", random))
    ]
    if dropout or (cell, layers) != ("vanilla", 1):
        # So many units of a layer at each step, lest a small one have none left.
        units = np.broadcast_to(np.arange(m) >= int(DROPPED * m), (layers, seq_length, 1, m))
        mask = rng.permuted(units, axis=-1) / (1 - DROPPED)
        cases.append(replace(cases[-1], name=f"{cases[-1].name}, dropout", mask=mask))
    return cases[:1] + [case.small() for case in cases[1:]]


def _trained(
    architecture: Architecture, theta: np.ndarray, ids: np.ndarray, seq_length: int
) -> np.ndarray:
    """Return the parameters after `BURN_IN` updates on segment after segment of `ids`."""
    theta = theta.copy()
    memory = np.zeros((1, theta.size))
    zero = np.zeros((1, architecture.state_size))
    h, e = zero, 0
    for n in range(1, BURN_IN + 1):
        if e + seq_length >= len(ids):
            h, e = zero, 0
        x, y = ids[e : e + seq_length, None], ids[e + 1 : e + seq_length + 1, None]
        found = loss_and_gradients(architecture.parameters(theta), x, y, h)
        gradient = np.concatenate([part.ravel() for part in found.gradients])
        update_parameters(_OPTIMIZER, theta, gradient, memory, n, 0)
        h, e = found.h, e + seq_length
    return theta


def central_differences(
    loss: Loss, theta: np.ndarray, h: float = 1e-4, places: Any = ..., each: Told = lambda: None
) -> np.ndarray:
    """Return the derivatives of a loss by central differences with the step `h`, shape (k,).

    `loss` takes a vector like `theta`, (n,) float64.  `places`, (k,) integers or ... for all, are
    the entries by which derivatives are taken; `each` is called after every one.
    """
    moved, derivatives = theta.copy(), []
    for i in np.arange(theta.size)[places]:
        moved[i] = theta[i] + h
        above = loss(moved)
        moved[i] = theta[i] - h
        derivatives.append((above - loss(moved)) / (2 * h))
        moved[i] = theta[i]
        each()
    return np.array(derivatives)


def complex_step(
    loss: Loss,
    theta: np.ndarray,
    h: float = COMPLEX_STEP,
    places: Any = ...,
    each: Told = lambda: None,
) -> np.ndarray:
    """Return the derivatives by the complex step, as for `central_differences`.

    `loss` is given complex vectors.
    """
    moved, derivatives = theta.astype(np.complex128), []
    for i in np.arange(theta.size)[places]:
        moved[i] = theta[i] + 1j * h
        derivatives.append(loss(moved).imag / h)
        moved[i] = theta[i]
        each()
    return np.array(derivatives)


def relative_errors(ga: np.ndarray, gn: np.ndarray, eps: float = 1e-6) -> np.ndarray:
    """Return ``|ga - gn| / max(eps, |ga| + |gn|)``, entry by entry."""
    return np.abs(ga - gn) / np.maximum(eps, np.abs(ga) + np.abs(gn))


def norm_wise_error(ga: np.ndarray, gn: np.ndarray, eps: float = 1e-6) -> float:
    """Return the same with Euclidean norms: one number, which small entries cannot blow up."""
    return _norm(ga - gn) / max(eps, _norm(ga) + _norm(gn))


def _norm(g: np.ndarray) -> float:
    # That of numpy.linalg is a product of a library that sums in an order of its own.
    return float(np.sqrt(np.sum(g * g)))


def verdict(error: float) -> str:
    """Judge a relative error by `THRESHOLDS`; NaN is wrong."""
    return next((word for word, end in THRESHOLDS.items() if error <= end), "wrong")


def compare(case: Case, ga: np.ndarray, gn: np.ndarray, eps: float = 1e-6) -> pd.DataFrame:
    """Compare an analytic and a numerical gradient of a case, shape (k,), parameter by parameter.

    Returns
    -------
    pandas.DataFrame
        A row per parameter, in the order W U V b c or, with layers, W1 U1 b1 W2 ... V c; ``max``
        and ``mean`` of the relative errors; ``gradient_at_max``, the size of the entry with the
        largest; ``norm_wise``; ``exactly_zero``, the share of such entries of `ga`.
    """
    rows = []
    for name, places in case.parts():
        a, n = ga[places], gn[places]
        errors = relative_errors(a, n, eps)
        largest = abs(a[errors.argmax()])
        error = norm_wise_error(a, n, eps)
        rows.append((name, errors.max(), errors.mean(), largest, error, np.mean(a == 0)))
    columns = ["parameter", "max", "mean", "gradient_at_max", "norm_wise", "exactly_zero"]
    return pd.DataFrame(rows, columns=columns)


def check(
    cases: Sequence[Case], h: float = 1e-4, eps: float = 1e-6, bar: Bar = None
) -> pd.DataFrame:
    """Check the gradients of some cases against both oracles.

    `h` is the step of the central differences, `eps` as for `compare`; `bar` makes a bar.  The
    complex step, which is slower, looks at `Case.small`, and both only at entries that they can
    afford, `Case.sampled`.  A `ReportError` if `h` or `eps` is not possible.

    Returns
    -------
    pandas.DataFrame
        The columns of `compare` behind ``setting``, ``oracle`` and ``h``, and ``verdict``, on
        the error named in `JUDGED`.
    """
    h, eps = _checked(h, eps)
    work: list[Estimate] = []
    for number, case in enumerate(cases):
        most = MOST_OF_OTHERS if number else MOST
        few = case.small().sampled()
        work += [(case.sampled(most), CENTRAL, h), (few, COMPLEX, COMPLEX_STEP)]
    return _compared(work, eps, bar)


def check_steps(case: Case, h: float = 1e-4, eps: float = 1e-6, bar: Bar = None) -> pd.DataFrame:
    """Check a case's gradients against central differences with steps from 1e-1 to 1e-10.

    `h`, `eps`, `bar` and the result are as for `check`; `h` is one of the steps, the largest is
    first, and `Case.small` is looked at.
    """
    h, eps = _checked(h, eps)
    steps, few = sorted({h, *_STEPS}, reverse=True), case.small().sampled()
    return _compared([(few, CENTRAL, step) for step in steps], eps, bar)


def _compared(work: Sequence[Estimate], eps: float, bar: Bar) -> pd.DataFrame:
    tables = []
    for (case, oracle, h), gn in zip(work, estimates(work, bar), strict=True):
        table = compare(case, case.gradient(), gn, eps)
        labels = pd.DataFrame({"setting": case.name, "oracle": oracle, "h": h}, index=table.index)
        verdicts = table[JUDGED[oracle]].map(verdict)
        tables.append(labels.join(table).assign(verdict=verdicts))
    return pd.concat(tables, ignore_index=True)


def _checked(h: float, eps: float) -> tuple[float, float]:
    return require_number("h", h, above=0, most=1), require_number("eps", eps, above=0)


def estimates(work: Sequence[Estimate], bar: Bar = None) -> Iterator[np.ndarray]:
    """Yield the gradient of a case after the other, shape (k,), by the oracle said with its step.

    If that takes more than two seconds, `bar` shows a bar over the derivatives.
    """
    total = sum(case.entries for case, _, _ in work)
    options = {"total": total, "desc": "derivatives", "unit": "", "delay": 2}
    with bar(**options) if bar else nullcontext() as shown:
        each: Told = shown.update if shown is not None else lambda: None
        for case, oracle, h in work:
            derivatives = central_differences if oracle == CENTRAL else complex_step
            yield derivatives(case.loss, case.theta, h, case.places, each)


def table_1(errors: pd.DataFrame) -> pd.DataFrame:
    """Return the report's Table 1: mean and max of the first case, by central differences."""
    table = first_setting(errors, CENTRAL)[["mean", "max"]].T
    return table.rename(index=str.capitalize).rename_axis(index=None, columns=None)


def first_setting(errors: pd.DataFrame, oracle: str) -> pd.DataFrame:
    """Return what one oracle says of each parameter in the first setting, that of Table 1."""
    chosen = (errors["setting"] == errors["setting"].iloc[0]) & (errors["oracle"] == oracle)
    return errors[chosen].set_index("parameter")
