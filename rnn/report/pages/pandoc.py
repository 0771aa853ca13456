"""Prose of a notebook to Typst or HTML: one call of pandoc for all its cells."""

import json
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import pypandoc

from rnn.errors import ReportError
from rnn.report.pages.numbering import Placed

__all__ = ["Outline", "convert"]

_SCRIPT = Path(__file__).parent / "templates" / "prose.lua"


class Outline(NamedTuple):
    """What the prose says of the whole."""

    headings: list[dict[str, Any]]  # level, number, id and body of each
    title: dict[str, str]  # body and plain, where one was taken
    warnings: list[str]  # what could not be set


def convert(places: Iterable[Placed], references: dict[str, str], **options: Any) -> Outline:
    """Render the prose of all places.

    Parameters
    ----------
    places : iterable of Placed
        In the order of the page, which identifiers and numbers of headings follow.  Their `prose`
        is `rendered`: what is under ``body`` as paragraphs, the rest as one line.
    references : dict of str to str
        What ``[Figure](#label)`` stands for: ``{"fig-loss": "Figure 1"}``.
    **options
        ``to``, ``images``, ``number_sections`` and ``take_title``; see ``prose.lua``.

    Raises
    ------
    ReportError
        If pandoc is missing or cannot read some prose, or a reference leads nowhere; it names
        the cell.
    """
    parts = [(one, key, *prose) for one in places for key, prose in one.prose.items()]
    fragments = [
        {"text": text.replace("\x00", "\u2400"), "from": source, "inline": key != "body"}
        for _, key, text, source in parts
    ]
    job = {"fragments": fragments, "references": references, **options}
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
    outline = Outline(answer["headings"] or [], answer["title"] or {}, [])
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
        outline.warnings.extend(f"{one.where}: {line}" for line in result["warnings"] or ())
    return outline
