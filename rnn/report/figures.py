"""How the report's figures are drawn: in the page's style, and as SVG."""

import atexit
import io
import os
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from matplotlib import font_manager, rc_params_from_file
from matplotlib import style as styles
from matplotlib.axes import Axes
from matplotlib.axis import XAxis
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from rnn.report.fonts import embedded_fonts

#: Width of the text on the page, in inches.
PAGE_WIDTH = 6.1

_STYLE: Any = rc_params_from_file(
    Path(__file__).with_name("page.mplstyle"), use_default_template=False
)

#: The colours of the lines, in their order.
COLOURS: tuple[str, ...] = tuple(_STYLE["axes.prop_cycle"].by_key()["color"])

#: How a word beside a line or a point is written; `xytext` is in points.
NOTE: Any = {"textcoords": "offset points", "fontsize": 8, "color": "#555555"}


@cache
def family(font: bytes) -> str:
    """Make a font known to matplotlib; return its name."""
    with tempfile.NamedTemporaryFile(suffix=".otf", delete=False) as file:
        file.write(font)
    atexit.register(os.unlink, file.name)
    font_manager.fontManager.addfont(file.name)
    return font_manager.fontManager.ttflist[-1].name


def style() -> AbstractContextManager[None]:
    """Draw in the style of the page, not in the user's: ``with style(): figure = Figure(...)``."""
    font = embedded_fonts().get("NewCM10-Regular")
    names = ["STIXGeneral" if font is None else family(font), "DejaVu Sans"]
    return styles.context(["default", _STYLE | {"font.family": names}])


@contextmanager
def page_figure(height: float) -> Iterator[Figure]:
    """Draw a figure as wide as the page's text: ``with page_figure(2.5) as figure: ...``."""
    with style():
        yield Figure(figsize=(PAGE_WIDTH, height))


def write_out(axis: XAxis, axes: Axes) -> None:
    """Write the numbers of an axis of `axes` in full, as many as there is room for."""
    left, right = axes.get_xlim()
    if axes.get_xscale() == "log":
        axis.set_major_locator(LogLocator(subs=(1, 2, 5) if right < 1000 * left else (1,)))
        axis.set_minor_formatter(NullFormatter())
    axis.set_major_formatter("{x:,.10g}")


def svg(figure: Figure) -> str:
    """Return a figure as SVG, the same bytes for the same figure."""
    drawn = io.StringIO()
    with style():
        figure.savefig(drawn, format="svg", metadata={"Date": None, "Creator": None})
    return "<svg" + drawn.getvalue().partition("<svg")[2]
