"""HTML of any kind as a tree of the few elements that a page can show; see `tree`.

An HTML5 parser reads it as a browser would.  What has no place on a page (scripts, styles, forms,
attributes but a few) is dropped, so that nothing of the source can act or become markup.
"""

import re
from collections.abc import Iterator
from itertools import groupby
from urllib.parse import unquote
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from selectolax.lexbor import LexborHTMLParser, LexborNode

from rnn.report.pages.formulas import Formulas
from rnn.report.pages.pictures import Pictures

Item = str | Element

HEADINGS = frozenset("h1 h2 h3 h4 h5 h6".split())
#: Elements of the tree that stand on lines of their own; the others stand in lines.
BLOCKS = HEADINGS | frozenset("p ul ol blockquote pre hr table note".split())
_INLINE = {name: name for name in ("em", "strong", "u", "s", "sub", "sup", "a")}
_INLINE |= dict.fromkeys(("i", "cite", "var", "dfn"), "em")
_INLINE |= {"b": "strong", "ins": "u", "del": "s", "strike": "s"}
_DROPPED = frozenset(
    "script style head title template noscript select textarea datalist meta link base".split()
)
_SHOWN_ELSEWHERE = {
    "iframe": "web page",
    "video": "video",
    "audio": "recording",
    "object": "object",
    "embed": "object",
    "canvas": "drawing",
}
_FLOWING = frozenset(
    "p div section article main header footer nav aside details summary figure figcaption center "
    "form fieldset legend body dl dt dd hgroup search address caption".split()
)
_DEEPEST = 24  # elements inside of each other; Typst and readers have limits
_MOST_SPANNED = 1000
_SVG_DROPPED = frozenset("script foreignObject iframe handler set animate animateMotion".split())


