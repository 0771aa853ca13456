"""What the playgrounds share: their controls, and what is shown where there can be none."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from itertools import chain
from typing import Any

from IPython.display import display

from rnn.report.escaping import html_text

_ADVICE = (
    "The playground needs {}. `make lab` in the project's folder sets that up and opens the "
    "notebooks; then run this cell again."
)


class Playground(ABC):
    """Controls, a line for messages, and a page that follows the controls."""

    widget: Any  # ipywidgets.VBox: all of it
    message: Any  # ipywidgets.HTML: the line under the controls
    page: Any  # ipywidgets.HTML

    @classmethod
    def show(cls, *arguments: Any, **options: Any) -> None:
        """Show a playground, or a line that says what to do where there can be none."""
        if find_spec("ipywidgets") is None:
            told = _ADVICE.format("the package ipywidgets, which is not installed here")
            display({"text/markdown": told, "text/plain": told}, raw=True)
            return
        playground = cls(*arguments, **options)
        # The plain text is all that a front end without widgets shows.
        told = _ADVICE.format("a front end that shows widgets")
        display({**playground.widget._repr_mimebundle_(), "text/plain": told}, raw=True)
        playground.start()

    def start(self) -> None:
        """Make the first page; functions are compiled and fonts loaded on their first use."""
        with self.waiting() as tell:
            tell("getting ready")
            self.redraw()

    @abstractmethod
    def redraw(self, _: Any = None) -> None:
        """Make the page that the controls ask for."""

    def arrange(self, note: str, *rows: Sequence[Any]) -> None:
        """Put rows of controls, which wrap where there is little room, between a note and the page.

        The note is HTML.  A new value of a control redraws the page.
        """
        from ipywidgets import HTML, HBox, VBox

        wrap, wide = {"flex_flow": "row wrap"}, {"width": "99%"}
        lines = [HBox(row, layout=wrap).add_class("rnn-controls") for row in rows]
        self.message, self.page = (HTML(layout=wide).add_class("rnn-page") for _ in range(2))
        self.widget = VBox([HTML(note), *lines, self.message, self.page])
        for each in chain(*rows):
            each.observe(self.redraw, "value")

    @contextmanager
    def waiting(self) -> Iterator[Callable[[str], None]]:
        """Give a function that shows a word in the line; clear it when the work is done."""

        def tell(word: str) -> None:
            said = html_text(word)
            self.message.value = f'<span class="rnn-waiting" role="status">{said} …</span>'

        try:
            yield tell
        finally:
            self.message.value = ""


def control(kind: Any, name: str, width: str = "auto", buttons: str = "", **options: Any) -> Any:
    """Return a widget of a kind with its name beside it; all names have one width.

    `width` is that of all of it, `buttons` that of each toggle button, both as in CSS.
    """
    style = {"description_width": "92px"} | ({"button_width": buttons} if buttons else {})
    return kind(description=name, layout={"width": width}, style=style, **options)


def error_line(message: object) -> str:
    """Return the HTML of a line about a value that is not possible."""
    return f'<div class="rnn-error" role="alert">{html_text(message)}</div>'
