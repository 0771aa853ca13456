"""Where figures and tables stand: tried as a printer tries, until no page has a hole.

Typst puts a float at the top or at the bottom of a page and lets the text go on; which of the two
is best depends on everything that follows.  So the pages are set with one place after another for
what stands near a hole, and the best are kept.
"""

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

#: From the label of a figure or table to one of `_PLACES`; the style sheet knows the usual ones.
Placements = Mapping[str, str]

#: In the text, floating to the bottom or to the top of a page, or in the text over two pages.
_PLACES = {"figure": ("here", "bottom", "top"), "table": ("here", "bottom", "top", "broken")}
_WHITE = 243  # of 255; from here on a pixel counts as white
_GAP = 32.0  # points; more white than that between two things belongs to a hole
_HOLE = 0.08  # of a page's height: a smaller one does no harm
_TROUBLE = 0.12  # faults of a page that are smaller are left alone
_EMPTY = 0.85  # of a page's height: the white of a page that has only a few lines
_REST = 0.15  # a fault: such a page at the end of a part
_FAR = 0.03  # a fault: a page between a figure and its place in the text
_STRAY = {1: 2.0, 2: 0.15}  # a fault: to stand outside the section, by the level of its heading
_BROKEN = 0.1  # a fault: a table that goes on overleaf; a greater one below which a float stands
_ORDER = 0.5  # a fault: to stand after the next of its kind
_PAGE = 0.2  # how much a page less is worth
_TRIES = 60  # how often pages are set, at most
_MOST = 1500  # pages to be set, all tries together


class Layout(NamedTuple):
    """Pages as they have been set, as small pictures, and what the style sheet says of them."""

    pictures: Sequence[bytes]  # PNG
    facts: Mapping[str, Any]  # `layout-facts` of style.typ
    points: float  # of a pixel

    def _white(self, picture: bytes) -> float:
        with Image.open(io.BytesIO(picture)) as opened:
            rows: NDArray[Any] = np.asarray(opened.convert("RGB")).min(axis=(1, 2))
        above, below = (round(self.facts[side] / self.points) for side in ("above", "below"))
        height = len(rows) - above - below
        inked = np.flatnonzero(rows[above : above + height] < _WHITE)
        gaps = np.diff(inked, prepend=-1, append=height) - 1
        return float(gaps[gaps * self.points > _GAP].sum() / height)

    def faults(self) -> list[float]:
        """Return how much of each page a careful reader would find fault with."""
        ends = {part["page"] - 1 for part in self.facts["parts"]} | {len(self.pictures)}
        found = []
        for page, picture in enumerate(self.pictures, start=1):
            if page not in ends:
                found.append(max(self._white(picture) - _HOLE, 0) * 3)
            else:  # the last page of a part may end where it likes, if it is worth a page
                several = page > 1 and page - 1 not in ends
                found.append(_REST * (several and self._white(picture) > _EMPTY))
        headings = [(at["page"], at["y"], at["level"]) for at in self.facts["headings"]]
        for one in self.facts["floats"]:
            asked, placed = ((one[at]["page"], one[at]["y"]) for at in ("asked", "placed"))
            page = min(placed[0], len(found)) - 1
            found[page] += _FAR * max(placed[0] - asked[0], 0) ** 2
            if one["ended"]["page"] > placed[0] and not one["fixed"]:
                others = (other["placed"] for other in self.facts["floats"])
                below = any(at["page"] == placed[0] and at["y"] > placed[1] for at in others)
                found[page] += _BROKEN * (1 + below)
            for level, weight in _STRAY.items():
                starts = [at[:2] for at in headings if at[2] <= level]
                if any(placed < at <= asked or asked < at < placed for at in starts):
                    found[page] += weight
        for kind in _PLACES:
            same = (one["placed"] for one in self.facts["floats"] if one["kind"] == kind)
            for first, second in pairwise((at["page"], at["y"]) for at in same):
                found[min(first[0], len(found)) - 1] += _ORDER * (first > second)
        return found


def best_placements(lay_out: Callable[[Placements], Layout]) -> dict[str, str]:
    """Return places for figures and tables with which pages that `lay_out` sets have few holes."""
    chosen: dict[str, str] = {}
    layout = lay_out(chosen)
    faults = layout.faults()
    tries = min(_TRIES, _MOST // len(faults))
    settled = 0  # pages
    while layout.facts["floats"] and tries > 0:
        troubled = [page for page, f in enumerate(faults, 1) if f > _TROUBLE and page > settled]
        if not troubled:
            break
        page = troubled[0]
        settled = page  # unless something better is found
        for placements in _around(layout, page, chosen):
            trial = lay_out(placements)
            found = trial.faults()
            tries -= 1
            if _cost(found, page) < _cost(faults, page):
                chosen, layout, faults, settled = placements, trial, found, page - 1
            if tries == 0 or max(faults[:page]) <= _TROUBLE:
                break
    return chosen


def _cost(faults: Sequence[float], page: int) -> float:
    """Return how bad a layout is; faults after `page` count for half, as they may be mended."""
    return sum(faults[:page]) + sum(faults[page:]) / 2 + _PAGE * len(faults)


def _around(layout: Layout, page: int, chosen: Placements) -> Iterator[dict[str, str]]:
    """Yield other places for what stands on a page or was to stand there, the last first.

    What stands on a page beside it comes after that.
    """
    floats = sorted(
        reversed(layout.facts["floats"]),
        key=lambda one: page not in (one["asked"]["page"], one["placed"]["page"]),
    )
    for one in floats:
        first = min(one["asked"]["page"], one["placed"]["page"])
        if not one["fixed"] and first - 1 <= page <= one["placed"]["page"] + 1:
            for place in _PLACES[one["kind"]]:
                if place != one["chosen"]:
                    yield {**chosen, one["name"]: place}
