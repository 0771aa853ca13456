"""The record that an output carries, so that JupyterLab and the pages know what it is."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from rnn.errors import ReportError

#: The type of the data that only report.html uses, with a script of its own: plain JSON.
INTERACTIVE = "application/vnd.rnn.report+json"


@dataclass(frozen=True)
class Shown:
    """What an output of a notebook is; kept in its metadata under ``report``."""

    kind: str = ""  # figure, table, sample, texts, interactive; in notebooks: caption, note, live
    label: str = ""  # what references use: [Figure](#fig-loss) for fig-loss
    caption: str = ""  # Markdown, below a figure or above a table
    source: str = ""  # Markdown, the files that a figure or a table is made of
    title: str = ""  # Markdown, above a sample or of what is interactive
    sortable: str = ""  # "yes": readers of the HTML page can sort a table's rows by any column
    lead: str = ""  # Markdown, above texts side by side or what is interactive
    alt: str = ""  # plain text: what a figure shows, for those who cannot see it
    texts: tuple[tuple[str, str], ...] = ()  # titles (Markdown) and texts, side by side

    def as_metadata(self) -> dict[str, Any]:
        """Return the metadata of an output, without what is empty."""
        return {"report": {name: value for name, value in asdict(self).items() if value}}

    def lines(self) -> dict[str | int, str]:
        """Return what is Markdown and not empty, by its name; the title of a text by its place."""
        named = {name: getattr(self, name) for name in ("caption", "source", "title", "lead")}
        titles = {place: title for place, (title, _) in enumerate(self.texts)}
        return {place: line for place, line in (named | titles).items() if line}

    @classmethod
    def read(cls, metadata: Mapping[str, Any]) -> "Shown":
        """Return the record in an output's metadata; without a kind where there is none of ours.

        Outputs come from any notebook: every value is taken for text and nothing else.  Texts side
        by side without a title are a `ReportError`.
        """
        given = metadata.get("report")
        if not isinstance(given, Mapping) or not isinstance(given.get("kind"), str):
            return cls()
        told = {one.name: str(given[one.name]) for one in fields(cls) if given.get(one.name)}
        try:
            # Notebooks of older versions have the two under names.
            pairs = [
                (one["title"], one["text"]) if isinstance(one, Mapping) else one
                for one in (given["texts"] if given["kind"] == "texts" else ())
            ]
            texts = tuple((str(title), str(text)) for title, text in pairs)
        except (TypeError, ValueError, KeyError):
            raise ReportError(
                "expected texts with a title each, got something else; show them in a section"
            ) from None
        return cls(**told | {"texts": texts})  # type: ignore[arg-type]
