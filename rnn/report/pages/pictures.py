"""The pictures of a notebook: made by its cells, attached to them, in its text or beside it."""

import base64
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from rnn.report.escaping import joined
from rnn.report.markup import off_paper
from rnn.text.characters import printable

PICTURES = ("image/svg+xml", "image/png", "image/jpeg", "image/gif", "image/webp")
#: Patterns of what a picture's bytes begin with, and its kind.
_BEGINNINGS = (
    (rb"\x89PNG\r\n\x1a\n", "png"),
    (rb"\xff\xd8\xff", "jpeg"),
    (rb"GIF8", "gif"),
    (rb"RIFF....WEBP", "webp"),
    (rb"\s*(?:\xef\xbb\xbf)?\s*<(?:\?xml|!DOCTYPE svg|!--|svg)(?s:.{0,4000})<?svg\b", "svg"),
)
_DATA = re.compile(r"\s*data:image/[\w.+-]+(?:;[\w=-]+)*?(;base64)?,(.*)", re.DOTALL)
_FILE = re.compile(r"[^<>\"']+\.(?:png|jpe?g|gif|svg|webp)", re.IGNORECASE)


class Pictures:
    """A page's pictures: carried inside (`embed`, for HTML), or files of their own (for Typst)."""

    def __init__(self, embed: bool, folder: Path | None, warn: Callable[[str], None]) -> None:
        self._embed, self.warn = embed, warn
        self._folder = folder.resolve() if folder else None
        self.files: dict[str, bytes] = {}  # to lay beside Typst's source
        self.attachments: dict[str, Any] = {}  # of the cell whose prose is being read

    def find(self, address: str) -> str | None:
        """Return the address in the page of a picture that prose names.

        It is attached to the cell, written out in the address, or in a file in the notebook's
        folder; nothing else is looked at.
        """
        content: bytes | None = None
        if address.startswith("attachment:"):
            data = self.attachments.get(address.removeprefix("attachment:"), {})
            kinds = [kind for kind in PICTURES if kind in data]
            content = content_of(data[kinds[0]], kinds[0]) if kinds else None
        elif found := _DATA.match(address):
            content = content_of(unquote(found[2]), "" if found[1] else "image/svg+xml")
        elif self._folder and _FILE.fullmatch(address):
            path = (self._folder / address).resolve()
            try:
                if path.is_relative_to(self._folder) and path.is_file():
                    content = path.read_bytes()
            except (OSError, ValueError):
                pass
            if content is None and "://" not in address:
                self.warn(f"there is no picture {printable(address)}, and words stand for it")
        return self.keep(content) if content else None

    def keep(self, content: bytes) -> str | None:
        """Take in a picture; return its address in the page, or None, with a warning."""
        kinds = (kind for begin, kind in _BEGINNINGS if re.match(begin, content, re.DOTALL))
        if not (kind := next(kinds, "")):
            self.warn("a picture cannot be read, and words stand for it")
            return None
        if self._embed:
            mime = "svg+xml" if kind == "svg" else kind
            return f"data:image/{mime};base64,{base64.b64encode(content).decode()}"
        file = f"{len(self.files)}.{kind}"
        self.files[file] = content
        return file


def content_of(data: object, mime: str) -> bytes:
    """Return a picture's bytes from the way notebooks keep it; none where it is damaged."""
    text = joined(data)
    if mime == "image/svg+xml" and "<" in text:
        return off_paper(text).encode(errors="replace")
    try:
        return base64.b64decode(text)
    except ValueError:
        return b""
