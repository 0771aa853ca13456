"""What no embedded font has is set in others, each character in one that has its script."""

import logging
import re
from pathlib import Path

import nbformat
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from pages import code, notebook, pdf_text, prose, reader, sample, to_pdf

from rnn.errors import ReportError
from rnn.report import fonts
from rnn.report.escaping import html_visible, typst_string
from rnn.report.fonts import borrowed_fonts, cut_out, lacking_fonts, own_fonts
from rnn.report.pages.render import main

JAVANESE = "ꦲꦏꦱꦫ"
HASH = "112aee118421070a6024ea24cb67ff95e5793b1d1c76725d481fd9f3d120200e"
#: A sentence, or what else one writes, in scripts that no embedded font has as a whole.
TEXTS = {
    "Japanese": "古い船頭は「冬の海」を忘れなかった。",
    "Chinese": "老渔夫静静地看着港口的灯光。",
    "Arabic": "هٰذا نَصٌّ مُشَكَّلٌ، می‌خواهم",
    "Hindi": "यह एक वाक्य है। क्षत्रिय श्रृंगार",
    "Hindi cut in pieces": "“ुबह ा\nी ि। ं्",
    "Thai": "ภาษาไทยไม่มีช่องว่าง",
    "emoji": "😀 👩‍👩‍👧 ❤️ 👍🏽",
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with a font for four Javanese letters; no other font is found."""
    pen = TTGlyphPen(None)
    pen.moveTo((0, 0))
    for corner in ((0, 500), (500, 500), (500, 0)):
        pen.lineTo(corner)
    pen.closePath()
    names = [".notdef", *(f"u{ord(letter):X}" for letter in JAVANESE)]
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder(names)
    builder.setupCharacterMap({ord(x): name for x, name in zip(JAVANESE, names[1:], strict=True)})
    builder.setupGlyf(dict.fromkeys(names, pen.glyph()))
    builder.setupHorizontalMetrics(dict.fromkeys(names, (600, 0)))
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable(
        {"familyName": "Own", "styleName": "Regular", "psName": "Own", "version": "Version 1.5"}
    )
    builder.setupOS2()
    builder.setupPost()
    builder.save(tmp_path / "own.ttf")
    found = fonts._candidates
    monkeypatch.setattr(
        fonts, "_candidates", lambda folders: [next(found(folders))][: len(folders)]
    )
    fonts._borrowed.cache_clear()
    return tmp_path


def test_a_font_of_ones_own_sets_its_characters_and_them_alone(folder: Path) -> None:
    (font,) = borrowed_fonts(f"plain ünï → Русский {JAVANESE}", [str(folder)])
    assert (font.family, font.name) == ("Own", "Own 1.5")
    assert font.points == set(map(ord, JAVANESE))
    assert {int(point, 16) for point in re.findall(r"\{(\w+)\}", font.covers)} == font.points
    assert not lacking_fonts(JAVANESE, [font])


def test_a_page_with_such_a_font_has_no_box_and_always_the_same_bytes(folder: Path) -> None:
    nb = notebook(prose(f"# Head {JAVANESE}"), code("x", sample(f"before {JAVANESE} after")))
    pdf = to_pdf(nb, font_paths=[str(folder)])
    assert pdf == to_pdf(nb, font_paths=[str(folder)])
    text = pdf_text(pdf)
    assert "U+" not in text and text.count(JAVANESE) == 2
    assert "/StructTreeRoot" in reader(pdf).trailer["/Root"]


def test_what_no_font_has_is_told_with_its_script_and_what_to_install(folder: Path) -> None:
    assert not borrowed_fonts(JAVANESE)
    line = lacking_fonts(JAVANESE, [])
    assert "Javanese" in line and "[fonts]" in line and "\n" not in line


@pytest.mark.parametrize(
    ("words", "scripts"),
    [("世界。", {"Han"}), ("世界、の。ー", {"Han", "Hiragana"}), ("हिन्दी।", {"Devanagari"})],
)
def test_a_sign_of_many_scripts_does_not_name_those_that_are_not_in_the_text(
    words: str, scripts: set[str]
) -> None:
    assert set(re.findall(r"\((.*?)\)", lacking_fonts(words, []))[0].split(", ")) == scripts


def test_the_command_that_renders_a_report_says_what_no_font_has(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(logging.root, "handlers", [])
    nbformat.write(notebook(prose(f"# Head {JAVANESE}")), folder / "01_head.ipynb")
    assert main([str(folder)]) == 0
    error = capsys.readouterr().err
    assert "Javanese" in error and error.count("\n") == 1


def test_scripts_of_the_embedded_fonts_need_no_other() -> None:
    words = "Ünïcödé Ελληνικά Русский → ✓ é ‘’ \u200d\ufe0f\x07\u202e"
    assert not borrowed_fonts(words) and not lacking_fonts(words, [])


def test_a_script_is_set_in_one_font_though_another_has_some_of_it() -> None:
    lacking = {chr(point) for point in fonts._lacking("の日本。 ا\u0670 é")}
    assert {"の", "日", "本", "。"} <= lacking, "fonts of formulas have one of them"
    assert {"ا", "\u0670"} <= lacking, "letters and their marks"
    assert "é" not in lacking


def test_a_cut_out_font_has_the_characters_of_a_text_alone(folder: Path) -> None:
    (font,) = borrowed_fonts(JAVANESE, [str(folder)])
    assert 0 < len(cut_out(font, JAVANESE[:1])) < len(cut_out(font, JAVANESE))


def test_a_folder_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FONTS", "no-such-folder")
    with pytest.raises(ReportError, match="no-such-folder"):
        own_fonts()
    monkeypatch.setenv("FONTS", "")
    assert own_fonts() == []


@pytest.mark.parametrize("script", TEXTS)
def test_with_the_extra_no_character_is_a_box(script: str) -> None:
    pytest.importorskip("manimgx_fonts", reason="the extra 'fonts' is not installed")
    fonts._borrowed.cache_clear()
    text = TEXTS[script]
    assert not lacking_fonts(text, borrowed_fonts(text))
    pdf = to_pdf(notebook(prose(text), code("x", sample(text))))
    assert "U+" not in pdf_text(pdf)


def test_a_sign_without_a_letter_leaves_the_same_sign_on_a_letter_as_it_is() -> None:
    words = "\u0623\u064a\u0636\u064b\u0627"  # with a vowel sign, U+064B
    nb = notebook(prose("\u25cc\u064b"), code("x", sample(words)))
    assert "U+" not in pdf_text(to_pdf(nb))


def test_a_hash_copied_from_the_page_is_the_hash() -> None:
    text = pdf_text(to_pdf(notebook(prose(f"See {HASH}, `{HASH}`."), code("x", sample(HASH * 3)))))
    assert "\u200b" not in text and "\xad" not in text
    assert "".join(text.split()).count(HASH) == 5


@pytest.mark.parametrize("text", ["می\u200cخواهم", "क्\u200dष", "👩\u200d👧", "❤\ufe0f"])
def test_joiners_that_belong_to_the_spelling_stay(text: str) -> None:
    assert typst_string(text) == f'"{text}"' and html_visible(text) == text


@pytest.mark.parametrize("text", ["a\u200db", "a\u200cb", " \ufe0f"])
def test_stray_joiners_are_shown(text: str) -> None:
    assert "code-point" in html_visible(text)
    assert r"\u{f" in typst_string(text)
