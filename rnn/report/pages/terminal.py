"""What a terminal shows of a text with carriage returns, backspaces and escape sequences."""

import re

#: Escape sequences, signs that move the cursor, and the text between them: all that there is.
_PARTS = re.compile(
    r"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b\[[0-?]*[ -/]*(?P<end>[@-~])|\x1b[ -/]*[0-~]"
    r"|[\r\b\x07\n]|[^\r\b\x07\n\x1b]+|\x1b"
)


def as_on_terminal(text: str) -> str:
    r"""Return the lines that are left on a terminal: ``"1 %\r2 %"`` leaves ``"2 %"``.

    Colours and links lose their escape sequences, and lines that are drawn again and again, as
    bars are, keep what was drawn last.  Tabs reach to every eighth column.
    """
    text = text.replace("\r\n", "\n")
    if not re.search("[\r\b\x1b\x07]", text):
        return text.expandtabs()
    lines: list[list[str]] = [[]]
    row = column = 0
    for found in _PARTS.finditer(text):
        part, end = found[0], found["end"]
        if part == "\n":
            row, column = row + 1, 0
            lines += [[]] * (row == len(lines))
            lines[row] = [*lines[row]]
        elif part == "\r":
            column = 0
        elif part == "\b":
            column = max(column - 1, 0)
        elif end == "A":
            row = max(row - int(re.sub(r"\D", "", part) or 1), 0)
        elif end == "K":
            del lines[row][column:]
        elif part[0] not in "\x1b\x07":
            line = lines[row]
            line += " " * (column - len(line))
            line[column : column + len(part)] = part
            column += len(part)
    return "\n".join(map("".join, lines)).expandtabs()
