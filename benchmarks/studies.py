"""What is measured: the peers, the cost against each size, precision, memory, whole runs."""

import tempfile
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.build import build
from benchmarks.measure import CHECK_ETA, ETA, Measurement, measure
from benchmarks.systems import SYSTEMS, Worker, missing, run_python
from rnn.kernels.compilation import VECTOR_BYTES
from rnn.text.corpus import load_corpus

#: The sizes that are varied.
SWEEPS = ("m", "tau", "batch", "K")

Done = Callable[[str], Any]


@dataclass(frozen=True)
class Plan:
    """How large and how long everything is."""

    size: dict[str, Any]  # of the comparison; sweeps vary one number of it
    m: tuple[int, ...]  # the values of the sweeps
    tau: tuple[int, ...]
    batch: tuple[int, ...]
    K: tuple[int, ...]
    cells: tuple[dict[str, Any], ...]  # the networks of 'cells'
    repetitions: int  # of a timing in the comparison
    seconds: float  # that each takes
    sweep_repetitions: int  # both in the sweeps
    sweep_seconds: float
    check_updates: int  # whose losses are compared with the reference; a tenth in the sweeps
    seeds: int  # so many tell how far end losses lie apart
    seed_updates: int  # of each seed
    text_mb: int  # the size of the large text
    target_updates: int  # for each processor that code is compiled for
    text_updates: int  # on the large text
    run_updates: int  # of the run; 0 for all seven epochs
    watched: int  # trainings with a person looking on, and as many without
    watched_updates: int  # of each of these
    char_rnn: dict[str, Any]  # what 'char-rnn' reads, and for how long

    def problems(self, study: str) -> list[dict[str, Any]]:
        """Return the sizes of the problems of a study that is timed."""
        if study == "peers":
            return [self.size]
        if study == "cells":
            return [self.size | network for network in self.cells]
        return [self.size | {study: value} for value in getattr(self, study)]

    def steps(self, study: str) -> int:
        """Count how often a study reports that something is done."""
        alone = {
            "parts": 1,
            "targets": len(TARGETS),
            "memory": 1,
            "run": 2,
            "watched": 2 * self.watched,
            "char-rnn": 2,
            "precision": 2 * self.seeds + 2,
        }
        if study in alone:
            return alone[study]
        repetitions = self.repetitions if study == "peers" else self.sweep_repetitions
        return len(self.problems(study)) * len(_systems(study)) * (repetitions + 1)


FULL = Plan(
    size={"m": 100, "tau": 25, "batch": 1},
    m=(32, 64, 128, 256, 512, 1024),
    tau=(10, 25, 50, 100, 200),
    batch=(1, 2, 4, 8, 16, 32, 64),
    K=(32, 64, 128, 256, 512, 1024),
    cells=tuple(
        {"cell": cell, "m": m, "layers": layers, "batch": batch}
        for cell in ("gru", "lstm")
        for m in (128, 256)
        for layers in (1, 2)
        for batch in (1, 32)
    ),
    repetitions=15, seconds=0.4, sweep_repetitions=5, sweep_seconds=0.2, check_updates=100,
    seeds=5, seed_updates=10_000, text_mb=200, target_updates=1000, text_updates=1000,
    run_updates=0, watched=9, watched_updates=150_000,
    char_rnn={"text": "tinyshakespeare", "epochs": 5},
)  # fmt: skip

QUICK = Plan(
    size={"m": 16, "tau": 10, "batch": 1},
    m=(8, 32), tau=(5, 20), batch=(1, 3), K=(32, 300),
    cells=({"cell": "gru", "layers": 2}, {"cell": "lstm", "batch": 2}),
    repetitions=2, seconds=0.01, sweep_repetitions=2, sweep_seconds=0.01, check_updates=50,
    seeds=2, seed_updates=200, text_mb=2, target_updates=100, text_updates=100, run_updates=500,
    watched=1, watched_updates=500,
    char_rnn={"text": "saltmarrow", "m": 8, "epochs": 1, "max_updates": 40},
)  # fmt: skip


def _systems(study: str) -> list[Any]:
    """Return the systems of a study: in the sweeps ours and the fastest peer."""
    there = [system for system in SYSTEMS if system not in missing()]
    some = ("pytorch", "jax", "rnn") if study == "cells" else ("jax", "rnn")
    return [s for s in there if study == "peers" or s.name in some]


