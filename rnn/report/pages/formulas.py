r"""Formulas of a notebook: found where JupyterLab finds them, and read into trees of MathML.

A formula is taken out of its text before anything else reads that text, so that no Markdown and no
HTML can damage it; a mark stands for it.  Macros hold from where they are defined to the end of
the notebook.  Displayed formulas are numbered where ``\tag`` says so or something refers to them.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple
from xml.etree import ElementTree

from latex2mathml.converter import convert

#: What stands for formula number N in a text: noncharacters, which no text has to hold.
MARK = re.compile("\ufdd0(\\d+)\ufdd1")

_ENVIRONMENTS = (
    "equation align alignat flalign gather multline eqnarray displaymath math split aligned "
    "alignedat gathered array subarray cases dcases rcases matrix pmatrix bmatrix Bmatrix vmatrix "
    "Vmatrix smallmatrix"
).split()
_NUMBERED_ROWS = {"align", "alignat", "flalign", "gather", "eqnarray", "multline"}
_BEGIN = rf"\\begin\{{(?:{'|'.join(_ENVIRONMENTS)})\*?\}}"
#: Code, in which nothing is a formula; signs that are escaped; and where a formula may begin.
_CODE = r"""(?P<code>^[ >\t]*(?P<fence>`{3,}|~{3,})[^\n]*\n(?:.*?^[ >\t]*(?P=fence)[`~]*[ \t]*$|.*)
    |(?P<ticks>`+)(?!`)(?:(?!\n[ \t]*\n).)*?(?<!`)(?P=ticks)(?!`))|"""
_START = rf"(?P<begin>{_BEGIN})|(?P<ref>\\(?:eq)?ref\{{[^{{}}\n]*\}})|\\.|(?P<dollar>\$\$?)"
_STARTS = {
    "markdown": re.compile(
        _CODE + r"(?P<paren>\\\\[(\[])|" + _START, re.MULTILINE | re.DOTALL | re.VERBOSE
    ),
    "html": re.compile(r"(?P<paren>\\[(\[])|" + _START, re.DOTALL),
}
_INSIDE = r"|\\.|[{}]|\n[ \t>]*(?:\n|```|~~~)"
_TOKEN = re.compile(r"\\[A-Za-z]+|\\.|%[^\n]*\n?|.", re.DOTALL)

#: Commands that pandoc does not know or that have no meaning on a page, in terms of others.
_KNOWN: dict[str, tuple[int, str]] = {
    name: (arguments, body)
    for names, arguments, body in (
        ("mathds mathbbm mathbbmss", 1, r"\mathbb{#1}"),
        ("textcolor colorbox", 2, "{#2}"),
        ("color require hline@ vspace class cssId bbox", 1, ""),
        ("mathclap mathllap mathrlap llap rlap clap smash", 1, "{#1}"),
        ("hphantom", 1, r"\phantom{#1}"),
        ("vphantom", 1, ""),
        ("mathstrut strut displaylines allowbreak nobreak relax bigstrut null", 0, ""),
        ("cfrac", 2, r"\dfrac{#1}{#2}"),
        ("enspace enskip", 0, r"\;\;"),
        ("thinspace", 0, r"\,"),
        ("medspace", 0, r"\:"),
        ("thickspace", 0, r"\;"),
        ("negthinspace negmedspace negthickspace", 0, r"\!"),
        ("emph", 1, r"\textit{#1}"),
        ("hbox", 1, r"\text{#1}"),
        ("dotsc dotso", 0, r"\ldots"),
        ("dotsb dotsm dotsi", 0, r"\cdots"),
        ("bra", 1, r"\langle #1|"),
        ("ket", 1, r"|#1\rangle"),
        ("braket", 1, r"\langle #1\rangle"),
        ("Bra", 1, r"\left\langle #1\right|"),
        ("Ket", 1, r"\left|#1\right\rangle"),
        ("lbrace", 0, r"\{"),
        ("rbrace", 0, r"\}"),
        ("lbrack", 0, "["),
        ("rbrack", 0, "]"),
    )
    for name in ("\\" + word for word in names.split())
}
_SWITCHES = {rf"\{old}": rf"\math{old}" for old in ("rm", "bf", "it", "sf", "tt", "cal", "frak")}
_OVER = {r"\over": r"\frac", r"\choose": r"\binom", r"\atop": r"\substack"}
_PLAIN = {r"\matrix", r"\pmatrix", r"\bmatrix", r"\cases", r"\eqalign"}
_CELL_ENDS = {"&", r"\\", r"\begin", r"\end", r"\left", r"\right", *_OVER, *_SWITCHES}
_BOLD = {ord("A") + n: 0x1D400 + n for n in range(26)}
_BOLD |= {ord("a") + n: 0x1D41A + n for n in range(26)}
_MOST = 20_000  # tokens of a formula with its macros expanded

_Node = str | list  # a token, or what stands between braces


class _Macro(NamedTuple):
    """What a command stands for."""

    arguments: int
    body: _Node
    default: list[_Node] | None = None  # of the first argument, where it can be left out


@dataclass
class Formula:
    """A formula: as the notebook has it, and as it is to be read."""

    where: str  # the cell, for messages
    source: str  # with what encloses it
    inner: str  # without
    display: bool
    tex: str = ""  # what a reader of TeX is given: macros expanded, numbers taken out
    number: str = ""  # in parentheses, beside a displayed one
    tree: ElementTree.Element | None = None  # MathML; None where it cannot be read
    tables: list[tuple[list[int], list[int]]] = field(default_factory=list)  # rules in arrays

    @property
    def spoken(self) -> str:
        """Return what is read out for it: its TeX."""
        return " ".join(self.inner.split())


class Formulas:
    """All formulas of a notebook, in order."""

    def __init__(self) -> None:
        self.all: list[Formula] = []

    def take(self, text: str, where: str, form: str = "markdown") -> str:
        """Return `text` with marks in place of formulas; `form` is ``markdown`` or ``html``."""
        parts: list[str] = []
        at = 0
        while start := _STARTS[form].search(text, at):
            parts.append(text[at : start.start()])
            found = _formula(text, start)
            at = start.end() if found is None else found[0]
            if found is None:
                parts.append(start[0])
            elif found[1].strip():
                parts.append(f"\ufdd0{len(self.all)}\ufdd1")
                self.all.append(Formula(where, text[start.start() : at], found[1], found[2]))
        return "".join(parts) + text[at:]

    def source(self, text: str) -> str:
        """Put the formulas of a text back as they were: in code nothing is a formula."""
        return MARK.sub(lambda m: self.all[int(m[1])].source if self._has(m[1]) else m[0], text)

    def split(self, text: str) -> Iterator[str | int]:
        """Yield the stretches of a text and the numbers of the formulas between them."""
        for index, part in enumerate(MARK.split(text)):
            if index % 2 and self._has(part):
                yield int(part)
            elif index % 2 == 0 and part:
                yield part

    def _has(self, number: str) -> bool:
        return int(number) < len(self.all)

    def prepare(self) -> None:
        """Expand and number all formulas: find out what a reader of TeX is to read."""
        macros = {name: _Macro(n, _tree(body)) for name, (n, body) in _KNOWN.items()}
        bodies: list[list[_Node]] = []
        for formula in self.all:
            try:
                bodies.append(_expanded(_tree(formula.inner), macros))
            except (ValueError, RecursionError):
                bodies.append([formula.inner])
        pairs = (pair for body in bodies for pair in pairwise(_flat(body)))
        named = {_text(label) for command, label in pairs if command in (r"\ref", r"\eqref")}
        numbers: dict[str, str] = {}
        for formula, body in zip(self.all, bodies, strict=True):
            _take_numbers(formula, body, named, numbers)
        for formula, body in zip(self.all, bodies, strict=True):
            _say_numbers(body, numbers)
            try:
                tex = re.sub(r"(?:\\\s*)+\Z", "", _written(_modern(body)).strip())
                formula.tex = (
                    rf"\begin{{gathered}}{tex}\end{{gathered}}" if _has_lines(tex) else tex
                )
            except RecursionError:
                formula.tex = formula.inner
            formula.tables = [*_rules(formula.tex)]

    def read(self, mathml: list[str]) -> Iterator[Formula]:
        """Take in what pandoc made of the formulas; yield those that nothing can read."""
        for formula, markup in zip(self.all, mathml, strict=True):
            if not markup.startswith("<math"):
                markup = _second_reading(formula.tex)
            try:
                formula.tree = _parsed(markup, formula)
            except (ElementTree.ParseError, RecursionError):
                formula.tree = None
            if formula.tree is None and formula.tex:
                yield formula


# -- Finding -----------------------------------------------------------------------------------


def _formula(text: str, start: re.Match[str]) -> tuple[int, str, bool] | None:
    """Return where the formula that begins at `start` ends, its TeX, and whether it is displayed.

    None where there is no end to it: before an empty line, or at all.
    """
    kind, begun = start.lastgroup, start[0]
    if kind == "ref":
        return start.end(), begun, False
    if kind == "begin":
        name = re.escape(begun[6:])
        end = _end(text, start.start(), rf"\\end{name}", rf"\\begin{name}")
        return end and (end[1], text[start.start() : end[1]], True)
    if kind == "paren":
        closing = begun.replace("(", ")").replace("[", "]")
        end = _end(text, start.end(), re.escape(closing))
    elif kind == "dollar":
        # A price is no formula: "$5 and $6".
        single = r"\$(?!(?<=\s\$)\d)"
        end = _end(text, start.end(), r"\$\$" if begun == "$$" else single)
    else:
        return None
    return end and (end[1], text[start.end() : end[0]], begun == "$$" or begun.endswith("["))


def _end(text: str, at: int, closing: str, opening: str = r"(?!)") -> tuple[int, int] | None:
    """Return where `closing` begins and ends, outside of braces if there is such a place."""
    depth = nested = 0
    last = None
    pattern = f"(?P<open>{opening})|(?P<close>{closing}){_INSIDE}"
    for found in re.compile(pattern, re.DOTALL).finditer(text, at):
        if found["open"]:
            nested += 1
        elif found["close"]:
            nested -= 1
            if nested > 0:
                continue
            if depth <= 0:
                return found.span()
            last = last or found.span()
        elif found[0] in "{}":
            depth += 1 if found[0] == "{" else -1
        elif found[0].startswith("\n"):
            break
    return last


# -- Macros, numbers and old TeX, on trees of tokens ---------------------------------------------


def _tree(tex: str) -> list[_Node]:
    """Return the tokens of a formula, with what stands in braces as lists; without comments."""
    stack: list[list[_Node]] = [[]]
    for token in _TOKEN.findall(tex):
        if token == "{":
            stack.append([])
        elif token == "}":
            if len(stack) == 1:
                raise ValueError("a brace too many")
            group = stack.pop()
            stack[-1].append(group)
        elif token[0] != "%":
            stack[-1].append(token)
    if len(stack) > 1:
        raise ValueError("a brace too few")
    return stack[0]


def _written(nodes: list[_Node]) -> str:
    """Write a tree of tokens as TeX."""
    parts: list[str] = []
    for node in nodes:
        text = "{" + _written(node) + "}" if isinstance(node, list) else node
        if parts and text[:1].isalpha() and re.search(r"\\[A-Za-z]+\Z", parts[-1]):
            parts.append(" ")
        parts.append(text)
    return "".join(parts)


def _text(node: _Node) -> str:
    return _written(node).strip() if isinstance(node, list) else node


def _flat(nodes: list[_Node]) -> list[_Node]:
    """Return all nodes in order, groups before what is in them."""
    found: list[_Node] = []
    for node in nodes:
        found += [node, *(_flat(node) if isinstance(node, list) else ())]
    return found


def _argument(queue: list[_Node]) -> _Node:
    """Take the next argument from the front of the reversed list `queue`."""
    while queue and _blank(queue[-1]):
        queue.pop()
    if not queue:
        raise ValueError("an argument is missing")
    return queue.pop()


def _optional(queue: list[_Node]) -> list[_Node] | None:
    """Take an argument in square brackets, if one comes next."""
    rest = [*reversed(queue)]
    start = next((i for i, node in enumerate(rest) if not _blank(node)), len(rest))
    if start == len(rest) or rest[start] != "[" or "]" not in rest[start:]:
        return None
    end = rest.index("]", start)
    del queue[len(queue) - end - 1 :]
    return rest[start + 1 : end]


def _blank(node: _Node) -> bool:
    return isinstance(node, str) and node.isspace()


def _name(node: _Node) -> str:
    return next(iter(_text(node).split()), "")


def _expanded(
    nodes: list[_Node], macros: dict[str, _Macro], budget: list[int] | None = None
) -> list[_Node]:
    """Carry out definitions, which add to `macros`, and replace what they define."""
    budget = [_MOST] if budget is None else budget
    queue, done = [*reversed(nodes)], list[_Node]()
    while queue:
        node = queue.pop()
        budget[0] -= 1
        if budget[0] < 0:
            raise ValueError("macros without an end")
        if isinstance(node, list):
            done.append(_expanded(node, macros, budget))
        elif node in (r"\newcommand", r"\renewcommand", r"\providecommand"):
            _star(queue)
            name, count, default = _name(_argument(queue)), _optional(queue), _optional(queue)
            number = int(_text(count or ["0"]))
            macros[name] = _Macro(number, _argument(queue), default)
        elif node == r"\DeclareMathOperator":
            star = _star(queue)
            name = _name(_argument(queue))
            macros[name] = _Macro(0, [rf"\operatorname{star}", _argument(queue)])
        elif node in (r"\def", r"\gdef", r"\let"):
            name, number = _name(_argument(queue)), 0
            while node != r"\let" and queue and not isinstance(queue[-1], list):
                number += queue.pop() == "#"
            if node == r"\let" and queue and queue[-1] == "=":
                queue.pop()
            macros[name] = _Macro(number, _argument(queue))
        elif node in macros:
            put = _applied(macros[node], queue)
            budget[0] -= len(_flat(put))
            queue += reversed(put)
        else:
            done.append(node)
    return done


def _star(queue: list[_Node]) -> str:
    return str(queue.pop()) if queue and queue[-1] == "*" else ""


def _applied(macro: _Macro, queue: list[_Node]) -> list[_Node]:
    given: list[_Node] = []
    if macro.default is not None:
        first = _optional(queue)
        given.append([*(macro.default if first is None else first)])
    given += [_argument(queue) for _ in range(macro.arguments - len(given))]
    return _filled(macro.body if isinstance(macro.body, list) else [macro.body], given)


def _filled(nodes: list[_Node], given: list[_Node]) -> list[_Node]:
    filled: list[_Node] = []
    rest = iter(nodes)
    for node in rest:
        if isinstance(node, list):
            filled.append(_filled(node, given))
        elif node == "#":
            place = next(rest, "")
            if not (isinstance(place, str) and place.isdigit() and 0 < int(place) <= len(given)):
                raise ValueError("an argument that the macro does not have")
            one = given[int(place) - 1]
            filled += one if isinstance(one, list) else [one]
        else:
            filled.append(node)
    return filled


def _take_numbers(
    formula: Formula, nodes: list[_Node], named: set[str], numbers: dict[str, str]
) -> None:
    r"""Take ``\tag`` and ``\label`` out; number the formula or its row as they say."""
    inside: list[str] = []
    rows: list[_Node] = []
    queue, tag, label = [*reversed(nodes)], "", ""

    def number_row(place: int) -> None:
        nonlocal tag, label
        counted = sum(number.strip("()").isdigit() for number in numbers.values())
        shown = tag or (f"({counted + 1})" if label in named and formula.display else "")
        if label in named and shown:
            numbers[label] = shown
        if shown and any(name in _NUMBERED_ROWS for name in inside):
            rows[place:place] = [r"\qquad", r"\text", [*shown]]
        elif shown:
            formula.number = shown
        tag = label = ""

    while queue:
        node = queue.pop()
        if node in (r"\notag", r"\nonumber"):
            continue
        if node in (r"\tag", r"\label") and queue:
            star = _star(queue)
            value = _text(queue.pop())
            if node == r"\tag":
                tag = value if star else f"({value})"
            else:
                label = value
            continue
        if node in (r"\\", r"\cr", r"\end"):
            number_row(len(rows))
        rows.append(node)
        if node == r"\begin" and queue:
            inside.append(_text(queue[-1]).rstrip("*"))
        elif node == r"\end" and inside:
            inside.pop()
    number_row(len(rows))
    nodes[:] = rows


def _say_numbers(nodes: list[_Node], numbers: dict[str, str]) -> None:
    for place, node in enumerate(nodes):
        if isinstance(node, list):
            _say_numbers(node, numbers)
        elif node in (r"\ref", r"\eqref") and place + 1 < len(nodes):
            number = numbers.get(_text(nodes[place + 1]), "(???)")
            nodes[place] = r"\text"
            nodes[place + 1] = [*(number if node == r"\eqref" else number.strip("()"))]


def _modern(nodes: list[_Node], bold: bool = False) -> list[_Node]:
    """Write old switches, fractions and tables of TeX as LaTeX has them; see `_KNOWN` for more."""
    done: list[_Node] = []
    row = 0  # where the row or cell begins in which a switch or a fraction may stand
    queue = [*reversed(nodes)]

    def until_end() -> list[_Node]:
        rest: list[_Node] = []
        while queue and not (isinstance(queue[-1], str) and queue[-1] in _CELL_ENDS):
            rest.append(queue.pop())
        return rest

    while queue:
        node = queue.pop()
        before = done[-1] if done else ""
        if isinstance(node, list):
            done.append(_modern(node, before == r"\mathbf" or (bold and before != r"\text")))
        elif node in _SWITCHES:
            switched = _modern(until_end(), bold or node == r"\bf")
            done += [_SWITCHES[node], switched] if switched else []
        elif node in _OVER:
            above, below = done[row:], _modern(until_end(), bold)
            if node == r"\atop":
                above, below = [*above, r"\\", *below], []
            done[row:] = [_OVER[node], above, *([below] if node != r"\atop" else [])]
        elif node in _PLAIN and queue and isinstance(queue[-1], list):
            name = [*(node[1:] if node != r"\eqalign" else "aligned")]
            done += [r"\begin", name, *_modern(queue.pop(), bold), r"\end", [*name]]
        elif node == r"\cr":
            done.append(r"\\")
        elif node in (r"\left", r"\right") and queue:
            done += [node, _argument(queue)]
        elif node in (r"\begin", r"\end") and queue and isinstance(queue[-1], list):
            done += _environment(node, _text(queue.pop()), queue)
        else:
            done.append(node.translate(_BOLD) if bold and len(node) == 1 else node)
        if isinstance(node, str) and node in _CELL_ENDS - _OVER.keys() - _SWITCHES.keys():
            row = len(done)
    return done


def _environment(command: str, name: str, queue: list[_Node]) -> list[_Node]:
    """Return an environment's beginning or end, under the name of one that pandoc knows."""
    plain = name.rstrip("*")
    if plain in ("equation", "displaymath", "math"):
        return []
    if plain in ("alignat", "alignedat") and command == r"\begin" and queue:
        _argument(queue)
    if plain == "array" and command == r"\begin" and queue and isinstance(queue[-1], list):
        return [command, [*name], [*_columns(_text(queue.pop()))]]
    usual = {"alignat": "align", "flalign": "align", "alignedat": "aligned", "dcases": "cases"}
    known = usual.get(plain, "matrix" if name == "smallmatrix" else name)
    return [command, [*known]]


