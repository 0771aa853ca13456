"""Say where a run's pages are and what they found: ``python -m rnn.pipeline.closing_lines FOLDER``.

Standard library alone, so that a run with nothing to do ends at once.
"""

import json
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

#: What is worth a line; `speed` is speed.json, the rest is in results.json.
LINES = {
    "book": "{training[book][title]}, {training[book][characters]:,} characters, "
    "K = {training[book][K]}",
    "training": "{training[updates]:,} updates",
    "smooth loss": "{training[first_smooth_loss]:.4f} at update 1, "
    "{training[last_smooth_loss]:.4f} at the end",
    "lowest": "{training[lowest_smooth_loss]:.4f} at update "
    "{training[lowest_smooth_loss_update]:,}",
    "speed": "{speed[rate]:,.0f} updates per second: {speed[updates]:,} in {speed[seconds]:.1f} s",
    "stopped early": "{training[diverged]}",
    "gradients": "largest relative error {gradient_check[largest_relative_error]:.4g}",
}


def main() -> None:
    """Print the two paths, and the lines whose numbers are there."""
    folder = Path(sys.argv[1])
    print(folder / "report.pdf", folder / "report.html", sep="\n")
    results: dict[str, Any] = {}
    with suppress(
        OSError, ArithmeticError, LookupError, TypeError, ValueError
    ):  # the pages are there all the same
        results |= json.loads((folder / "results.json").read_text(encoding="utf-8"))
        # Another day it is another number: it is not among the results, nor on the pages.
        speed = json.loads((folder / "speed.json").read_text(encoding="utf-8"))
        results["speed"] = speed | {"rate": speed["updates"] / speed["seconds"]}
    for label, template in LINES.items():
        with suppress(KeyError, TypeError, ValueError):  # no such number, or None
            line = template.format(**results)
            if line not in ("", "None", "False"):
                line = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in line)
                print(f"  {label:<14} {line}")


if __name__ == "__main__":
    main()
