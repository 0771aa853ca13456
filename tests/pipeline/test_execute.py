"""A notebook run as a step: refused early, told in a line, whole or not there at all."""

import json
import os
import re
import resource
import signal
import subprocess
import sys
import time
from io import StringIO
from pathlib import Path
from typing import Any

import nbformat
import pytest

from rnn.pipeline.execute import STOPPED, Stop, Terminal, main, prepared_parameters

ROOT = Path(__file__).resolve().parents[2]
PARAMETERS = """\
corpus: str = "saltmarrow"  # the book
m: int = 100  # hidden units
eta: float = 0.1  # learning rate
"""


def stored(folder: Path, *cells: str) -> Path:
    """Write a notebook of the given code cells behind its parameters."""
    notebook = nbformat.v4.new_notebook()
    notebook.metadata["kernelspec"] = {
        "display_name": "Python 3",
        "language": "python",
        "name": "python3",
    }
    notebook.cells = [nbformat.v4.new_code_cell(source) for source in (PARAMETERS, *cells)]
    notebook.cells[0].metadata["tags"] = ["parameters"]
    for number, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{number}"
    nbformat.write(notebook, folder / "a {notebook}.ipynb")
    return folder / "a {notebook}.ipynb"


def run(source: Path, *options: str) -> tuple[int, Path]:
    """Run the command; return its exit status and where its result belongs."""
    target = source.with_name("done.ipynb")
    return main([str(source), str(target), *options]), target


def outputs(notebook: Path) -> str:
    cells = nbformat.read(notebook, as_version=4).cells
    return "".join(out.get("text", "") for cell in cells for out in cell.get("outputs", []))


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (["-p", "epoch", "2"], "epoch: expected a parameter of this notebook"),
        (["-p", "et", "2"], "did you mean eta?"),
        (["-d", "speed", "2"], "speed: expected a parameter of this notebook"),
        (["-p", "m"], "requires 2 arguments"),
        (["-q"], "No such option"),
        (["--options", "-p m 'two"], "options: expected papermill's options"),
        (["-f", "nowhere.yaml"], "nowhere.yaml: expected"),
        (["-y", "[1"], "expected a notebook and options of papermill"),
        (["-y", "1: 2"], "1: expected a parameter of this notebook"),
        (["-p", "m", os.fsdecode(b"\xff")], "expected a notebook and options of papermill"),
        (["-y", "text"], "expected a notebook and options of papermill"),
    ],
)
def test_impossible_option_is_refused_in_one_line_before_anything_runs(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], options: list[str], line: str
) -> None:
    status, target = run(stored(tmp_path, "1/0"), *options)
    told = capfd.readouterr().err
    assert status == 1
    assert line in told and len(told.splitlines()) == 1
    assert list(tmp_path.iterdir()) == [tmp_path / "a {notebook}.ipynb"], target


@pytest.mark.parametrize("content", [None, "not json", "{}"])
def test_what_is_no_notebook_is_refused_in_one_line(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], content: str | None
) -> None:
    source = tmp_path / "source.ipynb"
    if content is not None:
        source.write_text(content)
    assert run(source)[0] == 1
    told = capfd.readouterr().err
    assert "source.ipynb" in told or "expected a notebook" in told
    assert len(told.splitlines()) == 1


def test_defaults_yield_to_options_of_every_kind_and_keep_texts(tmp_path: Path) -> None:
    source = stored(tmp_path, "print(repr((corpus, m, eta)))")
    defaults = ["-d", "corpus", "It\u2019s \U0001f600 \x07", "-d", "m", "7", "-d", "eta", "0.5"]
    status, target = run(source, *defaults, "-y", "{m: 9}")
    assert status == 0
    assert outputs(target).strip() == repr(("It\u2019s \U0001f600 \x07", 9, "0.5"))


