"""Say where a run's pages are and what they found: ``python -m rnn.pipeline.closing_lines FOLDER``.

Standard library alone, so that a run with nothing to do ends at once.  `speed` in the lines is
speed.json, for another day it is another number; the rest is in results.json.
"""

import json
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any


def main() -> None:
    """Print the two paths, and the lines whose numbers are there."""
    folder = Path(sys.argv[1])
    print(folder / "report.pdf", folder / "report.html", sep="\n")
    results: dict[str, Any] = {}
    # Whatever is wrong with these, the pages are there.
    with suppress(OSError, ArithmeticError, LookupError, TypeError, ValueError):
        results |= json.loads((folder / "results.json").read_text(encoding="utf-8"))
        speed = json.loads((folder / "speed.json").read_text(encoding="utf-8"))
        results["speed"] = speed | {"rate": speed["updates"] / speed["seconds"]}
    lines = Path(__file__).with_suffix(".txt").read_text(encoding="utf-8").splitlines()
    for label, template in ((line[:15], line[15:]) for line in lines):
        with suppress(KeyError, TypeError, ValueError):  # no such number, or None
            if told := template.format(**results):
                told = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in told)
                print(f"  {label}{told}")


if __name__ == "__main__":
    main()
