"""Show the report's sections in a notebook, for JupyterLab and for the pages alike."""

import html
import math
import re
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from IPython.display import display

from rnn.errors import ReportError
from rnn.report.escaping import escape
from rnn.report.paper import on_paper
from rnn.report.sentences import Markdown, Sentences
from rnn.report.shown import Shown
from rnn.runs.progress import is_interactive, terminal
from rnn.text.characters import printable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Report", "Section", "show_folder"]

_FLUSH_LEFT = ' style="text-align: left"'
_NUMBER = re.compile(r"[-+−]?[\d.,]*(e[-+−]?\d+)?\s?%?|nan|–", re.IGNORECASE)

Values = Mapping[str, Any]


class Report:
    """Shows sections: ``show = Report(text); show("loss", runs)``.

    Parameters
    ----------
    text : str
        A folder with sentences that take the place of the project's own, see
        `rnn.report.sentences`; empty for none.
    """

    def __init__(self, text: str = "") -> None:
        self._sentences = Sentences(text)

    def __call__(self, section: str, *arguments: Any, **options: Any) -> Any:
        """Show a section: call ``show`` of the module of that name in `rnn.report.sections`."""
        module = import_module(f"rnn.report.sections.{section}")
        return module.show(Section(section, self._sentences), *arguments, **options)


class Section:
    """Shows the parts of one section, each with its sentences.

    Parameters
    ----------
    name : str
        The section's, which is that of its Markdown file.
    sentences : Sentences
        Where its blocks are rendered.
    """

    def __init__(self, name: str, sentences: Sentences) -> None:
        self.name, self._sentences = name, sentences

    def markdown(self, block: str, values: Values) -> Markdown:
        """Return a block as Markdown."""
        return Markdown(self._sentences.render(self.name, block, values))

    def line(self, block: str, values: Values, *, plain: bool = False) -> str:
        """Return a block as one line of Markdown, or of plain text."""
        return " ".join(self._sentences.render(self.name, block, values, plain=plain).split())

    def _caption(self, block: str, values: Values, source: str) -> str:
        origin = source and self._sentences.render("captions", "source", {"source": source})
        return " ".join(filter(None, (self.line(block, values), origin)))

    def rows(self, block: str, values: Values) -> pd.DataFrame:
        """Return a block as a table of plain text.

        A row begins with a bar at the beginning of a line; the first row holds the heads of the
        columns, and bars beyond the last column are text: ``| property | value``.

        Raises
        ------
        ReportError
            If the rows do not have a cell for each head.
        """
        text = "\n" + self._sentences.render(self.name, block, values, plain=True)
        rows = [" ".join(row.split()) for row in text.split("\n|")[1:]] or [""]
        heads, *cells = [
            [cell.strip() for cell in row.split("|", rows[0].count("|"))] for row in rows
        ]
        if not heads[0] or any(len(row) != len(heads) for row in cells):
            raise ReportError(
                f"{self.name}.md: expected rows with a cell for each head in the block "
                f"{block!r}, got others; begin each with a bar: | property | value"
            )
        return pd.DataFrame(cells, columns=heads)

    def prose(self, block: str, values: Values) -> None:
        """Show a block as paragraphs; one that says nothing is left out."""
        text = self.markdown(block, values)
        if text:
            display({"text/markdown": text, "text/plain": text}, raw=True)

    def figure(
        self, figure: "Figure", label: str, values: Values, *, source: str = "",
        caption: str = "caption", alt: str = "alt",
    ) -> None:  # fmt: skip
        """Show a figure with its caption.

        Parameters
        ----------
        figure : matplotlib.figure.Figure
            Drawn in the style of `rnn.report.figures`.
        label : str
            What references use: ``[Figure](#fig-loss)`` for ``fig-loss``.
        values : mapping
            What its sentences mention.
        source : str
            The file of the run that the figure is drawn from; the caption names it.
        caption, alt : str
            The blocks with the caption and with the alternative text.
        """
        from rnn.report.figures import svg

        words, told = self._caption(caption, values, source), self.line(alt, values, plain=True)
        shown = Shown("figure", label=label, caption=words, alt=told)
        _display({"image/svg+xml": on_paper(svg(figure)), "text/plain": told}, shown)
        _display_caption(f"**Figure.** {words}")

    def table(
        self, dataframe: pd.DataFrame, label: str, values: Values, *, source: str = "",
        caption: str = "caption", float_format: str = "{:.4g}", columns: int = 0,
        more: str = "more",
    ) -> None:  # fmt: skip
        """Show a table with its caption.

        Parameters
        ----------
        dataframe : pandas.DataFrame
            The index becomes the first column unless it is a bare range.  Text is shown as it is,
            never as markup.
        label, values, source, caption
            As for `figure`.
        float_format : str
            How numbers with a fraction are written, for `str.format`.
        columns : int
            What the page has room for: a table with more columns is shown in parts of about as
            many each, labelled ``tab-a``, ``tab-a-2`` and so on.  Zero for no limit.
        more : str
            The block with the caption of the parts after the first.
        """
        for number, part in enumerate(_parts(dataframe, columns), start=1):
            words = self._caption(caption if number == 1 else more, values, source)
            _display_caption(f"**Table.** {words}")
            content = {"text/html": _table_html(part, float_format), "text/plain": part.to_string()}
            name = label if number == 1 else f"{label}-{number}"
            _display(content, Shown("table", label=name, caption=words))

    def sample(self, text: str, values: Values, *, title: str = "title") -> None:
        """Show a text as it is, never read as markup, under the block `title`."""
        words = self.line(title, values)
        _display_caption(f"**{words}**")
        block = f'<pre style="white-space: pre-wrap">{html.escape(text)}</pre>'
        _display({"text/plain": text, "text/html": block}, Shown("sample", title=words))

    def texts(self, texts: Mapping[str, str], values: Values, *, lead: str = "lead") -> None:
        """Show texts side by side, from title to text, under the block `lead`.

        Neither is ever read as markup.  The pages put at most three beside one another.
        """
        words = self.line(lead, values)
        _display_caption(words)
        columns = tuple((escape(title), text) for title, text in texts.items())
        plain = "\n\n".join(f"{title}\n{text}" for title, text in texts.items())
        bundle = {"text/plain": plain, "text/html": _texts_html(texts)}
        _display(bundle, Shown("texts", lead=words, texts=columns))


