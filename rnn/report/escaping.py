"""Text as data: what must be escaped, and what must be made visible."""

import html
import re

import regex

#: What a reader would not see or what would change how other text is read: control, zero-width
#: and bidirectional characters, line separators, private-use characters and noncharacters.
_ALWAYS_UNSEEN = (
    "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    "\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164\ue000-\uf8ff\ufdd0-\ufdef\ufeff\uffa0"
    "\ufff0-\ufffb\ufffe\uffff\U000e0000-\U000e0fff\U000f0000-\U0010ffff"
)
INVISIBLE = _ALWAYS_UNSEEN + "\u200c\u200d"
#: Joiners belong to the spelling of scripts whose letters join and to emoji; a selector chooses
#: the form of the sign before it.  Elsewhere they say nothing and are shown.
_JOINING = (
    r"\p{Arab}\p{Syrc}\p{Nkoo}\p{Mong}\p{Deva}\p{Beng}\p{Guru}\p{Gujr}\p{Orya}\p{Taml}\p{Telu}"
    r"\p{Knda}\p{Mlym}\p{Sinh}\p{Khmr}\p{Mymr}\p{Tibt}\p{M}\p{Extended_Pictographic}"
)
_STRAY = (
    rf"(?<![{_JOINING}])[\u200c\u200d]|(?<![\p{{S}}\p{{P}}\p{{N}}\p{{L}}\p{{M}}])[\ufe00-\ufe0f]"
)
_INVISIBLE = regex.compile(rf"[{_ALWAYS_UNSEEN}]|{_STRAY}")
_HTML_PIECE = regex.compile(
    rf"(?s)<(title|style)>.*?</\1>|<math.*?</math>|<[^>]*>|[{_ALWAYS_UNSEEN}]|{_STRAY}"
)
#: What Typst takes for a line end, its break opportunity, and what is shown only in some places.
_STAND_IN = regex.compile(rf"[\x0b\x0c\r\x85\u200b\u2028\u2029]|{_STRAY}")
#: Where a sign of a script that has signs of its own has no letter to combine with.
_ORPHAN = regex.compile(
    r"(?<![[\p{L}\p{M}\u200c\u200d\u25cc]--[\p{Latn}\p{Grek}\p{Cyrl}]])"
    r"(?=[\p{M}--[\p{Zinh}\p{Zyyy}\p{Latn}\p{Grek}\p{Cyrl}]])",
    regex.V1,
)
#: Characters without which none of these patterns changes anything.
_ODD = regex.compile(rf"[\r\u200c\u200d\ufe00-\ufe0f\p{{M}}{_ALWAYS_UNSEEN}]")
_ALWAYS = re.compile(f"[{_ALWAYS_UNSEEN}]")
_MARKDOWN_SPECIAL = re.compile(r"([!-/:-@\[-`{-~])")
_LOOSE_SPACE = re.compile(r"^ | $|(?<= ) ")
_PICTURES = {code: 0x2400 + code for code in range(32)} | {0x7F: 0x2421}
_PICTURES |= {0x09: ord("⇥"), 0x0A: ord("↵")}  # most fonts lack the pictures of these


def joined(text: object) -> str:
    """Return a text that a notebook may keep as a list of lines."""
    return "".join(map(str, text)) if isinstance(text, list) else str(text)


def without_surrogates(text: str) -> str:
    """Replace halves of surrogate pairs, which no file can hold, by U+FFFD."""
    return re.sub("[\ud800-\udfff]", "\ufffd", text)


def escape(text: object) -> str:
    r"""Make any data safe to put into Markdown prose, a title or a caption.

    Every ASCII sign is escaped (``<b>`` becomes ``\<b\>``), controls are shown as pictures, and
    spaces that Markdown would drop are made to stay.
    """
    return _LOOSE_SPACE.sub("\xa0", _MARKDOWN_SPECIAL.sub(r"\\\1", pictured(text)))


def _is_plain(text: str) -> bool:
    """Tell at once of most texts, however long, that all is visible and stays as it is."""
    return _ODD.search("".join(set(text))) is None


def is_invisible(character: str) -> bool:
    """Whether a character is shown as its code point, wherever it stands."""
    return _ALWAYS.fullmatch(character) is not None


def pictured(text: object) -> str:
    """Show line ends and tabs as arrows, other controls as their Unicode pictures."""
    return without_surrogates(str(text)).translate(_PICTURES)


def html_visible(page: str) -> str:
    """Show the invisible characters of an HTML page as their code points.

    In running text they stand in a small box; in a tag or a formula no element may stand.
    """
    if _is_plain(page):
        return page

    def shown(match: regex.Match[str]) -> str:
        points = _INVISIBLE.sub(lambda one: f"U+{ord(one[0]):04X}", match[0])
        return points if points[0] == "<" else f'<span class="code-point">{points}</span>'

    return _HTML_PIECE.sub(shown, page)


def stand_in(text: str) -> str:
    """Move what Typst treats as line ends, its break opportunity and stray joiners to plane 15.

    From there (U+000D becomes U+F000D) the style sheet shows them as the code points they are.
    Signs without a letter get a dotted circle to combine with.
    """
    if _is_plain(text):
        return text
    text = _ORPHAN.sub("\u25cc", text)
    return _STAND_IN.sub(lambda match: chr(0xF0000 + ord(match[0])), text)


def typst_string(text: object) -> str:
    """Return `text` as a Typst string literal, which no text can end or leave; see `stand_in`."""
    plain = stand_in(without_surrogates(str(text)).replace("\r\n", "\n"))
    plain = plain.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    if not _is_plain(plain):
        plain = _INVISIBLE.sub(lambda m: f"\\u{{{ord(m[0]):x}}}", plain)
    return f'"{plain}"'


def html_text(text: object) -> str:
    """Return `text` escaped for HTML, in running text and in attributes."""
    return html.escape(without_surrogates(str(text)).replace("\r\n", "\n"))
