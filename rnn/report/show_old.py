"""Old functions, until all sections are moved."""

import html
from typing import TYPE_CHECKING

import pandas as pd
from IPython.display import display

from rnn.report.escaping import escape
from rnn.report.paper import on_paper
from rnn.report.show import (
    _display,
    _display_caption,
    _table_html,
    _texts_html,
    _with_source,
    show_folder,
)
from rnn.report.shown import Shown

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

    about = Shown("figure", label=label, caption=caption, alt=alt)
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
    about = Shown("table", label=label, caption=caption)
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
    _display({"text/plain": text, "text/html": block}, Shown("sample", title=title))


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
    columns = tuple((escape(title), text) for title, text in texts.items())
    plain = "\n\n".join(f"{title}\n{text}" for title, text in texts.items())
    about = Shown("texts", lead=lead, texts=columns)
    _display({"text/plain": plain, "text/html": _texts_html(texts)}, about)


def show_prose(markdown: str) -> None:
    """Show a paragraph with computed numbers.

    Parameters
    ----------
    markdown : str
        Data that is not a number goes in through `escape`.
    """
    display({"text/markdown": markdown, "text/plain": markdown}, raw=True)
