"""Typst source to PDF: in a folder of its own, with every character and every piece shown somehow.

The source is made of pieces in marks.  When Typst refuses one, what is to stand in its place is
put there, with a warning that names the cell, and the rest of the page is as if nothing had been.
"""

import json
import re
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

import typst

from rnn.errors import ReportError
from rnn.report.escaping import is_invisible, stand_in
from rnn.report.fonts import VARIATION_SELECTORS, Borrowed, code_points
from rnn.report.pages.placing import Layout, Placements, best_placements

#: A piece between its marks, which have its number; of nested ones the outermost.
_PIECE = re.compile(r"/\*<(\d+)>\*/(.*?)/\*</\1>\*/", re.DOTALL)
#: In the template, the line between the title block and the cells.
_BODY = "\n// cells\n"
#: In the template, what sets a figure or a table with its caption.
_FLOAT = "#captioned("
#: Pixels of the small pictures in which holes on the pages are looked for.
_PER_INCH = 18


class _Piece(NamedTuple):
    where: str  # the cell
    what: str  # "a formula", "a picture", ...
    instead: list[str]  # what may stand for it, the best first


class Pieces:
    """The parts of a page that can fail alone."""

    def __init__(self) -> None:
        self._all: list[_Piece] = []

    def mark(self, markup: str, where: str, what: str, *instead: str) -> str:
        """Return `markup` in marks; where Typst refuses it, one of `instead` stands for it."""
        self._all.append(_Piece(where, what, [*instead]))
        number = len(self._all) - 1
        return f"/*<{number}>*/{markup}/*</{number}>*/"

    def replace(self, source: str, number: str, reason: str) -> tuple[str, str]:
        """Return the source with something else for a piece, and a line that says so."""
        where, what, instead = self._all[int(number)]
        before, _, rest = source.partition(f"/*<{number}>*/")
        _, _, after = rest.partition(f"/*</{number}>*/")
        put = f"/*<{number}>*/{instead.pop(0)}/*</{number}>*/" if instead else ""
        words = "something simpler stands for it" if put else "it is left out"
        return before + put + after, f"{where}: Typst cannot set {what}, and {words}: {reason}"


class _Page:
    """A source that is compiled again and again until Typst takes it."""

    def __init__(self, root: Path, fonts: typst.Fonts, unseen: set[int]) -> None:
        self._root, self._fonts, self._unseen = root, fonts, unseen
        self.inputs: dict[str, str] = {}
        self.standards: list[Any] = ["ua-1"]
        self.place({})

    def place(self, placements: Placements) -> None:
        """Say where figures and tables stand."""
        (self._root / "placements.json").write_text(json.dumps(placements), encoding="utf-8")

    def arrange(self) -> bool:
        """Find the best places for figures and tables; tell whether others than the usual."""
        compiler = self._compiler({})

        def lay_out(placements: Placements) -> Layout:
            self.place(placements)
            pages = compiler.compile(format="png", ppi=_PER_INCH)
            facts = json.loads(compiler.query("<report:layout>", field="value", one=True))
            pictures = pages if isinstance(pages, list) else [pages or b""]
            return Layout(pictures, facts, 72 / _PER_INCH)

        try:
            placements = best_placements(lay_out)
        except _refusals():
            placements = {}
        self.place(placements)
        return bool(placements)

    def _compiler(self, inputs: dict[str, str]) -> typst.Compiler:
        unseen = "".join(f"\\x{{{point:x}}}" for point in sorted(self._unseen))
        return typst.Compiler(
            self._root / "main.typ",
            root=self._root,
            font_paths=self._fonts,
            package_path=self._root / "packages",
            package_cache_path=self._root / "packages",
            sys_inputs=self.inputs | {"unseen": unseen} | inputs,
        )

    def compiled(self, source: str, **inputs: str) -> bytes:
        """Compile, with more and more characters known to have no glyph."""
        (self._root / "main.typ").write_text(source, encoding="utf-8")
        for _ in range(50):
            try:
                made = self._compiler(inputs).compile(pdf_standards=self.standards, timestamp=0)
                return cast(bytes, made)
            except typst.TypstError as error:
                # A sequence of characters can lack a glyph although each of them has one.
                texts = re.findall(r"the text `\"(.*?)\"` could not be displayed", error.diagnostic)
                more = _beyond_ascii(" ".join(texts)) - self._unseen
                if "grouping depth" in error.message and "flat" not in self.inputs:
                    self.inputs["flat"] = "yes"
                elif not more:
                    raise
                self._unseen |= more
        raise ReportError("expected text that the fonts can show, got one that none of them can")

    def takes(self, source: str) -> bool:
        """Tell whether Typst sets a source on a page of its own."""
        try:
            self.compiled(source, alone="yes")
        except _refusals():
            return False
        return True

    def refused(self, head: str, pieces: list[tuple[str, str]]) -> str | None:
        """Return the number of a piece that Typst cannot set, of an inner one if possible."""
        if self.takes(head + "\n\n".join(markup for _, markup in pieces)):
            return None
        if len(pieces) > 1:
            half = len(pieces) // 2
            return self.refused(head, pieces[:half]) or self.refused(head, pieces[half:])
        [(number, markup)] = pieces
        inner = _PIECE.findall(markup)
        return (inner and self.refused(head, inner)) or number


