"""Say where a run's pages are and what they found: ``closing_lines.py FOLDER``.

Standard library only, so that a run with nothing to do ends at once.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

#: What is worth a line, with the place of its numbers in results.json; `speed` is speed.json.
LINES = {
    "book": ("{}, {:,} characters, K = {}", "training.book", "title characters K"),
    "training": ("{:,} updates", "training", "updates"),
    "smooth loss": (
        "{:.4f} at update 1, {:.4f} at the end",
        "training",
        "first_smooth_loss last_smooth_loss",
    ),
    "lowest": (
        "{:.4f} at update {:,}",
        "training",
        "lowest_smooth_loss lowest_smooth_loss_update",
    ),
    "speed": ("{:,.0f} updates a second: {:,} in {:.1f} s", "speed", "rate updates seconds"),
    "stopped early": ("{}", "training", "diverged"),
    "gradients": ("largest relative error {:.4g}", "gradient_check", "largest_relative_error"),
}


def headlines(results: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield label and text of each line whose numbers are there."""
    for label, (text, section, names) in LINES.items():
        facts: Any = results
        for key in section.split("."):
            facts = facts.get(key, {})
        values = [facts.get(name) for name in names.split()]
        # None, False and an empty text stand for what did not happen.
        if all(value not in (None, False, "") for value in values):
            line = text.format(*values)
            yield (
                label,
                "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in line),
            )


def _json(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def main() -> None:
    """Print the two paths and the headline numbers, if the run left any."""
    folder = Path(sys.argv[1])
    for page in ("report.pdf", "report.html"):
        print(folder / page)
    try:
        results = _json(folder / "results.json")
        # Another day it is another number: it is not among the results, nor on the pages.
        speed = _json(folder / "speed.json")
        if speed.get("seconds") and speed.get("updates"):
            results["speed"] = speed | {"rate": speed["updates"] / speed["seconds"]}
        for label, text in headlines(results):
            print(f"  {label:<14} {text}")
    except (OSError, ValueError, TypeError, AttributeError):
        return  # the pages are there all the same


if __name__ == "__main__":
    main()
