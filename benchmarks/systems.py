"""The systems that are compared, and the process each of them runs in."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from rnn import ROOT
from rnn.errors import ReportError
from rnn.kernels.compilation import SOURCE_DIGEST, VECTOR_BYTES

#: The core that everything measured is pinned to; None where the system cannot pin.
CORE = max(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None

#: One thread, in the words of every library that is measured.
ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "VECLIB_MAXIMUM_THREADS": "1",
    "NUMBA_NUM_THREADS": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false",
    "JAX_PLATFORMS": "cpu",
}


@dataclass(frozen=True)
class System:
    """A way to train the network."""

    name: str  # in `bench.json`
    title: str  # in the table
    module: str  # its file in `benchmarks.peers`
    package: str  # what has to be installed for it
    dtype: str  # the type it computes in
    goal: float = 0.0  # how many times as long as ``rnn`` in float32 it may take; 0 for none

    @property
    def version(self) -> str:
        """The version of the package, with the sources' own digest for this project."""
        try:
            number = version(self.package)
        except PackageNotFoundError:
            number = ""
        return f"{number} ({SOURCE_DIGEST[:8]})".strip() if self.package == "rnn" else number


_JAX_GOAL = 2.4 if VECTOR_BYTES == 64 else 2.0  # JAX gains less from vectors of 64 bytes
SYSTEMS = (
    System("one-hot", "NumPy, one-hot loop", "one_hot", "numpy", "float64", 25.0),
    System("pytorch", "PyTorch, eager", "pytorch_eager", "torch", "float32", 20.0),
    System("numpy", "NumPy, careful", "careful_numpy", "numpy", "float32"),
    System("jax", "JAX, loop compiled", "jax_compiled", "jax", "float32", _JAX_GOAL),
    System("rnn-float64", "this project", "engine", "rnn", "float64"),
    System("rnn", "this project", "engine", "rnn", "float32"),
)


def missing() -> list[System]:
    """Return the systems whose package is not installed."""
    return [system for system in SYSTEMS if find_spec(system.package) is None]


class Worker:
    """A process of its own in which one system runs, pinned to one core, with one thread."""

    def __init__(self, system: System) -> None:
        self.system = system
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115  (closed in `close`)
        # In a session of its own it does not hear Ctrl-C, which is the parent's to handle.
        with _pinned():
            self._process = subprocess.Popen(
                [sys.executable, "-m", "benchmarks.worker", system.module],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors, text=True,
                cwd=ROOT, env=os.environ | ONE_THREAD, start_new_session=True,
            )  # fmt: skip

    def _ask(self, question: dict[str, Any]) -> dict[str, Any]:
        process = self._process
        assert process.stdin and process.stdout
        try:
            process.stdin.write(json.dumps(question) + "\n")
            process.stdin.flush()
        except BrokenPipeError:
            pass  # it has ended; what it said last is read below
        answer = process.stdout.readline()
        if not answer:
            self._errors.seek(0)
            last = (self._errors.read().strip().splitlines() or ["nothing was said"])[-1]
            raise ReportError(
                f"{self.system.title}: expected losses, got a process that ended: {last}"
            )
        return json.loads(answer)

    def prepare(self, path: Path) -> None:
        """Load a problem from its file."""
        self._ask({"problem": str(path)})

    def run(self, updates: int, eta: float) -> tuple[float, np.ndarray]:
        """Train from the first parameters; return the seconds it took and the losses."""
        answer = self._ask({"updates": updates, "eta": eta})
        return answer["seconds"], np.array(answer["losses"])

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()
        self._errors.close()


@contextmanager
def _pinned() -> Iterator[None]:
    """Keep to the measured core, as the processes begun meanwhile do from their first moment."""
    if CORE is None:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {CORE})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def run_python(module: str, *arguments: str, **environment: str) -> dict[str, Any]:
    """Run a module in a process of its own, on the measured core, and return what it says."""
    command = [sys.executable, "-m", module, *arguments]
    begun = time.perf_counter()
    with _pinned():
        done = subprocess.run(
            command, cwd=ROOT, env=os.environ | ONE_THREAD | environment,
            capture_output=True, text=True,
        )  # fmt: skip
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["nothing was said"])[-1]
        raise ReportError(f"{module}: expected numbers, got a process that ended: {last}")
    seconds = time.perf_counter() - begun
    return json.loads(done.stdout.splitlines()[-1]) | {"process_seconds": seconds}
