"""Prose of a notebook to Typst or HTML: one call of pandoc for all its cells."""

import json
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pypandoc

from rnn.errors import ReportError
from rnn.report.escaping import without_surrogates
from rnn.report.pages.numbering import Placed

__all__ = ["Outline", "convert"]

_SCRIPT = Path(__file__).parent / "templates" / "prose.lua"


@dataclass
class Outline:
    """What the prose says of the whole: its headings, its title, and what could not be set."""

    headings: list[dict[str, Any]] = field(default_factory=list)
    title: dict[str, str] | None = None
    warnings: list[str] = field(default_factory=list)


def convert(
    places: Iterable[Placed],
    to: str,
    *,
    references: dict[str, str],
    images: dict[str, str],
    number_sections: bool,
    take_title: bool,
) -> Outline:
    """Render the prose of all places.

    Parameters
    ----------
    places : iterable of Placed
        In the order of the page, which identifiers and numbers of headings follow.  Their `prose`
        is `rendered`: what is under ``body`` as paragraphs, the rest as one line.
    to : str
        ``typst`` or ``html``.
    references : dict of str to str
        What ``[Figure](#label)`` stands for: ``{"fig-loss": "Figure 1"}``.
    images : dict of str to str
        The pictures prose may show: from their address to a file (Typst) or a ``data:`` address.
    number_sections : bool
        Write the number before each heading (HTML; Typst numbers by itself).
    take_title : bool
        Take a sole first-level heading that comes first out of the text, as the title.

    Raises
    ------
    ReportError
        If pandoc is missing or cannot read some prose, or a reference leads nowhere; it names
        the cell.
    """
    parts = [(one, key, *prose) for one in places for key, prose in one.prose.items()]
    job = {
        "to": to,
        "fragments": [
            {
                "text": without_surrogates(text).replace("\x00", "\u2400"),
                "from": source,
                "inline": key != "body",
            }
            for _, key, text, source in parts
        ],
        "references": references,
        "images": images,
        "number_sections": number_sections,
        "take_title": take_title,
    }
    command = [pypandoc.get_pandoc_path(), "lua", str(_SCRIPT)]
    try:
        run = subprocess.run(command, input=json.dumps(job).encode(), capture_output=True)
    except OSError as error:
        raise ReportError(
            f"expected a pandoc that runs, got {error}; run pip install pypandoc_binary"
        ) from None
    if run.returncode != 0:
        reason = run.stderr.decode(errors="replace").strip().splitlines() or ["no message"]
        raise ReportError(f"pandoc stopped with status {run.returncode}: {reason[0]}")
    answer = json.loads(run.stdout)
    outline = Outline(answer["headings"] or [], answer["title"] or None)
    for (one, key, _, source), result in zip(parts, answer["fragments"] or [], strict=True):
        if "unknown" in result:
            raise ReportError(
                f"{one.where}: expected a reference to a figure or table of this report, got "
                f"#{result['unknown']}; choose from {', '.join(sorted(references)) or 'none'}"
            )
        if "error" in result:
            got = " ".join(str(result["error"]).split())[:300]
            raise ReportError(f"{one.where}: expected {source} that pandoc can read, got: {got}")
        one.rendered[key] = result["body"]
        outline.warnings += [f"{one.where}: {line}" for line in result["warnings"] or ()]
    return outline
