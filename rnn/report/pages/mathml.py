"""Trees of MathML as Typst's formulas, and as browsers show them best.

Every sign reaches Typst as itself, every other text as a string, and the functions that are called
are those named here: no formula can hold anything that Typst does not know.
"""

import re
import unicodedata
from itertools import pairwise
from xml.etree.ElementTree import Element

from rnn.report.escaping import typst_string

#: Accents, by what pandoc and latex2mathml put above a letter.
_ACCENTS = dict.fromkeys("\u0302\u030c\u0303\u0301\u0300\u0307\u0308\u20db\u20dc\u0306\u030a→←↔⇀↼")
_ACCENTS |= {"\u20d7": "→", "\u20d6": "←", "^": "\u0302", "ˆ": "\u0302", "~": "\u0303"}
_ACCENTS |= {"˜": "\u0303", "˙": "\u0307", "¨": "\u0308", "ˇ": "\u030c", "˘": "\u0306"}
_ACCENTS |= {"´": "\u0301", "`": "\u0300", "˚": "\u030a", ".": "\u0307", "⃡": "↔"}
_OVER = dict.fromkeys("‾¯\u0305―", "overline") | {"⏞": "overbrace", "⎴": "overbracket"}
_OVER |= {"⏜": "overparen", "︷": "overbrace"}
_UNDER = dict.fromkeys("_‾\u0332―", "underline") | {"⏟": "underbrace", "⎵": "underbracket"}
_UNDER |= {"⏝": "underparen", "︸": "underbrace"}
_LARGE = frozenset("∑∏∐⋃⋂⨁⨂⨀⨄⨆⋁⋀⨅")
_UNSEEN = frozenset("\u2061\u2062\u2063\u2064")
_BARS = frozenset("|∣∥‖")
#: A long formula may go on with one of these on a new line.
_BREAKS = frozenset("=≠<>≤≥≈≡∼≃≅∝→←↔⇒⇐⇔↦∈∉⊂⊃⊆⊇≪≫⊢⊨≔≐≜⟶⟹⟺+−±∓")
_TOO_BROAD = 70  # signs of a group that has to break
_WIDTH = re.compile(r"(-?\d*\.?\d+)(em|ex|px|pt|mu)\Z")
_EM = {"em": 1.0, "ex": 0.43, "px": 1 / 16, "pt": 0.1, "mu": 1 / 18}


def pieces(tree: Element) -> list[str]:
    """Return a formula as Typst's math in pieces that may stand on lines of their own."""
    row = [tree]
    while len(row) == 1 and row[0].tag in ("math", "mrow"):
        row = [*row[0]]
    if len(row) == 1 and row[0].tag == "mtable":
        return [_lines(row[0])]
    parts: list[list[Element]] = [[]]
    before: Element | None = None
    for node in _opened(row):
        if _may_break(before, node) and len(parts[-1]) > 1:
            parts.append([])
        parts[-1].append(node)
        before = node
    # A sign that begins a line keeps the space of one between two terms.
    return [
        ('"" ' if i and _text(part[0]) in "+−±∓" else "") + _row(part)
        for i, part in enumerate(parts)
    ]


def _may_break(before: Element | None, node: Element) -> bool:
    """Tell whether a line may end between two nodes: before a relation or between terms."""
    if before is None or node.tag != "mo" or _text(node) not in _BREAKS:
        return False
    return before.tag != "mo" or before.get("form") == "postfix"


def _opened(row: list[Element]) -> list[Element]:
    """Return a row without the groups that are wider than a line: they may break inside."""
    opened: list[Element] = []
    for node in row:
        if node.tag != "mrow" or breadth(node) < _TOO_BROAD:
            opened.append(node)
            continue
        for fence in node:
            if _grows(fence):
                fence.set("minsize", "150%")
        opened += _opened([*node])
    return opened


def breadth(tree: Element) -> int:
    """Return about how many signs wide a formula is."""
    if tree.tag in ("msub", "msup", "msubsup", "munder", "mover", "munderover", "mroot"):
        return breadth(tree[0]) + max(map(breadth, tree[1:]), default=0) // 2
    if tree.tag == "mfrac":
        return max(map(breadth, tree), default=0)
    if tree.tag == "mtable":
        return max((sum(breadth(cell) + 2 for cell in row) for row in tree), default=0)
    if tree.tag == "mspace":
        return max(round(2 * _em(tree)), 0)
    return len(_text(tree)) + (tree.tag == "mo") + sum(map(breadth, tree))


