"""Bars: a widget in an interactive notebook, a line on the terminal, lines in a log."""

import os
import pty
import select
import sys
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from tqdm.notebook import tqdm as notebook_bar

from rnn.runs import progress
from rnn.runs.progress import bar, is_interactive, terminal


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Stand in for a notebook's kernel."""
    found = SimpleNamespace(_allow_stdin=False)
    shell = SimpleNamespace(kernel=found)
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    return found


class Stream:
    """A stream with a file number, as a kernel's standard error has."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.text = ""

    def fileno(self) -> int:
        return self.number

    def write(self, text: str) -> None:
        self.text += text

    def flush(self) -> None:
        pass


@pytest.fixture
def screen() -> Iterator[tuple[int, int]]:
    """Open a pseudo-terminal; return the number of its screen and of the end that writes."""
    ours, theirs = pty.openpty()
    yield ours, theirs
    os.close(ours)
    os.close(theirs)


def written(number: int) -> bytes:
    """Return all that was written to a pseudo-terminal so far."""
    found = b""
    while select.select([number], [], [], 0.05)[0]:
        found += os.read(number, 10_000)
    return found


def test_a_notebook_is_interactive_where_it_could_ask(kernel: SimpleNamespace) -> None:
    assert not is_interactive()
    kernel._allow_stdin = True
    assert is_interactive()


def test_nothing_is_interactive_outside_a_notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "IPython", raising=False)
    assert not is_interactive()
    shell = SimpleNamespace(get_ipython=lambda: None)
    monkeypatch.setitem(sys.modules, "IPython", shell)
    assert not is_interactive()


def test_interactive_notebook_gets_a_widget(kernel: SimpleNamespace) -> None:
    kernel._allow_stdin = True
    with bar(total=3, desc="work") as shown, bar(total=3, shown=False) as hidden:
        assert isinstance(shown, notebook_bar)
        assert not isinstance(hidden, notebook_bar)


def test_log_gets_the_bar_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    with bar(total=3, desc="work") as shown:
        shown.update(3)
    assert "work: 100%" in capsys.readouterr().err
    assert terminal() is None


def test_kernel_started_from_a_terminal_shows_its_bar_there_and_not_in_the_notebook(
    kernel: SimpleNamespace, screen: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, theirs = screen
    notebook = Stream(theirs)
    monkeypatch.setattr(sys, "stderr", notebook)
    with bar(total=3, desc="work") as shown:
        shown.update(3)
    assert b"work: 100%" in written(ours)
    assert notebook.text == ""


def test_kernel_without_a_terminal_has_its_bar_in_the_notebook(
    kernel: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading, writing = os.pipe()
    notebook = Stream(writing)
    monkeypatch.setattr(sys, "stderr", notebook)
    with bar(total=3, desc="work") as shown:
        shown.update(3)
    os.close(reading)
    os.close(writing)
    assert "work: 100%" in notebook.text


@pytest.mark.parametrize(("columns", "width"), [(0, 100), (40, 39), (300, 100)])
def test_bar_fits_the_terminal_and_shows_on_one_that_has_no_width(
    monkeypatch: pytest.MonkeyPatch, screen: tuple[int, int], columns: int, width: int
) -> None:
    monkeypatch.setattr(sys, "stderr", Stream(screen[1]))
    size = os.terminal_size((columns, 0))
    monkeypatch.setattr(progress.os, "get_terminal_size", lambda number: size)
    shown: Any = bar(total=3, desc="work")
    shown.close()
    assert shown.ncols == width


def test_hidden_bar_writes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(bar(range(3), shown=False)) == [0, 1, 2]
    assert capsys.readouterr().err == ""
