"""Run one notebook through papermill, as a step of the pipeline.

``python -m rnn.pipeline.execute INPUT OUTPUT -p m 200 -f settings.yaml`` does what papermill's own
command does, and what a step of a Makefile needs besides: an unknown parameter is refused, OUTPUT
appears only when every cell has run, a failure is told in a line, and Ctrl-C reaches the kernel,
so that a training can save its state.  Two options are its own: ``-d NAME VALUE`` is a value that
all others override, ``--options TEXT`` more options in one text, split as a shell splits words.
"""

import base64
import os
import re
import shlex
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import nbformat
import yaml
from papermill.cli import papermill
from papermill.exceptions import PapermillExecutionError

from rnn.errors import ReportError
from rnn.pipeline.kernel import ENGINE, STOPPED, stop


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
    words = [str(path).replace("{", "{{").replace("}", "}}") for path in (source, running)]
    words += ["--engine", ENGINE, "--no-progress-bar", "--log-level", "CRITICAL"]
    try:
        papermill.main([*words, *options], "python -m rnn.pipeline.execute", standalone_mode=False)
        _tidy(running)
        running.replace(target)
        failed.unlink(missing_ok=True)
    except BaseException as error:
        story = _story(error)
        if stop.requested:
            told = isinstance(error, PapermillExecutionError) and "\n" not in story
            raise ReportError(story if told else "stopped") from None
        if running.exists() and isinstance(error, PapermillExecutionError | RuntimeError):
            running.replace(failed)
            story += f" (see {failed})"
        raise ReportError(story) from None
    finally:
        running.unlink(missing_ok=True)


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
    text = " ".join(str(error).split())
    if isinstance(error, ReportError | RuntimeError):
        return text
    return f"expected a notebook and options of papermill, got {type(error).__name__}: {text}"


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


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status: 0, 1 for a failure, 130 if it was stopped."""
    # The kernel writes to a pipe, so its progress bar learns the terminal's width from here.
    os.environ.setdefault("COLUMNS", str(shutil.get_terminal_size((80, 24)).columns))
    source, target, *words = sys.argv[1:] if arguments is None else arguments
    name, started = Path(target).stem, time.monotonic()
    stop.listen()
    try:
        options = _papermill_options(words)
        print(f"{name}: running", flush=True)
        execute(Path(source), Path(target), options)
    except ReportError as error:
        print(f"{error}; run the same command again" if stop.requested else error, file=sys.stderr)
        return STOPPED if stop.requested else 1
    print(f"{name}: done in {time.monotonic() - started:.1f} s", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
