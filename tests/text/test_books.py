"""Names and paths mean files; the one text that may be downloaded is, once."""

import dataclasses
import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from texts import file_of, refusal, text_of

from rnn.text import books
from rnn.text.books import BOOKS
from rnn.text.corpus import load_corpus


def test_relative_path_is_sought_in_the_working_directory_and_then_in_the_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, project = tmp_path / "here", tmp_path / "project"
    here.mkdir(), project.mkdir()
    file_of(project, b"of the project", "a.txt")
    monkeypatch.chdir(here)
    monkeypatch.setattr(books, "ROOT", project)
    assert text_of(load_corpus("a.txt")) == "of the project"
    file_of(here, b"of the working directory", "a.txt")
    corpus = load_corpus("a.txt")
    assert text_of(corpus) == "of the working directory"
    assert (corpus.name, corpus.title) == ("a", "a.txt")


def test_a_tilde_is_a_home_folder_unless_nobody_has_that_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, here = tmp_path / "home", tmp_path / "here"
    home.mkdir(), here.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(here)
    file_of(home, b"at home", "a.txt")
    file_of(here, b"a name with a tilde", "~nobody.txt")
    assert text_of(load_corpus("~/a.txt")) == "at home"
    assert text_of(load_corpus("~nobody.txt")) == "a name with a tilde"


def test_a_path_that_leads_nowhere_is_refused(tmp_path: Path) -> None:
    assert "no such file" in refusal(str(tmp_path / "nowhere.txt"))
    assert "got ' '" in refusal(" ")
    assert "null" in refusal("a\0b")
    assert "File name too long" in refusal("x" * 5000)


def test_misspelt_name_is_answered_with_the_nearest() -> None:
    assert "'saltmarrow'" in refusal("Saltmarow").rpartition(";")[2]
    assert "'tinyshakespeare'" in refusal("tiny-shakespeare").rpartition(";")[2]
    assert "'goblet'" in refusal("gobblet").rpartition(";")[2]


def test_missing_goblet_says_which_file_is_meant_and_where_it_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(books, "ROOT", tmp_path)
    message = refusal("goblet")
    assert "data/goblet_book.txt" in message and "1,107,545 bytes" in message
    assert BOOKS["goblet"].sha256[:12] in message
    assert str(tmp_path) not in message


@pytest.fixture
def shelf(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Path, dict[str, Any], ThreadingHTTPServer]]:
    """An empty data folder, and a small text in the place of the one that is downloaded."""
    content = b"First Citizen:\nBefore we proceed any further\n" * 40
    served = {"content": content, "length": len(content)}

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(served["length"]))
            self.end_headers()
            self.wfile.write(served["content"])  # type: ignore[arg-type]

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    book = dataclasses.replace(
        BOOKS["tinyshakespeare"],
        sha256=hashlib.sha256(content).hexdigest(),
        url=f"http://127.0.0.1:{server.server_port}/input.txt",
    )
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setitem(BOOKS, "tinyshakespeare", book)
    monkeypatch.setattr(books, "ROOT", tmp_path)
    (tmp_path / "data").mkdir()
    yield tmp_path / "data", served, server
    server.shutdown()
    server.server_close()


Shelf = tuple[Path, dict[str, Any], ThreadingHTTPServer]


def test_tinyshakespeare_is_downloaded_once(
    shelf: Shelf, capfd: pytest.CaptureFixture[str]
) -> None:
    folder, served, server = shelf
    corpus = load_corpus("tinyshakespeare")
    assert text_of(corpus).encode() == served["content"]
    assert [x.name for x in folder.iterdir()] == ["tinyshakespeare.txt"]
    server.shutdown()
    served["content"] = b"not asked for again"
    assert load_corpus("tinyshakespeare").sha256 == corpus.sha256
    assert str(folder) not in "".join(capfd.readouterr())


def test_tinyshakespeare_offline_is_one_line_and_leaves_nothing(shelf: Shelf) -> None:
    folder, _, server = shelf
    server.shutdown()
    server.server_close()
    message = refusal("tinyshakespeare")
    assert "ConnectionError" in message and "go online" in message
    assert list(folder.iterdir()) == []


def test_tinyshakespeare_of_other_bytes_is_refused_and_leaves_nothing(shelf: Shelf) -> None:
    folder, served, _ = shelf
    served["content"] = served["content"].replace(b"F", b"f")
    assert "another text" in refusal("tinyshakespeare")
    served["content"] = served["content"][:100]  # cut off in the middle
    assert "tinyshakespeare.txt" in refusal("tinyshakespeare")
    assert list(folder.iterdir()) == []


def test_tinyshakespeare_that_was_changed_is_neither_used_nor_overwritten(shelf: Shelf) -> None:
    folder, *_ = shelf
    path = file_of(folder, b"my own text", "tinyshakespeare.txt")
    assert "sha256" in refusal("tinyshakespeare")
    assert path.read_bytes() == b"my own text"
