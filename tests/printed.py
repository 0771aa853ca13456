"""What a typographer sees in a tagged PDF: where every element of its structure stands."""

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from pypdf import PdfReader
from pypdf.generic import ContentStream, IndirectObject

_PAINT = {b"S", b"s", b"f", b"f*", b"B", b"B*", b"b", b"b*"}
_POINTS = {b"m": 1, b"l": 1, b"c": 3, b"v": 2, b"y": 2}


class Ink(NamedTuple):
    """A letter or a stroke: its extent on a page, in points from the page's lower left corner."""

    page: int
    left: float
    right: float
    bottom: float
    top: float
    size: float = 0.0  # of the letters; 0 for a stroke


@dataclass
class Element:
    """An element of the structure tree with its ink, that of its children included."""

    tag: str
    ink: list[Ink] = field(default_factory=list)
    children: list["Element"] = field(default_factory=list)

    @property
    def start(self) -> tuple[int, float]:
        """Page and depth on it, to be compared: the smaller, the earlier."""
        return min((one.page, -one.top) for one in self.ink)

    def pages(self) -> list[int]:
        return sorted({one.page for one in self.ink})

    def lines(self, page: int) -> list[list[Ink]]:
        """Its lines of text on a page, from top to bottom; indices belong to their line."""
        letters = [one for one in self.ink if one.page == page and one.size]
        letters.sort(key=lambda one: -one.bottom)
        found: list[list[Ink]] = []
        for one in letters:
            if found and found[-1][0].bottom - one.bottom < 7:
                found[-1].append(one)
            else:
                found.append([one])
        return found