class Reader:
    """Reads HTML into trees; formulas and pictures go to where they are kept.

    Parameters
    ----------
    formulas : Formulas
        Where the formulas of running text are; in code their source is put back.
    pictures : Pictures
        Where pictures are.
    where : str
        The cell whose text may have formulas; without one, as in Markdown, they have been found.
    """

    def __init__(self, formulas: Formulas, pictures: Pictures, where: str = "") -> None:
        self._formulas, self._pictures, self._where = formulas, pictures, where

    def tree(self, html: str) -> Element:
        """Return a ``body`` that holds blocks: paragraphs, headings, lists, tables and so on."""
        return _filled("body", [*_paragraphs(self._items(html))])

    def line(self, html: str) -> Element:
        """Return a ``body`` that holds one line: text and the elements that stand in lines."""
        return _filled("body", _trimmed(_inline(self._items(html))))

    def _items(self, html: str) -> list[Item]:
        body = LexborHTMLParser(html).body
        return self._flow(body, 0, bool(self._where)) if body is not None else []

    def _flow(self, node: LexborNode, depth: int, find: bool) -> list[Item]:
        """Return what is in an element: text, lines' elements and blocks."""
        if depth > _DEEPEST:
            return [*self._words(node.text(), find)]
        items: list[Item] = []
        for child in node.iter(include_text=True):
            if child.is_text_node:
                items += self._words(str(child.text_content or ""), find)
            elif child.is_element_node and child.tag not in _DROPPED:
                items += self._element(child, depth + 1, find)
        return items

    def _words(self, text: str, find: bool) -> Iterator[Item]:
        text = self._formulas.take(text, self._where, "html") if find else text
        for part in self._formulas.split(text):
            if isinstance(part, int):
                yield Element("formula", number=str(part))
            else:
                yield re.sub(r"[ \t\r\n\f]+", " ", part)

    def _element(self, node: LexborNode, depth: int, find: bool) -> list[Item]:
        tag, given = str(node.tag), node.attributes
        look = f"{given.get('style') or ''};{given.get('class') or ''}".lower()
        if re.search(r"display:\s*none", look) or "hidden" in given:
            return []
        find = find and not re.search(r"(tex2jax|mathjax)_ignore", look)
        if tag == "svg":
            return self._drawing(node)
        if tag == "img":
            return [self._picture(node)]
        if tag in ("pre", "listing", "xmp"):
            return [self._code(node)]
        if tag in ("br", "hr"):
            return [Element(tag)]
        if tag == "input":
            box = str(given.get("type")).lower() == "checkbox"
            return [("☒ " if "checked" in given else "☐ ")] if box else []
        if tag in ("code", "samp", "tt", "kbd"):
            text = self._formulas.source(node.text())
            made = Element("code")
            made.text = " ".join(text.split("\n"))
            return [made] if text else []
        if tag in _SHOWN_ELSEWHERE:
            return [self._elsewhere(node, _SHOWN_ELSEWHERE[tag])]
        if tag == "table":
            return self._table(node, depth, find)
        inner = self._flow(node, depth, find)
        if tag in ("ul", "ol", "menu"):
            return [_list(tag, inner, given.get("start") or "1")]
        if tag == "li":
            return [_filled("li", _trimmed(inner))]
        if tag in HEADINGS:
            line = _trimmed(_inline(inner))
            made = _filled(tag, line)
            made.set("anchor", given.get("id") or "")
            return [made] if text_of(made).strip() or made.find(".//formula") is not None else line
        if tag == "blockquote":
            return [_filled("blockquote", [*_paragraphs(inner)])]
        in_line = not any(map(_is_block, inner))
        if tag in ("summary", "dt") and in_line:
            inner = [_filled("strong", inner)]
        if tag in _FLOWING:
            return [*_paragraphs(inner)]
        if (name := _INLINE.get(tag)) and in_line:
            made = _filled(name, inner)
            if name == "a":
                href = re.sub(
                    "%EF%B7%90(\\d+)%EF%B7%91", "\ufdd0\\1\ufdd1", given.get("href") or ""
                )
                made.set("href", self._formulas.source(href))
            return [made]
        return inner

    def _code(self, node: LexborNode) -> Element:
        made = Element("pre")
        made.text = self._formulas.source(node.text()).removeprefix("\n")
        made.text = made.text.removesuffix("\n")
        words = str(node.attributes.get("class") or "")
        inner = node.css_first("code")
        words += " " + str(inner.attributes.get("class") or "" if inner is not None else "")
        known = re.search(r"(?:^|\s)(?:sourceCode\s+)?(?:language-)?([\w+-]+)", words)
        made.set("language", known[1] if known else "")
        return made

    def _picture(self, node: LexborNode) -> Element:
        given = node.attributes
        alt = self._formulas.source(given.get("alt") or "").strip()
        address = self._formulas.source(unquote(given.get("src") or ""))
        width = (given.get("width") or "").strip()
        if set_width := re.search(r"(?:^|;|\s)width:\s*([\d.]+(?:px|%))", given.get("style") or ""):
            width = set_width[1]
        width = width.removesuffix("px")
        made = Element("img", alt=alt or "Picture", src=self._pictures.find(address) or "")
        if re.fullmatch(r"\d+(\.\d+)?%?", width) and float(width.rstrip("%")) > 0:
            made.set("width", width)
        if made.get("src"):
            return made
        link = Element("a", href=given.get("src") or "")
        link.text = alt or "Picture"
        return link

    def _drawing(self, node: LexborNode) -> list[Item]:
        drawn = _svg(node, 0)
        drawn.set("xmlns", "http://www.w3.org/2000/svg")
        address = self._pictures.keep(ElementTree.tostring(drawn))
        words = " ".join(node.text().split())
        if address is None:
            return [words]
        return [Element("img", alt=words[:200] or "Drawing", src=address)]

    def _elsewhere(self, node: LexborNode, what: str) -> Element:
        """Return a note in the place of what a page cannot hold."""
        source = node.css_first("source")
        address = node.attributes.get("src") or node.attributes.get("data") or ""
        address = address or str(source.attributes.get("src") or "" if source is not None else "")
        made = Element("note")
        made.text = f"Here the notebook shows a {what}"
        self._pictures.warn(f"a {what} is left out, and a note stands for it")
        if re.match("https?://", address) and len(address) < 500:
            made.text += ": "
            link = SubElement(made, "a", href=address)
            link.text = address
        return made

    def _table(self, node: LexborNode, depth: int, find: bool) -> list[Item]:
        captions: list[Item] = []
        heads: list[Element] = []
        bodies: list[Element] = []

        for part in node.iter():  # the parser puts every row into one of three
            if part.tag == "caption":
                captions += _paragraphs(self._flow(part, depth + 1, find))
            for line in part.iter() if part.tag in ("thead", "tbody", "tfoot") else ():
                cells = (cell for cell in line.iter() if cell.tag in ("td", "th"))
                row = _filled("tr", [self._cell(cell, depth, find) for cell in cells])
                if len(row):
                    (heads if part.tag == "thead" and not bodies else bodies).append(row)
        if not heads and bodies and all(cell.tag == "th" for cell in bodies[0]):
            heads.append(bodies.pop(0))
        return [*captions, _squared(heads, bodies)] if heads or bodies else captions

    def _cell(self, node: LexborNode, depth: int, find: bool) -> Element:
        made = _filled(str(node.tag), _trimmed(self._flow(node, depth + 2, find)))
        for name in ("colspan", "rowspan"):
            value = str(node.attributes.get(name) or "1")
            span = int(value) if value.isdecimal() and len(value) < 6 else 1
            made.set(name, str(min(max(span, 1), _MOST_SPANNED)))
        look = f"{node.attributes.get('align') or ''} {node.attributes.get('style') or ''}".lower()
        side = re.search(r"^(left|right|center)\b|text-align:\s*(left|right|center)", look)
        made.set("side", (side[1] or side[2]) if side else "")
        return made


