r"""Are the gradients right?  Two oracles that know the loss alone, and how far they differ.

Central differences, with an error of the order of h^2 and the rounding of the loss over h:

.. math:: g_n = \frac{L(\theta + h) - L(\theta - h)}{2 h}

The complex step, which subtracts nothing, so that h can be as small as one likes:

.. math:: g_n = \frac{\operatorname{Im} L(\theta + i h)}{h}

(Squire and Trapp, 1998, SIAM Review 40(1)).  Analytic gradients g_a differ from either by

.. math:: \frac{|g_a - g_n|}{\max(eps, |g_a| + |g_n|)},

entry by entry, or with a parameter's norms in place of the absolute values: `norm_wise`.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import pandas as pd

from rnn.errors import require_number
from rnn.gradient_cases import Case
from rnn.runs import progress as bars

__all__ = [
    "ACCEPTED",
    "CENTRAL",
    "COMPLEX",
    "JUDGED",
    "PARAMETERS",
    "THRESHOLDS",
    "central_differences",
    "check",
    "check_bar",
    "check_steps",
    "compare",
    "complex_step",
    "norm_wise_error",
    "relative_errors",
    "table_1",
    "verdict",
]

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

_STEPS = [float(f"{digit}e-{k}") for k in range(1, 11) for digit in (3.16, 1)][1:]

Loss = Callable[[np.ndarray], Any]
Told = Callable[[], Any]


def central_differences(
    loss: Loss,
    theta: np.ndarray,
    h: float = 1e-4,
    places: Any = ...,
    each: Told = lambda: None,
) -> np.ndarray:
    """Return the derivatives of a loss by central differences.

    Parameters
    ----------
    loss : callable
        Takes a vector like `theta`.
    theta : (n,) float64
        Where.
    h : float
        The step.
    places : (k,) integers or ...
        The entries of `theta` by which derivatives are taken; all of them if not given.
    each : callable
        Called after every derivative.

    Returns
    -------
    (k,)
    """
    moved = theta.copy()

    def derivative(i: int) -> float:
        moved[i] = theta[i] + h
        above = loss(moved)
        moved[i] = theta[i] - h
        below = loss(moved)
        moved[i] = theta[i]
        each()
        return (above - below) / (2 * h)

    return np.array([derivative(i) for i in np.arange(theta.size)[places]])


def complex_step(
    loss: Loss,
    theta: np.ndarray,
    h: float = 1e-20,
    places: Any = ...,
    each: Told = lambda: None,
) -> np.ndarray:
    """Return the derivatives of a loss by the complex step.

    Parameters
    ----------
    loss, theta, h, places, each
        As for `central_differences`; `loss` is given complex vectors.

    Returns
    -------
    (k,)
    """
    moved = theta.astype(np.complex128)

    def derivative(i: int) -> float:
        moved[i] = theta[i] + 1j * h
        value = loss(moved)
        moved[i] = theta[i]
        each()
        return value.imag / h

    return np.array([derivative(i) for i in np.arange(theta.size)[places]])


def relative_errors(ga: np.ndarray, gn: np.ndarray, eps: float = 1e-6) -> np.ndarray:
    """Return ``|ga - gn| / max(eps, |ga| + |gn|)``, entry by entry."""
    return np.abs(ga - gn) / np.maximum(eps, np.abs(ga) + np.abs(gn))


def norm_wise_error(ga: np.ndarray, gn: np.ndarray, eps: float = 1e-6) -> float:
    """Return the same with Euclidean norms: one number, which small entries cannot blow up."""
    size = float(np.linalg.norm(ga) + np.linalg.norm(gn))
    return float(np.linalg.norm(ga - gn)) / max(eps, size)


def verdict(error: float) -> str:
    """Judge a relative error by `THRESHOLDS`; one that is no number is wrong."""
    return next((word for word, end in THRESHOLDS.items() if error <= end), "wrong")


def compare(case: Case, ga: np.ndarray, gn: np.ndarray, eps: float = 1e-6) -> pd.DataFrame:
    """Compare two gradients, parameter by parameter.

    Parameters
    ----------
    case : Case
        Says which entries are whose.
    ga, gn : (k,)
        Analytic and numerical gradient.
    eps : float
        Keeps the relative error of tiny entries small.

    Returns
    -------
    pandas.DataFrame
        A row a parameter, W U V b c first; ``max`` and ``mean`` of the relative errors;
        ``gradient_at_max``, the size of the entry with the largest; ``norm_wise``;
        ``exactly_zero``, the share of such entries of `ga`.
    """
    parts = dict(case.parts())
    rows = []
    for name in dict.fromkeys([*(name for name in PARAMETERS if name in parts), *parts]):
        a, n = ga[parts[name]], gn[parts[name]]
        errors = relative_errors(a, n, eps)
        row = {
            "parameter": name,
            "max": errors.max(),
            "mean": errors.mean(),
            "gradient_at_max": abs(a[errors.argmax()]),
            "norm_wise": norm_wise_error(a, n, eps),
            "exactly_zero": np.mean(a == 0),
        }
        rows.append(row)
    return pd.DataFrame(rows)


def check(cases: Iterable[Case], h: float = 1e-4, eps: float = 1e-6) -> pd.DataFrame:
    """Check the gradients of some cases against both oracles.

    Parameters
    ----------
    cases : iterable of Case
        The cases; the complex step, which is slower, looks at `Case.small`.
    h : float
        The step of the central differences.
    eps : float
        As for `compare`.

    Returns
    -------
    pandas.DataFrame
        The columns of `compare` behind ``setting``, ``oracle`` and ``h``, and ``verdict``, on
        the error named in `JUDGED`.

    Raises
    ------
    ReportError
        If `h` or `eps` cannot be.
    """
    h, eps = _checked(h, eps)
    cases = list(cases)
    tables = []
    with check_bar([case for whole in cases for case in (whole, whole.small())]) as each:
        for case in cases:
            ga = case.gradient()
            central = central_differences(case.loss, case.theta, h, case.places, each)
            tables.append(_labelled(compare(case, ga, central, eps), case, CENTRAL, h))
            few = case.small()
            gn = complex_step(few.loss, few.theta, places=few.places, each=each)
            tables.append(_labelled(compare(few, few.gradient(), gn, eps), few, COMPLEX, 1e-20))
    return pd.concat(tables, ignore_index=True)


def check_steps(case: Case, h: float = 1e-4, eps: float = 1e-6) -> pd.DataFrame:
    """Check a case's gradients against central differences with steps from 1e-1 to 1e-10.

    Parameters
    ----------
    case : Case
        The case; its `Case.small` is looked at.
    h, eps
        As for `check`; `h` is one of the steps.

    Returns
    -------
    pandas.DataFrame
        As from `check`, the largest step first.
    """
    h, eps = _checked(h, eps)
    case = case.small()
    ga = case.gradient()
    tables = []
    steps = sorted({h, *_STEPS}, reverse=True)
    with check_bar([case] * len(steps)) as each:
        for step in steps:
            gn = central_differences(case.loss, case.theta, step, case.places, each)
            tables.append(_labelled(compare(case, ga, gn, eps), case, CENTRAL, step))
    return pd.concat(tables, ignore_index=True)


@contextmanager
def check_bar(cases: Sequence[Case]) -> Iterator[Told]:
    """Show a bar over the derivatives of some cases, if they take more than two seconds.

    Parameters
    ----------
    cases : sequence of Case
        One for each time that its gradient is estimated.

    Yields
    ------
    callable
        To be called after every derivative.
    """
    total = sum(case.theta[case.places].size for case in cases)
    with bars.bar(total=total, desc="derivatives", unit="", delay=2) as bar:
        yield bar.update


def table_1(errors: pd.DataFrame) -> pd.DataFrame:
    """Return the report's Table 1: mean and max of the first case, by central differences."""
    first = errors["setting"] == errors["setting"].iloc[0]
    table = errors[first & (errors["oracle"] == CENTRAL)].set_index("parameter")
    table = table.loc[list(PARAMETERS), ["mean", "max"]].T
    return table.rename(index=str.capitalize).rename_axis(index=None, columns=None)


def _labelled(table: pd.DataFrame, case: Case, oracle: str, h: float) -> pd.DataFrame:
    labels = pd.DataFrame({"setting": case.name, "oracle": oracle, "h": h}, index=table.index)
    verdicts = table[JUDGED[oracle]].map(verdict).rename("verdict")
    return pd.concat([labels, table, verdicts], axis=1)


def _checked(h: float, eps: float) -> tuple[float, float]:
    return require_number("h", h, above=0, most=1), require_number("eps", eps, above=0)
