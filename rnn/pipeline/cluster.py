"""The workers that train the points of a sweep: Dask's, on this machine or elsewhere."""

import logging
import os
import queue
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import dask
import distributed
from dask.system import CPU_COUNT

from rnn import ROOT
from rnn.errors import ReportError
from rnn.runs.points import VERSION, train_slice
from rnn.text.corpus import Corpus

_PATIENCE = 60.0  # seconds without any worker
_LOOK_EVERY = 2.0  # seconds from one count of the workers to the next
_QUIET = {
    "logging.distributed": "critical",
    "distributed.admin.large-graph-warning-threshold": "1TB",
}


class Cluster:
    """What trains slices; every error that ends the sweep is a ReportError.

    `address` is the scheduler's, for messages; `corpus` goes once to every worker that needs it.
    """

    def __init__(self, client: Any, address: str, corpus: Corpus) -> None:
        self._client, self._address = client, address
        # As the result of a task, not as data: if all its holders end, it is made again.
        self._text = client.submit(_itself, corpus, key=f"text-{os.urandom(6).hex()}")
        self._ended: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._looked, self._alone_since = 0.0, 0.0
        self.cores = 1  # threads of all workers

    def submit(self, name: str, task: Mapping[str, Any]) -> Any:
        """Let a worker train a slice, and return a handle; what was begun goes before what was not.

        `task` is as for `rnn.runs.points.train_slice`.
        """
        with self._may_be_lost():
            future = self._client.submit(
                train_slice,
                self._text,
                task,
                key=f"{name}-{os.urandom(6).hex()}",
                priority=int(bool(task["state"])),
            )
            future.add_done_callback(self._ended.put)
        return future

    def next(self, timeout: float) -> Any:
        """Return the handle of a slice that has ended; None if none does within so many seconds."""
        self._look_after_workers()
        with suppress(queue.Empty):
            return self._ended.get(timeout=timeout)
        return None

    def answer(self, handle: Any) -> dict[str, Any]:
        """Return what a slice gave back; one that ended its workers is a failure of its point."""
        with self._may_be_lost():
            try:
                got = dict(handle.result())
            except distributed.KilledWorker:
                return {"error": "every worker that trained it ended (out of memory?)"}
            except ImportError as error:
                raise ReportError(
                    f"SCHEDULER: expected workers with this project installed, got one without "
                    f"({error}); run python -m pip install -e . there"
                ) from None
        if "other_version" in got:
            raise ReportError(
                f"SCHEDULER: expected workers with this version of the project ({VERSION}), got "
                f"one with {got['other_version']}; install the same there"
            )
        return got

    def _look_after_workers(self) -> None:
        """Count the workers now and then; a ReportError if there have been none for long."""
        now = time.monotonic()
        if now - self._looked < _LOOK_EVERY:
            return
        with self._may_be_lost():
            workers = self._client.nthreads()
        self._looked, self.cores = now, max(1, sum(workers.values()))
        self._alone_since = 0.0 if workers else self._alone_since or now
        if self._alone_since and now - self._alone_since > _PATIENCE:
            raise ReportError(
                f"SCHEDULER: expected a worker within {_PATIENCE:.0f} s, got none; start some with "
                f".venv/bin/dask worker {self._address} --nworkers auto --nthreads 1"
            )

    @contextmanager
    def _may_be_lost(self) -> Iterator[None]:
        """Turn whatever the loss of the scheduler raises into a ReportError."""
        try:
            yield
        except (OSError, RuntimeError, distributed.CancelledError) as error:
            raise ReportError(
                f"expected the scheduler at {self._address} to answer, got "
                f"{type(error).__name__}; what was trained is kept: run the same command again"
            ) from None


def _itself(corpus: Corpus) -> Corpus:
    return corpus


@contextmanager
def opened(address: str, corpus: Corpus) -> Iterator[Cluster]:
    """Open the cluster of a scheduler, or one of this machine's cores if there is no address.

    Dask's own configuration holds, for TLS as for all else, but for what it prints.
    """
    # What Dask logs of a lost connection is told in one line by whoever waits for an answer.
    logging.disable(logging.CRITICAL)
    with dask.config.set(_QUIET), ExitStack() as stack:
        if address:
            host = address.partition("://")[2].rpartition(":")[0].strip("[]")
            if host not in ("localhost", "::1") and not host.startswith("127."):
                print(
                    f"sweep: whoever reaches {address} can run code on its workers and on this "
                    "machine; use it in a network that you trust, and tls:// elsewhere",
                    file=sys.stderr,
                )
        else:
            cluster = _local_cluster()
            stack.callback(_close, cluster, 5)
            address = cluster.scheduler_address
        try:
            client = distributed.Client(address, timeout=10, set_as_default=False)
        except (OSError, ValueError) as error:
            reason = " ".join(str(error).split())[:200]
            raise ReportError(
                f"SCHEDULER: expected a scheduler of Dask at {address}, got none ({reason}); "
                "start one with .venv/bin/dask scheduler"
            ) from None
        stack.callback(_close, client, 2)
        print(f"sweep: dashboard at {client.dashboard_link}", file=sys.stderr, flush=True)
        yield Cluster(client, address, corpus)


def _local_cluster() -> Any:
    """Start a scheduler, and a worker with one thread for each core, all on the loopback."""
    scratch = ROOT / ".cache" / "dask"
    scratch.mkdir(parents=True, exist_ok=True)
    with ExitStack() as afterwards:
        # The workers inherit that they ignore Ctrl-C: this process tells them when to end.
        for number in (signal.SIGINT, signal.SIGTERM):
            afterwards.callback(signal.signal, number, signal.signal(number, signal.SIG_IGN))
        return distributed.LocalCluster(
            n_workers=CPU_COUNT,  # those that this process may use
            threads_per_worker=1,
            processes=True,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
            worker_dashboard_address=None,
            memory_limit=0,
            local_directory=str(scratch),
            silence_logs=logging.CRITICAL,
            env={"TMPDIR": str(scratch)},
        )


def _close(connection: Any, seconds: float) -> None:
    """Close a client or a cluster; whatever it says in so many seconds, the sweep has ended."""
    with suppress(Exception):
        connection.close(timeout=seconds)