# -- Trees ---------------------------------------------------------------------------------------


def _append(parent: Element, items: list[Item]) -> None:
    """Put text and elements into an element."""
    for item in items:
        if isinstance(item, Element):
            parent.append(item)
        elif len(parent):
            parent[-1].tail = (parent[-1].tail or "") + item
        else:
            parent.text = (parent.text or "") + item


def _filled(tag: str, items: list[Item]) -> Element:
    made = Element(tag)
    _append(made, items)
    return made


def text_of(element: Element) -> str:
    """Return the text in an element."""
    return "".join(element.itertext())


def has_content(body: Element) -> bool:
    """Tell whether a page shows anything of a tree but notes."""
    return any(
        node.tag in ("img", "hr", "formula")
        or (node.tag != "note" and (node.text or "").strip())
        or (node.tail or "").strip()
        for node in body.iter()
    )


def _is_block(item: Item) -> bool:
    return isinstance(item, Element) and item.tag in BLOCKS | {"li"}


def _inline(items: list[Item]) -> list[Item]:
    """Return items of one line: what is in blocks, without the blocks."""
    flat: list[Item] = []
    for item in items:
        if isinstance(item, Element) and item.tag in BLOCKS | {"li", "tr", "td", "th"}:
            inner: list[Item] = [item.text or ""]
            for child in item:
                inner += [child, child.tail or ""]
                child.tail = None
            flat += [" ", *_inline(inner), " "]
        else:
            flat.append(item)
    return flat


def _trimmed(items: list[Item]) -> list[Item]:
    """Take blanks and line breaks from both ends, and one of two blanks in a row."""
    kept: list[Item] = []
    for item in items:
        if isinstance(item, str):
            item = item.lstrip(" ") if not kept or _ends(kept[-1]) else item
        elif _ends(item) and kept and isinstance(kept[-1], str):
            kept[-1] = kept[-1].rstrip(" ")
        if item != "":
            kept.append(item)
    while kept and (kept[-1] == "" or (isinstance(kept[-1], Element) and kept[-1].tag == "br")):
        kept.pop()
    if kept and isinstance(kept[-1], str):
        kept[-1] = kept[-1].rstrip(" ")
    return kept


def _ends(item: Item) -> bool:
    """Tell whether a blank behind an item would be one too many."""
    return item[-1:] == " " if isinstance(item, str) else item.tag in BLOCKS | {"br"}


def _paragraphs(items: list[Item]) -> Iterator[Element]:
    """Yield blocks: those among the items, and paragraphs of what stands between them."""
    for are_blocks, group in groupby(items, _is_block):
        if are_blocks:
            blocks = (item for item in group if isinstance(item, Element))
            yield from (_filled("ul", [one]) if one.tag == "li" else one for one in blocks)
        elif line := _trimmed([*group]):
            yield _filled("p", line)


