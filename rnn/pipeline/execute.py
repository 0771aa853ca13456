"""Run one notebook through papermill, as a step of the pipeline.

``python -m rnn.pipeline.execute INPUT OUTPUT -p m 200 -f settings.yaml`` does what papermill's own
command does, and what a step of a Makefile needs besides: an unknown parameter is refused, OUTPUT
appears only when every cell has run, a failure is told in a line, and Ctrl-C reaches the kernel,
so that a training can save its state.  Two options are its own: ``-d NAME VALUE`` is a value that
all others override, ``--options TEXT`` more options in one text, split as a shell splits words.
"""

import base64
import logging
import os
import re
import resource
import shlex
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO

import rnn.report.pages  # noqa: F401  (first, see there: nbformat takes a second less)

# isort: split
import nbformat
import yaml
from jupyter_client.kernelspec import NATIVE_KERNEL_NAME
from jupyter_core.paths import jupyter_runtime_dir
from nbclient.exceptions import DeadKernelError
from papermill.cli import papermill
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NBClientEngine, papermill_engines
from papermill.exceptions import PapermillExecutionError
from traitlets.config import Config

from rnn.errors import ReportError
from rnn.pipeline.parameters import declared_parameters, refuse_unknown
from rnn.runs.progress import CLEAR
from rnn.text.files import lock, note_sum

STOPPED = 130  # the exit status of a run that was told to stop, as a shell gives it for Ctrl-C
_PATIENCE = 30.0  # seconds a kernel has to save its state


class Stop:
    """A request to stop: passed on to the kernel as an interrupt, the second time as its end."""

    requested = False
    kernel: int | None = None  # its process

    def listen(self) -> None:
        """Take Ctrl-C and the polite signals of the system for requests from now on.

        The end of the terminal is none where it is ignored, as it is after nohup.
        """
        self.requested = False
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM):
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, self._hear)

    def _hear(self, number: int, frame: object) -> None:
        again, self.requested = self.requested, True
        if self.kernel is None:
            raise KeyboardInterrupt
        with suppress(OSError):  # the kernel has ended, or the terminal has
            os.kill(self.kernel, signal.SIGKILL if again else signal.SIGINT)
            if not again:
                signal.setitimer(signal.ITIMER_REAL, _PATIENCE)
                print("\nstopping; once more to stop at once", file=sys.stderr, flush=True)


stop = Stop()  # one a process, as signals are


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
            start.enter_context(lock(Path(jupyter_runtime_dir(), "start.lock")))
            with super().setup_kernel(**options):
                start.close()
                stop.kernel = getattr(getattr(self.km, "provisioner", None), "pid", None)
                try:
                    yield
                    # Else Python looks through all that was imported before it ends.
                    self.kc.execute("import gc; gc.freeze()", silent=True)
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
        # papermill would save it before and after every cell, seconds for a notebook with figures;
        # what it saves at the end is enough.
        path, nb_man.output_path = nb_man.output_path, None
        try:
            return client.execute()
        except DeadKernelError as error:  # papermill's command would show a traceback
            raise RuntimeError(str(error)) from None
        finally:
            nb_man.output_path = path


papermill_engines.register("report", _Engine)


def execute(source: Path, target: Path, options: Sequence[str]) -> None:
    """Run `source` with `options` of papermill, and leave the executed notebook at `target`.

    While it runs, and if it fails, the notebook lies beside `target` under another name; what was
    at `target` before stays until it can be replaced.

    Raises
    ------
    ReportError
        If an option cannot be, a cell fails, the kernel dies, a file cannot be read or written,
        or the run was told to stop.
    """
    # Neither name is taken for a page of the report.
    running = target.with_name(f".running_{target.name}")
    failed = target.with_name(f"failed_{target.name}")
    words = [_literal(source), _literal(running)]
    words += ["--engine", "report", "--no-progress-bar", "--log-level", "CRITICAL"]
    # Whatever kernel an editor has noted in the notebook: this Python's own.
    words += ["--kernel", NATIVE_KERNEL_NAME, "--language", "python"]
    try:
        papermill.main([*words, *options], "python -m rnn.pipeline.execute", standalone_mode=False)
        _tidy(running)
        note_sum(target, running)
        running.replace(target)
        with suppress(OSError):  # it may be a folder of the user's
            failed.unlink()
    except BaseException as error:
        story = _story(error) + _limit_of_memory(error)
        if stop.requested:
            told = isinstance(error, PapermillExecutionError) and "\n" not in story
            raise ReportError(story if told else "stopped") from None
        if running.exists() and isinstance(error, PapermillExecutionError | RuntimeError):
            with suppress(OSError):
                running.replace(failed)
                story += f" (see {failed})"
        raise ReportError(story) from None
    finally:
        with suppress(OSError):
            running.unlink()