def _has_lines(tex: str) -> bool:
    """Tell whether a formula has lines of its own, outside of all environments and groups."""
    depth = 0
    for token in _TOKEN.findall(tex):
        depth += (token in ("{", r"\begin")) - (token in ("}", r"\end"))
        if token == r"\\" and depth == 0:
            return True
    return False


def _columns(wanted: str) -> str:
    """Return the columns of an array, each as l, c or r, with the rules between them."""
    repeated = re.compile(r"\*\s*(?:\{\s*(\d{1,3})\s*\}|(\d))\s*(?:\{([^{}]*)\}|([^{}*\d\s]))")
    while found := repeated.search(wanted):
        columns = (found[3] or found[4] or "") * int(found[1] or found[2])
        wanted = (wanted[: found.start()] + columns + wanted[found.end() :])[:1000]
    wanted = re.sub(r"[@!<>]\s*\{[^{}]*\}", "", wanted)
    return re.sub(r"[^lcr|]", "", re.sub(r"[pmb]\s*\{[^{}]*\}", "l", wanted))


def _rules(tex: str) -> Iterator[tuple[list[int], list[int]]]:
    """Yield, for each table in a formula, before which columns and rows there are rules."""
    for table in re.finditer(r"\\begin\{(\w+)\*?\}(?:\{([^{}]*)\})?|\\substack", tex):
        if table[1] == "array":
            columns = re.sub(r"[^lcr|]", "", table[2] or "")
            lines = [len(columns[:i].replace("|", "")) for i, c in enumerate(columns) if c == "|"]
            body = tex[table.end() :].split(r"\end{array}")[0]
            yield lines, [i for i, r in enumerate(body.split(r"\\")) if r"\hline" in r]
        elif table[0] == r"\substack" or (table[1] and table[1] in _ENVIRONMENTS):
            yield [], []


