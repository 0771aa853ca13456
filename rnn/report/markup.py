"""HTML and style sheets of what JupyterLab shows: Jinja and CSS files in folders below.

A figure stands on white paper there, for dark themes; the pages have paper of their own.
"""

import base64
import re
from pathlib import Path
from typing import Any

import jinja2

from rnn.report.escaping import without_surrogates

_LAB = Path(__file__).with_name("lab")
_TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader([_LAB, _LAB.with_name("templates")]),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_TEMPLATES.filters["base64"] = lambda data: base64.b64encode(data).decode()
_PAPER = '<rect class="paper" width="100%" height="100%" fill="white"/>'


def html(name: str, /, **values: Any) -> str:
    """Return ``NAME.html`` with values filled in; what is not marked as safe there is escaped."""
    return without_surrogates(_TEMPLATES.get_template(f"{name}.html").render(values))


def style(*names: str) -> str:
    """Return the style sheets ``NAME.css`` as one HTML element."""
    sheets = [(_LAB / f"{name}.css").read_text(encoding="utf-8") for name in names]
    return f"<style>\n{''.join(sheets)}</style>"


def on_paper(svg: str) -> str:
    """Lay white paper under a transparent SVG."""
    return re.sub(r"<svg[^>]*>", lambda begin: begin[0] + _PAPER, svg, count=1)


def off_paper(svg: str) -> str:
    """Take the paper of `on_paper` away again."""
    return svg.replace(_PAPER, "", 1)
