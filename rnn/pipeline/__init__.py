"""What the Makefile and the notebooks' first cells call."""

import sys
from typing import NoReturn


def refuse(what: str, expected: str, got: str, remedy: str) -> NoReturn:
    """End the process with one line that says what cannot be, and what to do."""
    sys.exit(f"{what}: expected {expected}, got {got}; {remedy}")