def test_options_of_every_kind_reach_the_notebook(tmp_path: Path) -> None:
    settings = tmp_path / "settings.yaml"
    settings.write_text("eta: 1.0e-8\nm: 1\n")
    source = stored(tmp_path, "print(repr((corpus, m, eta)))")
    more = f"-f '{settings}' -p m 3"
    status, target = run(source, "-d", "corpus", "a 'b' $c", "-d", "m", "2", "--options", more)
    assert status == 0
    assert outputs(target).strip() == repr(("a 'b' $c", 3, 1e-8))


def test_a_folder_may_have_braces_in_its_name(tmp_path: Path) -> None:
    folder = tmp_path / "{m} of {n}"
    folder.mkdir()
    source = stored(folder, "print(m)")
    assert run(source, "-p", "m", "2")[0] == 0
    assert prepared_parameters(source, ["-p", "m", "2"])["m"] == 2


def test_two_runs_leave_the_same_bytes_without_times_paths_or_bars(tmp_path: Path) -> None:
    code = (
        "import sys, time; sys.stderr.write('kept\\n\\r 1/2\\r %d/2\\n' % 2); sys.stderr.flush(); "
        "time.sleep(0.02); print('result')"
    )
    source = stored(tmp_path, code)
    assert run(source, "-p", "m", "2")[0] == 0
    first = (tmp_path / "done.ipynb").read_bytes()
    assert run(source, "-p", "m", "2")[0] == 0
    assert (tmp_path / "done.ipynb").read_bytes() == first
    assert str(tmp_path).encode() not in first
    assert not re.search(rb"\d\d:\d\d:\d\d|duration|2/2", first)
    assert b"kept" in first and b"result" in first
    assert {path.name for path in tmp_path.iterdir()} == {"a {notebook}.ipynb", "done.ipynb"}


def test_refusal_in_the_notebook_is_shown_as_its_line_and_keeps_the_evidence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = stored(
        tmp_path,
        "from rnn.errors import ReportError",
        'if m < 1: raise ReportError(f"m: expected a whole number of at least 1, got {m}")',
    )
    (tmp_path / "done.ipynb").write_text("what was made before")
    status, target = run(source, "-p", "m", "0")
    (line,) = capsys.readouterr().err.splitlines()
    evidence = tmp_path / "failed_done.ipynb"
    assert status == 1
    assert line == f"m: expected a whole number of at least 1, got 0 (see {evidence})"
    assert "got 0" in json.dumps(nbformat.read(evidence, as_version=4))
    assert target.read_text() == "what was made before"
    assert run(source)[0] == 0
    assert not evidence.exists()


def test_other_failure_tells_the_end_of_its_traceback_and_where_to_look(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, target = run(stored(tmp_path, "number = 0", "1 / number"))
    told = capsys.readouterr().err
    assert status == 1
    assert "ZeroDivisionError: division by zero" in told
    assert "1 / number" in told and "failed_done.ipynb" in told
    assert "\x1b" not in told and len(told.splitlines()) < 15
    assert not target.exists()


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"kernelspec": {"name": "conda-env-mine-py", "display_name": "Mine", "language": "R"}},
        {"kernelspec": {"name": "", "display_name": ""}},
        {"language_info": {"name": "julia"}},
    ],
)
def test_whatever_kernel_a_notebook_names_it_runs_with_this_python(
    tmp_path: Path, metadata: dict[str, Any]
) -> None:
    source = stored(tmp_path, "import sys; print(sys.executable)")
    notebook = nbformat.read(source, as_version=4)
    notebook.metadata = nbformat.from_dict(metadata)
    nbformat.write(notebook, source)
    status, target = run(source, "-p", "m", "3")
    assert status == 0
    assert outputs(target).strip() == sys.executable


def test_paths_that_papermill_adds_are_no_unknown_parameters(tmp_path: Path) -> None:
    source = stored(
        tmp_path,
        f"import sys; sys.path.insert(0, {str(ROOT)!r})",
        "from rnn.pipeline.parameters import accept_parameters; accept_parameters(globals())",
        "print(PAPERMILL_OUTPUT_PATH)",
    )
    status, target = run(source, "--inject-paths", "-p", "m", "3")
    assert status == 0
    assert "done.ipynb" in outputs(target)


