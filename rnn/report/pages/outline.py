"""The headings of a notebook: levels without gaps, unique labels, numbers, the title."""

import re
from collections.abc import Collection
from typing import Any
from xml.etree.ElementTree import Element

from rnn.report.pages.hypertext import has_content, text_of

__all__ = ["Outline"]


class Outline:
    """Puts the headings of trees in order, and remembers them.

    Parameters
    ----------
    bodies : list of Element
        The trees of a notebook, in order; their headings are given ``level``, ``id`` and, where
        sections are numbered, ``number``.
    taken : collection of str
        Labels that are in use.
    numbered : bool
        Number the sections.
    take_title : bool
        Take a first-level heading that begins the notebook out, as the title.
    """

    def __init__(
        self, bodies: list[Element], taken: Collection[str], numbered: bool, take_title: bool
    ) -> None:
        self.title = ""
        self.title_body: Element | None = None
        self.headings: list[dict[str, Any]] = []
        self.anchors: dict[str, str] = {}  # from what links name to labels
        self._taken = taken
        if take_title:
            self._take_title(bodies)
        nodes = (node for body in bodies for node in body.iter())
        found = [node for node in nodes if re.fullmatch("h[1-6]", node.tag)]
        lowest = min((int(node.tag[1]) for node in found), default=1)
        last, counts = 0, [0] * 6
        for node in found:
            level = last = min(int(node.tag[1]) - lowest + 1, last + 1)
            counts[level - 1] += 1
            counts[level:] = [0] * (6 - level)
            plain = text_of(node)
            label = self._label(plain)
            for name in (label, node.attrib.pop("anchor", "")):
                self.anchors.setdefault(name, label)
            self.anchors[plain.replace(" ", "-").lower()] = label
            number = ".".join(map(str, counts[:level]))
            node.attrib |= {"level": str(level), "id": label}
            node.attrib |= {"number": number} if numbered else {}
            tree = Element("body")
            tree.text, tree[:] = node.text, [*node]
            self.headings.append({"level": level, "id": label, "number": number, "tree": tree})

    def _take_title(self, bodies: list[Element]) -> None:
        for body in bodies:
            if not has_content(body):
                continue
            first = next(iter(body), None)
            if first is not None and first.tag == "h1":
                self.title = " ".join(text_of(first).split())
                self.title_body = Element("body")
                self.title_body.text, self.title_body[:] = first.text, [*first]
                body.remove(first)
            return

    def _label(self, plain: str) -> str:
        slug = re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-") or "section"
        label, count = f"s-{slug}", 1
        while label in self.anchors.values() or label in self._taken:
            count += 1
            label = f"s-{slug}-{count}"
        return label
