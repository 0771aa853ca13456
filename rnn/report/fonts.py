"""The fonts of the pages: those that the Typst wheel carries, and others for what they lack."""

import atexit
import base64
import contextlib
import io
import logging
import os
import re
import struct
import tempfile
import unicodedata
import zlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import typst
from fontTools import subset
from fontTools import unicodedata as scripts
from fontTools.ttLib import TTFont, TTLibError
from fontTools.varLib import instancer

from rnn import ROOT
from rnn.errors import ReportError
from rnn.report.escaping import is_invisible
from rnn.text.characters import printable
from rnn.text.files import expanded

#: They choose the form of the sign before them, and need no glyph.
VARIATION_SELECTORS = frozenset(range(0xFE00, 0xFE10))

#: It stands for the letter that a sign combines with, where there is none.
DOTTED_CIRCLE = 0x25CC

#: What the extra ``fonts`` of pyproject.toml installs: packages with font files.
_EXTRA = ("manimgx_fonts", "manimgx_fonts_cjk")
#: Scripts of which the embedded fonts have letters in order: what they lack is taken singly.
_SHARED = {"Zyyy", "Zinh", "Zzzz", "Latn", "Grek", "Cyrl"}
#: Which form of the shared ideographs is wanted, by a script that only one language has.
_FORMS = {"Hira": "JP", "Kana": "JP", "Hang": "KR", "Bopo": "TC"}
_EAST_ASIAN = {"Hani", *_FORMS}


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
def _embedded_points(formulas: bool) -> frozenset[int]:
    """Return the code points of the embedded fonts that are for formulas, or of the others."""
    fonts = [font for name, font in embedded_fonts().items() if formulas == ("Math" in name)]
    return frozenset[int]().union(*(_points(TTFont(io.BytesIO(font), lazy=True)) for font in fonts))


def _points(font: TTFont) -> Collection[int]:
    """Return the code points that a font has glyphs for; afterwards it has no names of glyphs."""
    font.setGlyphOrder([])  # to learn their names, some fonts would have to be read whole
    return font.getBestCmap() or ()


def code_points(fonts: Iterable[typst.FontInfo] = ()) -> frozenset[int]:
    """Return the code points that the embedded fonts and `fonts` have glyphs for."""
    faces = (_points_of(Path(font.path), font.index) for font in fonts if font.path)
    return _embedded_points(formulas=True).union(_embedded_points(formulas=False), *faces)


class Borrowed(NamedTuple):
    """A font that is not embedded, and the characters that are taken from it."""

    family: str
    path: Path
    face: int  # its number in the file
    points: frozenset[int]

    @property
    def covers(self) -> str:
        """The characters as a class for regular expressions."""
        return "[" + "".join(f"\\x{{{point:x}}}" for point in sorted(self.points)) + "]"

    @property
    def name(self) -> str:
        """The family and its version, for people."""
        with TTFont(self.path, fontNumber=self.face, lazy=True) as font:
            version = re.search(r"\d+(\.\d+)*", str(font["name"].getDebugName(5)))
        return " ".join(filter(None, (self.family, version and version[0])))


def own_fonts() -> list[str]:
    """Return the folder of the user's own fonts that make was told, ``FONTS``, if there is one.

    A ReportError if it is no folder.
    """
    told = os.environ.get("FONTS", "")
    if not told:
        return []
    given = expanded(told)
    for folder in (given, ROOT / given):
        if folder.is_dir():
            return [str(folder.absolute())]
    raise ReportError(
        f"fonts: expected a folder with font files, got {printable(told)!r}; name one that exists"
    )


def borrowed_fonts(text: Iterable[str], folders: Sequence[str] = ()) -> list[Borrowed]:
    """Choose fonts for the characters of a text that no embedded font can set.

    They are looked for in the folders, then in the packages of the extra ``fonts``, then among
    this machine's fonts.  A script of which the embedded fonts lack a character is taken as a
    whole, so that its characters fit each other; of Latin, Greek, Cyrillic and signs, those alone.

    Parameters
    ----------
    text : iterable of str
        Its characters, in any order.
    folders : sequence of str
        Folders with fonts.
    """
    return list(_borrowed(_lacking(text), tuple(folders)))


@cache
def _borrowed(points: frozenset[int], folders: tuple[str, ...]) -> tuple[Borrowed, ...]:
    wanted, found = set(points), []
    named = {scripts.script(chr(point)) for point in points} - _SHARED
    names = {"CJK" if name in _EAST_ASIAN else scripts.script_name(name) for name in named}
    names |= {"Emoji", "Symbols"}
    form = next((_FORMS[script] for script in _FORMS if script in named), "SC")

    def rank(font: typst.FontInfo) -> tuple[object, ...]:
        """Put fonts that say they are for these scripts first, then the plain upright ones."""
        family, words = str(font.family), str(font.family).split()
        return (
            not names & set(words),
            words[-1] != form,
            not family.startswith("Noto Sans"),
            font.style != "normal",
            abs(font.weight - 400),
            family,
            str(font.path),
        )

    for fonts in _candidates(folders):
        seen: set[Path] = set()
        for font in sorted(fonts, key=rank):
            path = Path(str(font.path))
            # The faces of a collection have the same characters, each in the form of a language.
            if not wanted or path in seen:
                continue
            seen.add(path)
            all_of_it = _points_of(path, font.index)
            if here := all_of_it & wanted:
                wanted -= here
                if any(unicodedata.category(chr(point)) in ("Mn", "Mc") for point in here):
                    here |= all_of_it & {DOTTED_CIRCLE}
                found.append(Borrowed(font.family, path, font.index, frozenset(here)))
    return tuple(found)


