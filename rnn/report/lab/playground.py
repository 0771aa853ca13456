"""What the playgrounds share: how one is shown, and what is said where none can be."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

from IPython.display import display

from rnn.report.show_old import show_prose

__all__ = ["STYLE", "caption", "error_line", "page", "row", "show_playground", "waiting"]

#: Lets the names of toggle buttons stand beside them, as those of all other controls do, and
#: pages be no wider than the notebook.
STYLE = """<style>
.rnn-controls { align-items: center; }
.rnn-controls .widget-toggle-buttons { display: flex; align-items: baseline; width: auto;
  height: auto; margin: 2px 18px 2px 2px; min-width: 0; }
.rnn-controls .widget-toggle-buttons > label { flex: none; text-align: right; margin-right: 8px; }
.rnn-controls .widget-toggle-buttons > div { display: flex; flex-wrap: wrap; min-width: 0; }
.rnn-page > .widget-html-content { flex: 1 1 0; min-width: 0; }
</style>"""

_MISSING = (
    "The playground needs the package ipywidgets, which is not installed here. `make lab` in the "
    "project's folder sets it up and opens the notebooks; then run this cell again."
)
_NO_WIDGETS = (
    "The playground needs a front end that shows widgets: `make lab` in the project's folder opens "
    "the notebooks in one; run this cell again there."
)


def show_playground(make: Callable[[], Any]) -> None:
    """Show a playground, or a line that says what to do where there can be none.

    Parameters
    ----------
    make : callable
        Returns an object with a ``widget``, which is shown, and a method ``start``, which is
        called then and may take its time.
    """
    if find_spec("ipywidgets") is None:
        show_prose(_MISSING)
        return
    playground = make()
    # The plain text is all that a front end without widgets shows.
    display({**playground.widget._repr_mimebundle_(), "text/plain": _NO_WIDGETS}, raw=True)
    playground.start()


def caption(text: str) -> dict[str, Any]:
    """Return what a control needs for its description, all of one width."""
    return {"description": text, "style": {"description_width": "92px"}}


def row(*controls: Any) -> Any:
    """Return a row of controls that wraps where the page is narrow."""
    from ipywidgets import HBox, Layout

    controls_row = HBox(controls, layout=Layout(flex_flow="row wrap"))
    controls_row.add_class("rnn-controls")
    return controls_row


def page() -> Any:
    """Return an HTML widget that is as wide as the notebook allows."""
    from ipywidgets import HTML, Layout

    widget = HTML(layout=Layout(width="99%"))
    widget.add_class("rnn-page")
    return widget


@contextmanager
def waiting(line: Any) -> Iterator[Callable[[str], None]]:
    """Give a function that shows a word in an HTML widget; clear it when the work is done."""

    def tell(word: str) -> None:
        line.value = f'<span role="status" style="opacity: 0.75">{word} …</span>'

    try:
        yield tell
    finally:
        line.value = ""


def error_line(escaped: str) -> str:
    """Return the HTML of one line about a value that cannot be."""
    colour = "var(--jp-error-color1, #c62828)"
    return (
        f'<div role="alert" style="border-left: 4px solid {colour}; padding-left: 8px; '
        f'line-height: 1.5; color: var(--jp-content-font-color1, inherit)">{escaped}</div>'
    )