def _refusals() -> tuple[type[BaseException], ...]:
    """Return what Typst raises: its own errors, and what becomes of its mistakes."""
    panics = (kind for kind in BaseException.__subclasses__() if kind.__name__ == "PanicException")
    return typst.TypstError, ReportError, *panics


def compile_pdf(
    source: str,
    files: dict[str, bytes],
    fonts: typst.Fonts,
    pieces: Pieces,
    warn: Callable[[str], None],
    borrowed: Sequence[Borrowed],
) -> bytes:
    """Compile Typst source to a tagged PDF (PDF/UA-1), the same bytes for the same arguments.

    The compiler sees a temporary folder that holds nothing but the page's own files, and no
    packages.  Characters that no font can show, and those that no reader could see, are passed
    to the style sheet, which shows their code points.

    Parameters
    ----------
    source : str
        Typst markup with pieces in marks; a line ``// cells`` ends the title block.
    files : dict of str to bytes
        The style sheet and the pictures.
    fonts : typst.Fonts
        Those that may be used.
    pieces : Pieces
        What may stand for a piece that Typst refuses.
    warn : callable
        Called with one line for each such piece.
    borrowed : sequence of Borrowed
        Fonts among them that some characters are set in.

    Raises
    ------
    ReportError
        If Typst refuses all that there is, or the title block.
    """
    source = stand_in(source)
    known = code_points(fonts.fonts())
    unseen = {p for p in _beyond_ascii(source) if p not in known or is_invisible(chr(p))}
    unseen -= VARIATION_SELECTORS
    others = [{"name": font.family, "covers": font.covers} for font in borrowed]
    with tempfile.TemporaryDirectory(prefix="report-") as folder:
        page = _Page(Path(folder), fonts, unseen)
        page.inputs["borrowed"] = json.dumps(others)
        for name, content in files.items():
            (Path(folder) / name).write_bytes(content)
        while True:
            try:
                made = page.compiled(source)
                rearranged = _FLOAT in source and page.arrange()
                return page.compiled(source) if rearranged else made
            except _refusals() as error:
                number, reason = _located(error, source), _words(error)
                head, line, body = source.partition(_BODY)
                if "first heading" in reason:
                    number = None  # it is missing: that which comes first is not to blame
                elif number is None and body and page.takes(head + line):
                    number = page.refused(head + line, _PIECE.findall(body))
                if number is not None:
                    source, line = pieces.replace(source, number, reason)
                    warn(line)
                elif page.standards and "PDF/UA" in reason:
                    page.standards = []
                    warn(f"the page: the PDF is not fit for all readers (PDF/UA-1): {reason}")
                else:
                    where = "the title block or an option"
                    raise ReportError(f"{where}: Typst cannot set it: {reason}") from None


def _beyond_ascii(text: str) -> set[int]:
    """Return the code points of a text, and of the escapes of a Typst string in it."""
    points = {ord(character) for character in set(text) if ord(character) > 0x7E}
    return points | {int(code, 16) for code in re.findall(r"\\u\{([0-9a-f]+)\}", text)}


def _located(error: BaseException, source: str) -> str | None:
    """Return the number of the innermost piece at the place that Typst names, if it names one."""
    place = re.search(r"main\.typ:(\d+):(\d+)", str(getattr(error, "diagnostic", "")))
    if not place:
        return None
    lines = source.split("\n")[: int(place[1])]
    before = "\n".join([*lines[:-1], lines[-1][: int(place[2]) - 1]])
    ended = set(re.findall(r"/\*</(\d+)>\*/", before))
    begun = [number for number in re.findall(r"/\*<(\d+)>\*/", before) if number not in ended]
    return begun[-1] if begun else None


def _words(error: BaseException) -> str:
    """Turn Typst's diagnostics into one line of a bearable length."""
    hints = (f"({hint})" for hint in getattr(error, "hints", ()))
    words = " ".join(" ".join([str(getattr(error, "message", error)), *hints]).split())
    return words if len(words) <= 300 else words[:299] + "…"
