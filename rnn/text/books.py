"""Which file a name of a text means."""

import difflib
import os
from dataclasses import dataclass
from pathlib import Path

from rnn import ROOT
from rnn.errors import ReportError
from rnn.text.characters import printable

__all__ = ["BOOKS", "Book", "locate"]


@dataclass(frozen=True)
class Book:
    """A text that is known by name.

    Attributes
    ----------
    name, title : str
        The short name and the one on its cover.
    file : str
        Its file's name in ``data/``.
    sha256 : str
        Of the edition that is meant.
    absent : str
        What a person is to do when the file is not there.
    url : str
        Where it is fetched from, if it may be.
    """

    name: str
    title: str
    file: str
    sha256: str
    absent: str
    url: str = ""


BOOKS = {
    book.name: book
    for book in (
        Book(
            "saltmarrow",
            "The Mapmakers of Saltmarrow",
            "saltmarrow.txt",
            "112aee118421070a6024ea24cb67ff95e5793b1d1c76725d481fd9f3d120200e",
            "it comes with the project: bring it back with git checkout",
        ),
        Book(
            "goblet",
            "The Goblet of Fire",
            "goblet_book.txt",
            "f86bfd40b13d9d0c7be2d8608e2691583322bf7a13d9fdf8979c19ca2f3f15e0",
            "it may not be passed on: put the course's file of 1,107,545 bytes there",
        ),
        Book(
            "tinyshakespeare",
            "Tiny Shakespeare",
            "tinyshakespeare.txt",
            "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
            "go online for its one download, or put it there yourself",
            "https://raw.githubusercontent.com/karpathy/char-rnn/"
            "6f9487a6fe5b420b7ca9afb0d7c078e37c1d1b4e/data/tinyshakespeare/input.txt",
        ),
    )
}


def locate(corpus: str | os.PathLike[str]) -> tuple[Path, str, str]:
    """Return the file that a name or path means, with its short name and its title.

    Parameters
    ----------
    corpus : str or path
        A name in `BOOKS`, or the path of any text.  A relative path is taken from the working
        directory if it exists there, else from the project's root.

    Returns
    -------
    path : Path
    name : str
        The known name, else the file's name without its suffix.
    title : str
        The known title, else the file's name.

    Raises
    ------
    ReportError
        If there is no such text.
    """
    wanted = os.fspath(corpus) if isinstance(corpus, str | os.PathLike) else corpus
    if not isinstance(wanted, str):
        raise ReportError(
            f"corpus: expected a name or the path of a text, got {type(wanted).__name__}"
        )
    if wanted in BOOKS:
        book = BOOKS[wanted]
        path = ROOT / "data" / book.file
        if not path.exists():
            _provide(book, path)
        return path, book.name, book.title
    if not wanted.strip():
        raise ReportError(f"corpus: expected one of {', '.join(BOOKS)} or a path, got nothing")
    path = _path(wanted)
    return path, printable(path.stem), printable(path.name)


def _path(wanted: str) -> Path:
    given = Path(wanted).expanduser()
    for path in (given.absolute(), ROOT / given):
        try:
            path.stat()
            return path
        except (FileNotFoundError, NotADirectoryError):
            continue
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise ReportError(
                f"corpus: expected a path that can be read, got {printable(wanted)[:80]!r} "
                f"({reason})"
            ) from None
    near = difflib.get_close_matches(wanted.lower(), BOOKS, 1)
    advice = f"do you mean {near[0]!r}?" if near else "check the path"
    raise ReportError(
        f"corpus: expected {', '.join(BOOKS)} or the path of a text, "
        f"got {printable(wanted)!r}: no such file; {advice}"
    )


def _provide(book: Book, path: Path) -> None:
    """Fetch a known text that is not there yet, or say how it comes here."""
    reason = "no such file"
    if book.url:
        # Only this text needs it, and it is slow to import.
        import pooch

        # Its messages name folders of this machine, and would end up in the notebook.
        pooch.get_logger().setLevel("WARNING")
        try:
            pooch.retrieve(
                book.url, known_hash=f"sha256:{book.sha256}", fname=path.name, path=path.parent
            )
            return
        except OSError as error:
            reason = f"{type(error).__name__} from {book.url}"
        except ValueError:
            reason = f"another text from {book.url}"
    raise ReportError(
        f"corpus: expected {book.title!r} in data/{book.file}, got {reason}; {book.absent} "
        f"(sha256 {book.sha256[:12]}...)"
    )