class Printed:
    """A PDF's ink and structure."""

    def __init__(self, pdf: bytes) -> None:
        reader = PdfReader(io.BytesIO(pdf))
        self.ink: list[Ink] = []
        self.strokes: list[Ink] = []  # also those outside the structure, such as rules of tables
        self._marked: dict[tuple[int, int], list[Ink]] = {}
        self._numbers: dict[int, int] = {}
        for number, page in enumerate(reader.pages):
            assert isinstance(page.indirect_reference, IndirectObject)
            self._numbers[page.indirect_reference.idnum] = number
            self._read(number, ContentStream(page.get_contents(), reader).operations)
        self.pages = len(reader.pages)
        self.width = float(reader.pages[0].mediabox.width)
        self.text = "\n".join(page.extract_text() for page in reader.pages).splitlines()
        root = reader.trailer["/Root"]["/StructTreeRoot"]  # type: ignore[index]
        (document,) = self._elements(root["/K"], None)
        self.elements = [one for one in document.children if one.ink]

    def _read(self, page: int, operations: Any) -> None:
        matrix = np.eye(3)
        text = np.eye(3)
        stack: list[Any] = []
        marks: list[int | None] = []
        path: list[Any] = []
        size = 0.0
        for given, operator in operations:
            if operator in (b"BDC", b"BMC"):
                about = given[1] if len(given) > 1 and isinstance(given[1], dict) else {}
                outside = given[0] == "/Artifact" or (marks and marks[-1] == -1)
                marks.append(-1 if outside else about.get("/MCID", marks[-1] if marks else None))
            elif operator == b"EMC":
                marks.pop()
            elif operator == b"q":
                stack.append(matrix)
            elif operator == b"Q":
                matrix = stack.pop()
            elif operator == b"cm":
                matrix = _matrix(given) @ matrix
            elif operator == b"BT":
                text = np.eye(3)
            elif operator == b"Tf":
                size = float(given[1])
            elif operator == b"Tm":
                text = _matrix(given)
            elif operator in (b"Tj", b"TJ"):
                (x, y, _), high = (text @ matrix)[2], size * abs((text @ matrix)[1, 1])
                self._keep(marks, Ink(page, x, x, y, y + 0.7 * high, high))
            elif operator == b"re":
                x, y, w, h = map(float, given)
                path += [(x, y, 1), (x + w, y + h, 1)]
            elif operator in _POINTS:
                numbers = [*map(float, given)]
                path += [(*numbers[i : i + 2], 1) for i in range(0, len(numbers), 2)]
            elif operator in _PAINT or operator == b"Do":
                corners = [(0, 0, 1), (1, 1, 1)] if operator == b"Do" else path
                places = np.array(corners, dtype=float) @ matrix
                (left, bottom, _), (right, top, _) = places.min(axis=0), places.max(axis=0)
                self._keep(marks, Ink(page, left, right, bottom, top))
                path = []
            elif operator == b"n":
                path = []

    def _keep(self, marks: list[int | None], ink: Ink) -> None:
        mark = marks[-1] if marks else None
        if not ink.size:
            self.strokes.append(ink)
        if mark is not None and mark >= 0:
            self.ink.append(ink)
            self._marked.setdefault((ink.page, mark), []).append(ink)

    def _elements(self, node: Any, page: Any) -> Iterator[Element]:
        """Yield elements; a number is one without a tag, that of marked content."""
        node = node.get_object() if hasattr(node, "get_object") else node
        if isinstance(node, list):
            for child in node:
                yield from self._elements(child, page)
        elif isinstance(node, int):
            yield Element("", self._marked.get((page, node), []))
        elif isinstance(node, dict):
            if "/Pg" in node:
                page = self._numbers[node.raw_get("/Pg").idnum]
            if "/MCID" in node:
                yield Element("", self._marked.get((page, node["/MCID"]), []))
            elif "/S" in node:
                children = [*self._elements(node.get("/K", []), page)]
                ink = [one for child in children for one in child.ink]
                yield Element(str(node["/S"])[1:], ink, [one for one in children if one.tag])

    def all(self, *tags: str) -> list[Element]:
        """Return the elements with these tags, in the order of reading."""

        def within(elements: list[Element]) -> Iterator[Element]:
            for one in elements:
                if one.tag in tags and one.ink:
                    yield one
                yield from within(one.children)

        return [*within(self.elements)]

    def filled(self) -> list[float]:
        """Return what share of each page is filled: gaps of three lines and more are not."""
        top, bottom = max(one.top for one in self.ink), min(one.bottom for one in self.ink)
        shares = []
        for page in range(self.pages):
            white, reached = 0.0, top
            here = sorted((one for one in self.ink if one.page == page), key=lambda one: -one.top)
            for one in [*here, Ink(page, 0, 0, bottom, bottom)]:
                white += reached - one.top if reached - one.top > 36 else 0
                reached = min(reached, one.bottom)
            shares.append(1 - white / (top - bottom))
        return shares

    def faults(self, *parts: int) -> list[str]:
        """Return what a careful printer would not let pass.

        `parts` are the sections, counted from 1, that begin on a page of their own.
        """
        return [*self._holes(parts), *self._breaks(), *self._captions(), *self._strays()]

    def _holes(self, parts: tuple[int, ...]) -> Iterator[str]:
        sections = self.all("H1")
        last = {sections[part - 1].start[0] for part in parts} | {self.pages}
        for page, share in enumerate(self.filled(), start=1):
            if share < 0.85 and page not in last:
                yield f"page {page} is filled to {share:.0%}"

    def _breaks(self) -> Iterator[str]:
        for one, following in zip(self.elements, [*self.elements[1:], None], strict=True):
            for before, after in zip(one.pages(), one.pages()[1:], strict=False):
                if one.tag in ("P", "Code"):
                    ends, starts = len(one.lines(before)), len(one.lines(after))
                    yield from [f"orphan on page {before + 1}"] * (ends == 1)
                    yield from [f"widow on page {after + 1}"] * (starts == 1)
                    short = one.tag == "Code" and ends + starts <= 6
                    yield from [f"a short text breaks on page {after + 1}"] * short
            if one.tag in ("H1", "H2", "H3") and following and following.tag[0] != "H":
                late = following.tag == "P" and following.start[0] > one.start[0]
                yield from [f"a heading ends page {one.start[0] + 1}"] * late

    def _captions(self) -> Iterator[str]:
        for one in self.all("Caption"):
            lines = one.lines(one.pages()[0])
            if len(lines) > 4:
                yield f"a caption of {len(lines)} lines on page {one.start[0] + 1}"
        for line in filter(_is_source, self.text):
            yield f"a source on a line of its own: {line}"

    def _strays(self) -> Iterator[str]:
        """Find figures and tables outside of their section, and what is wider than the text."""
        chapters = self.all("H1")
        section = 0
        for one in self.all("H1", "Table", "Figure"):
            if one.tag == "H1":
                section += 1
            elif section and one.start < chapters[section - 1].start:
                yield f"a {one.tag.lower()} of page {one.start[0] + 1} stands before its section"
            elif section < len(chapters) and one.start > chapters[section].start:
                yield f"a {one.tag.lower()} of page {one.start[0] + 1} stands after its section"
        for tag in ("Table", "Figure"):
            for one, following in pairwise(self.all(tag)):
                if one.start > following.start:
                    yield f"a {tag.lower()} of page {one.start[0] + 1} stands after the next"
        margin = min(one.left for element in self.all("P") for one in element.ink if one.size)
        wide = [s for s in self.strokes if s.left < margin - 1 or s.right > self.width - margin + 1]
        yield from {f"something is wider than the text on page {one.page + 1}" for one in wide}


def _is_source(line: str) -> bool:
    return bool(re.fullmatch(r"(From )?(\w+\.(csv|json|npz)[, ]*)+\.", " ".join(line.split())))


def _matrix(given: Any) -> Any:
    a, b, c, d, e, f = map(float, given)
    return np.array([[a, b, 0], [c, d, 0], [e, f, 1]])
