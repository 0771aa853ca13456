"""White paper under a figure, for notebooks in a dark theme; the pages have paper of their own."""

import re

__all__ = ["off_paper", "on_paper"]

_PAPER = '<rect class="paper" width="100%" height="100%" fill="white"/>'


def on_paper(svg: str) -> str:
    """Lay white paper under a transparent SVG."""
    return re.sub(r"<svg[^>]*>", lambda begin: begin[0] + _PAPER, svg, count=1)


def off_paper(svg: str) -> str:
    """Take the paper of `on_paper` away again."""
    return svg.replace(_PAPER, "", 1)
