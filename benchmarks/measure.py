"""Taking turns: every system trains the same network in rounds, so that all meet the same noise."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers import careful_numpy
from benchmarks.problem import Problem
from benchmarks.systems import Worker
from rnn.errors import ReportError

#: The classic learning rate, of what is timed.
ETA = 0.1

#: The learning rate of the check.  At the classic one rounding errors grow tenfold every few
#: updates (the path of the loss is chaotic), so that two correct programs part company; at this
#: one the same code, from the same start, agrees over the whole check.
CHECK_ETA = 0.001

#: How far a loss of the check may be from the reference, as a fraction of it.
TOLERANCE = 1e-5


@dataclass
class Measurement:
    """What one system took for one problem."""

    study: str  # that it belongs to
    title: str  # this and the next three are the system's
    name: str
    version: str
    dtype: str
    m: int  # this and the next five are the problem's
    tau: int
    K: int
    batch: int
    cell: str
    layers: int
    updates: int  # in each repetition
    difference: float  # the largest relative one to the reference's losses, in the check
    repetitions_us: list[float] = field(default_factory=list)  # microseconds per update

    @property
    def median_us(self) -> float:
        """The median, in microseconds per update."""
        return float(np.median(self.repetitions_us))

    def ratio_to(self, other: "Measurement") -> float:
        """Return how many times as long as another this took: the median of the turns' ratios.

        A machine that others use changes its speed between turns more than within one.
        """
        # The last turn may have been interrupted.
        turns = zip(self.repetitions_us, other.repetitions_us, strict=False)
        return float(np.median([this / that for this, that in turns]))

    @property
    def characters_per_second(self) -> float:
        """Characters read per second."""
        return 1e6 * self.tau * self.batch / self.median_us


def reference(problem: Problem, updates: int) -> np.ndarray:
    """Return the losses that all systems are compared with, in float64.

    They are NumPy's or, for cells that it does not have, this project's.
    """
    exact = replace(problem, dtype="float64")
    if problem.cell == "vanilla":
        return careful_numpy.prepare(exact)(updates, CHECK_ETA)
    # What is compiled here is not needed where the classic network alone is measured.
    from benchmarks.peers import engine

    return engine.prepare(exact)(updates, CHECK_ETA)


def check(title: str, losses: np.ndarray, expected: np.ndarray) -> float:
    """Return the largest relative difference between losses.

    Raises
    ------
    ReportError
        If it is above `TOLERANCE`: the system then does not do the same work.
    """
    difference = float(np.max(np.abs(losses / expected - 1)))
    if not difference <= TOLERANCE:
        raise ReportError(
            f"{title}: expected the losses of the reference to within {TOLERANCE:g} of them, got a "
            f"difference of {difference:.2g}; the systems do not do the same work"
        )
    return difference


def measure(
    study: str, problem: Problem, path: Path, workers: list[Worker], check_updates: int,
    repetitions: int, seconds: float, results: list[Measurement], done: Callable[[str], Any],
) -> None:  # fmt: skip
    """Check and time systems on one problem.

    Parameters
    ----------
    study : str
        What the measurements belong to.
    problem : Problem
        The problem; each system computes it in its own type.
    path : Path
        Where it may be kept for the workers to read.
    workers : list of Worker
        The systems.
    check_updates : int
        Updates whose losses are compared.
    repetitions, seconds : int, float
        How often, and for about how long each time.
    results : list of Measurement
        Added to as soon as there is something, so that an interruption keeps it.
    done : callable
        Told the system's title after each of ``len(workers) * (repetitions + 1)`` steps.
    """
    expected = reference(problem, check_updates)
    begun = []
    for worker in workers:
        system = worker.system
        replace(problem, dtype=system.dtype).save(path)
        worker.prepare(path)
        _, losses = worker.run(check_updates, CHECK_ETA)
        difference = check(system.title, losses, expected)
        spent, _ = worker.run(check_updates, CHECK_ETA)
        updates = math.ceil(seconds * check_updates / spent)
        updates = min(max(updates, 10), len(problem.starts))
        worker.run(updates, ETA)
        begun.append(
            Measurement(
                study, system.title, system.name, system.version, system.dtype,
                problem.m, problem.tau, problem.K, problem.batch, problem.cell, problem.layers,
                updates, difference,
            )
        )  # fmt: skip
        done(system.title)
    for repetition in range(repetitions):
        for worker, measurement in zip(workers, begun, strict=True):
            spent, _ = worker.run(measurement.updates, ETA)
            measurement.repetitions_us.append(1e6 * spent / measurement.updates)
            if repetition == 0:
                results.append(measurement)
            done(measurement.title)
