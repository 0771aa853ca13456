"""Markdown to HTML and TeX to MathML: one call of pandoc for a whole notebook."""

import json
import subprocess
import threading
from pathlib import Path

import pypandoc

from rnn.errors import ReportError
from rnn.report.pages.formulas import Formula

#: pypandoc looks for pandoc once, and tells another thread meanwhile of one it may not choose.
_choosing = threading.Lock()
_SCRIPT = Path(__file__).parent / "templates" / "read.lua"


def read(fragments: list[tuple[str, str]], formulas: list[Formula]) -> tuple[list[str], list[str]]:
    """Read texts, each with its format (``markdown`` or ``latex``), and formulas.

    Returns
    -------
    html : list of str
        What pandoc made of every text; nothing of one that it cannot read.
    mathml : list of str
        What it made of every formula; something else where it is not understood.

    Raises
    ------
    ReportError
        If pandoc is missing or stops.
    """
    job = {
        "fragments": [{"text": text.replace("\x00", "\u2400"), "from": f} for text, f in fragments],
        "formulas": [{"tex": one.tex, "display": one.display} for one in formulas],
    }
    try:
        with _choosing:
            command = [pypandoc.get_pandoc_path(), "lua", str(_SCRIPT)]
        run = subprocess.run(command, input=json.dumps(job).encode(), capture_output=True)
    except OSError as error:
        raise ReportError(
            f"expected a pandoc that runs, got {error}; run pip install pypandoc_binary"
        ) from None
    if run.returncode != 0:
        reason = run.stderr.decode(errors="replace").strip().splitlines() or ["no message"]
        raise ReportError(f"pandoc stopped with status {run.returncode}: {reason[0]}")
    answer = json.loads(run.stdout)
    return answer["fragments"], answer["formulas"]
