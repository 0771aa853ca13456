"""Kept until notebook 01 calls ``show("provenance", folder)``."""

from pathlib import Path

from rnn.report.show import Report

__all__ = ["show_provenance"]


def show_provenance(folder: Path) -> None:
    """Show what the numbers come from."""
    Report()("provenance", folder)
