"""Small change of the report's sentences: lists, plurals, numbers."""

import math
from collections.abc import Sequence

__all__ = ["count", "enumerate_all", "percent"]


def enumerate_all(items: Sequence[str], word: str = "and") -> str:
    """Return 'a', 'a and b' or 'a, b and c'."""
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} {word} {items[-1]}"


def count(number: int, thing: str) -> str:
    """Return '1 epoch' or '2 epochs'."""
    return f"{number:,} {thing}{'s' * (number != 1)}"


def percent(share: float) -> str:
    """Return a share in whole percent, or a dash where there is none."""
    return "–" if math.isnan(share) else f"{share:.0%}"
