"""Typst source to PDF: in a folder of its own, with every character shown in some way."""

import json
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path

import typst

from rnn.errors import ReportError
from rnn.report.escaping import is_invisible, stand_in
from rnn.report.fonts import VARIATION_SELECTORS, Borrowed, code_points

__all__ = ["compile_pdf"]


def compile_pdf(
    source: str, files: dict[str, bytes], fonts: typst.Fonts, borrowed: Sequence[Borrowed] = ()
) -> bytes:
    """Compile Typst source to a tagged PDF (PDF/UA-1), the same bytes for the same arguments.

    The compiler sees a temporary folder that holds nothing but the page's own files, and no
    packages.  Characters that no font can show, and those that no reader could see, are passed
    to the style sheet, which shows their code points.

    Parameters
    ----------
    source : str
        Typst markup in which ``// at PLACE`` lines say which cell follows.
    files : dict of str to bytes
        The style sheet and the pictures.
    fonts : typst.Fonts
        Those that may be used.
    borrowed : sequence of Borrowed
        Those among them that some characters are set in.

    Raises
    ------
    ReportError
        If Typst refuses the source; it names the place.
    """
    source = stand_in(source)
    known = code_points(tuple(sorted({Path(font.path) for font in fonts.fonts() if font.path})))
    unseen = {p for p in _beyond_ascii(source) if p not in known or is_invisible(chr(p))}
    unseen -= VARIATION_SELECTORS
    others = [{"name": font.family, "covers": font.covers} for font in borrowed]
    inputs = {"borrowed": json.dumps(others)}
    with tempfile.TemporaryDirectory(prefix="report-") as folder:
        root = Path(folder)
        (root / "main.typ").write_text(source, encoding="utf-8")
        for name, content in files.items():
            (root / name).write_bytes(content)
        for _ in range(50):
            inputs["unseen"] = "".join(f"\\x{{{point:x}}}" for point in sorted(unseen))
            try:
                return typst.compile(
                    root / "main.typ",
                    root=root,
                    font_paths=fonts,
                    package_path=root / "packages",
                    package_cache_path=root / "packages",
                    sys_inputs=inputs,
                    pdf_standards=["ua-1"],
                    timestamp=0,
                )
            except typst.TypstError as error:
                # A sequence of characters can lack a glyph although each of them has one.
                texts = re.findall(r"the text `\"(.*?)\"` could not be displayed", error.diagnostic)
                more = _beyond_ascii(" ".join(texts)) - unseen
                if "grouping depth" in error.message and "flat" not in inputs:
                    inputs["flat"] = "yes"
                elif not more:
                    raise _failure(error, source) from None
                unseen |= more
    raise ReportError("expected text that the fonts can show, got one that none of them can")


def _beyond_ascii(text: str) -> set[int]:
    """Return the code points of a text, and of the escapes of a Typst string in it."""
    points = {ord(character) for character in text if ord(character) > 0x7E}
    return points | {int(code, 16) for code in re.findall(r"\\u\{([0-9a-f]+)\}", text)}


def _failure(error: typst.TypstError, source: str) -> ReportError:
    """Turn Typst's diagnostics into one line of a bearable length that names the cell."""
    place = re.search(r"main\.typ:(\d+):", error.diagnostic)
    above = "\n".join(source.splitlines()[: int(place[1])]) if place else ""
    cells = re.findall(r"^// at (.*)$", above, re.MULTILINE)
    where = cells[-1] if cells else "the title block or an option"
    words = " ".join(" ".join([error.message, *(f"({hint})" for hint in error.hints)]).split())
    words = words if len(words) <= 300 else words[:299] + "…"
    return ReportError(f"{where}: Typst cannot set it: {words}")
