"""Say where a run's pages are and what they found: ``closing_lines.py FOLDER``.

Standard library only, so that a run with nothing to do ends at once.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path


def headlines(results: dict[str, object], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield name and value of every number and short text, nested names with their parents'."""
    for key, value in results.items():
        name = f"{prefix}{key}".replace("_", " ")
        if isinstance(value, dict):
            yield from headlines(value, f"{name} ")
        elif isinstance(value, bool | str):
            yield name, str(value)
        elif isinstance(value, int):
            yield name, f"{value:,}"
        elif isinstance(value, float):
            yield name, f"{value:.6g}"


def main() -> None:
    """Print the two paths and the headline numbers, if the run left any."""
    folder = Path(sys.argv[1])
    for page in ("report.pdf", "report.html"):
        print(folder / page)
    try:
        results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
        lines = list(headlines(results.get("headlines", {})))
    except (OSError, ValueError, AttributeError):
        return
    width = max((len(name) for name, _ in lines), default=0)
    for name, value in lines:
        print(f"  {name:<{width}}  {value}")


if __name__ == "__main__":
    main()
