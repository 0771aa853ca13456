"""The headings of a notebook: levels without gaps, unique labels, numbers, the title."""

import re
from collections.abc import Collection
from typing import Any
from xml.etree.ElementTree import Element

from rnn.report.pages.hypertext import HEADINGS, has_content, text_of


def take_title(bodies: list[Element]) -> Element:
    """Take a first-level heading that begins a notebook's trees out; return its line, if any."""
    begin = next(filter(has_content, bodies), Element("body"))
    title = begin.find("*")
    if title is None or title.tag != "h1":
        return Element("body")
    begin.remove(title)
    title.tag = "body"
    return title


def number_headings(
    bodies: list[Element], taken: Collection[str], numbered: bool
) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """Put the headings of a notebook's trees in order.

    Each is given its ``level``, ``id`` and, where sections are `numbered`, ``number``; no ``id`` is
    a label that is `taken`.

    Returns
    -------
    headings : list of dict
        The same of each, with its line as ``tree``.
    anchors : dict of str to str
        From what links name to an ``id``.
    """
    headings: list[dict[str, Any]] = []
    anchors: dict[str, str] = {}
    found = [node for body in bodies for node in body.iter() if node.tag in HEADINGS]
    lowest = min((int(node.tag[1]) for node in found), default=1)
    last, counts = 0, [0] * 6
    for node in found:
        level = last = min(int(node.tag[1]) - lowest + 1, last + 1)
        counts[level - 1] += 1
        counts[level:] = [0] * (6 - level)
        plain = text_of(node)
        label = _label(plain, {*taken, *anchors.values()})
        for name in (label, node.attrib.pop("anchor", "")):
            anchors.setdefault(name, label)
        anchors[plain.replace(" ", "-").lower()] = label
        number = ".".join(map(str, counts[:level]))
        node.attrib |= {"level": str(level), "id": label}
        node.attrib |= {"number": number} if numbered else {}
        tree = Element("body")
        tree.text, tree[:] = node.text, [*node]
        headings.append({"level": level, "id": label, "number": number, "tree": tree})
    return headings, anchors


def _label(plain: str, taken: Collection[str]) -> str:
    slug = re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-") or "section"
    label, count = f"s-{slug}", 1
    while label in taken:
        count += 1
        label = f"s-{slug}-{count}"
    return label
