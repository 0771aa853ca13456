"""Which file a name of a text means."""

import difflib
import os
import tomllib
from dataclasses import dataclass
from pathlib import Path

from rnn import ROOT
from rnn.errors import ReportError, shown
from rnn.text.characters import printable
from rnn.text.files import expanded


@dataclass(frozen=True)
class KnownBook:
    """A text that is known by name; ``books.toml`` lists them and says what each entry means."""

    title: str
    file: str
    sha256: str
    remedy: str
    url: str = ""
    licence: str = ""


_listed = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
BOOKS = {name: KnownBook(**facts) for name, facts in _listed.items()}


def locate(corpus: str | os.PathLike[str]) -> tuple[Path, str, str]:
    """Return the file that a name or path means, with its short name and its title.

    It is a name in `BOOKS`, or the path of any text: a relative one is taken from the working
    directory if it exists there, else from the project's root.  The name and title of a text that
    is not known are its file's name, without its suffix and with it.
    """
    wanted = os.fspath(corpus) if isinstance(corpus, str | os.PathLike) else corpus
    if not isinstance(wanted, str) or not wanted.strip():
        known = ", ".join(BOOKS)
        raise ReportError(f"corpus: expected {known} or the path of a text, got {shown(wanted)}")
    if wanted in BOOKS:
        book = BOOKS[wanted]
        path = ROOT / "data" / book.file
        if not path.exists():
            _fetch(book, path)
        return path, wanted, book.title
    given = expanded(wanted)
    for path in (given.absolute(), ROOT / given):
        try:
            path.stat()
            return path, printable(path.stem), printable(path.name)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except (OSError, ValueError) as error:
            raise ReportError(
                f"corpus: expected a path that can be read, got {printable(wanted)[:80]!r} "
                f"({getattr(error, 'strerror', None) or error})"
            ) from None
    near = difflib.get_close_matches(wanted.lower(), BOOKS, 1)
    advice = f"did you mean {near[0]!r}?" if near else "check the path"
    raise ReportError(
        f"corpus: expected {', '.join(BOOKS)} or the path of a text, "
        f"got {printable(wanted)!r}: no such file; {advice}"
    )


def _fetch(book: KnownBook, path: Path) -> None:
    """Download a known text that is not there yet, or say how to get it."""
    reason = "no such file"
    if book.url:
        # Only this text needs it, and it is slow to import.
        import pooch

        # Its messages name folders of this machine, and would end up in the notebook.
        pooch.get_logger().setLevel("WARNING")
        try:
            pooch.retrieve(book.url, f"sha256:{book.sha256}", fname=path.name, path=path.parent)
            return
        except OSError as error:
            reason = f"{type(error).__name__} from {book.url}"
        except ValueError:
            reason = f"another text from {book.url}"
    raise ReportError(
        f"corpus: expected {book.title!r} in data/{book.file}, got {reason}; {book.remedy} "
        f"(sha256 {book.sha256[:12]}...)"
    )
