"""Where figures and tables stand: tried as a printer tries, until no page has a hole.

Typst puts a float at the top or at the bottom of a page and lets the text go on; which of the two
is best depends on everything that follows.  So the pages are set with one place after another for
those around a hole, and the best are kept.
"""

import io
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.image import imread
from numpy.typing import NDArray

__all__ = ["PLACES", "Layout", "best_placements"]

#: In the text, or floating: at the top or the bottom of a page, or at the nearer of the two.
PLACES = ("auto", "top", "bottom", "here")

_GAP = 32.0  # points; more white than that between two things is a hole
_FULL = 0.9  # a page that is filled to this share is not looked at again

Placements = Mapping[str, str]  # from label to one of PLACES


class Layout(NamedTuple):
    """Pages as they have been set, as small pictures, and what the style sheet says of them."""

    pictures: Sequence[bytes]  # PNG
    facts: Mapping[str, Any]  # `layout-facts` of style.typ
    points: float  # of a pixel

    def white(self) -> list[float]:
        """Return what share of each page is white, but for the last of a part."""
        last = {part["page"] - 1 for part in self.facts["parts"]} | {len(self.pictures)}
        shares = enumerate(map(self._white, self.pictures), start=1)
        return [0.0 if page in last else share for page, share in shares]

    def _white(self, picture: bytes) -> float:
        rows: NDArray[Any] = imread(io.BytesIO(picture), format="png")[..., :3].min(axis=(1, 2))
        top, bottom = (round(self.facts[side] / self.points) for side in ("above", "below"))
        inked = np.flatnonzero(rows[top : len(rows) - bottom] < 0.95)
        height = len(rows) - bottom - top
        gaps = np.diff(inked, prepend=-1, append=height) - 1
        return float(gaps[gaps * self.points > _GAP].sum() / height)

    def faults(self) -> list[tuple[float, int]]:
        """Return what a reader would find fault with: how much, and on which page."""
        found = [(4 * max(w - 0.5 * (1 - _FULL), 0) ** 1.5 + (w > 1 - _FULL) * w, page)
                 for page, w in enumerate(self.white(), start=1)]  # fmt: skip
        headings = [(one["page"], one["y"], one["level"]) for one in self.facts["headings"]]
        for one in self.facts["floats"]:
            asked, placed = ((one[at]["page"], one[at]["y"]) for at in ("asked", "placed"))
            for level, weight in ((1, 5.0), (2, 0.25)):
                above = [h[:2] for h in headings if h[2] <= level and h[:2] <= asked]
                below = [h[:2] for h in headings if h[2] <= level and h[:2] > asked]
                if (above and placed < above[-1]) or (below and placed > below[0]):
                    found.append((weight, placed[0]))
            found.append((0.1 * max(placed[0] - asked[0], 0) ** 2, placed[0]))
        return found

    def cost(self) -> float:
        """Return how far it is from a layout without faults, in as few pages as can be."""
        return sum(fault for fault, _ in self.faults()) + 0.1 * len(self.pictures)


def best_placements(lay_out: Callable[[Placements], Layout], tries: int = 80) -> dict[str, str]:
    """Return places for figures and tables with which no page is left with a hole, or few.

    Parameters
    ----------
    lay_out : callable
        Sets the pages.
    tries : int
        How often, at most.
    """
    chosen: dict[str, str] = {}
    best = lay_out(chosen)
    if not best.facts["floats"]:
        return chosen
    cost, left = best.cost(), tries
    while left > 0:
        for placements in itertools.islice(_around(best, chosen), left):
            left -= 1
            layout = lay_out(placements)
            if layout.cost() < cost - 1e-6:
                chosen, best, cost = placements, layout, layout.cost()
                break
        else:
            break
    return chosen


def _around(layout: Layout, chosen: Placements) -> Iterator[dict[str, str]]:
    """Yield other places for the floats near faults, the worst first."""
    seen = set()
    for fault, page in sorted(layout.faults(), key=lambda one: (-one[0], one[1])):
        if fault <= 0.01:
            break
        for one in layout.facts["floats"]:
            near = min(abs(page - one[at]["page"]) for at in ("asked", "placed")) <= 1
            for place in PLACES:
                if (
                    near
                    and not one["long"]
                    and place != one["chosen"]
                    and (one["name"], place) not in seen
                ):
                    seen.add((one["name"], place))
                    yield {**chosen, one["name"]: place}
