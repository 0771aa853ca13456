"""The kernel of a notebook that runs as a step of the pipeline: its start, its stop, its voice."""

import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, TextIO

from jupyter_core.paths import jupyter_runtime_dir
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NBClientEngine, papermill_engines

__all__ = ["STOPPED", "Stop", "Terminal", "register_engine", "stop"]

#: The exit status of a run that was told to stop, as a shell gives it for Ctrl-C.
STOPPED = 130

_PATIENCE = 30.0  # seconds a kernel has to save its state


class Stop:
    """A request to stop: passed on to the kernel as an interrupt, the second time as its end."""

    def __init__(self) -> None:
        self.requested = False
        self.kernel: Callable[[], int | None] = lambda: None

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Take Ctrl-C and the polite signals of the system for requests."""
        names = ("SIGINT", "SIGTERM", "SIGHUP", "SIGALRM")
        heard = [getattr(signal, name) for name in names if hasattr(signal, name)]
        before = {number: signal.signal(number, self._hear) for number in heard}
        self.requested = False
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _hear(self, number: int, frame: FrameType | None) -> None:
        process = self.kernel()
        if process is None:
            self.requested = True
            raise KeyboardInterrupt
        try:
            if self.requested:
                os.kill(process, signal.SIGKILL)
                return
            self.requested = True
            os.kill(process, signal.SIGINT)
            signal.setitimer(signal.ITIMER_REAL, _PATIENCE)
            print("\nstopping; once more to stop at once", file=sys.stderr, flush=True)
        except OSError:  # the kernel has ended, or the terminal has
            pass


#: One a process, as signals are.
stop = Stop()


class Terminal:
    """Where a kernel's stderr goes: as it is to a terminal, else without the steps of a bar."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._live = stream.isatty()
        self._line = ""

    def write(self, text: str) -> None:
        """Pass `text` on; into a file only whole lines, each as it looked at its end."""
        if self._live:
            self._stream.write(text)
            return
        *lines, self._line = (self._line + text).split("\n")
        for line in lines:
            self._stream.write(line.rstrip("\r").rpartition("\r")[2] + "\n")
        self._line = self._line[self._line.rfind("\r", 0, -1) + 1 :]

    def flush(self) -> None:
        """Flush the stream."""
        self._stream.flush()


class _Client(PapermillNotebookClient):
    """A client whose kernel can be told to stop, and that starts kernels one at a time."""

    @contextmanager
    def setup_kernel(self, **options: Any) -> Iterator[None]:
        # A kernel's ports are chosen some time before the kernel takes them.
        with ExitStack() as turn:
            turn.enter_context(_turn_to_start())
            with super().setup_kernel(**options):
                turn.close()
                stop.kernel = self._process
                try:
                    yield
                finally:
                    stop.kernel = lambda: None
                    signal.setitimer(signal.ITIMER_REAL, 0)

    def create_kernel_manager(self) -> Any:
        manager = super().create_kernel_manager()
        # Newer kernels warn, on the terminal, of a connection that others on this machine can read.
        if manager.has_trait("transport_encryption"):
            manager.transport_encryption = "auto"
        return manager

    def _process(self) -> int | None:
        return getattr(getattr(self.km, "provisioner", None), "pid", None)

    def execute_cell(self, cell: Any, cell_index: int, **options: Any) -> Any:
        if stop.requested:
            raise KeyboardInterrupt
        done = super().execute_cell(cell, cell_index, **options)
        # A cell may take the interrupt in its stride; the run ends here all the same.
        if stop.requested:
            raise KeyboardInterrupt
        return done


class _Engine(NBClientEngine):
    """papermill's engine, with the client above."""

    @classmethod
    def execute_managed_notebook(
        cls, nb_man: Any, kernel_name: str, stderr_file: Any = None, **options: Any
    ) -> Any:
        client = _Client(
            nb_man,
            kernel_name=kernel_name,
            stderr_file=stderr_file,
            startup_timeout=options.get("start_timeout", 60),
            record_timing=False,
            # An idle kernel that is shut down would say, on the terminal, that it was interrupted.
            extra_arguments=["--log-level=50"],
            log=logging.getLogger("papermill"),
        )
        return client.execute()


@contextmanager
def _turn_to_start() -> Iterator[None]:
    """Wait until no other kernel is being started from this Jupyter runtime folder."""
    try:
        import fcntl
    except ImportError:  # no such thing on Windows, where papermill runs one at a time
        yield
        return
    folder = Path(jupyter_runtime_dir())
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "start.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def register_engine() -> str:
    """Make the engine known to papermill; return its name."""
    # What it logs as an error is told by the exception too.
    logging.getLogger("papermill").setLevel(logging.CRITICAL)
    papermill_engines.register("report", _Engine)
    return "report"