def typst_math(node: Element) -> str:
    """Return a node of MathML as Typst's math."""
    kids = [*node]
    match node.tag:
        case "mi" | "mn" | "mo" | "mtext" | "ms":
            return _leaf(node)
        case "mspace":
            return f"#h({_em(node):.3f}em)" if _WIDTH.match(node.get("width", "")) else ""
        case "mfrac" if node.get("linethickness") in ("0", "0pt", "0em"):
            return f"mat(delim: #none, {_one(kids[0])}; {_one(kids[1])})"
        case "mfrac":
            return f"frac({_one(kids[0])}, {_one(kids[1])})"
        case "msqrt":
            return f"sqrt({_row(kids)})"
        case "mroot":
            return f"root({_one(kids[1])}, {_one(kids[0])})"
        case "msub" | "msup" | "msubsup" | "munder" | "mover" | "munderover":
            return _attached(node, kids)
        case "mtable":
            return _matrix(node)
        case "mphantom":
            return f"std.hide({_row(kids)})"
        case "menclose":
            return _enclosed(node.get("notation", ""), _row(kids))
        case "mstyle" if node.get("displaystyle") in ("true", "false"):
            return f"{'display' if node.get('displaystyle') == 'true' else 'inline'}({_row(kids)})"
    return _row(kids)


def _row(kids: list[Element]) -> str:
    """Set nodes one after another; between fences that grow, as one piece."""
    signs = "".join(node.tag + _text(node) + node.get("linethickness", "") for node in kids)
    if signs == "mo(mfrac0mo)":
        return f"binom({_one(kids[1][0])}, {_one(kids[1][1])})"
    fenced = any(map(_grows, kids[:1] + kids[-1:]))
    parts = [
        f"mid({_sign(_text(node))})" if fenced and 0 < i < len(kids) - 1 and _grows(node)
        else _sign(_text(node)) if fenced and _grows(node)
        else _applied(kids, i)
        for i, node in enumerate(kids)
    ]  # fmt: skip
    inner = " ".join(filter(None, parts)) or '""'
    return f"lr({inner})" if fenced else inner


def _grows(node: Element) -> bool:
    return node.tag == "mo" and node.get("stretchy") == "true" and not node.get("minsize")


def _applied(kids: list[Element], index: int) -> str:
    """Set one of several nodes: a function's name that MathML marks by an unseen sign, or any."""
    node = kids[index]
    following = _text(kids[index + 1]) if index + 1 < len(kids) else ""
    if node.tag == "mi" and following == "\u2061":
        return f"op({typst_string(_text(node))})"
    return typst_math(node)


def _one(node: Element) -> str:
    return typst_math(node) or '""'


def _text(node: Element) -> str:
    return node.text or ""


def _sign(text: str) -> str:
    """Return the signs of a leaf so that Typst sets them as they are."""
    if len(text) == 1 and (text.isascii() and text.isalnum()):
        return text
    if len(text) == 1 and text.isascii() and text.isprintable() and not text.isspace():
        return "\\" + text
    if len(text) == 1 and unicodedata.category(text) in ("Ps", "Pe", "Pi", "Pf"):
        return f"\\u{{{ord(text):x}}}"  # else it would take a parenthesis of a call for its partner
    if len(text) == 1 and unicodedata.category(text)[0] in "LSPN":
        return text
    return text if re.fullmatch(r"[0-9]+(\.[0-9]+)?", text) else typst_string(text)


def _leaf(node: Element) -> str:
    text = _text(node)
    if node.tag in ("mtext", "ms"):
        return typst_string(text.strip(" ")) if text.strip(" ") else ""
    text = "".join(c for c in text if c not in _UNSEEN).strip()
    if not text:
        return ""
    if node.tag == "mo" and (size := node.get("minsize", "")).endswith("%"):
        grown = f"lr({_sign(text)}, size: #{size})"
        return f'class("normal", {grown})' if text in _BARS else grown
    if text in _BARS:
        return f'class("normal", {_sign(text)})'
    if len(text) > 1 and node.tag == "mo" and text.isalpha():
        return f"op({typst_string(text)})"
    sign = _sign(text)
    return f"upright({sign})" if node.get("mathvariant") == "normal" and len(text) == 1 else sign


def _em(space: Element) -> float:
    found = _WIDTH.match(space.get("width", ""))
    return float(found[1]) * _EM[found[2]] if found else 0


