"""Show results in a notebook so that JupyterLab and the report's pages both know what they are."""

import html
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from IPython.display import display

from rnn.progress import someone_looks_on, terminal
from rnn.report.paper import on_paper
from rnn.report.visible import escape
from rnn.visible import printable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = [
    "escape",
    "show_figure",
    "show_folder",
    "show_prose",
    "show_table",
    "show_text",
    "show_texts",
]

_FLUSH_LEFT = ' style="text-align: left"'
_NUMBER = re.compile(r"[-+−]?[\d.,]*(e[-+−]?\d+)?\s?%?|nan|–", re.IGNORECASE)


def show_figure(figure: "Figure", *, label: str, caption: str, alt: str, source: str = "") -> None:
    """Show a figure with a caption.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        Drawn in the style of `rnn.report.figures`.
    label : str
        What references use: ``[Figure](#fig-loss)`` for ``fig-loss``.
    caption : str
        Markdown; data goes in through `escape`.  The report adds 'Figure 1:'.
    alt : str
        What the figure shows, in plain words, for those who cannot see it.
    source : str
        The file of the run that the figure is drawn from; the caption names it.
    """
    caption = _with_source(caption, source)
    from rnn.report.figures import svg

    about = {"kind": "figure", "label": label, "caption": caption, "alt": alt}
    _display({"image/svg+xml": on_paper(svg(figure)), "text/plain": alt}, about)
    _display_caption(f"**Figure.** {caption}")


def show_table(
    dataframe: pd.DataFrame,
    *,
    label: str,
    caption: str,
    float_format: str = "{:.4g}",
    source: str = "",
) -> None:
    """Show a table with a caption.

    Parameters
    ----------
    dataframe : pandas.DataFrame
        The index becomes the first column unless it is a bare range.  Text is shown as it is,
        never as markup.
    label, caption : str
        As for `show_figure`.
    float_format : str
        How numbers with a fraction are written, for `str.format`.
    source : str
        As for `show_figure`.
    """
    caption = _with_source(caption, source)
    about = {"kind": "table", "label": label, "caption": caption}
    _display_caption(f"**Table.** {caption}")
    content = _table_html(dataframe, float_format)
    _display({"text/html": content, "text/plain": dataframe.to_string()}, about)


def show_text(text: str, *, title: str) -> None:
    """Show text as it is, character by character, under a title.

    Parameters
    ----------
    text : str
        Synthesized text or any other data; never read as markup.
    title : str
        Markdown, as captions.
    """
    block = f'<pre style="white-space: pre-wrap">{html.escape(text)}</pre>'
    _display_caption(f"**{title}**")
    _display({"text/plain": text, "text/html": block}, {"kind": "sample", "title": title})


def show_texts(texts: dict[str, str], *, lead: str) -> None:
    """Show texts side by side, each as it is under a title of its own.

    Parameters
    ----------
    texts : dict of str to str
        From title to text; neither is ever read as markup.  The pages put at most three beside one
        another.
    lead : str
        Markdown, as captions: what stands above them, on the same page of the PDF.
    """
    _display_caption(lead)
    columns = [{"title": escape(title), "text": text} for title, text in texts.items()]
    plain = "\n\n".join(f"{title}\n{text}" for title, text in texts.items())
    about = {"kind": "texts", "lead": lead, "texts": columns}
    _display({"text/plain": plain, "text/html": _texts_html(texts)}, about)


def show_prose(markdown: str) -> None:
    """Show a paragraph with computed numbers.

    Parameters
    ----------
    markdown : str
        Data that is not a number goes in through `escape`.
    """
    display({"text/markdown": markdown, "text/plain": markdown}, raw=True)


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
    _display({mime: f"The results are in {name}." for mime, name in told.items()}, {"kind": "note"})
    screen = terminal()
    if screen and not someone_looks_on():
        print(f"results are in {printable(name)}", file=screen, flush=True)


def _with_source(caption: str, source: str) -> str:
    return f"{caption} From `{source}`." if source else caption


def _display(bundle: dict[str, str], about: dict[str, Any]) -> None:
    display(bundle, metadata={"report": about}, raw=True)


def _display_caption(markdown: str) -> None:
    """Show a caption in JupyterLab; the report makes its own from the metadata."""
    _display({"text/markdown": markdown, "text/plain": markdown}, {"kind": "caption"})


def _texts_html(texts: dict[str, str]) -> str:
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
