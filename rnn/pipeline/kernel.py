"""The kernel of a notebook that runs as a step of the pipeline: its start, its stop, its voice."""

import logging
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any, TextIO

from jupyter_core.paths import jupyter_runtime_dir
from nbclient.exceptions import DeadKernelError
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NBClientEngine, papermill_engines
from traitlets.config import Config

from rnn.pipeline.locks import turn
from rnn.pipeline.parameters import declared_parameters, refuse_unknown

STOPPED = 130  # the exit status of a run that was told to stop, as a shell gives it for Ctrl-C
ENGINE = "report"  # the name of papermill's engine that is defined here
_PATIENCE = 30.0  # seconds a kernel has to save its state


class Stop:
    """A request to stop: passed on to the kernel as an interrupt, the second time as its end."""

    requested = False
    kernel: int | None = None  # its process

    def listen(self) -> None:
        """Take Ctrl-C and the polite signals of the system for requests from now on."""
        self.requested = False
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM):
            signal.signal(number, self._hear)

    def _hear(self, number: int, frame: FrameType | None) -> None:
        again, self.requested = self.requested, True
        if self.kernel is None:
            raise KeyboardInterrupt
        with suppress(OSError):  # the kernel has ended, or the terminal has
            os.kill(self.kernel, signal.SIGKILL if again else signal.SIGINT)
            if not again:
                signal.setitimer(signal.ITIMER_REAL, _PATIENCE)
                print("\nstopping; once more to stop at once", file=sys.stderr, flush=True)


#: One a process, as signals are.
stop = Stop()


class Terminal:
    """Where a kernel's stderr goes: as it is to a terminal, else without the steps of a bar."""

    def __init__(self, stream: TextIO) -> None:
        self._stream, self._line = stream, ""
        self.flush = stream.flush

    def write(self, text: str) -> None:
        """Pass `text` on; into a file only whole lines, each as it looked at its end."""
        if self._stream.isatty():
            self._stream.write(text)
            return
        *lines, self._line = (self._line + text).split("\n")
        for line in lines:
            self._stream.write(line.rstrip("\r").rpartition("\r")[2] + "\n")
        self._line = self._line[self._line.rfind("\r", 0, -1) + 1 :]


class _Client(PapermillNotebookClient):
    """A client whose kernel can be told to stop, and that starts kernels one at a time."""

    @contextmanager
    def setup_kernel(self, **options: Any) -> Iterator[None]:
        # A kernel's ports are chosen some time before the kernel takes them.
        with ExitStack() as start:
            start.enter_context(turn(Path(jupyter_runtime_dir(), "start.lock")))
            with super().setup_kernel(**options):
                start.close()
                stop.kernel = getattr(getattr(self.km, "provisioner", None), "pid", None)
                try:
                    yield
                finally:
                    stop.kernel = None
                    signal.setitimer(signal.ITIMER_REAL, 0)

    def execute_cell(self, cell: Any, cell_index: int, **options: Any) -> Any:
        done = None if stop.requested else super().execute_cell(cell, cell_index, **options)
        if stop.requested:  # a cell may take the interrupt in its stride; the run ends all the same
            raise KeyboardInterrupt
        return done


class _Engine(NBClientEngine):
    """papermill's engine, with the client above; it refuses unknown parameters first."""

    @classmethod
    def execute_managed_notebook(cls, nb_man: Any, kernel_name: str, **options: Any) -> Any:
        cells = [c.source for c in nb_man.nb.cells if "parameters" in c.metadata.get("tags", [])]
        given = nb_man.nb.metadata.papermill.get("parameters", {})
        refuse_unknown(given, declared_parameters(cells))
        client = _Client(
            nb_man,
            kernel_name=kernel_name,
            stderr_file=Terminal(sys.stderr),
            startup_timeout=options.get("start_timeout", 60),
            record_timing=False,
            # An idle kernel that is shut down would say, on the terminal, that it was interrupted.
            extra_arguments=["--log-level=50"],
            # Newer ones would warn there of a connection that others on this machine can read.
            config=Config(KernelManager={"transport_encryption": "auto"}),
            log=logging.getLogger("papermill"),
        )
        try:
            return client.execute()
        except DeadKernelError as error:  # papermill's command would show a traceback
            raise RuntimeError(str(error)) from None


papermill_engines.register(ENGINE, _Engine)