def _story(error: BaseException) -> str:
    """Tell a failure: in a line where the notebook's code did, else with the traceback's end."""
    if isinstance(error, PapermillExecutionError):
        if len(error.traceback) == 1 and error.evalue:  # it renders itself, to be read
            return str(error.evalue)
        lines = re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(error.traceback)).splitlines()
        place = "\n".join(f"    {line}" for line in lines[-12:-1] if line.strip())
        return f"cell [{error.exec_count}] failed:\n{place}\n{error.ename}: {error.evalue}"
    if isinstance(error, OSError):
        name, reason = error.filename or "files", error.strerror or error
        return f"{name}: expected to be read and written, got {reason}; look at the folders"
    text, kind = " ".join(str(error).split()), type(error).__name__
    known = isinstance(error, ReportError | RuntimeError)
    return text if known else f"expected a notebook and options of papermill, got {kind}: {text}"


def _limit_of_memory(error: BaseException) -> str:
    """Return what to do where a limit of memory may be the cause, or nothing."""
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    is_one = isinstance(error, PapermillExecutionError) and error.ename == "MemoryError"
    if limit == resource.RLIM_INFINITY or not (is_one or isinstance(error, RuntimeError)):
        return ""
    return f"; memory is limited to {limit / 1e9:.1f} GB, maybe too little: ulimit -v raises that"


def _tidy(path: Path) -> None:
    """Leave out what differs between two equal runs: times, this machine's paths, bars."""
    notebook = nbformat.read(path, as_version=4)
    told = notebook.metadata.get("papermill", {})
    notebook.metadata["papermill"] = {k: told[k] for k in ("parameters", "version") if k in told}
    for cell in notebook.cells:
        cell.metadata.pop("papermill", None)
        if "injected-parameters" in cell.metadata.get("tags", []):
            cell["id"] = "injected-parameters"
        for output in cell.get("outputs", []):
            if output.get("name") == "stderr":
                lines = output["text"].split("\n")
                output["text"] = "\n".join(line for line in lines if "\r" not in line)
        if "outputs" in cell:
            cell.outputs = [out for out in cell.outputs if out.get("text", "x").strip()]
    nbformat.write(notebook, path)


def _papermill_options(words: Sequence[str]) -> list[str]:
    """Turn the two options of our own into papermill's."""
    defaults: dict[str, str | int] = {}
    options, rest = [], iter(words)
    for word in rest:
        if word == "-d":
            name, text = next(rest), next(rest)
            # A notebook that declares a text makes a number one again.
            defaults[name] = int(text) if re.fullmatch(r"0|[1-9]\d{,14}", text) else text
        elif word == "--options":
            text = next(rest)
            try:
                options += shlex.split(text)
            except ValueError as error:
                wrong = f"options: expected papermill's options, got {text!r} ({error})"
                raise ReportError(wrong) from None
        else:
            options.append(word)
    # papermill reads these first, so that every other option overrides them.
    first = base64.b64encode(yaml.safe_dump(defaults, sort_keys=False).encode())
    return ["-b", first.decode(), *options]


def _literal(path: Path) -> str:
    """Return a path as papermill takes it: it puts parameters in the place of names in braces."""
    return str(path).replace("{", "{{").replace("}", "}}")


def prepared_parameters(source: Path, words: Sequence[str]) -> dict[str, Any]:
    """Return the parameters that `words`, as of the command, give a notebook; nothing is run.

    A ReportError if an option cannot be.
    """
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "prepared.ipynb"
        options = [_literal(source), _literal(target), *_papermill_options(words)]
        options += ["--prepare-only", "--no-progress-bar", "--log-level", "CRITICAL"]
        try:
            papermill.main(options, "python -m rnn.pipeline.execute", standalone_mode=False)
        except Exception as error:
            raise ReportError(_story(error)) from None
        metadata = nbformat.read(target, as_version=4).metadata
    return dict(metadata.get("papermill", {}).get("parameters", {}))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status: 0, 1 for a failure, 130 if it was stopped."""
    source, target, *words = sys.argv[1:] if arguments is None else arguments
    name, started = Path(target).stem, time.monotonic()
    stop.listen()
    try:
        options = _papermill_options(words)
        print(f"{name}: running\n", end="", flush=True)  # at once, as another step may print too
        execute(Path(source), Path(target), options)
    except ReportError as error:
        _clear_line()
        print(f"{error}; run the same command again" if stop.requested else error, file=sys.stderr)
        return STOPPED if stop.requested else 1
    _clear_line()
    print(f"{name}: done in {time.monotonic() - started:.1f} s\n", end="", flush=True)
    return 0


def _clear_line() -> None:
    """Take away the bar of a step beside this one, which writes it anew below what comes."""
    if sys.stderr.isatty():
        print(CLEAR, end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
