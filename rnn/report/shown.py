"""The record that an output carries, so that JupyterLab and the pages know what it is."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

__all__ = ["Shown"]


@dataclass(frozen=True)
class Shown:
    """What an output of a notebook is; kept in its metadata under ``report``.

    Attributes
    ----------
    kind : str
        ``figure``, ``table``, ``sample`` or ``texts``; or, for readers of the notebook alone,
        ``caption``, ``note`` or ``live``.
    label : str
        What references use: ``[Figure](#fig-loss)`` for ``fig-loss``.
    caption, title, lead : str
        Markdown: below or above a figure or table; above a sample; above texts side by side.
    alt : str
        Plain text: what a figure shows, for those who cannot see it.
    texts : tuple of (str, str)
        Titles (Markdown) and texts that stand side by side.
    """

    kind: str
    label: str = ""
    caption: str = ""
    title: str = ""
    lead: str = ""
    alt: str = ""
    texts: tuple[tuple[str, str], ...] = ()

    def as_metadata(self) -> dict[str, Any]:
        """Return the metadata of an output, without what is empty."""
        return {"report": {name: value for name, value in asdict(self).items() if value}}

    @classmethod
    def read(cls, metadata: Mapping[str, Any]) -> "Shown | None":
        """Return the record in an output's metadata; None where there is none, or not one of ours.

        Outputs come from any notebook, so that every value is taken for text and nothing else.
        """
        given = metadata.get("report")
        if not isinstance(given, Mapping) or not isinstance(given.get("kind"), str):
            return None
        told = {field.name: str(given[field.name]) for field in fields(cls) if field.name in given}
        try:
            texts = tuple((str(title), str(text)) for title, text in given.get("texts", ()))
        except (TypeError, ValueError):
            return None
        return cls(**told | {"texts": texts})  # type: ignore[arg-type]