def _candidates(folders: tuple[str, ...]) -> Iterator[list[typst.FontInfo]]:
    """Yield the fonts of the folders, of the extra, and of this machine."""
    found = map(find_spec, _EXTRA)
    extra = [place for one in found if one for place in one.submodule_search_locations or ()]
    for system, places in ((False, [*folders]), (False, extra), (True, [])):
        if system or places:
            yield [one for one in typst.Fonts(system, False, places).fonts() if one.path]


@cache
def _points_of(path: Path, index: int) -> frozenset[int]:
    with (
        contextlib.suppress(OSError, TTLibError),
        TTFont(path, fontNumber=index, lazy=True) as font,
    ):
        return frozenset(_points(font))
    return frozenset()


def _scripts(point: int) -> set[str]:
    """Return the scripts that a letter, or a sign of some scripts, belongs to."""
    own = scripts.script(chr(point))
    return ({own} if own not in _SHARED else scripts.script_extension(chr(point))) - _SHARED


def _lacking(text: Iterable[str]) -> frozenset[int]:
    """Return the characters that are to be borrowed."""
    characters = {x for x in set(text) if x > "~" and not is_invisible(x)}
    points = {ord(x) for x in characters if unicodedata.category(x) not in ("Cf", "Cn", "Cs")}
    points -= VARIATION_SELECTORS
    # Fonts of formulas have letters of many scripts, but not what sets them beside each other.
    lacking = points - code_points()
    lacking |= {p for p in points - _embedded_points(formulas=False) if chr(p).isalpha()}
    present = {scripts.script(chr(point)) for point in points} - _SHARED
    whole = {script for point in lacking for script in _scripts(point)} & present
    return frozenset(lacking | {point for point in points if _scripts(point) & whole})


def lacking_fonts(text: Iterable[str], borrowed: Iterable[Borrowed]) -> str:
    """Return a line about the scripts of a text that no font has, with what to do; or nothing."""
    there = frozenset[int]().union(*(font.points for font in borrowed))
    known, of_text = code_points(), _embedded_points(formulas=False)
    # A sign that only joins others is not missed.
    points = [p for p in _lacking(text) - there if unicodedata.category(chr(p)) != "Mn"]
    points = [p for p in points if p not in known or (_scripts(p) and p not in of_text)]
    if not points:
        return ""
    # A sign of many scripts is not missed for the sake of each.
    missed = {scripts.script(chr(point)) for point in points} - _SHARED
    missed |= {""} if any(not _scripts(point) & missed for point in points) else set()
    shown = sorted(scripts.script_name(x).replace("_", " ") if x else "signs" for x in missed)
    package = "fonts-noto-cjk" if missed & _EAST_ASIAN else "fonts-noto-core"
    package = "fonts-noto-color-emoji" if missed == {""} else package
    return (
        f"fonts: expected glyphs for {len(points)} character{'s' * (len(points) > 1)} "
        f"({', '.join(shown[:6])}), got none, so code points are shown; run "
        ".venv/bin/python -m pip install '.[fonts]' (Debian: "
        f"apt install {package}), or name a folder with FONTS="
    )


@cache
def linked(paths: tuple[Path, ...]) -> str:
    """Return a folder that holds nothing but these files, for the time of the process."""
    folder = tempfile.TemporaryDirectory(prefix="fonts-")
    atexit.register(folder.cleanup)
    for number, path in enumerate(paths):
        (Path(folder.name) / f"{number}{path.suffix}").symlink_to(path.absolute())
    return folder.name


def cut_out(font: Borrowed, text: str) -> bytes:
    """Return a font of regular weight with the characters of a text, under a name of its own."""
    logging.getLogger("fontTools").setLevel(logging.ERROR)
    packed = io.BytesIO()
    with TTFont(font.path, fontNumber=font.face, lazy=True) as cut:
        subsetter = subset.Subsetter(subset.Options(notdef_outline=True, layout_features=[]))
        subsetter.populate(unicodes=font.points & set(map(ord, text)) | {DOTTED_CIRCLE})
        subsetter.subset(cut)
        if "fvar" in cut:
            axes = {axis.axisTag: axis.defaultValue for axis in cut["fvar"].axes}
            axes |= {"wght": 400} if "wght" in axes else {}
            instancer.instantiateVariableFont(cut, axes, inplace=True)
        name = f"{font.family}-{zlib.crc32(text.encode('utf-8', 'replace')):08x}".replace(" ", "")
        for number in (1, 6, 16):
            cut["name"].setName(name, number, 3, 1, 0x409)
        cut.save(packed)
    return packed.getvalue()


def _woff2_subset(source: bytes, text: str) -> str:
    """Return a font, cut down to the characters of `text`, as a ``data:`` address."""
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
        f"src:url({_woff2_subset(embedded_fonts()[name], characters)}) format('woff2')}}\n"
        for family, style, weight, name, characters in faces
        if name in embedded_fonts()
    )