def show_folder(folder: Path) -> None:
    """Say where the results are: in the notebook, not on the pages, and on the terminal.

    Parameters
    ----------
    folder : Path
        A run's folder.
    """
    here = Path.cwd()
    name = str(folder.relative_to(here) if folder.is_relative_to(here) else folder)
    told = {"text/markdown": escape(name), "text/plain": printable(name)}
    _display({mime: f"The results are in {name}." for mime, name in told.items()}, Shown("note"))
    screen = terminal()
    if screen and not is_interactive():
        print(f"results are in {printable(name)}", file=screen, flush=True)


def _parts(dataframe: pd.DataFrame, columns: int) -> Iterator[pd.DataFrame]:
    """Yield a table in parts of about as many columns each, at most so many."""
    total = dataframe.shape[1]
    width = math.ceil(total / math.ceil(total / columns)) if columns and total else max(total, 1)
    for start in range(0, max(total, 1), width):
        yield dataframe.iloc[:, start : start + width]


def _display(bundle: dict[str, str], shown: Shown) -> None:
    display(bundle, metadata=shown.as_metadata(), raw=True)


def _display_caption(markdown: str) -> None:
    """Show a caption in JupyterLab; the report makes its own from the metadata."""
    _display({"text/markdown": markdown, "text/plain": markdown}, Shown("caption"))


def _texts_html(texts: Mapping[str, str]) -> str:
    """Return texts in columns for JupyterLab, as many as there is room for."""
    wrap = "white-space: pre-wrap; overflow-wrap: anywhere"
    blocks = [
        f"<div><strong>{html.escape(title)}</strong>"
        f'<pre style="{wrap}">{html.escape(text)}</pre></div>'
        for title, text in texts.items()
    ]
    grid = "display: grid; gap: 1em 2em; grid-template-columns: repeat(auto-fit, minmax(16em, 1fr))"
    return f'<div style="{grid}">{"".join(blocks)}</div>'


def _table_html(dataframe: pd.DataFrame, float_format: str) -> str:
    """Return a table of escaped text, its head and its row names marked as such."""

    def text(value: Any) -> str:
        if isinstance(value, float):
            value = "" if pd.isna(value) else float_format.format(value)
        return html.escape(str(value))

    def cell(tag: str, value: Any, words: bool) -> str:
        # JupyterLab sets all of a table flush right; the pages decide for themselves.
        return f"<{tag}{_FLUSH_LEFT if words else ''}>{text(value)}</{tag.split()[0]}>"

    named = not isinstance(dataframe.index, pd.RangeIndex)
    heads = [dataframe.index.name or ""] * named + list(dataframe.columns)
    rows = list(dataframe.itertuples(index=named, name=None))
    words = [
        not all(_NUMBER.fullmatch(text(row[column])) for row in rows)
        for column in range(len(heads))
    ]
    head = "".join(cell('th scope="col"', *pair) for pair in zip(heads, words, strict=True))
    tags = ['th scope="row"'] * named + ["td"] * len(dataframe.columns)
    body = "".join(f"<tr>{''.join(map(cell, tags, row, words))}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
