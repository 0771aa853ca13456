"""The pictures of a notebook: made by its cells, attached to them, or lying beside it."""

import base64
import re
from pathlib import Path
from urllib.parse import quote, unquote

from nbformat import NotebookNode

from rnn.errors import ReportError
from rnn.report.pages.numbering import placed
from rnn.report.paper import off_paper

__all__ = ["Pictures"]

_SUFFIX = {"image/svg+xml": "svg"} | {f"image/{s}": s for s in ("png", "jpeg", "gif", "webp")}
_MIME = {suffix: mime for mime, suffix in _SUFFIX.items()} | {"jpg": "image/jpeg"}
_FILE = re.compile(r"[^\s()<>\"']+\.(?:png|jpe?g|gif|svg|webp)", re.IGNORECASE)


class Pictures:
    """A page's pictures: carried inside (`embed`, for HTML), or files of their own (for Typst)."""

    def __init__(self, embed: bool) -> None:
        self.embed = embed
        self.files: dict[str, bytes] = {}  # to lay beside Typst's source
        #: From the address in prose to the one in the page; prose can show no other picture.
        self.known: dict[str, str] = {}

    def collect(self, cell: NotebookNode, folder: Path | None) -> None:
        """Take in the pictures of a cell; its outputs learn where theirs are.

        The cell is as `rnn.report.pages.numbering` leaves it.  Nothing outside of `folder`, where
        the notebook lies, is looked at; a picture that is not in base64 is a ReportError.
        """
        if here := placed(cell):
            self._take_attachments(cell, here.where)
        if folder and cell.cell_type == "markdown":
            self._take_neighbours(cell.source, folder.resolve())
        for output in cell.get("outputs", ()):
            one = placed(output)
            if one and one.mime in _SUFFIX:
                one.picture = self._keep(one.mime, _content(output.data, one.mime, one.where))

    def _take_attachments(self, cell: NotebookNode, where: str) -> None:
        """Give attachments addresses of their own: two cells may use one name."""
        for name, data in sorted(cell.get("attachments", {}).items()):
            mime = next((mime for mime in _SUFFIX if mime in data), "")
            if mime:
                address = f"attachment:{len(self.known)}"
                names = f"{re.escape(name)}|{re.escape(quote(name))}"
                cell.source = re.sub(rf"attachment:(?:{names})(?![\w.-])", address, cell.source)
                self.known[address] = self._keep(mime, _content(data, mime, where))

    def _take_neighbours(self, source: str, folder: Path) -> None:
        for address in sorted(set(_FILE.findall(source)) - self.known.keys()):
            path = (folder / unquote(address)).resolve()
            if path.is_relative_to(folder) and path.is_file():
                mime = _MIME[path.suffix[1:].lower()]
                self.known[address] = self._keep(mime, path.read_bytes())

    def _keep(self, mime: str, content: bytes) -> str:
        """Return the address of a picture in the page."""
        if self.embed:
            return f"data:{mime};base64,{base64.b64encode(content).decode()}"
        file = f"{len(self.files)}.{_SUFFIX[mime]}"
        self.files[file] = content
        return file


def _content(data: NotebookNode, mime: str, where: str) -> bytes:
    """Return a picture's bytes from the way notebooks keep it."""
    if mime == "image/svg+xml":
        return off_paper(str(data[mime])).encode()
    try:
        return base64.b64decode(str(data[mime]), validate=False)
    except ValueError:
        raise ReportError(f"{where}: expected a picture in base64, got something else") from None
