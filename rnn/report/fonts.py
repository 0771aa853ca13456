"""The fonts of the pages: those that the Typst wheel carries, for PDF, HTML and figures alike."""

import base64
import contextlib
import io
import logging
import mmap
import re
import struct
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTCollection, TTFont, TTLibError

__all__ = ["code_points", "embedded_fonts", "font_faces"]

_SFNT_VERSIONS = (b"OTTO", b"\x00\x01\x00\x00")


def _slanted(letters: str) -> str:
    """Return the italic letters that browsers draw for the plain ones of a formula.

    They stand elsewhere in Unicode: Latin ones from U+1D434, Greek ones from U+1D6E2, and h, which
    physics had before, at U+210E.
    """
    starts = (("A", "Z", 0x1D434), ("a", "z", 0x1D44E), ("Α", "Ω", 0x1D6E2), ("α", "ω", 0x1D6FC))
    found = {"\u210e"} if "h" in letters else set()
    for first, last, start in starts:
        found |= {chr(start + ord(c) - ord(first)) for c in letters if first <= c <= last}
    return "".join(sorted(found))


@cache
def embedded_fonts() -> dict[str, bytes]:
    """Return the font files inside Typst's compiled module, by PostScript name.

    Typst offers no way to ask for them, but they lie in its shared library uncompressed: every
    font has a ``cmap`` entry in its table directory, which leads back to the file's beginning.
    A library that carries none gives an empty dictionary, and the pages use the reader's fonts.

    Returns
    -------
    dict of str to bytes
        For instance ``NewCM10-Regular``, ``NewCMMath-Book``, ``DejaVuSansMono``.
    """
    spec = find_spec("typst")
    folders = spec.submodule_search_locations if spec else None
    fonts: dict[str, bytes] = {}
    libraries = (path for folder in folders or () for path in Path(folder).glob("_typst*"))
    for library in sorted(libraries):
        with (
            library.open("rb") as file,
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data,
        ):
            entry = data.find(b"cmap")
            while entry != -1:
                found = _font_around(data, entry)
                if found:
                    fonts.setdefault(_postscript_name(found), found)
                entry = data.find(b"cmap", entry + 4)
    return fonts


def _font_around(data: mmap.mmap, entry: int) -> bytes | None:
    """Return the font whose table directory has its ``cmap`` record at `entry`, if there is one."""
    for start in range(entry - 12, max(entry - 12 - 16 * 32, 0), -16):
        if data[start : start + 4] not in _SFNT_VERSIONS:
            continue
        (tables,) = struct.unpack(">H", data[start + 4 : start + 6])
        directory = data[start + 12 : start + 12 + 16 * tables]
        if not 4 <= tables <= 40 or entry >= start + 12 + 16 * tables:
            return None
        ends = [offset + size for _, _, offset, size in struct.iter_unpack(">4sLLL", directory)]
        font = data[start : start + max(ends)]
        return font if len(font) == max(ends) else None
    return None


def _postscript_name(font: bytes) -> str:
    return str(TTFont(io.BytesIO(font), lazy=True)["name"].getDebugName(6))


@cache
def code_points(files: tuple[Path, ...] = ()) -> frozenset[int]:
    """Return the code points that the embedded fonts and those of `files` have glyphs for."""
    fonts = [TTFont(io.BytesIO(font), lazy=True) for font in embedded_fonts().values()]
    for file in files:
        with contextlib.suppress(OSError, TTLibError):
            several = file.suffix.lower() == ".ttc"
            fonts += TTCollection(file, lazy=True) if several else [TTFont(file, lazy=True)]
    return frozenset(point for font in fonts for point in font.getBestCmap() or ())


def _woff2_subset(name: str, text: str) -> str | None:
    """Return an embedded font, reduced to the characters of `text`, as a ``data:`` address.

    A font of formulas also keeps their larger and stretched forms; None without such a font.
    """
    source = embedded_fonts().get(name)
    if source is None:
        return None
    logging.getLogger("fontTools.subset").setLevel(logging.ERROR)
    options = subset.Options(
        flavor="woff2",
        hinting=False,
        layout_features=["kern", "liga"],
        name_IDs=[1, 2, 6, 13, 14],
        notdef_outline=True,
    )
    options.drop_tables += ["FFTM", "PfEd"]
    font = TTFont(io.BytesIO(source), lazy=True, recalcBBoxes=False, recalcTimestamp=False)
    subsetter = subset.Subsetter(options)
    subsetter.populate(text=text)
    subsetter.subset(font)
    font.flavor = "woff2"
    packed = io.BytesIO()
    font.save(packed)
    return "data:font/woff2;base64," + base64.b64encode(packed.getvalue()).decode()


def font_faces(page: str) -> str:
    """Return the style rules that embed the page's fonts, cut down to its characters."""
    formulas = "".join(re.findall(r"<math.*?</math>", page, re.DOTALL))
    text = "".join(sorted(set(page)))
    faces = [
        ("Page", "normal", "400", "NewCM10-Regular", text),
        ("Page", "italic", "400", "NewCM10-Italic", text),
        ("Page", "normal", "700", "NewCM10-Bold", text),
        ("Page Mono", "normal", "400", "DejaVuSansMono", text),
    ]
    if formulas:
        letters = "".join(sorted(set(formulas)))
        letters += _slanted(letters) + "√"  # which <msqrt> draws without naming it
        faces.append(("Page Math", "normal", "400", "NewCMMath-Book", letters))
    rules = []
    for family, style, weight, name, characters in faces:
        address = _woff2_subset(name, characters)
        if address:
            rules.append(
                f'@font-face{{font-family:"{family}";font-style:{style};font-weight:{weight};'
                f"src:url({address}) format('woff2')}}\n"
            )
    return "".join(rules)