# -- Reading -------------------------------------------------------------------------------------


def _second_reading(tex: str) -> str:
    """Return the MathML of another reader than pandoc; nothing if it does not know every word."""
    names = re.findall(r"\\begin\{([^{}]*)\}", tex)
    if any(name.rstrip("*") not in _ENVIRONMENTS for name in names):
        return ""
    if re.search(r"\\(?:g?def|let|(?:re)?newcommand)(?![A-Za-z])", tex):
        return ""  # a definition that is left here is one without an end
    try:
        markup = convert(tex)
    except Exception:  # it raises whatever its parser comes across
        return ""
    return "" if re.search(r">\s*(?:\\|&#x0*5c;)", markup, re.IGNORECASE) else str(markup)


_CHILDREN = dict.fromkeys(("mfrac", "msub", "msup", "munder", "mover", "mroot"), 2)
_CHILDREN |= {"msubsup": 3, "munderover": 3}


def _parsed(markup: str, formula: Formula) -> ElementTree.Element | None:
    """Return the tree of a formula, with the rules of its tables; None if it is damaged."""
    root = ElementTree.fromstring(re.sub(r' xmlns="[^"]*"', "", markup))
    for parent in [*root.iter()]:
        if [child.tag for child in parent] == ["semantics"]:
            parent[:] = [parent[0][0]]
    for parent in root.iter():
        for child in [*parent]:
            if child.tag == "mtable" and len(child) > 1 and not any(map(len, child[-1])):
                child.remove(child[-1])
        if len(parent) != _CHILDREN.get(parent.tag, len(parent)):
            return None
    tables = [*root.iter("mtable")]
    if len(tables) == len(formula.tables):
        for table, (columns, rows) in zip(tables, formula.tables, strict=True):
            table.attrib |= {"columns": " ".join(map(str, columns))} if columns else {}
            table.attrib |= {"rows": " ".join(map(str, rows))} if rows else {}
    return root
