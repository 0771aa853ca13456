"""Prose of a notebook to Typst or HTML: one call of pandoc for all its cells."""

import json
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pypandoc

from rnn.errors import ReportError
from rnn.report.escaping import without_surrogates

__all__ = ["Fragment", "Outline", "convert"]

_SCRIPT = Path(__file__).parent / "templates" / "prose.lua"


@dataclass
class Fragment:
    """A piece of prose, and where its rendering goes.

    Attributes
    ----------
    text : str
        Markdown or HTML, as `source` says.
    source : str
        ``markdown`` or ``html``.
    where : str
        The cell, for messages.
    rendered : dict
        Gets the rendering under `key`.
    key : str or int
        ``body`` for paragraphs; anything else is set in one line, without blocks.
    """

    text: str
    source: str
    where: str
    rendered: dict[str | int, str]
    key: str | int = "body"


@dataclass
class Outline:
    """What the prose says of the whole: its headings, its title, and what could not be set."""

    headings: list[dict[str, Any]] = field(default_factory=list)
    title: dict[str, str] | None = None
    warnings: list[str] = field(default_factory=list)


def convert(
    fragments: list[Fragment],
    to: str,
    *,
    references: dict[str, str],
    images: dict[str, str],
    number_sections: bool,
    take_title: bool,
) -> Outline:
    """Render all fragments in place.

    Parameters
    ----------
    fragments : list of Fragment
        In the order of the page: identifiers and numbers of headings follow it.
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
        If pandoc is missing or refuses a fragment, or a reference leads nowhere; it names the
        cell.
    """
    job = {
        "to": to,
        "fragments": [
            {
                "text": without_surrogates(fragment.text).replace("\x00", "\u2400"),
                "from": fragment.source,
                "inline": fragment.key != "body",
            }
            for fragment in fragments
        ],
        "references": references,
        "images": images,
        "number_sections": number_sections,
        "take_title": take_title,
    }
    try:
        run = subprocess.run(
            [pypandoc.get_pandoc_path(), "lua", str(_SCRIPT)],
            input=json.dumps(job).encode(),
            capture_output=True,
            check=False,
        )
    except OSError as error:
        raise ReportError(
            f"expected a pandoc that runs, got {error}; do: pip install pypandoc_binary"
        ) from None
    if run.returncode != 0:
        reason = run.stderr.decode(errors="replace").strip().splitlines() or ["no message"]
        raise ReportError(f"pandoc stopped with status {run.returncode}: {reason[0]}")
    answer = json.loads(run.stdout)
    outline = Outline(answer["headings"] or [], answer["title"] or None)
    for fragment, result in zip(fragments, answer["fragments"] or [], strict=True):
        _check(fragment, result, references)
        fragment.rendered[fragment.key] = result["body"]
        outline.warnings += [f"{fragment.where}: {line}" for line in result["warnings"] or ()]
    return outline


def _check(fragment: Fragment, result: dict[str, Any], references: dict[str, str]) -> None:
    if "unknown" in result:
        known = ", ".join(sorted(references)) or "none"
        raise ReportError(
            f"{fragment.where}: expected a reference to a figure or table of this report, "
            f"got #{result['unknown']}; known labels: {known}"
        )
    if "error" in result:
        lines = [line.strip() for line in str(result["error"]).splitlines() if line.strip()]
        raise ReportError(
            f"{fragment.where}: expected {fragment.source} that pandoc can read, "
            f"got: {' '.join(lines)[:300]}"
        )
