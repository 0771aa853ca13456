"""Run one notebook through papermill, as a step of the pipeline.

``python -m rnn.pipeline.execute INPUT OUTPUT -p m 200 -f settings.yaml`` does what papermill's own
command does, and what a step of a Makefile needs besides: an unknown parameter is refused, OUTPUT
appears only when every cell has run, a failure is told in a line, and Ctrl-C reaches the kernel,
so that a training can save its state.
"""

import contextlib
import os
import re
import shlex
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import nbformat
import yaml
from papermill.exceptions import PapermillExecutionError
from papermill.execute import execute_notebook
from papermill.inspection import inspect_notebook
from papermill.iorw import NoDatesSafeLoader

from rnn.errors import ReportError
from rnn.pipeline.kernel import STOPPED, Terminal, register_engine, stop
from rnn.pipeline.parameters import unknown_parameter

__all__ = ["Stopped", "execute", "main", "read_parameters"]


class Stopped(ReportError):
    """The run was told to stop."""


def read_parameters(
    source: Path,
    given: dict[str, Any],
    defaults: Sequence[tuple[str, str]] = (),
) -> dict[str, Any]:
    """Return the values to inject, every name checked against the notebook's own.

    Parameters
    ----------
    source : Path
        A notebook with a cell tagged ``parameters``.
    given : dict
        Values by name.
    defaults : sequence of (name, text)
        Values that hold unless `given` has the name; the text becomes a number only where the
        notebook declares no ``str``.

    Raises
    ------
    ReportError
        If the notebook cannot be read or has no parameter of that name.
    """
    try:
        known = inspect_notebook(nbformat.read(source, as_version=4))
    except OSError as error:
        raise ReportError(
            f"{source}: expected a notebook, got nothing readable ({error.strerror})"
        ) from None
    except (ValueError, nbformat.ValidationError) as error:
        reason = str(error).splitlines()[0]
        raise ReportError(f"{source}: expected a notebook, got something else ({reason})") from None
    values = dict(defaults) | given
    for name in values:
        if name not in known:
            raise unknown_parameter(name, known, source.name)
    for name, text in defaults:
        if name not in given and known[name]["inferred_type_name"] != "str":
            values[name] = _number_or_text(text)
    return values


def execute(source: Path, target: Path, parameters: dict[str, Any]) -> None:
    """Run `source` with `parameters` and leave the executed notebook at `target`.

    While it runs, and if it fails, the notebook lies beside `target` under another name; what was
    at `target` before stays until it can be replaced.

    Raises
    ------
    ReportError
        If a cell fails, the kernel dies, or the folder cannot be written.
    Stopped
        If the run was told to stop.
    """
    # Neither name is taken for a page of the report.
    running = target.with_name(f".running_{target.name}")
    failed = target.with_name(f"failed_{target.name}")
    engine = register_engine()
    try:
        notebook = execute_notebook(
            nbformat.read(source, as_version=4),
            str(running).replace("{", "{{").replace("}", "}}"),
            parameters=parameters,
            engine_name=engine,
            progress_bar=False,
            stderr_file=Terminal(sys.stderr),
        )
        _tidy(notebook)
        nbformat.write(notebook, running)
        running.replace(target)
        failed.unlink(missing_ok=True)
    except OSError as error:
        running.unlink(missing_ok=True)
        raise ReportError(
            f"{target}: expected room and permission to write it, got {error.strerror}"
        ) from None
    except BaseException as error:
        if stop.requested or isinstance(error, KeyboardInterrupt):
            running.unlink(missing_ok=True)
            told = isinstance(error, PapermillExecutionError) and _is_a_line(error)
            raise Stopped(_story(error) if told else "stopped") from None
        evidence = ""
        if running.exists():
            running.replace(failed)
            evidence = f" (see {failed})"
        raise ReportError(_story(error) + evidence) from None


def _story(error: BaseException) -> str:
    """Tell a failure: in a line where the notebook's code did, else with the traceback's end."""
    if not isinstance(error, PapermillExecutionError):
        return f"{type(error).__name__}: {' '.join(str(error).split())}"
    if _is_a_line(error):
        return str(error.evalue)
    message = f"{error.ename}: {error.evalue}"
    lines = re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(error.traceback)).splitlines()
    place = "\n".join(f"    {line}" for line in lines[-12:-1] if line.strip())
    return f"cell [{error.exec_count}] failed:\n{place}\n{message}"


def _is_a_line(error: PapermillExecutionError) -> bool:
    """Tell whether the exception renders itself as one line, as those do that one should read."""
    return len(error.traceback) == 1 and bool(error.evalue)