def _list(tag: str, items: list[Item], start: str) -> Element:
    made = Element("ol" if tag == "ol" else "ul")
    if tag == "ol" and re.fullmatch(r"\d{1,9}", start):
        made.set("start", start)
    for item in items:
        if isinstance(item, Element):
            made.append(item if item.tag == "li" else _filled("li", [item]))
        elif item.strip():
            made.append(_filled("li", [item.strip()]))
    return made


def _squared(heads: list[Element], bodies: list[Element]) -> Element:
    """Return a table of rows on a grid: every cell learns its place, every place has one cell."""
    taken: set[tuple[int, int]] = set()
    rows = [*heads, *bodies]
    for y, row in enumerate(rows):
        x = 0
        below = (len(heads) if y < len(heads) else len(rows)) - y
        for cell in row:
            while (x, y) in taken:
                x += 1
            down = min(int(cell.attrib["rowspan"]), below)
            across = int(cell.attrib["colspan"])
            while any((x + i, y) in taken for i in range(1, across)):
                across -= 1
            cell.attrib |= {"x": str(x), "colspan": str(across), "rowspan": str(down)}
            taken |= {(x + i, y + j) for i in range(across) for j in range(down)}
            x += across
    columns = max((x for x, _ in taken), default=0) + 1
    for y, row in enumerate(rows):
        for x in range(columns):
            if (x, y) not in taken:
                row.append(Element("td", x=str(x), colspan="1", rowspan="1", side=""))
        row[:] = sorted(row, key=lambda cell: int(cell.attrib["x"]))
    table = Element("table", columns=str(columns))
    for name, group in (("thead", heads), ("tbody", bodies)):
        if group:
            SubElement(table, name).extend(group)
    _align(table, bodies, columns)
    return table


_NUMBER = re.compile(r"[-+−]?(?:[\d.,]*\d[\d.,]*\s?%?|\d[\d.]*[eE][-+−]?\d+)|nan|NaN|–|")


def _align(table: Element, bodies: list[Element], columns: int) -> None:
    """Give every column a side: numbers stand flush right, with a true minus."""
    numbers, sides = [True] * columns, [""] * columns
    labels = [bool(bodies)] * columns
    for cell in (cell for row in bodies for cell in row):
        x, text = int(cell.attrib["x"]), text_of(cell).strip()
        number = _NUMBER.fullmatch(text) is not None and not len(cell)
        if number and text.startswith("-"):
            cell.text = "−" + text[1:]
        for i in range(x, x + int(cell.attrib["colspan"])):
            numbers[i] &= number
            labels[i] &= cell.tag == "th"
            sides[i] = cell.attrib["side"] or sides[i]
    found = (s or ("right" if n else "left") for s, n in zip(sides, numbers, strict=True))
    table.set("sides", " ".join(found))
    table.set("labels", str(next((i for i, label in enumerate(labels) if not label), 0)))


def _svg(node: LexborNode, depth: int) -> Element:
    """Return a drawing without anything that acts or leads elsewhere."""
    made = Element(str(node.tag) if re.fullmatch(r"[A-Za-z][\w.-]*", str(node.tag)) else "g")
    for name, value in node.attributes.items():
        embedded = re.match(r"#|data:image/(png|jpe?g|gif);", value or "")
        inside = embedded or not name.lower().endswith("href")
        outside = "url(" in re.sub(r"url\(['\"]?#", "", value or "")
        plain = re.fullmatch(r"[A-Za-z][\w.-]*", name) and name[:2].lower() != "on"
        if plain and inside and not outside and name != "xmlns":
            made.set(name, _printable(value or ""))
    for child in node.iter(include_text=True):
        if child.is_text_node:
            _append(made, [_printable(str(child.text_content or ""))])
        elif child.is_element_node and child.tag not in _SVG_DROPPED and depth < 60:
            made.append(_svg(child, depth + 1))
    return made


def _printable(text: str) -> str:
    return re.sub("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "\ufffd", text)
