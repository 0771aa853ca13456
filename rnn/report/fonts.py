"""The fonts of the pages: those that the Typst wheel carries, for PDF, HTML and figures alike."""

import base64
import contextlib
import io
import logging
import re
import struct
import unicodedata
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTCollection, TTFont, TTLibError

__all__ = ["code_points", "embedded_fonts", "font_faces"]


@cache
def embedded_fonts() -> dict[str, bytes]:
    """Return the font files inside Typst's compiled module, by PostScript name.

    Typst offers no way to ask for them, but they lie in its shared library uncompressed: every
    font has a ``cmap`` entry in its table directory, which leads back to the file's beginning.
    A library that carries none gives an empty dictionary, and the pages use the reader's fonts.
    """
    spec = find_spec("typst")
    folders = (spec and spec.submodule_search_locations) or ()
    fonts: dict[str, bytes] = {}
    for library in sorted(path for folder in folders for path in Path(folder).glob("_typst*")):
        data = library.read_bytes()
        for entry in re.finditer(b"cmap", data):
            if font := _font_around(data, entry.start()):
                name = str(TTFont(io.BytesIO(font), lazy=True)["name"].getDebugName(6))
                fonts.setdefault(name, font)
    return fonts


def _font_around(data: bytes, entry: int) -> bytes | None:
    """Return the font whose table directory has its ``cmap`` record at `entry`, if there is one."""
    for start in range(entry - 12, max(entry - 12 - 16 * 32, 0), -16):
        if data.startswith((b"OTTO", b"\x00\x01\x00\x00"), start):
            (tables,) = struct.unpack_from(">H", data, start + 4)
            directory = data[start + 12 : start + 12 + 16 * tables]
            if not 4 <= tables <= 40 or entry >= start + 12 + 16 * tables:
                return None
            end = max(offset + size for *_, offset, size in struct.iter_unpack(">4s3L", directory))
            return data[start : start + end] if start + end <= len(data) else None
    return None


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
    """Return an embedded font, cut down to the characters of `text`, as a ``data:`` address."""
    source = embedded_fonts().get(name)
    if source is None:
        return None
    logging.getLogger("fontTools.subset").setLevel(logging.ERROR)
    options = subset.Options(flavor="woff2", hinting=False, notdef_outline=True)
    options.layout_features = ["kern", "liga"]
    options.name_IDs = [1, 2, 6, 13, 14]
    options.drop_tables += ["FFTM", "PfEd"]
    font = subset.load_font(io.BytesIO(source), options)
    subsetter = subset.Subsetter(options)
    subsetter.populate(text=text)
    subsetter.subset(font)
    packed = io.BytesIO()
    subset.save_font(font, packed, options)
    return "data:font/woff2;base64," + base64.b64encode(packed.getvalue()).decode()


def font_faces(page: str) -> str:
    """Return the style rules that embed the page's fonts, cut down to its characters."""
    text = "".join(set(page))
    formulas = "".join(set("".join(re.findall(r"<math.*?</math>", page, re.DOTALL))))
    faces = [
        ("Page", "normal", "400", "NewCM10-Regular", text),
        ("Page", "italic", "400", "NewCM10-Italic", text),
        ("Page", "normal", "700", "NewCM10-Bold", text),
        ("Page Mono", "normal", "400", "DejaVuSansMono", text),
    ]
    if formulas:
        # Browsers draw italic letters for plain ones, U+210E for an h, and a root for <msqrt>.
        italic = map(chr, (0x210E, *range(0x1D434, 0x1D468), *range(0x1D6E2, 0x1D715)))
        slanted = (c for c in italic if unicodedata.normalize("NFKC", c) in formulas)
        letters = formulas + "".join(slanted) + "√"
        faces.append(("Page Math", "normal", "400", "NewCMMath-Book", letters))
    return "".join(
        f'@font-face{{font-family:"{family}";font-style:{style};font-weight:{weight};'
        f"src:url({address}) format('woff2')}}\n"
        for family, style, weight, name, characters in faces
        if (address := _woff2_subset(name, characters))
    )
