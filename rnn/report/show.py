"""Show the report's sections in a notebook, for JupyterLab and for the pages alike."""

import math
import re
from collections.abc import Iterable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from IPython.display import display
from matplotlib.figure import Figure

from rnn.errors import ReportError
from rnn.report.escaping import escape, html_text
from rnn.report.figures import svg
from rnn.report.markup import html, on_paper
from rnn.report.sentences import Sentences
from rnn.report.shown import INTERACTIVE, Shown
from rnn.runs.progress import CLEAR, is_interactive, terminal
from rnn.text.characters import printable

_NUMBER = re.compile(r"[-+−]?[\d.,]*(e[-+−]?\d+)?\s?%?|nan|–", re.IGNORECASE)

Values = Mapping[str, Any]


class Report:
    """Shows sections: ``show = Report(text); show("loss", runs)``; `text` as for `Sentences`."""

    def __init__(self, text: str = "") -> None:
        self._sentences = Sentences(text)

    def __call__(self, section: str, *arguments: Any, **options: Any) -> Any:
        """Show a section.

        ``loss`` is `show` of the module `loss` in `rnn.report.sections`, with the sentences in
        ``loss.md``; ``runs.numbers`` is `numbers` of the module `runs`, with ``runs_numbers.md``.
        """
        module, _, name = section.partition(".")
        show = getattr(import_module(f"rnn.report.sections.{module}"), name or "show")
        return show(Section(section.replace(".", "_"), self._sentences), *arguments, **options)


class Section:
    """Shows the parts of one section, each with the sentences in the Markdown file of its name."""

    def __init__(self, name: str, sentences: Sentences) -> None:
        self.name, self._sentences = name, sentences

    def line(self, block: str, values: Values, *, plain: bool = False) -> str:
        """Return a block as one line of Markdown, or of plain text."""
        return " ".join(self._sentences.render(self.name, block, values, plain=plain).split())

    def _source(self, source: str) -> str:
        return source and self._sentences.render("captions", "source", {"source": source})

    def rows(self, block: str, values: Values) -> pd.DataFrame:
        """Return a block as a table of plain text.

        A row begins with a bar at the beginning of a line; the first holds the heads, and bars
        beyond the last column are text: ``| property | value``.  A first column without a head has
        the names of the rows.  Rows without a cell for each head are a `ReportError`.
        """
        text = "\n" + self._sentences.render(self.name, block, values, plain=True)
        rows = [" ".join(row.split()) for row in text.split("\n|")[1:]] or [""]
        bars = rows[0].count("|")
        heads, *cells = [[cell.strip() for cell in row.split("|", bars)] for row in rows]
        if heads == [""] or any(len(row) != len(heads) for row in cells):
            raise ReportError(
                f"{self.name}.md: expected rows with a cell for each head in the block "
                f"{block!r}, got others; begin each with a bar: | property | value"
            )
        table = pd.DataFrame(cells, columns=heads)
        return table if heads[0] else table.set_index("").rename_axis(None)

    def prose(self, block: str, values: Values) -> None:
        """Show a block as paragraphs; one that says nothing is left out."""
        text = self._sentences.render(self.name, block, values)
        if text:
            display({"text/markdown": text, "text/plain": text}, raw=True)

    def figure(
        self, figure: Figure, label: str, values: Values, *, source: str = "",
        points: Iterable[tuple[float, float, Values]] = (),
    ) -> None:  # fmt: skip
        """Show a figure with two blocks: its ``caption``, and ``alt`` for those who cannot see it.

        It is drawn in the style of `rnn.report.figures`, `source` is the file of the run that it is
        drawn from, or several, and `label` what references use: ``[Figure](#fig-loss)`` for
        ``fig-loss``.  Who points at one of `points` of its first axes, in report.html, is told the
        block ``point`` with the values of that point; the block ``points`` says what they are.
        """
        words, told = self.line("caption", values), self.line("alt", values, plain=True)
        shown = Shown("figure", label=label, caption=words, source=self._source(source), alt=told)
        bundle: dict[str, Any] = {"image/svg+xml": on_paper(svg(figure)), "text/plain": told}
        if places := [(x, y, self.line("point", of, plain=True)) for x, y, of in points]:
            about = self.line("points", values, plain=True)
            bundle[INTERACTIVE] = {"label": about, "points": _shares(figure, places)}
        _display(bundle, shown)
        _display_caption(f"**Figure.** {words} {shown.source}".rstrip())

    def table(
        self, dataframe: pd.DataFrame, label: str, values: Values, *, source: str = "",
        caption: str = "caption", float_format: str = "{:.4g}", columns: int = 0,
        sortable: bool = False,
    ) -> None:  # fmt: skip
        """Show a table, as for `figure`; its text is never read as markup.

        The index becomes the first column unless it is a bare range.  Of more `columns` than the
        page has room for (0: no limit) parts of about as many each are shown, labelled ``tab-a``,
        ``tab-a-2`` and so on, the later ones under the block ``more``.  A reader of the
        HTML page can sort the rows of one that is `sortable`.
        """
        parts = max(math.ceil(dataframe.shape[1] / columns), 1) if columns else 1
        origin = self._source(source)
        for number, places in enumerate(np.array_split(range(dataframe.shape[1]), parts), start=1):
            part = dataframe.iloc[:, places]
            words = self.line(caption if number == 1 else "more", values)
            _display_caption(f"**Table.** {words} {origin}".rstrip())
            content = {"text/html": _table_html(part, float_format), "text/plain": part.to_string()}
            name = label if number == 1 else f"{label}-{number}"
            _display(content, Shown("table", label=name, caption=words, source=origin,
                                    sortable="yes" if sortable else ""))  # fmt: skip

    def sample(self, text: str, values: Values, *, title: str = "title") -> None:
        """Show a text as it is, never read as markup, under the block `title`."""
        words = self.line(title, values)
        _display_caption(f"**{words}**")
        block = f'<pre dir="auto" style="white-space: pre-wrap">{html_text(text)}</pre>'
        _display({"text/plain": text, "text/html": block}, Shown("sample", title=words))

    def texts(self, texts: Mapping[str, str], values: Values) -> None:
        """Show texts side by side, from title to text, under the block ``lead``.

        Neither is ever read as markup.  The pages put at most three beside one another.
        """
        words = self.line("lead", values)
        _display_caption(words)
        columns = tuple((escape(title), text) for title, text in texts.items())
        plain = "\n\n".join(f"{title}\n{text}" for title, text in texts.items())
        bundle = {"text/plain": plain, "text/html": html("texts", texts=texts)}
        _display(bundle, Shown("texts", lead=words, texts=columns))

    def interactive(self, data: Values, values: Values, *, lead: str = "lead") -> None:
        """Show what only report.html has, made of `data`: JSON, and empty if there is nothing.

        There it stands under the blocks ``title`` and `lead`; the notebook shows ``notebook``.
        """
        words = self._sentences.render(self.name, "notebook", values)
        shown = Shown("interactive", title=self.line("title", values), lead=self.line(lead, values))
        _display({"text/markdown": words, "text/plain": words, INTERACTIVE: dict(data)}, shown)