def test_dead_kernel_is_told_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, target = run(stored(tmp_path, "print('computed')", "import os; os._exit(1)"))
    (line,) = capsys.readouterr().err.splitlines()
    assert status == 1 and "Kernel died" in line
    assert not target.exists()
    assert outputs(target.with_name(f"failed_{target.name}")).strip() == "computed"


@pytest.mark.parametrize("code", ["import os; os._exit(1)", "raise MemoryError"])
def test_limit_of_memory_is_told_where_it_may_be_the_cause(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    code: str,
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1_500_000_000, -1))
    assert run(stored(tmp_path, code))[0] == 1
    assert "1.5 GB" in capsys.readouterr().err


def test_folder_that_cannot_be_written_is_told_in_one_line(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    status = main([str(stored(tmp_path)), str(tmp_path / "nowhere" / "done.ipynb")])
    (line,) = capfd.readouterr().err.splitlines()
    assert status == 1
    assert "expected" in line and "nowhere" in line


@pytest.mark.parametrize(
    ("name", "code", "told"),
    [
        (".running_done.ipynb", "", ".running_done.ipynb: expected "),
        ("done.ipynb", "", "done.ipynb: expected "),
        ("failed_done.ipynb", "raise MemoryError('too much')", "MemoryError: too much"),
        ("failed_done.ipynb", "", ""),
    ],
)
def test_folder_in_the_place_of_a_file_is_told_in_a_line_and_stays(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], name: str, code: str, told: str
) -> None:
    (tmp_path / name / "of the user's").mkdir(parents=True)
    assert run(stored(tmp_path, code))[0] == bool(told)
    line = capfd.readouterr().err.splitlines()[-1:]
    assert told in "".join(line) and bool(line) == bool(told)
    assert (tmp_path / name / "of the user's").exists()
    assert not [path for path in tmp_path.glob(".running*") if path.is_file()]


SAVES = """\
import os, time
from pathlib import Path
Path("started").write_text(str(os.getpid()))
try:
    time.sleep(60)
except KeyboardInterrupt:
    time.sleep(0.3)
    Path("saved").touch()
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped_run_lets_the_kernel_save_and_leaves_no_target(
    tmp_path: Path, number: signal.Signals
) -> None:
    source = stored(tmp_path, SAVES, "Path('went on').touch()")
    command = [sys.executable, "-m", "rnn.pipeline.execute", source.name, "done.ipynb"]
    root = str(Path(__file__).resolve().parents[2])
    with subprocess.Popen(
        command,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": root},
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        deadline = time.monotonic() + 30
        while not ((tmp_path / "started").exists() and (tmp_path / "started").read_text()):
            assert time.monotonic() < deadline and process.poll() is None
            time.sleep(0.02)
        process.send_signal(number)
        told = process.communicate(timeout=20)[1]
    assert process.returncode == STOPPED
    assert "stopped; run the same command again" in told.splitlines()[-1]
    assert (tmp_path / "saved").exists()
    assert not (tmp_path / "went on").exists()
    assert not list(tmp_path.glob("*done.ipynb"))
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "started").read_text()), 0)


def test_signal_that_is_ignored_stays_ignored() -> None:
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM)
    before = {number: signal.getsignal(number) for number in numbers}
    try:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        Stop().listen()
        assert callable(signal.getsignal(signal.SIGTERM))
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def test_bar_is_one_line_in_a_log_and_itself_on_a_terminal() -> None:
    chunks = ["\r 0%", "\r 50", "%", "\r 100%\n", "a warning\n", "\r 0%"]
    log, screen = StringIO(), StringIO()
    screen.isatty = lambda: True  # type: ignore[method-assign]
    for stream in (log, screen):
        terminal = Terminal(stream)
        for chunk in chunks:
            terminal.write(chunk)
        terminal.flush()
    assert log.getvalue() == " 100%\na warning\n"
    assert screen.getvalue() == "".join(chunks)