def _attached(node: Element, kids: list[Element]) -> str:
    """Set what has something above, below or beside it."""
    base, rest = kids[0], kids[1:]
    above = rest[-1] if node.tag in ("mover", "munderover", "msup", "msubsup") else None
    below = rest[0] if node.tag in ("munder", "munderover", "msub", "msubsup") else None
    sign = _text(rest[-1]).strip()
    if node.tag == "mover" and rest[0].tag == "mo" and (sign in _OVER or sign in _ACCENTS):
        if sign in _OVER and (rest[0].get("accent") or sign not in _ACCENTS):
            return f"{_OVER[sign]}({_one(base)})"
        if rest[0].get("accent") == "true":
            return f'accent({_one(base)}, "{_ACCENTS[sign] or sign}")'
    if node.tag == "munder" and rest[0].tag == "mo" and sign in _UNDER:
        return f"{_UNDER[sign]}({_one(base)})"
    if node.tag in ("mover", "munder") and base.tag == node.tag and len(base) == 2:
        names = _OVER if node.tag == "mover" else _UNDER
        if (mark := _text(base[1]).strip()) in names and "line" not in names[mark]:
            return f"{names[mark]}({_one(base[0])}, {_one(rest[0])})"
    words = "".join(c for c in base.itertext() if c not in _UNSEEN)
    limits = node.tag.startswith("mu") or node.tag == "mover"
    named = base.tag == "mi" and base.get("mathvariant") == "normal" and len(words) > 1
    if named and limits:
        set_base = f"op({typst_string(words)}, limits: #true)"
    elif words in _LARGE and base.tag == "mo":
        set_base = _one(base)
    elif limits:
        set_base = f"limits({_one(base)})"
    else:
        set_base = f"scripts({_one(base)})" if words in _LARGE else _one(base)
    places = [f"t: {_one(above)}"] if above is not None else []
    places += [f"b: {_one(below)}"] if below is not None else []
    return f"attach({set_base}, {', '.join(places)})"


def _enclosed(notation: str, inner: str) -> str:
    if "box" in notation or "circle" in notation:
        frame = f"box(stroke: 0.5pt, inset: 0.3em, baseline: 0.3em, $display({inner})$)"
        return f"#{{ set par(leading: 0pt); {frame} }}"
    inverted = "downdiagonal" in notation
    if "strike" in notation:
        kind = "cross: #true, " if inverted and "updiagonal" in notation else ""
        kind = kind or ("inverted: #true, " if inverted else "")
        kind = kind or ("angle: #90deg, " if "horizontal" in notation else "")
        return f"cancel({kind}{inner})"
    return inner


def _cells(table: Element) -> list[list[tuple[str, str]]]:
    rows = [[(cell.get("columnalign", ""), _row([*cell])) for cell in row] for row in table]
    return [[(side, "" if text == '""' else text) for side, text in row] for row in rows]


def _lines(table: Element) -> str:
    """Set a table that is a whole formula as lines that are aligned."""
    rows = _cells(table)
    sides = {side for row in rows for side, _ in row}
    if sides <= {"right", "left"} and not table.get("columns") and not table.get("rows"):
        return " \\ ".join(" & ".join(text for _, text in row) for row in rows) or '""'
    if all(len(row) == 1 for row in rows) and sides == {"center"}:
        return " \\ ".join(text for [(_, text)] in rows)
    return _matrix(table)


def _matrix(table: Element) -> str:
    rows = _cells(table)
    if not any(rows):
        return ""
    most = max(map(len, rows))
    paired = all(
        side == ("right", "left")[i % 2] for row in rows for i, (side, _) in enumerate(row)
    )
    lines = "; ".join(
        ", ".join(
            "& " * (side == "left") + (text or '""') + " &" * (side == "right")
            for side, text in row + [("", "")] * (most - len(row))
        )
        for row in rows
    )
    rules = [
        f"{name}: ({', '.join(kept)},)"
        for name, key, last in (("vline", "columns", most), ("hline", "rows", len(rows)))
        if (kept := [n for n in table.get(key, "").split() if 0 < int(n) < last])
    ]
    augment = f"augment: #({', '.join(rules)}), " if rules else ""
    gap = "column-gap: #0em, " if paired and most > 1 else ""
    inner = f"mat(delim: #none, {augment}{gap}{lines})"
    return f"display({inner})" if paired and most > 1 else inner


def for_browsers(tree: Element) -> Element:
    """Mend a tree where browsers set it otherwise than TeX: bars, functions, rules."""
    for node in [*tree.iter()]:
        for left, right in pairwise([*node]):
            bar = left.tag == "mo" and _text(left) == "|"
            if bar and right.tag == "mi" and _text(right) in ("+", "−"):
                right.tag = "mo"
            ends = "".join(left.itertext())[-1:]
            if left.tag == "mrow" and ends == "\u2061" and right.tag != "mo":
                node.insert([*node].index(right), Element("mspace", width="0.167em"))
        columns, rows = (node.attrib.pop(name, "").split() for name in ("columns", "rows"))
        for r, row in enumerate(node) if columns or rows else ():
            for c, cell in enumerate(row):
                sides = [("left", c, columns), ("top", r, rows)]
                borders = [f"border-{s}: 1px solid" for s, n, all_ in sides if n and str(n) in all_]
                if borders:
                    cell.set("style", "; ".join(filter(None, [cell.get("style"), *borders])))
    for node in tree.iter():  # what is not seen would be written as its code point
        seen = "".join(c for c in _text(node) if c not in _UNSEEN)
        if node.tag == "mo" and not seen:  # a browser leaves space beside any operator
            node.attrib |= {"lspace": "0", "rspace": "0"}
        node.text = seen
    return tree