def show_folder(folder: Path) -> None:
    """Say where a run's results are: in the notebook, not on the pages, and on the terminal."""
    name = str(folder).removeprefix(f"{Path.cwd()}/")
    told = {"text/markdown": escape(name), "text/plain": printable(name)}
    _display({mime: f"The results are in {name}." for mime, name in told.items()}, Shown("note"))
    screen = terminal()
    if screen and not is_interactive():
        print(f"{CLEAR}results are in {printable(name)}", file=screen, flush=True)


def _shares(figure: Figure, places: Iterable[tuple[float, float, str]]) -> list[Any]:
    """Return places of a drawn figure's first axes in shares of its width and height."""
    to_pixels, size = figure.axes[0].transData, figure.bbox.size
    shares = [(to_pixels.transform((x, y)) / size, words) for x, y, words in places]
    return [[round(float(x), 4), round(float(y), 4), words] for (x, y), words in shares]


def _display(bundle: dict[str, Any], shown: Shown) -> None:
    display(bundle, metadata=shown.as_metadata(), raw=True)


def _display_caption(markdown: str) -> None:
    """Show a caption in JupyterLab; the report makes its own from the metadata."""
    _display({"text/markdown": markdown, "text/plain": markdown}, Shown("caption"))


def _table_html(dataframe: pd.DataFrame, float_format: str) -> str:
    """Return a table of escaped text, its head and its row names marked as such."""

    def text(value: Any) -> str:
        if isinstance(value, float):
            return "" if math.isnan(value) else float_format.format(value)
        return str(value)

    named = not isinstance(dataframe.index, pd.RangeIndex)
    heads = [dataframe.index.name or ""] * named + list(dataframe.columns)
    rows = [[*map(text, row)] for row in dataframe.itertuples(index=named, name=None)]
    words = [not all(_NUMBER.fullmatch(row[n]) for row in rows) for n in range(len(heads))]
    return html("table", heads=heads, rows=rows, words=words, named=named)
