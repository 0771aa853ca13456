"""Trees of `rnn.report.pages.hypertext` as the markup of Typst and of HTML.

In Typst every text is a string, so that no text can become markup.  What may fail is a piece with
what is to stand in its place; see `rnn.report.pages.typesetting`.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from rnn.report.escaping import typst_string
from rnn.report.pages.formulas import Formula
from rnn.report.pages.hypertext import BLOCKS, HEADINGS, text_of
from rnn.report.pages.mathml import breadth, for_browsers, pieces
from rnn.report.pages.typesetting import Pieces

_STYLES = {"em": "emph", "strong": "strong", "u": "underline", "s": "strike"}
_STYLES |= {"sub": "sub", "sup": "super"}
_LONGEST_WORD = 24  # characters of a word in a table that is not broken
_WIDE = 30  # signs; a formula that is shorter needs no measuring
_TALL = frozenset(("mfrac", "mtable", "munder", "mover", "munderover"))


@dataclass
class Writer(ABC):
    """What both pages have in common: formulas, and where links may lead."""

    formulas: list[Formula]  # those of the notebook, by number
    anchors: Mapping[str, str]  # from what a link may name to the label in the page
    references: Mapping[str, str]  # what [Figure](#label) stands for: {"fig-loss": "Figure 1"}
    warn: Callable[[str], None]  # called with a line about what cannot be shown as it is meant
    where: str = ""  # the cell in hand, for messages

    @abstractmethod
    def write(self, body: Element, free: bool = False) -> str:
        """Return the markup of a tree; if `free`, wide tables may have pages of their own."""

    def target(self, href: str, words: str) -> tuple[str, str | None]:
        """Return where a link leads, "" for nowhere, and the words for it if they are known."""
        href, words = re.sub(r"[\t\r\n]", "", href).strip(), words.strip().lower()
        if not href.startswith("#"):
            return (href if re.match(r"(https?|mailto):(?!\s)", href, re.IGNORECASE) else ""), None
        name = href[1:]
        if known := self.references.get(name):
            same = words == "" or known.lower().startswith(words)
            return href, known.replace(" ", "\xa0") if same else None
        if words in ("figure", "table"):
            names = ", ".join(sorted(self.references)) or "none"
            self.warn(
                f"expected a reference to a figure or table of this report, got {href}; "
                f"choose from {names}"
            )
        label = self.anchors.get(name) or self.anchors.get(name.lower())
        return f"#{label}" if label else "", None


class HTMLWriter(Writer):
    """Writes trees as HTML, in which wide tables scroll."""

    def write(self, body: Element, free: bool = False) -> str:
        """Return the markup of a tree."""
        made = deepcopy(body)
        for block in (child for child in made if child.tag in BLOCKS):
            block.tail = "\n"
        for node in [*made.iter()]:
            self._translate(node)
        html = ElementTree.tostring(made, encoding="unicode", method="html")
        return html.removeprefix("<body>").removesuffix("</body>").strip("\n")

    def _translate(self, node: Element) -> None:
        """Make an element of the tree one of HTML; of its attributes only what is named stays."""
        given, node.attrib = node.attrib, {}
        match node.tag:
            case "formula":
                self._formula(node, self.formulas[int(given["number"])])
            case "a":
                href, words = self.target(given["href"], text_of(node))
                node.tag = "a" if href else "span"
                node.attrib |= {"href": href} if href else {}
                if words:
                    node[:], node.text = [], words
            case "img":
                kept = ("src", "alt", "width")
                node.attrib |= {name: given[name] for name in kept if name in given}
            case "s":
                node.tag = "del"
            case "code" if len(node.text or "") <= 24:
                node.set("class", "short")
            case "pre":
                ElementTree.SubElement(node, "code").text = node.text
                node.text = None
            case "note":
                node.tag = "p"
                node.set("class", "note")
            case "ol" if given.get("start", "1") != "1":
                node.set("start", given["start"])
            case "table":
                sides = given["sides"].split()
                for cell in node.iterfind("*/tr/*"):
                    cell.set("side", sides[int(cell.attrib["x"])])
                table = Element("table")
                table[:], node[:] = node, [table]
                node.tag = "div"
                node.attrib |= _focusable("scroll", "Table")
            case "td" | "th":
                spans = ("colspan", "rowspan")
                node.attrib |= {name: given[name] for name in spans if given[name] != "1"}
                node.set("style", f"text-align: {given['side']};")
            case heading if heading in HEADINGS:
                node.tag = f"h{min(int(given['level']) + 1, 6)}"
                node.set("id", given["id"])
                if number := given.get("number"):
                    shown = Element("span", {"class": "number"})
                    shown.text, shown.tail = number, " " + (node.text or "")
                    node.text = None
                    node.insert(0, shown)

    def _formula(self, node: Element, formula: Formula) -> None:
        """Fill the element of a formula."""
        if formula.tree is None:
            node.tag, node.text = ("code", formula.source) if formula.tex else ("span", "")
            return
        math = for_browsers(formula.tree)
        if not formula.display:
            node.tag, node.attrib, node.text, node[:] = math.tag, math.attrib, math.text, [*math]
            return
        node.tag, node.attrib = "span", _focusable("formula", "Formula")
        node.append(math)
        if formula.number:
            number = ElementTree.SubElement(node, "span", {"class": "equation-number"})
            number.text = formula.number


def _focusable(kind: str, name: str) -> dict[str, str]:
    """Return the attributes of what may be wider than the page: it scrolls, by keyboard too."""
    return {"class": kind, "tabindex": "0", "role": "group", "aria-label": name}


@dataclass
class TypstWriter(Writer):
    """Writes trees as Typst, in pieces that can fail alone."""

    pieces: Pieces = field(default_factory=Pieces)
    _in_table: bool = False
    _in_heading: bool = False

    def write(self, body: Element, free: bool = False) -> str:
        """Return the Typst of a tree; if `free`, wide tables may have pages of their own."""
        return self._mixed(body, free).strip()

    def _mixed(self, node: Element, free: bool = False) -> str:
        parts = [_string(node.text)]
        for child in node:
            markup = self._element(child, free)
            parts.append(f"\n\n{markup}\n\n" if child.tag in BLOCKS else markup)
            parts.append(_string(child.tail))
        return "".join(parts)

    def _element(self, node: Element, free: bool) -> str:
        match node.tag:
            case "p" if {child.tag for child in node} == {"img"} and not text_of(node).strip():
                return "\n\n".join(self._picture(child, alone=True) for child in node)
            case "ul" | "ol":
                loose = any(child.tag == "p" for item in node for child in item)
                items = ", ".join(f"[{self._mixed(item).strip()}]" for item in node)
                start = f"start: {int(node.attrib['start'])}, " if node.get("start") else ""
                kind = "enum" if node.tag == "ol" else "list"
                return f"#{kind}(tight: {'false' if loose else 'true'}, {start}{items});"
            case "blockquote":
                return f"#quote(block: true)[{self._mixed(node).strip()}];"
            case "pre":
                language = typst_string(node.attrib["language"]) if node.get("language") else "none"
                return f"#code({typst_string(node.text or '')}, lang: {language});"
            case "hr":
                return "#horizontalrule;"
            case "note":
                return f"#note[{self._mixed(node).strip()}];"
            case "table":
                return self._table(node, free)
            case style if style in _STYLES:
                return f"#{_STYLES[style]}[{self._mixed(node)}];"
            case "br":
                return "#linebreak();"
            case "code":
                return "".join(
                    f"#raw({typst_string(part)});"
                    for part in re.findall(r"(?:[^ ]* ){12}|.+?\Z", node.text or "", re.DOTALL)
                )
            case "formula":
                return self._formula(self.formulas[int(node.attrib["number"])])
            case "img":
                return self._picture(node, alone=False)
            case "a":
                href, words = self.target(node.attrib["href"], text_of(node))
                inner = _string(words) if words else self._mixed(node)
                if href.startswith("#"):
                    return f"#goto({typst_string(href[1:])})[{inner}];"
                return f"#link({typst_string(href)})[{inner}];" if href else inner
            case heading if heading in HEADINGS:
                level, label = int(node.attrib["level"]), typst_string(node.attrib["id"])
                self._in_heading = True
                title, words = self._mixed(node).strip(), _string(text_of(node))
                self._in_heading = False
                whole, simple = (
                    f"#heading(level: {level})[{body}]#label({label});" for body in (title, words)
                )
                return self.pieces.mark(whole, self.where, "a heading", simple)
        return self._mixed(node)

    def _picture(self, node: Element, alone: bool) -> str:
        words = node.attrib["alt"]
        width = node.get("width", "")
        share = f", width: {min(float(width[:-1]), 100):g}%" if width.endswith("%") else ""
        image = f"image({typst_string(node.attrib['src'])}, alt: {typst_string(words)}{share})"
        if width and not share:
            image = f"sized({float(width) * 0.75:g}pt, {image})"
        markup = f"#align(center, {image});" if alone else f"#box({image});"
        note = f"#note[{_string(f'A picture that could not be set: {words}')}];"
        return self.pieces.mark(markup, self.where, "a picture", note)

    def _formula(self, formula: Formula) -> str:
        source = f"#raw({typst_string(formula.spoken)});"
        if formula.tree is None:
            return f"#raw({typst_string(formula.source)});" if formula.tex else ""
        parts = pieces(formula.tree)
        if not any(parts):
            return ""
        alt = typst_string(formula.spoken)
        bodies = ", ".join(f"${part}$" for part in parts)
        wide = breadth(formula.tree)
        if formula.display and (wide > _WIDE or formula.number):
            number = typst_string(formula.number) if formula.number else "none"
            markup = f"#formula(alt: {alt}, number: {number}, {bodies});"
        elif self._in_table and wide > 80 and len(parts) < 3:
            markup = f"#formula(alt: {alt}, beyond: 0pt, {bodies});"
        elif not formula.display and wide > _WIDE and not (self._in_table or self._in_heading):
            markup = f"#in-line(alt: {alt}, {bodies});"
        else:
            block = "true" if formula.display else "false"
            body = f"math.equation(block: {block}, alt: {alt}, ${' '.join(parts)}$)"
            # A short formula in running text does not break at the end of a line.
            short = not formula.display and len(formula.spoken) <= 24
            tall = self._in_table and any(node.tag in _TALL for node in formula.tree.iter())
            if tall and not formula.display:
                # In running text a tall formula takes room from the lines beside it.
                body = f"{{ set par(leading: 0pt); {body} }}"
            markup = f"#box({body});" if short or tall else f"#{body};"
        return self.pieces.mark(markup, self.where, "a formula", source)

    def _table(self, node: Element, free: bool) -> str:
        columns = int(node.attrib["columns"])
        head = len(node[0]) if node[0].tag == "thead" else 0
        longest, words = [""] * columns, [""] * columns
        cells, rows = [], [row for part in node for row in part]
        outside, self._in_table = self._in_table, True
        for y, row in enumerate(rows):
            for cell in row:
                x, across = int(cell.attrib["x"]), int(cell.attrib["colspan"])
                inner = f"[{self._mixed(cell).strip()}]"
                place = f"x: {x}, y: {y}, w: {across}, h: {int(cell.attrib['rowspan'])}"
                cells.append(f"({place}, body: {inner})")
                formulas = (self.formulas[int(f.attrib["number"])] for f in cell.iter("formula"))
                signs = (breadth(f.tree) for f in formulas if f.tree is not None)
                text = " ".join([text_of(cell), *("n" * number for number in signs)])
                # A picture counts as letters, of eight pixels each.
                sizes = (picture.get("width", "%") for picture in cell.iter("img"))
                widths = (40 if w.endswith("%") else min(int(float(w) / 8), 80) for w in sizes)
                pictures = ["n" * width for width in widths]
                if across == 1:
                    # The labels of columns are the first to wrap.
                    line = text[:400] if y >= head else text[: len(text) // 2]
                    longest[x] = max([longest[x], *pictures, line], key=len)
                    parts = [word[:_LONGEST_WORD] for word in text.split()]
                    words[x] = max([words[x], *(one[:16] for one in pictures), *parts], key=len)
        self._in_table = outside
        sides = ", ".join(node.attrib["sides"].split())
        markup = (
            f"#datatable(columns: {columns}, head: {head}, labels: {int(node.attrib['labels'])}, "
            f"free: {'true' if free else 'false'}, sides: ({sides},), "
            f"words: ({', '.join(map(typst_string, words))},), "
            f"longest: ({', '.join(map(typst_string, longest))},), "
            f"cells: ({', '.join(cells)},));"
        )
        plain = "\n".join(" | ".join(text_of(cell) for cell in row) for row in rows)
        return self.pieces.mark(markup, self.where, "a table", f"#printed({typst_string(plain)});")


def _string(text: str | None) -> str:
    return f"#{typst_string(text)};" if text else ""