def _tidy(notebook: nbformat.NotebookNode) -> None:
    """Leave out what differs between two equal runs: times, this machine's paths, bars."""
    kept = ("parameters", "version")
    told = notebook.metadata.get("papermill", {})
    notebook.metadata["papermill"] = {name: told[name] for name in kept if name in told}
    for cell in notebook.cells:
        cell.metadata.pop("papermill", None)
        cell.metadata.pop("execution", None)
        if "injected-parameters" in cell.metadata.get("tags", []):
            cell["id"] = "injected-parameters"
        for output in cell.get("outputs", []):
            if output.get("name") == "stderr":
                lines = output["text"].split("\n")
                output["text"] = "\n".join(line for line in lines if "\r" not in line)
        if "outputs" in cell:
            cell["outputs"] = [out for out in cell["outputs"] if out.get("text", "x").strip()]


def _number_or_text(text: str) -> Any:
    """Read a value of the command line as papermill does."""
    constants = {"True": True, "False": False, "None": None}
    if text in constants:
        return constants[text]
    for kind in (int, float):
        with contextlib.suppress(ValueError):
            return kind(text)
    return text


def _given(
    files: Sequence[str], texts: Sequence[str], pairs: Sequence[tuple[str, str]], raw: Any
) -> dict[str, Any]:
    """Merge the options in papermill's order: files, YAML texts, values, raw texts."""
    values: dict[str, Any] = {}
    try:
        sources = [*(Path(name).read_text(encoding="utf-8") for name in files), *texts]
        for text in sources:
            values.update(yaml.load(text, Loader=NoDatesSafeLoader) or {})
    except OSError as error:
        raise ReportError(f"-f {error.filename}: expected a file, got {error.strerror}") from None
    except (yaml.YAMLError, ValueError, TypeError) as error:
        reason = " ".join(str(error).split())
        raise ReportError(f"-f or -y: expected 'name: value' in YAML, got {reason}") from None
    values.update((name, _number_or_text(value)) for name, value in pairs)
    values.update(raw)
    return values


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("source", metavar="INPUT", type=click.Path(path_type=Path))
@click.argument("target", metavar="OUTPUT", type=click.Path(path_type=Path))
@click.option("-p", "pairs", nargs=2, multiple=True, help="A parameter's name and value.")
@click.option("-r", "raw", nargs=2, multiple=True, help="The same, the value always a text.")
@click.option("-f", "files", multiple=True, help="A YAML file of parameters.")
@click.option("-y", "texts", multiple=True, help="A YAML text of parameters.")
@click.option("-d", "defaults", nargs=2, multiple=True, help="A value that the others override.")
@click.option("--options", help="More options in one text, split as a shell splits words.")
def _command(
    source: Path,
    target: Path,
    pairs: Sequence[tuple[str, str]],
    raw: Sequence[tuple[str, str]],
    files: Sequence[str],
    texts: Sequence[str],
    defaults: Sequence[tuple[str, str]],
    options: str | None,
) -> None:
    """Execute the notebook INPUT with papermill and write the result to OUTPUT."""
    parameters = read_parameters(source, _given(files, texts, pairs, raw), defaults)
    started = time.monotonic()
    click.echo(f"{target.stem}: running")
    execute(source, target, parameters)
    click.echo(f"{target.stem}: done in {time.monotonic() - started:.1f} s")


def _spread(arguments: Sequence[str]) -> list[str]:
    """Replace ``--options TEXT`` by the words of TEXT."""
    words = list(arguments)
    while "--options" in words[:-1]:
        at = words.index("--options")
        try:
            words[at : at + 2] = shlex.split(words[at + 1])
        except ValueError as error:
            raise ReportError(
                f"options: expected papermill's options, got {words[at + 1]!r} ({error})"
            ) from None
    return words


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status: 0, 1 for a failure, 130 if it was stopped."""
    # Older kernels would warn of a debugger that nobody asked for.
    os.environ.setdefault("PYDEVD_DISABLE_FILE_VALIDATION", "1")
    # The kernel writes to a pipe, so its progress bar learns the terminal's width from here.
    os.environ.setdefault("COLUMNS", str(shutil.get_terminal_size((80, 24)).columns))
    try:
        with stop.listening():
            words = _spread(sys.argv[1:] if arguments is None else arguments)
            _command.main(words, prog_name="python -m rnn.pipeline.execute", standalone_mode=False)
    except click.ClickException as error:
        print(f"{error.format_message()} Try --help.", file=sys.stderr)
        return 1
    except (Stopped, click.Abort) as error:
        print(f"{str(error) or 'stopped'}; do run the same command again", file=sys.stderr)
        return STOPPED
    except ReportError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
