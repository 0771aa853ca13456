"""Tables of an HTML page that a reader can sort, without a script.

Every row carries its rank by each column as a custom property.  In the head of each column two
radio buttons, rising and falling, choose by a rule of the style sheet which rank is a row's place.
"""

import re
from html import unescape

_ROW = re.compile(r"<tr[^>]*>(.*?)</tr>", re.DOTALL)
_CELL = re.compile(r"<(t[hd])([^>]*)>(.*?)</\1>", re.DOTALL)
_NUMBER = re.compile(r"[+−-]?[\d,]*\.?\d+(?:e[+−-]?\d+)?%?", re.IGNORECASE)
_SORTED = re.compile(r'style="--columns:(\d+)"')


def sortable(table: str, label: str) -> str:
    """Return a table, as pandoc writes it, with ranks and buttons; `label` is that of the table."""
    head, _, body = table.partition("<tbody>")
    rows = [_CELL.findall(row) for row in _ROW.findall(body)]
    columns = len(rows[0]) if rows else 0
    if not columns or any(len(row) != columns for row in rows):
        return table
    words = [[_text(content) for _, _, content in row] for row in rows]
    ranks = [_ranks([row[column] for row in words]) for column in range(columns)]
    lines = []
    for number, row in enumerate(rows):
        places = ";".join(f"--r{column}:{ranks[column][number]}" for column in range(columns))
        cells = "".join(_cell(n, *cell) for n, cell in enumerate(row))
        lines.append(f'<tr role="row" style="{places}">{cells}</tr>')
    numbers = iter(range(columns))

    def button(match: re.Match[str]) -> str:
        column = next(numbers)
        tag, rest, name = match[1], match[2], match[3]
        shown = _text(name) or "point"
        buttons = "".join(
            f'<input type="radio" name="sort-{label}" class="{way}-{column}" '
            f'aria-label="sort by {shown}, {way}">'
            for way in ("rising", "falling")
        )
        role = ' role="columnheader"'
        return f'<{tag}{rest}{role}>{name} <span class="sort">{buttons}</span></{tag}>'

    head = _CELL.sub(button, head)
    head = re.sub(r"<table[^>]*>", f'<table role="table" style="--columns:{columns}">', head)
    head = head.replace("<thead>", '<thead role="rowgroup">').replace("<tr>", '<tr role="row">')
    end = body[body.rfind("</tbody>") :]
    return f'{head}<tbody role="rowgroup">\n' + "\n".join(lines) + f"\n{end}"


def rules(page: str) -> str:
    """Return the style rules by which the buttons of a page sort; none if it has none."""
    columns = max(map(int, _SORTED.findall(page)), default=0)
    return "".join(
        f".sortable table:has(.{way}-{n}:checked) tbody tr{{order:calc({sign}*var(--r{n}))}}\n"
        for n in range(columns)
        for way, sign in (("rising", 1), ("falling", -1))
    )


def _cell(number: int, tag: str, rest: str, content: str) -> str:
    role = "rowheader" if tag == "th" else "cell"
    return f'<{tag}{rest} role="{role}">{content}</{tag}>'


def _text(content: str) -> str:
    return " ".join(re.sub(r"<[^>]*>", "", content).split()).replace('"', "&quot;")


def _ranks(words: list[str]) -> list[int]:
    """Return the places of a column's cells in its order: numbers by size, then words."""

    def order(word: str) -> tuple[bool, float, str]:
        word = unescape(word)
        if _NUMBER.fullmatch(word):
            return False, float(word.rstrip("%").replace(",", "").replace("−", "-")), ""
        return True, 0.0, word.casefold()

    known = {key: rank for rank, key in enumerate(sorted(set(map(order, words))), start=1)}
    return [known[order(word)] for word in words]