def times(study: str, plan: Plan, results: list[Measurement], done: Done) -> None:
    """Measure 'peers', 'cells' or a sweep, adding to `results`."""
    whole = study == "peers"
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        workers = [stack.enter_context(closing(Worker(system))) for system in _systems(study)]
        for size in plan.problems(study):
            measure(
                study, build(**size, dtype="float64"), Path(folder, "problem.npz"), workers,
                plan.check_updates if whole else plan.check_updates // 10,
                plan.repetitions if whole else plan.sweep_repetitions,
                plan.seconds if whole else plan.sweep_seconds, results, done,
            )  # fmt: skip


_TYPES = ("float32", "float64")


def precision(plan: Plan, done: Done) -> dict[str, Any]:
    """Compare float32 with float64: at first, and at the end against other seeds.

    Returns
    -------
    dict
        ``first``: for the learning rates of the check and of the course, the largest relative
        difference of a loss over the first updates.  ``end``: for each type the end losses of
        the seeds (means over the last tenth, in nats per update), the standard deviation over
        seeds, and the difference between the types' means.
    """
    ours = next(system for system in SYSTEMS if system.name == "rnn")
    with tempfile.TemporaryDirectory() as folder, closing(Worker(ours)) as worker:

        def losses(seed: int, dtype: str, updates: int, eta: float) -> np.ndarray:
            path = Path(folder, "problem.npz")
            build(**plan.size, seed=seed, dtype=dtype).save(path)
            worker.prepare(path)
            return worker.run(updates, eta)[1]

        first = []
        for eta in (CHECK_ETA, ETA):
            single, double = (losses(0, dtype, plan.check_updates, eta) for dtype in _TYPES)
            difference = float(np.max(np.abs(single / double - 1)))
            first.append(
                {"eta": eta, "updates": plan.check_updates, "largest_difference": difference}
            )
            done("at first")
        end: dict[str, Any] = {"updates": plan.seed_updates}
        last = plan.seed_updates // 10
        for dtype in _TYPES:
            end[dtype] = []
            for seed in range(plan.seeds):
                run = losses(seed, dtype, plan.seed_updates, ETA)
                end[dtype].append(float(run[-last:].mean()))
                done("end losses")
    end["seeds_deviation"] = float(np.sqrt(np.mean([np.var(end[t], ddof=1) for t in _TYPES])))
    end["types_difference"] = float(abs(np.mean(end["float32"]) - np.mean(end["float64"])))
    return {"first": first, "end": end}


#: Processors that code is compiled for: the name and features that LLVM knows them by.
TARGETS = {
    "this one": ("", ""),
    "x86-64-v3": ("x86-64-v3", "+avx2,+fma"),
    "znver3": ("znver3", "+avx2,+fma"),
    "skylake-avx512": ("skylake-avx512", "+avx512f,+avx512dq,+avx512bw,+avx512vl,+fma"),
}


def parts(plan: Plan, done: Done) -> dict[str, Any]:
    """Time the parts of an update; see `benchmarks.inside.parts`."""
    size = (str(plan.size[name]) for name in ("m", "tau", "batch"))
    found = run_python("benchmarks.inside", "parts", *size)
    done("parts")
    return found


def targets(plan: Plan, done: Done) -> dict[str, Any]:
    """Train for several processors, and return a hash of the result and the time for each."""
    found = {}
    for title, (name, features) in TARGETS.items():
        if "avx512f" in features and VECTOR_BYTES < 64:
            done(title)
            continue
        with tempfile.TemporaryDirectory() as cache:
            told = {"NUMBA_CPU_NAME": name, "NUMBA_CPU_FEATURES": features}
            environment = told | {"NUMBA_CACHE_DIR": cache} if name else {}
            updates = str(plan.target_updates)
            found[title] = run_python("benchmarks.inside", "target", updates, **environment)
        done(title)
    return found


def memory(plan: Plan, done: Done) -> dict[str, Any]:
    """Train a little on a large text, made for the purpose, and say what memory it took."""
    book = load_corpus().path.read_bytes()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "large.txt")
        with path.open("wb") as file:
            while file.tell() < plan.text_mb * 1_000_000:
                file.write(book)
        result = run_python("benchmarks.once", str(path), str(plan.text_updates))
        done("large text")
        return {"text_mb": path.stat().st_size / 1e6} | result


def whole_run(plan: Plan, done: Done) -> dict[str, Any]:
    """Make the classic run of the report, and before it measure how soon a process trains."""
    run_python("benchmarks.once", "saltmarrow", "1")
    start = run_python("benchmarks.once", "saltmarrow", "1")
    done("start")
    result = run_python("benchmarks.once", "saltmarrow", str(plan.run_updates))
    done("seven epochs")
    return {"start_seconds": start["process_seconds"]} | result
